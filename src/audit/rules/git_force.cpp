// GIT-001: history that others build on is rewritten, or something is ready to do it.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "audit/git_checks.h"
#include "base/text.h"
#include "formats/git_push.h"
#include "formats/json5.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kScriptLimit = 1U << 20;

/// Refuses what rewrites or deletes a shared branch; everything else passes.
constexpr std::string_view kGuard = R"sh(#!/bin/sh
# meshops guard (GIT-001): refuses to rewrite or to delete a branch that others build on.
# For the one time it has to be: git push --no-verify
remote=$1
zero=$(git hash-object --stdin </dev/null | tr '0-9a-f' '0')
default=$(git symbolic-ref -q --short "refs/remotes/$remote/HEAD")
while read -r local_ref local_id remote_ref remote_id; do
  branch=${remote_ref#refs/heads/}
  case $branch in
    main | master | develop | trunk | release | release/* | releases/* | release-* | production | prod | stable | staging) ;;
    *) [ "$remote/$branch" = "$default" ] || continue ;;
  esac
  [ "$remote_id" = "$zero" ] && continue
  if [ "$local_id" = "$zero" ]; then
    echo "meshops: $branch is shared, it is not deleted from here ($local_ref)" >&2
    exit 1
  fi
  if ! git merge-base --is-ancestor "$remote_id" "$local_id" 2>/dev/null; then
    echo "meshops: $branch is shared, a push that rewrites it is refused; first: git pull --rebase" >&2
    exit 1
  fi
done
exit 0
)sh";

bool looks_like_a_guard(std::string_view hook) {
  return hook.find("meshops guard") != std::string_view::npos ||
         hook.find("--is-ancestor") != std::string_view::npos ||
         hook.find("non-fast-forward") != std::string_view::npos ||
         (hook.find("merge-base") != std::string_view::npos && hook.find("exit 1") != std::string_view::npos);
}

/// Where git looks for hooks; empty: outside of what the Host shows.
fs::path hooks_directory(const GitRepository& r) {
  auto path = r.setting("core", "hookspath");
  if (!path || path->empty()) return r.common_dir.empty() ? fs::path() : r.common_dir / "hooks";
  if (path->starts_with('~') || path->starts_with('/')) return {};
  return (r.directory / *path).lexically_normal();
}

std::optional<std::string> active_hook(const Site& site, const GitRepository& r, const char* name) {
  auto directory = hooks_directory(r);
  if (directory.empty()) return std::nullopt;
  auto info = site.host().stat(directory / name);
  if (!info || (info->kind == FileInfo::Kind::regular && (info->mode & 0111) == 0)) return std::nullopt;
  auto text = site.host().read(directory / name, kScriptLimit);
  if (!text) return std::nullopt;
  return *text;
}

/// Only where nothing is in its way: an existing hook is somebody's own.
std::optional<Mend> install_guard(const Site& site, const GitRepository& r) {
  auto directory = hooks_directory(r);
  if (directory.empty() || directory != r.common_dir / "hooks" || site.host().stat(directory / "pre-push"))
    return std::nullopt;
  FileChange change{.path = directory / "pre-push", .bytes = std::string(kGuard), .mode = 0755};
  if (auto owner = site.host().stat(r.common_dir); owner && owner->uid != 0) {
    change.uid = owner->uid;
    change.gid = owner->gid;
  }
  return Mend{.files = {std::move(change)}};
}

/// "refs/remotes/team/origin/main" → remote and branch; remotes may have slashes in their names.
std::pair<std::string, std::string> remote_and_branch(const GitRepository& r, std::string_view ref) {
  constexpr std::string_view kPrefix = "refs/remotes/";
  if (!ref.starts_with(kPrefix)) return {};
  ref.remove_prefix(kPrefix.size());
  std::string remote;
  for (const auto& s : r.config.settings())
    if (s.section == "remote" && s.subsection.size() > remote.size() && ref.starts_with(s.subsection + "/"))
      remote = s.subsection;
  if (remote.empty()) remote = std::string(ref.substr(0, ref.find('/')));
  return {remote, std::string(ref.substr(std::min(ref.size(), remote.size() + 1)))};
}

bool is_default_branch(const Site& site, const GitRepository& r, const std::string& remote,
                       const std::string& branch) {
  auto head = site.host().read(r.common_dir / "refs/remotes" / remote / "HEAD", 4096);
  return head && trim(*head) == fmt::format("ref: refs/remotes/{}/{}", remote, branch);
}

bool was_forced(const GitRepository& r, const git::ReflogEntry& entry) {
  if (git::is_null_id(entry.from) || git::is_null_id(entry.to)) return false;
  if (entry.message.find("forced-update") != std::string::npos) return true;
  // git writes nothing else for a push of its own, forced or not: the commits tell.
  return entry.message.starts_with("update by push") && r.store &&
         r.store->descends(entry.to, entry.from) == false;
}

void rewritten_branches(const Site& site, const GitRepository& r, Findings& out) {
  bool guarded = false;
  if (auto hook = active_hook(site, r, "pre-push")) guarded = looks_like_a_guard(*hook);
  if (guarded) return;
  for (const auto& log : reflogs_below(site, r, "refs/remotes")) {
    auto [remote, branch] = remote_and_branch(r, log.ref);
    if (branch.empty() || branch == "HEAD") continue;
    if (!git::is_shared_branch(branch) && !is_default_branch(site, r, remote, branch)) continue;
    const git::ReflogEntry* last = nullptr;
    std::size_t times = 0;
    for (const auto& entry : log.entries)
      if (was_forced(r, entry)) last = &entry, ++times;
    if (last == nullptr) continue;
    auto mend = install_guard(site, r);
    out.add(site.at(log.path, last->line))
        .found("{}/{} was rewritten {} ago: {} → {}{}", remote, branch, about(age_of(site, last->at)),
               short_id(last->from), short_id(last->to),
               times > 1 ? fmt::format(" ({} times in all)", times) : "")
        .wanted("a shared branch only moves forward")
        .message(
            "{}/{} was force-pushed: commits that others had are gone from it, and their next pull "
            "diverges",
            remote, branch)
        .fix("{}; what was lost: {} branch rescue {}",
             mend ? "install a pre-push guard"
                  : "add to your pre-push hook: git merge-base --is-ancestor "
                    "\"$remote_id\" \"$local_id\" || exit 1",
             git_in(site, r), short_id(last->from))
        .about("{}/{}", remote, branch)
        .mend(std::move(mend));
  }
}

/// Whether others push to it: no mirror of another repository, no store of linked work trees.
bool is_server(const Site& site, const GitRepository& r) {
  if (!r.bare || r.git_dir.empty()) return false;
  if (r.config.boolean("core", "bare") == false || site.host().stat(r.git_dir / "worktrees")) return false;
  return std::ranges::none_of(r.config.settings(), [](const git::Setting& s) {
    return s.section == "remote" &&
           ((s.key == "mirror" && git::config_boolean(s.value).value_or(false)) ||
            (s.key == "fetch" && s.value &&
             (s.value->starts_with("+refs/*:") || s.value->ends_with(":refs/heads/*"))));
  });
}

void open_server(const Site& site, const GitRepository& r, Findings& out) {
  if (!is_server(site, r)) return;
  const auto* set = r.config.last("receive", "denynonfastforwards");
  auto denied = set != nullptr ? r.config.boolean("receive", "denynonfastforwards")
                               : r.personal.boolean("receive", "denynonfastforwards");
  if (denied == true) return;
  // Hosting software keeps its protected branches in a hook.
  for (const auto* name : {"pre-receive", "update"})
    if (auto hook = active_hook(site, r, name))
      if (looks_like_a_guard(*hook) || hook->find("git") != std::string::npos) return;
  auto line = set != nullptr ? set->line : r.config.section_line("receive");
  if (const auto* bare = r.config.last("core", "bare"); line == 0 && bare != nullptr) line = bare->line;
  std::optional<Mend> mend;
  if (!r.config_text.empty())
    mend = Mend{.files = {{.path = r.common_dir / "config",
                           .bytes = git::set(r.config_text, "receive", "", "denyNonFastForwards", "true")}}};
  out.add(site.at(r.common_dir / "config", line, set != nullptr ? set->column : 0))
      .found("receive.denyNonFastForwards {}",
             set != nullptr ? "= " + quote(set->value.value_or("")) : "not set: off")
      .wanted("true")
      .message("{} takes pushes that throw away commits of others", git_name(site, r))
      .fix("{} config receive.denyNonFastForwards true", git_in(site, r))
      .about("receive.denyNonFastForwards")
      .mend(std::move(mend));
}

bool counts(const git::ForcedPush& push) {
  return !push.lease ||
         std::ranges::any_of(push.destinations, [](const auto& d) { return git::is_shared_branch(d); });
}

void tell(const Site& site, const fs::path& path, const git::ForcedPush& push, std::string_view what,
          Findings& out) {
  auto where = push.destinations.empty() ? std::string() : " to " + quote(push.destinations.front(), 40);
  out.add(site.at(path, push.line, push.column))
      .found("git push {}{}", printable(push.force.substr(0, 60)), where)
      .wanted("a push without force; --force-with-lease only to a feature branch")
      .message("{} overwrites what others have pushed meanwhile, without asking", what)
      .fix("{}", push.lease ? "push without force: git pull --rebase, then git push"
                            : "git pull --rebase, then git push; on a branch of your own: git push "
                              "--force-with-lease --force-if-includes")
      .about("{} {}", push.force, where);
}

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::ranges::find(list, word) != list.end();
}

enum class Reads { nothing, shell, lines, crontab, code, package, aliases };

Reads how_to_read(const FoundFile& file) {
  constexpr std::array<std::string_view, 11> kShellFiles = {
      ".bashrc",      ".bash_aliases", ".bash_profile", ".profile", ".zshrc",     ".zprofile",
      ".zsh_aliases", ".aliases",      ".kshrc",        ".envrc",   "aliases.zsh"};
  constexpr std::array<std::string_view, 9> kLineFiles = {"Makefile",    "makefile", "GNUmakefile",
                                                          "Justfile",    "justfile", "Procfile",
                                                          "Jenkinsfile", "Rakefile", "Earthfile"};
  constexpr std::array<std::string_view, 9> kCode = {".py", ".js", ".mjs", ".cjs",   ".ts",
                                                     ".rb", ".pl", ".lua", ".groovy"};
  switch (file.kind) {
    case FileKind::script:
    case FileKind::cron_script:
      return Reads::shell;
    case FileKind::crontab:
    case FileKind::system_crontab:
      return Reads::crontab;
    case FileKind::unit:
    case FileKind::unit_drop_in:
    case FileKind::dockerfile:
    case FileKind::compose:
      return Reads::lines;
    case FileKind::other:
      break;
    default:
      return Reads::nothing;
  }
  auto name = file.path.filename().string();
  auto extension = file.path.extension().string();
  if (one_of(name, kShellFiles) || extension == ".zsh" || extension == ".ksh") return Reads::shell;
  auto parent = file.path.parent_path().filename().string();
  if (parent == ".husky" || parent == ".githooks" || parent == "hooks") return Reads::shell;
  if (one_of(name, kLineFiles) || extension == ".mk" || extension == ".yml" || extension == ".yaml")
    return Reads::lines;
  if (name == "package.json") return Reads::package;
  if (name == ".gitconfig" || name == "gitconfig" || extension == ".gitconfig" ||
      (name == "config" && parent == "git"))
    return Reads::aliases;
  if (one_of(extension, kCode)) return Reads::code;
  return Reads::nothing;
}

void aliases(const Site& site, const fs::path& path, std::string_view text, Findings& out) {
  auto config = git::Config::parse(text);
  for (const auto& s : config.settings()) {
    if (s.section != "alias" || !s.value) continue;
    std::vector<git::ForcedPush> pushes;
    if (s.value->starts_with('!')) {
      pushes = git::forced_pushes(s.value->substr(1), git::Script::shell);
    } else {
      std::vector<std::string> arguments;
      for (auto word : words(*s.value)) arguments.emplace_back(word);
      pushes = git::forced_pushes_of(arguments);
    }
    for (auto& push : pushes) {
      if (!counts(push)) continue;
      push.line = s.line;
      push.column = s.column;
      tell(site, path, push, fmt::format("the alias \"git {}\"", s.subsection.empty() ? s.key : s.subsection),
           out);
    }
  }
}

void package_scripts(const Site& site, const fs::path& path, std::string_view text, Findings& out) {
  auto document = json5::Document::parse(text);
  if (!document) return;
  for (const auto& member : document->find("scripts").members()) {
    auto command = member.value.as_string();
    if (!command) continue;
    for (auto push : git::forced_pushes(*command, git::Script::shell)) {
      if (!counts(push)) continue;
      auto at = member.value.position();
      push.line = at.line;
      push.column = at.column;
      tell(site, path, push, fmt::format("the script {}", quote(member.key, 40)), out);
    }
  }
}

void scripts(const Site& site, Findings& out) {
  for (const auto& file : site.files().all()) {
    auto how = how_to_read(file);
    if (how == Reads::nothing || file.info.size > kScriptLimit) continue;
    auto text = site.host().read(file.path, kScriptLimit);
    if (!text) {
      if (how == Reads::shell || how == Reads::crontab) out.skip(site.shown(file.path), text.error().text());
      continue;
    }
    if (text->find("push") == std::string::npos || text->find('\0') != std::string::npos) continue;
    if (how == Reads::aliases) {
      aliases(site, file.path, *text, out);
    } else if (how == Reads::package) {
      package_scripts(site, file.path, *text, out);
    } else {
      auto script = how == Reads::shell     ? git::Script::shell
                    : how == Reads::crontab ? git::Script::crontab
                    : how == Reads::code    ? git::Script::code
                                            : git::Script::lines;
      for (const auto& push : git::forced_pushes(*text, script))
        if (counts(push)) tell(site, file.path, push, "this command", out);
    }
  }
  if (site.repo()) return;
  // The aliases of a machine's people.
  std::vector<fs::path> configs = {"/etc/gitconfig"};
  if (auto accounts = site.host().accounts())
    for (const auto& account : *accounts)
      if (!account.home.empty() && account.home != "/") {
        configs.push_back(account.home / ".gitconfig");
        configs.push_back(account.home / ".config/git/config");
      }
  for (const auto& path : configs)
    if (auto text = site.host().read(path, kScriptLimit)) aliases(site, path, *text, out);
}

}  // namespace

void git_forced_pushes(const Site& site, Findings& out) {
  for (const auto* r : site.facts<Repositories>().distinct()) {
    if (r->common_dir.empty()) {
      out.skip(git_name(site, *r), "its repository lies outside of this folder");
      continue;
    }
    rewritten_branches(site, *r, out);
    open_server(site, *r, out);
    if (!r->config_text.empty()) aliases(site, r->common_dir / "config", r->config_text, out);
  }
  scripts(site, out);
}

}  // namespace meshops::audit
