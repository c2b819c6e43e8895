// Waits on a pidfd inside the event loop and tells once when the process has ended. Used by runtimes.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>

#include "base/fd.h"
#include "base/process.h"

namespace meshops {

class ExitWatch {
 public:
  /// `ended` runs on the executor, once; never after this object is gone. Does not reap.
  ExitWatch(const boost::asio::any_io_executor& executor, Fd pidfd, std::function<void()> ended)
      : state_(std::make_shared<State>(executor, pidfd.release())) {
    state_->ended = std::move(ended);
    wait(state_);
  }
  ExitWatch(const ExitWatch&) = delete;
  ExitWatch& operator=(const ExitWatch&) = delete;
  ~ExitWatch() { state_->ended = nullptr; }

  int fd() const { return state_->descriptor.native_handle(); }

 private:
  struct State {
    State(const boost::asio::any_io_executor& executor, int fd) : descriptor(executor, fd) {}
    boost::asio::posix::stream_descriptor descriptor;
    std::function<void()> ended;
  };
  static void wait(const std::shared_ptr<State>& state) {
    state->descriptor.async_wait(
        boost::asio::posix::stream_descriptor::wait_read,
        [weak = std::weak_ptr<State>(state)](const boost::system::error_code& failed) {
          auto alive = weak.lock();
          if (!alive || failed) return;
          // A wrong end would be a wrong restart.
          if (!has_ended(alive->descriptor.native_handle())) return wait(alive);
          auto call = std::move(alive->ended);
          if (call) call();
        });
  }
  std::shared_ptr<State> state_;
};

}  // namespace meshops
