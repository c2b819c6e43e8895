"""The audit as a person meets it: the real binary over folders and root file systems, its four outputs, its exit codes,
suppressions, mends and their undo, and trees that nobody should be able to hang it with."""
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MESHOPS = os.environ.get("MESHOPS_BIN", str(ROOT / "build/release/meshops"))

# Fires SYS-001 (an automatic mend) and nothing that depends on this machine.
UNIT = """[Unit]
Description=OpenClaw gateway
After=network-online.target
Wants=network-online.target

[Service]
User=openclaw
ExecStart=/usr/bin/openclaw gateway
TimeoutStartSec=30
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


@pytest.fixture
def here(tmp_path):
    """A folder to audit, beside (not above) the state that meshops keeps."""
    folder = tmp_path / "infra"
    folder.mkdir()
    (folder / "openclaw-gateway.service").write_text(UNIT)
    return folder


def meshops(folder, *arguments, **options):
    home = folder.parent
    env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "MESHOPS_"))}
    own = home / "own.toml"
    own.write_text(f'[agent]\nstate_dir = "{home}/state"\n')
    env.update(HOME=str(home), MESHOPS_CONFIG=str(own))
    return subprocess.run([MESHOPS, *map(str, arguments)], env=env, text=True, capture_output=True, timeout=120, **options)


def findings(folder, *arguments):
    done = meshops(folder, "audit", folder, "--format", "json", *arguments)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["schema"] == "meshops.audit/1"
    return report["findings"]


def test_a_folder_is_audited_and_the_line_is_shown(here):
    done = meshops(here, "audit", here, "--rule", "SYS-001")
    assert done.returncode == 1
    assert "openclaw-gateway.service:9" in done.stdout and "TimeoutStartSec=30" in done.stdout


def test_json_has_every_member_that_is_promised(here):
    [finding] = findings(here, "--rule", "SYS-001")
    assert finding["rule"] == "SYS-001" and finding["line"] == 9 and finding["column"] == 1
    assert {"severity", "target", "file", "found", "wanted", "message", "fix", "fingerprint"} <= finding.keys()


def test_fail_on_decides_the_exit_code(here):
    assert meshops(here, "audit", here, "--rule", "SYS-001", "--fail-on", "critical").returncode in (0, 1)
    severity = findings(here, "--rule", "SYS-001")[0]["severity"]
    order = ["info", "low", "medium", "high", "critical"]
    for threshold in order:
        expected = 1 if order.index(severity) >= order.index(threshold) else 0
        assert meshops(here, "audit", here, "--rule", "SYS-001", "--fail-on", threshold).returncode == expected, threshold


@pytest.mark.parametrize("arguments,said", [
    (["--rule", "SIS-010"], "SYS-010"), (["--domain", "sistemd"], "systemd"), (["--fail-on", "grave"], "critical"),
])
def test_wrong_words_are_usage_errors_that_help(here, arguments, said):
    done = meshops(here, "audit", here, *arguments)
    assert done.returncode == 2 and said in done.stderr


def test_options_may_stand_before_the_folder_and_again(here):
    done = meshops(here, "audit", "--rule", "SYS-001", "--rule", "SYS-002,SYS-003", "--domain", "SYS", here)
    assert done.returncode == 1 and "SYS-001" in done.stdout


def test_a_folder_that_is_not_there_is_said(here):
    done = meshops(here, "audit", here / "none")
    assert done.returncode == 3 and "no directory" in done.stderr


def test_a_broken_mesh_toml_is_no_clean_bill(here):
    (here / "mesh.toml").write_text("[mesh]\nname = 5\n")
    done = meshops(here, "audit", here)
    assert done.returncode == 3 and "mesh.toml:2" in done.stderr


def test_a_mesh_toml_of_other_machines_is_read(here):
    (here / "mesh.toml").write_text('[[node]]\nname = "beta"\naddress = "192.0.2.2"\n\n[[allow]]\nrule = "SYS-001"\n'
                                    'until = "2099-01-01"\nreason = "measured"\n')
    assert [f for f in findings(here, "--rule", "SYS-001") if not f.get("allowed")] == []


def test_sarif_declares_all_rules_and_keeps_what_is_allowed(here):
    unit = here / "openclaw-gateway.service"
    unit.write_text(UNIT.replace("TimeoutStartSec=30",
                                 '# meshops:allow SYS-001 until=2099-01-01 reason="measured"\nTimeoutStartSec=30'))
    sarif = json.loads(meshops(here, "audit", here, "--format", "sarif").stdout)
    assert sarif["version"] == "2.1.0" and len(sarif["runs"]) == 1
    run = sarif["runs"][0]
    declared = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    listed = json.loads(meshops(here, "rules", "--format", "json").stdout)["rules"]
    assert declared == [rule["rule"] for rule in listed]
    for result in run["results"]:
        assert declared[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        region = result["locations"][0]["physicalLocation"].get("region", {"startLine": 1})
        assert region["startLine"] >= 1
    [allowed] = [r for r in run["results"] if r["ruleId"] == "SYS-001"]
    assert allowed["suppressions"][0]["justification"] == "measured"


def test_html_is_one_file_without_network(here):
    page = here.parent / "report.html"
    (here / "<script>.service").write_text(UNIT)
    assert meshops(here, "audit", here, "--format", "html", "-o", page).returncode == 1
    text = page.read_text()
    assert "SYS-001" in text and "<script>.service" not in text
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text)


def test_words_of_a_file_that_are_no_text_leave_a_page_whole(here):
    (here / "compose.yaml").write_bytes(b"services:\n  to\xffo\x7fls:\n    image: a:1\n    restart: always\n")
    page = here.parent / "report.html"
    assert meshops(here, "audit", here, "--domain", "docker", "--format", "html", "-o", page).returncode == 1
    text = page.read_bytes().decode()
    assert "to\\xffo\\x7fls" in text and "\x7f" not in text


def test_an_expired_suppression_is_a_finding(here):
    unit = here / "openclaw-gateway.service"
    unit.write_text('# meshops:allow SYS-001 until=2020-01-01 reason="old"\n' + UNIT)
    assert {"SUP-001", "SYS-001"} <= {f["rule"] for f in findings(here)}


def test_since_last_says_what_is_new_and_what_is_gone(here):
    assert meshops(here, "audit", here).returncode == 1
    (here / "openclaw-gateway.service").unlink()
    (here / "second.service").write_text(UNIT)
    report = json.loads(meshops(here, "audit", here, "--since-last", "--format", "json").stdout)
    change = report["since_last"]
    files = {f["file"] for f in report["findings"] if f["fingerprint"] in change["new"]}
    assert files == {"second.service"}
    assert any("openclaw-gateway.service" in sentence for sentence in change["gone"])


def test_fix_mends_and_undo_brings_the_bytes_back(here):
    unit = here / "openclaw-gateway.service"
    unit.chmod(0o640)
    fixed = meshops(here, "audit", here, "--rule", "SYS-001", "--fix", "--yes")
    assert fixed.returncode == 0, fixed.stderr
    assert "-TimeoutStartSec=30" in fixed.stdout and "meshops undo a1" in fixed.stdout
    assert "TimeoutStartSec=30\n" not in unit.read_text()
    assert findings(here, "--rule", "SYS-001") == []
    assert unit.stat().st_mode & 0o777 == 0o640
    assert meshops(here, "undo", "a1").returncode == 0
    assert unit.read_text() == UNIT and unit.stat().st_mode & 0o777 == 0o640


def test_fix_asks_and_no_is_no(here):
    done = meshops(here, "audit", here, "--rule", "SYS-001", "--fix", input="n\n")
    assert done.returncode == 0 and "nothing was changed" in done.stdout
    assert (here / "openclaw-gateway.service").read_text() == UNIT


def test_undo_all_takes_back_every_mend_and_refuses_a_changed_file(here):
    unit = here / "openclaw-gateway.service"
    assert meshops(here, "audit", here, "--fix", "--yes").returncode == 0
    mended = unit.read_text()
    unit.write_text(mended + "# a person was here\n")
    refused = meshops(here, "undo", "--all")
    assert refused.returncode == 3 and unit.read_text().endswith("# a person was here\n")
    unit.write_text(mended)
    assert meshops(here, "undo", "--all").returncode == 0
    assert unit.read_text() == UNIT


def test_a_root_file_system_is_audited_as_a_machine_that_sleeps(here):
    root = here / "root"
    place = root / "etc/systemd/system"
    place.mkdir(parents=True)
    (place / "openclaw-gateway.service").write_text(UNIT)
    done = meshops(here, "audit", "--root", root, "--rule", "SYS-001", "--format", "json")
    [finding] = json.loads(done.stdout)["findings"]
    assert finding["file"] == "/etc/systemd/system/openclaw-gateway.service"


def test_rules_and_explain_come_from_the_same_table(here):
    rules = json.loads(meshops(here, "rules", "--format", "json").stdout)["rules"]
    ids = [rule["rule"] for rule in rules]
    assert len(ids) == len(set(ids)) and "SYS-001" in ids
    for rule in rules[:3]:
        assert rule["title"] in meshops(here, "explain", rule["rule"]).stdout
    assert (ROOT / "docs/rules.md").read_text() == meshops(here, "rules", "--format", "markdown").stdout


def test_a_secret_is_never_shown(here):
    secret = "sk-ant-api03-" + "Zx9Qw7Er5Ty3Ui1Op0As8Df6Gh4Jk2LmNbVcXz" * 2 + "AA"
    (here / "Dockerfile").write_text(f"FROM debian:12\nENV ANTHROPIC_API_KEY={secret}\nUSER nobody\nCMD [\"true\"]\n")
    for form in ("text", "json", "sarif", "html"):
        done = meshops(here, "audit", here, "--format", form)
        assert "Dockerfile" in done.stdout
        assert secret[20:] not in done.stdout + done.stderr
    for kept in (here.parent / "state").rglob("*"):
        assert not kept.is_file() or secret[20:].encode() not in kept.read_bytes(), kept


def test_hostile_trees_end_in_bounded_time(here):
    deep = here
    for _ in range(40):
        deep = deep / "down"
        deep.mkdir()
    (deep / "loop").symlink_to(here)
    (here / "self").symlink_to("self")
    (here / "Dockerfile").write_bytes(os.urandom(200_000))
    (here / "compose.yaml").write_text("a: &a [x]\n" + "\n".join(f"b{i}: &b{i} [*a, *a, *a]" for i in range(2000)))
    (here / "sshd_config").write_text("Include sshd_config\n" * 100)
    (here / "crontab").write_bytes(b"* * * * * " + b"x" * 3_000_000)
    with open(here / "huge.service", "wb") as huge:
        huge.truncate(2 << 30)
    os.mkfifo(here / "pipe.service")
    started = time.monotonic()
    done = meshops(here, "audit", here, "--format", "json")
    assert done.returncode in (0, 1), done.stderr
    assert time.monotonic() - started < 60
    assert any(f["rule"] == "SYS-001" for f in json.loads(done.stdout)["findings"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_skipped_and_said(here):
    (here / "openclaw-gateway.service").chmod(0)
    report = json.loads(meshops(here, "audit", here, "--format", "json").stdout)
    assert any("openclaw-gateway.service" in str(skip) for skip in report["skipped"])


def test_confirm_says_when_nothing_waits(here):
    done = meshops(here, "confirm", "a7")
    assert done.returncode == 3 and "nothing waits" in done.stderr


def test_cloud_export_prints_commands_and_no_shell_tricks(here):
    done = meshops(here, "cloud", "export", "--project", "acme-claw")
    assert done.returncode == 0 and "--project=acme-claw" in done.stdout
    assert meshops(here, "cloud", "export", "--project", "x; rm -rf /").returncode == 2


@pytest.mark.parametrize("words,code,said", [
    (["--host", "-oProxyCommand=touch hacked"], 2, "is no name of a machine"),
    (["--host", "two words"], 2, "is no name of a machine"),
    (["--host", "beta", "--fix"], 2, "ssh beta meshops audit --fix"),
    (["--all", "--fix", "--yes"], 2, "ssh NODE meshops audit --fix"),
    (["--host", "beta", "--all"], 2, "--all"),
    (["--host", "beta", "--root", "/"], 2, "--root"),
    (["--all"], 3, "no mesh.toml"),
])
def test_other_machines_are_refused_where_they_must_be(here, words, code, said):
    (here.parent / "own.toml").unlink(missing_ok=True)
    home = here.parent
    env = {"HOME": str(home), "PATH": os.environ["PATH"]}
    done = subprocess.run([MESHOPS, "audit", *words], env=env, text=True, capture_output=True, timeout=60, cwd=home)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert not (home / "hacked").exists()


def fake_ssh(folder, text):
    """An ssh that is asked nothing of the network: what it is told stands in a file beside it."""
    tool = folder / "bin/ssh"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {folder}/told\n{text}\n")
    tool.chmod(0o755)
    return {"HOME": str(folder), "PATH": f"{tool.parent}:{os.environ['PATH']}"}


def test_a_machine_is_audited_through_a_shell_alone(tmp_path):
    """The real script in a real sh; only the wire between is left out."""
    env = fake_ssh(tmp_path, "while [ $# -gt 1 ]; do shift; done\nexec sh -c \"$1\"")
    done = subprocess.run([MESHOPS, "audit", "--host", "beta", "--format", "json", "--rule", "CRON-007,SEC-007,LNX-002"],
                          env=env, text=True, capture_output=True, timeout=180)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert [t["target"] for t in report["targets"]] == ["beta"]
    assert "beta: audited in" in done.stderr
    told = (tmp_path / "told").read_text().splitlines()
    assert "StrictHostKeyChecking=yes" in told and "BatchMode=yes" in told
    assert told[told.index("--") + 1] == "beta"


@pytest.mark.parametrize("text,said", [
    ("echo 'Host key verification failed.' >&2; exit 255", "accepts no new one"),
    ("echo 'ada@beta: Permission denied (publickey).' >&2; exit 255", "none of our keys"),
    ("echo 'This account is currently not available.'; exit 1", "beta"),
    ("head -c 100 >/dev/null; echo hello; cat >/dev/null & exec sleep 1", "ended too early"),
])
def test_a_machine_that_cannot_be_asked_is_told_with_the_remedy(tmp_path, text, said):
    env = fake_ssh(tmp_path, text)
    done = subprocess.run([MESHOPS, "audit", "--host", "beta"], env=env, text=True, capture_output=True, timeout=60)
    assert done.returncode == 3, done.stdout + done.stderr
    assert said in done.stderr and "→" in done.stderr and done.stdout == ""
