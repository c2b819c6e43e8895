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
#include "diagnose/log_cut.h"

namespace meshops {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;
using heal::Step;
using heal::Trouble;

namespace {

/// Older lines tell of other troubles.
constexpr auto kLogBack = 1h;
/// What a service manager says just before a run belongs to it.
constexpr auto kBeforeRun = 3s;
constexpr auto kQuietWait = 1h;
/// What has to get well by itself and does not say how soon.
constexpr auto kProves = 2min;

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

std::string_view text(heal::Treatment::Then then) {
  switch (then) {
    case heal::Treatment::Then::start:
      return "start";
    case heal::Treatment::Then::restart:
      return "restart";
    case heal::Treatment::Then::watch:
      return "watch";
  }
  return "watch";
}

bool is_down(Trouble trouble) {
  return trouble == Trouble::refused || trouble == Trouble::crashing || trouble == Trouble::cannot_start;
}

asio::awaitable<void> pause_for(Duration d) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(d));
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

std::string stamp(WallTime at) {
  std::string out;
  for (char c : iso8601(at).substr(0, 19))
    if (c != '-' && c != ':') out += c;
  return out + "Z";
}

RuntimeKind runtime_named(std::string_view name) {
  for (auto kind :
       {RuntimeKind::process, RuntimeKind::systemd_system, RuntimeKind::systemd_user, RuntimeKind::docker})
    if (text(kind) == name) return kind;
  return RuntimeKind::process;
}

std::vector<std::string> causes_of(const diagnose::Diagnosis& diagnosis) {
  std::vector<std::string> out;
  for (const auto& h : diagnosis.hypotheses)
    if (h.score >= diagnose::kConclusive) out.emplace_back(diagnose::text(h.cause));
  return out;
}

/// The words of the best evidence, at most three lines.
std::vector<std::string> three_lines(const diagnose::Diagnosis& diagnosis) {
  std::vector<std::string> out;
  for (const auto& h : diagnosis.hypotheses) {
    if (out.size() == 3) break;
    out.push_back(fmt::format("{} ({:.0f} %): {}{}", diagnose::text(h.cause), h.score * 100,
                              diagnose::about(h.cause).title,
                              h.evidence.empty() ? "" : "; because " + h.evidence.front().text));
  }
  if (out.empty()) out.emplace_back("no known cause was found");
  return out;
}

/// The check that found it named the cause: there is nothing to guess.
diagnose::Diagnosis known(const Notice& notice) {
  diagnose::Hypothesis h{
      .cause = notice.cause, .score = 1, .evidence = {}, .against = {}, .explains = {}, .remedies = {}};
  h.evidence.push_back({.id = "standing_check", .line = 0, .text = notice.words, .percent = 100});
  for (const auto& remedy : diagnose::about(h.cause).remedies) h.remedies.push_back(remedy.id);
  diagnose::Diagnosis out{.confidence = diagnose::Confidence::high, .hypotheses = {}, .symptoms = {}};
  out.hypotheses.push_back(std::move(h));
  return out;
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

asio::awaitable<void> Healer::take_over() {
  std::weak_ptr<int> alive = alive_;
  auto wall = machine_.clock().wall();
  auto now = machine_.clock().now();
  auto recent = records_.ledger.list(
      {.gateway = bedside_.spec().name, .since = wall - 1h, .only_open = false, .at_most = 100});
  if (recent)
    for (const auto& e : *recent)
      if (!e.steps.empty() && e.by == "meshops")
        ladder_.remember_treatment(now - std::clamp<Duration>(wall - e.began, 0s, 1h), e.cause, e.remedy);
  auto open =
      records_.ledger.list({.gateway = bedside_.spec().name, .since = {}, .only_open = true, .at_most = 100});
  if (!open) {
    log::error("heal.ledger", open.error().text(), {{"gateway", bedside_.spec().name}});
    co_return;
  }
  for (auto& e : *open) {
    if (e.steps.empty()) {
      // A start of supervision, or a treatment that had not begun.
      (void)records_.ledger.end(e.id, store::Verdict::interrupted, wall,
                                "meshops ended before it was seen to help");
      continue;
    }
    bool whole = std::ranges::all_of(e.steps, [](const auto& s) { return s.deed == store::Deed::done; });
    if (whole && !entry_) {
      // Done, and not judged yet: it still has to prove itself.
      entry_ = e.id;
      open_remedy_ = e.remedy;
      open_cause_ = e.cause;
      since_ = e.began;
      ladder_.resume_proving(
          now, {.cause = e.cause, .score = e.score, .remedy = e.remedy, .proves_within = {}, .obstacle = {}});
      log::info("heal.resume",
                fmt::format("{} against {} is watched on: meshops had ended meanwhile", e.remedy, e.cause),
                {{"gateway", bedside_.spec().name}});
      continue;
    }
    auto id = e.id;
    auto back = co_await surgeon_.take_back(std::move(e));
    if (alive.expired()) co_return;
    auto note =
        back ? std::string("meshops ended in the middle of it; it was taken back")
             : "meshops ended in the middle of it; not all could be taken back: " + back.error().text();
    (void)records_.ledger.end(id, store::Verdict::interrupted, wall, note);
    log::warn("heal.resume", note, {{"gateway", bedside_.spec().name}, {"entry", std::to_string(id)}});
  }
}

void Healer::noticed(std::optional<Notice> notice) {
  if (notice && !notice->grave) {
    // Hygiene: where there is nothing to clean, nobody need know.
    auto plans = plan(known(*notice), {});
    bool possible =
        std::ranges::any_of(plans, [](const Plan& p) { return p.option.obstacle.empty() && p.option.acts; });
    if (!possible) notice.reset();
  }
  notice_ = std::move(notice);
}

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
  auto step = ladder_.see(machine_.clock().now(), sight);
  if (step.act == Step::Act::none) return;
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
      if (ladder_.state() == heal::Ladder::State::well) incident_.clear();
      break;
    case Step::Act::close:
      settle(store::Verdict::interrupted, step.why + "; what was done stays");
      write_incident(step.why);
      incident_.clear();
      break;
    case Step::Act::tell: {
      log::warn("heal.told", fmt::format("{} needs a person: {}", name, step.why), {{"gateway", name}});
      bool runs = bedside_.sight().trouble == Trouble::noticed ||
                  bedside_.sight().trouble == Trouble::turns_fail ||
                  bedside_.sight().trouble == Trouble::not_ready;
      tell(runs ? alert::Alert::Kind::noticed : alert::Alert::Kind::gave_up,
           fmt::format("{} {}: {}", name, text(bedside_.sight().trouble), step.why));
      write_incident("needs a person: " + step.why);
      told_ = true;
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

asio::awaitable<Result<Healer::Finding>> Healer::find(bool record) {
  std::weak_ptr<int> alive = alive_;
  Finding found;
  diagnose::Closeup seen;
  if (bedside_.sight().trouble == Trouble::noticed && notice_) {
    found.diagnosis = known(*notice_);
    found.plans = plan(found.diagnosis, seen);
    co_return found;
  }
  auto closeup = co_await bedside_.closeup();
  if (alive.expired()) co_return fail(heal::HealCode::busy, "the agent ends");
  if (!closeup) co_return fail(closeup.error());
  auto document = closeup->dump(-1, ' ', false, Json::error_handler_t::replace);
  auto wall = machine_.clock().wall();
  if (record) {
    if (incident_.empty()) {
      incident_at_ = wall;
      looks_ = 0;
      incident_entries_.clear();
      if (auto opened = records_.incidents.open(bedside_.spec().name, wall))
        incident_ = *opened;
      else
        log::warn("heal.incident", opened.error().text(), {{"gateway", bedside_.spec().name}});
    }
    // Without it (a full disk) healing still goes on.
    ++looks_;
    if (!incident_.empty())
      if (auto kept = records_.incidents.put(incident_, fmt::format("closeup-{}.json", looks_), document);
          !kept)
        log::warn("heal.incident", kept.error().text(), {{"gateway", bedside_.spec().name}});
  }
  auto read = diagnose::parse_closeup(document);
  if (!read) co_return fail(read.error());
  seen = std::move(*read);
  auto from = log_counts_from();
  // What an earlier run complained of may long be mended: no remedy is planned from it either.
  seen.log = diagnose::not_before(seen.log, from).text;
  auto judged = co_await records_.judge(std::move(document), from);
  if (alive.expired()) co_return fail(heal::HealCode::busy, "the agent ends");
  if (!judged) co_return fail(judged.error());
  if (record && !incident_.empty())
    (void)records_.incidents.put(incident_, fmt::format("diagnosis-{}.json", looks_),
                                 diagnose::to_json(*judged));
  found.diagnosis = std::move(*judged);
  found.plans = plan(found.diagnosis, seen);
  co_return found;
}

/// Of a gateway that is down only its last run tells why; of one that runs, the last hour of it.
WallTime Healer::log_counts_from() const {
  auto wall = machine_.clock().wall();
  auto from = wall - kLogBack;
  auto age = machine_.clock().now() - bedside_.last_start();
  auto began = wall - std::chrono::duration_cast<std::chrono::milliseconds>(age) - kBeforeRun;
  bool seen_to_start = age < kLogBack;
  if (seen_to_start) from = std::max(from, began);
  // One that ends before it is seen to run (a command that is not there) leaves only its end.
  if (is_down(bedside_.sight().trouble) && bedside_.last_end() != WallTime{}) {
    auto end = bedside_.last_end() - kBeforeRun;
    if (!seen_to_start || began > end) from = std::max(wall - kLogBack, std::min(from, end));
  }
  return std::max(from, since_.value_or(from));
}

heal::Patient Healer::patient(const diagnose::Closeup& seen) const {
  heal::Patient p{.spec = bedside_.spec(),
                  .identity = bedside_.identity(),
                  .owner = own_account(),
                  .running = bedside_.running(),
                  .pid = bedside_.pid(),
                  .log = seen.log,
                  .stamp = stamp(machine_.clock().wall()),
                  .now = machine_.clock().wall()};
  if (seen.facts.uid) {
    if (auto owner = account(std::to_string(*seen.facts.uid))) p.owner = *owner;
  } else if (!p.spec.user.empty()) {
    if (auto owner = account(p.spec.user)) p.owner = *owner;
  }
  for (const auto& i : seen.config_issues) p.config_issues.push_back({i.path, i.message, i.allowed});
  for (const auto& s : seen.starters)
    p.starters.push_back(
        {.runtime = runtime_named(s.runtime),
         .unit = s.unit,
         // Of a system's unit it is User=, and no manager to ask.
         .user = runtime_named(s.runtime) == RuntimeKind::systemd_user ? s.user : std::string(),
         .container = s.container,
         .pid = s.pid,
         .start_ticks = s.start_ticks,
         .enabled = s.enabled,
         .ours = s.ours});
  auto good = machine_.state_dir() / "gateways" / p.spec.name / "good-config";
  if (machine_.host().stat(good)) p.good_config = good;
  p.consent = {mesh_.heal.consent.begin(), mesh_.heal.consent.end()};
  for (const auto& node : mesh_.nodes)
    if (node.name != mesh_.node && !node.address.empty()) p.peers.push_back(node.address);
  return p;
}

std::vector<Healer::Plan> Healer::plan(const diagnose::Diagnosis& diagnosis,
                                       const diagnose::Closeup& seen) const {
  auto p = patient(seen);
  std::vector<Plan> plans;
  for (const auto& h : diagnosis.hypotheses) {
    p.cause = h.cause;
    p.evidence = h.evidence;
    for (const auto& info : diagnose::about(h.cause).remedies) {
      Plan one{.option = {.cause = std::string(diagnose::text(h.cause)),
                          .score = h.score,
                          .remedy = std::string(info.id),
                          .proves_within = {},
                          .obstacle = {}},
               .treatment = {}};
      const auto* remedy = heal::find_remedy(info.id);
      auto planned = remedy != nullptr ? remedy->plan(p, machine_.host())
                                       : Result<heal::Treatment>(fail(heal::HealCode::not_applicable,
                                                                      "for a person: {}", info.sentence));
      if (planned) {
        one.treatment = std::move(*planned);
        const auto& t = one.treatment;
        one.option.acts = !t.actions.empty() || t.then != heal::Treatment::Then::watch;
        one.option.disturbs =
            bedside_.running() && (t.then == heal::Treatment::Then::restart || t.gateway_stopped);
        if (t.then == heal::Treatment::Then::watch)
          one.option.proves_within = t.proves_within > Duration::zero() ? t.proves_within : kProves;
      } else {
        one.option.obstacle = planned.error().text();
        if (auto hint = planned.error().hint_text(); !hint.empty()) one.option.obstacle += "; " + hint;
      }
      plans.push_back(std::move(one));
    }
  }
  return plans;
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
                             .by = "meshops",
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
  if (done) co_return ladder_.treated(now, heal::Ladder::Done::well);
  log::warn("heal.failed", fmt::format("{}: {}", name, done.error().text()), {{"gateway", name}});
  bool clashed = done.error().is(code_name(heal::HealCode::changed_meanwhile));
  settle(store::Verdict::failed, done.error().text());
  co_return ladder_.treated(now, clashed ? heal::Ladder::Done::clashed : heal::Ladder::Done::failed);
}

asio::awaitable<Status> Healer::operate(std::int64_t entry, const heal::Treatment& t) {
  std::weak_ptr<int> alive = alive_;
  if (t.quiet_moment) {
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

void Healer::settle(store::Verdict verdict, std::string_view note) {
  if (auto entry = std::exchange(entry_, std::nullopt)) {
    auto ended = records_.ledger.end(*entry, verdict, machine_.clock().wall(), note);
    if (!ended) log::error("heal.ledger", ended.error().text(), {{"gateway", bedside_.spec().name}});
  }
}

void Healer::settle_start(store::Verdict verdict, std::string_view note) {
  if (auto entry = std::exchange(start_entry_, std::nullopt)) {
    auto ended = records_.ledger.end(*entry, verdict, machine_.clock().wall(), note);
    if (!ended) log::error("heal.ledger", ended.error().text(), {{"gateway", bedside_.spec().name}});
  }
}

void Healer::started(const std::string& why, bool by_person) {
  if (entry_) return;  // part of a treatment, which is in the ledger
  settle_start(store::Verdict::no_help, "it ended again");
  auto entry = records_.ledger.begin({.gateway = bedside_.spec().name,
                                      .remedy = "start",
                                      .sentence = "start it: " + why,
                                      .evidence = "[]",
                                      .by = by_person ? "a person" : "supervision",
                                      .began = machine_.clock().wall()});
  if (entry)
    start_entry_ = *entry;
  else
    log::error("heal.ledger", entry.error().text(), {{"gateway", bedside_.spec().name}});
}

void Healer::ended_hung(const std::string& why) {
  settle_start(store::Verdict::no_help, "it hung");
  auto entry = records_.ledger.begin(
      {.gateway = bedside_.spec().name,
       .cause = "process_hang",
       .score = 1,
       .remedy = "end_and_start",
       .sentence = "end it and start it again: " + why,
       .evidence = Json::array({why}).dump(-1, ' ', false, Json::error_handler_t::replace),
       .by = "supervision",
       .began = machine_.clock().wall()});
  if (entry)
    start_entry_ = *entry;
  else
    log::error("heal.ledger", entry.error().text(), {{"gateway", bedside_.spec().name}});
}

void Healer::tell(alert::Alert::Kind kind, const std::string& headline) {
  alert::Alert out{.kind = kind,
                   .mesh = mesh_.name,
                   .node = mesh_.node,
                   .gateway = bedside_.spec().name,
                   .cause = {},
                   .headline = headline,
                   .lines = {},
                   .command = "meshops diagnose " + bedside_.spec().name,
                   .incident = incident_,
                   .at = machine_.clock().wall()};
  if (!found_.diagnosis.hypotheses.empty())
    out.cause = std::string(diagnose::text(found_.diagnosis.hypotheses.front().cause));
  if (kind != alert::Alert::Kind::recovered) {
    out.lines = three_lines(found_.diagnosis);
    if (!out.cause.empty()) out.command += "; meshops explain " + out.cause;
  }
  records_.tell(std::move(out));
}

void Healer::write_incident(std::string_view outcome) {
  if (incident_.empty()) return;
  Json json = {{"schema", "meshops.incident/1"},
               {"id", incident_},
               {"node", mesh_.node},
               {"gateway", bedside_.spec().name},
               {"opened", iso8601(incident_at_)},
               {"trigger", text(bedside_.sight().trouble)},
               {"summary", bedside_.summary()},
               {"looks", looks_},
               {"causes", causes_of(found_.diagnosis)},
               {"ledger", incident_entries_},
               {"outcome", outcome.empty() ? Json(nullptr) : Json(outcome)}};
  auto put = records_.incidents.put(incident_, "incident.json",
                                    json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  if (!put) log::warn("heal.incident", put.error().text(), {{"gateway", bedside_.spec().name}});
}

asio::awaitable<Result<Json>> Healer::rehearse() {
  auto found = co_await find(false);
  if (!found) co_return fail(found.error());
  Json options = Json::array();
  for (const auto& p : found->plans) {
    Json actions = Json::array();
    for (const auto& a : p.treatment.actions) actions.push_back(heal::describe(a));
    options.push_back({{"cause", p.option.cause},
                       {"score", std::round(p.option.score * 1000) / 1000},
                       {"remedy", p.option.remedy},
                       {"rung", heal::rung(p.option.remedy)},
                       {"what", p.treatment.sentence},
                       {"actions", actions},
                       {"then", p.option.obstacle.empty() ? Json(text(p.treatment.then)) : Json(nullptr)},
                       {"disturbs", p.option.disturbs},
                       {"obstacle", p.option.obstacle.empty() ? Json(nullptr) : Json(p.option.obstacle)}});
  }
  // What the ladder would make of it, asked of a copy.
  auto copy = ladder_;
  auto sight = bedside_.sight();
  std::string decision = "nothing: it is well";
  std::vector<heal::Option> given;
  for (const auto& p : found->plans) given.push_back(p.option);
  if (sight.trouble != Trouble::none) {
    auto now = machine_.clock().now();
    auto asked = copy.person_asks(sight);
    auto step = asked.act == Step::Act::look ? copy.diagnosed(now, sight, given, causes_of(found->diagnosis))
                                             : Step{};
    decision =
        asked.act != Step::Act::look ? (sight.starting ? "wait: it starts" : ladder_.summary(now)) : step.why;
    if (asked.act == Step::Act::look && step.act == Step::Act::none) decision = "wait";
  }
  co_return Json{
      {"schema", "meshops.heal/1"},     {"gateway", bedside_.spec().name},
      {"state", text(ladder_.state())}, {"trouble", text(sight.trouble)},
      {"summary", bedside_.summary()},  {"diagnosis", Json::parse(diagnose::to_json(found->diagnosis))},
      {"decision", decision},           {"options", options}};
}

Result<std::string> Healer::person_asks() {
  auto sight = bedside_.sight();
  if (busy_) return "it is at it: " + ladder_.summary(machine_.clock().now());
  if (!sight.wanted)
    return fail(error(heal::HealCode::not_applicable, "{} was stopped by a person", bedside_.spec().name)
                    .hint("start it: meshops start {}", bedside_.spec().name));
  if (sight.trouble == Trouble::none) return std::string("nothing to heal: " + bedside_.summary());
  if (sight.starting) return std::string("it is left to start: " + bedside_.summary());
  auto step = ladder_.person_asks(sight);
  if (step.act == Step::Act::none) return "it is at it: " + ladder_.summary(machine_.clock().now());
  busy_ = true;
  asio::co_spawn(machine_.executor(), carry(std::move(step)), asio::detached);
  return std::string("it looks for the cause");
}

asio::awaitable<Status> Healer::take_back(std::int64_t entry, std::string by) {
  if (busy_)
    co_return fail(error(heal::HealCode::busy, "a treatment is under way").hint("try again in a moment"));
  auto recorded = records_.ledger.get(entry);
  if (!recorded) co_return fail(recorded.error());
  if (recorded->verdict == store::Verdict::undone || recorded->verdict == store::Verdict::no_help ||
      recorded->verdict == store::Verdict::interrupted)
    co_return fail(heal::HealCode::cannot_undo, "entry {} was taken back already", entry);
  bool can = std::ranges::any_of(recorded->steps, [](const auto& s) { return s.deed == store::Deed::done; });
  if (!can)
    co_return fail(heal::HealCode::cannot_undo, "entry {} has changed nothing that could be taken back",
                   entry);
  std::weak_ptr<int> alive = alive_;
  busy_ = true;
  auto back = co_await surgeon_.take_back(std::move(*recorded));
  if (alive.expired()) co_return back;
  busy_ = false;
  auto note = back ? "taken back by " + by : "taken back by " + by + ", but not all: " + back.error().text();
  if (entry_ == entry) entry_.reset();
  auto ended = records_.ledger.end(entry, store::Verdict::undone, machine_.clock().wall(), note);
  if (!ended) log::error("heal.ledger", ended.error().text());
  log::info("heal.undo", fmt::format("entry {}: {}", entry, note), {{"gateway", bedside_.spec().name}});
  co_return back;
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
