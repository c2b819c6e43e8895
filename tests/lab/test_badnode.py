"""A node that breaks every rule that a running machine can break: the audit finds all of it, mends what it may, the node
still answers, and undo brings the old bytes back.

badnode/*.sh break it, a block for each rule that they name. What no node of the lab can break stands in ELSEWHERE.
"""

import json
import re

import pytest
from lab import run
from lab.core import REPO
from lab.engine import Engine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]

SCRIPTS = sorted((REPO / "tests/lab/badnode").glob("*.sh"))
RULE = re.compile(r"\b[A-Z]{2,4}-\d{3}\b")
BROKEN_BY_SCRIPTS = {rule for script in SCRIPTS for line in script.read_text().splitlines()
                     if line.lstrip().startswith("#") for rule in RULE.findall(line)}
# By mesh.toml, the other node and the engine: below.
BROKEN_HERE = {"DOC-001", "DOC-003", "DOC-008", "DOC-009", "DOC-010", "DOC-011", "DOC-012", "BKP-001", "BKP-002",
               "BKP-003", "BKP-006", "MSH-002", "MSH-005", "MSH-006", "NET-002", "NET-003", "SEC-005"}
# Rules of a running machine that a node of the lab cannot break, each with its reason: their fixtures stand alone.
ELSEWHERE = {
    "DOC-006": "the engine's processes are not the node's",
    "DOC-007": "this machine may not give away all that it has",
    "DOC-014": "a fifth of this machine's disk",
    "LNX-003": "only the kernel may say that it has killed",
    "LNX-004": "a disk that has grown",
    "LNX-005": "an ext file system of 50 GiB",
    "LNX-008": "a machine with little memory",
    "LNX-009": "a container has its host's clock",
    "MSH-001": "addresses here tell no zone",
    "MSH-007": "the other nodes' files are not here",
    "NET-008": "what peers see comes with the mesh",
}
BROKEN = BROKEN_BY_SCRIPTS | BROKEN_HERE
# Mended in files; a container that runs already keeps what it was started with.
PARTLY = {"DOC-004", "DOC-005", "DOC-013"}
# Not by this run: SEC-005 has a test of its own, SEC-013 needs a package that is not in the lab.
OTHERWISE = {"SEC-005", "SEC-013"}

MESH = """
[mesh]
name = "lab"
node = "bad"
[audit]
gateway_version = "2026.9.6"
[hive]
directory = "/srv/hive"
[[route]]
task = "heartbeat"
models = ["anthropic/claude-haiku-5"]
gateway = "main"
[[node]]
name = "bad"
address = "{bad}"
[[node]]
name = "peer"
address = "{peer}"
[[node]]
name = "far"
address = "192.168.77.9"
[[gateway]]
name = "main"
runtime = "systemd-system"
unit = "openclaw-gateway.service"
[[gateway]]
name = "lost"
runtime = "systemd-system"
unit = "openclaw-lost.service"
[[backup]]
name = "memory"
data = "/root/.openclaw"
target = "/var/backups"
"""


def rules_of(report):
    return {finding["rule"] for finding in report["findings"]}


class BadNode:
    def __init__(self, lab):
        self.engine = Engine(lab)
        self.node, self.peer = lab.add("bad", "peer", boot=False)
        self.node.binds = [(self.engine.dir / "docker.sock", "/run/docker.sock"), (self._small_disk(), "/srv/small")]
        self.node.boot()
        self.peer.boot()
        self._befriend()
        self._start_containers()
        self.node.write("/etc/meshops/mesh.toml", MESH.format(bad=self.node.address, peer=self.peer.address))
        self.node.write("/tmp.break.sh", "\n".join(script.read_text() for script in SCRIPTS))
        self.node.run(["sh", "-eu", "/tmp.break.sh"], timeout=60, env={"PEER": self.peer.address})
        self.node.run(["rm", "/tmp.break.sh"])

    def _small_disk(self):
        """A file system of its own, of 16 MB and few inodes."""
        image, mounted = self.engine.lab.dir / "small.img", self.engine.lab.dir / "small"
        image.write_bytes(bytes(16 << 20))
        mounted.mkdir()
        run(["mkfs.ext4", "-q", "-N", "64", image])
        run(["mount", "-o", "loop", image, mounted])
        self.engine.lab.finalizers.add("small disk", lambda: run(["umount", mounted]))
        return mounted

    def _befriend(self):
        """A person on the other node may log in, whatever happens to this one's configuration."""
        self.peer.run("ssh-keygen -q -t ed25519 -N '' -C ops@peer -f /root/.ssh/id_ed25519")
        self.node.write("/root/.ssh/authorized_keys", self.peer.read("/root/.ssh/id_ed25519.pub"), mode=0o600)
        host_key = self.node.read("/etc/ssh/ssh_host_ed25519_key.pub")
        self.peer.write("/root/.ssh/known_hosts", f"{self.node.address} {host_key}", mode=0o600)
        # NET-003: it is up, and silent to ping.
        self.peer.run(["nft", "-f", "-"], input="table inet quiet { chain input { type filter hook input priority 0; "
                      "icmp type echo-request drop; }; }\n")

    def _start_containers(self):
        image = self.engine.image("gateway")
        secret = "npm_" + "q8Zt5VwLx2Rk9MnB7yHc4PfJ3sGdA6eUoQ1i"
        self.engine.docker("build", "-q", "-t", "leaky:1.2", "-", input=f"FROM {image}\nENV NPM_TOKEN={secret}\n")
        sleep = ["/usr/bin/python3", "-c", "import time; time.sleep(1e6)"]
        self.engine.docker("run", "-d", "--name", "latest", "--network", "none", image, *sleep)
        self.engine.docker("run", "-d", "--name", "leaky", "--network", "none", "--cap-add", "SYS_ADMIN", "-e", f"API_TOKEN={secret}", "-v", f"{self.engine.dir}/docker.sock:/var/run/docker.sock",
                           "leaky:1.2", *sleep)

    def rules(self):
        """Those that look at a running machine."""
        all_of_them = json.loads(self.node.run(["meshops", "rules", "--format", "json"]).out)["rules"]
        return [rule for rule in all_of_them if "live" in rule["reads"]]

    def audit(self, *words):
        done = self.node.run(["meshops", "audit", "--format", "json", *words], check=False, timeout=180)
        assert done.code in (0, 1), done.err
        return json.loads(done.out)

    def log_in(self, *words):
        """A new session from the other node, over real SSH."""
        return self.peer.run(["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", f"root@{self.node.address}", *words],
                             timeout=60)

    def picture(self):
        """Every byte, mode and owner that a mend could touch, but for what gateways write while they run, and for
        the sessions: what the gateway's own clean-up has thrown away nothing brings back, and undo says so."""
        places = "/etc /root /home /opt /srv /var/spool/cron /var/lib/systemd/linger -xdev"
        but = ("-not -path '*/.openclaw*/state*' -not -path '*/.openclaw*/tmp*' -not -path '*/.openclaw*/logs*' "
               "-not -path '*/sessions*' -not -name '*.last-good' -not -name standin.env")
        return self.node.sh(f"find {places} {but} -type f -exec sha256sum {{}} + | sort -k2; "
                            f"find {places} {but} -printf '%p %y %m %U %G %l\\n' | sort", timeout=120)


@pytest.fixture(scope="module")
def bad(lab):
    made = BadNode(lab)
    yield made
    made.node.poweroff()
    made.peer.poweroff()
    made.engine.close()


def test_every_rule_of_a_running_machine_is_broken_or_excused(bad):
    assert BROKEN | set(ELSEWHERE) == {rule["rule"] for rule in bad.rules()}
    assert not BROKEN & set(ELSEWHERE)


def test_all_of_it_is_found_mended_and_brought_back(bad):
    before = bad.picture()
    assert sorted(BROKEN - {"SEC-005"} - rules_of(bad.audit())) == []

    fixed = bad.node.run(["meshops", "audit", "--fix", "--yes", "--format", "json"], check=False, timeout=300)
    told = json.loads(fixed.out)
    assert told["verdict"] == "helped", fixed
    # What could cut its owner off stays because a new session says so: the node still answers over SSH.
    for entry in told["entries"]:
        if "confirm_within_s" in entry:
            bad.log_in("meshops", "confirm", entry["entry"])
    again = bad.node.run(["meshops", "audit"], check=False, timeout=180)
    assert again.code == 1 and "can be mended" not in again.out, again
    mended = {rule for entry in told["entries"] for rule in entry["rules"]}
    assert {rule["rule"] for rule in bad.rules() if rule["fix"] == "auto"} - set(ELSEWHERE) - OTHERWISE <= mended
    assert sorted((mended - PARTLY) & rules_of(bad.audit())) == []

    bad.node.run(["meshops", "undo", "--all"], timeout=300)
    assert sorted(set(before.splitlines()) ^ set(bad.picture().splitlines())) == []
    bad.log_in("true")


def test_a_banned_node_is_let_in_again(bad):
    """SEC-005 needs a fail2ban that runs, SEC-003 one that does not."""
    bad.node.systemctl("start", "fail2ban.service")
    bad.node.wait("fail2ban", lambda: bad.node.run(["fail2ban-client", "status", "sshd"], check=False).code == 0)
    bad.node.run(["fail2ban-client", "set", "sshd", "banip", bad.peer.address])
    assert "SEC-005" in rules_of(bad.audit("--rule", "SEC-005"))
    bad.node.run(["meshops", "audit", "--rule", "SEC-005", "--fix", "--yes"], timeout=120)
    assert not rules_of(bad.audit("--rule", "SEC-005"))
    assert bad.peer.address not in bad.node.sh("fail2ban-client banned")
