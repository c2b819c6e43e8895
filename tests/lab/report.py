#!/usr/bin/env python3
"""The fault matrix's results as the table of docs/measurements.md.

    tests/lab/report.py RESULTS.jsonl…

One line of results a row and place (written by test_matrix.py when MESHOPS_MATRIX is set); of several runs of the same
row the last counts, files in the order given. Played rows, which no node can have, are counted from the matrix itself.
"""

import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from lab import matrix  # noqa: E402

PLACES = [("openclaw", "systemd-system"), ("standin", "systemd-system"), ("standin", "systemd-user"), ("standin", "process")]
BY = {"machine": "meshops", "consent": "meshops, with consent", "person": "a person"}


def cell(result):
    if not result["ok"]:
        return f"**not as promised**: {result.get('problem', '')[:80]}".replace("|", "/").replace("\n", " ")
    if result["by"] == "person":
        return f"told in {result['seconds']:.1f} s"
    return f"ready in {result['seconds']:.1f} s"


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__.strip())
    latest = {}
    for file in sys.argv[1:]:
        for line in Path(file).read_text().splitlines():
            result = json.loads(line)
            latest[result["row"], result["gateway"], result["runtime"]] = result
    order = {row.name: at for at, row in enumerate(matrix.ROWS)}
    results = sorted(latest.values(), key=lambda r: (PLACES.index((r["gateway"], r["runtime"])), order[r["row"]]))
    print("| fault | place | cause named | right | mended by | remedy | time | bytes changed | undo |\n"
          "|---|---|---|---|---|---|---|---|---|")
    for r in results:
        place = {"systemd-system": "system unit", "systemd-user": "user unit", "process": "child process"}[r["runtime"]]
        named = r.get("named")
        right = "yes" if named in r["causes"] else "–" if not r["causes"] or (r["ok"] and not named) else "no"
        print(f"| {r['what']} | {place}{', real OpenClaw' if r['gateway'] == 'openclaw' else ''} | "
              f"{r.get('named') or '–'} | {right} | {BY[r['by']]} | {r.get('remedy') or '–'} | {cell(r)} | "
              f"{r.get('bytes_changed', '–')} | {r.get('undo', '–')} |")
    for row in (row for row in matrix.ROWS if row.played):
        print(f"| {row.what} | played: its lines, to `diagnose --logs` | {row.causes[0]} | yes | {BY['person']} | – | – | – | – |")
    machine = [r for r in results if r["by"] != "person"]
    person = [r for r in results if r["by"] == "person"]
    times = [r["seconds"] for r in machine if r["ok"]]
    print(f"\nHealed without a person: {sum(r['ok'] for r in machine)} of {len(machine)}; median "
          f"{statistics.median(times):.1f} s." if times else "\nNothing was healed.")
    print(f"Told with the right cause: {sum(r['ok'] for r in person)} of {len(person)}.")
    return 0 if all(r["ok"] for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
