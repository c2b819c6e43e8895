#include "audit/git_store.h"

#include <git2.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "base/file.h"
#include "base/text.h"
#include "formats/git_config.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1  // as g++ has it
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

namespace meshops::audit {

namespace fs = std::filesystem;

/// Of git_no_kerberos.cpp: what libgit2 needs to be linked.
void without_kerberos();

namespace {

// libgit2 1.5 does not free what pcre2 matched in when nothing did, as it reads a configuration. Bounded, and
// not ours to mend; the leak checker is told.
#ifdef __SANITIZE_ADDRESS__
using Forgetful = __lsan::ScopedDisabler;
#else
struct Forgetful {};
#endif

template <class T, void (*Free)(T*)>
struct Freed {
  void operator()(T* p) const { Free(p); }
};
template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Freed<T, Free>>;
using Commit = Owned<git_commit, git_commit_free>;
using Tree = Owned<git_tree, git_tree_free>;
using Walk = Owned<git_revwalk, git_revwalk_free>;
using Diff = Owned<git_diff, git_diff_free>;
using StatusList = Owned<git_status_list, git_status_list_free>;
using Index = Owned<git_index, git_index_free>;
using References = Owned<git_reference_iterator, git_reference_iterator_free>;
using Reference = Owned<git_reference, git_reference_free>;
using Object = Owned<git_object, git_object_free>;

void set_up() {
  static std::once_flag once;
  std::call_once(once, [] {
    without_kerberos();
    git_libgit2_init();
    // Who owns a repository matters where its configuration may run programs: we run none.
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    // Only the repository's own configuration: of this machine's we know who it belongs to, libgit2 does not.
    for (int level : {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL,
                      GIT_CONFIG_LEVEL_PROGRAMDATA})
      git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
    // They change nothing for who only reads; all others make open() fail.
    std::array<const char*, 3> harmless = {"worktreeconfig", "preciousobjects", "partialclone"};
    git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, harmless.data(), harmless.size());
    // A bomb of an object is refused.
    git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECT_SIZE, std::size_t{256} << 20);
  });
}

Error last_error(std::string_view doing) {
  const auto* e = git_error_last();
  return error(GitCode::unreadable, "cannot {}: {}", doing,
               printable(e != nullptr && e->message != nullptr ? e->message : "libgit2 does not say why"));
}

std::string hex(const git_oid* id) {
  std::array<char, GIT_OID_HEXSZ + 1> text{};
  git_oid_tostr(text.data(), text.size(), id);
  return text.data();
}

std::optional<git_oid> id_of(const std::string& text) {
  git_oid id;
  if (text.size() != GIT_OID_HEXSZ || git_oid_fromstr(&id, text.c_str()) != 0) return std::nullopt;
  return id;
}

bool inside(const fs::path& path, const fs::path& directory) {
  std::error_code failed;
  auto real = fs::weakly_canonical(path, failed);
  auto base = fs::weakly_canonical(directory, failed);
  auto [end, _] = std::mismatch(base.begin(), base.end(), real.begin(), real.end());
  return !failed && (end == base.end() || *end == "");
}

/// Opening a FIFO or a device would wait for ever, and libgit2 opens what it finds.
Status only_files(const fs::path& git_dir) {
  std::error_code failed;
  auto it = fs::recursive_directory_iterator(git_dir, failed);
  if (failed) return fail(GitCode::unreadable, "cannot list {}: {}", git_dir.string(), failed.message());
  constexpr std::size_t kMost = 2'000'000;
  std::size_t seen = 0;
  for (; it != fs::recursive_directory_iterator(); it.increment(failed)) {
    auto type = it->symlink_status(failed).type();
    if (type == fs::file_type::symlink) type = it->status(failed).type();
    if (type != fs::file_type::regular && type != fs::file_type::directory &&
        type != fs::file_type::not_found && type != fs::file_type::socket)
      return fail(GitCode::unsound, "{} is neither a file nor a directory", it->path().string());
    if (++seen > kMost) return fail(GitCode::unsound, "{} has too many files", git_dir.string());
  }
  return ok();
}

/// Files that its configuration includes are read, too.
Status only_files_included(const fs::path& git_dir) {
  auto text = read_file(git_dir / "config");
  if (!text) return text.error().is("file.not_found") ? ok() : fail(text.error());
  auto config = git::Config::parse(*text);
  for (const auto& s : config.settings()) {
    if ((s.section != "include" && s.section != "includeif") || s.key != "path" || !s.value) continue;
    std::error_code failed;
    auto type = fs::status(git_dir / *s.value, failed).type();
    if (type != fs::file_type::regular && type != fs::file_type::not_found && type != fs::file_type::none)
      return fail(GitCode::unsound, "its configuration includes {}, which is no file", quote(*s.value));
  }
  return ok();
}

/// The directory with HEAD in it: DIR/.git, where a file there points to, or DIR itself.
Result<fs::path> git_directory(const fs::path& directory) {
  std::error_code failed;
  auto dot_git = directory / ".git";
  switch (fs::status(dot_git, failed).type()) {
    case fs::file_type::directory:
      return dot_git;
    case fs::file_type::not_found:
      return directory;
    case fs::file_type::regular:
      break;
    default:
      return fail(GitCode::unsound, "{} is neither a file nor a directory", dot_git.string());
  }
  auto text = TRY(read_file(dot_git, 4096));
  constexpr std::string_view kWord = "gitdir:";
  if (!text.starts_with(kWord)) return fail(GitCode::unsound, "{} names no directory", dot_git.string());
  return (directory / std::string(trim(std::string_view(text).substr(kWord.size())))).lexically_normal();
}

}  // namespace

struct GitStore::Parts {
  git_repository* repository = nullptr;
  ~Parts() { git_repository_free(repository); }
};

Result<GitStore> GitStore::open(const fs::path& directory, const OpenOptions& options) {
  set_up();
  auto git_dir = TRY(git_directory(directory));
  std::vector<fs::path> parts = {git_dir};
  if (auto common = read_file(git_dir / "commondir", 4096))
    parts.push_back((git_dir / std::string(trim(*common))).lexically_normal());
  for (const auto& part : parts) {
    if (!options.within.empty() && !inside(part, options.within))
      return fail(GitCode::unsound, "the repository of {} lies outside of what is audited",
                  directory.string());
    std::error_code failed;
    if (!options.within.empty() && fs::exists(part / "objects/info/alternates", failed))
      return fail(GitCode::unsound, "{} borrows objects of another repository", part.string());
    CHECK_OK(only_files(part));
    CHECK_OK(only_files_included(part));
  }
  auto out = std::make_shared<Parts>();
  [[maybe_unused]] const Forgetful libgit2;
  if (git_repository_open_ext(&out->repository, directory.c_str(), GIT_REPOSITORY_OPEN_NO_SEARCH, nullptr) !=
      0)
    return fail(last_error(fmt::format("open the repository {}", directory.string())));
  if (const auto* work = git_repository_workdir(out->repository); work != nullptr) {
    std::error_code failed;
    if (!fs::equivalent(work, directory, failed))
      return fail(GitCode::unsound, "the work tree of {} is another directory: {}", directory.string(),
                  quote(work));
  }
  if (!options.ignores.empty()) git_ignore_add_rule(out->repository, options.ignores.c_str());
  return GitStore(std::move(out));
}

bool GitStore::shallow() const { return git_repository_is_shallow(parts_->repository) == 1; }

Result<std::vector<GitRef>> GitStore::refs() const {
  git_reference_iterator* raw = nullptr;
  if (git_reference_iterator_new(&raw, parts_->repository) != 0)
    return fail(last_error("list the references"));
  References all(raw);
  std::vector<GitRef> out;
  git_reference* next = nullptr;
  while (git_reference_next(&next, all.get()) == 0) {
    Reference ref(next);
    git_object* target = nullptr;
    // A reference to nothing (the HEAD of a remote that moved) or to a tree is no part of history.
    if (git_reference_peel(&target, ref.get(), GIT_OBJECT_COMMIT) != 0) continue;
    Object object(target);
    out.push_back({git_reference_name(ref.get()), hex(git_object_id(target))});
  }
  return out;
}

Result<std::optional<GitRef>> GitStore::head() const {
  git_reference* raw = nullptr;
  auto code = git_repository_head(&raw, parts_->repository);
  if (code == GIT_EUNBORNBRANCH || code == GIT_ENOTFOUND) return std::nullopt;
  if (code != 0) return fail(last_error("read HEAD"));
  Reference ref(raw);
  git_object* target = nullptr;
  if (git_reference_peel(&target, raw, GIT_OBJECT_COMMIT) != 0) return fail(last_error("read HEAD"));
  Object object(target);
  return GitRef{git_reference_is_branch(raw) == 1 ? git_reference_name(raw) : "", hex(git_object_id(target))};
}

namespace {

GitCommit value_of(const git_commit* commit) {
  GitCommit out;
  out.id = hex(git_commit_id(commit));
  out.tree = hex(git_commit_tree_id(commit));
  for (unsigned i = 0; i < git_commit_parentcount(commit); ++i)
    out.parents.push_back(hex(git_commit_parent_id(commit, i)));
  if (const auto* who = git_commit_author(commit)) {
    out.author = who->name;
    out.mail = who->email;
    out.authored = who->when.time;
  }
  out.committed = git_commit_time(commit);
  const auto* message = git_commit_message(commit);
  // The first paragraph is the subject, as in "git log --format=%s"; ours is the first line of it.
  std::string_view text = message != nullptr ? message : "";
  text.remove_prefix(std::min(text.find_first_not_of("\n\r \t"), text.size()));
  out.subject = std::string(trim(text.substr(0, text.find('\n'))));
  return out;
}

}  // namespace

std::optional<GitCommit> GitStore::commit(const std::string& id) const {
  auto oid = id_of(id);
  git_commit* raw = nullptr;
  if (!oid || git_commit_lookup(&raw, parts_->repository, &*oid) != 0) return std::nullopt;
  Commit commit(raw);
  return value_of(raw);
}

Status GitStore::walk(const std::vector<std::string>& from, const std::vector<std::string>& without,
                      const std::function<bool(const GitCommit&)>& see) const {
  git_revwalk* raw = nullptr;
  if (git_revwalk_new(&raw, parts_->repository) != 0) return fail(last_error("read the history"));
  Walk walk(raw);
  // Newest first as they come; by GIT_SORT_TIME libgit2 would read all of history before the first one.
  git_revwalk_sorting(raw, GIT_SORT_NONE);
  for (const auto& id : from)
    if (auto oid = id_of(id); !oid || git_revwalk_push(raw, &*oid) != 0)
      return fail(last_error("read the history"));
  for (const auto& id : without)
    if (auto oid = id_of(id); !oid || git_revwalk_hide(raw, &*oid) != 0)
      return fail(last_error("read the history"));
  git_oid next;
  int code = 0;
  while ((code = git_revwalk_next(&next, raw)) == 0) {
    git_commit* found = nullptr;
    if (git_commit_lookup(&found, parts_->repository, &next) != 0) return fail(last_error("read a commit"));
    Commit commit(found);
    if (!see(value_of(found))) return ok();
  }
  if (code != GIT_ITEROVER) return fail(last_error("read the history"));
  return ok();
}

std::optional<bool> GitStore::descends(const std::string& commit, const std::string& ancestor) const {
  if (commit == ancestor) return true;
  auto one = id_of(commit), other = id_of(ancestor);
  if (!one || !other) return std::nullopt;
  auto code = git_graph_descendant_of(parts_->repository, &*one, &*other);
  if (code < 0) return std::nullopt;
  return code == 1;
}

Result<bool> GitStore::reachable(const std::string& commit, const std::vector<std::string>& from) const {
  auto one = id_of(commit);
  std::vector<git_oid> tips;
  for (const auto& id : from)
    if (auto oid = id_of(id)) tips.push_back(*oid);
  if (!one) return false;
  auto code = git_graph_reachable_from_any(parts_->repository, &*one, tips.data(), tips.size());
  if (code < 0) return fail(last_error("read the history"));
  return code == 1;
}

Result<std::pair<std::size_t, std::size_t>> GitStore::ahead_behind(const std::string& one,
                                                                   const std::string& other) const {
  auto a = id_of(one), b = id_of(other);
  std::size_t ahead = 0, behind = 0;
  if (!a || !b || git_graph_ahead_behind(&ahead, &behind, parts_->repository, &*a, &*b) != 0)
    return fail(last_error("compare two branches"));
  return std::pair(ahead, behind);
}

Result<std::string> GitStore::patch_id(const std::string& id) const {
  auto oid = id_of(id);
  git_commit* raw = nullptr;
  if (!oid || git_commit_lookup(&raw, parts_->repository, &*oid) != 0)
    return fail(last_error("read a commit"));
  Commit commit(raw);
  if (git_commit_parentcount(raw) > 1) return "";
  git_tree *new_raw = nullptr, *old_raw = nullptr;
  if (git_commit_tree(&new_raw, raw) != 0) return fail(last_error("read a tree"));
  Tree new_tree(new_raw);
  Tree old_tree;
  if (git_commit_parentcount(raw) == 1) {
    git_commit* parent_raw = nullptr;
    if (git_commit_parent(&parent_raw, raw, 0) != 0) return fail(last_error("read a commit"));
    Commit parent(parent_raw);
    if (git_commit_tree(&old_raw, parent_raw) != 0) return fail(last_error("read a tree"));
    old_tree.reset(old_raw);
  }
  git_diff* diff_raw = nullptr;
  if (git_diff_tree_to_tree(&diff_raw, parts_->repository, old_tree.get(), new_raw, nullptr) != 0)
    return fail(last_error("compare two trees"));
  Diff diff(diff_raw);
  if (git_diff_num_deltas(diff_raw) == 0) return "";
  git_oid out;
  if (git_diff_patchid(&out, diff_raw, nullptr) != 0) return fail(last_error("read a patch"));
  return hex(&out);
}

Result<std::vector<GitChange>> GitStore::changes() const {
  git_status_options options = GIT_STATUS_OPTIONS_INIT;
  options.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
  options.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
  git_status_list* raw = nullptr;
  if (git_status_list_new(&raw, parts_->repository, &options) != 0)
    return fail(last_error("compare the work tree with the last commit"));
  StatusList list(raw);
  git_index* index_raw = nullptr;
  if (git_repository_index(&index_raw, parts_->repository) != 0) return fail(last_error("read the index"));
  Index index(index_raw);
  std::vector<GitChange> out;
  for (std::size_t i = 0; i < git_status_list_entrycount(raw); ++i) {
    const auto* entry = git_status_byindex(raw, i);
    if (entry->status == GIT_STATUS_CURRENT || entry->status == GIT_STATUS_IGNORED) continue;
    const auto* delta = entry->index_to_workdir != nullptr ? entry->index_to_workdir : entry->head_to_index;
    if (delta == nullptr || delta->new_file.path == nullptr) continue;
    bool gone = (entry->status & (GIT_STATUS_WT_DELETED | GIT_STATUS_INDEX_DELETED)) != 0;
    // Of a sparse checkout: meant to be away.
    if (const auto* tracked = git_index_get_bypath(index_raw, delta->new_file.path, 0);
        gone && tracked != nullptr && (tracked->flags_extended & GIT_INDEX_ENTRY_SKIP_WORKTREE) != 0)
      continue;
    out.push_back({delta->new_file.path, gone});
  }
  return out;
}

Result<std::vector<std::string>> GitStore::tracked() const {
  git_index* raw = nullptr;
  if (git_repository_index(&raw, parts_->repository) != 0) return fail(last_error("read the index"));
  Index index(raw);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < git_index_entrycount(raw); ++i) {
    const auto* entry = git_index_get_byindex(raw, i);
    if ((entry->mode & S_IFMT) != S_IFREG) continue;
    // A file in conflict stands there up to three times.
    if (out.empty() || out.back() != entry->path) out.emplace_back(entry->path);
  }
  return out;
}

}  // namespace meshops::audit
