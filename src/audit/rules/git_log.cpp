// GIT-003, GIT-004: how the log reads.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "audit/git_checks.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

constexpr std::size_t kSubjectLimit = 72;

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool is_type(std::string_view word) {
  return !word.empty() && word[0] >= 'a' && word[0] <= 'z' && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

/// What may stand without a scope: words that say what kind of change it is. "net: fix it" names a part, not
/// a kind.
bool is_known_type(std::string_view word) {
  constexpr std::array<std::string_view, 17> kTypes = {
      "feat", "fix",   "docs",   "style", "refactor", "perf",     "test",    "tests", "build",
      "ci",   "chore", "revert", "bench", "deps",     "security", "release", "wip"};
  return std::ranges::find(kTypes, word) != kTypes.end();
}

/// What is wrong with it; empty: nothing. The scope may be missing, as Conventional Commits allow.
std::string fault_of(std::string_view subject) {
  auto colon = subject.find(": ");
  auto head = subject.substr(0, colon);
  bool well = colon != std::string_view::npos && !trim(subject.substr(colon + 2)).empty();
  if (head.ends_with('!')) head.remove_suffix(1);
  auto open = head.find('(');
  if (open == std::string_view::npos) {
    well = well && is_known_type(head);
  } else {
    auto scope = head.substr(open + 1);
    well = well && is_type(head.substr(0, open)) && scope.ends_with(')') && scope.size() > 1 &&
           scope.substr(0, scope.size() - 1).find_first_of("()") == std::string_view::npos;
  }
  if (!well) return "not type(scope): description";
  if (auto n = characters(subject); n >= kSubjectLimit) return fmt::format("{} characters", n);
  return "";
}

bool is_exempt(const GitCommit& c) {
  for (std::string_view made :
       {"Merge ", "Revert \"", "Revert '", "Reapply \"", "fixup! ", "squash! ", "amend! "})
    if (c.subject.starts_with(made)) return true;
  return c.parents.size() > 1 || c.author.ends_with("[bot]") || c.mail.find("[bot]@") != std::string::npos;
}

/// Of "Merge branch 'main' of HOST:PATH" and its like: the branch, where it was merged into itself.
std::string merged_with_itself(std::string_view subject) {
  std::string_view name;
  bool of_remote = false;
  if (subject.starts_with("Merge branch '")) {
    subject.remove_prefix(14);
    auto quote = subject.find('\'');
    name = subject.substr(0, quote);
    subject = quote == std::string_view::npos ? "" : subject.substr(quote + 1);
    of_remote = subject.starts_with(" of ");
  } else if (subject.starts_with("Merge remote-tracking branch '")) {
    subject.remove_prefix(30);
    auto quote = subject.find('\'');
    name = subject.substr(0, quote);
    name.remove_prefix(std::min(name.find('/') + 1, name.size()));
    subject = quote == std::string_view::npos ? "" : subject.substr(quote + 1);
    of_remote = true;
  }
  if (!of_remote || name.empty()) return "";
  auto into = subject.rfind(" into ");
  // git leaves "into" out for the main branch.
  if (into == std::string_view::npos) return name == "main" || name == "master" ? std::string(name) : "";
  auto target = trim(subject.substr(into + 6));
  if (target.starts_with('\'') && target.ends_with('\'') && target.size() > 1)
    target = target.substr(1, target.size() - 2);
  return target == name ? std::string(name) : "";
}

bool rebases(const std::optional<std::string>& value) {
  if (!value) return false;
  auto word = lower(*value);
  return word == "merges" || word == "m" || word == "interactive" || word == "i" || word == "preserve" ||
         git::config_boolean(word).value_or(false);
}

}  // namespace

void git_subjects(const Site& site, Findings& out) {
  constexpr std::size_t kLast = 50, kMostWalked = 5000, kMostTold = 10;
  for (const auto* r : site.facts<Repositories>().distinct()) {
    if (!r->store) {
      out.skip(git_name(site, *r), r->why_not);
      continue;
    }
    auto head = r->store->head();
    if (!head) out.skip(git_name(site, *r), head.error().text());
    if (!head || !*head) continue;
    auto me = r->setting("user", "email");
    std::size_t own = 0, walked = 0;
    std::vector<std::pair<GitCommit, std::string>> bad;
    auto done = r->store->walk({(*head)->id}, {}, [&](const GitCommit& c) {
      if (++walked > kMostWalked) return false;
      if (is_exempt(c) || (me && lower(*me) != lower(c.mail))) return true;
      if (auto fault = fault_of(c.subject); !fault.empty()) bad.emplace_back(c, fault);
      return ++own < kLast;
    });
    // Of a shallow clone the part that is there was looked at.
    if (!done && !r->store->shallow()) out.skip(git_name(site, *r), done.error().text());
    for (std::size_t i = 0; i < std::min(bad.size(), kMostTold); ++i) {
      const auto& [commit, fault] = bad[i];
      auto more =
          i == 0 && bad.size() > kMostTold ? fmt::format(" ({} such commits in all)", bad.size()) : "";
      out.add(site.at(r->git_dir.empty() ? r->directory : r->git_dir))
          .found("{} \"{}\": {}{}", short_id(commit.id), printable(commit.subject.substr(0, 100)), fault,
                 more)
          .wanted("type(scope): description, under {} characters", kSubjectLimit)
          .message(
              "nobody finds this change again by what it is about, and tools that read the log pass it by")
          .fix("{}", i == 0 && commit.id == (*head)->id
                         ? "if it is not pushed yet: " + git_in(site, *r) + " commit --amend"
                         : "leave it as it is; write the next ones so")
          .about("{}", commit.id);
    }
  }
}

void git_self_merges(const Site& site, Findings& out) {
  constexpr std::size_t kMostWalked = 2000;
  for (const auto* r : site.facts<Repositories>().distinct()) {
    if (r->bare) continue;
    if (!r->store) {
      out.skip(git_name(site, *r), r->why_not);
      continue;
    }
    auto head = r->store->head();
    if (!head) out.skip(git_name(site, *r), head.error().text());
    if (!head || !*head) continue;
    struct Seen {
      std::size_t merges = 0;
      GitCommit last;
    };
    std::map<std::string, Seen> branches;
    std::size_t walked = 0;
    auto done = r->store->walk({(*head)->id}, {}, [&](const GitCommit& c) {
      if (c.parents.size() > 1)
        if (auto name = merged_with_itself(c.subject); !name.empty())
          if (auto& seen = branches[name]; ++seen.merges == 1) seen.last = c;
      return ++walked < kMostWalked;
    });
    if (!done && !r->store->shallow()) out.skip(git_name(site, *r), done.error().text());
    for (const auto& [branch, seen] : branches) {
      const auto* own = r->config.last("branch", "rebase", branch);
      const auto* all = r->config.last("pull", "rebase");
      auto value = own != nullptr ? std::optional(own->value.value_or("true")) : r->setting("pull", "rebase");
      // With ff=only a pull never merges.
      if (rebases(value) || lower(r->setting("pull", "ff").value_or("")) == "only") continue;
      const auto* set = own != nullptr ? own : all;
      std::optional<Mend> mend;
      if (!r->common_dir.empty())
        mend = Mend{
            .files = {{.path = r->common_dir / "config",
                       .bytes = own != nullptr ? git::set(r->config_text, "branch", branch, "rebase", "true")
                                               : git::set(r->config_text, "pull", "", "rebase", "true")}}};
      auto key = own != nullptr ? fmt::format("branch.{}.rebase", branch) : "pull.rebase";
      out.add(site.at(r->common_dir.empty() ? r->directory : r->common_dir / "config",
                      set != nullptr ? set->line : 0, set != nullptr ? set->column : 0))
          .found("{} {}; {} of {} with itself, the last {} \"{}\"", key,
                 value ? "= " + quote(*value) : "not set",
                 seen.merges == 1 ? "1 merge" : fmt::format("{} merges", seen.merges), branch,
                 short_id(seen.last.id), printable(seen.last.subject.substr(0, 60)))
          .wanted("pull.rebase = true")
          .message("every pull of {} with local commits adds a merge that says nothing and hides the others",
                   branch)
          .fix("{} config {} true", git_in(site, *r), key)
          .about("{}", key)
          .mend(std::move(mend));
      // One switch for all branches that have none of their own.
      if (own == nullptr) break;
    }
  }
}

}  // namespace meshops::audit
