#include "host/act_as.h"

#include <sys/fsuid.h>
#include <unistd.h>

namespace meshops {

ActAs::ActAs(uid_t uid, gid_t gid) {
  if (::geteuid() != 0 || uid == 0) return;
  // The group first: afterwards we could not any more. Both are of this thread alone (setfsuid(2)).
  ::setfsgid(gid);
  ::setfsuid(uid);
  changed_ = true;
}

ActAs::~ActAs() {
  if (!changed_) return;
  ::setfsuid(0);
  ::setfsgid(::getegid());
}

PathOwner path_owner(const Host& host, const std::filesystem::path& path) {
  std::filesystem::path so_far;
  for (const auto& part : path.parent_path()) {
    so_far /= part;
    auto info = host.stat(so_far);
    if (!info) break;
    if (info->uid != 0) return {info->uid, info->gid};
  }
  return {};
}

}  // namespace meshops
