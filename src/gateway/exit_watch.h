// Waits on a pidfd inside the event loop and tells once when the process has ended. Used by runtimes.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>

#include "base/fd.h"

namespace meshops {

class ExitWatch {
 public:
  /// `ended` runs on the executor, once; never after this object is gone. Does not reap.
  ExitWatch(const boost::asio::any_io_executor& executor, Fd pidfd, std::function<void()> ended)
      : state_(std::make_shared<State>(executor, pidfd.release())) {
    state_->ended = std::move(ended);
    state_->descriptor.async_wait(
        boost::asio::posix::stream_descriptor::wait_read,
        [state = std::weak_ptr<State>(state_)](const boost::system::error_code& failed) {
          auto alive = state.lock();
          if (!alive || failed) return;
          auto call = std::move(alive->ended);
          if (call) call();
        });
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
  std::shared_ptr<State> state_;
};

}  // namespace meshops
