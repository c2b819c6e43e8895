"""The audit on a real node: what systemd and sshd themselves say, mends that take effect, undo to the byte, and a change
that could cut its owner off, which returns by itself."""

import json

import pytest
from lab import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]

UNIT = "/etc/systemd/system/openclaw-gateway.service"
BAD_UNIT = """[Unit]
Description=OpenClaw gateway

[Service]
ExecStart=/usr/bin/openclaw gateway
TimeoutStartSec=30
Restart=no

[Install]
WantedBy=multi-user.target
"""
SSHD = "/etc/ssh/sshd_config.d/weak.conf"
BAD_SSHD = "Ciphers aes256-gcm@openssh.com,aes128-ctr,3des-cbc\n"


@pytest.fixture(scope="module")
def node(lab):
    node = lab.add("mended")
    node.write(UNIT, BAD_UNIT)
    node.systemctl("daemon-reload")
    node.systemctl("enable", "openclaw-gateway.service")
    node.write(SSHD, BAD_SSHD)
    node.run("ssh-keygen -A; mkdir -p /run/sshd", check=False)
    node.systemctl("restart", "ssh.service")
    yield node
    node.poweroff()


def audit(node, *words):
    done = node.run(["meshops", "audit", "--format", "json", *words], check=False, timeout=120)
    assert done.code in (0, 1), done.err
    return json.loads(done.out)


def rules(report):
    return {f["rule"] for f in report["findings"]}


def fix(node, rule):
    done = node.run(["meshops", "audit", "--rule", rule, "--fix", "--yes", "--format", "json"], check=False, timeout=120)
    assert done.code == 0, done.out + done.err
    told = json.loads(done.out)
    assert told["verdict"] == "helped", done.out + done.err
    [entry] = told["entries"]
    return entry["entry"]


def ciphers(node):
    return next(line for line in node.sh("sshd -T").splitlines() if line.startswith("ciphers "))


def test_what_systemd_and_sshd_say_is_found(node):
    found = audit(node)
    assert {"SYS-001", "SYS-002", "SSH-009"} <= rules(found)
    assert any(f["file"] == UNIT and f["line"] == 6 for f in found["findings"] if f["rule"] == "SYS-001")
    assert any(f["file"] == SSHD for f in found["findings"] if f["rule"] == "SSH-009")


def test_a_mend_takes_effect_and_undo_brings_the_bytes_back(node):
    def start_limit():
        return node.sh("systemctl show -P TimeoutStartUSec openclaw-gateway.service")

    assert start_limit() == "30s"
    entry = fix(node, "SYS-001")
    # A drop-in, so that whoever wrote the unit finds it as it was.
    assert node.read(UNIT) == BAD_UNIT and start_limit() == "5min"
    assert "SYS-001" not in rules(audit(node, "--rule", "SYS-001"))
    node.run(["meshops", "undo", entry])
    assert not node.exists(f"{UNIT}.d/zz-meshops-audit.conf")
    # systemd has read the old file again, not the mended one.
    assert start_limit() == "30s"
    assert node.sh("systemctl show -P NeedDaemonReload openclaw-gateway.service") == "no"


def test_what_could_cut_off_stays_only_when_a_new_session_says_so(node):
    entry = fix(node, "SSH-009")
    assert "3des" not in ciphers(node)
    same = node.run(["meshops", "confirm", "a999"], check=False)
    assert same.code == 3
    node.run(["setsid", "--wait", "meshops", "confirm", entry])
    node.run(["meshops", "undo", entry])
    assert node.read(SSHD) == BAD_SSHD and "3des" in ciphers(node)


def test_what_nobody_confirms_returns_by_itself(node):
    entry = fix(node, "SSH-009")
    assert "3des" not in ciphers(node)
    # Nothing of ours is left that could be killed: the service manager keeps the guard.
    assert f"meshops-guard-{entry}" in node.sh("systemctl list-timers --all --plain")
    wait_until("the old configuration is back", lambda: node.read(SSHD) == BAD_SSHD, 240)
    wait_until("sshd has read it", lambda: "3des" in ciphers(node), 30)
    assert node.systemctl("is-active", "ssh.service").out.strip() == "active"


def test_undo_all_leaves_the_node_as_it_was(node):
    def etc():
        return node.sh("find /etc -type f -exec sha256sum {} + | sort; find /etc -printf '%p %m %U %G\\n' | sort")

    before = etc()
    done = node.run(["meshops", "audit", "--fix", "--yes"], timeout=240)
    assert "mended" in done.out and etc() != before
    found = rules(audit(node))
    assert not found & {"SYS-001", "SYS-002", "SYS-003", "SYS-013", "SYS-014", "SYS-017", "SSH-009"}
    node.run(["meshops", "undo", "--all"], timeout=240)
    assert etc() == before
