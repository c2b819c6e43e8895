"""Two nodes and an object store: what is frozen is reset, once, under a lease there; what is only cut off is not; and a
store that does not answer is in nobody's way. The store is a real S3 server (s3.py)."""

import pytest
from lab import Bucket, Cloud, HealingMesh, LabError, wait_until
from lab.patient import ALERT

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]
NAMES = ("os1", "os2")


@pytest.fixture(scope="module")
def cloud(lab):
    return Cloud(lab)


@pytest.fixture(scope="module")
def bucket(lab):
    return Bucket(lab)


@pytest.fixture(scope="module")
def made(lab, cloud, bucket):
    mesh = HealingMesh(lab, *NAMES, extra=ALERT + cloud.mesh_toml() + bucket.mesh_toml(),
                       node_extra=cloud.instances(*NAMES))
    cloud.let_in(*NAMES)
    bucket.let_in(*NAMES)
    yield mesh
    mesh.poweroff()


@pytest.fixture
def mesh(made, bucket):
    made.forget()
    made.wait_all_well(120)
    wait_until("both to have written", lambda: bucket.seen_from("os1")["code"] == 0, 90, 1)
    wait_until("the store to be of use to both", lambda: {store_trouble(made, n) for n in NAMES} == {""}, 90, 0.5)
    made.mark()
    return made


def store_trouble(mesh, name):
    own = next(n for n in mesh.sites[name].status()["nodes"] if n.get("self", True))
    return own["mesh"]["store_trouble"]


def store_warnings(mesh, name):
    return mesh.node(name).journal("-o", "cat", "MESHOPS_EVENT=mesh.store", "PRIORITY=4").splitlines()


def test_heartbeats_lie_in_the_store_and_its_conditions_hold(mesh, bucket):
    look = bucket.seen_from("os2")
    assert look["conditions"] == {"proven": True, "said": ""}
    for name in NAMES:
        node = look["nodes"][name]
        assert node["fresh"] and node["beat"]["paused"] is False and node["lease"] is None, node
        assert node["beat"]["boot"]
    said = mesh.node("os1").run(["meshops", "mesh", "store"]).out
    assert "refuses what it must" in said and "os2  heartbeat" in said, said


def test_a_frozen_node_of_two_is_reset_once_under_a_lease_in_the_store(mesh, cloud, bucket):
    mesh.node("os2").freeze()
    wait_until("it to be missed", lambda: mesh.peers("os1")["os2"]["trouble"] == "unreachable", 90, 0.5)
    assert mesh.acts(["os1"]) == [] and cloud.requests() == [], "it may just be rebooting"
    wait_until("a reset to be asked for", lambda: cloud.requests("POST"), 360, 0.2)
    lease = bucket.seen_from("os1")["nodes"]["os2"]["lease"]
    assert (lease["holder"], lease["number"], lease["held"]) == ("os1", 1, True), lease
    cloud.press_when_asked("os2", 30)
    mesh.wait_all_well(120)
    wait_until("the provider to say that it is done", lambda: "open" not in {act[3] for act in mesh.acts()}, 60, 0.5)
    assert mesh.acts() == [("os1", "os2", "reset", "helped")]
    assert [(r["path"], r["right_key"]) for r in cloud.requests("POST")] == [(cloud.path("os2", "/reboot"), True)]
    assert [mesh.on_itself(n) for n in NAMES] == [[], []]
    wait_until("the lease to be given back", lambda: bucket.seen_from("os2")["nodes"]["os2"]["lease"]["released"], 30, 1)
    assert ", under lease 1" in mesh.since("os1")[-1]["sentence"]
    secret = (bucket.dir / "key").read_text().split()[-1]
    assert not any(secret in mesh.node(n).journal("-o", "cat") for n in NAMES)


def test_of_two_that_are_cut_off_from_each_other_none_is_reset_and_people_are_told(mesh, cloud, bucket):
    before = len(cloud.requests())
    mesh.split(["os1"], ["os2"])
    try:
        pairs = (("os1", "os2"), ("os2", "os1"))
        wait_until("both to miss each other",
                   lambda: {mesh.peers(a)[b]["trouble"] for a, b in pairs} == {"unreachable"}, 90, 0.5)
        wait_until("people to be told", lambda: all(mesh.alerts(n) for n in NAMES), 360, 1)
        # Of two, who misses the other and has no witness against it is alone.
        assert [mesh.peers(a)[b]["reason"] for a, b in pairs] == ["minority"] * 2
        assert bucket.seen_from("os1")["code"] == 0, "both reach the store"
    finally:
        mesh.rejoin(["os1"], ["os2"])
    mesh.wait_all_well(120)
    assert mesh.acts() == [] and len(cloud.requests()) == before
    assert [mesh.on_itself(n) for n in NAMES] == [[], []]


def test_what_is_healed_over_ssh_needs_no_store(mesh, bucket):
    pid = mesh.sites["os2"].gateway_pid()
    before = len(store_warnings(mesh, "os1"))
    with bucket.hangs():
        wait_until("the store to be missed", lambda: store_trouble(mesh, "os1"), 90, 0.5)
        mesh.kill_agent("os2")

        def healed():
            acts = mesh.acts(["os1"])
            if ("os1", "os2", "revive", "helped") not in acts:
                raise LabError(f"{acts}; seen: {mesh.peers('os1')}")
            return acts
        acts = wait_until("it to be healed all the same", healed, 120, 0.5)
        assert acts == [("os1", "os2", "revive", "helped")]
        mesh.wait_all_well(60)
    assert mesh.agent_is("os2") == "active" and mesh.sites["os2"].gateway_pid() == pid
    said = store_warnings(mesh, "os1")[before:]
    assert len(said) == 1 and "within 4 s" in said[0], "a store that fails is warned about once"
