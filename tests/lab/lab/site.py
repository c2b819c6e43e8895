"""A node as an owner sets it up: one gateway under one runtime, the agent supervising it, and how to ask about it.

Used by the scenarios and the demo. It writes the configuration that a person would write, and reads what
`meshops status --format json` says; it never looks into the agent.
"""

import json

from .base import LabError
from .core import REPO

RUNTIMES = ("process", "systemd-system", "systemd-user")
GATEWAYS = ("standin", "openclaw")
PORT = 18789
TOKEN = "lab-token"
USER = "claw"
HOME = f"/home/{USER}"
STATE = f"{HOME}/.openclaw"
UNIT = "openclaw-gateway.service"
CONFIG = "/etc/meshops/mesh.toml"
STANDIN = "/opt/openclaw-standin"

# Probes every second and short pauses, so that a test need not wait and does not inherit the pauses of the test
# before; the start floor stays the product's default.
LIMITS = {"probe_interval": "1s", "probe_timeout": "1s", "backoff_max": "8s", "backoff_reset": "5s"}

# The unit that ships, if it is there; this one until then.
AGENT_UNIT = """[Unit]
Description=meshops agent
[Service]
Type=notify
ExecStart=/usr/bin/meshops agent
Restart=always
RestartSec=1
KillMode=process
WatchdogSec=30
[Install]
WantedBy=multi-user.target
"""

# As `openclaw gateway install` writes it, with the lab's paths.
GATEWAY_UNIT = """[Unit]
Description=OpenClaw Gateway
After=network-online.target
Wants=network-online.target
StartLimitBurst=10
StartLimitIntervalSec=300

[Service]
ExecStart={command}
Restart=always
RestartSec=5
RestartPreventExitStatus=78
TimeoutStopSec=330
TimeoutStartSec=30
SuccessExitStatus=0 143
OOMPolicy=continue
KillMode=mixed
{user}{environment}
[Install]
WantedBy={target}
"""


def pid_of(main):
    """The pid in the gateway's part of the status; None while it has none."""
    return (main.get("identity") or {}).get("pid")


class Site:
    def __init__(self, node, gateway="standin", runtime="systemd-system", limits=None, config_extra="",
                 listed=True):
        self.node, self.gateway, self.runtime = node, gateway, runtime
        self.user = USER if runtime == "systemd-user" else None      # whose systemd manager
        self.limits = {**LIMITS, **(limits or {})}
        self.config_extra = config_extra
        self.listed = listed             # False: no mesh.toml at all, the agent must find the gateway
        self.start_timeout = 30.0 if gateway == "standin" else 240.0

    # -- setting up

    def command(self):
        if self.gateway == "standin":
            return [f"{STANDIN}/bin/node", f"{STANDIN}/openclaw.mjs", "gateway", "--port", str(PORT)]
        # The installed unit starts dist/index.js, which keeps the name "node"; openclaw.mjs, what people type,
        # renames itself to openclaw-gateway. Both are in the field.
        node, package = "/opt/openclaw/node_modules/.bin/node", "/opt/openclaw/node_modules/openclaw"
        if self.runtime == "process":
            return [node, f"{package}/openclaw.mjs", "gateway", "run", "--port", str(PORT)]
        return [node, "--max-old-space-size=2048", f"{package}/dist/index.js", "gateway", "--port", str(PORT)]

    def environment(self):
        path = "/opt/openclaw/node_modules/.bin:/usr/local/bin:/usr/bin:/bin"
        common = {"HOME": HOME, "TMPDIR": "/tmp", "PATH": path, "OPENCLAW_GATEWAY_PORT": str(PORT),
                  "OPENCLAW_SERVICE_MARKER": "openclaw", "OPENCLAW_SERVICE_KIND": "gateway",
                  "OPENCLAW_NO_AUTO_UPDATE": "1"}
        if self.runtime != "process":
            common["OPENCLAW_SYSTEMD_UNIT"] = UNIT
        return common

    def settings(self, **settings):
        """STANDIN_* for the next start of the stand-in."""
        self.node.write(f"{STATE}/standin.env",
                        "".join(f"STANDIN_{k.upper()}={v}\n" for k, v in settings.items()), owner=USER)

    def write_gateway_config(self):
        config = {
            "gateway": {"mode": "local", "port": PORT, "bind": "loopback", "auth": {"mode": "token", "token": TOKEN},
                        "controlUi": {"enabled": False},
                        "http": {"endpoints": {"chatCompletions": {"enabled": True}}}},
            "logging": {"file": f"{STATE}/logs/gateway.log", "level": "info", "consoleStyle": "json"},
            "discovery": {"mdns": {"mode": "off"}}, "plugins": {"enabled": False}, "cron": {"enabled": False},
            "update": {"checkOnStart": False, "auto": {"enabled": False}}, "skills": {"allowBundled": []},
            "agents": {"defaults": {"skipBootstrap": True, "heartbeat": {"every": "0m"},
                                    "model": {"primary": "lab/ok-model"}}},
            "models": {"catalogRefresh": {"enabled": False}, "providers": {"lab": {
                "baseUrl": "http://127.0.0.1:18871/v1", "apiKey": "lab", "api": "openai-completions",
                "models": [{"id": "ok-model", "name": "ok-model"}]}}}}
        self.node.run(["install", "-d", "-m", "0700", "-o", USER, "-g", USER, STATE])
        self.node.write(f"{STATE}/openclaw.json", json.dumps(config, indent=2) + "\n", mode=0o600, owner=USER)

    def write_gateway_unit(self):
        environment = "".join(f"Environment={k}={v}\n" for k, v in self.environment().items())
        text = GATEWAY_UNIT.format(command=" ".join(self.command()), environment=environment,
                                   user="" if self.user else f"User={USER}\n",
                                   target="default.target" if self.user else "multi-user.target")
        if self.user:
            self.node.write(f"{HOME}/.config/systemd/user/{UNIT}", text, owner=USER)
        else:
            self.node.write(f"/etc/systemd/system/{UNIT}", text)

    def mesh_toml(self):
        def value(v):
            return json.dumps(v)
        lines = ["[mesh]", 'name = "lab"', f'node = "{self.node.name}"', "", "[limits]",
                 *(f"{k} = {value(v)}" for k, v in self.limits.items()), "",
                 "[[node]]", f'name = "{self.node.name}"', f'address = "{self.node.address}"', "",
                 "[[gateway]]", 'name = "main"', 'kind = "openclaw"', f'runtime = "{self.runtime}"']
        if self.runtime == "process":
            environment = ", ".join(f"{k} = {value(v)}" for k, v in self.environment().items())
            lines += [f"command = {value(self.command())}", f"environment = {{ {environment} }}",
                      f'working_dir = "{HOME}"', f'user = "{USER}"', f'state_dir = "{STATE}"',
                      f'config = "{STATE}/openclaw.json"', f"port = {PORT}"]
        else:
            lines += [f'unit = "{UNIT}"', *([f'user = "{USER}"'] if self.user else [])]
        return "\n".join(lines) + "\n" + self.config_extra

    def agent_unit(self):
        shipped = REPO / "packaging/systemd/meshops-agent.service"
        return shipped.read_text() if shipped.exists() else AGENT_UNIT

    def install(self, agent=True):
        """Writes everything and starts it all, as a person would; returns without waiting for ready."""
        node = self.node
        self.write_gateway_config()
        if self.runtime != "process":
            self.write_gateway_unit()
            node.systemctl("daemon-reload", user=self.user)
            node.systemctl("enable", "--now", UNIT, user=self.user)
        if not agent:
            return self
        if self.listed:
            node.write(CONFIG, self.mesh_toml(), mode=0o640)
        node.write("/etc/systemd/system/meshops-agent.service", self.agent_unit())
        node.systemctl("daemon-reload")
        node.systemctl("enable", "--now", "meshops-agent.service")
        return self

    # -- asking

    def status(self):
        """What `meshops status --format json` says, parsed. LabError when it says nothing usable."""
        result = self.node.run(["meshops", "--format", "json", "status"], check=False, timeout=20)
        if result.code not in (0, 1):
            raise LabError(repr(result))
        try:
            return json.loads(result.out)
        except ValueError:
            raise LabError(f"no JSON: {result!r}") from None

    def here(self):
        return next(n for n in self.status()["nodes"] if n.get("self") or n["name"] == self.node.name)

    def main(self):
        """The gateway's part of the status."""
        gateways = self.here()["gateways"]
        named = [g for g in gateways if g["name"] == "main" or not self.listed]
        if not named:
            raise LabError(f"the gateway is not in {[g['name'] for g in gateways]}")
        return named[0]

    def names(self):
        """The gateways that the status tells of; there is exactly one on this node."""
        return [g["name"] for g in self.here()["gateways"]]

    def agent_pid(self):
        return int(self.node.sh("systemctl show -P MainPID meshops-agent.service"))

    def http(self, path):
        """The status code of the gateway's own answer, asked from inside the node; 0 when there is none."""
        return int(self.node.sh(f"curl -s -m 2 -o /dev/null -w '%{{http_code}}' http://127.0.0.1:{PORT}{path}",
                                check=False) or 0)

    def turn(self):
        """One real turn, as a user's client asks for it; the status code of the answer."""
        return int(self.node.sh(
            f"curl -s -m 90 -o /dev/null -w '%{{http_code}}' -H 'Authorization: Bearer {TOKEN}' -H "
            f"'Content-Type: application/json' http://127.0.0.1:{PORT}/v1/chat/completions -d "
            """'{"model":"openclaw","messages":[{"role":"user","content":"say ok"}]}'""", check=False, timeout=100) or 0)

    def gateway_pid(self):
        """The gateway's pid by what the node itself knows, not by what meshops says; None when it is not there."""
        if self.runtime == "process":
            pids = self.node.sh(f"pgrep -u {USER} -x openclaw-gatewa", check=False).split()
            return int(pids[0]) if len(pids) == 1 else None
        pid = self.systemctl_show("MainPID")
        return int(pid) or None

    def systemctl_show(self, *properties):
        return self.node.systemctl("show", *(f"-P{p}" for p in properties), UNIT, user=self.user).out.strip()

    def wait_ready(self, timeout=None, **wanted):
        """Waits until the gateway is ready; `not_pid=N`: under another pid than N."""
        not_pid = wanted.get("not_pid")

        def ready():
            main = self.main()
            pid = pid_of(main)
            if main["state"] == "ready" and pid and pid != not_pid:
                return main
            raise LabError(f"state {main['state']}: {main.get('summary')}, pid {pid}, "
                           f"{ {k: v['state'] for k, v in main['health'].items()} }")

        return self.node.wait("gateway ready" + (f" under a new pid (was {not_pid})" if not_pid else ""), ready,
                              timeout or self.start_timeout, 0.25)

    def order(self, verb):
        """The gateway's owner starts, stops or restarts it: past meshops where systemd runs it."""
        if self.runtime == "process":
            self.node.run(["meshops", verb, "main"], timeout=120)
        else:
            self.node.systemctl(verb, UNIT, user=self.user, timeout=360)

    def starts(self):
        """How often the stand-in has begun to start in this node, by its own log."""
        return self.gateway_log().count("loading configuration…")

    def gateway_log(self):
        try:
            return self.node.read(f"{STATE}/logs/gateway.log")
        except OSError:
            return ""

    def journal_tail(self, lines=60):
        return self.node.journal("-o", "short-precise", "-n", str(lines))

    # -- comparing

    @staticmethod
    def picture(main):
        """What must be the same before and after an agent's restart: no times, no latencies."""
        identity = {k: v for k, v in main["identity"].items() if k != "since"}
        return {"name": main["name"], "kind": main["kind"], "runtime": main["runtime"], "state": main["state"],
                "identity": identity, "restarts": main["restarts"], "last_exit": main["last_exit"],
                "health": {layer: seen["state"] for layer, seen in main["health"].items()}}

