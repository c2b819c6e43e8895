#include "mesh/serf_link.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>

#include "base/log.h"
#include "mesh/limits.h"
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
/// Who sends forged ones must not fill the journal with them.
constexpr Duration kTellEvery = 1min;

std::vector<std::string> names_of(const Mesh& mesh) {
  std::vector<std::string> out;
  for (const auto& node : mesh.nodes) out.push_back(node.name);
  return out;
}

}  // namespace

SerfLink::SerfLink(asio::any_io_executor executor, const Mesh& mesh, Ears ears)
    : executor_(std::move(executor)),
      mesh_(mesh),
      ears_(std::move(ears)),
      began_(static_cast<std::uint64_t>(std::max<std::int64_t>(0, clock_.wall().time_since_epoch().count()))),
      voice_(mesh),
      order_(names_of(mesh), MeshLimits::of(mesh.limits.profile).heal_bound),
      spoken_(mesh.name, mesh.node, began_, MeshLimits::of(mesh.limits.profile).heal_bound) {
  voice_.refresh();
}

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
  Instant asked_at{};
  std::map<std::string, std::string> said;
  while (!alive.expired()) {
    auto now = clock_.now();
    if (now - asked_at >= kMembersEvery) {
      asked_at = now;
      voice_.refresh();
      if (auto words = spoken_.sign(tags_, voice_); !tags_.empty() && words != said) {
        said = std::move(words);
        const std::vector<std::string> none;
        auto taken = co_await client->set_tags(said, none);
        if (!taken) co_return taken;
        if (alive.expired()) co_return ok();
      }
      auto members = co_await client->members();
      if (!members) co_return fail(std::move(members).error());
      if (alive.expired()) co_return ok();
      for (const auto& node : spoken_.check(now, *members, voice_)) ignore("what is said of bots", node);
      if (!trouble_.sentence().empty()) log::info("mesh.serf", "this node's Serf answers again");
      trouble_ = Error("", "");
      ears_.members(*members);
    }
    auto event =
        co_await client->next_event(std::max<Duration>(asked_at + kMembersEvery - clock_.now(), 1ms));
    if (!event) co_return fail(std::move(event).error());
    if (alive.expired()) co_return ok();
    if (!*event) continue;
    if ((*event)->kind == serf::Event::Kind::members) asked_at = {};
    if ((*event)->kind != serf::Event::Kind::query || (*event)->name != kQueryName) continue;
    auto words = answer((*event)->payload);
    if (!words) continue;
    auto given = co_await client->respond((*event)->id, std::move(*words));
    // Too late, or too long: the asker asks again.
    if (!given && !given.error().is(code_name(serf::SerfCode::refused))) co_return given;
  }
  co_return ok();
}

std::optional<std::string> SerfLink::answer(std::string_view bytes) {
  auto message = parse_message(bytes);
  auto question = message ? parse_question(message->text) : fail(message.error());
  if (!question) {
    log::debug("mesh.question", question.error().text());
    return std::nullopt;
  }
  if (question->asker == mesh_.node) return std::nullopt;
  if (!voice_.said_by(question->asker, signed_bytes(mesh_.name, *question, message->text),
                      message->signature)) {
    ignore("a question", question->asker);
    return std::nullopt;
  }
  if (!order_.take(clock_.now(), *question)) {
    log::debug("mesh.question", fmt::format("an old question of {} came again", question->asker));
    return std::nullopt;
  }
  auto text = to_bytes(ears_.asked(*question));
  auto signature = voice_.sign(signed_bytes(mesh_.name, *question, mesh_.node, text));
  if (!signature) return std::nullopt;  // trouble() says why
  return text + *signature;
}

/// Whatever Serf says of who gave it: that is declared by who gave it.
std::optional<Testimony> SerfLink::heard(const Question& question, std::string_view bytes) {
  auto message = parse_message(bytes);
  auto said = message ? parse_testimony(message->text) : fail(message.error());
  if (!said) {
    log::debug("mesh.testimony", said.error().text());
    return std::nullopt;
  }
  if (said->patient != question.patient || said->round != question.round) return std::nullopt;
  if (voice_.said_by(said->witness, signed_bytes(mesh_.name, question, said->witness, message->text),
                     message->signature))
    return std::move(*said);
  ignore("an answer", said->witness);
  return std::nullopt;
}

void SerfLink::ignore(std::string_view what, std::string_view node) {
  auto now = clock_.now();
  if (ignored_at_ && now - *ignored_at_ < kTellEvery) return;
  ignored_at_ = now;
  log::warn("mesh.voice",
            fmt::format("{} in the name of {} is not signed with the healing_key that mesh.toml here has for "
                        "{}: it is ignored; do all nodes have the same mesh.toml? see: meshops mesh keys",
                        what, node, node),
            {{"node", std::string(node)}});
}

void SerfLink::ask(const Question& asked, std::vector<std::string> witnesses) {
  if (under_way_ >= kMostQuestions) return log::warn("mesh.ask", "too many questions are under way");
  auto to = serf::this_nodes_rpc(mesh_);
  if (!to) return;
  auto question = asked;
  question.began = began_;
  auto message = to_bytes(question);
  auto signature = voice_.sign(signed_bytes(mesh_.name, question, message));
  if (!signature) return;  // trouble() says why
  message += *signature;
  ++under_way_;
  asio::co_spawn(executor_,
                 put(std::move(*to), std::move(question), std::move(message), std::move(witnesses)),
                 asio::detached);
}

asio::awaitable<void> SerfLink::put(serf::RpcTarget to, Question question, std::string message,
                                    std::vector<std::string> witnesses) {
  std::weak_ptr<int> alive = alive_;
  auto client = co_await serf::Client::connect(std::move(to), kConnect);
  if (alive.expired()) co_return;
  if (client) {
    // The names of whom it is for are part of a query. A mesh with more of them than fit asks everybody.
    bool named = fits_query(message.size(), mesh_.node, witnesses);
    serf::Query query{.name = std::string(kQueryName),
                      .payload = std::move(message),
                      .nodes = {},
                      .timeout = kAnswersWithin};
    if (named) query.nodes = witnesses;
    // Where everybody was asked, others answer, too: the witnesses are waited for all the same.
    std::set<std::string> missing(witnesses.begin(), witnesses.end());
    auto on_answer = [&](const std::string&, const std::string& payload) {
      if (alive.expired()) return false;
      if (auto testimony = heard(question, payload)) {
        ears_.testified(*testimony);
        missing.erase(testimony->witness);
      }
      return !missing.empty();
    };
    auto asked = co_await (*client)->query(std::move(query), on_answer);
    if (alive.expired()) co_return;
    if (!asked) log::debug("mesh.ask", asked.error().text());
  }
  --under_way_;
}

}  // namespace meshops::mesh
