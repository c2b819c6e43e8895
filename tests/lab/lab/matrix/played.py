"""Causes that no node of the lab can have: without a cloud, a registry, a kernel of one's own. Their lines are written
here as other programs write them, and given to `meshops diagnose --logs`.
"""

from .row import Fault, Played


def played(cause, what, lines):
    return Fault(name=f"played-{cause.replace('_', '-')}", what=what, effect=Played(lines), causes=(cause,), by="person")


PLAYED = (
    played("bind_unreachable", "a published container port leads to a loopback listener", """
gateway-1  | {"level":"info","subsystem":"gateway","message":"listening on ws://127.0.0.1:18789 (loopback)"}
gateway-1  | {"level":"info","subsystem":"gateway","message":"gateway ready"}
$ curl -v http://172.20.0.3:18789/healthz
* connect to 172.20.0.3 port 18789 failed: Connection refused
$ docker exec gateway-1 curl -s http://127.0.0.1:18789/healthz
{"ok":true,"status":"live"}
curl: (56) Recv failure: Connection reset by peer on the published port: the gateway is bound to loopback inside the container
"""),
    played("stale_lock", "a session's lock names a process that is gone", """
worker.lock is held by pid 22871, which is not running
failed to acquire gateway lock at /home/claw/.openclaw/tmp/openclaw-1000/gateway.state.lock: stale lock left behind
"""),
    played("cpu_starvation", "the host steals the machine's time", """
kernel: watchdog: BUG: soft lockup - CPU#1 stuck for 31s! [node:2210]
kernel: rcu: INFO: rcu_sched self-detected stall on CPU
"""),
    played("oom_killer", "the kernel killed it for memory", """
kernel: openclaw-gatewa invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
kernel: Memory cgroup out of memory: Killed process 3177 (openclaw-gatewa) total-vm:3218700kB, anon-rss:1048200kB
systemd[1]: openclaw-gateway.service: A process of this unit has been killed by the OOM killer.
systemd[1]: openclaw-gateway.service: Failed with result 'oom-kill'.
"""),
    played("mac_policy_denied", "AppArmor denies it its own directory", """
audit: type=1400 audit(1790000000.100:71): apparmor="DENIED" operation="open" profile="openclaw" name="/srv/claw/state/openclaw.sqlite" pid=812 comm="openclaw-gatewa" requested_mask="wr" denied_mask="wr"
"""),
    played("conntrack_full", "the kernel's table of connections is full", """
kernel: nf_conntrack: nf_conntrack: table full, dropping packet
kernel: nf_conntrack: nf_conntrack: table full, dropping packet
"""),
    played("ephemeral_port_exhaustion", "no local port is left towards the provider", """
Error: connect EADDRNOTAVAIL 198.51.100.4:443 - Local (10.0.0.5:0)
ss -s: TCP: 29120 (estab 211, closed 28790, orphaned 3, timewait 28790)
"""),
    played("clock_skew", "the machine woke up with an old clock", """
tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2025-02-01T00:00:03Z is before 2026-09-30T11:20:00Z
chronyd[611]: System clock wrong by 51234567.1 seconds
"""),
    played("registry_rate_limit", "the registry refuses another pull", """
Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit.
"""),
    played("cloud_capacity_quota", "the zone has no machine of this kind", """
ERROR: (gcloud.compute.instances.start) The zone 'projects/p/zones/europe-west1-b' does not have enough resources available to fulfill the request. ZONE_RESOURCE_POOL_EXHAUSTED
"""),
    played("ssh_access_denied", "sshd refuses the healer's key", """
sshd[901]: Authentication refused: bad ownership or modes for directory /home/meshops-op/.ssh
sshd[901]: Connection closed by authenticating user meshops-op 10.77.0.12 port 50822 [preauth]
meshops-op@10.77.0.11: Permission denied (publickey).
"""),
    played("cron_environment", "a job works by hand and not under cron", """
CRON[4411]: (claw) CMD (openclaw-nightly --backup)
CRON[4410]: (claw) MAIL (mailed 51 bytes of output)
/bin/sh: 1: openclaw-nightly: not found
CRON[4410]: (CRON) info (No MTA installed, discarding output)
"""),
    played("git_history_diverged", "the workspace and its remote went different ways", """
 ! [rejected]        main -> main (non-fast-forward)
error: failed to push some refs to 'git@git.example:claw/notes.git'
hint: Updates were rejected because the tip of your current branch is behind its remote counterpart.
"""),
)
