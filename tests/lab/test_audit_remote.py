"""The audit of another machine over real SSH: the same findings as on that machine, with nothing installed there and with
its own meshops; nothing left behind; and what stands in the way is said, with the remedy."""

import json
import re

import pytest
from lab import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]

UNIT = """[Unit]
Description=OpenClaw gateway
After=network.target

[Service]
User=claw
ExecStart=/usr/bin/openclaw gateway
Environment=OPENCLAW_STATE_DIR=/home/claw/.openclaw
TimeoutStartSec=30
Restart=no

[Install]
WantedBy=multi-user.target
"""
CONFIG = """{
  // the gateway's own
  gateway: { mode: "local", port: 18789, bind: "lan" },
  agents: { defaults: { model: { primary: "google/gemini-2.5-pro" } } },
}
"""
# In a shell's history; shaped like a key, and none.
SECRET = "sk-proj-" + "Xk29fPq7LmZt4RvW" + "8sYb3NcD6hGj1QaE5uTo"
BOT = "123456789:" + "AAHx9Kd3LmPq7RsT" + "2vWyZb4Nc6Fg8Jh1Q"
# Fetched in one go, then what the rules have missed, and what that has led to.
MOST_ROUNDS = 6
# What is asked from one machine of others (peers, resolvers) is not asked over SSH, and git is read on its disk: each of
# these rules must say so instead.
ASKS_OTHERS = {"SSH-006", "NET-002", "NET-003", "NET-007", "NET-008", "NET-009"}


def is_git(rule):
    return rule.startswith("GIT-")


@pytest.fixture(scope="module")
def nodes(lab):
    auditor, audited = lab.add("auditor", "audited")
    lab.add("gone").poweroff()
    mesh = "".join(f'[[node]]\nname = "{n}"\naddress = "{lab[n].address}"\nuser = "root"\n'
                   for n in ("auditor", "audited", "gone"))
    for node in (auditor, audited):
        node.write("/etc/meshops/mesh.toml", mesh)
    auditor.run("mkdir -p -m 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519")
    auditor.write("/root/.ssh/known_hosts", known(audited))
    audited.write("/root/.ssh/authorized_keys", auditor.read("/root/.ssh/id_ed25519.pub"), mode=0o600)
    audited.run("chmod 700 /root/.ssh; useradd -m claw; useradd -m ada; loginctl enable-linger claw")
    audited.write("/etc/systemd/system/openclaw-gateway.service", UNIT)
    audited.write("/home/claw/.openclaw/openclaw.json", CONFIG, mode=0o644, owner="claw")
    audited.write("/home/claw/.openclaw/.env", f"TELEGRAM_BOT_TOKEN={BOT}\n", mode=0o644, owner="claw")
    audited.write("/home/claw/.config/systemd/user/nightly\\x2djob.service", "[Service]\nTimoutSec=3\nExecStart=/bin/true\n", owner="claw")
    audited.write("/etc/cron.d/backup", "0 3 * * * root tar czf /var/backups/x-$(date +%F).tgz /srv\n")
    audited.write("/etc/cron.d/two words", "* * * * * root true\n")
    audited.write("/etc/ssh/sshd_config.d/weak.conf", "Ciphers aes256-gcm@openssh.com,aes128-ctr,3des-cbc\n")
    audited.write("/root/.bash_history", f"export OPENAI_API_KEY={SECRET}\n", mode=0o644)
    audited.run("mkdir /srv/app && chmod 777 /srv/app && git init -q /srv/app && echo x > /srv/app/file", check=False)
    audited.run("mkdir -p /run/sshd")
    audited.systemctl("daemon-reload")
    audited.systemctl("enable", "openclaw-gateway.service")
    audited.systemctl("restart", "ssh.service")
    yield auditor, audited
    for node in (auditor, audited):
        node.poweroff()


def known(node):
    key = " ".join(node.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
    return f"{node.address} {key}\n"


def audit(auditor, *words, code=(0, 1), **options):
    done = auditor.run(["meshops", "audit", "--format", "json", *words], check=False, timeout=300, **options)
    assert done.code in code, done.err + done.out
    return json.loads(done.out), done.err


def rounds(told):
    return int(re.search(r"(\d+) rounds?,", told)[1])


def essence(report):
    """Findings as a person would compare them; what two audits cannot see at the same instant is left out."""
    moving = re.compile(r"\b\d[\d.]*( ?([KMGT]i)?B| ?%| ?s| min| h| d)?\b")
    return {(f["rule"], f["severity"], f["file"], f["line"], moving.sub("#", f["found"])) for f in report["findings"]}


def traces(node):
    """Every file that is no record of a log-in, and every process that is no part of one."""
    files = node.sh("find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /var/log -o -path /tmp/systemd-private-\\* "
                    "-o -path /var/tmp/systemd-private-\\* \\) -prune -o -printf '%p %m %U %G %s %T@\\n' | sort", timeout=120)
    return {line for line in files.splitlines() if not line.startswith(("/var/lib/systemd/", "/tmp ", "/var/tmp "))}


def strangers(node):
    return [line for line in node.sh("ps -eo args").splitlines() if re.search(r"sh -s|^find |sshd: (root|ada)|meshops", line)]


@pytest.fixture(scope="module")
def local(nodes):
    """What the machine finds itself. Asked first: the binary goes in the middle of the module."""
    _, audited = nodes
    return audit(audited, "--forget")[0]


def test_its_own_meshops_is_used_in_one_round(nodes, local):
    auditor, audited = nodes
    before = traces(audited)
    report, told = audit(auditor, "--host", "audited")
    assert rounds(told) == 1 and "its own meshops" in told
    assert [t["target"] for t in report["targets"]] == ["audited"]
    assert essence(report) == essence(local)
    assert traces(audited) == before
    wait_until("nothing runs there any more", lambda: not strangers(audited), 20)


def test_with_nothing_installed_there_the_findings_are_the_same(nodes, local):
    auditor, audited = nodes
    audited.run("umount /usr/bin/meshops && rm -f /usr/bin/meshops")
    assert audited.run("command -v meshops", check=False).code != 0
    before = traces(audited)
    report, told = audit(auditor, "--host", "audited")
    assert rounds(told) <= MOST_ROUNDS, told
    assert traces(audited) == before, "something was left there"
    wait_until("nothing runs there any more", lambda: not strangers(audited), 20)

    here, there = essence(local), essence(report)
    others = {f for f in here if f[0] in ASKS_OTHERS or is_git(f[0])}
    assert there - here == set()
    assert here - there <= others, sorted(here - there - others)
    rules = {f[0] for f in there}
    silent = {"SYS-001", "SYS-002", "SYS-006", "SSH-009", "SEC-006", "CRON-007", "SEC-009", "GW-003"} - rules
    assert not silent, f"{silent} of {sorted(rules)}"
    # Silence is no pass: what was not asked is said.
    skipped = {s["rule"] for s in report["skipped"]}
    assert {f[0] for f in here - there} <= skipped
    assert not [s for s in report["skipped"] if "rounds" in s["reason"]], report["skipped"]


def test_one_rule_and_since_last(nodes):
    auditor, _ = nodes
    report, _ = audit(auditor, "--host", "audited", "--rule", "SYS-001")
    assert {f["rule"] for f in report["findings"]} == {"SYS-001"}
    report, _ = audit(auditor, "--host", "audited", "--since-last")
    assert report["since_last"]["new"] == [] and report["since_last"]["still"] > 0


def test_a_secret_stays_on_its_way_out_of_sight(nodes):
    auditor, _ = nodes
    for form in ("json", "text", "sarif", "html"):
        done = auditor.run(["meshops", "audit", "--host", "audited", "--format", form], check=False, timeout=300)
        assert done.code == 1 and SECRET[8:] not in done.out + done.err and BOT[10:] not in done.out + done.err
    assert auditor.run(f"grep -rlE '{SECRET[8:]}|{BOT[10:]}' /root /var/lib /var/tmp /tmp /etc", check=False).out == ""


def test_who_is_not_root_there_is_told_what_was_not_seen(nodes):
    auditor, audited = nodes
    audited.write("/home/ada/.ssh/authorized_keys", auditor.read("/root/.ssh/id_ed25519.pub"), mode=0o600, owner="ada")
    audited.run("chown -R ada: /home/ada/.ssh; chmod 700 /home/ada/.ssh")
    report, _ = audit(auditor, "--host", f"ada@{audited.address}")
    assert any(s["what"] == "what only root may read" for s in report["skipped"])
    assert "SYS-001" in {f["rule"] for f in report["findings"]}


def test_all_goes_on_without_the_one_that_cannot_be_reached(nodes):
    auditor, _ = nodes
    report, told = audit(auditor, "--all", code=(3,))
    assert [t["target"] for t in report["targets"]] == ["auditor", "audited", "gone"]
    assert any(f["target"] == "audited" and f["rule"] == "SYS-001" for f in report["findings"])
    assert any(s["target"] == "gone" and s["what"] == "everything" for s in report["skipped"])
    assert "gone" in told and "→" in told


def test_a_host_key_that_is_not_the_known_one_is_refused(nodes):
    auditor, audited = nodes
    good = known(audited)
    try:
        auditor.write("/root/.ssh/known_hosts", good.replace(good.split()[2], "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43))
        done = auditor.run(["meshops", "audit", "--host", "audited"], check=False, timeout=60)
        assert done.code == 3 and "another host key" in done.err and "ssh-keygen -R" in done.err, done.err
        auditor.run("rm /root/.ssh/known_hosts")
        done = auditor.run(["meshops", "audit", "--host", "audited"], check=False, timeout=60)
        assert done.code == 3 and "not known here" in done.err, done.err
        assert not auditor.exists("/root/.ssh/known_hosts"), "no new key is taken in silence"
    finally:
        auditor.write("/root/.ssh/known_hosts", good)
