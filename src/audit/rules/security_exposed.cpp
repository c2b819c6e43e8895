// Secrets that lie where others can see them.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "audit/secret_inventory.h"
#include "audit/secrets.h"
#include "audit/security_facts.h"
#include "audit/security_rules.h"
#include "audit/units.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLargest = 1U << 20;
constexpr std::size_t kMostTemporary = 2000;

constexpr std::array<std::string_view, 14> kHistories = {
    ".bash_history",      ".zsh_history",      ".sh_history",   ".ash_history",   ".ksh_history",
    ".history",           ".zhistory",         ".psql_history", ".mysql_history", ".python_history",
    ".node_repl_history", ".rediscli_history", "fish_history",  ".histfile"};
bool is_history(const fs::path& path) {
  return std::ranges::find(kHistories, path.filename().string()) != kHistories.end();
}

/// Dot files of a home that hold credentials, or often do.
constexpr std::array<std::string_view, 20> kOfHome = {".npmrc",
                                                      ".netrc",
                                                      ".pgpass",
                                                      ".git-credentials",
                                                      ".aws/credentials",
                                                      ".docker/config.json",
                                                      ".env",
                                                      ".bashrc",
                                                      ".profile",
                                                      ".bash_profile",
                                                      ".zshrc",
                                                      ".config/gh/hosts.yml",
                                                      ".pypirc",
                                                      ".my.cnf",
                                                      ".vault-token",
                                                      ".config/openai/auth.json",
                                                      ".codex/auth.json",
                                                      ".claude.json",
                                                      ".claude/.credentials.json",
                                                      ".kube/config"};

bool is_public_test(std::string_view kind) { return kind.find("test") != std::string_view::npos; }

class Exposed {
 public:
  Exposed(const Site& site, Findings& out) : site_(site), out_(out) {}

  void check() {
    units();
    crontabs();
    if (site_.repo()) {
      for (const auto& file : site_.files().all()) {
        if (is_history(file.path))
          history(file.path);
        else if (file.kind == FileKind::script || file.kind == FileKind::cron_script)
          script(file.path);
      }
      return;
    }
    histories();
    world_readable();
    temporary();
    if (site_.live()) arguments();
  }

 private:
  void add(const Where& at, const std::string& found, std::string_view wanted, const std::string& message,
           std::string_view fix, const std::string& about) {
    if (!told_.insert(fmt::format("{}:{}:{}:{}", at.file, at.line, at.column, about)).second) return;
    out_.add(at)
        .found("{}", found)
        .wanted("{}", wanted)
        .message("{}", message)
        .fix("rotate it first: it has been seen; then {}", fix)
        .about("{}", about);
  }
  static std::string told_as(std::string_view kind, std::string_view name) {
    return name.empty() || name == kind ? std::string(kind) : fmt::format("{} ({})", kind, name);
  }

  void every_hit(const fs::path& path, const std::string& text, std::string_view where,
                 std::string_view wanted, const std::string& message, std::string_view fix) {
    for (const auto& hit : find_secrets(text)) {
      if (is_public_test(hit.kind)) continue;
      add(site_.at(path, hit.line, hit.column), fmt::format("{} in {}", told_as(hit.kind, hit.name), where),
          wanted, message, fix, hit.name.empty() ? std::string(hit.kind) : hit.name);
    }
  }

  /// Unit files are readable by everybody, and systemctl show tells their environment to everybody.
  void units() {
    const auto& all = site_.facts<Units>();
    for (const auto& skip : all.skips()) out_.skip(skip.what, skip.reason);
    std::vector<fs::path> files;
    for (const auto* list : {&all.services(), &all.others()})
      for (const auto& unit : *list) {
        // What a package brought holds nobody's secrets.
        if (!site_.repo() && unit.path.string().starts_with("/usr/lib/")) {
          files.insert(files.end(), unit.drop_ins.begin(), unit.drop_ins.end());
          continue;
        }
        files.push_back(unit.path);
        files.insert(files.end(), unit.drop_ins.begin(), unit.drop_ins.end());
      }
    for (const auto* file : site_.files().of(FileKind::unit_drop_in)) files.push_back(file->path);
    std::ranges::sort(files);
    auto twice = std::ranges::unique(files);
    files.erase(twice.begin(), twice.end());
    for (const auto& path : files) {
      auto text = read_or_skip(site_, path, out_);
      if (!text) continue;
      every_hit(path, *text, "a unit file", "a credential or a file of mode 0600",
                "everybody on this machine can read it with systemctl cat or systemctl show",
                "put it into a 0600 EnvironmentFile= or LoadCredential=");
      environment(path, *text);
    }
  }
  /// Environment= with values that only their names show to be secrets.
  void environment(const fs::path& path, const std::string& text) {
    auto unit = systemd::UnitFile::parse(text, site_.shown(path));
    for (const auto& a : unit.assignments()) {
      if (a.section != "Service" || a.key != "Environment") continue;
      auto parts = systemd::split_words(a.value);
      if (!parts) continue;
      for (const auto& part : *parts) {
        auto sign = part.find('=');
        if (sign == std::string::npos) continue;
        auto name = part.substr(0, sign);
        auto kind = secret_kind(name, part.substr(sign + 1));
        if (!kind || is_public_test(*kind)) continue;
        // Already told by its shape?
        bool told = std::ranges::any_of(out_.list(), [&](const Finding& f) {
          return f.at.file == a.at.file && f.at.line >= a.at.line && f.about == name;
        });
        if (told) continue;
        auto lines = split(text, '\n');
        auto line = a.at.line;
        std::size_t column = 1;
        for (auto i = a.at.line; i <= lines.size(); ++i) {
          auto at = lines[i - 1].find(name + "=");
          if (at != std::string_view::npos) {
            line = i;
            column = at + name.size() + 2;
            break;
          }
          if (!lines[i - 1].ends_with('\\')) break;
        }
        add(site_.at(path, line, column), fmt::format("{} in a unit file", told_as(*kind, name)),
            "a credential or a file of mode 0600",
            "everybody on this machine can read it with systemctl cat or systemctl show",
            "put it into a 0600 EnvironmentFile= or LoadCredential=", name);
      }
    }
  }

  void crontabs() {
    for (auto kind : {FileKind::crontab, FileKind::system_crontab})
      for (const auto* file : site_.files().of(kind))
        if (auto text = read_or_skip(site_, file->path, out_))
          every_hit(file->path, *text, "a crontab", "read from a file of mode 0600 by the job itself",
                    "cron puts it into mails and logs, and its process shows it to everybody",
                    "let the job read it from a 0600 file");
  }

  void history(const fs::path& path) {
    auto info = site_.host().stat(path);
    if (!info || info->kind != FileInfo::Kind::regular) return;
    auto part = site_.host().read_part(path, -static_cast<std::int64_t>(4 * kLargest), 4 * kLargest);
    if (!part) {
      out_.skip(site_.shown(path), std::string(part.error().text()));
      return;
    }
    if (part->file.size > 4 * kLargest) out_.skip(site_.shown(path), "only its last 4 MiB were read");
    every_hit(
        path, part->bytes, "a shell's history", "no secret on a command line",
        "whoever gets at this account or its backups reads it",
        "take the line out of the history, and begin such commands with a blank (HISTCONTROL=ignorespace)");
  }
  void histories() {
    for (const auto& account : accounts())
      for (auto name : kHistories) {
        history(account.home / name);
        if (name == "fish_history") history(account.home / ".local/share/fish/fish_history");
      }
  }
  std::vector<Account> accounts() {
    auto all = site_.host().accounts();
    if (!all) {
      out_.skip("/etc/passwd", std::string(all.error().text()));
      return {};
    }
    std::set<fs::path> homes;
    std::vector<Account> out;
    for (const auto& account : *all)
      if (account.home.has_parent_path() && account.home != "/" && homes.insert(account.home).second)
        out.push_back(account);
    return out;
  }

  /// A secret given to a program as an argument: everybody sees it in the list of processes while it runs.
  void script(const fs::path& path) {
    auto text = read_or_skip(site_, path, out_);
    if (!text || text->size() > kLargest) return;
    auto lines = split(*text, '\n');
    for (const auto& hit : find_secrets(*text)) {
      if (is_public_test(hit.kind) || hit.kind.find("private key") != std::string_view::npos) continue;
      if (hit.line > lines.size()) continue;
      auto line = lines[hit.line - 1];
      if (trim(line).starts_with('#')) continue;
      auto before = line.substr(0, std::min(hit.column - 1, line.size()));
      if (!is_argument(before)) continue;
      add(site_.at(path, hit.line, hit.column),
          fmt::format("{} as an argument of a program", told_as(hit.kind, hit.name)),
          "given in a file or on standard input",
          "while that runs, everybody on the machine sees it in the list of processes",
          "give it in a 0600 file or on standard input", hit.name.empty() ? std::string(hit.kind) : hit.name);
    }
  }
  /// Whether what stands before a value on its line makes it an argument, not an assignment of the script.
  static bool is_argument(std::string_view before) {
    auto plain = trim(before);
    for (auto word : {"export ", "local ", "readonly ", "declare "})
      if (plain.starts_with(word)) plain = trim(plain.substr(std::string_view(word).size()));
    auto blank = plain.find_first_of(" \t");
    auto sign = plain.find('=');
    // NAME="…: nothing but the assignment itself, also inside of a heredoc.
    if (sign != std::string_view::npos && (blank == std::string_view::npos || sign < blank)) {
      auto rest = plain.substr(sign + 1);
      bool closed =
          !rest.empty() && (rest.find(' ') != std::string_view::npos) && rest[0] != '"' && rest[0] != '\'';
      if (!closed) return false;
    }
    constexpr std::array<std::string_view, 9> kOptions = {" --", " -H", " -u", " -p", " -d",
                                                          " -e", " -t", " -k", " -a"};
    bool option =
        std::ranges::any_of(kOptions, [&](auto o) { return before.find(o) != std::string_view::npos; }) ||
        plain.starts_with("--") || plain.starts_with("-");
    if (option) return plain.find("echo ") != 0 && plain.find("printf ") != 0;
    // curl https://user:password@…, curl https://api.telegram.org/bot…
    return before.find("curl ") != std::string_view::npos || before.find("wget ") != std::string_view::npos ||
           before.find("psql ") != std::string_view::npos ||
           before.find("git clone ") != std::string_view::npos;
  }

  /// Whether others can walk down to it.
  bool reachable(const fs::path& path) const {
    for (auto directory = path.parent_path(); directory != "/" && !directory.empty();
         directory = directory.parent_path()) {
      auto info = site_.host().stat(directory);
      if (!info) return true;
      if (info->kind == FileInfo::Kind::directory && info->mode != 0 && (info->mode & 01U) == 0) return false;
    }
    return true;
  }
  void world_readable(const fs::path& path) {
    auto info = site_.host().stat(path);
    if (!info || info->kind != FileInfo::Kind::regular || (info->mode & 04U) == 0 || info->size > kLargest)
      return;
    if (!looked_.insert(path).second || !reachable(path)) return;
    auto text = read_or_skip(site_, path, out_);
    if (!text || text->find('\0') != std::string::npos) return;
    every_hit(path, *text, fmt::format("a file of mode {:04o}", info->mode), "mode 0600",
              "every account of this machine can read it", fmt::format("chmod 600 {}", path.string()));
  }
  void world_readable() {
    for (auto kind : {FileKind::env_file, FileKind::gateway_config, FileKind::compose, FileKind::mesh_toml,
                      FileKind::daemon_json, FileKind::ssh_private_key})
      for (const auto* file : site_.files().of(kind)) world_readable(file->path);
    for (const auto& secret : site_.facts<SecretInventory>().secrets()) world_readable(secret.file);
    for (const auto& account : accounts())
      for (auto name : kOfHome) world_readable(account.home / name);
    for (const auto* directory : {"/etc/default", "/etc/profile.d", "/etc/openclaw", "/etc/meshops",
                                  "/usr/local/bin", "/etc/sysconfig"})
      if (auto names = site_.host().list(directory))
        for (const auto& name : *names) world_readable(fs::path(directory) / name);
    for (const auto* file : {"/etc/environment", "/etc/wgetrc", "/etc/apt/auth.conf"}) world_readable(file);
    if (auto names = site_.host().list("/etc/wireguard"))
      for (const auto& name : *names) world_readable(fs::path("/etc/wireguard") / name);
    for (const auto& home : site_.facts<GatewayHomes>().all) {
      if (auto names = site_.host().list(home.directory))
        for (const auto& name : *names)
          if (name == ".env" || name.ends_with(".json") || name.ends_with(".bak"))
            world_readable(home.directory / name);
      if (auto names = site_.host().list(home.directory / "credentials"))
        for (const auto& name : *names) world_readable(home.directory / "credentials" / name);
    }
  }

  void temporary() {
    std::size_t count = 0;
    for (const auto* directory : {"/tmp", "/var/tmp", "/dev/shm"}) temporary(directory, 0, count);
    if (count >= kMostTemporary) out_.skip("/tmp", "more files than are looked at");
  }
  void temporary(const fs::path& directory, unsigned depth, std::size_t& count) {
    auto names = site_.host().list(directory);
    if (!names) {
      if (names.error().is("file.not_permitted"))
        out_.skip(site_.shown(directory), std::string(names.error().text()));
      return;
    }
    for (const auto& name : *names) {
      auto path = directory / name;
      auto info = site_.host().stat(path);
      if (!info || ++count > kMostTemporary) continue;
      if (info->kind == FileInfo::Kind::directory && depth < 1) temporary(path, depth + 1, count);
      if (info->kind != FileInfo::Kind::regular || info->size > kLargest || info->size == 0) continue;
      auto text = site_.host().read(path);
      if (!text) {
        out_.skip(site_.shown(path), std::string(text.error().text()));
        continue;
      }
      if (text->find('\0') != std::string::npos) continue;
      every_hit(path, *text, "a directory for temporary files", "not there",
                "it lies where every program puts and looks for things, and nobody tidies it up by name",
                fmt::format("shred -u {}", path.string()));
    }
  }

  void arguments() {
    auto all = site_.host().processes();
    if (!all) return out_.skip("processes", std::string(all.error().text()));
    for (const auto& process : *all)
      for (std::size_t i = 0; i < process.argv.size(); ++i) {
        const auto& word = process.argv[i];
        std::optional<std::string_view> kind;
        std::string name;
        if (auto sign = word.find('='); sign != std::string::npos) {
          name = word.substr(0, sign);
          while (name.starts_with('-')) name.erase(0, 1);
          kind = secret_kind(name, word.substr(sign + 1));
        } else if (i > 0 && process.argv[i - 1].starts_with("--") && !word.starts_with('-')) {
          name = process.argv[i - 1].substr(2);
          kind = secret_kind(name, word);
        }
        if (!kind) {
          // Anything that shows what it is, also in a header; but a bare word that only a name would make
          // one.
          for (const auto& hit : find_secrets(word))
            if (!kind) kind = hit.kind;
          if (kind) name.clear();
        }
        if (!kind || is_public_test(*kind)) continue;
        add({},
            fmt::format("{} in the arguments of {} (pid {})", told_as(*kind, name), process.comm,
                        process.pid),
            "given in a file or in the environment",
            "everybody on this machine sees it in the list of processes",
            "give it in a 0600 file or in the environment of its unit",
            fmt::format("{} {}", process.comm, name.empty() ? std::string(*kind) : name));
      }
  }

  const Site& site_;
  Findings& out_;
  std::set<std::string> told_;
  std::set<fs::path> looked_;
};

void exposed_secrets(const Site& site, Findings& out) { Exposed(site, out).check(); }

const Rule kRules[] = {
    {.id = "SEC-009",
     .severity = Severity::critical,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A secret lies where others can see it",
     .why = "World-readable files, temporary directories, histories, unit files and arguments are read by "
            "every account and every backup.",
     .not_when = "placeholders and references",
     .remedy = "Rotate it, then keep it in a 0600 file or a credential.",
     .check = exposed_secrets},
};

}  // namespace

std::span<const Rule> security_exposed_rules() { return kRules; }

}  // namespace meshops::audit
