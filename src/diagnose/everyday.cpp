#include "diagnose/everyday.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/text.h"

namespace meshops::diagnose {

std::string_view everyday_lines() {
  return R"log({"0":"{\"subsystem\":\"gateway\"}","1":"gateway ready","_meta":{"runtime":"node","runtimeVersion":"26.1.0","hostname":"node-1","date":"2026-06-27T10:15:02.113Z","logLevelId":3,"logLevelName":"INFO","name":"{\"subsystem\":\"gateway\"}","parentNames":["openclaw"]},"time":"2026-06-27T10:15:02.113+00:00","hostname":"node-1","message":"gateway ready"}
{"0":"{\"subsystem\":\"agents/agent-command\"}","1":"[agent] run 7c1d5e2a-90b4-4f6e-8a3c-5d2f1b0e9c77 ended with stopReason=stop","_meta":{"runtime":"node","runtimeVersion":"26.1.0","hostname":"node-1","date":"2026-06-27T10:16:40.870Z","logLevelId":3,"logLevelName":"INFO","name":"{\"subsystem\":\"agents/agent-command\"}","parentNames":["openclaw"]},"time":"2026-06-27T10:16:40.870+00:00","hostname":"node-1","message":"[agent] run 7c1d5e2a-90b4-4f6e-8a3c-5d2f1b0e9c77 ended with stopReason=stop"}
{"0":"{\"module\":\"cron\",\"storeKey\":\"/home/ada/.openclaw/cron/jobs.json\"}","1":"cron: job added","_meta":{"logLevelId":2,"logLevelName":"DEBUG"},"message":"cron: job added"}
{"time":"2026-06-27T10:15:02.113Z","level":"info","subsystem":"gateway","message":"loading configuration…"}
{"time":"2026-06-27T10:15:03.201Z","level":"info","subsystem":"gateway","message":"resolving authentication…"}
{"time":"2026-06-27T10:15:04.530Z","level":"info","subsystem":"gateway","message":"shutdown budget at startup: drain=315000ms shutdown=325000ms reserve=10000ms exitMargin=5000ms; source=Gateway stop policy=330000ms"}
{"time":"2026-06-27T10:15:05.002Z","level":"info","subsystem":"gateway/health-monitor","message":"started (interval: 300s, startup-grace: 60s, channel-connect-grace: 120s)"}
{"time":"2026-06-27T10:15:05.113Z","level":"info","subsystem":"gateway/ws","message":"closed before connect conn=5d2f1b0e-90b4-4f6e-8a3c-7c1d5e2a9c77 peer=127.0.0.1:50422->127.0.0.1:18789 remote=127.0.0.1 fwd=n/a origin=n/a host=127.0.0.1:18789 ua=curl/7.88.1 code=1000 reason=n/a"}
{"time":"2026-06-27T10:15:06.402Z","level":"info","subsystem":"gateway","message":"http server listening (4 plugins, 6.4s)"}
{"time":"2026-06-27T10:15:09.001Z","level":"info","subsystem":"agent/embedded","message":"tool-search: cataloged 41 tools behind compact prompt surface"}
{"time":"2026-06-27T10:15:11.017Z","level":"debug","subsystem":"session-sqlite","message":"checkpoint of the write-ahead log done in 12 ms, 340 pages, database 48 MB"}
{"time":"2026-06-27T10:15:12.640Z","level":"info","subsystem":"state/database-verify","message":"database integrity verification passed"}
{"time":"2026-06-27T10:15:30.118Z","level":"debug","subsystem":"channels/slack","message":"socket mode event envelope acknowledged in 4 ms"}
{"time":"2026-06-27T10:15:31.010Z","level":"info","subsystem":"memory","message":"indexed 12 files, 340 chunks, embeddings cached 310, provider=openai model=text-embedding-3-small"}
Jun 27 10:15:02 node-1 openclaw[812]: 2026-06-27T10:15:02.000Z [gateway] agent model: anthropic/claude-sonnet-4-5 (thinking=off, fast=off)
Jun 27 10:15:02 node-1 openclaw[812]: 2026-06-27T10:15:02.000Z [ws] ⇄ res ✓ health 12ms conn=9e3779b1…9c77 id=1f0c…aa10
Jun 27 10:15:03 node-1 openclaw[812]: 2026-06-27T10:15:03.000Z [ws] webchat connected conn=9e3779b1 remote=192.0.2.7 client=openclaw-control-ui webchat v2026.6.2
Jun 27 10:15:04 node-1 openclaw[812]: 2026-06-27T10:15:04.000Z [telegram] [default] sendMessage ok chat=12345 message=678 session=agent:main:telegram:12345
Jun 27 10:15:05 node-1 openclaw[812]: 2026-06-27T10:15:05.000Z [telegram] [default] starting provider (@our_bot), polling getUpdates offset=18
Jun 27 10:15:06 node-1 openclaw[812]: 2026-06-27T10:15:06.000Z [discord] logged in as Bot (123456789012345678), 3 guilds, gateway heartbeat 41250 ms
Jun 27 10:15:07 node-1 openclaw[812]: 2026-06-27T10:15:07.000Z [whatsapp] Listening for personal WhatsApp inbound messages.
Jun 27 10:15:08 node-1 openclaw[812]: 2026-06-27T10:15:08.000Z [heartbeat] started; next run in 1800s, lane=main queue=0 waited 3ms
Jun 27 10:15:09 node-1 openclaw[812]: 2026-06-27T10:15:09.000Z [diagnostic] lane task done: lane=session:agent:main:main durationMs=5210 active=0 queued=0
Jun 27 10:15:10 node-1 openclaw[812]: 2026-06-27T10:15:10.000Z [agent/embedded] embedded run start: runId=1f0c sessionId=77aa provider=anthropic model=claude-sonnet-4-5 thinking=low channel=telegram
Jun 27 10:15:10 node-1 openclaw[812]: 2026-06-27T10:15:10.000Z [agent/embedded] embedded run tool end: runId=1f0c tool=exec toolCallId=call_9a durationMs=211 status=ok exit code 0
Jun 27 10:15:12 node-1 openclaw[812]: 2026-06-27T10:15:12.000Z [cron] job finished: daily-summary next=2026-06-28T06:00:00.000Z enabled=true tokens in=5210 out=312 cached=4800
Jun 27 10:15:12 node-1 openclaw[812]: 2026-06-27T10:15:12.000Z [plugins] memory-core loaded from /usr/lib/node_modules/openclaw/dist/extensions in 12 ms, version 2026.6.2
Jun 27 10:15:13 node-1 openclaw[812]: 2026-06-27T10:15:13.000Z [browser/server] Browser control listening on http://127.0.0.1:18791/
Jun 27 10:15:14 node-1 openclaw[812]: 2026-06-27T10:15:14.000Z [reload] config change detected; evaluating reload (agents.defaults.model.primary, channels.telegram.enabled); applied, no restart needed
Jun 27 10:15:15 node-1 openclaw[812]: 2026-06-27T10:15:15.000Z [skills] 31 skills ready, 4 need setup; workspace=/home/ada/.openclaw/workspace user=ada
Jun 27 10:15:16 node-1 openclaw[812]: 2026-06-27T10:15:16.000Z [compaction] session agent:main:main compacted: 182000 tokens -> 24000 tokens, context window 200000, usage 12%
10:15:17 [model-fallback] decision=candidate_succeeded requested=anthropic/claude-sonnet-4-5 candidate=anthropic/claude-sonnet-4-5 attempt=1 total=2
10:15:18 [router] POST /v1/chat/completions 200 812 ms model=ada/default upstream=https://api.example.org/v1 request_id=req_01AbC stream=true
Jun 27 10:15:16 node-1 systemd[1]: Starting openclaw-gateway.service - OpenClaw Gateway...
Jun 27 10:15:16 node-1 systemd[1]: Started openclaw-gateway.service - OpenClaw Gateway.
Jun 27 10:15:17 node-1 systemd[1]: Started session-12.scope - Session 12 of User ada.
Jun 27 10:15:17 node-1 systemd[1]: apt-daily.service: Deactivated successfully.
Jun 27 10:15:17 node-1 systemd[1]: Finished apt-daily.service - Daily apt download activities.
Jun 27 10:15:18 node-1 systemd[1]: apt-daily.service: Consumed 2.871s CPU time.
Jun 27 10:15:18 node-1 systemd[796]: Reached target default.target - Main User Target. Startup finished in 211ms.
Jun 27 10:15:18 node-1 systemd[1]: Stopped target timers.target - Timer Units. Stopping user@1000.service - User Manager for UID 1000...
Jun 27 10:15:19 node-1 systemd-logind[611]: New session 12 of user ada. Session 11 logged out. Waiting for processes to exit. Removed session 11.
Jun 27 10:15:19 node-1 systemd-timesyncd[480]: Contacted time server 192.0.2.123:123 (0.debian.pool.ntp.org). Initial clock synchronization to Sat 2026-06-27 10:15:19 UTC.
Jun 27 10:15:19 node-1 systemd-resolved[481]: Using degraded feature set UDP instead of UDP+EDNS0 for DNS server 192.0.2.53. Switching to server.
Jun 27 10:15:20 node-1 sshd[2201]: Accepted publickey for ada from 192.0.2.7 port 50422 ssh2: ED25519 SHA256:uJ4Yqk9Xc0
Jun 27 10:15:20 node-1 sshd[2201]: pam_unix(sshd:session): session opened for user ada(uid=1000) by (uid=0)
Jun 27 10:15:21 node-1 sshd[2210]: Received disconnect from 192.0.2.7 port 50422:11: disconnected by user. Connection closed by 198.51.100.9 port 4022 [preauth]
Jun 27 10:15:21 node-1 sshd[2210]: Invalid user admin from 198.51.100.9 port 4022. Failed password for invalid user admin from 198.51.100.9 port 4022 ssh2
Jun 27 10:15:21 node-1 CRON[2301]: (root) CMD (test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.hourly; })
Jun 27 10:15:22 node-1 CRON[2301]: pam_unix(cron:session): session closed for user root
Jun 27 10:15:22 node-1 sudo[2312]: ada : TTY=pts/0 ; PWD=/home/ada ; USER=root ; COMMAND=/usr/bin/systemctl status openclaw-gateway
Jun 27 10:15:23 node-1 kernel: eth0: renamed from veth1a2b3c; link becomes ready, 1000 Mbps, full duplex
Jun 27 10:15:23 node-1 kernel: [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:12:34:56 SRC=198.51.100.9 DST=203.0.113.5 LEN=40 TOS=0x00 PREC=0x00 TTL=243 ID=54321 PROTO=TCP SPT=41022 DPT=23 WINDOW=1024 RES=0x00 SYN URGP=0
Jun 27 10:15:23 node-1 kernel: docker0: port 1(veth1a2b3c) entered forwarding state; audit: type=1400 apparmor="STATUS" operation="profile_load"
Jun 27 10:15:23 node-1 kernel: EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none. usb 1-1: new high-speed device number 2 using xhci_hcd
Jun 27 10:15:24 node-1 dockerd[702]: time="2026-06-27T10:15:24.113Z" level=info msg="Loading containers: done." image=ghcr.io/acme/app:latest container=1a2b3c
Jun 27 10:15:24 node-1 containerd[690]: time="2026-06-27T10:15:24Z" level=info msg="starting signal loop" namespace=moby path=/run/containerd pid=2400
Jun 27 10:15:25 node-1 fail2ban-server[640]: INFO [sshd] Found 198.51.100.9 - 2026-06-27 10:15:25
Jun 27 10:15:25 node-1 NetworkManager[560]: <info> [1782555325.1] dhcp4 (eth0): state changed new lease, address=203.0.113.5
Jun 27 10:15:26 node-1 dbus-daemon[555]: [system] Successfully activated service 'org.freedesktop.hostname1'
Jun 27 10:15:26 node-1 tailscaled[720]: magicsock: disco: node [abcde] now using 192.0.2.9:41641 mtu=1360; netcheck report udp=true
Jun 27 10:15:27 node-1 nginx[733]: 192.0.2.7 - - [27/Jun/2026:10:15:27 +0000] "GET /healthz HTTP/1.1" 200 17 "-" "curl/7.88.1"
)log";
}

namespace {
constexpr std::size_t kGram = 4;

struct Lines {
  std::string text = lower(everyday_lines());
  std::vector<std::uint16_t> grams = std::vector<std::uint16_t>(1U << 16);  // by hash: how often
  Lines() {
    for (std::size_t i = 0; i + kGram <= text.size(); ++i) ++grams[hash(text.data() + i)];
  }
  static std::size_t hash(const char* bytes) {
    std::uint32_t gram = 0;
    std::memcpy(&gram, bytes, sizeof gram);
    return gram * 0x9e3779b1U >> 16;
  }
};

const Lines& lines() {
  static const Lines all;
  return all;
}
}  // namespace

std::size_t times_in_everyday_lines(std::string_view needle) {
  // Most needles have four bytes that those lines never have.
  for (std::size_t i = 0; i + kGram <= needle.size(); ++i)
    if (lines().grams[Lines::hash(needle.data() + i)] == 0) return 0;
  std::size_t times = 0;
  auto rest = std::string_view(lines().text);
  // memmem is many times quicker than find() where the first byte is a common one.
  while (const auto* at = ::memmem(rest.data(), rest.size(), needle.data(), needle.size())) {
    ++times;
    rest.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(at) - rest.data()) + 1);
  }
  return times;
}

std::size_t gram_in_everyday_lines(std::string_view gram) { return lines().grams[Lines::hash(gram.data())]; }

std::string_view rarest_part(std::string_view needle, std::size_t size) {
  if (needle.size() <= size) return needle;
  auto best = needle.substr(0, size);
  std::size_t fewest = std::numeric_limits<std::size_t>::max();
  for (std::size_t i = 0; i + size <= needle.size(); ++i) {
    std::size_t sum = 0;
    for (auto j = i; j + kGram <= i + size; ++j) sum += lines().grams[Lines::hash(needle.data() + j)];
    // What stands at its end tells the search most.
    sum += 4 * lines().grams[Lines::hash(needle.data() + i + size - kGram)];
    if (sum < fewest) fewest = sum, best = needle.substr(i, size);
  }
  return best;
}

}  // namespace meshops::diagnose
