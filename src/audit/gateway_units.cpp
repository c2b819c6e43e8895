#include "audit/gateway_units.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace meshops::audit {

namespace {

using Words = std::vector<std::string>;

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::ranges::find(list, word) != list.end();
}

constexpr std::array<std::string_view, 18> kKeywords = {
    "if",   "then",  "else",   "elif", "do",   "while",   "until",   "!",         "{",
    "exec", "nohup", "setsid", "time", "eval", "command", "builtin", "exec-line", "--"};
/// They run what follows their options; the second value of an option such as "-u claw" is told by
/// kTakesValue.
constexpr std::array<std::string_view, 24> kWrappers = {"env",         "sudo",
                                                        "doas",        "nice",
                                                        "ionice",      "timeout",
                                                        "stdbuf",      "chrt",
                                                        "taskset",     "gosu",
                                                        "su-exec",     "runuser",
                                                        "flock",       "tini",
                                                        "dumb-init",   "catatonit",
                                                        "unbuffer",    "xvfb-run",
                                                        "numactl",     "setpriv",
                                                        "systemd-cat", "systemd-inhibit",
                                                        "chroot",      "prlimit"};
/// How many words they take before the command that is no option.
constexpr std::array<std::string_view, 6> kOneWordFirst = {"timeout", "taskset", "gosu",
                                                           "su-exec", "flock",   "chroot"};
constexpr std::array<std::string_view, 12> kTakesValue = {"-u", "-g", "-n", "-c", "-t", "-S",
                                                          "-p", "-k", "-s", "-C", "-w", "-E"};
constexpr std::array<std::string_view, 7> kShells = {"sh", "bash", "dash", "zsh", "ksh", "ash", "fish"};
/// They speak of a gateway and start none.
constexpr std::array<std::string_view, 56> kOthers = {
    "systemctl", "journalctl", "loginctl", "pgrep",       "pkill",      "pidof",       "kill",   "killall",
    "ps",        "grep",       "egrep",    "rg",          "echo",       "printf",      "logger", "tail",
    "head",      "cat",        "curl",     "wget",        "test",       "[",           "[[",     "which",
    "type",      "mkdir",      "cd",       "rm",          "ls",         "cp",          "mv",     "chmod",
    "chown",     "ln",         "tee",      "sleep",       "ssh",        "autossh",     "scp",    "rsync",
    "rclone",    "restic",     "borg",     "tar",         "git",        "meshops",     "socat",  "nginx",
    "caddy",     "haproxy",    "traefik",  "cloudflared", "tailscaled", "inotifywait", "export", "alias"};
constexpr std::array<std::string_view, 12> kRuntimes = {"node", "nodejs", "bun",  "bunx", "deno", "npx",
                                                        "npm",  "pnpm",   "pnpx", "yarn", "tsx",  "corepack"};
/// Of "openclaw gateway …": those that ask one or order one, and leave.
constexpr std::array<std::string_view, 21> kAsk = {
    "status", "stop",    "restart", "install",  "uninstall",       "call",      "health",
    "probe",  "suspend", "resume",  "discover", "usage-cost",      "stability", "diagnostics",
    "token",  "logs",    "help",    "--help",   "restart-handoff", "--version", "reload"};
/// Of OpenClaw's own options, those whose value is the next word.
constexpr std::array<std::string_view, 5> kValued = {"--profile", "--log-level", "--container", "--config",
                                                     "--state-dir"};
/// In a unit's name: it serves a gateway and is none.
constexpr std::array<std::string_view, 46> kHelpers = {
    "backup",    "restore",  "watchdog",  "watch",   "heal",    "healer",    "healthcheck", "health",
    "monitor",   "exporter", "metrics",   "update",  "updater", "upgrade",   "cron",        "sync",
    "cleanup",   "clean",    "prune",     "rotate",  "logs",    "log",       "proxy",       "tunnel",
    "notify",    "notifier", "alert",     "webhook", "node",    "browser",   "sandbox",     "ui",
    "dashboard", "restart",  "restarter", "check",   "probe",   "heartbeat", "migrate",     "setup",
    "init",      "install",  "mount",     "db",      "redis",   "reset"};

bool is_assignment(std::string_view word) {
  auto equals = word.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  return std::ranges::all_of(word.substr(0, equals),
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

bool is_shell_flag(std::string_view word) {  // -c, -lc, -ec: the next word is a text to run
  return word.size() >= 2 && word.size() <= 6 && word[0] == '-' && word[1] != '-' && word.ends_with('c') &&
         std::ranges::all_of(word.substr(1), [](char c) { return c >= 'a' && c <= 'z'; });
}

/// Reads a shell text word by word.
class ShellReader {
 public:
  explicit ShellReader(std::string_view text) : text_(text) {}

  std::vector<Words> read() {
    while (at_ < text_.size()) step();
    end_command();
    return std::move(commands_);
  }

 private:
  void step() {
    char c = text_[at_];
    if (c == '\\' && at_ + 1 < text_.size()) {
      if (text_[at_ + 1] != '\n') word().push_back(text_[at_ + 1]);
      at_ += 2;
    } else if (c == '\'') {
      quoted('\'');
    } else if (c == '"') {
      quoted('"');
    } else if (c == '#' && !word_) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '$' && at_ + 1 < text_.size() && text_[at_ + 1] == '{') {
      auto end = std::min(text_.find('}', at_), text_.size() - 1);
      word().append(text_.substr(at_, end + 1 - at_));
      at_ = end + 1;
    } else if (c == '<' && text_.substr(at_).starts_with("<<") && !text_.substr(at_).starts_with("<<<")) {
      here_document();
    } else if (c == '<' || c == '>') {
      end_word();
      ++at_;
    } else if (c == '\n' || c == ';' || c == '&' || c == '|' || c == '(' || c == ')' || c == '`') {
      end_command();
      if (c == '\n') skip_here_documents();
      ++at_;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      end_word();
      ++at_;
    } else {
      word().push_back(c);
      ++at_;
    }
  }

  void quoted(char quote) {
    auto& w = word();
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      w.push_back(text_[at_]);
    }
    if (at_ < text_.size()) ++at_;
  }

  void here_document() {
    end_word();
    at_ += 2;
    while (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == ' ')) ++at_;
    std::string mark;
    while (at_ < text_.size() && std::string_view(" \t\n;|&)<>").find(text_[at_]) == std::string_view::npos) {
      if (text_[at_] != '\'' && text_[at_] != '"' && text_[at_] != '\\') mark.push_back(text_[at_]);
      ++at_;
    }
    if (!mark.empty()) marks_.push_back(mark);
  }
  /// at_ stands on the line's end.
  void skip_here_documents() {
    for (const auto& mark : marks_) {
      while (at_ < text_.size()) {
        auto begin = at_ + 1;
        if (begin >= text_.size()) {
          at_ = text_.size();
          break;
        }
        auto end = std::min(text_.find('\n', begin), text_.size());
        at_ = end;
        if (trim(text_.substr(begin, end - begin)) == mark) break;
      }
    }
    marks_.clear();
  }

  std::string& word() {
    if (!word_) word_.emplace();
    return *word_;
  }
  void end_word() {
    if (word_) command_.push_back(std::move(*word_));
    word_.reset();
  }
  void end_command() {
    end_word();
    if (!command_.empty()) commands_.push_back(std::move(command_));
    command_.clear();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::optional<std::string> word_;
  Words command_, marks_;
  std::vector<Words> commands_;
};

/// "openclaw --profile x gateway run" from the word after the program on.
bool asks_for_gateway(const Words& argv, std::size_t from) {
  for (std::size_t i = from; i < argv.size(); ++i) {
    const auto& word = argv[i];
    if (one_of(word, kValued)) {
      ++i;
      continue;
    }
    if (word.starts_with('-')) continue;
    bool gateway = word == "gateway" || word.starts_with("gateway:");
    return gateway && (i + 1 >= argv.size() || !one_of(argv[i + 1], kAsk));
  }
  return false;
}

bool engine_starts_gateway(const Words& argv) {
  auto has = [&](std::string_view word) { return std::ranges::find(argv, word) != argv.end(); };
  bool named = std::ranges::any_of(argv, [](const auto& a) { return names_openclaw(a); });
  if (!named) return false;
  if (has("compose")) return has("up");
  if (has("start")) return true;
  if (!has("run") && !has("create")) return false;
  if (has("gateway")) return true;
  // An image alone starts what it was made for; those of OpenClaw's sandboxes are none.
  const auto& last = argv.back();
  return names_openclaw(last) && !last.starts_with('-') && last.find("sandbox") == std::string::npos &&
         last.find('=') == std::string::npos &&
         (last.find(':') != std::string::npos || last.find('/') != std::string::npos);
}

bool starts(const Words& given, std::string_view place, int depth);

bool text_starts(std::string_view text, std::string_view place, int depth) {
  auto commands = shell_commands(text);
  return std::ranges::any_of(commands, [&](const Words& c) { return starts(c, place, depth); });
}

bool starts(const Words& given, std::string_view place, int depth) {
  if (depth > 4) return false;
  auto argv = without_wrappers(given);
  if (argv.empty()) return false;
  auto program = lower(program_name(argv[0]));
  // The title that it gives itself.
  if (trim(argv[0]) == "openclaw-gateway") return true;
  if (one_of(program, kOthers)) return false;
  for (std::size_t i = 1; i + 1 < argv.size(); ++i)
    if (is_shell_flag(argv[i]) && (one_of(program, kShells) || program == "su" || program == "runuser"))
      return text_starts(argv[i + 1], place, depth + 1);
  if (one_of(program, kShells)) return false;
  if (is_engine(program)) return engine_starts_gateway(argv);
  if (program == "systemd-run" || program == "tmux" || program == "screen") {
    for (std::size_t i = 1; i < argv.size(); ++i)
      if (names_openclaw(program_name(argv[i])) || one_of(program_name(argv[i]), kRuntimes)) {
        Words rest(argv.begin() + static_cast<std::ptrdiff_t>(i), argv.end());
        if (starts(rest, place, depth + 1) || text_starts(argv[i], place, depth + 1)) return true;
      }
    return false;
  }
  if (names_openclaw(program) && asks_for_gateway(argv, 1)) return true;
  bool runtime = one_of(program, kRuntimes) || program.starts_with("node") || argv[0].starts_with('$');
  if (!runtime) return false;
  // The script, or the package of npx: from the word that names OpenClaw on.
  for (std::size_t i = 0; i < argv.size(); ++i)
    if (names_openclaw(argv[i]) && !(i > 0 && argv[i].starts_with('-')) && asks_for_gateway(argv, i + 1))
      return true;
  if (!names_openclaw(place)) return false;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const auto& word = argv[i];
    bool script = word.ends_with(".js") || word.ends_with(".mjs") || word.ends_with(".ts") || word == "run" ||
                  word == "start" || word == "exec";
    if (script && asks_for_gateway(argv, i + 1)) return true;
  }
  return asks_for_gateway(argv, 1);
}

}  // namespace

std::vector<Words> shell_commands(std::string_view text) { return ShellReader(text).read(); }

std::string_view program_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_engine(std::string_view program) {
  return program == "docker" || program == "podman" || program == "nerdctl" || program == "docker-compose" ||
         program == "podman-compose";
}

std::vector<std::string> without_wrappers(std::vector<std::string> argv) {
  std::size_t at = 0;
  while (at < argv.size()) {
    auto word = std::string_view(argv[at]);
    auto program = program_name(word);
    if (is_assignment(word) || one_of(word, kKeywords)) {
      ++at;
      // "exec -a name"
      if (word == "exec" && at + 1 < argv.size() && argv[at] == "-a") at += 2;
      continue;
    }
    if (!one_of(program, kWrappers)) break;
    bool word_first = one_of(program, kOneWordFirst);
    ++at;
    // "env -S 'node x.js'": one word holds them all.
    if (program == "env" && at + 1 < argv.size() && (argv[at] == "-S" || argv[at] == "--split-string")) {
      Words split;
      for (auto w : words(argv[at + 1])) split.emplace_back(w);
      split.insert(split.end(), argv.begin() + static_cast<std::ptrdiff_t>(at) + 2, argv.end());
      argv = std::move(split);
      at = 0;
      continue;
    }
    while (at < argv.size() && argv[at].starts_with('-')) {
      bool end = argv[at] == "--";
      bool valued = one_of(argv[at], kTakesValue) && !(program == "sudo" && argv[at] == "-n") &&
                    !(program == "runuser" && argv[at] == "-c") && !(program == "flock" && argv[at] != "-w");
      if (program == "runuser" && argv[at] == "-c") break;
      at += valued ? 2 : 1;
      if (end) break;
    }
    if (word_first && at < argv.size()) ++at;
  }
  argv.erase(argv.begin(), argv.begin() + static_cast<std::ptrdiff_t>(std::min(at, argv.size())));
  return argv;
}

bool names_openclaw(std::string_view text) {
  auto folded = lower(text);
  return folded.find("openclaw") != std::string::npos || folded.find("clawdbot") != std::string::npos ||
         folded.find("moltbot") != std::string::npos;
}

bool command_starts_gateway(const Words& argv, std::string_view place) { return starts(argv, place, 0); }

bool script_starts_gateway(std::string_view text, std::string_view place) {
  return text_starts(text, place, 0);
}

bool unit_name_of_gateway(std::string_view name) {
  auto stem = lower(name.substr(0, name.rfind('.')));
  for (std::string_view prefix : {"openclaw", "clawdbot", "moltbot"}) {
    if (!stem.starts_with(prefix)) continue;
    auto rest = std::string_view(stem).substr(prefix.size());
    if (!rest.empty() && std::string_view("-_@.0123456789").find(rest[0]) == std::string_view::npos)
      return false;
    auto instance = rest.find('@');
    rest = rest.substr(0, instance);
    std::string part;
    for (char c : std::string(rest) + '-') {
      if (c != '-' && c != '_' && c != '.') {
        part.push_back(c);
        continue;
      }
      if (one_of(part, kHelpers)) return false;
      part.clear();
    }
    return true;
  }
  return false;
}

bool is_other_program(const Words& argv) {
  auto inner = without_wrappers(argv);
  if (inner.empty()) return true;
  auto program = lower(program_name(inner[0]));
  if (one_of(program, kOthers)) return true;
  if (program.starts_with("python") || program == "true" || program == "false" || program == "redis-server")
    return true;
  if (is_engine(program)) return !engine_starts_gateway(inner);
  // OpenClaw itself, asked for something else.
  for (std::size_t i = 0; i < inner.size(); ++i)
    if (names_openclaw(program_name(inner[i])) && (i == 0 || one_of(program, kRuntimes)))
      return i + 1 < inner.size() && !asks_for_gateway(inner, i + 1);
  return false;
}

}  // namespace meshops::audit
