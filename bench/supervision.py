#!/usr/bin/env python3
"""How fast a dead or frozen gateway is started again, and what watching it costs: meshops beside what users would pick.

Run by `./dev bench` (root). Boots one node of the lab, installs the others there, measures all of them in one run and
prints the tables of docs/measurements.md. Rounds of the contenders take turns, so that a slow minute hurts all alike.
"""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

OTHERS = ["monit", "supervisor", "prometheus-node-exporter", "netdata"]
WORK = Path("/run/bench")
STANDIN = "/opt/bench/standin_gateway.py"
ROUNDS = int(os.environ.get("ROUNDS", "15"))
HANG_ROUNDS = int(os.environ.get("HANG_ROUNDS", "3"))
GIVE_UP = 45.0


# -- outside: the node


def outside():
    here = Path(__file__).resolve()
    sys.path.insert(0, str(here.parent.parent / "tests/lab"))
    from lab import Lab  # noqa: PLC0415: only outside there is a lab

    with Lab(["bench"], boot=False, openclaw=None) as lab:
        node = lab.nodes["bench"]
        print("installing in the node: " + " ".join(OTHERS), file=sys.stderr, flush=True)
        shutil.copy("/etc/resolv.conf", node.root / "etc/resolv.conf")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        # No service starts in a chroot.
        (node.root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (node.root / "usr/sbin/policy-rc.d").chmod(0o755)
        for argv in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *OTHERS]):
            subprocess.run(["chroot", str(node.root), *argv], check=True, env=environment, stdout=subprocess.DEVNULL)
        for unit in ("monit", "supervisor", "netdata", "prometheus-node-exporter"):
            subprocess.run(["chroot", str(node.root), "systemctl", "disable", "-q", unit], check=False)
        (node.root / "opt/bench").mkdir(parents=True)
        shutil.copy(here, node.root / "opt/bench/supervision.py")
        for part in (here.parent.parent / "tests/lab").glob("standin_*.py"):
            shutil.copy(part, node.root / "opt/bench")
        node.boot()
        inside_argv = node.argv(["/usr/bin/python3", "/opt/bench/supervision.py", "--inside"],
                                env={"ROUNDS": str(ROUNDS), "HANG_ROUNDS": str(HANG_ROUNDS)})
        subprocess.run(inside_argv, check=True, timeout=3000)


# -- inside


def run(*argv, check=True):
    return subprocess.run(argv, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def say(text):
    print(text, file=sys.stderr, flush=True)


class Gateway:
    """One stand-in; each of its starts writes the time first, before Python even loads."""

    def __init__(self, name, port):
        self.name, self.port = name, port
        self.home = WORK / name
        self.home.mkdir(parents=True)
        (self.home / "openclaw.json").write_text(json.dumps(
            {"gateway": {"mode": "local", "port": port, "auth": {"mode": "token", "token": "t"}}}))
        self.starts = self.home / "starts"
        self.script = self.home / "run.sh"
        self.script.write_text(f"#!/bin/sh\ndate +%s.%N >> {self.starts}\necho $$ > {self.home}/pid\n"
                               f"export OPENCLAW_STATE_DIR={self.home} STANDIN_START_SECONDS=0.2\n"
                               f"exec /usr/bin/python3 {STANDIN} gateway --port {port}\n")
        self.script.chmod(0o755)

    def times(self):
        return [float(t) for t in self.starts.read_text().split()] if self.starts.exists() else []

    def pid(self):
        return int((self.home / "pid").read_text())

    def ready(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = subprocess.run(["curl", "-sf", "-m", "1", f"http://127.0.0.1:{self.port}/readyz"],
                                    stdout=subprocess.DEVNULL)
            if answer.returncode == 0:
                return True
            time.sleep(0.05)
        return False

    def hurt(self, number):
        """Seconds from the signal to the next start and to the next answer; None: not within the limit."""
        before = len(self.times())
        began = time.time()
        os.kill(self.pid(), number)
        while len(self.times()) == before:
            if time.time() - began > GIVE_UP:
                os.kill(self.pid(), signal.SIGCONT)
                return None, None
            time.sleep(0.002)
        started = self.times()[before] - began
        return started, (time.time() - began if self.ready() else None)


def unit(name, gateway, extra):
    Path(f"/etc/systemd/system/{name}.service").write_text(
        f"[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart={gateway.script}\nRestart=always\nKillMode=mixed\n{extra}\n")


def mesh(path, socket, state, gateways):
    text = f'[agent]\nsocket = "{socket}"\nstate_dir = "{state}"\ndiscover = false\n[limits]\nbackoff_reset = "1s"\n'
    for name, runtime, value in gateways:
        text += f'[[gateway]]\nname = "{name}"\nkind = "openclaw"\nruntime = "{runtime}"\n{value}\n'
    path.write_text(text)


def contenders():
    """Name → gateway, everything running."""
    names = ["meshops", "meshops over systemd, RestartSec=5", "systemd alone, RestartSec=100ms", "systemd alone, RestartSec=5",
             "monit, 1 s cycle", "supervisord"]
    gateways = {name: Gateway(f"g{i}", 20001 + i) for i, name in enumerate(names)}
    own, over, fast, slow, by_monit, by_supervisor = gateways.values()
    idle = [Gateway(f"idle{i}", 20101 + i) for i in range(3)]
    idle_units = [Gateway(f"unit{i}", 20201 + i) for i in range(3)]

    unit("over", over, "RestartSec=5")
    unit("fast", fast, "RestartSec=100ms")
    unit("slow", slow, "RestartSec=5")
    def description(g):
        return f'config = "{g.home}/openclaw.json"\nstate_dir = "{g.home}"\nport = {g.port}\n'
    mesh(WORK / "mesh.toml", WORK / "bench.sock", WORK / "state", [
        ("own", "process", f'command = ["{own.script}"]\n' + description(own)),
        ("over", "systemd-system", 'unit = "over.service"\n' + description(over))])
    # Two more agents for the idle costs: exactly three gateways each, never hurt.
    mesh(WORK / "idle.toml", WORK / "idle.sock", WORK / "idle-state",
         [(f"idle{i}", "process", f'command = ["{g.script}"]\n' + description(g)) for i, g in enumerate(idle)])
    for i, g in enumerate(idle_units):
        unit(f"unit{i}", g, "RestartSec=5")
    mesh(WORK / "units.toml", WORK / "units.sock", WORK / "units-state",
         [(f"unit{i}", "systemd-system", f'unit = "unit{i}.service"\n' + description(g))
          for i, g in enumerate(idle_units)])

    (WORK / "monitrc").write_text(
        f"set daemon 1\nset pidfile {WORK}/monit.pid\nset statefile {WORK}/monit.state\nset idfile {WORK}/monit.id\n" +
        f'check process g with pidfile {by_monit.home}/pid\n'
        f'  start program = "/bin/sh -c \'setsid {by_monit.script} >/dev/null 2>&1 &\'"\n'
        f'  stop program = "/bin/sh -c \'kill -9 $(cat {by_monit.home}/pid)\'"\n'
        f'  if failed port {by_monit.port} protocol http request "/healthz" with timeout 5 seconds for 3 cycles then restart\n' +
        "".join(f'check process i{i} with pidfile {g.home}/pid\n'
                f'  if failed port {g.port} protocol http request "/healthz" with timeout 5 seconds for 3 cycles then alert\n'
                for i, g in enumerate(idle[:2])))
    (WORK / "monitrc").chmod(0o600)
    (WORK / "supervisord.conf").write_text(
        f"[supervisord]\npidfile={WORK}/supervisord.pid\nlogfile={WORK}/supervisord.log\n"
        f"[program:g]\ncommand={by_supervisor.script}\nautorestart=true\nstartsecs=0\nstopasgroup=true\n")

    run("systemctl", "daemon-reload")
    run("systemctl", "start", "fast", "slow", "unit0", "unit1", "unit2")
    for name, file in (("bench-agent", "mesh.toml"), ("idle-agent", "idle.toml"), ("units-agent", "units.toml")):
        Path(f"/etc/systemd/system/{name}.service").write_text(
            f"[Service]\nType=notify\nExecStart=/usr/bin/meshops --config {WORK}/{file} agent\nKillMode=process\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "bench-agent", "idle-agent", "units-agent")
    run("systemd-run", "-q", "--unit=bench-monit", "-p", "KillMode=process", "monit", "-I", "-c", str(WORK / "monitrc"))
    run("systemd-run", "-q", "--unit=bench-supervisord", "supervisord", "-n", "-c", str(WORK / "supervisord.conf"))
    for name, gateway in gateways.items():
        if not gateway.ready(60):
            raise SystemExit(f"{name}: its gateway did not start; {run('journalctl', '-n', '60', '--no-pager')}")
    return gateways


def middle(values):
    good = [v for v in values if v is not None]
    if not good:
        return "never" if values else "–"
    text = statistics.median(good)
    return f"{text * 1000:.0f} ms" if text < 10 else f"{text:.1f} s"


def rounds(gateways, number, count, say_what):
    results = {name: [] for name in gateways}
    for i in range(count):
        say(f"{say_what}: round {i + 1} of {count}")
        for name, gateway in gateways.items():
            if number == signal.SIGSTOP and i > 0 and results[name][0][0] is None:
                continue  # it never notices: once is enough
            results[name].append(gateway.hurt(number))
            time.sleep(1.2)  # past a second, so that no contender's own crash-loop brake counts this as one
    return results


def family(unit_name):
    """Every pid of a unit's main process (not the gateways it started)."""
    main = int(run("systemctl", "show", "-p", "MainPID", "--value", unit_name).strip() or 0)
    found = [main]
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        gateway = (path.parent / "comm").read_text().startswith("openclaw")  # how the stand-in names itself
        if int(fields[1]) == main and not gateway:
            found.append(int(path.parent.name))
    return [p for p in found if p]


def pss(pids):
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def cpu(pids):
    """Nanoseconds on a CPU, all threads: finer than the clock ticks of /proc/PID/stat."""
    total = 0
    for pid in pids:
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(path.read_text().split()[0])
    return total / 1e9


def at_rest(seconds=60):
    for unit_name, argv in (("bench-exporter", ["prometheus-node-exporter"]), ("bench-netdata", ["netdata", "-D"]),
                            ("bench-serf", ["serf", "agent", "-bind=127.0.0.1:7946"])):
        run("systemd-run", "-q", f"--unit={unit_name}", *argv)
    say("settling")
    time.sleep(30)
    subjects = {"meshops agent, runtime process": "idle-agent", "meshops agent, runtime systemd": "units-agent", "monit, 1 s cycle": "bench-monit", "supervisord": "bench-supervisord",
                "prometheus-node-exporter": "bench-exporter", "serf": "bench-serf", "netdata": "bench-netdata"}
    pids = {name: family(u) for name, u in subjects.items()}
    before = {name: cpu(p) for name, p in pids.items()}
    say(f"at rest: {seconds} s")
    time.sleep(seconds)
    spent = {name: (cpu(p) - before[name]) * 60 / seconds for name, p in pids.items()}
    memory = {name: pss(p) for name, p in pids.items()}
    # PSS shares the pages of a program among its processes: each agent is weighed while it is the only one.
    agents = {unit_name for name, unit_name in subjects.items() if name.startswith("meshops")} | {"bench-agent"}
    for name, unit_name in subjects.items():
        if unit_name in agents:
            run("systemctl", "stop", *(agents - {unit_name}))
            memory[name] = pss(pids[name])
            run("systemctl", "start", *(agents - {unit_name}))
            pids = {n: family(u) for n, u in subjects.items()}
    return {name: (memory[name], spent[name]) for name in subjects}


def inside():
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    gateways = contenders()
    say("all up")
    rest = at_rest()
    killed = rounds(gateways, signal.SIGKILL, ROUNDS, "SIGKILL")
    frozen = rounds(gateways, signal.SIGSTOP, HANG_ROUNDS, "SIGSTOP")
    print("| | SIGKILL → start issued (median) | SIGKILL → answers again | SIGSTOP → start issued |\n|---|---|---|---|")
    for name in gateways:
        print(f"| {name} | {middle([s for s, _ in killed[name]])} | {middle([a for _, a in killed[name]])} | "
              f"{middle([s for s, _ in frozen[name]])} |")
    print("\n| at rest, three gateways | memory (PSS) | CPU seconds a minute |\n|---|---|---|")
    for name, (memory, seconds) in rest.items():
        print(f"| {name} | {memory:.1f} MiB | {seconds:.3f} |")


if __name__ == "__main__":
    inside() if "--inside" in sys.argv else outside()
