"""A bucket that every node reaches, whoever is cut off: a real S3 server (s3.py) on the bridge, over TLS that the nodes
trust, with a key that may read and write objects and nothing else.

    bucket = Bucket(lab)
    HealingMesh(lab, "ha1", "ha2", extra=bucket.mesh_toml(), …)
    bucket.let_in("ha1", "ha2")
    with bucket.hangs(): …                            # connections are taken, and nothing is answered
"""

import contextlib
import json
import os
import signal
import subprocess
import sys

from . import tls
from .base import die_with_parent
from .core import HERE

PORT = 9443
KEY_FILE = "/etc/meshops/store.key"
NAME, PREFIX = "mesh-bucket", "some/prefix"


class Bucket:
    def __init__(self, lab):
        self.lab, self.dir = lab, lab.dir / "bucket"
        self.dir.mkdir()
        self.cert, key = tls.certificate(self.dir, "the lab's bucket")
        with open(self.dir / "s3.err", "w") as errors:
            self._server = subprocess.Popen(
                lab.network.enter(sys.executable, HERE / "s3.py", "--listen", tls.ADDRESS, "--port", str(PORT), "--cert",
                                  self.cert, "--key-file", key, "--dir", self.dir, "--bucket", NAME),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, preexec_fn=die_with_parent)
        lab.finalizers.add("the bucket", self.stop)
        line = self._server.stdout.readline()
        assert line == "listening\n", (self.dir / "s3.err").read_text()

    def stop(self):
        self._server.kill()
        self._server.wait()
        self._server.stdout.close()

    # -- for mesh.toml

    def mesh_toml(self):
        return (f'\n[store]\nurl = "s3://{NAME}/{PREFIX}"\nendpoint = "https://{tls.ADDRESS}:{PORT}"\n'
                f'key_file = "{KEY_FILE}"\n')

    def let_in(self, *names):
        """These nodes hold the key, and believe the server's certificate."""
        for name in names:
            tls.believe(self.lab[name], self.cert)
            self.lab[name].write(KEY_FILE, (self.dir / "key").read_text(), mode=0o600)

    # -- what lies there

    def seen_from(self, name):
        """meshops.mesh-store/1 as that node reads it, its nodes by name."""
        said = self.lab[name].run(["meshops", "mesh", "store", "--format", "json"], check=False, timeout=60)
        look = json.loads(said.out)
        assert look["schema"] == "meshops.mesh-store/1", said
        return {**look, "nodes": {n["name"]: n for n in look["nodes"]}, "code": said.code}

    @contextlib.contextmanager
    def hangs(self):
        pid = int((self.dir / "radosgw.pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
