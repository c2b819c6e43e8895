#!/usr/bin/env python3
"""A light stand-in for the OpenClaw gateway: same health, signal, exit-code and log contract, no model, no Node.

The lab starts it in nodes where the real gateway would cost 17 s of CPU; its unit tests and the demo start it
directly. One process, standard library only, no CPU when idle. It never talks to anything but its own port.

It reads openclaw.json as the gateway does (OPENCLAW_CONFIG_PATH, else OPENCLAW_STATE_DIR/openclaw.json, else
~/.openclaw/openclaw.json). How it misbehaves is set by STANDIN_* variables, in the environment or, so that a
test can change it without touching a unit, as KEY=VALUE lines in STATE/standin.env (the file wins; read at start):

  STANDIN_START_SECONDS=1   the port opens after 60 % of it, ready at the end
  STANDIN_BURN_CPU=0        1: burns CPU while it starts, as the real one does
  STANDIN_DRAIN_SECONDS=0   how long a SIGTERM drains before the exit
  STANDIN_EXIT_AFTER        seconds after ready until it exits by itself, with
  STANDIN_EXIT_CODE=1         this code
  STANDIN_EXIT_LINE           and this line on stderr
  STANDIN_HANG_AFTER        seconds after ready until its main loop blocks for ever (the port stays open)
  STANDIN_UNREADY           name of a failing part: /readyz stays 503 with it
  STANDIN_BIND_TRIES=20     binds at 500 ms before it gives up on a busy port
  STANDIN_VERSION=2026.9.6
"""

import asyncio
import base64
import ctypes
import hashlib
import json
import os
import re
import secrets
import signal
import socket
import ssl
import sys
import time
from pathlib import Path

DEFAULT_PORT = 18789
CLEAN, FAILED, CONFIG = 0, 1, 78            # the gateway's exit codes
BREAKER_BOOTS, BREAKER_WINDOW_MS = 3, 300_000
TOP_LEVEL_KEYS = set(                       # of 2026.9.6; any other key is refused with 78
    "$schema accessGroups acp agents approvals attachments auth bindings broadcast browser channels cloudWorkers "
    "commands cron desktop diagnostics discovery env gateway hooks logging mcp memory messages meta models nodeHost "
    "plugins proxy secrets security session skills surfaces talk telemetry tools transcripts tts ui update wizard "
    "worktreeAcceleration worktreeRoot".split())
MISSING_MODE = ("Gateway start blocked: existing config is missing gateway.mode. Treat this as suspicious or "
                "clobbered config. Re-run `openclaw onboard` or restore it from a backup.")


class Refused(Exception):
    """The gateway will not start: what it says on stderr, and its exit code."""

    def __init__(self, text, code=CONFIG):
        super().__init__(text)
        self.code = code


# ---- JSON5, as far as people write it in openclaw.json --------------------------------------------------------

TOKEN = re.compile(r"""\s+|//[^\n]*|/\*.*?\*/|(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
                   r"""|(?P<number>[-+]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))"""
                   r"""|(?P<word>[A-Za-z_$][\w$]*)|(?P<mark>[{}\[\]:,])""", re.S)


def json5(text):
    tokens, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise ValueError(f"invalid character {text[at]!r} at {at}")
        if match.lastgroup:
            tokens.append((match.lastgroup, match.group()))
        at = match.end()
    value, rest = _value(tokens, 0)
    if rest != len(tokens):
        raise ValueError("text after the value")
    return value


def _value(tokens, i):
    if i >= len(tokens):
        raise ValueError("invalid end of input")
    kind, text = tokens[i]
    if kind == "string":
        return _string(text), i + 1
    if kind == "number":
        try:
            return int(text, 0), i + 1
        except ValueError:
            return float(text), i + 1
    if kind == "word":
        return {"true": True, "false": False, "null": None, "NaN": None, "Infinity": None}[text], i + 1
    closing = {"{": "}", "[": "]"}.get(text)
    if closing is None:
        raise ValueError(f"unexpected {text!r}")
    result, i = ({} if text == "{" else []), i + 1
    while i < len(tokens) and tokens[i][1] != closing:
        if text == "{":
            key = _string(tokens[i][1]) if tokens[i][0] == "string" else tokens[i][1]
            if tokens[i][0] not in ("string", "word") or i + 1 >= len(tokens) or tokens[i + 1][1] != ":":
                raise ValueError(f"expected a key, found {tokens[i][1]!r}")
            result[key], i = _value(tokens, i + 2)
        else:
            item, i = _value(tokens, i)
            result.append(item)
        if i < len(tokens) and tokens[i][1] == ",":
            i += 1
        elif i < len(tokens) and tokens[i][1] != closing:
            raise ValueError(f"unexpected {tokens[i][1]!r}")
    if i >= len(tokens):
        raise ValueError("invalid end of input")
    return result, i + 1


def _string(text):
    body = text[1:-1].replace("\\\n", "")
    if text[0] == "'":
        body = body.replace("\\'", "'").replace('"', '\\"')
    return json.loads(f'"{body}"', strict=False)


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


def start_time(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


class Gateway:
    def __init__(self, arguments):
        home = os.environ.get("OPENCLAW_HOME") or os.path.expanduser("~")
        self.state = Path(os.environ.get("OPENCLAW_STATE_DIR") or Path(home) / ".openclaw")
        self.path = Path(os.environ.get("OPENCLAW_CONFIG_PATH") or self.state / "openclaw.json")
        self.arguments = arguments
        self.settings = {}
        self.config = {}
        self.phase = "down"                              # down, starting, started, draining
        self.generation = time.monotonic()
        self.server = None
        self.sockets = set()                             # open WebSockets
        self.locks = []
        self.asked = asyncio.Queue()                     # "stop:SIGTERM", "restart", "exit:CODE"
        self.json_console = True
        self.log_file = None

    # -- settings, log

    def setting(self, name, default=None):
        return self.settings.get(f"STANDIN_{name}", default)

    def read_settings(self):
        self.settings = {k: v for k, v in os.environ.items() if k.startswith("STANDIN_")}
        try:
            for line in (self.state / "standin.env").read_text().splitlines():
                key, equals, value = line.partition("=")
                if equals and not key.startswith("#"):
                    self.settings[key.strip()] = value.strip()
        except OSError:
            pass
        self.version = self.setting("VERSION", "2026.9.6")

    def log(self, message, level="info", subsystem="gateway", **fields):
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        record = {"time": stamp, "level": level, "subsystem": subsystem, "message": message, **fields}
        out = sys.stdout if level in ("info", "debug") else sys.stderr
        text = json.dumps(record, ensure_ascii=False) if self.json_console else f"{stamp} [{subsystem}] {message}"
        try:
            print(text, file=out, flush=True)
        except OSError:
            pass                                         # whoever reads our output is gone; serve on
        if self.log_file:
            line = {"0": json.dumps({"subsystem": subsystem}), "1": message,
                    "_meta": {"logLevelName": level.upper(), "date": stamp, "hostname": socket.gethostname()},
                    "time": stamp, "message": message}
            try:
                Path(self.log_file).parent.mkdir(parents=True, exist_ok=True)
                with open(self.log_file, "a") as file:
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
            except OSError:
                print("[openclaw] log file append failed; records dropped", file=sys.stderr, flush=True)

    # -- configuration

    def load(self):
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            raise Refused("Missing config. Run `openclaw setup` or set gateway.mode=local "
                          "(or pass --allow-unconfigured).") from None
        except OSError as e:
            raise Refused(f"read failed: Error: EACCES: permission denied, open '{self.path}' ({e.strerror})\n"
                          f"{MISSING_MODE}") from None
        try:
            config = json5(text)
        except (ValueError, KeyError, RecursionError):
            raise Refused(MISSING_MODE) from None        # it does not say "syntax error": neither do we
        gateway = config.get("gateway") if isinstance(config, dict) else None
        mode = gateway.get("mode") if isinstance(gateway, dict) else None
        if mode is None:
            raise Refused(MISSING_MODE)
        if mode != "local":
            raise Refused(f"Gateway start blocked: set gateway.mode=local (current: {mode}) or pass "
                          "--allow-unconfigured.")

        def invalid(what):
            return Refused(f'Gateway failed to start: Invalid config at {self.path}:\n{what}\n'
                           'Run "openclaw doctor --fix" to repair, then retry.')

        for key in config:
            if key not in TOP_LEVEL_KEYS:
                raise invalid(f'<root>: Unrecognized key: "{key}"')
        port = gateway.get("port", DEFAULT_PORT)
        if not isinstance(port, int):
            kind = {str: "string", bool: "boolean"}.get(type(port), "object")
            raise invalid(f"gateway.port: Invalid input: expected number, received {kind}")
        stamped = (config.get("meta") or {}).get("lastTouchedVersion", "")
        if stamped and _numbers(stamped) > _numbers(self.version):
            raise Refused("Refusing to run automatic gateway startup migrations because this OpenClaw binary "
                          f"({self.version}) is older than the config last written by OpenClaw {stamped}.", FAILED)
        auth = gateway.get("auth") or {}
        self.token = os.environ.get("OPENCLAW_GATEWAY_TOKEN") or auth.get("token")
        self.bind = gateway.get("bind", "loopback")
        if self.bind != "loopback" and (auth.get("mode") == "none" or not self.token):
            raise Refused(f"Refusing to bind gateway to {self.bind} without auth.")
        self.port = int(self.arguments.port or os.environ.get("OPENCLAW_GATEWAY_PORT") or port)
        logging = config.get("logging") or {}
        self.json_console = logging.get("consoleStyle", "json") == "json"
        self.log_file = logging.get("file")
        self.chat = (((gateway.get("http") or {}).get("endpoints") or {}).get("chatCompletions") or {}).get("enabled")
        tls = gateway.get("tls") or {}
        self.tls = None
        if tls.get("enabled"):
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(tls["certPath"], tls["keyPath"])
        self.config = config

    # -- lock and boot history

    def lock(self):
        folder = self.state / "tmp" / f"openclaw-{os.getuid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise Refused(f"Gateway failed to start: EACCES: {e.strerror}, mkdir '{folder}' | "
                          "gateway.maintenance_required | EACCES.") from None
        digest = hashlib.sha256(str(self.path).encode()).hexdigest()[:8]
        self.locks = [folder / "gateway.state.lock", folder / f"gateway.{digest}.lock"]
        try:
            held, _ = json.JSONDecoder().raw_decode(self.locks[0].read_text())
            alive = held["pid"] != os.getpid() and start_time(held["pid"]) == held["startTime"]
        except (OSError, ValueError, KeyError, TypeError):
            alive = False                                # left by a kill: taken over silently
        if alive:
            self.locks = []
            raise Refused("Doctor could not enter maintenance. StateDatabaseCoordinatorContentionError: another "
                          "OpenClaw process owns gateway-lifecycle\ngateway requires state migration. Stop the "
                          "service and run `openclaw doctor --fix`.")
        content = json.dumps({"pid": os.getpid(), "ownerId": secrets.token_hex(8), "createdAt": _iso(time.time()),
                              "configPath": str(self.path), "stateDir": str(self.state), "port": self.port,
                              "startTime": start_time(os.getpid())})
        for lock in self.locks:
            lock.write_text(content + "\n\t  \t \t\n")   # the real one pads with tabs and spaces

    def unlock(self):
        for lock in self.locks:
            lock.unlink(missing_ok=True)

    def boots(self, change):
        path = self.state / "state" / "standin-boots.json"
        try:
            history = json.loads(path.read_text())
        except (OSError, ValueError):
            history = []
        change(history)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(history[-50:]))
        except OSError:
            pass

    def note_boot(self):
        now = int(time.time() * 1000)

        def change(history):
            unclean = sum(1 for b in history if b["outcome"] is None and now - b["started_at_ms"] < BREAKER_WINDOW_MS)
            if unclean >= BREAKER_BOOTS:
                self.log(f"gateway restart-loop breaker tripped: {unclean} unclean boot(s) within "
                         f"{BREAKER_WINDOW_MS}ms; suppressing channel/provider account auto-start.", "warn")
            history.append({"pid": os.getpid(), "started_at_ms": now, "outcome": None})
        self.boots(change)

    def note_end(self, outcome):
        def change(history):
            if history:
                history[-1]["outcome"] = outcome
        self.boots(change)

    # -- life

    async def run(self):
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGINT"):
            loop.add_signal_handler(getattr(signal, name), self.asked.put_nowait, f"stop:{name}")
        loop.add_signal_handler(signal.SIGUSR2, self.asked.put_nowait, "restart")
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
                self.log(f"received {detail}; shutting down")
                await self.close("gateway stopping", float(self.setting("DRAIN_SECONDS", 0)))
                self.note_end(f"stop ({detail})")
                self.unlock()
                return CLEAN
            self.log("admission closed: restart (SIGUSR2)", subsystem="gateway/admission")
            self.log("restart mode: in-process restart (SIGUSR2)")
            await self.close("gateway restarting", 0)
            self.note_end("restart (SIGUSR2)")

    async def start(self, first):
        self.generation = time.monotonic()
        self.read_settings()
        self.load()
        self.log("loading configuration…")
        if first:
            self.lock()
        self.note_boot()
        total = float(self.setting("START_SECONDS", 1))
        self.log("resolving authentication…")
        if not self.token:
            self.token = secrets.token_hex(16)
            self.log("Gateway auth token was missing. Generated a runtime token for this startup without changing "
                     "config; restart will generate a different token.", "warn")
        self.log("starting...")
        self.log("shutdown budget at startup: drain=315000ms shutdown=325000ms reserve=10000ms exitMargin=5000ms; "
                 "source=standin")
        await self.work(0.6 * total)
        self.log("starting HTTP server...")
        self.phase = "starting"
        await self.listen()
        self.log("agent model: standin/canned (thinking=medium, fast=off)")
        self.log(f"http server listening (0 plugins, {time.monotonic() - self.generation:.1f}s)")
        self.log("starting channels and sidecars...")
        await self.work(0.4 * total)
        self.phase = "started"
        self.log("gateway ready")
        self.keep_last_good()
        loop = asyncio.get_running_loop()
        if self.setting("EXIT_AFTER"):
            loop.call_later(float(self.setting("EXIT_AFTER")), self.asked.put_nowait,
                            f"exit:{self.setting('EXIT_CODE', FAILED)}")
        if self.setting("HANG_AFTER"):
            loop.call_later(float(self.setting("HANG_AFTER")), self.hang)

    def hang(self):
        while True:                                      # no byte is read or written from here on
            time.sleep(3600)

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

    def keep_last_good(self):
        try:
            good = self.path.with_name(self.path.name + ".last-good")
            good.write_bytes(self.path.read_bytes())
            good.chmod(0o600)
        except OSError:
            pass

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
                self.servers = [await asyncio.start_server(self.serve, sock=s, ssl=self.tls) for s in sockets]
                return
            for s in sockets:
                s.close()
        raise Refused(f"Gateway failed to start: another gateway instance is already listening on "
                      f"ws://127.0.0.1:{self.port} | listen EADDRINUSE: address already in use 127.0.0.1:{self.port}\n"
                      f"Port {self.port} is already in use.\n- Another process is listening on this port.", FAILED)

    async def close(self, reason, drain):
        self.phase = "draining" if self.phase != "down" else "down"
        if drain:
            await asyncio.sleep(drain)
        for writer in list(self.sockets):
            _send(writer, 1, json.dumps({"type": "event", "event": "shutdown",
                                         "payload": {"reason": reason, "restartExpectedMs": 1000}}).encode())
            _send(writer, 8, (1012).to_bytes(2, "big") + b"service restart")
            writer.close()
        for server in getattr(self, "servers", []):
            server.close()
        self.servers = []
        self.phase = "down"

    # -- HTTP

    async def serve(self, reader, writer):
        try:
            while await self.one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            self.sockets.discard(writer)
            writer.close()

    async def one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        path = target.partition("?")[0]
        if headers.get("upgrade", "").lower() == "websocket":
            await self.websocket(headers, reader, writer)
            return False
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        status, answer = self.answer(method, path, headers, body)
        if isinstance(answer, bytes):
            kind, payload = "text/event-stream", answer
        else:
            kind, payload = "application/json; charset=utf-8", json.dumps(answer).encode()
        keep = headers.get("connection", "").lower() != "close"
        writer.write((f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(payload)}\r\n"
                      f"Cache-Control: no-store\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n").encode())
        writer.write(payload if method != "HEAD" else b"")
        await writer.drain()
        return keep

    def answer(self, method, path, headers, body):
        health = {"/healthz": self.healthz, "/health": self.healthz, "/startupz": self.startupz,
                  "/startup": self.startupz, "/readyz": self.readyz, "/ready": self.readyz}.get(path)
        if health:
            if method not in ("GET", "HEAD"):
                return "405 Method Not Allowed", {"error": {"message": "Method Not Allowed"}}
            return health()
        if path.startswith("/v1/") and self.chat:
            if headers.get("authorization") != f"Bearer {self.token}":
                return "401 Unauthorized", {"error": {"message": "Unauthorized", "type": "unauthorized"}}
            if path == "/v1/models" and method == "GET":
                return "200 OK", {"object": "list", "data": [
                    {"id": i, "object": "model"} for i in ("openclaw", "openclaw/default", "openclaw/main")]}
            if path == "/v1/chat/completions" and method == "POST":
                return self.completion(body)
        return "404 Not Found", {"error": {"message": "Not Found"}}

    def up(self):
        return int((time.monotonic() - self.generation) * 1000)

    def healthz(self):
        return "200 OK", {"ok": True, "status": "live"}

    def startupz(self):
        answer = {"version": self.version, "uptimeMs": self.up()}
        if self.phase == "started":
            return "200 OK", {"ok": True, "status": "started", **answer}
        if self.phase == "draining":
            return "503 Service Unavailable", {"ok": False, "status": "draining", **answer}
        return "503 Service Unavailable", {"ok": False, "status": "starting", **answer,
                                           "pendingReason": "startup-sidecars"}

    def readyz(self):
        failing = {"started": [], "draining": ["gateway-draining"]}.get(self.phase, ["startup-sidecars"])
        if self.phase == "started" and self.setting("UNREADY"):
            failing = [self.setting("UNREADY")]
        answer = {"ready": not failing, "failing": failing, "uptimeMs": self.up(),
                  "eventLoop": {"degraded": False, "delayP99Ms": 1.0}}
        return ("200 OK" if not failing else "503 Service Unavailable"), answer

    def completion(self, body):
        if self.phase == "draining":
            return "503 Service Unavailable", {"error": {
                "message": "The gateway is temporarily unavailable while suspending or restarting",
                "type": "gateway_unavailable"}}
        try:
            asked = json.loads(body)
        except ValueError:
            return "400 Bad Request", {"error": {"message": "invalid JSON", "type": "invalid_request_error"}}
        base = {"id": f"chatcmpl_{secrets.token_hex(6)}", "created": int(time.time()),
                "model": asked.get("model", "openclaw")}
        if trouble := self.setting("TURN_FAILS"):
            self.log("model fallback decision", "warn", "model-fallback/decision", event="model_fallback_decision",
                     decision="candidate_failed", reason="auth", status=401, errorPreview=trouble,
                     fallbackStepFinalOutcome="chain_exhausted")
            self.log(f"chat completion failed: FailoverError: {trouble}", "warn", "openai-compat")
            return "401 Unauthorized", {"error": {"message": trouble, "type": "authentication_error"}}
        self.log(f"[agent] run {base['id']} ended with stopReason=stop", subsystem="agents/agent-command")
        if not asked.get("stream"):
            return "200 OK", {**base, "object": "chat.completion", "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "pong"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
        chunks = [{"index": 0, "delta": {"role": "assistant", "content": "pong"}, "finish_reason": None},
                  {"index": 0, "delta": {}, "finish_reason": "stop"}]
        lines = [json.dumps({**base, "object": "chat.completion.chunk", "choices": [c]}) for c in chunks]
        return "200 OK", "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()

    # -- WebSocket: the challenge, connect, status, health

    async def websocket(self, headers, reader, writer):
        accept = base64.b64encode(hashlib.sha1(
            (headers.get("sec-websocket-key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        self.sockets.add(writer)

        def tell(message):
            _send(writer, 1, json.dumps(message).encode())

        tell({"type": "event", "event": "connect.challenge",
              "payload": {"nonce": secrets.token_hex(16), "ts": int(time.time() * 1000)}})
        await writer.drain()
        connected = False
        while True:
            opcode, payload = await _frame(reader)
            if opcode == 8:
                _send(writer, 8, payload[:2])
                return
            if opcode == 9:
                _send(writer, 10, payload)
            if opcode != 1:
                continue
            request = json.loads(payload)
            method, params = request.get("method"), request.get("params") or {}

            def reply(ok, **content):
                tell({"type": "res", "id": request.get("id"), "ok": ok, **content})

            if method == "connect":
                problem = self.refuse_connect(params)
                if problem:
                    code, close, reason = problem
                    reply(False, error={"code": code, "message": reason})
                    _send(writer, 8, close.to_bytes(2, "big") + reason.encode())
                    await writer.drain()
                    return
                connected = True
                reply(True, payload={"type": "hello-ok", "protocol": 4, "server": {
                    "version": self.version, "buildId": "standin", "bootId": str(self.generation), "connId": "1"},
                    "policy": {"tickIntervalMs": 30000}})
            elif not connected:
                reply(False, error={"code": "INVALID_REQUEST", "message": "connect first"})
            elif method == "status":
                reply(True, payload={"pid": os.getpid(), "eventLoop": {"degraded": False}, "tasks": {},
                                     "degradedSecretOwners": [], "degradedPlugins": []})
            elif method == "health":
                reply(True, payload={"ok": True, "channels": {}, "agents": [], "plugins": {"loaded": [], "errors": []}})
            else:
                reply(False, error={"code": "INVALID_REQUEST", "message": f"unknown method {method}"})
            await writer.drain()

    def refuse_connect(self, params):
        token = (params.get("auth") or {}).get("token")
        if self.phase != "started":
            return "UNAVAILABLE", 1013, "gateway starting"
        if not token:
            return "DEVICE_IDENTITY_REQUIRED", 1008, "device identity required"
        if token != self.token:
            return "AUTH_TOKEN_MISMATCH", 1008, "unauthorized: gateway token mismatch"
        if (params.get("client") or {}).get("id") not in ("gateway-client", "cli", "openclaw-probe"):
            return "INVALID_REQUEST", 1008, ("invalid connect params: at /client/id: must be equal to one of the "
                                             "allowed values")
        return None


def _numbers(version):
    return [int(n) for n in re.findall(r"\d+", version)]


def _iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


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


def _send(writer, opcode, payload):
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    try:
        writer.write(bytes([0x80 | opcode]) + length + payload)
    except OSError:
        pass


async def _frame(reader):
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    elif size == 127:
        size = int.from_bytes(await reader.readexactly(8), "big")
    if size > 1 << 20:
        raise ValueError("frame too large")
    mask = await reader.readexactly(4) if second & 0x80 else bytes(4)
    data = await reader.readexactly(size)
    return first & 0x0F, bytes(b ^ mask[i % 4] for i, b in enumerate(data))


class Arguments:
    """`[gateway [run]] [--port N]`, as in the ExecStart= of the real unit; what it does not know it ignores."""

    def __init__(self, words):
        self.port = None
        for i, word in enumerate(words):
            if word == "--port" and i + 1 < len(words):
                self.port = words[i + 1]
            elif word.startswith("--port="):
                self.port = word.partition("=")[2]


def main():
    if "--version" in sys.argv:
        print(f"OpenClaw {os.environ.get('STANDIN_VERSION', '2026.9.6')} (standin)")
        return CLEAN
    take_the_name()
    try:
        async def live():
            return await Gateway(Arguments(sys.argv[1:])).run()
        code = asyncio.run(live())
    except Refused as refused:
        print(refused, file=sys.stderr, flush=True)
        code = refused.code
    sys.stdout.flush()
    # Not sys.exit: nothing that lingers in the event loop may change the code or delay it.
    os._exit(code)


if __name__ == "__main__":
    main()
