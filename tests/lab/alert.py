#!/usr/bin/python3
"""What the lab's mesh.toml names as its alert command: keeps each alert (JSON on stdin) as one line of a file."""

import json
import sys

with open("/var/lib/lab-alerts.jsonl", "a") as file:
    file.write(json.dumps(json.load(sys.stdin)) + "\n")
