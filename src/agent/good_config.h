// Copies of the configuration that a gateway was ready with, for the night in which somebody breaks it. Owned
// by its Keeper, asked after each look; the Healer finds them by their paths. Never writes beside the
// gateway.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "host/host.h"

namespace meshops {

class GoodConfig {
 public:
  /// `directory`: the gateway's own in the agent's state.
  explicit GoodConfig(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// One look at a gateway that is ready.
  struct Ready {
    std::filesystem::path config;
    WallTime now{};
    Duration for_how_long{};
    /// When its process began. Nothing: not known.
    std::optional<WallTime> began;
    uid_t uid = 0;  // of its process
  };
  /// Keeps what there is to keep. An edit that a running gateway has not taken is never kept.
  Status look(const Host& host, const Ready& ready);

  /// It was ready with this one for two minutes.
  static std::filesystem::path proven(const std::filesystem::path& directory);
  /// It became ready with this one; two minutes had not passed, perhaps.
  static std::filesystem::path latest(const std::filesystem::path& directory);

 private:
  bool judged(const FileInfo& info, const Ready& ready, bool proven) const;
  Status keep(const std::filesystem::path& path, const std::string& bytes);

  std::filesystem::path directory_;
  // Of the file as it was judged last: most looks end here.
  std::uint64_t size_ = 0;
  WallTime modified_{};
  std::optional<WallTime> began_;
  WallTime asked_{};
  bool taken_ = false, proven_ = false;
};

}  // namespace meshops
