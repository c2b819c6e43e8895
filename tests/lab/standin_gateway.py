#!/usr/bin/env python3
"""A light stand-in for the OpenClaw gateway: same health, signal, exit-code and log contract, no model, no Node.

The lab starts it in nodes where the real gateway would cost 17 s of CPU; its unit tests and the demo start it
directly. One process, standard library only, no CPU when idle. It never talks to anything but its own port.
Beside it lie standin_config.py (openclaw.json), standin_state.py (databases, locks), standin_turns.py (models),
standin_http.py (its port) and standin_tools.py (its commands), in a node also standin_package.json as package.json and
standin_node.sh as bin/node.

It reads openclaw.json as the gateway does (OPENCLAW_CONFIG_PATH, else OPENCLAW_STATE_DIR/openclaw.json, else
~/.openclaw/openclaw.json). How it misbehaves is set by STANDIN_* variables, in the environment or, so that a
test can change it without touching a unit, as KEY=VALUE lines in STATE/standin.env (the file wins; read at start):

  STANDIN_START_SECONDS=1   the port opens after 60 % of it, ready at the end
  STANDIN_BURN_CPU=0        1: burns CPU while it starts, as the real one does
  STANDIN_DRAIN_SECONDS=0   how long a SIGTERM drains before the exit; a turn under way drains longer
  STANDIN_EXIT_AFTER        seconds after ready until it exits by itself, with
  STANDIN_EXIT_CODE=1         this code
  STANDIN_EXIT_LINE           and this line on stderr
  STANDIN_HANG_AFTER        seconds after ready until its main loop blocks for ever (the port stays open)
  STANDIN_BLOCK_SECONDS     its main loop blocks for so long, again and again, with
  STANDIN_BLOCK_EVERY=15      so many seconds of health between
  STANDIN_LEAK_MB_PER_S     its memory grows so fast, from ready on
  STANDIN_UNREADY           name of a failing part: /readyz stays 503 with it
  STANDIN_BIND_TRIES=20     binds at 500 ms before it gives up on a busy port
  STANDIN_SUPERVISED_WAIT=6 seconds that it waits for the port's owner under systemd (the real one: 300)
  STANDIN_NODE=26.10.0      the Node that it claims to run on; too old a one is refused
  STANDIN_PLUGIN_THROWS     id of a plugin that fails while it loads (it starts without it)
  STANDIN_PLUGIN_CRASHES    id of a plugin that takes the gateway with it; both while plugins.entries.ID is enabled
  STANDIN_MIGRATION=blocked a start-up migration refuses until `doctor --fix` has run once
  STANDIN_MISSING_MODULE    name of a file that its installation lacks
  STANDIN_SAYS              a line that it logs as an error every second while it is ready
  STANDIN_TELEGRAM=409      what Telegram answers to channels.telegram: 409 (another poller elsewhere), 401
  STANDIN_TELEGRAM_SECONDS=2  and how often it polls (the real one: 30); two of one machine and token conflict by
                              themselves
  STANDIN_CLI_SECONDS=0     how long its tools take before they do anything (the real ones: 2 to 40)
  STANDIN_VERSION=2026.9.6
Read for each turn:
  STANDIN_MODEL_FAILS       "MODEL STATUS TEXT; …": what its provider answers for a model (* for all)
  STANDIN_RETRY_SECONDS=0.1 between tries on the same model after 429 and 5xx
  STANDIN_TURN_SECONDS=0    how long the model thinks

A heap below 128 MB (--max-old-space-size=N among its arguments or in NODE_OPTIONS) aborts its start, as V8 does.
"""

import asyncio
import ctypes
import hashlib
import http.client
import json
import os
import pwd
import re
import resource
import secrets
import signal
import socket
import ssl
import sys
import time
from pathlib import Path

import standin_config as configuration
import standin_tools
from standin_config import CLEAN, CONFIG, FAILED, Refused
from standin_http import Front
from standin_state import (BREAKER_BOOTS, BREAKER_WINDOW_MS, AgentDatabases, Database, Locks, Settings, clear_stale,
                           listeners)
from standin_turns import Turns

DEFAULT_PORT = 18789
OLDEST_NODE = [24, 16]
BLOCKED_MIGRATION = """OpenClaw startup migrations did not complete cleanly; refusing to report the gateway ready.
- Left legacy sessions in place because the target already exists: {state}/agents/main/sessions
gateway requires state migration. Stop the service and run `openclaw doctor --fix`."""
MODULE = """node:internal/modules/esm/resolve:275
    throw new ERR_MODULE_NOT_FOUND(
          ^

Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/opt/openclaw/node_modules/openclaw/dist/{name}' imported from \
/opt/openclaw/node_modules/openclaw/dist/index.js
  code: 'ERR_MODULE_NOT_FOUND'"""
ABORTED = """
<--- Last few GCs --->

[{pid}:0x7f3c5c000000]     9012 ms: Mark-Compact {mb}.1 ({mb}.9) -> {mb}.0 ({mb}.9) MB, 61.2 / 0.0 ms  (average mu = 0.101)

<--- JS stacktrace --->

FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory
----- Native stack trace -----
"""


# ---- what it looks like from outside --------------------------------------------------------------------------

def take_the_name():
    """comm and cmdline as the real one has them, so that whatever looks for a gateway finds this one."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(15, b"openclaw-gatewa", 0, 0, 0)          # PR_SET_NAME
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[45]), int(fields[46])    # arg_start, arg_end: fields 48 and 49 of proc(5)
        title = b"openclaw-gateway"
        if start and end - start > len(title):
            ctypes.memmove(start, title.ljust(end - start - 1) + b"\0", end - start)
    except (OSError, ValueError, IndexError):
        pass                                             # a nicety: comm alone is enough to be found


def under_systemd():
    return any(os.environ.get(name) for name in
               ("OPENCLAW_SYSTEMD_UNIT", "INVOCATION_ID", "SYSTEMD_EXEC_PID", "JOURNAL_STREAM"))


class Gateway:
    def __init__(self, arguments):
        self.state, self.path = configuration.config_path()
        self.arguments = arguments
        self.setting = Settings(self.state)
        self.version = self.setting.version
        self.database = Database(self.state, self.path)
        self.agents = AgentDatabases(self.state)
        self.locks = Locks(self.state, self.path)
        self.turns = Turns(self.log, self.setting, lambda: self.config, self.agents.turn)
        self.config = {}
        self.phase = "down"                              # down, starting, started, draining
        self.generation = time.monotonic()
        self.front = Front(self)
        self.asked = asyncio.Queue()                     # "stop:SIGTERM", "restart", "exit:CODE"
        self.json_console = False                        # until the configuration says so
        self.log_file = None
        self.tasks = []                                  # what runs while it is ready
        self.leaked = []

    # -- log

    def log(self, message, level="info", subsystem="gateway", **fields):
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        part = {"subsystem": subsystem} if subsystem else {}
        record = {"time": stamp, "level": level, **part, "message": message, **fields}
        out = sys.stdout if level in ("info", "debug") else sys.stderr
        plain = f"{stamp} [{subsystem}] {message}" if subsystem else f"{stamp} {message}"
        try:
            print(json.dumps(record, ensure_ascii=False) if self.json_console else plain, file=out, flush=True)
        except OSError:
            pass                                         # whoever reads our output is gone; serve on
        if self.log_file:
            named = {"0": json.dumps(part), "1": message} if subsystem else {"0": message}
            line = {**named, "_meta": {"logLevelName": level.upper(), "date": stamp, "hostname": socket.gethostname()},
                    "time": stamp, "message": message, **fields}
            try:
                Path(self.log_file).parent.mkdir(parents=True, exist_ok=True)
                with open(self.log_file, "a") as file:
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
            except OSError:
                print("[openclaw] log file append failed; records dropped", file=sys.stderr, flush=True)

    def complain(self, refused):
        """The last words of a start that is refused."""
        self.log(str(refused), "error", "")
        if refused.code == CONFIG and "Invalid config at" in str(refused):
            self.log(configuration.DOCTOR_HINT, "error", "")

    # -- configuration

    def load(self):
        node = self.setting("NODE", "26.10.0")
        if configuration.numbers(node)[:2] < OLDEST_NODE:
            raise Refused(f"openclaw: Node {node}: node:sqlite is unavailable; use 24.16+/26.1+ or a build with the "
                          "fix.", FAILED)
        if self.setting("MISSING_MODULE"):
            raise Refused(MODULE.format(name=self.setting("MISSING_MODULE")), FAILED)
        self.json_console, self.log_file = False, None
        reasons = configuration.restore_from_backup(self.path, self.database)
        if reasons:
            self.log(f"Config auto-restored from backup: {self.path} ({reasons})", "warn", "")
        self.peek_at_logging()
        self.log("loading configuration…")
        self.log("resolving authentication…")
        self.config, self.lines = configuration.read_for_start(self.path, self.version, self.database)
        gateway = self.config["gateway"]
        auth = gateway.get("auth") if isinstance(gateway.get("auth"), dict) else {}
        self.token = os.environ.get("OPENCLAW_GATEWAY_TOKEN") or auth.get("token")
        if isinstance(self.token, dict):                 # a SecretRef
            self.token = os.environ.get(self.token.get("id", ""))
            if not self.token:
                raise Refused("[SECRETS_DEGRADED] cold gateway:ingress-auth: secret reference was not found.\n"
                              "Gateway failed to start: Startup failed: required secrets are unavailable.", FAILED)
        self.bind = gateway.get("bind", "loopback")
        if self.bind not in ("loopback", "auto") and (auth.get("mode") == "none" or not self.token):
            raise Refused(f"Refusing to bind gateway to {self.bind} without auth.")
        port = gateway.get("port", DEFAULT_PORT)
        self.port = int(self.arguments.port or os.environ.get("OPENCLAW_GATEWAY_PORT") or
                        (port if isinstance(port, int) else DEFAULT_PORT))

    def peek_at_logging(self):
        """The style and file of its log, from a configuration that may be refused later."""
        try:
            logging = configuration.Json5(self.path.read_text()).value.get("logging") or {}
            self.json_console = logging.get("consoleStyle", "json") == "json"
            self.log_file = logging.get("file")
        except (OSError, ValueError, AttributeError):
            pass                                         # then its lines are plain, on the console only

    def serve_as_configured(self):
        gateway = self.config["gateway"]
        self.chat = (((gateway.get("http") or {}).get("endpoints") or {}).get("chatCompletions") or {}).get("enabled")
        tls = gateway.get("tls") or {}
        self.tls = None
        if tls.get("enabled"):
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(tls["certPath"], tls["keyPath"])

    def accept_config(self):
        """This configuration works: it is what the next start compares with, and what doctor restores."""
        try:
            data = self.path.read_bytes()
            self.database.accept(configuration.profile(data, configuration.Json5(data.decode()).value))
            if os.environ.get("OPENCLAW_CONFIG_READONLY") != "1":
                configuration.write_private(configuration.beside(self.path, ".last-good"), data)
            self.seen = data
        except (OSError, ValueError):
            self.seen = None

    async def watch_config(self):
        """Edits of a running gateway: good ones are taken over, bad ones are not."""
        stamp = None
        while True:
            await asyncio.sleep(0.5)
            try:
                stat = os.stat(self.path)
                now = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
                if now == stamp:
                    continue
                stamp, data = now, self.path.read_bytes()
            except OSError:
                continue
            if data != self.seen:
                self.seen = data
                self.reload(data)

    def reload(self, data):
        try:
            parsed = configuration.Json5(data.decode(errors="replace"))
            found = "".join(f"{'.'.join(map(str, i.path))}: {i.message}" for i in configuration.issues(parsed.value)[:1])
            new = parsed.value
        except (ValueError, RecursionError) as e:
            found, new = f"JSON5 parse failed: SyntaxError: {e}", None
        last = self.database.accepted()
        odd = configuration.anomalies(configuration.profile(data, new), last) if last else []
        if odd:
            self.log(f"Config observe anomaly: {self.path} ({', '.join(odd)})", "warn", "")
        if found or configuration.mode_of(new) != "local":
            self.log(f"config reload skipped (invalid config): {found or 'gateway.mode is unset'}", "warn",
                     "gateway/reload")
            return
        keys = sorted(_changed(self.config, new))
        if not keys:
            return
        self.log(f"config change detected; evaluating reload ({', '.join(keys)})", subsystem="gateway/reload")
        self.config = new
        self.accept_config()
        restart = [k for k in keys if k.startswith("gateway.") and not k.startswith(("gateway.http", "gateway.reload"))]
        if restart and (new["gateway"].get("reload") or {}).get("mode") != "off":
            self.log(f"config change requires gateway restart ({', '.join(restart)}) — preparing",
                     subsystem="gateway/reload")
            self.asked.put_nowait("restart:config change")
            return
        self.serve_as_configured()
        self.log(f"config hot reload applied ({', '.join(keys)})", subsystem="gateway/reload")

    # -- life

    async def run(self):
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGINT"):
            loop.add_signal_handler(getattr(signal, name), self.asked.put_nowait, f"stop:{name}")
        loop.add_signal_handler(signal.SIGUSR2, self.asked.put_nowait, "restart:SIGUSR2")
        # SIGUSR1 is a trap: Node opens its inspector. The line is what a test looks for to see that nobody sent it.
        loop.add_signal_handler(signal.SIGUSR1, lambda: print(
            "Debugger listening on ws://127.0.0.1:9229/standin", file=sys.stderr, flush=True))
        first = True
        while True:
            starting = asyncio.create_task(self.start(first))
            asking = asyncio.create_task(self.asked.get())
            done, _ = await asyncio.wait({starting, asking}, return_when=asyncio.FIRST_COMPLETED)
            if starting in done:
                starting.result()                        # raises Refused
            what = await asking
            starting.cancel()
            first = False
            kind, _, detail = what.partition(":")
            if kind == "exit":
                line = self.setting("EXIT_LINE")
                if line:
                    print(line, file=sys.stderr, flush=True)
                return int(detail)
            if kind == "stop":
                self.log("admission closed: stop (SIGTERM)", subsystem="gateway/admission")
                self.log(f"received {detail}; shutting down")
                await self.close("gateway stopping", float(self.setting("DRAIN_SECONDS", 0)))
                self.database.end("clean_stop", f"stop ({detail})")
                self.locks.release()
                return CLEAN
            self.log(f"admission closed: restart ({detail})", subsystem="gateway/admission")
            self.log(f"restart mode: in-process restart ({detail})")
            await self.close("gateway restarting", 0)
            self.database.end("planned_restart", f"restart ({detail})")

    async def start(self, first):
        self.generation = time.monotonic()
        self.setting.read()
        self.version = self.setting.version
        self.load()
        for folder, mode in ((self.state, 0o700), (self.path, 0o600)):
            try:
                folder.chmod(mode)                       # too open ones are tightened at start
            except OSError:
                pass
        total = float(self.setting("START_SECONDS", 1))
        self.log("starting...")
        self.log("shutdown budget at startup: drain=315000ms shutdown=325000ms reserve=10000ms exitMargin=5000ms; "
                 "source=standin")
        if first:
            stale = clear_stale(self.port, self.locks.owner())
            if stale:
                self.log(f"service-mode: cleared {len(stale)} stale gateway pid(s) before bind on port {self.port}")
            self.locks.take(self.port)
        try:
            await self.start_owned(total)
        except Refused:
            self.locks.release()
            raise

    async def start_owned(self, total):
        self.database.open()
        unclean = self.database.boot()
        configuration.refuse_invalid(self.path, self.config, self.lines)
        self.agents.check()
        if self.setting("MIGRATION") == "blocked" and not (self.state / "state" / "migrated").exists():
            raise Refused(BLOCKED_MIGRATION.format(state=self.state))
        if unclean >= BREAKER_BOOTS:
            self.log(f"gateway restart-loop breaker tripped: {unclean} unclean boot(s) within "
                     f"{BREAKER_WINDOW_MS}ms; suppressing channel/provider account auto-start. Inspect the stability "
                     "bundle and fix the startup crash before restarting the service.", "error")
        if not self.token:
            self.token = secrets.token_hex(16)
            self.log("Gateway auth token was missing. Generated a runtime token for this startup without changing "
                     "config; restart will generate a different token.", "warn")
        heap = self.arguments.heap_mb()
        await self.work(0.6 * total)
        if heap and heap < 128:
            self.abort_for_heap(heap)
        self.log("starting HTTP server...")
        self.phase = "starting"
        self.serve_as_configured()
        await self.listen_or_wait()
        self.log(f"agent model: {self.turns.candidates()[0]} (thinking=medium, fast=off)")
        loaded = self.load_plugins()
        self.log(f"http server listening ({loaded} plugins, {time.monotonic() - self.generation:.1f}s)")
        self.log("starting channels and sidecars...")
        await self.work(0.4 * total)
        self.phase = "started"
        self.log("gateway ready")
        self.accept_config()
        self.live(channels=unclean < BREAKER_BOOTS)

    def live(self, channels):
        """What goes on while it is ready, faults included."""
        loop = asyncio.get_running_loop()
        if self.setting("EXIT_AFTER"):
            loop.call_later(float(self.setting("EXIT_AFTER")), self.asked.put_nowait,
                            f"exit:{self.setting('EXIT_CODE', FAILED)}")
        if self.setting("HANG_AFTER"):
            loop.call_later(float(self.setting("HANG_AFTER")), self.hang)
        wanted = [self.watch_config()]
        if self.setting("BLOCK_SECONDS"):
            wanted.append(self.block())
        if self.setting("LEAK_MB_PER_S"):
            wanted.append(self.leak())
        if self.setting("SAYS"):
            wanted.append(self.say(self.setting("SAYS")))
        telegram = (self.config.get("channels") or {}).get("telegram") or {}
        if channels and telegram.get("botToken") and telegram.get("enabled", True):
            wanted.append(self.telegram(telegram["botToken"]))
        self.tasks = [asyncio.create_task(w) for w in wanted]

    def hang(self):
        while True:                                      # no byte is read or written from here on
            time.sleep(3600)

    async def block(self):
        while True:
            await asyncio.sleep(float(self.setting("BLOCK_EVERY", 15)))
            time.sleep(float(self.setting("BLOCK_SECONDS")))

    async def say(self, line):
        while True:
            self.log(line, "error")
            await asyncio.sleep(1)

    async def leak(self):
        while True:
            self.leaked.append(b"x" * int(float(self.setting("LEAK_MB_PER_S")) * 2**18))
            if (heap := self.arguments.heap_mb()) and sum(map(len, self.leaked)) > heap * 2**20:
                self.abort_for_heap(heap)
            await asyncio.sleep(0.25)

    def abort_for_heap(self, mb):
        print(ABORTED.format(pid=os.getpid(), mb=mb), file=sys.stderr, flush=True)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.abort()

    def load_plugins(self):
        plugins = self.config.get("plugins") or {}
        if plugins.get("enabled") is False:
            return 0
        entries = [k for k, v in (plugins.get("entries") or {}).items() if v.get("enabled", True)]
        crashing, throwing = self.setting("PLUGIN_CRASHES"), self.setting("PLUGIN_THROWS")
        for name in entries:
            if name in (crashing, throwing):
                path = self.state / "extensions" / name / "index.js"
                self.log(f"[plugins] {name} failed during load from {path}: Error: boom at load", "error", "plugins")
                if name == crashing:
                    raise Refused(f"[openclaw] Uncaught exception: Error: boom after load\n    at Object.register "
                                  f"({path}:3:9)\n    at process.processTicksAndRejections", FAILED)
        return len([name for name in entries if name != throwing])

    async def telegram(self, token):
        """One poller. Others of this machine with the same token are seen by their sockets' names."""
        name = f"standin-telegram-{hashlib.sha256(token.encode()).hexdigest()[:12]}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mine:
            mine.bind(f"\0{name}-{os.getpid()}")
            while True:
                others = Path("/proc/net/unix").read_text().count(f"@{name}-") - 1
                if self.setting("TELEGRAM") == "401":
                    self.log("[telegram] [default] channel exited: Call to 'getMe' failed! (401: Unauthorized)", "error",
                             "channels/telegram")
                elif others or self.setting("TELEGRAM") == "409":
                    self.log("[telegram][diag] isolated polling ingress failed: Telegram getUpdates conflict: Conflict: "
                             "terminated by other getUpdates request; make sure that only one bot instance is running. "
                             "Another OpenClaw gateway, script, or Telegram poller may be using this bot token; stop "
                             "the other one.", subsystem="channels/telegram")
                    self.log("Telegram isolated polling ingress failed; restarting in 34.27s.", "error",
                             "channels/telegram")
                await asyncio.sleep(float(self.setting("TELEGRAM_SECONDS", 2)))

    async def work(self, seconds):
        end = time.monotonic() + seconds
        if self.setting("BURN_CPU", "0") == "0":
            await asyncio.sleep(seconds)
            return
        while (now := time.monotonic()) < end:
            until = min(end, now + 0.05)
            while time.monotonic() < until:
                hashlib.sha256(b"start" * 2000).digest()
            await asyncio.sleep(0.001)                   # signals and probes get their turn

    # -- the port

    async def listen_or_wait(self):
        """Under systemd it waits for a port's owner, and gives way to a healthy gateway with 78."""
        end = time.monotonic() + float(self.setting("SUPERVISED_WAIT", 6))
        while True:
            try:
                return await self.listen()
            except Refused:
                if not under_systemd():
                    raise
                if await asyncio.to_thread(_answers_healthz, self.port):
                    raise Refused("Gateway failed to start: gateway already running under systemd; existing gateway is "
                                  "healthy, exiting with code 78 to prevent a systemd Restart=always loop\n"
                                  + self.describe_port()) from None
                if time.monotonic() >= end:
                    raise
                self.log("gateway already running under systemd; waiting 5000ms before retrying startup", "warn")
                await asyncio.sleep(1)

    async def listen(self):
        hosts = ["127.0.0.1", "::1"] if self.bind == "loopback" else ["0.0.0.0"]
        for attempt in range(int(self.setting("BIND_TRIES", 20))):
            if attempt:
                await asyncio.sleep(0.5)
            sockets, problem = [], None
            for host in hosts:
                try:
                    sockets.append(_listener(host, self.port))
                except OSError as e:
                    # No IPv6 here is no fault; a busy port is.
                    if host == "::1" and e.errno != 98:
                        continue
                    problem = e
            if problem is None:
                return await self.front.listen(sockets, self.tls)
            for s in sockets:
                s.close()
        raise Refused(f"Gateway failed to start: another gateway instance is already listening on "
                      f"ws://127.0.0.1:{self.port} | listen EADDRINUSE: address already in use 127.0.0.1:{self.port}\n"
                      + self.describe_port(), FAILED)

    def describe_port(self):
        lines, gateway = [f"Port {self.port} is already in use."], False
        for pid, uid, words in listeners(self.port):
            try:
                user = pwd.getpwuid(uid).pw_name
            except KeyError:
                user = str(uid)
            lines.append(f"- pid {pid} {user}: {words} (127.0.0.1:{self.port})")
            gateway = gateway or words.startswith("openclaw-gateway")
        lines.append("- Gateway already running locally. Stop it (openclaw gateway stop) or use a different port."
                     if gateway else "- Another process is listening on this port.")
        return "\n".join(lines)

    async def close(self, reason, drain):
        self.phase = "draining" if self.phase != "down" else "down"
        end = time.monotonic() + 315
        await asyncio.sleep(drain)
        while self.turns.active and time.monotonic() < end:
            await asyncio.sleep(0.05)
        for task in self.tasks:
            task.cancel()
        self.front.close(reason)
        self.phase = "down"


def _changed(old, new, path=()):
    """Dotted names of the leaves that differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {k for key in {*old, *new} for k in _changed(old.get(key), new.get(key), (*path, key))}
    return set() if old == new else {".".join(path)}


def _answers_healthz(port):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        connection.request("GET", "/healthz")
        return json.loads(connection.getresponse().read()).get("ok") is True
    except (OSError, ValueError, AttributeError, http.client.HTTPException):
        return False


def _listener(host, port):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, port))
        s.listen(128)
        s.setblocking(False)
        return s
    except OSError:
        s.close()
        raise


class Arguments:
    """`[gateway [run]] [--port N]`, as in the ExecStart= of the real unit; what it does not know it ignores."""

    def __init__(self, words):
        self.words, self.port = words, None
        for i, word in enumerate(words):
            if word == "--port" and i + 1 < len(words):
                self.port = words[i + 1]
            elif word.startswith("--port="):
                self.port = word.partition("=")[2]

    def heap_mb(self):
        found = re.findall(r"--max-old-space-size=(\d+)", " ".join([*self.words, os.environ.get("NODE_OPTIONS", "")]))
        return int(found[0]) if found else None


def main():
    if "--version" in sys.argv:
        print(f"OpenClaw {os.environ.get('STANDIN_VERSION', '2026.9.6')} (standin)")
        return CLEAN
    code = standin_tools.run(sys.argv[1:])
    if code is not None:
        return code
    gateway = Gateway(Arguments(sys.argv[1:]))
    take_the_name()
    try:
        async def live():
            gateway.asked = asyncio.Queue()              # of this loop
            return await gateway.run()
        code = asyncio.run(live())
    except Refused as refused:
        gateway.complain(refused)
        code = refused.code
    sys.stdout.flush()
    # Not sys.exit: nothing that lingers in the event loop may change the code or delay it.
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
