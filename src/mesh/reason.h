// Why a node does, or does not do, something about a peer: a closed list, each with a sentence for the ledger
// and for `meshops status`. The rows of Judgement's table are named by it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace meshops::mesh {

enum class Reason : std::uint8_t {
  // What speaks against acting, in the order in which it is asked.
  well,
  left,
  paused_here,
  woke_up,
  own_network,
  minority,
  being_treated,
  patient_paused,
  unconfirmed,
  only_we_miss_it,
  people_know,
  own_agent_first,
  somebody_sees_it,
  not_our_turn,
  another_heals,
  pause_between,
  third_witness,
  no_reset,
  nothing_to_heal,
  budget_spent,
  storm,
  brake,
  observe_only,
  // What is under way.
  suspects,
  claims,
  asks_lease,
  treats,
  // How it ended.
  lease_refused,
  lease_lost,
  helped,
  no_help,
  // Rules that are not rows: an answer is as old as its question, claims are read after they were laid, no
  // treatment without a lease.
  old_answers,
  read_after_claim,
  lease_first,
};
/// One sentence without a full stop: "it cannot see most of the mesh, so it heals only itself".
std::string_view sentence(Reason reason);
/// "minority", for programs.
std::string_view text(Reason reason);

/// Which rules hold. Tests switch single ones off, to see that the simulator notices; nobody else does.
class Guards {
 public:
  Guards() = default;
  Guards(std::initializer_list<Reason> without) {
    for (auto reason : without) off_ |= std::uint64_t{1} << static_cast<unsigned>(reason);
  }
  bool hold(Reason reason) const { return (off_ >> static_cast<unsigned>(reason) & 1U) == 0; }

 private:
  std::uint64_t off_ = 0;
};

}  // namespace meshops::mesh
