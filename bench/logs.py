#!/usr/bin/env python3
"""meshops' log scanner beside ripgrep and grep: the same file, the same patterns, CPU seconds of whole processes.

    bench/logs.py [--megabytes 256] [--rounds 5] [--signatures 60] [--bench build/release/bench_scan]

The contenders take turns; medians of user + system time are printed, and how many times less meshops needs. The file is
a healthy log that is in the page cache. ripgrep gets --no-unicode (it is faster with it); grep's syntax has no \\d and no
\\n in classes, so its patterns say the same in other words, and LC_ALL is C.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from cpu_time import cpu_seconds

ROOT = Path(__file__).resolve().parent.parent


def for_grep(pattern):
    pattern = pattern.replace("(?:", "(").replace(r"\n", "").replace("[^]", ".")
    return re.sub(r"\[[^]]*\]|\\d", lambda m: m[0].replace(r"\d", "0-9") if m[0][0] == "[" else "[0-9]", pattern)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--signatures", type=int, default=60)
    parser.add_argument("--bench", default=str(ROOT / "build/release/bench_scan"))
    options = parser.parse_args()
    env = os.environ | {"LC_ALL": "C"}
    with tempfile.TemporaryDirectory() as directory:
        log, patterns, grep_patterns = (str(Path(directory) / name) for name in ("healthy.log", "patterns", "grep-patterns"))
        subprocess.run([options.bench, "--make", str(options.megabytes), log], check=True)
        printed = subprocess.run([options.bench, "--patterns", str(options.signatures)], check=True, capture_output=True, text=True)
        Path(patterns).write_text(printed.stdout)
        Path(grep_patterns).write_text("".join(for_grep(p) + "\n" for p in printed.stdout.splitlines()))
        contenders = {
            f"meshops, {options.signatures} signatures": [options.bench, "--scan", str(options.signatures), log],
            "meshops, all signatures": [options.bench, "--scan", "100000", log],
            "ripgrep": ["rg", "--no-config", "-j1", "--no-unicode", "-i", "-a", "-c", "-f", patterns, log],
            "grep -E": ["grep", "-E", "-i", "-a", "-c", "-f", grep_patterns, log],
        }
        times = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, command in contenders.items():
                if shutil.which(command[0]):
                    times[name].append(cpu_seconds(command, env, good=(0, 1)))  # grep and rg: 1 is "nothing found"
        size = Path(log).stat().st_size
        base = statistics.median(next(iter(times.values())))
        print(f"{size / 1e6:.0f} MB, {options.signatures} patterns, medians of {options.rounds} rounds in turns")
        print("| | CPU seconds | GB/s | meshops needs … times less |\n|---|---|---|---|")
        for name, taken in times.items():
            if taken:
                middle = statistics.median(taken)
                print(f"| {name} | {middle:.3f} | {size / middle / 1e9:.2f} | {middle / base:.1f} |")


if __name__ == "__main__":
    main()
