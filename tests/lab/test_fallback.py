"""A patient on which meshops itself does not run: what the script that sshd runs instead does there, and what not.

Its meshops lies in /opt/meshops, because the lab's own is bound into the node and cannot be replaced.
"""

import base64
import json
import shlex
import subprocess

import pytest
from lab import Site, faults
from lab.site import CONFIG, STATE, UNIT
from test_remote import (AGENT, AUTHORIZED, HEAL, ask as ask_as, code, drop_in, forget_treatments, node_lines,
                         request as request_as, send, sign, ssh)

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]

MESHOPS = "/opt/meshops/meshops"
SPARE = "/var/lib/meshops/spare"
SCRIPT = "/usr/local/lib/meshops/remote"


class Bed(Site):
    nodes = {}                           # name → lines of its [[node]]

    def mesh_toml(self):
        own = super().mesh_toml()
        address = f'[[node]]\nname = "{self.node.name}"\naddress = "{self.node.address}"\n'
        assert address in own
        return own.replace(address, "".join(self.nodes.values())) + HEAL

    def agent_unit(self):
        return super().agent_unit().replace("/usr/bin/meshops", MESHOPS)


@pytest.fixture(scope="module")
def pair(lab):
    nodes = lab.add("fk1", "fk2")
    sites = [Bed(node) for node in nodes]
    Bed.nodes = {n.name: node_lines(n.name, n.address) for n in nodes}
    for site in sites:
        site.node.run(f"mkdir -p /opt/meshops && cp /usr/bin/meshops {MESHOPS}")
        site.node.write(CONFIG, site.mesh_toml(), mode=0o640)
        made = json.loads(site.node.run([MESHOPS, "mesh", "keys", "--format", "json"], check=False).out)
        Bed.nodes[site.node.name] = node_lines(
            site.node.name, site.node.address,
            f'host_key = "{made["host_key"]}"\nhealing_key = "{made["healing_key"]}"\n')
    for site in sites:
        site.node.run("mkdir -p -m 700 /root/.ssh /run/sshd")
        site.node.write(AUTHORIZED, "# a person's\n", mode=0o600)
        site.install()
        site.node.run([MESHOPS, "mesh", "keys", "install"])
        site.node.systemctl("restart", "ssh.service")
    for site in sites:
        site.wait_ready()
    healer, patient = sites
    healer.node.run([MESHOPS, "mesh", "keys", "check"])
    hanging(lab, patient)
    patient.node.wait("a copy of its configuration", lambda: patient.node.exists(kept_config()), 60)
    yield healer, patient
    for node in nodes:
        node.poweroff()


def kept_config():
    return "/var/lib/meshops/gateways/main/ready-config"


@pytest.fixture
def beds(pair):
    """fk1's healer and its patient fk2: all well, no lease."""
    healer, patient = pair
    put(patient, "/usr/bin/meshops")
    drop_in(patient, "")
    forget_treatments(patient)
    patient.node.run(f"rm -f {MESHOPS}.before-reinstall /run/meshops/remote-hung; {MESHOPS} mesh keys install")
    patient.write_gateway_config()
    patient.node.systemctl("reset-failed", check=False)
    patient.node.systemctl("restart", AGENT)
    patient.node.systemctl("start", UNIT)
    patient.wait_ready(60)
    patient.node.run([MESHOPS, "resume", "main"], check=False)
    patient.node.wait("its healer at rest", lambda: patient.main()["healing"]["state"] == "well", 60)
    held = ask(healer, patient, "probe")["result"]["lease"]
    if held["holder"]:
        ask(healer, patient, "release", fence=held["fence"])
    return healer, patient


def hanging(lab, patient):
    """A program that never ends, whatever its arguments are; a script would not be taken for one."""
    source = lab.dir / "hangs.c"
    source.write_text("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
    subprocess.run(["cc", "-static", "-o", lab.dir / "hangs", source], check=True)
    patient.node.write("/opt/hangs.b64", base64.b64encode((lab.dir / "hangs").read_bytes()).decode())
    patient.node.run("base64 -d /opt/hangs.b64 > /opt/hangs")


def put(patient, source):
    """Over a program that may run: under a new inode."""
    patient.node.run(f"cp {source} {MESHOPS}.new && chmod 755 {MESHOPS}.new && mv -f {MESHOPS}.new {MESHOPS}")


def breaks(patient, how):
    if how == "truncated":
        patient.node.run(f"head -c 1000000 {MESHOPS} > {MESHOPS}.new; chmod 755 {MESHOPS}.new; mv -f {MESHOPS}.new {MESHOPS}")
    elif how == "gone":
        patient.node.run(["rm", MESHOPS])
    else:
        put(patient, {"exits 1": "/usr/bin/false", "floods": "/usr/bin/yes", "hangs": "/opt/hangs"}[how])


def ask(healer, patient, verb, *args, **more):
    return ask_as(healer, patient, verb, *args, who=more.pop("who", "fk1"), **more)


def request(patient, verb, *args, **more):
    return request_as(patient, verb, *args, who=more.pop("who", "fk1"), **more)


def lease(healer, patient):
    answer = ask(healer, patient, "lease")
    assert answer["good"], answer
    return answer["result"]["fence"]


def agent_is(patient):
    return patient.node.sh(f"systemctl show -P ActiveState {AGENT}")


def test_while_meshops_runs_it_is_what_answers(beds):
    healer, patient = beds
    answer = ask(healer, patient, "probe")
    assert answer["result"]["by"] == "meshops" and answer["result"]["agent"] == "up", answer
    fence = lease(healer, patient)
    assert ask(healer, patient, "reinstall", fence=fence)["result"]["outcome"] == "up", "what answers is left alone"
    assert code(ask(healer, patient, "fallback", fence=fence)) == "remote.cannot"
    assert patient.node.run([MESHOPS, "mesh", "keys"], check=False).code == 0
    assert patient.node.sh(f"stat -c '%a %U' {SCRIPT} {SPARE}") == "755 root\n700 root"
    assert patient.node.run(["sha256sum", "-c", f"{SPARE}/meshops.sha256"]).code == 0


@pytest.mark.parametrize("how", ["truncated", "exits 1", "floods", "hangs", "gone"])
def test_a_broken_meshops_is_put_back_and_the_gateway_does_not_notice(beds, how):
    healer, patient = beds
    pid, starts = patient.gateway_pid(), patient.starts()
    breaks(patient, how)
    faults.kill(patient.node, patient.agent_pid())
    probe = ask(healer, patient, "probe")
    assert probe["good"] and probe["result"]["by"] == "fallback", probe
    assert probe["result"]["agent"] == "dead" and probe["result"]["agent_said"].startswith("meshops does not run here")
    assert probe["result"]["gateways"] == [{"name": "main", "state": "unwatched", "summary": "its unit is active",
                                            "live": True, "ready": True, "wanted": True, "healing": ""}]
    check = healer.node.run([MESHOPS, "mesh", "keys", "check"], check=False)
    assert check.code == 1 and "fk1 → fk2: no: meshops does not run here" in check.out, check
    assert code(ask(healer, patient, "heal", "main")) == "remote.cannot"
    assert code(ask(healer, patient, "reinstall")) == "remote.no_lease"
    fence = lease(healer, patient)
    answer = ask(healer, patient, "reinstall", fence=fence)
    assert answer["good"], answer
    assert answer["result"]["by"] == "fallback" and answer["result"]["outcome"] == "restored", answer
    patient.wait_ready()
    assert ask(healer, patient, "probe")["result"]["by"] == "meshops"
    assert patient.node.run(["sha256sum", "-c", f"{SPARE}/meshops.sha256"]).code == 0
    assert patient.node.exists(f"{MESHOPS}.before-reinstall") == (how != "gone"), "the old bytes are kept"
    assert patient.gateway_pid() == pid and patient.starts() == starts
    # meshops itself knows of it: one lease, one memory.
    again = ask(healer, patient, "lease", fence=fence)
    assert again["good"] and [t["over"] for t in again["result"]["history"]] == [False], again


def test_without_a_whole_copy_nothing_is_put_there(beds):
    healer, patient = beds
    breaks(patient, "exits 1")
    faults.kill(patient.node, patient.agent_pid())
    fence = lease(healer, patient)
    patient.node.run(f"printf x >> {SPARE}/meshops")
    answer = ask(healer, patient, "reinstall", fence=fence)
    assert code(answer) == "remote.cannot" and "no whole copy" in answer["error"]["message"], answer
    patient.node.run(f"rm -r {SPARE}")
    answer = ask(healer, patient, "reinstall", fence=fence)
    assert code(answer) == "remote.cannot" and "no whole copy" in answer["error"]["message"], answer
    assert patient.node.run(["cmp", MESHOPS, "/usr/bin/false"]).code == 0


def test_another_meshops_whose_agent_does_not_start_is_replaced_and_taken_back_if_that_is_no_help(beds):
    healer, patient = beds
    other = f"{MESHOPS}.other"
    patient.node.run(f"cp /usr/bin/meshops {other}; printf newer >> {other}")
    put(patient, other)
    drop_in(patient, "[Service]\nRestart=no\n")
    faults.kill(patient.node, patient.agent_pid())
    patient.node.wait("agent dead", lambda: agent_is(patient) == "failed", 20)
    fence = lease(healer, patient)
    answer = ask(healer, patient, "reinstall", fence=fence)
    assert answer["good"] and answer["result"]["outcome"] == "restored" and answer["result"]["by"] == "meshops", answer
    assert patient.node.run(["cmp", MESHOPS, "/usr/bin/meshops"]).code == 0
    assert patient.node.run(["cmp", f"{MESHOPS}.before-reinstall", other]).code == 0
    # Where the binary is not what is wrong, the owner's own version comes back.
    put(patient, other)
    drop_in(patient, "[Service]\nRestart=no\nExecStart=\nExecStart=/bin/false\n")
    faults.kill(patient.node, patient.agent_pid())
    patient.node.wait("agent dead", lambda: agent_is(patient) == "failed", 20)
    answer = ask(healer, patient, "reinstall", fence=lease(healer, patient), timeout=150)
    assert code(answer) == "remote.cannot" and "are there again" in answer["error"]["message"], answer
    assert patient.node.run(["cmp", MESHOPS, other]).code == 0


def test_a_failed_gateway_is_started_and_its_cut_configuration_put_back(beds):
    healer, patient = beds
    right = patient.node.read(f"{STATE}/openclaw.json")
    breaks(patient, "gone")
    patient.node.run(["rm", "-r", SPARE])
    drop_in(patient, "[Service]\nRestart=no\n")
    faults.kill(patient.node, patient.agent_pid())
    patient.node.write(f"{STATE}/openclaw.json", right[:200], mode=0o600, owner="claw")
    faults.kill(patient.node, patient.gateway_pid())
    patient.node.wait("the unit gave up", lambda: patient.systemctl_show("ActiveState") == "failed", 60)
    fence = lease(healer, patient)
    answer = ask(healer, patient, "fallback", fence=fence)
    assert answer["good"], answer
    said = answer["result"]["said"]
    assert "main: its last good configuration is back" in said and "main: started" in said, said
    patient.node.wait("the gateway answers", lambda: patient.http("/readyz") == 200, 60)
    assert json.loads(patient.node.read(f"{STATE}/openclaw.json")) == json.loads(right)
    assert patient.node.read(f"{STATE}/openclaw.json.before-fallback") == right[:200]
    assert patient.node.sh(f"stat -c '%U %a' {STATE}/openclaw.json") == "claw 600"
    # Nothing is left to do, and what runs is not touched.
    pid = patient.gateway_pid()
    ask(healer, patient, "release", fence=fence)
    answer = ask(healer, patient, "fallback", fence=lease(healer, patient))
    assert answer["good"] and answer["result"]["outcome"] == "nothing", answer
    assert patient.gateway_pid() == pid


def test_what_a_person_put_down_stays_down_here_too(beds):
    healer, patient = beds
    patient.node.run([MESHOPS, "pause", "main", "--why", "moving its disk"])
    breaks(patient, "exits 1")
    faults.kill(patient.node, patient.agent_pid())
    assert ask(healer, patient, "probe")["result"]["paused"] is True
    fence = lease(healer, patient)
    for verb in ("reinstall", "fallback"):
        assert code(ask(healer, patient, verb, fence=fence)) == "remote.paused"
    put(patient, "/usr/bin/meshops")
    patient.node.systemctl("restart", AGENT)
    patient.wait_ready()
    patient.node.run([MESHOPS, "resume", "main"])
    patient.node.systemctl("stop", AGENT)
    breaks(patient, "exits 1")
    assert ask(healer, patient, "probe")["result"]["agent"] == "stopped"
    for verb in ("reinstall", "fallback"):
        assert code(ask(healer, patient, verb, fence=lease(healer, patient))) == "remote.stopped"
    assert agent_is(patient) == "inactive"


def test_it_believes_no_more_than_meshops_does(beds):
    healer, patient = beds
    pid = patient.gateway_pid()
    breaks(patient, "exits 1")
    line = sign(healer, request("fk2", "probe"), "fk2")
    assert code(send(healer, patient, line)) is None
    assert code(send(healer, patient, line)) == "remote.replayed"
    put(patient, "/usr/bin/meshops")
    assert code(send(healer, patient, line)) == "remote.replayed", "meshops knows what the script has seen"
    line = sign(healer, request("fk2", "probe"), "fk2")
    assert send(healer, patient, line)["result"]["by"] == "meshops"
    breaks(patient, "exits 1")
    assert code(send(healer, patient, line)) == "remote.replayed", "and the other way round"
    assert code(ask(healer, patient, "probe", ago=100)) == "remote.expired"
    assert code(ask(healer, patient, "probe", ago=-100)) == "remote.not_yet"
    assert code(send(healer, patient, sign(healer, request("fk1", "probe"), "fk2"))) == "remote.wrong_patient"
    assert code(send(healer, patient, sign(healer, request("fk2", "probe"), "fk1"))) == "remote.bad_signature"
    assert code(send(healer, patient, sign(healer, request("fk2", "probe"), "fk2", namespace="git"))) == \
        "remote.bad_signature"
    assert code(ask(healer, patient, "probe", who="fk9")) == "remote.unknown_healer"
    for verb in ("diagnose", "heal", "unban", "agent"):
        gateway = "main" if verb in ("diagnose", "heal") else ""
        assert code(ask(healer, patient, verb, gateway)) == "remote.cannot", verb
    for odd in ("$(touch /root/owned)", "`touch /root/owned`", ";touch /root/owned;", "x\ntouch /root/owned"):
        assert code(ask(healer, patient, "probe", gateway=odd)) == "remote.malformed"
        assert code(ask(healer, patient, odd)) == "remote.malformed"
        assert code(send(healer, patient, odd + "\n")) == "remote.malformed"
        assert code(send(healer, patient, f"{odd} {request('fk2', 'probe')}\n")) == "remote.malformed"
    for nonsense in ("", "\n", "id; reboot\n", "A" * 100_000):
        assert code(send(healer, patient, nonsense)) == "remote.malformed", nonsense[:20]

    def attempt(*options, command=(), input=""):
        return healer.node.run(ssh(healer, patient, *options, command=command), input=input, check=False, timeout=30)

    for command in (["id"], ["sh", "-c", shlex.quote("touch /root/owned")], ["touch", "/root/owned"]):
        assert code(json.loads(attempt(command=command).out)) == "remote.malformed"
    assert code(json.loads(attempt(input="touch /root/owned\n").out)) == "remote.malformed"
    terminal = attempt("-tt", input="id\n")
    assert "uid=" not in terminal.out and "PTY allocation request failed" in terminal.err, terminal
    assert attempt("-W", "127.0.0.1:22").code != 0
    # What a generous sshd takes of the other end's environment is dropped before any shell of ours begins.
    patient.node.write("/etc/ssh/sshd_config.d/generous.conf", "AcceptEnv *\n")
    patient.node.systemctl("reload", "ssh.service")
    done = send(healer, patient, sign(healer, request("fk2", "probe"), "fk2"), "-o",
                "SetEnv=PATH=/root/evil ENV=/root/evil BASH_ENV=/root/evil IFS=e nl=x program=/root/evil")
    assert done["good"] and done["result"]["by"] == "fallback", done
    patient.node.run(["rm", "/etc/ssh/sshd_config.d/generous.conf"])
    patient.node.systemctl("reload", "ssh.service")
    assert not patient.node.exists("/root/owned") and patient.gateway_pid() == pid
    assert patient.node.sh("ls /run/meshops/.remote.* 2>/dev/null | wc -l") == "0", "its scratch goes with it"


def test_a_script_that_was_changed_is_said_and_written_anew(beds):
    _, patient = beds
    patient.node.run(f"echo '# more' >> {SCRIPT}")
    said = patient.node.run([MESHOPS, "mesh", "keys"], check=False)
    assert said.code == 1 and f"{SCRIPT} is not as this meshops writes it" in said.err, said
    assert patient.node.run([MESHOPS, "mesh", "keys", "install"]).code == 0
    assert patient.node.run([MESHOPS, "mesh", "keys"], check=False).code == 0


def test_a_users_own_unit_is_started_by_that_users_manager(lab, pair):
    """The script is asked on the node itself: over SSH it would be the same."""
    healer, _ = pair
    node = lab.add("fk3")
    site = Bed(node, runtime="systemd-user")
    Bed.nodes[node.name] = node_lines(node.name, node.address)
    node.run(f"mkdir -p /opt/meshops && cp /usr/bin/meshops {MESHOPS}")
    site.install()
    site.wait_ready()
    node.run([MESHOPS, "mesh", "keys", "install"])
    assert f"gateway main {UNIT} claw claw {STATE}/openclaw.json\n" in node.read("/usr/local/lib/meshops/remote.conf")
    node.wait("a copy of its configuration", lambda: node.exists(kept_config()), 60)
    breaks(site, "gone")
    drop_in(site, "[Service]\nRestart=no\n")
    faults.kill(node, site.agent_pid())
    node.write(f"{STATE}/openclaw.json", "", mode=0o600, owner="claw")
    faults.kill(node, site.gateway_pid())
    node.wait("the unit gave up", lambda: site.systemctl_show("ActiveState") == "failed", 60)

    def here(verb, **more):
        line = sign(healer, request("fk3", verb, **more), "fk3")
        return json.loads(node.run(["env", "-i", SCRIPT], input=line, check=False).out)
    fence = here("lease")["result"]["fence"]
    answer = here("fallback", fence=fence)
    assert answer["good"] and "main: started" in answer["result"]["said"], answer
    node.wait("the gateway answers", lambda: site.http("/readyz") == 200, 60)
    assert node.sh(f"stat -c '%U' {STATE}/openclaw.json") == "claw"
    node.poweroff()
