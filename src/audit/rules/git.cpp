// git: work that must not be lost, and history that others build on.
#include <algorithm>

#include "audit/git_checks.h"
#include "base/text.h"

namespace meshops::audit {

std::string git_name(const Site& site, const GitRepository& repository) {
  auto shown = site.shown(repository.directory);
  return shown.empty() ? "the repository" : printable(shown);
}

std::string git_in(const Site& site, const GitRepository& repository) {
  auto shown = site.shown(repository.directory);
  return shown.empty() ? "git" : "git -C " + shell_word(shown);
}

std::string shell_word(std::string_view word) {
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:@%+,=").find(c) != std::string_view::npos;
  };
  auto text = printable(word);
  if (!text.empty() && text[0] != '-' && std::ranges::all_of(text, plain)) return text;
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Duration age_of(const Site& site, std::int64_t seconds) {
  // Clocks of others may be wrong by anything; nothing is older than the clock itself.
  constexpr std::int64_t kLast = 1LL << 33;
  WallTime at{std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kLast))};
  return std::max(Duration{}, std::chrono::duration_cast<Duration>(site.now() - at));
}

namespace {

constexpr unsigned kAnywhere = kLive | kRoot | kRepo;

const Rule kRules[] = {
    {.id = "GIT-001",
     .severity = Severity::critical,
     .reads = kAnywhere,
     .fix = Fix::automatic,
     .title = "A shared branch is pushed with force",
     .why = "A forced push throws away what others have pushed since; their next pull diverges, and nobody "
            "is told.",
     .not_when = "--force-with-lease to a feature branch",
     .remedy = "Install a pre-push guard, set receive.denyNonFastForwards on the server, take --force out of "
               "scripts.",
     .check = git_forced_pushes},
    {.id = "GIT-002",
     .severity = Severity::medium,
     .reads = kAnywhere,
     .fix = Fix::plan,
     .title = "Work is not committed or not pushed for over a day",
     .why = "It exists on one disk only.",
     .not_when = "ignored files",
     .remedy = "meshops sync",
     .check = git_waiting_work},
    {.id = "GIT-003",
     .severity = Severity::low,
     .reads = kAnywhere,
     .fix = Fix::none,
     .title = "A commit's subject does not say what kind of change it is",
     .why = "Logs are read in a hurry, in an outage: type, scope and a short description are found by eye "
            "and by "
            "tools. The scope may be left out, as Conventional Commits allow.",
     .not_when = "merges, reverts, fixups, robots; the last 50 commits of yours only",
     .remedy = "type(scope): description, under 72 characters.",
     .check = git_subjects},
    {.id = "GIT-004",
     .severity = Severity::low,
     .reads = kAnywhere,
     .fix = Fix::automatic,
     .title = "Pulls merge a branch with itself",
     .why = "Such merges carry no change and hide those that do.",
     .not_when = "pull.rebase or branch.*.rebase set, or pull.ff=only",
     .remedy = "git config pull.rebase true",
     .check = git_self_merges},
    {.id = "GIT-005",
     .severity = Severity::critical,
     .reads = kAnywhere,
     .fix = Fix::plan,
     .title = "Conflict markers stand in a tracked file",
     .why = "Whatever reads the file stops there, or takes both sides.",
     .not_when = "underlines of reStructuredText and Markdown: all three markers must stand in order",
     .remedy = "Decide between the two sides and take out the markers.",
     .check = git_conflict_markers},
    {.id = "GIT-006",
     .severity = Severity::medium,
     .reads = kAnywhere,
     .fix = Fix::plan,
     .title = "Commits that only the reflog keeps will soon be deleted",
     .why = "After a reset or a deleted branch the reflog keeps commits for 30 days; then they are gone for "
            "good.",
     .not_when = "their change is in another commit (amended, rebased)",
     .remedy = "Give those you need a branch.",
     .check = git_lost_commits},
    {.id = "GIT-007",
     .severity = Severity::high,
     .reads = kAnywhere,
     .fix = Fix::plan,
     .title = "A branch was rewritten after it was pushed",
     .why =
         "The same change stands on both sides; a plain pull merges it with itself, and a forced push takes "
         "the other side's commits away.",
     .not_when = "",
     .remedy = "Rebase on the upstream branch.",
     .check = git_rewritten_upstream},
    {.id = "GIT-008",
     .severity = Severity::critical,
     .reads = kAnywhere,
     .fix = Fix::plan,
     .title = "A secret is in a tracked file",
     .why = "Everybody who can read the repository has it, also after it is deleted: history keeps it.",
     .not_when = "placeholders, lock files, generated bundles",
     .remedy = "Rotate it first, then take it out.",
     .check = git_tracked_secrets},
    {.id = "GIT-009",
     .severity = Severity::medium,
     .reads = kAnywhere,
     .fix = Fix::plan,
     .title = "A workspace is no longer in step with its remote",
     .why = "Its job still runs, or seems to; what it should carry has not arrived for three intervals.",
     .not_when = "",
     .remedy = "meshops sync, and read what it says.",
     .check = git_stale_sync},
};

}  // namespace

std::span<const Rule> git_rules() { return kRules; }

}  // namespace meshops::audit
