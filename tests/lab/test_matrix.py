"""The fault matrix, run: each fault is done to a node with an agent, and judged by what the owner sees.

    MESHOPS_MATRIX=results.json /usr/bin/python3 -m pytest tests/lab/test_matrix.py
    tests/lab/report.py results.json            # the table of docs/measurements.md

What a machine can heal must be healed, for the right reason, within the row's patience; what only a person can mend must
end with the right cause and an alert, and with a gateway that nobody touched. Undo gives the bytes back. Every row under
a systemd unit; some also under a user's unit and as a child process; the headline rows with the real OpenClaw.
"""

import json
import os
import time

import pytest
from lab import LabError, Patient, matrix, wait_until
from lab.core import has_healer
from lab.site import STATE

RESULTS = os.environ.get("MESHOPS_MATRIX")
# What `./dev test` runs: rows that have been seen to hold, under the system's manager, each in some ten seconds. With
# MESHOPS_MATRIX all of them run, in all places; docs/measurements.md tells how each ended.
PROVEN = set("""
    unknown-root-key unknown-nested-key two-unknown-keys unknown-key-beside-meta api-google port-as-text boolean-as-text
    syntax-error truncated-config empty-config binary-config bad-edit-while-it-runs mode-missing empty-object-config
    mode-remote config-missing lan-without-auth killed frozen stray-gateway user-twin duelling-unit port-thief directory-gone
    node-gone node-too-old module-missing command-gone disk-full-at-start disk-full-while-running read-only-disk inodes-gone
    config-owned-by-root state-owned-by-root shared-database-header shared-database-pages shared-database-empty
    agent-database-header newer-database migration-blocked newer-config gateway-token-unresolved heap-too-small memory-grows
    plugin-crashes plugin-throws telegram-401 session-stuck two-values-and-a-key plugin-and-key key-then-frozen
    person-stops-it-while-it-proves-itself
    """.split())
PROVEN_REAL = {"unknown-root-key", "truncated-config"}      # each costs three starts of some 20 s

pytestmark = [pytest.mark.lab, pytest.mark.matrix, pytest.mark.usefixtures("needs_meshops"),
              pytest.mark.skipif(not has_healer(), reason="this meshops has no healer yet (no `meshops ledger`)")]
PLACES = [pytest.param(("standin", "systemd-system"), id="standin-system"),
          pytest.param(("standin", "systemd-user"), id="standin-user"),
          pytest.param(("standin", "process"), id="standin-process"),
          pytest.param(("openclaw", "systemd-system"), id="openclaw-system", marks=[pytest.mark.real])]


def applies(row, gateway, runtime):
    if not RESULTS:
        return runtime == "systemd-system" and row.name in (PROVEN if gateway == "standin" else PROVEN_REAL)
    if row.played or (row.only and row.only != runtime):
        return False
    if gateway == "openclaw":
        return "real" in row.kinds
    return row.only == runtime or runtime == "systemd-system" or runtime.removeprefix("systemd-") in row.kinds


@pytest.fixture(scope="module", params=PLACES)
def patient(request, lab):
    gateway, runtime = request.param
    node = lab.add(f"matrix-{gateway[:5]}-{runtime.rpartition('-')[2][:4]}")
    made = Patient(node, gateway, runtime)
    if gateway == "openclaw":
        node.service("model", ["/usr/bin/python3", "/opt/lab/model_endpoint.py", "--port", "18871"])
    yield made
    node.poweroff()


@pytest.mark.parametrize("row", [row for row in matrix.ROWS if not row.played], ids=lambda row: row.name)
def test_row(patient, row):
    if not applies(row, patient.gateway, patient.runtime):
        pytest.skip("not here")
    result = {"row": row.name, "what": row.what, "gateway": patient.gateway, "runtime": patient.runtime, "by": row.by,
              "kinds": sorted(row.kinds & {"pair", "during"}), "causes": row.causes, "remedies": row.remedies, "ok": False}
    try:
        patient.reset(agent=True, consent=row.consent, prepare=row.prepare, **row.settings)
        assert patient.turn() == 200, "not well before the fault"
        patient.mark()
        if row.by == "person":
            told(patient, row, result)
        else:
            healed(patient, row, result)
        result["ok"] = True
    except (AssertionError, LabError) as e:
        result["problem"] = str(e)[-500:]
        result.update(evidence(patient))
        raise
    finally:
        if RESULTS:
            with open(RESULTS, "a") as file:
                file.write(json.dumps(result) + "\n")


def evidence(patient):
    """What the agent says of a row that did not end as promised, as far as it can still be asked."""
    try:
        return {"entries": [{k: e[k] for k in ("cause", "remedy", "verdict", "sentence", "note")} | {
            "steps": [(s["words"], s["deed"], s.get("error")) for s in e["steps"]]} for e in patient.ledger()],
            "healing": patient.healing()}
    except (AssertionError, LabError, LookupError, ValueError) as e:
        return {"healing": f"not to be asked: {str(e)[-200:]}"}


# ---- what a machine heals -------------------------------------------------------------------------------------

def well(patient, row):
    """True when the fault and its effect are gone; the reason why not otherwise."""
    if row.ready:
        if not row.ready(patient):
            raise ValueError("the fault is still there")
    if "stops" in row.name:
        return True
    main = patient.main()
    if main["state"] != "ready":
        raise ValueError(f"{main['state']}: {main.get('summary')}; healing: {main.get('healing')}")
    if patient.turn() != 200:
        raise ValueError("its turns fail")
    return True


def healed(patient, row, result):
    patient.waited = None
    row.inject(patient)
    hurt = tracked(patient)
    if row.during:
        strike(patient, *row.during)
    patient.node.wait("the gateway to be well again", lambda: not_before_it_was_hurt(patient, row) and well(patient, row),
                      row.patience + 30 * (patient.gateway == "openclaw"), 0.25)
    result["seconds"] = round(max(0.0, patient.elapsed() - patient.own_start), 1)
    entries = patient.node.wait("the treatment's verdict", lambda: closed(patient), 30) \
        if row.remedies and not waits(row) and not (row.or_alone and not treatments(patient)) else []
    after = tracked(patient)
    result["bytes_changed"] = sum(differing(hurt[p], after[p]) for p in hurt)
    result["entries"] = [{k: e[k] for k in ("cause", "remedy", "verdict", "sentence")} for e in entries]
    helped = [e for e in entries if e["verdict"] == "helped"]
    result["named"] = helped[0]["cause"] if helped else ""
    result["remedy"] = helped[0]["remedy"] if helped else ""
    if waits(row):
        result["named"], result["remedy"] = patient.waited["cause"], patient.waited["remedy"]
        assert patient.waited["cause"] in row.causes, f"waited for another reason: {patient.waited}"
    elif row.remedies and (entries or not row.or_alone):
        assert helped, f"no treatment helped: {result['entries']}"
        causes, remedies = {e["cause"] for e in helped}, {e["remedy"] for e in helped}
        wrong = causes - set(row.causes or causes)
        assert not wrong, f"healed for another reason: {wrong}"
        wrong = remedies - set(row.remedies)
        assert not wrong, f"healed by another remedy: {wrong}"
    elif not row.remedies:
        alone = next((e for e in patient.ledger(by="supervision") if e["cause"]), None)
        result["named"], result["remedy"] = (alone["cause"], alone["remedy"]) if alone else ("", "")
        assert not alone or alone["cause"] in (row.causes or ("process_hang",)), f"ended for another reason: {alone}"
    assert not row.never or row.never not in patient.said(), f"said what it must not: {row.never}"
    assert "Debugger listening" not in patient.said(), "somebody sent SIGUSR1"
    if "during" in row.kinds:
        patient.node.wait("every treatment's verdict", lambda: all(e["verdict"] != "open" for e in patient.ledger()), 60)
    if row.undo_restores:
        undo(patient, row, hurt, helped[0], result)


def not_before_it_was_hurt(patient, row):
    """A fault may take a moment to show: a ready gateway right after the injection proves nothing."""
    if not row.remedies or row.or_alone or "stops" in row.name:
        return True
    if waits(row):
        seen = patient.healing()
        if seen.get("remedy") in row.remedies and seen.get("state") == "watching":
            patient.waited = seen
        if not patient.waited:
            raise ValueError(f"it does not wait; healing: {seen}")
        return True
    if not treatments(patient):
        raise ValueError(f"no treatment yet; healing: {patient.healing()}")
    return True


def waits(row):
    """All that is to be done is to wait: that is in no ledger."""
    return bool(row.remedies) and all(remedy.startswith("wait_") for remedy in row.remedies)


def treatments(patient):
    """The ledger's entries of causes that were treated: a plain start of what has ended is supervision."""
    return [entry for entry in patient.ledger() if entry["remedy"] != "start"]


def closed(patient):
    entries = treatments(patient)
    if any(e["verdict"] == "open" for e in entries) or not entries:
        raise ValueError(f"{[(e['remedy'], e['verdict']) for e in entries]}")
    return entries


def strike(patient, phase, fault):
    """Does `fault` at that phase of the treatment: looking, treating, watching, or any of them."""
    wanted = {"looking", "treating", "watching"} if phase == "any" else {phase, "watching"}

    def there():
        state = patient.healing().get("state")
        if state not in wanted:
            raise ValueError(f"healing is {state}")
        return True
    wait_until(f"the phase {phase}", there, 30, 0.02)
    fault(patient)


TRACKED = (matrix.CONFIG, f"{STATE}/standin.env")


def tracked(patient):
    """The files that a treatment may write, by path: their bytes, or None."""
    unit = [f"{patient.unit_dir()}/openclaw-gateway.service"] if patient.runtime != "process" else []
    return {path: patient.bytes_of(path) for path in (*TRACKED, *unit)}


def differing(old, new):
    """How many bytes differ between two contents, by the longest equal head and tail."""
    old, new = old or b"", new or b""
    head = len(os.path.commonprefix([old, new]))
    tail = len(os.path.commonprefix([old[head:][::-1], new[head:][::-1]]))
    return max(len(old), len(new)) - head - tail


def undo(patient, row, hurt, entry, result):
    """`meshops undo` gives the file back as it was before the treatment. Paused, so that it is not healed again."""
    patient.node.run(["meshops", "pause", "main", "--why", "the matrix looks at undo", "--for", "10m"])
    patient.node.run(["meshops", "undo", str(entry["id"])], timeout=60)
    for path in row.undo_restores:
        assert patient.bytes_of(path) == hurt[path], f"{path} is not as it was before the treatment"
    result["undo"] = "restored"
    patient.node.run(["meshops", "resume", "main"])


# ---- what only a person mends ---------------------------------------------------------------------------------

def told(patient, row, result):
    runs_on = type(row.effect).__name__ in ("Says", "TurnsFail", "Shown")
    row.inject(patient)

    def cause_told():
        healing = patient.healing()
        if healing.get("cause") not in row.causes or healing.get("state") != "told":
            raise ValueError(f"healing: {healing}")
        return healing["cause"]

    def alert():
        found = [a for a in patient.alerts() if a.get("cause") in row.causes]
        if not found:
            raise ValueError(f"alerts: {[(a.get('kind'), a.get('cause')) for a in patient.alerts()]}; healing: "
                             f"{patient.healing()}")
        return found[0]
    result["named"] = patient.node.wait("the right cause, told", cause_told, row.patience, 0.25)
    result["seconds"] = round(patient.elapsed(), 1)
    if patient.tells:
        told_of = patient.node.wait("an alert with the right cause", alert, 20, 0.25)
        assert told_of.get("headline") and len(told_of.get("lines", [])) <= 3 and told_of.get("command")
    result["entries"] = [{k: e[k] for k in ("cause", "remedy", "verdict", "sentence")} for e in treatments(patient)]
    if runs_on:
        # A gray failure is named, never restarted: two more seconds for a restart that must not come.
        now = patient.gateway_pid()
        end = time.monotonic() + 2
        while time.monotonic() < end:
            assert patient.gateway_pid() == now, "restarted for something that a restart cannot mend"
            time.sleep(0.25)
    helped = [e for e in treatments(patient) if e["verdict"] == "helped"]
    assert not [e for e in helped if e["remedy"] in ("drained_restart", "restore_last_good_config")]
