#!/usr/bin/env python3
"""The audit beside what one would run instead: the same node, the same files, CPU seconds of whole processes.

    bench/audit.py [--rounds 5] [--meshops build/release/meshops] [--no-node]

Contenders take turns; medians of user + system time. A whole audit of a lab node beside `lynis audit system --quick`, which
is installed in the node only (root); the hardening of 28 units beside `systemd-analyze security`; 200 Dockerfiles; a secret
scan of a tree of 200 MB beside ripgrep with 40 of the same kinds; 1 to 1,000 root file systems, to see that cost is linear.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from cpu_time import cpu_seconds

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

# Patterns for ripgrep: what public lists of secret shapes have for these providers.
PATTERNS = r"""sk-ant-api03-[A-Za-z0-9_-]{93}AA
sk-proj-[A-Za-z0-9_-]{40,}
sk-[A-Za-z0-9]{48}
AIza[0-9A-Za-z_-]{35}
gsk_[A-Za-z0-9]{52}
xai-[A-Za-z0-9]{80}
hf_[A-Za-z]{34}
r8_[A-Za-z0-9]{37}
pplx-[A-Za-z0-9]{48}
[0-9]{8,10}:AA[A-Za-z0-9_-]{33}
xox[baprs]-[A-Za-z0-9-]{10,}
xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-f0-9]+
https://hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{24}
https://discord(app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]+
ghp_[A-Za-z0-9]{36}
gho_[A-Za-z0-9]{36}
ghs_[A-Za-z0-9]{36}
github_pat_[A-Za-z0-9_]{82}
glpat-[A-Za-z0-9_-]{20}
AKIA[0-9A-Z]{16}
ASIA[0-9A-Z]{16}
ya29\.[0-9A-Za-z_-]+
sk_live_[0-9a-zA-Z]{24,}
rk_live_[0-9a-zA-Z]{24,}
SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}
key-[0-9a-f]{32}
npm_[A-Za-z0-9]{36}
pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}
dop_v1_[a-f0-9]{64}
shpat_[a-fA-F0-9]{32}
sq0atp-[0-9A-Za-z_-]{22}
EAA[A-Za-z0-9]{100,}
AGE-SECRET-KEY-1[A-Z0-9]{58}
-----BEGIN [A-Z ]*PRIVATE KEY-----
eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+
tskey-[a-z]+-[A-Za-z0-9]+-[A-Za-z0-9]+
dapi[a-f0-9]{32}
lin_api_[A-Za-z0-9]{40}
secret_[A-Za-z0-9]{43}
postgres(ql)?://[^:\s]+:[^@\s]+@
"""


def turns(contenders, rounds):
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, command in contenders.items():
            if shutil.which(command[0]):
                times[name].append(cpu_seconds(command, good=(0, 1)))
    return {name: statistics.median(taken) for name, taken in times.items() if taken}


def table(title, times):
    base = next(iter(times.values()))
    print(f"\n{title}\n\n| | CPU seconds | times as much |\n|---|---|---|")
    for name, seconds in times.items():
        print(f"| {name} | {seconds:.3f} | {seconds / max(base, 1e-3):.1f} |")


def node(options):
    """In a node of the lab, measured there: its python3 counts its children's time."""
    from lab import Lab  # noqa: PLC0415: without a node no lab is needed
    measure = ("import resource,subprocess,sys\n"
               "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
               "u = resource.getrusage(resource.RUSAGE_CHILDREN)\nprint(u.ru_utime + u.ru_stime)")
    with Lab(["audited"], boot=False, openclaw=None) as lab:
        made = lab.nodes["audited"]
        shutil.copy("/etc/resolv.conf", made.root / "etc/resolv.conf")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for argv in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "lynis", "strace"]):
            subprocess.run(["chroot", str(made.root), *argv], check=True, env=environment, stdout=subprocess.DEVNULL)
        made.boot()
        contenders = {"meshops audit": ["meshops", "audit"], "lynis audit system --quick": ["lynis", "audit", "system", "--quick"]}
        times = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, command in contenders.items():
                times[name].append(float(made.run(["python3", "-c", measure, *command], timeout=900).out))
        table("A whole audit of one node", {name: statistics.median(taken) for name, taken in times.items()})
        traced = made.run(["sh", "-c", "strace -f -qq -e trace=execve -o /tmp/started meshops audit >/dev/null 2>&1; cat /tmp/started"],
                          timeout=900).out
        started = [line.split('"')[1] for line in traced.splitlines() if "execve(" in line and line.rstrip().endswith("= 0")]
        print(f"\nPrograms that the audit started: {', '.join(started[1:]) or 'none'}")


def units(options, directory):
    folder = Path(directory) / "units"
    folder.mkdir()
    for n in range(28):
        (folder / f"u{n}.service").write_text(
            f"[Unit]\nDescription=u{n}\n[Service]\nExecStart=/usr/bin/openclaw gateway --port {18000 + n}\nUser=claw\n"
            "NoNewPrivileges=yes\nProtectSystem=strict\nPrivateTmp=yes\nSystemCallFilter=@system-service\n")
    files = sorted(map(str, folder.iterdir()))
    nothing = Path(directory) / "nothing"
    nothing.mkdir()
    times = turns({"meshops audit --rule SYS-015": [options.meshops, "audit", "--rule", "SYS-015", str(folder)],
                   "meshops, nothing to look at": [options.meshops, "audit", "--rule", "SYS-015", str(nothing)],
                   "systemd-analyze security --offline": ["systemd-analyze", "security", "--offline=yes", "--no-pager", *files]},
                  options.rounds)
    table("Hardening of 28 units", times)


def dockerfiles(options, directory):
    folder = Path(directory) / "dockerfiles"
    for n in range(200):
        (folder / str(n)).mkdir(parents=True)
        (folder / str(n) / "Dockerfile").write_text(
            "# syntax=docker/dockerfile:1\nARG BASE=debian:12\nFROM ${BASE} AS build\nRUN apt-get update && \\\n    apt-get "
            "install -y curl && \\\n    rm -rf /var/lib/apt/lists/*\nCOPY . /src\nRUN make -C /src\nFROM debian:12-slim\n"
            f"COPY --from=build /src/out /app\nENV PORT={3000 + n}\nUSER app\nHEALTHCHECK CMD curl -f localhost\n"
            'CMD ["/app/run"]\n')
    table("200 Dockerfiles", turns({"meshops audit --domain docker": [options.meshops, "audit", "--domain", "docker", str(folder)]},
                                   options.rounds))


def secrets(options, directory):
    """Text as repositories have it: words, numbers, hashes, now and then a key."""
    random.seed(7)
    folder = Path(directory) / "tree"
    words = [w.strip() for w in (ROOT / "docs/healing.md").read_text().split()] + ["const", "return", "import", "token", "key"]
    hexes = "0123456789abcdef"
    for d in range(20):
        (folder / f"d{d}").mkdir(parents=True)
        for f in range(50):
            lines = []
            for _ in range(3450):
                lines.append(" ".join(random.choices(words, k=11)))
            lines.append(f"commit = '{''.join(random.choices(hexes, k=40))}'")
            if f == 0:
                lines.append("TELEGRAM_BOT_TOKEN=7012345678:AA" + "".join(random.choices("abcdefghXYZ0123456789", k=33)))
            (folder / f"d{d}" / f"f{f}.ts").write_text("\n".join(lines) + "\n")
    for argv in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *argv], cwd=folder, check=True)
    size = sum(p.stat().st_size for p in folder.rglob("*.ts"))
    patterns = Path(directory) / "patterns"
    patterns.write_text(PATTERNS)
    times = turns({"meshops audit over 100 kinds":
                   [options.meshops, "audit", "--rule", options.secret_rules, str(folder)],
                   "ripgrep, 40 patterns": ["rg", "--no-config", "--no-unicode", "--no-ignore", "-c", "-f", str(patterns), str(folder)]},
                  options.rounds)
    table(f"Secrets in a tree of {size / 1e6:.0f} MB", times)


def images(options, directory):
    print("\nRoot file systems, one audit each\n\n| images | CPU seconds | each |\n|---|---|---|")
    root = Path(directory) / "image"
    unit = root / "etc/systemd/system"
    unit.mkdir(parents=True)
    (unit / "openclaw-gateway.service").write_text("[Service]\nExecStart=/usr/bin/openclaw gateway\n")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    for count in (1, 10, 100, 1000):
        total = sum(cpu_seconds([options.meshops, "audit", "--root", str(root)], good=(0, 1)) for _ in range(count))
        print(f"| {count} | {total:.2f} | {total / count:.4f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--meshops", default=str(ROOT / "build/release/meshops"))
    parser.add_argument("--no-node", action="store_true")
    options = parser.parse_args()
    listed = json.loads(subprocess.run([options.meshops, "rules", "--format", "json"], check=True, stdout=subprocess.PIPE).stdout)["rules"]
    known = {rule["rule"] for rule in listed}
    options.secret_rules = ",".join(r for r in ("GIT-008", "SEC-009") if r in known)
    with tempfile.TemporaryDirectory() as directory:
        # The state of audits before has no place in a bench.
        os.environ["XDG_STATE_HOME"] = directory
        units(options, directory)
        dockerfiles(options, directory)
        secrets(options, directory)
        images(options, directory)
    if not options.no_node:
        node(options)


if __name__ == "__main__":
    main()
