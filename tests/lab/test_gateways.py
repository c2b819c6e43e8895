"""The gateways that the scenarios use run in a node without meshops: what fails here is no fault of meshops."""

import pytest
from lab import Site

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("gateway", ["standin", pytest.param("openclaw", marks=pytest.mark.real)])
@pytest.mark.parametrize("runtime", ["systemd-system", "systemd-user"])
def test_a_gateway_becomes_ready_and_stops_clean_under_its_unit(lab, gateway, runtime):
    node = lab.add(f"bare-{gateway}-{runtime[8:]}")
    try:
        site = Site(node, gateway, runtime).install(agent=False)
        node.wait("ready by its own word", lambda: site.http("/readyz") == 200, site.start_timeout, 0.5)
        owner = node.sh("ss -Hltnp sport = :18789")
        assert f"pid={site.gateway_pid()}," in owner
        node.systemctl("stop", "openclaw-gateway.service", user=site.user)
        assert site.systemctl_show("Result", "ExecMainStatus").split() == ["success", "0"]
    finally:
        node.poweroff()
