#!/usr/bin/env python3
"""A real S3 server for the lab: Ceph's RGW over one monitor and one OSD in memory (Debian: ceph-mon, ceph-osd, radosgw).

The lab runs it beside the nodes (lab/bucket.py); about 15 s until it listens. Standard library only.
  s3.py --listen ADDRESS --port N --cert FILE --key-file FILE --dir DIR --bucket NAME
Makes the bucket and a user who may read and write objects in it and nothing else (s3:GetObject, s3:PutObject);
DIR/key is that user's, as `aws configure` writes it. DIR/radosgw.pid is for who wants the server to hang.
"""

import argparse
import ctypes
import datetime
import hashlib
import hmac
import http.client
import json
import os
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.parse
import uuid
from pathlib import Path

CONF = """[global]
fsid = {fsid}
mon initial members = a
mon host = [v2:127.0.0.1:13300/0,v1:127.0.0.1:16789/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
mon allow pool size one = true
mon warn on pool no redundancy = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 268435456
mon data = {dir}/mon
osd data = {dir}/osd
run dir = {dir}/run
admin socket = {dir}/run/$name.asok
log file = {dir}/$name.log
keyring = {dir}/keyring
[client.rgw.lab]
rgw data = {dir}/rgw
rgw frontends = beast ssl_endpoint={listen}:{port} ssl_certificate={pem}
rgw run sync thread = false
"""


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


class Client:
    """Requests signed by AWS Signature Version 4."""

    def __init__(self, address, cert, key, secret, region="us-east-1"):
        self.address, self.key, self.secret, self.region = address, key, secret, region
        self.context = ssl.create_default_context(cafile=cert)

    def ask(self, method, path, body=b"", query=""):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": self.address, "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(sorted(headers))
        path = urllib.parse.quote(path)
        canonical = "\n".join([method, path, query, *(f"{n}:{headers[n]}" for n in sorted(headers)), "", names, digest])
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + self.secret.encode()
        for part in (now[:8], self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={names}, "
                                    f"Signature={signature}")
        connection = http.client.HTTPSConnection(self.address, context=self.context, timeout=30)
        connection.request(method, path + (f"?{query}" if query else ""), body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


class Cluster:
    def __init__(self, args):
        self.dir, self.args, self.daemons = args.dir, args, []
        for name in ("mon", "osd", "rgw", "run"):
            (self.dir / name).mkdir(parents=True)
        pem = self.dir / "server.pem"
        pem.write_text(args.cert.read_text() + args.key_file.read_text())
        (self.dir / "ceph.conf").write_text(CONF.format(fsid=uuid.uuid4(), dir=self.dir, listen=args.listen, port=args.port,
                                                        pem=pem))
        self.env = {**os.environ, "CEPH_CONF": str(self.dir / "ceph.conf"), "CEPH_ARGS": f"-c {self.dir}/ceph.conf"}

    def run(self, *argv, timeout=60):
        done = subprocess.run([str(a) for a in argv], env=self.env, capture_output=True, text=True, timeout=timeout)
        if done.returncode != 0:
            sys.exit(f"s3.py: {' '.join(map(str, argv))}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def daemon(self, *argv):
        out = open(self.dir / f"{argv[0]}.out", "w")
        self.daemons.append(subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                             preexec_fn=die_with_parent))
        (self.dir / f"{argv[0]}.pid").write_text(str(self.daemons[-1].pid))

    def start(self):
        keyring = self.dir / "keyring"
        rights = {"mon.": ["--cap", "mon", "allow *"],
                  "client.admin": ["--cap", "mon", "allow *", "--cap", "osd", "allow *"],
                  "client.rgw.lab": ["--cap", "mon", "allow rwx", "--cap", "osd", "allow rwx"]}
        for name, caps in rights.items():
            self.run("ceph-authtool", keyring, *(["--create-keyring"] if name == "mon." else []), "--gen-key", "-n", name,
                     *caps)
        self.run("monmaptool", "--create", "--addv", "a", "[v2:127.0.0.1:13300/0,v1:127.0.0.1:16789/0]", "--fsid",
                 self.run("ceph-conf", "--lookup", "fsid").strip(), self.dir / "monmap")
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", self.dir / "monmap", "--keyring", keyring)
        self.daemon("ceph-mon", "-i", "a", "-f")
        self.run("ceph", "osd", "create")
        self.run("ceph-osd", "-i", "0", "--mkfs")
        self.daemon("ceph-osd", "-i", "0", "-f")
        self.run("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=lab")
        self.daemon("radosgw", "-n", "client.rgw.lab", "-f")

    def user(self, name):
        key, secret = secrets.token_hex(10).upper(), secrets.token_hex(20)
        self.run("radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}", f"--access-key={key}",
                 f"--secret-key={secret}", timeout=120)
        return key, secret

    def make_bucket(self):
        owner = Client(f"{self.args.listen}:{self.args.port}", self.args.cert, *self.user("owner"))
        until = time.monotonic() + 90
        while True:
            try:
                status, said = owner.ask("PUT", f"/{self.args.bucket}")
                break
            except OSError:
                if time.monotonic() > until or any(d.poll() is not None for d in self.daemons):
                    sys.exit(f"s3.py: radosgw does not listen: {(self.dir / 'radosgw.out').read_text()[-500:]}")
                time.sleep(0.2)
        assert status == 200, said
        key, secret = self.user("meshops")
        policy = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/meshops"]},
            "Action": ["s3:GetObject", "s3:PutObject"], "Resource": [f"arn:aws:s3:::{self.args.bucket}/*"]}]}
        status, said = owner.ask("PUT", f"/{self.args.bucket}", json.dumps(policy).encode(), "policy=")
        assert status in (200, 204), said
        (self.dir / "key").write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cert", type=Path, required=True)
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--bucket", required=True)
    args = parser.parse_args()
    missing = [p for p in ("ceph-mon", "ceph-osd", "radosgw") if not shutil.which(p)]
    if missing:
        sys.exit(f"s3.py: not installed: {', '.join(missing)}; ./dev test lab installs them")
    cluster = Cluster(args)
    cluster.start()
    cluster.make_bucket()
    print("listening", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
