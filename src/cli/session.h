// Which login a person works in: asked by `meshops confirm`, which believes only a new one. Reads this
// process alone.
#pragma once

#include <string>
#include <string_view>

namespace meshops::cli {

/// What is not known is empty.
struct Session {
  std::string audit;   // the kernel's number of the login: sudo, su and terminal multiplexers keep it
  std::string ssh;     // SSH_CONNECTION: both ends with their ports
  std::string leader;  // getsid(2): where nothing else tells

  static Session of_this_process();
  /// One line and back.
  std::string text() const;
  static Session parse(std::string_view text);
};

/// By the surest of what both know.
bool same_login(const Session& a, const Session& b);

}  // namespace meshops::cli
