#include "formats/resolv_conf.h"

#include "base/text.h"

namespace meshops::resolver {

std::vector<NameServer> parse_resolv_conf(std::string_view text) {
  constexpr std::string_view kKeyword = "nameserver";
  std::vector<NameServer> out;
  std::size_t number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    if (!line.starts_with(kKeyword) || line.size() == kKeyword.size()) continue;
    auto rest = line.substr(kKeyword.size());
    if (rest[0] != ' ' && rest[0] != '\t') continue;
    auto parts = words(rest);
    if (parts.empty()) continue;
    out.push_back(
        {std::string(parts[0]), number, static_cast<std::size_t>(parts[0].data() - line.data()) + 1});
  }
  return out;
}

std::vector<HostsEntry> parse_hosts(std::string_view text) {
  std::vector<HostsEntry> out;
  std::size_t number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    auto parts = words(line.substr(0, line.find('#')));
    if (parts.size() < 2) continue;
    HostsEntry entry{.address = std::string(parts[0]), .names = {}, .line = number};
    for (std::size_t i = 1; i < parts.size(); ++i) entry.names.push_back(lower(parts[i]));
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace meshops::resolver
