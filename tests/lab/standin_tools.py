"""The stand-in's commands, as OpenClaw 2026.9.6 has them: `config validate|schema|set`, `doctor`, `backup`, `sessions`.

Used by standin_gateway.py, beside which it lies in a node. Shapes and exit codes are the real ones; they work on the
state directory and the configuration that the environment names, and start nothing.
"""

import hashlib
import json
import sqlite3
import sys
import tarfile
import time
from pathlib import Path

import standin_config as configuration
from standin_config import CLEAN, FAILED, Refused
from standin_state import CONTENTION, AgentDatabases, Database, Locks, Settings, damage


def run(words):
    """The gateway's own tools: an exit code, or None when `words` ask for the gateway itself."""
    state, path = configuration.config_path()
    setting, database = Settings(state), Database(state, path)
    version = setting.version
    if words[:1] in (["config"], ["doctor"], ["backup"], ["sessions"]):
        time.sleep(float(setting("CLI_SECONDS", 0)))
    match words:
        case ["config", "validate", *options]:
            return configuration.validate(path, "--json" in options)
        case ["config", "schema", *_]:
            print(json.dumps(configuration.json_schema()))
            return CLEAN
        case ["config", "set", key, value, *_]:
            return configuration.set_value(path, key, value, version, database)
        case ["backup", "create", *options]:
            return back_up(state, option(options, "--output") or ".", "--json" in options)
        case ["backup", "restore", archive, *options]:
            return unpack(Path(archive), Path(option(options, "--target")))
        case ["backup", "sqlite", "create", *options]:
            return snapshot(state, option(options, "--agent"), Path(option(options, "--repository")))
        case ["backup", "sqlite", "restore", source, *options]:
            return restore(Path(source), Path(option(options, "--target")))
        case ["sessions", "cleanup", *options]:
            return clean_up(state / "agents" / option(options, "--agent") / "sessions", path)
        case ["doctor", *options] if "--lint" in options:
            return lint(path)
        case ["doctor", *options] if "--fix" in options:
            return doctor(state, path, version, database)
    return None


def clean_up(sessions, path):
    """The oldest transcripts go until the rest is within session.maintenance.maxDiskBytes."""
    limit = configuration.Json5(path.read_text()).value["session"]["maintenance"]["maxDiskBytes"]
    units = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
    budget = int(limit[:-2]) * units[limit[-2:]] if isinstance(limit, str) else limit
    files = sorted(sessions.iterdir(), key=lambda f: f.stat().st_mtime)
    while files and sum(f.stat().st_size for f in files) > budget:
        files.pop(0).unlink()
    return CLEAN


def lint(path):
    try:
        found = [issue.shown() for issue in configuration.issues(configuration.Json5(path.read_text()).value)]
    except (OSError, ValueError) as e:
        found = [{"path": "<root>", "message": str(e)}]
    findings = [{"checkId": "core/doctor/config-valid", "severity": "error", "message": f["message"],
                 "path": f["path"]} for f in found]
    print(json.dumps({"schemaVersion": 1, "ok": not findings, "checksRun": 35, "findings": findings}))
    return FAILED if findings else CLEAN


def doctor(state, path, version, database):
    """`doctor --fix`: with the gateway stopped, only what the real one repairs."""
    if Locks(state, path).owner():
        print(CONTENTION, file=sys.stderr)
        return FAILED
    try:
        if database.path.exists():
            database.open()
        AgentDatabases(state).check()
    except Refused as refused:
        print(refused)
        return FAILED
    if (state / "state").is_dir():
        (state / "state" / "migrated").touch()
    return configuration.doctor_config(path, version, database)


# ---- backups --------------------------------------------------------------------------------------------------

def option(words, name):
    return words[words.index(name) + 1] if name in words[:-1] else None


def copy_live(source, target):
    """A consistent copy of a database that may be in use."""
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as db, sqlite3.connect(target) as copy:
        db.backup(copy)
    copy.close()
    target.chmod(0o600)


def back_up(state, folder, as_json):
    """`backup create`: DIR/TIME-openclaw-backup.tar.gz with the state under NAME/payload/posix/…"""
    name = time.strftime("%Y-%m-%dT%H-%M-%S.000Z", time.gmtime()) + "-openclaw-backup"
    archive = Path(folder) / f"{name}.tar.gz"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(p for p in state.rglob("*") if p.is_file() and "tmp" not in p.relative_to(state).parts):
            inside = f"{name}/payload/posix{path}"
            if path.suffix == ".sqlite":
                copy = archive.with_suffix(".copy")
                copy_live(path, copy)
                tar.add(copy, inside)
                copy.unlink()
            elif not path.name.endswith(("-wal", "-shm")):
                tar.add(path, inside)
    print(json.dumps({"archivePath": str(archive), "verified": True}) if as_json else f"Backup archive: {archive}")
    return CLEAN


def unpack(archive, target):
    if target.exists():
        print(f"Restore target already exists: {target}", file=sys.stderr)
        return FAILED
    target.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        tar.extractall(target)
    return CLEAN


def snapshot(state, agent, repository):
    """`backup sqlite create --global|--agent ID`: a directory with manifest.json and database.sqlite."""
    source = AgentDatabases(state).path(agent) if agent else state / "state" / "openclaw.sqlite"
    now = time.time_ns() // 1_000_000
    created = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now / 1000)) + f".{now % 1000:03d}Z"
    folder = repository / f"{created.replace(':', '-')}-{agent or 'global'}"
    folder.mkdir(parents=True, mode=0o700)
    copy_live(source, folder / "database.sqlite")
    data = (folder / "database.sqlite").read_bytes()
    role = {"role": "agent", "agentId": agent} if agent else {"role": "global"}
    (folder / "manifest.json").write_text(json.dumps({
        "schemaVersion": 1, "createdAt": created, "database": role,
        "artifact": {"path": "database.sqlite", "sizeBytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}}))
    print(json.dumps({"ok": True, "snapshotPath": str(folder)}))
    return CLEAN


def restore(source, target):
    """`backup sqlite restore`: only a whole snapshot, only to a new file."""
    data = (source / "database.sqlite").read_bytes()
    wanted = json.loads((source / "manifest.json").read_text())["artifact"]["sha256"]
    if target.exists() or hashlib.sha256(data).hexdigest() != wanted or damage(source / "database.sqlite"):
        print(f"Snapshot restore refused: {source} to {target}", file=sys.stderr)
        return FAILED
    target.write_bytes(data)
    target.chmod(0o600)
    return CLEAN
