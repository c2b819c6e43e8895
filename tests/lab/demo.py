#!/usr/bin/python3
"""Shows meshops at work: three machines, one gateway each under another runtime, one of them killed before your eyes.

What `./dev demo` runs. Needs root; everything it makes is gone at the end, also after Ctrl-C.
  demo.py [--keep] [--real]
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from lab import Lab, LabError, Site, Timeout, faults, find_meshops, interruptible, openclaw_dir, why_not  # noqa: E402

NODES = {"alpha": "process", "beta": "systemd-system", "gamma": "systemd-user"}


def tell(text):
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def show(site):
    print(site.node.run(["meshops", "status"], check=False).out.rstrip(), flush=True)


def shell_hint(node):
    return f"nsenter -t {node.pid} -a"


def play(lab, args):
    gateway = "openclaw" if args.real else "standin"
    tell("Booting three machines, each with its own systemd")
    lab.add(*NODES)
    tell(f"A gateway on each ({'the real OpenClaw' if args.real else 'a light stand-in for OpenClaw'}), "
         "supervised by meshops agent")
    sites = {name: Site(lab[name], gateway, runtime).install() for name, runtime in NODES.items()}
    for name, site in sites.items():
        main = site.wait_ready(60 if not args.real else 400)
        print(f"   {name}: {main['runtime']:15} ready, pid {main['identity']['pid']}", flush=True)
    for name, site in sites.items():
        tell(f"meshops status on {name}")
        show(site)

    victim = sites["beta"]
    pid = victim.main()["identity"]["pid"]
    tell(f"kill -9 {pid} on beta")
    faults.kill(victim.node, pid)
    started, last = time.monotonic(), None
    while True:
        main = victim.main()
        if main["state"] != last:
            print(f"   {time.monotonic() - started:5.1f} s  {main['state']}: {main['summary']}", flush=True)
            last = main["state"]
        if main["state"] == "ready" and main["identity"]["pid"] != pid:
            break
        if time.monotonic() - started > (60 if not args.real else 300):
            raise Timeout("beta's gateway did not come back")
        time.sleep(0.1)
    tell(f"Back after {time.monotonic() - started:.1f} s, pid {main['identity']['pid']}. meshops status on beta")
    show(victim)

    if args.keep:
        tell("Kept running. Look around with, as root:")
        for node in lab.nodes.values():
            print(f"   {node.name:8} {shell_hint(node)}", flush=True)
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
