#!/bin/bash
# Makes the Debian root that every node of the lab is an overlay over, once, in the cache, and prints where.
# Called by the lab and by CI ahead of it. Needs root and debootstrap. Never touches the host's own packages,
# and names no mirror: it uses the one that the host's apt is configured for.
set -euo pipefail

SUITE=bookworm
# A node as our users have it: systemd with user sessions, sshd, the parts that meshops drives, and what the
# stand-in gateway (python3) and Node (libatomic1) need.
PACKAGES=(
  systemd-sysv dbus dbus-user-session libpam-systemd openssh-server openssh-client serf fail2ban ufw nftables
  cron restic git curl ca-certificates libatomic1 iproute2 iputils-ping procps kmod sqlite3
  faketime python3
)
# Raise this when what happens after debootstrap changes.
RECIPE=1

cache=${MESHOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/meshops}/lab
arch=$(dpkg --print-architecture)
hash=$(printf '%s\n' "$SUITE" "$arch" "$RECIPE" "${PACKAGES[@]}" | sha256sum | cut -c1-12)
final=$cache/base-$hash

say() { echo "base.sh: $*" >&2; }

case ${1:-} in
  "") ;;
  --path) echo "$final"; exit 0 ;;
  -h|--help) echo "usage: base.sh [--path]   make the base root once, print it (--path: only print it)"; exit 0 ;;
  *) say "unknown argument $1"; exit 2 ;;
esac

if [ -e "$final/etc/meshops-lab-base" ]; then
  echo "$final"
  exit 0
fi
[ "$(id -u)" = 0 ] || { say "needs root"; exit 3; }
command -v debootstrap >/dev/null || { say "debootstrap is missing; install it with: apt-get install debootstrap"; exit 3; }
mkdir -p "$cache"

# One builder at a time; the others wait and then find it done.
exec 9>"$cache/base.lock"
flock 9
if [ -e "$final/etc/meshops-lab-base" ]; then
  echo "$final"
  exit 0
fi

mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
         awk -v suite="$SUITE" '$2 == suite && $3 == "main" { print $1; exit }')
[ -n "$mirror" ] || { say "the host's apt has no $SUITE main source (apt-get indextargets); run apt-get update"; exit 3; }

temp=$(mktemp -d "$cache/.base-$hash.XXXXXX")
undo() {
  for m in proc sys dev; do mountpoint -q "$temp/$m" && umount -l "$temp/$m"; done
  rm -rf --one-file-system "$temp"
}
trap undo EXIT
trap 'exit 130' INT TERM HUP

say "building $final (about two minutes)"
include=$(IFS=,; echo "${PACKAGES[*]}")
debootstrap --variant=minbase --arch="$arch" --include="$include" "$SUITE" "$temp" "$mirror" 2>&1 </dev/null |
  awk '/^(E|W):|Base system installed|Configuring (systemd|serf|python3)\.\.\./ { print "base.sh: " $0; fflush() }' >&2

say "settling it"
cat > "$temp/settle" <<'SETTLE'
set -e
export DEBIAN_FRONTEND=noninteractive
useradd --uid 1000 --create-home --shell /bin/bash claw
useradd --uid 1001 --create-home --shell /bin/bash meshops-op
groupadd --system meshops
mkdir -p /var/lib/systemd/linger && touch /var/lib/systemd/linger/claw
# Nothing in a node waits for a network manager (the lab sets addresses), rotates, updates or asks at a console.
for u in systemd-networkd.service systemd-networkd-wait-online.service systemd-resolved.service \
         systemd-timesyncd.service systemd-udevd.service systemd-udev-trigger.service \
         systemd-udevd-control.socket systemd-udevd-kernel.socket \
         apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
         fstrim.timer man-db.timer systemd-firstboot.service systemd-homed.service \
         console-getty.service getty.target systemd-modules-load.service sys-kernel-debug.mount \
         sys-kernel-tracing.mount systemd-random-seed.service systemd-pstore.service; do
  ln -sf /dev/null "/etc/systemd/system/$u"
done
# In the node, but started only by the tests that want them.
for u in serf.service fail2ban.service ufw.service nftables.service; do
  systemctl disable -q "$u" 2>/dev/null || true
done
# The journal is the evidence: keep it on the overlay, unthrottled, so that it outlives a power-off.
mkdir -p /var/log/journal /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nSystemMaxUse=200M\n' > /etc/systemd/journald.conf.d/lab.conf
# Identity is per node.
: > /etc/machine-id
rm -f /var/lib/dbus/machine-id /etc/ssh/ssh_host_*
printf 'PermitRootLogin prohibit-password\nPasswordAuthentication no\nHostKey /etc/ssh/ssh_host_ed25519_key\nUseDNS no\n' \
  > /etc/ssh/sshd_config.d/lab.conf
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /usr/share/man/* /usr/share/locale/* \
       /var/log/*.log /var/log/apt /settle
find /usr/share/doc -mindepth 1 ! -name copyright -delete 2>/dev/null || true
SETTLE
chroot "$temp" /bin/sh /settle >&2
date -u +%FT%TZ > "$temp/etc/meshops-lab-base"
chmod 755 "$temp"
# Only a whole base is ever seen under its final name.
mv "$temp" "$final"
trap - EXIT
say "ready, $(du -sh "$final" | cut -f1)"
echo "$final"
