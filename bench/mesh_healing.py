#!/usr/bin/env python3
"""How soon a dead node is suspected, and how soon a sibling acts: meshops beside Serf's own detection.

    bench/mesh_healing.py [--runs 20] [--nodes 3] [--profile lan] [--json FILE]      (root)

Real nodes of the lab. Each run kills one node's agent for good and breaks its gateway (a configuration that its schema
rejects, and SIGKILL), one node after the other, and waits until all is well again; before each, everybody's memory of
treatments is taken away, so that it is the first of its hour (--remember leaves it). Told per run, in seconds after the kill:
  suspected   the first other node's status names a trouble of it
  acted       the first treatment of it begins, by the healer's ledger
  healed      agent up, gateway ready again
Serf's detection is taken beside it, in the same mesh: its own agent on a node is killed with SIGKILL, and the others'
`meshops mesh members` say `failed`.
"""

import argparse
import datetime
import json
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/lab"))
from lab import HealingMesh, Lab, faults, interruptible, wait_until  # noqa: E402


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def one_run(mesh, patient):
    others = [n for n in mesh.sites if n != patient]
    before = {n: len(mesh.treatments(n, patient)) for n in others}
    mesh.break_gateway_config(patient)
    began = time.time()
    mesh.kill_agent(patient, wait=False)
    faults.kill(mesh.node(patient), mesh.sites[patient].gateway_pid())

    def suspected():
        return any(mesh.peers(n)[patient]["trouble"] != "none" for n in others)
    wait_until("a suspicion", suspected, 30, 0.02)
    seen = time.time() - began
    wait_until("a treatment", lambda: any(len(mesh.treatments(n, patient)) > before[n] for n in others), 120, 0.5)
    acted = min(seconds(e["began"]) for n in others for e in mesh.treatments(n, patient)[before[n]:]) - began
    mesh.drop_in(patient, "")
    mesh.wait_all_well(180)
    return {"patient": patient, "suspected": seen, "acted": acted, "healed": time.time() - began}


def serf_run(mesh, patient):
    others = [n for n in mesh.sites if n != patient]
    node = mesh.node(patient)
    node.write("/etc/systemd/system/meshops-serf.service.d/lab.conf", "[Service]\nRestart=no\n")
    node.systemctl("daemon-reload")
    began = time.time()
    node.systemctl("kill", "-s", "KILL", "meshops-serf.service")

    def failed():
        said = mesh.node(others[0]).run(["meshops", "mesh", "members", "--format", "json"], check=False).out
        return any(m["name"] == patient and m["state"] == "failed" for m in json.loads(said)["members"])
    wait_until("Serf to notice", failed, 180, 0.1)
    took = time.time() - began
    node.run(["rm", "/etc/systemd/system/meshops-serf.service.d/lab.conf"])
    node.systemctl("daemon-reload")
    node.systemctl("restart", "meshops-serf.service")
    mesh.wait_all_well(180)
    return took


def summary(values):
    return f"median {statistics.median(values):5.1f}  worst {max(values):5.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--serf-runs", type=int, default=5)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--profile", default="lan", choices=["lan", "wan"])
    parser.add_argument("--remember", action="store_true")
    parser.add_argument("--json")
    args = parser.parse_args()
    names = [f"bh{i + 1}" for i in range(args.nodes)]
    with interruptible(), Lab() as lab:
        mesh = HealingMesh(lab, *names, profile=args.profile)
        runs = []
        for i in range(args.runs):
            if not args.remember:
                mesh.forget(ledgers=True)
                mesh.wait_all_well(120)
            runs.append(one_run(mesh, names[i % len(names)]))
            r = runs[-1]
            print(f"{i + 1:3}  {r['patient']}  suspected {r['suspected']:.2f} s  acted {r['acted']:.1f} s  "
                  f"healed {r['healed']:.1f} s", flush=True)
        serf = [serf_run(mesh, names[i % len(names)]) for i in range(args.serf_runs)]
        for what in ("suspected", "acted", "healed") if runs else ():
            print(f"{what:10} {summary([r[what] for r in runs])}")
        if serf:
            print(f"Serf alone {summary(serf)}   (profile {args.profile}, {args.nodes} members)")
        if args.json:
            Path(args.json).write_text(json.dumps({"runs": runs, "serf": serf}, indent=2) + "\n")


if __name__ == "__main__":
    main()
