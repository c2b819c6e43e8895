"""Membership on real Serf: three nodes become one mesh by the commands that the first one prints; who is away is seen,
who has no key stays outside, and the mesh changes its key while it runs."""

import json
import time

import pytest
from lab import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]

NAMES = ("mm1", "mm2", "mm3")
KEYRING = "/var/lib/meshops-serf/keyring"
CONFIG = "/var/lib/meshops/serf.json"


def plan(lab, *names, profile="lan"):
    text = f'[mesh]\nname = "home"\ngossip_profile = "{profile}"\n'
    return text + "".join(f'[[node]]\nname = "{n}"\naddress = "{lab[n].address}"\nuser = "root"\n' for n in names)


def mesh(node, *words, timeout=90.0):
    return node.run(["meshops", "mesh", *words], check=False, timeout=timeout)


def as_json(node, *words, timeout=90.0):
    done = mesh(node, *words, "--format", "json", timeout=timeout)
    return json.loads(done.out)


def states(node):
    """What `node` says of each: name → state. Empty while its Serf does not answer."""
    said = as_json(node, "members")
    return {m["name"]: m["state"] for m in said.get("members", [])}


def all_alive(nodes):
    want = {n.name: "alive" for n in nodes}
    return all(states(n) == want for n in nodes)


def keys(node):
    return json.loads(node.read(KEYRING))


def serf_pid(node):
    return int(node.sh("systemctl show -P MainPID meshops-serf.service"))


@pytest.fixture(scope="module")
def three(lab):
    nodes = lab.add(*NAMES)
    first = nodes[0]
    first.run("mkdir -p -m 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519")
    known = ""
    for node in nodes[1:]:
        node.run("mkdir -p -m 700 /root/.ssh")
        node.write("/root/.ssh/authorized_keys", first.read("/root/.ssh/id_ed25519.pub"), mode=0o600)
        known += f"{node.address} {node.read('/etc/ssh/ssh_host_ed25519_key.pub')}"
    first.write("/root/.ssh/known_hosts", known)
    first.write("/etc/meshops/mesh.toml", plan(lab, *NAMES))
    # What a person has who has just installed the package: an open agent on the same ports.
    first.systemctl("enable", "--now", "serf.service")
    yield nodes
    for node in nodes:
        if node.running():
            node.poweroff()


@pytest.fixture(scope="module")
def formed(three):
    """The mesh, made by hand as a person does it: with what `init` says."""
    first = three[0]
    said = as_json(first, "init")
    assert said["schema"] == "meshops.mesh-init/1" and said["made_key"] and said["ended_debian_serf"]
    assert [s["node"] for s in said["steps"]] == ["mm2", "mm3"]
    for step in said["steps"]:
        for command in step["commands"]:
            done = first.run(command, check=False, timeout=90)
            assert done.code == 0, (command, done)
    wait_until("all three to see all three", lambda: all_alive(three), 30, 0.5)
    return three


@pytest.fixture
def whole(formed):
    """Whatever the test before did, all are there."""
    yield formed
    wait_until("the mesh to be whole again", lambda: all_alive(formed), 60, 0.5)


def test_three_nodes_are_one_mesh_by_the_commands_that_init_prints(formed):
    for node in formed:
        said = as_json(node, "members")
        assert said["schema"] == "meshops.members/1" and said["mesh"] == "home" and said["node"] == node.name
        assert said["alive"] == 3 and not any(m["remarks"] for m in said["members"]), said
        assert [m["address"] for m in said["members"]] == [n.address for n in formed]
        assert mesh(node, "members").code == 0
    assert formed[0].sh("systemctl is-active serf.service; systemctl is-enabled serf.service", check=False) \
        == "inactive\ndisabled"


def test_the_key_is_the_same_everywhere_and_stands_nowhere_else(formed):
    ring = keys(formed[0])
    assert len(ring) == 1
    for node in formed:
        assert keys(node) == ring
        assert node.sh(f"stat -c '%U %a' {KEYRING} {CONFIG} /var/lib/meshops-serf") == "_serf 600\nroot 600\nroot 750"
        assert node.sh(f"ps -o user= -p {serf_pid(node)}") == "_serf"
        rpc = json.loads(node.read(CONFIG))["rpc_auth"]
        for secret in (ring[0], rpc):
            assert secret not in node.sh("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '", check=False)
            assert secret not in node.sh("journalctl --no-pager")
            assert secret not in str(mesh(node, "members")) + str(mesh(node, "init"))
        assert not node.run(f"runuser -u claw -- cat {KEYRING}", check=False)
    wait_until("the mesh after the repeated init", lambda: all_alive(formed), 30, 0.5)
    assert keys(formed[0]) == ring, "a repeated init keeps the key"


def test_who_has_no_key_is_not_let_in(lab, whole):
    stranger = lab.add("mm4")
    stranger.write("/etc/meshops/mesh.toml", plan(lab, *NAMES, "mm4"))
    done = mesh(stranger, "join")
    assert done.code == 3 and "no mesh key" in done.err and KEYRING in done.err
    # One who has made a key of its own.
    assert mesh(stranger, "init").code == 0
    done = mesh(stranger, "join", "mm1")
    assert done.code == 3 and "no member of mesh home was reached" in done.err
    time.sleep(3)                                        # for gossip that should not be
    assert set(states(whole[0])) == set(NAMES)
    assert states(stranger) == {"mm1": "never_seen", "mm2": "never_seen", "mm3": "never_seen", "mm4": "alive"}
    assert mesh(stranger, "leave").code == 0
    # And with the key it is: the owner has decided so, though mesh.toml does not list it yet.
    stranger.write(KEYRING, whole[0].read(KEYRING), mode=0o600)
    assert mesh(stranger, "join", "mm1").code == 0
    wait_until("mm1 to see the new one", lambda: states(whole[0]).get("mm4") == "alive", 20, 0.5)
    said = {m["name"]: m["remarks"] for m in as_json(whole[0], "members")["members"]}
    assert "not in mesh.toml" in said["mm4"] and "has another mesh.toml" in said["mm4"]
    assert mesh(stranger, "leave").code == 0
    wait_until("mm1 to see it leave", lambda: states(whole[0])["mm4"] == "left", 20, 0.5)
    stranger.poweroff()
    # Who has left is not missed, and is forgotten by everybody in time; here at once.
    for node in whole:
        node.sh("systemctl stop meshops-serf; rm -f /var/lib/meshops-serf/memory/snapshot")
    for node in whole:
        node.systemctl("start", "meshops-serf.service")


def test_a_frozen_member_is_suspected_and_forgiven(whole):
    pid = whole[2].sh("systemctl show -P MainPID meshops-serf.service")
    whole[2].run(f"kill -STOP {pid}")
    began = time.monotonic()
    wait_until("mm3 to be suspected", lambda: states(whole[0])["mm3"] == "failed", 60, 0.5)
    print(f"suspected after {time.monotonic() - began:.1f} s")
    assert mesh(whole[0], "members").code == 1
    shown = mesh(whole[0], "members").out
    assert "failed" in shown and "this node" in shown
    whole[2].run(f"kill -CONT {pid}")


def test_a_node_without_power_is_seen_and_is_back_by_itself(whole):
    whole[2].kill_hard()
    wait_until("mm3 to be suspected", lambda: states(whole[0])["mm3"] == "failed", 60, 0.5)
    whole[2].boot()


def test_a_killed_serf_is_started_again(whole):
    before = serf_pid(whole[1])
    whole[1].run(f"kill -KILL {before}")
    wait_until("systemd to start it again", lambda: serf_pid(whole[1]) not in (0, before), 30)


def test_who_leaves_has_left_and_may_come_back(whole):
    done = mesh(whole[2], "leave")
    assert done.code == 0 and "has left" in done.out, done
    wait_until("mm1 to know", lambda: states(whole[0])["mm3"] == "left", 20, 0.5)
    assert whole[2].sh("systemctl is-active meshops-serf; systemctl is-enabled meshops-serf", check=False) \
        == "inactive\ndisabled"
    time.sleep(7)                                        # longer than RestartSec
    assert states(whole[0])["mm3"] == "left"
    assert mesh(whole[2], "members").code == 3
    # The plan still lists it, and it would come back with the old key.
    done = mesh(whole[0], "keys", "rotate")
    assert done.code == 3 and "would shut out mm3" in done.err
    assert mesh(whole[2], "join").code == 0


def test_a_failed_member_can_be_sent_away_but_not_a_living_one(whole):
    done = mesh(whole[0], "leave", "mm3")
    assert done.code == 3 and "is alive" in done.err
    pid = serf_pid(whole[2])
    whole[2].run(f"kill -STOP {pid}")
    wait_until("mm3 to be suspected", lambda: states(whole[0])["mm3"] == "failed", 60, 0.5)
    assert mesh(whole[0], "leave", "mm3").code == 0
    wait_until("mm1 to count it as gone", lambda: states(whole[0])["mm3"] == "left", 20, 0.5)
    whole[2].run(f"kill -CONT {pid}")


def one_key(nodes, old):
    rings = [keys(n) for n in nodes]
    return all(len(r) == 1 and r == rings[0] for r in rings) and rings[0] != old


def test_the_mesh_key_is_changed_while_everybody_runs(whole):
    old = keys(whole[0])
    pids = [serf_pid(n) for n in whole]
    done = mesh(whole[1], "keys", "rotate", timeout=200)
    assert done.code == 0 and "new key on 3 nodes" in done.out, done
    assert old[0] not in str(done) and keys(whole[1])[0] not in str(done)
    assert one_key(whole, old)
    assert pids == [serf_pid(n) for n in whole]
    assert all_alive(whole)
    # It is the new one that a start reads.
    whole[2].systemctl("restart", "meshops-serf.service")


def test_no_rotation_while_a_node_is_away_and_one_after_it_is_back(lab, whole):
    old = keys(whole[0])
    lab.isolate("mm3")
    # Before anybody has noticed: the first step fails, and nothing is taken away.
    done = mesh(whole[0], "keys", "rotate", timeout=200)
    assert done.code == 3 and ("2 of 3 members" in done.err or "would shut out" in done.err), done
    wait_until("mm3 to be suspected", lambda: states(whole[0])["mm3"] == "failed", 60, 0.5)
    done = mesh(whole[0], "keys", "rotate", timeout=200)
    assert done.code == 3 and "would shut out mm3" in done.err and "--without-missing" in done.err
    assert old[0] in keys(whole[0]) and keys(whole[2]) == old
    lab.rejoin("mm3")
    wait_until("mm3 to be back", lambda: all_alive(whole), 90, 0.5)
    done = mesh(whole[0], "keys", "rotate", timeout=200)
    assert done.code == 0, done
    assert one_key(whole, old)


def test_a_rotation_that_is_killed_leaves_a_whole_mesh_and_the_next_one_ends_it(whole):
    old = keys(whole[0])
    left_over = 0
    for after in ("0.05", "0.15", "0.3", "0.5"):
        whole[0].run(["timeout", "-s", "KILL", after, "meshops", "mesh", "keys", "rotate"], check=False)
        left_over = max(left_over, len(keys(whole[1])))
        assert all_alive(whole)
    print(f"up to {left_over} keys were left over")
    done = mesh(whole[2], "keys", "rotate", timeout=200)
    assert done.code == 0, done
    assert one_key(whole, old)


def test_who_was_shut_out_comes_back_with_the_key(lab, whole):
    lab.isolate("mm3")
    wait_until("mm3 to be suspected", lambda: states(whole[0])["mm3"] == "failed", 60, 0.5)
    done = mesh(whole[0], "keys", "rotate", "--without-missing", timeout=200)
    assert done.code == 0 and "new key on 2 nodes" in done.out, done
    lab.rejoin("mm3")
    done = mesh(whole[2], "join")
    assert done.code == 3 and "no member of mesh home was reached" in done.err, done
    assert KEYRING in done.err
    assert states(whole[0])["mm3"] == "failed"
    whole[2].write(KEYRING, whole[0].read(KEYRING), mode=0o600)
    assert mesh(whole[2], "join").code == 0


def test_what_is_missing_is_said_with_the_remedy(whole):
    node = whole[1]
    node.systemctl("stop", "meshops-serf.service")
    done = mesh(node, "members")
    assert done.code == 3 and "nothing listens on 127.0.0.1:7373" in done.err and "systemctl status meshops-serf" in done.err
    node.systemctl("start", "meshops-serf.service")
    wait_until("Serf to answer", lambda: states(node), 20)
    right = node.read(CONFIG)
    node.write(CONFIG, right.replace(json.loads(right)["rpc_auth"], "d3Jvbmc="), mode=0o600)
    done = mesh(node, "members")
    assert done.code == 3 and "does not take our RPC key" in done.err
    node.write(CONFIG, right, mode=0o600)
    done = node.run("runuser -u claw -- meshops mesh members", check=False)
    assert done.code == 3 and "root" in done.err
    node.run("mv /usr/bin/serf /usr/bin/serf.away")
    done = mesh(node, "join")
    assert done.code == 3 and "apt install serf" in done.err
    node.run("mv /usr/bin/serf.away /usr/bin/serf")
