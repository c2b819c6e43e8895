"""The lab itself holds what it promises: nodes are real machines, links can be cut one way, nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab import LabError, faults, wait_until

pytestmark = pytest.mark.lab
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def pair(lab):
    a, b = lab.add("one", "two")
    yield a, b
    a.poweroff()
    b.poweroff()


def hears(node, other):
    return bool(node.run(["ping", "-c1", "-W1", other.name], check=False))


def test_a_node_has_its_own_systemd_and_a_lingering_user_manager(pair):
    node, _ = pair
    assert node.sh("cat /proc/1/comm") == "systemd"
    assert node.sh("systemctl --user is-system-running", user="claw") == "running"
    assert node.sh("hostname") == "one"


def test_a_one_way_cut_lets_only_one_direction_through(pair, lab):
    a, b = pair
    assert hears(a, b)
    link = lab.link("one", "two")
    a.run("ip neigh flush all; ip neigh replace 10.77.0.%d lladdr %s dev host0" % (
        10 + b.index, b.sh("cat /sys/class/net/host0/address")))
    before = int(b.sh("cat /sys/class/net/host0/statistics/rx_packets"))
    link.cut("two")                                      # what two sends is lost, what one sends arrives
    assert not hears(a, b)
    assert int(b.sh("cat /sys/class/net/host0/statistics/rx_packets")) > before
    link.restore()
    assert hears(a, b)


def test_a_slow_link_is_slow_and_a_restored_one_is_not(pair, lab):
    a, b = pair
    lab.link("one", "two").shape(delay_ms=80)

    def trip():
        out = a.sh(f"ping -c1 -W2 {b.name}")
        return float(out.partition("time=")[2].split()[0])

    trip()                                               # the first one also pays for ARP
    assert trip() >= 160
    lab.link("one", "two").restore()
    trip()
    assert trip() < 40


def test_the_disk_of_a_node_outlives_a_pulled_plug(pair):
    node, _ = pair
    node.write("/root/kept", "yes")
    node.kill_hard()
    node.boot()
    assert node.sh("cat /root/kept") == "yes"
    node.poweroff()
    assert not node.running()
    node.boot()


def test_a_thief_holds_the_port_until_it_is_stopped(pair):
    node, _ = pair
    thief = faults.PortThief(node, 4711)
    assert "4711" in node.sh("ss -Hltn")
    thief.stop()
    assert "4711" not in node.sh("ss -Hltn")


def test_a_small_disk_is_full_when_filled(pair):
    node, _ = pair
    disk = faults.SmallDisk(node, "/var/lib/small", mib=4)
    disk.fill()
    assert not node.run("echo x > /var/lib/small/x && sync", check=False) or node.sh("wc -c < /var/lib/small/x") == "0"
    disk.free()
    node.run("echo x > /var/lib/small/x")
    disk.remove()


def test_a_jumping_clock_moves_one_unit_and_not_the_host(pair):
    node, _ = pair
    node.write("/etc/systemd/system/teller.service",
               "[Service]\nExecStart=/bin/sh -c 'while :; do date +%%s > /run/told; sleep 0.1; done'\n")
    clock = faults.Clock(node, "teller.service")
    node.systemctl("start", "teller.service")
    clock.jump(7200)
    wait_until("the unit to see the jump", lambda: int(node.sh("cat /run/told")) > time.time() + 7000, 5)
    assert abs(int(node.sh("date +%s")) - time.time()) < 5
    node.systemctl("stop", "teller.service")


def test_setting_the_clock_by_mistake_fails(pair):
    with pytest.raises(LabError, match="Operation not permitted"):
        pair[0].run("date -s 2030-01-01")


@pytest.mark.parametrize("sent", ["SIGTERM", "SIGKILL"])
def test_an_ended_lab_leaves_nothing_behind(sent):
    program = ("import sys, time; sys.path.insert(0, sys.argv[1]); import lab\n"
               "with lab.interruptible(), lab.Lab(nodes=['gone']) as made:\n"
               "    print(made.id, made.nodes['gone'].process.pid, made.dir, made.cgroup, flush=True); time.sleep(60)\n")
    process = subprocess.Popen([sys.executable, "-c", program, str(HERE)], stdout=subprocess.PIPE, text=True)
    run_id, nspawn, directory, cgroup = process.stdout.readline().split()
    process.send_signal(getattr(signal, sent))
    process.wait(30)
    # A killed lab is cleared by its guardian, a moment later.
    wait_until("the lab to be gone", lambda: not any(map(os.path.exists, (
        f"/proc/{nspawn}", directory, cgroup, f"/run/netns/mlab-{run_id}", f"/run/meshops-lab/{run_id}.json",
        f"/run/meshops-lab/{run_id}.clearing"))), 15)
    assert f"lab-{run_id}" not in Path("/proc/self/mounts").read_text()
