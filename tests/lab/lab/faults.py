"""Faults, injected into a node for real: signals, port thieves, full disks, clocks that jump.

Used by tests. Each fault is undone by its handle, or goes with the node.
"""

import time

from .base import wait_until

THIEF = """
import socket, sys, time
port = int(sys.argv[1])
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", port)); s.listen()
while True:
    c, _ = s.accept(); c.close()
"""


def send(node, pid, name):
    """A signal to a process of the node, by the pid that the node knows it by."""
    node.run(["kill", "-s", name, "--", str(pid)])


def kill(node, pid):
    send(node, pid, "KILL")


def stop(node, pid):
    """The process hangs: it holds its port and answers nothing."""
    send(node, pid, "STOP")


def resume(node, pid):
    send(node, pid, "CONT")


class PortThief:
    """A process that is no gateway and sits on the gateway's port."""

    def __init__(self, node, port):
        self.node, self.unit = node, f"port-thief-{port}"
        node.service(self.unit, ["python3", "-c", THIEF, str(port)])
        wait_until("the thief to listen", lambda: str(port) in node.sh(f"ss -Hltn sport = :{port}"), 5)

    def stop(self):
        self.node.systemctl("stop", self.unit, check=False)


class SmallDisk:
    """Puts a disk of a few MiB under `path`, with what was there; fill() leaves no byte free."""

    def __init__(self, node, path, mib=16, owner="root"):
        self.node, self.path = node, path
        node.run(f"set -e; mkdir -p {path} /run/small-disk; cp -a {path}/. /run/small-disk/\n"
                 f"mount -t tmpfs -o size={mib}m,mode=0700 lab-small-disk {path}\n"
                 f"cp -a /run/small-disk/. {path}/ || {{ umount -l {path}; exit 1; }}\n"
                 f"chown {owner}: {path}; rm -rf /run/small-disk")

    def fill(self):
        self.node.run(f"dd if=/dev/zero of={self.path}/ballast bs=64k; exit 0", check=False)

    def free(self):
        self.node.run(["rm", "-f", f"{self.path}/ballast"])

    def remove(self):
        self.node.run(f"umount -l {self.path}", check=False)


class Clock:
    """The wall clock of one unit, moved by libfaketime; the kernel's clock belongs to the host and is not touched.

    The unit must be (re)started once after this is made; jump() then works while it runs."""

    FILE = "/etc/lab-clock"

    def __init__(self, node, unit, user=None):
        self.node = node
        library = node.sh("ls /usr/lib/*/faketime/libfaketime.so.1")
        home = f"/home/{user}/.config/systemd/user" if user else "/etc/systemd/system"
        node.write(self.FILE, "+0\n")
        node.write(f"{home}/{unit}.d/lab-clock.conf",
                   f"[Service]\nEnvironment=LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={self.FILE} "
                   "FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1\n", owner=user or "root")
        node.systemctl("daemon-reload", user=user)

    def jump(self, seconds):
        """From now on the unit's wall clock is `seconds` off (negative: in the past)."""
        self.node.write(self.FILE, f"{seconds:+d}\n")
        time.sleep(0.05)
