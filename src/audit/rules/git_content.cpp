// GIT-005, GIT-008: what must never stand in a file that is tracked.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <span>

#include "audit/git_checks.h"
#include "audit/secrets.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

/// The text of each tracked file that is one; larger files than the Host reads are named as skipped.
void each_text(const Site& site, Findings& out,
               const std::function<void(const fs::path&, std::string_view)>& see) {
  for (const auto& path : site.facts<TrackedFiles>().all()) {
    auto info = site.host().stat(path);
    // Deleted in the work tree, or a link meanwhile.
    if (!info || info->kind != FileInfo::Kind::regular || info->size == 0) continue;
    constexpr std::size_t kHead = 8000;
    auto head = site.host().read_part(path, 0, kHead);
    if (!head) {
      out.skip(site.shown(path), head.error().text());
      continue;
    }
    if (head->bytes.find('\0') != std::string::npos) continue;
    if (info->size <= kHead) {
      see(path, head->bytes);
      continue;
    }
    auto text = site.host().read(path);
    if (!text)
      out.skip(site.shown(path), text.error().text());
    else if (text->find('\0') == std::string::npos)
      see(path, *text);
  }
}

/// "<<<<<<< HEAD": seven of them, then a blank or the end of the line.
bool is_marker(std::string_view line, char sign) {
  constexpr std::size_t kWidth = 7;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() < kWidth || line.substr(0, kWidth).find_first_not_of(sign) != std::string_view::npos)
    return false;
  return line.size() == kWidth || (sign != '=' && line[kWidth] == ' ');
}

struct Conflict {
  std::size_t begin = 0, end = 0;  // lines of the first and of the last marker
  std::string_view first;
};

std::vector<Conflict> conflicts_in(std::string_view text) {
  std::vector<Conflict> out;
  // Nearly every file ends here.
  if (text.find("\n>>>>>>>") == std::string_view::npos || text.find("<<<<<<<") == std::string_view::npos)
    return out;
  std::optional<Conflict> open;
  bool middle = false;
  std::size_t number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    if (is_marker(line, '<')) {
      open = Conflict{.begin = number, .first = trim(line)};
      middle = false;
    } else if (open && is_marker(line, '=')) {
      middle = true;
    } else if (open && middle && is_marker(line, '>')) {
      open->end = number;
      out.push_back(*open);
      open.reset();
    }
  }
  return out;
}

/// Hashes of packages, and code that tools have written on one line: full of what looks like keys.
bool is_generated(const fs::path& path, std::string_view text) {
  constexpr std::array<std::string_view, 15> kLocks = {
      "package-lock.json", "npm-shrinkwrap.json", "yarn.lock",         "pnpm-lock.yaml",
      "bun.lock",          "Cargo.lock",          "poetry.lock",       "uv.lock",
      "Pipfile.lock",      "composer.lock",       "Gemfile.lock",      "go.sum",
      "flake.lock",        "deno.lock",           "packages.lock.json"};
  auto name = path.filename().string();
  if (std::ranges::find(kLocks, name) != kLocks.end()) return true;
  constexpr std::size_t kLongLine = 1U << 20;
  std::size_t begin = 0;
  while (begin < text.size() && text.size() - begin > kLongLine) {
    auto end = text.find('\n', begin);
    if (end == std::string_view::npos || end - begin > kLongLine) return true;
    begin = end + 1;
  }
  return false;
}

}  // namespace

void git_conflict_markers(const Site& site, Findings& out) {
  each_text(site, out, [&](const fs::path& path, std::string_view text) {
    constexpr std::size_t kMostTold = 10;
    auto found = conflicts_in(text);
    for (std::size_t i = 0; i < std::min(found.size(), kMostTold); ++i)
      out.add(site.at(path, found[i].begin, 1))
          .found(
              "{}{}", printable(found[i].first.substr(0, 80)),
              found.size() > kMostTold && i == 0 ? fmt::format(" ({} conflicts in all)", found.size()) : "")
          .wanted("one of the two sides, without markers")
          .message(
              "a merge was committed unfinished: whatever reads this file sees both sides and the markers")
          .fix("decide lines {} to {}, take out the markers, commit", found[i].begin, found[i].end)
          .about("conflict {}", i + 1);
  });
}

void git_tracked_secrets(const Site& site, Findings& out) {
  each_text(site, out, [&](const fs::path& path, std::string_view text) {
    if (is_generated(path, text)) return;
    constexpr std::size_t kMostTold = 20;
    auto hits = find_secrets(text);
    std::map<std::string, std::size_t> seen;
    for (const auto& hit : std::span(hits).first(std::min(hits.size(), kMostTold))) {
      auto name =
          hit.name.empty() ? std::string(hit.kind) : fmt::format("{} in {}", hit.kind, printable(hit.name));
      auto nth = ++seen[name];
      out.add(site.at(path, hit.line, hit.column))
          .found("{}, {} characters", name, hit.length)
          .wanted("no secret in a tracked file")
          .message("everybody who has the repository, or ever cloned it, has this {}", hit.kind)
          .fix(
              "1. revoke it and make a new one; 2. take it from the environment or a file outside of the "
              "repository; 3. "
              "git rm --cached {0} or edit it; 4. git filter-repo --path {0} --invert-paths if the history "
              "must be clean",
              shell_word(site.shown(path)))
          .about("{}{}", name, nth > 1 ? fmt::format(" {}", nth) : "");
    }
  });
}

}  // namespace meshops::audit
