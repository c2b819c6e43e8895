#include "host/run_async.h"

#include <fcntl.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <memory>

#include "base/text.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

using Descriptor = asio::posix::stream_descriptor;
using Failed = boost::system::error_code;

/// Kept alive by its handlers until the last of them has run.
class Running : public std::enable_shared_from_this<Running> {
 public:
  Running(const asio::any_io_executor& executor, Child child, Fd out, Fd err, std::size_t limit)
      : timer(executor),
        pid_(child.pid),
        pidfd_(executor, child.pidfd.release()),
        out_(executor, out.release()),
        err_(executor, err.release()),
        limit_(limit) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (!ended) {
      signal(SIGKILL);
      Fd borrowed(pidfd_.native_handle());
      wait_ended(borrowed, 500ms);  // at once, but for one that is stuck in the kernel
      borrowed.release();
    }
    reap_it();
  }

  void begin() {
    wait_for_end();
    read(out_, output.out, out_buffer_);
    read(err_, output.err, err_buffer_);
  }

  /// The whole session: it was made for this child. Until it is reaped the number is its own.
  void signal(int number) const { ::kill(-pid_, number); }

  void reap_it() {
    Fd borrowed(pidfd_.native_handle());
    if (auto exit = reap(borrowed)) output.exit = *exit;
    borrowed.release();
  }

  void close() {
    Failed ignored;
    out_.close(ignored);
    err_.close(ignored);
    pidfd_.cancel(ignored);
  }

  bool all_read() const { return open_ == 0; }

  asio::steady_timer timer;  // cancelled when there is something to notice
  Output output;
  bool ended = false;
  bool too_much = false;

 private:
  using Buffer = std::array<char, 16384>;
  void wait_for_end() {
    pidfd_.async_wait(Descriptor::wait_read, [self = shared_from_this()](const Failed& failed) {
      if (failed) return;
      if (!has_ended(self->pidfd_.native_handle())) return self->wait_for_end();
      self->ended = true;
      self->notice();
    });
  }
  void read(Descriptor& from, std::string& into, Buffer& buffer) {
    from.async_read_some(asio::buffer(buffer), [this, self = shared_from_this(), &from, &into, &buffer](
                                                   const Failed& failed, std::size_t n) {
      into.append(buffer.data(), n);
      if (failed || into.size() > limit_) {
        --open_;
        too_much = too_much || into.size() > limit_;
        notice();
      } else {
        read(from, into, buffer);
      }
    });
  }
  void notice() {
    if (ended || too_much) timer.cancel();
  }

  pid_t pid_;
  Descriptor pidfd_, out_, err_;
  std::size_t limit_;
  Buffer out_buffer_{}, err_buffer_{};
  int open_ = 2;
};

asio::awaitable<void> wait(asio::steady_timer& timer, Duration limit) {
  timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(limit));
  Failed woken;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

asio::awaitable<void> end_it(std::shared_ptr<Running> running) {
  running->signal(SIGTERM);
  co_await wait(running->timer, 2s);
  if (!running->ended) running->signal(SIGKILL);
  if (!running->ended) co_await wait(running->timer, 2s);
}

}  // namespace

asio::awaitable<Result<Output>> run_async(std::vector<std::string> argv, RunOptions options) {
  std::array<int, 2> out{}, err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0) co_return fail(ProcessCode::io, "cannot make a pipe");
  Fd out_read(out[0]), out_write(out[1]);
  if (::pipe2(err.data(), O_CLOEXEC) != 0) co_return fail(ProcessCode::io, "cannot make a pipe");
  Fd err_read(err[0]), err_write(err[1]);
  auto input = text_as_file(options.input);
  if (!input) co_return fail(input.error());
  Fd second;
  if (!options.second_input.empty()) {
    auto made = text_as_file(options.second_input);
    if (!made) co_return fail(made.error());
    second = std::move(*made);
  }
  SpawnOptions how{.environment = std::move(options.environment),
                   .working_dir = options.working_dir,
                   .as = options.as,
                   .stdin_fd = input->get(),
                   .stdout_fd = out_write.get(),
                   .stderr_fd = err_write.get(),
                   .extra_fd = second.get()};
  auto child = spawn(argv, how);
  if (!child) co_return fail(child.error());
  out_write.close();
  err_write.close();
  auto executor = co_await asio::this_coro::executor;
  auto running = std::make_shared<Running>(executor, std::move(*child), std::move(out_read),
                                           std::move(err_read), options.output_limit);
  // Leaving here for whatever reason closes the descriptors, which lets the handlers go, and with the last
  // the child.
  struct Close {
    std::shared_ptr<Running> running;
    ~Close() { running->close(); }
  } close{running};
  running->begin();
  co_await wait(running->timer, options.limit);
  if (running->too_much) {
    co_await end_it(running);
    co_return fail(ProcessCode::too_much_output, "{} wrote more than {}", quote(argv[0]),
                   bytes_text(options.output_limit));
  }
  if (!running->ended) {
    co_await end_it(running);
    co_return fail(ProcessCode::timed_out, "{} did not end within {}", quote(argv[0]),
                   duration_text(options.limit));
  }
  // What it wrote last may still be in the pipes; a grandchild may keep them open for ever.
  for (int i = 0; i < 20 && !running->all_read(); ++i) co_await wait(running->timer, 5ms);
  running->reap_it();
  co_return std::move(running->output);
}

Environment tool_environment() {
  return {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
          {"LANG", "C.UTF-8"},
          {"HOME", "/root"}};
}

}  // namespace meshops
