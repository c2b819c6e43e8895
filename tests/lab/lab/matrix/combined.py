"""Two faults at once, and faults on top of a treatment."""

from ..site import STATE, UNIT
from .configuration import MISSING_MODE, edited
from .processes import frozen, killed, stray_gateway, thief
from .row import CONFIG, DURING, PAIR, Down, Fault, Silent
from .services import with_plugin
from .storage import on_a_small_disk


def key_and_owner(site):
    site.edit(('"cron"', '"bogusKey": true, "cron"'))
    site.node.run(["chown", "-R", "root:root", f"{STATE}/state"])
    site.node.run(["chmod", "700", f"{STATE}/state"])
    site.bounce()


def cut_and_full(site):
    site.halt()
    text = site.text()
    site.write_text(text[:len(text) // 2])
    site.fill("cache/ui/assets.bin")
    site.start_again()


def key_then_frozen(site):
    site.edit(('"cron"', '"bogusKey": true, "cron"'))
    site.node.wait("the reload that was skipped", lambda: "config reload skipped" in site.said(), 10)
    frozen(site)


def stray_and_no_mode(site):
    site.halt()
    stray_gateway(site)
    site.edit(('"mode": "local",', ""))
    site.start_again()


def plugin_and_key(site):
    site.settings(start_seconds=0.2, plugin_crashes="badplug")
    site.edit(('"cron"', '"bogusKey": true, "cron"'))
    site.bounce()


def key_and_thief(site):
    site.edit(('"cron"', '"bogusKey": true, "cron"'))
    thief(site)


PAIRS = (
    Fault(name="two-values-and-a-key", what="an unknown key and a renamed api value in one edit",
          inject=edited(('"cron"', '"bogusKey": true, "cron"'), ('"openai-completions"', '"google"')),
          effect=Down(78, "Unrecognized key"), causes=("config_schema_invalid",),
          remedies=("remove_unknown_keys", "correct_known_value", "restore_last_good_config"), undo_restores=(CONFIG,),
          kinds=PAIR),
    Fault(name="key-and-owner", what="an unknown key, and state/ belongs to root", inject=key_and_owner,
          effect=Down(78, "EACCES"), causes=("file_permission", "config_schema_invalid"),
          remedies=("correct_ownership", "remove_unknown_keys", "restore_last_good_config"), kinds=PAIR),
    Fault(name="cut-config-and-full-disk", what="the disk is full of caches, and the configuration was cut by it",
          prepare=on_a_small_disk, inject=cut_and_full, effect=Down(78, MISSING_MODE),
          causes=("disk_full", "config_schema_invalid"), remedies=("clean_caches", "restore_last_good_config"), kinds=PAIR),
    Fault(name="key-then-frozen", what="it hangs, and the restart meets an unknown key", inject=key_then_frozen,
          effect=Silent(), causes=("process_hang", "config_schema_invalid"),
          remedies=("remove_unknown_keys", "restore_last_good_config"), undo_restores=(CONFIG,), kinds=PAIR),
    Fault(name="stray-and-no-mode", what="a stray gateway holds the state, and gateway.mode is gone",
          inject=stray_and_no_mode, effect=Down(78, MISSING_MODE), causes=("config_startup_guard", "duplicate_supervisor"),
          remedies=("stop_competing_instance", "set_gateway_mode", "restore_last_good_config"), kinds=PAIR),
    Fault(name="plugin-and-key", what="a plugin that crashes it, and an unknown key", prepare=with_plugin,
          inject=plugin_and_key, effect=Down(78, "Unrecognized key"), causes=("config_schema_invalid", "plugin_failure"),
          remedies=("quarantine_plugin", "remove_unknown_keys", "restore_last_good_config"), kinds=PAIR),
    Fault(name="key-and-thief", what="an unknown key, and a stranger on its port", inject=key_and_thief,
          effect=Down(78, "Unrecognized key"), causes=("port_conflict",), by="person", kinds=PAIR),
)


def agent_killed_again_and_again(site):
    """At whatever step the treatment is: five times, a third of a second apart."""
    for _ in range(5):
        pid = site.agent_pid()
        if pid:
            site.node.run(["kill", "-s", "KILL", str(pid)], check=False)
        site.node.wait("a new agent", lambda: site.agent_pid() not in (0, pid), 20)


def person_mends_it(site):
    site.write_text(site.text().replace('"bogusKey": true, ', "").replace('"enabled": false', '"enabled": false ', 1))


def disk_fills(site):
    site.fill("cache/ui/assets.bin")


def person_stops_it(site):
    site.node.systemctl("stop", UNIT, user=site.user)


BROKEN = edited(('"cron"', '"bogusKey": true, "cron"'))
SLOW = {"start_seconds": 3, "cli_seconds": 0.5}
DURING_HEALING = (
    Fault(name="agent-killed-while-it-treats", what="the agent is killed five times while it treats an unknown key",
          inject=BROKEN, settings=SLOW, effect=Down(78, "Unrecognized key"), causes=("config_schema_invalid",),
          remedies=("remove_unknown_keys", "restore_last_good_config"), kinds=DURING,
          during=("any", agent_killed_again_and_again)),
    Fault(name="person-edits-while-it-treats", what="a person mends the file themselves while it is treated",
          inject=BROKEN, settings=SLOW, effect=Down(78, "Unrecognized key"), causes=("config_schema_invalid",),
          kinds=DURING, during=("treating", person_mends_it)),
    Fault(name="killed-while-it-proves-itself", what="the gateway is killed while the treatment proves itself",
          inject=BROKEN, settings=SLOW, effect=Down(78, "Unrecognized key"), causes=("config_schema_invalid",),
          remedies=("remove_unknown_keys", "restore_last_good_config"), kinds=DURING, during=("watching", killed)),
    Fault(name="disk-fills-while-it-treats", what="the disk fills while an unknown key is treated", inject=BROKEN,
          settings=SLOW, prepare=on_a_small_disk, effect=Down(78, "Unrecognized key"),
          causes=("config_schema_invalid", "disk_full"), remedies=("remove_unknown_keys", "restore_last_good_config",
                                                                   "clean_caches"), kinds=DURING,
          during=("treating", disk_fills)),
    Fault(name="person-stops-it-while-it-proves-itself", what="a person stops it while the treatment proves itself: it "
          "stays stopped", inject=BROKEN, settings=SLOW, effect=Down(78, "Unrecognized key"), kinds=DURING,
          during=("watching", person_stops_it), ready=lambda site: site.main()["state"] == "stopped"),
)
