// Bytes as a client sends them to the agent's socket: through the real session, over a socket pair. It always
// ends, and says nothing that is not HTTP.
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/session.h"

namespace {

using namespace meshops;
namespace asio = boost::asio;

asio::awaitable<std::optional<std::string>> piece(std::shared_ptr<int> left) {
  if (*left == 0) co_return std::nullopt;
  --*left;
  co_return "{\"n\":1}\n";
}

asio::awaitable<ServedAnswer> answer(ServedRequest request) {
  ServedAnswer out;
  if (request.target.starts_with("/s")) {
    auto left = std::make_shared<int>(3);
    out.stream = [left] { return piece(left); };
  }
  out.body = request.method + request.target + request.body;
  co_return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 8192) return 0;  // all of it must fit into the socket's buffer
  static const auto context =
      std::make_shared<const SessionContext>(SessionContext{answer, 1000, std::chrono::milliseconds(50)});
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  if (size > 0 && ::send(ends[0], data, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) std::abort();
  ::shutdown(ends[0], SHUT_WR);
  {
    asio::io_context io(1);
    auto wire = std::make_shared<Wire>(Wire::Socket(io, asio::generic::stream_protocol(AF_UNIX, 0), ends[1]));
    asio::co_spawn(io, serve(wire, Peer{}, context), asio::detached);
    wire.reset();
    io.run();
  }
  std::string said;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::recv(ends[0], buffer, sizeof(buffer), MSG_DONTWAIT)) > 0;)
    said.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  if (!said.empty() && !said.starts_with("HTTP/1.1 ")) std::abort();
  return 0;
}
