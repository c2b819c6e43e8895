// Reports of failing gateways and nodes in our own words, in the formats of the programs that write them:
// what a person would paste. Used by reports_test.cpp.
#pragma once

#include "diagnose/causes.h"

namespace meshops::diagnose {

struct Report {
  Cause cause;
  const char* log;
  const char* facts = "{}";
};

inline constexpr Report
    kReports[] =
        {
            // -- who runs the service
            {Cause::duplicate_supervisor,
             R"(Gateway failed to start: another gateway instance is already listening on ws://127.0.0.1:18789 | listen EADDRINUSE: address already in use 127.0.0.1:18789
Port 18789 is already in use.
- pid 2211 ada: openclaw-gateway (127.0.0.1:18789)
- Gateway already running locally. Stop it or use a different port.
openclaw-gateway.service: Scheduled restart job, restart counter is at 412.)"},
            {Cause::duplicate_supervisor,
             R"(openclaw-gateway.service: Main process exited, code=exited, status=1/FAILURE
Error: listen EADDRINUSE: address already in use 127.0.0.1:18789)",
             R"({"port_owner": "node of pm2, pid 900", "n_restarts": 300})"},
            {Cause::duplicate_supervisor,
             R"(Doctor could not enter maintenance. StateDatabaseCoordinatorContentionError: another OpenClaw process owns gateway-lifecycle
gateway requires state migration. Stop the service and run openclaw doctor --fix)"},
            {Cause::duplicate_supervisor, R"(Other gateway-like services detected (best effort):
- clawdbot-gateway.service (user, unit: /home/ada/.config/systemd/user/clawdbot-gateway.service)
EADDRINUSE: address already in use :::18789)"},
            {Cause::port_conflict, R"(nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)
LISTEN 0 511 *:80 *:* users:(("apache2",pid=701,fd=4)))"},
            {Cause::port_conflict,
             R"(Error response from daemon: driver failed programming external connectivity on endpoint gateway: Bind for 0.0.0.0:18789 failed: port is already allocated)"},
            {Cause::port_conflict,
             R"(docker: Error response from daemon: Ports are not available: exposing port TCP 0.0.0.0:5000 -> 0.0.0.0:0: listen tcp 0.0.0.0:5000: bind: address already in use.
ControlCe 612 ada 10u IPv4 TCP *:commplex-main (LISTEN))"},
            {Cause::port_conflict,
             R"(OSError: [Errno 98] error while attempting to bind on address ('0.0.0.0', 8080): address already in use)",
             R"({"port_owner": "jenkins (java) pid 5512"})"},
            {Cause::bind_unreachable, R"([gateway] listening on ws://127.0.0.1:18789 (PID 7)
0.0.0.0:18789->18789/tcp, :::18789->18789/tcp
curl: (56) Recv failure: Connection reset by peer)"},
            {Cause::bind_unreachable, R"(curl: (52) Empty reply from server
LISTEN 0 511 127.0.0.1:18789 0.0.0.0:*)",
             R"({"mode": "docker"})"},
            {Cause::bind_unreachable, R"(Failed to discover Ollama models: TypeError: fetch failed
cause: connect ECONNREFUSED 172.17.0.1:11434)",
             R"({"listener": "ollama on 127.0.0.1:11434"})"},
            {Cause::bind_unreachable,
             R"(Error: listen EADDRNOTAVAIL: address not available 100.101.102.103:18789)"},
            {Cause::stale_lock,
             R"(Agent failed before reply: session file locked (timeout 10000ms): pid=3311 /home/ada/.openclaw/agents/main/sessions/x.jsonl.lock
ps: no such process 3311)"},
            {Cause::stale_lock, R"(FATAL:  lock file "postmaster.pid" already exists
HINT:  Is another postmaster (PID 1) running in data directory "/var/lib/postgresql/data"?)"},
            {Cause::stale_lock, R"(fatal: Unable to create '/srv/mirror/.git/index.lock': File exists.
Another git process seems to be running in this repository, e.g. an editor opened by 'git commit'.)"},
            {Cause::stale_lock, R"([browser] Failed to launch the browser process
The profile appears to be in use by another Google Chrome process (2871) on another computer (4f0a). Chrome has locked the profile)"},
            {Cause::stale_lock,
             R"(Fatal: unable to create lock in backend: repository is already locked exclusively by PID 2020 on node-1 by root (UID 0, GID 0)
lock was created at 2026-03-01 03:00:11 (53h12m ago))"},
            {Cause::restart_drain_timeout,
             R"(systemd[1]: app.service: State 'stop-sigterm' timed out. Killing.
systemd[1]: app.service: Killing process 812 (node) with signal SIGKILL.
systemd[1]: app.service: Failed with result 'timeout'.)"},
            {Cause::restart_drain_timeout, R"([gateway] restart deferred: 3 active tasks still running
[gateway] shutdown timed out; exiting without full cleanup
Error: listen EADDRINUSE: address already in use 127.0.0.1:18789)"},
            {Cause::restart_drain_timeout,
             R"(Container 9f2a failed to exit within 10s of signal 15 - using the force)"},
            {Cause::restart_drain_timeout,
             R"(openclaw-gateway.service: Found left-over process 4711 (node) in control group while starting unit. Ignoring.
This usually indicates unclean termination of a previous run, or service implementation deficiencies.)"},
            {Cause::unit_misconfigured,
             R"(app.service: Failed at step CHDIR spawning /usr/bin/node: No such file or directory
app.service: Main process exited, code=exited, status=200/CHDIR)"},
            {Cause::unit_misconfigured,
             R"(/etc/systemd/system/app.service:9: Unknown key name 'RestartSecs' in section 'Service', ignoring.)"},
            {Cause::unit_misconfigured, R"(app.service: Main process exited, code=exited, status=217/USER
app.service: Failed to determine user credentials: No such process)"},
            {Cause::unit_misconfigured, R"(app.service: Failed with result 'protocol'.
app.service: Can't open PID file /run/app.pid (yet?) after start: Operation not permitted)"},
            {Cause::unit_misconfigured, R"(app.service: start operation timed out. Terminating.
app.service: Failed with result 'timeout'.)",
             R"({"config_fragment": "Type=notify"})"},
            {Cause::user_session_bus, R"(Failed to connect to bus: No such file or directory)"},
            {Cause::user_session_bus, R"(systemd[812]: Stopped OpenClaw Gateway.
systemd[1]: Stopping User Manager for UID 1000...)"},
            {Cause::user_session_bus,
             R"(Gateway service check failed: Error: systemctl --user unavailable: Failed to connect to user scope bus via local transport: $DBUS_SESSION_BUS_ADDRESS and $XDG_RUNTIME_DIR not defined)"},
            {Cause::user_session_bus,
             R"(System has not been booted with systemd as init system (PID 1). Can't operate.)"},
            {Cause::runtime_mismatch,
             R"(openclaw: Node 20.11.1: node:sqlite is unavailable; use 24.16+/26.1+ or a build with the fix.)"},
            {Cause::runtime_mismatch,
             R"(node: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.28' not found (required by node))"},
            {Cause::runtime_mismatch,
             R"(Error: The module '/opt/app/node_modules/better-sqlite3/build/Release/better_sqlite3.node'
was compiled against a different Node.js version using NODE_MODULE_VERSION 115. This version of Node.js requires NODE_MODULE_VERSION 127.)"},
            {Cause::runtime_mismatch, R"(exec /usr/local/bin/docker-entrypoint.sh: exec format error)"},
            {Cause::runtime_mismatch,
             R"(openclaw-gateway.service: Failed to locate executable /home/ada/.nvm/versions/node/v22.1.0/bin/node: No such file or directory
openclaw-gateway.service: Main process exited, code=exited, status=203/EXEC)"},
            {Cause::broken_install,
             R"(Gateway failed to start: Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/home/ada/.npm-global/lib/node_modules/openclaw/dist/server-start-B9J.js' imported from /home/ada/.npm-global/lib/node_modules/openclaw/dist/run.js)"},
            {Cause::broken_install, R"(npm error code ENOTEMPTY
npm error syscall rename
npm error path /usr/lib/node_modules/openclaw)"},
            {Cause::broken_install,
             R"(E: dpkg was interrupted, you must manually run 'sudo dpkg --configure -a' to correct the problem.)"},
            {Cause::broken_install,
             R"(SyntaxError: The requested module './config-Xy.js' does not provide an export named 'r')"},
            // -- what it was told
            {Cause::config_reload_restart,
             R"([reload] config change detected; evaluating reload (meta.lastTouchedAt, wizard.lastRunAt)
[reload] config change requires gateway restart (plugins.installs)
[gateway] signal SIGUSR1 received
[gateway] received SIGUSR1; restarting)"},
            {Cause::config_reload_restart,
             R"([reload] config change detected; evaluating reload (gateway.auth.token)
[gateway] signal SIGTERM received
[gateway] received SIGTERM; shutting down)"},
            {Cause::config_reload_restart, R"([nodemon] restarting due to changes...
[nodemon] restarting due to changes...)"},
            {Cause::config_schema_invalid,
             R"(Gateway failed to start: Invalid config at /home/ada/.openclaw/openclaw.json:
<root>: Unrecognized key: "memorySearch"
Run "openclaw doctor --fix" to repair, then retry.)"},
            {Cause::config_schema_invalid,
             R"(nginx: [emerg] invalid number of arguments in "proxy_pass" directive in /etc/nginx/sites-enabled/a:12)"},
            {Cause::config_schema_invalid,
             R"(config validate: JSON5 parse failed: SyntaxError: JSON5: invalid character '"' at 31:5
Gateway start blocked: existing config is missing gateway.mode.)"},
            {Cause::config_schema_invalid,
             R"(unable to configure the Docker daemon with file /etc/docker/daemon.json: invalid character '}' looking for beginning of object key string)"},
            {Cause::config_schema_invalid,
             R"(error loading config file "prometheus.yml": yaml: unmarshal errors:
  line 14: field scrape_intervall not found in type config.plain)"},
            {Cause::config_startup_guard,
             R"(Gateway failed to start: Error: non-loopback Control UI requires gateway.controlUi.allowedOrigins (set explicit origins))"},
            {Cause::config_startup_guard,
             R"(Missing config. Run `openclaw setup` or set gateway.mode=local (or pass --allow-unconfigured).)",
             R"({"exit_code": 78})"},
            {Cause::config_startup_guard,
             R"(Gateway auth is set to token, but no token is configured. Set gateway.auth.token (or OPENCLAW_GATEWAY_TOKEN))"},
            {Cause::config_startup_guard,
             R"([1] bootstrap checks failed. You must address the points described in the following [1] lines before starting Elasticsearch.
bootstrap check failure [1] of [1]: the default discovery settings are unsuitable for production use)"},
            {Cause::state_migration_blocked, R"(error: Dirty database version 18. Fix and force version.)"},
            {Cause::state_migration_blocked,
             R"(OpenClaw startup migrations did not complete cleanly; refusing to report the gateway ready.
- State dir migration skipped: target already exists (/home/ada/.openclaw))"},
            {Cause::state_migration_blocked,
             R"(Error: P3009: migrate found failed migrations in the target database, new migrations will not be applied.)"},
            {Cause::state_migration_blocked,
             R"(alembic.util.exc.CommandError: Can't locate revision identified by '9a3f')"},
            {Cause::version_skew,
             R"(Refusing to run automatic gateway startup migrations because this OpenClaw binary (2026.3.1) is older than the config last written by OpenClaw 2026.8.2.)"},
            {Cause::version_skew, R"(FATAL:  database files are incompatible with server
DETAIL:  The data directory was initialized by PostgreSQL version 14, which is not compatible with this version 16.1.)"},
            {Cause::version_skew,
             R"(Error response from daemon: client version 1.41 is too old. Minimum supported API version is 1.44, please upgrade your client to a newer version)"},
            {Cause::version_skew, R"(gateway connect failed: Error: protocol mismatch
closed (1002): protocol mismatch)"},
            {Cause::secret_env_missing,
             R"(No API key found for provider "anthropic". Auth store: /root/.openclaw/agents/main/agent/auth-profiles.json)"},
            {Cause::secret_env_missing,
             R"(MissingEnvVarError: Missing env var "TELEGRAM_BOT_TOKEN" referenced at config path: channels.telegram.botToken)"},
            {Cause::secret_env_missing,
             R"(time="2026-01-01" level=warning msg="The \"OPENAI_API_KEY\" variable is not set. Defaulting to a blank string.")"},
            {Cause::secret_env_missing,
             R"(openai.OpenAIError: The api_key client option must be set either by passing api_key to the client or by setting the OPENAI_API_KEY environment variable)"},
            {Cause::plugin_failure,
             R"([plugins] memory-lancedb failed to load from /home/ada/.openclaw/extensions/memory-lancedb/index.ts: Error: Cannot find module '@lancedb/lancedb')"},
            {Cause::plugin_failure, R"(plugins.load.paths: plugin: plugin path not found: /opt/gone/plugin)"},
            {Cause::plugin_failure,
             R"(Unhandled promise rejection: AssertionError: Reached illegal state! IPV4 address change from defined to undefined!
[bonjour] advertise failed; CIAO PROBING CANCELLED)"},
            {Cause::plugin_failure, R"(Requested agent harness "codex" is not registered.)"},
            // -- whom it talks to
            {Cause::client_auth_rejected, R"(disconnected (1008): pairing required)"},
            {Cause::client_auth_rejected,
             R"([ws] unauthorized conn=1f remote=192.168.1.4 client=openclaw-control-ui webchat v2026.3 reason=token_mismatch)"},
            {Cause::client_auth_rejected,
             R"(origin not allowed (open the Control UI from the gateway host or allow it in gateway.controlUi.allowedOrigins))"},
            {Cause::client_auth_rejected, R"(control ui requires HTTPS or localhost (secure context))"},
            {Cause::channel_auth_invalid,
             R"([telegram] [default] channel exited: Call to 'getMe' failed! (404: Not Found))"},
            {Cause::channel_auth_invalid, R"(Error: Used disallowed intents
[discord] gateway: WebSocket connection closed with code 4014)"},
            {Cause::channel_auth_invalid,
             R"([slack] [default] channel exited: An API error occurred: account_inactive)"},
            {Cause::channel_auth_invalid,
             R"([whatsapp] Web connection closed (status 401: logged out). Run openclaw channels login to relink)"},
            {Cause::channel_token_conflict,
             R"([telegram] getUpdates conflict; retrying in 30s. Conflict: terminated by other getUpdates request)"},
            {Cause::channel_token_conflict, R"(Stream Errored (conflict)
[whatsapp] Web connection closed (status 440). Retry 3/12)"},
            {Cause::channel_token_conflict,
             R"(ETELEGRAM: 409 Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first)"},
            {Cause::session_or_channel_stuck,
             R"([diagnostic] stuck session: sessionId=main sessionKey=agent:main:main state=processing age=1241s queueDepth=4)"},
            {Cause::session_or_channel_stuck,
             R"([health-monitor] [discord:default] health-monitor: restarting (reason: stale-socket)
[health-monitor] [discord:default] health-monitor: hit 3 restarts/hour limit, skipping)"},
            {Cause::session_or_channel_stuck,
             R"(LLM request rejected: messages.7.content.1: unexpected `tool_use_id` found in `tool_result` blocks: toolu_01. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.)"},
            {Cause::session_or_channel_stuck,
             R"(lane task error: lane=main durationMs=60011 error="SessionWriteLockTimeoutError: session file locked (timeout 60000ms): pid=812 alive=true ageMs=125000 a.jsonl.lock")"},
            {Cause::provider_rate_limited,
             R"(429 {"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your account's rate limit. Please try again later."}})"},
            {Cause::provider_rate_limited,
             R"(FailoverError: The AI service is temporarily overloaded. Please try again in a moment.
[agent/embedded] embedded run agent end: isError=true error=overloaded_error)"},
            {Cause::provider_rate_limited,
             R"(You have hit your ChatGPT usage limit (plus plan). Try again in ~112 min.)"},
            {Cause::provider_rate_limited,
             R"([429 Too Many Requests] You exceeded your current quota. * Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 20 status: RESOURCE_EXHAUSTED)"},
            {Cause::provider_account_refused, R"(HTTP 401 authentication_error: invalid x-api-key
FailoverError: No available auth profile for anthropic (all in cooldown or unavailable).)"},
            {Cause::provider_account_refused, R"(400 {"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}})"},
            {Cause::provider_account_refused,
             R"(429 You exceeded your current quota, please check your plan and billing details. code: insufficient_quota)"},
            {Cause::provider_account_refused,
             R"(OAuth token refresh failed for anthropic: invalid_grant. Please try again or re-authenticate.)"},
            {Cause::provider_config_wrong, R"(Unknown model: google/gemini-3-flash-preview)"},
            {Cause::provider_config_wrong,
             R"(404 {"error":{"message":"model \"qwen3:14b\" not found, try pulling it first","type":"api_error"}})"},
            {Cause::provider_config_wrong, R"(Error: No API provider registered for api: undefined)"},
            {Cause::provider_config_wrong,
             R"(400 registry.ollama.ai/library/deepseek-r1:8b does not support tools)"},
            {Cause::provider_config_wrong, R"(404 404 page not found
FailoverError: LLM request failed
POST http://10.0.0.2:11434/v1/v1/chat/completions)"},
            {Cause::context_overflow,
             R"(Context overflow: prompt too large for the model. Try again with less input or a larger-context model.)"},
            {Cause::context_overflow,
             R"(400 {"error":{"message":"This model's maximum context length is 131072 tokens. However, you requested 150113 tokens","code":"context_length_exceeded"}})"},
            {Cause::context_overflow, R"(prompt is too long: 208310 tokens > 200000 maximum
FailoverError: All models failed (2))"},
            // -- the machine
            {Cause::process_hang,
             R"([diagnostic] liveness warning: reasons=event_loop_delay interval=61s eventLoopDelayP99Ms=8141 eventLoopDelayMaxMs=41020
gateway timeout after 10000ms)"},
            {Cause::process_hang, R"(app.service: Watchdog timeout (limit 30s)!
app.service: Killing process 812 (node) with signal SIGABRT.)"},
            {Cause::process_hang,
             R"(Liveness probe failed: Get "http://10.2.3.4:18789/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers))"},
            {Cause::process_hang, R"(kernel: INFO: task node:812 blocked for more than 122 seconds.)"},
            {Cause::cpu_starvation, R"(rcu: INFO: rcu_sched self-detected stall on CPU
watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [kworker/0:1:7])"},
            {Cause::cpu_starvation, R"(top - 10:11:12 up 2 days,  load average: 38.20, 35.11, 30.02
%Cpu(s):  4.0 us,  2.0 sy,  0.0 ni,  9.0 id,  0.0 wa,  0.0 hi,  0.0 si, 85.0 st)"},
            {Cause::cpu_starvation,
             R"(HikariPool-1 - Thread starvation or clock leap detected (housekeeper delta=1m12s))"},
            {Cause::node_heap_oom, R"(<--- Last few GCs --->
[812:0x5] 3811 ms: Mark-Compact 2046.1 (2082.1) -> 2045.8 (2082.3) MB, 901.2 / 0.0 ms (average mu = 0.08, current mu = 0.01) allocation failure
FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
Aborted (core dumped))"},
            {Cause::node_heap_oom,
             R"(Error [ERR_WORKER_OUT_OF_MEMORY]: Worker terminated due to reaching memory limit: JS heap out of memory)"},
            {Cause::oom_killer,
             R"(kernel: node invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0
kernel: Memory cgroup out of memory: Killed process 812 (node) total-vm:21G, anon-rss:1502312kB)"},
            {Cause::oom_killer, R"(app.service: A process of this unit has been killed by the OOM killer.
app.service: Failed with result 'oom-kill'.)"},
            {Cause::oom_killer, R"(Last State: Terminated  Reason: OOMKilled  Exit Code: 137)"},
            {Cause::oom_killer, R"(error: llama runner process has terminated: signal: killed
model requires more system memory (9.1 GiB) than is available (5.6 GiB))"},
            {Cause::resource_limit,
             R"(Error: ENOSPC: System limit for number of file watchers reached, watch '/home/ada/.openclaw/skills')"},
            {Cause::resource_limit, R"(accept4() failed (24: Too many open files))"},
            {Cause::resource_limit, R"(-bash: fork: retry: Resource temporarily unavailable
kernel: cgroup: fork rejected by pids controller in /user.slice/user-1000.slice)"},
            {Cause::disk_full, R"(tee: /var/log/app.log: No space left on device
/dev/vda1        25G   25G     0 100% /)"},
            {Cause::disk_full, R"(chat completion failed: Error: database or disk is full
[openclaw] log file append failed; records dropped)"},
            {Cause::disk_full,
             R"(Warning  Evicted  The node was low on resource: ephemeral-storage. Threshold quantity: 2Gi, available: 1Gi)"},
            {Cause::unbounded_log_growth, R"(38G	/var/lib/docker/containers/3f/3f-json.log
write error: No space left on device)"},
            {Cause::unbounded_log_growth,
             R"(Archived and active journals take up 29.4G in the file system.)"},
            {Cause::unbounded_log_growth,
             R"(-rw-r--r-- 1 ada ada 61G Mar  1 03:00 /home/ada/.openclaw/logs/gateway.err.log
ENOSPC: no space left on device, write)"},
            {Cause::deleted_open_file,
             R"(node  812 ada  22w  REG  254,1 48211112222 131 /var/log/gateway.log (deleted)
/dev/vda1  50G  50G  0 100% /)"},
            {Cause::inode_exhaustion, R"(mkdir: cannot create directory '/tmp/x': No space left on device
Filesystem      Inodes   IUsed IFree IUse% Mounted on
/dev/vda1      3276800 3276800     0  100% /)"},
            {Cause::inode_exhaustion, R"(ENOSPC: no space left on device, open '/srv/a')",
             R"({"disk": "41%", "inodes": "100%"})"},
            {Cause::storage_fault, R"(blk_update_request: I/O error, dev sdb, sector 81231 op 0x0:(READ)
EXT4-fs (sdb1): Remounting filesystem read-only)"},
            {Cause::storage_fault,
             R"(Error: EROFS: read-only file system, open '/home/ada/.openclaw/openclaw.json')"},
            {Cause::storage_fault,
             R"(BTRFS error (device nvme0n1p2): bdev /dev/nvme0n1p2 errs: wr 0, rd 41, flush 0, corrupt 2, gen 0)"},
            {Cause::sqlite_fault, R"(sqlite3.OperationalError: database is locked)"},
            {Cause::sqlite_fault,
             R"(Doctor cannot repair this state: shared state database is unreadable at /home/ada/.openclaw/state/openclaw.sqlite: file is not a database.)"},
            {Cause::sqlite_fault, R"(SqliteError: SQLITE_BUSY: database is locked
code: 'SQLITE_BUSY')"},
            {Cause::file_permission,
             R"(Error: EACCES: permission denied, open '/home/node/.openclaw/openclaw.json')"},
            {Cause::file_permission,
             R"(shared state database is unreadable at /home/ada/.openclaw/state/openclaw.sqlite: EACCES: permission denied, stat '/home/ada/.openclaw/state'
gateway requires state migration.)"},
            {Cause::file_permission,
             R"(permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock)"},
            {Cause::file_permission, R"(npm error code EACCES
npm error Error: EACCES: permission denied, mkdir '/usr/lib/node_modules/openclaw')"},
            {Cause::mac_policy_denied,
             R"(audit: type=1400 audit(1700000000.1:22): apparmor="DENIED" operation="connect" profile="docker-default" name="/run/x" pid=9 comm="node"
Error: connect EACCES /run/x)"},
            {Cause::mac_policy_denied,
             R"(SELinux is preventing /usr/bin/node from name_bind access on the tcp_socket port 18789.)"},
            // -- the network and beyond
            {Cause::dns_failure, R"(TypeError: fetch failed
  cause: Error: getaddrinfo ENOTFOUND api.telegram.org)"},
            {Cause::dns_failure, R"(curl: (6) Could not resolve host: api.openai.com)"},
            {Cause::dns_failure,
             R"(dial tcp: lookup registry-1.docker.io on 127.0.0.53:53: server misbehaving)"},
            {Cause::dns_failure, R"(;; communications error to 10.0.0.2#53: timed out
;; no servers could be reached)"},
            {Cause::egress_path_broken, R"(connect ENETUNREACH 149.154.167.220:443
[telegram] sendMessage failed: Network request for 'sendMessage' failed!)"},
            {Cause::egress_path_broken,
             R"(kernel: [UFW BLOCK] IN= OUT=eth0 SRC=10.0.0.4 DST=149.154.167.220 PROTO=TCP DPT=443)"},
            {Cause::egress_path_broken,
             R"(ConnectTimeoutError: Connect Timeout Error (attempted address: api.anthropic.com:443, timeout: 10000ms) code: UND_ERR_CONNECT_TIMEOUT)"},
            {Cause::egress_path_broken, R"(Error: connect ECONNREFUSED 127.0.0.1:7890
HTTPS_PROXY=http://127.0.0.1:7890)"},
            {Cause::conntrack_full, R"(kernel: nf_conntrack: table full, dropping packet
getaddrinfo EAI_AGAIN api.openai.com)"},
            {Cause::ephemeral_port_exhaustion,
             R"(Error: connect EADDRNOTAVAIL 10.0.0.9:6379 - Local (0.0.0.0:0))"},
            {Cause::ephemeral_port_exhaustion,
             R"(dial tcp 10.0.0.9:5432: connect: cannot assign requested address
28231 TIME-WAIT)"},
            {Cause::tls_cert_expired, R"(Error: certificate has expired
  code: 'CERT_HAS_EXPIRED')"},
            {Cause::tls_cert_expired,
             R"(x509: certificate has expired or is not yet valid: current time 2026-03-02T10:00:00Z is after 2026-02-28T23:59:59Z)"},
            {Cause::tls_cert_expired,
             R"(Failed to renew certificate gw.example.org with error: Some challenges have failed.)"},
            {Cause::clock_skew,
             R"(E: Release file for http://deb.debian.org/debian/dists/bookworm/InRelease is not valid yet (invalid for another 3h 12min 9s). Updates for this repository will not be applied.)"},
            {Cause::clock_skew,
             R"(An error occurred (RequestTimeTooSkewed) when calling the PutObject operation: The difference between the request time and the current time is too large.)"},
            {Cause::clock_skew, R"(System clock synchronized: no
NTP service: inactive
SSL certificate problem: certificate is not yet valid)"},
            {Cause::registry_rate_limit,
             R"(Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit.)"},
            {Cause::registry_rate_limit,
             R"(Failed to pull image "nginx:latest": failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/library/nginx/manifests/sha256:9: 429 Too Many Requests)"},
            {Cause::cloud_capacity_quota,
             R"(An error occurred (InsufficientInstanceCapacity) when calling the RunInstances operation (reached max retries: 4): We currently do not have sufficient t3.micro capacity in the Availability Zone you requested)"},
            {Cause::cloud_capacity_quota,
             R"(ERROR: (gcloud.compute.instances.create) Could not fetch resource: - The zone 'projects/p/zones/us-east1-b' does not have enough resources available to fulfill the request.)"},
            {Cause::cloud_capacity_quota,
             R"(code: QuotaExceeded message: Operation could not be completed as it results in exceeding approved standardDSv3Family Cores quota.)"},
            {Cause::cloud_capacity_quota, R"({"code": "InternalError", "message": "Out of host capacity."})"},
            {Cause::ssh_access_denied, R"(ada@203.0.113.4: Permission denied (publickey).)"},
            {Cause::ssh_access_denied,
             R"(sshd[812]: Authentication refused: bad ownership or modes for directory /home/ada
sshd[812]: Connection closed by authenticating user ada 192.0.2.4 port 4022 [preauth])"},
            {Cause::ssh_access_denied,
             R"(Unable to negotiate with 10.0.0.7 port 22: no matching host key type found. Their offer: ssh-rsa,ssh-dss)"},
            {Cause::fail2ban_self_ban,
             R"(2026-03-01 10:00:00,123 fail2ban.actions [612]: NOTICE [sshd] Ban 198.51.100.7
ssh: connect to host node-1 port 22: Connection refused)"},
            {Cause::fail2ban_self_ban, R"(Chain f2b-sshd (1 references)
REJECT     all  --  198.51.100.7  anywhere  reject-with icmp-port-unreachable)"},
            {Cause::cron_environment, R"(CRON[812]: (ada) CMD (openclaw agent --message hi)
CRON[811]: (CRON) info (No MTA installed, discarding output))"},
            {Cause::cron_environment, R"(/bin/sh: 1: node: not found)"},
            {Cause::cron_environment, R"(/bin/sh: line 1: aws: command not found
Subject: Cron <ada@node-1> /home/ada/backup.sh)"},
            {Cause::git_history_diverged,
             R"(hint: You have divergent branches and need to specify how to reconcile them.
fatal: Need to specify how to reconcile divergent branches.)"},
            {Cause::git_history_diverged, R"(fatal: Not possible to fast-forward, aborting.)"},
            {Cause::git_history_diverged, R"(CONFLICT (content): Merge conflict in MEMORY.md
Automatic merge failed; fix conflicts and then commit the result.)"},
};

}  // namespace meshops::diagnose
