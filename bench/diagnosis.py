#!/usr/bin/env python3
"""How often the right cause is named: top-1 and top-3 over a file of labelled reports.

    bench/diagnosis.py --corpus FILE [--meshops BINARY] [-v]

A report is one JSON object a line: id, evidence_lines (a list of log lines), state (facts of the node, may be absent)
and labels_root_cause.primary. Nothing else of it is shown to meshops. No corpus is part of the project.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def hypotheses(meshops, report):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as state:
        json.dump(report.get("state") or {}, state)
        state.flush()
        out = subprocess.run([meshops, "diagnose", "--logs", "-", "--state", state.name, "--format", "json"],
                             input="\n".join(report["evidence_lines"]) + "\n", text=True, capture_output=True, check=False)
    if out.returncode not in (0, 1):
        sys.exit(f"meshops diagnose exited {out.returncode}: {out.stderr or out.stdout}")
    return json.loads(out.stdout)["hypotheses"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="labelled reports, one JSON object a line")
    parser.add_argument("--meshops", default=str(ROOT / "build/release/meshops"))
    parser.add_argument("-v", action="store_true", help="every report, not only the misses")
    options = parser.parse_args()
    if not options.corpus:
        print("no corpus was given: nothing measured (--corpus FILE)")
        return 0
    reports = [json.loads(line) for line in Path(options.corpus).read_text().splitlines() if line.strip()]
    first = third = 0
    for report in reports:
        wanted = report["labels_root_cause"]["primary"]
        found = hypotheses(options.meshops, report)
        names = [h["cause"] for h in found]
        first += names[:1] == [wanted]
        third += wanted in names[:3]
        if options.v or names[:1] != [wanted]:
            said = ", ".join(f"{h['cause']} {h['score']:.2f}" for h in found[:3]) or "nothing"
            print(f"{'ok  ' if names[:1] == [wanted] else 'MISS'} {report['id']}: {wanted}; said: {said}")
    n = len(reports)
    print(f"top-1 {first}/{n} = {first / n:.1%}, top-3 {third}/{n} = {third / n:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
