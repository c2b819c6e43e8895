// A line on stderr that says what is going on, on a terminal only. Called by commands that take long, from
// any thread.
#pragma once

#include <mutex>
#include <string>

namespace meshops::cli {

class Progress {
 public:
  Progress();
  void say(const std::string& text);
  void clear();

 private:
  bool terminal_;
  std::mutex mutex_;
};

}  // namespace meshops::cli
