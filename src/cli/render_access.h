// Who has read which secret file, as JSON (meshops.access/1) and for people. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "store/access_log.h"

namespace meshops::cli {

struct AccessPicture {
  WallTime now{};
  std::string node;
  std::string not_recorded;     // why nothing is recorded at present; empty: it is
  std::filesystem::path asked;  // only about this file; empty: all
  std::set<std::filesystem::path> watched;
  std::map<uid_t, std::string> users;
  std::vector<store::Reading> readings;  // newest first
  std::vector<store::AccessGap> gaps;    // newest first
};
std::string access_json(const AccessPicture& picture);
/// Readings and gaps by time, newest first; every text made printable().
std::string render_access(const AccessPicture& picture);

}  // namespace meshops::cli
