"""Each fault of the matrix does what its row says, to a gateway that nobody heals; and together they cover what the
project promises. One node, no agent, the stand-in.

With a meshops binary it is also asked what it makes of the journal alone; that is written to $MESHOPS_NAMED (JSON), not
judged: the matrix run judges what an agent on the node says.
"""

import json
import os
import re
from pathlib import Path

import pytest
from lab import Patient, matrix
from lab.matrix import Down, Says, Shown, Silent, TurnsFail
from lab.core import REPO


INJECTED = [row for row in matrix.ROWS if not row.played and "during" not in row.kinds]
NAMED = []


def known(kind):
    """Ids of docs/causes.md."""
    text = (REPO / "docs/causes.md").read_text()
    return set(re.findall(r"^## (\w+)$" if kind == "cause" else r"^- `(\w+)` \(by", text, re.M))


def test_the_matrix_names_only_what_the_catalogue_has():
    for row in matrix.ROWS:
        assert set(row.causes) <= known("cause"), row.name
        assert set(row.remedies) <= known("remedy"), row.name
        assert row.by in ("machine", "consent", "person"), row.name
        assert not (row.by == "person" and row.remedies), row.name
        assert row.remedies or row.by != "consent", row.name
    assert len({row.name for row in matrix.ROWS}) == len(matrix.ROWS)


def test_the_matrix_is_as_large_as_promised():
    every = {cause for row in matrix.ROWS for cause in row.causes}
    assert known("cause") == every, "each cause at least once"
    assert len([r for r in INJECTED if "pair" not in r.kinds]) >= 45
    assert len([r for r in matrix.ROWS if "pair" in r.kinds]) >= 5
    assert len([r for r in matrix.ROWS if "during" in r.kinds]) >= 4


@pytest.fixture(scope="module", params=["systemd-system", "systemd-user"])
def patient(request, lab):
    node = lab.add(f"faults-{request.param[8:]}")
    yield Patient(node, "standin", request.param)
    if os.environ.get("MESHOPS_NAMED"):
        Path(os.environ["MESHOPS_NAMED"]).write_text(json.dumps(NAMED, indent=1))
    node.poweroff()


def shows(patient, effect):
    """True when the effect is there; tells what is seen instead otherwise."""
    if isinstance(effect, Shown):
        def shown():
            out = patient.node.sh(effect.command, check=False)
            if effect.prints not in out:
                raise ValueError(f"{effect.command}: {out!r}")
            return True
        return patient.node.wait(f"{effect.prints!r}", shown, 20)
    if isinstance(effect, Silent):
        patient.node.wait("no answer from a living process",
                          lambda: patient.http("/healthz") == 0 and patient.gateway_pid(), 15)
        return True

    def said():
        text = patient.said()
        if effect.says not in text:
            raise ValueError(f"not said: {effect.says!r}; said: {text[-600:]}")
        return True
    patient.node.wait(f"the line {effect.says!r}", said, 20)
    if isinstance(effect, Down):
        patient.node.wait(f"exit {effect.code}", lambda: patient.exit_status() == abs(effect.code), 10)
    elif isinstance(effect, TurnsFail):
        assert patient.turn() >= 400 and patient.http("/readyz") == 200
    elif isinstance(effect, Says) and "stop-sigterm" not in effect.says and "Watchdog" not in effect.says:
        patient.node.wait("still ready", lambda: patient.http("/readyz") == 200, 15)
    return True


def applies(row, runtime):
    return row.only == runtime or (not row.only and (runtime == "systemd-system" or "user" in row.kinds))


@pytest.mark.lab
@pytest.mark.parametrize("row", INJECTED, ids=lambda row: row.name)
def test_it_does_what_its_row_says(patient, row):
    if not applies(row, patient.runtime):
        pytest.skip("not for this runtime")
    patient.reset(prepare=row.prepare, **row.settings)
    assert patient.turn() == 200, "not well before the fault"
    patient.mark()
    row.inject(patient)
    assert shows(patient, row.effect)
    name_it(patient, row)


def name_it(patient, row):
    if not patient.node.lab.meshops or not row.causes:
        return
    out = patient.node.run(["meshops", "--format", "json", "diagnose", "--logs", "-"], check=False,
                           input=patient.said(), timeout=20).out
    hypotheses = json.loads(out or "{}").get("hypotheses", [])
    NAMED.append({"row": row.name, "runtime": patient.runtime, "expected": row.causes,
                  "named": [(h["cause"], round(h["score"], 2)) for h in hypotheses[:3]]})


@pytest.mark.lab
@pytest.mark.parametrize("row", [row for row in matrix.ROWS if row.played], ids=lambda row: row.name)
def test_its_lines_are_read_right(row, needs_meshops):
    import subprocess
    out = subprocess.run([needs_meshops, "--format", "json", "diagnose", "--logs", "-"], input=row.effect.lines, text=True,
                         capture_output=True, timeout=20)
    hypotheses = json.loads(out.stdout)["hypotheses"]
    assert hypotheses and hypotheses[0]["cause"] in row.causes, [(h["cause"], h["score"]) for h in hypotheses]
