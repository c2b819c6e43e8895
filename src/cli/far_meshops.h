// Another node's own meshops, asked with the operator's ssh. Called by `meshops path` and `meshops mesh
// matrix`. Reads only, as far as the command does that it names.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "host/ssh_session.h"

namespace meshops::cli {

struct FarAnswer {
  std::string out;  // of stdout
  int code = 0;
};
/// Runs "meshops" with these arguments there. An Error: the node cannot be reached, or has no meshops that
/// knows the command.
Result<FarAnswer> ask_far_meshops(const SshTarget& target, const std::vector<std::string>& arguments,
                                  Duration limit);

}  // namespace meshops::cli
