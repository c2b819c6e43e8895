// fail2ban's, sudo's and apt's configuration from a hostile hand: reading is total, places are inside the
// text, and a change does what it says and nothing else.
#include <algorithm>
#include <cstdint>

#include "formats/apt_conf.h"
#include "formats/fail2ban_config.h"
#include "formats/sudoers.h"
#include "must.h"

using namespace meshops;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;

  auto options = fail2ban::parse(text);
  for (const auto& option : options) must(option.line >= 1 && option.last_line <= lines);
  if (!options.empty()) {
    const auto& last = options.back();
    auto again = fail2ban::parse(fail2ban::with_more(text, last, "192.0.2.1"));
    must(again.size() == options.size() && again.back().key == last.key);
    auto list = fail2ban::list_of(again.back().value);
    must(std::ranges::find(list, "192.0.2.1") != list.end());
  }
  for (const auto& ban : fail2ban::parse_bans(text)) must(!ban.jail.empty());

  sudo::Aliases aliases;
  for (const auto& grant : sudo::parse_grants(text, aliases))
    must(grant.line >= 1 && grant.line <= lines && grant.text.size() <= 160);

  auto settings = apt::parse_conf(text);
  for (const auto& setting : settings) {
    must(setting.line >= 1 && setting.line <= lines && setting.offset + setting.length <= size);
    must(setting.length > 0);
  }
  if (!settings.empty()) {
    std::string changed(text);
    changed.replace(settings.back().offset, settings.back().length, "\"1\"");
    auto again = apt::parse_conf(changed);
    must(again.size() >= settings.size() && again[settings.size() - 1].value == "1");
  }
  return 0;
}
