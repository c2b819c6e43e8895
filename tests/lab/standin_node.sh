#!/bin/sh
# What units of the stand-in start as "node": takes Node's own options, then runs the script in Python.
# Its process becomes the gateway, as Node's would.
if [ "$1" = --version ]; then
  echo v26.10.0
  exit 0
fi
options=
while [ "${1#--}" != "$1" ]; do
  options="$options $1"
  shift
done
script=$1
shift
# shellcheck disable=SC2086 # words on purpose
exec /usr/bin/python3 "$script" "$@" $options
