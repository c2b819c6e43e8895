// Files touched with the rights of the user they belong to, although we are root: a symbolic link that this
// user planted leads only where the user may go anyway. Used by the surgeon around changes below a user's
// directories. Never spans a co_await: the identity belongs to the thread.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "host/host.h"

namespace meshops {

/// For as long as it lives. Does nothing for root's own files, or where we are not root. (Supplementary
/// groups stay as they are: those of a service run by root.)
class ActAs {
 public:
  ActAs(uid_t uid, gid_t gid);
  ~ActAs();
  ActAs(const ActAs&) = delete;
  ActAs& operator=(const ActAs&) = delete;

 private:
  bool changed_ = false;
};

/// Whom to act as for a change at this path: the first owner on the way to it who is not root, else root.
struct PathOwner {
  uid_t uid = 0;
  gid_t gid = 0;
};
PathOwner path_owner(const Host& host, const std::filesystem::path& path);

}  // namespace meshops
