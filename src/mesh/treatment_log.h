// What siblings have done to this node in the last hour. The patient's own memory of it: the next healer is
// told, and what is more than an hour's share is refused, whatever a healer says. Called by LeaseFile, which
// keeps it on the shelf. Pure; times are the patient's, counted from its boot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "mesh/word.h"

namespace meshops::mesh {

/// A treatment as the patient knows it.
struct Visit {
  std::string healer;
  std::uint64_t ticket = 0;
  std::uint64_t fence = 0;
  Instant begun{};
  std::optional<Instant> ended;
  std::vector<std::string> deeds;
};

class TreatmentLog {
 public:
  /// More are not kept; nobody is allowed as many in an hour.
  static constexpr std::size_t kMost = 64;

  /// `boot`: what its times count from. After another boot they mean nothing: all of them are dated now, and
  /// are over.
  static Result<TreatmentLog> parse(std::string_view text, const std::string& boot, Instant now);
  std::string text() const;

  /// A deed ("agent", "heal:main") under a lease. Different deeds under one lease are one treatment; the same
  /// one again is another. `spent` if `per_hour` have been: nothing is noted then.
  Status begin(const std::string& healer, std::uint64_t ticket, std::uint64_t fence, const std::string& deed,
               unsigned per_hour, Instant now);
  /// Those that are still open under another lease than `fence` ended at that time.
  void close_but(std::uint64_t fence, Instant at);
  /// For the next healer; `patient` is this node.
  std::vector<Treatment> history(const std::string& patient, Instant now) const;

  /// Oldest first.
  const std::vector<Visit>& visits() const { return visits_; }

 private:
  void forget(Instant now);

  std::string boot_;
  std::vector<Visit> visits_;
};

}  // namespace meshops::mesh
