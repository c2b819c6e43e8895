#include "net/server.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <list>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "net/http1.h"
#include "net/session.h"

namespace meshops {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using Acceptor = asio::local::stream_protocol::acceptor;

namespace {

std::string because(int error_number) { return std::generic_category().message(error_number); }

struct Connection {
  std::shared_ptr<Wire> wire;
  asio::cancellation_signal cancel;
};

struct State {
  State(const asio::any_io_executor& executor, UnixServer::Options o)
      : options(std::move(o)), acceptor(executor), pause(executor) {}
  UnixServer::Options options;
  std::shared_ptr<SessionContext> context = std::make_shared<SessionContext>();
  Acceptor acceptor;
  asio::steady_timer pause;
  std::list<Connection> connections;
  bool closed = false;
};

Peer peer_of(int fd) {
  ucred who{};
  socklen_t size = sizeof(who);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return {0, static_cast<uid_t>(-1), 0};
  return {who.pid, who.uid, who.gid};
}

void start_session(const std::shared_ptr<State>& state, asio::local::stream_protocol::socket socket) {
  auto peer = peer_of(socket.native_handle());
  auto wire = std::make_shared<Wire>(Wire::Socket(std::move(socket)));
  if (state->connections.size() >= state->options.max_connections) {
    constexpr std::string_view kBody = "{\"error\":\"too many connections\"}\n";
    wire->write_now(http1::answer_head(503, "application/json", kBody.size(), false) + std::string(kBody));
    return;
  }
  auto connection = state->connections.emplace(state->connections.end());
  connection->wire = wire;
  asio::co_spawn(state->acceptor.get_executor(), serve(wire, peer, state->context),
                 asio::bind_cancellation_slot(
                     connection->cancel.slot(), [state, connection](const std::exception_ptr& thrown) {
                       if (thrown && !state->closed)
                         log::warn("server.session", "a session ended with an exception of its handler");
                       connection->wire->close();
                       state->connections.erase(connection);
                     }));
}

asio::awaitable<void> accept_loop(std::shared_ptr<State> state) {
  while (!state->closed) {
    boost::system::error_code ec;
    asio::local::stream_protocol::socket socket(state->acceptor.get_executor());
    co_await state->acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, ec));
    if (state->closed) break;
    if (!ec) {
      start_session(state, std::move(socket));
      continue;
    }
    // Out of descriptors or memory: the queue stays readable, so without a pause this would spin.
    log::warn("server.accept", "cannot take a connection", {{"REASON", ec.message()}});
    state->pause.expires_after(std::chrono::seconds(1));
    co_await state->pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
}

class RealServer final : public UnixServer {
 public:
  RealServer(std::shared_ptr<State> state, Fd lock) : state_(std::move(state)), lock_(std::move(lock)) {}
  RealServer(const RealServer&) = delete;
  RealServer& operator=(const RealServer&) = delete;
  ~RealServer() override {
    state_->closed = true;
    // Before the descriptor closes, so that a client sees "no such file" rather than "refused".
    std::error_code ignored;
    fs::remove(state_->options.path, ignored);
    boost::system::error_code ec;
    state_->acceptor.close(ec);
    state_->pause.cancel();
    for (auto next = state_->connections.begin(); next != state_->connections.end();) {
      auto& connection = *next++;
      connection.wire->close();
      connection.cancel.emit(asio::cancellation_type::terminal);
    }
  }

 private:
  std::shared_ptr<State> state_;
  Fd lock_;
};

/// Nothing listens there any more: it may go. Somebody does: an error.
Status clear_path(const fs::path& path, const sockaddr_un& address) {
  struct stat st{};
  if (::lstat(path.c_str(), &st) != 0) {
    if (errno == ENOENT) return ok();
    return fail(file_error(errno, "look at", path));
  }
  if (!S_ISSOCK(st.st_mode))
    return fail(NetCode::io, "cannot listen on {}: a file that is not a socket is in the way", path.string());
  Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return fail(NetCode::io, "cannot make a socket: {}", because(errno));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
      errno == EAGAIN)
    return fail(error(NetCode::io, "another agent listens on {}", path.string())
                    .hint("stop it first, or give this one its own [agent] socket"));
  if (errno != ECONNREFUSED && errno != ENOENT)
    return fail(NetCode::io, "cannot tell whether {} is in use: {}", path.string(), because(errno));
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return fail(file_error(errno, "remove the stale socket", path));
  return ok();
}

Status give_to_group(const fs::path& path, const std::string& group) {
  if (group.empty()) return ok();
  errno = 0;
  const auto* entry = ::getgrnam(group.c_str());  // once, at start, before there are threads
  if (entry == nullptr) return ok();              // "if it exists on this machine"
  if (::chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) {
    // Not root, and not a member: the owner can still use it.
    log::warn("server.group", "cannot give the socket to its group",
              {{"GROUP", group}, {"REASON", because(errno)}});
  }
  return ok();
}

}  // namespace

Result<std::unique_ptr<UnixServer>> UnixServer::listen(asio::any_io_executor executor, Options options,
                                                       Handler handler) {
  const auto path = options.path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof(address.sun_path))
    return fail(error(NetCode::io, "cannot listen on {}: the path is longer than {} bytes", path.string(),
                      sizeof(address.sun_path) - 1)
                    .hint("set [agent] socket to a shorter path"));
  path.native().copy(address.sun_path, sizeof(address.sun_path) - 1);

  // A group can only reach the socket through a directory it may enter.
  CHECK_OK(make_directories(path.parent_path(), options.group.empty() ? 0700 : 0755));
  auto lock_path = path;
  lock_path += ".lock";
  Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return fail(file_error(errno, "open", lock_path));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(file_error(errno, "lock", lock_path));
    return fail(error(NetCode::io, "another agent listens on {}", path.string())
                    .hint("stop it first, or give this one its own [agent] socket"));
  }
  CHECK_OK(clear_path(path, address));

  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail(NetCode::io, "cannot make a socket: {}", because(errno));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return fail(file_error(errno, "make the socket", path));
  // Nobody can connect before listen(), so owner and mode are right from the first moment that matters.
  CHECK_OK(give_to_group(path, options.group));
  if (::chmod(path.c_str(), options.mode) != 0) return fail(file_error(errno, "set the mode of", path));
  if (::listen(fd.get(), 64) != 0)
    return fail(NetCode::io, "cannot listen on {}: {}", path.string(), because(errno));

  auto state = std::make_shared<State>(executor, std::move(options));
  state->context->handler = std::move(handler);
  state->context->body_limit = state->options.body_limit;
  state->context->idle_limit = state->options.idle_limit;
  boost::system::error_code ec;
  state->acceptor.assign(asio::local::stream_protocol(), fd.get(), ec);
  if (ec) return fail(NetCode::io, "cannot listen on {}: {}", path.string(), ec.message());
  fd.release();
  asio::co_spawn(executor, accept_loop(state), asio::detached);
  return std::make_unique<RealServer>(std::move(state), std::move(lock));
}

}  // namespace meshops
