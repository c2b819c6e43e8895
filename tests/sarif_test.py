"""SARIF as GitHub's code scanning and the viewers read it: valid against the schema of OASIS, places that an editor
finds, names that stay. `./dev test unit` fetches the schema; without MESHOPS_SARIF_SCHEMA the one in the cache is taken."""
import json
import os
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from audit_cli_test import UNIT, meshops

CACHE = Path(os.environ.get("MESHOPS_CACHE", Path.home() / ".cache/meshops"))
SCHEMA = Path(os.environ.get("MESHOPS_SARIF_SCHEMA", CACHE / "sarif-2.1.0-rtm.5.json"))
# Made up; of the shape that OpenAI's have.
KEY = "sk-proj-" + "4fQz81LmTnC0sXvB7yWdRk2HpAeJ" + "T3BlbkFJ" + "uG5oNi9aVhEcMqZrKx6P3tDwSbYl"
DOCKERFILE = f'FROM debian:12.5\nENV NOTE="größe 🚀 ∞" OPENAI_API_KEY={KEY}\nUSER claw\n'
NAMES = ("plain.Dockerfile", "mit Leerzeichen.Dockerfile", "größe 50%#.Dockerfile", "a:b?.Dockerfile")


@pytest.fixture(scope="module")
def validator():
    jsonschema = pytest.importorskip("jsonschema")
    if not SCHEMA.exists():
        if "MESHOPS_SARIF_SCHEMA" in os.environ:
            pytest.fail(f"{SCHEMA} is not there")
        pytest.skip("no schema: ./dev test unit fetches it")
    return jsonschema.Draft4Validator(json.loads(SCHEMA.read_text()))


@pytest.fixture
def here(tmp_path):
    """A folder below the top of a checkout, with names and texts of all kinds."""
    subprocess.run(["git", "init", "-q", tmp_path / "work"], check=True)
    folder = tmp_path / "work" / "infra é"
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_text(DOCKERFILE)
    (folder / "openclaw-gateway.service").write_text(
        UNIT.replace("TimeoutStartSec=30", '# meshops:allow SYS-001 until=2099-01-01 reason="measured: 12 s"\nTimeoutStartSec=30'))
    (folder / "mesh.toml").write_text('[[allow]]\nrule = "SYS-013"\nuntil = "2099-01-01"\nreason = "shared machine"\n')
    return folder


def sarif_of(folder, *arguments):
    done = meshops(folder, "audit", *arguments, "--format", "sarif")
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def results(sarif, rule):
    return [r for r in sarif["runs"][0]["results"] if r["ruleId"] == rule]


def test_it_is_valid_whatever_is_audited(here, validator):
    root = here.parent / "root"
    (root / "etc/ssh").mkdir(parents=True)
    (root / "etc/ssh/sshd_config").write_text("PasswordAuthentication yes\n")
    cloud = here.parent / "cloud"
    cloud.mkdir()
    (cloud / "firewall-rules.json").write_text('[{"name": "größe", "direction": "INGRESS", "sourceRanges": ["0.0.0.0/0"], '
                                               '"allowed": [{"IPProtocol": "tcp", "ports": ["22"]}]}]')
    for target in ([here], ["--root", root], ["--gcp", cloud], []):
        sarif = sarif_of(here, *target)
        faults = [f"{'/'.join(map(str, e.path))}: {e.message[:200]}" for e in validator.iter_errors(sarif)]
        assert faults == [], target
        assert sarif["runs"][0]["results"] or not target, target


def test_the_validator_would_see_a_fault(here, validator):
    sarif = sarif_of(here, here)
    sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"] = {"startLine": 0}
    assert list(validator.iter_errors(sarif))


def test_columns_count_utf16_units(here):
    sarif = sarif_of(here, here)
    assert sarif["runs"][0]["columnKind"] == "utf16CodeUnits"
    found = results(sarif, "DOC-011")
    assert len(found) == len(NAMES)
    line = DOCKERFILE.split("\n")[1]
    for result in found:
        region = result["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] == 2
        rest = line.encode("utf-16-le")[2 * (region["startColumn"] - 1):].decode("utf-16-le")
        assert rest.startswith(("OPENAI_API_KEY=", KEY)), rest
        assert KEY not in json.dumps(result)


def test_a_uri_leads_to_the_file_from_the_top_of_the_checkout(here):
    sarif = sarif_of(here, here)
    seen = set()
    for result in sarif["runs"][0]["results"]:
        artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
        uri = artifact["uri"]
        assert artifact["uriBaseId"] == "%SRCROOT%" and uri.isascii() and " " not in uri
        parts = urlsplit(uri)
        assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", ""), uri
        assert (here.parent / unquote(parts.path)).is_file(), uri
        seen.add(unquote(parts.path))
    assert {f"{here.name}/{name}" for name in NAMES} <= seen


def test_files_of_a_machine_have_whole_uris(here):
    for result in sarif_of(here)["runs"][0]["results"]:
        for location in result["locations"]:
            if "physicalLocation" not in location:
                assert location["logicalLocations"][0]["fullyQualifiedName"] == "this machine"
                continue
            uri = location["physicalLocation"]["artifactLocation"]["uri"]
            assert uri.startswith("file:///") and unquote(urlsplit(uri).path).startswith("/")


def test_what_is_allowed_says_where_and_why(here):
    sarif = sarif_of(here, here)
    [comment] = results(sarif, "SYS-001")
    assert comment["suppressions"] == [{"kind": "inSource", "status": "accepted", "justification": "measured: 12 s"}]
    [elsewhere] = results(sarif, "SYS-013")
    assert elsewhere["suppressions"] == [{"kind": "external", "status": "accepted", "justification": "shared machine"}]
    assert all("suppressions" not in r for r in results(sarif, "DOC-011"))


def test_every_rule_is_declared_with_help_and_weight(here):
    sarif = sarif_of(here, here)
    listed = {r["rule"]: r for r in json.loads(meshops(here, "rules", "--format", "json").stdout)["rules"]}
    declared = sarif["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in declared] == list(listed)
    scores = {"info": (0.1, 3.9), "low": (0.1, 3.9), "medium": (4.0, 6.9), "high": (7.0, 9.0), "critical": (9.1, 10.0)}
    levels = {"info": "note", "low": "note", "medium": "warning", "high": "error", "critical": "error"}
    for rule in declared:
        severity = listed[rule["id"]]["severity"]
        low, high = scores[severity]
        assert low <= float(rule["properties"]["security-severity"]) <= high, rule["id"]
        assert rule["defaultConfiguration"]["level"] == levels[severity]
        assert rule["help"]["text"] and rule["help"]["markdown"] and rule["shortDescription"]["text"].endswith(".")
        assert {"security", "reliability"} & set(rule["properties"]["tags"])
    for result in sarif["runs"][0]["results"]:
        assert declared[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] == levels[result["properties"]["severity"]]


def test_a_finding_keeps_its_fingerprint_when_lines_move(here):
    def prints():
        return {r["partialFingerprints"]["meshops/v1"] for r in sarif_of(here, here)["runs"][0]["results"]}
    before = prints()
    assert len(before) == len(sarif_of(here, here)["runs"][0]["results"])
    for name in NAMES:
        (here / name).write_text("# a line more\n\n" + DOCKERFILE)
    assert prints() == before


def test_what_was_not_looked_at_is_a_notification(here):
    (here / "broken.compose.yaml").write_text("services: [\n")
    (here / "compose.yaml").write_text("services: [\n")
    [invocation] = sarif_of(here, here)["runs"][0]["invocations"]
    assert invocation["executionSuccessful"]
    assert any("compose.yaml" in n["message"]["text"] for n in invocation["toolExecutionNotifications"])
