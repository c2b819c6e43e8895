#!/usr/bin/env python3
"""Findings where there is nothing to find: an untouched Debian 12, and what its packages ship, as packages leave it.

    bench/false_alarms.py [--severity medium] [--meshops build/release/meshops] [--packages NAME,NAME…] [--json FILE]

Needs root (overlays) and apt. The packages below are downloaded once ($MESHOPS_CACHE/debs) and laid over the lab's base root,
each one alone: what it adds to the findings of the base is printed, one line each, for a person to judge. So are the unit
files, crontabs, Dockerfiles and Compose files that packages carry as documentation, audited as a folder. Nothing is installed
and nothing of them is run.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("MESHOPS_CACHE", Path.home() / ".cache/meshops"))
ORDER = ["info", "low", "medium", "high", "critical"]
# Daemons and tools with units, crontabs, SSH, web, firewall or container configuration of their own.
PACKAGES = """
acpid activemq aide-common amavisd-new anacron apache2 apcupsd apparmor apt apt-listchanges at atop auditd avahi-daemon
backupninja bacula-director bacula-fd bacula-sd barman bind9 bluez borgmatic btrfsmaintenance buildbot caddy ceph-mon certbot
chkrootkit chrony clamav-daemon clamav-freshclam cloud-init cockpit-ws collectd corosync coturn cron cron-apt cryptsetup
cups-daemon dante-server dbus debsums deluged dmeventd dnsmasq docker-registry docker.io dokuwiki dovecot-core dovecot-imapd
drbd-utils duplicity e2fsprogs ejabberd etcd-server etckeeper exim4-base exim4-config fail2ban fetchmail freeradius ganeti
gdm3 glusterfs-server graphite-carbon greylistd haproxy haveged heartbeat hostapd icecast2 icinga2-bin ifupdown incron
influxdb inspircd iptraf-ng ircd-hybrid irqbalance isc-dhcp-client isc-dhcp-server janus jetty9 kea-dhcp4-server keepalived
knockd krb5-kdc libreswan libvirt-daemon-system lightdm lighttpd locate logcheck logrotate logwatch lvm2 lxc mailman3 man-db
mariadb-server mdadm memcached minidlna mlmmj monit mosquitto mpd multipath-tools mumble-server munin munin-node
nagios-nrpe-server needrestart netdata-core netplan.io network-manager nfs-common nfs-kernel-server nghttp2-proxy nginx-common
nrpe-ng ntpsec nut-server open-iscsi open-vm-tools opendkim opendmarc openresolv openssh-client openssh-server openvpn
pacemaker patroni pcs pgbackrest pgbouncer pgpool2 php-common php8.2-fpm phpmyadmin pipewire plocate popularity-contest
portsentry postfix postgresql-15 postgresql-common postgrey privoxy proftpd-core prometheus prometheus-blackbox-exporter
prometheus-node-exporter prosody psad pulseaudio puppet-agent puppetserver qemu-guest-agent quassel-core redis-sentinel
redis-server redsocks resolvconf rkhunter roundcube-core rpcbind rsnapshot rspamd rsync rsyslog samba serf shadowsocks-libev
slapd slony1-2-bin smartmontools snapper snmpd snmptrapd spamassassin spamd squid sslh sssd-common strongswan-starter stunnel4
supervisor syncthing sysfsutils sysstat systemd systemd-cron systemd-resolved systemd-timesyncd tgt thermald
tigervnc-standalone-server tinyproxy tlp tomcat10 tor trafficserver transmission-daemon tripwire tuned udev ufw
unattended-upgrades unbound uwsgi varnish vnstat vsftpd waagent watchdog webhook winbind wireguard-tools wordpress
wpasupplicant xl2tpd xrdp zabbix-agent zabbix-agent2 znc zookeeper
""".split()


def download(names):
    """Their files, without dependencies: only text is looked at."""
    folder = CACHE / "debs"
    folder.mkdir(parents=True, exist_ok=True)
    have = {path.name.split("_")[0] for path in folder.glob("*.deb")}
    missing = [name for name in names if name not in have]
    for at in range(0, len(missing), 20):
        subprocess.run(["apt-get", "download", "-qq", *missing[at:at + 20]], cwd=folder, stderr=subprocess.DEVNULL, check=False)
    found = {path.name.split("_")[0]: path for path in sorted(folder.glob("*.deb"))}
    return {name: found[name] for name in names if name in found}


def audit(options, *target):
    done = subprocess.run([options.meshops, "audit", *map(str, target), "--format", "json"], capture_output=True, text=True,
                          env={**os.environ, "HOME": options.home}, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"meshops audit {target} ended with {done.returncode}: {done.stderr}")
    report = json.loads(done.stdout)
    return [f for f in report["findings"] if ORDER.index(f["severity"]) >= ORDER.index(options.severity)]


def unpack(deb, upper):
    subprocess.run(["dpkg-deb", "-x", str(deb), str(upper)], check=True)
    # The base has /lib and its like as links into /usr: a directory laid over a link would hide what is behind it.
    for part in ("bin", "sbin", "lib", "lib32", "lib64"):
        if (upper / part).is_dir():
            (upper / "usr" / part).mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", f"{upper / part}/.", str(upper / "usr" / part)], check=True)
            shutil.rmtree(upper / part)


def remember(deb, name, base, upper):
    """What dpkg would know of it: that it is there, its files, and which of them are its configuration."""
    info = upper / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    listed = subprocess.run(f"dpkg-deb --fsys-tarfile '{deb}' | tar -t", shell=True, stdout=subprocess.PIPE, check=True).stdout.decode()
    (info / f"{name}.list").write_text("".join(line.rstrip("/")[1:] + "\n" for line in listed.split("\n") if len(line) > 2))
    stanza = subprocess.run(["dpkg-deb", "-f", str(deb)], stdout=subprocess.PIPE, text=True, check=True).stdout
    conffiles = subprocess.run(["dpkg-deb", "-I", str(deb), "conffiles"], capture_output=True, text=True, check=False).stdout.split()
    sums = "".join(f" {path} {hashlib.md5((upper / path[1:]).read_bytes()).hexdigest()}\n" for path in conffiles
                   if (upper / path[1:]).is_file())
    status = (Path(base) / "var/lib/dpkg/status").read_text()
    stanza = stanza.replace("\n", "\nStatus: install ok installed\n", 1)
    (upper / "var/lib/dpkg/status").write_text(status + stanza + (f"Conffiles:\n{sums}" if sums else "") + "\n")


def laid_over(options, base, name, deb, known):
    """Findings of a root that the base has not: the package's own."""
    with tempfile.TemporaryDirectory() as work:
        upper, inner, root = (Path(work) / part for part in ("upper", "work", "root"))
        for part in (upper, inner, root):
            part.mkdir()
        unpack(deb, upper)
        remember(deb, name, base, upper)
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={base},upperdir={upper},workdir={inner}", str(root)],
                       check=True)
        try:
            found = [f for f in audit(options, "--root", root) if f["fingerprint"] not in known]
            documents = root / "usr/share/doc" / name
            shipped = audit(options, documents) if documents.is_dir() else []
        finally:
            subprocess.run(["umount", str(root)], check=True)
    return [{**f, "package": name, "as": "root"} for f in found] + [{**f, "package": name, "as": "folder"} for f in shipped]


def line(f):
    place = f"{f['file'] or '-'}:{f['line'] or 0}"
    return f"{f['rule']} {f['severity']:8} {f['package']:24} {f['as']:6} {place}  {f['found']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--severity", default="medium", choices=ORDER)
    parser.add_argument("--meshops", default=str(ROOT / "build/release/meshops"))
    parser.add_argument("--packages", help="these instead of all")
    parser.add_argument("--json", help="every finding, with all its members")
    options = parser.parse_args()
    base = subprocess.run([ROOT / "tests/lab/base.sh", "--path"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as home:
        options.home = home
        untouched = audit(options, "--root", base)
        all_of_base = {f["fingerprint"] for f in untouched}
        debs = download(options.packages.split(",") if options.packages else PACKAGES)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = [f for more in pool.map(lambda one: laid_over(options, base, *one, all_of_base), debs.items()) for f in more]
    found = [{**f, "package": "(base)", "as": "root"} for f in untouched] + found
    for f in sorted(found, key=lambda f: (f["rule"], f["package"], f["file"] or "", f["line"] or 0)):
        print(line(f))
    rules = sorted({f["rule"] for f in found})
    print(f"\n{len(debs)} packages, {len(found)} findings of severity {options.severity} or more, by {len(rules)} rules: "
          f"{' '.join(rules)}", file=sys.stderr)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
