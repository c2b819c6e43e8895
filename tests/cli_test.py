"""The real binary as a person meets it: help, exit codes, configuration, completion, manual, and one whole night of a
gateway in the foreground — with the stand-in gateway, on loopback, without root."""
import email
import email.policy
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MESHOPS = os.environ.get("MESHOPS_BIN", str(ROOT / "build/release/meshops"))


def environment(tmp_path):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "MESHOPS_"))}
    env.update(HOME=str(tmp_path), XDG_STATE_HOME=str(tmp_path / "state"), XDG_RUNTIME_DIR=str(tmp_path / "run"))
    return env


def meshops(tmp_path, *arguments, **options):
    return subprocess.run([MESHOPS, *arguments], env=environment(tmp_path), text=True, capture_output=True, timeout=60,
                          **options)


def wait_until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    pytest.fail(f"not within {seconds} s: {what}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def commands(tmp_path):
    out = meshops(tmp_path, "--help").stdout
    listed = out.split("Subcommands:")[1].split("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and not line.startswith("   ")]


def test_every_command_has_help_with_an_example(tmp_path):
    names = commands(tmp_path)
    assert {"up", "agent", "status", "logs", "start", "stop", "restart", "discover", "config"} <= set(names)
    for name in names:
        shown = meshops(tmp_path, name, "--help")
        assert shown.returncode == 0 and "Example:" in shown.stdout, name


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["status", "--nonsense"], ["--format", "xml", "status"], ["start"]])
def test_wrong_usage_exits_2(tmp_path, arguments):
    assert meshops(tmp_path, *arguments).returncode == 2


def test_status_without_an_agent_says_how_to_start_one(tmp_path):
    shown = meshops(tmp_path, "--socket", str(tmp_path / "none.sock"), "status")
    assert shown.returncode == 3
    assert "no agent answers" in shown.stderr and "meshops up" in shown.stderr


def test_a_node_alone_is_told_that_it_needs_no_mesh(tmp_path):
    config = tmp_path / "mesh.toml"
    config.write_text(f'[mesh]\nnode = "alpha"\n[agent]\nstate_dir = "{tmp_path}/state"\n[[node]]\nname = "alpha"\n')
    shown = meshops(tmp_path, "--config", str(config), "mesh", "init")
    assert shown.returncode == 3 and "one alone needs no membership" in shown.stderr and "list every node" in shown.stderr
    config.write_text(config.read_text() + '[[node]]\nname = "beta"\naddress = "10.0.0.2"\n')
    shown = meshops(tmp_path, "--config", str(config), "mesh", "join")
    assert shown.returncode == 3 and "cannot reach alpha at 127.0.0.1" in shown.stderr
    shown = meshops(tmp_path, "--config", str(config), "--format", "json", "mesh", "members")
    assert shown.returncode == 3 and json.loads(shown.stdout)["code"] in ("serf.no_mesh", "serf.not_permitted")
    assert not (tmp_path / "state-serf").exists(), "nothing is made before all is known to be good"
    assert meshops(tmp_path, "mesh").returncode == 2


def test_the_object_store_is_shown_and_proven(tmp_path):
    config, store = tmp_path / "mesh.toml", tmp_path / "shared"
    config.write_text('[mesh]\nnode = "alpha"\n[[node]]\nname = "alpha"\n[[node]]\nname = "beta"\n')
    shown = meshops(tmp_path, "--config", str(config), "mesh", "store")
    assert shown.returncode == 3 and "names no object store" in shown.stderr and "[store]" in shown.stderr
    config.write_text(config.read_text() + f'[store]\nurl = "dir:{store}"\n')
    shown = meshops(tmp_path, "--config", str(config), "mesh", "store")
    assert shown.returncode == 3 and "is mounted" in shown.stderr, "an empty store would be a lie"
    store.mkdir()
    shown = meshops(tmp_path, "--config", str(config), "mesh", "store")
    assert shown.returncode == 1 and "refuses what it must" in shown.stdout and "beta   no heartbeat yet" in shown.stdout
    for node in ("alpha", "beta"):
        (store / "home/beat").mkdir(exist_ok=True)
        (store / "home/beat" / node).write_text(json.dumps({"schema": "meshops.beat/1", "node": node, "boot": "b", "paused": node == "beta"}))
    (store / "home/lease").mkdir()
    (store / "home/lease/beta").write_text(json.dumps({"schema": "meshops.store-lease/1", "holder": "alpha", "ticket": 7,
                                                       "fence": 3, "writes": 5, "released": False}))
    shown = meshops(tmp_path, "--config", str(config), "mesh", "store", "--format", "json")
    said = json.loads(shown.stdout)
    assert shown.returncode == 0 and said["schema"] == "meshops.mesh-store/1" and said["conditions"]["proven"] is True
    assert [n["beat"]["paused"] for n in said["nodes"]] == [False, True] and said["nodes"][0]["lease"] is None
    assert (said["nodes"][1]["lease"]["holder"], said["nodes"][1]["lease"]["number"]) == ("alpha", 3)
    assert meshops(tmp_path, "mesh", "store", "--nonsense").returncode == 2


def test_diagnose_names_the_cause_of_a_pasted_log(tmp_path):
    facts = tmp_path / "facts.json"
    facts.write_text('{"exit_code": 78, "anything": "else"}')
    shown = meshops(tmp_path, "diagnose", "--logs", "-", "--state", str(facts), "--format", "json",
                    input="Refusing to bind gateway to lan without auth.\n")
    assert shown.returncode == 1
    said = json.loads(shown.stdout)
    assert said["schema"] == "meshops.diagnosis/1" and said["hypotheses"][0]["cause"] == "config_startup_guard"
    assert "config_startup_guard" in meshops(tmp_path, "diagnose", "--logs", "-", input="Refusing to bind without auth.").stdout


def test_diagnose_of_nothing_is_good(tmp_path):
    assert meshops(tmp_path, "diagnose", "--logs", "-", input="all is well\n").returncode == 0


def test_diagnose_without_log_or_agent_says_what_is_possible(tmp_path):
    shown = meshops(tmp_path, "diagnose")
    assert shown.returncode == 3 and "no agent answers" in shown.stderr
    assert "--logs" in shown.stderr and "meshops up" in shown.stderr


def test_diagnose_judges_facts_alone(tmp_path):
    facts = tmp_path / "facts.json"
    facts.write_text('{"unit_result": "oom-kill"}')
    shown = meshops(tmp_path, "diagnose", "--state", str(facts))
    assert shown.returncode == 1 and "oom_killer" in shown.stdout


def test_diagnose_since_leaves_out_what_is_older_and_keeps_line_numbers(tmp_path):
    log = ("2026-11-24T05:00:00.000Z Refusing to bind gateway to lan without auth.\n"
           "2026-11-24T06:00:00.000Z ENOSPC: no space left on device, write\n")
    shown = meshops(tmp_path, "--format", "json", "diagnose", "--logs", "-", "--since", "2026-11-24T05:30:00Z", input=log)
    said = json.loads(shown.stdout)
    assert [h["cause"] for h in said["hypotheses"]] == ["disk_full"]
    assert said["hypotheses"][0]["evidence"][0]["line"] == 2
    assert meshops(tmp_path, "diagnose", "--logs", "-", "--since", "yesterday", input=log).returncode == 2
    untimed = meshops(tmp_path, "diagnose", "--logs", "-", "--since", "2h", input="no space left on device\n")
    assert untimed.returncode == 1 and "no line of the log has a time" in untimed.stderr


def test_diagnose_judges_what_an_agent_saw(tmp_path):
    seen = {"schema": "meshops.closeup/1", "gateway": "main", "at": "2026-11-24T05:40:00.000Z", "state": "parked",
            "summary": "given up", "last_exit": {"code": 78, "at": "2026-11-24T05:39:00.000Z", "reason": "exit code 78"},
            "facts": {"exit_code": 78, "config_problem": "openclaw.json: line 2, column 7: expected ','"},
            "log": "Gateway start blocked: existing config is missing gateway.mode.\n", "skipped": ["kernel log: no rights"]}
    file = tmp_path / "seen.json"
    file.write_text(json.dumps(seen))
    shown = meshops(tmp_path, "diagnose", "--closeup", str(file))
    assert shown.returncode == 1
    assert shown.stdout.startswith("main: parked: given up\nlast end: exit code 78 at ")
    assert "not looked at: kernel log: no rights" in shown.stdout and "1. config_schema_invalid" in shown.stdout
    said = json.loads(meshops(tmp_path, "--format", "json", "diagnose", "--closeup", "-", input=json.dumps(seen)).stdout)
    assert said["gateway"] == "main" and said["skipped"] == ["kernel log: no rights"]
    for broken in (json.dumps(seen)[:-40], "[" * 100000, "{}", ""):
        assert meshops(tmp_path, "diagnose", "--closeup", "-", input=broken).returncode == 3
    assert meshops(tmp_path, "diagnose", "main", "--closeup", str(file)).returncode == 2


class Receiver:
    """One end of an alert: listens on loopback and keeps what came. `kind` is http or smtp."""

    def __init__(self, kind, status=200):
        self.kind, self.status, self.got = kind, status, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rwb") as f:
                (self.serve_http if self.kind == "http" else self.serve_smtp)(f)

    def serve_http(self, f):
        head = [f.readline().decode()]
        while head[-1].strip():
            head.append(f.readline().decode())
        length = next(int(line.split(":")[1]) for line in head if line.lower().startswith("content-length:"))
        self.got.append((head[0].strip(), f.read(length).decode()))
        f.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 2\r\n\r\nno".encode())
        f.flush()

    def serve_smtp(self, f):
        def say(line):
            f.write(line.encode() + b"\r\n")
            f.flush()
        say("220 here")
        while line := f.readline().decode().strip():
            if line == "DATA":
                say("354 go on")
                body = b""
                while not body.endswith(b"\r\n.\r\n"):
                    body += f.readline()
                self.got.append(("DATA", body[:-3].decode()))  # without the dot that ends it
                say("250 taken")
            elif line == "QUIT":
                return say("221 bye")
            else:
                self.got.append((line, ""))
                say("250 good")


def alert_config(tmp_path, *tables):
    file = tmp_path / "mesh.toml"
    state = tmp_path / "state/meshops"
    state.mkdir(parents=True, exist_ok=True)
    file.write_text(f'[agent]\nstate_dir = "{state}"\ndiscover = false\n' + "".join(f"[[alert]]\n{t}\n" for t in tables))
    return str(file)


def test_alerts_test_reaches_each_kind_of_receiver(tmp_path):
    with Receiver("http") as hook, Receiver("smtp") as mail:
        (tmp_path / "url").write_text(f"http://127.0.0.1:{hook.port}/bot1\n")
        (tmp_path / "url").chmod(0o600)
        config = alert_config(
            tmp_path,
            f'name = "status"\nkind = "webhook"\nurl = "http://127.0.0.1:{hook.port}/in"',
            f'name = "phone"\nkind = "telegram"\nurl_file = "{tmp_path}/url"\nchat_id = "-1001"',
            f'name = "pager"\nkind = "command"\ncommand = ["sh", "-c", "cat > {tmp_path}/paged"]',
            f'name = "mail"\nkind = "smtp"\nserver = "smtp://127.0.0.1:{mail.port}"\n'
            'from = "meshops@example.org"\nto = ["a@example.org", "b@example.org"]')
        shown = meshops(tmp_path, "--config", config, "alerts", "test")
        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert [line.split()[0] for line in shown.stdout.splitlines()] == ["status", "phone", "pager", "mail"]
        assert [request for request, _ in hook.got] == ["POST /in HTTP/1.1", "POST /bot1/sendMessage HTTP/1.1"]
        assert json.loads(hook.got[0][1])["schema"] == "meshops.alert/1"
        assert json.loads(hook.got[1][1])["chat_id"] == "-1001"
        assert json.loads((tmp_path / "paged").read_text())["kind"] == "test"
        assert [line for line, _ in mail.got if line.startswith(("MAIL", "RCPT"))] == [
            "MAIL FROM:<meshops@example.org>", "RCPT TO:<a@example.org>", "RCPT TO:<b@example.org>"]
        message = email.message_from_string(mail.got[-1][1], policy=email.policy.default)
        assert message["subject"].startswith("[meshops] ") and message["subject"].endswith("arrive here")
        assert "a test: alerts of this node arrive here" in message.get_content()
        assert not message.defects
        only = json.loads(meshops(tmp_path, "--config", config, "--format", "json", "alerts", "test", "pager").stdout)
        assert [(a["name"], a["arrived"]) for a in only["alerts"]] == [("pager", True)]


def test_alerts_test_says_what_went_wrong_and_never_where(tmp_path):
    with Receiver("http", status=404) as hook:
        config = alert_config(tmp_path, f'name = "status"\nkind = "webhook"\nurl = "http://127.0.0.1:{hook.port}/hunter2"',
                              f'name = "dead"\nkind = "webhook"\nurl = "http://127.0.0.1:{free_port()}/hunter2"')
        for form in ("text", "json"):
            shown = meshops(tmp_path, "--config", config, "--format", form, "alerts", "test")
            assert shown.returncode == 1
            assert "alert 'status': it answered 404: no" in shown.stdout
            assert "alert 'dead': nothing listens there" in shown.stdout
            assert "hunter2" not in shown.stdout + shown.stderr and "127.0.0.1" not in shown.stdout + shown.stderr
        wrong = meshops(tmp_path, "--config", config, "alerts", "test", "statsu")
        assert wrong.returncode == 3 and "did you mean status?" in wrong.stderr


def test_alerts_shows_what_waits_and_how_the_last_one_went(tmp_path):
    config = alert_config(tmp_path, 'name = "status"\nkind = "webhook"\nurl = "http://127.0.0.1:1/hunter2"')
    shown = meshops(tmp_path, "--config", config, "alerts")
    assert shown.returncode == 0 and shown.stdout == "status  webhook  nothing sent yet\n"
    assert not (tmp_path / "state/meshops/ledger.sqlite").exists(), "who only looks makes nothing"
    shown = json.loads(meshops(tmp_path, "--config", config, "--format", "json", "alerts").stdout)
    assert shown == {"schema": "meshops.alerts/1", "alerts": [{"name": "status", "kind": "webhook", "well": True,
                                                               "waiting": 0, "last": None, "next": None, "warning": ""}]}
    assert "[[alert]]" in meshops(tmp_path, "alerts").stdout

    # What an agent has left: one given up, and one that waits after a failed try.
    log = open(tmp_path / "log", "wb")
    agent = subprocess.Popen([MESHOPS, "--config", config, "--socket", str(tmp_path / "agent.sock"), "up", "--plain"],
                             env=environment(tmp_path), stdout=log, stderr=log)
    wait_until("the agent answers", lambda: meshops(tmp_path, "--socket", str(tmp_path / "agent.sock"), "status").returncode != 3)
    agent.terminate()
    agent.wait(30)
    with sqlite3.connect(tmp_path / "state/meshops/ledger.sqlite") as db:
        rows = [("main/oom/gave_up", "dropped", 3, None, "alert 'status': it answered 404: no\x1b[2J"),
                ("main/disk_full/gave_up", "waiting", 2, 4102444800000, "alert 'status': nothing listens there")]
        for key, state, tries, next_try, error in rows:
            db.execute("INSERT INTO messages(recipient, key, body, stands_for, queued_ms, tries, next_try_ms, state, settled_ms, "
                       "last_error) VALUES('status', ?, '{}', 0, 1795000000000, ?, ?, ?, ?, ?)",
                       (key, tries, next_try, state, 1795000000000 if state == "dropped" else None, error))
    db.close()
    shown = meshops(tmp_path, "--config", config, "alerts")
    assert shown.returncode == 1
    first, second = shown.stdout.splitlines()
    assert first.startswith("status  webhook  last given up ") and first.endswith("it answered 404: no\\x1b[2J")
    assert second.startswith("    1 waiting, next try in ") and second.endswith(": alert 'status': nothing listens there")
    said = json.loads(meshops(tmp_path, "--config", config, "--format", "json", "alerts").stdout)["alerts"][0]
    assert not said["well"] and said["waiting"] == 1
    assert said["last"] == {"result": "dropped", "at": "2026-11-18T11:06:40.000Z", "key": "main/oom/gave_up", "tries": 3,
                            "error": "alert 'status': it answered 404: no\x1b[2J"}
    assert said["next"]["key"] == "main/disk_full/gave_up" and said["next"]["tries"] == 2


def test_the_ledger_is_what_the_agent_has_while_its_disk_takes_nothing(tmp_path):
    config = alert_config(tmp_path)
    asked = ["--config", config, "--socket", str(tmp_path / "agent.sock"), "ledger"]
    log = open(tmp_path / "log", "wb")
    agent = subprocess.Popen([MESHOPS, *asked[:-1], "up", "--plain"], env=environment(tmp_path), stdout=log, stderr=log)
    try:
        wait_until("the agent answers", lambda: meshops(tmp_path, *asked[:-1], "status").returncode != 3)
        with sqlite3.connect(tmp_path / "state/meshops/ledger.sqlite") as db:
            db.execute("INSERT INTO entries VALUES(1, 'main', 'disk_full', 1, 'free_disk', 'made room', '[]', '', 'meshops', "
                       "1795000000000, 1795000001000, 'helped', '')")
        db.close()
        # Another file stands where a person's command looks: as after a start on a read-only disk.
        Path(config).write_text(f'[agent]\nstate_dir = "{tmp_path}/old"\n')
        (tmp_path / "old").mkdir()
        with sqlite3.connect(tmp_path / "state/meshops/ledger.sqlite") as db, \
                sqlite3.connect(tmp_path / "old/ledger.sqlite") as old:
            db.backup(old)
            old.execute("UPDATE entries SET sentence = 'of long ago'")
        db.close(), old.close()
        assert "of long ago" in meshops(tmp_path, *asked).stdout
        (tmp_path / "ledger.sqlite").touch()
        shown = meshops(tmp_path, *asked).stdout
        assert "made room" in shown and "of long ago" not in shown, shown
    finally:
        agent.terminate()
        agent.wait(30)
    assert "of long ago" in meshops(tmp_path, *asked).stdout, "without an agent it is what there is"


def test_explain_knows_the_causes(tmp_path):
    assert "duplicate_supervisor" in meshops(tmp_path, "explain").stdout
    assert "what helps" in meshops(tmp_path, "explain", "disk_full").stdout
    shown = meshops(tmp_path, "explain", "disk_ful")
    assert shown.returncode == 2 and "disk_full" in shown.stderr
    assert meshops(tmp_path, "explain", "--all").stdout == (ROOT / "docs/causes.md").read_text()


def test_config_init_writes_a_file_that_is_good_and_is_not_overwritten(tmp_path):
    path = tmp_path / "mesh.toml"
    assert meshops(tmp_path, "config", "init", str(path)).returncode == 0
    assert meshops(tmp_path, "config", "check", str(path)).returncode == 0
    before = path.read_bytes()
    assert meshops(tmp_path, "config", "init", str(path)).returncode == 3
    assert path.read_bytes() == before


def test_config_check_names_file_line_and_column(tmp_path):
    path = tmp_path / "mesh.toml"
    path.write_text('[mesh]\nnmae = "x"\n')
    shown = meshops(tmp_path, "config", "check", str(path))
    assert shown.returncode == 1
    assert f"{path}:2:1" in shown.stdout and "name" in shown.stdout


def test_manual_and_guide_come_from_the_parser(tmp_path):
    assert meshops(tmp_path, "man", str(tmp_path / "man")).returncode == 0
    assert (tmp_path / "man/meshops-status.1").read_text().startswith(".TH")
    guide = (tmp_path / "man/commands.md").read_text()
    assert guide == (ROOT / "docs/guide/commands.md").read_text(), "run: build/release/meshops man docs/guide"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_commands(tmp_path, shell):
    script = meshops(tmp_path, "completion", shell).stdout
    assert "discover" in script and "--until" in script or "until" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    if shell == "fish":  # quotes that open are closed, apostrophes in sentences notwithstanding
        odd = [line for line in script.splitlines() if re.sub(r"\\.", "", line).count("'") % 2]
        assert not odd
        assert "\\'" in script


class Site:
    """One foreground meshops with one stand-in gateway."""

    def __init__(self, tmp_path, tls=None, profile="normal", **extra):
        self.tmp = tmp_path
        self.port = free_port()
        self.socket = tmp_path / "agent.sock"
        home = tmp_path / "openclaw"
        home.mkdir()
        (home / "openclaw.json").write_text(json.dumps(
            {"gateway": {"mode": "local", "port": self.port, "auth": {"mode": "token", "token": "t"},
                         "tls": tls or {}}}))
        env = {"OPENCLAW_STATE_DIR": str(home), "STANDIN_START_SECONDS": "1", **extra}
        inline = ", ".join(f'{k} = "{v}"' for k, v in env.items())
        (tmp_path / "mesh.toml").write_text(f"""
[agent]
discover = false
state_dir = "{tmp_path}/state"
[limits]
profile = "{profile}"
probe_interval = "500ms"
probe_timeout = "1s"
backoff_base = "200ms"
[[gateway]]
name = "main"
kind = "openclaw"
runtime = "process"
command = ["{sys.executable}", "{ROOT}/tests/lab/standin_gateway.py"]
environment = {{ {inline} }}
state_dir = "{home}"
""")
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def start(self):
        self.log = open(self.tmp / "meshops.log", "ab")
        self.process = subprocess.Popen([MESHOPS, "--config", str(self.tmp / "mesh.toml"), "--socket", str(self.socket), "up",
                                         "--plain"], env=environment(self.tmp), stdout=self.log, stderr=self.log)

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        if exc[0]:
            print((self.tmp / "meshops.log").read_text(), file=sys.stderr)

    def meshops(self, *arguments):
        return meshops(self.tmp, "--socket", str(self.socket), *arguments)

    def gateway(self):
        shown = self.meshops("--format", "json", "status")
        if shown.returncode not in (0, 1):
            return None
        gateways = json.loads(shown.stdout)["nodes"][0]["gateways"]
        return gateways[0] if gateways else None

    def ready(self, other_than=None):
        def look():
            g = self.gateway()
            return g if g and g["state"] == "ready" and g["identity"]["pid"] != other_than else None
        return wait_until("ready", look)


def test_a_killed_gateway_is_back(tmp_path):
    with Site(tmp_path) as site:
        pid = site.ready()["identity"]["pid"]
        os.kill(pid, signal.SIGKILL)
        after = site.ready(other_than=pid)
        assert after["restarts"] == 1
        assert after["last_exit"]["signal"] == 9
        assert [after["health"][layer]["state"] for layer in ("process", "port", "live", "loop", "started", "ready")] == ["ok"] * 6


def test_what_belongs_to_meshops_own_unit_does_not_reach_the_gateway(tmp_path, monkeypatch):
    unwanted = {"OPENCLAW_SERVICE_MARKER": "openclaw", "INVOCATION_ID": "1", "NODE_COMPILE_CACHE": "/nowhere",
                "NOTIFY_SOCKET": "/nowhere"}
    for name, value in unwanted.items():
        monkeypatch.setenv(name, value)
    with Site(tmp_path) as site:
        pid = site.ready()["identity"]["pid"]
        given = dict(v.split("=", 1) for v in Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in v)
        assert not unwanted.keys() & given.keys()
        assert given["OPENCLAW_SUPERVISOR_MODE"] == "external"


def test_a_frozen_gateway_is_noticed_and_back(tmp_path):
    with Site(tmp_path) as site:
        pid = site.ready()["identity"]["pid"]
        os.kill(pid, signal.SIGSTOP)
        assert site.ready(other_than=pid)["restarts"] == 1


def test_a_gateway_with_tls_is_watched_like_any_other(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=own", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    with Site(tmp_path, tls={"enabled": True, "certPath": str(certificate), "keyPath": str(key)}) as site:
        before = site.ready()
        assert [before["health"][layer]["state"] for layer in ("live", "loop", "started", "ready")] == ["ok"] * 4
        os.kill(before["identity"]["pid"], signal.SIGSTOP)
        site.ready(other_than=before["identity"]["pid"])


def test_a_slow_start_is_left_alone(tmp_path):
    with Site(tmp_path, STANDIN_START_SECONDS="12") as site:
        first = wait_until("started", lambda: (g := site.gateway()) and g["identity"]["pid"])
        after = site.ready()
        assert after["identity"]["pid"] == first and after["restarts"] == 0


def test_a_stopped_gateway_stays_stopped_until_started(tmp_path):
    with Site(tmp_path) as site:
        pid = site.ready()["identity"]["pid"]
        assert site.meshops("stop", "main").returncode == 0
        wait_until("stopped", lambda: site.gateway()["state"] == "stopped")
        assert not Path(f"/proc/{pid}").exists()
        assert site.meshops("start", "main").returncode == 0
        site.ready(other_than=pid)


def test_the_agent_killed_leaves_the_gateway_and_the_next_adopts_it(tmp_path):
    with Site(tmp_path) as site:
        pid = site.ready()["identity"]["pid"]
        site.process.kill()
        site.process.wait()
        site.start()
        after = site.ready()
        assert after["identity"]["pid"] == pid and after["restarts"] == 0


def test_an_agent_that_died_before_it_wrote_the_pid_down_leaves_no_second_gateway(tmp_path):
    with Site(tmp_path) as site:
        pid = site.ready()["identity"]["pid"]
        site.process.kill()
        site.process.wait()
        (tmp_path / "state/gateways/main/process.json").unlink()
        site.start()
        after = site.ready()
        assert after["identity"]["pid"] == pid and after["restarts"] == 0


def test_a_command_with_a_typing_error_names_the_right_one(tmp_path):
    shown = meshops(tmp_path, "statsu")
    assert shown.returncode == 2 and "did you mean meshops status?" in shown.stderr


def test_ctrl_c_ends_what_was_started(tmp_path):
    with Site(tmp_path) as site:
        pid = site.ready()["identity"]["pid"]
        site.process.send_signal(signal.SIGINT)
        assert site.process.wait(30) == 0
        assert not Path(f"/proc/{pid}").exists()
        assert not site.socket.exists()


def test_logs_show_what_the_gateway_wrote(tmp_path):
    with Site(tmp_path) as site:
        site.ready()
        assert "ready" in site.meshops("logs", "main").stdout
        assert site.meshops("logs", "nobody").returncode == 3


def test_diagnose_of_a_living_gateway_finds_nothing(tmp_path):
    with Site(tmp_path) as site:
        site.ready()
        shown = site.meshops("--format", "json", "diagnose")
        said = json.loads(shown.stdout)
        assert said["gateway"] == "main" and said["state"] == "ready"
        # The machine under the tests may really be starved; of the gateway itself there is nothing to find.
        assert {h["cause"] for h in said["hypotheses"]} <= {"cpu_starvation"}, said
        assert shown.returncode == (0 if said["confidence"] == "inconclusive" else 1)
        assert site.meshops("diagnose", "nobody").returncode == 3


def test_diagnose_sees_a_configuration_that_does_not_parse(tmp_path):
    # Only observed: a healer could have mended it before it is looked at.
    with Site(tmp_path, profile="observe-only") as site:
        wait_until("the agent", lambda: site.gateway())
        (tmp_path / "openclaw" / "openclaw.json").write_text('{"gateway": {"mode": "local", "auth": {"token": "dont-show-me"}}, ')
        site.meshops("start", "main")
        wait_until("refused", lambda: (g := site.gateway()) and (g["last_exit"] or {}).get("code") == 78)
        shown = site.meshops("diagnose", "main")
        assert shown.returncode == 1 and "1. config_schema_invalid" in shown.stdout, shown.stdout
        assert "last end: exit code 78" in shown.stdout and "dont-show-me" not in shown.stdout


def test_diagnose_sees_who_holds_the_port(tmp_path):
    with Site(tmp_path, STANDIN_BIND_TRIES="1") as site:
        pid = site.ready()["identity"]["pid"]
        assert site.meshops("stop", "main").returncode == 0
        wait_until("stopped", lambda: site.gateway()["state"] == "stopped" and not Path(f"/proc/{pid}").exists())
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            thief.bind(("127.0.0.1", site.port))
            thief.listen()
            assert site.meshops("start", "main").returncode == 0
            wait_until("refused", lambda: (g := site.gateway()) and (g["last_exit"] or {}).get("code") == 1)
            shown = site.meshops("diagnose")
            assert shown.returncode == 1 and "1. port_conflict" in shown.stdout, shown.stdout


def test_a_second_agent_on_the_socket_is_refused(tmp_path):
    with Site(tmp_path) as site:
        site.ready()
        second = meshops(tmp_path, "--config", str(tmp_path / "mesh.toml"), "--socket", str(site.socket), "up", "--plain")
        assert second.returncode == 3 and "another" in second.stderr


@pytest.mark.parametrize("line", ["", "id\n", "x {}\n", "A" * 9000, "\x00\n"],
                         ids=["nothing", "command", "unsigned", "long", "nul"])
def test_remote_answers_what_is_no_request_with_one_line(tmp_path, line):
    """Whatever stands behind the command, and whatever comes: one answer, and nothing else happens."""
    said = meshops(tmp_path, "remote", "sh", "-c", "id", "--anything", input=line)
    answer = json.loads(said.stdout)
    assert said.stdout.count("\n") == 1 and said.returncode == 3
    assert answer["schema"] == "meshops.remote-answer/1" and answer["good"] is False
    assert answer["error"]["code"] == "remote.malformed"
    assert not list(tmp_path.rglob("healing-*"))


def test_it_says_whether_it_could_answer_a_sibling(tmp_path):
    config = tmp_path / "mesh.toml"
    config.write_text(f'[agent]\nstate_dir = "{tmp_path}/state"\n')
    said = meshops(tmp_path, "--config", str(config), "remote", "--ready")
    assert (said.returncode, said.stdout) == (0, "meshops.remote/1 ready\n")
    config.write_text("[agent\n")
    said = meshops(tmp_path, "--config", str(config), "remote", "--ready")
    assert (said.returncode, said.stdout) == (3, "")


def test_a_healing_key_is_made_once_and_shown_by_its_public_part(tmp_path):
    config = tmp_path / "mesh.toml"
    config.write_text(f'[agent]\nstate_dir = "{tmp_path}/state"\n')
    first = meshops(tmp_path, "--config", str(config), "--format", "json", "mesh", "keys")
    made = json.loads(first.stdout)
    key = tmp_path / "state/healing_key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert made["healing_key"].startswith("ssh-ed25519 AAAA") and made["healing_key"] in Path(f"{key}.pub").read_text()
    again = json.loads(meshops(tmp_path, "--config", str(config), "--format", "json", "mesh", "keys").stdout)
    assert again == made
    assert "PRIVATE" not in first.stdout + first.stderr
    key.chmod(0o644)
    exposed = meshops(tmp_path, "--config", str(config), "mesh", "keys")
    assert exposed.returncode == 3 and "may be read by others" in exposed.stderr
