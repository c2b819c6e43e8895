// The answering side of the heartbeat, without any rights: a UDP socket, the derived keys, and the file into
// which this node's agent writes its word. Run by `meshops web`. What is not a member's question for this
// node gets no answer, and never is an answer longer than its question.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "mesh/heartbeat.h"

namespace meshops::web {

/// "7947", "10.0.0.2:7947", "[fd00::2]:7947".
struct Listen {
  std::string address;  // empty: all of this machine
  std::uint16_t port = 0;
  bool operator==(const Listen&) const = default;
};
Result<Listen> parse_listen(std::string_view text);

/// The word is read again after this long, so that a flood of questions does not become one of reads.
constexpr Duration kWordKept = std::chrono::milliseconds(200);

class HeartbeatServer {
 public:
  struct Options {
    Listen listen;
    std::string mesh, node;
    std::filesystem::path word;
    heartbeat::Keys keys;
  };
  /// The clock must outlive it. An Error names the address that cannot be listened on.
  static Result<std::unique_ptr<HeartbeatServer>> start(const boost::asio::any_io_executor& executor,
                                                        Options options, const Clock& clock);
  ~HeartbeatServer();
  /// For tests, which let the kernel choose it.
  std::uint16_t port() const;

 private:
  class State;
  explicit HeartbeatServer(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace meshops::web
