// Everyone to everyone: what each node saw of the way to each other one, side by side, with the ways that
// hold in one direction only. Called by `meshops mesh matrix`. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/path_report.h"

namespace meshops::matrix {

struct Port {
  std::string gateway;
  std::uint16_t port = 0;
  bool open = false;    // it takes connections from there
  std::string verdict;  // why not: "refused", "dropped"
};
struct Way {
  path::Report ssh;            // that healing takes
  std::vector<Port> gateways;  // of the node it leads to
};

/// What one node is asked to walk: the way of SSH first, then its gateways' ports, for each other node.
struct Asked {
  std::string to;
  path::Target ssh;
  std::vector<std::pair<std::string, path::Target>> gateways;
};
std::vector<path::Target> targets(std::span<const Asked> asked);
/// Its answer, in the order of targets(); an Error if something else was answered.
Result<std::vector<Way>> ways(std::string_view from, std::span<const Asked> asked,
                              std::span<const path::Report> reports);
/// Of a node that could not be asked.
std::vector<Way> no_ways(const std::string& from, std::span<const Asked> asked, const Error& why,
                         WallTime now);

struct Table {
  std::string mesh;
  std::vector<std::string> nodes;
  std::vector<Way> ways;

  const Way* way(std::string_view from, std::string_view to) const;
  bool good() const;
  /// Broken, though the way back holds.
  std::vector<const Way*> one_way() const;
};

/// meshops.matrix/1
std::string to_json(const Table& table, WallTime at);
std::string for_people(const Table& table, std::size_t width, bool colour);

}  // namespace meshops::matrix
