"""The stand-in gateway and the model endpoint keep the contract that the lab judges meshops by.

No root, loopback only, ports the kernel picks.
"""

import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
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
    def __init__(self, tmp, config=None, text=None, arguments=(), environment=None, **settings):
        """`config` is merged over a working one; `text` stands instead of it; text=False: the file stays as it is."""
        self.state = tmp / "state"
        self.state.mkdir(exist_ok=True)
        self.path = self.state / "openclaw.json"
        self.port = free_port()
        whole = {"gateway": {"mode": "local", "port": self.port, "auth": {"mode": "token", "token": TOKEN},
                             "http": {"endpoints": {"chatCompletions": {"enabled": True}}}}, **(config or {})}
        if text is not False:
            self.path.write_text(json.dumps(whole, indent=2) if text is None else text)
        else:
            self.port = json.loads(self.path.read_text())["gateway"]["port"]
        self.out, self.err = tmp / "out", tmp / "err"
        env = {k: v for k, v in os.environ.items() if not k.startswith(("OPENCLAW_", "STANDIN_"))}
        env |= {"OPENCLAW_STATE_DIR": str(self.state), "STANDIN_START_SECONDS": "0.2"}
        env |= {f"STANDIN_{k.upper()}": str(v) for k, v in settings.items()} | (environment or {})
        # The markers of a systemd that runs these tests would make it a supervised gateway.
        for marker in ("INVOCATION_ID", "SYSTEMD_EXEC_PID", "JOURNAL_STREAM"):
            env.pop(marker, None)
        self.env = env
        self.process = subprocess.Popen([sys.executable, HERE / "standin_gateway.py", "gateway", *arguments], env=env,
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

    def complaints(self):
        """All that it said on stderr, each record's message as a text of its own."""
        return "\n".join(json.loads(line)["message"] if line.startswith("{") else line
                         for line in self.err.read_text().splitlines())

    def end(self):
        self.process.terminate()
        return self.code()

    def tool(self, *words):
        return subprocess.run([sys.executable, HERE / "standin_gateway.py", *words], env=self.env, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=15)

    def turn(self):
        return ask(self.port, "/v1/chat/completions", "POST", json.dumps({"model": "openclaw", "messages": []}),
                   {"Authorization": f"Bearer {TOKEN}"}, timeout=15)


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
    assert says in gateway.complaints()


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
    assert f"Port {port} is already in use.\n- pid {os.getpid()} " in gateway.complaints()


def test_second_one_on_the_same_state_exits_78_and_spares_the_first(standin):
    first = standin().ready()
    second = standin()
    assert second.code() == 78
    assert "another OpenClaw process owns gateway-lifecycle" in second.complaints()
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
    assert "gateway restart-loop breaker tripped: 3 unclean boot(s)" in gateway.complaints()


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


# -- what the gateway's own tools say, and what a start does to the configuration


def corrupted(path, offset=0, length=100):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(b"\xde" * length)


@pytest.mark.parametrize("old, new, path, message, allowed", [
    ('"mode": "local",', '"mode": "local", "foo": 1,', "gateway", 'Unrecognized key: "foo"', None),
    ('"gateway"', '"bogusKey": 1, "other": 2, "gateway"', "<root>", 'Unrecognized keys: "bogusKey", "other"', None),
    ('"local"', "7", "gateway.mode", 'Invalid option: expected one of "local"|"remote"', ["local", "remote"]),
    ('"t"', '"t", ', "<root>", "JSON5 parse failed: SyntaxError: JSON5: invalid character", None),
])
def test_validate_says_where_and_what(standin, old, new, path, message, allowed):
    gateway = standin().ready()
    gateway.end()
    good = gateway.path.read_text()
    assert json.loads(gateway.tool("config", "validate", "--json").stdout)["valid"] is True
    broken = good.replace(old, new, 1) if path != "<root>" or "bogus" in new else good[:60] + "]" + good[60:]
    gateway.path.write_text(broken)
    said = gateway.tool("config", "validate", "--json")
    issue = json.loads(said.stdout)["issues"][0]
    assert said.returncode == 1 and issue["path"] == path and issue["message"].startswith(message)
    assert issue.get("allowedValues") == allowed


def test_a_refused_value_is_named_with_line_and_what_is_allowed(standin):
    providers = {"vultr": {"baseUrl": "http://127.0.0.1:1/v1", "api": "google", "models": []}}
    gateway = standin(config={"models": {"providers": providers}, "cron": {"enabled": "no"}})
    assert gateway.code() == 78
    line = next(n for n, text in enumerate(gateway.path.read_text().splitlines(), 1) if '"api"' in text)
    assert f'openclaw.json:{line} — models.providers.vultr.api: Invalid option: expected one of "openai-completions"|' \
        in gateway.complaints()
    assert ', got: "google"' in gateway.complaints()
    assert "cron.enabled: Invalid input: expected boolean, received string (allowed: true, false)" in gateway.complaints()


def test_a_hand_written_file_without_meta_is_replaced_by_the_backup_once(standin):
    """Trap T1: the start reverts it, although it is valid."""
    first = standin().ready()
    first.end()
    assert first.tool("config", "set", "cron.enabled", "false").returncode == 0
    written = json.loads(first.path.read_text())
    assert written["meta"]["lastTouchedVersion"] == "2026.9.6"
    backup = first.path.with_name("openclaw.json.bak").read_bytes()
    by_hand = json.dumps({k: v for k, v in written.items() if k != "meta"})
    first.path.write_text(by_hand)
    second = standin(text=False).ready()
    assert first.path.read_bytes() == backup
    assert "(missing-meta-vs-last-good)" in second.complaints()
    assert [p.read_text() for p in first.state.glob("openclaw.json.clobbered.*")] == [by_hand]
    second.end()
    first.tool("config", "set", "cron.enabled", "false")
    first.path.write_text(by_hand)
    third = standin(text=False).ready()
    assert first.path.read_text() == by_hand, "the same bytes are left alone the second time"
    assert third.process.poll() is None


def test_a_file_that_shrank_by_half_is_replaced_but_not_one_that_is_no_json(standin):
    first = standin(config={"env": {"vars": {"PADDING": "x" * 2000}}}).ready()
    first.end()
    first.tool("config", "set", "cron.enabled", "false")
    whole = json.loads(first.path.read_text())
    first.path.write_text(json.dumps({"gateway": whole["gateway"], "meta": whole["meta"]}))
    second = standin(text=False).ready()
    assert "size-drop-vs-last-good:" in second.complaints() and "PADDING" in first.path.read_text()
    second.end()
    half = first.path.read_text()[:300]
    first.path.write_text(half)
    third = Standin(first.state.parent, text=half)
    assert third.code() == 78 and first.path.read_text() == half
    assert "missing gateway.mode" in third.complaints() and "parse" not in third.complaints()


def test_doctor_removes_unknown_keys_and_rewrites_the_whole_file(standin):
    gateway = standin(text="{ // mine\n gateway: { mode: 'local' }, bogusKey: 1 }")
    assert gateway.code() == 78
    fixed = gateway.tool("doctor", "--fix", "--non-interactive")
    assert fixed.returncode == 0
    text = gateway.path.read_text()
    assert "bogusKey" not in text and "mine" not in text and "wizard" in json.loads(text)
    assert "bogusKey" in gateway.path.with_name("openclaw.json.bak").read_text()


@pytest.mark.parametrize("text", ["{gateway:{mode:'local',port:'1'}}", ""])
def test_doctor_leaves_what_it_cannot_repair(standin, text):
    gateway = standin(text=text)
    gateway.code()
    assert gateway.tool("doctor", "--fix", "--non-interactive").returncode == 1
    assert gateway.path.read_text() == text


def test_doctor_restores_the_last_good_of_a_truncated_file_but_not_of_an_empty_one(standin):
    gateway = standin().ready()
    gateway.end()
    good = gateway.path.read_text()
    gateway.path.write_text(good[:50])
    assert gateway.tool("doctor", "--fix", "--non-interactive").returncode == 0
    assert gateway.path.read_text() == good
    gateway.path.write_text("")
    assert gateway.tool("doctor", "--fix", "--non-interactive").returncode == 1


def test_doctor_wants_the_gateway_stopped(standin):
    gateway = standin().ready()
    said = gateway.tool("doctor", "--fix", "--non-interactive")
    assert said.returncode == 1 and "another OpenClaw process owns gateway-lifecycle" in said.stderr
    assert gateway.process.poll() is None


def test_takes_good_edits_while_it_runs_and_leaves_bad_ones(standin):
    gateway = standin().ready()
    config = json.loads(gateway.path.read_text())
    gateway.path.write_text(json.dumps({**config, "bogusKey": 1}))
    until("skipped", lambda: 'config reload skipped (invalid config): : Unrecognized key: "bogusKey"'
          in gateway.complaints())
    assert status_of(gateway.port, "/readyz") == 200
    gateway.path.write_text(json.dumps({**config, "agents": {"defaults": {"model": "lab/other"}}}))
    until("applied", lambda: "config hot reload applied (agents)" in gateway.messages())
    config["gateway"]["trustedProxies"] = ["127.0.0.1"]
    gateway.path.write_text(json.dumps(config))
    until("restarted in its process", lambda: gateway.messages().count("gateway ready") == 2)
    assert gateway.process.poll() is None


# -- state


def test_an_empty_database_is_accepted_and_all_is_forgotten(standin):
    """Trap T8."""
    gateway = standin().ready()
    gateway.process.kill()
    gateway.process.wait()
    database = gateway.state / "state" / "openclaw.sqlite"
    assert database.read_bytes()[:15] == b"SQLite format 3"
    for file in database.parent.glob("openclaw.sqlite*"):
        file.unlink()
    database.touch()
    again = standin().ready()
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM gateway_boot_lifecycle").fetchone() == (1,)
    assert again.process.poll() is None


@pytest.mark.parametrize("offset, words", [(0, "file is not a database"), (4096, "database disk image is malformed")])
def test_a_damaged_shared_database_is_refused_with_the_real_words(standin, offset, words):
    gateway = standin().ready()
    gateway.end()
    corrupted(gateway.state / "state" / "openclaw.sqlite", offset, 4096 if offset else 100)
    again = standin()
    assert again.code() == 78
    assert f"openclaw.sqlite: {words}. Stop OpenClaw processes" in again.complaints()
    assert again.tool("doctor", "--fix", "--non-interactive").returncode == 1


def test_one_damaged_agent_database_stops_the_whole_gateway(standin):
    gateway = standin().ready()
    assert gateway.turn()[0] == 200
    gateway.end()
    corrupted(gateway.state / "agents" / "main" / "agent" / "openclaw-agent.sqlite")
    again = standin()
    assert again.code() == 78
    assert "refusing to report the gateway ready.\n- Skipped agent database migration for" in again.complaints()


def test_a_newer_database_or_configuration_is_refused(standin):
    gateway = standin().ready()
    gateway.end()
    with sqlite3.connect(gateway.state / "state" / "openclaw.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    again = standin()
    assert again.code() == 78 and "has schema version 99" in again.complaints()
    newer = standin(config={"meta": {"lastTouchedVersion": "2099.1.1"}})
    assert newer.code() == 1
    assert "is older than the config last written by OpenClaw 2099.1.1." in newer.complaints()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("what, says", [("openclaw.json", "read failed: Error: EACCES: permission denied, open"),
                                        ("state", "shared state database is unreadable at")])
def test_what_it_may_not_read_is_refused_with_the_real_words(standin, tmp_path, what, says):
    gateway = standin().ready()
    gateway.end()
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(0o755)                              # pytest's own are closed to others
    for path in [gateway.state, *gateway.state.rglob("*")]:
        os.chown(path, 65534, 65534)
    os.chown(gateway.state / what, 0, 0)
    (gateway.state / what).chmod(0o700)
    run = subprocess.run([sys.executable, HERE / "standin_gateway.py", "gateway"], env=gateway.env, user=65534, group=65534,
                         extra_groups=[], capture_output=True, text=True, timeout=15, stdin=subprocess.DEVNULL)
    assert run.returncode == 78 and says in run.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk needs a mount")
def test_a_full_disk_fails_turns_but_not_readiness_and_refuses_the_next_start(standin, tmp_path):
    (tmp_path / "state").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "small", tmp_path / "state"], check=True)
    try:
        gateway = standin().ready()
        assert gateway.turn()[0] == 200
        with contextlib.suppress(OSError), open(gateway.state / "ballast", "wb", buffering=0) as ballast:
            while True:
                ballast.write(b"x" * 4096)
        assert gateway.turn()[0] == 500
        assert status_of(gateway.port, "/readyz") == 200
        assert "chat completion failed: Error: database or disk is full" in gateway.complaints()
        gateway.end()
        again = Standin(tmp_path, text=False)
        assert again.code() == 78
        assert "database is not open | gateway.maintenance_required | ERR_INVALID_STATE." in again.complaints()
        (gateway.state / "ballast").unlink()
        Standin(tmp_path, text=False).ready().end()
    finally:
        subprocess.run(["umount", "-l", tmp_path / "state"], check=True)


def test_a_snapshot_of_a_live_database_can_be_restored_and_a_damaged_one_cannot(standin, tmp_path):
    gateway = standin().ready()
    made = gateway.tool("backup", "sqlite", "create", "--global", "--repository", str(tmp_path / "backups"))
    folder = Path(json.loads(made.stdout)["snapshotPath"])
    assert json.loads((folder / "manifest.json").read_text())["database"] == {"role": "global"}
    target = tmp_path / "restored.sqlite"
    assert gateway.tool("backup", "sqlite", "restore", str(folder), "--target", str(target)).returncode == 0
    with sqlite3.connect(target) as db:
        assert db.execute("SELECT count(*) FROM gateway_boot_lifecycle").fetchone() == (1,)
    assert gateway.tool("backup", "sqlite", "restore", str(folder), "--target", str(target)).returncode == 1, "not over it"
    corrupted(folder / "database.sqlite")
    other = tmp_path / "other.sqlite"
    assert gateway.tool("backup", "sqlite", "restore", str(folder), "--target", str(other)).returncode == 1
    assert not other.exists()


def test_an_archive_holds_the_whole_state_under_its_paths(standin, tmp_path):
    gateway = standin().ready()
    gateway.turn()
    made = gateway.tool("backup", "create", "--output", str(tmp_path / "b"), "--verify", "--json")
    archive = Path(json.loads(made.stdout)["archivePath"])
    target = tmp_path / "tree"
    assert gateway.tool("backup", "restore", str(archive), "--target", str(target)).returncode == 0
    inside = target / archive.name.removesuffix(".tar.gz") / "payload" / "posix" / gateway.state.relative_to("/")
    assert (inside / "openclaw.json").read_bytes() == gateway.path.read_bytes()
    assert (inside / "agents/main/agent/openclaw-agent.sqlite").read_bytes()[:15] == b"SQLite format 3"


def test_node_wrapper_takes_nodes_options_and_becomes_the_gateway(standin):
    gateway = standin()
    gateway.end()
    run = subprocess.run([HERE / "standin_node.sh", "--max-old-space-size=96", HERE / "standin_gateway.py", "gateway"],
                         env=gateway.env, capture_output=True, text=True, timeout=15, stdin=subprocess.DEVNULL)
    assert run.returncode == -signal.SIGABRT and "JavaScript heap out of memory" in run.stderr


# -- processes and ports


def test_under_systemd_it_gives_way_to_a_healthy_gateway_on_its_port(standin, tmp_path):
    first = standin().ready()
    (tmp_path / "second").mkdir()
    second = Standin(tmp_path / "second", text=first.path.read_text(), bind_tries=1,
                     environment={"OPENCLAW_SYSTEMD_UNIT": "x.service"})
    assert second.code() == 78
    assert "existing gateway is healthy, exiting with code 78" in second.complaints()
    assert f"- pid {first.pid} " in second.complaints()


def test_a_service_ends_stale_gateways_on_its_port_first(standin, tmp_path):
    first = standin().ready()
    (tmp_path / "second").mkdir()
    second = Standin(tmp_path / "second", text=first.path.read_text(),
                     environment={"OPENCLAW_SERVICE_MARKER": "openclaw"})
    try:
        until("the first to end", lambda: first.process.poll() is not None)
        until("ready", lambda: status_of(first.port, "/readyz") == 200)
        assert f"service-mode: cleared 1 stale gateway pid(s) before bind on port {first.port}" in second.messages()
    finally:
        second.process.kill()
        second.process.wait()


def test_an_old_node_is_refused(standin):
    gateway = standin(node="20.20.2")
    assert gateway.code() == 1
    assert "openclaw: Node 20.20.2: node:sqlite is unavailable" in gateway.complaints()


@pytest.mark.parametrize("how", ["argument", "NODE_OPTIONS"])
def test_a_small_heap_aborts_as_v8_does(standin, how):
    flag = "--max-old-space-size=96"
    gateway = standin(arguments=[flag]) if how == "argument" else standin(environment={"NODE_OPTIONS": flag})
    assert gateway.code() == -signal.SIGABRT
    assert "FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory" \
        in gateway.err.read_text()


def test_grows_when_told(standin):
    gateway = standin(leak_mb_per_s=200).ready()

    def rss():
        return int(Path(f"/proc/{gateway.pid}/statm").read_text().split()[1]) * 4096
    before = rss()
    until("100 MB more", lambda: rss() - before > 100 * 2**20)


def test_blocks_for_a_while_and_comes_back(standin):
    gateway = standin(block_seconds=2, block_every=0.5).ready()

    def silent():
        try:
            ask(gateway.port, "/healthz", timeout=0.5)
        except TimeoutError:
            return True
    until("a time without answers", silent)
    until("an answer", lambda: status_of(gateway.port, "/healthz") == 200)
    assert gateway.process.poll() is None


# -- plugins, providers, channels


def test_a_plugin_that_throws_is_left_out_and_one_that_crashes_takes_it_along(standin):
    entries = {"plugins": {"entries": {"badplug": {"enabled": True}}}}
    gateway = standin(config=entries, plugin_throws="badplug").ready()
    assert "[plugins] badplug failed during load from" in gateway.complaints()
    gateway.end()
    crashed = standin(config=entries, plugin_crashes="badplug")
    assert crashed.code() == 1 and "extensions/badplug/index.js" in crashed.complaints()
    standin(config={"plugins": {"entries": {"badplug": {"enabled": False}}}}, plugin_crashes="badplug").ready()


MODELS = {"agents": {"defaults": {"model": {"primary": "lab/one", "fallbacks": ["lab/two"]}}}}


def test_429_is_tried_again_then_the_fallback_answers(standin):
    gateway = standin(config=MODELS, model_fails="lab/one 429 rate limit reached", retry_seconds=0.01).ready()
    assert gateway.turn()[0] == 200
    records = [json.loads(line) for line in gateway.err.read_text().splitlines()]
    assert sum("transient same-model retry" in r["message"] for r in records) == 9
    failed = next(r for r in records if r.get("event") == "model_fallback_decision")
    assert (failed["decision"], failed["reason"], failed["status"]) == ("candidate_failed", "rate_limit", 429)
    assert any('"candidate_succeeded"' in line for line in gateway.out.read_text().splitlines())


def test_401_cools_the_key_down_and_without_a_fallback_the_turn_fails(standin):
    gateway = standin(config=MODELS, model_fails="lab/one 401 bad key; lab/two 401 bad key").ready()
    status, body = gateway.turn()
    assert status == 401 and json.loads(body)["error"]["type"] == "authentication_error"
    assert '"auth_profile_failure_state_updated"' in gateway.err.read_text()
    assert "chat completion failed: FailoverError: 401 bad key" in gateway.complaints()
    (gateway.state / "standin.env").write_text("STANDIN_MODEL_FAILS=\n")
    assert gateway.turn()[0] == 200, "read anew for each turn"


def test_an_unknown_provider_and_a_prompt_too_long_fail_without_fallback(standin):
    gateway = standin(config={**MODELS, "models": {"providers": {"other": {}}}}).ready()
    assert gateway.turn()[0] == 404 and "Unknown model: lab/one" in gateway.complaints()
    gateway.end()
    long = standin(config=MODELS, model_fails="lab/one 400 context_length_exceeded: 300000 tokens").ready()
    assert long.turn()[0] == 500 and "context_length_exceeded" in long.complaints()


def test_a_stop_waits_for_the_turn_under_way(standin):
    gateway = standin(turn_seconds=1.5).ready()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        turn = pool.submit(gateway.turn)
        time.sleep(0.3)
        gateway.process.terminate()
        assert turn.result()[0] == 200
    assert gateway.code() == 0


def test_two_pollers_of_one_telegram_token_see_each_other(standin, tmp_path):
    channel = {"channels": {"telegram": {"botToken": "1:x"}}}
    first = standin(config=channel, telegram_seconds=0.1).ready()
    (tmp_path / "second").mkdir()
    second = Standin(tmp_path / "second", config=channel, telegram_seconds=0.1).ready()
    try:
        for gateway in (first, second):
            until("the conflict", lambda: any("terminated by other getUpdates request" in m
                                              for m in gateway.messages()))
    finally:
        second.process.kill()
        second.process.wait()


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
