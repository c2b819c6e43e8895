#!/bin/sh
# What sshd runs for a sibling's healing key. Written by `meshops mesh keys install`, which writes it anew:
# do not edit it. Where meshops works, meshops is what runs. Where it does not, this is the healer: few verbs,
# signed requests, fixed deeds. Words from outside are compared and written out; they are never a program, an
# option or a path, and never split or evaluated.
set -uf
unset IFS CDPATH ENV BASH_ENV
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077
exec 7>&2 2>/dev/null
nl='
'
home=${0%/*}
agent=meshops-agent.service
lease_ms=30000
verb='' nonce='' healer='' mesh='' node='' program='' config='' state='' run='' per_hour=0 observes=yes gateways=''

# --- answers: meshops.remote-answer/1
clean() { printf '%s' "$1" | tr -cd 'A-Za-z0-9 .,:;_/()=+@%-' | head -c 400; }
note() { timeout 2 logger -t meshops-remote -p daemon.warning -- "$(clean "$1")"; }
now_ms() { date -u +%s%3N; }
iso() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }
answer() {
  printf '{"schema":"meshops.remote-answer/1","verb":"%s","node":"%s","nonce":"%s","at":"%s","good":%s,%s}\n' \
    "$verb" "$node" "$nonce" "$(iso)" "$1" "$2"
}
refuse() {
  note "fallback.refused: $verb $healer: $2"
  answer false "\"error\":{\"code\":\"remote.$1\",\"message\":\"$(clean "$2")\",\"hint\":\"$(clean "${3-}")\"}"
  exit 3
}
give() {
  answer true "\"result\":{\"by\":\"fallback\",$1}"
  exit 0
}

# --- what this node is: remote.conf, beside this script
is_name() {
  case $1 in '' | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) return 1 ;; esac
  [ "${#1}" -le 63 ]
}
is_path() { case $1 in /*[!A-Za-z0-9/._@+-]*) return 1 ;; /?*) return 0 ;; *) return 1 ;; esac; }
is_number() {
  case $1 in '' | *[!0-9]* | 0?*) return 1 ;; esac
  [ "${#1}" -le 18 ]
}
# Of 64 bits, nearly: copied, never counted with.
is_ticket() {
  case $1 in '' | *[!0-9]* | 0?* | ?????????????????????*) return 1 ;; 1[0-7]*) return 0 ;; esac
  [ "${#1}" -le 19 ]
}
first=yes
while read -r key value; do
  if [ "$first" = yes ]; then
    [ "$key" = meshops.remote-conf/1 ] || break
    first=no
    continue
  fi
  case $key in
    mesh) mesh=$value ;;
    node) node=$value ;;
    program) program=$value ;;
    config) config=$value ;;
    state) state=$value ;;
    run) run=$value ;;
    per_hour) per_hour=$value ;;
    observes_only) observes=$value ;;
    gateway) gateways=$gateways$value$nl ;;
  esac
done <"$home/remote.conf"
if ! is_name "$mesh" || ! is_name "$node" || ! is_path "$program" || ! is_path "$state" || ! is_path "$run" ||
  ! is_number "$per_hour" || { [ -n "$config" ] && ! is_path "$config"; }; then
  node=''
  refuse cannot 'what meshops mesh keys install wrote on this node is damaged' 'on that node: meshops mesh keys install'
fi
[ -d "$run" ] || mkdir -m 755 "$run"

# --- meshops itself, if it works. One that hung is not asked again for a minute: healers do not wait that long.
why=''
works() {
  # execvp() would give what is no program to a shell.
  if [ "$(head -c 4 "$program" | od -An -c | tr -d ' ')" != '177ELF' ]; then
    why='no program where it should be'
    return 1
  fi
  mark=$(stat -Lc '%d:%i:%s:%Y:%Z' "$program")
  hung=$run/remote-hung
  if [ -f "$hung" ] && [ "$(head -c 200 "$hung")" = "$mark" ] && [ -n "$(find "$hung" -maxdepth 0 -mmin -1)" ]; then
    why='it hangs'
    return 1
  fi
  said=$({
    timeout -k 1 5 "$@" remote --ready </dev/null
    printf ' %s' "$?"
  } | head -c 80)
  case $said in
    "meshops.remote/1 ready$nl 0") return 0 ;;
    *' 124' | *' 137')
      why='it hangs'
      printf '%s' "$mark" >"$hung"
      ;;
    *' '[0-9] | *' '[0-9][0-9] | *' '[0-9][0-9][0-9]) why="exit code ${said##* }" ;;
    *) why='it says something else' ;;
  esac
  return 1
}
set -- "$program"
if [ -n "$config" ]; then set -- "$program" --config "$config"; fi
if works "$@"; then
  exec 2>&7 7>&-
  exec "$@" remote
fi

# --- one line, in time; what stands behind it is not read
line=$(
  timeout -k 1 10 head -n 1 | head -c 4097
  printf x
)
case $line in
  *"$nl"x) line=${line%"$nl"x} ;;
  *) refuse malformed 'no request, or one that is cut or too long, came within 10 s' ;;
esac
[ "${#line}" -lt 4096 ] || refuse malformed 'the request is too long'

# --- there is one way to write a request: the values are taken out, and written down again they must be it
bad() { refuse malformed "this is no request of meshops.remote/1: $1"; }
case $line in *' '*) ;; *) bad 'it has no signature' ;; esac
sig=${line%% *}
json=${line#* }
case $sig in '' | *[!A-Za-z0-9+/=]*) bad 'it has no signature' ;; esac
[ "${#sig}" -le 1024 ] && [ "${#json}" -le 2048 ] || bad 'it is too long'
case $json in *[!A-Za-z0-9{}:,._/\"-]*) bad 'it has other characters' ;; esac
rest=$json
text() {
  case $rest in "$1\""*) rest=${rest#"$1\""} ;; *) bad 'something is missing' ;; esac
  value=${rest%%\"*}
  rest=${rest#*\"}
}
number() {
  case $rest in "$1"*) rest=${rest#"$1"} ;; *) bad 'something is missing' ;; esac
  value=${rest%%,*}
  rest=,${rest#*,}
  "$2" "$value" || bad 'a number is none'
}
text '{"schema":"meshops.remote/1","verb":' && asked=$value
text ',"mesh":' && for_mesh=$value
text ',"patient":' && patient=$value
text ',"healer":' && from=$value
text ',"gateway":' && gateway=$value
number ',"fence":' is_number && fence=$value
number ',"ticket":' is_ticket && ticket=$value
text ',"issued":' && issued=$value
text ',"expires":' && expires=$value
text ',"nonce":' && once=$value
[ "$rest" = '}' ] || bad 'it goes on'
[ "$json" = "{\"schema\":\"meshops.remote/1\",\"verb\":\"$asked\",\"mesh\":\"$for_mesh\",\"patient\":\"$patient\",\"healer\":\"$from\",\"gateway\":\"$gateway\",\"fence\":$fence,\"ticket\":$ticket,\"issued\":\"$issued\",\"expires\":\"$expires\",\"nonce\":\"$once\"}" ] ||
  bad 'it is not written as meshops writes it'
case $asked in
  diagnose | heal) is_name "$gateway" || bad 'it names no gateway' ;;
  probe | unban | agent | lease | release | reinstall | fallback) [ -z "$gateway" ] || bad 'it names a gateway' ;;
  *) bad 'there is no such verb' ;;
esac
is_name "$for_mesh" && is_name "$patient" && is_name "$from" || bad 'mesh, patient and healer must be names'
[ "$ticket" = 0 ] || [ "$asked" = lease ] || bad 'only a lease has a ticket'
case $once in *[!0-9a-f]*) bad 'its nonce is none' ;; esac
[ "${#once}" -eq 32 ] || bad 'its nonce is none'
to_ms() {
  case $1 in
    [12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z) ;;
    *) bad 'a time is none' ;;
  esac
  parts=${1%.*}
  part=${1#*.}
  seconds=$(date -u -d "${parts}Z" +%s) || bad 'a time is none'
  ms=$((seconds * 1000 + 1${part%Z} - 1000))
}
to_ms "$issued" && from_ms=$ms
to_ms "$expires" && until_ms=$ms
verb=$asked nonce=$once

# --- for whom, by whom, when: as src/mesh/remote_gate.cpp
[ "$for_mesh" = "$mesh" ] || refuse wrong_mesh "the request is for the mesh $for_mesh, this is $mesh"
[ "$patient" = "$node" ] || refuse wrong_patient "the request is for $patient, this is $node"
[ "$from" != "$node" ] || refuse forbidden "$node heals itself without SSH"
work=$(mktemp -d "$run/.remote.XXXXXX") || work=$(mktemp -d "$state/.remote.XXXXXX") ||
  refuse not_kept "nothing can be written in $run"
trap 'rm -rf "$work"' EXIT
trap 'exit 3' INT TERM
trap '' HUP PIPE # the asker may go: what was begun is finished
{
  printf '%s\n' '-----BEGIN SSH SIGNATURE-----'
  printf '%s\n' "$sig" | fold -w 70
  printf '%s\n' '-----END SSH SIGNATURE-----'
} >"$work/sig"
grep -q "^$(printf '%s' "$from" | sed 's/[.]/[.]/g') " "$home/remote.signers" ||
  refuse unknown_healer "$from is no healer of this node" 'give that node a healing_key in mesh.toml, here too, and run: meshops mesh keys install'
printf 'meshops.remote/1\n%s\n%s\n%s' "$mesh" "$node" "$json" |
  timeout -k 1 10 ssh-keygen -Y verify -f "$home/remote.signers" -I "$from" -n meshops.remote/1 -s "$work/sig" >/dev/null ||
  refuse bad_signature 'the signature of the request is not good'
healer=$from
life=$((until_ms - from_ms))
[ "$life" -gt 0 ] && [ "$life" -le 60000 ] || bad 'it is good for another time than a minute'
now=$(now_ms)
[ "$now" -ge $((from_ms - 30000)) ] || refuse not_yet "the request was issued at $issued, and here it is $(iso)"
[ "$now" -le $((until_ms + 30000)) ] || refuse expired "the request was good until $expires, and here it is $(iso)"

# --- what is kept, as src/mesh/remote_shelf.cpp keeps it: a number that grows, and a text
lock() {
  exec 9>>"$run/remote.lock" && flock -w 2 9 || refuse not_kept "$run/remote.lock is held by another process"
}
unlock() { exec 9>&-; }
shelf_read() {
  shelf_number=0 shelf_text=''
  for file in "$state/$1" "$run/$1.spare"; do
    [ -e "$file" ] || [ -L "$file" ] || continue
    bytes=$(
      head -c 1048576 "$file"
      printf x
    )
    bytes=${bytes%x}
    count=${bytes%%"$nl"*}
    case $bytes in *"$nl"*) ;; *) count='' ;; esac
    is_number "$count" && [ "$count" -gt 0 ] ||
      refuse not_kept "$file is damaged" "if nobody heals this node just now, remove it: rm $file"
    [ "$count" -gt "$shelf_number" ] || continue
    shelf_number=$count
    shelf_text=${bytes#*"$nl"}
  done
}
shelf_write() {
  wanted="$((shelf_number + 1))$nl$2"
  for file in "$state/$1" "$run/$1.spare"; do
    new=$(mktemp "${file%/*}/.$1.XXXXXX") || continue
    printf '%s' "$wanted" >"$new"
    if [ "$(cat "$new"; printf x)" = "${wanted}x" ] && sync "$new" && mv -fT "$new" "$file"; then
      sync "${file%/*}"
      return 0
    fi
    rm -f "$new"
  done
  refuse not_kept "neither $state nor $run can be written" 'see which disk is full or read-only: df -h; mount'
}

# --- each request once
lock
shelf_read healing-nonces
case "$nl$shelf_text" in *"$nl$nonce "*) refuse replayed 'this request has been made before' ;; esac
count=$(printf '%s' "$shelf_text" | wc -l)
while [ "$count" -ge 1024 ]; do
  oldest=${shelf_text%%"$nl"*}
  is_number "${oldest#* }" || refuse not_kept 'the list of requests that were seen is damaged'
  [ "${oldest#* }" -lt "$now" ] || break
  shelf_text=${shelf_text#*"$nl"}
  count=$((count - 1))
done
[ "$count" -lt 4096 ] || refuse not_kept 'these are too many requests'
shelf_write healing-nonces "$shelf_text$nonce $((until_ms + 30000))$nl"
unlock
note "fallback.request: $healer asks: $verb; meshops does not run here: $why"

# --- the owner's word
pause_of() {
  paused=''
  memory=$(head -c 65536 "$state/gateways/$1/memory.json")
  case $memory in *'"wanted":false'*) paused='a person stopped it' ;; esac
  case $memory in
    *'"pause":{'*)
      paused='a person paused it'
      until=${memory##*'"until":"'}
      until=${until%%\"*}
      case $memory in *'"until":"'*) ;; *) return ;; esac
      seconds=$(date -u -d "$until" +%s) || return
      [ "$seconds" -ge "$((now / 1000))" ] || paused=''
      ;;
  esac
}
all_paused=yes
left=$gateways
[ -n "$left" ] || all_paused=no
while [ -n "$left" ]; do
  one=${left%%"$nl"*}
  left=${left#*"$nl"}
  pause_of "${one%% *}"
  [ "$paused" = 'a person paused it' ] || all_paused=no
done
show() {
  shown="$nl$(manager "$1" show "$2" -p LoadState -p ActiveState -p Result)$nl"
  active=${shown#*"${nl}ActiveState="}
  active=${active%%"$nl"*}
  case $active in active | activating | deactivating | reloading | inactive | failed) ;; *) active=unknown ;; esac
}
manager() {
  whose=$1
  shift
  if [ "$whose" = - ]; then
    timeout -k 2 20 systemctl "$@"
  else
    uid=$(id -u "$whose") || return 1
    timeout -k 2 20 runuser -u "$whose" -- env -i PATH="$PATH" XDG_RUNTIME_DIR="/run/user/$uid" systemctl --user "$@"
  fi
}
agent_state() {
  show - "$agent"
  agent_is=dead
  [ "$active" != active ] || agent_is=up
  case $shown in *"${nl}LoadState=loaded$nl"*) ;; *) return ;; esac
  case $shown in *"${nl}Result=success$nl"*) [ "$active" != inactive ] || agent_is=stopped ;; esac
}
may_treat() {
  [ "$observes" = no ] || refuse forbidden "$node only observes: $verb is refused"
  [ "$all_paused" = no ] || refuse paused "$node is paused by a person"
  agent_state
  [ "$agent_is" != stopped ] || refuse stopped "$agent was stopped by a person: that is left alone"
}

# --- the lease and the treatments of the last hour, as src/mesh/lease_file.cpp has them; under lock
boot() {
  stat=$(head -c 4096 /proc/1/stat)
  set -- ${stat##*) }
  shift 19
  boot=$(head -c 128 /proc/sys/kernel/random/boot_id)
  if is_number "${1-}" && [ "$1" -gt 6000 ]; then boot=pid-1-at-$1; fi
  read -r up _ </proc/uptime
  up_ms=$((${up%.*} * 1000 + 1${up#*.} * 10 - 1000))
}
boot
lease_read() {
  shelf_read healing-lease
  holder='' held=0 held_ticket=0 ends=0 held_boot='' taken='1970-01-01T00:00:00.000Z'
  if [ -n "$shelf_text" ]; then
    rest=$shelf_text
    damaged() { refuse not_kept 'the lease file is damaged'; }
    bad() { damaged; }
    text '{"schema":"meshops.lease/1","holder":' && holder=$value
    number ',"fence":' is_number && held=$value
    number ',"ticket":' is_ticket && held_ticket=$value
    number ',"expires_ms":' is_number && ends=$value
    text ',"boot":' && held_boot=$value
    text ',"taken":' && taken=$value
    [ "$rest" = "}$nl" ] || damaged
    [ -z "$holder" ] || is_name "$holder" || damaged
  fi
  valid=no
  [ -z "$holder" ] || [ "$held_boot" != "$boot" ] || [ "$ends" -le "$up_ms" ] || valid=yes
}
lease_write() {
  shelf_write healing-lease "{\"schema\":\"meshops.lease/1\",\"holder\":\"$1\",\"fence\":$2,\"ticket\":$3,\"expires_ms\":$4,\"boot\":\"$boot\",\"taken\":\"$5\"}$nl"
}
# Writes down what has ended, forgets what is an hour old; `open` is the fence whose treatment goes on.
treatments_read() {
  open=$1
  shelf_read healing-treatments
  left=${shelf_text#*"$nl"}
  head=${shelf_text%%"$nl"*}
  this_boot=no
  case $head in
    "meshops.treatments/1 $boot") this_boot=yes ;;
    'meshops.treatments/1 '* | '') ;;
    *) refuse not_kept 'the memory of treatments is damaged' ;;
  esac
  treatments='' history='' spent=0
  while [ -n "$left" ]; do
    one=${left%%"$nl"*}
    left=${left#*"$nl"}
    set -- $one
    [ "$#" -eq 6 ] && is_name "$1" && is_number "$3" || refuse not_kept 'the memory of treatments is damaged'
    is_ticket "$2" || refuse not_kept 'the memory of treatments is damaged'
    case $6 in *[!A-Za-z0-9._:,-]*) refuse not_kept 'the memory of treatments is damaged' ;; esac
    begun=$4 ended=$5
    [ "$this_boot" = yes ] || begun=$up_ms ended=$up_ms
    is_number "$begun" || begun=$up_ms
    if [ "$ended" = - ] && [ "$3" != "$open" ]; then ended=$up_ms; fi
    age=$((up_ms - begun)) over=false
    if [ "$ended" != - ]; then
      is_number "$ended" || ended=$up_ms
      age=$((up_ms - ended)) over=true
    fi
    [ "$age" -ge 0 ] || age=0
    [ "$over" = false ] || [ "$age" -lt 3600000 ] || continue
    spent=$((spent + 1))
    treatments="$treatments$1 $2 $3 $begun $ended $6$nl"
    history="$history${history:+,}{\"healer\":\"$1\",\"ticket\":$2,\"age_ms\":$age,\"over\":$over}"
  done
}
treatments_write() { shelf_write healing-treatments "meshops.treatments/1 $boot$nl$1"; }
leased() { refuse leased "$holder heals this node since $taken" "wait, or ask $holder what it does: meshops ledger there"; }
must_hold() {
  lease_read
  [ "$valid" = no ] || [ "$holder" = "$healer" ] || leased
  [ "$valid" = yes ] && [ "$held" = "$fence" ] && [ "$fence" != 0 ] ||
    refuse no_lease "$healer does not hold the lease $fence on this node" 'take one first: the verb lease'
}
begin_deed() {
  may_treat
  lock
  must_hold
  treatments_read "$fence"
  [ "$spent" -lt "$per_hour" ] || case "$nl$treatments" in
    *"$nl$healer $held_ticket $fence "*) ;; # of this very lease: the last one that is allowed
    *) refuse spent "siblings have treated this node $spent times within the hour, and $per_hour are allowed" 'a person should look at it now' ;;
  esac
  case "$nl$treatments" in
    *"$nl$healer $held_ticket $fence "*"-"*" $verb$nl"*) refuse spent "$verb was done under this lease already" ;;
  esac
  treatments_write "$treatments$healer $held_ticket $fence $up_ms - $verb$nl"
  unlock
  exec 8>>"$run/remote-fallback.lock" && flock -n 8 || refuse leased 'another fallback is at work here'
}

# --- the verbs
do_probe() {
  agent_state
  list='' left=$gateways
  while [ -n "$left" ]; do
    one=${left%%"$nl"*}
    left=${left#*"$nl"}
    set -- $one
    pause_of "$1"
    wanted=true
    [ -z "$paused" ] || wanted=false
    active=unknown
    show "$3" "$2"
    runs=false
    [ "$active" != active ] || runs=true
    list="$list${list:+,}{\"name\":\"$1\",\"state\":\"unwatched\",\"summary\":\"its unit is $active\",\"live\":$runs,\"ready\":$runs,\"wanted\":$wanted,\"healing\":\"\"}"
  done
  lock
  lease_read
  unlock
  left_ms=0
  if [ "$valid" = yes ]; then left_ms=$((ends - up_ms)); else holder='' held=0; fi
  own=''
  ! own_treats || own='a treatment of its own'
  only=true
  [ "$observes" != no ] || only=false
  whole=false
  [ "$all_paused" = no ] && [ "$agent_is" != stopped ] || whole=true
  give "\"agent\":\"$agent_is\",\"agent_said\":\"meshops does not run here: $(clean "$why")\",\"gateways\":[$list],\"lease\":{\"holder\":\"$holder\",\"fence\":$held,\"left_ms\":$left_ms},\"own_treatment\":\"$own\",\"observes_only\":$only,\"paused\":$whole"
}
own_treats() { [ -f "$run/own-treatment" ] && ! flock -n -x "$run/own-treatment" true; }
do_lease() {
  [ "$observes" = no ] || refuse forbidden "$node only observes: $verb is refused"
  lock
  if [ "$fence" != 0 ]; then
    must_hold
    treatments_read "$fence"
  else
    lease_read
    [ "$valid" = no ] || [ "$holder" = "$healer" ] || leased
    [ "$valid" = yes ] || ! own_treats || refuse leased 'this node heals a gateway itself' 'its own healer goes first: ask again in a minute'
    treatments_read 0
    treatments_write "$treatments"
    shelf_read healing-lease
    fence=$((held + 1)) held_ticket=$ticket taken=$(iso)
  fi
  shelf_read healing-lease
  lease_write "$healer" "$fence" "$held_ticket" $((up_ms + lease_ms)) "$taken"
  unlock
  give "\"fence\":$fence,\"left_ms\":$lease_ms,\"history\":[$history]"
}
do_release() {
  lock
  must_hold
  treatments_read 0
  treatments_write "$treatments"
  shelf_read healing-lease
  lease_write '' "$held" "$held_ticket" "$ends" "$taken"
  unlock
  give '"outcome":"nothing"'
}
digest() { digest=$(sha256sum "$1") && digest=${digest%% *}; }
do_reinstall() {
  read -r pinned target <"$state/spare/meshops.sha256" || pinned='' target=''
  case $pinned in *[!0-9a-f]*) pinned='' ;; esac
  [ "${#pinned}" -eq 64 ] && [ "$target" = "$program" ] && digest "$state/spare/meshops" && [ "$digest" = "$pinned" ] ||
    refuse cannot "there is no whole copy of meshops in $state/spare that could be put back" 'install meshops on that node by hand'
  if digest "$program" && [ "$digest" = "$pinned" ] && [ -x "$program" ]; then
    refuse cannot "$program is what it should be, and does not work: $why" 'see on that node: meshops config check'
  fi
  begin_deed
  new=$(mktemp "$program.meshops-XXXXXX") || refuse cannot "nothing can be written beside $program"
  if ! cat "$state/spare/meshops" >"$new" || ! chmod 755 "$new" || ! sync "$new" || ! digest "$new" || [ "$digest" != "$pinned" ]; then
    rm -f "$new"
    refuse cannot "$program could not be put back" 'see which disk is full or read-only: df -h; mount'
  fi
  before=$program.before-reinstall
  rm -f "$before"
  if [ -e "$program" ] && ! ln "$program" "$before"; then
    rm -f "$new"
    refuse cannot "the old bytes of $program could not be kept"
  fi
  mv -fT "$new" "$program" && sync "${program%/*}"
  rm -f "$run/remote-hung"
  set -- "$program"
  if [ -n "$config" ]; then set -- "$program" --config "$config"; fi
  if ! digest "$program" || [ "$digest" != "$pinned" ] || ! works "$@"; then
    [ ! -e "$before" ] || mv -fT "$before" "$program"
    refuse cannot "the copy of meshops does not work either: $why; the old bytes are back"
  fi
  note "fallback.reinstall: $program is back; the old bytes are in $before"
  # One that runs still has good bytes in memory. One that was begun with the broken ones may hang.
  agent_state
  if [ "$agent_is" = dead ]; then
    manager - kill --kill-who=main -s KILL "$agent"
    manager - reset-failed "$agent"
    manager - --no-block restart "$agent"
  fi
  tries=0
  until agent_answers "$@"; do
    [ "$tries" -lt 40 ] || refuse cannot "$program is back, and $agent does not answer"
    sleep 0.5
    tries=$((tries + 1))
  done
  give "\"outcome\":\"restored\",\"said\":\"$program is back, verified; its agent answers\""
}
agent_answers() { # exit code 1 is a gateway that is not well
  timeout -k 1 5 "$@" status </dev/null >/dev/null
  [ "$?" -le 1 ]
}
# Only what is empty or cut is taken for broken: whether it is good JSON5 a shell cannot tell. As its owner does it.
mend_config() { # gateway, owner, file
  as=$2
  good=''
  for kept in "$state/gateways/$1/good-config" "$state/gateways/$1/ready-config"; do
    if [ -z "$good" ] && [ -f "$kept" ] && [ -s "$kept" ]; then good=$kept; fi
  done
  [ -n "$good" ] || return 1
  is=$(timeout 10 runuser -u "$as" -- head -c 4194304 "$3" && printf x) || return 1
  is=$(printf '%s' "${is%x}" | tr -d ' \t\r\n\000')
  case $is in '' | '{') ;; '{'*'}' | *'//'* | *'/*'* | [!\{]*) return 1 ;; esac
  timeout 20 runuser -u "$as" -- /bin/sh -c '
    umask 077
    set -e
    new=$(mktemp "$1.meshops-XXXXXX")
    cat >"$new"
    sync "$new"
    if [ -s "$1" ]; then cp -pT "$1" "$1.before-fallback"; chmod --reference="$1" "$new"; fi
    mv -fT "$new" "$1"' sh "$3" <"$good"
}
do_fallback() {
  begin_deed
  did=''
  full=$(df -P "$state" / | while read -r _ _ _ _ used _; do printf '%s\n' "${used%\%}"; done | sort -n | tail -n 1)
  if is_number "$full" && [ "$full" -ge 90 ]; then
    timeout -k 2 30 journalctl -q --vacuum-size=64M >/dev/null
    timeout -k 2 30 apt-get -q clean >/dev/null </dev/null
    timeout -k 2 30 find /tmp -xdev -mindepth 2 -maxdepth 2 -type f -mmin +1440 -path '/tmp/openclaw*/*.log*' -delete
    did="the disk was $full percent full: journal, package cache and old logs were trimmed"
  fi
  left=$gateways
  while [ -n "$left" ]; do
    one=${left%%"$nl"*}
    left=${left#*"$nl"}
    set -- $one
    pause_of "$1"
    if [ -n "$paused" ]; then
      did="$did${did:+; }$1: $paused"
      continue
    fi
    show "$3" "$2"
    [ "$active" != active ] || continue
    if [ "$5" != - ] && mend_config "$1" "$4" "$5"; then did="$did${did:+; }$1: its last good configuration is back"; fi
    [ "$active" = failed ] || continue
    manager "$3" reset-failed "$2"
    manager "$3" --no-block start "$2"
    tries=0
    while [ "$tries" -lt 10 ]; do
      sleep 0.5
      tries=$((tries + 1))
      show "$3" "$2"
      case $active in active | failed) break ;; esac
    done
    did="$did${did:+; }$1: started, $2 is $active"
  done
  outcome=done
  [ -n "$did" ] || outcome=nothing
  note "fallback.done: $did"
  give "\"outcome\":\"$outcome\",\"said\":\"$(clean "$did")\""
}
case $verb in
  probe) do_probe ;;
  lease) do_lease ;;
  release) do_release ;;
  reinstall) do_reinstall ;;
  fallback) do_fallback ;;
  *) refuse cannot "meshops does not run on $node: $why; without it there are only probe, lease, release, reinstall and fallback" 'ask for reinstall' ;;
esac
