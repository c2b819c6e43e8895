// The Net seam: what other programs answer, over TCP or a UNIX socket. Called by probes, the engine client
// and the CLI. Every call has a limit on time and size; nothing here retries, and nothing follows a redirect.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"

namespace meshops {

MESHOPS_ERROR_CODES(NetCode, "net", bad_url, unresolved, refused, unreachable, timed_out, closed, not_http,
                    too_large, not_permitted, no_socket, bad_status, tls, io);

/// Where to connect: a TCP host and port, or the path of a UNIX socket.
struct Endpoint {
  std::string host;  // name or address, without brackets
  std::uint16_t port = 0;
  std::string unix_path;  // if not empty, host and port mean nothing
  enum class Tls {
    none,
    any_certificate,  // the peer is known by other means (its port on loopback is its own)
    verified,         // by the machine's authorities, for `host`
  };
  Tls tls = Tls::none;
  std::string text() const;
};

struct HttpRequest {
  Endpoint to;
  std::string method = "GET";
  std::string target = "/";
  std::map<std::string, std::string> headers;
  Secret bearer;  // sent as Authorization: Bearer …; never in an error text
  std::string body;
  Duration limit = std::chrono::seconds(5);  // for the whole exchange
  std::size_t body_limit = 1U << 20;
};
struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  Duration latency{};  // from before connect to the last byte
};

/// The second of the five seams. Runs on the executor of the coroutine that awaits it.
class Net {
 public:
  virtual ~Net() = default;
  /// Connects (without TLS) and closes: how long it took.
  virtual boost::asio::awaitable<Result<Duration>> connect(Endpoint to, Duration limit) = 0;
  virtual boost::asio::awaitable<Result<HttpAnswer>> http(HttpRequest request) = 0;
  /// Connects (without TLS), says nothing, and gives the first line that the server says, without its end, or
  /// its first 255 bytes.
  virtual boost::asio::awaitable<Result<std::string>> first_line(Endpoint to, Duration limit) = 0;
  /// WebSocket upgrade on `target`, then the first text message the server sends, at most 64 KiB.
  virtual boost::asio::awaitable<Result<HttpAnswer>> websocket_greeting(Endpoint to, std::string target,
                                                                        Duration limit) = 0;
};

std::unique_ptr<Net> real_net();

/// "http://127.0.0.1:8080/health" → endpoint and target. The certificate of an https URL is verified, except
/// on loopback, where gateways make their own.
struct Url {
  Endpoint endpoint;
  std::string target;
};
Result<Url> parse_url(std::string_view text);
/// "localhost", "127.…", "::1".
bool is_loopback(std::string_view host);

/// One request from a program without an event loop (the CLI).
Result<HttpAnswer> http_blocking(HttpRequest request);

/// Server-sent lines: calls `on_line` for each line of a long answer as it comes (the engine's /events, the
/// agent's watch stream), until the server closes, `on_line` returns false or the coroutine is cancelled. No
/// limit on the whole time; `request.limit` bounds the wait for the answer's head.
boost::asio::awaitable<Status> http_lines(HttpRequest request, std::function<bool(std::string_view)> on_line);

}  // namespace meshops
