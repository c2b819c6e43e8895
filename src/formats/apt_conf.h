// apt's configuration (apt.conf(5)): "A::B "value";" and the same in braces, as one list of settings with
// their places. Called by the audit's rule of unattended upgrades. Pure and total on hostile bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::apt {

struct Setting {
  std::string name;  // lower case: "apt::periodic::unattended-upgrade"
  std::string value;
  std::size_t line = 0, column = 0;    // of the name's last part
  std::size_t offset = 0, length = 0;  // of the value as it is written, with its quotes
};
/// In the order of the text: the last one of a name counts.
std::vector<Setting> parse_conf(std::string_view text);

}  // namespace meshops::apt
