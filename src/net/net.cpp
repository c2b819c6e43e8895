#include "net/net.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>

#include "base/text.h"
#include "net/http1.h"
#include "net/websocket.h"
#include "net/wire.h"

namespace meshops {

namespace asio = boost::asio;
using SteadyClock = std::chrono::steady_clock;

std::string Endpoint::text() const {
  if (!unix_path.empty()) return unix_path;
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

namespace {

/// What went wrong while reading or writing, as a sentence about the other side.
Error exchange_error(const Endpoint& to, const boost::system::error_code& ec, bool expired, bool some_came,
                     Duration limit) {
  if (expired && !some_came)
    return error(NetCode::timed_out, "{} took the connection but sent nothing within {}", to.text(),
                 limit_text(limit));
  if (expired)
    return error(NetCode::timed_out, "{} began to answer but did not finish within {}", to.text(),
                 limit_text(limit));
  if (ec.value() == ECONNRESET || ec.value() == EPIPE) {
    if (!some_came) return error(NetCode::closed, "{} closed the connection without an answer", to.text());
    return error(NetCode::closed, "{} closed the connection in the middle of its answer", to.text());
  }
  return error(NetCode::io, "the connection to {} broke: {}", to.text(), ec.message());
}

/// The end of the stream before the answer was whole.
Error cut_error(const Endpoint& to, bool some_came) {
  if (!some_came) return error(NetCode::closed, "{} closed the connection without an answer", to.text());
  return error(NetCode::closed, "{} closed the connection in the middle of its answer", to.text());
}

/// A fault of what was sent, with who sent it.
Error protocol_error(const Endpoint& to, const Error& why) {
  if (why.is(code_name(NetCode::too_large)))
    return error(NetCode::too_large, "{} sent more than we take: {}", to.text(), why.sentence());
  if (why.is(code_name(NetCode::closed)))
    return error(NetCode::closed, "{} closed the connection: {}", to.text(), why.sentence());
  return error(NetCode::not_http, "what {} sent is not what was asked for: {}", to.text(), why.sentence());
}

/// Sends `text` and feeds `reader` until the answer is whole, or until its head is (`head_only`).
asio::awaitable<Status> exchange(std::shared_ptr<Wire> wire, Endpoint to, std::string text, Duration limit,
                                 http1::AnswerReader* reader, bool head_only) {
  // A server may answer (413, 401) and close before it has read all of a body: so read even if the write
  // failed.
  auto written = co_await wire->write(text);
  if (wire->expired()) co_return fail(exchange_error(to, written, true, false, limit));
  while (true) {
    auto got = co_await wire->read();
    if (got.error) co_return fail(exchange_error(to, got.error, wire->expired(), reader->started(), limit));
    if (got.end) {
      auto ended = reader->end();
      if (!ended) co_return fail(cut_error(to, reader->started()));
      co_return ok();
    }
    auto whole = reader->feed(got.bytes);
    if (!whole) co_return fail(protocol_error(to, whole.error()));
    if (*whole || (head_only && reader->head_done())) co_return ok();
  }
}

asio::awaitable<Result<HttpAnswer>> ask(HttpRequest request) {
  auto text = http1::request_text(request);
  if (!text) co_return fail(std::move(text).error());
  const auto begun = SteadyClock::now();
  auto executor = co_await asio::this_coro::executor;
  auto wire = std::make_shared<Wire>(executor);
  auto connected = co_await wire->connect(request.to, request.limit);
  if (!connected) co_return fail(std::move(connected).error());
  http1::AnswerReader reader(request.body_limit, request.method == "HEAD");
  auto done = co_await exchange(wire, request.to, std::move(*text), request.limit, &reader, false);
  wire->close();
  if (!done) co_return fail(std::move(done).error());
  HttpAnswer answer;
  answer.status = reader.status();
  answer.headers = reader.headers();
  answer.body = reader.take_body();
  answer.latency = SteadyClock::now() - begun;
  co_return answer;
}

asio::awaitable<Result<HttpAnswer>> greeting(Endpoint to, std::string target, Duration limit) {
  const auto key = websocket::new_key();
  HttpRequest request;
  request.to = to;
  request.target = std::move(target);
  request.headers = {{"Connection", "Upgrade"},
                     {"Upgrade", "websocket"},
                     {"Sec-WebSocket-Version", "13"},
                     {"Sec-WebSocket-Key", key}};
  auto text = http1::request_text(request);
  if (!text) co_return fail(std::move(text).error());
  const auto begun = SteadyClock::now();
  auto executor = co_await asio::this_coro::executor;
  auto wire = std::make_shared<Wire>(executor);
  auto connected = co_await wire->connect(to, limit);
  if (!connected) co_return fail(std::move(connected).error());
  http1::AnswerReader reader(websocket::kMessageLimit);
  auto upgraded = co_await exchange(wire, to, std::move(*text), limit, &reader, true);
  if (!upgraded) co_return fail(std::move(upgraded).error());
  if (reader.status() != 101)
    co_return fail(NetCode::not_http, "{} answered {} where a WebSocket was asked for", to.text(),
                   reader.status());
  auto accept = reader.headers().find("sec-websocket-accept");
  if (accept == reader.headers().end() || accept->second != websocket::accept_for(key))
    co_return fail(NetCode::not_http, "{} sent no valid Sec-WebSocket-Accept: it does not speak WebSocket",
                   to.text());

  websocket::MessageReader frames;
  auto rest = reader.take_rest();
  auto message = frames.feed(rest);
  while (message && !*message) {
    auto got = co_await wire->read();
    if (got.error) {
      if (!wire->expired()) co_return fail(exchange_error(to, got.error, false, true, limit));
      co_return fail(NetCode::timed_out, "{} opened the WebSocket but sent no message within {}", to.text(),
                     limit_text(limit));
    }
    if (got.end)
      co_return fail(NetCode::closed, "{} closed the WebSocket before its first message", to.text());
    message = frames.feed(got.bytes);
  }
  if (!message) co_return fail(protocol_error(to, message.error()));
  HttpAnswer answer;
  answer.status = 101;
  answer.headers = reader.headers();
  answer.body = std::move(**message);
  answer.latency = SteadyClock::now() - begun;
  wire->write_now(websocket::close_frame());
  wire->close();
  co_return answer;
}

asio::awaitable<Result<Duration>> touch(Endpoint to, Duration limit) {
  to.tls = Endpoint::Tls::none;
  const auto begun = SteadyClock::now();
  auto executor = co_await asio::this_coro::executor;
  auto wire = std::make_shared<Wire>(executor);
  auto connected = co_await wire->connect(std::move(to), limit);
  wire->close();
  if (!connected) co_return fail(std::move(connected).error());
  co_return Duration(SteadyClock::now() - begun);
}

asio::awaitable<Result<std::string>> hear_line(Endpoint to, Duration limit) {
  constexpr std::size_t kLongest = 255;  // of SSH: RFC 4253, 4.2
  to.tls = Endpoint::Tls::none;
  auto executor = co_await asio::this_coro::executor;
  auto wire = std::make_shared<Wire>(executor);
  auto connected = co_await wire->connect(to, limit);
  if (!connected) co_return fail(std::move(connected).error());
  std::string line;
  auto end = std::string::npos;
  while (end == std::string::npos && line.size() < kLongest) {
    auto got = co_await wire->read();
    if (got.error) co_return fail(exchange_error(to, got.error, wire->expired(), !line.empty(), limit));
    if (got.end) co_return fail(cut_error(to, !line.empty()));
    line += got.bytes;
    end = line.find('\n');
  }
  wire->close();
  line.resize(std::min({line.size(), end, kLongest}));
  if (line.ends_with('\r')) line.pop_back();
  co_return line;
}

class RealNet final : public Net {
 public:
  asio::awaitable<Result<Duration>> connect(Endpoint to, Duration limit) override {
    return touch(std::move(to), limit);
  }
  asio::awaitable<Result<HttpAnswer>> http(HttpRequest request) override { return ask(std::move(request)); }
  asio::awaitable<Result<std::string>> first_line(Endpoint to, Duration limit) override {
    return hear_line(std::move(to), limit);
  }
  asio::awaitable<Result<HttpAnswer>> websocket_greeting(Endpoint to, std::string target,
                                                         Duration limit) override {
    return greeting(std::move(to), std::move(target), limit);
  }
};

/// Calls `on_line` for each whole line of `buffer` and drops it. False if `on_line` said so.
bool give_lines(std::string& buffer, const std::function<bool(std::string_view)>& on_line) {
  std::size_t begin = 0;
  bool more = true;
  for (auto end = buffer.find('\n'); more && end != std::string::npos; end = buffer.find('\n', begin)) {
    std::string_view line(buffer.data() + begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    begin = end + 1;
    more = on_line(line);
  }
  buffer.erase(0, begin);
  return more;
}

}  // namespace

bool is_loopback(std::string_view host) {
  // Not 127.example.org.
  bool number = host.find_first_not_of("0123456789.") == host.npos;
  return host == "localhost" || host == "::1" || (host.starts_with("127.") && number);
}

std::unique_ptr<Net> real_net() { return std::make_unique<RealNet>(); }

Result<Url> parse_url(std::string_view text) {
  auto bad = [&](std::string_view why) {
    return error(NetCode::bad_url, "{} is not a URL: {}", quote(text), why);
  };
  for (char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F)
      return fail(bad("a blank or a control character stands in it"));
  auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos)
    return fail(bad("no scheme").hint("write it like http://127.0.0.1:8080/health"));
  auto scheme = lower(text.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https")
    return fail(bad(fmt::format("the scheme {} is neither http nor https", quote(scheme))));
  auto rest = text.substr(scheme_end + 3);
  rest = rest.substr(0, rest.find('#'));
  auto authority = rest.substr(0, rest.find_first_of("/?"));
  auto target = rest.substr(authority.size());
  // A password in a URL would end in logs and error texts.
  if (authority.find('@') != std::string_view::npos)
    return fail(error(NetCode::bad_url, "the URL must not hold a user name or a password"));

  Url url;
  std::string_view port;
  if (authority.starts_with('[')) {
    auto close = authority.find(']');
    if (close == std::string_view::npos) return fail(bad("']' is missing"));
    url.endpoint.host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
  } else {
    auto colon = authority.find(':');
    url.endpoint.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (url.endpoint.host.empty()) return fail(bad("no host"));
  if (port.empty()) {
    url.endpoint.port = scheme == "https" ? 443 : 80;
  } else {
    auto number = port.starts_with(':') ? to_number<std::uint16_t>(port.substr(1)) : std::nullopt;
    if (!number || *number == 0) return fail(bad(fmt::format("{} is not a port", quote(port.substr(1)))));
    url.endpoint.port = *number;
  }
  if (scheme == "https")
    url.endpoint.tls =
        is_loopback(url.endpoint.host) ? Endpoint::Tls::any_certificate : Endpoint::Tls::verified;
  url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  return url;
}

Result<HttpAnswer> http_blocking(HttpRequest request) {
  asio::io_context io(1);
  std::optional<Result<HttpAnswer>> answer;
  asio::co_spawn(io, ask(std::move(request)), [&](const std::exception_ptr& thrown, Result<HttpAnswer> got) {
    if (!thrown) answer.emplace(std::move(got));
  });
  io.run();
  if (!answer) return fail(NetCode::io, "the request could not be made");
  return std::move(*answer);
}

asio::awaitable<Status> http_lines(HttpRequest request, std::function<bool(std::string_view)> on_line) {
  auto text = http1::request_text(request);
  if (!text) co_return fail(std::move(text).error());
  auto executor = co_await asio::this_coro::executor;
  auto wire = std::make_shared<Wire>(executor);
  auto connected = co_await wire->connect(request.to, request.limit);
  if (!connected) co_return fail(std::move(connected).error());
  http1::AnswerReader reader(std::nullopt);
  auto begun = co_await exchange(wire, request.to, std::move(*text), request.limit, &reader, true);
  if (!begun) co_return fail(std::move(begun).error());
  if (reader.status() / 100 != 2)
    co_return fail(NetCode::bad_status, "{} answered {}{}", request.to.text(), reader.status(),
                   reader.head_done() ? " " + printable(reader.take_body()).substr(0, 300) : "");
  wire->never_expire();

  std::string buffer = reader.take_body();
  bool whole = false;
  // feed({}) tells whether the first read held all of it.
  auto first = reader.feed({});
  if (first) whole = *first;
  while (true) {
    if (!give_lines(buffer, on_line)) co_return ok();
    if (buffer.size() > request.body_limit)
      co_return fail(NetCode::too_large, "{} sent a line of more than {}", request.to.text(),
                     bytes_text(request.body_limit));
    if (whole) break;
    auto got = co_await wire->read();
    if (got.error) co_return fail(exchange_error(request.to, got.error, false, true, request.limit));
    if (got.end) {
      auto ended = reader.end();
      if (!ended) co_return fail(cut_error(request.to, true));
      break;
    }
    auto fed = reader.feed(got.bytes);
    if (!fed) co_return fail(protocol_error(request.to, fed.error()));
    whole = *fed;
    buffer += reader.take_body();
  }
  if (!buffer.empty()) on_line(buffer);
  co_return ok();
}

}  // namespace meshops
