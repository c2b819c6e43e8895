#include "host/capture_script.h"

#include <algorithm>

#include "base/text.h"
#include "host/unit_show.h"

namespace meshops::capture {

namespace {

/// More than any audit asks for in one round.
constexpr std::size_t kMostWants = 50'000;

// POSIX sh with find(1) of GNU; everything is read-only. `p` begins a piece. Commands that could read the
// script from stdin get /dev/null. Who asks for a directory mostly asks for those in it next: `few` tells of
// them at once, unless there are many. Numbers of the text: kMostOfATree, kMostOfATool.
constexpr std::string_view kFunctions = R"sh(
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset CDPATH GREP_OPTIONS POSIXLY_CORRECT
exec 2>/dev/null
cd /
i=$(id -u)
f='%y %m %U %G %s %T@ %D %d\0'
p() { printf '%s\000' "$m" "$@"; }
n() {
  w=absent
  if [ -e "$2" ]; then w=irregular; else
    u=$2
    while u=${u%/*}; [ -n "$u" ]; do
      if [ -d "$u" ]; then [ -x "$u" ] || w=denied; break; fi
    done
  fi
  p N "$w" "$1" "$2"
}
e() { p E; find "$@" -maxdepth 0 -printf "$f%p\\0%l\\0"; }
look() {
  e "$@"
  for x; do
    [ -e "$x" ] || [ -L "$x" ] || { n look "$x"; continue; }
    c=$x k=0
    while [ -L "$c" ] && [ $k -lt 8 ]; do
      t=$(readlink "$c"; echo x)
      t=${t%?x}
      case $t in /*) c=$t ;; *) c=${c%/*}/$t ;; esac
      e "$c"
      [ -e "$c" ] || [ -L "$c" ] || n look "$c"
      k=$((k + 1))
    done
    [ $k = 0 ] || { c=$(readlink -f "$x"; echo x); e "${c%?x}"; }
  done
}
list() {
  for x; do
    if [ ! -d "$x" ]; then n list "$x"
    elif [ ! -r "$x" ]; then p N denied list "$x"
    else
      p L "$x"
      find "$x/" -mindepth 1 -maxdepth 1 -printf "$f%f\\0%l\\0" | head -c 16777216
      case $x in /proc* | /sys* | /dev* | /run/user*) ;; *) few "$x" ;; esac
    fi
  done
}
few() {
  p T 4 524288
  find "$1" -xdev -maxdepth 4 -printf "$f%p\\0%l\\0" | head -c 524288
  [ "$i" = 0 ] || { p U; find "$1" -xdev -maxdepth 4 -type d ! -readable -print0 | head -c 524288; }
}
tree() {
  z=$1; shift
  p T "$z" 16777216
  find "$@" -xdev -maxdepth "$z" -printf "$f%p\\0%l\\0" | head -c 16777216
  [ "$i" = 0 ] || { p U; find "$@" -xdev -maxdepth "$z" -type d ! -readable -print0; }
}
get() {
  if [ ! -f "$3" ]; then n read "$3"; return; fi
  if [ ! -r "$3" ]; then p N denied read "$3"; return; fi
  p R "$1" "$2" "$3"
  t=
  [ ! -L "$3" ] || t='timeout 5'
  case $1 in
    0) $t head -c "$2" "$3" ;;
    -*) $t tail -c "${1#-}" "$3" | head -c "$2" ;;
    *) $t tail -c "+$(($1 + 1))" "$3" | head -c "$2" ;;
  esac
  p S $?
}
is() { p F; find -L "$@" -maxdepth 0 -printf "$f%p\\0%l\\0"; }
texts() {
  for d; do
    for x in "$d"/* "$d"/.[!.]*; do [ ! -f "$x" ] || get 0 65536 "$x"; done
  done
}
disk() {
  for x; do
    p D "$x"
    timeout 5 stat -f -c '%b %f %a %S %c %d' "$x"
    p S $?
  done
}
told() {
  q=$1; shift
  command -v "$1" >/dev/null || { p N absent ask "$q"; return; }
  p A "$q"
  { timeout 20 "$@" </dev/null; p S $?; } | head -c 8388608
}
environ() {
  [ -e "/proc/$2" ] || { p N absent ask "$1"; return; }
  [ -r "/proc/$2/environ" ] || { p N denied ask "$1"; return; }
  p A "$1"
  grep -azE "^($3)=" "/proc/$2/environ"
  p S 0
}
units() {
  q=$1 s=
  if [ -n "$2" ]; then
    if [ "$i" = "$2" ]; then s="env XDG_RUNTIME_DIR=/run/user/$2"
    elif [ "$i" = 0 ]; then
      s="setpriv --reuid=$2 --regid=$3 --clear-groups env XDG_RUNTIME_DIR=/run/user/$2"
    else p N denied ask "$q"; return
    fi
  fi
  command -v systemctl >/dev/null || { p N absent ask "$q"; return; }
  s="timeout 20 $s systemctl ${2:+--user} --no-pager"
  a=$($s list-units --all --plain --no-legend --type=service </dev/null) || { p N failed ask "$q"; return; }
  b=$($s list-unit-files --no-legend --type=service </dev/null)
  set -f
  a=$(printf '%s\n' "$a" "$b" | cut -d ' ' -f 1 | grep -v '@\.' | sort -u)
  p A "$q"
  { [ -z "$a" ] || $s show -p "$unit_properties" -- $a </dev/null; p S $?; } | head -c 8388608
  set +f
}
engine() {
  s=/var/run/docker.sock
  [ -S $s ] || { p N absent ask "$1"; return; }
  [ -w $s ] || { p N denied ask "$1"; return; }
  if command -v curl >/dev/null; then
    p A "$1"
    { curl -s -g -m 15 -w '\n%{http_code}' --unix-socket $s "http://localhost$2" </dev/null; p S $?; } |
      head -c 8388608
  elif command -v perl >/dev/null; then
    p A "$1"
    { timeout 20 perl -MIO::Socket::UNIX -e '
        my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 1;
        print $s "GET $ARGV[1] HTTP/1.0\r\nHost: localhost\r\n\r\n"; $s->flush;
        my $h = <$s>; my ($c) = $h =~ /^HTTP\S* (\d+)/ or exit 1;
        while (<$s>) { last if /^\r?\n$/ }
        local $/; my $b = <$s>; print $b, "\n", $c;' $s "$2" </dev/null; p S $?; } | head -c 8388608
  else p N failed ask "$1"
  fi
}
processes() {
  list /proc
  p T 0 16777216
  find /proc/[0-9]*/exe /proc/[0-9]*/cwd -maxdepth 0 -printf "$f%p\\0%l\\0"
  p T 1 16777216
  find /proc/[0-9]*/fd -maxdepth 1 -printf "$f%p\\0%l\\0" | head -c 16777216
  [ "$i" = 0 ] || { p U; find /proc/[0-9]*/fd -maxdepth 0 ! -readable -print0; }
  p G
  grep -aH '' /proc/[0-9]*/stat /proc/[0-9]*/cgroup | head -c 16777216
  p H
  grep -azH '' /proc/[0-9]*/cmdline | head -c 16777216
}
)sh";

// Beside what an audit of any machine reads there stands what it reads next, once it has read that: each line
// here saves many machines a round.
constexpr std::string_view kSweep = R"sh(
[ "$(find / -maxdepth 0 -printf x)" = x ] || { p N absent ask find; }
told now date +%s
told 'getconf CLK_TCK' getconf CLK_TCK
told 'getconf PAGESIZE' getconf PAGESIZE
told hostname hostname
told id id -u
tree 1 / /usr /usr/local /run /run/systemd /var /var/lib /var/log /opt /srv /root /tmp /var/tmp
tree 1 /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /usr/lib /run/user /var/spool
tree 6 /etc
tree 2 /usr/lib/systemd/system /usr/lib/systemd/user /usr/local/lib/systemd /run/systemd/system
tree 2 /var/spool/cron /var/lib/systemd/linger /var/lib/fail2ban /sys/class/block
processes
for d in /etc/systemd /etc/systemd/*.d /etc/systemd/system /etc/systemd/system/*.d /etc/systemd/user \
  /etc/systemd/user/*.d /run/systemd/system /run/systemd/system/*.d /usr/local/lib/systemd/system \
  /usr/lib/systemd/system /usr/lib/systemd/system/*.d /usr/lib/systemd/user /usr/lib/systemd/user/*.d \
  /etc/ssh /etc/ssh/sshd_config.d /etc/ssh/ssh_config.d /etc/cron.d /etc/cron.hourly /etc/cron.daily \
  /etc/cron.weekly /etc/cron.monthly /var/spool/cron/crontabs /etc/sudoers.d /etc/fail2ban \
  /etc/fail2ban/jail.d /etc/ufw /etc/apt/apt.conf.d /etc/docker /etc/meshops /etc/logrotate.d \
  /etc/audit/rules.d /etc/netplan /etc/default; do
  [ ! -d "$d" ] || texts "$d"
done
for x in /etc/passwd /etc/group /etc/crontab /etc/fstab /etc/hosts /etc/hostname /etc/resolv.conf \
  /etc/nsswitch.conf /etc/os-release /etc/environment /etc/sudoers /etc/timezone /proc/self/mountinfo /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 /proc/meminfo \
  /proc/stat /proc/net/ip_tables_names /proc/pressure/memory /run/systemd/resolve/resolv.conf; do
  get 0 8388608 "$x"
done
disk /
while IFS=: read -r name x uid gid gecos home shell; do
  case $home in /*[!/]*) ;; *) continue ;; esac
  [ -d "$home" ] || { look "$home"; continue; }
  case " $done_ " in *" $home "*) continue ;; esac
  done_="$done_ $home"
  case $home in /root | /home/* | /srv/* | /opt/* | /var/lib/*) ;; *) look "$home"; continue ;; esac
  tree 1 "$home"
  for d in "$home/.ssh" "$home/.config/systemd/user" "$home/.local/share/systemd/user" "$home/.config/meshops"; do
    [ ! -d "$d" ] || { tree 2 "$d"; texts "$d"; }
  done
  for d in "$home"/.openclaw*; do
    [ ! -d "$d" ] || { tree 3 "$d"; texts "$d"; }
  done
  [ -d "/run/user/$uid" ] && units "units $name" "$uid" "$gid"
done </etc/passwd
units units '' ''
told sshd_effective sshd -T
told firewall_nft nft -j list ruleset
told firewall_iptables iptables-save
told bans fail2ban-client banned
told packages dpkg-query -W
told clock timedatectl show
engine 'engine /containers/json' /containers/json
engine 'engine /info' /info
engine 'engine /system/df' /system/df
)sh";

/// One call with many words, or several if there are too many for one line.
void calls(std::string& out, std::string_view function, const std::vector<std::string>& paths) {
  constexpr std::size_t kAtOnce = 64;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (i % kAtOnce == 0) out += fmt::format("{}{}", i == 0 ? "" : "\n", function);
    out += " " + shell_word(paths[i]);
  }
  if (!paths.empty()) out += "\n";
}

}  // namespace

std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (char c : text.substr(0, text.find('\0'))) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

std::string opening(std::string_view mark) {
  return fmt::format("m={}\nunit_properties={}{}", shell_word(mark), unit_properties(), kFunctions);
}
std::string sweep() { return std::string(kSweep); }
std::string sweep_or(std::string_view version, const std::vector<std::string>& arguments) {
  std::string call = "timeout 300 meshops";
  for (const auto& argument : arguments) call += " " + shell_word(argument);
  return fmt::format(
      "if command -v meshops >/dev/null && [ \"$(timeout 10 meshops --version </dev/null)\" = {} ]; then\n"
      "p A meshops\n{{ {} </dev/null; p S $?; }} | head -c {}\nelse\n{}fi\n",
      shell_word(version), call, kMostOfATool, kSweep);
}
std::string closing() { return "p Z\n"; }
std::string end_of_answer(std::string_view mark) {
  std::string out(mark);
  out.append("\0Z\0", 3);
  return out;
}

std::string request(const std::vector<Want>& wants) {
  std::vector<std::string> looks, lists, disks, parts;
  std::string gets, asks;
  std::size_t taken = 0;
  for (const auto& want : wants) {
    if (++taken > kMostWants) break;
    if (want.path.find('\0') != std::string::npos || want.path.size() > 4096) continue;
    if (want.kind != Want::Kind::ask && !want.path.starts_with('/')) continue;
    switch (want.kind) {
      case Want::Kind::look:
        looks.push_back(want.path);
        break;
      case Want::Kind::list:
        lists.push_back(want.path);
        break;
      case Want::Kind::disk:
        disks.push_back(want.path);
        break;
      case Want::Kind::read:
        gets += fmt::format("get {} {} {}\n", want.from, std::min<std::uint64_t>(want.most, kMostOfAFile),
                            shell_word(want.path));
        parts.push_back(want.path);
        break;
      case Want::Kind::ask: {
        if (want.argv.empty()) break;
        bool own = want.argv[0] == "environ" || want.argv[0] == "units" || want.argv[0] == "engine";
        asks += fmt::format("{} {}", own ? want.argv[0] : "told", shell_word(want.path));
        for (std::size_t i = own ? 1 : 0; i < want.argv.size(); ++i) asks += " " + shell_word(want.argv[i]);
        asks += "\n";
        break;
      }
    }
  }
  std::string out;
  calls(out, "look", looks);
  calls(out, "list", lists);
  calls(out, "disk", disks);
  calls(out, "is", parts);
  return out + gets + asks;
}

}  // namespace meshops::capture
