// Who heals this node now: the lease that a sibling takes before it acts here, and the node's own treatments,
// each shutting out the other. Asked by `meshops remote` and by the agent's healers. Time is the patient's
// own, counted from its boot, so that clocks which jump or differ do not matter. Starts no treatment itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "mesh/limits.h"
#include "mesh/remote_shelf.h"
#include "mesh/treatment_log.h"

namespace meshops::mesh {

struct Lease {
  std::string holder;
  /// Grows with each lease taken, for ever: what is asked under an older one is refused.
  std::uint64_t fence = 0;
  std::uint64_t ticket = 0;  // the holder's own number of the treatment that it is for
  Instant expires{};
  std::string boot;  // after another boot it has expired
  WallTime taken{};  // for people
  bool operator==(const Lease&) const = default;
};
/// meshops.lease/1 and back; pure. An empty text is a node that was never healed: fence 0, no holder.
std::string to_json(const Lease& lease);
Result<Lease> parse_lease(std::string_view text);

/// For so long without being renewed: a healer that dies leaves the patient to others after that. Renewed at
/// a third of it.
constexpr Duration kLeaseLength = MeshLimits{}.lease_term;

/// What the node's own healer is at.
struct OwnTreatment {
  std::string gateway;
  std::string what;
  WallTime since{};
};

class LeaseFile {
 public:
  /// `boot`: what boot_id() gives.
  LeaseFile(RemotePlaces places, const Clock& clock, std::string boot)
      : places_(std::move(places)), clock_(clock), boot_(std::move(boot)) {}

  /// `leased` while another one has it, or while the node's own healer treats (says what, since when). Who
  /// has it and takes it again gets a new number: the old one is worth nothing from then on.
  Result<Lease> take(const std::string& holder, std::uint64_t ticket = 0, Duration length = kLeaseLength);
  /// `no_lease` if it is another one's, or its time is over.
  Result<Lease> renew(const std::string& holder, std::uint64_t fence, Duration length = kLeaseLength);
  Status release(const std::string& holder, std::uint64_t fence);
  /// Good while that holder has it under that number.
  Status holds(const std::string& holder, std::uint64_t fence) const;
  /// On the disk before a sibling's deed is done, see TreatmentLog: `spent`, or what holds() says.
  Status begin_deed(const std::string& holder, std::uint64_t fence, const std::string& deed,
                    unsigned per_hour);
  /// What siblings did here in the last hour; `patient` is this node.
  Result<std::vector<Treatment>> history(const std::string& patient) const;
  /// The same in the patient's own words.
  Result<std::vector<Visit>> visits() const;
  /// The one that is valid now; nothing if there is none.
  Result<std::optional<Lease>> current() const;

  /// The node's own healer begins with a gateway, or goes on with it: `leased` while a sibling has the lease,
  /// unless that sibling asked for it under the number `asked_under`. Holds as long as this object: it ends
  /// with the process, however that ends. Waits for nobody.
  Status begin_own(const std::string& gateway, const std::string& what, std::uint64_t asked_under = 0);
  void end_own(const std::string& gateway);
  /// Of any process of this node.
  std::optional<OwnTreatment> own_treatment() const;

 private:
  Result<Lease> read() const;
  Status write(const Lease& lease);
  bool valid(const Lease& lease) const;
  /// With what the lease's end ended.
  Result<TreatmentLog> treatments(const Lease& lease) const;
  Status keep(const TreatmentLog& log);
  std::filesystem::path own_file() const { return places_.run / "own-treatment"; }
  Status write_own();

  RemotePlaces places_;
  const Clock& clock_;
  std::string boot_;
  std::map<std::string, OwnTreatment> own_;
  Fd own_lock_;
};

/// Of this machine: the same in the agent, in `meshops remote` and in the script beside it.
std::string boot_id();

}  // namespace meshops::mesh
