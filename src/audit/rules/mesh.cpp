// Mesh: whether the nodes stand apart, are watched, and agree.
#include "audit/rules/mesh_parts.h"

namespace meshops::audit {

namespace {

using namespace mesh_rules_parts;

const Rule kRules[] = {
    {.id = "MSH-001",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo | kCloud,
     .fix = Fix::none,
     .title = "Every node in one zone or at one provider",
     .why = "One outage takes all of them, and nobody is left to heal.",
     .not_when = "a mesh of one node; a place is only known from exports of gcloud and from addresses that a "
                 "provider "
                 "names by it, never guessed",
     .remedy = "Put one node elsewhere.",
     .check = one_place},
    {.id = "MSH-002",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A node that nobody watches",
     .why = "Observe or be blind: without an agent and a way to tell people, users notice first.",
     .not_when = "agent and [[alert]] are there; no gateway and no mesh; whether metrics and logs are "
                 "collected elsewhere "
                 "is not known yet",
     .remedy = "Enable meshops-agent.service, and give mesh.toml an [[alert]].",
     .check = unobserved},
    {.id = "MSH-003",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "Competing watchdogs",
     .why = "Each sees the other's restart as an outage: a gateway that needs minutes to warm up never gets "
            "them.",
     .not_when =
         "a unit with Restart= alone; meshops and the unit it minds; deployments and nightly restarts",
     .remedy = "Keep one, disable the others.",
     .check = watchdogs},
    {.id = "MSH-004",
     .severity = Severity::medium,
     .reads = kLive | kRoot,
     .fix = Fix::none,
     .title = "A node has nothing new in the shared brain",
     .why = "A node that no longer thinks aloud has lost its gateway, its memory's road to the others, or "
            "both, while all that is probed may be green.",
     .not_when = "no [hive] with a directory; the newest thought is younger than three intervals, by the "
                 "time its file was written; nobody has written anything yet",
     .remedy = "meshops diagnose on that node; then what carries its thoughts to the others.",
     .check = silent_node},
    {.id = "MSH-005",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A gateway asks other models than the mesh has agreed on",
     .why = "Work goes to a model that nobody chose for it: dearer, limited, or not good enough for it.",
     .not_when = "no [[route]] for that work; the same models by an alias; an agent with a model of its own; "
                 "what another file brings in",
     .remedy = "Give the gateway the models of [[route]], or change the policy for all.",
     .check = other_route},
    {.id = "MSH-006",
     .severity = Severity::medium,
     .reads = kLive | kRoot,
     .fix = Fix::plan,
     .title = "The node differs from what is declared for it",
     .why = "A node that has drifted cannot be rebuilt from its plan, and is the one where the fix does not "
            "work.",
     .not_when =
         "nothing declared; known are the pinned gateway version, the units of [[gateway]] and meshops' own "
         "units; packages, firewall and other files of a plan are not compared yet",
     .remedy = "meshops node apply",
     .check = drift},
    {.id = "MSH-007",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "Nodes do not agree on the mesh",
     .why = "They heal by different rules, and may fight over one gateway.",
     .not_when = "meshes of other names; [mesh] node and [agent], which are of one machine; the files of "
                 "other nodes are "
                 "not reached from a running one yet (skipped)",
     .remedy = "One mesh.toml for all.",
     .check = differs},
};

}  // namespace

std::span<const Rule> mesh_rules() { return kRules; }

}  // namespace meshops::audit
