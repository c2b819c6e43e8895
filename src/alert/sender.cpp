#include "alert/sender.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "base/text.h"

namespace meshops::alert {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr Duration kFirstPause = 10s;
constexpr Duration kRateWindow = 1h;
/// A receiver may be away over a weekend. After a jump of the clock some tries are owed all the same.
constexpr Duration kTryFor = 72h;
constexpr unsigned kLeastTries = 12;
/// Of one who refuses: his answer may still have been a mishap.
constexpr unsigned kRefusals = 3;
constexpr Duration kRemember = 30 * 24h;
constexpr std::size_t kMostUnsaved = 20, kMostAtOnce = 50;

std::chrono::milliseconds ms(Duration d) { return std::chrono::ceil<std::chrono::milliseconds>(d); }

/// What it is about: a gateway, or a whole node, which may be another than the one that tells.
std::string subject_of(const Alert& alert) {
  return alert.gateway.empty() ? "node " + alert.node : alert.gateway;
}

}  // namespace

std::string key_of(const Alert& alert) {
  if (alert.kind == Alert::Kind::recovered) return "=" + subject_of(alert);
  return fmt::format("{}/{}/{}", subject_of(alert), alert.cause, text(alert.kind));
}

Duration backoff(unsigned tries) {
  constexpr unsigned kMostDoublings = 9;  // 10 s · 2⁹ is over an hour already
  return std::min<Duration>(kFirstPause * (1U << std::min(tries > 0 ? tries - 1 : 0, kMostDoublings)),
                            store::Outbox::kLongestWait);
}

Sender::Sender(std::vector<AlertSpec> specs, store::Outbox& outbox, Net& net, const Clock& clock,
               const asio::any_io_executor& executor)
    : specs_(std::move(specs)), outbox_(outbox), net_(net), clock_(clock), timer_(executor) {}

const AlertSpec* Sender::spec_of(const std::string& name) const {
  auto found = std::ranges::find(specs_, name, &AlertSpec::name);
  return found == specs_.end() ? nullptr : &*found;
}

Status Sender::post(const Alert& alert) {
  auto now = clock_.wall();
  auto key = key_of(alert);
  Status all = ok();
  for (const auto& spec : specs_) {
    if (!is_news(alert, key, spec, now)) continue;
    store::Message message{.to = spec.name, .key = key, .body = to_json(alert), .queued = now};
    auto queued = queue(message, spec, now);
    if (queued) continue;
    // A full disk is just what people must be told of.
    log::warn("alert.outbox",
              "an alert could not be written down and is kept in memory: " + queued.error().text(),
              {{"alert", spec.name}});
    if (unsaved_.size() < kMostUnsaved) unsaved_.push_back(std::move(message));
    if (all) all = std::move(queued);
  }
  posted_ = true;
  timer_.cancel();
  return all;
}

bool Sender::is_news(const Alert& alert, const std::string& key, const AlertSpec& spec, WallTime now) const {
  if (alert.kind == Alert::Kind::test) return true;
  // What the outbox cannot say does not keep an alert back.
  auto when = [](const Result<std::optional<WallTime>>& found) { return found ? *found : std::nullopt; };
  auto recovered = when(outbox_.last(spec.name, "=" + subject_of(alert)));
  if (alert.kind == Alert::Kind::recovered) {
    const auto of_it = subject_of(alert) + "/";
    auto told = when(outbox_.last_of(spec.name, of_it));
    bool in_memory = std::ranges::any_of(
        unsaved_, [&](const auto& m) { return m.to == spec.name && m.key.starts_with(of_it); });
    return in_memory || (told && (!recovered || *recovered < *told));
  }
  auto told = when(outbox_.last(spec.name, key));
  if (!told || (recovered && *recovered >= *told)) return true;
  return now - *told >= spec.quiet || *told > now;  // or the clock went back
}

Status Sender::queue(store::Message message, const AlertSpec& spec, WallTime now) {
  auto queued = outbox_.queued_since(spec.name, now - ms(kRateWindow));
  if (!queued || queued->size() < spec.per_hour) {
    auto put = outbox_.put(message);
    if (!put) return fail(std::move(put).error());
    return ok();
  }
  // The one that waits for room, if there is one, was never tried and yet has a time.
  std::optional<store::Message> before;
  auto waiting = outbox_.waiting(1000);
  if (waiting)
    for (const auto& m : *waiting)
      if (m.to == spec.name && m.tries == 0 && m.next_try) before = m;
  message.stands_for = before ? before->stands_for + 1 : 0;
  message.next_try = before ? before->next_try : std::optional(queued->front() + ms(kRateWindow));
  auto put = outbox_.put(message);
  if (!put) return fail(std::move(put).error());
  // In this order: a crash in between sends one more, not one less.
  if (!before) return ok();
  return outbox_.drop(before->id, "held back by per_hour; a newer one speaks for it", now);
}

asio::awaitable<void> Sender::run() {
  while (true) {
    posted_ = false;
    auto wait = co_await send_due();
    if (posted_) continue;
    timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(wait));
    boost::system::error_code woken;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

asio::awaitable<Duration> Sender::send_due() {
  forget_old();
  save_unsaved();
  // What the disk does not take goes out from memory; each is tried once in a pass.
  auto from_memory = std::exchange(unsaved_, {});
  for (auto& message : from_memory) {
    auto resting = resting_.find(message.to);
    if (resting != resting_.end() && resting->second > clock_.now())
      unsaved_.push_back(std::move(message));
    else
      co_await try_one(std::move(message));
  }
  std::set<std::string> at_rest;
  for (const auto& [name, until] : resting_)
    if (until > clock_.now()) at_rest.insert(name);
  auto due = outbox_.due(clock_.wall(), kMostAtOnce, at_rest);
  if (!due) {
    log::warn("alert.outbox", due.error().text());
    co_return 1min;
  }
  for (auto& message : *due) {
    auto resting = resting_.find(message.to);
    if (resting != resting_.end() && resting->second > clock_.now()) continue;
    co_await try_one(std::move(message));
  }
  co_return until_next();
}

void Sender::save_unsaved() {
  std::erase_if(unsaved_, [&](const store::Message& message) { return outbox_.put(message).has_value(); });
}

asio::awaitable<void> Sender::try_one(store::Message message) {
  const bool saved = message.id != 0;
  if (arrived_.contains(message.id)) {
    if (outbox_.sent(message.id, clock_.wall())) arrived_.erase(message.id);
    co_return;
  }
  const auto* spec = spec_of(message.to);
  auto alert = parse_alert(message.body);
  if (spec == nullptr || !alert) {
    std::string why = spec == nullptr ? "no [[alert]] has that name any more" : alert.error().text();
    if (saved) (void)outbox_.drop(message.id, why, clock_.wall());
    co_return;
  }
  alert->held_back = message.stands_for;
  auto attempt = co_await carry(*spec, std::move(*alert), net_, clock_.wall());
  auto now = clock_.wall();
  if (attempt.error) {
    note_failure(message, attempt, now);
    co_return;
  }
  log::info("alert.sent", fmt::format("alert {} was told of {}", quote(message.to), quote(message.key)),
            {{"alert", message.to}});
  resting_.erase(message.to);
  if (!saved) co_return;
  auto noted = outbox_.sent(message.id, now);
  if (noted) co_return;
  // It must not be sent again only because the disk is full.
  arrived_.insert(message.id);
  log::warn("alert.outbox", noted.error().text(), {{"alert", message.to}});
}

void Sender::note_failure(const store::Message& message, const Attempt& attempt, WallTime now) {
  const bool saved = message.id != 0;
  const unsigned tries = message.tries + 1;
  auto why = attempt.error->text();
  bool too_old = now - message.queued >= kTryFor && tries >= kLeastTries;
  if ((attempt.refused && tries >= kRefusals) || too_old) {
    log::error("alert.dropped", fmt::format("given up after {} tries: {}", tries, why),
               {{"alert", message.to}});
    if (saved)
      if (auto dropped = outbox_.drop(message.id, why, now); !dropped)
        log::warn("alert.outbox", dropped.error().text(), {{"alert", message.to}});
    return;
  }
  auto wait =
      std::min(std::max(backoff(tries), attempt.retry_after.value_or(0s)), store::Outbox::kLongestWait);
  auto level = tries == 1 ? log::Level::warn : log::Level::debug;
  log::write(level, "alert.failed", fmt::format("{}; next try in {}", why, about(wait)),
             {{"alert", message.to}});
  // One that only this message's content offended is ready for the next.
  if (!attempt.refused) resting_[message.to] = clock_.now() + wait;
  if (!saved) {
    unsaved_.push_back(message);
    ++unsaved_.back().tries;
    resting_[message.to] = clock_.now() + wait;
    return;
  }
  if (auto noted = outbox_.failed(message.id, why, now + ms(wait)); !noted) {
    resting_[message.to] = clock_.now() + wait;
    log::warn("alert.outbox", noted.error().text(), {{"alert", message.to}});
  }
}

void Sender::forget_old() {
  auto now = clock_.now();
  if (last_forgotten_ && now - *last_forgotten_ < 24h) return;
  last_forgotten_ = now;
  if (auto forgotten = outbox_.forget_before(clock_.wall() - ms(kRemember)); !forgotten)
    log::warn("alert.outbox", forgotten.error().text());
}

Duration Sender::until_next() const {
  // Never long: the wall clock, by which messages wait, may be set.
  constexpr Duration kLongest = 1min;
  // Not at once: what is due and did not go is waiting for the disk.
  constexpr Duration kShortest = 1s;
  auto waiting = outbox_.waiting(1000);
  if (!waiting) return kLongest;
  if (waiting->empty() && unsaved_.empty()) return kLongest;
  Duration soonest = kLongest;
  auto consider = [&](const store::Message& message) {
    Duration wait = message.next_try ? Duration(*message.next_try - clock_.wall()) : 0s;
    if (auto resting = resting_.find(message.to); resting != resting_.end())
      wait = std::max(wait, resting->second - clock_.now());
    soonest = std::min(soonest, wait);
  };
  for (const auto& message : *waiting) consider(message);
  for (const auto& message : unsaved_) consider(message);
  return std::max(soonest, kShortest);
}

}  // namespace meshops::alert
