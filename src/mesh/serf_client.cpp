#include "mesh/serf_client.h"

#include <boost/asio/this_coro.hpp>

#include "base/text.h"

namespace meshops::serf {

namespace asio = boost::asio;
using Json = nlohmann::json;

namespace {

/// As many as Serf itself keeps for a slow listener.
constexpr std::size_t kMostEvents = 512;
/// Serf gives the members of a WAN mesh 8 s for an order about keys (more in a large one), and a goodbye 5 s.
constexpr Duration kOrderLimit = std::chrono::seconds(60);
constexpr Duration kJoinLimit = std::chrono::seconds(60);
constexpr Duration kLeaveLimit = std::chrono::seconds(30);

constexpr std::string_view kHintNotRunning =
    "systemctl status meshops-serf; a node becomes a member with: meshops mesh join";

/// Those that end a connection's usefulness: no body follows them, whatever was asked.
bool about_the_key(std::string_view why) {
  return why == "Authentication required" || why == "Invalid authentication token";
}

Error refusal(std::string_view why) {
  if (about_the_key(why))
    return error(SerfCode::wrong_key, "Serf's agent does not take our RPC key")
        .hint(
            "another Serf agent may hold the port (systemctl status serf): end it, or set another "
            "serf_rpc_port in mesh.toml; then: meshops mesh join");
  return error(SerfCode::refused, "Serf refused: {}", why);
}

}  // namespace

Client::~Client() { wire_->close(); }

asio::awaitable<Result<std::unique_ptr<Client>>> Client::connect(RpcTarget to, Duration limit) {
  auto executor = co_await asio::this_coro::executor;
  auto wire = std::make_shared<Wire>(executor);
  Endpoint where;
  where.host = "127.0.0.1";
  where.port = to.port;
  auto connected = co_await wire->connect(where, limit);
  if (!connected) {
    auto why = std::move(connected).error();
    bool late = why.is(code_name(NetCode::timed_out));
    co_return fail(
        error(late ? SerfCode::timed_out : SerfCode::no_agent, "this node's Serf agent does not answer")
            .because(std::move(why))
            .hint("{}", kHintNotRunning));
  }
  std::unique_ptr<Client> client(new Client(std::move(wire), to.port));
  auto known = co_await client->shake_hands(std::move(to.key), limit);
  if (!known) co_return fail(std::move(known).error());
  co_return client;
}

asio::awaitable<Status> Client::shake_hands(Secret key, Duration within) {
  auto seq = ++seq_;
  auto greeted = co_await exchange(handshake(seq), seq, Wants::header, within);
  if (!greeted) co_return fail(std::move(greeted).error());
  if (key.empty()) co_return ok();
  seq = ++seq_;
  auto shown = auth(seq, key);
  auto taken = co_await exchange(shown.reveal(), seq, Wants::header, within);
  if (!taken) co_return fail(std::move(taken).error());
  co_return ok();
}

Error Client::lost(std::string_view doing, Duration within) const {
  if (wire_->expired())
    return error(SerfCode::timed_out, "this node's Serf agent (port {}) did not {} within {}", port_, doing,
                 limit_text(within))
        .hint("{}", kHintNotRunning);
  return error(SerfCode::io, "this node's Serf agent (port {}) closed the connection", port_)
      .hint("{}", kHintNotRunning);
}

asio::awaitable<Result<Item>> Client::next_item(Duration within, std::string_view doing) {
  while (true) {
    if (auto item = incoming_.next()) co_return std::move(*item);
    auto got = co_await wire_->read();
    if (got.error || got.end) {
      auto why = lost(doing, within);
      co_return fail(std::move(why));
    }
    auto fed = incoming_.feed(got.bytes);
    if (!fed) {
      wire_->close();
      co_return fail(std::move(fed).error());
    }
  }
}

asio::awaitable<Result<Json>> Client::exchange(std::string request, std::uint64_t seq, Wants wants,
                                               Duration within) {
  wire_->expire_after(within);
  auto failed = co_await wire_->write(request);
  if (failed) {
    auto why = lost("take the request", within);
    wire_->close();
    co_return fail(std::move(why));
  }
  bool heard = false;
  std::string refused;
  while (true) {
    auto item = co_await next_item(within, "answer");
    if (!item) {
      wire_->close();
      co_return fail(std::move(item).error());
    }
    if (item->header) {
      if (item->seq != seq) continue;
      if (!item->error.empty() && (wants != Wants::verdict || about_the_key(item->error)))
        co_return fail(refusal(item->error));
      refused = item->error;
      if (wants == Wants::header) co_return Json();
      heard = true;
    } else if (stream_ && item->seq == *stream_) {
      // As Serf does, the newest is dropped: a hint may be missed.
      if (events_.size() < kMostEvents) events_.push_back(read_event(item->body));
    } else if (heard && item->seq == seq) {
      if (wants == Wants::verdict && item->body.is_object()) item->body["refused"] = refused;
      co_return std::move(item->body);
    }  // else: the body that comes after some refusals
  }
}

asio::awaitable<Result<std::vector<Member>>> Client::members() {
  auto seq = ++seq_;
  auto body = co_await exchange(serf::members(seq), seq, Wants::body, limit);
  if (!body) co_return fail(std::move(body).error());
  co_return read_members(*body);
}

asio::awaitable<Result<std::vector<Member>>> Client::members_with(std::map<std::string, std::string> tags) {
  auto seq = ++seq_;
  auto body = co_await exchange(members_filtered(seq, tags, "alive"), seq, Wants::body, limit);
  if (!body) co_return fail(std::move(body).error());
  co_return read_members(*body);
}

asio::awaitable<Result<unsigned>> Client::join(std::vector<std::string> addresses) {
  auto seq = ++seq_;
  auto body = co_await exchange(serf::join(seq, addresses), seq, Wants::body, kJoinLimit);
  if (!body) co_return fail(std::move(body).error());
  auto number = body->is_object() ? body->value("Num", Json()) : Json();
  co_return number.is_number_integer() ? number.get<unsigned>() : 0U;
}

asio::awaitable<Status> Client::leave() {
  auto seq = ++seq_;
  auto done = co_await exchange(serf::leave(seq), seq, Wants::header, kLeaveLimit);
  if (!done) co_return fail(std::move(done).error());
  co_return ok();
}

asio::awaitable<Status> Client::force_leave(std::string node) {
  auto seq = ++seq_;
  auto done = co_await exchange(serf::force_leave(seq, node), seq, Wants::header, kLeaveLimit);
  if (!done) co_return fail(std::move(done).error());
  co_return ok();
}

asio::awaitable<Status> Client::set_tags(std::map<std::string, std::string> tags,
                                         std::vector<std::string> removed) {
  auto seq = ++seq_;
  auto done = co_await exchange(serf::set_tags(seq, tags, removed), seq, Wants::header, limit);
  if (!done) co_return fail(std::move(done).error());
  co_return ok();
}

asio::awaitable<Result<QueryAnswers>> Client::query(
    Query question, std::function<bool(const std::string&, const std::string&)> on_answer) {
  auto seq = ++seq_;
  // One limit for all of it: the answers end when the query's time is over.
  const auto within = question.timeout + limit;
  auto begun = co_await exchange(serf::query(seq, question), seq, Wants::header, within);
  if (!begun) co_return fail(std::move(begun).error());
  QueryAnswers out;
  while (true) {
    auto item = co_await next_item(within, "end the query");
    if (!item) {
      wire_->close();
      co_return fail(std::move(item).error());
    }
    if (item->header) continue;
    if (stream_ && item->seq == *stream_) {
      if (events_.size() < kMostEvents) events_.push_back(read_event(item->body));
      continue;
    }
    if (item->seq != seq) continue;
    auto record = read_query_record(item->body);
    if (record.kind == QueryRecord::Kind::done) co_return out;
    if (record.kind == QueryRecord::Kind::acknowledged) out.acknowledged.push_back(record.from);
    if (record.kind != QueryRecord::Kind::answered) continue;
    bool more = !on_answer || on_answer(record.from, record.payload);
    out.answers.emplace(record.from, std::move(record.payload));
    if (more) continue;
    wire_->close();
    co_return out;
  }
}

asio::awaitable<Result<std::optional<Coordinate>>> Client::coordinate(std::string node) {
  auto seq = ++seq_;
  auto body = co_await exchange(serf::coordinate(seq, node), seq, Wants::body, limit);
  if (!body) co_return fail(std::move(body).error());
  co_return read_coordinate(*body);
}

asio::awaitable<Result<KeyAnswer>> Client::order_key(KeyOrder order, Secret key) {
  auto seq = ++seq_;
  auto request = key_order(seq, order, key);
  auto body = co_await exchange(request.reveal(), seq, Wants::verdict, kOrderLimit);
  if (!body) co_return fail(std::move(body).error());
  co_return read_key_answer(*body);
}

asio::awaitable<Result<KeyAnswer>> Client::list_keys() {
  auto seq = ++seq_;
  auto body = co_await exchange(serf::list_keys(seq), seq, Wants::verdict, kOrderLimit);
  if (!body) co_return fail(std::move(body).error());
  co_return read_key_answer(*body);
}

asio::awaitable<Result<std::map<std::string, std::string>>> Client::stats() {
  auto seq = ++seq_;
  auto body = co_await exchange(serf::stats(seq), seq, Wants::body, limit);
  if (!body) co_return fail(std::move(body).error());
  co_return read_stats(*body);
}

asio::awaitable<Status> Client::listen(std::string types) {
  auto seq = ++seq_;
  stream_ = seq;  // the first event may come in the same read as the header
  auto begun = co_await exchange(serf::stream(seq, types), seq, Wants::header, limit);
  if (begun) co_return ok();
  stream_.reset();
  co_return fail(std::move(begun).error());
}

asio::awaitable<Result<std::optional<Event>>> Client::next_event(Duration patience) {
  std::optional<Event> out;
  wire_->expire_after(patience);
  while (events_.empty()) {
    auto item = co_await next_item(patience, "say anything");
    if (!item) {
      if (item.error().is(code_name(SerfCode::timed_out))) co_return out;
      wire_->close();
      co_return fail(std::move(item).error());
    }
    if (!item->header && stream_ && item->seq == *stream_) events_.push_back(read_event(item->body));
  }
  wire_->never_expire();
  out = std::move(events_.front());
  events_.pop_front();
  co_return out;
}

asio::awaitable<Status> Client::respond(std::uint64_t query_id, std::string payload) {
  auto seq = ++seq_;
  auto done = co_await exchange(serf::respond(seq, query_id, payload), seq, Wants::header, limit);
  if (!done) co_return fail(std::move(done).error());
  co_return ok();
}

}  // namespace meshops::serf
