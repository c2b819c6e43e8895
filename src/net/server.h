// A small HTTP/1.1 server on a UNIX socket: what the agent's API stands on. Peer credentials come with each
// request. Knows nothing of what is served. Bodies and heads are bounded; a slow or silent client is dropped.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace meshops {

/// Who is at the other end of the UNIX socket (SO_PEERCRED, taken by the kernel at connect).
struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};
struct ServedRequest {
  std::string method;
  std::string target;  // path with query, as sent
  std::string body;
  Peer peer;
};
struct ServedAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  /// A long answer: asked for piece after piece, each sent at once, until it gives nothing. `body` goes
  /// first. When the client leaves, the coroutine that waits in it is cancelled (it ends with
  /// operation_aborted).
  std::function<boost::asio::awaitable<std::optional<std::string>>()> stream;
};
/// Called once per request; several at a time, one per connection. An answer is owed even if the client has
/// gone: a handler is never cancelled half-way, except when the server itself goes.
using Handler = std::function<boost::asio::awaitable<ServedAnswer>(ServedRequest)>;

class UnixServer {
 public:
  struct Options {
    std::filesystem::path path;
    mode_t mode = 0660;
    /// Group that owns the socket, if it exists on this machine.
    std::string group;
    std::size_t max_connections = 64;
    std::size_t body_limit = 1U << 20;
    /// For a whole request to come, for a piece of an answer to be taken, and between requests.
    Duration idle_limit = std::chrono::seconds(30);
  };
  /// Binds; a stale socket of a dead server is replaced, a live one is an error ("another agent listens on
  /// …"). Makes the directory if it is missing. A lock file beside the socket (PATH.lock) decides between two
  /// that start at once.
  static Result<std::unique_ptr<UnixServer>> listen(boost::asio::any_io_executor executor, Options options,
                                                    Handler handler);
  virtual ~UnixServer() = default;  // closes and removes the socket file
};

}  // namespace meshops
