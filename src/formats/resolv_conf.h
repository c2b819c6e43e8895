// The two small files a machine resolves names by: resolv.conf(5) and hosts(5), with positions. Called by
// audit rules. Pure and total.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::resolver {

struct NameServer {
  std::string address;
  std::size_t line = 1, column = 1;  // of the address; both count from 1
};
/// As glibc reads it: the keyword at the very start of a line, '#' and ';' comments there only.
std::vector<NameServer> parse_resolv_conf(std::string_view text);

struct HostsEntry {
  std::string address;
  std::vector<std::string> names;  // lower case
  std::size_t line = 1;
};
std::vector<HostsEntry> parse_hosts(std::string_view text);

}  // namespace meshops::resolver
