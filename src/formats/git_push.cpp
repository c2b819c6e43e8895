#include "formats/git_push.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace meshops::git {

namespace {

struct Word {
  std::string text;
  std::size_t offset = 0;  // of its first byte, the quote included
};

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::ranges::find(list, word) != list.end();
}

constexpr std::array<std::string_view, 13> kReserved = {
    "if", "then", "elif", "else", "while", "until", "do", "time", "!", "{", "@", "-", "RUN"};
/// What runs the command that follows it, after words of its own.
constexpr std::array<std::string_view, 14> kWrappers = {"sudo",    "env",    "exec",   "nohup", "command",
                                                        "nice",    "ionice", "doas",   "xargs", "timeout",
                                                        "chronic", "flock",  "setsid", "retry"};
/// What takes a command as text.
constexpr std::array<std::string_view, 12> kShells = {"sh",  "bash", "dash", "zsh",     "ksh",   "ash",
                                                      "ssh", "su",   "eval", "runuser", "alias", "trap"};
constexpr std::array<std::string_view, 5> kGitOptionsWithWord = {"-C", "-c", "--git-dir", "--work-tree",
                                                                 "--namespace"};

std::string_view base_name(std::string_view word) { return word.substr(word.rfind('/') + 1); }

bool is_assignment(std::string_view word) {
  auto equals = word.find('=');
  return equals != std::string_view::npos && equals > 0 &&
         std::ranges::all_of(word.substr(0, equals), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

/// Where a refspec goes: "+HEAD:refs/heads/main" → "main".
std::string destination(std::string_view refspec) {
  if (refspec.starts_with('+')) refspec.remove_prefix(1);
  if (auto colon = refspec.rfind(':'); colon != std::string_view::npos) refspec.remove_prefix(colon + 1);
  for (std::string_view prefix : {"refs/heads/", "heads/"})
    if (refspec.starts_with(prefix)) refspec.remove_prefix(prefix.size());
  return std::string(refspec);
}

struct Judged {
  ForcedPush push;
  std::size_t word = 0;  // index of the word that forces
};

/// `words` are those after "git". Nothing: it pushes nothing, or without force.
std::optional<Judged> judge(std::span<const std::string> words) {
  std::size_t i = 0;
  while (i < words.size() && words[i].starts_with('-')) i += one_of(words[i], kGitOptionsWithWord) ? 2 : 1;
  if (i >= words.size() || words[i] != "push") return std::nullopt;
  std::optional<std::size_t> force, lease, plus;
  std::vector<std::string> places;
  bool only_places = false;
  for (++i; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (only_places || !word.starts_with('-') || word == "-") {
      if (!places.empty() && word.size() > 1 && word[0] == '+' && !plus) plus = i;
      places.emplace_back(word);
    } else if (word == "--") {
      only_places = true;
    } else if (word == "--force") {
      force = i;
    } else if (word == "--no-force") {
      force.reset();
    } else if (word.starts_with("--force-with-lease")) {
      lease = i;
    } else if (word == "--dry-run") {
      return std::nullopt;
    } else if (word == "--push-option" || word == "--repo" || word == "--receive-pack" || word == "--exec") {
      ++i;
    } else if (!word.starts_with("--")) {
      for (char c : word.substr(1)) {
        if (c == 'n') return std::nullopt;
        if (c == 'f') force = i;
        if (c == 'o') {
          if (word.back() == 'o') ++i;
          break;
        }
      }
    }
  }
  auto by = force ? force : plus ? plus : lease;
  if (!by) return std::nullopt;
  Judged out;
  out.word = *by;
  out.push.force = words[*by];
  out.push.lease = !force && !plus;
  for (std::size_t p = 1; p < places.size(); ++p) out.push.destinations.push_back(destination(places[p]));
  return out;
}

/// Reads commands of a shell, one after the other.
class Shell {
 public:
  Shell(std::string_view whole, std::vector<ForcedPush>& out) : whole_(whole), out_(out) {}

  /// From `begin` to the end, or to the end of its (continued) line. Gives the offset behind what was read.
  std::size_t read(std::size_t begin, std::size_t end, bool one_line, unsigned depth = 0) {
    std::vector<Word> command;
    std::vector<std::pair<std::string, bool>> heredocs;  // delimiter, whether it is a script
    at_ = begin;
    end_ = end;
    bool skip_word = false;
    auto finish = [&] {
      auto was = at_;
      judge_command(command, depth);
      at_ = was, end_ = end;
      command.clear();
      skip_word = false;
    };
    while (at_ < end_) {
      char c = whole_[at_];
      if (c == '\n') {
        ++at_;
        auto script = runs_text(command);
        finish();
        if (one_line) return at_;
        for (const auto& [word, is_script] : heredocs) here_document(word, is_script || script, depth);
        end_ = end;
        heredocs.clear();
      } else if (c == ' ' || c == '\t' || c == '\r') {
        ++at_;
      } else if (c == '\\' && at_ + 1 < end_ && whole_[at_ + 1] == '\n') {
        at_ += 2;
      } else if (c == '#') {
        at_ = std::min(whole_.find('\n', at_), end_);
      } else if (c == ';' || c == '|' || c == '&' || c == '(' || c == ')' || c == '`') {
        ++at_;
        finish();
      } else if (c == '<' && whole_.substr(at_, 2) == "<<" && whole_.substr(at_, 3) != "<<<") {
        at_ += 2;
        if (at_ < end_ && whole_[at_] == '-') ++at_;
        while (at_ < end_ && (whole_[at_] == ' ' || whole_[at_] == '\t')) ++at_;
        if (auto word = next_word(); !word.text.empty()) heredocs.emplace_back(word.text, runs_text(command));
      } else if (c == '<' || c == '>') {
        while (at_ < end_ && (whole_[at_] == '<' || whole_[at_] == '>' || whole_[at_] == '&')) ++at_;
        skip_word = true;
      } else {
        auto word = next_word();
        if (!skip_word) command.push_back(std::move(word));
        skip_word = false;
      }
    }
    finish();
    return at_;
  }

 private:
  static bool runs_text(const std::vector<Word>& command) {
    return !command.empty() && one_of(base_name(command[0].text), kShells);
  }

  Word next_word() {
    Word word{.offset = at_};
    char quote = 0;
    for (; at_ < end_; ++at_) {
      char c = whole_[at_];
      if (quote != 0) {
        if (c == quote)
          quote = 0;
        else if (quote == '"' && c == '\\' && at_ + 1 < end_)
          word.text += whole_[++at_];
        else
          word.text += c;
      } else if (c == '\'' || c == '"') {
        quote = c;
      } else if (c == '\\' && at_ + 1 < end_) {
        if (whole_[++at_] != '\n') word.text += whole_[at_];
      } else if (c == '$' && at_ + 1 < end_ && whole_[at_ + 1] == '{') {
        for (; at_ < end_ && whole_[at_] != '}' && whole_[at_] != '\n'; ++at_) word.text += whole_[at_];
        if (at_ >= end_ || whole_[at_] == '\n') break;
        word.text += '}';
      } else if (std::string_view(" \t\r\n;|&()<>`").find(c) != std::string_view::npos) {
        break;
      } else {
        word.text += c;
      }
    }
    // A lone quote or backslash at the end: something was read all the same.
    if (at_ == word.offset) ++at_;
    return word;
  }

  void here_document(const std::string& word, bool script, unsigned depth) {
    auto begin = at_;
    while (at_ < end_) {
      auto line_end = std::min(whole_.find('\n', at_), end_);
      auto line = whole_.substr(at_, line_end - at_);
      auto here = at_;
      at_ = std::min(line_end + 1, end_);
      if (trim(line) != word) continue;
      if (script && depth < kDeepest) {
        auto behind = at_;
        read(begin, here, false, depth + 1);
        at_ = behind;
      }
      return;
    }
  }

  void judge_command(const std::vector<Word>& command, unsigned depth) {
    std::size_t i = 0;
    while (i < command.size() && (one_of(command[i].text, kReserved) || is_assignment(command[i].text))) ++i;
    if (i >= command.size()) return;
    // make's and systemd's own signs before a command.
    auto first = base_name(command[i].text);
    while (!first.empty() && (first[0] == '@' || first[0] == '-' || first[0] == '+')) first.remove_prefix(1);
    if (one_of(first, kWrappers)) {
      while (i < command.size() && base_name(command[i].text) != "git" &&
             !one_of(base_name(command[i].text), kShells))
        ++i;
      if (i >= command.size()) return;
      first = base_name(command[i].text);
    }
    if (one_of(first, kShells)) return texts(command, i + 1, first == "alias", depth);
    if (first != "git") return;
    std::vector<std::string> words;
    for (auto w = i + 1; w < command.size(); ++w) words.push_back(command[w].text);
    auto judged = judge(words);
    if (!judged) return;
    place(judged->push, command[i + 1 + judged->word].offset);
    out_.push_back(std::move(judged->push));
  }

  void place(ForcedPush& push, std::size_t offset) const {
    auto before = whole_.substr(0, offset);
    push.line = static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1;
    auto line_begin = before.rfind('\n');
    push.column = offset - (line_begin == std::string_view::npos ? 0 : line_begin + 1) + 1;
  }

  /// Commands given as text: "bash -c 'git push -f'".
  void texts(const std::vector<Word>& command, std::size_t from, bool alias, unsigned depth) {
    if (depth >= kDeepest) return;
    for (auto i = from; i < command.size(); ++i) {
      std::string_view text = command[i].text;
      if (alias) {
        auto equals = text.find('=');
        if (equals == std::string_view::npos) continue;
        text.remove_prefix(equals + 1);
      }
      if (text.find("git") == std::string_view::npos) continue;
      std::vector<ForcedPush> inner;
      Shell(text, inner).read(0, text.size(), false, depth + 1);
      for (auto& push : inner) {
        // Where in the file that is: exact as long as no quoting was taken off in between.
        auto here = whole_.find(push.force, command[i].offset);
        place(push, here == std::string_view::npos ? command[i].offset : here);
        out_.push_back(std::move(push));
      }
    }
  }

  static constexpr unsigned kDeepest = 4;
  std::string_view whole_;
  std::vector<ForcedPush>& out_;
  std::size_t at_ = 0, end_ = 0;
};

/// Keys of CI files whose values are for people.
constexpr std::array<std::string_view, 8> kProse = {"name", "description", "title", "message",
                                                    "if",   "Description", "label", "summary"};

/// Where in the line that begins at `at` a command may begin; npos: nowhere.
std::size_t command_in_line(std::string_view text, std::size_t at) {
  auto end = std::min(text.find('\n', at), text.size());
  auto skip_blanks = [&] {
    while (at < end && (text[at] == ' ' || text[at] == '\t')) ++at;
  };
  skip_blanks();
  if (at < end && text[at] == '#') return std::string_view::npos;
  while (text.substr(at, 2) == "- ") {
    at += 2;
    skip_blanks();
  }
  auto key_end = at;
  while (key_end < end && text[key_end] != ' ' && text[key_end] != ':' && text[key_end] != '=' &&
         text[key_end] != '"' && text[key_end] != '\'')
    ++key_end;
  auto key = text.substr(at, key_end - at);
  auto behind = key_end;
  while (behind < end && text[behind] == ' ') ++behind;
  if (!key.empty() && behind < end && (text[behind] == ':' || text[behind] == '=') && key != "git") {
    if (one_of(key, kProse)) return std::string_view::npos;
    at = behind + 1;
    skip_blanks();
  }
  // A value in quotes is the command itself.
  if (at < end && (text[at] == '"' || text[at] == '\'')) ++at;
  while (at < end && (text[at] == '@' || text[at] == '-' || text[at] == '+' || text[at] == '!')) ++at;
  return at;
}

void read_lines(std::string_view text, std::vector<ForcedPush>& out) {
  for (std::size_t at = 0; at < text.size();) {
    auto line_end = std::min(text.find('\n', at), text.size());
    auto begin = command_in_line(text, at);
    if (begin == std::string_view::npos || begin >= line_end) {
      at = line_end + 1;
      continue;
    }
    // A value in quotes ends before the closing one.
    auto end = text.size();
    if (begin > 0 && (text[begin - 1] == '"' || text[begin - 1] == '\'')) {
      auto close = text.substr(0, line_end).rfind(text[begin - 1]);
      if (close != std::string_view::npos && close > begin) end = close;
    }
    auto behind = Shell(text, out).read(begin, end, true);
    at = end == text.size() ? std::max(behind, begin + 1) : line_end + 1;
  }
}

void read_crontab(std::string_view text, std::vector<ForcedPush>& out) {
  for (std::size_t at = 0; at < text.size();) {
    auto line_end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, line_end - at);
    auto parts = words(line);
    std::size_t fields = !parts.empty() && parts[0].starts_with('@') ? 1 : 5;
    if (!parts.empty() && !parts[0].starts_with('#') && !is_assignment(parts[0]) && parts.size() > fields) {
      auto before = out.size();
      auto offset = [&](std::size_t word) {
        return at + static_cast<std::size_t>(parts[word].data() - line.data());
      };
      Shell(text, out).read(offset(fields), line_end, true);
      // In /etc/cron.d a user stands before the command.
      if (out.size() == before && parts.size() > fields + 1)
        Shell(text, out).read(offset(fields + 1), line_end, true);
    }
    at = line_end + 1;
  }
}

void read_code(std::string_view text, std::vector<ForcedPush>& out) {
  for (auto at = text.find("git"); at != std::string_view::npos; at = text.find("git", at + 3)) {
    char quote = at > 0 ? text[at - 1] : '\0';
    if (quote != '"' && quote != '\'' && quote != '`') continue;
    auto line_begin = text.rfind('\n', at) + 1;
    auto lead = trim(text.substr(line_begin, at - 1 - line_begin));
    if (lead.starts_with("#") || lead.starts_with("//") || lead.starts_with("*")) continue;
    // Far more than a command takes: a file without a closing quote must not be searched again and again.
    constexpr std::size_t kWindow = 4096;
    auto near = text.substr(0, at + kWindow);
    auto close = near.find(quote, at);
    if (close == std::string_view::npos) continue;
    if (close > at + 3) {
      if (text[at + 3] == ' ') Shell(text, out).read(at, close, true);
      continue;
    }
    // "git", "push", "--force": words up to the end of the list.
    std::vector<Word> list;
    auto end = std::min(near.find_first_of(")]", close), near.size());
    for (auto open = near.find_first_of("\"'`", close + 1); open < end;
         open = near.find_first_of("\"'`", close + 1)) {
      close = near.find(near[open], open + 1);
      if (close == std::string_view::npos || close > end) break;
      list.push_back({std::string(text.substr(open + 1, close - open - 1)), open});
    }
    std::vector<std::string> words;
    for (const auto& word : list) words.push_back(word.text);
    if (auto judged = judge(words)) {
      auto offset = list[judged->word].offset;
      judged->push.line = static_cast<std::size_t>(std::ranges::count(text.substr(0, offset), '\n')) + 1;
      judged->push.column = offset - (text.rfind('\n', offset) + 1) + 1;
      out.push_back(std::move(judged->push));
    }
  }
}

}  // namespace

std::vector<ForcedPush> forced_pushes(std::string_view text, Script script) {
  std::vector<ForcedPush> out;
  // What never says "push" is most of what there is.
  if (text.find("push") == std::string_view::npos) return out;
  switch (script) {
    case Script::shell:
      Shell(text, out).read(0, text.size(), false);
      break;
    case Script::lines:
      read_lines(text, out);
      break;
    case Script::crontab:
      read_crontab(text, out);
      break;
    case Script::code:
      read_code(text, out);
      break;
  }
  return out;
}

std::vector<ForcedPush> forced_pushes_of(std::span<const std::string> arguments) {
  std::vector<ForcedPush> out;
  if (auto judged = judge(arguments)) out.push_back(std::move(judged->push));
  return out;
}

bool is_shared_branch(std::string_view name) {
  constexpr std::array<std::string_view, 9> kNames = {"main",       "master", "develop", "trunk",  "release",
                                                      "production", "prod",   "stable",  "staging"};
  return one_of(name, kNames) || name.starts_with("release/") || name.starts_with("releases/") ||
         name.starts_with("release-");
}

}  // namespace meshops::git
