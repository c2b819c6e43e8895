#!/usr/bin/python3
"""Five nodes under random faults for twenty minutes: all that a machine can mend is mended, and nobody is healed who was
well. Not part of the tests: it takes its time. Needs root.

    tests/lab/random_faults.py [--minutes 20] [--seed 1] [--nodes 5]

One fault after the other, now and then two at once, chosen by the seed. After each, everything must be well again within
its bound, or people must have been told that the hour's treatments of that node are spent: then this script is the person
who sees to it. At the end the ledgers of all are read: each treatment of another node must lie within a fault of that node that a
sibling may treat, and no two treatments of one node may overlap.
"""

import argparse
import datetime
import random
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from lab import HealingMesh, Lab, LabError, Timeout, faults, interruptible  # noqa: E402

AGENT = "meshops-agent.service"
UNIT = "openclaw-gateway.service"


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Fault:
    """One kind: how it is done to a node, how its cause is taken away, and whether a sibling may treat it."""

    def __init__(self, name, do, undo=lambda mesh, node: None, lasts=0.0, treatable=True):
        self.name, self.do, self.undo, self.lasts, self.treatable = name, do, undo, lasts, treatable


def agent_for_good(mesh, node):
    mesh.kill_agent(node)


def agent_once(mesh, node):
    faults.kill(mesh.node(node), mesh.sites[node].agent_pid())


def agent_hangs(mesh, node):
    faults.stop(mesh.node(node), mesh.sites[node].agent_pid())


def agent_and_gateway(mesh, node):
    mesh.kill_agent(node)
    mesh.break_gateway(node)


def gateway_once(mesh, node):
    faults.kill(mesh.node(node), mesh.sites[node].gateway_pid())


def web_stops(mesh, node):
    mesh.node(node).systemctl("stop", "meshops-web.service")


def web_starts(mesh, node):
    mesh.node(node).systemctl("start", "meshops-web.service")


def lossy(mesh, node):
    for other in mesh.sites:
        if other != node:
            mesh.lab.link(node, other).shape(loss=30, delay_ms=250)


def one_way(mesh, node):
    other = next(n for n in mesh.sites if n != node)
    mesh.lab.link(node, other).cut(node)


def rejoin(mesh, node):
    mesh.lab.rejoin(node)


def told_that_it_is_spent(mesh):
    """The node of which people were told, because its siblings may do no more in this hour; None while there is none."""
    for name in mesh.sites:
        try:
            peers = mesh.peers(name)
        except LabError:
            continue                                 # it is the one whose agent is dead
        for other, seen in peers.items():
            if seen.get("reason") == "budget_spent" and mesh.node(name).journal(
                    "-u", AGENT, "-o", "cat", "--grep", f"{other} .*needs a person"):
                return other
    return None


def well_again(mesh, timeout):
    """True if by themselves; False if a person had to see to it."""
    end = time.time() + timeout
    while True:
        try:
            mesh.wait_all_well(15)
            return True
        except Timeout:
            if time.time() > end:
                raise
            if patient := told_that_it_is_spent(mesh):
                mesh.forget()
                mesh.sites[patient].write_gateway_config()
                mesh.node(patient).systemctl("restart", UNIT)
                mesh.wait_all_well(120)
                return False


FAULTS = [
    Fault("agent killed for good", agent_for_good),
    Fault("agent killed", agent_once),
    Fault("agent stopped by a signal", agent_hangs),
    Fault("agent killed for good, gateway broken", agent_and_gateway),
    Fault("gateway killed", gateway_once, treatable=False),
    Fault("gateway's configuration broken", lambda mesh, node: mesh.break_gateway(node)),
    Fault("node frozen", lambda mesh, node: mesh.node(node).freeze(), lambda mesh, node: mesh.node(node).thaw(), 25, False),
    Fault("node cut off", lambda mesh, node: mesh.lab.isolate(node), rejoin, 30, False),
    Fault("one-way link", one_way, rejoin, 30, False),
    Fault("30 % loss, 500 ms", lossy, rejoin, 30, False),
    Fault("heartbeats not answered", web_stops, web_starts, 20, False),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nodes", type=int, default=5)
    args = parser.parse_args()
    dice = random.Random(args.seed)
    names = [f"rf{i + 1}" for i in range(args.nodes)]
    escalated = 0
    injected, wrong = [], []                         # (fault, node, from, until)
    with interruptible(), Lab() as lab:
        mesh = HealingMesh(lab, *names)
        print("all well; faults begin", flush=True)
        end = time.time() + args.minutes * 60
        while time.time() < end:
            count = 2 if dice.random() < 0.25 else 1
            picked = [(dice.choice(FAULTS), node) for node in dice.sample(names, count)]
            began = time.time()
            for fault, node in picked:
                fault.do(mesh, node)
            lasts = max(fault.lasts for fault, _ in picked)
            while time.time() - began < lasts:
                time.sleep(0.5)
            for fault, node in picked:
                fault.undo(mesh, node)
            by_themselves = well_again(mesh, 300)
            escalated += not by_themselves
            took = time.time() - began
            for fault, node in picked:
                injected.append((fault, node, began, time.time()))
                mesh.drop_in(node, "")
            print(f"{took:6.1f} s  " + " and ".join(f"{fault.name} on {node}" for fault, node in picked)
                  + ("" if by_themselves else "; people were told that the budget is spent"), flush=True)
        acts = [(e["gateway"].removeprefix("node "), name, e) for name in names for e in mesh.treatments(name)]
        for patient, healer, e in acts:
            at = seconds(e["began"])
            cause = [f for f, node, a, b in injected if node == patient and a - 1 <= at <= b + 1]
            if not any(f.treatable for f in cause):
                wrong.append(f"{healer} treated {patient} ({e['remedy']}) while its fault was "
                             f"{[f.name for f in cause] or 'none'}")
        # What a healer says it did to an agent, that agent's node says, too.
        for patient, healer, e in acts:
            lease = int(re.search(r"under lease (\d+)", e["sentence"])[1])
            if e["remedy"] in ("revive", "reinstall") and e["verdict"] == "helped" and "back" in e["note"]:
                if (healer, lease) not in [(v[0], v[2]) for v in mesh.visits(patient)]:
                    wrong.append(f"{patient}'s ledger has nothing of {healer}'s {e['remedy']} under lease {lease}")
        for patient in names:
            spans = sorted((seconds(e["began"]), seconds(e["ended"] or e["began"]), healer)
                           for who, healer, e in acts if who == patient)
            for before, after in zip(spans, spans[1:]):
                if after[0] < before[1]:
                    wrong.append(f"{before[2]} and {after[2]} treated {patient} at the same time")
        print(f"{len(injected)} faults, {len(acts)} treatments by siblings, {escalated} times people were told, "
              f"{len(wrong)} wrong")
        for line in wrong:
            print("WRONG:", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
