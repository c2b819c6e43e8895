"""Three nodes with real Serf, sshd and systemd heal each other: what one's own agent cannot do, a sibling does; and
what nobody can prove, nobody does. After each fault the ledgers of all are read."""

import json

import pytest
from lab import HealingMesh, LabError, wait_until
from lab.site import CONFIG, STATE

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]
NAMES = ("mh1", "mh2", "mh3")
KEYS = "/var/lib/meshops/heartbeat.keys"


@pytest.fixture(scope="module")
def made(lab):
    mesh = HealingMesh(lab, *NAMES)
    yield mesh
    mesh.poweroff()


@pytest.fixture
def mesh(made):
    """Whatever the test before did: all well, and each ledger's length is known."""
    made.forget()
    made.wait_all_well(120)
    made.before = {name: len(made.treatments(name)) for name in NAMES}
    return made


def new(mesh):
    """What each has done to others since the test began: (healer, patient, remedy, verdict)."""
    return [(name, e["gateway"].removeprefix("node "), e["remedy"], e["verdict"])
            for name in NAMES for e in mesh.treatments(name)[mesh.before[name]:]]


def healed(mesh, patient, timeout=120):
    """Waits until somebody's ledger has a treatment of it that helped; gives all there were."""
    def done():
        acts = new(mesh)
        if not any(a[1] == patient and a[3] == "helped" for a in acts):
            raise LabError(f"{acts}; seen: {[mesh.peers(n).get(patient) for n in NAMES if n != patient]}")
        return acts
    return wait_until(f"{patient} to be treated by a sibling", done, timeout, 0.5)


def test_they_hear_each_other(mesh):
    for name in NAMES:
        peers = mesh.peers(name)
        assert set(peers) == set(NAMES) - {name}
        for seen in peers.values():
            assert seen["heard_s_ago"] < 3 and seen["agent_s_ago"] < 5 and seen["gateways_are"] == "well", seen
    assert "heard" in mesh.node("mh1").run(["meshops", "status"]).out


def test_a_dead_agent_is_brought_back_and_its_gateway_left_alone(mesh):
    pid = mesh.sites["mh2"].gateway_pid()
    mesh.kill_agent("mh2")
    acts = healed(mesh, "mh2")
    assert [a[1:] for a in acts] == [("mh2", "revive", "helped")], acts
    assert mesh.agent_is("mh2") == "active" and mesh.sites["mh2"].gateway_pid() == pid
    assert [v[:2] for v in mesh.visits("mh2")[-1:]] == [(acts[0][0], "revive")], "the patient's own ledger says the same"
    mesh.wait_all_well(60)


def test_a_dead_agent_over_a_broken_gateway_both_come_back(mesh):
    mesh.kill_agent("mh3")
    mesh.break_gateway("mh3")
    acts = healed(mesh, "mh3")
    assert acts[0][1:3] == ("mh3", "revive"), acts
    mesh.sites["mh3"].wait_ready(90)
    mesh.wait_all_well(90)
    assert {a[1] for a in new(mesh)} == {"mh3"}
    own = [e for e in mesh.ledger("mh3") if e["gateway"] == "main" and e["remedy"] != "start"]
    assert own and own[0]["verdict"] == "helped", own


def test_two_dead_agents_at_once_are_brought_back_one_by_one(mesh):
    mesh.kill_agent("mh1")
    mesh.kill_agent("mh2")
    mesh.node("mh3").wait("both agents to be back", lambda: mesh.agent_is("mh1") == mesh.agent_is("mh2") == "active",
                          240, 0.5)
    mesh.wait_all_well(90)
    acts = new(mesh)
    assert sorted((a[1], a[2]) for a in acts) == [("mh1", "revive"), ("mh2", "revive")], acts
    times = sorted((e["began"], e["ended"]) for name in NAMES for e in mesh.treatments(name)[mesh.before[name]:])
    assert times[0][1] <= times[1][0], "one after the other"


def test_a_minority_stays_quiet_and_nothing_is_done_twice_when_the_network_returns(mesh):
    mesh.lab.isolate("mh1")
    mesh.kill_agent("mh2")
    try:
        acts = healed(mesh, "mh2")
        assert acts == [("mh3", "mh2", "revive", "helped")], acts
        alone = mesh.peers("mh1")
        assert {alone[n]["reason"] for n in ("mh2", "mh3")} == {"minority"}, alone
    finally:
        mesh.lab.rejoin("mh1")
    mesh.wait_all_well(120)
    assert new(mesh) == [("mh3", "mh2", "revive", "helped")]


def test_a_one_way_link_heals_nobody(mesh):
    mesh.lab.link("mh1", "mh2").cut("mh2")
    try:
        mesh.node("mh1").wait("mh1 to miss mh2", lambda: mesh.peers("mh1")["mh2"]["trouble"] != "none", 30)
        mesh.node("mh1").wait("mh1 to hear from mh3 that mh2 is well",
                              lambda: mesh.peers("mh1")["mh2"].get("reason") in
                              ("only_we_miss_it", "somebody_sees_it", "unconfirmed"), 60)
    finally:
        mesh.lab.link("mh1", "mh2").restore()
    mesh.wait_all_well(90)
    assert new(mesh) == []


@pytest.mark.parametrize("shape", [{"loss": 30}, {"delay_ms": 500}, {"loss": 30, "delay_ms": 250}],
                         ids=["loss", "delay", "both"])
def test_loss_and_delay_heal_nobody(mesh, shape):
    links = [mesh.lab.link(a, b) for a, b in (("mh1", "mh2"), ("mh2", "mh3"), ("mh1", "mh3"))]
    for link in links:
        link.shape(**shape)
    try:
        wait_until("half a minute of it to pass", lambda started=mesh.node("mh1").sh("cut -d. -f1 /proc/uptime"):
                   int(mesh.node("mh1").sh("cut -d. -f1 /proc/uptime")) - int(started) > 30, 60, 1)
    finally:
        for link in links:
            link.restore()
    mesh.wait_all_well(90)
    assert new(mesh) == []


def test_a_paused_node_is_not_touched(mesh):
    mesh.node("mh2").run(["meshops", "pause", "mh2", "--why", "its owner works on it"])
    mesh.node("mh1").wait("the others to know", lambda: all(mesh.peers(n)["mh2"]["paused"] for n in ("mh1", "mh3")), 20)
    mesh.kill_agent("mh2")
    try:
        for name in ("mh1", "mh3"):
            mesh.node(name).wait(f"{name} to say so",
                                 lambda at=name: mesh.peers(at)["mh2"].get("reason") == "patient_paused", 60)
        # Longer than its service manager's grace, and than the takeover by the next healer.
        wait_until("a minute to pass", lambda started=mesh.node("mh1").sh("cut -d. -f1 /proc/uptime"):
                   int(mesh.node("mh1").sh("cut -d. -f1 /proc/uptime")) - int(started) > 60, 90, 1)
        assert new(mesh) == [] and mesh.agent_is("mh2") == "failed"
    finally:
        mesh.drop_in("mh2", "")
        mesh.node("mh2").systemctl("restart", "meshops-agent.service")
        mesh.node("mh2").run(["meshops", "resume", "mh2"])


def test_a_frozen_node_is_seen_and_well_again_when_it_thaws(mesh):
    node = mesh.node("mh2")
    node.freeze()
    try:
        for name in ("mh1", "mh3"):
            mesh.node(name).wait(f"{name} to miss it", lambda at=name: mesh.peers(at)["mh2"]["trouble"] == "unreachable",
                                 60)
    finally:
        node.thaw()
    mesh.wait_all_well(90)
    assert new(mesh) == []


def test_a_person_asks_for_another_node(mesh):
    mesh.kill_agent("mh1")
    plan = mesh.node("mh2").run(["meshops", "heal", "mh1", "--dry-run"], check=False)
    assert plan.code == 1 and "revive" in plan.out, plan
    mesh.node("mh2").run(["meshops", "heal", "mh1"], check=False)
    acts = healed(mesh, "mh1", 60)
    assert {(a[1], a[2]) for a in acts} == {("mh1", "revive")}
    assert mesh.agent_is("mh1") == "active"


def test_one_bot_on_two_gateways_is_found(mesh):
    token = '"channels": {"telegram": {"botToken": "%s"}}, "cron"' % "7123456789:AAF-q8Zt5VwLx2Rk9MnB7yHc4PfJ3sGdA6e"
    for name in ("mh1", "mh3"):
        text = mesh.node(name).read(f"{STATE}/openclaw.json").replace('"cron"', token, 1)
        mesh.node(name).write(f"{STATE}/openclaw.json", text, mode=0o600, owner="claw")
    try:
        mesh.node("mh1").wait("mh1 to tell of it", lambda: "telegram bot" in mesh.node("mh1").journal(
            "-u", "meshops-agent", "-o", "cat", "--grep", "are the same"), 60)
        for name in NAMES:
            assert "7123456789" not in mesh.node(name).journal("-o", "cat")
            assert "7123456789" not in mesh.node(name).sh("meshops mesh members --format json; serf members 2>&1; true")
    finally:
        for site in (mesh.sites["mh1"], mesh.sites["mh3"]):
            site.write_gateway_config()


def test_what_is_said_of_bots_without_a_signature_is_not_heard(mesh):
    """Whoever may speak to Serf can set any tag."""
    node = mesh.node("mh2")
    rpc = json.loads(node.read("/var/lib/meshops/serf.json"))
    serf = ["serf", "tags", "-rpc-addr", rpc["rpc_addr"], "-rpc-auth", rpc["rpc_auth"]]
    told = "what is said of bots in the name of mh2 is not signed"

    def ignored():
        node.run([*serf, "-set", "lease=0123456789ab=r90"])  # again: its own agent may have begun a moment ago
        return all(told in mesh.node(n).journal("-u", "meshops-agent", "-o", "cat") for n in ("mh1", "mh3"))
    try:
        wait_until("both to ignore that", ignored, 60, 1)
    finally:
        node.run([*serf, "-set", "lease="])


def test_who_answers_with_old_keys_is_started_again(mesh):
    """As after a change of keys that died between the file and the unit."""
    node = mesh.node("mh2")
    right = node.read(KEYS)
    node.systemctl("stop", "meshops-agent.service")
    node.write(KEYS, '{"schema":"meshops.heartbeat-keys/1","keys":["' + "A" * 43 + '="]}', mode=0o600)
    node.systemctl("restart", "meshops-web.service")
    node.write(KEYS, right, mode=0o600)
    pid = node.sh("systemctl show -P MainPID meshops-web.service")
    node.systemctl("start", "meshops-agent.service")
    node.wait("another answerer", lambda: node.sh("systemctl show -P MainPID meshops-web.service") not in ("0", pid), 90)
    mesh.wait_all_well(60)
    assert not new(mesh), new(mesh)


def test_a_peer_is_ignored_by_fail2ban(mesh):
    node = mesh.node("mh1")
    node.write("/etc/fail2ban/jail.d/lab.local", "[DEFAULT]\nbackend = polling\n[sshd]\nenabled = true\nlogpath = /var/log/lab-auth.log\n")
    node.run(["touch", "/var/log/lab-auth.log"])
    node.systemctl("restart", "fail2ban.service")
    node.wait("mh1's fail2ban to ignore the others", lambda: all(
        mesh.node(n).address in node.sh("fail2ban-client get sshd ignoreip", check=False) for n in ("mh2", "mh3")), 120, 1)
    node.systemctl("stop", "fail2ban.service")


def test_who_has_the_mesh_key_and_another_healing_key_is_not_heard(mesh):
    node = mesh.node("mh3")

    def trouble():
        return next(n["mesh"]["trouble"] for n in mesh.sites["mh3"].status()["nodes"] if n["self"])
    node.run("mkdir /root/right-key && cd /var/lib/meshops && mv healing_key healing_key.pub /root/right-key")
    try:
        node.wait("it to say that it has no key", lambda: "meshops mesh keys" in trouble(), 30)
        made = json.loads(node.run(["meshops", "mesh", "keys", "--format", "json"], check=False).out)["healing_key"]
        node.wait("it to say that nobody knows this one", lambda: "not the one that mesh.toml has" in trouble(), 30)
        # Its own mesh.toml has it, so it asks and answers; that of the others has not.
        known = mesh.keys["mh3"].split('"')[-2]
        node.write(CONFIG, mesh.sites["mh3"].mesh_toml().replace(known, made), mode=0o640)
        node.systemctl("restart", "meshops-agent.service")
        node.wait("it to speak with that", lambda: trouble() == "", 60)
        mesh.kill_agent("mh2")
        acts = healed(mesh, "mh2")
        assert [a for a in acts if a[3] == "helped"] == [("mh1", "mh2", "revive", "helped")], acts
        told = "in the name of mh3 is not signed"
        mesh.node("mh1").wait("mh1 to tell of it", lambda: told in mesh.node("mh1").journal("-u", "meshops-agent", "-o", "cat"), 60)
    finally:
        node.run("mv -f /root/right-key/* /var/lib/meshops && rmdir /root/right-key")
        node.write(CONFIG, mesh.sites["mh3"].mesh_toml(), mode=0o640)
        node.systemctl("restart", "meshops-agent.service")
    mesh.wait_all_well(90)
