#!/usr/bin/python3
"""Shows meshops at work: a mesh of three machines, one gateway each under another runtime. A gateway is killed, and its own
agent brings it back; then a machine loses both, and a sibling does.

What `./dev demo` runs. Needs root; everything it makes is gone at the end, also after Ctrl-C.
  demo.py [--keep] [--real]
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from lab import (HealingMesh, Lab, LabError, Timeout, faults, find_meshops, interruptible, openclaw_dir,  # noqa: E402
                 why_not)

NODES = {"alpha": "process", "beta": "systemd-system", "gamma": "systemd-user"}


def tell(text):
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def show(node, *command):
    tell(f"{' '.join(command)}   (on {node.name})")
    print(node.run(list(command), check=False).out.rstrip(), flush=True)


def watch(what, seen, until, limit):
    """Prints what is seen each time that it changes, until it is so; gives how long that took, in seconds."""
    started, last = time.monotonic(), None
    while True:
        now = seen()
        if now != last:
            print(f"   {time.monotonic() - started:5.1f} s  {now}", flush=True)
            last = now
        if until():
            return time.monotonic() - started
        if time.monotonic() - started > limit:
            raise Timeout(f"{what} did not happen within {limit} s")
        time.sleep(0.1)


def own_agent_heals(mesh, name):
    site = mesh.sites[name]
    pid = site.gateway_pid()
    tell(f"kill -9 {pid}: the gateway of {name}. Its own agent is there")
    faults.kill(mesh.node(name), pid)

    def seen():
        return site.main()["state"]

    def back():
        main = site.main()
        return main["state"] == "ready" and main["identity"]["pid"] != pid
    took = watch("its return", seen, back, site.start_timeout + 60)
    tell(f"Back after {took:.1f} s")


def sibling_heals(mesh, name, watcher):
    tell(f"Now {name} loses its agent for good, and its gateway to a configuration that it does not accept")
    mesh.break_gateway_config(name)
    mesh.kill_agent(name)
    faults.kill(mesh.node(name), mesh.sites[name].gateway_pid())
    mesh.drop_in(name, "")

    def seen():
        peer = mesh.peers(watcher)[name]
        return f"{watcher} sees {name}: {peer['summary']}" + (f"; {peer['why']}" if peer.get("why") else "")

    def well():
        if mesh.agent_is(name) != "active" or mesh.peers(watcher)[name]["trouble"] != "none":
            return False
        main = mesh.sites[name].main()
        return main["state"] == "ready" and main["healing"]["state"] == "well"
    took = watch("its recovery", seen, well, 2 * mesh.sites[name].start_timeout + 180)
    tell(f"Both are back after {took:.1f} s, 15 s of which its own service manager had to itself")
    for healer in mesh.sites:
        if mesh.treatments(healer, name):
            show(mesh.node(healer), "meshops", "ledger")
    show(mesh.node(name), "meshops", "ledger")


def play(lab, args):
    gateway = "openclaw" if args.real else "standin"
    tell(f"Three machines with a systemd each, {'the real OpenClaw' if args.real else 'a light stand-in for OpenClaw'} on "
         "each, under three runtimes; then one mesh of them (a minute)")
    mesh = HealingMesh(lab, *NODES, gateway=gateway, runtimes=NODES)
    show(lab["alpha"], "meshops", "status")
    own_agent_heals(mesh, "beta")
    sibling_heals(mesh, "gamma", "alpha")
    show(lab["alpha"], "meshops", "status")
    if args.keep:
        tell("Kept running. Look around with, as root:")
        for node in lab.nodes.values():
            print(f"   {node.name:8} nsenter -t {node.pid} -a", flush=True)
        print("Ctrl-C stops it all.", flush=True)
        while True:
            time.sleep(3600)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keep", action="store_true", help="keep the machines until Ctrl-C")
    parser.add_argument("--real", action="store_true", help="the real OpenClaw (tests/lab/openclaw.sh), not the stand-in")
    args = parser.parse_args()
    reason = why_not() or (None if find_meshops() else "there is no meshops binary: build it, or set MESHOPS_BIN")
    if not reason and args.real and not openclaw_dir():
        reason = "the real OpenClaw is not installed: run tests/lab/openclaw.sh"
    if reason:
        print(f"demo: {reason}", file=sys.stderr)
        return 3
    try:
        with interruptible(), Lab() as lab:
            try:
                play(lab, args)
            except (Timeout, LabError) as e:
                print(f"\ndemo: {e}\ndemo: journals of the machines: {lab.collect('demo')}", file=sys.stderr)
                return 1
            finally:
                tell("Stopping everything")
    except KeyboardInterrupt:
        return 0 if args.keep else 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
