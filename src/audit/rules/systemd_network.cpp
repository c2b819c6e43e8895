// Services that go out into the network before it is there: SYS-014.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "audit/gateway_units.h"
#include "audit/rules/systemd_parts.h"
#include "audit/unit_mend.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

constexpr std::string_view kOnline = "network-online.target";
constexpr int kDeepest = 4;

constexpr std::array<std::string_view, 17> kClients = {
    "curl", "wget",      "ssh",         "autossh", "rclone", "restic", "scp",    "sftp", "rsync",
    "borg", "borgmatic", "cloudflared", "ngrok",   "frpc",   "git",    "gcloud", "aws"};

bool has(const std::vector<std::string>& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

/// It calls out, rather than waits to be called.
bool is_client(const Site& site, const Unit& unit) {
  auto calls_out = [](const std::vector<std::string>& given) {
    auto argv = without_wrappers(given);
    if (argv.empty()) return false;
    auto program = program_name(argv[0]);
    if (std::ranges::find(kClients, program) == kClients.end()) return false;
    // To itself, or no call at all.
    return std::ranges::none_of(argv, [](const auto& w) {
      return w.find("localhost") != std::string::npos || w.find("127.0.0.1") != std::string::npos ||
             w == "--daemon" || w == "--unix-socket" || w == "daemon";
    });
  };
  for (const auto& command : unit.commands()) {
    if (calls_out(command.argv)) return true;
    for (std::size_t i = 0; i + 1 < command.argv.size(); ++i)
      if (command.argv[i].starts_with('-') && command.argv[i].ends_with('c') && command.argv[i].size() < 6)
        if (std::ranges::any_of(shell_commands(command.argv[i + 1]), calls_out)) return true;
  }
  return std::ranges::any_of(unit.scripts, [&](const auto& path) {
    return std::ranges::any_of(shell_commands(site.host().read(path).value_or("")), calls_out);
  });
}

/// It starts after something that itself waits for the network.
bool waits(const Units& units, const Unit& unit, int depth) {
  auto after = unit.list("Unit", "After");
  if (has(after, kOnline)) return true;
  for (std::string_view known : {"docker.service", "NetworkManager-wait-online.service",
                                 "systemd-networkd-wait-online.service", "cloud-init.target"})
    if (has(after, known)) return true;
  if (depth == kDeepest) return false;
  return std::ranges::any_of(after, [&](const auto& name) {
    const auto* other = units.find(name, unit.of_user);
    return other != nullptr && other != &unit && waits(units, *other, depth + 1);
  });
}

bool pulls_in(const Unit& unit) {
  return std::ranges::any_of(std::array{"Wants", "Requires", "BindsTo", "Requisite"},
                             [&](const char* key) { return has(unit.list("Unit", key), kOnline); });
}

/// A loop or a tool before the start that waits by itself.
bool waits_itself(const Unit& unit) {
  return std::ranges::any_of(unit.file.values("Service", "ExecStartPre"), [](const auto& line) {
    return line.find("wait-online") != std::string::npos || line.find("nm-online") != std::string::npos ||
           line.find("until ") != std::string::npos || line.find("while ") != std::string::npos ||
           line.find("wait-for") != std::string::npos || line.find("wait_for") != std::string::npos;
  });
}

void needs_network(const Site& site, Findings& out) {
  const auto& units = site.facts<Units>();
  for (const auto& unit : units.services()) {
    // A user's manager has no network targets: ordering after them there does nothing.
    if (unit.of_user || unit.packaged()) continue;
    auto after = unit.list("Unit", "After");
    bool early = has(after, "network.target");
    if (!unit.gateway && !(early && is_client(site, unit))) continue;
    bool online = has(after, kOnline);
    bool pulled = pulls_in(unit);
    if (online ? pulled : waits(units, unit, 0)) continue;
    if (unit.file.boolean("Service", "PrivateNetwork").value_or(false) || waits_itself(unit)) continue;
    std::vector<Setting> settings;
    if (!online) settings.push_back({"Unit", "After", std::string(kOnline)});
    if (!pulled) settings.push_back({"Unit", "Wants", std::string(kOnline)});
    std::vector<std::string> lines;
    for (const auto& s : settings) lines.push_back(fmt::format("{}={}", s.key, s.value));
    const systemd::Assignment* place = nullptr;
    for (const auto* a : unit.file.all("Unit", "After"))
      if (a->value.find("network") != std::string::npos) place = a;
    out.add(place != nullptr ? Where{place->at.file, place->at.line, place->at.column} : unit.at("Unit", ""))
        .found("{}", online  ? "After=network-online.target without Wants="
                     : early ? "After=network.target"
                             : "no After= for the network")
        .wanted("After= and Wants=network-online.target")
        .message("{} starts before names can be resolved: {}", unit.name,
                 online ? "nothing brings network-online.target about, so waiting for it is no wait"
                        : "network.target only orders the shutdown and says nothing of a working network")
        .fix("in [Unit]: {}", join(lines, " "))
        .about("{}", unit.name)
        .mend(add_directives(site, unit, settings));
  }
}

const Rule kRules[] = {
    {.id = "SYS-014",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A service starts before the network works",
     .why =
         "At boot, network.target is reached before there is an address or a resolver: the first calls of a "
         "client fail, and its start limit may park it.",
     .not_when = "servers that wait to be called; services of a user's manager; something that waits stands "
                 "before it",
     .remedy = "After=network-online.target and Wants=network-online.target.",
     .check = needs_network},
};

}  // namespace

std::span<const Rule> systemd_network_rules() { return kRules; }

}  // namespace meshops::audit
