// Words in a node's facts (docs: facts.h). Facts are read as lines "fact KEY: VALUE", so these never match a log.
#include "diagnose/signatures.h"

namespace meshops::diagnose {

std::span<const Signature> signatures_facts() {
  using enum Cause;
  static constexpr Signature kTable[] = {
      {"fact_path_missing", {{cron_environment, 62}}, R"(^fact (path_missing|path): )", "fact path_missing: /opt/tool/bin"},
      {"fact_log_size", {{unbounded_log_growth, 72}}, R"(^fact [^:\n]*log[^:\n]*: .*\d ?(G|T|GB|GiB)\b)", "fact log_size: 41 GB"},
      {"fact_log_growth", {{unbounded_log_growth, 34}}, R"(^fact log_growth: )", "fact log_growth: 2 MB an hour"},
      {"fact_clock", {{clock_skew, 78}}, R"(^fact [^:\n]*(skew|clock|ntp|time_offset)[^:\n]*: .*(\d|behind|ahead|no|wrong|off))", "fact skew: 12 min behind"},
      {"fact_quota", {{cloud_capacity_quota, 60}}, R"(^fact (quota|zone|machine_type|capacity)[^:\n]*: )", "fact quota.metric: CPUS"},
      {"fact_resolver", {{dns_failure, 48}}, R"(^fact (resolv_conf|resolver|nameserver|dns)[^:\n]*: )", "fact resolv_conf: 127.0.0.53"},
      {"fact_no_systemd", {{user_session_bus, 66}}, R"(^fact (pid1: (init|docker-init|tini|bash|sh)\b|systemctl: .*(offline|unavail|missing|no)|linger: .*(no|off|false|disabled)))", "fact systemctl: offline"},
      {"fact_inodes", {{inode_exhaustion, 84}}, R"(^fact [^:\n]*inode[^:\n]*: .*(100|9[89]) ?%?)", "fact inodes: 100%"},
      {"fact_sshd_listens", {}, R"(^fact (sshd_listening|sshd|ssh_service): .*(true|active|listening|running|up))", "fact sshd_listening: true"},
      {"fact_network_fine", {}, R"(^fact (network|egress|connectivity|internet|curl)[^:\n]*: .*(answers|200|\bok\b|fine|works|reachable))", "fact network: api.acme.example answers 200"},
      {"fact_health_fine", {}, R"(^fact (health|http|http_probe|healthz|readyz|service)[^:\n]*: .*(200|live|healthy|\bok\b))", "fact health: 200 live"},
      {"fact_ban", {{fail2ban_self_ban, 70}}, R"(^fact (ban|jail|fail2ban|banned)[^:\n]*: )", "fact jail: sshd"},
      {"fact_watch_limit", {{resource_limit, 70}}, R"(^fact [^:\n]*(nofile|ulimit|watches|inotify|tasks_max|pids|max_user|open_files)[^:\n]*: )", "fact max_user_watches: 8192"},
      {"fact_conntrack", {{conntrack_full, 66}}, R"(^fact [^:\n]*conntrack[^:\n]*: )", "fact conntrack_count: 65536"},
      {"fact_time_wait", {{ephemeral_port_exhaustion, 66}}, R"(^fact [^:\n]*(time_wait|timewait|ephemeral|local_port)[^:\n]*: )", "fact time_wait: 28000"},
      {"fact_cert", {{tls_cert_expired, 62}}, R"(^fact [^:\n]*(cert|not_after|tls|expiry|expires)[^:\n]*: )", "fact cert_not_after: 2026-01-01"},
      {"fact_steal", {{cpu_starvation, 60}}, R"(^fact [^:\n]*(steal|cpu_credit|throttl)[^:\n]*: )", "fact steal_percent: 60"},
      {"fact_heap_limit", {{node_heap_oom, 40}}, R"(^fact [^:\n]*(heap|old_space)[^:\n]*: )", "fact heap_limit: 2048 MB"},
      {"fact_read_only", {{storage_fault, 66}}, R"(^fact (mount|fs|filesystem|device|smart|disk_state)[^:\n]*: .*(ro\b|read-only|fail|error))", "fact mount: /dev/vda1 ext4 ro"},
      {"fact_deleted", {{deleted_open_file, 70}}, R"(^fact [^:\n]*(deleted|lsof)[^:\n]*: )", "fact deleted_open: 3 files"},
      {"fact_context", {{context_overflow, 40}}, R"(^fact [^:\n]*(context|prompt|tokens)[^:\n]*: )", "fact context_window: 8192"},
      {"fact_reload_writer", {{config_reload_restart, 40}}, R"(^fact (config_writer|restart_reason|reload|config_mtime)[^:\n]*: )", "fact restart_reason: config write"},
      {"fact_shared_token", {{channel_token_conflict, 60}}, R"(^fact [^:\n]*(pollers|instances_with_token|shared_token|same_token)[^:\n]*: )", "fact pollers: 2"},
      {"fact_bind", {{bind_unreachable, 34}}, R"(^fact (bind|listen|listener|bind_address|published)[^:\n]*: .*(loopback|127\.0\.0\.1|localhost|::1))", "fact bind: loopback"},
      {"fact_git", {{git_history_diverged, 50}}, R"(^fact (git|ahead|behind|branch|remote)[^:\n]*: )", "fact ahead: 2"},
      {"fact_job_under_cron", {{cron_environment, 40}}, R"(^fact (cron|crontab|shell|run_by|scheduler): .*(cron|/bin/sh|PATH))", "fact run_by: cron"},
      {"fact_drain", {{restart_drain_timeout, 44}}, R"(^fact [^:\n]*(timeout_?stop|drain|kill_?mode|stop_timeout)[^:\n]*: )", "fact timeout_stop_s: 30"},
      {"fact_second_starter", {{duplicate_supervisor, 56}}, R"(^fact [^:\n]*(second|other|duplicate|competing|also_started|supervisors?)[^:\n]*: .*(unit|service|pm2|cron|docker|systemd|launchd|install))", "fact competing_unit: clawdbot-gateway.service"},
      {"fact_env", {{secret_env_missing, 42}}, R"(^fact (env|environment|environment_file|env_file|missing_env|missing_key)[^:\n]*: )", "fact env_file: /etc/app.env absent"},
      {"fact_proxy", {{egress_path_broken, 44}}, R"(^fact (http_proxy|https_proxy|egress|firewall|nat|route)[^:\n]*: )", "fact http_proxy: http://127.0.0.1:3128"},
  };
  return kTable;
}

}  // namespace meshops::diagnose
