#include <algorithm>
#include <iterator>

#include "heal/remedy.h"
#include "heal/remedy_table.h"

namespace meshops::heal {

namespace {

using diagnose::By;
using diagnose::RemedyInfo;

/// As the catalogue of causes has it, which is where people read it.
const RemedyInfo* in_catalogue(std::string_view id) {
  for (const auto& cause : diagnose::catalogue())
    for (const auto& remedy : cause.remedies)
      if (remedy.id == id) return &remedy;
  return nullptr;
}

/// A plan that fits is named, and held back if only the owner may allow it: so a refusal also says what would
/// be done.
Result<Treatment> allowed(const Patient& patient, std::string_view id, Treatment treatment) {
  treatment.remedy = id;
  const auto* info = in_catalogue(id);
  if (info != nullptr && info->by == By::machine) return treatment;
  if (patient.consent.contains(id)) return treatment;
  return fail(
      error(HealCode::not_allowed, "it would help to {}, which needs your consent", treatment.sentence)
          .hint("allow it in mesh.toml: [heal] consent = [\"{}\"]", id));
}

/// A name as a template argument, so that each remedy is one plain function.
template <std::size_t kSize>
struct Name {
  char text[kSize];
  consteval Name(const char (&from)[kSize]) { std::copy_n(from, kSize, text); }
  constexpr std::string_view view() const { return {text, kSize - 1}; }
};
template <Name kName, Plan* kPlan>
Result<Treatment> named(const Patient& patient, const Host& host) {
  auto treatment = kPlan(patient, host);
  if (!treatment) return treatment;
  return allowed(patient, kName.view(), std::move(*treatment));
}
template <Name kName, Plan* kPlan>
constexpr Remedy remedy(unsigned rung, std::string_view undo) {
  return {.id = kName.view(), .plan = &named<kName, kPlan>, .rung = rung, .undo = undo};
}

struct Rung {
  std::string_view words;
  std::string_view why;
};
constexpr Rung kRungTable[kRungs] = {
    {"wait", "Nothing is touched, and much gets well by itself."},
    {"reset", "A counter, a ban or one channel; no file changes, no turn is lost."},
    {"configuration", "One file changes; it is kept, and put back if that does not help."},
    {"competitors, locks, ports", "Others make room; the gateway itself is left alone."},
    {"disk and permissions",
     "Files that can be made again go; owners and modes are recorded before they change."},
    {"restart", "Its turns are drained first, but whoever talks to it waits."},
    {"last known good", "The owner's newest edits go aside."},
    {"databases and installs", "What came after a backup is lost, or the program itself changes."},
    {"the machine", "Other programs of the node feel it, too."},
};
enum : unsigned { wait, reset, configuration, competitors, files, restart, last_good, state, machine };

constexpr std::string_view kFileBack = "the old file is put back";
constexpr std::string_view kLost = "not possible: the files are gone";
constexpr std::string_view kDropInGone = "the drop-in is taken away";

#define REMEDY(id, rung, undo) remedy<#id, &id>(rung, undo)
constexpr Remedy kTable[] = {
    REMEDY(wait_out, wait, ""),
    REMEDY(wait_out_load, wait, ""),
    REMEDY(wait_for_drain, wait, ""),
    REMEDY(wait_cooldown, wait, ""),
    REMEDY(wait_time_wait, wait, ""),
    REMEDY(wait_pull_window, wait, ""),
    REMEDY(name_port_owner, wait, ""),
    REMEDY(name_denied_rule, wait, ""),
    REMEDY(name_blocked_path, wait, ""),
    REMEDY(ask_right_scope, reset, ""),
    REMEDY(reset_failed, reset, "not needed: it counts again by itself"),
    REMEDY(restart_channel, reset, "not needed: its login is kept"),
    REMEDY(unban_peer, reset, "the address is banned again"),
    REMEDY(remove_unknown_keys, configuration, kFileBack),
    REMEDY(correct_known_value, configuration, kFileBack),
    REMEDY(set_gateway_mode, configuration, kFileBack),
    REMEDY(repair_config_syntax, configuration, kFileBack),
    REMEDY(quarantine_plugin, configuration, kFileBack),
    REMEDY(reload_mode_off, configuration, kFileBack),
    REMEDY(correct_model_name, configuration, kFileBack),
    REMEDY(swap_primary_model, configuration, "the first model is primary again"),
    REMEDY(doctor_fix_once, configuration, kFileBack),
    REMEDY(remove_stale_lock, competitors, "the lock is put back"),
    REMEDY(stop_competing_instance, competitors, "a unit or container is started again; a process is not"),
    REMEDY(stop_other_poller, competitors, "a unit or container is started again; a process is not"),
    REMEDY(disable_competing_unit, competitors, "the unit is enabled and started again"),
    REMEDY(correct_ownership, files, "owners and modes are set back"),
    REMEDY(correct_key_modes, files, "owners and modes are set back"),
    REMEDY(clean_caches, files, kLost),
    REMEDY(remove_many_small_files, files, kLost),
    REMEDY(rotate_log, files, "not possible: the old lines are gone"),
    REMEDY(vacuum_journal, files, kLost),
    REMEDY(remove_old_backups, files, kLost),
    REMEDY(prune_containers, files, "not possible: images without a name are gone"),
    REMEDY(drained_restart, restart, ""),
    REMEDY(reopen_log, restart, ""),
    REMEDY(restore_last_good_config, last_good, "the refused file is put back; a copy stays beside it"),
    REMEDY(run_migration, state, "the configuration is put back; the state from the backup, by a person"),
    REMEDY(restore_database, state, "the damaged database is put back"),
    REMEDY(reinstall_pinned_version, state, "the old tree is put back"),
    REMEDY(raise_stop_timeout, machine, kDropInGone),
    REMEDY(write_unit_drop_in, machine, kDropInGone),
    REMEDY(raise_heap_limit, machine, kDropInGone),
    REMEDY(raise_memory_limit, machine, kDropInGone),
    REMEDY(raise_limit, machine, "the drop-in is taken away, or the old value set"),
    REMEDY(install_runtime, machine, kDropInGone),
    REMEDY(enable_linger, machine, "linger is disabled again"),
    REMEDY(ignore_peer, machine, "the address is watched again"),
    REMEDY(limit_log, machine, "the limit is taken away"),
    REMEDY(restart_resolver, machine, ""),
    REMEDY(sync_clock, machine, "time synchronisation is switched off again"),
    REMEDY(raise_conntrack_max, machine, "the old value is set"),
};
#undef REMEDY

}  // namespace

std::span<const Remedy> remedies() { return kTable; }

const Remedy* find_remedy(std::string_view id) {
  const auto* found = std::ranges::find(kTable, id, &Remedy::id);
  return found != std::end(kTable) ? found : nullptr;
}

unsigned rung(std::string_view id) {
  const auto* found = find_remedy(id);
  return found != nullptr ? found->rung : kRungs;
}

std::string remedies_markdown() {
  std::string out =
      "# Remedies\n\n"
      "<!-- Generated from src/heal/remedies.cpp and src/diagnose/cause_table_*.cpp by `meshops explain "
      "--remedies`; a unit test compares. -->\n\n"
      "What meshops can do about a [cause](causes.md), gentlest first: the rungs of the ladder. A remedy "
      "that "
      "needs your consent is only done if mesh.toml allows it: `[heal] consent = [\"ID\"]`. Every change of "
      "a "
      "file keeps the old bytes, and what did not help is taken back.\n";
  for (unsigned rung = 0; rung < kRungs; ++rung) {
    fmt::format_to(std::back_inserter(out), "\n## {} {}\n\n{}\n\n", rung, kRungTable[rung].words,
                   kRungTable[rung].why);
    out += "| remedy | what it does | who allows it | undo |\n|---|---|---|---|\n";
    for (const auto& remedy : kTable) {
      const auto* info = in_catalogue(remedy.id);
      if (remedy.rung != rung || info == nullptr) continue;
      fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} |\n", remedy.id, info->sentence,
                     info->by == By::machine ? "meshops" : "your consent",
                     remedy.undo.empty() ? "–" : remedy.undo);
    }
  }
  out +=
      "\n## For you\n\nMeshops names these and leaves them to you.\n\n| remedy | what it is |\n|---|---|\n";
  std::vector<std::string_view> seen;
  for (const auto& cause : diagnose::catalogue())
    for (const auto& info : cause.remedies) {
      if (info.by != By::person || std::ranges::find(seen, info.id) != seen.end()) continue;
      seen.push_back(info.id);
      fmt::format_to(std::back_inserter(out), "| `{}` | {} |\n", info.id, info.sentence);
    }
  return out;
}

}  // namespace meshops::heal
