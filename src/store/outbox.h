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
  std::string to;           // name of the [[alert]]
  std::string key;          // what makes two messages the same: "main/disk_full/gave_up"
  std::string body;         // JSON, meshops.alert/1
  unsigned stands_for = 0;  // others that the rate limit held back, and that this one speaks for
  WallTime queued{};
  unsigned tries = 0;
  std::optional<WallTime> next_try;
  std::string last_error;
};

/// What became of a message.
struct Delivery {
  enum class State { waiting, sent, dropped };
  Message message;
  State state = State::waiting;
  std::optional<WallTime> settled;  // when it was sent or dropped
};
std::string_view text(Delivery::State state);

class Outbox {
 public:
  /// No message waits longer for its next try. One that seems to was queued before the clock went back, and
  /// is due.
  static constexpr Duration kLongestWait = std::chrono::hours(1);

  static Result<std::unique_ptr<Outbox>> open(const std::filesystem::path& file);
  /// For whoever only looks. `not_found` if there is none yet.
  static Result<std::unique_ptr<const Outbox>> read(const std::filesystem::path& file);
  virtual ~Outbox() = default;

  // Each change is on the disk when it returns, or has not happened at all.
  virtual Result<std::int64_t> put(const Message& message) = 0;
  /// Those whose time has come, oldest first.
  virtual Result<std::vector<Message>> due(WallTime now, std::size_t at_most) const = 0;
  virtual Status sent(std::int64_t message, WallTime at) = 0;
  virtual Status failed(std::int64_t message, std::string_view why, WallTime next_try) = 0;
  /// Given up, with the reason kept for `meshops alerts`.
  virtual Status drop(std::int64_t message, std::string_view why, WallTime at) = 0;
  /// When one with that key was last queued (and not dropped), for de-duplication; nothing if never.
  virtual Result<std::optional<WallTime>> last(const std::string& to, const std::string& key) const = 0;
  /// The same for any key that begins so: "main/" for all about a gateway.
  virtual Result<std::optional<WallTime>> last_of(const std::string& to, const std::string& prefix) const = 0;
  /// When those since then (not dropped ones) were queued, oldest first, for its rate limit.
  virtual Result<std::vector<WallTime>> queued_since(const std::string& to, WallTime since) const = 0;
  /// All that wait, oldest first.
  virtual Result<std::vector<Message>> waiting(std::size_t at_most) const = 0;
  /// The newest of an alert that was sent or dropped.
  virtual Result<std::optional<Delivery>> last_settled(const std::string& to) const = 0;
  /// Forgets what was sent or dropped before; gives how many.
  virtual Result<std::size_t> forget_before(WallTime time) = 0;
};

}  // namespace meshops::store
