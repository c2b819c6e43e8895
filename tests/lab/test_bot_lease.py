"""A bot that two nodes share, with real Serf, sshd and systemd: the stand-by starts only when the primary is proven
stopped, and gives way when it is back. Each process writes down when it lives, so that at the end it can be told whether
two ever did at once."""

import json

import pytest
from lab import HealingMesh, LabError, faults, wait_until
from lab.core import REPO

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]
NAMES = ("bl1", "bl2", "bl3")
BEATS, ALERTS = "/var/lib/bot.beats", "/var/lib/lab-alerts.jsonl"

BOT = f"""import threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass
def beat():
    while True:
        with open("{BEATS}", "a") as file:
            file.write(f"{{time.clock_gettime(time.CLOCK_MONOTONIC):.2f}}\\n")
        time.sleep(0.1)
threading.Thread(target=beat, daemon=True).start()
HTTPServer(("127.0.0.1", 18790), Answer).serve_forever()
"""
# Not enabled: after a boot it is started by the agent, or by nobody.
UNIT = "[Service]\nExecStart=/usr/bin/python3 /opt/bot.py\nRestart=always\nRestartSec=1\n"
PLAN = """
[[gateway]]
name = "bot"
node = "bl1"
kind = "http"
runtime = "systemd-system"
unit = "bot.service"
url = "http://127.0.0.1:18790/"
yields_alone = "30s"

[[gateway]]
name = "spare"
node = "bl2"
kind = "http"
runtime = "systemd-system"
unit = "bot.service"
url = "http://127.0.0.1:18790/"
stands_by_for = "bl1/bot"

[[alert]]
name = "lab"
kind = "command"
command = ["/usr/bin/python3", "/opt/alert.py"]
quiet = "0s"
per_hour = 100
"""


class BotMesh(HealingMesh):
    def _make_keys(self):
        for name, site in self.sites.items():
            site.node.copy_in(REPO / "tests/lab/alert.py", "/opt/alert.py")
            if name != "bl3":
                site.node.write("/opt/bot.py", BOT)
                site.node.write("/etc/systemd/system/bot.service", UNIT)
                site.node.systemctl("daemon-reload")
        super()._make_keys()

    def gateway(self, node, name):
        return next(g for g in self.sites[node].here()["gateways"] if g["name"] == name)

    def is_in(self, node, name, state, timeout=60.0):
        def reached():
            seen = self.gateway(node, name)
            if seen["state"] != state:
                raise LabError(f"{seen['state']}: {seen['summary']}")
            return seen
        return self.node(node).wait(f"{name} to be {state}", reached, timeout, 0.3)

    def beats(self, node):
        text = self.node(node).read(BEATS) if self.node(node).exists(BEATS) else ""
        return [float(line) for line in text.split()]

    def told(self, node, headline):
        text = self.node(node).read(ALERTS) if self.node(node).exists(ALERTS) else ""
        return [a for a in map(json.loads, text.splitlines()) if headline in a["headline"]]

    def assert_never_two(self):
        """On one kernel all nodes have one monotonic clock."""
        one, two = ({round(t * 2) for t in self.beats(n)} for n in ("bl1", "bl2"))
        assert not one & two, f"both lived at {sorted(t / 2 for t in one & two)[:10]}"


@pytest.fixture(scope="module")
def mesh(lab):
    made = BotMesh(lab, *NAMES, extra=PLAN)
    made.is_in("bl1", "bot", "ready", 90)
    yield made
    made.poweroff()


def test_the_stand_by_does_not_start_and_is_not_ill(mesh):
    seen = mesh.is_in("bl2", "spare", "standing_by")
    mesh.node("bl2").wait("it to say why", lambda: "bl1 has its bot" in mesh.gateway("bl2", "spare")["summary"], 30)
    assert seen["healing"]["state"] == "well"
    def all_is_well():
        status = mesh.node("bl2").run(["meshops", "status"], check=False)
        return status.code == 0 and "stands by: the gateway on bl1 has its bot" in status.out
    mesh.node("bl2").wait("status to say that all is well", all_is_well, 60, 0.5)
    refused = mesh.node("bl2").run(["meshops", "start", "spare"], check=False)
    assert refused.code != 0 and "bl1" in refused.out + refused.err, refused
    assert mesh.beats("bl2") == []


def test_a_primary_that_is_killed_and_healed_is_not_replaced(mesh):
    pid = int(mesh.node("bl1").sh("systemctl show -P MainPID bot.service"))
    faults.kill(mesh.node("bl1"), pid)
    mesh.node("bl1").wait("a new process", lambda: mesh.gateway("bl1", "bot")["identity"]["pid"] not in (None, pid), 60)
    mesh.is_in("bl1", "bot", "ready")
    assert mesh.gateway("bl2", "spare")["state"] == "standing_by" and mesh.beats("bl2") == []


def test_a_person_changes_over_and_back(mesh):
    mesh.node("bl1").run(["meshops", "stop", "bot"])
    mesh.is_in("bl1", "bot", "stopped")
    mesh.node("bl2").wait("bl2 to know", lambda: "a person stopped" in mesh.gateway("bl2", "spare")["summary"], 30)
    mesh.node("bl2").run(["meshops", "start", "spare"])
    mesh.is_in("bl2", "spare", "ready")
    mesh.node("bl1").run(["meshops", "start", "bot"])
    mesh.is_in("bl1", "bot", "ready")
    mesh.is_in("bl2", "spare", "standing_by")
    assert mesh.beats("bl2"), "what is measured below is there"
    mesh.assert_never_two()


def test_a_primary_that_is_alone_gives_its_bot_up(mesh):
    mesh.lab.isolate("bl1")
    try:
        seen = mesh.is_in("bl1", "bot", "standing_by", 120)
        assert "out of touch" in seen["summary"], seen
        assert mesh.gateway("bl2", "spare")["state"] == "standing_by", "nothing is proven yet"
    finally:
        mesh.lab.rejoin("bl1")
    mesh.is_in("bl1", "bot", "ready", 120)
    mesh.assert_never_two()


def test_a_node_that_is_gone_is_replaced_once_that_is_proven_and_has_its_bot_back(mesh):
    mesh.wait_all_well(120)
    mesh.node("bl1").kill_hard()
    mesh.is_in("bl2", "spare", "ready", 480)
    assert mesh.beats("bl2"), "what is measured below is there"
    mesh.node("bl2").wait("people to be told", lambda: mesh.told("bl2", "takes over from bl1/bot"), 30)
    acts = [e for e in mesh.ledger("bl2") if e["gateway"] == "spare" and "takes over from bl1/bot" in e["sentence"]]
    assert acts, mesh.ledger("bl2")

    mesh.node("bl1").boot()
    mesh.is_in("bl1", "bot", "ready", 180)
    mesh.is_in("bl2", "spare", "standing_by", 60)
    wait_until("people to be told that it is over", lambda: mesh.told("bl2", "bl1/bot has its bot again"), 30)
    assert len(mesh.told("bl2", "takes over")) == 1
    mesh.assert_never_two()


def test_a_stand_by_that_somebody_starts_is_stopped_again(mesh):
    pid = mesh.gateway("bl1", "bot")["identity"]["pid"]
    mesh.node("bl2").systemctl("start", "bot.service")
    mesh.node("bl2").wait("it to be stopped", lambda: mesh.node("bl2").sh("systemctl show -P ActiveState bot.service")
                          == "inactive", 60, 0.3)
    mesh.is_in("bl2", "spare", "standing_by")
    assert mesh.gateway("bl1", "bot")["identity"]["pid"] == pid, "the primary is left alone"
