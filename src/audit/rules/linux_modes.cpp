// Files that everybody on the machine may write, where a service or its gateway believes in them.
#include <map>
#include <set>

#include "audit/gateway_configs.h"
#include "audit/linux_rules.h"
#include "audit/units.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostSeen = 60'000;  // of all places together
constexpr std::size_t kMostTold = 40;      // below one place; the others are counted

/// Somewhere to look, and who needs to write there.
struct Place {
  fs::path path;
  std::optional<Account> user;  // nothing: root's
  bool is_private = false;      // a gateway's state: nobody else's business
  int depth = 0;                // how far down
};

class Walk {
 public:
  Walk(const Site& site, Findings& out) : site_(site), out_(out) {
    if (auto accounts = site.host().accounts()) accounts_ = *accounts;
  }

  void all() {
    for (const auto& place : places()) {
      told_ = more_ = 0;
      rest_ = {};
      look(place, place.path, place.depth, true);
      if (more_ > 0)
        out_.add(site_.at(place.path))
            .found("{} more that everybody may write", more_)
            .wanted("writable by their owner only")
            .message("anybody on this machine may change what stands below {}", place.path.string())
            .fix("chmod -R o-w {}", place.path.string())
            .about("{} rest", place.path.string())
            .mend(rest_);
    }
    if (seen_ >= kMostSeen) out_.skip("files", "more than are looked at in one run");
  }

 private:
  std::optional<Account> account(const std::string& name) const {
    for (const auto& a : accounts_)
      if (a.name == name || std::to_string(a.uid) == name) return a;
    return std::nullopt;
  }

  /// The most special ones first: a path is looked at once.
  std::vector<Place> places() const {
    std::vector<Place> out;
    for (const auto& config : site_.facts<GatewayConfigs>().all()) {
      auto user = config.spec.user.empty() ? config.owner : account(config.spec.user);
      out.push_back({config.state_dir, user, true, 6});
      if (config.path.parent_path() != config.state_dir) out.push_back({config.path, user, true, 0});
    }
    const auto& units = site_.facts<Units>();
    for (const auto& unit : units.services()) {
      std::optional<Account> user = unit.owner;
      if (!unit.of_user) user = account(unit.file.value("Service", "User").value_or("root"));
      systemd::Specifiers specifiers{
          .unit = unit.name, .user = user ? user->name : "", .home = user ? user->home : ""};
      auto add = [&](std::string text, int depth, bool own) {
        if (text.starts_with('-')) text.erase(0, 1);
        fs::path path = fs::path(systemd::expand(text, specifiers)).lexically_normal();
        // What all share is nobody's service path.
        static const std::set<std::string> kShared = {
            "/",    "/tmp", "/var/tmp", "/home",     "/root", "/var",  "/run",     "/dev",    "/proc",
            "/sys", "/usr", "/usr/bin", "/usr/sbin", "/bin",  "/sbin", "/var/lib", "/var/log"};
        if (path.is_absolute() && !kShared.contains(path.string()))
          out.push_back({path, own ? user : std::nullopt, false, depth});
      };
      for (const auto& command : unit.commands()) {
        add(command.path, 0, false);
        // The script that an interpreter runs, and what else is given by its path.
        for (std::size_t i = 1; i < command.argv.size(); ++i)
          if (command.argv[i].starts_with('/')) add(command.argv[i], 0, false);
      }
      for (const auto& line : unit.file.values("Service", "EnvironmentFile")) add(line, 0, false);
      if (auto folder = unit.file.value("Service", "WorkingDirectory"); folder && folder->starts_with('/'))
        add(*folder, user && folder->starts_with(user->home.string() + "/") ? 3 : 1, true);
      for (const auto& line : unit.file.values("Service", "StateDirectory"))
        for (auto word : words(line)) add(fmt::format("/var/lib/{}", word), 3, true);
      out.push_back({unit.path, std::nullopt, false, 0});
    }
    for (const auto* folder : {"/etc", "/usr/local/bin", "/usr/local/sbin", "/usr/local/etc", "/opt", "/srv"})
      out.push_back({folder, std::nullopt, false, 8});
    return out;
  }

  void look(const Place& place, const fs::path& path, int depth, bool top) {
    auto before = done_.find(path.string());
    const bool seen = before != done_.end();
    if (seen_ >= kMostSeen || (seen && before->second >= depth)) return;
    auto info = site_.host().stat(path);
    if (!info) {
      if (info.error().is("file.not_permitted")) out_.skip(path.string(), info.error().text());
      return;
    }
    ++seen_;
    const bool directory = info->kind == FileInfo::Kind::directory;
    if (!directory && info->kind != FileInfo::Kind::regular) return;
    done_[path.string()] = depth;
    if (!seen) {
      const bool sticky = directory && (info->mode & 01000U) != 0;
      if ((info->mode & 0002U) != 0 && !sticky) tell(place, path, *info);
    }
    if (!directory || depth == 0) return;
    auto name = path.filename().string();
    if (!top && (name == "node_modules" || name == ".git")) return;
    auto names = site_.host().list(path);
    if (!names) {
      if (names.error().is("file.not_permitted")) out_.skip(path.string(), names.error().text());
      return;
    }
    for (const auto& child : *names) look(place, path / child, depth - 1, false);
  }

  void tell(const Place& place, const fs::path& path, const FileInfo& info) {
    const bool directory = info.kind == FileInfo::Kind::directory;
    mode_t mode = info.mode & ~static_cast<mode_t>(0022);
    if (place.is_private) mode = info.mode & 0700U;
    // Who is let write today by the mode alone would be shut out: it becomes the owner.
    const bool give = place.user && place.user->uid != info.uid;
    FileChange change{.path = path, .bytes = {}, .mode = mode, .uid = {}, .gid = {}};
    std::string fix;
    if (give) {
      change.uid = place.user->uid;
      change.gid = place.user->gid;
      fix = fmt::format("chown {}: {} && ", place.user->name, path.string());
    }
    fix += fmt::format("chmod {:o} {}", mode, path.string());
    if (told_ >= kMostTold) {
      ++more_;
      if (more_ <= 1000) rest_.files.push_back(change);
      return;
    }
    ++told_;
    auto needs = place.user ? place.user->name : std::string("root");
    out_.add(site_.at(path))
        .found("mode {:o}, owner {}", info.mode, owner_name(info.uid))
        .wanted("mode {:o}{}", mode, give ? fmt::format(", owner {}", place.user->name) : "")
        .message("every user and every process on this machine may {} it; only {} needs to",
                 directory ? "put and replace files in" : "rewrite", needs)
        .fix("{}", fix)
        .about("{}", path.string())
        .mend(Mend{.files = {change}});
  }

  std::string owner_name(uid_t uid) const {
    for (const auto& a : accounts_)
      if (a.uid == uid) return a.name;
    return std::to_string(uid);
  }

  const Site& site_;
  Findings& out_;
  std::vector<Account> accounts_;
  std::map<std::string, int> done_;  // how far down below it was looked
  std::size_t seen_ = 0, told_ = 0, more_ = 0;
  Mend rest_;
};

void world_writable(const Site& site, Findings& out) { Walk(site, out).all(); }

const Rule kRules[] = {
    {.id = "LNX-001",
     .severity = Severity::high,
     .reads = kLive | kRoot,
     .fix = Fix::automatic,
     .title = "A file of a service, a configuration or a gateway's state is world-writable",
     .why = "Modes 777 and 666 are how a permission problem is silenced; they hand the service to everybody "
            "who has "
            "any foot on the machine.",
     .not_when = "sticky directories, sockets, symbolic links, devices",
     .remedy = "Give the path to the user that needs it, and take the right away from all others.",
     .check = world_writable},
};

}  // namespace

std::span<const Rule> linux_mode_rules() { return kRules; }

}  // namespace meshops::audit
