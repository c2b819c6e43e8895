#include "audit/unit_program.h"

#include <algorithm>
#include <array>

#include "audit/gateway_units.h"
#include "audit/unit_places.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

/// Where systemd looks for a bare name, and its PATH for services.
constexpr std::array<std::string_view, 6> kPath = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                                   "/usr/bin",        "/sbin",          "/bin"};
constexpr int kMostInterpreters = 4;

struct RunsAs {
  uid_t uid = 0;
  gid_t gid = 0;
};

class Judge {
 public:
  Judge(const Site& site, const Unit& unit) : host_(site.host()), unit_(unit) {
    auto user = unit.user();
    if (user == "root") {
      as_ = RunsAs{};
    } else if (!user.empty()) {
      if (auto accounts = host_.accounts())
        for (const auto& account : *accounts)
          if (account.name == user || std::to_string(account.uid) == user)
            as_ = RunsAs{account.uid, account.gid};
    }
    auto home = unit.file.value("Service", "ProtectHome");
    homes_hidden_ = home && (*home == "tmpfs" || systemd::parse_boolean(*home).value_or(false));
  }

  ProgramVerdict judge(const systemd::Command& command) {
    auto program = command.path;
    if (program.find('/') == std::string::npos) {
      auto found = in_path(program, search_path(false));
      if (verdict_.fault || !verdict_.unseen.empty()) return std::move(verdict_);
      if (!found) {
        fail(program, "is in none of the directories that systemd searches");
        return std::move(verdict_);
      }
      program = *found;
    }
    if (!program.starts_with('/')) {
      fail(program, "is not an absolute path: systemd refuses it");
      return std::move(verdict_);
    }
    privileged_ = command.prefixes.find('+') != std::string::npos;
    if (executable(program, 0)) behind(command.argv);
    return std::move(verdict_);
  }

 private:
  static bool unresolved(std::string_view word) { return word.find_first_of("%$") != std::string_view::npos; }

  void fail(std::string program, std::string why) {
    auto name = std::string(program_name(program));
    verdict_.fault = CannotRun{std::move(program), std::move(why), where_now(name)};
  }

  std::vector<std::string> search_path(bool of_environment) const {
    std::vector<std::string> out;
    if (of_environment) {
      auto environment = unit_.file.environment(unit_.specifiers());
      if (auto path = environment.find("PATH"); path != environment.end()) {
        for (auto part : split(path->second, ':')) out.emplace_back(part);
        return out;
      }
    }
    for (const auto& value : unit_.file.values("Service", "ExecSearchPath"))
      for (auto part : split(value, ':')) out.emplace_back(systemd::expand(part, unit_.specifiers()));
    if (out.empty()) out.assign(kPath.begin(), kPath.end());
    return out;
  }

  std::optional<std::string> in_path(const std::string& name, const std::vector<std::string>& path) {
    for (const auto& directory : path) {
      if (unresolved(directory)) {
        verdict_.unseen = "PATH holds " + directory;
        return std::nullopt;
      }
      auto candidate = fs::path(directory) / name;
      Error error{"", ""};
      auto real = resolve(host_, candidate, &error);
      if (!real) continue;
      auto info = host_.stat(*real);
      if (info && info->kind == FileInfo::Kind::regular && (info->mode & 0111) != 0)
        return candidate.string();
    }
    return std::nullopt;
  }

  /// The first directory on the way that the unit's user may not pass.
  std::optional<fs::path> barred(const fs::path& real) const {
    if (!as_ || as_->uid == 0) return std::nullopt;
    fs::path at = "/";
    for (const auto& part : real.parent_path().relative_path()) {
      at /= part;
      auto info = host_.stat(at);
      if (!info) return std::nullopt;
      bool may = info->uid == as_->uid   ? (info->mode & 0100) != 0
                 : info->gid == as_->gid ? (info->mode & 0010) != 0
                                         : (info->mode & 0011) != 0;  // it may be in that group
      if (!may) return at;
    }
    return std::nullopt;
  }

  bool exists(const std::string& path, std::string_view what, fs::path& real, FileInfo& info) {
    Error error{"", ""};
    auto found = resolve(host_, path, &error);
    if (!found) {
      if (!error.code().empty()) {
        verdict_.unseen = error.text();
        return false;
      }
      auto link = host_.read_link(path);
      fail(path, link ? fmt::format("is a link to {}, which does not exist", *link)
                      : fmt::format("does not exist{}", what));
      return false;
    }
    real = *found;
    auto seen = host_.stat(real);
    if (!seen) {
      verdict_.unseen = seen.error().text();
      return false;
    }
    info = *seen;
    if (homes_hidden_ && !privileged_)
      for (std::string_view home : {"/home/", "/root/", "/run/user/"})
        if (real.string().starts_with(home)) {
          fail(path, "lies in a home directory, which ProtectHome= hides from the service");
          return false;
        }
    if (auto wall = barred(real)) {
      fail(path, fmt::format("cannot be reached by {}: it may not pass {}", unit_.user(), wall->string()));
      return false;
    }
    return true;
  }

  /// The file, and what its "#!" line names.
  bool executable(const std::string& path, int depth) {
    if (unresolved(path) || depth > kMostInterpreters) return false;
    fs::path real;
    FileInfo info;
    if (!exists(path, depth == 0 ? "" : ": it is the interpreter of the program", real, info)) return false;
    if (info.kind != FileInfo::Kind::regular) {
      fail(path, "is no file");
      return false;
    }
    if ((info.mode & 0111) == 0) {
      fail(path, fmt::format("is not executable (mode {:04o})", info.mode & 07777U));
      return false;
    }
    auto head = host_.read_part(real, 0, 256);
    if (!head) return true;
    if (info.size == 0) {
      fail(path, "is empty");
      return false;
    }
    if (!head->bytes.starts_with("#!")) return true;
    auto line = std::string_view(head->bytes).substr(2);
    line = line.substr(0, line.find('\n'));
    // A line end of another system becomes part of the interpreter's name.
    if (line.ends_with('\r')) {
      fail(path, "ends its lines with CR LF, so its interpreter is not found");
      return false;
    }
    auto parts = words(line);
    if (parts.empty() || !parts[0].starts_with('/')) return true;
    if (!executable(std::string(parts[0]), depth + 1)) return false;
    if (program_name(parts[0]) != "env") return true;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      if (parts[i].starts_with('-') || parts[i].find('=') != std::string_view::npos) continue;
      return by_name(std::string(parts[i]), path);
    }
    return true;
  }

  bool by_name(const std::string& name, const std::string& wanted_by) {
    if (unresolved(name)) return false;
    if (name.find('/') != std::string::npos) return executable(name, 1);
    auto found = in_path(name, search_path(true));
    if (!verdict_.unseen.empty()) return false;
    if (found) return executable(*found, 1);
    fail(name, fmt::format("is not in the service's PATH, and {} needs it", wanted_by));
    return false;
  }

  /// "node /opt/x/index.js", "bash /opt/x.sh", "env node …": what follows the interpreter.
  void behind(const std::vector<std::string>& argv) {
    auto name = std::string(program_name(argv.empty() ? "" : argv[0]));
    if (name == "env") {
      auto inner = without_wrappers(argv);
      if (inner.empty() || !by_name(inner[0], "env")) return;
      behind(inner);
      return;
    }
    constexpr std::array<std::string_view, 12> kInterpreters = {
        "node", "nodejs", "bun", "python3", "python", "bash", "sh", "dash", "zsh", "perl", "ruby", "deno"};
    bool known =
        std::ranges::find(kInterpreters, name) != kInterpreters.end() || name.starts_with("python3.");
    if (!known) return;
    constexpr std::array<std::string_view, 12> kNoScript = {"-c",  "-e",  "-m",  "-p", "--eval", "--print",
                                                            "run", "-lc", "-ec", "-s", "-i",     "x"};
    constexpr std::array<std::string_view, 9> kValued = {"-r", "--require", "--import", "--loader",  "-W",
                                                         "-X", "-o",        "-O",       "--env-file"};
    for (std::size_t i = 1; i < argv.size(); ++i) {
      const auto& word = argv[i];
      if (std::ranges::find(kNoScript, word) != kNoScript.end()) return;
      if (std::ranges::find(kValued, word) != kValued.end()) {
        ++i;
        continue;
      }
      if (word.starts_with('-')) continue;
      if (!word.starts_with('/') || unresolved(word)) return;
      fs::path real;
      FileInfo info;
      exists(word, fmt::format(": it is what {} shall run", name), real, info);
      return;
    }
  }

  std::optional<fs::path> where_now(const std::string& name) const {
    std::vector<fs::path> places(kPath.begin(), kPath.end());
    for (const auto* more : {"/opt/node/bin", "/snap/bin", "/usr/lib/node_modules/.bin",
                             "/usr/local/lib/node_modules/openclaw", "/usr/lib/node_modules/openclaw"})
      places.emplace_back(more);
    auto add_home = [&](const fs::path& home) {
      for (const auto* more : {".local/bin", ".npm-global/bin", "bin", ".volta/bin", ".bun/bin",
                               ".local/share/pnpm", ".cargo/bin"})
        places.push_back(home / more);
      auto versions = home / ".nvm/versions/node";
      if (auto names = host_.list(versions))
        for (const auto& version : *names) places.push_back(versions / version / "bin");
    };
    if (auto accounts = host_.accounts()) {
      std::vector<fs::path> seen;
      for (const auto& account : *accounts)
        if (account.home != "/" && std::ranges::find(seen, account.home) == seen.end()) {
          seen.push_back(account.home);
          add_home(account.home);
        }
    }
    for (const auto& place : places)
      if (auto real = resolve(host_, place / name)) {
        auto info = host_.stat(*real);
        if (info && info->kind == FileInfo::Kind::regular) return place / name;
      }
    return std::nullopt;
  }

  const Host& host_;
  const Unit& unit_;
  std::optional<RunsAs> as_;
  bool homes_hidden_ = false, privileged_ = false;
  ProgramVerdict verdict_;
};

bool condition_holds(const Site& site, std::string_view key, const fs::path& path) {
  auto real = resolve(site.host(), path);
  if (!real) return false;
  auto info = site.host().stat(*real);
  if (!info) return false;
  if (key == "ConditionFileIsExecutable")
    return info->kind == FileInfo::Kind::regular && (info->mode & 0111) != 0;
  if (key == "ConditionFileNotEmpty") return info->kind == FileInfo::Kind::regular && info->size > 0;
  if (key == "ConditionPathIsDirectory") return info->kind == FileInfo::Kind::directory;
  if (key == "ConditionDirectoryNotEmpty") {
    auto names = site.host().list(*real);
    return names && !names->empty();
  }
  return true;
}

}  // namespace

ProgramVerdict judge_program(const Site& site, const Unit& unit, const systemd::Command& command) {
  return Judge(site, unit).judge(command);
}

std::optional<bool> conditions_hold(const Site& site, const Unit& unit) {
  constexpr std::array<std::string_view, 5> kPaths = {"ConditionPathExists", "ConditionFileIsExecutable",
                                                      "ConditionFileNotEmpty", "ConditionPathIsDirectory",
                                                      "ConditionDirectoryNotEmpty"};
  bool others = false;
  bool any_of_them = false, one_held = false;
  for (const auto& a : unit.file.assignments()) {
    bool condition = a.key.starts_with("Condition") || a.key.starts_with("Assert");
    if (a.section != "Unit" || !condition || a.value.empty()) continue;
    auto key = a.key.starts_with("Assert") ? "Condition" + a.key.substr(6) : a.key;
    auto value = systemd::expand(a.value, unit.specifiers());
    std::string_view path = value;
    bool triggers = path.starts_with('|');
    if (triggers) path.remove_prefix(1);
    bool negated = path.starts_with('!');
    if (negated) path.remove_prefix(1);
    path = trim(path);
    if (std::ranges::find(kPaths, key) == kPaths.end() || !path.starts_with('/') ||
        path.find('%') != std::string_view::npos) {
      others = true;
      continue;
    }
    bool holds = condition_holds(site, key, path) != negated;
    if (triggers) {
      any_of_them = true;
      one_held = one_held || holds;
    } else if (!holds) {
      return false;
    }
  }
  if (any_of_them && !one_held && !others) return false;
  return others ? std::nullopt : std::optional(true);
}

}  // namespace meshops::audit
