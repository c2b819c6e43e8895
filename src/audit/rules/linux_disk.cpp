// Disks: full ones, hidden space, and space that is there and not used.
#include <algorithm>
#include <map>
#include <set>

#include "audit/gateway_processes.h"
#include "audit/linux_rules.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kMiB = 1U << 20;
constexpr std::uint64_t kGiB = 1U << 30;

/// In memory or read-only by nature: their being full says nothing.
bool is_pseudo(const FileSystemInfo& f) {
  static const std::set<std::string> kTypes = {
      "tmpfs",       "devtmpfs",  "ramfs",    "proc",       "sysfs",    "cgroup", "cgroup2",  "devpts",
      "mqueue",      "hugetlbfs", "squashfs", "iso9660",    "udf",      "erofs",  "cramfs",   "romfs",
      "efivarfs",    "debugfs",   "tracefs",  "securityfs", "pstore",   "bpf",    "configfs", "fusectl",
      "binfmt_misc", "autofs",    "nsfs",     "rpc_pipefs", "selinuxfs"};
  return kTypes.contains(f.type);
}

/// One entry for each disk: not for its bind mounts, nor for the layers of containers, which are shown with
/// the numbers of the disk beneath.
std::vector<FileSystemInfo> disks(const Site& site, Findings& out) {
  std::vector<FileSystemInfo> found;
  auto all = site.host().file_systems();
  if (!all) {
    out.skip("file systems", all.error().text());
    return found;
  }
  std::ranges::sort(*all, {}, [](const auto& f) { return f.mount_point.size(); });
  for (const auto& f : *all) {
    if (is_pseudo(f) || f.read_only || f.bytes == 0) continue;
    if (f.type == "overlay" && f.mount_point != "/") continue;
    bool known = std::ranges::any_of(found, [&](const auto& other) {
      return other.device == f.device && other.type == f.type &&
             (f.device.starts_with("/") || other.bytes == f.bytes);
    });
    if (!known) found.push_back(f);
  }
  return found;
}

// ---- LNX-002 ----

struct Held {
  std::string path;
  std::uint64_t bytes = 0;
};

bool is_memory(std::string_view target) {
  return target.starts_with("/memfd:") || target.starts_with("/dev/shm/") || target.starts_with("/SYSV") ||
         target.starts_with("/dev/zero") || target.starts_with("/[aio]") || target.starts_with("/i915") ||
         target.starts_with("/drm") || target.starts_with("/anon_hugepage") || target.starts_with("/proc/") ||
         target.starts_with("/run/") || !target.starts_with("/");
}

void deleted_files(const Site& site, Findings& out) {
  constexpr std::uint64_t kEnough = 64 * kMiB;
  constexpr std::string_view kMark = " (deleted)";
  auto processes = site.host().processes();
  if (!processes) return out.skip("processes", processes.error().text());
  std::uint64_t all = 0;
  std::set<std::string> counted;  // a file that several hold fills the disk once
  struct Holder {
    ProcessInfo process;
    std::vector<Held> files;
    std::uint64_t bytes = 0;
  };
  std::vector<Holder> holders;
  std::size_t closed = 0;
  for (const auto& process : *processes) {
    fs::path folder = fmt::format("/proc/{}/fd", process.pid);
    auto names = site.host().list(folder);
    if (!names) {
      if (names.error().is("file.not_permitted")) ++closed;
      continue;
    }
    Holder holder{.process = process, .files = {}};
    for (const auto& name : *names) {
      auto target = site.host().read_link(folder / name);
      if (!target || !target->ends_with(kMark) || is_memory(*target)) continue;
      auto part = site.host().read_part(folder / name, 0, 1);
      if (!part || part->file.kind != FileInfo::Kind::regular || part->file.size == 0) continue;
      auto path = target->substr(0, target->size() - kMark.size());
      auto key =
          fmt::format("{} {} {}", path, part->file.size, part->file.modified.time_since_epoch().count());
      if (!counted.insert(key).second) continue;
      holder.files.push_back({path, part->file.size});
      holder.bytes += part->file.size;
    }
    if (holder.bytes == 0) continue;
    all += holder.bytes;
    holders.push_back(std::move(holder));
  }
  if (closed > 0) out.skip(fmt::format("the open files of {} processes", closed), "we may not look");
  if (all <= kEnough) return;
  std::ranges::sort(holders, std::greater{}, &Holder::bytes);
  for (auto& holder : holders) {
    // The crumbs of many others are not worth a restart.
    if (holder.bytes < kEnough / 16 && &holder != &holders.front()) continue;
    std::ranges::sort(holder.files, std::greater{}, &Held::bytes);
    auto unit = unit_of_cgroup(holder.process.cgroup);
    const auto& largest = holder.files.front();
    out.add({})
        .found("{} (pid {}) holds {} in {} deleted file{}: {} ({})", printable(holder.process.comm),
               holder.process.pid, bytes_text(holder.bytes), holder.files.size(),
               holder.files.size() == 1 ? "" : "s", printable(largest.path), bytes_text(largest.bytes))
        .wanted("at most {} in deleted files, {} are held together", bytes_text(kEnough), bytes_text(all))
        .message("the disk stays as full as before the file was deleted, and du does not show why")
        .fix("{}", unit.empty() ? fmt::format("restart process {} ({})", holder.process.pid,
                                              printable(holder.process.comm))
                                : fmt::format("systemctl restart {}", unit))
        .about("{} {}", holder.process.comm, largest.path);
  }
}

// ---- LNX-004, LNX-005 ----

/// A file system as statvfs counts it; FileSystemInfo leaves out what is kept for root.
struct Blocks {
  std::uint64_t bytes = 0, reserved = 0;
};
std::optional<Blocks> blocks_of(std::string_view answer, const std::string& mount_point) {
  for (auto line : split(answer, '\n')) {
    // MOUNT_POINT BLOCKS RESERVED BLOCK_SIZE
    auto parts = words(line);
    if (parts.size() != 4 || parts[0] != mount_point) continue;
    auto blocks = to_number<std::uint64_t>(parts[1]), kept = to_number<std::uint64_t>(parts[2]),
         size = to_number<std::uint64_t>(parts[3]);
    if (!blocks || !kept || !size || *blocks == 0 || *size == 0 || *size > kMiB || *blocks > (1ULL << 43U) ||
        *kept > *blocks)
      return std::nullopt;
    return Blocks{*blocks * *size, *kept * *size};
  }
  return std::nullopt;
}

std::optional<std::uint64_t> number_in(const Site& site, const fs::path& path) {
  auto text = site.host().read(path, 64);
  return text ? to_number<std::uint64_t>(trim(*text)) : std::nullopt;
}

/// "sda1" of "/dev/sda1" or of a link like /dev/mapper/vg-root, as /sys has it.
std::string block_name(const Site& site, const std::string& device) {
  if (!device.starts_with("/dev/")) return {};
  fs::path path = device;
  for (int i = 0; i < 8; ++i) {
    auto target = site.host().read_link(path);
    if (!target) break;
    path = (path.parent_path() / *target).lexically_normal();
  }
  return path.filename().string();
}

void unused_space(const Site& site, Findings& out) {
  constexpr std::uint64_t kSector = 512;  // sysfs counts in these, whatever the disk has
  const fs::path block = "/sys/class/block";
  for (const auto& f : disks(site, out)) {
    auto name = block_name(site, f.device);
    if (name.empty()) continue;
    auto sectors = number_in(site, block / name / "size");
    if (!sectors) continue;
    auto device = *sectors * kSector;
    // Never in its sum: ext's own tables.
    auto slack = device / 100 * (f.type.starts_with("ext") ? 5 : 2) + kGiB;
    auto whole_system = f.bytes;
    bool known = true;
    if (device > f.bytes + slack) {
      auto answer = site.running()->ask(Question::reserved_blocks);
      auto blocks = answer ? blocks_of(*answer, f.mount_point) : std::nullopt;
      if (blocks) whole_system = blocks->bytes;
      // Only ext keeps a part for root; without it the numbers say it all.
      known = blocks || !f.type.starts_with("ext");
      if (!known)
        out.skip(f.mount_point,
                 answer ? std::string("how much is kept for root was not told") : answer.error().text());
    }
    if (known && device > whole_system + slack) {
      auto grow = f.type == "xfs"     ? fmt::format("xfs_growfs {}", f.mount_point)
                  : f.type == "btrfs" ? fmt::format("btrfs filesystem resize max {}", f.mount_point)
                                      : fmt::format("resize2fs {}", f.device);
      out.add({})
          .found("{}: {} on {}, which has {}", f.mount_point, bytes_text(whole_system), f.device,
                 bytes_text(device))
          .wanted("a file system as large as {}", f.device)
          .message("{} is paid for and not used: {} is smaller than {} beneath it",
                   bytes_text(device - whole_system), f.mount_point, f.device)
          .fix("{}", grow)
          .about("{} file system", f.mount_point);
    }
    // A partition of a disk that has more room behind it.
    auto start = number_in(site, block / name / "start");
    auto link = site.host().read_link(block / name);
    if (!start || !number_in(site, block / name / "partition") || !link) continue;
    auto parent = fs::path(*link).parent_path().filename().string();
    auto disk = number_in(site, block / parent / "size");
    auto children = site.host().list(block / parent);
    if (!disk || !children) continue;
    auto end = *start + *sectors;
    bool last = true;
    for (const auto& child : *children)
      if (auto other = number_in(site, block / parent / child / "start"); other && *other >= end)
        last = false;
    if (!last || *disk <= end) continue;
    auto room = (*disk - end) * kSector;
    auto whole = *disk * kSector;
    if (room <= std::max(whole / 20, 512 * kMiB)) continue;
    auto number = number_in(site, block / name / "partition").value_or(0);
    auto grow = f.type == "xfs"     ? fmt::format("xfs_growfs {}", f.mount_point)
                : f.type == "btrfs" ? fmt::format("btrfs filesystem resize max {}", f.mount_point)
                                    : fmt::format("resize2fs {}", f.device);
    out.add({})
        .found("/dev/{} {} → {} {} → {} {}", parent, bytes_text(whole), f.device, bytes_text(device),
               f.mount_point, bytes_text(f.bytes))
        .wanted("a partition up to the end of /dev/{}", parent)
        .message("the disk was grown and the partition was not: {} behind {} are paid for and not used",
                 bytes_text(room), f.device)
        .fix("growpart /dev/{} {} && {}", parent, number, grow)
        .about("{} partition", f.mount_point);
  }
}

// ---- LNX-005 ----

void reserved_blocks(const Site& site, Findings& out) {
  constexpr std::uint64_t kLarge = 50 * kGiB;
  if (in_container(site)) return;
  std::vector<FileSystemInfo> large;
  for (const auto& f : disks(site, out))
    if (f.type.starts_with("ext") && f.mount_point != "/" && f.bytes > kLarge / 100 * 40) large.push_back(f);
  if (large.empty()) return;
  auto answer = site.running() == nullptr ? Result<std::string>(std::string())
                                          : site.running()->ask(Question::reserved_blocks);
  if (!answer) return out.skip("reserved blocks", answer.error().text());
  for (const auto& f : large) {
    auto blocks = blocks_of(*answer, f.mount_point);
    if (!blocks || blocks->bytes <= kLarge) continue;
    auto percent = static_cast<double>(blocks->reserved) * 100 / static_cast<double>(blocks->bytes);
    if (percent <= 1.05) continue;
    out.add({})
        .found("{}: {:.1f}% reserved, {}", f.mount_point, percent, bytes_text(blocks->reserved))
        .wanted("at most 1%")
        .message("{} of {} are kept for root, who does not need them there", bytes_text(blocks->reserved),
                 f.mount_point)
        .fix("tune2fs -m 1 {}", f.device)
        .about("{}", f.mount_point);
  }
}

// ---- LNX-006 ----

/// The directory with most entries at or below `top`, within its file system and a bounded walk.
struct Crowded {
  std::string path;
  std::size_t entries = 0;
};
Crowded most_crowded(const Site& site, const std::string& top, const std::set<std::string>& others) {
  constexpr std::size_t kMostFolders = 20'000;
  Crowded best;
  std::vector<fs::path> open = {top};
  for (std::size_t seen = 0; !open.empty() && seen < kMostFolders; ++seen) {
    auto folder = std::move(open.back());
    open.pop_back();
    auto names = site.host().list(folder);
    if (!names) {
      // More names than are listed at once: that one it is.
      if (names.error().is("file.too_large")) return {folder.string(), 1'000'000};
      continue;
    }
    if (names->size() > best.entries) best = {folder.string(), names->size()};
    for (const auto& name : *names) {
      auto path = folder / name;
      auto info = site.host().stat(path);
      if (info && info->kind == FileInfo::Kind::directory && !others.contains(path.string()))
        open.push_back(path);
    }
  }
  return best;
}

void inodes(const Site& site, Findings& out) {
  std::set<std::string> mounts = {"/proc", "/sys", "/dev", "/run"};
  if (auto all = site.host().file_systems())
    for (const auto& f : *all) mounts.insert(f.mount_point);
  for (const auto& f : disks(site, out)) {
    if (f.inodes == 0 || f.inodes_free > f.inodes) continue;
    auto used = (f.inodes - f.inodes_free) * 100 / f.inodes;
    if ((f.inodes - f.inodes_free) * 100 <= f.inodes * 85) continue;
    auto crowded = most_crowded(site, f.mount_point, mounts);
    out.add({})
        .found("{}: {}% of {} inodes used{}", f.mount_point, used, f.inodes,
               crowded.entries == 0
                   ? ""
                   : fmt::format("; most entries: {} ({})", printable(crowded.path), crowded.entries))
        .wanted("at most 85%")
        .message("when the inodes are gone no file can be made on {}, whatever df says is free",
                 f.mount_point)
        .fix("{}", crowded.entries == 0 ? fmt::format("du --inodes -x {} | sort -n | tail", f.mount_point)
                                        : fmt::format("clear out {} (du --inodes -x {} | sort -n | tail)",
                                                      printable(crowded.path), f.mount_point))
        .about("{}", f.mount_point);
  }
}

// ---- LNX-007 ----

void disk_use(const Site& site, Findings& out) {
  const auto& limits = site.mesh().audit;
  for (const auto& f : disks(site, out)) {
    if (f.bytes_free > f.bytes) continue;
    auto used_bytes = f.bytes - f.bytes_free;
    auto over = [&](unsigned percent) {
      return static_cast<long double>(used_bytes) * 100 >= static_cast<long double>(f.bytes) * percent;
    };
    if (!over(limits.disk_clean)) continue;
    auto [severity, grade] = over(limits.disk_panic)   ? std::pair(Severity::critical, "panic")
                             : over(limits.disk_alert) ? std::pair(Severity::high, "alert")
                                                       : std::pair(Severity::low, "clean");
    auto next = over(limits.disk_panic)   ? limits.disk_panic
                : over(limits.disk_alert) ? limits.disk_alert
                                          : limits.disk_clean;
    out.add({})
        .found("{}: {}% of {} used", f.mount_point, used_bytes * 100 / f.bytes, bytes_text(f.bytes))
        .wanted("under {}%", next)
        .severity(severity)
        .message("{}", severity == Severity::critical
                           ? "the gateway stays up and green on a full disk while every turn fails"
                           : "there is still time to clean up before the disk is full and every turn fails")
        .fix(
            "the agent's hygiene ({}): old logs, caches and packages; see du -xh --max-depth=2 {} | sort -h "
            "| tail",
            grade, f.mount_point)
        .about("{}", f.mount_point);
  }
}

const Rule kRules[] = {
    {.id = "LNX-002",
     .severity = Severity::high,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "Deleted files are still held open",
     .why = "Their space comes back only when the process closes them: the disk is full, and no file to be "
            "seen for "
            "it.",
     .not_when = "memfd and anonymous shared memory; 64 MiB and less together",
     .remedy = "Restart the service that holds them.",
     .check = deleted_files},
    {.id = "LNX-004",
     .severity = Severity::medium,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "The file system is smaller than the device beneath it",
     .why = "A cloud disk that was grown helps nobody until partition and file system are grown, too.",
     .not_when = "LVM with free extents kept on purpose",
     .remedy = "growpart, then resize2fs or xfs_growfs: both work while it is mounted.",
     .check = unused_space},
    {.id = "LNX-005",
     .severity = Severity::low,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "A large ext file system keeps more than 1% for root",
     .why = "5% of a large data disk is gigabytes that nobody can use.",
     .not_when = "the root file system; 50 GiB and less; a container: its disks are its host's",
     .remedy = "tune2fs -m 1 DEVICE: at once, and without unmounting.",
     .check = reserved_blocks},
    {.id = "LNX-006",
     .severity = Severity::high,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "A file system runs out of inodes",
     .why = "No inode, no file: it fails like a full disk, with gigabytes free.",
     .not_when = "file systems without a limit of inodes",
     .remedy = "Clear out the directory with most entries.",
     .check = inodes},
    {.id = "LNX-007",
     .severity = Severity::high,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "A disk fills up",
     .why = "Graded so that cleaning begins long before it hurts: at 60% clean (low), at 75% clean harder "
            "(high), at "
            "85% it is an emergency (critical). The thresholds are those of mesh.toml.",
     .not_when = "pseudo file systems, read-only images",
     .remedy = "Let the agent's hygiene run, then find what grows.",
     .check = disk_use},
};

}  // namespace

std::span<const Rule> linux_disk_rules() { return kRules; }

}  // namespace meshops::audit
