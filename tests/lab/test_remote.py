"""Healing over SSH, with real sshd: what a healing key can do on a sibling, and everything that it cannot.

The requests are written here, not by meshops: they are what docs say they are. That meshops itself writes them so is
shown by `meshops mesh keys check`.
"""

import datetime
import json
import secrets
import shlex

import pytest
from lab import Site, faults, pid_of, wait_until
from lab.site import CONFIG, STATE

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]

KEY = "/var/lib/meshops/healing_key"
THIRD = "/root/rk3"                      # a healer without a machine: its key lies on rk1
AUTHORIZED = "/root/.ssh/authorized_keys"
AGENT = "meshops-agent.service"
HEAL = '\n[heal]\nwell_for = "6s"\npause = "2s"\nper_hour = 20\n'


class Sibling(Site):
    """A site whose mesh.toml has every node with its keys."""

    nodes = {}                           # name → lines of its [[node]]

    def mesh_toml(self):
        own = super().mesh_toml()
        address = f'[[node]]\nname = "{self.node.name}"\naddress = "{self.node.address}"\n'
        assert address in own
        return own.replace(address, "".join(self.nodes.values())) + HEAL


def node_lines(name, address, keys=""):
    return f'[[node]]\nname = "{name}"\naddress = "{address}"\nuser = "root"\n{keys}\n'


@pytest.fixture(scope="module")
def pair(lab):
    nodes = lab.add("rk1", "rk2")
    sites = [Sibling(node) for node in nodes]
    Sibling.nodes = {n.name: node_lines(n.name, n.address) for n in nodes}
    for site in sites:
        site.node.write(CONFIG, site.mesh_toml(), mode=0o640)
        first = site.node.run(["meshops", "mesh", "keys", "--format", "json"], check=False)
        assert first.code == 1, first
        made = json.loads(first.out)
        Sibling.nodes[site.node.name] = node_lines(
            site.node.name, site.node.address,
            f'host_key = "{made["host_key"]}"\nhealing_key = "{made["healing_key"]}"\n')
        assert site.node.sh(f"stat -c %a {KEY}") == "600"
    nodes[0].run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", THIRD])
    third = " ".join(nodes[0].sh(f"cat {THIRD}.pub").split()[:2])
    Sibling.nodes["rk3"] = node_lines("rk3", "10.77.0.93", f'healing_key = "{third}"\n')
    for site in sites:
        site.node.run("mkdir -p -m 700 /root/.ssh /run/sshd")
        site.node.write(AUTHORIZED, "# a person's\n", mode=0o600)
        site.install()
        done = site.node.run(["meshops", "mesh", "keys", "install"])
        assert "take it back with: meshops undo" in done.out
        site.node.systemctl("restart", "ssh.service")
    for site in sites:
        site.wait_ready()
        site.node.run(["meshops", "mesh", "keys", "check"], check=False)    # writes the known hosts used below
    yield sites
    for node in nodes:
        node.poweroff()


@pytest.fixture
def beds(pair):
    """rk1's healer and its patient rk2: ready, agent up, no lease."""
    healer, patient = pair
    drop_in(patient, "")
    patient.write_gateway_config()
    patient.node.systemctl("reset-failed", check=False)
    patient.node.systemctl("restart", AGENT)
    patient.node.run(["systemctl", "restart", "openclaw-gateway.service"])
    forget_treatments(patient)
    patient.wait_ready(60)
    patient.node.wait("its healer at rest", lambda: patient.main()["healing"]["state"] == "well", 60)
    for who in ("rk1", "rk3"):
        probe = ask(healer, patient, "probe")["result"]
        if probe["lease"]["holder"] == who:
            ask(healer, patient, "release", fence=probe["lease"]["fence"], who=who)
    return healer, patient


def forget_treatments(patient):
    """The budget of an hour is for the test that is about it."""
    patient.node.run("rm -f /var/lib/meshops/healing-treatments /run/meshops/healing-treatments.spare")


def drop_in(patient, text):
    """Settings of the agent's unit beyond the shipped ones."""
    path = f"/etc/systemd/system/{AGENT}.d/lab.conf"
    if text:
        patient.node.write(path, text)
    else:
        patient.node.run(["rm", "-f", path])
    patient.node.systemctl("daemon-reload")


def agent_dies(patient):
    drop_in(patient, "[Service]\nRestart=no\n")
    faults.kill(patient.node, patient.agent_pid())
    patient.node.wait("agent dead", lambda: patient.node.sh(f"systemctl show -P ActiveState {AGENT}") == "failed", 20)


def break_config(patient):
    """Exit 78 at the next start, and one remedy."""
    text = patient.node.read(f"{STATE}/openclaw.json").replace('"cron"', '"bogusKey": true, "cron"', 1)
    patient.node.write(f"{STATE}/openclaw.json", text, mode=0o600, owner="claw")
    faults.kill(patient.node, patient.gateway_pid())


def stamp(ago=0.0):
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ago)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def request(patient, verb, gateway="", fence=0, who="rk1", ago=0.0, ticket=0, **changes):
    fields = {"schema": "meshops.remote/1", "verb": verb, "mesh": "lab", "patient": patient, "healer": who,
              "gateway": gateway, "fence": fence, "ticket": ticket, "issued": stamp(ago),
              "expires": stamp(ago - 30), "nonce": secrets.token_hex(16), **changes}
    return json.dumps(fields, separators=(",", ":"))


def sign(healer, text, patient="rk2", key=KEY, namespace="meshops.remote/1"):
    armour = healer.node.run(["ssh-keygen", "-Y", "sign", "-q", "-f", key, "-n", namespace],
                             input=f"meshops.remote/1\nlab\n{patient}\n{text}").out
    lines = armour.split("\n")
    return "".join(lines[1:lines.index("-----END SSH SIGNATURE-----")]) + " " + text + "\n"


def ssh(healer, patient, *options, command=(), key=KEY):
    return ["ssh", "-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
            "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=/run/meshops/healing-known-hosts",
            "-o", f"HostKeyAlias={patient.node.name}", *options, f"root@{patient.node.address}", *command]


def send(healer, patient, line, *options, command=(), timeout=90):
    done = healer.node.run(ssh(healer, patient, *options, command=command), input=line, check=False, timeout=timeout)
    try:
        return json.loads(done.out)
    except ValueError:
        raise AssertionError(f"no answer: {done!r}") from None


def ask(healer, patient, verb, gateway="", fence=0, who="rk1", key=None, timeout=90, **changes):
    key = key or (THIRD if who == "rk3" else KEY)
    text = request(patient.node.name, verb, gateway, fence, who, **changes)
    return send(healer, patient, sign(healer, text, patient.node.name, key), timeout=timeout)


def code(answer):
    assert answer["schema"] == "meshops.remote-answer/1"
    return None if answer["good"] else answer["error"]["code"]


def lease(healer, patient):
    answer = ask(healer, patient, "lease")
    assert answer["good"], answer
    return answer["result"]["fence"]


def last_treatment(patient):
    entries = json.loads(patient.node.sh(["meshops", "ledger", "--format", "json"]))["entries"]
    return next(e for e in entries if e["remedy"] in ("remove_unknown_keys", "restore_last_good_config"))


def test_every_pair_answers_in_both_directions(pair):
    for site in pair:
        done = site.node.run(["meshops", "mesh", "keys", "check"], check=False)
        lines = done.out.splitlines()
        other = "rk2" if site.node.name == "rk1" else "rk1"
        assert f"{site.node.name} → {other}: good; its agent is up" in lines, done
        # The third has no host key: that is said, with what to do.
        assert done.code == 1 and "on rk3: meshops mesh keys" in done.out


def test_nothing_is_missing_and_nobody_else_lost_his_line(pair):
    for site in pair:
        assert site.node.run(["meshops", "mesh", "keys"], check=False).code == 0
        text = site.node.read(AUTHORIZED)
        assert text.startswith("# a person's\n") and text.count("\n") == 3
        assert all(line.startswith('restrict,command="/usr/bin/env -i /usr/local/lib/meshops/remote" ssh-ed25519 ')
                   for line in text.splitlines()[1:])


def test_a_probe_says_how_the_patient_is(beds):
    healer, patient = beds
    answer = ask(healer, patient, "probe")
    assert answer["good"] and answer["node"] == "rk2" and answer["verb"] == "probe"
    result = answer["result"]
    assert result["agent"] == "up" and result["lease"]["holder"] == ""
    main, = result["gateways"]
    assert main["name"] == "main" and main["state"] == "ready" and main["ready"] and main["wanted"]


def test_a_broken_gateway_is_healed_through_the_patients_agent(beds):
    healer, patient = beds
    fence = lease(healer, patient)
    break_config(patient)
    patient.node.wait("refused", lambda: (patient.main()["last_exit"] or {}).get("code") == 78, 30)
    # Its own healer stands back: the lease says who heals.
    said = ask(healer, patient, "diagnose", "main")["result"]
    assert said["hypotheses"][0]["cause"] == "config_schema_invalid"
    assert "bogusKey" in patient.node.read(f"{STATE}/openclaw.json")
    answer = ask(healer, patient, "heal", "main", fence)
    assert answer["good"], answer
    assert answer["result"]["by_agent"] is True and answer["result"]["outcome"] == "healed", answer
    assert patient.main()["state"] == "ready"
    entry = last_treatment(patient)
    assert entry["by"] == "node rk1" and entry["verdict"] == "helped", entry
    assert code(ask(healer, patient, "release", fence=fence)) is None


def test_it_is_healed_also_when_its_agent_is_dead(beds):
    healer, patient = beds
    agent_dies(patient)
    break_config(patient)
    patient.node.wait("refused", lambda: patient.systemctl_show("ExecMainStatus") == "78", 30)
    probe = ask(healer, patient, "probe")["result"]
    assert probe["agent"] == "dead" and not probe["gateways"][0]["ready"], probe
    said = ask(healer, patient, "diagnose", "main")["result"]
    assert said["hypotheses"][0]["cause"] == "config_schema_invalid"
    fence = lease(healer, patient)
    answer = ask(healer, patient, "heal", "main", fence, timeout=150)
    assert answer["good"], answer
    assert answer["result"]["by_agent"] is False and answer["result"]["outcome"] == "healed", answer
    assert patient.http("/readyz") == 200
    assert patient.node.sh(f"systemctl show -P ActiveState {AGENT}") == "failed", "heal does not start the agent"
    # And then the agent is brought back: the gateway does not notice.
    pid = patient.gateway_pid()
    back = ask(healer, patient, "agent", fence=fence)
    assert back["good"] and back["result"]["outcome"] == "back", back
    patient.wait_ready()
    assert patient.gateway_pid() == pid
    entry = last_treatment(patient)
    assert entry["by"] == "node rk1" and entry["verdict"] == "helped", entry


def test_an_agent_that_died_or_hangs_is_brought_back_without_touching_the_gateway(beds):
    healer, patient = beds
    pid, starts = patient.gateway_pid(), patient.starts()
    fence = lease(healer, patient)
    assert ask(healer, patient, "agent", fence=fence)["result"]["outcome"] == "up", "one that lives is left alone"
    agent = patient.agent_pid()
    agent_dies(patient)
    assert ask(healer, patient, "agent", fence=fence)["result"]["outcome"] == "back"
    faults.stop(patient.node, patient.agent_pid())
    assert ask(healer, patient, "probe")["result"]["agent"] == "hangs"
    assert code(ask(healer, patient, "heal", "main", fence)) == "remote.agent_hangs"
    assert ask(healer, patient, "agent", fence=fence)["result"]["outcome"] == "back"
    patient.wait_ready()
    assert patient.agent_pid() != agent
    assert patient.gateway_pid() == pid and patient.starts() == starts


def test_what_a_person_put_down_stays_down(beds):
    healer, patient = beds
    fence = lease(healer, patient)
    patient.node.run(["meshops", "pause", "main", "--why", "moving its disk"])
    assert code(ask(healer, patient, "heal", "main", fence)) == "remote.paused"
    assert ask(healer, patient, "probe")["result"]["paused"] is True
    assert code(ask(healer, patient, "agent", fence=fence)) == "remote.paused", "all of it is"
    patient.node.run(["meshops", "resume", "main"])
    assert ask(healer, patient, "probe")["result"]["paused"] is False
    patient.node.systemctl("stop", AGENT)
    stopped = ask(healer, patient, "probe")["result"]
    assert stopped["agent"] == "stopped" and stopped["paused"] is True
    assert code(ask(healer, patient, "agent", fence=fence)) == "remote.stopped"
    assert code(ask(healer, patient, "heal", "main", fence)) == "remote.stopped"
    assert patient.node.sh(f"systemctl is-active {AGENT}", check=False) == "inactive"


def test_one_healer_at_a_time(beds):
    healer, patient = beds
    fence = lease(healer, patient)
    second = ask(healer, patient, "lease", who="rk3")
    assert code(second) == "remote.leased" and "rk1" in second["error"]["message"]
    assert code(ask(healer, patient, "heal", "main", fence, who="rk3")) == "remote.leased"
    assert code(ask(healer, patient, "heal", "main", 0)) == "remote.no_lease"
    assert code(ask(healer, patient, "heal", "main", fence + 1)) == "remote.no_lease"
    assert ask(healer, patient, "lease", fence=fence)["result"]["fence"] == fence, "renewed"
    assert code(ask(healer, patient, "release", fence=fence)) is None
    assert ask(healer, patient, "lease", who="rk3")["result"]["fence"] > fence


def test_three_treatments_in_an_hour_by_all_siblings_together(beds):
    healer, patient = beds
    pid = patient.gateway_pid()
    for i, who in enumerate(("rk1", "rk3", "rk1")):
        answer = ask(healer, patient, "lease", who=who, ticket=40 + i)
        assert answer["good"] and answer["result"]["left_ms"] <= 45_000, answer
        assert [(t["healer"], t["ticket"], t["over"]) for t in answer["result"]["history"]] == \
            [("rk1", 40, True), ("rk3", 41, True)][:i], answer
        fence = answer["result"]["fence"]
        agent_dies(patient)
        assert ask(healer, patient, "agent", fence=fence, who=who)["result"]["outcome"] == "back"
        # The same lease, once more: one that answers is left alone, and that costs nothing.
        assert ask(healer, patient, "agent", fence=fence, who=who)["result"]["outcome"] == "up"
        assert ask(healer, patient, "release", fence=fence, who=who)["good"]
    agent_dies(patient)
    fence = lease(healer, patient)
    assert code(ask(healer, patient, "agent", fence=fence)) == "remote.spent"
    assert patient.node.sh(f"systemctl show -P ActiveState {AGENT}") == "failed"
    # Nor by another way: the patient's own memory says so, whatever a healer says.
    assert code(ask(healer, patient, "heal", "main", fence)) == "remote.spent"
    assert patient.gateway_pid() == pid


def test_while_it_heals_itself_siblings_wait(beds):
    healer, patient = beds
    break_config(patient)

    def refused():
        answer = ask(healer, patient, "lease")
        if answer["good"]:
            ask(healer, patient, "release", fence=answer["result"]["fence"])
            return None
        return answer
    answer = wait_until("the node says that it heals itself", refused, 30)
    assert code(answer) == "remote.leased" and "heals main itself since" in answer["error"]["message"]
    patient.wait_ready(60)
    assert last_treatment(patient)["by"] == "meshops"
    patient.node.wait("through", lambda: ask(healer, patient, "lease")["good"], 60)


def test_a_request_is_good_once_in_its_time_for_one_node_by_one_key(beds):
    healer, patient = beds
    line = sign(healer, request("rk2", "probe"))
    assert code(send(healer, patient, line)) is None
    assert code(send(healer, patient, line)) == "remote.replayed"
    patient.node.systemctl("restart", AGENT)
    assert code(send(healer, patient, line)) == "remote.replayed"

    assert code(ask(healer, patient, "probe", ago=100)) == "remote.expired"
    assert code(ask(healer, patient, "probe", ago=-100)) == "remote.not_yet"
    assert code(ask(healer, patient, "probe", expires=stamp(-3600))) == "remote.malformed"
    assert code(ask(healer, patient, "probe", key=THIRD)) == "remote.bad_signature"
    assert code(send(healer, patient, sign(healer, request("rk1", "probe")))) == "remote.wrong_patient"
    assert code(ask(healer, patient, "probe", mesh="other")) == "remote.wrong_mesh"
    assert code(ask(healer, patient, "probe", who="rk9")) == "remote.unknown_healer"
    text = request("rk2", "probe")
    assert code(send(healer, patient, sign(healer, text, patient="rk1"))) == "remote.bad_signature"
    assert code(send(healer, patient, sign(healer, text, namespace="git"))) == "remote.bad_signature"
    assert code(send(healer, patient, sign(healer, text).replace('"probe"', '"agent"'))) == "remote.bad_signature"
    for nonsense in ("", "\n", "x\n", "id; reboot\n", "{}\n", "a {}\n", "A" * 100_000):
        assert code(send(healer, patient, nonsense)) == "remote.malformed", nonsense[:20]
    assert code(ask(healer, patient, "shell")) == "remote.malformed"


def test_the_healing_key_opens_nothing_else(beds):
    healer, patient = beds
    pid = patient.gateway_pid()

    def attempt(*options, command=(), input="", timeout=30):
        return healer.node.run(ssh(healer, patient, *options, command=command), input=input, check=False,
                               timeout=timeout)

    def only_refused(done):
        assert code(json.loads(done.out)) == "remote.malformed", done

    # A command, a shell, arguments: all are the same request reader.
    only_refused(attempt(command=["id"]))
    only_refused(attempt(command=["sh", "-c", shlex.quote("id > /root/owned")]))
    only_refused(attempt(input="id > /root/owned\n"))
    only_refused(attempt(command=["meshops", "agent"]))
    assert not patient.node.exists("/root/owned")
    line = sign(healer, request("rk2", "probe"))
    assert code(send(healer, patient, line, command=["meshops", "restart", "main"])) is None

    terminal = attempt("-tt", input="id\n")
    assert "uid=" not in terminal.out and "PTY allocation request failed" in terminal.err, terminal
    # Forwarding to there, from there, and through it.
    forward = attempt("-W", "127.0.0.1:22")
    assert forward.code != 0 and "SSH-2.0" not in forward.out, forward
    back = attempt("-o", "ExitOnForwardFailure=yes", "-N", "-R", "9999:127.0.0.1:22")
    assert back.code != 0 and "forwarding failed" in back.err, back
    patient.node.write("/root/secret", "not for them\n", mode=0o600)
    for name in ("sftp", "scp"):
        words = ssh(healer, patient)[1:-1]
        target = f"root@{patient.node.address}:/root/secret"
        extra = ["-O"] if name == "scp" else []
        for options in ([], extra):
            done = healer.node.run([name, *options, *words, target, "/root/stolen"], check=False, timeout=30)
            assert done.code != 0 and not healer.node.exists("/root/stolen"), done
    agent = attempt("-A", command=["ssh-add", "-l"])
    only_refused(agent)
    # Environment that a generous sshd would take counts for nothing.
    patient.node.write("/etc/ssh/sshd_config.d/generous.conf", "AcceptEnv *\n")
    patient.node.systemctl("reload", "ssh.service")
    line = sign(healer, request("rk2", "probe"))
    done = send(healer, patient, line, "-o", "SetEnv=MESHOPS_CONFIG=/root/evil.toml")
    assert code(done) is None
    patient.node.run(["rm", "/etc/ssh/sshd_config.d/generous.conf"])
    patient.node.systemctl("reload", "ssh.service")
    assert patient.gateway_pid() == pid


def test_another_host_key_is_not_believed(pair):
    healer, patient = pair
    right = healer.node.read(CONFIG)
    fake = healer.node.sh(f"cat {THIRD}.pub").split()[1]
    own = json.loads(patient.node.run(["meshops", "mesh", "keys", "--format", "json"], check=False).out)["host_key"]
    healer.node.write(CONFIG, right.replace(own, f"ssh-ed25519 {fake}"), mode=0o640)
    healer.node.run("rm -rf /run/meshops/ssh", check=False)          # a connection that is kept knows its host
    done = healer.node.run(["meshops", "mesh", "keys", "check"], check=False)
    healer.node.write(CONFIG, right, mode=0o640)
    healer.node.run(["meshops", "mesh", "keys", "check"], check=False)
    assert done.code == 1 and "another host key" in done.out, done


def test_a_ban_of_a_sibling_is_lifted_and_no_other(beds):
    healer, patient = beds
    patient.node.write("/etc/fail2ban/jail.d/lab.conf", "[DEFAULT]\nbackend = polling\nbanaction = noop\n[sshd]\nenabled = true\n"
                       "backend = polling\nlogpath = /var/log/lab-auth.log\n")
    patient.node.write("/etc/fail2ban/action.d/noop.conf", "[Definition]\nactionban = true\nactionunban = true\n")
    patient.node.run("touch /var/log/lab-auth.log; systemctl restart fail2ban")
    patient.node.wait("fail2ban", lambda: patient.node.run(["fail2ban-client", "ping"], check=False).code == 0, 30)
    for address in (healer.node.address, "203.0.113.7"):
        patient.node.run(["fail2ban-client", "set", "sshd", "banip", address])
    answer = ask(healer, patient, "unban")
    assert answer["good"], answer
    assert answer["result"]["lifted"] == [{"jail": "sshd", "address": healer.node.address}] or \
        answer["result"]["lifted"] == [{"address": healer.node.address, "jail": "sshd"}]
    assert "203.0.113.7" in patient.node.sh(["fail2ban-client", "banned"])
    patient.node.systemctl("stop", "fail2ban.service")


def test_the_keys_can_be_taken_back(pair):
    healer, patient = pair
    assert "is right" in patient.node.sh(["meshops", "mesh", "keys", "install"])
    patient.node.run(["meshops", "undo", "a1"])
    assert patient.node.read(AUTHORIZED) == "# a person's\n"
    done = healer.node.run("rm -rf /run/meshops/ssh; meshops mesh keys check", check=False)
    assert done.code == 1 and "lets us not in" in done.out, done
    patient.node.run(["meshops", "mesh", "keys", "install"])
    assert "rk1 → rk2: good" in healer.node.run(["meshops", "mesh", "keys", "check"], check=False).out
