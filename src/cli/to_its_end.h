// Runs one coroutine to its end, for a program that has no event loop of its own: most commands of the CLI.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "base/result.h"

namespace meshops::cli {

/// What `work` gives. Nothing if it threw, or if `loop` ran out of work before it had ended. Others that were
/// begun on `loop` go on meanwhile, and wait where they are afterwards: it may be used again.
template <class T>
std::optional<T> to_its_end(boost::asio::io_context& loop, boost::asio::awaitable<T> work) {
  std::optional<T> out;
  bool ended = false;
  boost::asio::co_spawn(loop, std::move(work), [&](const std::exception_ptr& thrown, T got) {
    ended = true;
    if (!thrown) out.emplace(std::move(got));
  });
  loop.restart();
  while (!ended && loop.run_one() > 0) {
  }
  return out;
}

/// Of what may fail: an Error with this code instead of nothing.
template <class T, ErrorCode Code>
Result<T> to_its_end(boost::asio::io_context& loop, boost::asio::awaitable<Result<T>> work, Code otherwise) {
  return to_its_end(loop, std::move(work)).value_or(fail(otherwise, "it was interrupted"));
}

}  // namespace meshops::cli
