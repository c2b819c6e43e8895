// Shell text from a hostile hand: reading ends, and every place it names is inside the text.
#include <cstdint>

#include "formats/shell.h"
#include "must.h"

using namespace meshops::shell;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto script = parse(text);
  auto inside = [&](const Word& w) {
    must(w.offset <= w.end && w.end <= size && w.line >= 1 && w.column >= 1 && w.line <= size + 1);
  };
  std::size_t before = 0;
  for (const auto& c : script.commands) {
    must(c.offset >= before && c.offset <= size && c.end <= size);
    before = c.offset;
    must(c.loop == kNoLoop || c.loop < script.loops.size());
    must((c.loop == kNoLoop) == (c.loop_depth == 0));
    for (const auto& w : c.words) inside(w);
    for (const auto& a : c.assignments) {
      inside(a.value);
      must(!a.name.empty());
    }
    for (const auto& r : c.redirections) {
      inside(r.target);
      must(!r.heredoc || *r.heredoc < script.heredocs.size());
    }
    auto words = unwrap(c);
    must(words.size() <= c.words.size());
    must(program(c).size() <= size);
  }
  for (const auto& l : script.loops) must(l.parent == kNoLoop || l.parent < script.loops.size());
  for (const auto& c : script.comments) must(c.offset < size && c.text.starts_with('#'));
  return 0;
}
