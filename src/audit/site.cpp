#include "audit/site.h"

namespace meshops::audit {

std::string Site::shown(const std::filesystem::path& path) const {
  auto text = path.string();
  if (ground_ == Ground::repo || ground_ == Ground::cloud) text.erase(0, text.find_first_not_of('/'));
  return text;
}

}  // namespace meshops::audit
