#include "net/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <fstream>

#include "base/fd.h"
#include "loop.h"
#include "net/net.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;
using test::run;
namespace asio = boost::asio;
using Local = asio::local::stream_protocol;

asio::awaitable<ServedAnswer> echo(ServedRequest request) {
  ServedAnswer answer;
  if (request.target == "/missing") answer.status = 404;
  answer.body =
      fmt::format("{} {} {} uid={}", request.method, request.target, request.body, request.peer.uid);
  co_return answer;
}

/// Sends bytes, then reads until `ending` stands in what came (or the server closes): what came.
asio::awaitable<std::string> talk(std::filesystem::path path, std::string bytes, std::string ending) {
  auto executor = co_await asio::this_coro::executor;
  Local::socket socket(executor);
  boost::system::error_code ec;
  co_await socket.async_connect(Local::endpoint(path.string()),
                                asio::redirect_error(asio::use_awaitable, ec));
  if (ec) co_return "cannot connect: " + ec.message();
  co_await asio::async_write(socket, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, ec));
  std::string got;
  co_await asio::async_read_until(socket, asio::dynamic_buffer(got), ending,
                                  asio::redirect_error(asio::use_awaitable, ec));
  co_return got;
}
const std::string kUntilClosed = std::string("\0never\0", 7);

struct ServerTest : testing::Test {
  asio::io_context io{1};
  test::TempDir dir;
  std::unique_ptr<Net> net = real_net();

  UnixServer::Options options() {
    UnixServer::Options o;
    o.path = dir.path() / "run" / "agent.sock";
    return o;
  }
  std::unique_ptr<UnixServer> start(Handler handler, UnixServer::Options o) {
    auto server = UnixServer::listen(io.get_executor(), std::move(o), std::move(handler));
    EXPECT_TRUE(server.has_value()) << server.error().text();
    return server ? std::move(*server) : nullptr;
  }
  Result<HttpAnswer> ask(std::string target, std::string body = "") {
    HttpRequest request;
    request.to.unix_path = options().path;
    request.target = std::move(target);
    if (!body.empty()) request.method = "POST";
    request.body = std::move(body);
    return run(io, net->http(std::move(request)));
  }
};

TEST_F(ServerTest, AnswersAndKnowsWhoAsks) {
  auto server = start(echo, options());
  auto answer = ask("/v1/x?y=1", "body");
  ASSERT_TRUE(answer.has_value()) << answer.error().text();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, fmt::format("POST /v1/x?y=1 body uid={}", ::getuid()));
  EXPECT_EQ(answer->headers.at("content-type"), "application/json");
  EXPECT_EQ(ask("/missing")->status, 404);
}

TEST_F(ServerTest, TheSocketHasItsModeAndGoesWithTheServer) {
  auto o = options();
  o.mode = 0620;
  auto server = start(echo, o);
  struct stat st{};
  ASSERT_EQ(::lstat(o.path.c_str(), &st), 0);
  EXPECT_TRUE(S_ISSOCK(st.st_mode));
  EXPECT_EQ(st.st_mode & 0777U, 0620U);
  server.reset();
  EXPECT_NE(::lstat(o.path.c_str(), &st), 0);
}

TEST_F(ServerTest, KeepsAConnectionForTheNextRequest) {
  auto server = start(echo, options());
  auto got =
      run(io, talk(options().path, "GET /one HTTP/1.1\r\n\r\nGET /two HTTP/1.1\r\nConnection: close\r\n\r\n",
                   kUntilClosed));
  EXPECT_NE(got.find("GET /one"), std::string::npos) << got;
  EXPECT_NE(got.find("GET /two"), std::string::npos) << got;
  EXPECT_LT(got.find("Connection: keep-alive"), got.find("Connection: close")) << got;
}

TEST_F(ServerTest, ASecondAgentOnTheSameSocketIsRefusedAndTheFirstServesOn) {
  auto first = start(echo, options());
  auto second = UnixServer::listen(io.get_executor(), options(), echo);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().sentence().find("another agent listens on"), std::string::npos);
  EXPECT_TRUE(ask("/").has_value());
}

TEST_F(ServerTest, ALiveSocketWithoutALockIsNotStolen) {
  std::filesystem::create_directories(options().path.parent_path());
  Local::acceptor foreign(io, Local::endpoint(options().path.string()));
  auto second = UnixServer::listen(io.get_executor(), options(), echo);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().sentence().find("another agent listens on"), std::string::npos);
}

TEST_F(ServerTest, AStaleSocketIsReplaced) {
  std::filesystem::create_directories(options().path.parent_path());
  {
    Local::acceptor dead(io, Local::endpoint(options().path.string()));
  }  // closes without removing its file
  ASSERT_TRUE(std::filesystem::exists(options().path));
  auto server = start(echo, options());
  EXPECT_TRUE(ask("/").has_value());
}

TEST_F(ServerTest, AFileInTheWayIsNotRemoved) {
  std::filesystem::create_directories(options().path.parent_path());
  std::ofstream(options().path) << "precious";
  EXPECT_FALSE(UnixServer::listen(io.get_executor(), options(), echo).has_value());
  EXPECT_TRUE(std::filesystem::is_regular_file(options().path));
}

TEST_F(ServerTest, ALongPathIsToldApart) {
  auto o = options();
  o.path = dir.path() / std::string(120, 'x');
  auto server = UnixServer::listen(io.get_executor(), o, echo);
  ASSERT_FALSE(server.has_value());
  EXPECT_NE(server.error().sentence().find("longer than 107"), std::string::npos);
}

TEST_F(ServerTest, GarbageGets400AndIsDropped) {
  auto server = start(echo, options());
  auto got = run(io, talk(options().path, "\x16\x03\x01 what\r\n\r\n", kUntilClosed));
  EXPECT_TRUE(got.starts_with("HTTP/1.1 400 ")) << got;
}

TEST_F(ServerTest, TooLargeBodiesGet413BeforeTheyAreRead) {
  auto o = options();
  o.body_limit = 10;
  auto server = start(echo, o);
  auto got = run(io, talk(o.path, "POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n", kUntilClosed));
  EXPECT_TRUE(got.starts_with("HTTP/1.1 413 ")) << got;
  got = run(io, talk(o.path, "GET / HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n", kUntilClosed));
  EXPECT_TRUE(got.starts_with("HTTP/1.1 413 ")) << got;
}

TEST_F(ServerTest, SilentAndSlowClientsAreDropped) {
  auto o = options();
  o.idle_limit = 30ms;
  auto server = start(echo, o);
  EXPECT_EQ(run(io, talk(o.path, "", kUntilClosed)), "");
  auto got = run(io, talk(o.path, "GET / HT", kUntilClosed));
  EXPECT_TRUE(got.starts_with("HTTP/1.1 408 ")) << got;
}

TEST_F(ServerTest, OverTheLimitOfConnectionsOneIsTold) {
  auto o = options();
  o.max_connections = 1;
  auto server = start(echo, o);
  Local::socket first(io);
  first.connect(Local::endpoint(o.path.string()));
  auto got = run(io, talk(o.path, "GET / HTTP/1.1\r\n\r\n", kUntilClosed));
  EXPECT_TRUE(got.starts_with("HTTP/1.1 503 ")) << got;
}

TEST_F(ServerTest, WaitsWithTheBodyUntilItIsToldToSend) {
  auto server = start(echo, options());
  auto got =
      run(io, talk(options().path, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
                   "\r\n\r\n"));
  EXPECT_TRUE(got.starts_with("HTTP/1.1 100 Continue\r\n")) << got;
}

TEST_F(ServerTest, HeadGetsNoBody) {
  auto server = start(echo, options());
  auto got = run(io, talk(options().path, "HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n", kUntilClosed));
  EXPECT_TRUE(got.ends_with("\r\n\r\n")) << got;
  EXPECT_NE(got.find("Content-Length: "), std::string::npos);
}

/// Gives three lines, then waits for ever (or ends), and notes when it is given up.
struct Stream {
  int given = 0;
  bool endless = false;
  bool waits = false;
  bool gone = false;
};
struct NoteGone {
  std::shared_ptr<Stream> stream;
  explicit NoteGone(std::shared_ptr<Stream> s) : stream(std::move(s)) {}
  NoteGone(const NoteGone&) = delete;
  NoteGone& operator=(const NoteGone&) = delete;
  ~NoteGone() { stream->gone = true; }
};
asio::awaitable<std::optional<std::string>> next_line(std::shared_ptr<Stream> stream) {
  if (stream->given < 3) co_return fmt::format("{{\"n\":{}}}\n", ++stream->given);
  if (!stream->endless) co_return std::nullopt;
  NoteGone note(stream);
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer forever(executor);
  forever.expires_at(asio::steady_timer::time_point::max());
  stream->waits = true;
  co_await forever.async_wait(asio::use_awaitable);
  co_return std::nullopt;
}
asio::awaitable<std::optional<std::string>> large_piece() { co_return std::string(64U << 10, 'x'); }
asio::awaitable<std::optional<std::string>> broken_piece() {
  throw std::runtime_error("broken");
  co_return std::nullopt;
}
Handler streaming(std::shared_ptr<Stream> stream) {
  return [stream](ServedRequest) -> asio::awaitable<ServedAnswer> {
    ServedAnswer answer;
    answer.content_type = "application/x-ndjson";
    answer.stream = [stream] { return next_line(stream); };
    co_return answer;
  };
}
asio::awaitable<Status> lines_into(std::filesystem::path path, std::vector<std::string>* lines,
                                   std::size_t at_most) {
  HttpRequest request;
  request.to.unix_path = path;
  auto status = co_await http_lines(std::move(request), [lines, at_most](std::string_view line) {
    lines->emplace_back(line);
    return lines->size() < at_most;
  });
  co_return status;
}

TEST_F(ServerTest, StreamsLinesUntilThereAreNoMore) {
  auto server = start(streaming(std::make_shared<Stream>()), options());
  std::vector<std::string> lines;
  auto status = run(io, lines_into(options().path, &lines, 100));
  EXPECT_TRUE(status.has_value()) << status.error().text();
  EXPECT_EQ(lines, (std::vector<std::string>{"{\"n\":1}", "{\"n\":2}", "{\"n\":3}"}));
}

TEST_F(ServerTest, AStreamIsGivenUpWhenItsClientLeaves) {
  auto stream = std::make_shared<Stream>();
  stream->endless = true;
  auto server = start(streaming(stream), options());
  std::vector<std::string> lines;
  auto status = run(io, lines_into(options().path, &lines, 3));
  EXPECT_TRUE(status.has_value());
  io.restart();
  while (!stream->gone && io.run_one_for(2s) != 0) {
  }
  EXPECT_TRUE(stream->gone);
}

TEST_F(ServerTest, AClientThatDoesNotReadIsDroppedWithWhatItStillWanted) {
  auto o = options();
  o.idle_limit = 30ms;
  auto calls = std::make_shared<int>(0);
  auto server = start(
      [calls](ServedRequest) -> asio::awaitable<ServedAnswer> {
        ++*calls;
        ServedAnswer answer;
        answer.stream = [] { return large_piece(); };
        co_return answer;
      },
      o);
  Local::socket client(io);
  client.connect(Local::endpoint(o.path.string()));
  std::string twice = "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n";
  asio::write(client, asio::buffer(twice));
  bool hung_up = false;
  auto watch = [](Local::socket* socket, bool* done) -> asio::awaitable<bool> {
    boost::system::error_code ec;
    co_await socket->async_wait(Local::socket::wait_error, asio::redirect_error(asio::use_awaitable, ec));
    *done = true;
    co_return true;
  };
  run(io, watch(&client, &hung_up));
  EXPECT_TRUE(hung_up);
  EXPECT_EQ(*calls, 1);
}

TEST_F(ServerTest, AStreamThatBreaksDoesNotLookWhole) {
  auto server = start(
      [](ServedRequest) -> asio::awaitable<ServedAnswer> {
        ServedAnswer answer;
        answer.body = "{\"n\":1}\n";
        answer.stream = [] { return broken_piece(); };
        co_return answer;
      },
      options());
  auto got = run(io, talk(options().path, "GET / HTTP/1.1\r\n\r\n", kUntilClosed));
  EXPECT_NE(got.find("{\"n\":1}"), std::string::npos) << got;
  EXPECT_EQ(got.find("0\r\n\r\n"), std::string::npos) << got;
}

TEST_F(ServerTest, TheServerMayGoWhileAStreamWaits) {
  auto stream = std::make_shared<Stream>();
  stream->endless = true;
  auto server = start(streaming(stream), options());
  Local::socket client(io);
  client.connect(Local::endpoint(options().path.string()));
  std::string ask_it = "GET / HTTP/1.1\r\n\r\n";
  asio::write(client, asio::buffer(ask_it));
  io.restart();
  while (!stream->waits && io.run_one_for(2s) != 0) {
  }
  ASSERT_TRUE(stream->waits);
  server.reset();
  io.restart();
  io.run();  // ends only when nothing of the server is left in the loop
  EXPECT_TRUE(stream->gone);
}

}  // namespace
}  // namespace meshops
