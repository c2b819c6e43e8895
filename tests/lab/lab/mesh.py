"""A whole mesh as its owner sets it up: Serf, healing keys, one gateway and one agent on each node.

    mesh = HealingMesh(lab, "ha1", "ha2", "ha3")      # all see all, all well
    mesh.kill_agent_and_gateway("ha2")
    mesh.treatments("ha1")                            # what ha1's ledger says it did to others
"""

import json
import re

from . import faults
from .base import LabError, wait_until
from .patient import ALERTS
from .site import CONFIG, STATE, Site

# A copy that can be broken: the lab's own is bound into the node and cannot be replaced.
OWN_BINARY = "/opt/meshops/meshops"
KEYRING = "/var/lib/meshops-serf/keyring"
AUTHORIZED = "/root/.ssh/authorized_keys"
AGENT = "meshops-agent.service"
# A remedy must prove itself, and is paused after, in seconds: the tests wait for both.
HEAL = '\n[heal]\nwell_for = "6s"\npause = "2s"\nper_hour = 20\n'


class MemberSite(Site):
    """A site whose mesh.toml has every node of its mesh."""

    mesh = None

    def mesh_toml(self):
        own = super().mesh_toml()
        address = f'[[node]]\nname = "{self.node.name}"\naddress = "{self.node.address}"\n'
        head = '[mesh]\nname = "lab"\n'
        assert address in own and head in own
        own = own.replace(address, "".join(self.mesh.lines(n) for n in self.mesh.sites))
        return own.replace(head, head + f'gossip_profile = "{self.mesh.profile}"\n') + HEAL + self.mesh.extra

    def agent_unit(self):
        return super().agent_unit().replace("/usr/bin/meshops", self.mesh.binary(self.node.name))


class HealingMesh:
    def __init__(self, lab, *names, profile="lan", extra="", node_extra=None, own_binary=(), gateway="standin",
                 runtimes=None):
        """`extra` in everybody's mesh.toml, `node_extra` by name in its [[node]]; `own_binary`: nodes whose
        meshops is a copy that may be broken."""
        self.lab, self.profile, self.extra, self.node_extra = lab, profile, extra, node_extra or {}
        self.own_binary = own_binary
        self.keys = {}
        self._marked = {}
        nodes = lab.add(*names)
        runtimes = runtimes or {}
        self.sites = {n.name: MemberSite(n, gateway, runtimes.get(n.name, "systemd-system")) for n in nodes}
        for site in self.sites.values():
            site.mesh = self
        self._make_keys()
        self._install()
        self.wait_all_well(90 + max(s.start_timeout for s in self.sites.values()))

    def lines(self, name):
        """Its [[node]] in everybody's mesh.toml."""
        return (f'[[node]]\nname = "{name}"\naddress = "{self.lab[name].address}"\nuser = "root"\n'
                + self.keys.get(name, "") + self.node_extra.get(name, "") + "\n")

    def binary(self, name):
        return OWN_BINARY if name in self.own_binary else "/usr/bin/meshops"

    def _make_keys(self):
        for name, site in self.sites.items():
            if name in self.own_binary:
                site.node.run(f"mkdir -p {OWN_BINARY.rpartition('/')[0]} && cp /usr/bin/meshops {OWN_BINARY}")
            site.node.write(CONFIG, site.mesh_toml(), mode=0o640)
            made = json.loads(site.node.run([self.binary(name), "mesh", "keys", "--format", "json"], check=False).out)
            self.keys[name] = f'host_key = "{made["host_key"]}"\nhealing_key = "{made["healing_key"]}"\n'

    def _install(self):
        first = next(iter(self.sites.values()))
        for name, site in self.sites.items():
            node, meshops = site.node, self.binary(name)
            node.run("mkdir -p -m 700 /root/.ssh /run/sshd")
            node.write(CONFIG, site.mesh_toml(), mode=0o640)
            if site is first:
                node.run([meshops, "mesh", "init"], timeout=90)
            else:
                node.run("mkdir -p -m 750 /var/lib/meshops-serf")
                node.write(KEYRING, first.node.read(KEYRING), mode=0o600)
                node.run([meshops, "mesh", "join"], timeout=90)
            site.install()
            node.run([meshops, "mesh", "keys", "install"])
            node.systemctl("restart", "ssh.service")

    # -- asking

    def node(self, name):
        return self.lab[name]

    def peers(self, name):
        """What the node says of the others: name → element of the status."""
        return {n["name"]: n for n in self.sites[name].status()["nodes"] if not n.get("self")}

    def treatments(self, name, of=None):
        """What its ledger says it did to other nodes, the oldest first."""
        mine = [e for e in self.ledger(name) if e["gateway"].startswith("node ") and e["gateway"] != f"node {name}"]
        return [e for e in reversed(mine) if of is None or e["gateway"] == f"node {of}"]

    def ledger(self, name):
        """All of it, the newest first."""
        said = self.node(name).run(["meshops", "ledger", "--limit", "1000", "--format", "json"])
        return json.loads(said.out)["entries"]

    def mark(self):
        """From here on is what since(), acts() and alerts() tell."""
        for name in self.sites:
            self._marked[name] = (max((e["id"] for e in self.ledger(name)), default=0), len(self._alerts(name)))

    def since(self, name):
        """What its ledger has since mark(), the oldest first, but for what plain supervision did."""
        return [e for e in reversed(self.ledger(name)) if e["id"] > self._marked[name][0] and e["by"] != "supervision"]

    def acts(self, among=None):
        """What each has done to others since mark(): (healer, patient, remedy, verdict), by time."""
        found = [(e["began"], name, e["gateway"].removeprefix("node "), e["remedy"], e["verdict"])
                 for name in among or self.sites for e in self.since(name)
                 if e["gateway"].startswith("node ") and e["gateway"] != f"node {name}"]
        return [act[1:] for act in sorted(found, key=lambda act: act[0])]

    def on_itself(self, name):
        """What its own agent has done there since mark(): (gateway or "node", remedy, verdict). Not what siblings did to it."""
        return [("node" if e["gateway"] == f"node {name}" else e["gateway"], e["remedy"], e["verdict"])
                for e in self.since(name) if e["by"] not in self.sites
                and (not e["gateway"].startswith("node ") or e["gateway"] == f"node {name}")]

    def alerts(self, name):
        """What people were told by it since mark(); the mesh must have patient.ALERT in `extra`."""
        return self._alerts(name)[self._marked[name][1]:]

    def _alerts(self, name):
        try:
            return [json.loads(line) for line in self.node(name).read(ALERTS).splitlines()]
        except OSError:
            return []

    def visits(self, name):
        """What its own ledger says that siblings did to its agent, the oldest first: (healer, remedies, lease)."""
        told = [re.fullmatch(r"(\S+) brought this node's agent back: (.*), under lease (\d+)", e["sentence"])
                for e in reversed(self.ledger(name)) if e["gateway"] == f"node {name}"]
        return [(m[1], m[2], int(m[3])) for m in told if m]

    def agent_is(self, name):
        return self.node(name).sh(f"systemctl show -P ActiveState {AGENT}")

    def wait_all_well(self, timeout=90.0, among=None):
        """Each sees each of the others well, and its own gateway ready."""
        names = among or list(self.sites)

        def well():
            for name in names:
                main = self.sites[name].main()
                if main["state"] != "ready" or main["healing"]["state"] != "well":
                    raise LabError(f"{name}: {main['state']}, {main['summary']}, {main['healing']}")
                for other, seen in self.peers(name).items():
                    # In a mesh of more than four, not everybody watches everybody.
                    unheard = seen["watched"] and (seen["heard_s_ago"] is None or seen["heard_s_ago"] > 3)
                    if other in names and (seen["trouble"] != "none" or unheard):
                        raise LabError(f"{name} sees {other}: {seen}")
            return True
        return wait_until(f"{', '.join(names)} to be well in each other's eyes", well, timeout, 0.3)

    def forget(self, ledgers=False):
        """Everybody's agent begins anew, and nobody remembers a treatment, or what people were told: no budget is spent,
        no pause is due, and all is news. Without the ledgers, too, a node's own healer tries again what it has tried for its
        gateway."""
        messages = "rm -f ledger.sqlite*" if ledgers else "sqlite3 ledger.sqlite 'DELETE FROM messages'"
        for name in self.sites:
            self.drop_in(name, "")
            self.node(name).run("systemctl stop meshops-agent; systemctl reset-failed", check=False)
        # Only when all are silent: one that remembers tells the others.
        for name in self.sites:
            self.node(name).run("cd /var/lib/meshops && rm -f healing-memory healing-lease healing-treatments; "
                                f"rm -f /run/meshops/healing-*.spare; {messages}; "
                                "systemctl start meshops-agent", check=False)

    # -- faults

    def drop_in(self, name, text):
        """Settings of the agent's unit beyond the shipped ones; none takes them away."""
        path = f"/etc/systemd/system/{AGENT}.d/lab.conf"
        if text:
            self.node(name).write(path, text)
        else:
            self.node(name).run(["rm", "-f", path])
        self.node(name).systemctl("daemon-reload")

    def kill_agent(self, name, wait=True):
        """For good, as far as its service manager goes."""
        self.drop_in(name, "[Service]\nRestart=no\n")
        faults.kill(self.node(name), self.sites[name].agent_pid())
        if wait:
            self.node(name).wait("agent dead", lambda: self.agent_is(name) == "failed", 20)

    def break_gateway_config(self, name):
        """Exit 78 at the next start: a key that its schema rejects."""
        node = self.node(name)
        text = node.read(f"{STATE}/openclaw.json").replace('"cron"', '"bogusKey": true, "cron"', 1)
        node.write(f"{STATE}/openclaw.json", text, mode=0o600, owner="claw")

    def break_gateway(self, name):
        self.break_gateway_config(name)
        faults.kill(self.node(name), self.sites[name].gateway_pid())

    def split(self, *sides):
        """The network falls apart: each side hears only itself."""
        for a, b in self._across(sides):
            self.lab.link(a, b).cut()

    def rejoin(self, *sides):
        for a, b in self._across(sides):
            self.lab.link(a, b).restore()

    @staticmethod
    def _across(sides):
        return [(a, b) for i, side in enumerate(sides) for other in sides[i + 1:] for a in side for b in other]

    def poweroff(self):
        for name in self.sites:
            if self.node(name).running():
                self.node(name).poweroff()
