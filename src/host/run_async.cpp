#include "host/run_async.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <memory>

#include "base/text.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

/// One child under way; the handlers share it, so that whichever runs last finds it alive.
struct Running {
  Running(const asio::any_io_executor& executor, Child c, std::size_t most)
      : out(executor), err(executor), ended(executor), timer(executor), child(std::move(c)), limit(most) {}
  asio::posix::stream_descriptor out, err, ended;
  asio::steady_timer timer;
  Child child;
  std::size_t limit;
  Output output;
  bool too_late = false, too_much = false;

  /// The whole session: it was made for this child.
  void end_session(int signal) const { ::kill(-child.pid, signal); }
};

/// What is there now; false once nothing more will come.
bool take(int fd, std::string& text, std::size_t limit) {
  std::array<char, 16384> piece;
  while (text.size() <= limit) {
    auto n = ::read(fd, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    text.append(piece.data(), static_cast<std::size_t>(n));
  }
  return true;
}

void listen(const std::shared_ptr<Running>& r, asio::posix::stream_descriptor Running::* fd,
            std::string Output::* text) {
  ((*r).*fd).async_wait(asio::posix::descriptor_base::wait_read,
                        [r, fd, text](const boost::system::error_code& failed) {
                          if (failed) return;
                          bool more = take(((*r).*fd).native_handle(), r->output.*text, r->limit);
                          if ((r->output.*text).size() > r->limit) {
                            r->too_much = true;
                            r->end_session(SIGKILL);
                            return;
                          }
                          if (more) listen(r, fd, text);
                        });
}

void give_up_after(const std::shared_ptr<Running>& r, Duration limit) {
  r->timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(limit));
  r->timer.async_wait([r](const boost::system::error_code& failed) {
    if (failed) return;
    r->end_session(r->too_late ? SIGKILL : SIGTERM);
    r->too_late = true;
    give_up_after(r, 2s);
  });
}

}  // namespace

asio::awaitable<Result<Output>> run_async(std::vector<std::string> argv, RunOptions options) {
  auto executor = co_await asio::this_coro::executor;
  std::array<int, 2> out{}, err{};
  if (::pipe2(out.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    co_return fail(ProcessCode::io, "cannot make a pipe for {}", quote(argv[0]));
  Fd out_read(out[0]), out_write(out[1]);
  if (::pipe2(err.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    co_return fail(ProcessCode::io, "cannot make a pipe for {}", quote(argv[0]));
  Fd err_read(err[0]), err_write(err[1]);
  // Non-blocking is a property of the open file: the child's ends must block as programs expect.
  ::fcntl(out_write.get(), F_SETFL, 0);
  ::fcntl(err_write.get(), F_SETFL, 0);
  auto input = text_as_file(options.input);
  if (!input) co_return fail(input.error());
  auto child = spawn(argv, {.environment = options.environment,
                            .working_dir = options.working_dir,
                            .as = options.as,
                            .stdin_fd = input->get(),
                            .stdout_fd = out_write.get(),
                            .stderr_fd = err_write.get()});
  if (!child) co_return fail(child.error());
  out_write.close();
  err_write.close();

  auto r = std::make_shared<Running>(executor, std::move(*child), options.output_limit);
  r->out.assign(out_read.release());
  r->err.assign(err_read.release());
  r->ended.assign(::fcntl(r->child.pidfd.get(), F_DUPFD_CLOEXEC, 3));
  listen(r, &Running::out, &Output::out);
  listen(r, &Running::err, &Output::err);
  give_up_after(r, options.limit);
  boost::system::error_code ignored;
  co_await r->ended.async_wait(asio::posix::descriptor_base::wait_read,
                               asio::redirect_error(asio::use_awaitable, ignored));
  r->timer.cancel();
  // A grandchild may keep the pipes open for ever: only what is there now.
  take(r->out.native_handle(), r->output.out, r->limit);
  take(r->err.native_handle(), r->output.err, r->limit);
  r->out.close();
  r->err.close();
  r->output.exit = reap(r->child.pidfd).value_or(Exit{});
  if (r->too_much)
    co_return fail(ProcessCode::too_much_output, "{} wrote more than {}", quote(argv[0]),
                   bytes_text(options.output_limit));
  if (r->too_late)
    co_return fail(ProcessCode::timed_out, "{} did not end within {}", quote(argv[0]),
                   duration_text(options.limit));
  co_return std::move(r->output);
}

}  // namespace meshops
