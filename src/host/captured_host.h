// A Host made of facts that were fetched from a machine: what is not among them is an error, and is noted, so
// that whoever fetches knows what to ask for next. Changes nothing, and never reaches the machine itself.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "host/capture.h"
#include "host/host.h"
#include "host/proc.h"

namespace meshops::capture {

/// What was asked for in vain. For several threads.
class Missed {
 public:
  void note(Want want);
  std::vector<Want> take();

 private:
  std::mutex mutex_;
  std::set<Want> wants_;
};

/// The answer of one question, if it is known; else it is noted. `not_here`: there is no such tool there.
Result<Answer> answer_of(const Facts& facts, Missed& missed, const std::string& question,
                         std::vector<std::string> argv);
/// Text that a tool gave with exit code 0.
Result<std::string> clean_answer(const Facts& facts, Missed& missed, const std::string& question,
                                 std::vector<std::string> argv);

class CapturedHost final : public Host {
 public:
  /// Both must outlive it.
  CapturedHost(const Facts& facts, Missed& missed) : facts_(facts), missed_(missed) {}

  bool live() const override { return true; }

  Result<std::string> read(const std::filesystem::path& path, std::size_t limit) const override;
  Result<FilePart> read_part(const std::filesystem::path& path, std::int64_t from,
                             std::size_t most) const override;
  Result<FileInfo> stat(const std::filesystem::path& path) const override;
  Result<std::vector<std::string>> list(const std::filesystem::path& directory) const override;
  Result<std::string> read_link(const std::filesystem::path& path) const override;

  Status write(const std::filesystem::path& path, std::string_view bytes,
               const WriteOptions& options) override;
  Status rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Status remove(const std::filesystem::path& path) override;
  Status set_access(const std::filesystem::path& path, mode_t mode, uid_t uid, gid_t gid) override;
  Status trim(const std::filesystem::path& path, std::uint64_t keep) override;

  Result<std::vector<Account>> accounts() const override;
  Result<std::vector<ProcessInfo>> processes() const override;
  Result<ProcessInfo> process(pid_t pid) const override;
  Result<ProcessInfo> process_details(pid_t pid) const override { return process(pid); }
  Result<Environment> process_environment(pid_t pid, const std::vector<std::string>& names) const override;
  Result<std::vector<ListenerInfo>> listeners() const override;
  Result<std::vector<ListenerInfo>> listeners_on(std::uint16_t port, Owners owners) const override;
  Result<std::vector<FileSystemInfo>> file_systems() const override;
  Result<std::vector<JournalEntry>> journal(const JournalQuery& query) const override;

  /// Of the file system at that path.
  Result<Disk> disk(const std::string& path) const;

 private:
  Result<const Bytes*> bytes(const std::filesystem::path& path, std::int64_t from, std::uint64_t most,
                             std::uint64_t limit) const;
  Result<FileInfo> regular(const std::string& path) const;
  Result<std::vector<pid_t>> pids() const;
  std::string text_if_known(const std::string& path) const;
  proc::Units kernel_units() const;

  const Facts& facts_;
  Missed& missed_;
};

/// Entries of `journalctl -o export`, as Host::journal() gives them.
std::vector<JournalEntry> journal_entries(std::string_view exported);

}  // namespace meshops::capture
