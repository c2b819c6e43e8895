// Names, routes, connections, TLS and clocks; and what lies beyond: registries, clouds, SSH, cron, git.
#include "diagnose/signatures.h"

namespace meshops::diagnose {

std::span<const Signature> signatures_network() {
  using enum Cause;
  static constexpr Signature kTable[] = {
      // -- who can reach the listener
      {"loopback_listener", {{bind_unreachable, 12}}, R"(listening on (ws|http|https|tcp)?:?/?/?(127\.0\.0\.1|localhost|\[?::1)|LISTEN +\d+ +\d+ +(127\.0\.0\.1|\[::1\]):\d+|(127\.0\.0\.1|::1):\d+ +[^ \n]+ +LISTEN|Running on http://127\.0\.0\.1|bind[=:] ?"?loopback|Bind: loopback)",
       "[gateway] listening on ws://127.0.0.1:18790 (PID 7)"},
      {"published_port", {}, R"(0\.0\.0\.0:\d+->\d+|\[::\]:\d+->\d+|:::\d+->\d+)", "gateway  0.0.0.0:18790->18790/tcp"},
      {"empty_reply", {{bind_unreachable, 36}}, R"(ERR_EMPTY_RESPONSE|Empty reply from server|ERR_CONNECTION_RESET|curl: \((52|56)\)|ERR_CONNECTION_REFUSED|Recv failure: Connection reset)", "curl: (52) Empty reply from server"},
      {"loopback_only_words", {{bind_unreachable, 66}}, R"(loopback[- ]only|only (listens|listening|reachable|local clients|accessible) (on|from|via|can)|(bound|binds?|listens?|listening) (only )?(to|on) (the )?(loopback|localhost|127\.0\.0\.1)[^\n]{0,60}(unreachable|cannot|can't|not reach|inside|only|but|instead)|can't reach (the )?gateway|not reachable from (the )?(host|outside|LAN|other|container)|bind (is|to|=) ?(loopback|localhost)[^\n]{0,40}container)",
       "Loopback-only gateway; only local clients can connect."},
      {"bridge_refused", {{bind_unreachable, 60}}, R"(host\.docker\.internal[^\n]{0,60}(refused|ECONNREFUSED|unreachable)|ECONNREFUSED (172\.(1[6-9]|2\d|3[01])\.|192\.168\.|10\.\d|100\.)|(172\.(1[6-9]|2\d|3[01])\.\d+\.\d+|100\.\d+\.\d+\.\d+):\d+: connect: connection refused|ECONNREFUSED ::1:)",
       "connect ECONNREFUSED 172.17.0.1:11434"},
      {"loopback_refused", {{bind_unreachable, 24}}, R"(ECONNREFUSED (127\.0\.0\.1|localhost)|(127\.0\.0\.1|localhost):\d+: connect: connection refused|(127\.0\.0\.1|localhost)[^\n]{0,30}Connection refused|connect to (127\.0\.0\.1|localhost|0\.0\.0\.0)[^\n]{0,20}refused)",
       "connect ECONNREFUSED 127.0.0.1:18790"},
      {"upstream_refused", {{bind_unreachable, 42}}, R"(\(111: (Unknown error|Connection refused)\) while connecting to upstream|connect\(\) failed \(111|no live upstreams|dial tcp .{5,50}: connect: connection refused|502 Bad Gateway)",
       "connect() failed (111: Connection refused) while connecting to upstream"},
      {"bind_address_absent", {{bind_unreachable, 78}}, R"((listen|bind)[^\n]{0,40}(EADDRNOTAVAIL|Cannot assign requested address)|(tailnet|tailscale)[^\n]{0,40}(no .{0,20}(interface|address|ip)|not (found|available|running|connected))|could not bind[^\n]{0,60}(assign|address)|bind=tailnet|failed to bind .{0,40}assign)",
       "Error: listen EADDRNOTAVAIL: address not available 100.64.0.9:18790"},
      // -- names
      {"name_unresolved", {{dns_failure, 90}},
       R"(EAI_AGAIN|ENOTFOUND|EAI_FAIL|EAI_NONAME|Temporary failure in name resolution|Name or service not known|Could not resolve host|could not be resolved|Couldn't resolve|no such host|server misbehaving|NXDOMAIN|SERVFAIL|UnknownHostException|nodename nor servname|Name does not resolve|NameResolutionError|Failed to resolve|unable to resolve (host|address)|host not found in upstream|ERR_NAME_NOT_RESOLVED|DNS_PROBE|cannot resolve|getaddrinfo)",
       "Error: getaddrinfo EAI_AGAIN api.acme.example"},
      {"resolver_fails", {{dns_failure, 86}}, R"(no servers could be reached|communications error to [^\n]{5,40}#53|lookup [^ \n]{1,80} on [^ \n]{5,40}:53|query(A|AAAA|Srv|Txt|Mx) E(TIMEOUT|SERVFAIL|REFUSED|CONNREFUSED|TIMEDOUT)|dns[^\n]{0,30}((timed out|timeout|time out)|timeout|fail|broken|unreachable|refused|error|not resol)|Resolving timed out|systemd-resolved[^\n]{0,60}(degraded|fail|refus|DNSSEC|crash|stopped)|resolv\.conf[^\n]{0,40}(empty|missing|broken|dangling|127\.0\.0\.53|no nameserver)|nameserver[^\n]{0,30}(unreachable|not respond|down))",
       "dial tcp: lookup registry.acme.example on 127.0.0.53:53: read udp: i/o timeout"},
      // -- routes
      {"net_unreachable", {{egress_path_broken, 80}}, R"(ENETUNREACH|EHOSTUNREACH|Network is unreachable|No route to host|Destination (Host|Net|Port) (Unreachable|Prohibited)|network unreachable|ERR_INTERNET_DISCONNECTED|ENETDOWN|ERR_NETWORK_CHANGED)",
       "connect ENETUNREACH 2001:db8::1:443"},
      {"connect_timeout", {{egress_path_broken, 60}}, R"(UND_ERR_CONNECT_TIMEOUT|Connect Timeout Error|ConnectTimeout|ETIMEDOUT|connection timed out|Connection (timed out|timeout|time out)|i/o timeout|Timeout was reached|TLS handshake timeout|Failed to connect to [^\n]{3,60} port (443|80)\b|curl: \((7|28)\)|context deadline exceeded|Operation timed out)",
       "connect ETIMEDOUT 203.0.113.9:443"},
      {"connection_broken", {{egress_path_broken, 42}}, R"(ECONNRESET|socket hang up|UND_ERR_SOCKET|other side closed|Client network socket disconnected before secure|SSL_ERROR_SYSCALL|unexpected eof while reading|Connection reset by peer|EPIPE|network request for .{1,40} failed|Network request failed|HttpError: Network)",
       "Error: read ECONNRESET"},
      {"fetch_failed", {{egress_path_broken, 36}}, R"(fetch failed|fetch timeout|network error|APIConnectionError|Connection error\.|Max retries exceeded|LLM idle timeout|no response from model)", "TypeError: fetch failed"},
      {"proxy_broken", {{egress_path_broken, 82}}, R"(proxy[^\n]{0,60}(refused|ECONNREFUSED|unreachable|failed|error|407|(timed out|timeout|time out)|timeout|down|dead|not running|50[234])|(ECONNREFUSED|refused|(timed out|timeout|time out))[^\n]{0,60}proxy|tunnel(ing)? (socket|connection) (could not|failed)|ERR_PROXY|ERR_TUNNEL|Proxy Authentication Required|Received HTTP code \d+ from proxy|CONNECT tunnel failed|ECONNREFUSED [^ \n]{3,45}:(1080|3128|7890|7891|8888|8118|10808|10809)\b|HTTPS?_PROXY=)",
       "Error: tunneling socket could not be established, cause=connect ECONNREFUSED 127.0.0.1:3128"},
      {"firewall_drops", {{egress_path_broken, 80}}, R"(UFW BLOCK|\[?(iptables|nftables|firewall)[^\n]{0,40}(DROP|REJECT|deny|denied|block)|DROP +(all|tcp|udp)|REJECT +(all|tcp)|egress[^\n]{0,30}(block|denied|drop|broken|denies)|outbound[^\n]{0,30}(block|denied|drop|closed)|blocked by (the )?(firewall|security group|network policy|egress)|FORWARD[^\n]{0,20}(policy )?DROP|policy deny|Great Firewall|MTU|Host .{1,40} not in allowlist)",
       "kernel: [UFW BLOCK] IN= OUT=eth0 SRC=10.0.0.5 DST=203.0.113.9 PROTO=TCP DPT=443"},
      // -- tables and ports of the kernel
      {"conntrack_full", {{conntrack_full, 94}}, R"(nf_conntrack: [^\n]{0,30}table full|ip_conntrack: table full|conntrack[^\n]{0,40}(table (is )?full|limit|exhaust|insert_failed|maximum|reached|overflow)|nf_conntrack_(max|count))",
       "kernel: nf_conntrack: nf_conntrack: table full, dropping packet"},
      {"local_ports_out", {{ephemeral_port_exhaustion, 84}}, R"(connect EADDRNOTAVAIL|EADDRNOTAVAIL[^\n]{0,60}Local|connect[^\n]{0,60}Cannot assign requested address|Cannot assign requested address[^\n]{0,40}connect|ip_local_port_range|(ephemeral|local|source|SNAT) ports?[^\n]{0,30}(exhaust|depleted|run out|allocation|none|in use)|no (free|available|more) (local|ephemeral|source)? ?ports|TIME[_-]WAIT[^\n]{0,12}[1-9]\d{4}|[1-9]\d{4}[^\n]{0,12}TIME[_-]WAIT|timewait [1-9]\d{4}|Errno 99\b|\(99: Cannot assign|TCP: time wait bucket table overflow|out of (source |ephemeral )?ports|WSAEADDRNOTAVAIL|10055|bind before connect)",
       "Error: connect EADDRNOTAVAIL 10.0.0.5:443 - Local (0.0.0.0:0)"},
      {"address_not_available", {{ephemeral_port_exhaustion, 50}, {bind_unreachable, 30}}, R"(Cannot assign requested address|EADDRNOTAVAIL|Can't assign requested address)", "OSError: Cannot assign requested address"},
      // -- certificates and clocks
      {"cert_expired", {{tls_cert_expired, 86}}, R"(certificate (has |is |was )?expired|CERT_HAS_EXPIRED|expired certificate|ERR_CERT_DATE_INVALID|SEC_ERROR_EXPIRED|certificate will expire|ssl[^\n]{0,30}expired|cert[^\n]{0,30}\bexpired\b|alert certificate expired|notAfter=|SSL_ERROR_EXPIRED|current time .{10,40} is after)",
       "request failed: Error: certificate has expired (CERT_HAS_EXPIRED)"},
      {"cert_renewal_failed", {{tls_cert_expired, 76}}, R"((Failed to|could not|unable to) renew|certbot[^\n]{0,60}(fail|error)|Some challenges have failed|acme[^\n]{0,60}(error|fail|denied)|renewal[^\n]{0,30}(fail|error)|cert-manager[^\n]{0,60}(fail|error)|could not get certificate|obtaining certificate[^\n]{0,30}error)",
       "Failed to renew certificate acme.example with error: Some challenges have failed."},
      {"cert_dates", {{clock_skew, 40}, {tls_cert_expired, 52}}, R"(expired or is not yet valid)", "x509: certificate has expired or is not yet valid"},
      {"cert_not_yet", {{clock_skew, 90}}, R"(is before 20\d\d-|not yet valid$|not yet valid[^:\n]|CERT_NOT_YET_VALID|is not valid (yet|until)|not valid yet|Not Before[^\n]{0,40}future|NotBefore|issued in the future)",
       "x509: current time 2026-02-05T03:27:10Z is before 2026-02-05T04:33:29Z"},
      {"clock_words", {{clock_skew, 82}},
       R"(clock[ _-]?(skew|drift|offset|jump|step|leap(ed|t)|went backward|is (wrong|off|behind|ahead|not|out))|(system |local |host |hardware )?clock (is )?(wrong|out of sync|not synchroni[sz]ed|unsynchronized|too far)|RequestTimeTooSkewed|TimeTooSkewed|Signature (not yet current|expired)|synchroni[sz]ed: no|NTP (service|synchronized|enabled)?: ?(inactive|no|n/a)|NTP not|no selectable sources|Can't synchroni[sz]e|System clock wrong by|Time has been changed|time (has )?jumped|is in the future|timestamp[^\n]{0,40}(future|too (far|old|skewed)|outside|ahead)|Release file .{0,120}not valid yet|\b(iat|nbf)\b[^\n]{0,40}(future|invalid|early)|host thaw|time[^\n]{0,12}(drift|out of sync|desync)|chronyd?[^\n]{0,60}(wrong|step|unreachable|not sync)|timesyncd[^\n]{0,40}(Timed out|fail)|ntpd[^\n]{0,40}(exceed|panic|step)|Token used too early|MQTT .{0,20}clock)",
       "chronyd[612]: System clock wrong by 3912.4 seconds"},
      // -- registries and clouds
      {"registry_limit", {{registry_rate_limit, 92}}, R"(toomanyrequests|pull rate limit|increase-rate-limit|rate.?limit[^\n]{0,60}(docker|registry|pull|image|manifest)|(docker|registry|manifests|ghcr\.io|quay\.io|blobs|ImagePull|image pull|gcr\.io|ecr)[^\n]{0,120}(429|Too Many Requests|rate limit))",
       "toomanyrequests: You have reached your pull rate limit."},
      {"image_pull_failed", {{registry_rate_limit, 26}}, R"(ImagePullBackOff|ErrImagePull|Failed to pull image)", "Failed to pull image \"acme/gateway:1\""},
      {"cloud_capacity", {{cloud_capacity_quota, 90}},
       R"(ZONE_RESOURCE_POOL_EXHAUSTED|does not have enough resources available|resource pool exhausted|InsufficientInstanceCapacity|InsufficientHostCapacity|Insufficient(Capacity|Reserved)|insufficient capacity|(Zonal|Overconstrained|Overconstrained Zonal)? ?AllocationFailed|SkuNotAvailable|Out of (host )?capacity|OutOfCapacity|no capacity|capacity[^\n]{0,30}(unavailable|not available|insufficient|constraint)|resource_unavailable|stockout|currently unavailable in (this|the) (zone|region|location)|Unsupported.{0,40}Availability Zone|try (a different|another) (zone|region|location))",
       "The zone 'projects/p/zones/europe-west1-b' does not have enough resources available to fulfill the request."},
      {"cloud_quota", {{cloud_capacity_quota, 88}},
       R"((GCE_|CPU_)?QUOTA_EXCEEDED|Quota '[^'\n]{1,60}' exceeded|QuotaExceeded|(Insufficient|exceed(s|ed|ing)?)( the| approved| regional| your| maximum)?( \w+){0,2} quota|(Vcpu|Instance|Address|Volume|Droplet|Server|Core|SpotInstance|vCPU)[A-Za-z ]{0,20}Limit ?Exceeded|LimitExceeded\b|server_limit|droplet limit|CPUS_ALL_REGIONS|IN_USE_ADDRESSES|SSD_TOTAL_GB|quota (limit|metric|increase)|over (the )?quota|quotas? [^\n]{0,40}(exceeded|reached|insufficient)|VcpuLimit|you have requested more .{0,20}(vCPU|instances))",
       "Quota 'CPUS' exceeded. Limit: 24.0 in region europe-west1."},
      {"cloud_preempted", {{cloud_capacity_quota, 74}}, R"((was|has been|being|instance|node|VM) preempted|preemption|spot[^\n]{0,30}(interrupt|reclaim|terminat|evict|deallocat)|compute\.instances\.preempted|instance-termination|SpotMaxPrice|MaxSpotInstanceCount|evict(ed|ion)[^\n]{0,20}spot)",
       "Instance gateway-1 was preempted."},
      // -- SSH and bans
      {"sshd_refuses_user", {{ssh_access_denied, 92}}, R"(not allowed because|not listed in Allow(Users|Groups)|listed in Deny|AllowUsers|AllowGroups|DenyUsers|PermitRootLogin|PubkeyAuthentication no|ROOT LOGIN REFUSED|account is (currently not available|locked|expired)|pam_(access|nologin|faillock|tally)|shell .{1,40} (does not exist|is not executable)|AuthorizedKeysCommand)",
       "sshd[812]: User ada from 192.0.2.1 not allowed because not listed in AllowUsers"},
      {"ssh_key_refused", {{ssh_access_denied, 88}},
       R"(Permission denied \((publickey|password|keyboard|gssapi|none)|Permission denied, please try again|Authentication refused: bad ownership|UNPROTECTED PRIVATE KEY|are too open|Load key .{1,120}: |sign_and_send_pubkey|Agent admitted failure|Too many authentication failures|no (mutual signature|matching (host key|key exchange|cipher|MAC))|userauth_pubkey|maximum authentication attempts|Could not open user's authorized keys|No supported authentication methods|bad permissions|Failed publickey for|Could not open authorized keys|authorized_keys[^\n]{0,40}(permission|owner|mode|not|missing))",
       "ada@host: Permission denied (publickey)."},
      {"ssh_host_key", {{ssh_access_denied, 80}}, R"(Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|Offending .{1,20} key in|No .{1,12} host key is known|no hostkeys available|Missing privilege separation|sshd: no hostkeys|kex_exchange_identification: .{0,20}Connection closed by remote)",
       "Host key verification failed."},
      {"ssh_failed_login", {{ssh_access_denied, 56}}, R"(Failed password for|Invalid user [^ \n]{1,40} from|Connection closed by (authenticating|invalid) user|pam_unix\(sshd|authentication failure;|Connection reset by authenticating|\[preauth\])",
       "sshd[812]: Failed password for ada from 192.0.2.1 port 59810 ssh2"},
      {"ssh_refused", {{fail2ban_self_ban, 36}, {ssh_access_denied, 24}}, R"(port 22\d*: Connection refused|ssh: connect to host .{1,80}(refused|timed out)|Connection timed out during banner exchange|ssh_exchange_identification: (read: )?Connection (reset|closed)|kex_exchange_identification: (read: )?Connection reset)",
       "ssh: connect to host node-2 port 22: Connection refused"},
      {"banned", {{fail2ban_self_ban, 88}}, R"(fail2ban|NOTICE +\[[^\]\n]{1,30}\] (Ban|Restore Ban|Found|already banned) |\[sshd\] (Ban|Restore)|f2b-|already banned|Banned IP list|Currently banned|unbanip|ignoreip|sshguard|crowdsec|cscli|denyhosts|hosts\.deny|reject-with icmp-port-unreachable|recidive|refused connect from)",
       "fail2ban.actions [612]: NOTICE  [sshd] Ban 192.0.2.7"},
      // -- cron
      {"cron_not_found", {{cron_environment, 82}}, R"(/bin/(sh|dash): \d+: [^:\n]{1,60}: not found|/bin/(ba)?sh: (line \d+: )?[^:\n]{1,60}: (command )?not found|sh: \d+: [^:\n]{1,60}: not found|cron[^\n]{0,80}(command )?not found|Permission denied \(cron)",
       "/bin/sh: 1: backup-tool: not found"},
      {"cron_env", {{cron_environment, 76}}, R"(No MTA installed, discarding output|TERM environment variable not set|HOME (is )?not (set|defined)|HOME: unbound|no tty present|stdin is not a tty|Cannot autolaunch D-Bus|(under|from|via|in|by) cron(tab)?\b[^\n]{0,60}(fail|PATH|not|env|miss|differ)|cron[^\n]{0,40}(environment|PATH|minimal env|no profile)|(INSECURE MODE|WRONG FILE OWNER|bad (minute|hour|command)|errors in crontab|Missing newline before EOF|ORPHAN \(no passwd)|crontab[^\n]{0,60}(PATH|SHELL)|PATH=/usr/bin:/bin\b)",
       "CRON[812]: (CRON) info (No MTA installed, discarding output)"},
      {"cron_line", {{cron_environment, 20}}, R"(CRON\[\d+\]|crond?\[\d+\]|anacron\[|\(CRON\)|Subject: Cron <)", "CRON[812]: (ada) CMD (backup.sh)"},
      {"command_not_found", {{cron_environment, 34}, {runtime_mismatch, 32}}, R"(command not found|: not found$|status=127|exit(ed with)? (code|status) 127)", "run.sh: line 3: jq: command not found"},
      // -- git
      {"git_rejected", {{git_history_diverged, 92}},
       R"(\[rejected\]|\[remote rejected\]|non-fast-forward|\(fetch first\)|Updates were rejected|failed to push some refs|divergent branches|have diverged|unrelated histories|Not possible to fast-forward|CONFLICT \(|Automatic merge failed|overwritten by (merge|checkout)|unmerged (files|paths)|need to resolve your current index|reconcile divergent|stale info|rebase in progress|MERGE_HEAD|could not apply [0-9a-f]{6,}|Pulling is not possible|tip of your current branch is behind|merge conflict|HEAD detached|You are not currently on a branch|ahead \d+, behind \d+|forced update|error: could not apply)",
       " ! [rejected]        main -> main (non-fast-forward)"},
  };
  return kTable;
}

}  // namespace meshops::diagnose
