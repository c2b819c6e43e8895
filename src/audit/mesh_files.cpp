#include "audit/mesh_files.h"

#include <algorithm>

namespace meshops::audit {

namespace {

const toml_tree::Entry* entry_of(const toml_tree::Table& table, std::string_view key) {
  auto found = std::ranges::find(table, key, &toml_tree::Entry::key);
  return found == table.end() ? nullptr : &*found;
}

/// The index-th table of an array of tables; null if there is none.
const toml_tree::Value* nth(const toml_tree::Table& tree, std::string_view table, std::size_t index) {
  const auto* entry = entry_of(tree, table);
  if (entry == nullptr) return nullptr;
  const auto* list = std::get_if<toml_tree::Array>(&entry->value.is);
  return list != nullptr && index < list->size() ? &(*list)[index] : nullptr;
}

}  // namespace

toml_tree::Position MeshFile::position_of(std::string_view table, std::size_t index,
                                          std::string_view key) const {
  const auto* value = nth(tree, table, index);
  if (value == nullptr) return {.line = 0, .column = 0};
  if (key.empty()) return value->at;
  const auto* keys = std::get_if<toml_tree::Table>(&value->is);
  const auto* entry = keys != nullptr ? entry_of(*keys, key) : nullptr;
  return entry != nullptr ? entry->value.at : toml_tree::Position{.line = 0, .column = 0};
}

std::size_t MeshFile::line_near(std::string_view table, std::size_t index, std::string_view key) const {
  auto line = line_of(table, index, key);
  return line != 0 ? line : line_of(table, index);
}

MeshFiles MeshFiles::gather(const Site& site) {
  MeshFiles out;
  const auto& own = site.mesh().source;
  auto parse = [&](std::string_view text, const std::filesystem::path& path) {
    return parse_mesh(text, path, {.host_name = site.mesh().node, .root = true, .elsewhere = true});
  };
  auto add_own = [&] {
    MeshFile file{.path = own, .mesh = site.mesh()};
    if (auto text = site.host().read(own)) {
      file.text = *text;
      if (auto tree = toml_tree::read(file.text)) file.tree = std::move(*tree);
      // A mend that is tried in memory changes the text, not what the program started with.
      if (auto mesh = parse(file.text, own)) file.mesh = std::move(*mesh);
    }
    out.files_.push_back(std::move(file));
  };
  if (!site.repo() && !own.empty()) {
    add_own();
    return out;
  }
  for (const auto* found : site.files().of(FileKind::mesh_toml)) {
    auto text = site.host().read(found->path);
    if (!text) {
      out.skips_.push_back({"", site.shown(found->path), text.error().text()});
      continue;
    }
    auto tree = toml_tree::read(*text);
    auto mesh = parse(*text, found->path);
    if (!mesh) {
      // `meshops config check` tells what is wrong with it.
      out.skips_.push_back({"", site.shown(found->path), std::string(mesh.error().faults.front().text())});
      continue;
    }
    out.files_.push_back({found->path, std::move(*text), std::move(*mesh), std::move(*tree)});
  }
  if (out.files_.empty() && out.skips_.empty() && !own.empty()) add_own();
  return out;
}

}  // namespace meshops::audit
