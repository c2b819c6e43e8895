#include "agent/keeper.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "agent/closeup.h"
#include "base/log.h"
#include "base/text.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

Remembered parse_remembered(std::string_view text) {
  Remembered known;
  auto& memory = known.supervision;
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return known;
  if (auto& v = json["wanted"]; v.is_boolean()) memory.wanted = v.get<bool>();
  if (auto& v = json["learned_start_ms"]; v.is_number_unsigned() && v.get<std::uint64_t>() < 86'400'000)
    memory.learned_start = std::chrono::milliseconds(v.get<std::uint64_t>());
  if (auto& v = json["failures"]; v.is_number_unsigned()) memory.failures = v.get<unsigned>();
  if (auto& v = json["restarts"]; v.is_number_unsigned()) memory.restarts = v.get<unsigned>();
  if (auto& exit = json["last_exit"]; exit.is_object() && exit["at"].is_string()) {
    auto at = parse_iso8601(exit["at"].get<std::string>());
    known.last_exit_at = at.value_or(WallTime{});
    RuntimeEvent event{.kind = RuntimeEvent::Kind::exited};
    if (exit["code"].is_number_integer()) event.exit.code = exit["code"].get<int>();
    if (exit["signal"].is_number_integer()) event.exit.signal = exit["signal"].get<int>();
    if (exit["detail"].is_string()) event.detail = exit["detail"].get<std::string>();
    known.last_exit = std::move(event);
  }
  if (auto& paused = json["pause"]; paused.is_object() && paused["why"].is_string()) {
    known.pause_why = paused["why"].get<std::string>();
    if (paused["until"].is_string()) known.pause_until = parse_iso8601(paused["until"].get<std::string>());
  }
  return known;
}

std::string to_json(const Remembered& known) {
  const auto& memory = known.supervision;
  Json json = {{"wanted", memory.wanted}, {"failures", memory.failures}, {"restarts", memory.restarts}};
  if (memory.learned_start)
    json["learned_start_ms"] =
        std::chrono::duration_cast<std::chrono::milliseconds>(*memory.learned_start).count();
  if (known.last_exit) {
    auto& exit = json["last_exit"];
    exit["at"] = iso8601(known.last_exit_at);
    if (known.last_exit->exit.code) exit["code"] = *known.last_exit->exit.code;
    if (known.last_exit->exit.signal) exit["signal"] = *known.last_exit->exit.signal;
    exit["detail"] = known.last_exit->detail;
  }
  if (!known.pause_why.empty()) {
    json["pause"] = {{"why", known.pause_why}};
    if (known.pause_until) json["pause"]["until"] = iso8601(*known.pause_until);
  }
  // What a person wrote may be broken UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

namespace {
std::filesystem::path memory_path(const std::filesystem::path& state_dir, const std::string& gateway) {
  return state_dir / "gateways" / gateway / "memory.json";
}
}  // namespace

Remembered read_remembered(const std::filesystem::path& state_dir, const std::string& gateway) {
  auto text = read_file(memory_path(state_dir, gateway), 64U << 10);
  return text ? parse_remembered(*text) : Remembered{};
}

namespace {
constexpr auto kFullLookEvery = 1min;
constexpr auto kLogLookEvery = 15s;

std::filesystem::path memory_path(Machine& machine, const GatewaySpec& spec) {
  return memory_path(machine.state_dir(), spec.name);
}

Supervision::Rules rules_for(const Mesh& mesh, const Adapter& adapter) {
  auto limits = mesh.limits;
  if (limits.profile == Profile::cautious) {
    // Slower to call it a hang, and never back at once.
    limits.hang_misses *= 2;
    limits.start_floor *= 2;
    limits.backoff_first = std::max<Duration>(limits.backoff_first, 5s);
  }
  return {.limits = limits, .drain = adapter.drain_time()};
}
}  // namespace

Keeper::Keeper(const GatewaySpec& spec, const Mesh& mesh, Machine& machine, Records& records)
    : Keeper(spec, mesh, machine, records, read_remembered(machine.state_dir(), spec.name)) {}

Keeper::Keeper(GatewaySpec spec, const Mesh& mesh, Machine& machine, Records& records, Remembered remembered)
    : spec_(std::move(spec)),
      limits_(mesh.limits),
      machine_(machine),
      adapter_(make_adapter(spec_.kind)),
      supervision_(rules_for(mesh, *adapter_), remembered.supervision),
      healer_(*this, mesh, machine, records),
      rounds_(peers_of(mesh)),
      timer_(machine.executor()),
      last_exit_(std::move(remembered.last_exit)),
      last_exit_at_(remembered.last_exit_at),
      pause_why_(std::move(remembered.pause_why)),
      pause_until_(remembered.pause_until),
      good_config_(memory_path(machine, spec_).parent_path()) {}

bool Keeper::remembers(Machine& machine, const GatewaySpec& spec) {
  return machine.host().stat(memory_path(machine, spec)).has_value();
}

Keeper::~Keeper() { timer_.cancel(); }

asio::awaitable<void> Keeper::run() {
  std::weak_ptr<int> alive = alive_;
  auto made = make_runtime(spec_, *adapter_, limits_, machine_);
  if (!made) {
    trouble_ = made.error();
    log::error("gateway.runtime", trouble_.text(), {{"gateway", spec_.name}});
    co_return;
  }
  runtime_ = std::move(*made);
  Duration retry = 1s;
  while (!alive.expired()) {
    auto attached = co_await runtime_->attach([this](const RuntimeEvent& event) { happened(event); });
    if (alive.expired()) co_return;
    if (attached) break;
    // The manager may still be coming up, a user's bus may need a login: keep asking, calmly.
    if (trouble_.sentence() != attached.error().sentence())
      log::warn("gateway.attach", attached.error().text(), {{"gateway", spec_.name}});
    trouble_ = attached.error();
    timer_.expires_after(retry);
    boost::system::error_code woken;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    retry = std::min<Duration>(retry * 2, 30s);
  }
  trouble_ = Error("", "");
  spec_ = runtime_->as_run(std::move(spec_));
  if (!pause_why_.empty()) {
    (void)supervision_.hands_off(now(), pause_why_);  // nothing is parked yet that could be let go
    healer_.pause(true);
  }
  co_await healer_.take_over();
  if (alive.expired()) co_return;

  auto next_look = now();
  while (!alive.expired()) {
    if (now() >= next_look) {
      obey_pause();
      co_await look();
      if (alive.expired()) co_return;
      healer_.saw();
      next_look = now() + supervision_.look_interval();
    }
    auto wake = next_look;
    if (auto tick = supervision_.next_wake()) wake = std::min(wake, *tick);
    timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
        std::max<Duration>(wake - now(), 0s)));
    boost::system::error_code woken;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (alive.expired()) co_return;
    if (woken == asio::error::operation_aborted)
      next_look = std::min(next_look, now() + supervision_.look_interval());
    carry_out(supervision_.tick(now()));
  }
}

void Keeper::happened(const RuntimeEvent& event) {
  ++events_;
  switch (event.kind) {
    case RuntimeEvent::Kind::started: {
      // An adopted process is older than our knowledge of it.
      auto age = Duration::zero();
      if (auto info = machine_.host().process(event.pid))
        age = std::max(now().since_boot - info->started, Duration::zero());
      if (age < 2s) age = Duration::zero();
      last_start_ = now() - age;
      start_failed_ = false;
      turns_.forget();
      complaints_.started();
      last_log_look_ = {};
      turns_unseen_.clear();
      log::info("gateway.started", fmt::format("{} runs (pid {})", spec_.name, event.pid),
                {{"gateway", spec_.name}, {"pid", std::to_string(event.pid)}});
      carry_out(supervision_.process_started(now(), age));
      break;
    }
    case RuntimeEvent::Kind::exited: {
      bool puzzling = adapter_->needs_diagnosis(event.exit);
      auto detail = event.detail.empty() ? adapter_->explain_exit(event.exit) : event.detail;
      last_exit_ = event;
      last_exit_->detail = detail;
      last_exit_at_ = machine_.clock().wall();
      puzzled_ = puzzling;
      show_ended(event.pid, event.exit.text());
      auto sentence = fmt::format("{}: pid {} {}{}", spec_.name, event.pid, event.exit.text(),
                                  detail.empty() ? "" : " (" + detail + ")");
      auto say = supervision_.phase() == Phase::stopping ? log::info : log::warn;
      say("gateway.exited", sentence, {{"gateway", spec_.name}, {"pid", std::to_string(event.pid)}});
      // The start goes out before anything is made durable (remember()): an fsync may take longer than a
      // start.
      carry_out(supervision_.process_ended(now(), event.exit, puzzling, detail));
      break;
    }
    case RuntimeEvent::Kind::stopped_by_person:
      last_exit_ = event;
      last_exit_at_ = machine_.clock().wall();
      carry_out(supervision_.stopped_by_person(now()));
      show_ended(event.pid, "stopped");
      log::info("gateway.stopped",
                fmt::format("{} was stopped through its service manager: left alone", spec_.name),
                {{"gateway", spec_.name}});
      break;
    case RuntimeEvent::Kind::lost:
      log::warn("gateway.lost", fmt::format("{}: {}", spec_.name, event.detail), {{"gateway", spec_.name}});
      break;
  }
  remember();
  healer_.saw();
  timer_.cancel();
}

void Keeper::show_ended(pid_t pid, const std::string& how) {
  if (view_.pid != pid) return;
  view_ = {};
  view_.stopped_reason = how;
  Health ended;
  ended.at = machine_.clock().wall();
  for (auto layer : kLayers)
    if (health_[layer].state == LayerState::not_applicable) ended[layer].state = LayerState::not_applicable;
  ended[Layer::process] = {.state = LayerState::failing, .reason = how};
  for (auto layer : kLayers)
    if (ended[layer].since == WallTime{}) ended[layer].since = ended.at;
  health_ = carried_over(health_, std::move(ended));
}

void Keeper::carry_out(Decision decision) {
  if (decision.act == Decision::Act::none) return;
  asio::co_spawn(machine_.executor(), act(std::move(decision)), asio::detached);
}

asio::awaitable<void> Keeper::act(Decision decision) {
  std::weak_ptr<int> alive = alive_;
  switch (decision.act) {
    case Decision::Act::none:
      co_return;
    case Decision::Act::start: {
      log::info("gateway.start", fmt::format("starting {}: {}", spec_.name, decision.why),
                {{"gateway", spec_.name}});
      Status started = adapter_->may_start(spec_, machine_.host());
      if (started) started = co_await runtime_->start();
      if (alive.expired()) co_return;
      if (started) {
        // The first start of a day is no event; what follows a failure is.
        if (supervision_.memory().restarts > 0 || std::exchange(takes_over_, false))
          healer_.started(decision.why, false);
      } else {
        log::error("gateway.start", started.error().text(), {{"gateway", spec_.name}});
        start_failed_ = true;
        supervision_.start_failed(now(), started.error().text());
        healer_.saw();
        timer_.cancel();
      }
      break;
    }
    case Decision::Act::stop: {
      log::info("gateway.stop", fmt::format("stopping {}: {}", spec_.name, decision.why),
                {{"gateway", spec_.name}});
      auto stopped = co_await runtime_->stop(adapter_->drain_time());
      if (alive.expired()) co_return;
      if (!stopped) log::error("gateway.stop", stopped.error().text(), {{"gateway", spec_.name}});
      break;
    }
    case Decision::Act::end_hung: {
      log::warn("gateway.hung", fmt::format("{}: {}; ending it", spec_.name, decision.why),
                {{"gateway", spec_.name}});
      // A frozen process handles SIGTERM only once it runs again; TERM first, so that it finds it waiting.
      auto term = co_await runtime_->signal(SIGTERM);
      if (alive.expired()) co_return;
      if (!term) log::error("gateway.hung", term.error().text(), {{"gateway", spec_.name}});
      co_await runtime_->signal(SIGCONT);
      if (alive.expired()) co_return;
      healer_.ended_hung(decision.why);
      break;
    }
    case Decision::Act::kill: {
      log::warn("gateway.kill", fmt::format("{}: killing it: {}", spec_.name, decision.why),
                {{"gateway", spec_.name}});
      auto killed = co_await runtime_->kill_now();
      if (alive.expired()) co_return;
      if (!killed) log::error("gateway.kill", killed.error().text(), {{"gateway", spec_.name}});
      break;
    }
  }
  if (!alive.expired()) remember();
}

asio::awaitable<void> Keeper::look() {
  std::weak_ptr<int> alive = alive_;
  auto before = events_;
  if (identity_.port == 0 || supervision_.phase() == Phase::starting ||
      supervision_.phase() == Phase::unseen) {
    if (auto found = adapter_->identify(spec_, machine_.host()))
      identity_ = std::move(*found);
    else if (trouble_.sentence() != found.error().sentence())
      log::warn("gateway.identity", found.error().text(), {{"gateway", spec_.name}});
    identity_.supervisor = runtime_->describe();
  }
  auto view = co_await runtime_->view();
  if (alive.expired() || events_ != before) co_return;
  bool frozen = view.info && (view.info->state == 'T' || view.info->state == 't');
  // A healthy gateway is asked one thing, and everything once a minute: each full look leaves a line in its
  // log.
  bool calm = supervision_.phase() == Phase::ready && !frozen && now() - last_full_look_ < kFullLookEvery;
  if (!calm) last_full_look_ = now();
  auto seen = co_await adapter_->probe(spec_, identity_, view, machine_.host(), machine_.net(),
                                       limits_.probe_timeout, calm ? Depth::light : Depth::full);
  if (alive.expired() || events_ != before) co_return;  // it ended or started meanwhile: this picture is old

  Look look{.health = seen, .running = view.running, .frozen = frozen, .cpu = view.cpu};
  auto phase = supervision_.phase();
  auto decision = supervision_.looked(now(), look);
  view_ = std::move(view);
  show_pending(seen);
  if (seen[Layer::works].state != LayerState::not_applicable && view_.running) {
    if (supervision_.phase() == Phase::ready && now() - last_log_look_ >= kLogLookEvery) co_await read_log();
    if (alive.expired() || events_ != before) co_return;
    seen[Layer::works] = works();
  }
  seen.at = machine_.clock().wall();
  health_ = carried_over(health_, std::move(seen));
  if (supervision_.phase() != phase) {
    log::info("gateway.phase", fmt::format("{}: {}", spec_.name, summary()),
              {{"gateway", spec_.name}, {"phase", std::string(text(supervision_.phase()))}});
    remember();
  }
  carry_out(std::move(decision));
  if (now() - last_round_ >= Rounds::kEvery) {
    last_round_ = now();
    healer_.noticed(rounds_.look(spec_, identity_, view_, machine_.host(), now()));
  }
  keep_good_config();
  if (spec_.canary && supervision_.phase() == Phase::ready && canary_done_for_ != view_.pid)
    co_await try_canary();
}

asio::awaitable<void> Keeper::try_canary() {
  std::weak_ptr<int> alive = alive_;
  canary_done_for_ = view_.pid;
  auto turn = co_await adapter_->canary(spec_, identity_, machine_.host(), machine_.net(), 120s);
  if (alive.expired()) co_return;
  auto wall = machine_.clock().wall();
  if (turn)
    turns_.saw({TurnSign::Kind::succeeded, ""}, wall, *turn);
  else if (turn.error().is(code_name(GatewayCode::not_supported)))
    turns_unseen_ = turn.error().text();
  else
    turns_.saw({TurnSign::Kind::failed, turn.error().text()}, wall);
  health_[Layer::works] = works();
  if (turn)
    log::info("gateway.works", fmt::format("{} answered a real turn in {}", spec_.name, about(*turn)),
              {{"gateway", spec_.name}});
  else
    log::warn("gateway.works", fmt::format("{}: the real turn failed: {}", spec_.name, turn.error().text()),
              {{"gateway", spec_.name}});
}

asio::awaitable<void> Keeper::read_log() {
  std::weak_ptr<int> alive = alive_;
  auto before = events_;
  last_log_look_ = now();
  auto text = co_await runtime_->new_log();
  if (alive.expired() || events_ != before) co_return;
  if (!text) {
    turns_unseen_ = "its log cannot be read: " + text.error().text();
    co_return;
  }
  auto was = works().state;
  auto started =
      machine_.clock().wall() - std::chrono::duration_cast<std::chrono::milliseconds>(now() - last_start_);
  for (auto line : split(*text, '\n')) {
    auto parsed = journal::parse_log_line(line);
    auto at = parsed.time.value_or(machine_.clock().wall());
    if (auto sign = adapter_->turn_sign(parsed)) turns_.saw(*sign, at);
    // What the process before this one complained of may be mended.
    if (auto complaint = adapter_->complaint(parsed); complaint && (complaint->of_starts || at >= started))
      complaints_.saw(*complaint, at);
  }
  auto is = works();
  if (is.state == LayerState::failing && was != LayerState::failing)
    log::warn("gateway.works", fmt::format("{} is up, but its turns fail: {}", spec_.name, is.reason),
              {{"gateway", spec_.name}});
  else if (is.state == LayerState::ok && was == LayerState::failing)
    log::info("gateway.works", fmt::format("{}: its turns succeed again", spec_.name),
              {{"gateway", spec_.name}});
}

LayerHealth Keeper::works() const {
  auto layer = turns_.works(machine_.clock().wall());
  if (layer.state == LayerState::unknown && !turns_unseen_.empty()) layer.reason = turns_unseen_;
  if (layer.since == WallTime{}) layer.since = machine_.clock().wall();
  return layer;
}

void Keeper::show_pending(Health& health) const {
  if (!supervision_.warming_up()) return;
  for (auto layer : kLayers)
    if (health[layer].state == LayerState::failing && layer != Layer::process)
      health[layer].state = LayerState::pending;
}

void Keeper::remember() {
  auto text = to_json(Remembered{supervision_.memory(), last_exit_, last_exit_at_, pause_why_, pause_until_});
  if (text == saved_memory_) return;
  auto path = memory_path(machine_, spec_);
  auto saved = make_directories(path.parent_path());
  if (saved) saved = write_file_atomic(path, text);
  if (saved)
    saved_memory_ = std::move(text);
  else
    log::warn("gateway.memory", saved.error().text(), {{"gateway", spec_.name}});
}

asio::awaitable<Status> Keeper::person_starts() {
  if (!runtime_) co_return fail(trouble_);
  auto may = ask_lease();
  if (!may) co_return may;
  auto decision = supervision_.person_starts(now());
  if (decision.act == Decision::Act::none) co_return ok();
  co_await act(std::move(decision));
  co_return ok();
}
asio::awaitable<Status> Keeper::person_stops() {
  if (!runtime_) co_return fail(trouble_);
  asked_ = false;
  carry_out(supervision_.person_stops(now()));
  remember();
  co_return ok();
}
asio::awaitable<Status> Keeper::person_restarts() {
  if (!runtime_) co_return fail(trouble_);
  carry_out(supervision_.person_restarts(now()));
  remember();
  co_return ok();
}
asio::awaitable<Result<std::string>> Keeper::logs(std::size_t lines) {
  if (!runtime_) co_return fail(trouble_);
  auto text = co_await runtime_->logs(lines);
  co_return text;
}

asio::awaitable<void> Keeper::leave(Duration limit) {
  if (!runtime_ || spec_.runtime != RuntimeKind::process) co_return;
  auto memory = supervision_.memory();
  auto deadline = now() + limit;
  carry_out(supervision_.person_stops(now(), "meshops leaves"));
  while (supervision_.phase() != Phase::stopped && now() < deadline) {
    timer_.expires_after(50ms);
    boost::system::error_code woken;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    carry_out(supervision_.tick(now()));
  }
  // It was us who left, not a person who wants it down: the next `up` starts it again.
  saved_memory_ = to_json(Remembered{memory, last_exit_, last_exit_at_, pause_why_, pause_until_});
  if (auto saved = write_file_atomic(memory_path(machine_, spec_), saved_memory_); !saved)
    log::warn("gateway.memory", saved.error().text(), {{"gateway", spec_.name}});
}

std::string Keeper::summary() const {
  if (!trouble_.sentence().empty()) return trouble_.text();
  return supervision_.summary(now());
}

Json Keeper::status() const {
  Json json;
  json["name"] = spec_.name;
  json["kind"] = text(spec_.kind);
  json["runtime"] = text(spec_.runtime);
  json["state"] = trouble_.sentence().empty() ? std::string(text(supervision_.phase())) : "unwatched";
  json["summary"] = summary();
  json["restarts"] = supervision_.memory().restarts;
  json["healing"] = healer_.status();
  json["pause"] =
      pause_why_.empty()
          ? Json(nullptr)
          : Json{{"why", pause_why_}, {"until", pause_until_ ? Json(iso8601(*pause_until_)) : Json(nullptr)}};
  json["identity"] = {{"pid", view_.running ? Json(view_.pid) : Json(nullptr)},
                      {"version", health_.version.empty() ? identity_.version : health_.version},
                      {"state_dir", identity_.state_dir.string()},
                      {"config", identity_.config.string()},
                      {"port", identity_.port != 0 ? Json(identity_.port) : Json(nullptr)},
                      {"supervisor", identity_.supervisor},
                      {"unit", spec_.unit}};
  if (last_exit_)
    json["last_exit"] = {
        {"code", last_exit_->exit.code ? Json(*last_exit_->exit.code) : Json(nullptr)},
        {"signal", last_exit_->exit.signal ? Json(*last_exit_->exit.signal) : Json(nullptr)},
        {"at", iso8601(last_exit_at_)},
        {"reason", last_exit_->detail.empty() ? last_exit_->exit.text()
                                              : last_exit_->exit.text() + ": " + last_exit_->detail}};
  else
    json["last_exit"] = nullptr;
  json["learned_start_s"] = supervision_.memory().learned_start
                                ? Json(seconds(*supervision_.memory().learned_start))
                                : Json(nullptr);
  auto& layers = json["health"];
  for (auto layer : kLayers) {
    const auto& h = health_[layer];
    layers[std::string(text(layer))] = {
        {"state", text(h.state)},
        {"since", h.since == WallTime{} ? Json(nullptr) : Json(iso8601(h.since))},
        {"latency_ms", h.latency ? Json(std::round(milliseconds(*h.latency) * 1000) / 1000) : Json(nullptr)},
        {"reason", h.reason}};
  }
  return json;
}

}  // namespace meshops
