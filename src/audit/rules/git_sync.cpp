// GIT-009: workspaces that are kept in step with a remote, and no longer are.
//
// What `meshops sync` leaves behind after each good run, STATE_DIR/sync/NAME.json:
//   {"workspace": "/home/claw/.openclaw/workspace", "last_good": "2026-11-25T11:45:00Z", "every": "15m"}
// last_good: the end of the last run in which everything was fetched and pushed; null: never.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "audit/git_checks.h"
#include "audit/units.h"
#include "base/text.h"
#include "formats/json5.h"

namespace meshops::audit {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr int kIntervals = 3;

void tell(Where at, const std::string& workspace, std::optional<Duration> age, Duration every,
          Findings& out) {
  out.add(std::move(at))
      .found("{}", age ? fmt::format("last good sync {} ago, every {}", about(*age), about(every))
                       : fmt::format("never synced, every {}", about(every)))
      .wanted("at most {} ago", about(kIntervals * every))
      .message("what was done in {} since then is on this machine only, and what others did is missing here",
               workspace)
      .fix("meshops sync; what it says about {} is the reason", workspace)
      .about("{}", workspace);
}

void records(const Site& site, Findings& out) {
  std::vector<fs::path> folders;
  if (site.repo())
    folders.push_back("/sync");
  else
    folders.push_back(site.mesh().state_dir / "sync");
  for (const auto& folder : folders) {
    auto names = site.host().list(folder);
    if (!names) {
      if (names.error().is("file.not_permitted")) out.skip(site.shown(folder), names.error().text());
      continue;
    }
    for (const auto& name : *names) {
      if (!name.ends_with(".json")) continue;
      auto path = folder / name;
      auto text = site.host().read(path, 1U << 16);
      if (!text) {
        out.skip(site.shown(path), text.error().text());
        continue;
      }
      auto document = json5::Document::parse(*text);
      if (!document) {
        out.skip(site.shown(path), document.error().text());
        continue;
      }
      auto workspace = document->find("workspace").as_string();
      auto last = document->find("last_good");
      auto every = document->find("every");
      std::optional<Duration> interval;
      if (auto word = every.as_string()) interval = parse_duration(*word);
      if (auto number = every.as_int()) interval = *number * 1s;
      if (!workspace || !interval || *interval <= Duration{}) {
        // In a folder any file may have such a name.
        if (!site.repo()) out.skip(site.shown(path), "no workspace and interval in it");
        continue;
      }
      std::optional<WallTime> when;
      if (auto word = last.as_string()) when = parse_iso8601(*word);
      std::optional<Duration> age;
      if (when) age = std::chrono::duration_cast<Duration>(site.now() - *when);
      if (age && *age <= kIntervals * *interval) continue;
      tell(site.at(path, last ? last.position().line : 1), *workspace, age, *interval, out);
    }
  }
}

/// How far apart the runs of five fields are, where that is plain to see.
std::optional<Duration> interval_of(std::span<const std::string_view> fields) {
  auto step = [](std::string_view field) -> std::optional<unsigned> {
    if (field == "*") return 1;
    if (field.starts_with("*/")) return to_number<unsigned>(field.substr(2));
    return std::nullopt;
  };
  auto times = [](std::string_view field) {
    return static_cast<unsigned>(std::ranges::count(field, ',')) + 1;
  };
  constexpr Duration kDay = 24h;
  if (auto minutes = step(fields[0])) return *minutes * 1min;
  if (auto hours = step(fields[1])) return *hours == 1 ? 1h / times(fields[0]) : *hours * 1h;
  if (fields[4] != "*") return 7 * kDay;
  if (auto days = step(fields[2])) return *days * kDay / times(fields[1]);
  return std::nullopt;
}

std::optional<Duration> interval_of_word(std::string_view word) {
  if (word == "@hourly" || word == "hourly") return 1h;
  if (word == "@daily" || word == "@midnight" || word == "daily") return 24h;
  if (word == "@weekly" || word == "weekly") return 7 * 24h;
  return std::nullopt;
}

/// The directory that a command pulls into: "git -C DIR pull", "cd DIR && git pull"; empty: it pulls nothing.
fs::path pulled_directory(std::string_view command) {
  if (command.find("git") == std::string_view::npos) return {};
  auto parts = words(command);
  auto bare = [](std::string_view word) {
    while (!word.empty() && (word.back() == ';' || word.back() == '"' || word.back() == '\''))
      word.remove_suffix(1);
    while (!word.empty() && (word.front() == '"' || word.front() == '\'' || word.front() == '('))
      word.remove_prefix(1);
    return word;
  };
  fs::path directory;
  bool git = false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto word = bare(parts[i]);
    if (word.substr(word.rfind('/') + 1) == "git") git = true;
    if ((word == "cd" || (git && word == "-C")) && i + 1 < parts.size())
      directory = std::string(bare(parts[i + 1]));
    if (git && (word == "pull" || word == "fetch")) return directory.is_absolute() ? directory : fs::path();
  }
  return {};
}

/// When the workspace last heard from its remote. An interrupted fetch leaves FETCH_HEAD empty: then only
/// what moved a remote-tracking branch counts.
std::optional<WallTime> last_fetch(const Site& site, const fs::path& workspace) {
  auto head = site.host().stat(workspace / ".git/FETCH_HEAD");
  if (head && head->size > 0) return head->modified;
  GitRepository r{.directory = workspace, .git_dir = workspace / ".git", .common_dir = workspace / ".git"};
  std::optional<WallTime> last;
  for (const auto& log : reflogs_below(site, r, "refs/remotes"))
    if (!log.entries.empty()) {
      WallTime at{std::chrono::seconds(log.entries.back().at)};
      if (!last || at > *last) last = at;
    }
  return last;
}

void scheduled(const Site& site, Where at, const fs::path& workspace, std::optional<Duration> every,
               Findings& out) {
  if (!every || workspace.empty() || !site.host().stat(workspace / ".git")) return;
  auto last = last_fetch(site, workspace);
  std::optional<Duration> age;
  if (last) age = std::chrono::duration_cast<Duration>(site.now() - *last);
  if (age && *age <= kIntervals * *every) return;
  // Nothing to judge by: the job may be newer than its first run.
  if (!age) return;
  tell(std::move(at), workspace.string(), age, *every, out);
}

void crontabs(const Site& site, Findings& out) {
  for (const auto& file : site.files().all()) {
    if (file.kind != FileKind::crontab && file.kind != FileKind::system_crontab) continue;
    auto text = site.host().read(file.path, 1U << 20);
    if (!text) {
      out.skip(site.shown(file.path), text.error().text());
      continue;
    }
    std::size_t number = 0;
    for (auto line : split(*text, '\n')) {
      ++number;
      auto fields = words(line);
      if (fields.size() < 2 || fields[0].starts_with('#')) continue;
      bool word = fields[0].starts_with('@');
      if (!word && fields.size() < 6) continue;
      auto every = word ? interval_of_word(fields[0]) : interval_of(std::span(fields).first(5));
      scheduled(site, site.at(file.path, number), pulled_directory(line), every, out);
    }
  }
}

void timers(const Site& site, Findings& out) {
  const auto& units = site.facts<Units>();
  for (const auto& service : units.services()) {
    fs::path workspace;
    for (const auto& command : service.commands()) {
      std::string line = join(command.argv, " ");
      if (auto directory = pulled_directory(line); !directory.empty()) workspace = directory;
      if (workspace.empty() &&
          (line.find("git pull") != std::string::npos || line.find("git fetch") != std::string::npos))
        workspace = service.file.value("Service", "WorkingDirectory").value_or("");
    }
    if (workspace.empty()) continue;
    for (const auto& timer : units.others()) {
      if (!timer.name.ends_with(".timer") ||
          std::ranges::find(service.started_by, timer.name) == service.started_by.end())
        continue;
      auto every = timer.file.span("Timer", "OnUnitActiveSec");
      if (!every) every = timer.file.span("Timer", "OnUnitInactiveSec");
      if (!every) every = interval_of_word(timer.file.value("Timer", "OnCalendar").value_or(""));
      scheduled(site,
                timer.at("Timer", timer.file.value("Timer", "OnCalendar") ? "OnCalendar" : "OnUnitActiveSec"),
                workspace, every, out);
      break;
    }
  }
}

}  // namespace

void git_stale_sync(const Site& site, Findings& out) {
  records(site, out);
  if (site.repo()) return;
  crontabs(site, out);
  timers(site, out);
}

}  // namespace meshops::audit
