// Two services that every machine has: its clock and its journal.
#include <algorithm>
#include <map>

#include "audit/linux_rules.h"
#include "audit/units.h"
#include "base/text.h"
#include "formats/proc_tables.h"

namespace meshops::audit {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

// ---- LNX-009 ----

/// "NTPSynchronized=no" of what timedatectl says.
std::optional<bool> flag_in(std::string_view text, std::string_view name) {
  for (auto line : split(text, '\n'))
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == '=')
      return trim(line.substr(name.size() + 1)) == "yes";
  return std::nullopt;
}

/// A service that keeps the clock and is active; empty if there is none. Nothing: not known.
std::optional<std::string> clock_keeper(const Site& site) {
  static constexpr std::string_view kKeepers[] = {"systemd-timesyncd.service",
                                                  "chrony.service",
                                                  "chronyd.service",
                                                  "ntp.service",
                                                  "ntpd.service",
                                                  "ntpsec.service",
                                                  "openntpd.service"};
  auto units = site.running()->units(std::nullopt);
  if (!units) return std::nullopt;
  for (auto keeper : kKeepers)
    for (const auto& unit : *units)
      if (unit.name == keeper && unit.active_state == "active") return unit.name;
  return std::string();
}

void tell_clock(Findings& out, const std::string& found, const std::string& keeper) {
  auto fix = keeper.empty() ? std::string("apt-get install systemd-timesyncd && timedatectl set-ntp true")
             : keeper.starts_with("chrony")
                 ? std::string("chronyc tracking; chronyc sources: is UDP port 123 let out?")
                 : fmt::format("systemctl restart {}; timedatectl timesync-status: is UDP port 123 let out?",
                               keeper);
  out.add({})
      .found("{}", found)
      .wanted("a clock that is synchronised")
      .message(
          "logs of the nodes cannot be put side by side, tokens and certificates count as expired or not yet "
          "valid")
      .fix("{}", fix)
      .about("clock");
}

void clock(const Site& site, Findings& out) {
  // Its clock is the host's.
  if (in_container(site)) return;
  auto keeper = clock_keeper(site);
  auto said = site.running()->ask(Question::clock);
  if (said) {
    auto synchronised = flag_in(*said, "NTPSynchronized");
    if (synchronised == true) return;
    if (synchronised == false) {
      auto name = keeper.value_or("");
      return tell_clock(out,
                        name.empty() ? "the clock is not synchronised, no service keeps it"
                                     : fmt::format("the clock is not synchronised, though {} runs", name),
                        name);
    }
  }
  auto sign = site.host().stat("/run/systemd/timesync/synchronized");
  if (sign) {
    // It is touched with every answer of a server, every 34 minutes at the latest.
    if (site.now() - sign->modified <= 24h) return;
    return tell_clock(out, fmt::format("last synchronised at {}", iso8601(sign->modified)),
                      "systemd-timesyncd.service");
  }
  if (!keeper) return out.skip("the clock", "neither timedatectl nor the service manager could be asked");
  if (keeper->empty()) return tell_clock(out, "no service keeps the clock", "");
  if (*keeper == "systemd-timesyncd.service")
    return tell_clock(out, "systemd-timesyncd has not reached a server since the boot", *keeper);
  out.skip("the clock", fmt::format("{} keeps it, and only it knows how well", *keeper));
}

// ---- LNX-010 ----

constexpr std::uint64_t kMiB = 1U << 20;
constexpr std::uint64_t kMost = 4ULL << 30;
constexpr std::string_view kDropIn = "/etc/systemd/journald.conf.d/zz-meshops.conf";

/// journald.conf and its drop-ins as journald reads them: of files with one name, the one in /etc.
systemd::UnitFile journald_conf(const Site& site, bool& any) {
  systemd::UnitFile file;
  auto add = [&](const fs::path& path) {
    if (auto text = site.host().read(path, 1U << 20)) {
      file.add(*text, site.shown(path));
      any = true;
    }
  };
  // A packaged one counts only where /etc has none.
  for (const auto* path : {"/etc/systemd/journald.conf", "/run/systemd/journald.conf",
                           "/usr/local/lib/systemd/journald.conf", "/usr/lib/systemd/journald.conf"})
    if (site.host().stat(path)) {
      add(path);
      break;
    }
  std::map<std::string, fs::path> drop_ins;
  for (const auto* folder : {"/etc/systemd/journald.conf.d", "/run/systemd/journald.conf.d",
                             "/usr/local/lib/systemd/journald.conf.d", "/usr/lib/systemd/journald.conf.d"})
    if (auto names = site.host().list(folder))
      for (const auto& name : *names)
        if (name.ends_with(".conf")) drop_ins.try_emplace(name, fs::path(folder) / name);
  for (const auto& [name, path] : drop_ins) add(path);
  return file;
}

std::uint64_t journal_bytes(const Site& site) {
  std::uint64_t all = 0;
  const fs::path top = "/var/log/journal";
  auto machines = site.host().list(top);
  if (!machines) return 0;
  for (const auto& machine : *machines) {
    auto names = site.host().list(top / machine);
    if (!names) continue;
    for (const auto& name : *names)
      if (auto info = site.host().stat(top / machine / name); info && info->kind == FileInfo::Kind::regular)
        all += info->size;
  }
  return all;
}

/// Of the disk that the journal lies on; 0: not known.
std::uint64_t disk_bytes(const Site& site) {
  std::uint64_t bytes = 0;
  std::size_t best = 0;
  if (!site.live()) return 0;
  auto all = site.host().file_systems();
  if (!all) return 0;
  for (const auto& f : *all) {
    auto mount = f.mount_point == "/" ? std::string("/") : f.mount_point + "/";
    if (std::string("/var/log/journal/").starts_with(mount) && mount.size() > best) {
      best = mount.size();
      bytes = f.bytes;
    }
  }
  return bytes;
}

void journal_cap(const Site& site, Findings& out) {
  bool any = false;
  auto conf = journald_conf(site, any);
  auto storage = lower(conf.value("Journal", "Storage").value_or("auto"));
  const bool folder = site.host().stat("/var/log/journal").has_value();
  // In memory it is small, and gone after a boot.
  if (storage == "volatile" || storage == "none" || (storage != "persistent" && !folder)) return;
  auto disk = disk_bytes(site);
  auto most = disk == 0 ? kMost : std::min(kMost, disk / 10);
  auto used = journal_bytes(site);
  auto text = conf.value("Journal", "SystemMaxUse").value_or("");
  auto cap = proc_tables::systemd_size(text);

  auto wanted = std::clamp(most / kMiB, std::uint64_t{64}, std::uint64_t{1024});
  auto value = wanted == 1024 ? std::string("1G") : fmt::format("{}M", wanted);
  std::string bytes = "# By meshops audit --fix; meshops undo takes it back.\n";
  if (auto old = site.host().read(fs::path(kDropIn), 1U << 20)) bytes = *old;
  bytes += fmt::format("{}[Journal]\nSystemMaxUse={}\n", bytes.ends_with('\n') ? "" : "\n", value);
  Mend mend{.files = {{.path = fs::path(kDropIn), .bytes = bytes, .mode = 0644}}};
  std::vector<std::string> restart = {"systemctl", "restart", "systemd-journald.service"};
  if (site.live()) mend.orders.push_back({.run = restart, .back = restart});

  const auto* set = conf.last("Journal", "SystemMaxUse");
  Where where = site.at("/etc/systemd/journald.conf");
  if (set != nullptr) {
    where = {set->at.file, set->at.line, set->at.column};
  } else {
    for (const auto& a : conf.assignments())
      if (a.section == "Journal") {
        where = {a.at.file, a.at.line, 0};
        break;
      }
  }
  auto add = [&](Severity severity, const std::string& found, const std::string& message) {
    out.add(where)
        .found("{}", found)
        .wanted("SystemMaxUse={}", value)
        .severity(severity)
        .message("{}", message)
        .fix("{} with [Journal] SystemMaxUse={}; systemctl restart systemd-journald", kDropIn, value)
        .about("SystemMaxUse")
        .mend(mend);
  };
  if (cap && *cap > most)
    return add(Severity::medium, fmt::format("SystemMaxUse={}", printable(text)),
               fmt::format("the journal may take {}{}", bytes_text(*cap),
                           disk == 0 ? "" : fmt::format(" of a disk of {}", bytes_text(disk))));
  if (cap) return;
  // journald's own default ends at a tenth of the disk, and at 4 GiB: nothing breaks, and it is much for a
  // small machine. What is over that has been let grow by hand.
  if (used >= most - most / 50)
    return add(Severity::medium, fmt::format("no SystemMaxUse, {} in use", bytes_text(used)),
               "the journal has grown as far as it can, and takes what the gateway will need");
  add(Severity::low, "no SystemMaxUse",
      fmt::format("the journal may grow to {}, the default, before it drops anything",
                  disk == 0 ? "a tenth of the disk" : bytes_text(most)));
}

const Rule kRules[] = {
    {.id = "LNX-009",
     .severity = Severity::high,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "The clock is not synchronised",
     .why = "Leases, tokens, certificates and logs of a mesh all believe in one time.",
     .not_when = "a container: its clock is the host's",
     .remedy = "Run systemd-timesyncd or chrony, and let UDP port 123 out.",
     .check = clock},
    {.id = "LNX-010",
     .severity = Severity::medium,
     .reads = kLive | kRoot,
     .fix = Fix::automatic,
     .title = "The journal has no size cap",
     .why = "A chatty gateway fills gigabytes of journal. Medium where it may take, or has taken, over a "
            "tenth of the "
            "disk or 4 GiB; low where only journald's default holds it.",
     .not_when = "the journal is kept in memory only; SystemMaxUse is set to less",
     .remedy = "SystemMaxUse=1G in a drop-in.",
     .check = journal_cap},
};

}  // namespace

bool in_container(const Site& site) {
  for (const auto* sign : {"/run/systemd/container", "/.dockerenv", "/run/.containerenv"})
    if (site.host().stat(sign)) return true;
  return false;
}

std::span<const Rule> linux_service_rules() { return kRules; }

}  // namespace meshops::audit
