// Two supervisors, one gateway: SYS-012.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "audit/gateway_seat.h"
#include "audit/gateway_units.h"
#include "audit/rules/systemd_parts.h"
#include "audit/unit_mend.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

/// Something that starts a gateway by itself.
struct Starter {
  std::string name;  // "openclaw-gateway.service of user claw"
  Where at;
  std::string tree;  // of a repo: what would be installed on one machine
  Seat seat;
  bool container = false;
  int worth = 0;     // the higher, the rather it is kept
  std::string why;   // it is kept
  std::string stop;  // the command that ends it for good
};

/// "deploy" of deploy/etc/systemd/system and of deploy/home/claw/.config/systemd/user: one machine's files.
std::string tree_of(const fs::path& path) {
  auto folder = path.parent_path().string() + "/";
  for (std::string_view part :
       {"/etc/systemd/", "/usr/lib/systemd/", "/lib/systemd/", "/usr/local/lib/systemd/"})
    if (auto at = folder.find(part); at != std::string::npos) return folder.substr(0, at);
  for (std::string_view part : {"/.config/systemd/user/", "/.local/share/systemd/user/"})
    if (auto at = folder.find(part); at != std::string::npos) {
      auto home = folder.substr(0, at);
      auto homes = home.rfind("/home/");
      if (homes != std::string::npos) return home.substr(0, homes);
      return home.ends_with("/root") ? home.substr(0, home.size() - 5) : home;
    }
  return path.parent_path().string();
}

void add_units(const Site& site, std::vector<Starter>& out) {
  for (const auto& unit : site.facts<Units>().services()) {
    if (!unit.launches || unit.kind != GatewayKind::openclaw || unit.is_template()) continue;
    bool active =
        unit.state && (unit.state->active_state == "active" || unit.state->active_state == "activating");
    bool starts = site.repo() || unit.enabled.value_or(false) || active;
    if (!starts) continue;
    auto manager = manager_of(unit);
    Starter s{
        .name = unit.name +
                (unit.of_user ? " of " + (manager ? "user " + manager->name : std::string("a user")) : ""),
        .at = site.at(unit.path),
        .tree = tree_of(unit.path),
        .seat = gateway_seat(site, unit)};
    s.worth = (active ? 4 : 0) + (unit.of_user ? 0 : 2) + (unit.type() == "oneshot" ? 0 : 1);
    s.why = active          ? "it is the one that runs"
            : !unit.of_user ? "the system manager starts it at boot and needs no lingering user"
                            : "systemd keeps it";
    s.stop = systemctl_text(manager, {"disable", "--now", unit.name});
    if (const auto* header = unit.file.header("Service")) s.at = {header->file, header->line, 0};
    out.push_back(std::move(s));
  }
}

/// Running containers, from the engine's answers to inspect.
void add_containers(const Site& site, std::vector<Starter>& out, Findings& findings) {
  if (!site.live()) return;
  auto answer = site.running()->ask(Question::containers);
  if (!answer) {
    // Where no engine was ever installed there are none.
    if (!answer.error().is("audit.not_here")) findings.skip("containers", answer.error().text());
    return;
  }
  auto list = nlohmann::json::parse(*answer, nullptr, false);
  if (!list.is_array()) return findings.skip("containers", "the engine's answer is not a list");
  auto text = [](const nlohmann::json& j) { return j.is_string() ? j.get<std::string>() : std::string(); };
  for (const auto& c : list) {
    if (!c.is_object() || !c.contains("Config") || !c["Config"].is_object()) continue;
    const auto& config = c["Config"];
    Starter s{.container = true};
    bool gateway = false;
    for (const auto* key : {"Entrypoint", "Cmd"})
      if (config.contains(key) && config[key].is_array())
        for (const auto& word : config[key]) {
          s.seat.spec.command.push_back(text(word));
          gateway = gateway || s.seat.spec.command.back() == "gateway";
        }
    auto image = config.contains("Image") ? text(config["Image"]) : "";
    bool named = names_openclaw(image) || names_openclaw(join(s.seat.spec.command, " "));
    if (!gateway || !named) continue;
    auto policy = c.value("/HostConfig/RestartPolicy/Name"_json_pointer, std::string());
    auto name = c.contains("Name") ? text(c["Name"]) : "";
    if (name.starts_with('/')) name.erase(0, 1);
    s.name = "container " + printable(name);
    s.stop = fmt::format("docker update --restart=no {0} && docker stop {0}", printable(name));
    s.why = "its image is pinned";
    s.worth = 4 + (policy.empty() || policy == "no" ? -1 : 0);
    auto ports = c.value("/HostConfig/PortBindings"_json_pointer, nlohmann::json());
    bool host_network = c.value("/HostConfig/NetworkMode"_json_pointer, std::string()) == "host";
    if (host_network) {
      s.seat.spec.runtime = RuntimeKind::docker;
      s.seat.port = openclaw::port_of(s.seat.spec, {}, {});
    }
    if (ports.is_object())
      for (const auto& [inside, bindings] : ports.items())
        if (bindings.is_array())
          for (const auto& b : bindings)
            if (b.is_object() && b.contains("HostPort"))
              if (auto port = to_number<std::uint16_t>(text(b["HostPort"]));
                  port && (!s.seat.port || inside.starts_with("18789")))
                s.seat.port = *port;
    auto mounts = c.contains("Mounts") ? c["Mounts"] : nlohmann::json();
    if (mounts.is_array())
      for (const auto& m : mounts)
        if (m.is_object() && m.contains("Source") && m.contains("Destination") &&
            names_openclaw(text(m["Destination"])))
          s.seat.places.state_dir = text(m["Source"]);
    if (s.seat.places.state_dir.empty()) s.seat.places.state_dir = "container:" + name;
    out.push_back(std::move(s));
  }
}

std::string shared_thing(const Seat& a, const Seat& b) {
  if (a.port && b.port && *a.port == *b.port) return fmt::format("port {}", *a.port);
  return fmt::format("state directory {}", a.places.state_dir.string().starts_with("/~/")
                                               ? a.places.state_dir.string().substr(1)
                                               : a.places.state_dir.string());
}

/// A unit that runs "docker start NAME" or "docker compose up" and the container of that are one.
bool same_one(const Starter& a, const Starter& b) {
  if (a.container == b.container) return false;
  return std::ranges::any_of((a.container ? b : a).seat.spec.command,
                             [](const auto& word) { return is_engine(program_name(word)); });
}

void two_starters(const Site& site, Findings& out) {
  if (site.live())
    for (const auto& skip : site.facts<Units>().unasked()) out.skip(skip.what, skip.reason);
  std::vector<Starter> starters;
  add_units(site, starters);
  add_containers(site, starters, out);
  std::ranges::sort(starters, {},
                    [](const Starter& s) { return std::tuple(-s.worth, s.container, s.name, s.at.file); });
  for (std::size_t i = 1; i < starters.size(); ++i) {
    const auto& second = starters[i];
    for (std::size_t k = 0; k < i; ++k) {
      const auto& first = starters[k];
      if (site.repo() && first.tree != second.tree) continue;
      if (!seats_clash(first.seat, second.seat) || same_one(first, second)) continue;
      auto thing = shared_thing(first.seat, second.seat);
      out.add(second.at)
          .found("{} and {} both start a gateway on {}", first.name, second.name, thing)
          .wanted("one of them, or a profile and a port for each")
          .message("the two take {} from each other: one fails at every start, or both answer for one bot",
                   thing)
          .fix("keep {} ({}), and end the other: {}; or give it --profile NAME and --port of its own",
               first.name, first.why, second.stop)
          .about("{}", second.name);
      break;
    }
  }
}

const Rule kRules[] = {
    {.id = "SYS-012",
     .severity = Severity::critical,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "Two units start the same gateway",
     .why = "A system unit, a user unit and a container easily come to run the same gateway; they take its "
            "port, "
            "its state and its bot from each other for ever.",
     .not_when = "each has a profile and a port of its own; not enabled",
     .remedy = "Keep the one that systemd starts at boot, disable the others.",
     .check = two_starters},
};

}  // namespace

std::span<const Rule> systemd_clash_rules() { return kRules; }

}  // namespace meshops::audit
