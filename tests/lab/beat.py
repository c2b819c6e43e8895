"""The heartbeat's wire format a second time, from its description and not from its code: what the lab asks with, and
what the unit tests' example bytes were made with (`beat.py` prints them)."""

import base64
import hashlib
import hmac
import json
import os
import socket
import struct

SIZE, MAC = 192, 32
GATEWAYS = ("unknown", "well", "ill", "given_up")


def derive(serf_key):
    """From a key as it stands in Serf's keyring."""
    return hmac.new(base64.b64decode(serf_key), b"meshops heartbeat key 1", hashlib.sha256).digest()


def keys_of(text):
    """Of STATE/heartbeat.keys."""
    return [base64.b64decode(k) for k in json.loads(text)["keys"]]


def sealed(body, mesh, key):
    body = body.ljust(SIZE - MAC, b"\0")
    mesh = mesh.encode()
    return body + hmac.new(key, bytes([len(mesh)]) + mesh + body, hashlib.sha256).digest()


def name(text):
    return bytes([len(text)]) + text.encode()


def question(sender, patient, mesh, key, nonce):
    return sealed(b"MHB1Q" + nonce + name(sender) + name(patient), mesh, key)


def answer(sender, age_ms, gateways, signs, mesh, key, nonce):
    return sealed(b"MHB1A" + nonce + name(sender) + struct.pack(">IBB", age_ms, gateways, signs), mesh, key)


def read_answer(datagram, mesh, key, nonce):
    body, mac = datagram[:-MAC], datagram[-MAC:]
    assert len(datagram) == SIZE and sealed(body, mesh, key)[-MAC:] == mac
    assert body[:5] == b"MHB1A" and body[5:21] == nonce
    end = 22 + body[21]
    age, gateways, signs = struct.unpack(">IBB", body[end:end + 6])
    return {"from": body[22:end].decode(), "agent_age": age / 1000, "gateways": GATEWAYS[gateways],
            "heals_itself": bool(signs & 1), "paused": bool(signs & 2), "agent_gone": bool(signs & 4)}


def ask(address, port, sender, patient, mesh, key, within=1.0):
    """What a node answers; None if it is silent."""
    nonce = os.urandom(16)
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(within)
        asker.sendto(question(sender, patient, mesh, key, nonce), (address, port))
        try:
            datagram, source = asker.recvfrom(2048)
        except TimeoutError:
            return None
    return read_answer(datagram, mesh, key, nonce) | {"source": source[0]}


if __name__ == "__main__":
    import sys

    if len(sys.argv) > 1:  # in a node: ask ADDRESS PORT SENDER PATIENT MESH with the keys on stdin
        address, port, *names = sys.argv[1:]
        print(json.dumps(ask(address, int(port), *names, keys_of(sys.stdin.read())[0])))
    else:
        own = derive("cruN96q05NuJmDegojjwP3G1kO3HWnYr9qKpUpzmEhc=")
        some = bytes(range(16))
        print(own.hex())
        print(question("alpha", "beta", "home", own, some)[-MAC:].hex())
        print(answer("beta", 1500, 2, 3, "home", own, some)[-MAC:].hex())
