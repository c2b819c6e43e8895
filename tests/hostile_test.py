"""Files that are huge, binary, cut off or made to hurt: the real binary gives a clear result in bounded time and memory."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from cli_test import MESHOPS, environment, meshops, wait_until

MIB = 1 << 20
# What a sanitizer reserves and costs says nothing about the product.
SLOW = "asan" in str(MESHOPS)


class Ended:
    def __init__(self, tmp_path, *arguments):
        """Runs meshops to its end; what it printed, how long it took, and its peak of memory in MiB."""
        out, begun = tmp_path / "out", time.monotonic()
        with out.open("wb") as file:
            process = subprocess.Popen([MESHOPS, *arguments], env=environment(tmp_path), stdout=file, stderr=file)
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.code, self.said = process.returncode, out.read_text()
        self.seconds, self.mib = time.monotonic() - begun, usage.ru_maxrss / 1024

    def bounded(self, seconds, mib):
        assert self.code in (0, 1, 3), self.said[-2000:]
        assert self.seconds < seconds * (4 if SLOW else 1)
        assert SLOW or self.mib < mib


def made(path, head, piece=b"", size=0):
    """In pieces: what this process uses before it starts another one would count as that one's peak."""
    with path.open("wb") as out:
        out.write(head)
        while out.tell() < size:
            out.write(piece)
    return path


LOGS = {"zeros": b"\0" * 65536, "endless line": b"x" * 65536, "half JSON": b'{"log": ["' * 6554}


@pytest.mark.parametrize("kind", [*LOGS, "noise"])
def test_of_100_mib_that_are_no_log_no_cause_is_named(tmp_path, kind):
    if kind == "noise":
        log = tmp_path / "log"
        with log.open("wb") as out:
            for _ in range(100):
                out.write(os.urandom(MIB))       # all of it different: some of it spells a short pattern
    else:
        log = made(tmp_path / "log", b"", LOGS[kind], 100 * MIB)
    ended = Ended(tmp_path, "diagnose", "--logs", str(log))
    ended.bounded(30, 320)
    assert ended.code == 0 and "no known cause" in ended.said


def test_of_100_mib_of_failures_the_cause_is_named(tmp_path):
    log = made(tmp_path / "log", b"", b"2026-11-24T05:11:00.000Z [gateway] Error: listen EADDRINUSE: address already in use\n" * 1000,
               100 * MIB)
    ended = Ended(tmp_path, "diagnose", "--logs", str(log))
    ended.bounded(30, 320)
    assert ended.code == 1 and "port_conflict" in ended.said


def test_of_a_log_that_was_cut_in_the_middle_of_a_write_the_cause_is_named(tmp_path):
    log = made(tmp_path / "log", b"", b"2026-11-24T05:11:00.000Z [gateway] http request GET /healthz 200 in 3ms\n" * 1000, 100 * MIB)
    with log.open("ab") as out:
        out.write(b'{"time":"2026-11-24T05:12:00.000Z","message":"chat completion failed: Error: database or disk is full"}\n')
        out.write(b"\0" * 4096 + b'{"time":"2026-11-24T05:12:01.000Z","message":"half \xc3')
    ended = Ended(tmp_path, "diagnose", "--logs", str(log))
    ended.bounded(30, 320)
    assert ended.code == 1 and "1. disk_full" in ended.said


def test_of_a_log_that_is_too_large_it_is_said(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as out:
        out.truncate(300 * MIB)
    ended = Ended(tmp_path, "diagnose", "--logs", str(log))
    ended.bounded(5, 100)
    assert ended.code == 3 and "has more than" in ended.said


MESH = {"100 MiB": (b'[mesh]\nname = "x"\n', b"# filler filler\n" * 4096, 100 * MIB), "binary": (os.urandom(65536),),
        "cut": (b'[mesh]\nname = "x',), "zeros": (b"\0" * 65536,), "deep": (b"a = ", b"[" * 1000, MIB - 2000),
        "deep tables": (b"a = ", b"{b=" * 1000, MIB - 5000), "dotted": (b"a" + b".a" * 400_000 + b" = 1",)}


@pytest.mark.parametrize("kind", MESH)
def test_a_hostile_mesh_toml_is_a_clear_refusal(tmp_path, kind):
    file = tmp_path / "mesh.toml"
    made(file, *MESH[kind])
    ended = Ended(tmp_path, "config", "check", str(file))
    ended.bounded(5, 100)
    assert ended.code in (1, 3) and "mesh.toml" in ended.said and len(ended.said) < 10_000


GATEWAY = {"100 MiB": (b"", b"#" * MIB, 100 * MIB), "binary": (b"\x7fELF" + os.urandom(65536),), "no bytes": (b"",),
           "deep": (b"", b"[" * 4095, 4 * MIB - 4096), "deep objects": (b"", b'{"a":' * 100, 4 * MIB - 4096),
           "cut": (b'{ "gateway": { "mode": "loc',), "a million keys": (b"{", b"aaaa: 1," * 100, 4 * MIB - 4096)}


@pytest.mark.parametrize("kind", GATEWAY)
def test_a_hostile_configuration_of_a_gateway_holds_no_agent_up(tmp_path, kind):
    home = tmp_path / "openclaw"
    home.mkdir()
    made(home / "openclaw.json", *GATEWAY[kind])
    (tmp_path / "mesh.toml").write_text(f"""
[agent]
discover = false
state_dir = "{tmp_path}/state"
[[gateway]]
name = "main"
kind = "openclaw"
runtime = "process"
command = ["/bin/sh", "-c", "sleep 0.2; exit 78"]
state_dir = "{home}"
""")
    sock = str(tmp_path / "agent.sock")
    with (tmp_path / "meshops.log").open("wb") as log:
        agent = subprocess.Popen([MESHOPS, "--config", str(tmp_path / "mesh.toml"), "--socket", sock, "up", "--plain"],
                                 env=environment(tmp_path), stdout=log, stderr=log)
    try:
        wait_until("the agent answers", lambda: meshops(tmp_path, "--socket", sock, "status").returncode != 3)
        slowest, end = 0.0, time.monotonic() + 3
        while time.monotonic() < end:
            begun = time.monotonic()
            assert meshops(tmp_path, "--socket", sock, "status").returncode in (0, 1)
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.2)
        assert slowest < (20 if SLOW else 5)
        looked = Ended(tmp_path, "--socket", sock, "diagnose", "main")
        looked.bounded(30, 200)
        assert looked.code == 1 and "config_schema_invalid" in looked.said, looked.said
        peak = next(int(line.split()[1]) for line in Path(f"/proc/{agent.pid}/status").read_text().splitlines()
                    if line.startswith("VmHWM"))
        assert SLOW or peak < 200 * 1024, f"{peak} KiB"
    finally:
        agent.terminate()
        agent.wait(30)


@pytest.fixture
def huge_repository(tmp_path):
    """One GB: a pack of 240 MiB with 2000 commits, 200 MiB of logs that somebody has committed, 5 000 small files, and
    beside them the image of a disk."""
    folder = tmp_path / "huge"
    plain = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    git = ["git", "-c", "core.compression=0", "-c", "core.bigFileThreshold=1m", "-c", "core.fsync=none", "-C", str(folder)]
    folder.mkdir()
    subprocess.run([*git, "init", "-q", "-b", "main"], env=os.environ | plain, check=True)
    noise = os.urandom(MIB - 8)
    with subprocess.Popen([*git, "fast-import", "--quiet"], env=os.environ | plain, stdin=subprocess.PIPE) as importer:
        say = importer.stdin.write
        for blob in range(1, 7):
            say(b"blob\nmark :%d\ndata %d\n" % (blob, 40 * MIB))
            for piece in range(40):
                say(b"%03d %03d\n" % (blob, piece) + noise)     # all of it different, or git would keep it once
            say(b"\n")
        for step in range(2000):
            say(b"commit refs/heads/main\ncommitter Ada <ada@example.org> %d +0000\ndata 10\nfeat: step\n"
                b"M 100644 :%d images/%d.img\nM 100644 inline step\ndata 5\n%04d\n\n"
                % (1782555000 + step, step % 6 + 1, step % 6, step))
    assert importer.returncode == 0
    index = [f"100644 {subprocess.check_output([*git, 'rev-parse', 'main:step'], text=True).strip()}\t"]
    (folder / "logs").mkdir()
    with (folder / "disk.img").open("wb") as image:
        image.truncate(600 * MIB)
    for number in range(5):
        made(folder / f"logs/{number}.log", b"", b"Jun 27 10:15:02 node-1 app[1]: a line of a log that nobody reads\n" * 16000, 40 * MIB)
        index.append(f"{index[0]}logs/{number}.log")
    for number in range(5_000):
        if number % 200 == 0:
            (folder / f"notes/{number // 200}").mkdir(parents=True)
        (folder / f"notes/{number // 200}/{number}.yaml").write_text(f"note: {number}\n")
        index.append(f"{index[0]}notes/{number // 200}/{number}.yaml")
    # Committed in the middle of a merge, among all the others.
    (folder / "notes/20/4000.yaml").write_text(f"{'<' * 7} HEAD\na: 1\n{'=' * 7}\na: 2\n{'>' * 7} theirs\n")
    subprocess.run([*git, "update-index", "--add", "--index-info"], input="\n".join(index[1:]) + "\n", text=True, check=True)
    yield folder
    shutil.rmtree(folder)


def test_a_repository_of_a_gigabyte_is_audited_in_bounded_time_and_memory(huge_repository, tmp_path):
    ended = Ended(tmp_path, "audit", str(huge_repository), "--format", "json")
    ended.bounded(60, 160)
    report = json.loads(ended.said)
    assert [f["file"] for f in report["findings"] if f["rule"] == "GIT-005"] == ["notes/20/4000.yaml"]
    # What it has not read it says, with the reason: no clean bill for logs that nobody looked at.
    skipped = {skip["what"]: skip["reason"] for skip in report["skipped"]}
    for number in range(5):
        assert "too large" in skipped[f"logs/{number}.log"], skipped
