// What the tests of this room run on: one io_context, a scripted TCP server in it, and run() for a coroutine.
#pragma once

#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace meshops::test {

namespace asio = boost::asio;

/// Runs the loop until the coroutine has ended, and gives what it gave.
template <class T>
T run(asio::io_context& io, asio::awaitable<T> work) {
  std::optional<T> out;
  asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& thrown, T value) {
    if (thrown) std::rethrow_exception(thrown);
    out.emplace(std::move(value));
    io.stop();
  });
  io.restart();
  io.run();
  return std::move(*out);
}

/// Takes connections on a loopback port; reads one request head from each, then sends its pieces and closes
/// (or holds).
class ScriptedServer {
 public:
  struct Script {
    std::vector<std::string> pieces;
    bool hold_open = false;  // keep the connection after the last piece
    bool read_head = true;   // false: say it without having been asked
  };
  ScriptedServer(asio::io_context& io, Script script)
      : acceptor_(io, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        script_(std::move(script)) {
    asio::co_spawn(io, serve(), asio::detached);
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  /// The head of the last request.
  std::string seen;
  /// Made of the head, if a script cannot know its answer before.
  std::function<std::vector<std::string>(const std::string&)> answer_to;

 private:
  asio::awaitable<void> serve() {
    while (true) {
      boost::system::error_code ec;
      auto socket = std::make_shared<asio::ip::tcp::socket>(acceptor_.get_executor());
      co_await acceptor_.async_accept(*socket, asio::redirect_error(asio::use_awaitable, ec));
      if (ec) co_return;
      std::string buffer;
      if (script_.read_head) {
        co_await asio::async_read_until(*socket, asio::dynamic_buffer(buffer), "\r\n\r\n",
                                        asio::redirect_error(asio::use_awaitable, ec));
        seen = buffer;
      }
      std::vector<std::string> pieces = script_.pieces;
      if (answer_to) pieces = answer_to(buffer);
      for (const auto& piece : pieces)
        co_await asio::async_write(*socket, asio::buffer(piece),
                                   asio::redirect_error(asio::use_awaitable, ec));
      if (script_.hold_open) held_.push_back(socket);
    }
  }
  asio::ip::tcp::acceptor acceptor_;
  Script script_;
  std::vector<std::shared_ptr<asio::ip::tcp::socket>> held_;
};

/// A directory that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "meshops-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace meshops::test
