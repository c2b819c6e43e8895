#!/usr/bin/env python3
"""meshops' journal reader beside journalctl: entries read in a CPU second, of one journal that is in the page cache.

    bench/journal.py [--entries 1000000] [--rounds 3] [--bench build/release/bench_journal]

The journal is made by systemd-journal-remote from entries with the fields that journald gives to a service's line.
meshops reads what a diagnosis reads: the time and the message. The contenders take turns; medians of user + system time.
"""

import argparse
import statistics
import subprocess
import tempfile
from pathlib import Path

from cpu_time import cpu_seconds

ROOT = Path(__file__).resolve().parent.parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bench", default=str(ROOT / "build/release/bench_journal"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        export = subprocess.Popen([options.bench, "--export", str(options.entries)], stdout=subprocess.PIPE)
        subprocess.run(["/lib/systemd/systemd-journal-remote", "-o", f"{directory}/system.journal", "-"], stdin=export.stdout,
                       check=True, capture_output=True)
        contenders = {
            "meshops: time and message": [options.bench, directory],
            "journalctl -o json": ["journalctl", "-D", directory, "-q", "-o", "json", "--no-pager"],
            "journalctl -o cat": ["journalctl", "-D", directory, "-q", "-o", "cat", "--no-pager"],
        }
        times = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, command in contenders.items():
                times[name].append(cpu_seconds(command))
        print(f"{options.entries} entries, medians of {options.rounds} rounds in turns")
        print("| | CPU seconds | entries a CPU second |\n|---|---|---|")
        for name, taken in times.items():
            middle = statistics.median(taken)
            print(f"| {name} | {middle:.2f} | {options.entries / middle:,.0f} |")


if __name__ == "__main__":
    main()
