#include "base/side_by_side.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace meshops {

void side_by_side(std::size_t count, std::size_t at_once, const std::function<void(std::size_t)>& each) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::jthread> workers;
  for (std::size_t i = 0; i < std::min(at_once, count); ++i)
    workers.emplace_back([&] {
      for (auto mine = next++; mine < count; mine = next++) each(mine);
    });
}

}  // namespace meshops
