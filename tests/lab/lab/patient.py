"""A site that is hurt on purpose and made whole again within a second: what the rows of the fault matrix work on.

Used by the fault matrix, its self-check and the comparison of healers. It adds to Site what a fault needs (edits by
hand, drop-ins, small disks, other programs) and what a judge asks (the journal since, ledger, alerts).
"""

import json
import time

from .base import LabError
from .faults import SmallDisk
from .site import CONFIG, HOME, STATE, UNIT, USER, Site

ALERTS = "/var/lib/lab-alerts.jsonl"
QUICK = '\n[heal]\nwell_for = "3s"\npause = "2s"\n'   # a treatment is judged in seconds, like the limits of a site
ALERT = '\n[[alert]]\nkind = "command"\nname = "lab"\ncommand = ["/opt/lab/alert.py"]\n'
OTHER_PEER = "10.77.0.99"          # a node of the mesh that is never there: somebody may ban its address
MODEL = "lab/ok-model"


class Patient(Site):
    def __init__(self, node, gateway="standin", runtime="systemd-system", limits=None):
        super().__init__(node, gateway, runtime, limits)
        self.agent = self._installed = False
        self.takes = None                            # what of QUICK and ALERT this meshops knows
        self.began = self.own_start = 0.0
        self.orders = 0                              # starts that a person ordered since the mark
        self._after = []                             # what takes the fault's traces away, last first

    # -- between two faults

    def reset(self, agent=False, consent=(), prepare=None, **settings):
        """The node as its owner set it up, and the gateway ready; nothing of the fault before is left."""
        if self.agent:
            self.node.systemctl("stop", "meshops-agent.service", check=False)
        self._stop_gateway()
        for undo in reversed(self._after):
            undo()
        self._after = []
        drop_ins = f"{self.unit_dir()}/{UNIT}.d"
        hurt = self.node.exists(drop_ins)
        # The journal of the fault before would be evidence, too.
        self.node.run(f"rm -rf /var/lib/meshops/* {ALERTS} {STATE} {drop_ins}; journalctl -q --rotate; "
                      "journalctl -q --vacuum-size=1", check=False)
        self.write_gateway_config()
        self.settings(**{"start_seconds": 0.2, "bind_tries": 1, "supervised_wait": 0.5, **settings})
        if prepare:
            prepare(self)
        if self.runtime != "process":
            if hurt or not self._installed:
                self.write_gateway_unit()
                self.node.systemctl("daemon-reload", user=self.user)
                self.node.systemctl("enable", UNIT, user=self.user)
                self._installed = True
            self.node.systemctl("reset-failed", UNIT, user=self.user, check=False)
        self.agent = agent
        started = time.monotonic()
        if self.runtime != "process":
            self.node.systemctl("start", UNIT, user=self.user)
        if agent:
            if self.takes is None:                   # an older binary may know one and not the other
                self.takes = [text for text in (QUICK, ALERT) if self._accepted(text)]
            self.config_extra = "".join([
                f"{QUICK}consent = {json.dumps(list(consent))}\n" if QUICK in self.takes else "",
                ALERT if self.tells else "", f'\n[[node]]\nname = "other"\naddress = "{OTHER_PEER}"\n'])
            self.node.write(CONFIG, self.mesh_toml(), mode=0o640)
            self.node.write("/etc/systemd/system/meshops-agent.service", self.agent_unit())
            self.node.systemctl("daemon-reload")
            self.node.systemctl("start", "meshops-agent.service")
        self.node.wait("the gateway's own word that it is ready", lambda: self.http("/readyz") == 200,
                       self.start_timeout, 0.05)
        self.own_start = time.monotonic() - started
        if agent:
            self.wait_ready()
        self.mark()
        return self

    def _accepted(self, text):
        self.node.write("/etc/meshops/try.toml", text, mode=0o640)
        return bool(self.node.run(["meshops", "--config", "/etc/meshops/try.toml", "config", "check"], check=False))

    @property
    def tells(self):
        """Whether this meshops can send an alert."""
        return ALERT in (self.takes or ())

    def unit_dir(self):
        return f"{HOME}/.config/systemd/user" if self.user else "/etc/systemd/system"

    def _stop_gateway(self):
        if self.runtime == "process":
            pid = self.gateway_pid()
            if pid:
                self.node.run(["kill", "-s", "KILL", str(pid)], check=False)
                self.node.wait("its end", lambda: self.gateway_pid() is None, 10)
            return
        # SIGKILL: a drain, a hang or a full disk must not hold the next row up. A kill leaves a boot without an end,
        # but its history goes with the state.
        self.node.systemctl("kill", "-s", "KILL", UNIT, user=self.user, check=False)
        self.node.systemctl("stop", UNIT, user=self.user, check=False)

    def later(self, undo):
        """Done before the next reset."""
        self._after.append(undo)

    def mark(self):
        """From here on is what said(), elapsed() and alerts() tell."""
        self._cursor = self.node.sh("journalctl -q --sync; journalctl -q -n 0 --show-cursor").rpartition("cursor: ")[2]
        self.began, self.orders = time.monotonic(), 0

    # -- hurting

    def put(self, path, text, mode=0o600):
        """Writes through the node (the host does not see its mounts), by rename."""
        self.node.run(f"cat > {path}.lab && chown {USER}: {path}.lab && chmod {mode:o} {path}.lab && "
                      f"mv {path}.lab {path}", input=text)

    def settings(self, **settings):
        lines = "".join(f"STANDIN_{k.upper()}={v}\n" for k, v in settings.items())
        self.put(f"{STATE}/standin.env", lines, mode=0o644)

    def text(self):
        return self.node.run(["cat", f"{STATE}/openclaw.json"]).out

    def write_text(self, text):
        self.put(f"{STATE}/openclaw.json", text)

    def edit(self, *pairs):
        """A person edits openclaw.json: each old text becomes the new one, once."""
        text = self.text()
        for old, new in pairs:
            if old not in text:
                raise LabError(f"{old!r} is not in openclaw.json")
            text = text.replace(old, new, 1)
        self.write_text(text)

    def tool(self, *words):
        """A command of the gateway itself, run as its user."""
        program = self.command()[:self.command().index("gateway")]
        self.node.run(["env", "OPENCLAW_SERVICE_MARKER=openclaw", *program, *words], user=USER, timeout=120)

    def set(self, **parts):
        """Top-level keys of openclaw.json, before the start."""
        self.write_text(json.dumps({**json.loads(self.text()), **parts}, indent=2) + "\n")

    def bounce(self):
        """A person restarts it, and does not wait."""
        self.orders += 1
        if self.runtime == "process":
            self.node.run(["meshops", "restart", "main"], check=False, timeout=60)
        else:
            self.node.systemctl("--no-block", "restart", UNIT, user=self.user)

    def halt(self):
        """A person stops it, to change something that only a stopped one lets change."""
        self.order("stop")

    def start_again(self):
        self.orders += 1
        if self.runtime == "process":
            self.node.run(["meshops", "start", "main"], check=False, timeout=60)
        else:
            self.node.systemctl("--no-block", "start", UNIT, user=self.user)

    def drop_in(self, text):
        """A person's drop-in, where `systemctl edit` puts it; the unit is restarted with it."""
        self.node.write(f"{self.unit_dir()}/{UNIT}.d/override.conf", text, owner=self.user or "root")
        self.node.systemctl("daemon-reload", user=self.user)
        self.bounce()

    def program(self, name, *words, stop=True, **properties):
        """Another program of the node, in a unit of its own."""
        self.node.service(name, list(words), **properties)
        if stop:
            self.later(lambda: (self.node.systemctl("kill", "-s", "KILL", name, check=False),
                                self.node.systemctl("stop", name, check=False)))

    def small_state(self, mib=24, options=""):
        """Its state on a disk of its own; before the start."""
        disk = SmallDisk(self.node, STATE, mib, USER)
        if options:
            self.node.run(["mount", "-o", f"remount,{options}", STATE])
        self.later(disk.remove)
        return disk

    def fill(self, path, days_old=30):
        """Leaves no byte free on the state's disk, with a file at `path` under it."""
        target = f"{STATE}/{path}"
        self.node.run(f"install -d -o {USER} -g {USER} $(dirname {target}); dd if=/dev/zero of={target} bs=64k; "
                      f"dd if=/dev/zero bs=1k >> {target}; chown {USER}: {target}; touch -d '-{days_old} days' {target}; "
                      "exit 0", check=False)

    # -- judging

    def elapsed(self):
        return time.monotonic() - self.began

    def said(self):
        """The node's journal since the mark, one message a line."""
        return self.node.journal("-q", "-o", "cat", f"--after-cursor={self._cursor}")

    def exit_status(self):
        return int(self.systemctl_show("ExecMainStatus") or 0)

    def ledger(self, by="meshops"):
        """The treatments in `meshops ledger`, newest first; what plain supervision did is in there, too: by "supervision"."""
        entries = json.loads(self.node.run(["meshops", "--format", "json", "ledger"], timeout=20).out)["entries"]
        return [e for e in entries if e["by"] == by]

    def healing(self):
        return self.main().get("healing") or {}

    def alerts(self):
        try:
            return [json.loads(line) for line in self.node.read(ALERTS).splitlines()]
        except OSError:
            return []

    def bytes_of(self, path):
        """A file's content; None when it is not there. Through the node, for the state may be a mount."""
        result = self.node.run(["cat", path], check=False)
        return result.out.encode() if result else None
