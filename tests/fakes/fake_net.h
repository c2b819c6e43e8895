// A Net that answers as a test says, and records what it was asked. What nobody spoke of refuses the
// connection.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/net.h"

namespace meshops {

class FakeNet final : public Net {
 public:
  /// By "GET /readyz".
  std::map<std::string, Result<HttpAnswer>> answers;
  std::optional<Result<HttpAnswer>> greeting;
  std::optional<Result<Duration>> connects;
  std::optional<std::string> line;
  // What was asked, in order: "connect", "GET /healthz", "websocket /".
  std::vector<std::string> asked;
  std::vector<HttpRequest> requests;
  std::vector<Endpoint> endpoints;

  FakeNet& answer(const std::string& what, int status, std::string body = "") {
    HttpAnswer made;
    made.status = status;
    made.body = std::move(body);
    made.latency = std::chrono::milliseconds(3);
    answers.insert_or_assign(what, std::move(made));
    return *this;
  }
  FakeNet& fails(const std::string& what, Error why) {
    answers.insert_or_assign(what, Result<HttpAnswer>(std::unexpected(std::move(why))));
    return *this;
  }
  FakeNet& greets(std::string message) {
    HttpAnswer made;
    made.status = 101;
    made.body = std::move(message);
    made.latency = std::chrono::milliseconds(20);
    greeting.emplace(std::move(made));
    return *this;
  }

  boost::asio::awaitable<Result<Duration>> connect(Endpoint to, Duration) override {
    asked.emplace_back("connect");
    endpoints.push_back(to);
    if (connects) co_return *connects;
    co_return fail(refused(to));
  }
  boost::asio::awaitable<Result<std::string>> first_line(Endpoint to, Duration) override {
    asked.emplace_back("first line");
    endpoints.push_back(to);
    if (line) co_return *line;
    co_return fail(refused(to));
  }
  boost::asio::awaitable<Result<HttpAnswer>> http(HttpRequest request) override {
    auto what = request.method + " " + request.target;
    auto to = request.to;
    asked.push_back(what);
    endpoints.push_back(to);
    requests.push_back(std::move(request));
    auto found = answers.find(what);
    if (found != answers.end()) co_return found->second;
    co_return fail(refused(to));
  }
  boost::asio::awaitable<Result<HttpAnswer>> websocket_greeting(Endpoint to, std::string target,
                                                                Duration) override {
    asked.push_back("websocket " + target);
    endpoints.push_back(to);
    if (greeting) co_return *greeting;
    co_return fail(refused(to));
  }

 private:
  static Error refused(const Endpoint& to) {
    return error(NetCode::refused, "nothing listens on {} (connection refused)", to.text());
  }
};

}  // namespace meshops
