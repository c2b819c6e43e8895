// Heals one gateway: carries out what the Ladder orders. It looks closely, has the look judged, plans the
// remedies, operates, takes back what did not help, and tells people. Owned by the Keeper, which is its
// bedside. Decides nothing that the Ladder decides, and touches nothing but through the Surgeon and the
// bedside.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agent/bedside.h"
#include "agent/incidents.h"
#include "agent/judge.h"
#include "alert/alert.h"
#include "diagnose/closeup.h"
#include "heal/ladder.h"
#include "heal/remedy.h"
#include "heal/surgeon.h"
#include "mesh/lease_file.h"

namespace meshops {

/// What the healers of one node share.
struct Records {
  store::Ledger& ledger;
  store::Kept& kept;
  Incidents incidents;
  std::function<void(alert::Alert)> tell;
  Judge judge;
  /// Who heals here now; null: this node has no siblings.
  mesh::LeaseFile* lease = nullptr;
  /// The sibling that asked for healing, and the number of the lease under which it did.
  std::string asked_by = {};
  std::uint64_t asked_under = 0;
};

/// A fault that a standing check found on a gateway that runs: its cause is known.
struct Notice {
  diagnose::Cause cause{};
  std::string words;
  bool grave = false;  // people must know, even if nothing can be done
};

/// Addresses of the mesh's other nodes.
std::vector<std::string> peers_of(const Mesh& mesh);

/// Those that a diagnosis holds possible, best first.
std::vector<std::string> causes_of(const diagnose::Diagnosis& diagnosis);

/// When a treatment that helped is to be taken back by itself: a swapped model, so that the first choice is
/// tried again. Nothing for all others.
std::optional<WallTime> taken_back_at(const store::Entry& entry);

class Healer {
 public:
  Healer(Bedside& bedside, const Mesh& mesh, Machine& machine, Records& records);
  ~Healer();
  Healer(const Healer&) = delete;
  Healer& operator=(const Healer&) = delete;

  /// Once, before the first look: what the agent before us left open is finished or taken back.
  boost::asio::awaitable<void> take_over();
  /// After every look and event; goes on by itself when there is something to do.
  void saw();
  void pause(bool on) { ladder_.pause(on); }
  heal::Ladder::State state() const { return ladder_.state(); }
  /// Held while it works on what the gateway starts from.
  bool at_work() const { return busy_; }
  /// The worst first; the first that something can be done about, or that is grave, is what it sees.
  void noticed(std::vector<Notice> notices);
  const std::optional<Notice>& notice() const { return notice_; }

  /// What it would do now (meshops.heal/1); changes nothing.
  boost::asio::awaitable<Result<nlohmann::ordered_json>> rehearse();
  /// A person asks for healing now; one sentence of answer.
  Result<std::string> person_asks();
  /// A person takes an entry of the ledger back.
  boost::asio::awaitable<Status> take_back(std::int64_t entry, std::string by);

  // Supervision's own acts, for the ledger: written down after they happened, so that they are not delayed.
  void started(const std::string& why, bool by_person);
  void ended_hung(const std::string& why);
  /// It was told to end because a gateway of another node has its bot.
  void yielded(const std::string& why);

  /// `healing` of a gateway in meshops.status/1.
  nlohmann::ordered_json status() const;

 private:
  struct Plan {
    heal::Option option;
    heal::Treatment treatment;
  };
  /// One close look, judged and planned.
  struct Finding {
    diagnose::Diagnosis diagnosis;
    std::vector<Plan> plans;
    std::string incident;
  };
  boost::asio::awaitable<void> carry(heal::Step step);
  boost::asio::awaitable<heal::Step> one(heal::Step step);
  boost::asio::awaitable<heal::Step> look();
  boost::asio::awaitable<heal::Step> treat(const heal::Step& step);
  boost::asio::awaitable<heal::Step> undo(const heal::Step& step);
  boost::asio::awaitable<Status> operate(std::int64_t entry, const heal::Treatment& treatment);
  boost::asio::awaitable<Result<Finding>> find(bool record);
  std::vector<Plan> plan(const diagnose::Diagnosis& diagnosis, const diagnose::Closeup& seen) const;
  WallTime log_counts_from() const;
  heal::Patient patient(const diagnose::Closeup& seen) const;
  void settle(store::Verdict verdict, std::string_view note);
  void settle_start(store::Verdict verdict, std::string_view note);
  void tell(alert::Alert::Kind kind, const std::string& headline);
  void write_incident(std::string_view outcome);
  void keep_starts();
  Status may_begin();
  void keep_lease();
  std::string by() const;
  void swaps_back();

  Bedside& bedside_;
  const Mesh& mesh_;
  Machine& machine_;
  Records& records_;
  heal::Ladder ladder_;
  heal::Surgeon surgeon_;
  Finding found_;
  std::optional<Notice> notice_;
  std::optional<std::int64_t> entry_;        // of the treatment that is open
  std::optional<std::int64_t> start_entry_;  // of a start by supervision that has not proved itself
  std::string open_remedy_, open_cause_;
  Instant operated_at_{};
  std::optional<std::pair<std::int64_t, WallTime>> swap_;  // the entry of a swapped model, and until when
  std::optional<WallTime> since_;  // of the treatment that is open: what the log said before it is history
  std::string incident_;
  WallTime incident_at_{};
  unsigned looks_ = 0;
  std::vector<std::int64_t> incident_entries_;
  bool told_ = false;
  bool kept_out_ = false;  // by a sibling's lease
  bool busy_ = false;
  bool held_ = false;
  bool starts_next_ = false;
  std::string starts_why_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace meshops
