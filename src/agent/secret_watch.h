// Records who opens which secret file of this machine: keeps the kernel's watch on the files that the audit
// knows, and what it tells in the log of accesses. Owned by the Agent, on its event loop. Never reads a
// secret, never holds up a reader, and never ends the agent: what it cannot do it says once.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/judge.h"
#include "base/result.h"
#include "base/time.h"
#include "config/mesh.h"
#include "host/access_watch.h"
#include "host/host.h"
#include "store/access_log.h"
#include "store/watch_record.h"

namespace meshops {

MESHOPS_ERROR_CODES(WatchCode, "watch", no_list);

/// Paths of the files that hold secrets.
using FindSecrets = std::function<boost::asio::awaitable<Result<std::set<std::filesystem::path>>>()>;
/// `PROGRAM secrets list`, so that what reads everybody's files is gone afterwards, as decision 012 has it.
FindSecrets secrets_in_child(const Mesh& mesh, std::string program = kThisProgram);
/// The member `files` of meshops.secrets/1.
Result<std::set<std::filesystem::path>> parse_secret_files(std::string_view json);

using OpenWatch = std::function<Result<std::unique_ptr<AccessWatch>>(std::function<void()> stirred)>;

class SecretWatch {
 public:
  static constexpr auto kRound = std::chrono::minutes(15);  // the files are looked for anew
  static constexpr auto kAlive = std::chrono::minutes(5);  // a crash leaves a gap of at most so much too much
  static constexpr auto kGathered = std::chrono::seconds(1);  // accesses are written together
  static constexpr auto kKept = std::chrono::days(90);

  /// `self` is in the record: who watches.
  SecretWatch(std::filesystem::path state_dir, const ProcessInfo& self, const Clock& clock,
              const boost::asio::any_io_executor& executor, FindSecrets find, OpenWatch open);
  ~SecretWatch();
  SecretWatch(const SecretWatch&) = delete;
  SecretWatch& operator=(const SecretWatch&) = delete;

  /// Until it is cancelled; ends early if it cannot watch at all.
  boost::asio::awaitable<void> run();
  /// Writes down what has been seen, and that the watch stood until now. Also before the agent leaves.
  void save();

 private:
  Status begin();
  boost::asio::awaitable<void> look_for_files();
  void keep_watching(const std::set<std::filesystem::path>& files);
  void stirred();
  void give_up(const Error& why);
  void write_record();
  void complain(const std::string& about, const std::string& sentence);
  boost::asio::awaitable<void> rest(Duration length);

  std::filesystem::path state_dir_;
  const Clock& clock_;
  boost::asio::any_io_executor executor_;
  FindSecrets find_;
  OpenWatch open_;
  store::WatchRecord record_;
  std::unique_ptr<store::AccessLog> log_;
  std::unique_ptr<AccessWatch> watch_;
  boost::asio::steady_timer gathering_;
  boost::asio::steady_timer pause_;
  // What the disk did not take.
  std::vector<store::Reading> unsaved_;
  std::vector<store::AccessGap> unsaved_gaps_;
  std::optional<WallTime> saved_until_;
  std::set<std::string> complained_;
  bool said_ = false;  // the record is ours
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

/// What is stored of it.
store::Reading reading_of(const FileAccess& access);

}  // namespace meshops
