"""Fixtures of the lab's tests: one lab per session, nodes made when a test first wants them, evidence on failure."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import lab as lab_package  # noqa: E402

LAB_KEY = pytest.StashKey()


def pytest_collection_modifyitems(config, items):
    if os.environ.get("MESHOPS_LAB") == "0":
        dropped = [i for i in items if i.get_closest_marker("lab")]
        config.hook.pytest_deselected(items=dropped)
        items[:] = [i for i in items if not i.get_closest_marker("lab")]
    # The real gateway costs 20 s of two cores per start: what the stand-in proves as well is left to it.
    heavy = [i for i in items if i.get_closest_marker("light") and i.callspec.params["site"][0] == "openclaw"]
    config.hook.pytest_deselected(items=heavy)
    items[:] = [i for i in items if i not in heavy]
    reason = lab_package.why_not()
    for item in items:
        if not item.get_closest_marker("lab"):
            continue
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
        elif "needs_meshops" in item.fixturenames and not lab_package.find_meshops():
            item.add_marker(pytest.mark.skip(reason="no meshops binary: build it, or set MESHOPS_BIN"))
        elif item.get_closest_marker("real") and not lab_package.openclaw_dir():
            item.add_marker(pytest.mark.skip(reason="the real OpenClaw is not installed: run tests/lab/openclaw.sh"))


@pytest.fixture(scope="session")
def needs_meshops():
    return lab_package.find_meshops()


@pytest.fixture(scope="session")
def lab(request):
    with lab_package.interruptible(), lab_package.Lab() as made:
        request.config.stash[LAB_KEY] = made
        yield made
        request.config.stash[LAB_KEY] = None


CASES = [pytest.param((gateway, runtime), id=f"{gateway}-{runtime}",
                      marks=[pytest.mark.real] if gateway == "openclaw" else [])
         for gateway in ("standin", "openclaw") for runtime in ("process", "systemd-system", "systemd-user")]


@pytest.fixture(scope="module", params=CASES)
def site(request, lab, needs_meshops):
    """One node per gateway and runtime, for all tests of a module; off when the next one comes."""
    gateway, runtime = request.param
    short = {"process": "proc", "systemd-system": "sys", "systemd-user": "user"}[runtime]
    node = lab.add(f"{gateway[:5]}-{short}-{len(lab.nodes)}")
    made = lab_package.Site(node, gateway, runtime).install()
    yield made
    if node.running():
        node.poweroff()


@pytest.fixture
def ready(site):
    """The site with its gateway ready, whatever the test before did to it."""
    if not site.node.running():
        site.node.boot()
    if site.gateway == "standin":
        site.settings()
    site.wait_ready(60 if site.gateway == "standin" else 300)
    return site


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    made = item.config.stash.get(LAB_KEY, None)
    if report.failed and made:
        where = made.collect(item.name)
        report.sections.append(("lab", f"journals and consoles of the nodes: {where}"))
        print(f"\nlab: journals and consoles of the nodes: {where}", file=sys.stderr)
