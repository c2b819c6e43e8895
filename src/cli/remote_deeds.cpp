#include "cli/remote_deeds.h"

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "agent/closeup.h"
#include "agent/keeper.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/stand_in.h"
#include "cli/to_its_end.h"
#include "diagnose/closeup.h"
#include "diagnose/diagnosis.h"
#include "formats/fail2ban_config.h"
#include "host/run_async.h"
#include "mesh/remote_session.h"
#include "mesh/spare_binary.h"

namespace meshops::cli {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Json = nlohmann::json;
using mesh::AgentState;
using mesh::DeedReport;
using mesh::HealReport;
using mesh::ProbeReport;
using mesh::RemoteCode;
using mesh::RemoteRequest;
using mesh::Verb;

namespace {

constexpr auto kAgentUnit = "meshops-agent.service";
constexpr auto kAsk = 4s;          // an agent that lives answers at once
constexpr auto kLook = 30s;        // a close look takes 20 s at most
constexpr auto kAgentStart = 30s;  // until a new agent answers
constexpr auto kWatchAgent = 45s;  // after that the healer probes: the agent goes on by itself
constexpr auto kStandIn = 30min;   // the longest start that is waited for, and some
constexpr auto kWatchEvery = 500ms;
constexpr auto kRenewEvery = mesh::kLeaseLength / 3;

std::string text_of(const Json& json, const char* key) {
  if (!json.is_object()) return {};
  auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}
Json member(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) ? json[key] : Json(nullptr);
}
bool layer_ok(const Json& gateway, const char* layer) {
  return text_of(member(member(gateway, "health"), layer), "state") == "ok";
}

/// An agent that was put down by a person is no emergency: decisions/007 says the same of gateways.
bool stopped_by_person(const UnitState& unit) {
  return unit.load_state == "loaded" && unit.active_state == "inactive" && unit.result == "success";
}

bool is_jail(std::string_view name) {
  return !name.empty() && name.size() <= 60 && name.front() != '-' && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

/// Addresses of the other nodes; names are asked of the system's resolver.
std::vector<std::string> addresses_of(const Mesh& mesh) {
  std::vector<std::string> out;
  for (const auto& node : mesh.nodes) {
    if (node.name == mesh.node) continue;
    out.push_back(node.address);
    auto looked_up = run({"getent", "ahosts", "--", node.address},
                         {.environment = tool_environment(), .limit = 3s, .output_limit = 64U << 10});
    if (!looked_up) continue;
    for (auto line : split(looked_up->out, '\n'))
      if (auto parts = words(line); !parts.empty()) out.emplace_back(parts[0]);
  }
  return out;
}

}  // namespace

RemoteDeeds::RemoteDeeds(const Globals& globals, const Mesh& mesh)
    : globals_(globals),
      mesh_(mesh),
      machine_(local_machine(loop_.get_executor(), mesh)),
      lease_(mesh::remote_places(mesh), machine_->clock(), mesh::boot_id()) {}

RemoteDeeds::~RemoteDeeds() = default;

std::string RemoteDeeds::pause_of(const std::string& gateway) const {
  auto known = read_remembered(mesh_.state_dir, gateway);
  if (known.pause_until && *known.pause_until < machine_->clock().wall()) return {};
  return known.pause_why;
}

std::string RemoteDeeds::pause_of_all() const {
  std::string why;
  for (const auto& spec : mesh_.gateways_of(mesh_.node)) {
    if (!spec.enabled) continue;
    why = pause_of(spec.name);
    if (why.empty()) break;
  }
  return why;
}

std::string RemoteDeeds::pause_against(const RemoteRequest& request) const {
  return request.gateway.empty() ? pause_of_all() : pause_of(request.gateway);
}

Status RemoteDeeds::begin(const RemoteRequest& request) {
  auto deed = std::string(text(request.verb));
  if (!request.gateway.empty()) deed += ":" + request.gateway;
  auto limits = mesh::MeshLimits::of(mesh_.limits.profile);
  return lease_.begin_deed(request.healer, request.fence, deed, limits.per_hour);
}

RemoteDeeds::AgentSeen RemoteDeeds::see_agent() {
  auto status = ask_agent(globals_, "GET", "/v1/status", kAsk);
  if (status) return {AgentState::up, {}, std::move(*status)};
  AgentSeen seen{AgentState::dead, status.error().text(), {}};
  if (status.error().is(code_name(NetCode::timed_out))) seen.state = AgentState::hangs;
  auto services = machine_->services(std::nullopt);
  if (!services) return seen;
  if (auto unit = to_its_end(loop_, (*services)->unit(kAgentUnit), RemoteCode::cannot);
      unit && stopped_by_person(*unit)) {
    seen.state = AgentState::stopped;
    seen.said = fmt::format("{} was stopped by a person", kAgentUnit);
  }
  return seen;
}

Json RemoteDeeds::node_in(const std::string& status) {
  auto json = Json::parse(status, nullptr, false);
  for (const auto& node : member(json, "nodes"))
    if (node.is_object() && node.value("self", false)) return node;
  return nullptr;
}

Json RemoteDeeds::gateway_in(const std::string& status, const std::string& name) {
  auto node = node_in(status);
  for (const auto& gateway : member(node, "gateways"))
    if (text_of(gateway, "name") == name) return gateway;
  return nullptr;
}

Status RemoteDeeds::not_stopped(const AgentSeen& seen) const {
  if (seen.state != AgentState::stopped) return ok();
  return fail(error(RemoteCode::stopped, "{}: that is left alone, and so are its gateways", seen.said)
                  .hint("on {}: systemctl start {}", mesh_.node, kAgentUnit));
}

Result<std::string> RemoteDeeds::carry_out(const RemoteRequest& request) {
  switch (request.verb) {
    case Verb::probe:
      return probe();
    case Verb::diagnose:
      return diagnose(request.gateway);
    case Verb::heal:
      return heal(request);
    case Verb::unban:
      return unban();
    case Verb::agent:
      CHECK_OK(lease_.holds(request.healer, request.fence));
      return agent(request);
    case Verb::reinstall:
      CHECK_OK(lease_.holds(request.healer, request.fence));
      return reinstall(request);
    case Verb::fallback:
      return fail(error(RemoteCode::cannot, "meshops runs on {}: nobody need fall back", mesh_.node)
                      .hint("ask for heal, agent or reinstall"));
    case Verb::lease:
      return lease(request);
    case Verb::release:
      CHECK_OK(lease_.release(request.healer, request.fence));
      return "{}";
  }
  return fail(RemoteCode::malformed, "there is no such verb");
}

Result<std::string> RemoteDeeds::probe() {
  auto seen = see_agent();
  ProbeReport report;
  report.agent = seen.state;
  report.agent_said = seen.said;
  report.observes_only = mesh_.limits.profile == Profile::observe_only;
  auto node = node_in(seen.status);
  bool all_paused = true;
  for (const auto& g : member(node, "gateways")) {
    auto state = text_of(g, "state");
    all_paused = all_paused && !member(g, "pause").is_null();
    report.gateways.push_back(
        {.name = text_of(g, "name"),
         .state = state,
         .summary = text_of(g, "summary"),
         .live = layer_ok(g, "live"),
         .ready = layer_ok(g, "ready"),
         .wanted = state != "stopped" && state != "standing_by" && member(g, "pause").is_null(),
         .healing = text_of(member(g, "healing"), "state")});
  }
  if (seen.state == AgentState::up) {
    report.paused = all_paused && !report.gateways.empty();
  } else {
    probe_without_agent(report);
    report.paused = seen.state == AgentState::stopped || !pause_of_all().empty();
  }
  if (auto lease = TRY(lease_.current())) {
    report.lease_holder = lease->holder;
    report.lease_fence = lease->fence;
    report.lease_left = lease->expires - machine_->clock().now();
  }
  if (auto own = lease_.own_treatment())
    report.own_treatment = fmt::format("{}: {}", own->gateway, own->what);
  return to_json(report);
}

void RemoteDeeds::probe_without_agent(ProbeReport& report) {
  for (const auto& spec : mesh_.gateways_of(mesh_.node)) {
    if (!spec.enabled) continue;
    ProbeReport::Gateway out{.name = spec.name,
                             .state = "unwatched",
                             .summary = {},
                             .live = false,
                             .ready = false,
                             // One that stands by is started by its own agent or by nobody.
                             .wanted = pause_of(spec.name).empty() && spec.stands_by_for.empty(),
                             .healing = {}};
    auto adapter = make_adapter(spec.kind);
    auto look = [&]() -> asio::awaitable<Result<Health>> {
      auto runtime = make_runtime(spec, *adapter, mesh_.limits, *machine_);
      if (!runtime) co_return fail(runtime.error());
      auto attached = co_await (*runtime)->attach([](const RuntimeEvent&) {});
      if (!attached) co_return fail(attached.error());
      auto identity = adapter->identify((*runtime)->as_run(spec), machine_->host());
      if (!identity) co_return fail(identity.error());
      auto view = co_await (*runtime)->view();
      auto health = co_await adapter->probe(spec, *identity, view, machine_->host(), machine_->net(),
                                            mesh_.limits.probe_timeout, Depth::light);
      co_return health;
    };
    if (auto health = to_its_end(loop_, look(), RemoteCode::cannot)) {
      out.live = health->ok(Layer::live);
      out.ready = health->ok(Layer::ready);
      auto failing = health->failing();
      out.summary =
          failing ? fmt::format("{}: {}", text(*failing), (*health)[*failing].reason) : "it answers";
    } else {
      out.summary = health.error().text();
    }
    report.gateways.push_back(std::move(out));
  }
}

Result<std::string> RemoteDeeds::closeup_without_agent(const std::string& gateway) {
  auto mine = mesh_.gateways_of(mesh_.node);
  auto found = std::ranges::find(mine, gateway, &GatewaySpec::name);
  if (found == mine.end())
    return fail(
        error(GatewayCode::not_found, "no agent lives, and mesh.toml lists no gateway {}", quote(gateway))
            .hint("ask for the verb agent first"));
  auto known = read_remembered(mesh_.state_dir, gateway);
  auto adapter = make_adapter(found->kind);
  // It must live as long as what a look that was given up still reads.
  auto made = make_runtime(*found, *adapter, mesh_.limits, *machine_);
  if (!made) return fail(made.error());
  auto& runtime = **made;
  auto look = [&]() -> asio::awaitable<Result<std::string>> {
    auto attached = co_await runtime.attach([](const RuntimeEvent&) {});
    if (!attached) co_return fail(attached.error());
    auto spec = runtime.as_run(*found);
    auto identity = adapter->identify(spec, machine_->host());
    auto view = co_await runtime.view();
    CloseupOf what{.spec = spec,
                   .health = {},
                   .last_exit = known.last_exit,
                   .last_exit_at = known.last_exit_at,
                   .state = "unwatched",
                   .summary = view.running ? "it runs, and no agent lives" : view.stopped_reason};
    if (identity)
      what.health = co_await adapter->probe(spec, *identity, view, machine_->host(), machine_->net(),
                                            mesh_.limits.probe_timeout, Depth::full);
    auto seen = co_await look_closely(std::move(what), runtime, *machine_);
    co_return seen.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  };
  return to_its_end(loop_, look(), RemoteCode::cannot);
}

Result<std::string> RemoteDeeds::diagnose(const std::string& gateway) {
  auto agent = see_agent();
  auto document = agent.state == AgentState::up
                      ? ask_agent(globals_, "GET", "/v1/gateways/" + gateway + "/closeup", kLook)
                      : closeup_without_agent(gateway);
  if (!document) return fail(document.error());
  auto seen = TRY(meshops::diagnose::parse_closeup(*document));
  auto judged = meshops::diagnose::diagnose({seen.log, seen.facts});
  auto json = nlohmann::ordered_json::parse(meshops::diagnose::to_json(judged));
  json["gateway"] = seen.gateway;
  json["at"] = seen.at;
  json["state"] = seen.state;
  json["summary"] = seen.summary;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<std::string> RemoteDeeds::heal(const RemoteRequest& request) {
  CHECK_OK(lease_.holds(request.healer, request.fence));
  auto seen = see_agent();
  if (seen.state == AgentState::hangs)
    return fail(error(RemoteCode::agent_hangs, "the agent of {} hangs", mesh_.node)
                    .hint("ask for the verb agent first: it brings the agent back"));
  CHECK_OK(not_stopped(seen));
  if (seen.state == AgentState::up) {
    CHECK_OK(begin(request));
    auto asked = order(request);
    if (!asked) return fail(asked.error());
    return watch(request, true);
  }
  StandIn stand_in(mesh_, request.gateway);
  // Before the first look there is nothing that could be healed.
  auto& clock = machine_->clock();
  for (auto until = clock.now() + kAgentStart;; std::this_thread::sleep_for(100ms)) {
    if (auto why = stand_in.ended())
      return fail(error(RemoteCode::cannot, "nobody can heal here just now").because(std::move(*why)));
    auto status = ask_agent(globals_, "GET", "/v1/status", kAsk);
    auto state = status ? text_of(gateway_in(*status, request.gateway), "state") : std::string();
    if (!state.empty() && state != "unseen" && state != "unwatched") break;
    if (clock.now() > until)
      return fail(error(RemoteCode::cannot, "{} could not be looked at within {}", request.gateway,
                        duration_text(kAgentStart)));
  }
  CHECK_OK(begin(request));
  auto asked = order(request);
  if (!asked) return fail(asked.error());
  return watch(request, false);
}

Result<std::string> RemoteDeeds::order(const RemoteRequest& request) {
  Json body = {{"healer", request.healer}, {"fence", request.fence}};
  auto asked = ask_agent(globals_, "POST", "/v1/gateways/" + request.gateway + "/heal", kAsk, body.dump());
  if (asked) return asked;
  return fail(error(RemoteCode::cannot, "{} is not healed", request.gateway).because(asked.error()));
}

/// Until it is well, or people were told, or the watching takes too long; never without the lease.
Result<std::string> RemoteDeeds::watch(const RemoteRequest& request, bool by_agent) {
  auto& clock = machine_->clock();
  HealReport report{.outcome = HealReport::Outcome::at_it, .said = {}, .by_agent = by_agent};
  bool was_ill = false;
  auto renewed = clock.now();
  for (auto began = clock.now();; std::this_thread::sleep_for(kWatchEvery)) {
    auto status = ask_agent(globals_, "GET", "/v1/status", kAsk);
    auto gateway = status ? gateway_in(*status, request.gateway) : Json(nullptr);
    auto healing = member(gateway, "healing");
    auto ladder = text_of(healing, "state");
    report.said = text_of(gateway, "summary");
    if (auto more = text_of(healing, "summary"); !more.empty()) report.said += "; " + more;
    bool well = ladder == "well" && text_of(gateway, "state") == "ready";
    if (well) {
      report.outcome = was_ill ? HealReport::Outcome::healed : HealReport::Outcome::nothing;
      return to_json(report);
    }
    was_ill = true;
    if (ladder == "told") {
      report.outcome = HealReport::Outcome::told;
      return to_json(report);
    }
    if (clock.now() - began > (by_agent ? Duration(kWatchAgent) : Duration(kStandIn))) return to_json(report);
    CHECK_OK(lease_.holds(request.healer, request.fence));
    if (clock.now() - renewed < kRenewEvery) continue;
    // A stand-in that went away would leave its treatment open: while a request works, its lease is kept.
    CHECK_OK(lease_.renew(request.healer, request.fence));
    renewed = clock.now();
  }
}

Result<std::string> RemoteDeeds::unban() {
  auto banned = run({"fail2ban-client", "banned"},
                    {.environment = tool_environment(), .limit = 10s, .output_limit = 1U << 20});
  if (!banned || !banned->exit.clean()) {
    auto why = banned ? error(RemoteCode::cannot, "fail2ban-client: {}", quote(trim(banned->err), 200))
                      : banned.error();
    return fail(
        error(RemoteCode::cannot, "fail2ban cannot be asked on {}", mesh_.node).because(std::move(why)));
  }
  auto ours = addresses_of(mesh_);
  Json lifted = Json::array();
  for (const auto& ban : fail2ban::parse_bans(banned->out)) {
    if (std::ranges::find(ours, ban.address) == ours.end() || !is_jail(ban.jail)) continue;
    auto done = run({"fail2ban-client", "set", ban.jail, "unbanip", ban.address},
                    {.environment = tool_environment(), .limit = 10s});
    if (!done || !done->exit.clean())
      return fail(RemoteCode::cannot, "the ban of {} in {} could not be lifted", ban.address, ban.jail);
    log::warn("remote.unban", fmt::format("lifted the ban of {} in {}", ban.address, ban.jail));
    lifted.push_back({{"jail", ban.jail}, {"address", ban.address}});
  }
  return Json{{"lifted", lifted}}.dump();
}

Status RemoteDeeds::bring_agent_back(const AgentSeen& seen) {
  auto services = machine_->services(std::nullopt);
  if (!services) return fail(services.error());
  auto bring_back = [&]() -> asio::awaitable<Result<bool>> {
    // One that hangs would keep systemd waiting for its end. Its gateways are not in its hands (KillMode).
    if (seen.state == AgentState::hangs) (void)co_await (*services)->kill_main(kAgentUnit, SIGKILL);
    (void)co_await (*services)->reset_failed(kAgentUnit);
    auto back = co_await (*services)->restart(kAgentUnit, kAgentStart);
    if (!back) co_return fail(back.error());
    co_return true;
  };
  log::warn("remote.agent", fmt::format("restarting {}: {}", kAgentUnit, seen.said));
  if (auto back = to_its_end(loop_, bring_back(), RemoteCode::cannot); !back)
    return fail(error(RemoteCode::cannot, "{} does not start", kAgentUnit).because(back.error()));
  auto& clock = machine_->clock();
  for (auto until = clock.now() + kAgentStart; clock.now() < until; std::this_thread::sleep_for(200ms))
    if (ask_agent(globals_, "GET", "/v1/status", kAsk)) return ok();
  return fail(RemoteCode::cannot, "{} was started, and does not answer", kAgentUnit);
}

Result<std::string> RemoteDeeds::agent(const RemoteRequest& request) {
  auto seen = see_agent();
  if (seen.state == AgentState::up) return to_json(DeedReport{.outcome = DeedReport::Outcome::up});
  CHECK_OK(not_stopped(seen));
  CHECK_OK(begin(request));
  CHECK_OK(bring_agent_back(seen));
  return to_json(DeedReport{.outcome = DeedReport::Outcome::back});
}

/// An agent that answers is never replaced: what it runs may be newer than what is kept.
Result<std::string> RemoteDeeds::reinstall(const RemoteRequest& request) {
  auto seen = see_agent();
  if (seen.state == AgentState::up) return to_json(DeedReport{.outcome = DeedReport::Outcome::up});
  CHECK_OK(not_stopped(seen));
  mesh::SpareBinary spare(mesh_.state_dir);
  (void)TRY(spare.pinned());  // before it counts as a treatment
  CHECK_OK(begin(request));
  auto restored = TRY(spare.restore());
  const auto& target = restored.target.string();
  DeedReport done{.outcome = DeedReport::Outcome::restored, .said = {}};
  if (restored.was_right) {
    done.outcome = DeedReport::Outcome::back;
    done.said = fmt::format("{} is what it should be; its agent was started", target);
  } else {
    log::warn("remote.reinstall", fmt::format("{} is back; the old bytes are in {}", target,
                                              restored.before ? restored.before->string() : "no file"));
    done.said = fmt::format("{} is back, verified; its agent answers", target);
  }
  auto back = bring_agent_back(seen);
  if (back) return to_json(done);
  if (restored.was_right || !restored.before) return fail(back.error());
  // It was not the binary: what a person installed stands there again.
  auto undone = mesh::SpareBinary::roll_back(restored);
  log::warn("remote.reinstall",
            undone ? fmt::format("the old bytes of {} are back", target) : undone.error().text());
  (void)bring_agent_back(see_agent());
  return fail(error(RemoteCode::cannot,
                    "{} was put back and its agent does not answer either; the old bytes {}", target,
                    undone ? "are there again" : "could not be put there again")
                  .because(back.error())
                  .hint("look at it on {}: journalctl -u {}", mesh_.node, kAgentUnit));
}

Result<std::string> RemoteDeeds::lease(const RemoteRequest& request) {
  auto lease = TRY(request.fence == 0 ? lease_.take(request.healer, request.ticket)
                                      : lease_.renew(request.healer, request.fence));
  return to_json(mesh::LeaseReport{.fence = lease.fence,
                                   .left = lease.expires - machine_->clock().now(),
                                   .history = TRY(lease_.history(mesh_.node))});
}

}  // namespace meshops::cli
