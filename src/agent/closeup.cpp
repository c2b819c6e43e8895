#include "agent/closeup.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/closeup_parts.h"
#include "agent/within.h"
#include "base/text.h"
#include "diagnose/log_cut.h"
#include "formats/version_range.h"
#include "gateway/openclaw_install.h"
#include "host/run_async.h"

namespace meshops {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using closeup::Findings;
using closeup::Json;
using closeup::Scene;

namespace {

constexpr auto kWhole = 20s;  // of everything
constexpr auto kUnit = 3s, kProbe = 2s, kDiscovery = 6s, kLog = 4s, kVersion = 3s;
constexpr std::size_t kLogLines = 600, kLogRead = 3000, kLogBytes = 1U << 20;
constexpr std::size_t kMostIssues = 50, kMostStarters = 50;
/// An exit of long ago says nothing about a gateway that has been well since.
constexpr auto kOldExit = 1h;

Error too_slow(Duration limit) {
  return error(GatewayCode::no_answer, "no answer within {}", duration_text(limit));
}

class Closeup {
 public:
  Closeup(CloseupOf what, Runtime& runtime, Machine& machine)
      : what_(std::move(what)),
        runtime_(runtime),
        machine_(machine),
        adapter_(make_adapter(what_.spec.kind)) {
    scene_.spec = what_.spec;
    begun_ = machine_.clock().now();
  }

  asio::awaitable<Json> run() {
    co_await find_scene();
    const auto& host = machine_.host();
    // First of all: it teaches the veil what must not be seen.
    auto config = closeup::config_part(scene_, host, found_);
    state_exit_and_mode();
    auto process = closeup::process_part(scene_, host, found_);
    auto cgroup = closeup::cgroup_part(scene_, host, found_);
    auto disks = closeup::disk_part(scene_, host, found_);
    auto sockets = closeup::sockets_part(scene_, host, found_);
    closeup::access_part(scene_, host, found_);
    closeup::clock_part(scene_, host, found_);
    auto recent = closeup::recent_part(scene_, host, found_);
    co_await ask_port();
    auto log = co_await read_log();
    closeup::lock_part(scene_, host, log, found_);
    auto starters = co_await find_starters();
    co_await look_at_node();
    auto issues = co_await ask_validation();

    Json out = {{"schema", "meshops.closeup/1"},
                {"gateway", scene_.spec.name},
                {"at", iso8601(scene_.wall)},
                {"state", what_.state},
                {"summary", found_.line(what_.summary)},
                {"last_exit", last_exit()}};
    out["facts"] = std::move(found_.facts);
    out["health"] = health();
    out["unit"] = unit();
    out["process"] = std::move(process);
    out["cgroup"] = std::move(cgroup);
    out["disks"] = std::move(disks);
    out["sockets"] = std::move(sockets);
    out["config"] = std::move(config);
    out["config_issues"] = std::move(issues);
    out["starters"] = std::move(starters);
    out["recent"] = std::move(recent);
    out["log"] = std::move(log);
    out["skipped"] = found_.skipped;
    co_return out;
  }

 private:
  Duration left() const { return std::max<Duration>(kWhole - (machine_.clock().now() - begun_), 0s); }
  Duration at_most(Duration limit) const { return std::min(limit, left()); }

  asio::awaitable<void> find_scene() {
    scene_.now = machine_.clock().now();
    scene_.wall = machine_.clock().wall();
    scene_.ready = what_.health.ok(Layer::ready);
    if (what_.last_exit) scene_.last_pid = what_.last_exit->pid;
    if (auto view = co_await within(at_most(kUnit), runtime_.view()))
      scene_.view = std::move(*view);
    else
      found_.skip("process", too_slow(kUnit));
    // What is not watched closely may have changed since it was attached.
    scene_.spec = runtime_.as_run(std::move(scene_.spec));
    if (scene_.spec.command.empty() && scene_.spec.kind == GatewayKind::openclaw)
      if (auto own = installed_openclaw_command(machine_.state_dir())) scene_.spec.command = std::move(*own);
    if (auto identity = adapter_->identify(scene_.spec, machine_.host()))
      scene_.identity = std::move(*identity);
    else
      found_.skip("identity", identity.error());
    if (scene_.spec.kind == GatewayKind::openclaw)
      scene_.package = openclaw::installed_package(scene_.spec, machine_.host());
    co_await look_at_unit();
    scene_.owner = closeup::owner_of(scene_, machine_.host());
  }

  asio::awaitable<void> look_at_unit() {
    if (scene_.spec.unit.empty()) co_return;
    bool of_user = scene_.spec.runtime == RuntimeKind::systemd_user;
    std::optional<Account> user;
    if (of_user) {
      auto who = scene_.spec.user.empty() ? Result<Account>(own_account()) : account(scene_.spec.user);
      if (!who) {
        found_.skip("unit", who.error());
        co_return;
      }
      user = *who;
    }
    auto services = machine_.services(user);
    if (!services) {
      found_.skip("unit", services.error());
      if (user) note_linger(*user);
      co_return;
    }
    auto state = co_await within(at_most(kUnit), (*services)->unit(scene_.spec.unit));
    if (state && *state)
      scene_.unit = std::move(**state);
    else
      found_.skip("unit", state ? state->error() : too_slow(kUnit));
    if (user && !scene_.unit) note_linger(*user);
  }

  /// Only where the user's manager is out of reach: a user who is logged in needs no linger.
  void note_linger(const Account& user) {
    const auto& host = machine_.host();
    if (host.stat("/var/lib/systemd/linger/" + user.name)) return;
    found_.facts["linger"] = fmt::format("no: {} has none, and no manager of theirs answers", user.name);
  }

  void state_exit_and_mode() {
    auto& facts = found_.facts;
    switch (scene_.spec.runtime) {
      case RuntimeKind::systemd_system:
        facts["mode"] = "system";
        break;
      case RuntimeKind::systemd_user:
        facts["mode"] = "user";
        break;
      default:
        facts["mode"] = text(scene_.spec.runtime);
        break;
    }
    bool old = scene_.ready && scene_.wall - what_.last_exit_at > kOldExit;
    if (what_.last_exit && !old) {
      if (auto code = what_.last_exit->exit.code) facts["exit_code"] = *code;
      if (auto signal = what_.last_exit->exit.signal) facts["exit_code"] = 128 + *signal;
    }
    if (!scene_.identity.version.empty()) facts["versions"]["openclaw"] = scene_.identity.version;
    if (!scene_.unit) return;
    const auto& unit = *scene_.unit;
    if (unit.result != "success") facts["unit_result"] = unit.result;
    // Of a gateway that is well now they are history.
    if (!scene_.ready) facts["n_restarts"] = unit.restarts;
    if (unit.watchdog > Duration::zero() && scene_.spec.kind == GatewayKind::openclaw)
      facts["watchdog_s"] = seconds(unit.watchdog);
    if (!what_.last_exit && unit.last_exit && !scene_.ready) {
      if (auto code = unit.last_exit->code) facts["exit_code"] = *code;
      if (auto signal = unit.last_exit->signal) facts["exit_code"] = 128 + *signal;
    }
  }

  /// Somebody else on the port: whether they answer as a gateway does. The gateway itself is asked by its
  /// probes.
  asio::awaitable<void> ask_port() {
    auto& facts = found_.facts;
    if (scene_.view.running && what_.health.silent)
      facts["no_answer"] =
          "it takes connections and does not answer: " + found_.line(what_.health[Layer::live].reason.empty()
                                                                         ? std::string("no byte came back")
                                                                         : what_.health[Layer::live].reason);
    if (!facts.contains("port_owner_kind")) co_return;
    HttpRequest request;
    request.to.host = "127.0.0.1";
    request.to.port = scene_.identity.port;
    request.target = "/healthz";
    request.limit = at_most(kProbe);
    request.body_limit = 64U << 10;
    auto answer = co_await machine_.net().http(std::move(request));
    if (answer) facts["http_probe"] = answer->status;
  }

  asio::awaitable<std::string> read_log() {
    std::string own;
    auto text = co_await within(at_most(kLog), runtime_.logs(kLogRead));
    if (text && *text)
      own = diagnose::clean_lines(**text);
    else
      found_.skip("log", text ? text->error() : too_slow(kLog));
    if (trim(own).empty()) own = diagnose::clean_lines(closeup::file_log(scene_, machine_.host()));
    const diagnose::LogBudget budget{.lines = kLogLines, .bytes = kLogBytes};
    // Cut twice: the veil is costly on what nobody will see, and "(hidden)" is longer than some of what it
    // hides.
    auto cut = diagnose::around_exits(found_.veil.over(diagnose::around_exits(own, budget)), budget);
    auto ended = scene_.view.running ? scene_.wall : what_.last_exit_at;
    if (what_.last_exit && ended != WallTime{}) cut = diagnose::date_tail(cut, ended);
    // The kernel's lines are from another clock than some of the gateway's: they stand apart, at the end.
    co_return cut + closeup::kernel_part(scene_, machine_.host(), found_);
  }

  asio::awaitable<Json> find_starters() {
    Json out = Json::array(), facts = Json::array();
    auto found = co_await within(at_most(kDiscovery), discover(machine_));
    if (!found) {
      found_.skip("other starters", too_slow(kDiscovery));
      co_return out;
    }
    for (const auto& why : found->skipped)
      found_.skip("other starters", error(GatewayCode::not_found, "{}", why));
    bool seen_ours = false;
    for (const auto& g : found->gateways) {
      bool ours = same_gateway(g.spec, scene_.spec) || closeup::is_own(g.pid, scene_, machine_.host());
      bool same_port = scene_.identity.port != 0 && g.identity.port == scene_.identity.port;
      bool same_state =
          !scene_.identity.state_dir.empty() && g.identity.state_dir == scene_.identity.state_dir;
      if (!ours && !same_port && !same_state) continue;
      if (out.size() == kMostStarters || (ours && seen_ours)) continue;
      seen_ours = seen_ours || ours;
      out.push_back(starter(ours ? scene_.spec : g.spec, ours && g.pid == 0 ? scene_.view.pid : g.pid,
                            g.enabled, ours));
      // One that neither runs nor comes back was put aside.
      if (g.expected || ours) facts.push_back(shown(out.back()));
    }
    if (!seen_ours) {
      bool enabled = scene_.unit && scene_.unit->unit_file_state.starts_with("enabled");
      out.push_back(starter(scene_.spec, scene_.view.pid, enabled, true));
      facts.push_back(shown(out.back()));
    }
    found_.facts["starters"] = std::move(facts);
    co_return out;
  }

  Json starter(const GatewaySpec& spec, pid_t pid, bool enabled, bool ours) const {
    std::uint64_t ticks = 0;
    if (pid > 0)
      if (auto process = machine_.host().process(pid)) ticks = process->start_ticks;
    return {{"runtime", text(spec.runtime)},
            {"unit", found_.line(spec.unit)},
            {"user", found_.line(spec.user)},
            {"container", found_.line(spec.container)},
            {"pid", pid},
            {"start_ticks", ticks},
            {"enabled", enabled},
            {"ours", ours}};
  }
  static std::string shown(const Json& starter) {
    auto name = starter["unit"].get<std::string>();
    if (name.empty()) name = starter["container"].get<std::string>();
    if (name.empty()) name = fmt::format("pid {}", starter["pid"].get<pid_t>());
    return fmt::format("{} {}{}", starter["runtime"].get<std::string>(), name,
                       starter["ours"].get<bool>() ? "" : " (other)");
  }

  std::optional<Account> as_owner() const {
    return ::geteuid() == 0 && scene_.owner && scene_.owner->uid != 0 ? scene_.owner : std::nullopt;
  }
  /// What a tool of the gateway needs to find the same files, and nothing by which it could take itself for
  /// the gateway.
  RunOptions tool_options(Duration limit) const {
    RunOptions options;
    options.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                           {"LANG", "C.UTF-8"},
                           {"NO_COLOR", "1"}};
    if (scene_.owner) {
      options.environment["HOME"] = scene_.owner->home.string();
      options.environment["USER"] = options.environment["LOGNAME"] = scene_.owner->name;
    }
    for (const auto& [name, value] : scene_.spec.environment)
      if (!name.starts_with("OPENCLAW_SERVICE_") && name != "OPENCLAW_SYSTEMD_UNIT")
        options.environment[name] = value;
    if (!scene_.identity.state_dir.empty())
      options.environment["OPENCLAW_STATE_DIR"] = scene_.identity.state_dir.string();
    if (!scene_.identity.config.empty())
      options.environment["OPENCLAW_CONFIG_PATH"] = scene_.identity.config.string();
    options.as = as_owner();
    options.limit = limit;
    options.output_limit = 1U << 20;
    return options;
  }

  asio::awaitable<void> look_at_node() {
    if (scene_.view.running || scene_.spec.kind != GatewayKind::openclaw || scene_.spec.command.empty() ||
        scene_.spec.runtime == RuntimeKind::docker)
      co_return;
    auto program = scene_.spec.command[0];
    auto name = fs::path(program).filename().string();
    if (name == "openclaw" || name.ends_with(".mjs")) program = name = "node";  // by its first line
    if (name != "node" && name != "nodejs") co_return;
    std::vector<std::string> argv = {program, "--version"};
    auto options = tool_options(at_most(kVersion));
    auto said = co_await run_async(std::move(argv), std::move(options));
    if (!said) {
      if (said.error().is(code_name(ProcessCode::cannot_start)))
        found_.facts["runtime_unfit"] = found_.line(said.error().text());
      else
        found_.skip("node version", said.error());
      co_return;
    }
    auto version = std::string(trim(said->out)).substr(0, 64);
    if (version.starts_with('v')) version.erase(0, 1);
    if (!said->exit.clean() || !compare_versions(version, "0")) co_return;
    found_.facts["versions"]["node"] = version;
    if (!scene_.package || scene_.package->node_range.empty()) co_return;
    if (in_version_range(version, scene_.package->node_range) == false)
      found_.facts["runtime_unfit"] = fmt::format("Node {} is unsupported: OpenClaw {} needs {}", version,
                                                  scene_.package->version, scene_.package->node_range);
  }

  asio::awaitable<Json> ask_validation() {
    Json none = Json::array();
    bool puzzling = what_.last_exit && adapter_->needs_diagnosis(what_.last_exit->exit);
    if (!puzzling || scene_.view.running || scene_.spec.runtime == RuntimeKind::docker) co_return none;
    auto argv = validate_command(scene_.spec.command);
    if (argv.empty()) co_return none;
    auto options = tool_options(left());
    if (options.limit < 2s) {
      found_.skip("config validate", too_slow(kWhole));
      co_return none;
    }
    auto said = co_await run_async(std::move(argv), std::move(options));
    if (!said) {
      found_.skip("config validate", said.error());
      co_return none;
    }
    auto issues = config_issues_in(said->out);
    Json sentences = Json::array();
    for (auto& issue : issues) {
      for (auto key : {"path", "message"}) issue[key] = found_.line(issue[key].get<std::string>());
      for (auto& allowed : issue["allowed"]) allowed = found_.line(allowed.get<std::string>());
      auto path = issue["path"].get<std::string>();
      if (sentences.size() < 5)
        sentences.push_back((path.empty() ? "" : path + ": ") + issue["message"].get<std::string>());
    }
    if (!sentences.empty()) found_.facts["config_issues"] = std::move(sentences);
    co_return issues;
  }

  Json last_exit() const {
    if (!what_.last_exit) return nullptr;
    const auto& e = *what_.last_exit;
    return {{"code", e.exit.code ? Json(*e.exit.code) : Json(nullptr)},
            {"signal", e.exit.signal ? Json(*e.exit.signal) : Json(nullptr)},
            {"at", iso8601(what_.last_exit_at)},
            {"reason", found_.line(e.detail.empty() ? e.exit.text() : e.exit.text() + ": " + e.detail)}};
  }

  Json health() const {
    Json out = Json::object();
    for (auto layer : kLayers)
      out[std::string(text(layer))] = {{"state", text(what_.health[layer].state)},
                                       {"reason", found_.line(what_.health[layer].reason)}};
    return out;
  }

  Json unit() const {
    if (!scene_.unit) return nullptr;
    const auto& u = *scene_.unit;
    Json drop_ins = Json::array();
    for (const auto& path : u.drop_ins)
      if (drop_ins.size() < 32) drop_ins.push_back(found_.line(path));
    return {{"name", u.name},
            {"load", u.load_state},
            {"active", u.active_state},
            {"sub", u.sub_state},
            {"result", u.result},
            {"file_state", u.unit_file_state},
            {"type", u.type},
            {"restart", u.restart},
            {"restarts", u.restarts},
            {"restart_delay_s", seconds(u.restart_delay)},
            {"stop_timeout_s", seconds(u.stop_timeout)},
            {"watchdog_s", seconds(u.watchdog)},
            {"user", u.user},
            {"main_pid", u.main_pid},
            {"memory", u.memory},
            {"fragment", found_.line(u.fragment_path)},
            {"drop_ins", drop_ins},
            {"needs_daemon_reload", u.needs_daemon_reload},
            {"job", u.has_job}};
  }

  CloseupOf what_;
  Runtime& runtime_;
  Machine& machine_;
  std::unique_ptr<Adapter> adapter_;
  Scene scene_;
  Findings found_;
  Instant begun_{};
};

}  // namespace

asio::awaitable<Json> look_closely(CloseupOf what, Runtime& runtime, Machine& machine) {
  Closeup closeup(std::move(what), runtime, machine);
  co_return co_await closeup.run();
}

std::vector<std::string> validate_command(const std::vector<std::string>& gateway_command) {
  auto verb = std::ranges::find(gateway_command, "gateway");
  if (verb == gateway_command.begin() || verb == gateway_command.end()) return {};
  std::vector<std::string> argv(gateway_command.begin(), verb);
  for (const auto* word : {"config", "validate", "--json"}) argv.emplace_back(word);
  return argv;
}

Json config_issues_in(std::string_view output) {
  Json out = Json::array();
  // Warnings may stand in front of the object.
  auto begin = output.find('{');
  if (begin == output.npos) return out;
  auto json = nlohmann::json::parse(
      output.substr(begin),
      [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) { return depth < 32; }, false);
  auto issues = json.is_object() ? json.find("issues") : json.end();
  if (!json.is_object() || issues == json.end() || !issues->is_array()) return out;
  auto text_of = [](const nlohmann::json& object, const char* key) {
    auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  for (const auto& issue : *issues) {
    if (!issue.is_object() || out.size() == kMostIssues) continue;
    Json allowed = Json::array();
    if (auto values = issue.find("allowedValues"); values != issue.end() && values->is_array())
      for (const auto& value : *values)
        if (value.is_string() && allowed.size() < kMostIssues) allowed.push_back(value.get<std::string>());
    out.push_back(
        {{"path", text_of(issue, "path")}, {"message", text_of(issue, "message")}, {"allowed", allowed}});
  }
  return out;
}

}  // namespace meshops
