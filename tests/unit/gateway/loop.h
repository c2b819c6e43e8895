// Runs one coroutine of these tests to its end.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>

namespace meshops::test {

template <class T>
T run(boost::asio::awaitable<T> work) {
  boost::asio::io_context io(1);
  std::optional<T> out;
  boost::asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& thrown, T value) {
    if (thrown) std::rethrow_exception(thrown);
    out.emplace(std::move(value));
  });
  io.run();
  return std::move(*out);
}

}  // namespace meshops::test
