"""A real container engine of a lab's own: dockerd in the lab's network, with its own directories and socket.

    engine = Engine(lab)            # ends with the lab
    engine.docker("run", "-d", "--name", "gateway", engine.image(), *STANDIN_COMMAND)
"""

import os
import subprocess
import tempfile
from pathlib import Path

from .base import LabError, die_with_parent, run, wait_until
from .core import HERE, cgroup2


class Engine:
    def __init__(self, lab):
        self.lab = lab
        home = run(["sh", HERE / "engine.sh"], timeout=600).out.strip()
        self.environment = {"PATH": f"{home}/usr/bin:{home}/usr/sbin:{os.environ['PATH']}",
                            "LD_LIBRARY_PATH": ":".join(str(p.parent) for p in Path(home).glob("**/*.so.*"))}
        # Its own, for a lab may have one after the other.
        self.dir = Path(tempfile.mkdtemp(prefix="engine-", dir=lab.dir))
        self.socket = f"unix://{self.dir}/docker.sock"
        self._log = open(self.dir / "dockerd.log", "ab")
        cgroup = "/" + str(lab.cgroup.relative_to(cgroup2())) + f"/{self.dir.name}"
        argv = lab.network.enter(
            "dockerd", "-H", self.socket, "--data-root", self.dir / "data", "--exec-root", self.dir / "exec",
            "--pidfile", self.dir / "dockerd.pid", "--iptables=false", "--ip6tables=false", "--bridge=none",
            "--storage-driver=vfs", "--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", cgroup)
        self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=self._log,
                                        stderr=subprocess.STDOUT, preexec_fn=die_with_parent,
                                        env={**self.environment, "HOME": str(self.dir)})
        lab.finalizers.add("container engine", self.close)
        wait_until("the container engine to answer", self._answers, timeout=60)

    def _answers(self):
        if self.process.poll() is not None:
            raise LabError(f"dockerd ended with {self.process.returncode}: {self.log()[-1500:]}")
        return self.docker("version", check=False).code == 0

    def docker(self, *words, check=True, timeout=60.0, input=None):
        return run(self.lab.network.enter("docker", "-H", self.socket, *words), check=check, timeout=timeout,
                   env=self.environment, input=input)

    def log(self):
        return (self.dir / "dockerd.log").read_text(errors="replace")

    def image(self, name="openclaw-standin"):
        """A small image with Python in it, taken from the base root."""
        archive = self.dir / "image.tar"
        # Links are followed, so that every file stands where its reader looks for it.
        make = ("set -e; cd /; tar -chf - usr/bin/python3 usr/lib/python3* etc/passwd "
                "$(ldd usr/bin/python3 usr/lib/python3.*/lib-dynload/*.so | grep -oE '[[:blank:]]/lib[^ ]*' | grep -o '/.*' | sort -u | cut -c2-)")
        with open(archive, "wb") as tar:
            subprocess.run(["chroot", self.lab.base, "sh", "-c", make], stdout=tar, check=True, timeout=60)
        self.docker("import", archive, f"{name}:latest")
        archive.unlink()
        return f"{name}:latest"

    def main_pid(self, container):
        """As the engine knows it; None while it does not run."""
        return int(self.docker("inspect", "-f", "{{.State.Pid}}", container).out) or None

    def close(self):
        if self.process.poll() is None:
            for container in self.docker("ps", "-aq", check=False).out.split():
                self.docker("rm", "-f", container, check=False)
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        self._log.close()
        # The engine keeps a handle on the network that its containers shared; the directory goes with the lab.
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            where = line.split()[1]
            if where.startswith(f"{self.dir}/"):
                run(["umount", "-l", where], check=False)
