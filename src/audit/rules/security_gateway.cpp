// The gateway itself: who may read its state, and whom it runs as.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "audit/gateway_processes.h"
#include "audit/gateway_units.h"
#include "audit/security_facts.h"
#include "audit/security_rules.h"
#include "audit/units.h"
#include "base/text.h"
#include "formats/sudoers.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

// ---- SEC-006 ----

std::string octal(mode_t mode) { return fmt::format("{:04o}", mode & 07777U); }

class StateModes {
 public:
  StateModes(const Site& site, const GatewayHome& home, Findings& out)
      : site_(site), owner_(home.owner), out_(out) {}

  void directory(const fs::path& path) {
    if (auto info = stat(path, FileInfo::Kind::directory)) judge(path, *info, 0700);
  }
  void file(const fs::path& path) {
    if (auto info = stat(path, FileInfo::Kind::regular)) judge(path, *info, 0600);
  }
  void files_of(const fs::path& folder) {
    auto names = list(folder);
    for (const auto& name : names) file(folder / name);
  }
  std::vector<std::string> list(const fs::path& folder) {
    auto names = site_.host().list(folder);
    if (names) return *names;
    if (names.error().is("file.not_permitted"))
      out_.skip(site_.shown(folder), std::string(names.error().text()));
    return {};
  }

 private:
  std::optional<FileInfo> stat(const fs::path& path, FileInfo::Kind kind) {
    auto info = site_.host().stat(path);
    if (info) return info->kind == kind ? std::optional(*info) : std::nullopt;
    if (!info.error().is("file.not_found")) out_.skip(site_.shown(path), std::string(info.error().text()));
    return std::nullopt;
  }

  void judge(const fs::path& path, const FileInfo& info, mode_t wanted) {
    bool open = (info.mode & 077U) != 0;
    bool foreign = owner_ && info.uid != owner_->uid;
    // Root's own file in /etc, which the gateway reads through its group and cannot change.
    if (foreign && info.uid == 0 && info.gid == owner_->gid && path.string().starts_with("/etc/") &&
        (info.mode & 027U) == 0)
      return;
    if (!open && !foreign) return;
    FileChange change{.path = path};
    std::vector<std::string> found, want, fix;
    if (open) {
      // What the owner may do stays: a file that is not writable on purpose remains so.
      change.mode = (info.mode & 0700U) == 0 ? wanted : (info.mode & wanted);
      found.push_back("mode " + octal(info.mode));
      want.push_back("mode " + octal(wanted));
      fix.push_back(fmt::format("chmod {} {}", octal(*change.mode), path.string()));
    }
    if (foreign) {
      change.uid = owner_->uid;
      change.gid = owner_->gid;
      found.push_back(fmt::format("owner {}", name_of(info.uid)));
      want.push_back("owner " + owner_->name);
      fix.push_back(fmt::format("chown {}: {}", owner_->name, path.string()));
    }
    out_.add(site_.at(path))
        .found("{}", join(found, ", "))
        .wanted("{}", join(want, ", "))
        .message("{}", open ? "other accounts of this machine can get at the gateway's keys and conversations"
                            : "somebody else owns what the gateway must be able to trust and to write")
        .fix("{}", join(fix, "; "))
        .about("{}", path.filename().string())
        .mend(Mend{.files = {change}, .verify = {}, .orders = {}});
  }
  std::string name_of(uid_t uid) const {
    if (auto accounts = site_.host().accounts())
      for (const auto& account : *accounts)
        if (account.uid == uid) return account.name;
    return fmt::format("uid {}", uid);
  }

  const Site& site_;
  std::optional<Account> owner_;
  Findings& out_;
};

void state_modes(const Site& site, Findings& out) {
  for (const auto& home : site.facts<GatewayHomes>().all) {
    StateModes state(site, home, out);
    const auto& folder = home.directory;
    if (home.state) state.directory(folder);
    for (const auto& name : state.list(folder))
      if (name == ".env" || name.starts_with("openclaw.json") || name.starts_with("clawdbot.json") ||
          name == "secrets.json" || name == "auth-profiles.json")
        state.file(folder / name);
    state.directory(folder / "credentials");
    state.files_of(folder / "credentials");
    for (const auto& agent : state.list(folder / "agents"))
      for (const auto* file : {"auth-profiles.json", "openclaw-agent.sqlite"})
        state.file(folder / "agents" / agent / "agent" / file);
  }
}

// ---- SEC-007 ----

constexpr std::string_view kOwnsAll = "whoever talks an agent into running a command owns the whole machine";

bool is_root(std::string_view user) { return user == "root" || user == "0"; }

/// A unit of a repo that is meant for a user's manager, though its folder does not say so.
bool for_user_manager(const Site& site, const Unit& unit) {
  if (unit.of_user) return true;
  if (!site.repo()) return false;
  std::string wanted;
  for (const auto& target : unit.list("Install", "WantedBy")) wanted += target + " ";
  if (wanted.find("multi-user.target") != std::string::npos ||
      wanted.find("graphical.target") != std::string::npos)
    return false;
  return wanted.find("default.target") != std::string::npos ||
         std::ranges::any_of(unit.file.assignments(),
                             [](const auto& a) { return a.value.find("%h/") != std::string::npos; }) ||
         std::ranges::any_of(unit.path.parent_path(), [](const fs::path& part) { return part == "user"; });
}

/// `docker run …`: root there is the engine's client, the gateway is somebody in a container.
bool runs_an_engine(const Unit& unit) {
  auto commands = unit.commands();
  return std::ranges::any_of(commands, [](const auto& c) { return is_engine(program_name(c.path)); });
}

/// Root in there is a plain user outside.
bool in_user_namespace(const Site& site, pid_t pid) {
  auto map = site.host().read(fmt::format("/proc/{}/uid_map", pid));
  if (!map) return false;
  auto word = words(*map);
  return word.size() >= 3 && (word[0] != "0" || word[1] != "0");
}

std::vector<fs::path> sudoers_of(const Site& site) {
  std::vector<fs::path> files;
  if (site.repo()) {
    for (const auto& file : site.files().all()) {
      auto name = file.path.filename().string();
      if (name == "sudoers" || name.ends_with(".sudoers") ||
          file.path.parent_path().filename() == "sudoers.d")
        files.push_back(file.path);
    }
    return files;
  }
  files.emplace_back("/etc/sudoers");
  auto names = site.host().list("/etc/sudoers.d").value_or(std::vector<std::string>());
  std::ranges::sort(names);
  for (const auto& name : names)
    // sudo itself passes these by.
    if (name.find('.') == std::string::npos && !name.ends_with('~'))
      files.push_back(fs::path("/etc/sudoers.d") / name);
  return files;
}

class Powers {
 public:
  Powers(const Site& site, Findings& out) : site_(site), out_(out) {}

  void check() {
    for (const auto* unit : site_.facts<Units>().gateways()) of_unit(*unit);
    for (const auto& home : site_.facts<GatewayHomes>().all)
      if (home.owner && home.state) users_.insert(home.owner->name);
    processes();
    std::erase_if(users_, [](const std::string& user) { return user.empty() || is_root(user); });
    if (!users_.empty()) sudo();
  }

 private:
  void of_unit(const Unit& unit) {
    if (runs_an_engine(unit)) return;
    bool user_unit = for_user_manager(site_, unit);
    bool of_root = user_unit && unit.owner && unit.owner->uid == 0;
    auto user = user_unit && !unit.of_user ? "" : unit.user();
    if (!of_root && !is_root(user)) {
      users_.insert(user);
      return;
    }
    units_.insert(unit.name);
    auto named = unit.file.value("Service", "User");
    out_.add(unit.at("Service", "User"))
        .found("{}", of_root ? "a unit of root's own manager"
                     : named ? "User=" + *named
                             : "no User=: root")
        .wanted("an account of its own: User=openclaw")
        .message("{}", kOwnsAll)
        .fix(
            "useradd --system --create-home openclaw; move the state directory to its home and chown it; "
            "[Service] User=openclaw")
        .about("{}", unit.name);
  }

  void processes() {
    const auto& all = site_.facts<GatewayProcesses>();
    for (const auto& skip : all.skips()) out_.skip(skip.what, skip.reason);
    auto accounts = site_.host().accounts().value_or(std::vector<Account>());
    for (const auto& process : all.all()) {
      if (process.info.uid != 0) {
        auto account = std::ranges::find(accounts, process.info.uid, &Account::uid);
        if (account != accounts.end() && !process.in_container) users_.insert(account->name);
        continue;
      }
      if (units_.contains(process.unit) || in_user_namespace(site_, process.info.pid)) continue;
      out_.add({})
          .found("the gateway (pid {}, started by {}) runs as root", process.info.pid, process.starter)
          .wanted("an account of its own")
          .message("{}", kOwnsAll)
          .fix("{}", process.in_container
                         ? "give the container a user (user: \"1000:1000\"), or the engine user namespaces "
                           "(userns-remap)"
                         : "start it from a unit with User=openclaw")
          .about("process of {}", process.unit.empty() ? process.info.comm : process.unit);
    }
  }

  void sudo() {
    struct Told {
      Where at;
      sudo::Grant grant;
    };
    std::map<std::string, Told> last;  // by user
    sudo::Aliases aliases;
    for (const auto& file : sudoers_of(site_)) {
      auto text = read_or_skip(site_, file, out_);
      if (!text) continue;
      for (const auto& grant : sudo::parse_grants(*text, aliases))
        for (const auto& user : users_)
          if (concerns(grant, user)) last.insert_or_assign(user, Told{site_.at(file, grant.line, 1), grant});
    }
    for (const auto& [user, told] : last) {
      if (told.grant.password) continue;
      out_.add(told.at)
          .found("{}", printable(told.grant.text))
          .wanted("no NOPASSWD: ALL for {}", user)
          .message("the gateway's account {} becomes root without a password: {}", user, kOwnsAll)
          .fix("visudo -f {}: name the few commands that {} needs, or take the line out", told.at.file, user)
          .about("{}", user);
    }
  }

  bool concerns(const sudo::Grant& grant, const std::string& user) {
    return std::ranges::any_of(grant.who, [&](const std::string& who) {
      if (who == user || who == "ALL") return true;
      const auto& own = groups_of(user);
      if (who.starts_with("#")) return own.contains(who);
      return who.starts_with('%') && own.contains(who.substr(1));
    });
  }
  /// Names of its groups, and its number as "#1000".
  const std::set<std::string>& groups_of(const std::string& user) {
    auto [it, fresh] = groups_.try_emplace(user);
    if (!fresh || site_.repo()) return it->second;
    std::optional<gid_t> primary;
    for (const auto& account : site_.host().accounts().value_or(std::vector<Account>()))
      if (account.name == user) {
        primary = account.gid;
        it->second.insert(fmt::format("#{}", account.uid));
      }
    auto text = site_.host().read("/etc/group").value_or("");
    for (auto line : split(text, '\n')) {
      auto part = split(line, ':');
      if (part.size() < 4) continue;
      auto members = split(part[3], ',');
      auto number = to_number<gid_t>(part[2]);
      if ((primary && number == primary) ||
          std::ranges::find(members, std::string_view(user)) != members.end())
        it->second.insert(std::string(part[0]));
    }
    return it->second;
  }

  const Site& site_;
  Findings& out_;
  std::set<std::string> users_, units_;
  std::map<std::string, std::set<std::string>> groups_;
};

void gateway_as_root(const Site& site, Findings& out) { Powers(site, out).check(); }

const Rule kRules[] = {
    {.id = "SEC-006",
     .severity = Severity::high,
     .reads = kLive | kRoot,
     .fix = Fix::automatic,
     .title = "Others can read the gateway's state",
     .why = "Its directory holds keys of every provider and channel, and every conversation.",
     .not_when = "root's own configuration in /etc that the gateway's group may read",
     .remedy = "700 for the directory, 600 for configuration, .env and credentials, and the right owner.",
     .check = state_modes},
    {.id = "SEC-007",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A gateway runs as root, or may become root at will",
     .why = "Agents run commands that strangers' messages can influence: as root, such a message owns the "
            "machine.",
     .not_when = "inside a container with user namespaces; units of a user's manager",
     .remedy = "An account of its own, without NOPASSWD: ALL.",
     .check = gateway_as_root},
};

}  // namespace

std::span<const Rule> security_gateway_rules() { return kRules; }

}  // namespace meshops::audit
