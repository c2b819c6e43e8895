// One function for each remedy, in five files so that each stays readable. Called by the table in
// remedies.cpp only, which adds the name and asks for the owner's consent. Plans; never changes anything.
#pragma once

#include "heal/remedy.h"

namespace meshops::heal {

using Plan = Result<Treatment>(const Patient& patient, const Host& host);

// remedies_process.cpp
Plan wait_out;
Plan wait_out_load;
Plan wait_for_drain;
Plan wait_cooldown;
Plan wait_time_wait;
Plan wait_pull_window;
Plan reset_failed;
Plan ask_right_scope;
Plan drained_restart;
Plan reopen_log;
Plan restart_channel;
Plan stop_competing_instance;
Plan stop_other_poller;
Plan disable_competing_unit;
Plan name_port_owner;
Plan remove_stale_lock;
Plan name_denied_rule;
Plan name_blocked_path;

// remedies_config.cpp
Plan remove_unknown_keys;
Plan correct_known_value;
Plan set_gateway_mode;
Plan repair_config_syntax;
Plan restore_last_good_config;
Plan doctor_fix_once;
Plan reload_mode_off;
Plan quarantine_plugin;
Plan swap_primary_model;
Plan correct_model_name;

// remedies_units.cpp
Plan raise_stop_timeout;
Plan write_unit_drop_in;
Plan install_runtime;
Plan raise_heap_limit;
Plan raise_memory_limit;
Plan raise_limit;
Plan enable_linger;

// remedies_disk.cpp
Plan clean_caches;
Plan remove_many_small_files;
Plan vacuum_journal;
Plan prune_containers;
Plan remove_old_backups;
Plan rotate_log;
Plan limit_log;

// remedies_files.cpp
Plan correct_ownership;
Plan correct_key_modes;
Plan restore_database;
Plan run_migration;

// remedies_machine.cpp
Plan unban_peer;
Plan ignore_peer;
Plan sync_clock;
Plan restart_resolver;
Plan raise_conntrack_max;
Plan reinstall_pinned_version;

}  // namespace meshops::heal
