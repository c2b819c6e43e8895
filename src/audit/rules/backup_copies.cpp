// BKP-001, -002, -003, -006: how many copies there are, how old, where, and whether one was ever restored.
#include <algorithm>
#include <map>
#include <set>

#include "audit/backups.h"
#include "audit/rules/backup_parts.h"
#include "base/text.h"

namespace meshops::audit::backup {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kCopies = 3, kMedia = 2;
constexpr auto kTrial = std::chrono::hours(24 * 30);

/// One set of data, and what is known of its copies beyond the original.
struct Copies {
  Where at;
  std::string data;
  std::size_t copies = 1;
  std::set<std::string> media{"disk"};
  std::size_t offsite = 0;

  std::vector<std::string> short_of() const {
    std::vector<std::string> out;
    if (copies < kCopies) out.push_back(fmt::format("{} of 3 copies", copies));
    if (media.size() < kMedia) out.push_back(fmt::format("1 of 2 kinds of media ({})", *media.begin()));
    if (offsite == 0) out.push_back("none off-site");
    return out;
  }
};

void tell(const Copies& set, Findings& out) {
  auto lacks = set.short_of();
  if (lacks.empty()) return;
  out.add(set.at)
      .found("{}: {} (the original counted)", set.data, join(lacks, ", "))
      .wanted("3 copies, on 2 kinds of media, 1 of them off-site")
      .message("one fire, one thief or one wrong command can take {} and every copy of it", set.data)
      .fix("one more [[backup]] of the same data, with another media and {}",
           set.offsite == 0 ? "offsite = true: an object store, or a machine elsewhere"
                            : "a target of its own")
      .about("{}", set.data);
}

std::string without_slash(std::string text) {
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

}  // namespace

void three_two_one(const Site& site, Findings& out) {
  const auto& meshes = site.facts<MeshFiles>();
  for (const auto& skip : meshes.skips()) out.skip(skip.what, skip.reason);
  const auto& jobs = site.facts<Backups>().jobs();
  for (const auto& file : meshes.files()) {
    const auto& backups = file.mesh.backups;
    if (backups.empty()) {
      // A file that says only what a checkout allows describes nothing that could be lost.
      auto describes = [](const toml_tree::Entry& entry) {
        return entry.key == "mesh" || entry.key == "node" || entry.key == "gateway";
      };
      if (site.repo() && std::ranges::none_of(file.tree, describes)) continue;
      Copies seen{.at = site.at(file.path), .data = "what the gateways keep"};
      std::set<std::string> targets;
      for (const auto& job : jobs) {
        if (!job.regular || !targets.insert(job.target).second) continue;
        if (seen.copies == 1) seen.at = job.run->at(site, *job.command);
        ++seen.copies;
        seen.media.insert(job.object_store ? "object-store" : job.offsite ? "another machine" : "disk");
        if (job.offsite) ++seen.offsite;
      }
      tell(seen, out);
      continue;
    }
    std::map<std::string, Copies> sets;
    for (std::size_t i = 0; i < backups.size(); ++i) {
      const auto& backup = backups[i];
      auto data = without_slash(backup.data.string());
      auto [set, fresh] = sets.try_emplace(data);
      if (fresh) set->second = {.at = site.at(file.path, file.line_of("backup", i)), .data = data};
      ++set->second.copies;
      set->second.media.insert(backup.media.empty() ? "disk" : lower(backup.media));
      if (backup.offsite) ++set->second.offsite;
    }
    for (const auto& [data, set] : sets) tell(set, out);
  }
}

namespace {

/// The newest file of a target on this machine, without going down into it.
std::optional<WallTime> newest_in(const Site& site, const std::string& target) {
  if (!is_local(target) || !target.starts_with('/')) return std::nullopt;
  std::optional<WallTime> newest;
  auto look = [&](const fs::path& path) {
    if (auto info = site.host().stat(path); info && info->kind == FileInfo::Kind::regular)
      newest = std::max(newest.value_or(info->modified), info->modified);
  };
  auto names = site.host().list(target);
  if (!names) {
    look(target);
    return newest;
  }
  for (const auto& name : *names) {
    look(fs::path(target) / name);
    // A restic repository shows its runs in snapshots/.
    if (name == "snapshots")
      if (auto runs = site.host().list(fs::path(target) / name))
        for (const auto& run : *runs) look(fs::path(target) / name / run);
  }
  return newest;
}

Duration age_of(const Site& site, WallTime t) { return std::max(Duration(0), Duration(site.now() - t)); }

/// Every declared backup with its record; what cannot be read is skipped.
template <class Each>
void each_declared(const Site& site, Findings& out, Each each) {
  const auto& meshes = site.facts<MeshFiles>();
  for (const auto& skip : meshes.skips()) out.skip(skip.what, skip.reason);
  for (const auto& file : meshes.files())
    for (std::size_t i = 0; i < file.mesh.backups.size(); ++i) {
      const auto& backup = file.mesh.backups[i];
      auto record = record_of(site, backup);
      if (!record)
        out.skip(fmt::format("the record of backup {}", backup.name), std::string(record.error().text()));
      else
        each(file, i, backup, *record);
    }
}

}  // namespace

void too_old(const Site& site, Findings& out) {
  each_declared(
      site, out,
      [&](const MeshFile& file, std::size_t i, const BackupSpec& backup, const BackupRecord& record) {
        auto newest = record.last_good;
        if (!newest) newest = newest_in(site, backup.target);
        if (newest && age_of(site, *newest) <= 2 * backup.every) return;
        auto line = newest ? file.line_near("backup", i, "every") : file.line_of("backup", i);
        out.add(site.at(file.path, line))
            .found("{}: {}", backup.name,
                   newest ? fmt::format("the newest good one is {} old", about(age_of(site, *newest)))
                          : std::string("none that is known of"))
            .wanted("one of the last {}, twice its schedule", about(2 * backup.every))
            .message("if {} were lost now, {}", backup.data.string(),
                     newest ? "everything since then would be gone" : "nothing could bring it back")
            .fix("meshops backup run {}", backup.name)
            .about("{}", backup.name);
      });
}

void never_tried(const Site& site, Findings& out) {
  each_declared(
      site, out,
      [&](const MeshFile& file, std::size_t i, const BackupSpec& backup, const BackupRecord& record) {
        if (record.last_verified && age_of(site, *record.last_verified) <= kTrial) return;
        out.add(site.at(file.path, file.line_of("backup", i)))
            .found("{}: {}", backup.name,
                   record.last_verified ? fmt::format("last restored as a test {} ago",
                                                      about(age_of(site, *record.last_verified)))
                                        : std::string("never restored as a test"))
            .wanted("a restore as a test in the last 30 days")
            .message(
                "a backup that nobody has restored is a hope: keys, tools and contents are found wanting on "
                "the "
                "worst day")
            .fix("meshops backup verify {}", backup.name)
            .about("{}", backup.name);
      });
}

// --- BKP-006 ---

namespace {

/// The mount point a path lies on; the longest that holds it.
std::string mount_of(const std::vector<std::string>& mounts, const std::string& path) {
  std::string best;
  for (const auto& mount : mounts) {
    bool holds = mount == "/" || path == mount || path.starts_with(mount + "/");
    if (holds && mount.size() > best.size()) best = mount;
  }
  return best;
}

class Devices {
 public:
  explicit Devices(const Site& site) {
    if (site.live()) {
      if (auto all = site.host().file_systems())
        for (const auto& fs : *all) mounts_.push_back(fs.mount_point), device_[fs.mount_point] = fs.device;
    } else if (auto table = site.host().read("/etc/fstab")) {
      for (auto line : split(*table, '\n')) {
        auto parts = words(line);
        if (parts.size() < 3 || parts[0].starts_with('#') || !parts[1].starts_with('/')) continue;
        mounts_.emplace_back(parts[1]);
        device_[std::string(parts[1])] = std::string(parts[0]);
      }
    }
  }

  /// Both on one device, as far as anything tells; and in which words.
  std::string shared(std::string data, std::string target) const {
    if (data.empty() || target.empty()) return "";
    data = without_slash(data);
    target = without_slash(target);
    if (target == data || target.starts_with(data + "/")) return "inside the data itself";
    if (!mounts_.empty() && data.starts_with('/') && target.starts_with('/')) {
      auto a = mount_of(mounts_, data), b = mount_of(mounts_, target);
      if (a.empty() || b.empty()) return "";
      return device_.at(a) == device_.at(b) ? fmt::format("both on {}", device_.at(a)) : "";
    }
    // Nothing tells of mounts: places that are hardly ever a disk of their own.
    if (!plain_place(data) || !plain_place(target)) return "";
    return "both on the system's disk";
  }

 private:
  static bool plain_place(const std::string& path) {
    for (std::string_view own : {"/home", "/root", "/etc", "/opt", "/var/backups", "/var/lib", "/usr", "/tmp",
                                 "/var/tmp", "~", "$HOME", "${HOME}"})
      if (path == own || path.starts_with(std::string(own) + "/")) return true;
    return false;
  }
  std::vector<std::string> mounts_;
  std::map<std::string, std::string> device_;
};

/// A copy that the same script sends away afterwards is only on its way.
bool sent_on(const BackupJob& job, const std::vector<BackupJob>& all) {
  if (std::ranges::any_of(all, [&](const BackupJob& other) {
        return other.run == job.run && other.offsite && other.command != job.command;
      }))
    return true;
  for (const auto& command : job.run->script.commands) {
    auto program = shell::program(command);
    if (program == "rclone" || program == "scp" || program == "aws" || program == "gsutil" ||
        program == "s3cmd" || program == "mc" || program == "sftp" || program == "lftp" || program == "b2" ||
        program == "restic" || program == "borg" || program == "duplicity" || program == "azcopy")
      return true;
    if (program == "rsync" && !command.words.empty() && !is_local(command.words.back().text)) return true;
    if (program == "curl" && std::ranges::any_of(command.words, [](const shell::Word& w) {
          return w.text == "-T" || w.text == "--upload-file";
        }))
      return true;
  }
  return false;
}

}  // namespace

void same_device(const Site& site, Findings& out) {
  Devices devices(site);
  for (const auto& file : site.facts<MeshFiles>().files())
    for (std::size_t i = 0; i < file.mesh.backups.size(); ++i) {
      const auto& backup = file.mesh.backups[i];
      if (backup.offsite || !is_local(backup.target)) continue;
      auto how = devices.shared(backup.data.string(), backup.target);
      if (how.empty()) continue;
      out.add(site.at(file.path, file.line_near("backup", i, "target")))
          .found("{} and its copy in {}: {}", backup.data.string(), backup.target, how)
          .wanted("a target on another device")
          .message("the disk that takes the data takes this copy with it: it does not count as one")
          .fix("another target: a disk of its own, an object store, a machine elsewhere")
          .about("{}", backup.name);
    }
  const auto& jobs = site.facts<Backups>().jobs();
  for (const auto& job : jobs) {
    if (!job.regular || job.offsite || job.target.empty() || sent_on(job, jobs)) continue;
    std::string how, data;
    for (const auto& source : job.sources) {
      if (!is_local(source)) continue;
      how = devices.shared(source, job.target);
      data = source;
      if (!how.empty()) break;
    }
    if (how.empty()) continue;
    out.add(job.run->at(site, *job.command))
        .found("{} copies {} to {}: {}", job.tool, printable(data), printable(job.target), how)
        .wanted("a target on another device")
        .message(
            "the disk that takes the data takes this copy with it: it helps against a slip, not against a "
            "loss")
        .fix("send it on to a disk of its own, an object store or a machine elsewhere")
        .about("{} {}", job.tool, printable(job.target));
  }
}

}  // namespace meshops::audit::backup
