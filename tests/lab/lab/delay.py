#!/usr/bin/env python3
"""Delays what passes on the cable of one node, for kernels without netem.

The node's cable is taken off the bridge and a tap device put in its place; a small process of ours, in the lab's
namespace, carries each frame across after the delay that the far end asks for. Started by Link.shape(delay_ms=...),
ended with the node. Standard library only; it sees no network but the lab's.
"""

import fcntl
import heapq
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
SIOCETHTOOL, ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SSG = 0x8946, 0x17, 0x1F, 0x24, 0x19
ETH_P_ALL, PACKET_OUTGOING = 3, 4


class Relay:
    """The relay process of one node."""

    def __init__(self, network, node):
        from .base import die_with_parent, run, wait_until
        self._run, self._network = run, network
        self.tap = f"dl-{node.index}"
        self.cable = node.cable()
        self.delays = {}                                   # far end's MAC -> [ms to it, ms from it]
        # The node must finish its checksums itself: frames read from the cable have none otherwise.
        run(["nsenter", "-t", node.pid, "-n", sys.executable, __file__, "--plain", "host0"])
        network.ip("tuntap", "add", self.tap, "mode", "tap")
        network.ip("link", "set", self.cable, "nomaster")
        network.ip("link", "set", self.cable, "promisc", "on")
        network.ip("link", "set", self.tap, "master", "br0")
        network.ip("link", "set", self.tap, "up")
        self.process = subprocess.Popen(network.enter(sys.executable, __file__, self.cable, self.tap),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        wait_until("the relay", self.process.stdout.readline, 5)

    def alive(self):
        return self.process.poll() is None

    def set(self, mac, to=None, back=None):
        entry = self.delays.setdefault(mac, [0, 0])
        if to is not None:
            entry[0] = to
        if back is not None:
            entry[1] = back
        self.process.stdin.write(json.dumps(self.delays).encode() + b"\n")
        self.process.stdin.flush()

    def stop(self):
        if self.alive():
            self.process.kill()
            self.process.wait()
        self._run(self._network.enter("ip", "link", "delete", self.tap), check=False)


def set_delay(network, a, b, delay_ms, sender=None):
    """Delays what a and b send to each other; `sender` names the one whose frames are late (None: both)."""
    if not delay_ms and not (a.relay and a.relay.alive()):
        return
    if not a.running() or not b.running():
        if not delay_ms:
            return
        raise RuntimeError("a delay needs both nodes up")
    if not (a.relay and a.relay.alive()):
        a.relay = Relay(network, a)
    mac = b.sh("cat /sys/class/net/host0/address")
    a.relay.set(mac, to=delay_ms if sender in (None, a.name) else None,
                back=delay_ms if sender in (None, b.name) else None)


def carry(cable, tap):
    """Moves frames between the cable and the tap, each after its delay; new delays come as JSON lines on stdin."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", tap.encode(), IFF_TAP | IFF_NO_PI))
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    wire.bind((cable, 0))
    wire.setblocking(False)
    os.set_blocking(0, False)
    print("ready", flush=True)
    delays, queue, count, pending = {}, [], 0, b""
    while True:
        wait = max(0.0, queue[0][0] - time.monotonic()) if queue else None
        ready = select.select([tun, wire, 0], [], [], wait)[0]
        now = time.monotonic()
        if 0 in ready:
            pending += (chunk := os.read(0, 65536))
            if not chunk:
                return                                     # the lab is gone
            *lines, pending = pending.split(b"\n")
            if lines:
                delays = {bytes.fromhex(m.replace(":", "")): d for m, d in json.loads(lines[-1]).items()}
        if tun in ready:                                   # from the bridge to the node: keyed by who sent it
            for frame in _some(lambda: os.read(tun, 70000)):
                ms = delays.get(frame[6:12], (0, 0))[1]
                heapq.heappush(queue, (now + ms / 1000, count := count + 1, True, frame))
        if wire in ready:                                  # from the node: keyed by whom it is for
            for frame, address in _some(lambda: wire.recvfrom(70000)):
                if address[2] == PACKET_OUTGOING:
                    continue
                if frame[0] & 1:                           # for everybody: as late as the latest of them
                    ms = max((d[0] for d in delays.values()), default=0)
                else:
                    ms = delays.get(frame[0:6], (0, 0))[0]
                heapq.heappush(queue, (now + ms / 1000, count := count + 1, False, frame))
        now = time.monotonic()
        while queue and queue[0][0] <= now:
            _, _, to_node, frame = heapq.heappop(queue)
            try:
                if to_node:
                    wire.send(frame)
                else:
                    os.write(tun, frame)
            except OSError:
                pass                                       # a full queue drops, as a real one does


def _some(read):
    for _ in range(64):
        try:
            yield read()
        except OSError:
            return                                         # nothing more now, or the cable is being pulled


def plain(interface):
    import array
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for command in (ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_STXCSUM, ETHTOOL_SSG):
        value = array.array("B", struct.pack("II", command, 0))
        try:
            fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP", interface.encode(), value.buffer_info()[0]))
        except OSError as e:
            if command == ETHTOOL_STXCSUM:
                raise SystemExit(f"cannot turn checksum offload off on {interface}: {e}") from None


if __name__ == "__main__":
    if sys.argv[1] == "--plain":
        plain(sys.argv[2])
    else:
        carry(sys.argv[1], sys.argv[2])
