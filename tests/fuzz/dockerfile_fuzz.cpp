// Dockerfiles from a hostile hand: reading ends, every place is inside the text, stages never point forward.
#include <cstdint>

#include "formats/dockerfile.h"
#include "must.h"

using namespace meshops::dockerfile;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto file = File::parse(text);
  auto inside = [&](Place at) {
    must(at.line >= 1 && at.line <= size + 1 && at.column >= 1 && at.column <= size + 2);
  };
  for (const auto& i : file.instructions) {
    inside(i.at);
    inside(i.rest.place(0));
    inside(i.rest.place(i.rest.str().size()));
    must(i.rest.str().size() <= size);
    for (const auto& s : i.settings()) inside(s.at);
    for (const auto& f : i.flags) inside(f.at);
    for (const auto& script : i.scripts()) inside(script.place(script.str().size() / 2));
    (void)i.words();
  }
  for (std::size_t s = 0; s < file.stages.size() && s < 32; ++s) {
    const auto& stage = file.stages[s];
    must(!stage.parent || *stage.parent < s);
    must(stage.from < stage.end && stage.end <= file.instructions.size());
    auto variables = file.variables(s, stage.end);
    (void)expand(stage.written, variables);
    (void)file.last(s, "USER");
  }
  return 0;
}
