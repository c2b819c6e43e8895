"""The stand-in's port: the health endpoints, the chat completions and the WebSocket, as OpenClaw 2026.9.6 answers them.

Used by standin_gateway.py, beside which it lies in a node. It only reads the gateway's phase; what it is asked changes
nothing.
"""

import asyncio
import base64
import hashlib
import json
import os
import secrets
import time


class Front:
    def __init__(self, gateway):
        self.gateway = gateway
        self.sockets = set()                             # open WebSockets
        self.servers = []

    async def listen(self, sockets, tls):
        self.servers = [await asyncio.start_server(self.serve, sock=s, ssl=tls) for s in sockets]

    def close(self, reason):
        for writer in list(self.sockets):
            send(writer, 1, json.dumps({"type": "event", "event": "shutdown",
                                        "payload": {"reason": reason, "restartExpectedMs": 1000}}).encode())
            send(writer, 8, (1012).to_bytes(2, "big") + b"service restart")
            writer.close()
        for server in self.servers:
            server.close()
        self.servers = []

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
        status, answer = await self.answer(method, path, headers, body)
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

    async def answer(self, method, path, headers, body):
        health = {"/healthz": self.healthz, "/health": self.healthz, "/startupz": self.startupz,
                  "/startup": self.startupz, "/readyz": self.readyz, "/ready": self.readyz}.get(path)
        if health:
            if method not in ("GET", "HEAD"):
                return "405 Method Not Allowed", {"error": {"message": "Method Not Allowed"}}
            return health()
        if path.startswith("/v1/") and self.gateway.chat:
            if headers.get("authorization") != f"Bearer {self.gateway.token}":
                return "401 Unauthorized", {"error": {"message": "Unauthorized", "type": "unauthorized"}}
            if path == "/v1/models" and method == "GET":
                return "200 OK", {"object": "list", "data": [
                    {"id": i, "object": "model"} for i in ("openclaw", "openclaw/default", "openclaw/main")]}
            if path == "/v1/chat/completions" and method == "POST":
                return await self.completion(body)
        return "404 Not Found", {"error": {"message": "Not Found"}}

    def up(self):
        return int((time.monotonic() - self.gateway.generation) * 1000)

    def healthz(self):
        return "200 OK", {"ok": True, "status": "live"}

    def startupz(self):
        answer = {"version": self.gateway.version, "uptimeMs": self.up()}
        if self.gateway.phase == "started":
            return "200 OK", {"ok": True, "status": "started", **answer}
        if self.gateway.phase == "draining":
            return "503 Service Unavailable", {"ok": False, "status": "draining", **answer}
        return "503 Service Unavailable", {"ok": False, "status": "starting", **answer,
                                           "pendingReason": "startup-sidecars"}

    def readyz(self):
        failing = {"started": [], "draining": ["gateway-draining"]}.get(self.gateway.phase, ["startup-sidecars"])
        if self.gateway.phase == "started" and self.gateway.setting("UNREADY"):
            failing = [self.gateway.setting("UNREADY")]
        answer = {"ready": not failing, "failing": failing, "uptimeMs": self.up(),
                  "eventLoop": {"degraded": False, "delayP99Ms": 1.0}}
        return ("200 OK" if not failing else "503 Service Unavailable"), answer

    async def completion(self, body):
        if self.gateway.phase == "draining":
            return "503 Service Unavailable", {"error": {
                "message": "The gateway is temporarily unavailable while suspending or restarting",
                "type": "gateway_unavailable"}}
        self.gateway.setting.read()
        return await self.gateway.turns.answer(body)

    # -- WebSocket: the challenge, connect, status, health

    async def websocket(self, headers, reader, writer):
        accept = base64.b64encode(hashlib.sha1(
            (headers.get("sec-websocket-key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        self.sockets.add(writer)

        def tell(message):
            send(writer, 1, json.dumps(message).encode())

        tell({"type": "event", "event": "connect.challenge",
              "payload": {"nonce": secrets.token_hex(16), "ts": int(time.time() * 1000)}})
        await writer.drain()
        connected = False
        while True:
            opcode, payload = await frame(reader)
            if opcode == 8:
                send(writer, 8, payload[:2])
                return
            if opcode == 9:
                send(writer, 10, payload)
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
                    self.gateway.log(f"closed before connect conn=1 code={close} reason={reason}", "warn", "gateway/ws")
                    reply(False, error={"code": code, "message": reason})
                    send(writer, 8, close.to_bytes(2, "big") + reason.encode())
                    await writer.drain()
                    return
                connected = True
                reply(True, payload={"type": "hello-ok", "protocol": 4, "server": {
                    "version": self.gateway.version, "buildId": "standin", "bootId": str(self.gateway.generation), "connId": "1"},
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
        if self.gateway.phase != "started":
            return "UNAVAILABLE", 1013, "gateway starting"
        if not token:
            return "DEVICE_IDENTITY_REQUIRED", 1008, "device identity required"
        if token != self.gateway.token:
            return "AUTH_TOKEN_MISMATCH", 1008, "unauthorized: gateway token mismatch"
        if (params.get("client") or {}).get("id") not in ("gateway-client", "cli", "openclaw-probe"):
            return "INVALID_REQUEST", 1008, ("invalid connect params: at /client/id: must be equal to one of the "
                                             "allowed values")
        return None


def send(writer, opcode, payload):
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    try:
        writer.write(bytes([0x80 | opcode]) + length + payload)
    except OSError:
        pass


async def frame(reader):
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
