"""Five nodes and what keeps one from being reached: banned by a peer's fail2ban it is let in again; frozen as a whole it is
reset through its provider, once, by one. What each has done stands in the ledger of every node."""

import pytest
from lab import Cloud, HealingMesh, LabError, wait_until
from lab.patient import ALERT

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]
NAMES = ("hr1", "hr2", "hr3", "hr4", "hr5")
JAIL = """[DEFAULT]
backend = polling
banaction = nftables
bantime = 1h
[sshd]
enabled = true
port = ssh
logpath = /var/log/lab-auth.log
"""


@pytest.fixture(scope="module")
def cloud(lab):
    return Cloud(lab)


@pytest.fixture(scope="module")
def made(lab, cloud):
    mesh = HealingMesh(lab, *NAMES, extra=ALERT + cloud.mesh_toml(), node_extra=cloud.instances(*NAMES))
    cloud.let_in(*NAMES)
    yield mesh
    mesh.poweroff()


@pytest.fixture
def mesh(made):
    made.forget()
    made.wait_all_well(120)
    made.mark()
    return made


def bans(node):
    return node.sh("fail2ban-client banned", check=False)


def lets_in(mesh, name, peer):
    """Whether the kernel of `name` lets `peer` in at its SSH port."""
    return mesh.node(peer).run(f"timeout 2 bash -c 'exec 3<>/dev/tcp/{mesh.node(name).address}/22'", check=False).code == 0


def get_banned(mesh, name, peer):
    """As a peer is banned whose agent was not yet there to be ignored: by its failures, by the jail itself."""
    node, address = mesh.node(name), mesh.node(peer).address
    node.write("/etc/fail2ban/jail.d/lab.local", JAIL)

    def banned():
        # The agent may look in the very second in between; then it is begun again.
        node.run(f"for i in 1 2 3 4 5 6; do date +\"%b %d %T {name} sshd[$$]: Failed password for invalid user x from {address} "
                 "port 4242$i ssh2\"; done >> /var/log/lab-auth.log")
        node.systemctl("restart", "fail2ban.service")
        return wait_until("the jail to ban it", lambda: not lets_in(mesh, name, peer), 10, 0.1)

    def tried():
        try:
            return banned()
        except AssertionError as why:
            raise LabError(str(why)) from None
    wait_until(f"{name} to ban {peer}", tried, 60, 0.1)


def test_a_peer_that_fail2ban_bans_is_let_in_again_and_the_mesh_is_not_hurt(mesh):
    node, address = mesh.node("hr1"), mesh.node("hr2").address
    peers = [mesh.node(n).address for n in NAMES[1:]]

    def ignored():
        said = node.sh("fail2ban-client get sshd ignoreip", check=False).split()
        return all(a in said for a in peers)
    try:
        get_banned(mesh, "hr1", "hr2")
        # Nobody else is shut out, and all hear each other as before.
        assert lets_in(mesh, "hr1", "hr3")
        assert {seen["trouble"] for n in NAMES for seen in mesh.peers(n).values()} == {"none"}
        node.wait("the ban to be lifted", lambda: lets_in(mesh, "hr1", "hr2") and address not in bans(node), 120, 0.5)
        node.wait("all to be ignored from now on", ignored, 120, 0.5)
        node.wait("hr1 to write it down", lambda: mesh.on_itself("hr1") == [("main", "unban_peer", "helped")], 30)
        # It reads its configuration again, and forgets whom it was told to ignore.
        node.run(["fail2ban-client", "reload"])
        assert not ignored()
        node.wait("it to be told again", ignored, 120, 0.5)
    finally:
        node.systemctl("stop", "fail2ban.service", check=False)
    mesh.wait_all_well(60)
    assert mesh.acts() == [] and mesh.on_itself("hr1") == [("main", "unban_peer", "helped")]
    assert [mesh.on_itself(n) for n in NAMES[1:]] == [[]] * 4


def test_a_frozen_node_is_reset_by_its_provider_once_and_comes_back(mesh, cloud):
    node = mesh.node("hr5")
    node.freeze()
    others = NAMES[:4]
    wait_until("all to miss it", lambda: {mesh.peers(n)["hr5"]["trouble"] for n in others} == {"unreachable"}, 90, 0.5)
    assert mesh.acts(others) == [] and cloud.requests() == [], "it may just be rebooting"
    cloud.press_when_asked("hr5", 300)
    mesh.wait_all_well(120)
    acts = mesh.acts()
    assert [a[1:] for a in acts] == [("hr5", "reset", "helped")], acts
    healer = acts[0][0]
    assert [(r["path"], r["right_key"], r["from"]) for r in cloud.requests("POST")] == [
        (cloud.path("hr5", "/reboot"), True, mesh.node(healer).address)], cloud.requests()
    assert {(r["path"], r["right_key"], r["from"]) for r in cloud.requests("GET")} == {
        (cloud.path("hr5"), True, mesh.node(healer).address)}
    assert [mesh.on_itself(n) for n in NAMES] == [[]] * 5
    key = (cloud.dir / "api-key").read_text().strip()
    assert not any(key in mesh.node(n).journal("-o", "cat") for n in NAMES)
