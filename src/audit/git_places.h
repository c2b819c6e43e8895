// The repositories of a site, each with its configuration (with positions), its directories as the Host sees
// them and, where the files really lie on a disk, its store. Asked for by the git rules.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/git_store.h"
#include "audit/site.h"
#include "formats/git_config.h"
#include "formats/git_reflog.h"

namespace meshops::audit {

struct GitRepository {
  std::filesystem::path directory;  // in the Host: work tree, or the bare repository
  /// Where HEAD is and where configuration, hooks and references are; different in a linked work tree. Empty:
  /// outside of what the Host shows.
  std::filesystem::path git_dir, common_dir;
  bool bare = false;
  git::Config config;       // its own
  std::string config_text;  // as it stands in common_dir/config
  git::Config personal;     // of the machine and of the person it belongs to
  /// Null where it cannot be opened: `why_not` says why.
  std::shared_ptr<const GitStore> store;
  std::string why_not;

  std::optional<std::string> setting(std::string_view section, std::string_view key,
                                     std::string_view subsection = "") const;
  /// Local branch → the reference it follows ("refs/remotes/origin/main"); empty: none.
  std::string upstream(std::string_view branch) const;
  bool has_remote() const;
};

struct GitLog {
  std::filesystem::path path;  // in the Host
  std::string ref;             // "refs/remotes/origin/main", "HEAD"
  std::vector<git::ReflogEntry> entries;
};
/// Reflogs below common_dir/logs/`below` ("refs/remotes"), by path.
std::vector<GitLog> reflogs_below(const Site& site, const GitRepository& repository,
                                  const std::string& below);
std::optional<GitLog> reflog_of(const Site& site, const GitRepository& repository, const std::string& ref);

class Repositories {
 public:
  static Repositories gather(const Site& site);
  const std::vector<GitRepository>& all() const { return all_; }
  /// Without further work trees of a repository that is in the list.
  std::vector<const GitRepository*> distinct() const;

 private:
  std::vector<GitRepository> all_;
};

/// Files under version control: paths in the Host. Where the index cannot be read, or there is no repository,
/// every file of the folder.
class TrackedFiles {
 public:
  static TrackedFiles gather(const Site& site);
  const std::vector<std::filesystem::path>& all() const { return all_; }

 private:
  std::vector<std::filesystem::path> all_;
};

}  // namespace meshops::audit
