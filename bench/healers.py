#!/usr/bin/env python3
"""What gets well again, and how fast, with meshops and with what users run instead: the rows of the fault matrix.

    bench/healers.py [--rows NAME,…] [--contenders NAME,…] [--json FILE]      (root; installs monit in the node only)

One node of the lab, the stand-in gateway under its own unit, one contender at a time:
  systemd    the unit as `openclaw gateway install` writes it: Restart=always, RestartSec=5, exit 78 not restarted
  monit      the same, and monit with the HTTP check of its manual
  watchdog   the same, and the usual script: poll, restart, then `doctor --fix`
  meshops    the agent, with the consent that a row needs
Scaled so that a row takes seconds: the watchdog polls every 6 s instead of 3 min, monit every 2 s instead of 1 min; in the
field both are slower by what they wait for their next look. A wrong restart is one that did not lead to a gateway that
works: of one that cannot start like this, or of one that a restart cannot mend.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/lab"))
from lab import Lab, LabError, Patient, Timeout, interruptible, matrix  # noqa: E402
from lab.site import PORT, UNIT, USER  # noqa: E402

NAMES = {"systemd": "systemd alone, Restart=always", "monit": "monit, HTTP check, 2 s for 1 min",
         "watchdog": "script, 6 s for 3 min, restart, `doctor --fix`", "meshops": "meshops"}
GIVE_UP = float(os.environ.get("GIVE_UP", "40"))
MONITRC = f"""set daemon 2
set pidfile /run/bench-monit.pid
set statefile /run/bench-monit.state
set idfile /run/bench-monit.id
check process gateway matching "openclaw-gateway"
  start program = "/usr/bin/systemctl start {UNIT}" with timeout 60 seconds
  stop program = "/usr/bin/systemctl stop {UNIT}"
  if failed port {PORT} protocol http request "/healthz" with timeout 5 seconds for 3 cycles then restart
  if 5 restarts within 20 cycles then timeout
"""
WATCHDOG = """#!/bin/sh
# What people publish for this gateway, with the poll interval of the bench.
while sleep 6; do
  curl -sf -m 5 -o /dev/null http://127.0.0.1:{port}/healthz && continue
  systemctl restart {unit}
  sleep 3
  curl -sf -m 5 -o /dev/null http://127.0.0.1:{port}/healthz && continue
  systemctl stop {unit}
  runuser -u {user} -- {tool} doctor --fix --non-interactive
  systemctl start {unit}
done
"""


def install_monit(node):
    shutil.copy("/etc/resolv.conf", node.root / "etc/resolv.conf")
    (node.root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")      # no service starts in a chroot
    (node.root / "usr/sbin/policy-rc.d").chmod(0o755)
    for argv in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "monit"]):
        subprocess.run(["chroot", str(node.root), *argv], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    subprocess.run(["chroot", str(node.root), "systemctl", "disable", "-q", "monit"], check=False)


def begin(patient, contender):
    if contender == "monit":
        patient.node.write("/etc/bench-monitrc", MONITRC, mode=0o600)
        patient.program("bench-monit", "monit", "-I", "-c", "/etc/bench-monitrc")
    elif contender == "watchdog":
        patient.node.write("/usr/local/bin/gateway-watchdog", mode=0o755, text=WATCHDOG.format(
            port=PORT, unit=UNIT, user=USER, tool=" ".join(patient.command()[:2])))
        patient.program("bench-watchdog", "/usr/local/bin/gateway-watchdog")


def starts(patient):
    """Starts of the gateway that no person ordered."""
    return patient.said().count(f"Started {UNIT}") - patient.orders


def works(patient, row):
    return patient.http("/readyz") == 200 and patient.turn() == 200 and (not row.ready or row.ready(patient))


def one(patient, row, contender):
    """One row with one contender: {healed, seconds, wrong}."""
    agent = contender == "meshops"
    patient.reset(agent=agent, consent=row.consent if agent else (), prepare=row.prepare, **row.settings)
    begin(patient, contender)
    patient.mark()
    row.inject(patient)
    began, healed = time.monotonic(), False
    # What is not well at once counts; what a fault has not yet reached does not.
    hurt = not works(patient, row)
    while time.monotonic() - began < GIVE_UP and row.by != "person":
        good = works(patient, row)
        hurt = hurt or not good
        if hurt and good:
            healed = True
            break
        time.sleep(0.2)
    seconds = max(0.0, patient.elapsed() - patient.own_start)
    if row.by == "person":
        time.sleep(GIVE_UP / 2)
    return {"row": row.name, "by": row.by, "contender": contender, "healed": healed,
            "seconds": round(seconds, 1) if healed else None, "wrong": max(0, starts(patient) - healed)}


def table(results, contenders):
    print("| | healed of what a machine can | of what needs consent | median time to ready | wrong restarts |\n"
          "|---|---|---|---|---|")
    for contender in contenders:
        own = [r for r in results if r["contender"] == contender]
        times = [r["seconds"] for r in own if r["healed"]]
        median = statistics.median(times) if times else None
        cells = [f"{sum(r['healed'] for r in own if r['by'] == by)} of {sum(r['by'] == by for r in own)}"
                 for by in ("machine", "consent")]
        print(f"| {NAMES[contender]} | {cells[0]} | {cells[1]} | {f'{median:.1f} s' if times else 'never'} | "
              f"{sum(r['wrong'] for r in own)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", help="names of rows, comma-separated (default: all that are injected)")
    parser.add_argument("--contenders", default="systemd,monit,watchdog,meshops")
    parser.add_argument("--json", help="also write every single result there")
    options = parser.parse_args()
    contenders = options.contenders.split(",")
    wanted = options.rows.split(",") if options.rows else None
    rows = [r for r in matrix.ROWS if not r.played and "during" not in r.kinds and r.only in ("", "systemd-system")
            and (wanted is None or r.name in wanted)]
    results = []
    with interruptible(), Lab(["healers"], boot=False, openclaw=None) as lab:
        node = lab["healers"]
        if "monit" in contenders:
            print("installing monit in the node", file=sys.stderr, flush=True)
            install_monit(node)
        node.boot()
        patient = Patient(node)
        for contender in contenders:
            for row in rows:
                try:
                    result = one(patient, row, contender)
                except (LabError, Timeout) as e:
                    # A contender that acts while the fault is still being made: what it made of it counts.
                    result = {"row": row.name, "by": row.by, "contender": contender, "healed": False, "seconds": None,
                              "wrong": 0, "problem": str(e)[-600:]}
                results.append(result)
                print(json.dumps(result), file=sys.stderr, flush=True)
                if options.json:
                    Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
        table(results, contenders)


if __name__ == "__main__":
    main()
