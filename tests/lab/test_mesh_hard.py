"""Five nodes with real Serf, sshd and systemd in their worst hours: the network in two parts, a full disk, a broken meshops,
the same bad configuration on all of them. What each has done, and what it has left alone, stands in the ledger of every node."""

import datetime

import pytest
from lab import Cloud, HealingMesh, LabError, faults, wait_until
from lab.patient import ALERT
from lab.site import STATE

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]
NAMES = ("hb1", "hb2", "hb3", "hb4", "hb5")
STORM = "many nodes are in trouble at once"


@pytest.fixture(scope="module")
def cloud(lab):
    return Cloud(lab)


@pytest.fixture(scope="module")
def made(lab, cloud):
    mesh = HealingMesh(lab, *NAMES, extra=ALERT + cloud.mesh_toml(), node_extra=cloud.instances(*NAMES), own_binary=("hb4",))
    cloud.let_in(*NAMES)
    yield mesh
    mesh.poweroff()


@pytest.fixture
def mesh(made):
    """Whatever the test before did: all well, nobody remembers anything, and the ledgers are read from here on."""
    made.forget()
    made.wait_all_well(120)
    made.mark()
    return made


def helped(mesh, patient, timeout=120):
    """Waits until somebody's ledger has a treatment of it that helped; gives all that anybody did to others."""
    def done():
        acts = mesh.acts()
        if not any(a[1] == patient and a[3] == "helped" for a in acts):
            raise LabError(f"{acts}; seen: {[mesh.peers(n).get(patient) for n in NAMES if mesh.agent_is(n) == 'active']}")
        return acts
    return wait_until(f"{patient} to be treated by a sibling", done, timeout, 0.5)


def reasons(mesh, name):
    """Why it does nothing about those that it sees in trouble: peer → reason."""
    return {n: seen["reason"] for n, seen in mesh.peers(name).items() if seen["trouble"] != "none"}


def of_the_mesh(mesh):
    """What people were told of the whole mesh: (node that told, kind)."""
    return [(name, a["kind"]) for name in NAMES for a in mesh.alerts(name) if STORM in a["headline"] or "storm" in a["headline"]]


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_in_two_parts_the_larger_heals_what_it_reaches_and_the_smaller_only_itself(mesh, cloud):
    large, small = ("hb1", "hb2", "hb3"), ("hb4", "hb5")
    mesh.split(large, small)
    try:
        mesh.kill_agent("hb2")
        mesh.kill_agent("hb5")
        mesh.break_gateway("hb4")
        acts = helped(mesh, "hb2")
        assert [a[1:] for a in acts] == [("hb2", "revive", "helped")] and acts[0][0] in large, acts
        # What hb4's own agent can do it does, also in a minority; to hb5, which it reaches, it does nothing.
        mesh.sites["hb4"].wait_ready(60)
        mesh.node("hb4").wait("hb4 to have healed it", lambda: [act[::2] for act in mesh.on_itself("hb4")] == [
            ("main", "helped")], 60, 0.5)
        alone = wait_until("hb4 to say why", lambda: set(reasons(mesh, "hb4").values()) == {"minority"} and
                           reasons(mesh, "hb4"), 30, 0.5)
        assert "hb5" in alone and mesh.agent_is("hb5") == "failed", alone
        # All of the larger part miss the two, and could have them reset: but two at once are a broken network.
        wait_until("hb3, whose turn it would be, to say so", lambda: reasons(mesh, "hb3").get("hb5") == "storm", 300, 0.5)
        assert mesh.peers("hb3")["hb4"]["trouble"] == "unreachable" and set(reasons(mesh, "hb4").values()) == {"minority"}
        assert mesh.acts() == acts and cloud.requests() == [] and mesh.agent_is("hb5") == "failed"
    finally:
        mesh.rejoin(large, small)
    # Now the others reach hb5, and hb4 is no minority any more: it is done once, by one.
    acts = helped(mesh, "hb5", 180)
    mesh.wait_all_well(120)
    assert [a[1:] for a in mesh.acts()] == [("hb2", "revive", "helped"), ("hb5", "revive", "helped")], mesh.acts()
    assert [mesh.on_itself(n) for n in ("hb1", "hb2", "hb3", "hb5")] == [[]] * 4
    assert [act[::2] for act in mesh.on_itself("hb4")] == [("main", "helped")], mesh.on_itself("hb4")
    # People hear of it once from each side, and not of node after node.
    told = of_the_mesh(mesh)
    assert [sum(n in side for n, _ in told) for side in (large, small)] == [1, 1], told
    assert not any("needs a person" in a["headline"] for name in NAMES for a in mesh.alerts(name))
    assert cloud.requests() == []


def test_on_a_full_disk_an_agent_starts_and_a_dead_one_is_brought_back(mesh):
    node, pid = mesh.node("hb3"), mesh.sites["hb3"].gateway_pid()
    # With room for the copy of meshops that lies there.
    disk = faults.SmallDisk(node, "/var/lib/meshops", mib=256)
    try:
        disk.fill()
        mesh.kill_agent("hb3")
        assert node.run("echo x > /var/lib/meshops/x", check=False).code != 0, "it must be full"
        acts = helped(mesh, "hb3")
        assert [a[1:] for a in acts] == [("hb3", "revive", "helped")] and acts[0][0] != "hb3", acts
        # The ledger gave its spare room back, to write down who brought the agent back.
        assert mesh.visits("hb3")[-1][:2] == (acts[0][0], "revive")
        mesh.wait_all_well(90)
        # What it must remember of the treatment it has beside its socket.
        assert acts[0][0] in node.sh("cat /run/meshops/healing-treatments.spare")
        assert mesh.sites["hb3"].gateway_pid() == pid and mesh.acts() == acts
        assert [mesh.on_itself(n) for n in NAMES] == [[]] * 5
        # What it does now is written down, too.
        known = mesh.ledger("hb3")
        faults.kill(node, pid)
        mesh.sites["hb3"].wait_ready(60, not_pid=pid)
        assert [e["by"] for e in mesh.ledger("hb3") if e not in known] == ["supervision"], mesh.ledger("hb3")[:3]
    finally:
        disk.remove()


def test_a_broken_meshops_is_put_back_and_the_gateway_does_not_notice(mesh):
    node, pid = mesh.node("hb4"), mesh.sites["hb4"].gateway_pid()
    binary = mesh.binary("hb4")
    whole = node.sh(f"sha256sum < {binary}")
    # A download that broke off, under a new inode: what runs still has the old one until it dies.
    node.run(f"head -c 1000000 {binary} > {binary}.new && chmod 755 {binary}.new && mv -f {binary}.new {binary}")
    assert node.run([binary, "--version"], check=False).code != 0
    faults.kill(node, mesh.sites["hb4"].agent_pid())
    acts = helped(mesh, "hb4")
    assert [a[1:] for a in acts] == [("hb4", "reinstall", "helped")] and acts[0][0] != "hb4", acts
    assert node.sh(f"sha256sum < {binary}") == whole
    assert node.sh(f"stat -c %s {binary}.before-reinstall") == "1000000", "the broken bytes are kept"
    mesh.wait_all_well(90)
    assert mesh.sites["hb4"].gateway_pid() == pid
    assert mesh.acts() == acts and [mesh.on_itself(n) for n in NAMES] == [[]] * 5


def test_one_bad_configuration_on_all_is_a_storm_told_once_and_healed_one_by_one(mesh):
    dead = ("hb1", "hb2", "hb3")
    for name in dead:
        mesh.kill_agent(name)
    for name in NAMES:
        mesh.break_gateway_config(name)
    for name in NAMES:
        faults.kill(mesh.node(name), mesh.sites[name].gateway_pid())
    # Whose agent lives heals itself: that is no business of the mesh, and waits for nobody.
    for name in ("hb4", "hb5"):
        mesh.sites[name].wait_ready(90)
    wait_until("somebody to hold back", lambda: any(
        seen.get("reason") in ("storm", "brake") for n in ("hb4", "hb5") for seen in mesh.peers(n).values()), 90, 0.5)
    for name in dead:
        mesh.node(name).wait("it to be back", lambda at=name: mesh.agent_is(at) == "active", 300, 0.5)
        mesh.sites[name].wait_ready(90)
    mesh.wait_all_well(120)
    acts = mesh.acts()
    assert sorted(a[1] for a in acts) == sorted(dead) and {a[2:] for a in acts} == {("revive", "helped")}, acts
    spans = sorted((seconds(e["began"]), seconds(e["ended"])) for name in NAMES for e in mesh.since(name)
                   if e["gateway"].startswith("node ") and e["gateway"] != f"node {name}")
    for (_, ended), (began, _) in zip(spans, spans[1:]):
        assert began - ended > 55, f"one by one, a minute apart: {spans}"
    for name in NAMES:
        own = mesh.on_itself(name)
        assert [act[::2] for act in own] == [("main", "helped")], (name, own)
    assert [kind for _, kind in of_the_mesh(mesh)] == ["stopped"], of_the_mesh(mesh)
    assert not any("needs a person" in a["headline"] for name in NAMES for a in mesh.alerts(name))
