// Messages that must arrive: a durable queue in the same database as the ledger. Filled by the healer,
// emptied by the alerts' sender. Never sends anything itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace meshops::store {

struct Message {
  std::int64_t id = 0;
  std::string to;    // name of the [[alert]]
  std::string key;   // what makes two messages the same: "main/disk_full"
  std::string body;  // JSON, meshops.alert/1
  WallTime queued{};
  unsigned tries = 0;
  std::optional<WallTime> next_try;
  std::string last_error;
};

class Outbox {
 public:
  static Result<std::unique_ptr<Outbox>> open(const std::filesystem::path& file);
  virtual ~Outbox() = default;
  virtual Result<std::int64_t> put(const Message& message) = 0;
  /// Those whose time has come, oldest first.
  virtual Result<std::vector<Message>> due(WallTime now, std::size_t at_most) const = 0;
  virtual Status sent(std::int64_t message, WallTime at) = 0;
  virtual Status failed(std::int64_t message, std::string_view why, WallTime next_try) = 0;
  /// Given up, with the reason kept for `meshops alerts`.
  virtual Status drop(std::int64_t message, std::string_view why) = 0;
  /// When one with that key was last queued, for de-duplication; nothing if never.
  virtual Result<std::optional<WallTime>> last(const std::string& to, const std::string& key) const = 0;
  /// How many were queued for it since then, for its rate limit.
  virtual Result<std::size_t> count_since(const std::string& to, WallTime since) const = 0;
};

}  // namespace meshops::store
