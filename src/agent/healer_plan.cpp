// The Healer: from one close look to what could be done.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "agent/good_config.h"
#include "agent/healer.h"
#include "base/log.h"
#include "base/text.h"
#include "diagnose/log_cut.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;
using heal::Step;
using heal::Trouble;

namespace {

/// Older lines tell of other troubles.
constexpr auto kLogBack = 1h;
/// What a service manager says just before a run belongs to it.
constexpr auto kBeforeRun = 3s;
/// What has to get well by itself and does not say how soon.
constexpr auto kProves = 2min;

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

std::vector<std::string> peers_of(const Mesh& mesh) {
  std::vector<std::string> out;
  for (const auto& node : mesh.nodes)
    if (node.name != mesh.node && !node.address.empty()) out.push_back(node.address);
  return out;
}

std::vector<std::string> causes_of(const diagnose::Diagnosis& diagnosis) {
  std::vector<std::string> out;
  for (const auto& h : diagnosis.hypotheses)
    if (h.score >= diagnose::kConclusive) out.emplace_back(diagnose::text(h.cause));
  return out;
}

void Healer::noticed(std::vector<Notice> notices) {
  // Hygiene: where there is nothing to clean, nobody need know.
  auto counts = [this](const Notice& notice) {
    if (notice.grave) return true;
    auto plans = plan(known(notice), {});
    return std::ranges::any_of(plans,
                               [](const Plan& p) { return p.option.obstacle.empty() && p.option.acts; });
  };
  auto first = std::ranges::find_if(notices, counts);
  notice_ = first == notices.end() ? std::nullopt : std::optional(std::move(*first));
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
                  .settling = bedside_.sight().starting,
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
  auto ours = machine_.state_dir() / "gateways" / p.spec.name;
  if (auto good = GoodConfig::proven(ours); machine_.host().stat(good)) p.good_config = good;
  if (auto latest = GoodConfig::latest(ours); machine_.host().stat(latest)) p.ready_config = latest;
  p.consent = {mesh_.heal.consent.begin(), mesh_.heal.consent.end()};
  p.peers = peers_of(mesh_);
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
                          .rung = heal::rung(info.id),
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
        using Lacks = heal::Option::Lacks;
        one.option.lacks = remedy == nullptr                                            ? Lacks::hands
                           : planned.error().is(code_name(heal::HealCode::not_allowed)) ? Lacks::consent
                                                                                        : Lacks::fit;
      }
      plans.push_back(std::move(one));
    }
  }
  return plans;
}

asio::awaitable<Result<Json>> Healer::rehearse() {
  auto found = co_await find(false);
  if (!found) co_return fail(found.error());
  // What the ladder would make of it, asked of a copy.
  auto copy = ladder_;
  auto sight = bedside_.sight();
  std::string decision = "nothing: it is well";
  std::vector<heal::Option> given;
  for (const auto& p : found->plans) given.push_back(p.option);
  std::vector<std::string> why_not(given.size(), "it is well");
  if (sight.trouble != Trouble::none) {
    auto now = machine_.clock().now();
    if (copy.person_asks(sight).act == Step::Act::look) {
      why_not = copy.why_not(now, sight, given);
      auto step = copy.diagnosed(now, sight, given, causes_of(found->diagnosis));
      decision = step.act == Step::Act::none ? "wait" : step.why;
    } else {
      decision = sight.starting ? "wait: it starts" : ladder_.summary(now);
      why_not.assign(given.size(), decision);
    }
  }
  Json options = Json::array();
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto& p = found->plans[i];
    Json actions = Json::array();
    for (const auto& a : p.treatment.actions) actions.push_back(heal::describe(a));
    options.push_back({{"cause", p.option.cause},
                       {"score", std::round(p.option.score * 1000) / 1000},
                       {"remedy", p.option.remedy},
                       {"rung", p.option.rung},
                       {"what", p.treatment.sentence},
                       {"actions", actions},
                       {"then", p.option.obstacle.empty() ? Json(text(p.treatment.then)) : Json(nullptr)},
                       {"disturbs", p.option.disturbs},
                       {"obstacle", p.option.obstacle.empty() ? Json(nullptr) : Json(p.option.obstacle)},
                       {"tried", ladder_.has_tried(p.option)},
                       {"why_not", why_not[i].empty() ? Json(nullptr) : Json(why_not[i])}});
  }
  co_return Json{
      {"schema", "meshops.heal/1"},     {"gateway", bedside_.spec().name},
      {"state", text(ladder_.state())}, {"trouble", text(sight.trouble)},
      {"summary", bedside_.summary()},  {"diagnosis", Json::parse(diagnose::to_json(found->diagnosis))},
      {"decision", decision},           {"options", options}};
}

}  // namespace meshops
