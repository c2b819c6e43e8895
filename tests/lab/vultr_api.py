#!/usr/bin/env python3
"""Vultr's API as far as a reset needs it, over TLS: GET /v2/instances/ID, POST /v2/instances/ID/reboot and …/start.

The lab runs it beside the nodes (lab/provider.py plays the machines). Standard library only.
  vultr_api.py --listen ADDRESS --port N --cert FILE --key-file FILE --dir DIR
Each request is a line of DIR/requests.jsonl. DIR/power/ID says whether an instance is "running" or "stopped"; a reboot
that is let in writes "stopped" there, and whoever plays the machine writes "running" once it is on again.
"""

import argparse
import datetime
import http.server
import json
import ssl
from pathlib import Path


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    dir, key = None, ""

    def do_GET(self):
        instance = self.let_in()
        if instance:
            self.give(200, {"instance": {
                "id": instance.name, "label": "lab", "region": "ams", "plan": "vc2-1c-1gb", "status": "active",
                "power_status": instance.read_text(), "server_status": "ok", "os": "Debian 12 x64 (bookworm)"}})

    def do_POST(self):
        instance = self.let_in(("reboot", "start"))
        if not instance:
            return
        if self.path.endswith("/reboot"):
            instance.write_text("stopped")
        self.give(204)

    def let_in(self, deeds=("",)):
        """The file of the instance that is asked for; None if it was answered with a refusal."""
        bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        line = {"at": datetime.datetime.now(datetime.timezone.utc).isoformat(), "from": self.client_address[0],
                "method": self.command, "path": self.path, "right_key": bearer == self.key}
        with open(self.dir / "requests.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")
        if bearer != self.key:
            return self.give(401, {"error": "Invalid API token.", "status": 401})
        _, _, rest = self.path.partition("/v2/instances/")
        name, _, deed = rest.partition("/")
        instance = self.dir / "power" / name
        if deed not in deeds or not name or "/" in name or not instance.is_file():
            return self.give(404, {"error": "Invalid instance-id.", "status": 404})
        return instance

    def give(self, status, body=None):
        text = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        if text:
            self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key-file", required=True)
    parser.add_argument("--dir", type=Path, required=True)
    args = parser.parse_args()
    Api.dir, Api.key = args.dir, (args.dir / "api-key").read_text().strip()
    server = http.server.ThreadingHTTPServer((args.listen, args.port), Api)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.cert, args.key_file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
