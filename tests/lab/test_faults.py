"""What must not be cured by restarting, and what must not be cured at all: a stop that a person wants, a drain, a broken
configuration, a port that somebody else holds, a gateway that dies young. On the stand-in, for every runtime.
"""

import json
import time

import pytest
from lab import faults, pid_of
from lab.site import PORT, STATE, USER

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops"),
              pytest.mark.parametrize("site", [pytest.param(("standin", r), id=r) for r in (
                  "process", "systemd-system", "systemd-user")], indirect=True, scope="module")]


def during(seconds, look, interval=0.25):
    """What `look` gave, again and again, for that long."""
    seen, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        seen.append(look())
        time.sleep(interval)
    return seen


def test_a_gateway_that_a_person_stopped_stays_stopped(ready):
    ready.order("stop")
    ready.node.wait("stopped", lambda: ready.main()["state"] == "stopped", 20)
    assert set(during(5, ready.gateway_pid)) == {None}
    assert ready.main()["state"] == "stopped"
    ready.order("start")
    ready.wait_ready()


def test_a_stop_by_a_person_outlives_the_agent(ready):
    ready.order("stop")
    ready.node.wait("stopped", lambda: ready.main()["state"] == "stopped", 20)
    agent = ready.agent_pid()
    faults.kill(ready.node, agent)
    ready.node.wait("a new agent", lambda: ready.agent_pid() not in (0, agent) and ready.main(), 20)
    assert set(during(4, ready.gateway_pid)) == {None}
    ready.order("start")
    ready.wait_ready()


def test_a_draining_gateway_is_not_cut_short(ready):
    ready.settings(drain_seconds=12)
    ready.order("restart")
    main = ready.wait_ready()
    ready.settings()
    faults.send(ready.node, pid_of(main), "TERM")
    seen = during(10, lambda: (ready.main()["state"], ready.gateway_pid()))
    assert {pid for _, pid in seen} == {pid_of(main)}
    assert "draining" in {state for state, _ in seen}
    ready.wait_ready(not_pid=pid_of(main))


def test_a_broken_configuration_is_mended_from_the_last_good_one_and_no_loop(ready):
    good = ready.node.read(f"{STATE}/openclaw.json")
    before = ready.starts()
    ready.node.write(f"{STATE}/openclaw.json", good[:len(good) // 2], mode=0o600, owner=USER)
    pid = ready.gateway_pid()
    faults.send(ready.node, pid, "TERM")
    ready.wait_ready(90, not_pid=pid)
    assert ready.node.read(f"{STATE}/openclaw.json") == good
    assert ready.starts() - before <= 4, "it was started in a loop"
    entries = json.loads(ready.node.run(["meshops", "--format", "json", "ledger"]).out)["entries"]
    assert "restore_last_good_config" in {e["remedy"] for e in entries if e["by"] == "meshops"}


def test_a_port_thief_keeps_it_down_and_once_gone_it_comes_back_alone(ready):
    ready.settings(bind_tries=2)
    ready.order("stop")
    ready.node.wait("stopped", lambda: ready.main()["state"] == "stopped", 20)
    thief = faults.PortThief(ready.node, PORT)
    try:
        ready.order("start")
        ready.node.wait("the exit of the gateway that found its port taken",
                        lambda: (ready.main()["last_exit"] or {}).get("code") == 1, 30)
        assert ready.main()["state"] != "ready", "the thief's port was taken for the gateway's"
    finally:
        thief.stop()
    ready.wait_ready(60)


def test_a_gateway_that_dies_young_is_restarted_ever_more_slowly(ready):
    before = ready.main()["restarts"]
    ready.settings(exit_after=0.3, exit_code=1, exit_line="dying young")
    ready.order("restart")
    states = set(during(20, lambda: ready.main()["state"]))
    restarts = ready.main()["restarts"] - before
    assert 1 <= restarts <= 8, f"{restarts} restarts in 20 s"
    assert "backing_off" in states or ready.runtime != "process", states
    ready.settings()
    ready.wait_ready(60)


def test_nobody_ever_sent_sigusr1(ready):
    """It would open the real gateway's debugger to every local user."""
    assert "Debugger listening" not in ready.node.journal()
    assert not ready.node.sh("grep -rl 'Debugger listening' /var/lib/meshops /home", check=False)
