"""The stand-in's configuration: JSON5 with positions, the schema as far as tests need it, and what the gateway's own
tools and start-up do to openclaw.json.

Used by standin_gateway.py, beside which it lies in a node. Shapes, exit codes and wordings are those of OpenClaw
2026.9.6. It never starts anything.
"""

import hashlib
import json
import os
import re
import time
from pathlib import Path

CLEAN, FAILED, CONFIG = 0, 1, 78                         # the gateway's exit codes
MISSING_MODE = ("Gateway start blocked: existing config is missing gateway.mode. Treat this as suspicious or clobbered "
                "config. Re-run `openclaw onboard --mode local` or `openclaw setup`, set gateway.mode=local manually, "
                "or pass --allow-unconfigured.")
DOCTOR_HINT = 'Run "openclaw doctor --fix" to repair the config, then retry.'


class Refused(Exception):
    """The gateway will not start: what it says, and its exit code."""

    def __init__(self, text, code=CONFIG):
        super().__init__(text)
        self.code = code


# ---- JSON5, as far as people write it in openclaw.json --------------------------------------------------------

TOKEN = re.compile(r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
                   r"""|(?P<number>[-+]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))"""
                   r"""|(?P<word>[A-Za-z_$][\w$]*)|(?P<mark>[{}\[\]:,])""", re.S)
WORDS = {"true": True, "false": False, "null": None, "NaN": None, "Infinity": None}


class Json5:
    """A parsed text: `value`, and `lines`, the line on which each path (a tuple of keys) begins. ValueError if it is
    none, in the words of the gateway's own parser."""

    def __init__(self, text):
        self.text, self.tokens, self.lines, at = text, [], {}, 0
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                # An open string or comment at the end reads as the end; anything else is a character out of place.
                if text[at] in "\"'/" and "\n" not in text[at:]:
                    raise self.wrong_end()
                raise self.wrong(at)
            if match.lastgroup != "space":
                self.tokens.append((match.lastgroup, match.group(), at))
            at = match.end()
        self.value, rest = self.read(0, ())
        if rest != len(self.tokens):
            raise self.wrong(self.tokens[rest][2])

    def place(self, at):
        line = self.text.count("\n", 0, at) + 1
        return line, at - (self.text.rfind("\n", 0, at) + 1) + 1

    def wrong(self, at):
        line, column = self.place(at)
        return ValueError(f"JSON5: invalid character '{self.text[at]}' at {line}:{column}")

    def wrong_end(self):
        line, column = self.place(len(self.text))
        return ValueError(f"JSON5: invalid end of input at {line}:{column}")

    def token(self, i):
        if i >= len(self.tokens):
            raise self.wrong_end()
        return self.tokens[i]

    def read(self, i, path):
        kind, text, at = self.token(i)
        self.lines.setdefault(path, self.place(at)[0])
        if kind == "string":
            return _string(text), i + 1
        if kind == "number":
            try:
                return int(text, 0), i + 1
            except ValueError:
                return float(text), i + 1
        if kind == "word" and text in WORDS:
            return WORDS[text], i + 1
        closing = {"{": "}", "[": "]"}.get(text)
        if closing is None:
            raise self.wrong(at)
        result, i = ({} if text == "{" else []), i + 1
        while self.token(i)[1] != closing or self.tokens[i][0] == "string":
            kind, key, at = self.tokens[i]
            if text == "[":
                item, i = self.read(i, (*path, len(result)))
                result.append(item)
            else:
                if kind not in ("string", "word"):
                    raise self.wrong(at)
                key = _string(key) if kind == "string" else key
                if self.token(i + 1)[1] != ":":
                    raise self.wrong(self.tokens[i + 1][2])
                self.lines.setdefault((*path, key), self.place(at)[0])
                result[key], i = self.read(i + 2, (*path, key))
            kind, mark, at = self.token(i)
            if mark == ",":
                i += 1
            elif mark != closing or kind == "string":
                raise self.wrong(at)
        return result, i + 1


def _string(text):
    body = text[1:-1].replace("\\\n", "")
    if text[0] == "'":
        body = body.replace("\\'", "'").replace('"', '\\"')
    return json.loads(f'"{body}"', strict=False)


# ---- the schema -----------------------------------------------------------------------------------------------

class Each:
    """A record: any key, every value of one kind."""

    def __init__(self, kind):
        self.kind = kind


def closed(names, **kinds):
    return {**{name: "any" for name in names.split()}, **kinds}


APIS = ("openai-completions", "openai-responses", "openai-chatgpt-responses", "anthropic-messages",
        "google-generative-ai", "google-vertex", "github-copilot", "bedrock-converse-stream", "ollama", "pi-messages",
        "azure-openai-responses")
# A dict is closed: other keys are refused. A tuple: one of these. Only what tests touch is told in depth.
SCHEMA = closed(
    "$schema accessGroups acp approvals attachments auth bindings broadcast browser channels cloudWorkers commands "
    "desktop diagnostics hooks mcp memory messages nodeHost proxy secrets security session skills surfaces talk "
    "telemetry tools transcripts tts ui wizard worktreeAcceleration worktreeRoot",
    gateway=closed("allowRealIpFallback auth cliAgents customBindHost nodes portals publicOrigin push remote roles "
                   "tailscale terminal tls tools trustedProxies",
                   mode=("local", "remote"), port="number", bind=("auto", "lan", "loopback", "custom", "tailnet"),
                   auth=closed("allowTailscale identityScopes password rateLimit token trustedProxy",
                               mode=("none", "token", "password", "trusted-proxy")),
                   controlUi="any", http=closed("securityHeaders", endpoints="any"),
                   reload=closed("", mode="string")),
    discovery=closed("wideArea", mdns=closed("", mode=("off", "minimal", "full"))),
    cron=closed("failureAlert sessionRetention skipMissedJobs triggers webhookSsrfPolicy webhookToken",
                enabled="boolean"),
    logging=closed("audit consoleLevel level maxFileBytes redactPatterns", file="string",
                   consoleStyle=("pretty", "compact", "json")),
    env=closed("shellEnv vars"),
    meta=closed("migrations", lastTouchedVersion="string"),
    update=closed("auto channel", checkOnStart="boolean"),
    plugins=closed("allow deny load slots", enabled="boolean",
                   entries=Each(closed("config", enabled="boolean"))),
    agents=closed("ownership", defaults="any", entries="any"),
    models=closed("catalogRefresh mode", providers=Each(closed(
        "apiKey auth authHeader headers localService maxTokens models params region request timeoutSeconds",
        baseUrl="string", api=APIS))))
KNOWN_MEDIA = {"ttlHours"}                       # children of the old `media` that the start-up still knows


class Issue:
    def __init__(self, path, message, allowed=None, keys=(), got=None):
        self.path, self.message, self.allowed, self.keys, self.got = path, message, allowed, keys, got

    def shown(self):
        """As `config validate --json` lists it."""
        shown = {"path": ".".join(map(str, self.path)) or "<root>", "message": self.message}
        return {**shown, "allowedValues": list(self.allowed)} if self.allowed else shown

    def line(self, name, lines):
        """As a refused start prints it: with file and line, but for the root."""
        where = f"{name}:{lines[self.path]} — " if self.path and self.path in lines else ""
        got = ""
        if self.allowed and self.got is not None:
            got = (f", got: {json.dumps(self.got)}" if isinstance(self.got, str) and self.allowed != (True, False)
                   else f" (allowed: {', '.join(map(json.dumps, self.allowed))})")
        return f"{where}{'.'.join(map(str, self.path)) or '<root>'}: {self.message}{got}"


def issues(value, kind=None, path=()):
    """Every fault of a configuration, in the order of the schema's keys."""
    kind = SCHEMA if kind is None else kind
    if kind == "any":
        return []
    if isinstance(kind, tuple):
        if value in kind:
            return []
        names = "|".join(json.dumps(k) for k in kind)
        return [Issue(path, f"Invalid option: expected one of {names}", kind, got=value)]
    if isinstance(kind, str):
        received = _kind_of(value)
        if received == kind:
            return []
        allowed = (True, False) if kind == "boolean" else None
        return [Issue(path, f"Invalid input: expected {kind}, received {received}", allowed, got=value)]
    if not isinstance(value, dict):
        return [Issue(path, f"Invalid input: expected object, received {_kind_of(value)}")]
    if isinstance(kind, Each):
        return [i for key, child in value.items() for i in issues(child, kind.kind, (*path, key))]
    found = []
    unknown = [key for key in value if key not in kind]
    for key, child in kind.items():
        if key in value:
            found += issues(value[key], child, (*path, key))
    if unknown:
        names = ", ".join(f'"{key}"' for key in unknown)
        found.append(Issue(path, f"Unrecognized key{'s' if len(unknown) > 1 else ''}: {names}", keys=tuple(unknown)))
    return found


def _kind_of(value):
    if value is None:
        return "null"
    return {bool: "boolean", str: "string", list: "array", dict: "object"}.get(type(value), "number")


def json_schema(kind=None):
    """What `config schema` prints."""
    kind = SCHEMA if kind is None else kind
    if kind == "any":
        return {}
    if isinstance(kind, tuple):
        return {"anyOf": [{"type": "string", "const": value} for value in kind]}
    if isinstance(kind, str):
        return {"type": kind}
    if isinstance(kind, Each):
        return {"type": "object", "additionalProperties": json_schema(kind.kind)}
    return {"type": "object", "properties": {k: json_schema(v) for k, v in kind.items()},
            "additionalProperties": False}


# ---- the file -------------------------------------------------------------------------------------------------

def beside(path, suffix):
    return path.with_name(path.name + suffix)


def mode_of(config):
    gateway = config.get("gateway") if isinstance(config, dict) else None
    return gateway.get("mode") if isinstance(gateway, dict) else None


def profile(data, config):
    """What a start compares with the last accepted file."""
    return {"size": len(data), "meta": isinstance(config, dict) and isinstance(config.get("meta"), dict),
            "mode": mode_of(config) is not None}


def anomalies(now, last):
    found = []
    if last["size"] >= 512 and now["size"] * 2 < last["size"]:
        found.append(f"size-drop-vs-last-good:{last['size']}->{now['size']}")
    if last["meta"] and not now["meta"]:
        found.append("missing-meta-vs-last-good")
    if last["mode"] and not now["mode"]:
        found.append("gateway-mode-missing-vs-last-good")
    return found


def restore_from_backup(path, database):
    """The start's own restore (what a hand-edited file without `meta` meets): the reasons if it did, else nothing.

    Once for each content; never when nothing was accepted before, nor for a text that is no JSON5."""
    last = database.accepted()
    if not last or os.environ.get("OPENCLAW_CONFIG_READONLY") == "1" or not beside(path, ".bak").exists():
        return None
    try:
        data = path.read_bytes()
        config = Json5(data.decode()).value
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict) or "$include" in config:
        return None
    found, digest = anomalies(profile(data, config), last), hashlib.sha256(data).hexdigest()
    if not found or database.tried_restore(digest):
        return None
    keep_clobbered(path)
    write_private(path, beside(path, ".bak").read_bytes())
    return ", ".join(found)


def keep_clobbered(path):
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S", time.gmtime()) + f"-{time.time_ns() // 1_000_000 % 1000:03d}Z"
    path.rename(beside(path, f".clobbered.{stamp}"))


def write_private(path, data):
    temp = beside(path, f".{os.getpid()}.tmp")
    temp.write_bytes(data)
    temp.chmod(0o600)
    temp.rename(path)


def write(path, config, version, database):
    """As the gateway itself writes: a ring of backups, `meta` stamped, plain JSON; comments are lost."""
    for older, newer in ((".bak.2", ".bak.1"), (".bak.1", ".bak")):
        if beside(path, newer).exists():
            beside(path, newer).rename(beside(path, older))
    if path.exists():
        write_private(beside(path, ".bak"), path.read_bytes())
    config = {**config, "meta": {**(config.get("meta") or {}), "lastTouchedVersion": version}}
    data = (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode()
    write_private(path, data)
    database.accept(profile(data, config))
    return config


def migrate(config):
    """Legacy keys that a start repairs by itself: the new configuration, or None when there is nothing to do."""
    new = dict(config)
    new.pop("crestodian", None)
    if isinstance(new.get("media"), dict) and set(new["media"]) <= KNOWN_MEDIA:
        new["attachments"] = new.pop("media")
    return new if new.keys() != config.keys() else None


def read_for_start(path, version, database):
    """What a start reads: (configuration, lines of its parts, console style). Refused, as the real one refuses."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise Refused("Missing config. Run `openclaw setup` or set gateway.mode=local (or pass --allow-unconfigured).") \
            from None
    except OSError as e:
        raise Refused(f"read failed: Error: EACCES: permission denied, open '{path}' ({e.strerror})\n"
                      f"Fix: sudo chown {os.getuid()} \"{path}\"\n{MISSING_MODE}") from None
    try:
        parsed = Json5(data.decode(errors="replace"))
    except (ValueError, KeyError, RecursionError):
        raise Refused(MISSING_MODE) from None            # it does not say "syntax error": neither do we
    config = parsed.value
    mode = mode_of(config)
    if mode is None:
        raise Refused(MISSING_MODE)
    if mode == "remote":
        raise Refused("Gateway start blocked: set gateway.mode=local (current: remote) or pass --allow-unconfigured.")
    stamped = (config.get("meta") or {}).get("lastTouchedVersion", "") if isinstance(config.get("meta"), dict) else ""
    if stamped and numbers(stamped) > numbers(version):
        raise Refused("Refusing to run automatic gateway startup migrations because this OpenClaw binary "
                      f"({version}) is older than the config last written by OpenClaw {stamped}.", FAILED)
    migrated = migrate(config)
    if migrated is not None and not issues(migrated):
        config = write(path, migrated, version, database)
        parsed = Json5(path.read_text())
    return config, parsed.lines


def refuse_invalid(path, config, lines):
    found = issues(config)
    if found:
        listed = "\n".join(issue.line(path.name, lines) for issue in found)
        raise Refused(f"Gateway failed to start: Invalid config at {path}:\n{listed}\n"
                      'Run "openclaw doctor --fix" to repair, then retry.\n'
                      "If startup is still blocked, inspect the adjacent .bak backup before restoring it manually.")


def numbers(version):
    return [int(n) for n in re.findall(r"\d+", version)]


# ---- the gateway's own tools ----------------------------------------------------------------------------------

def validate(path, as_json):
    """`config validate`: 0 valid, 1 not. It knows nothing of the start's guards, as the real one."""
    found, warnings = [], []
    try:
        found = [issue.shown() for issue in issues(Json5(path.read_bytes().decode(errors="replace")).value)]
    except OSError as e:
        found = [{"path": "<root>", "message": f"read failed: {e.strerror}"}]
    except (ValueError, RecursionError) as e:
        found = [{"path": "<root>", "message": f"JSON5 parse failed: SyntaxError: {e}"}]
    if not as_json:
        print("\n".join(f"{i['path']}: {i['message']}" for i in found) or f"Config valid: {path}")
    elif found:
        print(json.dumps({"ok": False, "error": {"type": "cli_error", "message": f"OpenClaw config is invalid: {path}"},
                          "valid": False, "path": str(path), "issues": found}, indent=2))
    else:
        print(json.dumps({"valid": True, "path": str(path), "warnings": warnings}, indent=2))
    return FAILED if found else CLEAN


def set_value(path, key, text, version, database):
    """`config set KEY VALUE`; FAILED when the result would be refused."""
    try:
        config = Json5(path.read_text()).value
    except (OSError, ValueError) as e:
        print(f"Config set failed: {e}")
        return FAILED
    try:
        value = Json5(text).value
    except ValueError:
        value = text
    at = config
    *parents, last = key.split(".")
    for parent in parents:
        at = at.setdefault(parent, {})
    at[last] = value
    found = issues(config)
    if found:
        print("\n".join(i.line(path.name, {}) for i in found))
        return FAILED
    write(path, config, version, database)
    print(f"Updated config: {path}\n  Backup: {beside(path, '.bak')}")
    return CLEAN


# What the real one adds for every skill that it cannot use, to no use of ours but the size of the file it leaves.
SKILLS = ("1password blogwatcher blucli camsnap coding-agent eightctl gemini gh-issues gifgrep github gog goplaces "
          "himalaya mcporter model-usage nano-pdf obsidian openai-whisper openhue oracle ordercli sag songsee "
          "spotify-player summarize trello xurl").split()


def doctor_config(path, version, database):
    """The configuration's part of `doctor --fix`: its exit code. The gateway is stopped."""
    try:
        data = path.read_bytes()
    except OSError as e:
        print(f"Config read failed: {e.strerror}")
        return FAILED
    try:
        config = Json5(data.decode(errors="replace")).value
    except (ValueError, RecursionError) as e:
        print(f"Config ({path}): best-effort read ignored unparseable config: SyntaxError: {e}")
        good = beside(path, ".last-good")
        if data and good.exists():
            keep_clobbered(path)
            write_private(path, good.read_bytes())
            print("Restored openclaw.json from last-known-good; original saved as .clobbered.*.")
            return CLEAN
        print("Doctor could not complete maintenance. Check the reported service state and resolve the failure.")
        return FAILED
    removed = []
    for issue in issues(config):
        at = config
        for key in issue.path if issue.keys else ():
            at = at[key]
        for key in issue.keys:
            del at[key]
            removed.append(".".join([*map(str, issue.path), key]))
    if issues(config):
        print("Doctor could not apply config fixes: the repaired config still fails validation.")
        return FAILED
    for key in removed:
        print(f"- {key}")
    if mode_of(config) is None:
        print("gateway.mode is unset; gateway start will be blocked.")
    config.setdefault("agents", {}).setdefault("entries", {}).setdefault("main", {})
    entries = config.setdefault("skills", {}).setdefault("entries", {})
    for skill in SKILLS:
        entries.setdefault(skill, {"enabled": False})
    config["wizard"] = {**(config.get("wizard") or {}), "lastRunCommand": "doctor", "lastRunMode": "local",
                        "lastRunVersion": version}
    write(path, config, version, database)
    print(f"Updated config: {path}\n  Backup: {beside(path, '.bak')}\nDoctor complete.")
    return CLEAN


def config_path():
    """(state directory, configuration file) by the gateway's own environment."""
    home = os.environ.get("OPENCLAW_HOME") or os.path.expanduser("~")
    state = Path(os.environ.get("OPENCLAW_STATE_DIR") or Path(home) / ".openclaw")
    return state, Path(os.environ.get("OPENCLAW_CONFIG_PATH") or state / "openclaw.json")
