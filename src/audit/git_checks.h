// The checks behind the git rules, for the table in rules/git.cpp. Each is pure but for what Site reads.
#pragma once

#include "audit/git_places.h"
#include "audit/rule.h"

namespace meshops::audit {

void git_forced_pushes(const Site& site, Findings& out);
void git_waiting_work(const Site& site, Findings& out);
void git_subjects(const Site& site, Findings& out);
void git_self_merges(const Site& site, Findings& out);
void git_conflict_markers(const Site& site, Findings& out);
void git_lost_commits(const Site& site, Findings& out);
void git_rewritten_upstream(const Site& site, Findings& out);
void git_tracked_secrets(const Site& site, Findings& out);
void git_stale_sync(const Site& site, Findings& out);

/// "sync of /home/claw/workspace"; "the repository" where the folder itself is it.
std::string git_name(const Site& site, const GitRepository& repository);
inline std::string short_id(std::string_view id) { return std::string(id.substr(0, 9)); }
/// How long ago, never below nothing.
Duration age_of(const Site& site, std::int64_t seconds);
/// Quoted for a command line where that is needed.
std::string shell_word(std::string_view word);
/// "git -C DIR", or "git" for the folder itself.
std::string git_in(const Site& site, const GitRepository& repository);

}  // namespace meshops::audit
