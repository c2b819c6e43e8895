// An AccessWatch in memory: a test says who read what, and sees what was watched.
#pragma once

#include "host/access_watch.h"

namespace meshops {

class FakeAccessWatch final : public AccessWatch {
 public:
  std::set<std::filesystem::path> watched;
  std::vector<std::pair<std::filesystem::path, Error>> cannot;
  FileAccesses waiting;

  std::vector<std::pair<std::filesystem::path, Error>> watch(
      const std::set<std::filesystem::path>& files) override {
    watched = files;
    return cannot;
  }
  FileAccesses take() override { return std::exchange(waiting, {}); }
};

}  // namespace meshops
