// What the managers of a machine say of its services, and whether they come back: SYS-008 to SYS-011.
#include <fmt/format.h>

#include <algorithm>

#include "audit/gateway_seat.h"
#include "audit/gateway_units.h"
#include "audit/rules/systemd_parts.h"
#include "audit/unit_mend.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

/// The managers that did not answer: nothing can be said about their services.
void skip_unasked(const Units& units, Findings& out) {
  for (const auto& skip : units.unasked()) out.skip(skip.what, skip.reason);
}

Where place_of(const Site& site, const Units& units, const SeenUnit& seen) {
  if (!seen.state.fragment_path.empty()) return site.at(seen.state.fragment_path);
  if (seen.unit) return site.at(units.services()[*seen.unit].path);
  return {};
}

std::string whose(const SeenUnit& seen) {
  return seen.manager ? " of user " + seen.manager->name : std::string();
}

/// Whether systemd has given it up. Its Result= says so only if the first start was already one too many:
/// after failures it goes on naming the last of these, and systemd's own words in the journal tell.
Result<bool> given_up(const Host& host, const SeenUnit& seen) {
  const auto& state = seen.state;
  if (state.active_state != "failed") return false;
  if (state.result == "start-limit-hit") return true;
  if (state.restart.empty() || state.restart == "no") return false;
  JournalQuery query;
  query.unit = state.name;
  if (seen.manager) query.uid = seen.manager->uid;
  // Its last words: what a gateway says comes before them.
  query.last = 10;
  auto entries = TRY(host.journal(query));
  return std::ranges::any_of(entries, [](const JournalEntry& entry) {
    return entry.message.find("Start request repeated too quickly") != std::string::npos;
  });
}

void start_limit_hit(const Site& site, Findings& out) {
  const auto& units = site.facts<Units>();
  skip_unasked(units, out);
  for (const auto& seen : units.seen()) {
    const auto& state = seen.state;
    if (!seen.gateway) continue;
    auto parked = given_up(site.host(), seen);
    if (!parked) {
      out.skip(fmt::format("the journal of {}{}", state.name, whose(seen)), parked.error().text());
      continue;
    }
    if (!*parked) continue;
    Mend mend;
    mend.orders.push_back({.run = systemctl(seen.manager, {"reset-failed", state.name}), .back = {}});
    mend.orders.push_back({.run = systemctl(seen.manager, {"start", state.name}), .back = {}});
    out.add(place_of(site, units, seen))
        .found("{} reached its start limit ({})", state.name, state.result)
        .wanted("active")
        .message("{}{} is down, and systemd will not start it again by itself", state.name, whose(seen))
        .fix("{} && {}; why it failed before is in: journalctl {}-u {}",
             systemctl_text(seen.manager, {"reset-failed", state.name}),
             systemctl_text(seen.manager, {"start", state.name}), seen.manager ? "--user " : "", state.name)
        .about("{}{}", state.name, whose(seen))
        .mend(mend);
  }
}

/// A service of a user's own that somebody wants to run for ever: enabled, and no part of a desktop session.
bool meant_to_stay(const Unit& unit) {
  if (unit.gateway) return true;
  if (unit.type() == "oneshot" || unit.commands().empty() || unit.started_on_demand()) return false;
  auto wanted_by = unit.list("Install", "WantedBy");
  return unit.enabled.value_or(false) && std::ranges::find(wanted_by, "default.target") != wanted_by.end();
}

void report_no_linger(const Site& site, Findings& out, const std::string& name, const std::string& user,
                      Where at) {
  auto linger = site.host().stat(fs::path("/var/lib/systemd/linger") / user);
  if (linger) return;
  if (!linger.error().is("file.not_found")) return out.skip("linger of " + user, linger.error().text());
  Mend mend;
  mend.orders.push_back(
      {.run = {"loginctl", "enable-linger", user}, .back = {"loginctl", "disable-linger", user}});
  out.add(std::move(at))
      .found("{} does not linger", user)
      .wanted("loginctl enable-linger {}", user)
      .message("{} ends when {} logs out, and does not come back after a reboot until {} logs in", name, user,
               user)
      .fix("loginctl enable-linger {}", user)
      .about("{} of {}", name, user)
      .mend(mend);
}

void no_linger(const Site& site, Findings& out) {
  const auto& units = site.facts<Units>();
  for (const auto& skip : units.unasked())
    if (skip.what.starts_with("units of user")) out.skip(skip.what, skip.reason);
  for (const auto& unit : units.services()) {
    if (!unit.of_user || !unit.owner || !meant_to_stay(unit)) continue;
    bool lives = unit.enabled.value_or(false) || (unit.state && unit.state->active_state != "inactive");
    if (lives) report_no_linger(site, out, unit.name, unit.owner->name, site.at(unit.path));
  }
  // From a file that every user's manager reads, or from none.
  for (const auto& seen : units.seen()) {
    bool own_file = seen.unit && units.services()[*seen.unit].owner;
    if (!seen.manager || own_file || !seen.gateway || seen.state.active_state == "inactive") continue;
    report_no_linger(site, out, seen.state.name, seen.manager->name, place_of(site, units, seen));
  }
}

bool can_be_enabled(const Unit& unit) {
  for (const auto* key : {"WantedBy", "RequiredBy", "UpheldBy", "Also", "Alias"})
    if (!unit.list("Install", key).empty()) return true;
  return false;
}

/// It is running, or somebody said that it shall.
bool wanted_up(const Site& site, const Unit& unit) {
  for (const auto& spec : site.mesh().gateways)
    if (spec.enabled && !spec.unit.empty() && (spec.unit == unit.name || spec.unit + ".service" == unit.name))
      return true;
  if (!site.live()) return true;
  return unit.state && unit.state->active_state != "inactive" && unit.state->unit_file_state != "masked";
}

/// Another unit that is enabled serves the same port or state: this one is a spare.
bool is_spare(const Site& site, const Units& units, const Unit& unit) {
  auto seat = gateway_seat(site, unit);
  return std::ranges::any_of(units.gateways(), [&](const Unit* other) {
    return other != &unit && other->enabled.value_or(false) && seats_clash(seat, gateway_seat(site, *other));
  });
}

void not_enabled(const Site& site, Findings& out) {
  const auto& units = site.facts<Units>();
  if (site.live()) skip_unasked(units, out);
  for (const auto* unit : units.gateways()) {
    if (!unit->started_by.empty() || unit->is_template()) continue;
    bool installable = can_be_enabled(*unit);
    if (site.repo() ? installable : unit->enabled.value_or(true)) continue;
    if (!site.repo() && (!wanted_up(site, *unit) || is_spare(site, units, *unit))) continue;
    auto manager = manager_of(*unit);
    bool by_users = unit->of_user || unit->file.value("Install", "WantedBy") == "default.target";
    std::string_view target = by_users ? "default.target" : "multi-user.target";
    std::optional<Mend> mend;
    if (!installable && !unit->packaged())
      mend = add_directives(site, *unit, std::vector<Setting>{{"Install", "WantedBy", std::string(target)}});
    if ((site.ground() == Ground::root) && mend)
      mend.reset();  // the link that enables it is none of a mend's files
    if (site.live() && (!unit->of_user || manager)) {
      if (!mend) mend.emplace();
      mend->orders.push_back({.run = systemctl(manager, {"enable", unit->name}),
                              .back = systemctl(manager, {"disable", unit->name})});
    }
    auto enable = systemctl_text(
        manager, {(site.ground() == Ground::root) ? "--root=DIR enable" : "enable", unit->name});
    out.add(installable && unit->file.header("Install") != nullptr ? unit->at("Install", "WantedBy")
                                                                   : site.at(unit->path))
        .found("{}", !installable ? "no [Install] section that says where it belongs" : "not enabled")
        .wanted("enabled")
        .message("{} is gone after the next reboot: {}", unit->name,
                 installable ? "nothing starts it" : "nothing starts it, and systemctl enable refuses it")
        .fix("{}{}", installable ? "" : fmt::format("[Install] WantedBy={}, then ", target), enable)
        .about("{}", unit->name)
        .mend(std::move(mend));
  }
}

void needs_reload(const Site& site, Findings& out) {
  const auto& units = site.facts<Units>();
  skip_unasked(units, out);
  for (const auto& seen : units.seen()) {
    if (!seen.state.needs_daemon_reload) continue;
    // A masked unit is /dev/null, whose time says nothing; a name of one is not even called masked.
    if (auto target = site.host().read_link(seen.state.fragment_path); target && *target == "/dev/null")
      continue;
    Mend mend;
    mend.orders.push_back({.run = systemctl(seen.manager, {"daemon-reload"}), .back = {}});
    out.add(place_of(site, units, seen))
        .found("NeedDaemonReload=yes")
        .wanted("the manager knows the file as it is")
        .message("{}{} was changed on disk and systemd still goes by the old text", seen.state.name,
                 whose(seen))
        .fix("{}; a running service takes the change at its next restart",
             systemctl_text(seen.manager, {"daemon-reload"}))
        .about("{}{}", seen.state.name, whose(seen))
        .mend(mend);
  }
}

const Rule kRules[] = {
    {.id = "SYS-008",
     .severity = Severity::critical,
     .reads = kLive,
     .fix = Fix::automatic,
     .title = "A gateway was parked by its start limit",
     .why =
         "After too many failed starts systemd gives up for good; nothing but a person or a healer starts it "
         "again.",
     .not_when = "failed for another reason; not a gateway",
     .remedy = "systemctl reset-failed, then start; and find out why it failed.",
     .check = start_limit_hit},
    {.id = "SYS-009",
     .severity = Severity::high,
     .reads = kLive,
     .fix = Fix::automatic,
     .title = "A user's service ends with the user's session",
     .why = "Without lingering a user's manager lives from the first login to the last logout: the gateway "
            "is gone "
            "after a reboot, and when the SSH session ends.",
     .not_when = "services of the system manager",
     .remedy = "loginctl enable-linger USER.",
     .check = no_linger},
    {.id = "SYS-010",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A gateway is gone after a reboot",
     .why = "A unit that was started and never enabled runs until the machine restarts.",
     .not_when = "a timer, a socket or another unit starts it; a spare for one that is enabled",
     .remedy = "systemctl enable.",
     .check = not_enabled},
    {.id = "SYS-011",
     .severity = Severity::medium,
     .reads = kLive,
     .fix = Fix::automatic,
     .title = "systemd goes by an old text of a unit",
     .why = "A unit file was changed and the manager was not told: the next start does not do what the file "
            "says.",
     .not_when = "masked units",
     .remedy = "systemctl daemon-reload.",
     .check = needs_reload},
};

}  // namespace

std::span<const Rule> systemd_state_rules() { return kRules; }

}  // namespace meshops::audit
