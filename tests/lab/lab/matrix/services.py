"""Faults of what a gateway needs from others: secrets, plugins, model providers, chat platforms, peers."""

from ..patient import MODEL, OTHER_PEER
from ..site import HOME, PORT, STATE, USER
from .configuration import edited
from .row import CONFIG, Down, Fault, Says, Shown, TurnsFail


def with_plugin(site):
    site.set(plugins={"entries": {"badplug": {"enabled": True}}})


def with_fallback(site):
    site.edit(('"primary": "lab/ok-model"', '"primary": "lab/ok-model", "fallbacks": ["lab/ok-backup"]'),
              ('"models": [\n', '"models": [\n          {"id": "ok-backup", "name": "ok-backup"},\n'))


def with_other_provider(site):
    site.edit(('"primary": "lab/ok-model"', '"primary": "lab/ok-model", "fallbacks": ["other/ok-backup"]'),
              ('"providers": {\n', '"providers": {\n        "other": {"baseUrl": "http://127.0.0.1:18871/v1", "apiKey": "other", '
               '"api": "openai-completions", "models": [{"id": "ok-backup", "name": "ok-backup"}]},\n'))


def with_telegram(site):
    site.set(channels={"telegram": {"botToken": "1234:lab", "enabled": True}})


def provider_says(text):
    """From now on the provider answers so; three turns meet it."""
    def inject(site):
        site.settings(start_seconds=0.2, retry_seconds=0.02, model_fails=text)
        for _ in range(3):
            site.turn()
    return inject


def restarted_with(**settings):
    def inject(site):
        site.settings(**{"start_seconds": 0.2, **settings})
        site.bounce()
    return inject


def second_poller(site):
    other = f"{HOME}/.openclaw-test"
    site.node.run(["cp", "-a", STATE, other])
    site.node.run(f"rm -rf {other}/tmp {other}/state")
    site.later(lambda: site.node.run(["rm", "-rf", other]))
    site.program("second-poller", "/usr/bin/env", f"HOME={HOME}", f"OPENCLAW_STATE_DIR={other}", *site.command()[:2],
                 "gateway", "--port", str(PORT + 7), User=USER)


def wrong_client(site):
    site.program("wrong-client", "python3", "/opt/lab/wrong_client.py", str(PORT))


def peer_banned(site):
    site.node.write("/etc/fail2ban/jail.d/lab.conf", "[DEFAULT]\nbackend = polling\n[sshd]\nenabled = true\n"
                    "backend = polling\nlogpath = /var/log/lab-auth.log\n")
    site.node.run("touch /var/log/lab-auth.log; systemctl restart fail2ban")
    site.node.wait("fail2ban", lambda: site.node.run(["fail2ban-client", "ping"], check=False).code == 0, 15)
    site.later(lambda: site.node.systemctl("stop", "fail2ban", check=False))
    site.node.run(["fail2ban-client", "set", "sshd", "banip", OTHER_PEER])


SECRET_REF = '"token": {"source": "env", "provider": "default", "id": "LAB_GATEWAY_TOKEN"}'
SERVICES = (
    Fault(name="gateway-token-unresolved", what="the gateway's token comes from a variable that its unit does not set",
          inject=edited(('"token": "lab-token"', SECRET_REF)), effect=Down(1, "required secrets are unavailable"),
          causes=("secret_env_missing",), by="person"),
    Fault(name="plugin-crashes", what="a plugin takes the gateway with it", prepare=with_plugin,
          inject=restarted_with(plugin_crashes="badplug"), effect=Down(1, "badplug failed during load"),
          causes=("plugin_failure",), remedies=("quarantine_plugin",), undo_restores=(CONFIG,), kinds=frozenset({"user"})),
    Fault(name="plugin-throws", what="a plugin fails to load; the gateway runs without it", prepare=with_plugin,
          inject=restarted_with(plugin_throws="badplug"), effect=Says("badplug failed during load"),
          causes=("plugin_failure",), by="person"),
    Fault(name="client-refused", what="a client comes again and again with an old token", inject=wrong_client,
          effect=Says("gateway token mismatch"), causes=("client_auth_rejected",), by="person"),
    Fault(name="telegram-401", what="the bot's token was revoked", prepare=with_telegram,
          inject=restarted_with(telegram=401), effect=Says("401: Unauthorized"), causes=("channel_auth_invalid",), by="person"),
    Fault(name="telegram-409-elsewhere", what="another machine polls with the same bot token", prepare=with_telegram,
          inject=restarted_with(telegram=409), effect=Says("terminated by other getUpdates request"),
          causes=("channel_token_conflict",), by="person"),
    Fault(name="telegram-409-here", what="a forgotten second gateway of this node polls with the same bot token",
          prepare=with_telegram, inject=second_poller, effect=Says("terminated by other getUpdates request"),
          causes=("channel_token_conflict", "duplicate_supervisor"), by="person"),
    Fault(name="session-stuck", what="one session hangs; the others work (its line is played by the stand-in)",
          inject=restarted_with(says="[diagnostic] stuck session: sessionKey=agent:main:main state=processing age=412s"),
          effect=Says("stuck session"), causes=("session_or_channel_stuck",), by="person"),
    Fault(name="429-with-fallback", what="the primary model is rate limited, a fallback works", prepare=with_fallback,
          inject=provider_says(f"{MODEL} 429 Rate limit reached for requests per minute"),
          effect=Says("candidate_failed"), causes=("provider_rate_limited",), by="consent",
          remedies=("swap_primary_model",), undo_restores=(CONFIG,),
          ready=lambda site: '"primary": "lab/ok-backup"' in site.text()),
    Fault(name="429-alone", what="the only model is rate limited for a while", effect=TurnsFail("reason=rate_limit"),
          inject=lambda site: (provider_says(f"{MODEL} 429 Rate limit reached for requests per minute")(site),
                               site.program("recovery", "sh", "-c", f"sleep 12; echo STANDIN_START_SECONDS=0.2 > {STATE}/standin.env")),
          causes=("provider_rate_limited",), remedies=("wait_cooldown",)),
    Fault(name="401-with-fallback", what="the primary's key is refused, a fallback of another provider works",
          prepare=with_other_provider, inject=provider_says(f"{MODEL} 401 Incorrect API key provided"),
          effect=Says("auth_profile_failure_state_updated"), causes=("provider_account_refused",), by="consent",
          remedies=("swap_primary_model",), undo_restores=(CONFIG,),
          ready=lambda site: '"primary": "other/ok-backup"' in site.text()),
    Fault(name="402-alone", what="the account has no credit left",
          inject=provider_says(f"{MODEL} 402 Your credit balance is too low"), effect=TurnsFail("credit balance is too low"),
          causes=("provider_account_refused",), by="person"),
    Fault(name="provider-unknown", what="the model names a provider that is not configured",
          inject=lambda site: (site.edit(('"primary": "lab/ok-model"', '"primary": "nosuch/ok-model"')),
                               site.node.wait("the reload", lambda: "hot reload applied" in site.said(), 10), site.turn(),
                               site.turn()),
          effect=TurnsFail("Unknown model: nosuch/ok-model"), causes=("provider_config_wrong",), by="person"),
    Fault(name="prompt-too-long", what="the session has outgrown the model's window",
          inject=provider_says(f"{MODEL} 400 context_length_exceeded: maximum context length is 8192 tokens"),
          effect=TurnsFail("context_length_exceeded"), causes=("context_overflow",), by="person"),
    Fault(name="provider-name-unresolved", what="the provider's name does not resolve",
          inject=provider_says(f"{MODEL} 0 getaddrinfo EAI_AGAIN models.lab.test"),
          effect=TurnsFail("EAI_AGAIN"), causes=("dns_failure",), by="person"),
    Fault(name="provider-unreachable", what="nothing comes back from the provider",
          inject=provider_says(f"{MODEL} 0 connect ETIMEDOUT 203.0.113.7:443"),
          effect=TurnsFail("ETIMEDOUT"), causes=("egress_path_broken",), by="person"),
    Fault(name="provider-certificate", what="the provider's certificate has expired",
          inject=provider_says(f"{MODEL} 0 certificate has expired (CERT_HAS_EXPIRED)"),
          effect=TurnsFail("CERT_HAS_EXPIRED"), causes=("tls_cert_expired",), by="person"),
    Fault(name="peer-banned", what="fail2ban has banned a node of the mesh", inject=peer_banned,
          effect=Shown("fail2ban-client status sshd", OTHER_PEER), causes=("fail2ban_self_ban",),
          remedies=("unban_peer",), patience=100,
          ready=lambda site: OTHER_PEER not in site.node.sh("fail2ban-client status sshd", check=False)),
)
