// meshops mesh matrix
#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/side_by_side.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/render.h"
#include "cli/walks.h"
#include "mesh/matrix_table.h"

namespace meshops::cli {

namespace {

/// Each is one ssh, and a few processes for a second.
constexpr std::size_t kAtOnce = 8;

std::vector<matrix::Asked> asked_of(const Described& mesh, const NodeSpec& node) {
  std::vector<matrix::Asked> out;
  for (const auto& other : mesh.mesh.nodes)
    if (other.name != node.name)
      out.push_back({.to = other.name, .ssh = ssh_of(other), .gateways = gateways_of(mesh, other)});
  return out;
}

Result<std::vector<matrix::Way>> row(const Described& mesh, const NodeSpec& node,
                                     const std::vector<matrix::Asked>& asked) {
  auto targets = matrix::targets(asked);
  auto reports = TRY(walks_from(mesh, meant_by(mesh, node), targets));
  return matrix::ways(node.name, asked, reports);
}

int run(const Globals& globals) {
  auto mesh = described(globals);
  if (!mesh) return report(globals, mesh.error());
  const auto& nodes = mesh->mesh.nodes;
  if (mesh->mesh.source.empty() || nodes.size() < 2)
    return report(globals,
                  error(path::PathCode::no_node, "there is no mesh.toml with two nodes or more")
                      .hint("write one: meshops config init; one way needs none: meshops path HOST"));
  std::vector<std::vector<matrix::Way>> rows(nodes.size());
  std::vector<char> answered(nodes.size(), 0);
  Progress progress;
  progress.say(fmt::format("asking {} nodes", nodes.size()));
  side_by_side(nodes.size(), kAtOnce, [&](std::size_t i) {
    auto asked = asked_of(*mesh, nodes[i]);
    auto done = row(*mesh, nodes[i], asked);
    answered[i] = done ? 1 : 0;
    rows[i] =
        done ? std::move(*done) : matrix::no_ways(nodes[i].name, asked, done.error(), SystemClock().wall());
    progress.say(fmt::format("{}: {}", nodes[i].name, done ? "has answered" : "could not be asked"));
  });
  progress.clear();
  matrix::Table table{.mesh = mesh->mesh.name, .nodes = {}, .ways = {}};
  for (const auto& node : nodes) table.nodes.push_back(node.name);
  for (auto& one : rows) std::ranges::move(one, std::back_inserter(table.ways));
  if (globals.json()) {
    std::fputs(matrix::to_json(table, SystemClock().wall()).c_str(), stdout);
  } else {
    auto look = look_of_stdout();
    std::fputs(matrix::for_people(table, look.width, look.colour).c_str(), stdout);
  }
  if (std::ranges::count(answered, 1) == 0) return kCouldNot;
  return table.good() ? kGood : kFindings;
}

}  // namespace

void add_matrix(CLI::App& mesh, const Globals& globals, Run& chosen) {
  auto* command = mesh.add_subcommand(
      "matrix", "everyone to everyone: each node, asked over your ssh, walks to each other one");
  command->footer(
      "Example:\n  meshops mesh matrix\n  meshops mesh matrix --format json\n\n"
      "A cell is the time that a TCP connection took, or the layer where the way breaks; ? is a node that "
      "could not "
      "be\nasked. More about one way: meshops path A B. Exit codes: 0 all ways hold, 1 one does not or could "
      "not be "
      "walked,\n3 no node could be asked.");
  command->callback([&globals, &chosen] { chosen = [&globals] { return run(globals); }; });
}

}  // namespace meshops::cli
