// One connected stream socket (TCP or UNIX) with a deadline that ends whatever waits on it. Used inside this
// room only. Single-threaded: everything happens on one executor; the object must be held by a shared_ptr.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "net/net.h"
#include "net/tls.h"

namespace meshops {

class Wire : public std::enable_shared_from_this<Wire> {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;  // one instantiation for both families
  explicit Wire(const boost::asio::any_io_executor& executor) : socket_(executor), timer_(executor) {}
  explicit Wire(Socket socket) : socket_(std::move(socket)), timer_(socket_.get_executor()) {}

  /// From now on, what waits when `limit` is over ends with `expired()`. Replaces the limit before it.
  void expire_after(Duration limit);
  void never_expire();
  bool expired() const { return expired_; }

  /// Resolves (names only; addresses and "localhost" need no resolver, which would cost a thread), connects,
  /// and shakes hands if the endpoint speaks TLS.
  boost::asio::awaitable<Status> connect(Endpoint to, Duration limit);

  struct Read {
    boost::system::error_code error;
    std::string_view bytes;  // valid until the next read; empty with an error or at the end
    bool end = false;
  };
  boost::asio::awaitable<Read> read();
  /// All of it. `bytes` must live until the write has ended.
  boost::asio::awaitable<boost::system::error_code> write(std::string_view bytes);
  /// A few last bytes, if they fit now.
  void write_now(std::string_view bytes);

  Socket& socket() { return socket_; }
  void close();

 private:
  boost::asio::awaitable<Status> shake_hands(const Endpoint& to, Duration limit);
  boost::asio::awaitable<Read> read_socket();
  boost::asio::awaitable<boost::system::error_code> write_socket(std::string_view bytes);
  boost::asio::awaitable<boost::system::error_code> connect_one(Socket::endpoint_type to);

  Socket socket_;
  boost::asio::steady_timer timer_;
  unsigned armed_ = 0;  // which expire_after() a timer belongs to
  bool expired_ = false;
  std::array<char, 8192> buffer_;
  std::unique_ptr<TlsClient> tls_;
};

/// "5 s", "50 ms", "1m30s": a limit as its owner wrote it.
std::string limit_text(Duration limit);

}  // namespace meshops
