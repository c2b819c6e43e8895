#!/usr/bin/env python3
"""`meshops status` of a large mesh: how long one waits, and what the agent behind it costs at rest.

    bench/mesh_status.py [--members 1000] [--rounds 20] [--bin build/release/meshops]      (root)

One real agent, whose mesh.toml has so many nodes. Its Serf is a stand-in that tells of as many members; the peers that it
watches do not answer, so it suspects them, looks at them and asks about them, as in a bad hour.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgpack

REPO = Path(__file__).resolve().parent.parent
KEY = "bench-rpc-key"


def address(i):
    return f"127.{1 + i // 62500}.{i // 250 % 250}.{1 + i % 250}"


def member(i):
    ip = b"\0" * 10 + b"\xff\xff" + socket.inet_aton(address(i))
    return {"Name": f"n{i:04}", "Addr": ip, "Port": 7946, "Tags": {"version": "0.1.0"}, "Status": "alive",
            "ProtocolMin": 1, "ProtocolMax": 5, "ProtocolCur": 2, "DelegateMin": 2, "DelegateMax": 5, "DelegateCur": 4}


class Serf:
    """As much of Serf's RPC as the agent asks for."""

    def __init__(self, members):
        self.members = msgpack.packb({"Members": [member(i) for i in range(members)]}, use_bin_type=False)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.server.accept()
            threading.Thread(target=self.speak, args=(client,), daemon=True).start()

    def speak(self, client):
        unpacker = msgpack.Unpacker(raw=True)
        head = None
        with client:
            while data := client.recv(65536):
                unpacker.feed(data)
                for value in unpacker:
                    if head is None:
                        head = value
                        if head[b"Command"] not in (b"members", b"leave", b"stats", b"list-keys"):
                            continue  # its body follows
                    client.sendall(msgpack.packb({"Seq": head[b"Seq"], "Error": ""}, use_bin_type=False)
                                   + (self.members if head[b"Command"] == b"members" else b""))
                    head = None


def mesh_toml(directory, members, rpc_port):
    nodes = "".join(f'[[node]]\nname = "n{i:04}"\naddress = "{address(i)}"\nuser = "root"\n' for i in range(members))
    return (f'[mesh]\nname = "bench"\nnode = "n0000"\nserf_rpc_port = {rpc_port}\nheartbeat_port = 17947\n'
            f'[agent]\nstate_dir = "{directory}/state"\nsocket = "{directory}/run/agent.sock"\ndiscover = false\n{nodes}')


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--bin", default=str(REPO / "build/release/meshops"))
    args = parser.parse_args()
    serf = Serf(args.members)
    with tempfile.TemporaryDirectory() as directory:
        for sub in ("state", "state-serf", "run"):
            Path(directory, sub).mkdir(mode=0o700)
        config = Path(directory, "mesh.toml")
        config.write_text(mesh_toml(directory, args.members, serf.port))
        Path(directory, "state/serf.json").write_text(json.dumps({"rpc_addr": f"127.0.0.1:{serf.port}", "rpc_auth": KEY}))
        Path(directory, "state-serf/keyring").write_text(json.dumps(["cruN96q05NuJmDegojjwP3G1kO3HWnYr9qKpUpzmEhc="]))
        ask = [args.bin, "--config", str(config), "status"]
        with open(Path(directory, "log"), "w") as log:
            agent = subprocess.Popen([args.bin, "--config", str(config), "agent"], stdout=log, stderr=log)
            try:
                end, nodes = time.monotonic() + 60, []
                while len(nodes) < args.members:
                    if time.monotonic() > end or agent.poll() is not None:
                        sys.exit(f"the agent does not tell of {args.members} nodes:\n{Path(directory, 'log').read_text()}")
                    time.sleep(0.5)
                    said = subprocess.run([*ask, "--format", "json"], capture_output=True, text=True)
                    nodes = json.loads(said.stdout).get("nodes", []) if said.stdout.startswith("{") else []
                time.sleep(10)
                times = {"text": [], "json": []}
                for _ in range(args.rounds):
                    for what, took in times.items():
                        began = time.monotonic()
                        said = subprocess.run([*ask, "--format", what], capture_output=True, text=True).stdout
                        took.append((time.monotonic() - began) * 1000)
                        assert f"n{args.members - 1:04}" in said, said[:500]
                before, began = cpu_seconds(agent.pid), time.monotonic()
                time.sleep(20)
                cpu = (cpu_seconds(agent.pid) - before) / (time.monotonic() - began) * 100
                rss = next(int(line.split()[1]) / 1024 for line in Path(f"/proc/{agent.pid}/status").read_text().splitlines()
                           if line.startswith("VmRSS"))
            finally:
                agent.terminate()
                agent.wait(30)
    for what, took in times.items():
        print(f"status of {args.members} members as {what}: median {statistics.median(took):.0f} ms, worst {max(took):.0f} ms")
    print(f"the agent, three of whose peers do not answer: {cpu:.2f} % of one core, {rss:.0f} MiB resident")


if __name__ == "__main__":
    main()
