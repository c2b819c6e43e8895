#include "diagnose/needles.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <tuple>
#include <utility>

#include "base/text.h"

namespace meshops::diagnose {

namespace {

using Needles = std::optional<std::vector<std::string>>;

/// Words that stand in most lines of a healthy log: looking for them finds everything.
bool common(std::string_view needle) {
  static constexpr std::array kWords = std::to_array<std::string_view>(
      {"session",  "sessions", "gateway",    "model",    "models",    "request",     "response", "config",
       "service",  "process",  "server",     "log",      "logs",      "error",       "agent",    "channel",
       "plugin",   "plugins",  "connection", "client",   "port",      "file",        "path",     "http",
       "https",    "status",   "code",       "message",  "token",     "time",        "user",     "node",
       "openclaw", "systemd",  "docker",     "telegram", "info",      "warn",        "main",     "exited",
       "run",      "job",      "task",       "lane",     "queue",     "memory",      "cpu",      "disk",
       "system",   "local",    "version",    "running",  "installed", "state",       "command",  "default",
       "health",   "reason",   "full",       "set",      "out",       "sendmessage", "id",       "getupdates",
       "bot",      "device",   "result",     "unit",     "old",       "host",        "loaded",   "reading",
       "started"});
  auto word = trim(needle);
  return word.size() < 3 || std::ranges::find(kWords, word) != kWords.end();
}

/// True if `a` is the better set to look for: no common word, then longer words, then fewer of them.
bool better(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  auto worth = [](const std::vector<std::string>& set) {
    bool rare = std::ranges::none_of(set, common);
    std::size_t shortest = 8;  // beyond this, length no longer makes a word rarer
    for (const auto& needle : set) shortest = std::min(shortest, needle.size());
    return std::tuple<bool, std::size_t, long>(rare, shortest, -static_cast<long>(set.size()));
  };
  return worth(a) > worth(b);
}

void keep_better(Needles& best, Needles candidate) {
  if (candidate && (!best || better(*candidate, *best))) best = std::move(candidate);
}

class Reader {
 public:
  explicit Reader(std::string_view pattern) : rest_(pattern) {}

  /// Alternatives up to the end or a ')'.
  Needles alternatives() {
    Needles all = std::vector<std::string>{};
    for (;;) {
      auto one = sequence();
      if (!one)
        all.reset();
      else if (all)
        all->insert(all->end(), one->begin(), one->end());
      if (rest_.empty() || rest_[0] != '|') return all;
      rest_.remove_prefix(1);
    }
  }

 private:
  Needles sequence() {
    Needles best;
    std::string run;
    auto end_run = [&] {
      if (run.size() >= 2) keep_better(best, std::vector{run});
      run.clear();
    };
    while (!rest_.empty() && rest_[0] != '|' && rest_[0] != ')') {
      std::optional<char> literal;
      Needles inner;
      if (rest_[0] == '(') {
        rest_.remove_prefix(1);
        if (rest_.starts_with("?:")) rest_.remove_prefix(2);
        inner = alternatives();
        if (!rest_.empty()) rest_.remove_prefix(1);  // the ')'
      } else {
        literal = atom();
      }
      bool optional = quantifier();
      if (optional || !literal) end_run();
      if (!optional && literal) run += *literal;
      if (!optional) keep_better(best, std::move(inner));
      if (repeated_) end_run();
    }
    end_run();
    return best;
  }

  /// One byte that must stand there, or nothing for classes and anchors.
  std::optional<char> atom() {
    char c = take();
    if (c == '[') {
      if (!rest_.empty() && rest_[0] == '^') rest_.remove_prefix(1);
      for (bool first = true; !rest_.empty() && (rest_[0] != ']' || first); first = false)
        if (take() == '\\' && !rest_.empty()) take();
      if (!rest_.empty()) take();
      return std::nullopt;
    }
    if (c == '\\' && !rest_.empty()) {
      char escaped = take();
      if (std::isalnum(static_cast<unsigned char>(escaped)) != 0) return std::nullopt;  // \d \w \b …
      return escaped;
    }
    if (c == '.' || c == '^' || c == '$') return std::nullopt;
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }

  /// Reads ?, *, + or {m,n}; true if the atom before may be absent.
  bool quantifier() {
    repeated_ = false;
    if (rest_.empty()) return false;
    char c = rest_[0];
    if (c == '{') {
      bool zero = rest_.starts_with("{0") && rest_.size() > 2 && (rest_[2] == ',' || rest_[2] == '}');
      rest_.remove_prefix(std::min(rest_.size(), rest_.find('}') + 1));
      repeated_ = true;
      return zero;
    }
    if (c != '?' && c != '*' && c != '+') return false;
    rest_.remove_prefix(1);
    repeated_ = true;
    return c != '+';
  }

  char take() {
    char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }

  std::string_view rest_;
  bool repeated_ = false;
};

}  // namespace

std::vector<std::string> needles_of(std::string_view pattern) {
  auto found = Reader(pattern).alternatives();
  if (!found) return {};
  // A needle inside another one finds whatever the longer one finds.
  std::ranges::sort(*found, [](const auto& a, const auto& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  std::vector<std::string> out;
  for (auto& needle : *found)
    if (std::ranges::none_of(out, [&](const auto& kept) { return needle.find(kept) != needle.npos; }))
      out.push_back(std::move(needle));
  return out;
}

}  // namespace meshops::diagnose
