// A limit on any wait: for work that waits for others (a bus, an engine, a program) and may do so for longer
// than its caller has time. Header only; used by the agent.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>

#include "base/time.h"

namespace meshops {

/// What `work` gives, or nothing once `limit` is over. It is not broken off then but ends by itself later,
/// unheard: so it must own what it works on, or be given what lives as long as the event loop.
template <class T>
boost::asio::awaitable<std::optional<T>> within(Duration limit, boost::asio::awaitable<T> work) {
  namespace asio = boost::asio;
  struct State {
    explicit State(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    std::optional<T> value;
    bool done = false;
  };
  auto executor = co_await asio::this_coro::executor;
  auto state = std::make_shared<State>(executor);
  state->timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(limit));
  asio::co_spawn(executor, std::move(work), [state](const std::exception_ptr& thrown, T value) {
    state->done = true;
    if (!thrown) state->value.emplace(std::move(value));
    state->timer.cancel();
  });
  if (!state->done) {
    boost::system::error_code woken;
    co_await state->timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  co_return std::move(state->value);
}

}  // namespace meshops
