"""The stand-in gateway and the model endpoint keep the contract that the lab judges meshops by.

No root, loopback only, ports the kernel picks.
"""

import base64
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOKEN = "t"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, fn, timeout=15.0):
    end = time.monotonic() + timeout
    while True:
        value = fn()
        if value:
            return value
        assert time.monotonic() < end, f"waited {timeout} s for: {what}"
        time.sleep(0.02)


def ask(port, path, method="GET", body=None, headers=None, timeout=5):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def status_of(port, path):
    try:
        return ask(port, path)[0]
    except OSError:
        return None


class Standin:
    def __init__(self, tmp, config=None, text=None, **settings):
        self.state = tmp / "state"
        self.state.mkdir(exist_ok=True)
        self.port = free_port()
        if config is None:
            config = {"gateway": {"mode": "local", "port": self.port, "auth": {"mode": "token", "token": TOKEN},
                                  "http": {"endpoints": {"chatCompletions": {"enabled": True}}}}}
        (self.state / "openclaw.json").write_text(json.dumps(config) if text is None else text)
        self.out, self.err = tmp / "out", tmp / "err"
        env = {k: v for k, v in os.environ.items() if not k.startswith(("OPENCLAW_", "STANDIN_"))}
        env |= {"OPENCLAW_STATE_DIR": str(self.state), "STANDIN_START_SECONDS": "0.2"}
        env |= {f"STANDIN_{k.upper()}": str(v) for k, v in settings.items()}
        self.process = subprocess.Popen([sys.executable, HERE / "standin_gateway.py", "gateway"], env=env,
                                        stdin=subprocess.DEVNULL, stdout=open(self.out, "wb"),
                                        stderr=open(self.err, "wb"))
        self.pid = self.process.pid

    def ready(self):
        until("ready", lambda: status_of(self.port, "/readyz") == 200)
        return self

    def code(self, timeout=15):
        return self.process.wait(timeout)

    def messages(self):
        return [json.loads(line)["message"] for line in self.out.read_text().splitlines()]


@pytest.fixture
def standin(tmp_path):
    made = []

    def make(**kw):
        made.append(Standin(tmp_path, **kw))
        return made[-1]

    yield make
    for s in made:
        if s.process.poll() is None:
            s.process.kill()
            s.process.wait()


def websocket(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=5)
    key = base64.b64encode(b"0123456789abcdef").decode()
    s.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    stream = s.makefile("rb")
    assert b"101" in stream.readline()
    while stream.readline() != b"\r\n":
        pass

    def receive():
        first, second = stream.read(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", stream.read(2))[0]
        payload = stream.read(size)
        return first & 0x0F, (json.loads(payload) if first & 0x0F == 1 else payload)

    def send(message):
        body = json.dumps(message).encode()
        length = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + struct.pack(">H", len(body))
        s.sendall(b"\x81" + length + b"\0\0\0\0" + body)

    return s, receive, send


def test_passes_the_phases_in_order_and_logs_them(standin):
    gateway = standin(start_seconds=2)
    assert status_of(gateway.port, "/healthz") is None
    until("port", lambda: status_of(gateway.port, "/healthz") == 200)
    status, body = ask(gateway.port, "/startupz")
    assert status == 503 and json.loads(body)["pendingReason"] == "startup-sidecars"
    status, body = ask(gateway.port, "/readyz")
    assert status == 503 and json.loads(body)["failing"] == ["startup-sidecars"]
    gateway.ready()
    status, body = ask(gateway.port, "/startupz")
    assert status == 200 and json.loads(body)["status"] == "started" and json.loads(body)["version"] == "2026.9.6"
    messages = gateway.messages()
    order = ["loading configuration…", "resolving authentication…", "starting...", "starting HTTP server...",
             "starting channels and sidecars...", "gateway ready"]
    assert [m for m in messages if m in order] == order


def test_answers_health_to_get_and_head_only(standin):
    gateway = standin().ready()
    for path in ("/healthz", "/health", "/startupz", "/startup", "/readyz", "/ready"):
        assert ask(gateway.port, path)[0] == 200
        assert ask(gateway.port, path, "HEAD") == (200, b"")
        assert ask(gateway.port, path, "POST")[0] == 405


def test_looks_like_the_real_process(standin):
    gateway = standin().ready()
    assert Path(f"/proc/{gateway.pid}/comm").read_text().strip() == "openclaw-gatewa"
    assert Path(f"/proc/{gateway.pid}/cmdline").read_bytes().rstrip(b"\0 ") == b"openclaw-gateway"


def test_sends_the_challenge_then_lets_the_token_in(standin):
    gateway = standin().ready()
    s, receive, send = websocket(gateway.port)
    with s:
        opcode, hello = receive()
        assert opcode == 1 and hello["event"] == "connect.challenge" and hello["payload"].keys() == {"nonce", "ts"}
        send({"type": "req", "id": "1", "method": "connect", "params": {
            "client": {"id": "gateway-client", "mode": "backend"}, "auth": {"token": TOKEN}}})
        assert receive()[1]["payload"]["type"] == "hello-ok"
        send({"type": "req", "id": "2", "method": "status", "params": {}})
        assert receive()[1]["payload"]["pid"] == gateway.pid


def test_wrong_websocket_token_is_closed_with_1008(standin):
    gateway = standin().ready()
    s, receive, send = websocket(gateway.port)
    with s:
        receive()
        send({"type": "req", "id": "1", "method": "connect", "params": {"auth": {"token": "wrong"}}})
        assert receive()[1]["error"]["code"] == "AUTH_TOKEN_MISMATCH"
        opcode, payload = receive()
        assert opcode == 8 and int.from_bytes(payload[:2], "big") == 1008


def test_completes_with_the_token_and_only_with_it(standin):
    gateway = standin().ready()
    body = json.dumps({"model": "openclaw", "messages": []})
    assert ask(gateway.port, "/v1/chat/completions", "POST", body)[0] == 401
    status, answer = ask(gateway.port, "/v1/chat/completions", "POST", body, {"Authorization": f"Bearer {TOKEN}"})
    assert status == 200 and json.loads(answer)["choices"][0]["message"]["content"] == "pong"


def test_sigterm_drains_then_exits_clean(standin):
    gateway = standin(drain_seconds=1.5).ready()
    gateway.process.send_signal(signal.SIGTERM)
    status, body = until("draining", lambda: (r := ask(gateway.port, "/readyz")) and r[0] == 503 and r)
    assert json.loads(body)["failing"] == ["gateway-draining"]
    assert json.loads(ask(gateway.port, "/startupz")[1])["status"] == "draining"
    assert ask(gateway.port, "/healthz")[0] == 200
    assert gateway.code() == 0
    assert "received SIGTERM; shutting down" in gateway.messages()


def test_sigterm_during_the_start_exits_clean(standin):
    gateway = standin(start_seconds=30, burn_cpu=1)
    until("log", lambda: "starting..." in gateway.out.read_text())
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.code() == 0


def test_sigusr2_restarts_in_process(standin):
    gateway = standin().ready()
    time_before = json.loads(ask(gateway.port, "/startupz")[1])["uptimeMs"]
    gateway.process.send_signal(signal.SIGUSR2)
    until("second ready", lambda: gateway.messages().count("gateway ready") == 2)
    assert gateway.process.poll() is None
    assert json.loads(ask(gateway.port, "/startupz")[1])["uptimeMs"] < time_before + 5000
    assert "admission closed: restart (SIGUSR2)" in gateway.messages()


@pytest.mark.parametrize("text, says", [
    ("{ gateway: { mode: 'local', }, // fine so far", "existing config is missing gateway.mode"),
    ("", "existing config is missing gateway.mode"),
    ("{}", "existing config is missing gateway.mode"),
    ("{gateway:{mode:'remote'}}", "current: remote"),
    ("{gateway:{mode:'local'}, bogusKey: 1}", 'Unrecognized key: "bogusKey"'),
    ("{gateway:{mode:'local', port:'1'}}", "expected number, received string"),
    ("{gateway:{mode:'local', bind:'lan'}}", "Refusing to bind gateway to lan without auth"),
])
def test_bad_configuration_exits_78_with_the_real_words(standin, text, says):
    gateway = standin(text=text)
    assert gateway.code() == 78
    assert says in gateway.err.read_text()


def test_reads_json5(standin):
    port = free_port()
    gateway = standin(text=f"// a comment\n{{ gateway: {{ mode: 'local', \"port\": {port}, }}, /* end */ }}\n")
    until("ready", lambda: status_of(port, "/readyz") == 200)
    assert gateway.process.poll() is None


def test_busy_port_exits_1_and_names_it(standin):
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen()
        port = thief.getsockname()[1]
        gateway = standin(text=f"{{gateway:{{mode:'local', port:{port}}}}}", bind_tries=2)
        assert gateway.code() == 1
    assert f"Port {port} is already in use." in gateway.err.read_text()


def test_second_one_on_the_same_state_exits_78_and_spares_the_first(standin):
    first = standin().ready()
    second = standin()
    assert second.code() == 78
    assert "another OpenClaw process owns gateway-lifecycle" in second.err.read_text()
    assert first.process.poll() is None


def test_lock_of_a_killed_one_is_taken_over(standin):
    first = standin().ready()
    first.process.kill()
    first.process.wait()
    second = standin().ready()
    lock = second.state / "tmp" / f"openclaw-{os.getuid()}" / "gateway.state.lock"
    assert json.JSONDecoder().raw_decode(lock.read_text())[0]["pid"] == second.pid


def test_three_kills_in_five_minutes_trip_the_breaker(standin):
    for _ in range(3):
        gateway = standin().ready()
        gateway.process.kill()
        gateway.process.wait()
    gateway = standin().ready()
    assert "gateway restart-loop breaker tripped: 3 unclean boot(s)" in gateway.err.read_text()


def test_exits_by_itself_when_told(standin):
    assert standin(exit_after=0.1, exit_code=134).code() == 134


def test_a_hung_one_accepts_but_never_answers(standin):
    gateway = standin(hang_after=0.1)
    until("port", lambda: "gateway ready" in gateway.out.read_text())
    time.sleep(0.3)
    with pytest.raises(TimeoutError):
        ask(gateway.port, "/healthz", timeout=0.5)
    gateway.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        gateway.process.wait(0.5)


def test_settings_file_wins_over_the_environment(standin, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "standin.env").write_text("# of a test\nSTANDIN_VERSION=2027.1.1\n")
    gateway = standin(version="1.0.0").ready()
    assert json.loads(ask(gateway.port, "/startupz")[1])["version"] == "2027.1.1"


def test_costs_no_cpu_when_idle(standin):
    gateway = standin().ready()

    def ticks():
        fields = Path(f"/proc/{gateway.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(1)
    assert ticks() - before <= 1


@pytest.fixture
def endpoint(tmp_path):
    process = subprocess.Popen([sys.executable, HERE / "model_endpoint.py", "--port-file", tmp_path / "port"],
                               stdout=subprocess.PIPE, text=True)
    yield int(process.stdout.readline())
    process.kill()
    process.wait()


def test_endpoint_lists_and_completes(endpoint, tmp_path):
    until("port file", (tmp_path / "port").exists)
    assert int((tmp_path / "port").read_text()) == endpoint
    assert json.loads(ask(endpoint, "/v1/models")[1])["data"][0]["id"] == "ok-model"
    status, answer = ask(endpoint, "/v1/chat/completions", "POST", json.dumps({"model": "ok-model", "messages": []}))
    assert status == 200 and json.loads(answer)["choices"][0]["message"]["content"] == "pong"


def test_endpoint_streams_with_usage_and_done(endpoint):
    body = json.dumps({"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}})
    status, answer = ask(endpoint, "/v1/chat/completions", "POST", body)
    lines = [line[6:] for line in answer.decode().splitlines() if line.startswith("data: ")]
    assert status == 200 and lines[-1] == "[DONE]"
    assert json.loads(lines[-2])["usage"]["completion_tokens"] == 1
