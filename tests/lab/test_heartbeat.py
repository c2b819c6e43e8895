"""Heartbeats between two real nodes: who answers, how fresh the agent behind the answer is, and what is met with silence.

No agent runs here: what it would say of itself is written by the test. What asks is meshops itself (`meshops mesh members`)
and, for all that it would never send, `beat.py`.
"""

import base64
import json
import time
from pathlib import Path

import pytest
from lab import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]

UNIT = "meshops-web.service"
PORT = 7947
KEYS = "/var/lib/meshops/heartbeat.keys"
KEYRING = "/var/lib/meshops-serf/keyring"
BEAT = "/root/beat.py"
SAY = """
import json, os, sys, time
os.makedirs("/run/meshops", exist_ok=True)
word = {"schema": "meshops.word/1", "said_at_ns": time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(sys.argv[2]),
        "gateways": sys.argv[1], "heals_itself": False, "paused": False}
with open("/run/meshops/word.new", "w") as f: f.write(json.dumps(word))
os.chmod("/run/meshops/word.new", 0o644)
os.rename("/run/meshops/word.new", "/run/meshops/word")
"""


def mesh(node, *words, timeout=90.0):
    return node.run(["meshops", "mesh", *words], check=False, timeout=timeout)


def heartbeats(node):
    """As `node` hears them: name → heartbeat. Empty while its Serf does not answer."""
    said = json.loads(mesh(node, "members", "--format", "json").out)
    return {m["name"]: m["heartbeat"] for m in said.get("members", [])}


def all_answer(nodes):
    heard = [heartbeats(n) for n in nodes]
    return all(set(h) == {n.name for n in nodes} and all(b["answered"] for b in h.values()) for h in heard)


def until(asker, patient, what, holds):
    """What `asker` hears of `patient`, as soon as it `holds`: a word is read again every 200 ms."""
    heard = {}

    def good():
        heard.update(heartbeats(asker).get(patient, {}))
        return heard.get("answered") and holds(heard)
    wait_until(f"{asker.name} to hear {patient}: {what}", good, 10)
    return heard


def say(node, gateways="well", later_ns=0):
    """What the agent of that node does each second."""
    node.run(["python3", "-c", SAY, gateways, str(later_ns)])


def ask(asker, patient, name=None, of_mesh="home", keys=None):
    """One question by beat.py; None is silence."""
    done = asker.run(["python3", BEAT, patient.address, str(PORT), asker.name, name or patient.name, of_mesh],
                     input=keys or asker.read(KEYS))
    return json.loads(done.out)


@pytest.fixture(scope="module")
def pair(lab):
    nodes = one, two = lab.add("hb1", "hb2")
    plan = '[mesh]\nname = "home"\ngossip_profile = "lan"\n' + "".join(
        f'[[node]]\nname = "{n.name}"\naddress = "{n.address}"\nuser = "root"\n' for n in nodes)
    for node in nodes:
        # Root's alone, as it is where it holds secrets: who answers must not need it.
        node.write("/etc/meshops/mesh.toml", plan, mode=0o600)
        node.copy_in(Path(__file__).with_name("beat.py"), BEAT)
    done = mesh(one, "init")
    assert done.code == 0, done
    assert "port 7946 must be open for TCP and UDP, and port 7947 (heartbeats) for UDP" in done.out
    two.write(KEYRING, one.read(KEYRING), mode=0o600)
    done = mesh(two, "join")
    assert done.code == 0, done
    yield nodes
    for node in nodes:
        if node.running():
            node.poweroff()


@pytest.fixture
def whole(pair):
    """Whatever the test before did, both answer both."""
    wait_until("both to answer both", lambda: all_answer(pair), 60, 0.3)
    return pair


def test_after_init_and_join_each_answers_and_says_that_no_agent_has_spoken(pair):
    wait_until("both to answer both", lambda: all_answer(pair), 30, 0.3)
    for node in pair:
        for heartbeat in heartbeats(node).values():
            assert heartbeat["agent_age_s"] is None and heartbeat["gateways"] == "unknown", heartbeat
            assert heartbeat["took_ms"] < 330, heartbeat
        assert mesh(node, "members").out.count("its agent has not spoken") == 2
        assert node.sh(f"systemctl is-active {UNIT}; systemctl is-enabled {UNIT}") == "active\nenabled"


def test_the_answer_says_how_long_ago_the_agent_spoke(whole):
    one, two = whole
    began = time.monotonic()
    say(two, "ill")
    first = until(one, "hb2", "its gateways are ill", lambda h: h["gateways"] == "ill")
    assert 0 <= first["agent_age_s"] <= time.monotonic() - began, first
    # It speaks no more, and each answer is older, by as much as time goes on.
    time.sleep(2)
    second = heartbeats(one)["hb2"]
    assert second["gateways"] == "ill"
    assert first["agent_age_s"] + 2 <= second["agent_age_s"] <= time.monotonic() - began, (first, second)
    say(two)
    until(one, "hb2", "its gateways are well", lambda h: h["gateways"] == "well")
    assert "gateways well" in mesh(one, "members").out


def test_a_word_of_the_future_or_none_at_all_is_an_agent_that_has_not_spoken(whole):
    one, two = whole

    def spoke(h):
        return h["agent_age_s"] is not None and h["gateways"] == "well"

    def has_not(h):
        return h["agent_age_s"] is None and h["gateways"] == "unknown"
    for spoil in (lambda: say(two, later_ns=3600 * 10**9), lambda: two.run("echo broken > /run/meshops/word"),
                  lambda: two.run("rm /run/meshops/word")):
        say(two)
        until(one, "hb2", "its agent has spoken", spoke)
        spoil()
        until(one, "hb2", "its agent has not spoken", has_not)


def test_only_who_has_the_key_and_asks_for_this_node_gets_an_answer(whole):
    one, two = whole
    say(two)
    until(one, "hb2", "it is well", lambda h: h["gateways"] == "well")
    answer = ask(one, two)
    assert answer["from"] == "hb2" and answer["gateways"] == "well" and answer["source"] == two.address
    wrong = json.dumps({"keys": [base64.b64encode(bytes(32)).decode()]})
    assert ask(one, two, keys=wrong) is None
    assert ask(one, two, name="hb1") is None
    assert ask(one, two, of_mesh="hope") is None
    # Not even the mesh key itself is one: who answers has never had it.
    assert ask(one, two, keys=json.dumps({"keys": json.loads(one.read(KEYRING))})) is None
    assert ask(one, two) is not None


def test_the_answer_leaves_from_the_address_that_was_asked(whole):
    one, two = whole
    second = "10.99.0.2"
    two.run(f"ip address add {second}/32 dev lo")
    one.run(f"ip route add {second}/32 via {two.address}")
    done = one.run(["python3", BEAT, second, str(PORT), "hb1", "hb2", "home"], input=one.read(KEYS))
    assert json.loads(done.out)["source"] == second


def test_who_answers_has_no_rights_and_no_mesh_key(whole):
    two = whole[1]
    pid = two.sh(f"systemctl show -P MainPID {UNIT}")
    status = two.sh(f"cat /proc/{pid}/status")
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    uid = two.sh(f"stat -c %u /proc/{pid}")
    assert uid != "0"
    assert two.sh(f"stat -c '%U %a' {KEYS}") == "root 600"
    for file in (KEYS, KEYRING, "/etc/meshops/mesh.toml"):
        assert not two.run(["setpriv", "--reuid", uid, "--clear-groups", "cat", file], check=False)
    for secret in (json.loads(two.read(KEYRING))[0], json.loads(two.read(KEYS))["keys"][0]):
        assert secret not in two.sh("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '", check=False)
        assert secret not in two.sh("journalctl --no-pager")
        assert secret not in two.sh(f"cat /proc/{pid}/environ | tr '\\0' ' '")
    assert json.loads(two.read(KEYRING))[0] != json.loads(two.read(KEYS))["keys"][0]


def test_a_node_whose_answerer_was_stopped_is_silent(whole):
    one, two = whole
    two.systemctl("stop", UNIT)
    heard = heartbeats(one)
    assert heard["hb2"] == {"answered": False} and heard["hb1"]["answered"], heard
    shown = mesh(one, "members")
    assert shown.code == 0 and "silent" in shown.out, "Serf is another matter"
    two.systemctl("start", UNIT)


def test_a_killed_answerer_is_back_by_itself_and_so_is_one_after_a_boot(whole):
    one, two = whole
    pid = two.sh(f"systemctl show -P MainPID {UNIT}")
    two.run(f"kill -KILL {pid}")
    wait_until("another one to answer", lambda: heartbeats(one)["hb2"]["answered"]
               and two.sh(f"systemctl show -P MainPID {UNIT}") not in ("0", pid), 30)
    two.poweroff()
    assert heartbeats(one)["hb2"] == {"answered": False}
    two.boot()
    wait_until("it to answer after the boot", lambda: heartbeats(one)["hb2"]["answered"], 60, 0.3)


def test_after_a_rotation_all_are_answered_again(whole):
    one, two = whole
    before = one.read(KEYS)
    done = mesh(one, "keys", "rotate", timeout=200)
    assert done.code == 0, done
    assert one.read(KEYS) != before
    assert heartbeats(one)["hb1"]["answered"], "this node's own was done at once"
    # The other one's agent does it there; without one, this does.
    assert mesh(two, "join").code == 0
    assert two.read(KEYS) == one.read(KEYS)
    wait_until("both to answer both", lambda: all_answer(whole), 30, 0.3)
    assert ask(one, two) is not None and ask(two, one) is not None
    assert ask(one, two, keys=before) is None, "who has the old key only is not answered any more"


def test_who_leaves_answers_no_more_and_may_come_back(whole):
    one, two = whole
    assert mesh(two, "leave").code == 0
    assert heartbeats(one)["hb2"] == {"answered": False}
    assert two.sh(f"systemctl is-active {UNIT}; systemctl is-enabled {UNIT}", check=False) == "inactive\ndisabled"
    assert mesh(two, "join").code == 0
    wait_until("both to answer both", lambda: all_answer(whole), 30, 0.3)


def test_a_port_that_is_taken_is_said_with_the_remedy(whole):
    two = whole[1]
    two.systemctl("stop", UNIT)
    two.service("squatter", ["python3", "-c",
                             "import socket, time\ns = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
                             f"s.bind(('::', {PORT}))\ntime.sleep(600)"])
    two.wait("the port to be taken", lambda: f":{PORT}" in two.sh("ss -lun", check=False), 10)
    done = two.run(["meshops", "web"], check=False)
    assert done.code == 3 and f"UDP port {PORT}" in done.err and "ss -lunp" in done.err, done
    two.systemctl("stop", "squatter.service")
    two.systemctl("start", UNIT)
