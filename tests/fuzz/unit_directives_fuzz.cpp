// Names of sections and directives from a hostile hand: every answer is one of the table's.
#include <cstdint>

#include "formats/unit_directives.h"
#include "must.h"

using namespace meshops::systemd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto unit = UnitFile::parse(text, "a.service");
  (void)looks_like_unit(unit.headers());
  std::size_t left = 32;
  for (const auto& a : unit.assignments()) {
    if (left-- == 0) break;
    auto sections = sections_with(a.key);
    for (auto section : sections) must(knows(section, a.key));
    if (knows(a.section, a.key)) must(!sections.empty() && is_section(a.section, {}));
    if (auto near = nearest_directive(a.section, a.key)) must(knows(a.section, *near));
    if (since_version(a.section, a.key)) must(!knows(a.section, a.key));
    (void)was_removed(a.key);
  }
  must(of_type(text).size() <= size);
  return 0;
}
