#include "agent/outside.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "mesh/limits.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using mesh::Outside;
using Is = OutsideWorld::Lease::Is;
using store::ObjectCode;

namespace {

constexpr auto kTurn = 2s;
constexpr Duration kUrlLimit = 4s;
constexpr Duration kAskEvery = 5s;    // about one peer
constexpr Duration kProveAgain = 1h;  // where a store has ignored a condition
constexpr Duration kTerm = mesh::MeshLimits{}.lease_term;

}  // namespace

OutsideWorld::OutsideWorld(const Mesh& mesh, Machine& machine, std::string boot,
                           std::shared_ptr<store::ObjectStore> store)
    : mesh_(mesh), machine_(machine), boot_(std::move(boot)), store_(std::move(store)) {}

asio::awaitable<void> OutsideWorld::run(std::function<bool()> paused) {
  if (!store_) co_return;
  std::weak_ptr<int> alive = alive_;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (true) {
    bool is_paused = paused();
    if (!beat_at_ || now() - *beat_at_ >= mesh::kBeatEvery || is_paused != beat_paused_) {
      co_await beat(is_paused);
      if (alive.expired()) co_return;
      // Where it was not reached, with the next heartbeat again.
      bool due = proof_ == Proof::unknown ||
                 (proof_ == Proof::ignored && ignored_at_ && now() - *ignored_at_ >= kProveAgain);
      if (due) {
        co_await prove();
        if (alive.expired()) co_return;
      }
    }
    timer.expires_after(kTurn);
    boost::system::error_code woken;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (alive.expired()) co_return;
  }
}

asio::awaitable<void> OutsideWorld::prove() {
  std::weak_ptr<int> alive = alive_;
  auto proven = co_await store::prove_conditions(store_, mesh::proof_key(mesh_.name, mesh_.node));
  if (alive.expired()) co_return;
  if (proven) {
    note(nullptr);
    proof_ = Proof::proven;
    unfit_.clear();
    co_return log::info("mesh.store", fmt::format("{} refuses what it must", store_->text()));
  }
  if (!proven.error().is(code_name(ObjectCode::ignores_conditions))) {
    if (proof_ == Proof::unknown) unfit_ = proven.error().text();
    co_return note(&proven.error());
  }
  // One that has ignored a condition is proven to do so until it is proven otherwise.
  bool news = std::exchange(proof_, Proof::ignored) != Proof::ignored;
  ignored_at_ = now();
  unfit_ = proven.error().text();
  if (news) log::error("mesh.store", proven.error().for_people());
}

asio::awaitable<void> OutsideWorld::beat(bool paused) {
  std::weak_ptr<int> alive = alive_;
  beat_at_ = now();
  beat_paused_ = paused;
  auto bytes = to_json(mesh::Beat{.node = mesh_.node, .boot = boot_, .paused = paused});
  const store::PutIf always;
  auto store = store_;
  auto written = co_await store->put(mesh::beat_key(mesh_.name, mesh_.node), std::move(bytes), always);
  if (alive.expired()) co_return;
  note(written ? nullptr : &written.error());
}

void OutsideWorld::note(const Error* why) {
  auto code = why != nullptr ? std::string(why->code()) : std::string();
  if (why != nullptr && code != failing_code_) log::warn("mesh.store", why->for_people());
  if (why == nullptr && !failing_code_.empty())
    log::info("mesh.store", fmt::format("{} answers again", store_->text()));
  failing_code_ = code;
  failing_ = why != nullptr ? why->text() : std::string();
}

/// What is wrong with one object is nothing that the store as a whole has.
void OutsideWorld::note_read(const Error& why, const std::string& about) {
  for (auto code : {ObjectCode::refused, ObjectCode::not_understood, ObjectCode::too_large})
    if (why.is(code_name(code))) return log::debug("mesh.store", why.text(), {{"node", about}});
  note(&why);
}

std::string OutsideWorld::trouble() const {
  if (!store_) return {};
  if (!failing_.empty()) return failing_;
  return proof_ == Proof::ignored ? unfit_ : std::string();
}

asio::awaitable<std::optional<OutsideWorld::Said>> OutsideWorld::ask(std::string peer,
                                                                     std::optional<Duration> missed_for) {
  std::weak_ptr<int> alive = alive_;
  auto node = std::ranges::find(mesh_.nodes, peer, &NodeSpec::name);
  if (node == mesh_.nodes.end() || (node->outside_url.empty() && !store_)) co_return std::nullopt;
  auto& asked = asked_[peer];
  if (asked != Instant{} && now() - asked < kAskEvery) co_return std::nullopt;
  asked = now();
  Said said;
  if (!node->outside_url.empty()) {
    auto url = co_await ask_url(node->outside_url);
    if (alive.expired()) co_return std::nullopt;
    said.says = url;
  }
  if (store_) {
    auto beat = co_await ask_store(std::move(peer), missed_for);
    if (alive.expired()) co_return std::nullopt;
    said = {mesh::either(said.says, beat.says), beat.paused_ago};
  }
  co_return said;
}

asio::awaitable<Outside> OutsideWorld::ask_url(std::string text) {
  auto url = parse_url(text);
  if (!url) co_return Outside::cannot_tell;
  HttpRequest request;
  request.to = url->endpoint;
  request.target = url->target;
  request.limit = kUrlLimit;
  auto answer = co_await machine_.net().http(std::move(request));
  if (answer && answer->status == 200) co_return Outside::sees_it;
  // A page that is gone, or an outage of the witness itself, says nothing of the node.
  if (answer && (answer->status == 404 || answer->status == 503)) co_return Outside::misses_it;
  co_return Outside::cannot_tell;
}

asio::awaitable<OutsideWorld::Said> OutsideWorld::ask_store(std::string peer,
                                                            std::optional<Duration> missed_for) {
  std::weak_ptr<int> alive = alive_;
  auto store = store_;
  auto there = co_await store->get(mesh::beat_key(mesh_.name, peer));
  if (alive.expired()) co_return Said{};
  if (!there) note_read(there.error(), peer);
  if (!there || !*there) co_return Said{};
  auto beat = mesh::parse_beat((*there)->bytes, peer);
  if (!beat) {
    log::debug("mesh.store", beat.error().text(), {{"node", peer}});
    co_return Said{};
  }
  Said out{mesh::outside_says((*there)->age, missed_for)};
  if (beat->paused) out.paused_ago = (*there)->age;
  co_return out;
}

/// A key that may not list a bucket is not told that an object is missing: AWS answers 403. Then it is for
/// the first write to find out.
asio::awaitable<Result<OutsideWorld::Read>> OutsideWorld::read_lease(std::string patient) {
  std::weak_ptr<int> alive = alive_;
  auto store = store_;
  auto there = co_await store->get(mesh::store_lease_key(mesh_.name, patient));
  if (alive.expired()) co_return fail(ObjectCode::not_reached, "the agent ends");
  Read out;
  out.condition.is = store::PutIf::Is::absent;
  out.sure = there.has_value();
  if (!there && there.error().is(code_name(ObjectCode::refused))) co_return out;
  if (!there) note_read(there.error(), patient);
  if (!there) co_return fail(std::move(there).error());
  if (!*there) co_return out;
  auto lease = mesh::parse_store_lease((*there)->bytes);
  if (!lease) co_return fail(std::move(lease).error());
  out.lease = std::move(*lease);
  out.age = (*there)->age;
  out.condition = {store::PutIf::Is::version, (*there)->version};
  co_return out;
}

asio::awaitable<OutsideWorld::Lease> OutsideWorld::write_lease(std::string patient, mesh::LeaseMove move,
                                                               store::PutIf condition) {
  std::weak_ptr<int> alive = alive_;
  auto store = store_;
  auto written =
      co_await store->put(mesh::store_lease_key(mesh_.name, patient), move.bytes(), std::move(condition));
  if (alive.expired()) co_return Lease{.is = Is::not_reached, .said = "the agent ends"};
  if (written) {
    note(nullptr);
    co_return Lease{.is = Is::held, .fence = move.lease.fence, .said = {}};
  }
  bool changed = written.error().is(code_name(ObjectCode::changed));
  note(changed ? nullptr : &written.error());
  co_return Lease{.is = changed ? Is::refused : Is::not_reached, .said = written.error().text()};
}

asio::awaitable<OutsideWorld::Lease> OutsideWorld::take(std::string patient, std::uint64_t ticket) {
  if (!store_ || proof_ == Proof::ignored) co_return Lease{.is = Is::no_store, .said = unfit_};
  if (proof_ == Proof::unknown)
    co_return Lease{.is = Is::not_reached,
                    .said = fmt::format("it is not proven yet that the object store "
                                        "refuses what it must{}{}",
                                        unfit_.empty() ? "" : ": ", unfit_)};
  std::weak_ptr<int> alive = alive_;
  auto read = co_await read_lease(patient);
  if (alive.expired()) co_return Lease{.is = Is::not_reached, .said = "the agent ends"};
  if (!read) {
    bool junk = read.error().is(code_name(mesh::StoreWordCode::not_understood));
    co_return Lease{.is = junk ? Is::refused : Is::not_reached, .said = read.error().text()};
  }
  auto move = mesh::take(read->lease, read->age, mesh_.node, ticket, kTerm);
  if (!move) co_return Lease{.is = Is::refused, .said = move.error().text()};
  co_return co_await write_lease(std::move(patient), std::move(*move), std::move(read->condition));
}

asio::awaitable<OutsideWorld::Lease> OutsideWorld::renew(std::string patient, std::uint64_t fence) {
  if (!store_) co_return Lease{};
  std::weak_ptr<int> alive = alive_;
  auto read = co_await read_lease(patient);
  if (alive.expired()) co_return Lease{.is = Is::not_reached, .said = "the agent ends"};
  if (!read || !read->sure)
    co_return Lease{.is = Is::not_reached,
                    .said = read ? "the key may not read the lease" : read.error().text()};
  auto move = mesh::renew(read->lease, mesh_.node, fence);
  if (!move) co_return Lease{.is = Is::refused, .said = move.error().text()};
  auto out = co_await write_lease(std::move(patient), std::move(*move), std::move(read->condition));
  // Perhaps by a write of ours whose answer got lost: the next look tells whose it is.
  if (out.is == Is::refused) out.is = Is::not_reached;
  co_return out;
}

asio::awaitable<void> OutsideWorld::give_back(std::string patient, std::uint64_t fence) {
  if (!store_) co_return;
  std::weak_ptr<int> alive = alive_;
  // A renewal that was under way may come in between.
  for (int tries = 0; tries < 2; ++tries) {
    auto read = co_await read_lease(patient);
    if (alive.expired() || !read) co_return;
    auto move = mesh::release(read->lease, mesh_.node, fence);
    if (!move) co_return log::debug("mesh.lease", move.error().text(), {{"node", patient}});
    auto out = co_await write_lease(patient, std::move(*move), std::move(read->condition));
    if (alive.expired() || out.is != Is::refused) co_return;
  }
}

}  // namespace meshops
