// A Host as it would be after some changes: reads go through to the real one, writes stay in memory. The
// mender tries its mends on it before anything is touched.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "host/host.h"

namespace meshops::audit {

class OverlayHost final : public Host {
 public:
  explicit OverlayHost(const Host& base) : base_(base) {}

  struct Changed {
    std::optional<std::string> bytes;  // nothing: as they are
    std::optional<mode_t> mode;
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
  };
  void change(const std::filesystem::path& path, const Changed& change);
  /// As if it had never been changed.
  void forget(const std::filesystem::path& path) { changes_.erase(path.lexically_normal()); }
  const std::map<std::filesystem::path, Changed>& changes() const { return changes_; }

  bool live() const override { return base_.live(); }
  Result<std::string> read(const std::filesystem::path& path, std::size_t limit) const override;
  Result<FilePart> read_part(const std::filesystem::path& path, std::int64_t from,
                             std::size_t most) const override;
  Result<FileInfo> stat(const std::filesystem::path& path) const override;
  Result<std::vector<std::string>> list(const std::filesystem::path& directory) const override;
  Result<std::string> read_link(const std::filesystem::path& path) const override {
    return base_.read_link(path);
  }

  // Nothing is changed through here but by change().
  Status write(const std::filesystem::path& path, std::string_view bytes,
               const WriteOptions& options) override;
  Status rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Status remove(const std::filesystem::path& path) override;
  Status set_access(const std::filesystem::path& path, mode_t mode, uid_t uid, gid_t gid) override;
  Status trim(const std::filesystem::path& path, std::uint64_t keep) override;

  Result<std::vector<Account>> accounts() const override { return base_.accounts(); }
  Result<std::vector<ProcessInfo>> processes() const override { return base_.processes(); }
  Result<ProcessInfo> process(pid_t pid) const override { return base_.process(pid); }
  Result<ProcessInfo> process_details(pid_t pid) const override { return base_.process_details(pid); }
  Result<Environment> process_environment(pid_t pid, const std::vector<std::string>& names) const override {
    return base_.process_environment(pid, names);
  }
  Result<std::vector<ListenerInfo>> listeners() const override { return base_.listeners(); }
  Result<std::vector<ListenerInfo>> listeners_on(std::uint16_t port, Owners owners) const override {
    return base_.listeners_on(port, owners);
  }
  Result<std::vector<FileSystemInfo>> file_systems() const override { return base_.file_systems(); }
  Result<std::vector<JournalEntry>> journal(const JournalQuery& query) const override {
    return base_.journal(query);
  }

 private:
  const Host& base_;
  std::map<std::filesystem::path, Changed> changes_;
};

}  // namespace meshops::audit
