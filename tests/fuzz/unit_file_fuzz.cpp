// systemd units from a hostile hand: reading is total and every place it names is inside the text.
#include <algorithm>
#include <cstdint>

#include "base/text.h"
#include "formats/unit_file.h"
#include "must.h"

using namespace meshops;
using namespace meshops::systemd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  Specifiers specifiers{
      .unit = "gate-way@in-st.service", .user = "claw", .home = "/home/claw", .host = "a.b"};
  auto unit = UnitFile::parse(text, "a.service");
  auto lines = static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return c == '\n' || c == '\r' || c == '\0'; }));
  auto inside = [&](const Place& at) {
    must(at.line >= 1 && at.line <= lines + 1 && at.column >= 1 && at.column <= size + 1);
  };
  for (const auto& p : unit.problems()) {
    inside(p.at);
    must(valid_utf8(p.what));
  }
  constexpr std::size_t kSome = 64;
  for (const auto& a : std::span(unit.assignments()).first(std::min(kSome, unit.assignments().size()))) {
    inside(a.at);
    inside(a.value_at);
    must(unit.has_section(a.section) && trim(a.key).size() <= a.key.size());
    auto values = unit.values(a.section, a.key);
    must(values.empty() == !unit.value(a.section, a.key));
    if (auto span = unit.span(a.section, a.key)) must(*span >= Duration::zero());
    (void)unit.boolean(a.section, a.key);
    if (auto span = parse_span(a.value)) must(*span >= Duration::zero());
    if (auto words = split_words(a.value)) must(words->size() <= a.value.size());
    if (auto commands = parse_commands(a.value, specifiers)) {
      for (const auto& c : *commands) must(!c.path.empty() && !c.argv.empty());
    }
    (void)expand(a.value, specifiers);
    for (const auto& [name, value] : unit.environment(specifiers, a.section)) must(!name.empty());
  }
  // The same text as a drop-in doubles what was seen.
  auto before = unit.assignments().size();
  unit.add(text, "b.conf");
  must(unit.assignments().size() == 2 * before);
  return 0;
}
