# Words that the other scripts use. They are read in order by one shell: sh -eu, as root, in the node; $PEER is the address of
# the other node.
units=/etc/systemd/system
openclaw=/opt/claw/openclaw.mjs
# Secrets are made up anew each time, so that none stands in this repository.
random() {  # LENGTH [CHARACTERS]
  tr -dc "${2:-A-Za-z0-9}" </dev/urandom | head -c "$1"
}
until_true() {  # COMMAND…, at most 20 s
  for _ in $(seq 100); do
    "$@" && return
    sleep 0.2
  done
  echo "in vain: $*" >&2
  return 1
}
# An installation of its own: the lab's stand-in is read-only.
cp -r /opt/openclaw-standin /opt/claw
install -d /opt/claw/dist
: >/opt/claw/dist/index.js
echo '{"version": "2026.9.6"}' >/opt/claw/dist/build-info.json
