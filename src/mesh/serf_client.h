// A connection to this node's Serf agent: asks, orders, listens. Called by the CLI and the agent. Decides
// nothing, does not reconnect, and knows nobody's plan.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mesh/serf_wire.h"
#include "net/wire.h"

namespace meshops::serf {

/// Where Serf's agent takes orders: on loopback only, from who has its key.
struct RpcTarget {
  std::uint16_t port = 0;
  Secret key;
};

/// What came back of a query.
struct QueryAnswers {
  std::vector<std::string> acknowledged;       // who has got the question
  std::map<std::string, std::string> answers;  // node → payload
};

/// One exchange at a time: a second call waits for nothing and must not be made before the first has ended.
/// After an error that is not `refused` the connection is closed; make a new one.
class Client {
 public:
  /// Connects and shows the key.
  static boost::asio::awaitable<Result<std::unique_ptr<Client>>> connect(RpcTarget to, Duration limit);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// How long one call may take, but for those that say their own.
  Duration limit = std::chrono::seconds(10);

  boost::asio::awaitable<Result<std::vector<Member>>> members();
  /// Members that are alive and have these tags.
  boost::asio::awaitable<Result<std::vector<Member>>> members_with(std::map<std::string, std::string> tags);
  /// How many of the addresses ("10.0.0.2:7946") answered; an Error if none did.
  boost::asio::awaitable<Result<unsigned>> join(std::vector<std::string> addresses);
  /// Says goodbye to the mesh; Serf's agent ends after it.
  boost::asio::awaitable<Status> leave();
  /// Has the mesh take a failed member for one that left.
  boost::asio::awaitable<Status> force_leave(std::string node);
  boost::asio::awaitable<Status> set_tags(std::map<std::string, std::string> tags,
                                          std::vector<std::string> removed);
  /// Waits until Serf says that no more answers come: the query's time-out, and a moment. `on_answer` gets
  /// each one as it comes, with who gave it; false: enough, and the connection is closed.
  boost::asio::awaitable<Result<QueryAnswers>> query(
      Query question,
      std::function<bool(const std::string& from, const std::string& payload)> on_answer = {});
  /// Nothing if Serf does not know where that node is.
  boost::asio::awaitable<Result<std::optional<Coordinate>>> coordinate(std::string node);
  /// Asks every member at once; Serf gives each its time, so this takes seconds.
  boost::asio::awaitable<Result<KeyAnswer>> order_key(KeyOrder order, Secret key);
  boost::asio::awaitable<Result<KeyAnswer>> list_keys();
  boost::asio::awaitable<Result<std::map<std::string, std::string>>> stats();

  /// From now on next_event() gives what Serf says; other calls go on as before. Once for each connection.
  boost::asio::awaitable<Status> listen(std::string types);
  /// Nothing when `patience` is over: the connection is good for another call.
  boost::asio::awaitable<Result<std::optional<Event>>> next_event(Duration patience);
  /// To a query that came as an event on this connection. Refused when its time is over.
  boost::asio::awaitable<Status> respond(std::uint64_t query_id, std::string payload);

 private:
  Client(std::shared_ptr<Wire> wire, std::uint16_t port) : wire_(std::move(wire)), port_(port) {}

  /// `verdict`: a body that is told also of what was refused, with "refused" in it (orders about keys).
  enum class Wants { header, body, verdict };
  /// Sends one request and waits for what belongs to it. `null` where no body is wanted.
  boost::asio::awaitable<Result<nlohmann::json>> exchange(std::string request, std::uint64_t seq, Wants wants,
                                                          Duration within);
  boost::asio::awaitable<Result<Item>> next_item(Duration within, std::string_view doing);
  Error lost(std::string_view doing, Duration within) const;
  boost::asio::awaitable<Status> shake_hands(Secret key, Duration within);

  std::shared_ptr<Wire> wire_;
  std::uint16_t port_;
  std::uint64_t seq_ = 0;
  std::optional<std::uint64_t> stream_;  // the seq of the event stream
  std::deque<Event> events_;             // came while something else was waited for
  Incoming incoming_;
};

}  // namespace meshops::serf
