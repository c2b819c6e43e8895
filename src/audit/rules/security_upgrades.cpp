// Whether security upgrades install themselves, on Debian and what descends from it.
#include <algorithm>
#include <array>

#include "audit/security_facts.h"
#include "audit/security_rules.h"
#include "base/text.h"
#include "formats/apt_conf.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kUpgrade = "apt::periodic::unattended-upgrade";
constexpr std::string_view kLists = "apt::periodic::update-package-lists";
constexpr std::string_view kEnable = "apt::periodic::enable";
constexpr std::string_view kTimer = "apt-daily-upgrade.timer";
constexpr std::string_view kOn =
    "APT::Periodic::Update-Package-Lists \"1\";\n"
    "APT::Periodic::Unattended-Upgrade \"1\";\n";
constexpr std::string_view kMessage =
    "holes that are known and mended stay open on this machine until somebody thinks of it";

struct Placed {
  fs::path file;
  apt::Setting setting;
};
using Settings = std::vector<Placed>;

const Placed* last(const Settings& settings, std::string_view name) {
  const Placed* found = nullptr;
  for (const auto& placed : settings)
    if (placed.setting.name == name) found = &placed;
  return found;
}
/// An interval: "1", "7d", "always"; "0" is never.
bool is_on(const Placed* placed) {
  return placed != nullptr && !placed->setting.value.empty() && placed->setting.value != "0";
}
std::string shown(const Placed& placed) {
  auto name = placed.setting.name == kUpgrade ? "Unattended-Upgrade"
              : placed.setting.name == kLists ? "Update-Package-Lists"
                                              : "Enable";
  return fmt::format("APT::Periodic::{} \"{}\"", name, placed.setting.value);
}

/// Those systems are replaced as a whole, not upgraded.
bool is_immutable(const Site& site) {
  for (const auto* sign : {"/run/ostree-booted", "/ostree", "/nix/store"})
    if (site.host().stat(sign)) return true;
  auto release = lower(site.host().read("/etc/os-release").value_or(""));
  for (auto line : split(release, '\n')) {
    if (line.starts_with("image_id=")) return true;
    for (std::string_view id : {"id=flatcar", "id=nixos", "id=ubuntu-core", "id=talos", "variant_id=coreos",
                                "id=cos", "id=bottlerocket", "id=guix"})
      if (line == id) return true;
  }
  if (site.live())
    if (auto mounted = site.host().file_systems())
      for (const auto& one : *mounted)
        if ((one.mount_point == "/" || one.mount_point == "/usr") && one.read_only) return true;
  auto fstab = site.host().read("/etc/fstab").value_or("");
  for (auto line : split(fstab, '\n')) {
    auto word = words(line);
    if (word.size() < 4 || word[0].starts_with('#') || (word[1] != "/" && word[1] != "/usr")) continue;
    for (auto option : split(word[3], ','))
      if (option == "ro") return true;
  }
  return false;
}

bool any_of(const Site& site, std::initializer_list<const char*> paths) {
  return std::ranges::any_of(paths, [&](const char* path) { return site.host().stat(path).has_value(); });
}

/// As apt reads them: by name; those without a dot and those that end with .conf.
Settings read_settings(const Site& site, Findings& out) {
  Settings all;
  auto names = site.host().list("/etc/apt/apt.conf.d").value_or(std::vector<std::string>());
  std::ranges::sort(names);
  std::vector<fs::path> files;
  for (const auto& name : names)
    if (name.find('.') == std::string::npos || name.ends_with(".conf"))
      files.push_back(fs::path("/etc/apt/apt.conf.d") / name);
  files.emplace_back("/etc/apt/apt.conf");
  for (const auto& path : files)
    if (auto text = read_or_skip(site, path, out))
      for (auto& setting : apt::parse_conf(*text)) all.push_back({path, std::move(setting)});
  return all;
}

/// The file itself with "1" in the place of the value.
Mend switched_on(const Site& site, const Placed& placed) {
  auto bytes = site.host().read(placed.file).value_or("");
  bytes.replace(placed.setting.offset, placed.setting.length, "\"1\"");
  return Mend{.files = {{.path = placed.file, .bytes = std::move(bytes)}}, .verify = {}, .orders = {}};
}

void of_folder(const Site& site, Findings& out) {
  for (const auto& file : site.files().all()) {
    auto name = file.path.filename().string();
    if (name.find("auto-upgrades") == std::string::npos && file.path.parent_path().filename() != "apt.conf.d")
      continue;
    auto text = read_or_skip(site, file.path, out);
    if (!text) continue;
    Settings settings;
    for (auto& setting : apt::parse_conf(*text)) settings.push_back({file.path, std::move(setting)});
    // A file that does not speak of it leaves it to another.
    for (auto key : {kUpgrade, kEnable}) {
      const auto* placed = last(settings, key);
      if (placed == nullptr || is_on(placed)) continue;
      out.add(site.at(file.path, placed->setting.line, placed->setting.column))
          .found("{}", shown(*placed))
          .wanted("\"1\"")
          .message("{}", kMessage)
          .fix("set it to \"1\"")
          .about("{}", key)
          .mend(switched_on(site, *placed));
    }
  }
}

void masked_timer(const Site& site, Findings& out) {
  auto path = fs::path("/etc/systemd/system") / kTimer;
  auto link = site.host().read_link(path);
  if (!link || *link != "/dev/null") return;
  auto unmask = fmt::format("systemctl unmask {}", kTimer);
  auto draft = out.add(site.at(path));
  draft.found("{} is masked", kTimer)
      .wanted("the timer runs")
      .message("upgrades are switched on, and the timer that starts them cannot run: {}", kMessage)
      .fix("{0}; systemctl start {1}", unmask, kTimer)
      .about("timer");
  if (site.live())
    draft.mend(Mend{.files = {},
                    .verify = {},
                    .orders = {{.run = {"systemctl", "unmask", std::string(kTimer)},
                                .back = {"systemctl", "mask", std::string(kTimer)}}}});
}

/// What switches them on for good: the value where it stands, or the file that Debian keeps for it.
Mend all_on(const Site& site, const Settings& settings, const Placed* off) {
  if (off != nullptr) return switched_on(site, *off);
  fs::path target = "/etc/apt/apt.conf.d/20auto-upgrades";
  auto bytes = site.host().read(target).value_or("");
  if (!bytes.empty() && !bytes.ends_with('\n')) bytes += '\n';
  for (auto line : split(kOn, '\n')) {
    auto name = lower(line.substr(0, line.find(' ')));
    if (!name.empty() && last(settings, name) == nullptr) bytes += std::string(line) + "\n";
  }
  return Mend{
      .files = {{.path = target, .bytes = std::move(bytes), .mode = 0644}}, .verify = {}, .orders = {}};
}

void of_machine(const Site& site, Findings& out) {
  bool debian = any_of(site, {"/etc/debian_version", "/usr/bin/apt-get", "/etc/apt/apt.conf.d"});
  if (!debian || !is_machine(site) || is_immutable(site)) return;
  if (any_of(site, {"/etc/cron-apt/config"})) return;  // does the same in its own way
  const auto settings = read_settings(site, out);
  const auto *upgrade = last(settings, kUpgrade), *lists = last(settings, kLists),
             *enable = last(settings, kEnable);
  bool installed = any_of(site, {"/usr/bin/unattended-upgrade", "/usr/bin/unattended-upgrades"});
  const Placed* off = nullptr;
  for (const auto* one : {upgrade, lists, enable})
    if (off == nullptr && one != nullptr && !is_on(one)) off = one;
  bool on = is_on(upgrade) && is_on(lists) && off == nullptr;
  // A directory that holds only /etc cannot tell what is installed.
  bool tells_packages = site.live() || any_of(site, {"/usr/bin/dpkg", "/var/lib/dpkg/status"});
  if (on && !installed && tells_packages) {
    out.add(site.at(upgrade->file, upgrade->setting.line, upgrade->setting.column))
        .found("switched on, but unattended-upgrades is not installed")
        .wanted("the package unattended-upgrades")
        .message("{}", kMessage)
        .fix("apt-get install unattended-upgrades")
        .about("package");
    return;
  }
  if (on) return masked_timer(site, out);
  auto draft = out.add(off != nullptr ? site.at(off->file, off->setting.line, off->setting.column)
                                      : site.at("/etc/apt/apt.conf.d"));
  draft.found("{}", off != nullptr ? shown(*off) : "not switched on anywhere")
      .wanted("APT::Periodic::Unattended-Upgrade \"1\"")
      .message("{}", kMessage)
      .fix(
          "{}in /etc/apt/apt.conf.d/20auto-upgrades: APT::Periodic::Update-Package-Lists \"1\"; "
          "APT::Periodic::Unattended-Upgrade \"1\";",
          installed || !tells_packages ? "" : "apt-get install unattended-upgrades; ")
      .about("{}", off != nullptr ? off->setting.name : std::string(kUpgrade));
  // Without the package the file would switch nothing on.
  if (installed || !tells_packages) draft.mend(all_on(site, settings, off));
}

void upgrades_off(const Site& site, Findings& out) {
  if (site.repo())
    of_folder(site, out);
  else
    of_machine(site, out);
}

const Rule kRules[] = {
    {.id = "SEC-013",
     .severity = Severity::low,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "Security upgrades do not install themselves",
     .why = "Most break-ins use holes that were mended weeks before.",
     .not_when = "images that are replaced as a whole; other families than Debian's; cron-apt",
     .remedy = "unattended-upgrades, switched on in 20auto-upgrades.",
     .check = upgrades_off},
};

}  // namespace

std::span<const Rule> security_upgrade_rules() { return kRules; }

}  // namespace meshops::audit
