#include "net/net.h"

#include <gtest/gtest.h>

#include "loop.h"
#include "net/websocket.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;
using test::run;
using test::ScriptedServer;

Endpoint loopback(std::uint16_t port) { return {"127.0.0.1", port, ""}; }

/// A port on which nothing listens: one that was just given back.
std::uint16_t silent_port(boost::asio::io_context& io) {
  boost::asio::ip::tcp::acceptor a(io, {boost::asio::ip::address_v4::loopback(), 0});
  return a.local_endpoint().port();
}

struct NetTest : testing::Test {
  boost::asio::io_context io{1};
  std::unique_ptr<Net> net = real_net();

  Result<HttpAnswer> ask(std::uint16_t port, Duration limit = 5s) {
    HttpRequest request;
    request.to = loopback(port);
    request.target = "/healthz";
    request.limit = limit;
    request.body_limit = 1000;
    return run(io, net->http(std::move(request)));
  }
};

TEST_F(NetTest, AsksAndTakesTheAnswer) {
  ScriptedServer server(io, {{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok"}});
  auto answer = ask(server.port());
  ASSERT_TRUE(answer.has_value()) << answer.error().text();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "ok");
  EXPECT_GT(answer->latency, 0ns);
  EXPECT_TRUE(server.seen.starts_with("GET /healthz HTTP/1.1\r\n")) << server.seen;
}

TEST_F(NetTest, SaysThatNothingListens) {
  auto port = silent_port(io);
  auto answer = ask(port);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), "net.refused");
  EXPECT_EQ(answer.error().sentence(),
            fmt::format("nothing listens on 127.0.0.1:{} (connection refused)", port));
}

TEST_F(NetTest, AServerThatTakesTheConnectionAndStaysSilentTimesOut) {
  ScriptedServer server(io, {.pieces = {}, .hold_open = true});
  auto begun = std::chrono::steady_clock::now();
  auto answer = ask(server.port(), 50ms);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), "net.timed_out");
  EXPECT_EQ(answer.error().sentence(),
            fmt::format("127.0.0.1:{} took the connection but sent nothing within 50 ms", server.port()));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
}

TEST_F(NetTest, AListenerThatNeverAcceptsTimesOutToo) {
  // What a stopped process looks like: the kernel's backlog takes the connection.
  boost::asio::ip::tcp::acceptor backlog(io, {boost::asio::ip::address_v4::loopback(), 0});
  auto answer = ask(backlog.local_endpoint().port(), 50ms);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), "net.timed_out");
}

TEST_F(NetTest, ADrippingServerCannotOutliveTheLimit) {
  ScriptedServer server(io, {.pieces = {"HTTP/1.1 200 OK\r\nContent-Len"}, .hold_open = true});
  auto answer = ask(server.port(), 50ms);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), "net.timed_out");
  EXPECT_NE(answer.error().sentence().find("did not finish"), std::string::npos) << answer.error().sentence();
}

TEST_F(NetTest, ClosingWithoutAnAnswerIsClosed) {
  ScriptedServer server(io, {});
  auto answer = ask(server.port());
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), "net.closed");
  EXPECT_NE(answer.error().sentence().find("without an answer"), std::string::npos);
}

TEST_F(NetTest, ClosingInTheMiddleIsClosed) {
  ScriptedServer server(io, {{"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf"}});
  auto answer = ask(server.port());
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), "net.closed");
  EXPECT_NE(answer.error().sentence().find("in the middle"), std::string::npos);
}

TEST_F(NetTest, GarbageIsNotHttp) {
  ScriptedServer server(io, {{"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"}});
  auto answer = ask(server.port());
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), "net.not_http") << answer.error().text();
}

TEST_F(NetTest, TooMuchIsRefusedBeforeItIsTaken) {
  ScriptedServer server(io, {{"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n"}, true});
  auto answer = ask(server.port());
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), "net.too_large");
}

TEST_F(NetTest, LocalhostNeedsNoNameServerAndFindsEitherFamily) {
  boost::system::error_code ec;
  boost::asio::ip::tcp::acceptor v6(io);
  v6.open(boost::asio::ip::tcp::v6(), ec);
  if (!ec) v6.bind({boost::asio::ip::address_v6::loopback(), 0}, ec);
  if (ec) GTEST_SKIP() << "no IPv6 here";
  v6.listen();
  auto port = v6.local_endpoint().port();
  auto took = run(io, net->connect({"localhost", port, ""}, 1s));
  EXPECT_TRUE(took.has_value()) << took.error().text();
}

TEST_F(NetTest, ANameWithoutAddressIsUnresolvedOrTimesOut) {
  auto took = run(io, net->connect({"no-such-host.invalid", 80, ""}, 2s));
  ASSERT_FALSE(took.has_value());
  EXPECT_TRUE(took.error().is("net.unresolved") || took.error().is("net.timed_out")) << took.error().text();
}

TEST_F(NetTest, HearsTheFirstLineOfAServerThatSpeaksFirst) {
  ScriptedServer server(io, {.pieces = {"SSH-2.0-Open", "SSH_9.2\r\nand more"}, .read_head = false});
  auto line = run(io, net->first_line(loopback(server.port()), 5s));
  ASSERT_TRUE(line.has_value()) << line.error().text();
  EXPECT_EQ(*line, "SSH-2.0-OpenSSH_9.2");

  ScriptedServer endless(io, {.pieces = {std::string(5000, 'x')}, .read_head = false});
  EXPECT_EQ(run(io, net->first_line(loopback(endless.port()), 5s)).value().size(), 255U);

  ScriptedServer closes(io, {.pieces = {"SSH-2"}, .read_head = false});
  EXPECT_EQ(run(io, net->first_line(loopback(closes.port()), 5s)).error().code(), "net.closed");

  // A frozen machine's kernel still takes connections.
  ScriptedServer frozen(io, {.pieces = {}, .hold_open = true, .read_head = false});
  EXPECT_EQ(run(io, net->first_line(loopback(frozen.port()), 50ms)).error().code(), "net.timed_out");
}

TEST_F(NetTest, AMissingUnixSocketIsNoSocket) {
  auto took = run(io, net->connect({"", 0, "/nonexistent/agent.sock"}, 1s));
  ASSERT_FALSE(took.has_value());
  EXPECT_EQ(took.error().code(), "net.no_socket");
}

TEST_F(NetTest, TheTokenIsInNoErrorText) {
  ScriptedServer server(io, {{"nonsense\r\n\r\n"}});
  HttpRequest request;
  request.to = loopback(server.port());
  request.bearer = Secret("s3cret");
  auto answer = run(io, net->http(std::move(request)));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().text().find("s3cret"), std::string::npos);
  EXPECT_NE(server.seen.find("Bearer s3cret"), std::string::npos);
}

std::string header(const std::string& head, std::string_view name) {
  auto at = head.find(std::string(name) + ": ");
  if (at == std::string::npos) return "";
  at += name.size() + 2;
  return head.substr(at, head.find("\r\n", at) - at);
}

std::string upgrade(const std::string& head) {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\nSec-WebSocket-Accept: " +
         websocket::accept_for(header(head, "Sec-WebSocket-Key")) + "\r\n\r\n";
}

TEST_F(NetTest, TheGreetingIsTheFirstMessageEvenInFragmentsBehindTheHead) {
  ScriptedServer server(io, {.pieces = {}, .hold_open = true});
  server.answer_to = [](const std::string& head) {
    return std::vector<std::string>{upgrade(head) +
                                        "\x01\x05"
                                        "hello",
                                    "\x80\x06"
                                    " world"};
  };
  auto got = run(io, net->websocket_greeting(loopback(server.port()), "/", 2s));
  ASSERT_TRUE(got.has_value()) << got.error().text();
  EXPECT_EQ(got->body, "hello world");
  EXPECT_EQ(got->status, 101);
}

TEST_F(NetTest, AWrongAcceptIsNoWebSocket) {
  ScriptedServer server(io, {.pieces = {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                        "Sec-WebSocket-Accept: AAAA\r\n\r\n"},
                             .hold_open = true});
  auto got = run(io, net->websocket_greeting(loopback(server.port()), "/", 2s));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), "net.not_http");
}

TEST_F(NetTest, AnOrdinaryAnswerToAnUpgradeTellsItsStatus) {
  ScriptedServer server(io, {{"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n"}});
  auto got = run(io, net->websocket_greeting(loopback(server.port()), "/", 2s));
  ASSERT_FALSE(got.has_value());
  EXPECT_NE(got.error().sentence().find("426"), std::string::npos);
}

TEST_F(NetTest, AWebSocketThatSaysNothingTimesOut) {
  ScriptedServer server(io, {.pieces = {}, .hold_open = true});
  server.answer_to = [](const std::string& head) { return std::vector<std::string>{upgrade(head)}; };
  auto got = run(io, net->websocket_greeting(loopback(server.port()), "/", 50ms));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), "net.timed_out");
  EXPECT_NE(got.error().sentence().find("no message"), std::string::npos);
}

boost::asio::awaitable<Status> lines_into(std::uint16_t port, std::vector<std::string>* lines,
                                          std::size_t at_most) {
  HttpRequest request;
  request.to = loopback(port);
  request.limit = 1s;
  auto status = co_await http_lines(std::move(request), [lines, at_most](std::string_view line) {
    lines->emplace_back(line);
    return lines->size() < at_most;
  });
  co_return status;
}

TEST_F(NetTest, LinesComeAsTheyAreSentHoweverTheyAreCut) {
  ScriptedServer server(io, {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\na\nb\r\n\r\n",
                              "3\r\nc\nd\r\n", "0\r\n\r\n"}});
  std::vector<std::string> lines;
  auto status = run(io, lines_into(server.port(), &lines, 100));
  EXPECT_TRUE(status.has_value()) << status.error().text();
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST_F(NetTest, LinesEndWhenTheCallerHasEnough) {
  ScriptedServer server(io, {{"HTTP/1.1 200 OK\r\n\r\na\nb\nc\n"}, true});
  std::vector<std::string> lines;
  auto status = run(io, lines_into(server.port(), &lines, 2));
  EXPECT_TRUE(status.has_value());
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "b"}));
}

TEST_F(NetTest, LinesOfARefusalAreAnError) {
  ScriptedServer server(io, {{"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope"}});
  std::vector<std::string> lines;
  auto status = run(io, lines_into(server.port(), &lines, 2));
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code(), "net.bad_status");
  EXPECT_TRUE(lines.empty());
}

TEST(HttpBlocking, SaysThatNothingListens) {
  boost::asio::io_context io;
  HttpRequest request;
  request.to = loopback(silent_port(io));
  auto answer = http_blocking(std::move(request));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), "net.refused");
}

TEST(ParseUrl, ReadsHostPortAndTarget) {
  auto url = parse_url("http://127.0.0.1:8080/health?deep=1#here");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->endpoint.host, "127.0.0.1");
  EXPECT_EQ(url->endpoint.port, 8080);
  EXPECT_EQ(url->target, "/health?deep=1");

  url = parse_url("http://[::1]:9");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->endpoint.text(), "[::1]:9");
  EXPECT_EQ(url->target, "/");

  url = parse_url("HTTP://gateway.lan?x");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->endpoint.port, 80);
  EXPECT_EQ(url->target, "/?x");
}

TEST(ParseUrl, RefusesWhatItCannotUse) {
  for (auto text :
       {"", "127.0.0.1", "https:///x", "ftp://x/", "http://", "http://:80/", "http://x:0/", "http://x:65536/",
        "http://x:8a/", "http://[::1/", "http://a b/", "http://x/\r\nEvil: 1", "http://[::1]80/"})
    EXPECT_FALSE(parse_url(text).has_value()) << text;
}

TEST(ParseUrl, HttpsIsVerifiedExceptOnLoopback) {
  auto far = parse_url("https://gateway.lan/health");
  ASSERT_TRUE(far.has_value());
  EXPECT_EQ(far->endpoint.port, 443);
  EXPECT_EQ(far->endpoint.tls, Endpoint::Tls::verified);
  for (auto text : {"https://127.0.0.1:8443/", "https://[::1]/", "https://localhost/"})
    EXPECT_EQ(parse_url(text)->endpoint.tls, Endpoint::Tls::any_certificate) << text;
  EXPECT_EQ(parse_url("http://gateway.lan/")->endpoint.tls, Endpoint::Tls::none);
}

TEST(ParseUrl, DoesNotRepeatAPassword) {
  auto url = parse_url("http://me:s3cret@x/");
  ASSERT_FALSE(url.has_value());
  EXPECT_EQ(url.error().for_people().find("s3cret"), std::string::npos);
}

}  // namespace
}  // namespace meshops
