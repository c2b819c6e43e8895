"""`meshops web` as its unit runs it: no mesh.toml, no rights, its keys as a credential."""
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MESHOPS = os.environ.get("MESHOPS_BIN", str(ROOT / "build/release/meshops"))
sys.path.insert(0, str(ROOT / "tests/lab"))
import beat  # noqa: E402

KEY = bytes(range(32))
SCHEMA = "meshops.heartbeat-keys/1"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "heartbeat.keys").write_text(json.dumps({"schema": SCHEMA, "keys": [base64.b64encode(KEY).decode()]}))
    return tmp_path


def free_port():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.bind(("::", 0))
        return s.getsockname()[1]


def web(place, *arguments):
    # A mesh.toml that is not there: who reads it fails.
    environment = {"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": str(place), "HOME": str(place),
                   "MESHOPS_CONFIG": str(place / "none.toml")}
    return subprocess.Popen([MESHOPS, "web", *arguments], env=environment, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def test_it_needs_no_mesh_toml_and_ends_when_told(place):
    port = free_port()
    running = web(place, "--listen", str(port), "--mesh", "home", "--node", "beta", "--word", str(place / "word"))
    try:
        end = time.monotonic() + 20
        while not (heard := beat.ask("127.0.0.1", port, "alpha", "beta", "home", KEY)) and time.monotonic() < end:
            assert running.poll() is None, running.communicate()
        assert heard["from"] == "beta" and heard["gateways"] == "unknown"
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        (place / "word").write_text(json.dumps({"schema": "meshops.word/1", "said_at_ns": now, "gateways": "ill",
                                                "heals_itself": True, "paused": False}))
        time.sleep(0.3)
        heard = beat.ask("127.0.0.1", port, "alpha", "beta", "home", KEY)
        assert heard["gateways"] == "ill" and heard["heals_itself"] and 0.3 <= heard["agent_age"] < 20
    finally:
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=20)
    assert running.returncode == 0, err
    assert base64.b64encode(KEY).decode() not in out + err


ALL = ["--listen", "0", "--mesh", "home", "--node", "beta", "--word", "/nonexistent/word"]


@pytest.mark.parametrize("arguments, said", [
    (["--listen", "nonsense", *ALL[2:]], ["'nonsense' is nowhere to listen", "10.0.0.2:7947"]),
    ([*ALL, "--keys", "/nonexistent/keys"], ["/nonexistent/keys", "meshops mesh join"]),
    (["--listen", "203.0.113.7:1", *ALL[2:]], ["203.0.113.7:1/udp"]),
    (ALL[:6], ["none.toml"]),
])
def test_what_is_wrong_is_said_with_the_remedy(place, arguments, said):
    running = web(place, *arguments)
    out, err = running.communicate(timeout=20)
    assert running.returncode == 3, (out, err)
    for part in said:
        assert part in err, err
