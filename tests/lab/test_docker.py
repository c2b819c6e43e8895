"""The docker runtime against a real engine: a container that dies or hangs comes back, one that a person stopped
stays down. The agent runs in the lab's network, beside the engine, as it does on a node.
"""

import json
import os
import signal
import subprocess
import time

import pytest
from lab import LabError, pid_of, run, wait_until
from lab.base import die_with_parent
from lab.core import STANDIN
from lab.engine import Engine
from lab.site import LIMITS, TOKEN

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]
PORT = 18790
NAME = "bot"


class Place:
    """One engine, one container with a gateway, one agent."""

    def __init__(self, lab):
        self.lab, self.engine, self.agent = lab, Engine(lab), None
        self.dir = lab.dir / "docker-site"
        self.state = self.dir / "openclaw"
        self.state.mkdir(parents=True)
        (self.state / "openclaw.json").write_text(json.dumps(
            {"gateway": {"mode": "local", "port": PORT, "auth": {"mode": "token", "token": TOKEN},
                         "http": {"endpoints": {"chatCompletions": {"enabled": True}}}}}))
        self.engine.docker("create", "--name", NAME, "--network", "host", "--stop-timeout", "20",
                           "-v", f"{self.state}:/root/.openclaw", "-e", "HOME=/root",
                           *(word for file, path in STANDIN for word in ("-v", f"{file}:{path}:ro")),
                           self.engine.image(), "/usr/bin/python3", "/opt/openclaw-standin/openclaw.mjs", "gateway",
                           "--port", str(PORT), timeout=120)
        self.config = self.dir / "mesh.toml"
        limits = "\n".join(f'{key} = "{value}"' for key, value in LIMITS.items())
        self.config.write_text(f"""
[mesh]
name = "docker"
node = "here"
[agent]
state_dir = "{self.dir}/state"
socket = "{self.dir}/agent.sock"
discover = false
[limits]
{limits}
[[node]]
name = "here"
address = "127.0.0.1"
[[gateway]]
name = "main"
runtime = "docker"
container = "{NAME}"
state_dir = "{self.state}"
port = {PORT}
""")
        lab.finalizers.add("agent beside the engine", self.kill_agent)
        self.start_agent()

    def meshops(self, *words):
        return self.lab.network.enter("env", f"DOCKER_HOST={self.engine.socket}", self.lab.meshops, "--config",
                                      self.config, *words)

    def start_agent(self):
        with open(self.dir / "agent.log", "ab") as log:
            self.agent = subprocess.Popen([str(w) for w in self.meshops("agent")], stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, preexec_fn=die_with_parent)

    def kill_agent(self):
        if self.agent and self.agent.poll() is None:
            self.agent.kill()
            self.agent.wait(10)

    def main(self):
        said = (self.dir / "agent.log").read_text()[-800:]
        assert self.agent.poll() is None, f"the agent ended: {said}"
        result = run(self.meshops("--format", "json", "status"), check=False)
        if result.code not in (0, 1):
            raise LabError(f"{result!r}; agent: {said}")
        return json.loads(result.out)["nodes"][0]["gateways"][0]

    def wait(self, state="ready", not_pid=None, timeout=60.0):
        def arrived():
            main = self.main()
            if main["state"] != state or (not_pid and pid_of(main) == not_pid):
                raise LabError(f"{main['state']}: {main['summary']}, pid {pid_of(main)}")
            return main
        return wait_until(f"the gateway in its container to be {state}", arrived, timeout, 0.2)


@pytest.fixture(scope="module")
def place(lab):
    made = Place(lab)
    yield made
    made.kill_agent()
    made.engine.close()


@pytest.fixture
def ready(place):
    if place.agent.poll() is not None:
        place.start_agent()
    place.wait()
    return place


def test_its_layers_are_good_and_it_is_who_it_is(ready):
    main = ready.main()
    assert pid_of(main) == ready.engine.main_pid(NAME)
    assert main["runtime"] == "docker" and main["identity"]["supervisor"] == f"docker {NAME}"
    states = {layer: seen["state"] for layer, seen in main["health"].items()}
    assert all(states[layer] == "ok" for layer in ("process", "port", "live", "loop", "started", "ready")), states


def test_its_turns_are_judged_by_its_own_log(ready):
    run(ready.lab.network.enter("curl", "-s", "-m", "10", "-H", f"Authorization: Bearer {TOKEN}", "-d",
                                '{"model":"openclaw","messages":[{"role":"user","content":"hi"}]}',
                                f"http://127.0.0.1:{PORT}/v1/chat/completions"))
    wait_until("works", lambda: ready.main()["health"]["works"]["state"] == "ok", 40)


def test_discovery_finds_one_gateway_not_its_process_as_another(ready):
    found = json.loads(run(ready.meshops("--format", "json", "discover"), timeout=60).out)["gateways"]
    assert [(g["runtime"], g["container"]) for g in found if g["runtime"] == "docker"] == [("docker", NAME)]


def test_a_killed_one_is_started_again(ready):
    pid = ready.engine.main_pid(NAME)
    os.kill(pid, signal.SIGKILL)
    main = ready.wait(not_pid=pid)
    assert pid_of(main) == ready.engine.main_pid(NAME)
    assert main["last_exit"]["signal"] == 9


def test_a_hung_one_is_noticed_and_started_again(ready):
    pid = ready.engine.main_pid(NAME)
    os.kill(pid, signal.SIGSTOP)
    main = ready.wait(not_pid=pid)
    assert pid_of(main) == ready.engine.main_pid(NAME)


def test_one_that_a_person_stopped_stays_down_until_a_person_starts_it(ready):
    ready.engine.docker("stop", NAME)
    ready.wait("stopped")
    time.sleep(5)
    assert ready.engine.main_pid(NAME) is None
    ready.kill_agent()
    ready.start_agent()
    ready.wait("stopped")
    assert ready.engine.main_pid(NAME) is None, "a new agent undid what a person had done"
    ready.engine.docker("start", NAME)
    pid = pid_of(ready.wait())
    os.kill(pid, signal.SIGKILL)
    ready.wait(not_pid=pid)


def test_meshops_stops_and_starts_it_for_a_person(ready):
    run(ready.meshops("stop", "main"), timeout=60)
    ready.wait("stopped")
    assert ready.engine.main_pid(NAME) is None
    run(ready.meshops("start", "main"), timeout=60)
    ready.wait()


def test_a_killed_agent_changes_nothing_and_the_next_one_sees_the_death(ready):
    pid = ready.engine.main_pid(NAME)
    ready.kill_agent()
    ready.start_agent()
    assert pid_of(ready.wait()) == pid
    ready.kill_agent()
    os.kill(pid, signal.SIGKILL)
    ready.start_agent()
    ready.wait(not_pid=pid)
