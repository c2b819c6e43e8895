// Remedies for full file systems. What goes is named file by file with its size; what a user made is not
// looked at.
#include "base/text.h"

#include <algorithm>
#include "heal/disk_sweep.h"
#include "heal/planning.h"
#include "heal/remedy_table.h"

namespace meshops::heal {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr Duration kNoticed = 2min;  // it writes again at once; its turns show that a little later

struct Space {
  std::vector<FileSystemInfo> all;
  FileSystemInfo state;
  Fullness full = Fullness::free;
  unsigned percent = 0;
};

/// How full the state's file system is; not_applicable below `from`.
Result<Space> space_of(const Patient& patient, const Host& host, Fullness from, bool inodes = false) {
  if (patient.identity.state_dir.empty()) return not_applicable("its state is out of sight");
  Space space{.all = TRY(host.file_systems()), .state = {}};
  auto state = file_system_of(space.all, patient.identity.state_dir);
  if (!state)
    return not_applicable("the file system of {} is not known", patient.identity.state_dir.string());
  space.state = *state;
  space.percent = inodes ? used_inodes_percent(*state) : used_percent(*state);
  space.full = fullness(space.percent);
  if (space.full < from)
    return not_applicable("{} % of {}{} are used: this begins at {} %", space.percent,
                          inodes ? "the inodes of " : "", state->mount_point, static_cast<int>(from));
  return space;
}

Planned removing(const Patient& patient, std::vector<Action> actions, const std::string& why) {
  std::uint64_t bytes = 0;
  std::size_t files = 0;
  for (const auto& action : actions)
    if (const auto* kind = std::get_if<RemoveFiles>(&action))
      for (const auto& file : kind->files) bytes += file.bytes, ++files;
  Treatment treatment{.remedy = {},
                      .sentence = fmt::format("{}: {} files, {}", why, files, bytes_text(bytes)),
                      .actions = std::move(actions),
                      .undo_if_no_help = false};
  start_or_watch(patient, treatment, kNoticed);
  return treatment;
}

std::vector<Action> as_actions(std::vector<RemoveFiles> kinds) {
  std::vector<Action> out;
  for (auto& kind : kinds) out.emplace_back(std::move(kind));
  return out;
}

}  // namespace

Planned clean_caches(const Patient& patient, const Host& host) {
  auto space = TRY(space_of(patient, host, Fullness::logs));
  auto actions = as_actions(sweep(patient, host, space.full));
  if (actions.empty()) return not_applicable("the gateway has no old logs, caches or temporary files");
  return removing(patient, std::move(actions),
                  fmt::format("remove old logs, caches and temporary files ({} is {} % full)",
                              space.state.mount_point, space.percent));
}

Planned remove_many_small_files(const Patient& patient, const Host& host) {
  auto space = TRY(space_of(patient, host, Fullness::logs, true));
  auto actions = as_actions(sweep(patient, host, space.full));
  if (actions.empty()) return not_applicable("the gateway has no old logs, caches or temporary files");
  return removing(patient, std::move(actions),
                  fmt::format("remove old files ({} % of the inodes of {} are used)", space.percent,
                              space.state.mount_point));
}

Planned vacuum_journal(const Patient& patient, const Host& host) {
  auto space = TRY(space_of(patient, host, Fullness::archives));
  auto here = [&](const fs::path& path) {
    auto fs = file_system_of(space.all, path);
    return is_directory(host, path) && fs && fs->mount_point == space.state.mount_point;
  };
  std::vector<Action> actions;
  const fs::path archives = "/var/cache/apt/archives";
  if (here(archives)) {
    RemoveFiles packages{.files = {}, .what = "downloaded packages, which apt can fetch again"};
    std::size_t budget = 10'000;
    for (const auto& entry : entries_below(host, archives, budget, 1))
      if (entry.path.extension() == ".deb") packages.files.push_back({entry.path, entry.info.size});
    if (!packages.files.empty()) actions.emplace_back(std::move(packages));
  }
  std::string journal;
  if (here("/var/log/journal")) {
    actions.emplace_back(RunTool{.argv = {"journalctl", "--vacuum-size=200M"}, .limit = 120s});
    journal = "cut the journal down to 200 MB and ";
  }
  if (actions.empty())
    return not_applicable("neither the journal nor packages take space of {}", space.state.mount_point);
  return removing(patient, std::move(actions), journal + "remove downloaded packages");
}

Planned prune_containers(const Patient& patient, const Host& host) {
  auto space = TRY(space_of(patient, host, Fullness::consent));
  const fs::path images = "/var/lib/docker";
  auto fs = file_system_of(space.all, images);
  if (!is_directory(host, images) || !fs || fs->mount_point != space.state.mount_point)
    return not_applicable("no container engine takes space of {}", space.state.mount_point);
  // Images without a name only: a container that is stopped may be the patient itself, and a volume is data.
  Treatment treatment{.remedy = {},
                      .sentence = "remove container images that have no name and that no container uses",
                      .actions = {RunTool{.argv = {"docker", "image", "prune", "--force"}, .limit = 10min}},
                      .undo_if_no_help = false};
  start_or_watch(patient, treatment, kNoticed);
  return treatment;
}

Planned remove_old_backups(const Patient& patient, const Host& host) {
  constexpr std::size_t kKeep = 3;
  auto space = TRY(space_of(patient, host, Fullness::consent));
  RemoveFiles old{.files = {},
                  .what = "the gateway's own backups older than 30 days, without the newest three"};
  for (const auto& directory : backup_directories(patient)) {
    auto fs = file_system_of(space.all, directory);
    if (!fs || fs->mount_point != space.state.mount_point) continue;
    std::size_t budget = 1000;
    auto archives = entries_below(host, directory, budget, 1);
    std::erase_if(archives, [](const Entry& entry) {
      return !entry.path.filename().string().ends_with("-openclaw-backup.tar.gz");
    });
    std::ranges::sort(archives, std::greater{},
                      [](const Entry& entry) { return std::pair(entry.info.modified, entry.path); });
    for (const auto& entry : std::span(archives).subspan(std::min(kKeep, archives.size())))
      if (patient.now - entry.info.modified > 30 * 24h) old.files.push_back({entry.path, entry.info.size});
  }
  if (old.files.empty()) return not_applicable("there are no old backups on {}", space.state.mount_point);
  return removing(patient, as_actions({std::move(old)}), "remove old backups");
}

Planned rotate_log(const Patient& patient, const Host& host) {
  std::vector<Action> actions;
  std::vector<std::string> names;
  for (auto& log : oversized_logs(patient, host)) {
    names.push_back(fmt::format("{} ({})", log.path.string(), bytes_text(log.bytes)));
    actions.emplace_back(std::move(log));
  }
  if (actions.empty()) return not_applicable("no log of the gateway is too large");
  Treatment treatment{
      .remedy = {},
      .sentence = fmt::format("cut {} down to the newest lines", printable(join(names, ", "))),
      .actions = std::move(actions),
      .undo_if_no_help = false};
  start_or_watch(patient, treatment, kNoticed);
  return treatment;
}

Planned limit_log(const Patient& patient, const Host& host) {
  if (!is_directory(host, "/var/log/journal")) return not_applicable("this machine keeps no journal on disk");
  const fs::path path = "/etc/systemd/journald.conf.d/50-meshops.conf";
  const std::string text =
      "# Written by meshops; take it back with: meshops undo\n[Journal]\nSystemMaxUse=1G\n";
  if (exists(host, path)) return not_applicable("{} says so already", path.string());
  if (auto own = host.read("/etc/systemd/journald.conf", 1U << 20))
    for (auto line : split(*own, '\n'))
      if (trim(line).starts_with("SystemMaxUse=")) return not_applicable("the journal has a limit already");
  RunTool restart{.argv = {"systemctl", "restart", "systemd-journald.service"},
                  .undo = {"systemctl", "restart", "systemd-journald.service"}};
  Treatment treatment{.remedy = {},
                      .sentence = "limit the journal to 1 GB",
                      // On both sides: undone in reverse, the last thing is a restart, too.
                      .actions = {restart, WriteFile{path, {}, FileState{text, {.mode = 0644}}}, restart}};
  start_or_watch(patient, treatment, kNoticed);
  return treatment;
}

}  // namespace meshops::heal
