// A repository's objects, references and index, read with libgit2 from the real file system. Called by the
// git rules only, from one thread at a time. Never runs git or anything a repository names (hooks, filters,
// programs of its configuration), never writes, never uses the network.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace meshops::audit {

MESHOPS_ERROR_CODES(GitCode, "git", unsound, unreadable);

struct GitCommit {
  std::string id, tree;
  std::vector<std::string> parents;
  std::string author, mail;
  std::int64_t authored = 0, committed = 0;  // seconds since 1970
  std::string subject;
};

struct GitRef {
  std::string name;  // "refs/heads/main"
  std::string id;    // of the commit it leads to
};

/// A path that differs from the last commit, or is not in it.
struct GitChange {
  std::string path;  // of a directory that is new as a whole: with a slash at its end
  bool gone = false;
};

class GitStore {
 public:
  struct OpenOptions {
    /// Nothing outside of this directory is read (a rooted image). Empty: anywhere.
    std::filesystem::path within;
    /// Patterns of the person's own ignore file, as in .gitignore.
    std::string ignores;
  };
  /// A work tree or a bare repository at exactly that directory.
  static Result<GitStore> open(const std::filesystem::path& directory, const OpenOptions& options);

  bool shallow() const;
  /// Every reference that leads to a commit.
  Result<std::vector<GitRef>> refs() const;
  /// "refs/heads/main" of HEAD; empty if detached. Nothing: no commit yet.
  Result<std::optional<GitRef>> head() const;
  std::optional<GitCommit> commit(const std::string& id) const;
  /// Commits that are reachable from `from` and not from `without`, newest first, until `see` says false.
  Status walk(const std::vector<std::string>& from, const std::vector<std::string>& without,
              const std::function<bool(const GitCommit&)>& see) const;
  /// Whether `commit` has `ancestor` in its history, or is it. Nothing: one of them is not there any more.
  std::optional<bool> descends(const std::string& commit, const std::string& ancestor) const;
  /// Whether any of them has that commit in its history.
  Result<bool> reachable(const std::string& commit, const std::vector<std::string>& from) const;
  /// In commits: how many the first has that the second lacks, and the reverse.
  Result<std::pair<std::size_t, std::size_t>> ahead_behind(const std::string& one,
                                                           const std::string& other) const;
  /// The same for two commits that make the same change; empty: a merge, or it changes nothing.
  Result<std::string> patch_id(const std::string& commit) const;
  /// What is neither committed nor ignored; submodules are not looked into.
  Result<std::vector<GitChange>> changes() const;
  /// Paths of the index that are files (no links, no submodules).
  Result<std::vector<std::string>> tracked() const;

 private:
  struct Parts;
  explicit GitStore(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}
  std::shared_ptr<Parts> parts_;
};

}  // namespace meshops::audit
