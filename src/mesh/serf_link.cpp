#include "mesh/serf_link.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>

#include "base/log.h"
#include "mesh/query_wire.h"
#include "mesh/serf_setup.h"

namespace meshops::mesh {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr Duration kConnect = 2s;
constexpr Duration kMembersEvery = 2s;
constexpr auto kAgainAfter = 2s;
/// An answer counts for six seconds from its question; what comes later helps nobody.
constexpr Duration kAnswersWithin = 4s;
/// Each question has a connection of its own, for its answers come until its time is over.
constexpr unsigned kMostQuestions = 32;
/// The names of whom it is for are part of a query, and Serf takes no query of more than 1024 bytes. A mesh
/// with more names than this asks everybody.
constexpr std::size_t kMostNames = 700;

}  // namespace

SerfLink::SerfLink(asio::any_io_executor executor, const Mesh& mesh, Ears ears)
    : executor_(std::move(executor)), mesh_(mesh), ears_(std::move(ears)) {}

SerfLink::~SerfLink() = default;

asio::awaitable<void> SerfLink::rest() {
  asio::steady_timer timer(executor_);
  timer.expires_after(kAgainAfter);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<void> SerfLink::run() {
  std::weak_ptr<int> alive = alive_;
  while (true) {
    auto to = serf::this_nodes_rpc(mesh_);
    Status ended = ok();
    if (to)
      ended = co_await stay(std::move(*to));
    else
      ended = fail(to.error());
    if (alive.expired()) co_return;
    if (!ended) {
      if (ended.error().code() != trouble_.code()) log::warn("mesh.serf", ended.error().text());
      trouble_ = std::move(ended).error();
    }
    co_await rest();
    if (alive.expired()) co_return;
  }
}

asio::awaitable<Status> SerfLink::stay(serf::RpcTarget to) {
  std::weak_ptr<int> alive = alive_;
  auto connected = co_await serf::Client::connect(std::move(to), kConnect);
  if (!connected) co_return fail(std::move(connected).error());
  auto client = std::move(*connected);
  auto listens = co_await client->listen("query,member-join,member-leave,member-failed,member-update");
  if (!listens) co_return listens;
  SystemClock clock;
  Instant asked_at{};
  std::map<std::string, std::string> said;
  while (!alive.expired()) {
    if (said != tags_) {
      said = tags_;
      const std::vector<std::string> none;
      auto taken = co_await client->set_tags(said, none);
      if (!taken) co_return taken;
      if (alive.expired()) co_return ok();
    }
    auto now = clock.now();
    if (now - asked_at >= kMembersEvery) {
      asked_at = now;
      auto members = co_await client->members();
      if (!members) co_return fail(std::move(members).error());
      if (alive.expired()) co_return ok();
      if (!trouble_.sentence().empty()) log::info("mesh.serf", "this node's Serf answers again");
      trouble_ = Error("", "");
      ears_.members(*members);
    }
    auto event = co_await client->next_event(std::max<Duration>(asked_at + kMembersEvery - clock.now(), 1ms));
    if (!event) co_return fail(std::move(event).error());
    if (alive.expired()) co_return ok();
    if (!*event) continue;
    if ((*event)->kind == serf::Event::Kind::members) asked_at = {};
    if ((*event)->kind != serf::Event::Kind::query || (*event)->name != kQueryName) continue;
    auto question = parse_question((*event)->payload);
    if (!question) {
      log::debug("mesh.question", question.error().text());
      continue;
    }
    if (question->asker == mesh_.node) continue;
    auto answer = to_bytes(ears_.asked(*question));
    auto given = co_await client->respond((*event)->id, std::move(answer));
    // Too late, or too long: the asker asks again.
    if (!given && !given.error().is(code_name(serf::SerfCode::refused))) co_return given;
  }
  co_return ok();
}

void SerfLink::ask(const Question& question, std::vector<std::string> witnesses) {
  if (under_way_ >= kMostQuestions) return log::warn("mesh.ask", "too many questions are under way");
  auto to = serf::this_nodes_rpc(mesh_);
  if (!to) return;
  ++under_way_;
  asio::co_spawn(executor_, put(std::move(*to), question, std::move(witnesses)), asio::detached);
}

asio::awaitable<void> SerfLink::put(serf::RpcTarget to, Question question,
                                    std::vector<std::string> witnesses) {
  std::weak_ptr<int> alive = alive_;
  auto client = co_await serf::Client::connect(std::move(to), kConnect);
  if (alive.expired()) co_return;
  if (client) {
    serf::Query query{.name = std::string(kQueryName),
                      .payload = to_bytes(question),
                      .nodes = {},
                      .timeout = kAnswersWithin};
    std::size_t names = 0;
    for (const auto& witness : witnesses) names += witness.size() + 2;
    if (names <= kMostNames) query.nodes = witnesses;
    // Where everybody was asked, others answer, too: the witnesses are waited for all the same.
    std::set<std::string> missing(witnesses.begin(), witnesses.end());
    auto on_answer = [&](const std::string& from, const std::string& payload) {
      if (alive.expired()) return false;
      auto testimony = parse_testimony(payload);
      if (!testimony)
        log::debug("mesh.testimony", testimony.error().text());
      else if (testimony->witness == from && testimony->patient == question.patient)
        ears_.testified(*testimony);
      missing.erase(from);
      return !missing.empty();
    };
    auto asked = co_await (*client)->query(std::move(query), on_answer);
    if (alive.expired()) co_return;
    if (!asked) log::debug("mesh.ask", asked.error().text());
  }
  --under_way_;
}

}  // namespace meshops::mesh
