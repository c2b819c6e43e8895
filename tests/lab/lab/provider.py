"""The cloud that the nodes run in, as far as a reset needs it: a provider's API on the lab's network, over TLS that the
nodes trust, and the power button behind it, which really switches a node off and on.

    cloud = Cloud(lab)
    HealingMesh(lab, "ha1", "ha2", extra=cloud.mesh_toml(), node_extra=cloud.instances("ha1", "ha2"), …)
    cloud.let_in("ha1")                               # this node may reset others
    cloud.press_when_asked("ha2")                     # waits for the order, and carries it out
"""

import json
import secrets
import subprocess
import sys
import uuid

from . import tls
from .base import die_with_parent, wait_until
from .core import HERE
from .tls import ADDRESS

FIRST_PORT = 8443
KEY_FILE = "/etc/meshops/vultr-reset.key"


class Cloud:
    def __init__(self, lab):
        # Several meshes of one lab may each have their own.
        number = len(list(lab.dir.glob("cloud-*")))
        self.lab, self.dir, self.port = lab, lab.dir / f"cloud-{number}", FIRST_PORT + number
        self.ids = {}
        (self.dir / "power").mkdir(parents=True)
        (self.dir / "api-key").write_text(secrets.token_hex(18).upper() + "\n")
        self.cert, key = tls.certificate(self.dir, "the lab's cloud")
        self._server = subprocess.Popen(
            lab.network.enter(sys.executable, HERE / "vultr_api.py", "--listen", ADDRESS, "--port", str(self.port),
                              "--cert", self.cert, "--key-file", key, "--dir", self.dir),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        lab.finalizers.add("the cloud's API", self.stop)
        assert self._server.stdout.readline() == "listening\n"

    def stop(self):
        self._server.kill()
        self._server.wait()
        self._server.stdout.close()

    # -- for mesh.toml

    def mesh_toml(self):
        return f'\n[reset]\nvultr_key_file = "{KEY_FILE}"\nvultr_url = "https://{ADDRESS}:{self.port}"\n'

    def instances(self, *names):
        """name → what its [[node]] says of it; each is a machine that runs."""
        for name in names:
            self.ids[name] = str(uuid.uuid4())
            self._power(name).write_text("running")
        return {name: f'instance = "vultr:{self.ids[name]}"\n' for name in names}

    def let_in(self, *names):
        """These nodes hold the key, and believe the API's certificate."""
        for name in names:
            node = self.lab[name]
            tls.believe(node, self.cert)
            node.write(KEY_FILE, (self.dir / "api-key").read_text(), mode=0o600)

    # -- what is asked of it

    def requests(self, method=None):
        try:
            lines = (self.dir / "requests.jsonl").read_text().splitlines()
        except OSError:
            return []
        return [r for r in map(json.loads, lines) if method in (None, r["method"])]

    def path(self, name, deed=""):
        return f"/v2/instances/{self.ids[name]}{deed}"

    def press_when_asked(self, name, timeout):
        """Waits until a reboot of that node is asked for: then its plug is pulled, and it boots again."""
        wait_until(f"somebody to have {name} reset", lambda: self._power(name).read_text() == "stopped", timeout, 0.2)
        node = self.lab[name]
        node.kill_hard()
        node.boot()
        self._power(name).write_text("running")

    def _power(self, name):
        return self.dir / "power" / self.ids[name]
