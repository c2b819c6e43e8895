"""The private network of a lab: one network namespace, one bridge, and what a link between two nodes lets through.

Used by Lab. Nothing in it reaches the host's network: the namespace has no uplink. Cuts are nftables rules on the
bridge, so neither node sees anything but silence; every change rewrites the whole table from `links`.
"""

import os

from .base import LabError, run

BRIDGE = "br0"
SUBNET = "10.77.0"


class Link:
    """What passes between two nodes. Directions are written as the one that sends: link.cut("alpha") stops
    what alpha sends to the other, link.cut() both ways."""

    def __init__(self, network, a, b):
        self._network = network
        self.ends = (a, b)
        self.blocked = set()             # (from, to)
        self.limits = {}                 # (from, to) -> {"loss": percent, "rate": kbytes/second}

    def _ways(self, sender):
        a, b = self.ends
        ways = {None: [(a, b), (b, a)], a: [(a, b)], b: [(b, a)]}.get(sender)
        if ways is None:
            raise LabError(f"{sender} is no end of the link {a} - {b}")
        return ways

    def cut(self, sender=None):
        self.blocked |= set(self._ways(sender))
        self._network.apply()

    def restore(self):
        self.blocked.clear()
        self.limits.clear()
        self._network.delay(self.ends, 0)
        self._network.apply()

    def shape(self, delay_ms=None, loss=None, rate_kbytes=None, sender=None):
        """`loss` in percent; `rate_kbytes` per second, what is over it is dropped; `delay_ms` one way."""
        for way in self._ways(sender):
            limit = self.limits.setdefault(way, {})
            if loss is not None:
                limit["loss"] = int(loss)
            if rate_kbytes is not None:
                limit["rate"] = int(rate_kbytes)
        if delay_ms is not None:
            self._network.delay(self.ends, delay_ms, sender)
        self._network.apply()


class Network:
    def __init__(self, name, finalizers):
        self.name = name
        self.path = f"/run/netns/{name}"
        self.links = {}
        self._finalizers = finalizers
        self._nodes = {}                 # name -> Node
        run(["ip", "netns", "add", name])
        finalizers.add(f"network namespace {name}", self._remove)
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", BRIDGE, "type", "bridge", "stp_state", "0", "forward_delay", "0")
        self.ip("addr", "add", f"{SUBNET}.1/24", "dev", BRIDGE)
        self.ip("link", "set", BRIDGE, "up")

    def _remove(self):
        run(["ip", "netns", "delete", self.name])

    def enter(self, *argv):
        # Not `ip netns exec`: that remounts /sys, and nspawn would lose the cgroups.
        return ["nsenter", f"--net={self.path}", *argv]

    def ip(self, *argv):
        return run(self.enter("ip", *argv))

    def join(self, node):
        self._nodes[node.name] = node

    def address(self, index):
        return f"{SUBNET}.{10 + index}"

    def link(self, a, b):
        key = tuple(sorted((a, b)))
        for name in key:
            if name not in self._nodes:
                raise LabError(f"no node named {name}")
        if a == b:
            raise LabError("a link has two ends")
        return self.links.setdefault(key, Link(self, *key))

    def delay(self, ends, delay_ms, sender=None):
        from .delay import set_delay
        set_delay(self, self._nodes[ends[0]], self._nodes[ends[1]], delay_ms, sender)

    def apply(self):
        """Writes all cuts and limits. Called after each change and after each boot (ports come and go)."""
        rules = []
        for link in self.links.values():
            for a, b in [link.ends, link.ends[::-1]]:
                source, target = self._nodes[a].port_name(), self._nodes[b].port_name()
                if not source or not target:
                    continue             # not up now; its boot calls us again
                way = f'iifname "{source}" oifname "{target}"'
                limit = link.limits.get((a, b), {})
                if (a, b) in link.blocked:
                    rules.append(f"{way} drop")
                if limit.get("loss"):
                    rules.append(f"{way} numgen random mod 100 < {limit['loss']} drop")
                if limit.get("rate"):
                    rules.append(f"{way} limit rate over {limit['rate']} kbytes/second drop")
        text = ("table bridge lab\ndelete table bridge lab\ntable bridge lab {\n chain forward {\n"
                "  type filter hook forward priority 0; policy accept;\n  " + "\n  ".join(rules) + "\n }\n}\n")
        run(self.enter("nft", "-f", "-"), input=text, env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
