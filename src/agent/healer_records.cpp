// The Healer: what it writes down, takes back and tells.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "agent/healer.h"
#include "base/log.h"
#include "base/text.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;
using heal::Step;
using heal::Trouble;

namespace {

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

}  // namespace

asio::awaitable<void> Healer::take_over() {
  std::weak_ptr<int> alive = alive_;
  auto wall = machine_.clock().wall();
  auto now = machine_.clock().now();
  if (auto recent =
          records_.ledger.list({.gateway = bedside_.spec().name, .since = wall - 24h, .at_most = 100}))
    for (const auto& e : *recent) {
      if (e.began >= wall - 1h && !e.steps.empty() && (e.by == "meshops" || e.by.starts_with("node ")))
        ladder_.remember_treatment(now - std::clamp<Duration>(wall - e.began, 0s, 1h), e.cause, e.remedy);
      if (auto at = taken_back_at(e); at && !swap_) swap_ = {e.id, *at};
    }
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

void Healer::settle(store::Verdict verdict, std::string_view note) {
  if (auto entry = std::exchange(entry_, std::nullopt)) {
    auto wall = machine_.clock().wall();
    auto ended = records_.ledger.end(*entry, verdict, wall, note);
    if (!ended) log::error("heal.ledger", ended.error().text(), {{"gateway", bedside_.spec().name}});
    if (auto at =
            taken_back_at({.cause = open_cause_, .remedy = open_remedy_, .ended = wall, .verdict = verdict}))
      swap_ = {*entry, *at};
  }
}

std::optional<WallTime> taken_back_at(const store::Entry& entry) {
  if (entry.remedy != "swap_primary_model" || entry.verdict != store::Verdict::helped || !entry.ended)
    return std::nullopt;
  // A limit passes soon; a refused key only when a person has seen to it.
  return *entry.ended + (entry.cause == "provider_rate_limited" ? 30min : 360min);
}

/// At a quiet moment; whether it works then is seen like any other trouble.
void Healer::swaps_back() {
  if (!swap_ || ladder_.state() != heal::Ladder::State::well || machine_.clock().wall() < swap_->second ||
      !bedside_.quiet())
    return;
  auto entry = std::exchange(swap_, std::nullopt)->first;
  asio::co_spawn(
      machine_.executor(),
      [](Healer& self, std::weak_ptr<int> alive, std::int64_t id) -> asio::awaitable<void> {
        auto back = co_await self.take_back(id, "meshops, so that the first model is tried again");
        if (!back && !alive.expired())
          log::warn("heal.undo", back.error().text(), {{"gateway", self.bedside_.spec().name}});
      }(*this, alive_, entry),
      asio::detached);
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

void Healer::yielded(const std::string& why) {
  settle_start(store::Verdict::helped, "it gave its bot up again");
  auto at = machine_.clock().wall();
  auto entry = records_.ledger.begin({.gateway = bedside_.spec().name,
                                      .remedy = "yield",
                                      .sentence = "stop it: " + why,
                                      .evidence = "[]",
                                      .by = "supervision",
                                      .began = at});
  if (entry) (void)records_.ledger.end(*entry, store::Verdict::helped, at, "told to end");
  if (!entry) log::error("heal.ledger", entry.error().text(), {{"gateway", bedside_.spec().name}});
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

}  // namespace meshops
