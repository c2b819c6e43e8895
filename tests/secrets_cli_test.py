"""Secrets as a person asks for them: the real binary lists them without showing one, says what it may not look at, and
tells who has read them, with the gaps."""
import json
import os
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MESHOPS = os.environ.get("MESHOPS_BIN", str(ROOT / "build/release/meshops"))
TOKEN = "7423915608:" + "AAEkV3qPz0LrXw9sTjNcUyB5mHdGfQa1oIx"
NOW_MS = 1_795_000_000_000


@pytest.fixture
def machine(tmp_path):
    """A root file system with a gateway's state in it, beside the state that meshops keeps."""
    root = tmp_path / "machine"
    state = root / "home/claw/.openclaw"
    state.mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/bash\nclaw:x:4711:4711::/home/claw:/bin/bash\n")
    (state / ".env").write_text(f"# of the gateway\nTELEGRAM_BOT_TOKEN={TOKEN}\n")
    (state / ".env").chmod(0o640)
    (root / "opt/app").mkdir(parents=True)
    (root / "opt/app/.env").write_text(f"BOT={TOKEN}\n")
    return root


def meshops(root, *arguments, config="", **options):
    home = root.parent
    own = home / "own.toml"
    own.write_text(f'[agent]\nstate_dir = "{home}/state"\n{config}')
    env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "MESHOPS_"))}
    env.update(HOME=str(home), MESHOPS_CONFIG=str(own))
    return subprocess.run([MESHOPS, *map(str, arguments)], env=env, text=True, capture_output=True, timeout=120, **options)


def listed(root, *arguments):
    done = meshops(root, "secrets", "list", "--root", root, "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(done.stdout)
    assert found["schema"] == "meshops.secrets/1"
    return found


def test_each_secret_has_a_place_a_kind_and_a_twin(machine):
    found = listed(machine)
    one = next(s for s in found["secrets"] if s["file"] == "/home/claw/.openclaw/.env")
    assert (one["line"], one["name"], one["kind"], one["mode"]) == (2, "TELEGRAM_BOT_TOKEN", "Telegram bot token", "0640")
    assert re.fullmatch("[0-9a-f]{12}", one["fingerprint"]) and one["since"]
    assert one["also"] == ["/opt/app/.env:1"]
    assert found["files"] == ["/home/claw/.openclaw/.env", "/opt/app/.env"]


def test_no_output_holds_a_piece_of_a_secret(machine):
    for arguments in (["--format", "json"], []):
        done = meshops(machine, "secrets", "list", "--root", machine, *arguments)
        for start in range(len(TOKEN) - 6):
            assert TOKEN[start:start + 6] not in done.stdout + done.stderr


def test_the_key_is_made_once_for_its_owner_and_a_copied_one_makes_lists_comparable(machine):
    first = listed(machine)
    key = machine.parent / "state/fingerprint.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert listed(machine)["secrets"] == first["secrets"]
    kept = key.read_text()
    key.unlink()
    other = listed(machine)
    assert other["key"] != first["key"] and other["secrets"][0]["fingerprint"] != first["secrets"][0]["fingerprint"]
    key.write_text(kept)
    assert listed(machine)["secrets"] == first["secrets"]


def test_a_key_that_others_read_is_refused(machine):
    listed(machine)
    (machine.parent / "state/fingerprint.key").chmod(0o644)
    done = meshops(machine, "secrets", "list", "--root", machine)
    assert done.returncode == 3 and "chmod 600" in done.stderr and not done.stdout


def test_what_is_no_directory_is_refused(machine):
    done = meshops(machine, "secrets", "list", "--root", machine / "etc/passwd")
    assert done.returncode == 3 and "is no directory" in done.stderr


@pytest.mark.parametrize("arguments", [["secrets"], ["secrets", "nonsense"], ["secrets", "access", "--since", "soon"],
                                       ["secrets", "access", "--limit", "0"], ["secrets", "list", "extra"]])
def test_wrong_usage_exits_2(machine, arguments):
    assert meshops(machine, *arguments).returncode == 2


def test_without_an_agent_it_says_that_nothing_is_recorded(machine):
    done = meshops(machine, "secrets", "access")
    assert done.returncode == 0
    assert "no reading was recorded" in done.stdout and "no agent has watched yet" in done.stdout
    off = meshops(machine, "secrets", "access", "--format", "json", config="[audit]\nsecret_watch = false\n")
    told = json.loads(off.stdout)
    assert told["recording"] is False and "secret_watch" in told["why_not"] and told["accesses"] == []


@pytest.fixture
def recorded(machine):
    """The log as an agent that is gone has left it."""
    state = machine.parent / "state"
    state.mkdir(mode=0o700)
    record = {"schema": "meshops.secret-watch/1", "pid": 2**22 + 1, "start_ticks": 5, "since": "2026-11-18T00:00:00Z",
              "trouble": "", "files": ["/x/.env"]}
    (state / "secret-watch.json").write_text(json.dumps(record))
    db = sqlite3.connect(state / "secret-access.sqlite")
    db.executescript("""
CREATE TABLE readings(id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL, uid INTEGER NOT NULL,
  login INTEGER NOT NULL, exe TEXT NOT NULL, comm TEXT NOT NULL, cgroup TEXT NOT NULL, hour INTEGER NOT NULL,
  pid INTEGER NOT NULL, start_ticks INTEGER NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
  times INTEGER NOT NULL, was_read INTEGER NOT NULL, UNIQUE(hour, file, uid, login, exe, comm, cgroup)) STRICT;
CREATE TABLE gaps(id INTEGER PRIMARY KEY AUTOINCREMENT, from_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,
  why TEXT NOT NULL) STRICT;
CREATE TABLE watch(id INTEGER PRIMARY KEY CHECK(id = 1), alive_ms INTEGER NOT NULL) STRICT;
PRAGMA application_id = 1836279922; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;""")
    rows = [("/x/.env", 0, 4242, "/usr/bin/cat", "cat", "/user.slice/session-3.scope", 901, 0, 3, 1),
            ("/x/.env", 0, -1, "/usr/bin/\x1b[31mevil", "\x1b[31mevil", "/system.slice/a.service", 902, 3_600_000, 1, 0),
            ("/y/.env", -1, -1, "", "", "", 903, 7_200_000, 1, 1)]
    for file, uid, login, exe, comm, cgroup, pid, after, times, read in rows:
        at = NOW_MS + after
        db.execute("INSERT INTO readings(file, uid, login, exe, comm, cgroup, hour, pid, start_ticks, first_ms, last_ms, times,"
                   " was_read) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
                   (file, uid, login, exe, comm, cgroup, at // 3_600_000, pid, 7, at, at + 1000, times, read))
    db.execute("INSERT INTO gaps(from_ms, until_ms, why) VALUES(?, ?, 'the agent did not watch')",
               (NOW_MS + 4_000_000, NOW_MS + 5_000_000))
    db.commit()
    db.close()
    return machine


def test_readers_are_told_newest_first_with_the_gap_between(recorded):
    done = meshops(recorded, "secrets", "access")
    assert done.returncode == 0, done.stderr
    order = [done.stdout.index(word) for word in ("ended before it could be seen (pid 903)", "the agent did not watch",
                                                  "pid 902", "pid 901")]
    assert order == sorted(order)
    assert "read by root (logged in as user 4242)  /usr/bin/cat  pid 901  session-3.scope, 3 times since" in done.stdout
    assert "opened by root" in done.stdout
    assert "\x1b" not in done.stdout
    assert "the agent does not run" in done.stdout


def test_readers_as_json(recorded):
    told = json.loads(meshops(recorded, "secrets", "access", "--format", "json").stdout)
    assert told["schema"] == "meshops.access/1" and told["recording"] is False
    assert [a["pid"] for a in told["accesses"]] == [903, 902, 901]
    assert told["accesses"][0]["user"] is None and told["accesses"][2]["login_uid"] == 4242
    assert told["accesses"][2]["user"] == "root" and told["accesses"][2]["times"] == 3
    assert told["gaps"][0]["why"] == "the agent did not watch" and told["watched"] == ["/x/.env"]


def test_asked_by_file_time_and_number(recorded):
    def pids(*arguments):
        done = meshops(recorded, "secrets", "access", "--format", "json", *arguments)
        assert done.returncode == 0, done.stderr
        return [a["pid"] for a in json.loads(done.stdout)["accesses"]]

    assert pids("/x/.env") == [902, 901]
    assert pids("/x/../x/.env") == [902, 901]
    assert pids("-n", "1") == [903]
    assert pids("--since", "2026-11-18T12:00:00Z") == [903, 902]
    assert "is not among the" not in meshops(recorded, "secrets", "access", "/x/.env").stdout


def test_a_log_of_another_program_is_refused(machine):
    state = machine.parent / "state"
    state.mkdir(mode=0o700)
    db = sqlite3.connect(state / "secret-access.sqlite")
    db.executescript("CREATE TABLE theirs(x); PRAGMA application_id = 7;")
    db.close()
    done = meshops(machine, "secrets", "access")
    assert done.returncode == 3 and "another program" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to be refused")
def test_another_user_is_told_that_only_root_may_see_it(recorded):
    (recorded.parent / "state").chmod(0o700)
    for folder in [recorded.parent, *recorded.parent.parents]:
        if str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    done = meshops(recorded, "secrets", "access", user=65534, group=65534, extra_groups=[])
    assert done.returncode == 3 and "only root" in done.stderr, done.stdout + done.stderr
