"""Faults of openclaw.json: keys, values, syntax, guards, and who writes it."""

from ..site import PORT, USER
from .row import CONFIG, EVERYWHERE, REAL, Down, Fault, Says


def edited(*pairs):
    """A person edits openclaw.json and restarts the gateway."""
    def inject(site):
        site.edit(*pairs)
        site.bounce()
    return inject


def replaced(make):
    """The file becomes what `make` makes of its text."""
    def inject(site):
        site.write_text(make(site.text()))
        site.bounce()
    return inject


def removed(site):
    site.node.run(["rm", CONFIG])
    site.bounce()


def while_running(site):
    site.edit(('"cron"', '"bogusKey": true, "cron"'))
    site.node.wait("the reload that was skipped", lambda: "config reload skipped" in site.said(), 10)
    site.bounce()


def written_by_the_gateway(site):
    """The file as the gateway's own tool leaves it: with `meta`, and with a .bak beside it."""
    site.tool("config", "set", "cron.enabled", "false")


def lan_without_auth(site):
    """Edited while it is stopped: a running one may take the edit for good, and keep it as its last good one, before the
    restart meets the guard."""
    site.halt()
    site.edit(('"bind": "loopback"', '"bind": "lan"'), ('"mode": "token",\n', '"mode": "none",\n'))
    site.start_again()


def toggled_for_ever(site):
    site.program("config-writer", "sh", "-c",
                 f"while :; do for v in 1 2; do sed -i 's/\"trustedProxies\": .*/\"trustedProxies\": [\"10.0.0.'$v'\"],/' "
                 f"{CONFIG}; chown {USER}: {CONFIG}; sleep 2; done; done")


MISSING_MODE = "existing config is missing gateway.mode"
CONFIGURATION = (
    Fault(name="unknown-root-key", what="an edit adds a key that this version does not know",
          inject=edited(('"cron"', '"bogusKey": true, "cron"')), effect=Down(78, 'Unrecognized key: \\"bogusKey\\"'),
          causes=("config_schema_invalid",), remedies=("remove_unknown_keys",), undo_restores=(CONFIG,),
          kinds=EVERYWHERE),
    Fault(name="unknown-nested-key", what="the unknown key is inside an object",
          inject=edited(('"mdns"', '"foo": 1, "mdns"')), effect=Down(78, 'discovery: Unrecognized key: \\"foo\\"'),
          causes=("config_schema_invalid",), remedies=("remove_unknown_keys",), undo_restores=(CONFIG,), kinds=REAL),
    Fault(name="two-unknown-keys", what="unknown keys at two depths, with a comment beside them",
          inject=edited(('"cron"', '"bogusKey": true, // mine\n  "cron"'), ('"mdns"', '"foo": 1, "mdns"')),
          effect=Down(78, "Unrecognized key"), causes=("config_schema_invalid",), remedies=("remove_unknown_keys",),
          undo_restores=(CONFIG,)),
    Fault(name="unknown-key-beside-meta", what="the same in a file that the gateway wrote, where a rewrite without `meta` "
          "would be reverted (trap T1)", prepare=written_by_the_gateway,
          inject=edited(('"cron"', '"bogusKey": true, "cron"')), effect=Down(78, "Unrecognized key"),
          causes=("config_schema_invalid",), remedies=("remove_unknown_keys",), undo_restores=(CONFIG,),
          never="Config auto-restored from backup"),
    Fault(name="api-google", what="a provider's api is \"google\", which was renamed",
          inject=edited(('"openai-completions"', '"google"')), effect=Down(78, 'got: \\"google\\"'),
          causes=("config_schema_invalid",), remedies=("correct_known_value", "restore_last_good_config"),
          undo_restores=(CONFIG,)),      # not with the real one: the lab's endpoint does not speak that api
    Fault(name="port-as-text", what="gateway.port is a text",
          inject=edited((f'"port": {PORT}', f'"port": "{PORT}"')),
          effect=Down(78, "gateway.port: Invalid input: expected number, received string"),
          causes=("config_schema_invalid",), remedies=("correct_known_value", "restore_last_good_config"),
          undo_restores=(CONFIG,), kinds=frozenset({"user"})),
    Fault(name="boolean-as-text", what="cron.enabled is \"no\"",
          inject=edited(('"cron": {\n    "enabled": false', '"cron": {\n    "enabled": "no"')),
          effect=Down(78, "cron.enabled: Invalid input: expected boolean"), causes=("config_schema_invalid",),
          remedies=("correct_known_value", "restore_last_good_config"), undo_restores=(CONFIG,)),
    Fault(name="syntax-error", what="a comma too few", inject=edited((f'"port": {PORT},', f'"port": {PORT}')),
          effect=Down(78, MISSING_MODE), causes=("config_schema_invalid",), remedies=("repair_config_syntax", "restore_last_good_config"),
          undo_restores=(CONFIG,), kinds=EVERYWHERE),
    Fault(name="truncated-config", what="half of the file is gone", inject=replaced(lambda text: text[:len(text) // 2]),
          effect=Down(78, MISSING_MODE), causes=("config_schema_invalid",), remedies=("restore_last_good_config",),
          undo_restores=(CONFIG,), kinds=REAL),
    Fault(name="empty-config", what="the file has no bytes", inject=replaced(lambda text: ""),
          effect=Down(78, MISSING_MODE), causes=("config_schema_invalid", "config_startup_guard"),
          remedies=("restore_last_good_config",), undo_restores=(CONFIG,), kinds=REAL),
    Fault(name="binary-config", what="the file holds somebody else's bytes",
          inject=replaced(lambda text: "\x7fELF\x02\x01\x01" + "\x00\x13" * 4000), effect=Down(78, MISSING_MODE),
          causes=("config_schema_invalid",), remedies=("restore_last_good_config",), undo_restores=(CONFIG,)),
    Fault(name="huge-config", what="a program has written 20 MB into the file",
          inject=replaced(lambda text: text + "#" * (20 << 20)), effect=Down(78, MISSING_MODE),
          causes=("config_schema_invalid",), remedies=("restore_last_good_config",), undo_restores=(CONFIG,)),
    Fault(name="bad-edit-while-it-runs", what="an edit is skipped by the running gateway and meets the next start",
          inject=while_running, effect=Down(78, "Unrecognized key"), causes=("config_schema_invalid",),
          remedies=("remove_unknown_keys",), undo_restores=(CONFIG,)),
    Fault(name="mode-missing", what="gateway.mode is gone", inject=edited(('"mode": "local",', "")),
          effect=Down(78, MISSING_MODE), causes=("config_startup_guard",),
          remedies=("set_gateway_mode", "restore_last_good_config"), undo_restores=(CONFIG,), kinds=REAL),
    Fault(name="empty-object-config", what="the file is {}", inject=replaced(lambda text: "{}\n"),
          effect=Down(78, MISSING_MODE), causes=("config_startup_guard", "config_schema_invalid"),
          remedies=("restore_last_good_config",), undo_restores=(CONFIG,)),
    Fault(name="mode-remote", what="gateway.mode is \"remote\" on the node that runs the gateway",
          inject=edited(('"mode": "local"', '"mode": "remote"')), effect=Down(78, "current: remote"),
          causes=("config_startup_guard",), remedies=("restore_last_good_config", "set_gateway_mode"),
          undo_restores=(CONFIG,)),
    Fault(name="config-missing", what="the file is deleted", inject=removed, effect=Down(78, "Missing config."),
          causes=("config_startup_guard",), remedies=("restore_last_good_config",)),
    Fault(name="lan-without-auth", what="it shall listen on the network without a token",
          inject=lan_without_auth, effect=Down(78, "Refusing to bind gateway to lan without auth."), causes=("config_startup_guard",),
          remedies=("restore_last_good_config",), undo_restores=(CONFIG,)),
    Fault(name="restarted-by-a-writer", what="a sync job rewrites a key every two seconds",
          prepare=lambda site: site.edit(('"bind": "loopback",', '"bind": "loopback",\n    "trustedProxies": ["10.0.0.1"],')),
          inject=toggled_for_ever, effect=Says("config change requires gateway restart (gateway.trustedProxies)"),
          causes=("config_reload_restart",), by="consent", remedies=("reload_mode_off", "settle_config"),
          ready=lambda site: '"reload"' in site.text()),
)
