// GIT-002, GIT-006, GIT-007: work that exists in one place only, or is about to exist in none.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "audit/git_checks.h"
#include "base/text.h"
#include "formats/git_push.h"

namespace meshops::audit {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr Duration kDay = 24h;
constexpr std::string_view kHeads = "refs/heads/";

/// Whether somebody else has what this reference leads to: everything but our own branches and notes.
bool is_elsewhere(std::string_view ref, bool detached) {
  for (std::string_view own : {"refs/heads/", "refs/stash", "refs/notes/", "refs/bisect/", "refs/original/",
                               "refs/rewritten/", "refs/worktree/"})
    if (ref.starts_with(own)) return false;
  return detached || !ref.starts_with("refs/tags/");
}

void uncommitted(const Site& site, const GitRepository& r, Findings& out) {
  auto changes = r.store->changes();
  if (!changes) return out.skip(git_name(site, r), changes.error().text());
  std::size_t old = 0;
  Duration oldest{};
  fs::path first;
  for (const auto& change : *changes) {
    // Of a directory that is new as a whole: without its slash.
    std::string_view name = change.path;
    if (name.ends_with('/')) name.remove_suffix(1);
    auto path = r.directory / name;
    // Another repository inside: looked at on its own.
    if (change.path.ends_with('/') && site.host().stat(path / ".git")) continue;
    auto info = site.host().stat(change.gone ? path.parent_path() : path);
    if (!info || info->modified.time_since_epoch().count() <= 0) continue;
    auto age = std::chrono::duration_cast<Duration>(site.now() - info->modified);
    if (age <= kDay) continue;
    ++old;
    if (age <= oldest) continue;
    oldest = age;
    first = path;
  }
  if (old == 0) return;
  out.add(site.at(first))
      .found("{} changed and not committed for over a day, the oldest for {}",
             old == 1 ? "1 file" : fmt::format("{} files", old), about(oldest))
      .wanted("committed and pushed within a day")
      .message("this work in {} exists on this disk only, and no commit can bring it back", git_name(site, r))
      .fix("meshops sync, or: {0} add -A && {0} commit && {0} push", git_in(site, r))
      .about("uncommitted {}", site.shown(r.directory));
}

void stashed(const Site& site, const GitRepository& r, Findings& out) {
  auto log = reflog_of(site, r, "refs/stash");
  if (!log || log->entries.empty()) return;
  const auto& oldest = log->entries.front();
  auto age = age_of(site, oldest.at);
  if (age <= kDay) return;
  out.add(site.at(log->path, oldest.line))
      .found("{} stashed, the oldest {} ago",
             log->entries.size() == 1 ? "1 change" : fmt::format("{} changes", log->entries.size()),
             about(age))
      .wanted("committed and pushed within a day")
      .message("a stash is never pushed: it is gone with this disk, or with the next git stash drop")
      .fix("{0} stash list; then {0} stash branch NAME, commit and push", git_in(site, r))
      .about("stash {}", site.shown(r.directory));
}

struct Waiting {
  std::size_t commits = 0;
  bool many = false;
  GitCommit oldest;
};

Result<Waiting> waiting(const GitStore& store, const std::string& tip,
                        const std::vector<std::string>& elsewhere) {
  constexpr std::size_t kMost = 2000;
  Waiting out;
  if (std::ranges::find(elsewhere, tip) != elsewhere.end()) return out;
  CHECK_OK(store.walk({tip}, elsewhere, [&](const GitCommit& c) {
    if (++out.commits == 1 || c.committed < out.oldest.committed) out.oldest = c;
    out.many = out.commits >= kMost;
    return !out.many;
  }));
  return out;
}

/// It was pushed once, and the branch was deleted there afterwards (merged, most likely).
bool upstream_is_gone(const GitRepository& r, const std::string& branch, const std::vector<GitRef>& refs) {
  auto upstream = r.upstream(branch);
  if (upstream.empty() || upstream.starts_with(kHeads)) return false;
  auto remote = upstream.substr(0, upstream.find('/', std::string_view("refs/remotes/").size()) + 1);
  bool others = false;
  for (const auto& ref : refs) {
    if (ref.name == upstream) return false;
    others = others || ref.name.starts_with(remote);
  }
  return others;
}

void unpushed(const Site& site, const GitRepository& r, Findings& out) {
  auto refs = r.store->refs();
  auto head = r.store->head();
  if (!refs || !head) return out.skip(git_name(site, r), (!refs ? refs.error() : head.error()).text());
  if (!*head) return;
  bool detached = (*head)->name.empty();
  std::vector<std::string> elsewhere;
  for (const auto& ref : *refs)
    if (is_elsewhere(ref.name, detached)) elsewhere.push_back(ref.id);
  bool no_remote = !r.has_remote() && std::ranges::none_of(*refs, [](const GitRef& ref) {
    return ref.name.starts_with("refs/remotes/");
  });
  // HEAD first: what other branches share with it is told once.
  std::vector<GitRef> tips = {**head};
  for (const auto& ref : *refs)
    if (ref.name.starts_with(kHeads) && ref.name != (*head)->name) tips.push_back(ref);
  constexpr std::size_t kMostTold = 20;
  std::size_t told = 0;
  for (const auto& tip : tips) {
    auto branch = tip.name.empty() ? std::string("HEAD") : tip.name.substr(kHeads.size());
    if (!tip.name.empty() && upstream_is_gone(r, branch, *refs)) continue;
    auto found = waiting(*r.store, tip.id, elsewhere);
    if (!found) {
      out.skip(git_name(site, r),
               r.store->shallow() ? "a shallow clone: its history is cut off" : found.error().text());
      return;
    }
    elsewhere.push_back(tip.id);
    if (found->commits == 0 || age_of(site, found->oldest.committed) <= kDay) continue;
    if (++told > kMostTold) return;
    auto count = found->commits == 1
                     ? "1 commit"
                     : fmt::format("{}{} commits", found->commits, found->many ? " or more" : "");
    auto place = tip.name.empty() ? (r.git_dir.empty() ? r.directory : r.git_dir / "HEAD")
                                  : (r.common_dir.empty() ? r.directory : r.common_dir / tip.name);
    if (no_remote) {
      out.add(site.at(place))
          .found("{} on {}, and no remote", count, branch)
          .wanted("a remote that has them")
          .message("{} is on this disk only: there is no remote that anything could be pushed to",
                   git_name(site, r))
          .fix("{0} remote add origin URL && {0} push -u origin {1}", git_in(site, r), shell_word(branch))
          .about("no remote {}", site.shown(r.directory));
      return;
    }
    out.add(site.at(place))
        .found("{} on {} not pushed, the oldest {} old ({})", count, branch,
               about(age_of(site, found->oldest.committed)), short_id(found->oldest.id))
        .wanted("pushed within a day")
        .message("{} has commits that no other machine has", branch)
        .fix("meshops sync, or: {} push{}", git_in(site, r),
             !tip.name.empty() && r.upstream(branch).empty() ? " -u origin " + shell_word(branch) : "")
        .about("unpushed {} {}", site.shown(r.directory), branch);
  }
}

/// "30.days.ago", "2.weeks", "90 days", "never", "now": how long entries are kept; nothing: for ever, or it
/// is not understood.
std::optional<Duration> kept_for(std::string_view text) {
  auto value = lower(text);
  if (value == "never" || value == "false") return std::nullopt;
  if (value == "now" || value == "all") return Duration{};
  std::ranges::replace(value, '.', ' ');
  auto parts = words(value);
  if (parts.size() < 2) return std::nullopt;
  auto number = to_number<unsigned>(parts[0]);
  if (!number || *number > 100'000) return std::nullopt;
  const std::pair<std::string_view, Duration> kUnits[] = {
      {"second", 1s},     {"minute", 1min},     {"hour", 1h},        {"day", kDay},
      {"week", 7 * kDay}, {"month", 30 * kDay}, {"year", 365 * kDay}};
  for (const auto& [name, length] : kUnits)
    if (parts[1].starts_with(name)) return *number * length;
  return std::nullopt;
}

struct Lost {
  GitCommit commit;
  std::int64_t last_seen = 0;  // the newest entry that keeps it
  fs::path log;
  std::size_t line = 0;
};

/// Commits that reflogs name and nothing else leads to.
Result<std::vector<Lost>> lost_commits(const Site& site, const GitRepository& r,
                                       const std::vector<std::string>& tips) {
  auto logs = reflogs_below(site, r, "refs/heads");
  if (auto head = reflog_of(site, r, "HEAD")) logs.push_back(std::move(*head));
  std::map<std::string, Lost> named;
  for (const auto& log : logs)
    for (const auto& entry : log.entries)
      for (const auto& id : {entry.to, entry.from}) {
        if (git::is_null_id(id)) continue;
        auto& lost = named[id];
        if (entry.at >= lost.last_seen) lost = {{}, entry.at, log.path, entry.line};
      }
  std::vector<Lost> out;
  for (auto& [id, lost] : named) {
    if (std::ranges::find(tips, id) != tips.end()) continue;
    auto commit = r.store->commit(id);
    // Already swept away: nothing can be done.
    if (!commit) continue;
    if (TRY(r.store->reachable(id, tips))) continue;
    lost.commit = std::move(*commit);
    out.push_back(std::move(lost));
  }
  return out;
}

/// Takes out what amending and rebasing leaves behind: its change lives on in another commit.
Status leave_out_rewritten(const GitStore& store, const std::vector<std::string>& tips,
                           std::vector<Lost>& lost) {
  if (lost.empty()) return ok();
  auto oldest =
      std::ranges::min_element(lost, {}, [](const Lost& l) { return l.commit.committed; })->commit.committed;
  // Amending and rebasing keep author and time, and of subject and parent at least one.
  std::set<std::tuple<std::string, std::int64_t, std::string>> written;
  std::set<std::string> trees;
  auto parent = [](const GitCommit& c) { return c.parents.empty() ? std::string() : c.parents.front(); };
  constexpr std::size_t kMost = 50'000;
  std::size_t seen = 0;
  CHECK_OK(store.walk(tips, {}, [&](const GitCommit& c) {
    written.emplace(c.mail, c.authored, c.subject);
    written.emplace(c.mail, c.authored, parent(c));
    trees.insert(c.tree);
    return c.committed >= oldest && ++seen < kMost;
  }));
  std::erase_if(lost, [&](const Lost& l) {
    return written.contains({l.commit.mail, l.commit.authored, l.commit.subject}) ||
           written.contains({l.commit.mail, l.commit.authored, parent(l.commit)}) ||
           trees.contains(l.commit.tree);
  });
  return ok();
}

}  // namespace

void git_waiting_work(const Site& site, Findings& out) {
  for (const auto& r : site.facts<Repositories>().all()) {
    if (r.bare) continue;
    if (!r.store) {
      out.skip(git_name(site, r), r.why_not);
      continue;
    }
    uncommitted(site, r, out);
    stashed(site, r, out);
    unpushed(site, r, out);
  }
}

void git_lost_commits(const Site& site, Findings& out) {
  for (const auto* r : site.facts<Repositories>().distinct()) {
    if (!r->store) {
      out.skip(git_name(site, *r), r->why_not);
      continue;
    }
    constexpr Duration kWarnBefore = 14 * kDay;
    auto kept = kept_for(r->setting("gc", "reflogexpireunreachable").value_or("30.days.ago"));
    if (!kept) continue;
    auto refs = r->store->refs();
    auto head = r->store->head();
    if (!refs || !head) {
      out.skip(git_name(site, *r), (!refs ? refs.error() : head.error()).text());
      continue;
    }
    std::vector<std::string> tips;
    for (const auto& ref : *refs) tips.push_back(ref.id);
    if (*head) tips.push_back((*head)->id);
    auto lost = lost_commits(site, *r, tips);
    auto sorted = lost ? leave_out_rewritten(*r->store, tips, *lost) : Status(fail(lost.error()));
    if (!sorted) {
      out.skip(git_name(site, *r),
               r->store->shallow() ? "a shallow clone: its history is cut off" : sorted.error().text());
      continue;
    }
    std::ranges::sort(*lost, std::greater(),
                      [](const Lost& l) { return std::pair(l.commit.committed, l.commit.id); });
    std::erase_if(*lost, [&](const Lost& l) { return *kept - age_of(site, l.last_seen) > kWarnBefore; });
    constexpr std::size_t kMostTold = 10, kMostCompared = 200;
    if (lost->size() > kMostCompared) lost->resize(kMostCompared);
    std::size_t told = 0;
    for (const auto& l : *lost) {
      // The last of a line of commits stands for all of them.
      if (std::ranges::any_of(*lost, [&](const Lost& other) {
            return other.commit.id != l.commit.id && other.commit.committed >= l.commit.committed &&
                   r->store->descends(other.commit.id, l.commit.id) == true;
          }))
        continue;
      if (++told > kMostTold) break;
      auto left = *kept - age_of(site, l.last_seen);
      out.add(site.at(l.log, l.line))
          .found("{} \"{}\" is only in the reflog, which {}", short_id(l.commit.id),
                 printable(l.commit.subject.substr(0, 60)),
                 left > Duration{} ? fmt::format("lets it go in {}", about(left))
                                   : "has kept it longer than it must: the next git gc takes it")
          .wanted("a branch or tag that has it, or nobody who misses it")
          .message("this commit of {} is on no branch any more and will be deleted for good",
                   git_name(site, *r))
          .fix("{0} branch rescue-{1} {1}", git_in(site, *r), short_id(l.commit.id))
          .about("{}", l.commit.id);
    }
  }
}

void git_rewritten_upstream(const Site& site, Findings& out) {
  for (const auto* r : site.facts<Repositories>().distinct()) {
    if (!r->store) {
      out.skip(git_name(site, *r), r->why_not);
      continue;
    }
    auto refs = r->store->refs();
    if (!refs) {
      out.skip(git_name(site, *r), refs.error().text());
      continue;
    }
    for (const auto& ref : *refs) {
      if (!ref.name.starts_with(kHeads)) continue;
      auto branch = ref.name.substr(kHeads.size());
      auto name = r->upstream(branch);
      auto upstream = std::ranges::find(*refs, name, &GitRef::name);
      if (name.empty() || upstream == refs->end() || upstream->id == ref.id) continue;
      // More than a person rewrites by hand; comparing patches costs.
      constexpr std::size_t kMost = 300;
      struct Side {
        std::vector<GitCommit> commits;
        std::string error;
      };
      auto side = [&](const std::string& from, const std::string& without) {
        Side s;
        auto walked = r->store->walk({from}, {without}, [&](const GitCommit& c) {
          s.commits.push_back(c);
          return s.commits.size() < kMost;
        });
        if (!walked) s.error = walked.error().text();
        return s;
      };
      auto ours = side(ref.id, upstream->id), theirs = side(upstream->id, ref.id);
      if (!ours.error.empty() || !theirs.error.empty()) {
        out.skip(git_name(site, *r),
                 r->store->shallow() ? "a shallow clone: its history is cut off" : ours.error + theirs.error);
        break;
      }
      if (ours.commits.empty() || theirs.commits.empty()) continue;
      std::map<std::string, const GitCommit*> patches;
      std::map<std::tuple<std::string, std::int64_t, std::string>, const GitCommit*> written;
      for (const auto& c : theirs.commits) {
        if (c.parents.size() > 1) continue;
        if (auto patch = r->store->patch_id(c.id); patch && !patch->empty()) patches[*patch] = &c;
        written[{c.mail, c.authored, c.subject}] = &c;
      }
      const GitCommit *mine = nullptr, *other = nullptr;
      std::size_t twice = 0;
      for (const auto& c : ours.commits) {
        if (c.parents.size() > 1) continue;
        const GitCommit* same = nullptr;
        if (auto patch = r->store->patch_id(c.id); patch && !patch->empty())
          if (auto it = patches.find(*patch); it != patches.end()) same = it->second;
        // An amended commit keeps its author and time.
        if (auto it = written.find({c.mail, c.authored, c.subject}); same == nullptr && it != written.end())
          same = it->second;
        if (same == nullptr) continue;
        mine = &c, other = same;
        ++twice;
      }
      if (mine == nullptr) continue;
      const auto* follows = r->config.last("branch", "merge", branch);
      auto shown = name.substr(name.starts_with("refs/remotes/") ? 13 : kHeads.size());
      out.add(site.at(r->common_dir.empty() ? r->directory : r->common_dir / "config",
                      follows != nullptr ? follows->line : 0))
          .found("{} here and {} there are the same change (\"{}\"){}; {} and {} commits apart",
                 short_id(mine->id), short_id(other->id), printable(mine->subject.substr(0, 60)),
                 twice > 1 ? fmt::format(", and {} more", twice - 1) : "", ours.commits.size(),
                 theirs.commits.size())
          .wanted("a pushed commit stays as it is")
          .message("{} was rewritten after it was pushed: a plain pull merges every change with itself",
                   branch)
          .fix("{} rebase {}{}", git_in(site, *r), shell_word(shown),
               git::is_shared_branch(branch)
                   ? ""
                   : fmt::format("; or, if nobody else builds on it: {} push --force-with-lease",
                                 git_in(site, *r)))
          .about("{} {}", site.shown(r->directory), branch);
    }
  }
}

}  // namespace meshops::audit
