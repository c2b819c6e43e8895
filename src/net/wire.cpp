#include "net/wire.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <vector>

#include "base/text.h"

namespace meshops {

namespace asio = boost::asio;
using boost::system::error_code;

std::string limit_text(Duration limit) {
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  using std::chrono::seconds;
  // A person wrote "90s" and should read "90 s", not "1 min".
  if (limit % seconds(1) == Duration::zero() && limit < minutes(10))
    return fmt::format("{} s", limit / seconds(1));
  return fmt::format("{} ms", limit / milliseconds(1));
}

namespace {

using Endpoints = std::vector<Wire::Socket::endpoint_type>;

Endpoints tcp(std::initializer_list<asio::ip::address> addresses, std::uint16_t port) {
  Endpoints found;
  for (const auto& address : addresses) found.emplace_back(asio::ip::tcp::endpoint(address, port));
  return found;
}

/// What a lookup leaves behind; shared with the resolver's thread's completion, which may come after we gave
/// up.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}
  asio::ip::tcp::resolver resolver;
  asio::steady_timer done;
  error_code error = asio::error::timed_out;
  Endpoints found;
};

/// getaddrinfo cannot be interrupted: so we wait on a timer that the answer cuts short, and leave the thread
/// to itself.
asio::awaitable<Result<Endpoints>> resolve(std::string host, std::uint16_t port, Duration limit) {
  auto executor = co_await asio::this_coro::executor;
  auto lookup = std::make_shared<Lookup>(executor);
  lookup->done.expires_after(limit);
  lookup->resolver.async_resolve(
      host, std::to_string(port), asio::ip::resolver_base::numeric_service,
      [lookup](const error_code& error, const asio::ip::tcp::resolver::results_type& results) {
        lookup->error = error;
        for (const auto& entry : results) lookup->found.emplace_back(entry.endpoint());
        lookup->done.cancel();
      });
  error_code waited;
  co_await lookup->done.async_wait(asio::redirect_error(asio::use_awaitable, waited));
  if (lookup->error == asio::error::timed_out)
    co_return fail(NetCode::timed_out, "no name server told the address of {} within {}", quote(host),
                   limit_text(limit));
  if (lookup->error)
    co_return fail(NetCode::unresolved, "the name {} has no address: {}", quote(host),
                   lookup->error.message());
  co_return std::move(lookup->found);
}

Error connect_error(const Endpoint& to, const error_code& ec) {
  const bool local = !to.unix_path.empty();
  switch (ec.value()) {
    case ECONNREFUSED:
      return error(NetCode::refused, "nothing listens on {} (connection refused)", to.text());
    case ENOENT:
    case ENOTDIR:
      if (local) return error(NetCode::no_socket, "there is no socket {}", to.text());
      break;
    case EACCES:
    case EPERM:
      return error(NetCode::not_permitted, "no permission to connect to {}", to.text());
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
      return error(NetCode::unreachable, "{} cannot be reached: {}", to.text(), ec.message());
    case ETIMEDOUT:
      return error(NetCode::timed_out, "{} did not take the connection: {}", to.text(), ec.message());
    case EAGAIN:
    case ENOTCONN:
      if (local) return error(NetCode::refused, "{} has too many connections waiting", to.text());
      break;
    default:
      break;
  }
  return error(NetCode::io, "cannot connect to {}: {}", to.text(), ec.message());
}

}  // namespace

void Wire::expire_after(Duration limit) {
  expired_ = false;
  auto mine = ++armed_;
  timer_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(limit));
  timer_.async_wait([weak = weak_from_this(), mine](const error_code& ec) {
    auto self = weak.lock();
    // A timer that had already run out cannot be cancelled any more: its number tells that it is an old one.
    if (ec || !self || self->armed_ != mine) return;
    self->expired_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
  });
}

void Wire::never_expire() {
  ++armed_;
  expired_ = false;
  timer_.cancel();
}

void Wire::close() {
  ++armed_;
  timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

asio::awaitable<error_code> Wire::connect_one(Socket::endpoint_type to) {
  error_code ec;
  socket_.close(ec);
  co_await socket_.async_connect(to, asio::redirect_error(asio::use_awaitable, ec));
  // A UNIX socket with a full backlog says EAGAIN, which Asio takes for "in progress" and then for success.
  if (!ec && to.protocol().family() == AF_UNIX) socket_.remote_endpoint(ec);
  co_return ec;
}

asio::awaitable<Status> Wire::connect(Endpoint to, Duration limit) {
  const auto begun = std::chrono::steady_clock::now();
  expire_after(limit);
  Endpoints candidates;
  if (!to.unix_path.empty()) {
    if (to.unix_path.size() > 107)  // sun_path, with its end
      co_return fail(NetCode::no_socket, "there is no socket {}: the path is longer than 107 bytes",
                     to.text());
    candidates.emplace_back(asio::local::stream_protocol::endpoint(to.unix_path));
  } else if (to.host == "localhost") {
    candidates = tcp({asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()}, to.port);
  } else {
    error_code not_an_address;
    auto address = asio::ip::make_address(to.host, not_an_address);
    if (!not_an_address) {
      candidates = tcp({address}, to.port);
    } else {
      auto found = co_await resolve(to.host, to.port, limit);
      if (!found) co_return fail(std::move(found).error());
      candidates = std::move(*found);
    }
  }

  std::optional<Error> first;
  std::size_t left = candidates.size();
  for (const auto& candidate : candidates) {
    // Each address gets its share of what is left, so that a black hole does not eat the turn of the good
    // one.
    auto remaining = limit - (std::chrono::steady_clock::now() - begun);
    if (remaining <= Duration::zero()) break;
    expire_after(remaining / static_cast<int>(left--));
    auto ec = co_await connect_one(candidate);
    if (!ec) {
      expire_after(limit - (std::chrono::steady_clock::now() - begun));
      if (to.tls == Endpoint::Tls::none) co_return ok();
      co_return co_await shake_hands(to, limit);
    }
    auto why = expired_ ? error(NetCode::timed_out, "{} did not take the connection within {}", to.text(),
                                limit_text(limit))
                        : connect_error(to, ec);
    if (!first) first.emplace(std::move(why));
  }
  if (!first)
    first.emplace(
        error(NetCode::timed_out, "{} did not take the connection within {}", to.text(), limit_text(limit)));
  co_return fail(std::move(*first));
}

asio::awaitable<Status> Wire::shake_hands(const Endpoint& to, Duration limit) {
  auto made = TlsClient::make(to.host, to.tls == Endpoint::Tls::verified);
  if (!made) co_return fail(std::move(made).error());
  tls_ = std::move(*made);
  while (true) {
    auto step = tls_->handshake();
    auto out = tls_->to_send();
    auto sent = co_await write_socket(out);
    if (step == TlsClient::Step::done) co_return ok();
    if (step != TlsClient::Step::wants_input)
      co_return fail(error(NetCode::tls, "the TLS handshake with {} failed: {}", to.text(), tls_->why())
                         .hint("see what it shows with: openssl s_client -connect {}", to.text()));
    auto got = sent ? Read{.error = sent, .bytes = {}} : co_await read_socket();
    if (expired_)
      co_return fail(NetCode::timed_out,
                     "{} took the connection but did not finish the TLS handshake within {}", to.text(),
                     limit_text(limit));
    if (got.error || got.end)
      co_return fail(NetCode::tls, "{} closed the connection in the TLS handshake", to.text());
    tls_->received(got.bytes);
  }
}

asio::awaitable<Wire::Read> Wire::read() {
  if (!tls_) co_return co_await read_socket();
  while (true) {
    Read out;
    switch (tls_->read(out.bytes)) {
      case TlsClient::Step::done:
        co_return out;
      case TlsClient::Step::closed:
        out.end = true;
        co_return out;
      case TlsClient::Step::failed:
        out.error = asio::error::connection_reset;
        co_return out;
      case TlsClient::Step::wants_input:
        break;
    }
    // A new key, an alert: TLS has words of its own.
    auto own = tls_->to_send();
    out.error = co_await write_socket(own);
    if (out.error) co_return out;
    auto got = co_await read_socket();
    if (got.error || got.end) co_return got;
    tls_->received(got.bytes);
  }
}

asio::awaitable<error_code> Wire::write(std::string_view bytes) {
  if (!tls_) co_return co_await write_socket(bytes);
  if (tls_->write(bytes) != TlsClient::Step::done) co_return asio::error::connection_reset;
  auto sealed = tls_->to_send();
  co_return co_await write_socket(sealed);
}

asio::awaitable<Wire::Read> Wire::read_socket() {
  Read out;
  if (expired_) {
    out.error = asio::error::timed_out;
    co_return out;
  }
  error_code ec;
  auto n =
      co_await socket_.async_read_some(asio::buffer(buffer_), asio::redirect_error(asio::use_awaitable, ec));
  if (ec == asio::error::eof)
    out.end = true;
  else if (ec)
    out.error = ec;
  else
    out.bytes = std::string_view(buffer_.data(), n);
  co_return out;
}

asio::awaitable<error_code> Wire::write_socket(std::string_view bytes) {
  while (!bytes.empty()) {
    if (expired_) co_return asio::error::timed_out;
    error_code ec;
    auto n = co_await socket_.async_write_some(asio::buffer(bytes.data(), bytes.size()),
                                               asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return ec;
    bytes.remove_prefix(n);
  }
  co_return error_code{};
}

void Wire::write_now(std::string_view bytes) {
  std::string sealed;
  if (tls_) {
    if (tls_->write(bytes) != TlsClient::Step::done) return;
    sealed = tls_->to_send();
    bytes = sealed;
  }
  error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.write_some(asio::buffer(bytes.data(), bytes.size()), ignored);
}

}  // namespace meshops
