#!/usr/bin/env python3
"""An OpenAI-compatible model endpoint that answers "pong", for gateways under test.

The lab starts it beside a real gateway so that turns can succeed without any provider. Standard library only,
loopback by default, reads no key, remembers nothing.
  model_endpoint.py [--port N] [--port-file F] [--status CODE] [--delay SECONDS]
Port 0 (the default) takes a free one; the port is its first line of output and, if asked, the content of F.
"""

import argparse
import http.server
import json
import os
import time

MODELS = ("ok-model", "ok-backup")


class Endpoint(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status, delay = 200, 0.0

    def do_GET(self):
        if self.path.partition("?")[0] != "/v1/models":
            return self.give(404, {"error": {"message": "not found", "type": "invalid_request_error"}})
        self.give(200, {"object": "list", "data": [{"id": m, "object": "model", "owned_by": "lab"} for m in MODELS]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.partition("?")[0] != "/v1/chat/completions":
            return self.give(404, {"error": {"message": "not found", "type": "invalid_request_error"}})
        try:
            asked = json.loads(body)
        except ValueError:
            return self.give(400, {"error": {"message": "invalid JSON", "type": "invalid_request_error"}})
        time.sleep(self.delay)
        if self.status != 200:
            return self.give(self.status, {"error": {"message": f"scripted {self.status}", "type": "lab_error"}})
        base = {"id": f"chatcmpl-{time.time_ns()}", "created": int(time.time()), "model": asked.get("model", "ok-model")}
        usage = {"prompt_tokens": max(1, len(body) // 4), "completion_tokens": 1,
                 "total_tokens": max(1, len(body) // 4) + 1}
        if not asked.get("stream"):
            return self.give(200, {**base, "object": "chat.completion", "usage": usage, "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "pong"}, "finish_reason": "stop"}]})
        base["object"] = "chat.completion.chunk"
        chunks = [{**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
                  {**base, "choices": [{"index": 0, "delta": {"content": "pong"}, "finish_reason": None}]},
                  {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
        if (asked.get("stream_options") or {}).get("include_usage"):
            chunks.append({**base, "choices": [], "usage": usage})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def give(self, status, answer):
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file")
    parser.add_argument("--status", type=int, default=200, help="answer every chat call with this status")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before an answer")
    args = parser.parse_args()
    Endpoint.status, Endpoint.delay = args.status, args.delay
    http.server.ThreadingHTTPServer.daemon_threads = True
    server = http.server.ThreadingHTTPServer((args.host, args.port), Endpoint)
    port = server.server_address[1]
    print(port, flush=True)
    if args.port_file:
        with open(args.port_file + ".new", "w") as file:
            file.write(f"{port}\n")
        os.replace(args.port_file + ".new", args.port_file)  # a reader never sees half a number
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
