#include "formats/ssh_config.h"

#include <array>

#include "base/text.h"

namespace meshops::ssh {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

/// Old spellings that one or both of the programs still read (readconf.c, servconf.c).
constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kAliases = {{
    {"challengeresponseauthentication", "kbdinteractiveauthentication"},
    {"skeyauthentication", "kbdinteractiveauthentication"},
    {"tisauthentication", "kbdinteractiveauthentication"},
    {"dsaauthentication", "pubkeyauthentication"},
    {"keepalive", "tcpkeepalive"},
    {"pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"},
    {"hostbasedacceptedkeytypes", "hostbasedacceptedalgorithms"},
    {"hostbasedkeytypes", "hostbasedacceptedalgorithms"},
    {"identityfile2", "identityfile"},
    {"smartcarddevice", "pkcs11provider"},
    {"hostdsakey", "hostkey"},
    // Both of Debian's own, and both are the same today.
    {"protocolkeepalives", "serveraliveinterval"},
    {"setuptimeout", "serveraliveinterval"},
}};

std::size_t blanks_at(std::string_view text, std::size_t from) {
  auto end = text.find_first_not_of(kBlanks, from);
  return end == std::string_view::npos ? text.size() : end;
}

/// argv_split() of misc.c with comments: false where a quote does not close.
bool split_arguments(std::string_view text, std::size_t first_column, std::vector<Word>& out) {
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ' || text[i] == '\t') {
      ++i;
      continue;
    }
    if (text[i] == '#') return true;
    Word word{.text = {}, .column = first_column + i, .length = 0};
    auto begin = i;
    char quote = 0;
    for (; i < text.size(); ++i) {
      char c = text[i];
      if (c == '\\' && i + 1 < text.size()) {
        char next = text[i + 1];
        if (next == '\'' || next == '"' || next == '\\' || (quote == 0 && next == ' ')) {
          word.text += next;
          ++i;
          continue;
        }
        word.text += c;
      } else if (quote == 0 && (c == ' ' || c == '\t')) {
        break;
      } else if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
      } else if (quote != 0 && c == quote) {
        quote = 0;
      } else {
        word.text += c;
      }
    }
    word.length = i - begin;
    out.push_back(std::move(word));
    if (quote != 0) return false;
  }
  return true;
}

void read_line(std::string_view text, std::size_t number, Config& out) {
  // A form feed counts at the end of a line only, as in OpenSSH.
  while (!text.empty() && std::string_view(" \t\r\n\f").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  // C text ends at a NUL.
  text = text.substr(0, text.find('\0'));
  auto cursor = text;
  std::string keyword;
  if (!take_word(cursor, keyword)) return;
  std::size_t column = 1;
  if (keyword.empty()) {
    column = text.size() - cursor.size() + 1;
    if (!take_word(cursor, keyword)) return;
  }
  if (keyword.empty() || keyword.starts_with('#')) return;
  auto from = blanks_at(cursor, 0);
  cursor.remove_prefix(from);
  Line line{.number = number, .column = column, .keyword = lower(keyword)};
  for (const auto& [old, now] : kAliases)
    if (line.keyword == old) line.keyword = now;
  line.rest = std::string(cursor);
  line.rest_column = text.size() - cursor.size() + 1;
  if (cursor.empty()) {
    out.problems.push_back({number, column, "no argument after the keyword"});
    return;
  }
  if (!split_arguments(cursor, line.rest_column, line.args))
    out.problems.push_back({number, line.rest_column, "a quote that is not closed"});
  else
    out.lines.push_back(std::move(line));
}

}  // namespace

std::string Line::values() const {
  std::string out;
  for (const auto& word : args) out += (out.empty() ? "" : " ") + word.text;
  return out;
}

bool take_word(std::string_view& text, std::string& word) {
  word.clear();
  if (text.empty()) return false;
  auto end = text.find_first_of("\" \t\r\n=");
  if (end == std::string_view::npos) {
    word = text;
    text = {};
    return true;
  }
  if (text[end] == '"') {
    auto close = text.find('"', end + 1);
    if (close == std::string_view::npos) {
      text = {};
      return false;
    }
    word = std::string(text.substr(0, end)) + std::string(text.substr(end + 1, close - end - 1));
    text.remove_prefix(blanks_at(text, close + 1));
    return true;
  }
  bool equals = text[end] == '=';
  word = text.substr(0, end);
  text.remove_prefix(blanks_at(text, end + 1));
  // One "=" only, with blanks around it or not.
  if (!equals && text.starts_with('=')) text.remove_prefix(blanks_at(text, 1));
  return true;
}

Config parse_config(std::string_view text, std::string file) {
  Config out{.file = std::move(file), .lines = {}, .problems = {}};
  std::size_t number = 0;
  for (auto line : split(text, '\n')) read_line(line, ++number, out);
  return out;
}

bool match_pattern(std::string_view text, std::string_view pattern) {
  // With one point to go back to: linear in practice, and never exponential.
  std::size_t t = 0, p = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

int match_list(std::string_view text, std::string_view patterns, bool fold) {
  bool found = false;
  const std::string folded = fold ? lower(patterns) : std::string(patterns);
  for (auto pattern : split(folded, ',')) {
    bool negated = pattern.starts_with('!');
    if (negated) pattern.remove_prefix(1);
    if (!match_pattern(text, pattern)) continue;
    if (negated) return -1;
    found = true;
  }
  return found ? 1 : 0;
}

bool has_wildcard(std::string_view pattern) { return pattern.find_first_of("*?") != std::string_view::npos; }

std::pair<std::vector<Criterion>, bool> parse_match(std::string_view rest) {
  std::vector<Criterion> out;
  std::string word;
  while (take_word(rest, word) && !word.empty()) {
    if (word.starts_with('#')) break;
    Criterion criterion;
    criterion.negated = word.starts_with('!');
    criterion.name = lower(std::string_view(word).substr(criterion.negated ? 1 : 0));
    if (criterion.name == "all") {
      // Alone, or after one other (canonical, final).
      bool last = !take_word(rest, word) || word.empty() || word.starts_with('#');
      out.push_back(criterion);
      return {out, last && out.size() <= 2};
    }
    if (criterion.name != "canonical" && criterion.name != "final") {
      if (!take_word(rest, criterion.value) || criterion.value.empty() || criterion.value.starts_with('#'))
        return {out, false};
    }
    out.push_back(criterion);
  }
  bool any = !out.empty();
  return {std::move(out), any};
}

bool is_yes(std::string_view value) {
  auto word = lower(value);
  return word == "yes" || word == "true";
}
bool is_no(std::string_view value) {
  auto word = lower(value);
  return word == "no" || word == "false";
}

}  // namespace meshops::ssh
