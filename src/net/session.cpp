#include "net/session.h"

#include <sys/socket.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "net/http1.h"

namespace meshops {

namespace asio = boost::asio;

namespace {

/// Runs one piece of a stream as a coroutine of its own, so that it alone is cancelled when the client
/// leaves.
struct Piece {
  explicit Piece(const asio::any_io_executor& executor) : done(executor) {}
  asio::steady_timer done;
  asio::cancellation_signal cancel;
  std::shared_ptr<ServedAnswer> answer;  // its function is the frame's home: it must outlive the coroutine
  std::optional<std::string> bytes;
  bool finished = false;
  bool failed = false;  // it threw: what came so far must not look whole
  bool client_left = false;
};

/// If the session is cancelled while it waits, so is the piece.
struct CancelOnExit {
  explicit CancelOnExit(std::shared_ptr<Piece> p) : piece(std::move(p)) {}
  CancelOnExit(const CancelOnExit&) = delete;
  CancelOnExit& operator=(const CancelOnExit&) = delete;
  ~CancelOnExit() {
    if (!piece->finished) piece->cancel.emit(asio::cancellation_type::terminal);
  }
  std::shared_ptr<Piece> piece;
};

/// True if the other side has closed. Bytes it sent meanwhile (a next request) are left where they are.
bool closed_by_peer(Wire::Socket& socket) {
  char byte = 0;
  auto n = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/// False if the answer could not be sent whole: nothing may follow it on this connection.
asio::awaitable<bool> send_stream(std::shared_ptr<Wire> wire, std::shared_ptr<ServedAnswer> answer,
                                  Duration idle_limit) {
  auto executor = co_await asio::this_coro::executor;
  while (true) {
    wire->never_expire();
    auto piece = std::make_shared<Piece>(executor);
    piece->answer = answer;
    CancelOnExit guard(piece);
    piece->done.expires_at(asio::steady_timer::time_point::max());
    auto next = answer->stream();
    asio::co_spawn(
        executor, std::move(next),
        asio::bind_cancellation_slot(piece->cancel.slot(), [piece](const std::exception_ptr& thrown,
                                                                   std::optional<std::string> bytes) {
          if (thrown)
            piece->failed = true;
          else
            piece->bytes = std::move(bytes);
          piece->finished = true;
          piece->done.cancel();
        }));
    // Readable while we owe an answer: it hung up, or it sends on, which is for later.
    wire->socket().async_wait(Wire::Socket::wait_read, [piece, wire](const boost::system::error_code& ec) {
      if (ec || piece->finished || !closed_by_peer(wire->socket())) return;
      piece->client_left = true;
      piece->cancel.emit(asio::cancellation_type::terminal);
    });
    boost::system::error_code ignored;
    while (!piece->finished)
      co_await piece->done.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    wire->socket().cancel(ignored);
    if (piece->client_left || piece->failed) co_return false;
    if (!piece->bytes) break;
    if (piece->bytes->empty()) continue;  // an empty chunk would end the body
    wire->expire_after(idle_limit);
    auto text = http1::chunk(*piece->bytes);
    auto ec = co_await wire->write(text);
    if (ec) co_return false;
  }
  wire->expire_after(idle_limit);
  auto ended = co_await wire->write("0\r\n\r\n");
  co_return !ended;
}

std::string complaint(std::string_view what) { return fmt::format("{{\"error\":\"{}\"}}\n", what); }

asio::awaitable<void> refuse(std::shared_ptr<Wire> wire, int status, std::string_view what) {
  auto body = complaint(what);
  auto text = http1::answer_head(status, "application/json", body.size(), false) + body;
  co_await wire->write(text);
}

}  // namespace

asio::awaitable<void> serve(std::shared_ptr<Wire> wire, Peer peer,
                            std::shared_ptr<const SessionContext> context) {
  http1::RequestReader reader(context->body_limit);
  bool more = true;
  while (more) {
    wire->expire_after(context->idle_limit);
    bool continued = false;
    auto whole = reader.feed({});  // what came after the request before
    while (whole && !*whole) {
      if (reader.wants_continue() && !continued) {
        continued = true;
        auto told = co_await wire->write("HTTP/1.1 100 Continue\r\n\r\n");
        if (told) co_return;
      }
      auto got = co_await wire->read();
      if (got.error && wire->expired() && reader.started()) {
        wire->expire_after(std::chrono::seconds(1));
        co_await refuse(wire, 408, "the request did not come in time");
        co_return;
      }
      if (got.error || got.end) co_return;
      whole = reader.feed(got.bytes);
    }
    if (!whole) {
      const bool large = whole.error().is(code_name(NetCode::too_large));
      co_await refuse(wire, large ? 413 : 400,
                      large ? "the request is too large" : "this is not an HTTP/1.1 request");
      co_return;
    }

    ServedRequest request;
    request.method = reader.method();
    request.target = reader.target();
    request.body = reader.take_body();
    request.peer = peer;
    more = reader.keep_alive();
    const bool head_only = request.method == "HEAD";
    wire->never_expire();  // a handler may take its time: a restart drains for minutes
    auto got = co_await context->handler(std::move(request));
    auto answer = std::make_shared<ServedAnswer>(std::move(got));
    wire->expire_after(context->idle_limit);
    reader.next();

    const bool streams = answer->stream && !head_only;
    auto length =
        answer->stream ? std::optional<std::size_t>() : std::optional<std::size_t>(answer->body.size());
    auto text = http1::answer_head(answer->status, answer->content_type, length, more);
    if (streams && !answer->body.empty())
      text += http1::chunk(answer->body);
    else if (!head_only && !answer->stream)
      text += answer->body;
    auto ec = co_await wire->write(text);
    if (ec) co_return;
    if (!streams) continue;
    bool whole_stream = co_await send_stream(wire, answer, context->idle_limit);
    if (!whole_stream) co_return;
  }
}

}  // namespace meshops
