#include "host/file_systems.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace meshops {

namespace {

constexpr std::size_t kMostMounts = 4096;

bool skipped(std::string_view type) {
  // Nothing is stored in these …
  static constexpr std::array<std::string_view, 24> pseudo{
      "autofs",   "binfmt_misc", "bpf",        "cgroup",    "cgroup2",  "configfs", "debugfs", "devpts",
      "devtmpfs", "efivarfs",    "fusectl",    "hugetlbfs", "mqueue",   "nsfs",     "proc",    "pstore",
      "ramfs",    "rpc_pipefs",  "securityfs", "selinuxfs", "squashfs", "sysfs",    "tracefs", "resctrl"};
  // … and these may be at the other end of a dead link. A FUSE daemon may hang too; fuseblk is a local disk.
  static constexpr std::array<std::string_view, 14> remote{"9p",   "afs",  "beegfs",    "ceph",   "cifs",
                                                           "coda", "gfs2", "glusterfs", "lustre", "ncpfs",
                                                           "nfs",  "nfs4", "ocfs2",     "smb3"};
  return std::ranges::find(pseudo, type) != pseudo.end() || std::ranges::find(remote, type) != remote.end() ||
         type == "fuse" || type.starts_with("fuse.");
}

/// Blanks and backslashes stand as \040 and so on.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      if (auto code = to_number<unsigned>(text.substr(i + 1, 3), 8); code && *code < 256) {
        out += static_cast<char>(*code);
        i += 3;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

bool has_option(std::string_view options, std::string_view wanted) {
  return std::ranges::any_of(split(options, ','), [&](std::string_view option) { return option == wanted; });
}

}  // namespace

std::vector<FileSystemInfo> parse_mountinfo(std::string_view text) {
  std::vector<FileSystemInfo> out;
  for (auto line : split(text, '\n')) {
    // 36 35 98:0 /root /mount/point rw,noatime [optional fields] - ext3 /dev/root rw
    auto fields = words(line);
    auto dash = std::ranges::find(fields, std::string_view("-"));
    if (fields.size() < 9 || dash - fields.begin() < 6 || fields.end() - dash < 3) continue;
    auto super_options = fields.end() - dash > 3 ? *(dash + 3) : std::string_view{};
    FileSystemInfo fs;
    fs.mount_point = unescape(fields[4]);
    fs.type = *(dash + 1);
    fs.device = unescape(*(dash + 2));
    fs.read_only = has_option(fields[5], "ro") || has_option(super_options, "ro");
    std::erase_if(out, [&](const FileSystemInfo& earlier) { return earlier.mount_point == fs.mount_point; });
    if (!skipped(fs.type) && out.size() < kMostMounts) out.push_back(std::move(fs));
  }
  return out;
}

bool set_space(FileSystemInfo& system, const Space& space) {
  if (space.blocks == 0) return false;
  // Without what is kept for root: full is what df calls 100 %.
  system.bytes = (space.blocks - space.free + space.available) * space.block_bytes;
  system.bytes_free = space.available * space.block_bytes;
  system.inodes = space.inodes - space.inodes_free + space.inodes_available;
  system.inodes_free = space.inodes_available;
  return true;
}

Result<std::vector<FileSystemInfo>> local_file_systems() {
  auto out = parse_mountinfo(TRY(read_file("/proc/self/mountinfo", 4U << 20)));
  std::erase_if(out, [](FileSystemInfo& fs) {
    struct statvfs st{};
    return ::statvfs(fs.mount_point.c_str(), &st) != 0 || !set_space(fs, {.blocks = st.f_blocks,
                                                                          .free = st.f_bfree,
                                                                          .available = st.f_bavail,
                                                                          .block_bytes = st.f_frsize,
                                                                          .inodes = st.f_files,
                                                                          .inodes_free = st.f_ffree,
                                                                          .inodes_available = st.f_favail});
  });
  return out;
}

}  // namespace meshops
