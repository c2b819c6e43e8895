#include "formats/fail2ban_config.h"

#include <algorithm>

#include "base/text.h"

namespace meshops::fail2ban {

namespace {

constexpr std::size_t kMost = 20'000;  // options of a file, bans of an answer

/// Where a comment begins behind a value; the text's length if there is none.
std::size_t comment_at(std::string_view line) {
  for (std::size_t i = 1; i < line.size(); ++i)
    if ((line[i] == '#' || line[i] == ';') && (line[i - 1] == ' ' || line[i - 1] == '\t')) return i - 1;
  return line.size();
}

}  // namespace

std::vector<Option> parse(std::string_view text) {
  std::vector<Option> out;
  std::string section;
  std::size_t number = 0;
  bool open = false;
  for (auto raw : split(text, '\n')) {
    ++number;
    auto line = trim(raw);
    if (line.starts_with('#') || line.starts_with(';')) continue;
    if (line.empty()) {
      open = false;
      continue;
    }
    if (raw[0] == ' ' || raw[0] == '\t') {
      if (!open) continue;
      out.back().value += " " + std::string(trim(line.substr(0, comment_at(line))));
      out.back().last_line = number;
      continue;
    }
    open = false;
    if (line.starts_with('[')) {
      section = std::string(line.substr(1, line.find(']') - 1));
      continue;
    }
    auto body = line.substr(0, comment_at(line));
    auto sign = body.find_first_of("=:");
    if (sign == std::string_view::npos || out.size() >= kMost) continue;
    out.push_back({.section = section,
                   .key = lower(trim(line.substr(0, sign))),
                   .value = std::string(trim(body.substr(sign + 1))),
                   .line = number,
                   .last_line = number});
    open = true;
  }
  return out;
}

std::vector<Ban> parse_bans(std::string_view text) {
  std::vector<Ban> out;
  std::string jail;
  bool in_list = false;
  for (std::size_t i = 0; i < text.size() && out.size() < kMost; ++i) {
    char c = text[i];
    if (c == '\'' || c == '"') {
      auto end = text.find(c, i + 1);
      if (end == std::string_view::npos) break;
      std::string word(text.substr(i + 1, end - i - 1));
      if (in_list)
        out.push_back({jail, std::move(word)});
      else
        jail = std::move(word);
      i = end;
    } else if (c == '[') {
      // The outer list has no jail before it.
      in_list = !jail.empty();
    } else if (c == ']') {
      in_list = false;
      jail.clear();
    }
  }
  return out;
}

std::vector<std::string> list_of(std::string_view value) {
  std::vector<std::string> out;
  for (auto part : split(value, ','))
    for (auto word : words(part)) out.emplace_back(word);
  return out;
}

std::string with_more(std::string_view text, const Option& option, std::string_view words) {
  std::string out;
  auto lines = split(text, '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto line = lines[i];
    if (i > 0) out += '\n';
    if (i + 1 != option.last_line) {
      out += line;
      continue;
    }
    auto end = line.substr(0, comment_at(line)).find_last_not_of(" \t\r");
    auto head = end == std::string_view::npos ? 0 : end + 1;
    out += line.substr(0, head);
    out += ' ';
    out += words;
    out += line.substr(head);
  }
  return out;
}

}  // namespace meshops::fail2ban
