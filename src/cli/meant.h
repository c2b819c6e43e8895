// Which machines a command means: the mesh as its owner describes it, and how ssh gets to each node. Called
// by commands that ask other nodes with the operator's own ssh.
#pragma once

#include <string>

#include "cli/command.h"
#include "host/ssh_session.h"

namespace meshops::cli {

/// The mesh, also on a machine that is none of its nodes: `here` is empty then.
struct Described {
  Mesh mesh;
  std::string here;

  const NodeSpec* node(const std::string& name) const;
};
Result<Described> described(const Globals& globals);

struct Meant {
  std::string name;
  SshTarget target;
  bool here = false;  // it is this machine: no SSH is needed
};
Meant meant_by(const Described& described, const NodeSpec& node);

}  // namespace meshops::cli
