#!/usr/bin/env python3
"""Zero false heals: a gateway that is slow, busy or starved, but not broken, is left alone.

    tests/lab/quiet_hour.py [--minutes 60] [--real]      (root; exit code 1 when it was not left alone)

One node with the product's own limits. Hardships take turns: CPU starved by busy loops, the disk by synchronous writes,
starts of a minute that burn CPU, model calls of a minute, an event loop that blocks for up to 9 s. During all of it no
process may end but by the order of a person (this script), and nothing may stand in the ledger or be told.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from lab import Lab, LabError, Patient, interruptible, say  # noqa: E402
from lab.site import HOME, STATE  # noqa: E402

# The lab shortens these; here they are as shipped.
SHIPPED = {"probe_interval": "5s", "probe_timeout": "5s", "backoff_max": "5m", "backoff_reset": "10m"}
GOOD = {"ready", "starting", "draining", "suspect", "degraded"}


class QuietHour:
    def __init__(self, patient, real):
        self.patient, self.real = patient, real
        self.pid, self.restarts, self.problems = None, 0, []

    def settled(self):
        """The gateway is ready; from here on its process is the one that must stay."""
        main = self.patient.wait_ready(300)
        self.pid, self.restarts = self.patient.gateway_pid(), main["restarts"]

    def restart(self, seconds, **settings):
        """A person restarts it with other habits; waits until it is ready and was started once."""
        if not self.real:
            self.patient.settings(**settings)
        before = self.pid
        self.patient.bounce()
        self.patient.node.wait("the new process", lambda: self.patient.gateway_pid() not in (None, before), 400)
        self.pid, self.restarts = self.patient.gateway_pid(), None       # a person's restart may count or not
        end = time.monotonic() + seconds + 300
        while self.patient.http("/readyz") != 200 and time.monotonic() < end:
            self.look("a start")
            time.sleep(1)
        self.look("a start")

    def look(self, during):
        """Notes what must not be."""
        pid = self.patient.gateway_pid()
        if pid != self.pid:
            self.problems.append(f"{during}: pid {self.pid} became {pid}")
            self.pid = pid
        try:
            main = self.patient.main()
        except LabError as e:
            say(f"{during}: the agent is too starved to answer: {str(e)[:80]}")
            return
        if self.restarts is None:
            self.restarts = main["restarts"]
        if main["restarts"] != self.restarts:
            self.problems.append(f"{during}: restarts went from {self.restarts} to {main['restarts']}")
            self.restarts = main["restarts"]
        if main["state"] not in GOOD:
            self.problems.append(f"{during}: {main['state']}: {main.get('summary')}")

    def bear(self, during, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look(during)
            time.sleep(1)

    # -- the hardships

    def cpu(self, seconds):
        loops = " ".join("while :; do :; done &" for _ in range(8))
        self.patient.program("stress-cpu", "sh", "-c", f"{loops} wait")
        self.bear("CPU starved", seconds)
        self.away("stress-cpu")

    def disk(self, seconds):
        writers = " ".join(f"while :; do dd if=/dev/zero of={HOME}/stress-{i} bs=256k count=64 oflag=dsync; done &"
                           for i in range(4))
        self.patient.program("stress-disk", "sh", "-c", f"{writers} wait")
        self.bear("disk starved", seconds)
        self.away("stress-disk")
        self.patient.node.run(f"rm -f {HOME}/stress-*")

    def slow_start(self, seconds):
        self.restart(seconds, start_seconds=min(seconds, 60), burn_cpu=1)

    def long_turns(self, seconds):
        if not self.real:
            self.patient.settings(start_seconds=1, turn_seconds=60)
        asks = "while :; do {}; sleep 1; done &"
        curl = ("curl -s -m 90 -o /dev/null -H 'Authorization: Bearer lab-token' -H 'Content-Type: application/json' "
                "http://127.0.0.1:18789/v1/chat/completions -d '{\"model\":\"openclaw\",\"messages\":[]}'")
        self.patient.program("clients", "sh", "-c", " ".join([asks.format(curl)] * 4) + " wait")
        self.bear("long model calls", seconds)
        self.away("clients")

    def blocked(self, seconds):
        if self.real:
            return self.bear("nothing", seconds)
        self.restart(5, start_seconds=1, block_seconds=9, block_every=12)
        self.bear("blocked event loop", seconds)
        self.restart(5, start_seconds=1)

    def away(self, unit):
        self.patient.node.systemctl("kill", "-s", "KILL", unit, check=False)
        self.patient.node.systemctl("stop", unit, check=False)

    def run(self, minutes):
        """Goes through the hardships until the time is up, each at least once; gives the problems."""
        end = time.monotonic() + minutes * 60
        share = max(15.0, min(120.0, minutes * 60 / 5))
        self.settled()
        while True:
            for hardship in (self.cpu, self.disk, self.slow_start, self.long_turns, self.blocked):
                say(f"{hardship.__name__}, {share:.0f} s")
                hardship(share)
            if time.monotonic() >= end:
                break
        try:
            self.problems += [f"ledger: {e['remedy']} for {e['cause']}: {e['sentence']}" for e in self.patient.ledger()]
        except (LabError, ValueError) as e:
            say(f"no ledger to look at: {str(e)[:100]}")
        self.problems += [f"alert: {a.get('headline')}" for a in self.patient.alerts()]
        return self.problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--real", action="store_true", help="the real OpenClaw instead of the stand-in")
    options = parser.parse_args()
    with interruptible(), Lab(**({} if options.real else {"openclaw": None})) as lab:
        node = lab.add("quiet")
        if options.real:
            node.service("model", ["/usr/bin/python3", "/opt/lab/model_endpoint.py", "--port", "18871", "--delay", "30"])
        patient = Patient(node, "openclaw" if options.real else "standin", limits=SHIPPED)
        patient.reset(agent=True)
        problems = QuietHour(patient, options.real).run(options.minutes)
        if problems:
            print("\n".join(problems), file=sys.stderr)
            print(f"journals: {lab.collect('quiet-hour')}", file=sys.stderr)
    print(f"{options.minutes:g} minutes of hardship: {len(problems)} false heals")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
