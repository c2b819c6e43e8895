#include "formats/sudoers.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace meshops::sudo {

namespace {

constexpr std::size_t kLongest = 160;  // of a grant's text
constexpr std::size_t kMost = 20'000;

struct Line {
  std::size_t number = 0;
  std::string text;
};

/// Lines with their continuations, without comments. "#1000" begins a user's number, not a comment.
std::vector<Line> logical_lines(std::string_view text) {
  std::vector<Line> out;
  bool goes_on = false;
  std::size_t number = 0;
  for (auto raw : split(text, '\n')) {
    ++number;
    auto line = trim(raw);
    for (std::size_t i = 0; i < line.size(); ++i) {
      bool is_number = i + 1 < line.size() && line[i + 1] >= '0' && line[i + 1] <= '9';
      if (line[i] == '#' && !is_number && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) {
        line = trim(line.substr(0, i));
        break;
      }
    }
    bool carries = line.ends_with('\\');
    if (carries) line = trim(line.substr(0, line.size() - 1));
    if (goes_on && out.back().text.size() < kLongest * 100)
      out.back().text += " " + std::string(line);
    else if (!goes_on && out.size() < kMost)
      out.push_back({number, std::string(line)});
    else
      return out;
    goes_on = carries;
  }
  return out;
}

/// At commas outside of parentheses.
std::vector<std::string_view> commands_of(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t from = 0;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') inside = true;
    if (text[i] == ')') inside = false;
    if (text[i] != ',' || inside) continue;
    out.push_back(trim(text.substr(from, i - from)));
    from = i + 1;
  }
  out.push_back(trim(text.substr(from)));
  return out;
}

/// "(ALL : ALL)", "(root)", "(www-data)": whether that is root, too.
bool runs_as_root(std::string_view runas) {
  auto users = runas.substr(0, runas.find(':'));
  if (trim(users).empty()) return true;
  return std::ranges::any_of(split(users, ','), [](std::string_view user) {
    user = trim(user);
    return user == "ALL" || user == "root" || user == "#0";
  });
}

/// Whether the commands hold ALL as root, and then whether a password is asked for.
std::optional<bool> everything_with_password(std::string_view commands) {
  bool as_root = true, password = true;
  std::optional<bool> found;
  for (auto part : commands_of(commands)) {
    if (part.starts_with('(')) {
      auto close = part.find(')');
      if (close == std::string_view::npos) continue;
      as_root = runs_as_root(part.substr(1, close - 1));
      part = trim(part.substr(close + 1));
    }
    for (auto colon = part.find(':'); colon != std::string_view::npos; colon = part.find(':')) {
      auto tag = trim(part.substr(0, colon));
      if (tag.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != std::string_view::npos) break;
      if (tag == "NOPASSWD") password = false;
      if (tag == "PASSWD") password = true;
      part = trim(part.substr(colon + 1));
    }
    if (part == "ALL" && as_root) found = password;
  }
  return found;
}

void read_aliases(std::string_view text, Aliases& out) {
  // Several stand on one line, separated by colons.
  for (auto one : split(text, ':')) {
    auto sign = one.find('=');
    if (sign == std::string_view::npos) continue;
    auto& members = out[std::string(trim(one.substr(0, sign)))];
    for (auto member : split(one.substr(sign + 1), ',')) members.emplace_back(trim(member));
  }
}

}  // namespace

std::vector<Grant> parse_grants(std::string_view text, Aliases& aliases) {
  std::vector<Grant> out;
  for (const auto& line : logical_lines(text)) {
    std::string_view rest = line.text;
    if (rest.empty() || rest.starts_with('@') || rest.starts_with("Defaults")) continue;
    if (rest.starts_with("User_Alias")) {
      read_aliases(rest.substr(std::string_view("User_Alias").size()), aliases);
      continue;
    }
    auto sign = rest.find('=');
    if (sign == std::string_view::npos || rest.find("_Alias") != std::string_view::npos) continue;
    auto password = everything_with_password(rest.substr(sign + 1));
    if (!password) continue;
    Grant grant{.who = {}, .password = *password, .line = line.number, .text = line.text.substr(0, kLongest)};
    // The last word before the sign is the host.
    auto head = trim(rest.substr(0, sign));
    auto host = head.find_last_of(" \t");
    if (host == std::string_view::npos) continue;
    for (auto one : split(head.substr(0, host), ',')) {
      auto name = std::string(trim(one));
      auto alias = aliases.find(name);
      if (alias == aliases.end())
        grant.who.push_back(name);
      else
        grant.who.insert(grant.who.end(), alias->second.begin(), alias->second.end());
    }
    out.push_back(std::move(grant));
  }
  return out;
}

}  // namespace meshops::sudo
