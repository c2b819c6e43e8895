// The same thing done for many, a few at a time, each on a thread of its own. Called where waiting for others
// is all the work. Never on an event loop.
#pragma once

#include <cstddef>
#include <functional>

namespace meshops {

/// Calls `each` with 0 … count-1, at most `at_once` at a time, and returns when all are done.
void side_by_side(std::size_t count, std::size_t at_once, const std::function<void(std::size_t)>& each);

}  // namespace meshops
