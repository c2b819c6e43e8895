"""A lab: a private network of nodes that run the meshops binary, made for one test run and wholly removed after it.

Used by the tests' fixtures and by the demo. Two labs on one machine do not meet: every name has the run's id.
"""

import concurrent.futures
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .base import Finalizers, LabError, run, say, start_time, which_missing
from .net import Network
from .node import Node

HERE = Path(__file__).resolve().parent.parent
REPO = HERE.parent.parent
REGISTER = Path("/run/meshops-lab")      # one file per run: whom to clean up after if it was killed
# The stand-in lies in a node as an install of the real one does: that is how units, versions and tools are found.
STANDIN = [(HERE / f"standin_{name}", f"/opt/openclaw-standin/{path}") for name, path in (
    ("gateway.py", "openclaw.mjs"), ("package.json", "package.json"), ("node.sh", "bin/node"),
    *((f"{part}.py", f"standin_{part}.py") for part in ("config", "state", "turns", "http", "tools")))]
PROGRAMS = {"systemd-nspawn": "systemd-container", "debootstrap": "debootstrap", "nft": "nftables", "ip": "iproute2",
            "nsenter": "util-linux", "ssh-keygen": "openssh-client", "journalctl": "systemd"}


def why_not():
    """The reason that no lab can run here, or None."""
    if os.environ.get("MESHOPS_LAB") == "0":
        return "MESHOPS_LAB=0"
    if os.geteuid() != 0:
        return "the lab needs root (network namespaces, overlay mounts, systemd-nspawn)"
    missing = which_missing(*PROGRAMS)
    if missing:
        packages = " ".join(sorted({PROGRAMS[p] for p in missing}))
        return f"the lab needs {', '.join(missing)}: apt-get install {packages}"
    if not cgroup2():
        return "the lab needs a cgroup v2 mount (cgroup2 in /proc/mounts)"
    return None


def cgroup2():
    for line in Path("/proc/mounts").read_text().splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            return Path(fields[1])
    return None


def find_meshops():
    """The binary under test: MESHOPS_BIN, else the newest of build/*/meshops; None when there is none yet."""
    if os.environ.get("MESHOPS_BIN"):
        path = Path(os.environ["MESHOPS_BIN"]).resolve()
        return path if path.exists() else None
    release = REPO / "build/release/meshops"
    if release.is_file():
        return release
    found = [p for p in REPO.glob("build/*/meshops") if p.is_file() and os.access(p, os.X_OK)]
    return max(found, key=lambda p: p.stat().st_mtime, default=None)


def has_healer():
    """Whether the binary under test treats causes; before that it only supervises."""
    binary = find_meshops()
    return bool(binary) and re.search(r"^  ledger ", run([binary, "--help"], check=False).out, re.M) is not None


def openclaw_dir():
    """The installed real gateway, or None (install it with tests/lab/openclaw.sh)."""
    path = Path(run(["sh", HERE / "openclaw.sh", "--path"]).out.strip())
    return path if (path / "node_modules/openclaw/openclaw.mjs").exists() else None


class Lab:
    def __init__(self, nodes=(), boot=True, meshops="find", openclaw="find"):
        reason = why_not()
        if reason:
            raise LabError(reason)
        sweep()
        self.id = secrets.token_hex(2)
        self.finalizers = Finalizers()
        self.nodes = {}
        try:
            self._make(meshops, openclaw)
            if nodes:
                self.add(*nodes, boot=boot)
        except BaseException:
            self.close()
            raise

    def _make(self, meshops, openclaw):
        self.dir = Path(tempfile.mkdtemp(prefix=f"meshops-lab-{self.id}-"))
        self.finalizers.add(f"directory {self.dir}", self._remove_dir)
        self.dir.chmod(0o755)
        REGISTER.mkdir(exist_ok=True)
        self._register = REGISTER / f"{self.id}.json"
        self.finalizers.add("register", lambda: self._register.unlink(missing_ok=True))
        self.cgroup = _own_cgroup() / f"meshops-lab-{self.id}"
        self._register.write_text(json.dumps({
            "pid": os.getpid(), "start_time": start_time(os.getpid()), "dir": str(self.dir),
            "netns": f"mlab-{self.id}", "cgroup": str(self.cgroup)}))
        # It reads the end of the pipe when this process is gone, however that came, and then clears up.
        self._guardian = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv[1]); sys.stdin.read()\n"
             "import lab; lab.sweep()", HERE], stdin=subprocess.PIPE, start_new_session=True)
        self.finalizers.add("guardian", self._dismiss_guardian)
        base = subprocess.run(["bash", HERE / "base.sh"], stdout=subprocess.PIPE, text=True)  # its progress is for people
        if base.returncode:
            raise LabError(f"base.sh failed with exit code {base.returncode}")
        self.base = Path(base.stdout.strip())
        self.cgroup.mkdir()
        self.finalizers.add("cgroup", self._remove_cgroup)
        self.network = Network(f"mlab-{self.id}", self.finalizers)
        self.meshops = find_meshops() if meshops == "find" else meshops
        self.openclaw = openclaw_dir() if openclaw == "find" else openclaw
        self.binds = [(HERE, "/opt/lab"), *STANDIN]
        if self.meshops:
            # A copy: a build that goes on beside the tests must not change the binary under them.
            self.meshops = Path(shutil.copy2(self.meshops, self.dir / "meshops"))
            self.binds.append((self.meshops, "/usr/bin/meshops"))
            self.binds += self._libraries()
        if self.openclaw:
            self.binds.append((self.openclaw, "/opt/openclaw"))

    def _libraries(self):
        """Shared libraries that the binary needs and the base does not have, each at its own path."""
        found = re.findall(r"=> (/\S+) ", run(["ldd", self.meshops], check=False).out)
        return [(Path(p).resolve(), p) for p in found if not (self.base / p.lstrip("/")).exists()
                and not (self.base / "usr" / p.lstrip("/")).exists()]

    def add(self, *names, boot=True):
        """Makes nodes, all at once, and boots them."""
        made = []
        for name in names:
            if name in self.nodes:
                raise LabError(f"there is already a node {name}")
            node = Node(self, name, len(self.nodes) + 1)
            self.nodes[name] = node
            self.network.join(node)
            made.append(node)
        for node in self.nodes.values():
            node.write_hosts({n.name: n.address for n in self.nodes.values()})
        if boot:
            started = time.monotonic()
            for node in made:
                node.boot(wait=False)                  # nspawn processes belong to this thread (see die_with_parent)
            with concurrent.futures.ThreadPoolExecutor(len(made)) as pool:
                list(pool.map(lambda n: n.wait_booted(), made))
            say(f"booted {', '.join(names)} in {time.monotonic() - started:.1f} s")
        return made[0] if len(made) == 1 else made

    def __getitem__(self, name):
        return self.nodes[name]

    def link(self, a, b):
        return self.network.link(a, b)

    def isolate(self, name):
        """Cuts a node off from all others."""
        for other in self.nodes:
            if other != name:
                self.link(name, other).cut()

    def rejoin(self, name):
        for other in self.nodes:
            if other != name:
                self.link(name, other).restore()

    def collect(self, title):
        """Saves the journals and consoles of all nodes; gives the directory."""
        parent = os.environ.get("MESHOPS_LAB_ARTIFACTS")
        if parent:
            Path(parent).mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", title)[-80:]
        target = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
        for node in self.nodes.values():
            (target / f"{node.name}.journal").write_text(node.journal("-o", "short-precise"))
            (target / f"{node.name}.console").write_text(node.console())
        return target

    def close(self):
        problems = self.finalizers.close()
        self.nodes = {}
        return problems

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _dismiss_guardian(self):
        self._guardian.kill()
        self._guardian.wait()

    def _remove_dir(self):
        if any(str(self.dir) in line for line in Path("/proc/self/mounts").read_text().splitlines()):
            raise LabError(f"{self.dir} still has mounts")
        shutil.rmtree(self.dir)

    def _remove_cgroup(self):
        remove_cgroup(self.cgroup)


def _own_cgroup():
    """The cgroup v2 directory to make ours in: the one this process is in, or the nearest that may have children."""
    mount = cgroup2()
    own = next((line.partition("::")[2] for line in Path("/proc/self/cgroup").read_text().splitlines()
                if line.startswith("0::")), "/")
    path = mount / own.lstrip("/")
    while path != mount:
        if (path / "cgroup.type").exists() and (path / "cgroup.type").read_text().strip() == "domain":
            # A cgroup with processes and enabled controllers cannot have populated children of ours; go up then.
            if not (path / "cgroup.subtree_control").read_text().strip():
                return path
        path = path.parent
    return mount


def remove_cgroup(path):
    """Ends whatever still runs in a cgroup of ours, and removes it."""
    try:
        (Path(path) / "cgroup.kill").write_text("1")
    except OSError:
        pass                                           # gone, or a kernel before 5.14: then rmdir tells
    for directory, _, _ in sorted(os.walk(path), key=lambda entry: -len(entry[0])):
        for _ in range(50):
            try:
                os.rmdir(directory)
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.02)


def sweep():
    """Clears what killed runs left: nodes, mounts, the namespace."""
    if not REGISTER.is_dir():
        return
    for entry in [*REGISTER.glob("*.json"), *REGISTER.glob("*.clearing")]:
        try:
            left = json.loads(entry.read_text())
            if start_time(left["pid"]) == left["start_time"]:
                continue                               # alive: somebody else's lab
        except (OSError, ValueError, KeyError):
            continue
        claimed = entry.with_suffix(".clearing")
        try:
            entry.rename(claimed)                      # the guardian and a new lab may both be here: one does it
        except OSError:
            continue
        say(f"clearing what run {entry.stem} left behind")
        remove_cgroup(left["cgroup"])                  # an init of a node outlives a killed nspawn
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(left["dir"] + "/")), reverse=True):
            run(["umount", "-l", mount], check=False)
        run(["ip", "netns", "delete", left["netns"]], check=False)
        shutil.rmtree(left["dir"], ignore_errors=True)
        claimed.unlink(missing_ok=True)
