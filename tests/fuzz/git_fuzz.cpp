// git's configuration, reflogs and scripts that push, from a hostile hand: reading is total, places are
// inside the text, and setting a value does what it says and nothing else.
#include <algorithm>
#include <cstdint>

#include "formats/git_config.h"
#include "formats/git_push.h"
#include "formats/git_reflog.h"
#include "must.h"

using namespace meshops;
using namespace meshops::git;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  auto config = Config::parse(text);
  for (const auto& p : config.problems()) must(p.line >= 1 && p.line <= lines);
  for (const auto& s : config.settings()) {
    must(s.line >= 1 && s.line <= lines && s.column >= 1 && s.column <= size);
    must(s.value_begin <= s.value_end && s.value_end <= size && !s.key.empty());
  }
  if (config.problems().empty()) {
    auto changed = set(text, "pull", "", "rebase", "true");
    auto again = Config::parse(changed);
    must(again.value("pull", "rebase") == "true");
    bool fresh = config.last("pull", "rebase") == nullptr;
    must(again.settings().size() == config.settings().size() + (fresh ? 1 : 0));
    must(set(changed, "pull", "", "rebase", "true") == changed);
  }
  for (const auto& e : parse_reflog(text)) must(e.line >= 1 && e.line <= lines && e.from.size() >= 40);
  for (auto how : {Script::shell, Script::lines, Script::crontab, Script::code})
    for (const auto& p : forced_pushes(text, how))
      must(p.line >= 1 && p.line <= lines && p.column >= 1 && !p.force.empty());
  return 0;
}
