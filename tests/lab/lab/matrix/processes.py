"""Faults of processes and supervisors: copies, ports, hangs, units, runtimes, memory."""

from ..faults import PortThief
from ..site import HOME, PORT, STANDIN, STATE, UNIT, USER
from .row import EVERYWHERE, Down, Fault, Says, Shown, Silent, TurnsFail


def stray_gateway(site, port=PORT, marker=False, stop=True):
    """A gateway that somebody started by hand on the same state."""
    site.program("stray-gateway", "/usr/bin/env", f"HOME={HOME}", *(["OPENCLAW_SERVICE_MARKER=openclaw"] if marker else []),
                 *site.command()[:2], "gateway", "--port", str(port), stop=stop, User=USER)
    site.node.wait("the stray gateway", lambda: site.node.sh(f"ss -Hltn sport = :{port}", check=False), 10)


def stray(site):
    site.halt()
    stray_gateway(site)
    site.start_again()


def user_twin(site):
    """A user unit of the same gateway, enabled, as an earlier install left it."""
    site.halt()
    text = site.node.read(f"/etc/systemd/system/{UNIT}").replace(f"User={USER}\n", "").replace(
        "multi-user.target", "default.target")
    site.node.write(f"{HOME}/.config/systemd/user/{UNIT}", text, owner=USER)
    site.node.systemctl("daemon-reload", user=USER)
    site.node.systemctl("enable", "--now", UNIT, user=USER)

    def away():
        site.node.systemctl("disable", "--now", UNIT, user=USER, check=False)
        site.node.run(["rm", "-f", f"{HOME}/.config/systemd/user/{UNIT}"])
    site.later(away)
    site.node.wait("the twin to be ready", lambda: site.http("/readyz") == 200, 10)
    site.start_again()


def duelling_unit(site):
    """A second system unit with a state of its own, on the same port: each start ends the other."""
    other = f"{HOME}/.openclaw-old"
    site.node.run(["cp", "-a", STATE, other])
    site.node.run(f"rm -rf {other}/tmp {other}/state")
    text = site.node.read(f"/etc/systemd/system/{UNIT}").replace("[Install]", f"Environment=OPENCLAW_STATE_DIR={other}\n[Install]")
    site.node.write("/etc/systemd/system/clawdbot-gateway.service", text.replace("RestartSec=5", "RestartSec=1"))
    site.node.systemctl("daemon-reload")
    site.node.systemctl("enable", "--now", "clawdbot-gateway.service")

    def away():
        site.node.systemctl("disable", "--now", "clawdbot-gateway.service", check=False)
        site.node.run(f"rm -rf /etc/systemd/system/clawdbot-gateway.service {other}")
        site.node.systemctl("daemon-reload")
    site.later(away)


def thief(site):
    site.halt()
    held = PortThief(site.node, PORT)
    site.later(held.stop)
    site.start_again()


def frozen(site):
    pid = site.gateway_pid()
    site.node.run(["kill", "-s", "STOP", str(pid)])
    site.later(lambda: site.node.run(["kill", "-s", "CONT", str(pid)], check=False))


def killed(site):
    site.node.run(["kill", "-s", "KILL", str(site.gateway_pid())])


def hung(site):
    # An agent must have seen it ready: what has never been ready is starting, and has its time.
    before = site.gateway_pid()
    site.settings(start_seconds=0.2, hang_after=4)
    site.bounce()
    site.node.wait("another one, ready", lambda: site.gateway_pid() not in (None, before) and site.http("/readyz") == 200, 30)
    # Only this generation hangs: the next start finds the settings of every day.
    site.node.wait("its silence", lambda: site.http("/healthz") == 0, 20)
    site.settings(start_seconds=0.2)


def stop_cut_short(site):
    site.settings(start_seconds=0.2, drain_seconds=20)
    site.drop_in("[Service]\nTimeoutStopSec=2\n")
    site.node.wait("a start with a slow end", lambda: site.said().count("gateway ready") >= 1, 15)
    site.bounce()


def start_limited(site):
    """It failed ten times while something was wrong that now is right; systemd starts it no more."""
    site.settings(start_seconds=0.1, exit_after=0.01, exit_code=1)
    site.drop_in("[Unit]\nStartLimitBurst=3\n[Service]\nRestartSec=100ms\n")
    site.node.wait("the start limit", lambda: "Start request repeated too quickly" in site.said(), 20)
    site.settings(start_seconds=0.2)


def linger_gone(site):
    site.node.run(["loginctl", "disable-linger", USER])

    def back():
        site.node.run(["loginctl", "enable-linger", USER])
        site.node.wait("the user's manager", lambda: site.node.systemctl("is-active", f"user@{site.node.uid(USER)}",
                                                                         check=False).code == 0, 20)
    site.later(back)


def with_unit(text):
    return lambda site: site.drop_in(text)


def with_heap(mb):
    return (f"[Service]\nExecStart=\nExecStart={STANDIN}/bin/node --max-old-space-size={mb} {STANDIN}/openclaw.mjs gateway "
            f"--port {PORT}\n")


NODE_GONE = ("[Service]\nEnvironment=PATH=/usr/bin:/bin\nExecStart=\n"
             f"ExecStart=/usr/bin/env node {STANDIN}/openclaw.mjs gateway --port {PORT}\n")
GONE = f"[Service]\nExecStart=\nExecStart=/usr/local/bin/openclaw-old gateway --port {PORT}\n"
CONTENTION = "another OpenClaw process owns gateway-lifecycle"
PROCESSES = (
    Fault(name="killed", what="its process is killed", inject=killed,
          effect=Down(-9, "code=killed, status=9/KILL"), kinds=EVERYWHERE),
    Fault(name="frozen", what="its process is stopped by a signal", inject=frozen, effect=Silent(),
          causes=("process_hang",), kinds=EVERYWHERE),
    Fault(name="hung-event-loop", what="its event loop blocks for ever", inject=hung, effect=Silent(),
          causes=("process_hang",), kinds=frozenset({"process", "user"})),
    Fault(name="stray-gateway", what="somebody started a second gateway by hand, on the same state", inject=stray,
          effect=Down(78, CONTENTION), causes=("duplicate_supervisor",), remedies=("stop_competing_instance",),
          kinds=frozenset({"user"})),
    Fault(name="user-twin", what="the same gateway is also a user's unit, enabled and running", inject=user_twin,
          effect=Down(78, CONTENTION), causes=("duplicate_supervisor",), by="consent",
          remedies=("disable_competing_unit", "stop_competing_instance"), only="systemd-system",
          ready=lambda site: site.node.systemctl("is-enabled", UNIT, user=USER, check=False).out.strip() != "enabled"),
    Fault(name="duelling-unit", what="a unit of an older install runs on the same port; each start ends the other",
          inject=duelling_unit, effect=Says("stale gateway pid(s) before bind on port"), causes=("duplicate_supervisor",),
          by="consent", remedies=("disable_competing_unit", "stop_competing_instance"), only="systemd-system",
          ready=lambda site: site.node.systemctl("is-active", "clawdbot-gateway.service", check=False).code != 0),
    Fault(name="port-thief", what="a stranger listens on its port", inject=thief,
          effect=Down(1, "Another process is listening on this port."), causes=("port_conflict",), by="person",
          kinds=frozenset({"user"})),
    Fault(name="start-limit", what="systemd has given up on a gateway that would start now", inject=start_limited,
          effect=Shown(f"systemctl is-failed {UNIT}", "failed"), remedies=("reset_failed",), or_alone=True,
          only="systemd-system"),
    Fault(name="stop-cut-short", what="TimeoutStopSec is shorter than its drain: systemd kills it at each restart",
          inject=stop_cut_short, effect=Says("State 'stop-sigterm' timed out. Killing."),
          causes=("restart_drain_timeout",), by="consent", remedies=("raise_stop_timeout",), only="systemd-system",
          ready=lambda site: site.systemctl_show("TimeoutStopUSec") not in ("2s", "")),
    Fault(name="command-gone", what="the unit starts a program that is not there",
          inject=with_unit(GONE), effect=Down(203, "No such file or directory"), causes=("unit_misconfigured",),
          by="person", only="systemd-system"),
    Fault(name="directory-gone", what="the unit's working directory is not there",
          inject=with_unit("[Service]\nWorkingDirectory=/srv/gone\n"), effect=Down(200, "Changing to the requested working directory failed"),
          causes=("unit_misconfigured",), by="person", only="systemd-system"),
    Fault(name="watchdog-kills-warm-up", what="WatchdogSec ends it while it warms up, because it never pings systemd",
          inject=lambda site: (site.settings(start_seconds=3), site.drop_in("[Service]\nWatchdogSec=1\n")),
          effect=Says("Watchdog timeout"), causes=("unit_misconfigured", "process_hang"), by="consent",
          remedies=("write_unit_drop_in",), only="systemd-system"),
    Fault(name="linger-gone", what="the user's services end with the last login", inject=linger_gone,
          effect=Shown(f"loginctl show-user {USER} -P Linger 2>/dev/null || echo gone", "gone"),
          causes=("user_session_bus",), by="consent", remedies=("enable_linger",), only="systemd-user", patience=130),
    Fault(name="node-gone", what="no node is on the unit's PATH", inject=with_unit(NODE_GONE),
          effect=Down(127, "No such file or directory"), causes=("runtime_mismatch",), by="person", only="systemd-system"),
    Fault(name="node-too-old", what="Node is too old", effect=Down(1, "node:sqlite is unavailable"),
          inject=lambda site: (site.settings(node="20.20.2"), site.bounce()), causes=("runtime_mismatch",), by="person"),
    Fault(name="module-missing", what="a file of the installation is missing",
          effect=Down(1, "ERR_MODULE_NOT_FOUND"), causes=("broken_install",), by="person",
          inject=lambda site: (site.settings(missing_module="run-S_R0Bn7l.mjs"), site.bounce())),
    Fault(name="heap-too-small", what="V8's heap limit is too small for a start",
          inject=with_unit(with_heap(96)),
          effect=Down(-6, "JavaScript heap out of memory"), causes=("node_heap_oom",), by="consent",
          remedies=("raise_heap_limit",), only="systemd-system"),
    Fault(name="memory-grows", what="its memory grows until V8 aborts it",
          inject=lambda site: (site.settings(start_seconds=0.2, leak_mb_per_s=80),
                               site.drop_in(with_heap(256)),
                               site.node.wait("its growth", lambda: "gateway ready" in site.said(), 15),
                               site.settings(start_seconds=0.2)),
          effect=Down(-6, "JavaScript heap out of memory"), causes=("node_heap_oom",), only="systemd-system",
          remedies=("drained_restart", "raise_heap_limit"), or_alone=True),
    Fault(name="too-few-files", what="LimitNOFILE is too small for its turns",
          inject=lambda site: (site.drop_in("[Service]\nLimitNOFILE=11\n"),
                               site.node.wait("its start", lambda: "gateway ready" in site.said(), 15),
                               site.turn(), site.turn()),
          effect=TurnsFail("EMFILE: too many open files"), causes=("resource_limit",), by="consent",
          remedies=("raise_limit",), only="systemd-system"),
)
