#!/bin/sh
# Installs the pinned real OpenClaw gateway and the Node it needs once, in the cache, and prints where.
# Called by the lab (it bind-mounts the printed directory read-only at /opt/openclaw in every node) and by
# people who want to look at the real thing. Never writes outside the cache.
set -eu

OPENCLAW_VERSION=${MESHOPS_OPENCLAW_VERSION:-2026.9.6}
NODE_VERSION=${MESHOPS_NODE_VERSION:-26.10.0}   # OpenClaw wants >=24.16 <25 or >=26.1: newer than Debian's
cache=${MESHOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/meshops}
final=$cache/openclaw-$OPENCLAW_VERSION

say() { echo "openclaw.sh: $*" >&2; }

case ${1:-} in
  "") ;;
  --path) echo "$final"; exit 0 ;;
  -h|--help) echo "usage: openclaw.sh [--path]   install once, print the directory (--path: only print it)"; exit 0 ;;
  *) say "unknown argument $1"; exit 2 ;;
esac

works() { "$1/node_modules/.bin/node" --version >/dev/null 2>&1 && [ -f "$1/node_modules/openclaw/openclaw.mjs" ]; }

if works "$final"; then
  echo "$final"
  exit 0
fi
command -v npm >/dev/null || { say "npm is missing; install it with: apt-get install npm"; exit 3; }
mkdir -p "$cache"

# One installer at a time; the others wait and then find it done.
exec 9>"$cache/openclaw.lock"
flock 9
if works "$final"; then
  echo "$final"
  exit 0
fi

temp=$(mktemp -d "$cache/.openclaw-$OPENCLAW_VERSION.XXXXXX")
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM HUP
say "installing openclaw@$OPENCLAW_VERSION and node@$NODE_VERSION (a few minutes, about 1 GB)"
# Two steps: OpenClaw's install scripts refuse to run on an older node, and npm puts the one of the first step first.
npm install --prefix "$temp" --no-audit --no-fund --loglevel=error "node@$NODE_VERSION" >&2
PATH=$temp/node_modules/.bin:$PATH \
  npm install --prefix "$temp" --no-audit --no-fund --loglevel=error "openclaw@$OPENCLAW_VERSION" >&2
works "$temp" || { say "the installed node does not run: $temp/node_modules/.bin/node --version"; exit 3; }
chmod 755 "$temp"                                # mktemp makes 0700; the user of a node must read it
rm -rf "$final"
mv "$temp" "$final"
say "ready: node $("$final/node_modules/.bin/node" --version), openclaw $OPENCLAW_VERSION"
echo "$final"
