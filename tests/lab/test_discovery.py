"""A machine with a gateway and no mesh.toml: meshops finds the gateway and keeps it alive, with nothing configured."""

import json

import pytest
from lab import Site, faults, pid_of
from lab.site import PORT, STATE, UNIT

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]

CASES = [pytest.param(gateway, runtime, id=f"{gateway}-{runtime}",
                      marks=[pytest.mark.real] if gateway == "openclaw" else [])
         for gateway in ("standin", "openclaw") for runtime in ("systemd-system", "systemd-user")]


@pytest.mark.parametrize("gateway, runtime", CASES)
def test_an_unlisted_gateway_is_found_and_kept_alive(lab, gateway, runtime):
    node = lab.add(f"found-{runtime[8:]}-{len(lab.nodes)}")
    try:
        site = Site(node, gateway, runtime, listed=False).install()
        found = json.loads(node.sh(["meshops", "--format", "json", "discover"], timeout=60))["gateways"]
        assert [(g["runtime"], g["unit"], g["port"], g["state_dir"]) for g in found] == [(runtime, UNIT, PORT, STATE)]
        main = site.wait_ready()
        assert pid_of(main) == site.gateway_pid()
        faults.kill(node, pid_of(main))
        after = site.wait_ready(not_pid=pid_of(main))
        assert pid_of(after) == site.gateway_pid()
    finally:
        node.poweroff()


def test_a_machine_without_a_gateway_has_none_and_the_agent_stays_quiet(lab):
    node = lab.add(f"empty-{len(lab.nodes)}")
    try:
        site = Site(node, listed=False)
        node.write("/etc/systemd/system/meshops-agent.service", site.agent_unit())
        node.systemctl("daemon-reload")
        node.systemctl("start", "meshops-agent.service")
        assert json.loads(node.sh(["meshops", "--format", "json", "discover"]))["gateways"] == []
        assert site.here()["gateways"] == []
        assert node.sh("systemctl show -P NRestarts meshops-agent.service") == "0"
    finally:
        node.poweroff()
