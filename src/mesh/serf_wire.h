// Serf's RPC as bytes: requests out, and what comes back read piece by piece as msgpack. Called by the client
// and the fuzzer. Pure; believes nothing that was sent: sizes, depth and counts have limits, and a value
// of another type is taken as not said.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"

namespace meshops::serf {

MESHOPS_ERROR_CODES(SerfCode, "serf", protocol, refused, wrong_key, no_agent, timed_out, not_installed,
                    not_permitted, no_mesh, no_mesh_key, bad_mesh_key, in_the_way, absent, incomplete, io);

enum class MemberState { alive, leaving, left, failed, unknown };
std::string_view text(MemberState state);  // "alive", …

struct Member {
  std::string name;
  std::string address;  // "10.0.0.1", "fd00::1"; empty if Serf told none
  std::uint16_t port = 0;
  MemberState state = MemberState::unknown;
  std::map<std::string, std::string> tags;
  bool operator==(const Member&) const = default;
};

/// A question to members, and how long they have to answer.
struct Query {
  std::string name;
  std::string payload;
  std::vector<std::string> nodes;  // empty: all
  Duration timeout = std::chrono::seconds(2);
};
struct QueryRecord {
  enum class Kind { acknowledged, answered, done, other } kind = Kind::other;
  std::string from;
  std::string payload;
};

/// One entry of the event stream. Serf drops entries silently when 512 wait, and repeats old ones: a hint to
/// ask again, never the truth.
struct Event {
  enum class Kind { members, query, user, other } kind = Kind::other;
  std::string type;             // "member-failed", "query", …
  std::vector<Member> members;  // whom it is about
  std::uint64_t id = 0;         // of a query: what the answer must name
  std::string name, payload;
};

/// Where Vivaldi puts a node (in seconds of round trip).
struct Coordinate {
  std::vector<double> vector;
  double height = 0, adjustment = 0, error = 0;
};
/// What two coordinates estimate of the round trip between their nodes, as Serf's own `rtt` command does.
/// Nothing if they cannot be compared.
std::optional<Duration> round_trip(const Coordinate& a, const Coordinate& b);

/// What members said to an order about keys.
struct KeyAnswer {
  unsigned nodes = 0, answered = 0, failed = 0;   // members when it was asked; how many said something, or no
  std::map<std::string, unsigned> keys;           // secret: each key, and how many members hold it
  std::map<std::string, std::string> complaints;  // by node
  std::string refused;                            // why Serf does not count it as done; empty: it does
};

// --- requests: header and body, ready to be sent ---

enum class KeyOrder { install, use, remove };
std::string handshake(std::uint64_t seq);
Secret auth(std::uint64_t seq, const Secret& rpc_key);
std::string members(std::uint64_t seq);
/// Only those with these tags; the values are regular expressions of Serf's, matched whole.
std::string members_filtered(std::uint64_t seq, const std::map<std::string, std::string>& tags,
                             std::string_view state);
std::string join(std::uint64_t seq, const std::vector<std::string>& addresses);
std::string leave(std::uint64_t seq);
std::string force_leave(std::uint64_t seq, const std::string& node);
std::string set_tags(std::uint64_t seq, const std::map<std::string, std::string>& tags,
                     const std::vector<std::string>& removed);
/// `types`: "*", or a list such as "member-failed,query".
std::string stream(std::uint64_t seq, std::string_view types);
std::string query(std::uint64_t seq, const Query& query);
std::string respond(std::uint64_t seq, std::uint64_t query_id, std::string_view payload);
std::string coordinate(std::uint64_t seq, const std::string& node);
Secret key_order(std::uint64_t seq, KeyOrder order, const Secret& key);
std::string list_keys(std::uint64_t seq);
std::string stats(std::uint64_t seq);

// --- what comes back ---

/// Header or body. Whether a body follows a header only the asker knows; which header a body belongs to is
/// told by `seq`. An event of a stream has the seq of the request that opened it.
struct Item {
  std::uint64_t seq = 0;
  bool header = false;
  std::string error;    // of a header: why Serf refused; made fit to print
  nlohmann::json body;  // of a body
};

/// One value may be at most so large, so deep, and have so many elements. 10,000 members are some 2.5 MB.
constexpr std::size_t kMostBytes = 16U << 20;
constexpr std::size_t kMostDepth = 16;
constexpr std::size_t kMostElements = 1U << 20;

/// Bytes of one connection → items. After an error it is over: nobody knows any more where a value begins.
class Incoming {
 public:
  Status feed(std::string_view bytes);
  /// The next whole item; nothing until more bytes have come.
  std::optional<Item> next();

 private:
  /// Goes on over the value at the front; true at its end.
  Result<bool> walk();
  Status take(std::string_view value);

  std::string buffer_;
  std::size_t at_ = 0;               // where the walk goes on
  std::vector<std::uint64_t> open_;  // values still to come, for each open array or map
  std::size_t elements_ = 0;         // of the value being walked
  std::deque<Item> ready_;
  std::optional<std::uint64_t> last_seq_;  // of the last header
  std::optional<Error> broken_;
};

std::vector<Member> read_members(const nlohmann::json& body);
QueryRecord read_query_record(const nlohmann::json& body);
Event read_event(const nlohmann::json& body);
/// Nothing if Serf knows none of that node.
std::optional<Coordinate> read_coordinate(const nlohmann::json& body);
KeyAnswer read_key_answer(const nlohmann::json& body);
/// "serf.members" → "3".
std::map<std::string, std::string> read_stats(const nlohmann::json& body);

}  // namespace meshops::serf
