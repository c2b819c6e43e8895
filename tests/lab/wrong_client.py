#!/usr/bin/env python3
"""A client that connects to a gateway's WebSocket with a token that it does not know, every second, for ever."""

import json
import os
import socket
import sys
import time

PORT = int(sys.argv[1])
ASK = json.dumps({"type": "req", "id": "1", "method": "connect", "params": {
    "minProtocol": 4, "maxProtocol": 4, "client": {"id": "gateway-client", "version": "1", "platform": "linux",
                                                   "mode": "backend"},
    "role": "operator", "scopes": ["operator.read"], "caps": [], "auth": {"token": "last-months-token"}}}).encode()

while True:
    try:
        with socket.create_connection(("127.0.0.1", PORT), 2) as s:
            s.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
            s.recv(4096)
            mask = os.urandom(4)
            s.sendall(b"\x81\xfe" + len(ASK).to_bytes(2, "big") + mask +
                      bytes(b ^ mask[i % 4] for i, b in enumerate(ASK)))
            s.recv(4096)
    except OSError:
        pass
    time.sleep(1)
