// A Serf agent on loopback that says what the test has it say. Greets and checks the key ("right") itself.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace meshops::serf {

namespace asio = boost::asio;
using Json = nlohmann::json;

inline std::string pack(const Json& value) {
  std::string out;
  Json::to_msgpack(value, out);
  return out;
}
inline std::string header(std::uint64_t seq, std::string_view error = "") {
  return pack({{"Error", error}, {"Seq", seq}});
}

class FakeSerf {
 public:
  using Answer = std::function<std::string(std::uint64_t seq, const Json& body)>;
  explicit FakeSerf(asio::io_context& io)
      : acceptor_(io, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    says["handshake"] = [](std::uint64_t seq, const Json&) { return header(seq); };
    says["auth"] = [](std::uint64_t seq, const Json& body) {
      return header(seq, body["AuthKey"] == "right" ? "" : "Invalid authentication token");
    };
    asio::co_spawn(io, serve(), asio::detached);
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::map<std::string, Answer> says;
  std::vector<std::string> commands;

 private:
  asio::awaitable<void> serve() {
    while (true) {
      boost::system::error_code ec;
      auto socket = std::make_shared<asio::ip::tcp::socket>(acceptor_.get_executor());
      co_await acceptor_.async_accept(*socket, asio::redirect_error(asio::use_awaitable, ec));
      if (ec) co_return;
      sockets_.push_back(socket);
      asio::co_spawn(acceptor_.get_executor(), talk(socket), asio::detached);
    }
  }
  asio::awaitable<void> talk(std::shared_ptr<asio::ip::tcp::socket> socket) {
    static const std::set<std::string> kBare = {"members", "leave", "list-keys", "stats"};
    std::string buffer(65536, '\0');
    std::string pending;
    while (true) {
      boost::system::error_code ec;
      auto n = co_await socket->async_read_some(asio::buffer(buffer),
                                                asio::redirect_error(asio::use_awaitable, ec));
      if (ec) co_return;
      pending += buffer.substr(0, n);
      while (!pending.empty()) {
        // As many values as are there, read back as one array.
        std::vector<Json> values;
        for (char count = 1; count <= 2; ++count) {
          auto read = Json::from_msgpack(static_cast<char>(0x90 + count) + pending, false, false);
          if (read.is_discarded()) break;
          values.assign(read.begin(), read.end());
          if (kBare.contains(values[0]["Command"])) break;
        }
        auto command = values.at(0)["Command"].get<std::string>();
        auto seq = values[0]["Seq"].get<std::uint64_t>();
        std::size_t used = pack(values[0]).size() + (values.size() > 1 ? pack(values[1]).size() : 0);
        pending.erase(0, used);
        commands.push_back(command);
        auto found = says.find(command);
        if (found == says.end()) continue;
        auto answer = found->second(seq, values.size() > 1 ? values[1] : Json());
        if (answer == "hang up") {
          socket->close(ec);
          co_return;
        }
        co_await asio::async_write(*socket, asio::buffer(answer),
                                   asio::redirect_error(asio::use_awaitable, ec));
      }
    }
  }
  asio::ip::tcp::acceptor acceptor_;
  std::vector<std::shared_ptr<asio::ip::tcp::socket>> sockets_;
};

}  // namespace meshops::serf
