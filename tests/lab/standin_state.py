"""The stand-in's state: its two databases, its locks, its boot history, and who sits on its port.

Used by standin_gateway.py, beside which it lies in a node. The databases are real SQLite in WAL mode with the paths,
schema numbers and refusals of OpenClaw 2026.9.6, so that a test can damage them for real.
"""

import hashlib
import json
import os
import resource
import secrets
import signal
import sqlite3
import time
from pathlib import Path

from standin_config import Refused

SHARED_SCHEMA, AGENT_SCHEMA = 18, 23                     # PRAGMA user_version
BREAKER_BOOTS, BREAKER_WINDOW_MS = 3, 300_000
MAINTENANCE = "gateway requires state migration. Stop the service and run `openclaw doctor --fix`."
CONTENTION = ("Doctor could not enter maintenance. StateDatabaseCoordinatorContentionError: another OpenClaw process "
              "owns gateway-lifecycle")
# A turn leaves this much in the agent's database, so that a full disk is met at once.
TRANSCRIPT = "pong" * 16384


def start_time(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


class Settings:
    """STANDIN_* of the environment and of STATE/standin.env."""

    def __init__(self, state):
        self.path, self.values = state / "standin.env", {}
        self.read()

    def read(self):
        self.values = {k: v for k, v in os.environ.items() if k.startswith("STANDIN_")}
        try:
            for line in self.path.read_text().splitlines():
                key, equals, value = line.partition("=")
                if equals and not key.startswith("#"):
                    self.values[key.strip()] = value.strip()
        except OSError:
            pass

    def __call__(self, name, default=None):
        return self.values.get(f"STANDIN_{name}", default)

    @property
    def version(self):
        return self("VERSION", "2026.9.6")


class Database:
    """state/openclaw.sqlite: boots, and which configuration was last accepted. Made at the first start."""

    def __init__(self, state, config_path):
        self.path, self.config_path = state / "state" / "openclaw.sqlite", str(config_path)
        self.boot_id = None

    def open(self):
        """Opens or makes it for a start. A file of no bytes is taken for a new one, as the real one takes it."""
        folder = self.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            if e.errno == 28:
                raise not_open() from None
            raise Refused(f"Gateway failed to start: {_code(e)}: {_words(e)}, mkdir '{folder}' | "
                          f"gateway.maintenance_required | {_code(e)}.\n{MAINTENANCE}") from None
        try:
            os.stat(self.path)
            with open(self.path, "r+b"):
                pass
        except FileNotFoundError:
            pass
        except OSError as e:
            if e.errno == 28:
                raise not_open() from None
            raise Refused(f"shared state database is unreadable at {self.path}: {_code(e)}: {_words(e)}, stat "
                          f"'{self.path}'\n{MAINTENANCE}") from None
        trouble = damage(self.path)
        if trouble:
            raise Refused(f"Doctor cannot repair this state: shared state database is unreadable at {self.path}: "
                          f"{trouble}. Stop OpenClaw processes, then restore this file from a verified backup; the "
                          f"unreadable database was left unchanged.\n{MAINTENANCE}")
        try:
            with self.connect() as db:
                found = db.execute("PRAGMA user_version").fetchone()[0]
                if found > SHARED_SCHEMA:
                    raise Refused(f"shared state database {self.path} has schema version {found}; this build supports "
                                  f"up to {SHARED_SCHEMA}. It was written by a newer OpenClaw.\n{MAINTENANCE}")
                db.executescript(f"""
                    CREATE TABLE IF NOT EXISTS gateway_boot_lifecycle (boot_id TEXT PRIMARY KEY, pid INTEGER,
                      started_at_ms INTEGER, completed_at_ms INTEGER, outcome TEXT, startup_reason TEXT, reason TEXT);
                    CREATE TABLE IF NOT EXISTS config_health_entries (config_path TEXT PRIMARY KEY, entry TEXT);
                    CREATE TABLE IF NOT EXISTS restore_attempts (digest TEXT PRIMARY KEY);
                    CREATE TABLE IF NOT EXISTS device_pairing (device TEXT PRIMARY KEY);
                    PRAGMA user_version = {SHARED_SCHEMA};""")
                db.execute("PRAGMA journal_mode = WAL")
        except (sqlite3.OperationalError, OSError):
            raise not_open() from None
        for file in (self.path, *self.path.parent.glob("openclaw.sqlite-*")):
            try:
                file.chmod(0o600)
            except OSError:
                pass                                     # another user's: it could be read, that is enough

    def connect(self, read_only=False):
        where = f"file:{self.path}?mode={'ro' if read_only else 'rwc'}"
        return _Block(sqlite3.connect(where, uri=True, timeout=5))

    def ask(self, sql, *values):
        """Rows of a reading question; none when the database cannot answer."""
        try:
            with self.connect(read_only=True) as db:
                return db.execute(sql, values).fetchall()
        except sqlite3.Error:
            return []

    def tell(self, sql, *values):
        """One change; quietly lost when the database does not take it (a full disk must not stop the gateway)."""
        try:
            with self.connect() as db:
                db.execute(sql, values)
        except sqlite3.Error:
            pass

    # -- configuration

    def accepted(self):
        rows = self.ask("SELECT entry FROM config_health_entries WHERE config_path = ?", self.config_path)
        return json.loads(rows[0][0]) if rows else None

    def accept(self, profile):
        if self.path.exists():
            self.tell("INSERT OR REPLACE INTO config_health_entries VALUES (?, ?)", self.config_path,
                      json.dumps(profile))

    def tried_restore(self, digest):
        """True when this content was restored over before; notes it."""
        before = self.ask("SELECT 1 FROM restore_attempts WHERE digest = ?", digest)
        self.tell("INSERT OR REPLACE INTO restore_attempts VALUES (?)", digest)
        return bool(before)

    # -- boots

    def boot(self):
        """Notes a start; gives how many unclean ones the last five minutes had before it. Refused on a full disk."""
        now = int(time.time() * 1000)
        # Not "newer than": after a clock that was set back, boots of the future keep the breaker tripped.
        unclean = len(self.ask("SELECT 1 FROM gateway_boot_lifecycle WHERE outcome IS NULL AND started_at_ms > ?",
                               now - BREAKER_WINDOW_MS))
        self.boot_id = secrets.token_hex(8)
        try:
            with self.connect() as db:
                db.execute("INSERT INTO gateway_boot_lifecycle VALUES (?, ?, ?, NULL, NULL, 'start', NULL)",
                           (self.boot_id, os.getpid(), now))
        except sqlite3.Error:
            raise not_open() from None
        return unclean

    def end(self, outcome, reason):
        self.tell("UPDATE gateway_boot_lifecycle SET completed_at_ms = ?, outcome = ?, reason = ? WHERE boot_id = ?",
                  int(time.time() * 1000), outcome, reason, self.boot_id)


class _Block:
    """A connection that commits and closes at the end of its block."""

    def __init__(self, db):
        self.db = db

    def __enter__(self):
        return self.db

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.db.commit()
        finally:
            self.db.close()


class AgentDatabases:
    """agents/ID/agent/openclaw-agent.sqlite: made at an agent's first turn, looked at by every start."""

    def __init__(self, state):
        self.folder = state / "agents"

    def path(self, agent="main"):
        return self.folder / agent / "agent" / "openclaw-agent.sqlite"

    def check(self):
        """Refuses the start for any damaged one: one agent's database stops the whole gateway."""
        for path in sorted(self.folder.glob("*/agent/openclaw-agent.sqlite")):
            trouble = damage(path)
            if trouble:
                raise Refused("OpenClaw startup migrations did not complete cleanly; refusing to report the gateway "
                              f"ready.\n- Skipped agent database migration for {path}: Error: {trouble}\n{MAINTENANCE}")

    def turn(self, agent="main"):
        """Keeps one turn: what was wrong, or nothing."""
        path = self.path(agent)
        try:
            self._turn(path)
        except (sqlite3.Error, OSError) as e:
            # SQLite may stumble over its -shm first ("disk I/O error"); the real one holds its files open and meets
            # the full disk itself.
            space = os.statvfs(self.folder.parent)
            if space.f_bavail == 0 or space.f_favail == 0:
                return "database or disk is full"
            if _files_left() < 4:                            # the database, its -wal and its -shm
                return f"EMFILE: too many open files, open '{path}'"
            return str(e)
        return None

    @staticmethod
    def _turn(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=5)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(f"CREATE TABLE IF NOT EXISTS transcripts (at INTEGER, text TEXT);"
                             f"PRAGMA user_version = {AGENT_SCHEMA};")
            db.execute("INSERT INTO transcripts VALUES (?, ?)", (int(time.time()), TRANSCRIPT))
            # The newest hundred: a test may make thousands.
            db.execute("DELETE FROM transcripts WHERE rowid <= (SELECT max(rowid) FROM transcripts) - 100")
            db.commit()
        finally:
            db.close()
        path.chmod(0o600)


def not_open():
    """A disk without a free byte, at start. The real one's words do not name it either."""
    return Refused("Gateway failed to start: database is not open | gateway.maintenance_required | "
                   f"ERR_INVALID_STATE.\n{MAINTENANCE}")


def _files_left():
    limit = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 4096)

    def is_open(fd):
        try:
            os.fstat(fd)
            return True
        except OSError:
            return False
    return limit - sum(map(is_open, range(limit)))


def damage(path):
    """What SQLite says of a damaged database; nothing for a whole, a missing or an empty one."""
    try:
        if path.stat().st_size == 0:
            return None
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            answer = db.execute("PRAGMA quick_check(1)").fetchone()
            return None if answer == ("ok",) else "database disk image is malformed"
        finally:
            db.close()
    except FileNotFoundError:
        return None
    except sqlite3.OperationalError:
        return None                                      # locked, or its -shm cannot be made: no damage
    except sqlite3.DatabaseError as e:
        return str(e)
    except OSError as e:
        raise Refused(f"shared state database is unreadable at {path}: {_code(e)}: {_words(e)}, stat '{path}'\n"
                      f"{MAINTENANCE}") from None


def _code(error):
    return {1: "EPERM", 13: "EACCES", 28: "ENOSPC", 30: "EROFS"}.get(error.errno, f"E{error.errno}")


def _words(error):
    return os.strerror(error.errno).lower() if error.errno else str(error)


# ---- locks ----------------------------------------------------------------------------------------------------

class Locks:
    """tmp/openclaw-UID/gateway.state.lock and its twin: one gateway per state directory. Left by a kill."""

    def __init__(self, state, config_path):
        self.state, self.config_path = state, config_path
        folder = state / "tmp" / f"openclaw-{os.getuid()}"
        digest = hashlib.sha256(str(config_path).encode()).hexdigest()[:8]
        self.paths = [folder / "gateway.state.lock", folder / f"gateway.{digest}.lock"]
        self.held = False

    def owner(self):
        """The pid of a live gateway that holds it; None when it is free or was left by a dead one."""
        try:
            found, _ = json.JSONDecoder().raw_decode(self.paths[0].read_text())
            alive = found["pid"] != os.getpid() and start_time(found["pid"]) == found["startTime"]
            return found["pid"] if alive else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def take(self, port):
        folder = self.paths[0].parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            if e.errno == 28:
                raise not_open() from None
            raise Refused(f"Gateway failed to start: {_code(e)}: {_words(e)}, mkdir '{folder}' | "
                          f"gateway.maintenance_required | {_code(e)}.\n{MAINTENANCE}") from None
        if self.owner():
            raise Refused(f"{CONTENTION}\n{MAINTENANCE}")
        content = json.dumps({"pid": os.getpid(), "ownerId": secrets.token_hex(8),
                              "createdAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                              "configPath": str(self.config_path), "stateDir": str(self.state), "port": port,
                              "startTime": start_time(os.getpid())})
        try:
            for path in self.paths:
                path.write_text(content + "\n\t  \t \t\n")   # the real one pads with tabs and spaces
        except OSError as e:
            if e.errno == 28:
                raise not_open() from None
            raise Refused(f"Gateway failed to start: {_code(e)}: {_words(e)}, open '{self.paths[0]}' | "
                          f"gateway.maintenance_required | {_code(e)}.\n{MAINTENANCE}") from None
        self.held = True

    def release(self):
        for path in self.paths if self.held else ():
            path.unlink(missing_ok=True)


# ---- who holds a port -----------------------------------------------------------------------------------------

def listeners(port):
    """[(pid, user id, command line)] of those on a TCP port that this user may see."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
        except OSError:
            pass
    found = []
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        try:
            if any(os.readlink(fd) in inodes for fd in (process / "fd").iterdir()):
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                found.append((int(process.name), process.stat().st_uid, words))
        except OSError:
            pass                                         # gone meanwhile, or not ours to see
    return found


def clear_stale(port, owner):
    """Under a service, a start ends other gateways on its port first, unless the state has an owner: their pids."""
    if owner or not os.environ.get("OPENCLAW_SERVICE_MARKER"):
        return []
    stale = [pid for pid, _, words in listeners(port) if pid != os.getpid() and words.startswith("openclaw-gateway")]
    for pid in stale:
        try:
            os.kill(pid, signal.SIGTERM)
        except OSError:
            continue
        end = time.monotonic() + 1.5
        while start_time(pid) is not None and time.monotonic() < end:
            time.sleep(0.05)
        if start_time(pid) is not None:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
    return stale
