// The closed catalogue of root causes: what each is, what speaks for and against it, and what helps. Called
// by the diagnosis, `meshops explain` and the page docs/causes.md. One table; never decides anything.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::diagnose {

/// The thing to change so that the fault does not come back. Start limits, exit codes and probe results are
/// symptoms and have no place here.
enum class Cause {
  // who runs the service
  duplicate_supervisor,
  port_conflict,
  bind_unreachable,
  stale_lock,
  restart_drain_timeout,
  unit_misconfigured,
  user_session_bus,
  runtime_mismatch,
  broken_install,
  // what it was told
  config_reload_restart,
  config_schema_invalid,
  config_startup_guard,
  state_migration_blocked,
  version_skew,
  secret_env_missing,
  plugin_failure,
  // whom it talks to
  client_auth_rejected,
  channel_auth_invalid,
  channel_token_conflict,
  session_or_channel_stuck,
  provider_rate_limited,
  provider_account_refused,
  provider_config_wrong,
  context_overflow,
  // the machine under it
  process_hang,
  cpu_starvation,
  node_heap_oom,
  oom_killer,
  resource_limit,
  disk_full,
  unbounded_log_growth,
  deleted_open_file,
  inode_exhaustion,
  storage_fault,
  sqlite_fault,
  file_permission,
  mac_policy_denied,
  // the network and everything beyond
  dns_failure,
  egress_path_broken,
  conntrack_full,
  ephemeral_port_exhaustion,
  tls_cert_expired,
  clock_skew,
  registry_rate_limit,
  cloud_capacity_quota,
  ssh_access_denied,
  fail2ban_self_ban,
  cron_environment,
  git_history_diverged,
};
constexpr std::size_t kCauses = static_cast<std::size_t>(Cause::git_history_diverged) + 1;

/// Who may carry a remedy out.
enum class By {
  machine,  // meshops by itself, within the guards of the ladder
  consent,  // meshops, once the owner has allowed it in mesh.toml
  person,
};

struct RemedyInfo {
  std::string_view id;
  std::string_view sentence;
  By by = By::person;
};

struct CauseInfo {
  Cause cause{};
  std::string_view id;
  std::string_view title;
  std::string_view what;
  std::string_view speaks_for;
  std::string_view speaks_against;
  std::vector<RemedyInfo> remedies;  // gentlest first
  std::string_view person;           // what the owner must know or do
};

/// Every cause once, in the order of the enum.
std::span<const CauseInfo> catalogue();
const CauseInfo& about(Cause cause);
std::string_view text(Cause cause);
std::string_view text(By by);
std::optional<Cause> parse_cause(std::string_view id);

/// docs/causes.md, whole.
std::string catalogue_markdown();
/// One cause for a terminal.
std::string explain(Cause cause);

}  // namespace meshops::diagnose
