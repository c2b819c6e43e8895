// The mesh.toml files of a site, parsed, with the lines of their tables. Rules of backups and of the mesh
// judge by them. Never changes one.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "audit/site.h"
#include "config/toml_tree.h"

namespace meshops::audit {

struct MeshFile {
  std::filesystem::path path;
  std::string text;  // empty: could not be read, only what it says is known
  Mesh mesh;
  toml_tree::Table tree;

  /// Of the header of the index-th [[table]], or of that key in it; zeros where it is not known.
  toml_tree::Position position_of(std::string_view table, std::size_t index, std::string_view key = "") const;
  std::size_t line_of(std::string_view table, std::size_t index, std::string_view key = "") const {
    return position_of(table, index, key).line;
  }
  /// The same with the header's line where the key is not set.
  std::size_t line_near(std::string_view table, std::size_t index, std::string_view key) const;
};

class MeshFiles {
 public:
  /// Of a folder all that lie in it; of a machine the one it runs by.
  static MeshFiles gather(const Site& site);
  const std::vector<MeshFile>& files() const { return files_; }
  const std::vector<Skip>& skips() const { return skips_; }

 private:
  std::vector<MeshFile> files_;
  std::vector<Skip> skips_;
};

}  // namespace meshops::audit
