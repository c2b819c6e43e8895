#include "mesh/reason.h"

#include <iterator>

namespace meshops::mesh {

namespace {
struct Words {
  std::string_view name;
  std::string_view sentence;
};
/// In the order of the enum; a new reason without words does not compile.
constexpr Words kWords[] = {
    {"well", "nothing is wrong with it"},
    {"left", "it left the mesh on purpose"},
    {"paused_here", "a person paused this node"},
    {"woke_up", "this node was itself stopped or has just begun, and what it remembers is old"},
    {"own_network", "this node's own network fails"},
    {"minority", "it cannot see most of the mesh, so it heals only itself"},
    {"being_treated", "this node is itself under treatment"},
    {"patient_paused", "a person paused the patient"},
    {"unconfirmed", "it was not looked at over SSH yet"},
    {"only_we_miss_it", "most witnesses see the patient well"},
    {"people_know", "its own agent has tried everything and told people"},
    {"own_agent_first", "the patient's own side goes first and has its time"},
    {"somebody_sees_it", "a witness still reaches it"},
    {"not_our_turn", "another node comes first in the order of healers"},
    {"another_heals", "another node treats it"},
    {"pause_between", "the pause after the last treatment is not over"},
    {"third_witness", "not enough witnesses agree that nobody reaches it"},
    {"no_reset", "no provider is configured that could reset it"},
    {"nothing_to_heal", "its agent runs and its gateways are well, only its mesh port does not answer"},
    {"budget_spent", "the treatments of this hour are spent"},
    {"storm", "many nodes are in trouble at once, so they are treated one by one, with pauses"},
    {"brake", "as many nodes as may be are under treatment already"},
    {"observe_only", "profile observe-only: it would act now"},
    {"suspects", "witnesses are asked what they see"},
    {"claims", "the others are told who treats it"},
    {"asks_lease", "the lease on the patient is asked for"},
    {"treats", "it is treated"},
    {"lease_refused", "the lease on the patient was not given"},
    {"lease_lost", "the lease on the patient was lost"},
    {"helped", "the treatment helped"},
    {"no_help", "the treatment did not help"},
    {"old_answers", "an answer is as old as its question"},
    {"read_after_claim", "claims are read only after one's own is known to most"},
    {"lease_first", "nobody treats a patient without its lease"},
};
static_assert(std::size(kWords) == static_cast<std::size_t>(Reason::lease_first) + 1);
}  // namespace

std::string_view sentence(Reason reason) { return kWords[static_cast<std::size_t>(reason)].sentence; }
std::string_view text(Reason reason) { return kWords[static_cast<std::size_t>(reason)].name; }

}  // namespace meshops::mesh
