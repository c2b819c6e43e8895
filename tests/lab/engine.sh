#!/bin/sh
# Unpacks Debian's container engine once, in the cache, and prints where. Called by the lab. It is not installed: a
# machine that runs the lab gets no docker service, no group and no firewall rules from it.
set -eu

# What the engine of the suite is made of and a plain Debian may lack.
PACKAGES="docker.io containerd runc libdevmapper1.02.1 libseccomp2"
cache=${MESHOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/meshops}
final=$cache/engine

say() { echo "engine.sh: $*" >&2; }

case ${1:-} in
  "") ;;
  --path) echo "$final"; exit 0 ;;
  -h|--help) echo "usage: engine.sh [--path]   unpack once, print the directory (--path: only print it)"; exit 0 ;;
  *) say "unknown argument $1"; exit 2 ;;
esac

if [ -x "$final/usr/sbin/dockerd" ]; then
  echo "$final"
  exit 0
fi
mkdir -p "$cache"
# One at a time; the others wait and then find it done.
exec 9>"$cache/engine.lock"
flock 9
if [ ! -x "$final/usr/sbin/dockerd" ]; then
  temp=$(mktemp -d "$cache/.engine.XXXXXX")
  trap 'rm -rf "$temp"' EXIT
  trap 'exit 130' INT TERM HUP
  say "fetching $PACKAGES"
  # shellcheck disable=SC2086 # a list of words
  fetch() { apt-get download -qq -o APT::Sandbox::User="$(id -un)" $PACKAGES; }
  (cd "$temp" && { fetch || { apt-get update -qq && fetch; }; }) >&2
  for package in "$temp"/*.deb; do dpkg-deb -x "$package" "$temp"; done
  rm -f "$temp"/*.deb
  chmod 755 "$temp"
  rm -rf "$final"
  mv "$temp" "$final"
fi
echo "$final"
