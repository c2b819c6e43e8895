"""One machine of the lab: an overlay over the base root, booted by systemd-nspawn with its own systemd.

Made by Lab. A node can be booted, powered off, killed like a machine that loses power, entered and changed.
It never touches the host outside its own directory, its cgroup and its network namespace.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from .base import LabError, Result, die_with_parent, run, say, wait_until

# What a person at the node's own root prompt has; the clock and the kernel belong to the host, so a test that
# sets the time by mistake fails instead of shifting the whole machine.
DROPPED = "-sys_time,-sys_module,-sys_rawio"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RTMIN4 = signal.SIGRTMIN + 4  # systemd as PID 1 takes it as "power off"

NETWORK_UNIT = """[Unit]
Description=Address of this node in the lab
DefaultDependencies=no
After=local-fs.target
Before=network.target network-online.target sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/ip link set lo up
ExecStart=/usr/sbin/ip addr replace {address}/24 dev host0
ExecStart=/usr/sbin/ip link set host0 up

[Install]
WantedBy=sysinit.target
"""


class Node:
    def __init__(self, lab, name, index):
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
            raise LabError(f"{name!r} is no host name")
        self.lab, self.name, self.index = lab, name, index
        self.address = lab.network.address(index)
        self.dir = lab.dir / name
        self.root = self.dir / "root"
        self.machine = f"{name[:6]}{index}-{lab.id}"       # names the host end of its cable: keep it short
        self.process = None
        self.pid = None                                   # of its systemd, as the host numbers it
        self.relay = None                                 # see delay.py
        self.binds = []                                   # (path of the host, path in the node), for the next boot
        self._console = None
        for sub in ("upper", "work", "root"):
            (self.dir / sub).mkdir(parents=True)
        run(["mount", "-t", "overlay", f"lab-{self.machine}", "-o",
             f"lowerdir={lab.base},upperdir={self.dir}/upper,workdir={self.dir}/work", self.root])
        lab.finalizers.add(f"mount of {name}", self._unmount)
        lab.finalizers.add(f"node {name}", self.kill_hard)
        self._settle()

    # -- before the first boot

    def _settle(self):
        self.write("/etc/hostname", f"{self.name}\n")
        self.write("/etc/systemd/system/lab-network.service", NETWORK_UNIT.format(address=self.address))
        wants = self.root / "etc/systemd/system/sysinit.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / "lab-network.service").symlink_to("/etc/systemd/system/lab-network.service")
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f",
             self.root / "etc/ssh/ssh_host_ed25519_key"])

    def write_hosts(self, names):
        lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost", *(f"{a} {n}" for n, a in names.items())]
        self.write("/etc/hosts", "\n".join(lines) + "\n")

    # -- power

    def boot(self, wait=True):
        if self.running():
            raise LabError(f"{self.name} is already running")
        cgroup = self.lab.cgroup / self.name
        cgroup.mkdir(exist_ok=True)
        argv = self.lab.network.enter(
            "systemd-nspawn", "-q", "-D", self.root, "-b", "-M", self.machine, f"--hostname={self.name}",
            "--register=no", "--keep-unit", "--network-bridge=br0", "--console=pipe", "--resolv-conf=off",
            "--timezone=off", "--link-journal=no", "--notify-ready=no",
            # The agent's watch over secret files: a machine has it, and a container's filter takes it away.
            "--system-call-filter=fanotify_init fanotify_mark",
            *(f"--bind-ro={source}:{target}" for source, target in self.lab.binds),
            *(f"--bind={source}:{target}" for source, target in self.binds))

        def enter_cgroup():
            # One cgroup per node, else the systemds of two nodes would share, and clean up, the same tree.
            (cgroup / "cgroup.procs").write_text("0")
            die_with_parent()

        self._console = open(self.dir / "console.log", "ab")
        self.process = subprocess.Popen(
            [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=self._console, stderr=subprocess.STDOUT,
            preexec_fn=enter_cgroup, start_new_session=True,
            env={"PATH": PATH, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "LANG": "C.UTF-8"})
        if wait:
            self.wait_booted()
        return self

    def wait_booted(self, timeout=60.0):
        self.pid = wait_until(f"{self.name} to have an init", self._find_init, timeout=20, interval=0.02)
        wait_until(f"{self.name} to boot", self._booted, timeout=timeout, interval=0.1)
        self.lab.network.apply()
        return self

    def _find_init(self):
        if self.process.poll() is not None:
            raise LabError(f"nspawn of {self.name} ended with {self.process.returncode}: {self.console()[-1500:]}")
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            try:
                if Path(f"/proc/{child}/comm").read_text().strip() in ("systemd", "init"):
                    return int(child)
            except OSError:
                continue
        return None

    def _booted(self):
        if self.process.poll() is not None:
            raise LabError(f"nspawn of {self.name} ended with {self.process.returncode}: {self.console()[-1500:]}")
        state = self.run(["systemctl", "is-system-running"], check=False, timeout=10).out.strip()
        return state if state in ("running", "degraded") else None

    def running(self):
        return self.process is not None and self.process.poll() is None

    def poweroff(self, timeout=60.0):
        """A person's power-off: services get their stop."""
        if not self.running():
            return
        os.kill(self.pid, RTMIN4)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            say(f"{self.name} did not power off in {timeout} s; killing it")
            self.kill_hard()
            raise LabError(f"{self.name} did not power off in {timeout} s: {self.console()[-1500:]}") from None
        self._gone()

    def kill_hard(self):
        """The plug is pulled: every process of the node is gone at once."""
        if self.process is None:
            return
        if self.process.poll() is None:
            if self.pid:
                try:
                    os.kill(self.pid, signal.SIGKILL)     # the init of a pid namespace takes all of it along
                except ProcessLookupError:
                    pass
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        self._gone()

    def freeze(self):
        """Every process of the node stops where it is, as when its host stops the machine."""
        (self.lab.cgroup / self.name / "cgroup.freeze").write_text("1")

    def thaw(self):
        (self.lab.cgroup / self.name / "cgroup.freeze").write_text("0")

    def _gone(self):
        self.process = self.pid = None
        if self.relay:
            self.relay.stop()
        if self._console:
            self._console.close()
        cgroup = self.lab.cgroup / self.name
        # Deepest first; a cgroup can be removed only when it is empty.
        for path, _, _ in sorted(os.walk(cgroup), key=lambda entry: -len(entry[0])):
            for _ in range(50):
                try:
                    os.rmdir(path)
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)                      # the last processes are still on their way out

    def _unmount(self):
        run(["umount", self.root])

    # -- inside

    def argv(self, cmd, user=None, env=None):
        """How the host runs `cmd` (a list, or a text for sh) in the node."""
        if not self.pid:
            raise LabError(f"{self.name} is not running")
        words = ["sh", "-c", cmd] if isinstance(cmd, str) else [str(c) for c in cmd]
        settings = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root", "USER": "root"}
        who = []
        if user and user != "root":
            uid = self.uid(user)
            settings |= {"HOME": f"/home/{user}", "USER": user, "LOGNAME": user, "XDG_RUNTIME_DIR": f"/run/user/{uid}",
                         "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{uid}/bus"}
            who = ["--reuid", str(uid), "--regid", str(uid), "--init-groups"]
        settings |= env or {}
        return ["nsenter", "-t", str(self.pid), "-a", "--root", f"--wd={self.root}{settings['HOME']}", "env", "-i",
                *(f"{k}={v}" for k, v in settings.items()),
                "setpriv", *who, "--bounding-set", DROPPED, *([] if who else ["--inh-caps", DROPPED]), *words]

    def uid(self, user):
        for line in (self.root / "etc/passwd").read_text().splitlines():
            fields = line.split(":")
            if fields[0] == user:
                return int(fields[2])
        raise LabError(f"{self.name} has no user {user}")

    def run(self, cmd, check=True, timeout=30.0, user=None, env=None, input=None) -> Result:
        return run(self.argv(cmd, user, env), check=check, timeout=timeout, input=input)

    def sh(self, cmd, **options):
        """The trimmed output of a shell command."""
        return self.run(cmd, **options).out.strip()

    def service(self, name, cmd, **properties):
        """Runs `cmd` as a transient unit of the node, so that it lives in the node's own cgroups."""
        words = ["sh", "-c", cmd] if isinstance(cmd, str) else [str(c) for c in cmd]
        self.run(["systemd-run", "-q", f"--unit={name}", "--collect",
                  *(f"--property={k}={v}" for k, v in properties.items()), "--", *words])

    def systemctl(self, *words, user=None, check=True, timeout=60.0):
        return self.run(["systemctl", *(["--user"] if user else []), *words], user=user, check=check, timeout=timeout)

    def journal(self, *words):
        """The node's journal, readable also when the node is off."""
        return run(["journalctl", "-D", self.root / "var/log/journal", "--no-pager", *words], check=False).out

    def console(self):
        try:
            return (self.dir / "console.log").read_text(errors="replace")
        except OSError:
            return ""

    def wait(self, desc, fn, timeout=30.0, interval=0.1):
        return wait_until(f"{self.name}: {desc}", fn, timeout, interval)

    # -- files

    def host_path(self, path):
        """Where the host sees a file of the node's disk (not of its tmpfs mounts: /run, /tmp)."""
        return self.root / str(path).lstrip("/")

    def write(self, path, text, mode=0o644, owner="root"):
        """Writes by rename, so that a reader in the node sees the old or the new text, never half of one."""
        target = self.host_path(path)
        uid = 0 if owner == "root" else self.uid(owner)
        made = []
        for parent in [target.parent, *target.parent.parents]:
            if parent.exists():
                break
            made.append(parent)
        for parent in reversed(made):
            parent.mkdir()
            os.chown(parent, uid, uid)
        temp = target.with_name(f".{target.name}.lab")
        temp.write_bytes(text.encode() if isinstance(text, str) else text)
        temp.chmod(mode)
        os.chown(temp, uid, uid)
        temp.rename(target)

    def read(self, path):
        return self.host_path(path).read_text()

    def exists(self, path):
        return os.path.lexists(self.host_path(path))

    def copy_in(self, source, path, mode=None, owner="root"):
        source = Path(source)
        self.write(path, source.read_bytes(), source.stat().st_mode & 0o777 if mode is None else mode, owner)

    def copy_out(self, path, target):
        Path(target).write_bytes(self.host_path(path).read_bytes())

    # -- network, as the host sees it

    def port_name(self):
        """The bridge port that this node's cable ends in; None when it is not running."""
        if self.relay and self.relay.alive():
            return self.relay.tap
        return self.cable()

    def cable(self):
        """The host end of the node's veth, found by index so that no rule about its name is needed."""
        if not self.running() or not self.pid:
            return None
        peer = run(["nsenter", "-t", self.pid, "-n", "-m", "cat", "/sys/class/net/host0/iflink"], check=False).out.strip()
        links = run(self.lab.network.enter("ip", "-o", "link"), check=False).out
        match = re.search(rf"^{peer}: ([^:@]+)", links, re.M) if peer else None
        return match.group(1) if match else None

    def __repr__(self):
        return f"<node {self.name} {self.address} {'up' if self.running() else 'off'}>"

