"""The connectivity doctor among real nodes: each fault on the way is named on its layer, and what is no fault breaks nothing."""

import contextlib
import json
import os

import pytest
from lab import run, wait_until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("needs_meshops")]

# Knows one name; says of every other that there is none. Python's own, so that no server is needed in the base.
DNS = """import socket, struct, sys
known = {{b"pa2.test": "{pa2}", b"other.test": "{pa2}"}}
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 53))
while True:
    q, who = s.recvfrom(512)
    labels, at = [], 12
    while q[at]:
        labels.append(q[at + 1:at + 1 + q[at]]); at += 1 + q[at]
    question, kind = q[12:at + 5], struct.unpack(">H", q[at + 1:at + 3])[0]
    address = known.get(b".".join(labels).lower())
    answer = b""
    if address and kind == 1:
        answer = b"\\xc0\\x0c" + struct.pack(">HHIH", 1, 1, 5, 4) + socket.inet_aton(address)
    code = 0 if address or not labels else 3
    s.sendto(q[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, 1 if answer else 0, 0, 0) + question + answer, who)
"""
ANSWERS = """import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[2])); self.send_header("Content-Length", "0"); self.end_headers()
http.server.HTTPServer(("0.0.0.0", int(sys.argv[1])), H).serve_forever()
"""
GATEWAY = '[[gateway]]\nname = "main"\nnode = "pa2"\nkind = "http"\nruntime = "systemd-system"\nunit = "answers.service"\nurl = "http://127.0.0.1:18789/healthz"\n'


@pytest.fixture(scope="module")
def nodes(lab):
    made = lab.add("pa1", "pa2", "pa3")
    pa1, pa2, pa3 = made
    mesh = "".join(f'[[node]]\nname = "{n.name}"\naddress = "{n.address}"\nuser = "root"\n' for n in made) + GATEWAY
    pa1.run("mkdir -p -m 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519")
    for node in made:
        node.write("/etc/meshops/mesh.toml", mesh)
        node.write("/root/.ssh/authorized_keys", pa1.read("/root/.ssh/id_ed25519.pub"), mode=0o600)
        node.write("/root/.ssh/known_hosts", "".join(known(n) for n in made))
        node.run("chmod 700 /root/.ssh; mkdir -p /run/sshd")
        node.systemctl("restart", "ssh.service")
    pa3.write("/root/dns.py", DNS.format(pa2=pa2.address))
    pa3.service("dns", "exec python3 /root/dns.py")
    pa2.write("/root/answers.py", ANSWERS)
    pa1.write("/etc/resolv.conf", f"nameserver {pa3.address}\n")
    authority(pa1, pa2)
    wait_until("the name server", lambda: pa1.run(["getent", "ahostsv4", "pa2.test"], check=False), 20)
    yield made
    for node in made:
        node.poweroff()


def known(node):
    key = " ".join(node.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
    return f"{node.address},{node.name}.test {key}\n"


def authority(pa1, pa2):
    """A CA of our own, trusted by pa1, and three certificates of it: good, expired, for another name."""
    pa2.run("mkdir -p /root/tls")
    pa2.run("cd /root/tls && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=lab-authority "
            "-keyout ca.key -out ca.crt 2>/dev/null")
    for name, host, when in (("good", "pa2.test", ""), ("old", "pa2.test", "faketime 2020-01-01"), ("other", "else.test", "")):
        pa2.write(f"/root/tls/{name}.ext", f"subjectAltName=DNS:{host}\n")
        pa2.run(f"cd /root/tls && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={host} -keyout {name}.key "
                f"-out {name}.csr 2>/dev/null && {when} openssl x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial "
                f"-days 60 -extfile {name}.ext -out {name}.crt 2>/dev/null", timeout=60)
    pa1.write("/usr/local/share/ca-certificates/lab.crt", pa2.read("/root/tls/ca.crt"))
    pa1.run(["update-ca-certificates"], timeout=60)


def walk(node, *words, code=None, **options):
    done = node.run(["meshops", "path", *words, "--format", "json"], check=False, timeout=90, **options)
    assert done.code in (0, 1, 3), repr(done)
    report = json.loads(done.out)
    assert report["schema"] == "meshops.path/1", done.out
    if code is not None:
        assert done.code == code, repr(done)
    one = report["walks"][0]
    one["layers"] = {s["layer"]: s for s in one["steps"]}
    return one if len(report["walks"]) == 1 else [one, *report["walks"][1:]]


def broken(node, *words, layer, verdict, **options):
    one = walk(node, *words, code=1, **options)
    assert (one["broken"], one["verdict"]) == (layer, verdict), json.dumps(one, indent=1)
    assert one["sentence"] and one["remedy"]
    return one


@contextlib.contextmanager
def rules(node, *lines):
    node.run("nft add table inet path; nft 'add chain inet path input { type filter hook input priority 0; }'")
    try:
        for line in lines:
            node.run(["nft", f"add rule inet path input {line}"])
        yield
    finally:
        node.run("nft delete table inet path")


@contextlib.contextmanager
def serving(node, name, command, port):
    node.service(name, f"exec {command}")
    try:
        wait_until(f"port {port}", lambda: str(port) in node.sh(f"ss -Hltn 'sport = :{port}'"), 20)
        yield
    finally:
        node.systemctl("stop", name, check=False)


def test_a_way_that_holds_is_good_on_every_layer(nodes):
    pa1, pa2, _ = nodes
    one = walk(pa1, "pa2", code=0)
    assert one["good"] and one["sentence"] == "the way from pa1 to pa2 is good", one
    marks = {layer: step["weight"] for layer, step in one["layers"].items()}
    assert marks == {"name": "skipped", "route": "good", "icmp": "good", "tcp": "good", "mtu": "good", "tls": "skipped",
                     "http": "skipped", "auth": "good", "hairpin": "good"}, json.dumps(one, indent=1)
    assert one["seen"]["host_key"] == "ssh-ed25519 known" and one["seen"]["largest_ping"] == "1500"
    text = pa1.run(["meshops", "path", "pa2"]).out
    assert text.splitlines()[-1] == "the way from pa1 to pa2 is good" and "✓ tcp" in text


def test_an_ordinary_user_walks_too(nodes):
    pa1, _, _ = nodes
    one = walk(pa1, "pa2", user="claw", code=0)
    assert one["layers"]["tcp"]["weight"] == "good"
    assert one["layers"]["icmp"]["weight"] == "good" or "may not ping" in one["layers"]["icmp"]["what"], one


def test_a_closed_port_is_refused_by_a_machine_that_is_up(nodes):
    pa1, pa2, _ = nodes
    one = broken(pa1, "pa2:2222", layer="tcp", verdict="refused")
    assert f"pa2 is up, but nothing takes connections on {pa2.address} port 2222" in one["sentence"]


def test_a_port_that_is_dropped_is_a_firewall(nodes):
    pa1, pa2, _ = nodes
    with rules(pa2, "tcp dport 22 drop"):
        one = broken(pa1, "pa2", layer="tcp", verdict="dropped")
    assert "dropped in silence" in one["sentence"] and "firewall of pa2" in one["remedy"]


def test_blocked_pings_are_not_down(nodes):
    pa1, pa2, _ = nodes
    with rules(pa2, "icmp type echo-request drop"):
        one = walk(pa1, "pa2", code=0)
    assert one["good"] and one["layers"]["icmp"]["verdict"] == "ping_blocked" and "no fault" in one["sentence"]
    assert one["layers"]["mtu"]["weight"] == "good", "TCP told how large a packet gets through"


def test_a_machine_that_is_off_is_missed_where_its_network_ends(nodes):
    pa1, pa2, _ = nodes
    one = broken(pa1, "ssh://10.77.0.250", layer="tcp", verdict="no_neighbour")
    assert "no machine answers to 10.77.0.250" in one["sentence"]


def test_no_route_is_said_before_anybody_knocks(nodes):
    pa1, pa2, _ = nodes
    one = broken(pa1, "ssh://203.0.113.9", layer="route", verdict="no_route")
    assert "no route to 203.0.113.9" in one["sentence"] and one["layers"]["tcp"]["weight"] == "skipped"
    pa1.run(["ip", "route", "add", "unreachable", f"{pa2.address}/32"])
    try:
        broken(pa1, "pa2", layer="route", verdict="no_route")
    finally:
        pa1.run(["ip", "route", "delete", "unreachable", f"{pa2.address}/32"])


def test_a_wrong_line_in_the_hosts_file_is_named(nodes):
    pa1, pa2, pa3 = nodes
    hosts = pa1.read("/etc/hosts")
    assert walk(pa1, "ssh://pa2.test", code=0)["layers"]["name"]["weight"] == "good"
    try:
        pa1.write("/etc/hosts", hosts + "10.77.0.99 pa2.test\n")
        one = broken(pa1, "ssh://pa2.test", layer="name", verdict="hosts_file_misleads")
        line = len(hosts.splitlines()) + 1
        assert f"/etc/hosts line {line} says 10.77.0.99" in one["sentence"] and pa2.address in one["sentence"]
        # Another machine that answers: only its host key is not the one that is known.
        pa1.write("/etc/hosts", hosts + f"{pa3.address} pa2.test\n")
        pa1.write("/root/.ssh/known_hosts", known(pa2))
        broken(pa1, "ssh://pa2.test", layer="name", verdict="hosts_file_misleads")
    finally:
        pa1.write("/etc/hosts", hosts)
        pa1.write("/root/.ssh/known_hosts", "".join(known(n) for n in nodes))


def test_a_name_that_nobody_knows_is_not_a_server_that_is_gone(nodes):
    pa1, _, pa3 = nodes
    one = broken(pa1, "ssh://nobody.test", layer="name", verdict="no_such_name")
    assert f"name server {pa3.address} knows no such name" in one["sentence"]
    with rules(pa3, "udp dport 53 drop"):
        one = broken(pa1, "ssh://nobody.test", layer="name", verdict="no_name_server")
    assert f"name server {pa3.address} does not answer" in one["sentence"]


def test_an_mtu_black_hole_is_found_though_the_port_connects(nodes, lab):
    pa1, pa2, _ = nodes
    way = f'iifname "{pa1.port_name()}" oifname "{pa2.port_name()}"'
    text = ("table bridge hole { chain forward { type filter hook forward priority 1; "
            f"{way} ip length > 1200 drop;\n }}\n}}\n")
    env = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
    run(lab.network.enter("nft", "-f", "-"), input=text, env=env)
    try:
        one = broken(pa1, "pa2", layer="mtu", verdict="black_hole")
    finally:
        run(lab.network.enter("nft", "delete", "table", "bridge", "hole"), env=env)
    assert one["layers"]["tcp"]["weight"] == "good" and one["layers"]["icmp"]["weight"] == "good"
    assert "over 1100 bytes, of 1500" in one["sentence"] and "mtu" in one["remedy"]
    assert walk(pa1, "pa2", code=0)["good"]


@pytest.mark.parametrize("certificate,verdict,words", [
    ("good", "good", "is good"), ("old", "expired", "has expired: expired on 2020-03-01"), ("other", "wrong_name", "it is for else.test")])
def test_tls_says_what_is_wrong_with_the_certificate(nodes, certificate, verdict, words):
    pa1, pa2, _ = nodes
    command = f"openssl s_server -accept 8443 -www -cert /root/tls/{certificate}.crt -key /root/tls/{certificate}.key"
    with serving(pa2, "tls", command, 8443):
        one = walk(pa1, "https://pa2.test:8443/", code=0 if verdict == "good" else 1)
    assert one["verdict"] == verdict and words in one["sentence"], json.dumps(one, indent=1)
    assert one["broken"] == (None if verdict == "good" else "tls")
    assert one["seen"]["tls_version"] == "TLSv1.3"


def test_a_certificate_of_nobody_is_not_trusted(nodes):
    _, pa2, pa3 = nodes
    hosts = pa3.read("/etc/hosts")
    try:
        pa3.write("/etc/hosts", hosts + f"{pa2.address} pa2.test\n")
        with serving(pa2, "tls", "openssl s_server -accept 8443 -www -cert /root/tls/good.crt -key /root/tls/good.key", 8443):
            broken(pa3, "https://pa2.test:8443/", layer="tls", verdict="untrusted")
    finally:
        pa3.write("/etc/hosts", hosts)


def test_a_gateway_that_asks_for_a_login_is_not_down(nodes):
    pa1, pa2, _ = nodes
    with serving(pa2, "answers", "python3 /root/answers.py 18789 401", 18789):
        one = walk(pa1, "pa2:18789", code=0)
    assert one["kind"] == "http" and one["layers"]["auth"]["verdict"] == "asks_for_login", json.dumps(one, indent=1)
    with serving(pa2, "answers", "python3 /root/answers.py 18789 503", 18789):
        one = broken(pa1, "pa2:18789", layer="http", verdict="server_error")
    assert one["sentence"].startswith("the way to pa2 is good, but")


def test_a_frozen_sshd_takes_connections_and_says_nothing(nodes):
    pa1, pa2, _ = nodes
    pid = pa2.sh("systemctl show -P MainPID ssh.service")
    pa2.run(["kill", "-STOP", pid])
    try:
        one = broken(pa1, "pa2", layer="auth", verdict="ssh_silent")
    finally:
        pa2.run(["kill", "-CONT", pid])
    assert one["layers"]["tcp"]["weight"] == "good"


def test_another_host_key_than_the_known_one_is_told(nodes):
    pa1, pa2, pa3 = nodes
    try:
        pa1.write("/root/.ssh/known_hosts", f"{pa2.address} {known(pa3).split(' ', 1)[1]}")
        one = broken(pa1, "pa2", layer="auth", verdict="key_changed")
        assert "another host key than pa1 knows" in one["sentence"]
        pa1.run("rm /root/.ssh/known_hosts")
        one = walk(pa1, "pa2", code=0)
        assert one["layers"]["auth"]["verdict"] == "key_unknown"
        assert not pa1.exists("/root/.ssh/known_hosts"), "nothing is learned in silence"
    finally:
        pa1.write("/root/.ssh/known_hosts", "".join(known(n) for n in nodes))


def test_both_directions_are_walked_each_from_its_own_end(nodes):
    pa1, pa2, pa3 = nodes
    there, back = walk(pa1, "pa2", "pa3", "--both", code=0)
    assert (there["from"], there["to"]) == ("pa2", "pa3") and (back["from"], back["to"]) == ("pa3", "pa2")
    with rules(pa2, f"ip saddr {pa3.address} tcp dport 22 drop"):
        there, back = walk(pa1, "pa2", "pa3", "--both", code=1)
    assert there["good"] and (back["broken"], back["verdict"]) == ("tcp", "dropped")
    one = walk(pa1, "pa2", "--both", code=0)
    assert [(w["from"], w["to"]) for w in one] == [("pa1", "pa2"), ("pa2", "pa1")]


def matrix(node, code):
    done = node.run(["meshops", "mesh", "matrix", "--format", "json"], check=False, timeout=120)
    assert done.code == code, repr(done)
    return json.loads(done.out)


def test_the_matrix_shows_everyone_to_everyone(nodes):
    pa1, pa2, _ = nodes
    with serving(pa2, "answers", "python3 /root/answers.py 18789 200", 18789):
        table = matrix(pa1, 0)
    assert table["schema"] == "meshops.matrix/1" and table["good"] and table["nodes"] == ["pa1", "pa2", "pa3"]
    assert {(w["from"], w["to"]) for w in table["ways"]} == {(a, b) for a in table["nodes"] for b in table["nodes"] if a != b}
    assert all(w["ms"] is not None and w["ms"] < 1000 for w in table["ways"])
    ports = {w["from"]: w["gateways"] for w in table["ways"] if w["to"] == "pa2"}
    assert all(p[0]["open"] and p[0]["port"] == 18789 for p in ports.values()), ports


def test_the_matrix_shows_a_way_that_holds_in_one_direction_only(nodes):
    pa1, pa2, pa3 = nodes
    with rules(pa2, f"ip saddr {pa3.address} tcp dport 22 drop"):
        table = matrix(pa1, 1)
        text = pa1.run(["meshops", "mesh", "matrix"], check=False, timeout=120).out
    assert table["one_way"] == [{"from": "pa3", "to": "pa2"}]
    bad = [w for w in table["ways"] if not w["good"]]
    assert [(w["from"], w["to"], w["broken"]) for w in bad] == [("pa3", "pa2", "tcp")], bad
    assert "✗ tcp" in text and "✗ pa3 → pa2 (one way: back it holds)" in text, text


def test_a_node_that_cannot_be_asked_is_unknown_and_not_broken(nodes):
    pa1, pa2, pa3 = nodes
    pa3.run("umount /usr/bin/meshops && rm -f /usr/bin/meshops")
    done = pa1.run(["meshops", "path", "pa3", "pa2", "--format", "json"], check=False, timeout=60)
    one = json.loads(done.out)["walks"][0]
    assert done.code == 3 and not one["walked"] and "has no meshops" in one["sentence"], repr(done)
    table = matrix(pa1, 1)
    unknown = {(w["from"], w["to"]) for w in table["ways"] if not w["walked"]}
    assert unknown == {("pa3", "pa1"), ("pa3", "pa2")} and table["one_way"] == []
