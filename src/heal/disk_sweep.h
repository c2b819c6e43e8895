// Which files of a gateway may go when its disk is full, and which never. Called by the remedies for disks.
// Reads through the Host; never follows a link, never names what a user made.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "heal/remedy.h"

namespace meshops::heal {

/// From how full on what may go: 60 logs and what can be made again, 75 archives and packages, 85 what needs
/// the owner's consent.
enum class Fullness { free = 0, logs = 60, archives = 75, consent = 85 };
Fullness fullness(unsigned percent);

/// The file system that holds a path, by the longest mount point; nothing if it is not listed.
std::optional<FileSystemInfo> file_system_of(const std::vector<FileSystemInfo>& all,
                                             const std::filesystem::path& path);
unsigned used_percent(const FileSystemInfo& fs);
unsigned used_inodes_percent(const FileSystemInfo& fs);

/// Never removed, wherever it lies: databases, locks, configurations, credentials, keys, memory, workspaces.
/// `workspaces` are those of the configuration.
bool untouchable(const std::filesystem::path& path, const std::filesystem::path& state_dir,
                 const std::vector<std::filesystem::path>& workspaces);
std::vector<std::filesystem::path> workspaces_of(const Patient& patient, const Host& host);

/// One RemoveFiles for each kind of file that may go at this fullness, with every file and its size; at most
/// 10,000 files in all, on the state's own file system only.
std::vector<RemoveFiles> sweep(const Patient& patient, const Host& host, Fullness full);

/// Logs that somebody still writes, larger than 256 MiB or, on a disk that is nearly full, a fifth of it.
std::vector<TrimFile> oversized_logs(const Patient& patient, const Host& host);

/// Regular files below a directory with what stat says, depth first in order of their names; at most `budget`
/// entries are looked at, which it counts down. A directory that is a link is not entered.
struct Entry {
  std::filesystem::path path;
  FileInfo info;
};
std::vector<Entry> entries_below(const Host& host, const std::filesystem::path& directory,
                                 std::size_t& budget, unsigned depth = 8);

}  // namespace meshops::heal
