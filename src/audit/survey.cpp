#include "audit/survey.h"

#include <algorithm>
#include <array>
#include <set>

#include "audit/site.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kHead = 4096;
/// More than any folder of configuration has: a survey of a whole disk must end.
constexpr std::size_t kMostFiles = 200'000;
constexpr std::size_t kDeepest = 64;

constexpr std::array<std::string_view, 20> kKinds = {
    "unit",        "unit_drop_in",   "dockerfile",      "compose",        "daemon_json",
    "sshd_config", "ssh_config",     "authorized_keys", "ssh_public_key", "ssh_private_key",
    "crontab",     "system_crontab", "cron_script",     "gateway_config", "env_file",
    "zone",        "script",         "mesh_toml",       "cloud_export",   "other"};

constexpr std::array<std::string_view, 10> kUnitSuffixes = {
    ".service", ".timer", ".socket", ".path", ".mount", ".automount", ".swap", ".target", ".slice", ".scope"};
/// As the exports of gcloud and bq are called.
constexpr std::array<std::string_view, 11> kExports = {
    "instances.json",  "disks.json",          "addresses.json",        "routers.json",
    "subnets.json",    "tables.json",         "iam-policy.json",       "service-account-keys.json",
    "org-policy.json", "firewall-rules.json", "resource-policies.json"};
/// Not read to find out what they are: nothing that a rule knows ends like this.
constexpr std::array<std::string_view, 24> kOpaque = {
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico",  ".pdf",  ".zip",   ".gz",  ".xz",     ".zst", ".bz2",
    ".tar", ".o",   ".a",    ".so",  ".pyc",  ".wasm", ".woff", ".woff2", ".mp4", ".sqlite", ".deb", ".map"};
/// Others' code and version control's own files.
constexpr std::array<std::string_view, 5> kPassedBy = {".git", "node_modules", ".hg", ".svn", "__pycache__"};

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::ranges::find(list, word) != list.end();
}

bool is_yaml(std::string_view name) { return name.ends_with(".yml") || name.ends_with(".yaml"); }

bool is_unit_name(std::string_view name) {
  return std::ranges::any_of(
      kUnitSuffixes, [&](auto suffix) { return name.size() > suffix.size() && name.ends_with(suffix); });
}

bool has_line(std::string_view head, auto matches) {
  for (auto line : split(head, '\n'))
    if (matches(line)) return true;
  return false;
}

bool is_shell(std::string_view head) {
  if (!head.starts_with("#!")) return false;
  auto first = head.substr(2, head.find('\n') - 2);
  auto parts = words(first);
  if (parts.empty()) return false;
  auto interpreter = parts[0];
  if (interpreter.ends_with("/env") && parts.size() > 1)
    interpreter = parts[1] == "-S" && parts.size() > 2 ? parts[2] : parts[1];
  auto base = interpreter.substr(interpreter.rfind('/') + 1);
  constexpr std::array<std::string_view, 6> kShells = {"sh", "bash", "dash", "ksh", "zsh", "ash"};
  return one_of(base, kShells);
}

bool is_compose(std::string_view head) {
  bool services = false, made = false;
  for (auto line : split(head, '\n')) {
    if (line.starts_with("services:")) services = true;
    auto word = trim(line);
    if (services && line != word && (word.starts_with("image:") || word.starts_with("build:"))) made = true;
  }
  return made;
}

bool is_zone(std::string_view head) {
  return has_line(head, [](std::string_view line) {
    if (line.starts_with("$ORIGIN") || line.starts_with("$TTL")) return true;
    auto parts = words(line);
    for (std::size_t i = 0; i + 1 < parts.size(); ++i)
      if (parts[i] == "IN" && parts[i + 1] == "SOA") return true;
    return false;
  });
}

/// With a user field: every job's sixth word is an account's name, and there is a seventh.
bool names_users(std::string_view head) {
  bool any = false;
  for (auto line : split(head, '\n')) {
    auto parts = words(line);
    if (parts.empty() || parts[0].starts_with('#') || parts[0].find('=') != std::string_view::npos) continue;
    std::size_t user = parts[0].starts_with('@') ? 1 : 5;
    if (parts.size() < user + 2 || parts[user] != "root") return false;
    any = true;
  }
  return any;
}

/// What the path alone says; nothing: the content decides.
std::optional<FileKind> kind_by_name(const fs::path& path) {
  const std::string name = path.filename().string();
  const std::string parent = path.parent_path().filename().string();
  const std::string whole = path.string();
  if (is_unit_name(name)) return FileKind::unit;
  if (name.ends_with(".conf") && parent.ends_with(".d") && is_unit_name(parent.substr(0, parent.size() - 2)))
    return FileKind::unit_drop_in;
  if (!name.ends_with(".dockerignore") && !name.ends_with(".md") &&
      (name.starts_with("Dockerfile") || name.starts_with("Containerfile") ||
       lower(name).ends_with(".dockerfile")))
    return FileKind::dockerfile;
  if (is_yaml(name) &&
      (name.starts_with("docker-compose") || name.starts_with("compose.") || name.starts_with("compose-")))
    return FileKind::compose;
  if (name == "daemon.json") return FileKind::daemon_json;
  if (name.ends_with("sshd_config") || (parent == "sshd_config.d" && name.ends_with(".conf")))
    return FileKind::sshd_config;
  if (name.ends_with("ssh_config") || (parent == "ssh_config.d" && name.ends_with(".conf")) ||
      (parent == ".ssh" && name == "config"))
    return FileKind::ssh_config;
  if (name == "authorized_keys" || name == "authorized_keys2") return FileKind::authorized_keys;
  if (parent == "cron.d") return FileKind::system_crontab;
  if (name == "crontab" && parent == "etc") return FileKind::system_crontab;
  if (whole.find("/var/spool/cron/") != std::string::npos) return FileKind::crontab;
  if (parent == "cron.hourly" || parent == "cron.daily" || parent == "cron.weekly" ||
      parent == "cron.monthly")
    return FileKind::cron_script;
  if (name == "openclaw.json" || name == "openclaw.json5" || name == "clawdbot.json" ||
      name.ends_with(".openclaw.json"))
    return FileKind::gateway_config;
  if (name == ".env" || name.starts_with(".env.") || name.ends_with(".env")) return FileKind::env_file;
  if (name.ends_with(".zone")) return FileKind::zone;
  if (name.ends_with(".sh") || name.ends_with(".bash")) return FileKind::script;
  if (name == "mesh.toml") return FileKind::mesh_toml;
  for (auto suffix : kOpaque)
    if (name.ends_with(suffix)) return FileKind::other;
  return std::nullopt;
}

FileKind kind_by_content(const fs::path& path, std::string_view head) {
  const std::string name = path.filename().string();
  if (head.find('\0') != std::string_view::npos) return FileKind::other;
  if (name == "crontab" || name.ends_with(".crontab") || name.ends_with(".cron") ||
      name.starts_with("crontab."))
    return names_users(head) ? FileKind::system_crontab : FileKind::crontab;
  if (head.starts_with("-----BEGIN ") &&
      head.substr(0, head.find('\n')).find("PRIVATE KEY") != std::string_view::npos)
    return FileKind::ssh_private_key;
  if (name.ends_with(".pub") &&
      (head.starts_with("ssh-") || head.starts_with("ecdsa-") || head.starts_with("sk-")))
    return FileKind::ssh_public_key;
  if (is_shell(head)) return FileKind::script;
  if (is_yaml(name) && is_compose(head)) return FileKind::compose;
  if ((name.starts_with("db.") || name.ends_with(".db") || name.ends_with(".dns")) && is_zone(head))
    return FileKind::zone;
  return FileKind::other;
}

}  // namespace

std::string_view text(FileKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

FileKind kind_of(const fs::path& path, std::string_view head) {
  if (auto named = kind_by_name(path)) return *named;
  return kind_by_content(path, head);
}

/// Walks a site.
class Surveyor {
 public:
  Surveyor(const Site& site, Survey& out) : site_(site), out_(out) {}

  void whole_folder() { walk("/", 0); }

  void cloud_exports() {
    auto names = site_.host().list("/");
    if (!names) return skip("/", names.error());
    for (const auto& name : *names)
      if (one_of(name, kExports)) add(fs::path("/") / name, FileKind::cloud_export);
  }

  /// Where a machine keeps what rules read.
  void machine() {
    for (const auto* directory :
         {"/etc/systemd/system", "/etc/systemd/user", "/run/systemd/system", "/usr/local/lib/systemd/system",
          "/usr/lib/systemd/system", "/usr/lib/systemd/user"})
      units(directory);
    for (const auto* file : {"/etc/ssh/sshd_config", "/etc/ssh/ssh_config", "/etc/crontab",
                             "/etc/docker/daemon.json", "/etc/meshops/mesh.toml"})
      here(file);
    for (const auto* directory :
         {"/etc/ssh", "/etc/ssh/sshd_config.d", "/etc/ssh/ssh_config.d", "/etc/cron.d", "/etc/cron.hourly",
          "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly", "/var/spool/cron/crontabs"})
      children(directory);
    auto accounts = site_.host().accounts();
    if (!accounts) return skip("/etc/passwd", accounts.error());
    std::set<fs::path> homes;
    for (const auto& account : *accounts)
      if (account.home.has_parent_path() && account.home != "/" && homes.insert(account.home).second) {
        home(account.home);
        if (account.home == "/root" || account.home.string().starts_with("/home/")) stacks(account.home);
      }
    for (const auto* base : {"/opt", "/srv"}) stacks(base);
  }

  void finish() {
    std::ranges::sort(out_.files_, {}, &FoundFile::path);
    auto twice = std::ranges::unique(out_.files_, {}, &FoundFile::path);
    out_.files_.erase(twice.begin(), twice.end());
  }

 private:
  void skip(const fs::path& path, const Error& why) {
    out_.skips_.push_back({"", site_.shown(path), std::string(why.text())});
  }

  void walk(const fs::path& directory, std::size_t depth) {
    if (depth > kDeepest) {
      out_.skips_.push_back({"", site_.shown(directory), "nested too deep"});
      return;
    }
    auto names = site_.host().list(directory);
    if (!names) return skip(directory, names.error());
    if (std::ranges::find(*names, ".git") != names->end()) out_.repositories_.push_back(directory);
    bool bare = std::ranges::find(*names, "HEAD") != names->end() &&
                std::ranges::find(*names, "objects") != names->end() &&
                std::ranges::find(*names, "refs") != names->end();
    if (bare) {
      out_.repositories_.push_back(directory);
      return;
    }
    for (const auto& name : *names) {
      auto path = directory / name;
      auto info = site_.host().stat(path);
      if (!info) {
        skip(path, info.error());
        continue;
      }
      if (info->kind == FileInfo::Kind::directory) {
        if (!one_of(name, kPassedBy)) walk(path, depth + 1);
      } else if (info->kind == FileInfo::Kind::regular) {
        if (out_.files_.size() >= kMostFiles) {
          if (!full_) out_.skips_.push_back({"", site_.shown(path), "more files than are looked at"});
          full_ = true;
          return;
        }
        add(path, *info);
      }
    }
  }

  void units(const fs::path& directory) {
    auto names = site_.host().list(directory);
    if (!names) return;
    for (const auto& name : *names) {
      auto path = directory / name;
      if (name.ends_with(".d"))
        children(path);
      else if (is_unit_name(name))
        here(path);
    }
  }

  /// Whether it is there or not: most machines lack most of them.
  void here(const fs::path& path) {
    if (auto info = site_.host().stat(path); info && info->kind == FileInfo::Kind::regular) add(path, *info);
  }
  void children(const fs::path& directory) {
    auto names = site_.host().list(directory);
    if (!names) {
      if (names.error().is("file.not_permitted")) skip(directory, names.error());
      return;
    }
    for (const auto& name : *names) here(directory / name);
  }

  /// Compose files in a directory or one below it: where people keep what they run.
  void stacks(const fs::path& base) {
    constexpr std::size_t kMostStacks = 256;
    auto compose_files = [this](const fs::path& directory, const std::vector<std::string>& names) {
      for (const auto& name : names)
        if (kind_by_name(directory / name) == FileKind::compose) here(directory / name);
    };
    auto names = site_.host().list(base);
    if (!names) return;
    compose_files(base, *names);
    if (names->size() > kMostStacks) names->resize(kMostStacks);
    for (const auto& name : *names) {
      if (name.starts_with('.')) continue;
      auto info = site_.host().stat(base / name);
      if (!info || info->kind != FileInfo::Kind::directory) continue;
      if (auto below = site_.host().list(base / name)) compose_files(base / name, *below);
    }
  }

  void home(const fs::path& home) {
    children(home / ".ssh");
    units(home / ".config/systemd/user");
    units(home / ".local/share/systemd/user");
    for (const auto* file : {".openclaw/openclaw.json", ".openclaw/.env", ".clawdbot/clawdbot.json",
                             ".config/meshops/mesh.toml"})
      here(home / file);
    // Profiles of the gateway: ~/.openclaw-NAME.
    if (auto names = site_.host().list(home))
      for (const auto& name : *names)
        if (name.starts_with(".openclaw-")) {
          here(home / name / "openclaw.json");
          here(home / name / ".env");
        }
  }

  void add(const fs::path& path, const FileInfo& info) {
    auto kind = kind_by_name(path);
    if (!kind) {
      auto head = site_.host().read_part(path, 0, kHead);
      if (!head) {
        skip(path, head.error());
        kind = FileKind::other;
      } else {
        kind = kind_by_content(path, head->bytes);
      }
    }
    out_.files_.push_back({path, *kind, info});
  }
  void add(const fs::path& path, FileKind kind) {
    if (auto info = site_.host().stat(path); info && info->kind == FileInfo::Kind::regular)
      out_.files_.push_back({path, kind, *info});
  }

  const Site& site_;
  Survey& out_;
  bool full_ = false;
};

Survey Survey::gather(const Site& site) {
  Survey out;
  Surveyor surveyor(site, out);
  switch (site.ground()) {
    case Ground::live:
    case Ground::root:
      surveyor.machine();
      break;
    case Ground::repo:
      surveyor.whole_folder();
      break;
    case Ground::cloud:
      surveyor.cloud_exports();
      break;
  }
  surveyor.finish();
  return out;
}

std::vector<const FoundFile*> Survey::of(FileKind kind) const {
  std::vector<const FoundFile*> out;
  for (const auto& file : files_)
    if (file.kind == kind) out.push_back(&file);
  return out;
}

}  // namespace meshops::audit
