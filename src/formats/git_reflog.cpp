#include "formats/git_reflog.h"

#include <algorithm>

#include "base/text.h"

namespace meshops::git {

namespace {

bool is_id(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::vector<ReflogEntry> parse_reflog(std::string_view text) {
  std::vector<ReflogEntry> out;
  std::size_t number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    // FROM TO NAME <MAIL> SECONDS ZONE\tMESSAGE
    auto tab = line.find('\t');
    auto head = line.substr(0, tab);
    auto first = head.find(' ');
    if (first == std::string_view::npos) continue;
    auto second = head.find(' ', first + 1);
    auto mail = head.rfind('>');
    if (second == std::string_view::npos || mail == std::string_view::npos || mail < second) continue;
    auto from = head.substr(0, first), to = head.substr(first + 1, second - first - 1);
    auto when = words(head.substr(mail + 1));
    if (!is_id(from) || !is_id(to) || when.empty()) continue;
    auto at = to_number<std::int64_t>(when[0]);
    if (!at) continue;
    out.push_back({.from = std::string(from),
                   .to = std::string(to),
                   .at = *at,
                   .message = tab == std::string_view::npos ? "" : std::string(line.substr(tab + 1)),
                   .line = number});
  }
  return out;
}

bool is_null_id(std::string_view id) {
  return !id.empty() && id.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace meshops::git
