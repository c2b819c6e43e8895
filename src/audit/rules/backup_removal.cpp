// BKP-005: rm -rf on what nobody can bring back.
#include <algorithm>
#include <array>
#include <set>

#include "audit/backups.h"
#include "audit/rules/backup_parts.h"
#include "base/text.h"

namespace meshops::audit::backup {

namespace fs = std::filesystem;

namespace {

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::ranges::find(list, word) != list.end();
}

bool removes_all(const std::vector<std::string>& argv) {
  bool recursive = false, force = false;
  for (const auto& word : argv) {
    if (word == "--") break;
    if (word == "--recursive") recursive = true;
    if (word == "--force") force = true;
    if (word.size() > 1 && word[0] == '-' && word[1] != '-') {
      recursive = recursive || word.find_first_of("rR") != std::string::npos;
      force = force || word.find('f') != std::string::npos;
    }
  }
  return recursive && force;
}

/// A part of a path that says it can be made again.
bool can_be_made_again(std::string_view part) {
  constexpr std::array<std::string_view, 46> kParts = {
      "tmp",          "temp",        ".tmp",         "build",   "_build", "dist",        "target",
      "node_modules", ".cache",      "cache",        "caches",  "Cache",  "__pycache__", ".next",
      ".nuxt",        "out",         "coverage",     ".venv",   "venv",   ".tox",        ".pytest_cache",
      ".mypy_cache",  ".ruff_cache", "CMakeFiles",   "obj",     "vendor", ".gradle",     ".turbo",
      ".npm",         ".yarn",       "artifacts",    "staging", "lists",  ".git",        "logs",
      "log",          "run",         "lost+found",   "test",    "tests",  "sandbox",     "scratch",
      "work",         "downloads",   ".local-cache", "trash"};
  if (one_of(part, kParts)) return true;
  auto small = lower(part);
  for (std::string_view end : {".tmp", ".cache", "-cache", "_cache", ".log", "-build", "_build", ".egg-info",
                               ".bak.tmp", "-tmp", "_tmp", ".old"})
    if (small.size() > end.size() && small.ends_with(end)) return true;
  return small.starts_with("tmp.") || small.starts_with("build-") || small.starts_with("tmp-") ||
         small.starts_with("tmp_") || small.starts_with("cache-");
}

bool temporary_name(std::string_view name) {
  auto small = lower(name);
  for (std::string_view part : {"tmp", "temp", "cache", "build", "dist", "work", "scratch", "stage",
                                "staging", "dest", "out", "pkg", "prefix", "rootfs", "chroot", "test", "mnt"})
    if (small.find(part) != std::string::npos) return true;
  return false;
}

bool data_name(std::string_view part) {
  constexpr std::array<std::string_view, 20> kParts = {
      "data",  "backup",   "backups",   "uploads",     "storage",   "workspace", "state",
      "db",    "database", "databases", "sessions",    "memory",    "media",     "mail",
      "repos", "volumes",  "config",    "credentials", ".openclaw", "pgdata"};
  return one_of(part, kParts) || part.starts_with(".openclaw") || part.ends_with("-data") ||
         part.ends_with("_data");
}

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> out;
  for (auto part : split(path, '/'))
    if (!part.empty() && part != ".") out.emplace_back(part);
  return out;
}

/// Why that path is data, in words; empty: it is not, or nobody knows.
std::string why_data(std::string_view whole) {
  std::string path(whole);
  for (std::string_view home : {"${HOME}", "$HOME", "~"})
    if (path.starts_with(home) && (path.size() == home.size() || path[home.size()] == '/'))
      path = "/home/USER" + path.substr(home.size());
  if (!path.starts_with('/'))
    return data_name(base_name(path)) && path.starts_with(".openclaw") ? "a gateway's state" : "";
  auto parts = parts_of(path);
  if (parts.empty() || (parts.size() == 1 && parts[0] == "*")) return "the whole machine";
  if (std::ranges::any_of(parts, can_be_made_again)) return "";
  const auto& top = parts[0];
  auto under = [&](std::size_t n) { return parts.size() > n ? parts[n] : std::string(); };
  if (top == "home")
    return parts.size() <= 3 && parts.back() == "*" ? "everything of a home" : "below a home";
  if (top == "root") return "below a home";
  if (top == "etc") return "configuration";
  if (top == "srv" || top == "data" || top == "mnt" || top == "media" || top == "backup" ||
      top == "backups" || top == "storage")
    return "data";
  if (top == "var" && (under(1) == "lib" || under(1) == "backups" || under(1) == "spool" ||
                       under(1) == "mail" || under(1) == "vmail"))
    return "what services keep";
  if (top == "boot" || (top == "usr" && parts.size() == 1)) return "the system";
  if ((top == "opt" || top == "var" || (top == "usr" && under(1) == "local")) &&
      std::ranges::any_of(parts, [](const std::string& p) { return data_name(p); }))
    return "data";
  return "";
}

/// "$DIR/…" where an empty DIR makes it "/…".
struct Leading {
  std::string name, rest;
};
std::optional<Leading> leading_variable(std::string_view text) {
  if (!text.starts_with('$') || text.starts_with("$(")) return std::nullopt;
  bool braces = text.starts_with("${");
  auto from = braces ? 2U : 1U;
  std::size_t to = from;
  while (to < text.size() && ((text[to] >= 'a' && text[to] <= 'z') || (text[to] >= 'A' && text[to] <= 'Z') ||
                              (text[to] >= '0' && text[to] <= '9') || text[to] == '_'))
    ++to;
  if (to == from) return std::nullopt;
  auto end = to;
  if (braces) {
    if (to >= text.size() || text[to] != '}') return std::nullopt;  // ${DIR:?}, ${DIR:-x}: thought of
    end = to + 1;
  }
  return Leading{std::string(text.substr(from, to - from)), std::string(text.substr(end))};
}

/// Somebody makes sure that it is set.
bool guarded(const shell::Script& script, const std::string& name) {
  for (const auto& command : script.commands) {
    if (command.words.empty()) continue;
    const auto& first = command.words[0].text;
    if (first == "set")
      for (std::size_t i = 1; i < command.words.size(); ++i) {
        const auto& w = command.words[i].text;
        if (w == "nounset" ||
            (w.size() > 1 && w[0] == '-' && w[1] != '-' && w.find('u') != std::string::npos))
          return true;
      }
    bool asks = first == "[" || first == "[[" || first == "test" || first == ":";
    if (asks)
      for (const auto& word : command.words)
        if (word.text == "$" + name || word.text.starts_with("${" + name)) return true;
  }
  return false;
}

bool made_by_mktemp(const std::map<std::string, std::string>& variables, std::string_view text) {
  auto leading = leading_variable(text);
  if (!leading) return false;
  auto found = variables.find(leading->name);
  return found != variables.end() &&
         (found->second.find("mktemp") != std::string::npos || made_by_mktemp({}, found->second));
}

}  // namespace

void removal(const Site& site, Findings& out) {
  for (const auto& run : site.facts<Runs>().all()) {
    auto file = run->path.filename().string();
    // dpkg calls them when a package goes, with the owner's word.
    if (file.ends_with("postrm") || file.ends_with("prerm") || file.ends_with("preinst") ||
        file.ends_with("postinst"))
      continue;
    auto variables = variables_of(run->script);
    if (run->cron != nullptr)
      for (const auto& set : run->cron->table.settings) variables.try_emplace(set.name, set.value);
    for (const auto& command : run->script.commands) {
      auto words = shell::unwrap(command);
      auto argv = argv_of(command);
      if (argv.empty() || base_name(argv[0]) != "rm" || !removes_all(argv)) continue;
      bool options = true;
      for (std::size_t i = 1; i < argv.size(); ++i) {
        const auto& written = argv[i];
        if (options && written == "--") {
          options = false;
          continue;
        }
        if (options && written.starts_with('-')) continue;
        if (made_by_mktemp(variables, written)) continue;
        auto path = filled(written, variables);
        std::string why = why_data(path);
        if (auto leading = leading_variable(path);
            leading && why.empty() && leading->name != "HOME" && leading->rest.starts_with('/')) {
          auto rest = parts_of(leading->rest);
          bool everything = rest.empty() || rest[0] == "*" || rest[0] == ".*";
          bool data = !rest.empty() && !std::ranges::any_of(rest, can_be_made_again) &&
                      !why_data(leading->rest).empty();
          if ((everything || data) && !temporary_name(leading->name) && !guarded(run->script, leading->name))
            why = fmt::format("if {} is empty, this is {}", leading->name,
                              everything ? "the whole machine" : printable(leading->rest));
        }
        if (why.empty()) continue;
        const auto& word = words[i];
        out.add(run->at(site, word.offset, word.line, word.column))
            .found("rm -rf {}: {}", printable(without_keys(path)).substr(0, 120), why)
            .wanted("moved aside, and deleted later")
            .message("one wrong value or one run too many, and it is gone without a way back")
            .fix(
                "move it away instead: mv -- {} /var/tmp/trash.$(date +%s), deleted after a week; and "
                "${{NAME:?}} for variables in paths",
                printable(without_keys(written)).substr(0, 120))
            .about("rm -rf {}", printable(without_keys(written)).substr(0, 120));
      }
    }
  }
}

}  // namespace meshops::audit::backup
