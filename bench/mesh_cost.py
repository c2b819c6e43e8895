#!/usr/bin/env python3
"""What a mesh costs each of its nodes at rest, and whether anybody is suspected meanwhile.

    bench/mesh_cost.py [--nodes 3,10,50] [--seconds 60] [--starve PERCENT] [--json FILE]  (root)

Real nodes of the lab with a stand-in gateway each, all on this machine. Over so many seconds, per node, medians of all:
processor time of the three units (agent, who answers heartbeats, Serf), their proportional memory, and bytes that came in
and went out on its network. `status` is the median of five `meshops status` on one node. A suspicion is a line in an
agent's journal that names a trouble of a peer: at rest, however busy the machine is, there is to be none. --starve gives
each node so many percent of one core, in one piece a second, and two endless loops that want all of it: its agent is away
for most of each second.
"""

import argparse
import contextlib
import json
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/lab"))
from lab import HealingMesh, Lab, interruptible  # noqa: E402

UNITS = {"agent": "meshops-agent.service", "web": "meshops-web.service", "serf": "meshops-serf.service"}


def taken(node):
    """CPU seconds by unit, and bytes in and out, since the node began."""
    said = node.sh("; ".join(f"systemctl show -P CPUUsageNSec {u}" for u in UNITS.values())
                   + "; cat /sys/class/net/host0/statistics/rx_bytes /sys/class/net/host0/statistics/tx_bytes").split()
    return {**{name: int(ns) / 1e9 for name, ns in zip(UNITS, said)}, "in": int(said[3]), "out": int(said[4])}


def memory(node):
    """MiB by unit, a page that is shared counted for the part that is its own."""
    out = {}
    for name, unit in UNITS.items():
        kib = node.sh(f"awk '/^Pss:/ {{print $2}}' /proc/$(systemctl show -P MainPID {unit})/smaps_rollup")
        out[name] = int(kib) / 1024
    return out


def suspicions(node, since):
    said = node.sh(f"journalctl -q -u meshops-agent --since @{since:.0f} -o cat --grep 'mesh.judges|treats' | cat")
    return [line for line in said.splitlines() if line]


def status_ms(node):
    times = []
    for _ in range(5):
        began = time.monotonic()
        node.run(["meshops", "status", "--format", "json"])
        times.append((time.monotonic() - began) * 1000)
    return statistics.median(times)


BUSY = "/usr/bin/python3 -c 'while True: pass'"
PERIOD_US = 1_000_000
# What one kernel has for all nodes of the lab together: each systemd takes a dozen of the first; of the second each node
# needs one for each other node, and what does not fit is not reached.
KERNEL = {"fs/inotify/max_user_instances": lambda nodes: 20 * nodes,
          "net/ipv4/neigh/default/gc_thresh3": lambda nodes: 2 * nodes * nodes}


class Starved:
    """A node that has so many percent of one core until the end of the block."""

    def __init__(self, lab, node, percent):
        self.node, self.quota = node, int(percent * PERIOD_US / 100)
        self.tree = lab.cgroup / node.name
        self.v1 = Path("/sys/fs/cgroup/cpu") / f"meshops-{lab.id}-{node.name}"

    def __enter__(self):
        if (self.v1.parent / "cpu.cfs_period_us").exists():
            self.v1.mkdir()
            (self.v1 / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.v1 / "cpu.cfs_quota_us").write_text(str(self.quota))
            self._move(self.v1)
        else:
            (self.tree / "cpu.max").write_text(f"{self.quota} {PERIOD_US}")
        for i in range(2):
            self.node.run(f"systemd-run -q --collect --unit=busy{i} {BUSY}")

    def __exit__(self, *_):
        stat = dict(line.split() for line in ((self.v1 if self.v1.exists() else self.tree) / "cpu.stat").read_text().splitlines())
        print(f"{self.node.name}: its share was used up in {stat['nr_throttled']} of {stat['nr_periods']} seconds", flush=True)
        if self.v1.exists():
            self._move(self.v1.parent)
            self.v1.rmdir()
        else:
            (self.tree / "cpu.max").write_text("max")
        self.node.run("systemctl stop 'busy*'")

    def _move(self, to):
        pids = [pid for procs in self.tree.rglob("cgroup.procs") for pid in procs.read_text().split()]
        for pid in pids + ((self.v1 / "cgroup.procs").read_text().split() if self.v1.exists() else []):
            with contextlib.suppress(OSError):
                (to / "cgroup.procs").write_text(pid)


def measure(lab, size, seconds, starve):
    names = [f"c{size}-{i + 1}" for i in range(size)]
    mesh = HealingMesh(lab, *names)
    time.sleep(30 + 2 * size)  # the first minute of Serf is talkative, and many machines have just booted
    nodes = [mesh.node(n) for n in names]
    with contextlib.ExitStack() as starved:
        for node in nodes if starve else []:
            starved.enter_context(Starved(lab, node, starve))
        began, before = time.time(), [taken(n) for n in nodes]
        time.sleep(seconds)
        after, took = [taken(n) for n in nodes], time.time() - began

    def median(what, scale):
        return statistics.median((b[what] - a[what]) / took * scale for a, b in zip(before, after))
    mib = [memory(n) for n in nodes]
    out = {"nodes": size, "seconds": took,
           **{f"{unit}_cpu_percent": median(unit, 100) for unit in UNITS},
           **{f"{unit}_mib": statistics.median(m[unit] for m in mib) for unit in UNITS},
           "in_bytes_s": median("in", 1), "out_bytes_s": median("out", 1),
           "status_ms": status_ms(nodes[0]),
           "suspicions": [line for n in nodes for line in suspicions(n, began)]}
    show(out)  # before the end: to power off fifty nodes takes long
    mesh.poweroff()
    return out


def show(r):
    print(f"{r['nodes']:3} nodes  " + "  ".join(f"{u} {r[u + '_cpu_percent']:.2f} % {r[u + '_mib']:.1f} MiB" for u in UNITS)
          + f"  in {r['in_bytes_s']:.0f} out {r['out_bytes_s']:.0f} bytes/s  status {r['status_ms']:.0f} ms"
          + f"  suspicions {len(r['suspicions'])}", flush=True)
    for line in r["suspicions"][:10]:
        print(f"      {line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="3,10,50")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--starve", type=float, default=0)
    parser.add_argument("--json")
    args = parser.parse_args()
    rows = []
    for size in map(int, args.nodes.split(",")):
        for name, least in KERNEL.items():
            if int((Path("/proc/sys") / name).read_text()) < least(size):
                sys.exit(f"{size} nodes need more of the kernel: sysctl -w {name.replace('/', '.')}={least(size)}")
        with interruptible(), Lab() as lab:
            rows.append(measure(lab, size, args.seconds, args.starve))
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
