// MSH-004: whether every node still thinks aloud.
#include <algorithm>

#include "audit/mesh_files.h"
#include "audit/rules/mesh_parts.h"
#include "base/text.h"

namespace meshops::audit::mesh_rules_parts {

namespace fs = std::filesystem;

namespace {

/// A year of thoughts, one each ten minutes, in folders by month.
constexpr std::size_t kMostFiles = 60'000;
constexpr int kDeepest = 4;

struct Newest {
  fs::path path;  // empty: there is no file
  WallTime at{};
  std::size_t looked_at = 0;
  std::string unreadable;
};

void look(const Host& host, const fs::path& directory, int depth, Newest& out) {
  auto names = host.list(directory);
  if (!names) {
    out.unreadable = names.error().text();
    return;
  }
  for (const auto& name : *names) {
    // What syncs them keeps its own books in a folder like .git; what is half written begins with a dot.
    if (name.starts_with('.') || ++out.looked_at > kMostFiles) continue;
    auto path = directory / name;
    auto info = host.stat(path);
    if (!info) continue;  // gone since it was listed
    if (info->kind == FileInfo::Kind::directory && depth < kDeepest) look(host, path, depth + 1, out);
    if (info->kind != FileInfo::Kind::regular) continue;
    if (out.path.empty() || info->modified > out.at) {
      out.path = path;
      out.at = info->modified;
    }
  }
}

}  // namespace

void silent_node(const Site& site, Findings& out) {
  for (const auto& file : site.facts<MeshFiles>().files()) {
    const auto& hive = file.mesh.hive;
    if (hive.directory.empty()) continue;
    std::vector<std::pair<const NodeSpec*, Newest>> nodes;
    bool unreadable = false;
    for (const auto& node : file.mesh.nodes) {
      auto& newest = nodes.emplace_back(&node, Newest{}).second;
      auto folder = hive.directory / node.name;
      auto info = site.host().stat(folder);
      if (info) look(site.host(), folder, 1, newest);
      if (!info && !info.error().is("file.not_found")) newest.unreadable = info.error().text();
      if (newest.looked_at > kMostFiles)
        newest.unreadable = fmt::format("more than {} files: old thoughts want to be put away", kMostFiles);
      if (newest.unreadable.empty()) continue;
      unreadable = true;
      out.skip(folder.string(), newest.unreadable);
    }
    bool anybody = std::ranges::any_of(nodes, [](const auto& n) { return !n.second.path.empty(); });
    // Not begun yet, or not mounted here: that is no node's silence.
    if (!anybody) {
      if (!unreadable) out.skip(hive.directory.string(), "no node has a thought in it");
      continue;
    }
    auto limit = 3 * hive.interval;
    for (const auto& [node, newest] : nodes) {
      if (!newest.unreadable.empty()) continue;
      auto age = site.now() - newest.at;
      if (!newest.path.empty() && age <= limit) continue;
      auto place = newest.path.empty() ? hive.directory / node->name : newest.path;
      auto draft = out.add(site.at(place));
      if (newest.path.empty())
        draft.found("no thought of {}", node->name);
      else
        draft.found("the newest thought of {} is {} old", node->name,
                    duration_text(std::chrono::duration_cast<Duration>(age)));
      draft.wanted("one within {}, three times hive.interval", duration_text(limit))
          .message("{} has stopped thinking aloud, or its thoughts do not arrive here", node->name)
          .fix("on {}: meshops diagnose; then look at what carries {} between the nodes", node->name,
               hive.directory.string())
          .about("{}", node->name);
    }
  }
}

}  // namespace meshops::audit::mesh_rules_parts
