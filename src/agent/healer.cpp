#include "agent/healer.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/text.h"

namespace meshops {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;
using heal::Step;
using heal::Trouble;

namespace {

constexpr auto kQuietWait = 1h;

heal::Ladder::Rules rules_of(const Mesh& mesh) {
  heal::Ladder::Rules rules{.profile = mesh.limits.profile,
                            .per_hour = mesh.heal.per_hour,
                            .first_pause = mesh.heal.pause,
                            .well_for = mesh.heal.well_for,
                            .prove_cap = mesh.limits.start_cap + 1min,
                            .forget_after = mesh.limits.backoff_reset};
  if (rules.profile == Profile::cautious) {
    rules.per_hour = std::min(rules.per_hour, 1U);
    rules.well_for *= 2;
    rules.least_score = 0.6;
  }
  return rules;
}

asio::awaitable<void> pause_for(Duration d) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(d));
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace

Healer::Healer(Bedside& bedside, const Mesh& mesh, Machine& machine, Records& records)
    : bedside_(bedside),
      mesh_(mesh),
      machine_(machine),
      records_(records),
      ladder_(rules_of(mesh)),
      surgeon_(machine, records.ledger, records.kept) {}

Healer::~Healer() = default;

void Healer::saw() {
  if (busy_) return;
  auto sight = bedside_.sight();
  if (sight.trouble == Trouble::none && !sight.starting) settle_start(store::Verdict::helped, "it is ready");
  if (ladder_.state() == heal::Ladder::State::proving && is_down(sight.trouble) &&
      bedside_.last_start() < operated_at_) {
    // What ended had been started before it was mended (by systemd itself, say): that says nothing of the
    // remedy.
    bedside_.hold();
    bedside_.release(true, "it had been started before it was mended");
    return;
  }
  if (sight.trouble != Trouble::none && !may_begin()) return;
  auto step = ladder_.see(machine_.clock().now(), sight);
  if (step.act == Step::Act::none) {
    keep_lease();
    if (sight.trouble == Trouble::none && !sight.starting && sight.wanted) swaps_back();
    return;
  }
  busy_ = true;
  asio::co_spawn(machine_.executor(), carry(std::move(step)), asio::detached);
}

asio::awaitable<void> Healer::carry(Step step) {
  std::weak_ptr<int> alive = alive_;
  while (step.act != Step::Act::none) {
    keep_starts();
    step = co_await one(std::move(step));
    if (alive.expired()) co_return;
  }
  busy_ = false;
  keep_starts();
  keep_lease();
}

/// Nothing new while a sibling heals this node, unless it asked for this. What is under way goes on: it had
/// shut the sibling out.
Status Healer::may_begin() {
  if (records_.lease == nullptr || !ladder_.idle()) return ok();
  const auto& name = bedside_.spec().name;
  auto begun = records_.lease->begin_own(name, "looks for the cause", records_.asked_under);
  if (!begun && !std::exchange(kept_out_, true))
    log::info("heal.kept_out", fmt::format("{}: {}", name, begun.error().text()), {{"gateway", name}});
  if (begun) kept_out_ = false;
  return begun;
}

/// Says what it is at to siblings that would take the lease, or lets them.
void Healer::keep_lease() {
  if (records_.lease == nullptr) return;
  const auto& name = bedside_.spec().name;
  if (ladder_.idle())
    records_.lease->end_own(name);
  else
    (void)records_.lease->begin_own(name, ladder_.summary(machine_.clock().now()), records_.asked_under);
}

/// For the ledger: on whose word it treats.
std::string Healer::by() const {
  bool asked = records_.lease != nullptr && records_.asked_under != 0 &&
               records_.lease->holds(records_.asked_by, records_.asked_under).has_value();
  return asked ? "node " + records_.asked_by : "meshops";
}

/// What the gateway starts from is held still for as long as the ladder is at it.
void Healer::keep_starts() {
  bool hold = ladder_.holds_starts() && (is_down(bedside_.sight().trouble) || held_);
  if (hold && !held_) {
    held_ = true;
    bedside_.hold();
  } else if (!hold && held_) {
    held_ = false;
    bedside_.release(std::exchange(starts_next_, false), std::exchange(starts_why_, {}));
  }
}

asio::awaitable<Step> Healer::one(Step step) {
  const auto& name = bedside_.spec().name;
  switch (step.act) {
    case Step::Act::none:
      break;
    case Step::Act::look: {
      auto next = co_await look();
      co_return next;
    }
    case Step::Act::treat: {
      auto next = co_await treat(step);
      co_return next;
    }
    case Step::Act::undo: {
      auto next = co_await undo(step);
      co_return next;
    }
    case Step::Act::keep:
      log::info("heal.helped", fmt::format("{}: {}", name, step.why), {{"gateway", name}});
      settle(store::Verdict::helped, step.why);
      write_incident(step.why);
      since_.reset();
      if (ladder_.state() != heal::Ladder::State::well) break;
      incident_.clear();
      if (std::exchange(told_, false))
        tell(alert::Alert::Kind::recovered, fmt::format("{} is well again: {}", name, step.why));
      break;
    case Step::Act::close:
      settle(store::Verdict::interrupted, step.why + "; what was done stays");
      write_incident(step.why);
      incident_.clear();
      break;
    case Step::Act::tell: {
      log::warn("heal.told", fmt::format("{} needs a person: {}", name, step.why), {{"gateway", name}});
      auto trouble = bedside_.sight().trouble;
      bool runs = trouble != Trouble::none && !is_down(trouble);
      tell(runs ? alert::Alert::Kind::noticed : alert::Alert::Kind::gave_up,
           fmt::format("{} {} ({}): {}", name, text(trouble),
                       found_.diagnosis.hypotheses.empty()
                           ? "cause unknown"
                           : diagnose::text(found_.diagnosis.hypotheses.front().cause),
                       step.why));
      write_incident("needs a person: " + step.why);
      // That it complains no more does not prove that it is well.
      told_ = trouble != Trouble::complains;
      break;
    }
    case Step::Act::recover:
      log::info("heal.recovered", fmt::format("{} is well again", name), {{"gateway", name}});
      if (std::exchange(told_, false))
        tell(alert::Alert::Kind::recovered, fmt::format("{} is well again", name));
      write_incident(step.why);
      incident_.clear();
      break;
  }
  co_return Step{};
}

asio::awaitable<Step> Healer::look() {
  std::weak_ptr<int> alive = alive_;
  auto found = co_await find(true);
  if (alive.expired()) co_return Step{};
  auto now = machine_.clock().now();
  if (!found) {
    log::warn("heal.look", found.error().text(), {{"gateway", bedside_.spec().name}});
    co_return ladder_.look_failed(now, found.error().sentence());
  }
  found_ = std::move(*found);
  std::vector<heal::Option> options;
  for (const auto& p : found_.plans) options.push_back(p.option);
  auto causes = causes_of(found_.diagnosis);
  log::info("heal.diagnosis",
            fmt::format("{}: {}", bedside_.spec().name, causes.empty() ? "inconclusive" : join(causes, ", ")),
            {{"gateway", bedside_.spec().name}, {"incident", incident_}});
  write_incident("");
  co_return ladder_.diagnosed(now, bedside_.sight(), options, causes);
}

asio::awaitable<Step> Healer::treat(const Step& step) {
  std::weak_ptr<int> alive = alive_;
  if (step.option >= found_.plans.size())
    co_return ladder_.treated(machine_.clock().now(), heal::Ladder::Done::failed);
  auto chosen = found_.plans[step.option];
  const auto& name = bedside_.spec().name;
  open_remedy_ = chosen.option.remedy;
  open_cause_ = chosen.option.cause;
  since_ = machine_.clock().wall();
  if (!chosen.option.acts) {
    log::info("heal.wait", fmt::format("{}: {}", name, chosen.treatment.sentence), {{"gateway", name}});
    co_return ladder_.treated(machine_.clock().now(), heal::Ladder::Done::well);
  }

  Json evidence = Json::array();
  for (const auto& h : found_.diagnosis.hypotheses)
    if (diagnose::text(h.cause) == chosen.option.cause)
      for (const auto& e : h.evidence)
        if (evidence.size() < 8) evidence.push_back(e.text);
  auto entry =
      records_.ledger.begin({.gateway = name,
                             .cause = chosen.option.cause,
                             .score = chosen.option.score,
                             .remedy = chosen.option.remedy,
                             .sentence = chosen.treatment.sentence,
                             .evidence = evidence.dump(-1, ' ', false, Json::error_handler_t::replace),
                             .incident = incident_,
                             .by = by(),
                             .began = *since_});
  if (!entry) {
    log::error("heal.ledger", entry.error().text(), {{"gateway", name}});
    // What frees the disk may go on without a record; everything else may not.
    bool frees =
        !chosen.treatment.actions.empty() &&
        std::ranges::all_of(chosen.treatment.actions, [](const heal::Action& a) {
          return std::holds_alternative<heal::RemoveFiles>(a) || std::holds_alternative<heal::TrimFile>(a);
        });
    if (!frees) co_return ladder_.treated(machine_.clock().now(), heal::Ladder::Done::failed);
  }
  entry_ = entry ? std::optional(*entry) : std::nullopt;
  if (entry_) incident_entries_.push_back(*entry_);
  log::warn("heal.treat",
            fmt::format("{}: {} ({}, {:.0f} %): {}", name, chosen.option.remedy, chosen.option.cause,
                        chosen.option.score * 100, chosen.treatment.sentence),
            {{"gateway", name}, {"entry", entry_ ? std::to_string(*entry_) : "none"}});
  auto done = co_await operate(entry_.value_or(0), chosen.treatment);
  if (alive.expired()) co_return Step{};
  auto now = machine_.clock().now();
  operated_at_ = now;
  bedside_.operated();
  if (done) co_return ladder_.treated(now, heal::Ladder::Done::well);
  log::warn("heal.failed", fmt::format("{}: {}", name, done.error().text()), {{"gateway", name}});
  bool clashed = done.error().is(code_name(heal::HealCode::changed_meanwhile));
  settle(store::Verdict::failed, done.error().text());
  co_return ladder_.treated(now, clashed ? heal::Ladder::Done::clashed : heal::Ladder::Done::failed);
}

asio::awaitable<Status> Healer::operate(std::int64_t entry, const heal::Treatment& t) {
  std::weak_ptr<int> alive = alive_;
  // Turns that fail are nothing to wait for.
  if (t.quiet_moment && bedside_.sight().trouble != Trouble::turns_fail) {
    auto until = machine_.clock().now() + kQuietWait;
    while (!bedside_.quiet() && bedside_.running() && machine_.clock().now() < until) {
      co_await pause_for(5s);
      if (alive.expired()) co_return fail(heal::HealCode::busy, "the agent ends");
    }
  }
  bool was_running = bedside_.running();
  if (t.gateway_stopped && was_running) {
    held_ = true;
    bedside_.hold();
    auto stopped = co_await bedside_.stop(t.sentence);
    if (alive.expired() || !stopped) co_return stopped;
  }
  auto done = co_await surgeon_.operate(entry, t.actions);
  if (alive.expired()) co_return done;
  // Whatever became of it: what was stopped for it comes back.
  if (t.gateway_stopped && was_running) starts_next_ = true, starts_why_ = t.sentence;
  if (!done) co_return done;
  switch (t.then) {
    case heal::Treatment::Then::start:
      starts_next_ = true;
      starts_why_ = t.sentence;
      break;
    case heal::Treatment::Then::restart:
      if (bedside_.running() && !t.gateway_stopped) co_return bedside_.restart(t.sentence);
      starts_next_ = true;
      starts_why_ = t.sentence;
      break;
    case heal::Treatment::Then::watch:
      break;
  }
  co_return ok();
}

asio::awaitable<Step> Healer::undo(const Step& step) {
  std::weak_ptr<int> alive = alive_;
  const auto& name = bedside_.spec().name;
  bool keep = false;
  for (const auto& p : found_.plans)
    if (p.option.remedy == open_remedy_ && p.option.cause == open_cause_) keep = !p.treatment.undo_if_no_help;
  std::string note = step.why;
  if (entry_) {
    auto recorded = records_.ledger.get(*entry_);
    if (!recorded) {
      note += "; it could not be taken back: " + recorded.error().text();
    } else if (!keep) {
      auto back = co_await surgeon_.take_back(std::move(*recorded));
      if (alive.expired()) co_return Step{};
      note += back ? "; taken back" : "; not all could be taken back: " + back.error().text();
    } else {
      note += "; what it did stays";
    }
  }
  log::warn("heal.no_help", fmt::format("{}: {}", name, note), {{"gateway", name}});
  settle(store::Verdict::no_help, note);
  co_return ladder_.undone(machine_.clock().now());
}

Result<std::string> Healer::person_asks() {
  auto sight = bedside_.sight();
  if (busy_) return "it is at it: " + ladder_.summary(machine_.clock().now());
  if (!sight.wanted)
    return fail(error(heal::HealCode::not_applicable, "{} was stopped by a person", bedside_.spec().name)
                    .hint("start it: meshops start {}", bedside_.spec().name));
  if (sight.trouble == Trouble::none) return std::string("nothing to heal: " + bedside_.summary());
  if (sight.starting) return std::string("it is left to start: " + bedside_.summary());
  CHECK_OK(may_begin());
  auto step = ladder_.person_asks(sight);
  if (step.act == Step::Act::none) {
    keep_lease();
    return "it is at it: " + ladder_.summary(machine_.clock().now());
  }
  busy_ = true;
  asio::co_spawn(machine_.executor(), carry(std::move(step)), asio::detached);
  return std::string("it looks for the cause");
}

Json Healer::status() const {
  auto now = machine_.clock().now();
  Json json = {{"state", text(ladder_.state())}, {"summary", ladder_.summary(now)}};
  bool active = ladder_.state() != heal::Ladder::State::well;
  json["cause"] = active && !found_.diagnosis.hypotheses.empty()
                      ? Json(diagnose::text(found_.diagnosis.hypotheses.front().cause))
                      : Json(nullptr);
  json["remedy"] = active && !open_remedy_.empty() ? Json(open_remedy_) : Json(nullptr);
  json["incident"] = active && !incident_.empty() ? Json(incident_) : Json(nullptr);
  return json;
}

}  // namespace meshops
