// sshd itself is asked: what our reader says is effective for a connection is what `sshd -T -C …` prints, on
// configurations made from a fixed seed. 50 of them in a normal run (sshd takes 30 ms for each), 1,000 with
// MESHOPS_ORACLE=1. What sshd prints of a keyword is compared, and not what it does with it.
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>

#include <algorithm>

#include "formats/sshd_config.h"
#include "unit/formats/openssh_oracle.h"

namespace meshops::sshd {
namespace {

using namespace ssh::oracle;

/// Accounts of every Debian, and one that is nowhere.
const std::vector<std::string> kUsers = {"root", "daemon", "nobody", "www-data", "nowhere-to-be-found"};
const std::vector<std::string> kUserPatterns = {"root", "daemon", "no*", "*", "www-d?ta", "r*t", "claw"};
const std::vector<std::string> kGroupPatterns = {"root", "daemon", "no*", "www-*", "d*", "claw"};
const std::vector<std::string> kHosts = {"a.example.org", "B.Example.Org", "db", "10.1.2.3"};
const std::vector<std::string> kHostPatterns = {"*.example.org", "a.*", "B.example.org", "db", "*", "d?"};
const std::vector<std::string> kAddresses = {"10.1.2.3",    "10.0.0.1", "192.0.2.9",
                                             "2001:db8::7", "::1",      "UNKNOWN"};
const std::vector<std::string> kNetworks = {"10.0.0.0/8",    "10.1.2.3",    "10.0.0.*", "192.0.2.0/24",
                                            "2001:db8::/32", "2001:db8::*", "::1",      "10.1",
                                            "0.0.0.0/0",     "::/0"};

const std::vector<Keyword>& keywords() {
  static const std::vector<Value> kFlags = {{{"yes"}}, {{"no"}}, {{"YES"}, "yes"}, {{"No"}, "no"}};
  static const std::vector<Value> kNames = {{{"root"}}, {{"claw", "ops*"}, "claw\nops*"}, {{"a"}}};
  static const std::vector<Keyword> kAll = {
      {{"PasswordAuthentication"}, kFlags},
      {{"KbdInteractiveAuthentication", "ChallengeResponseAuthentication", "SkeyAuthentication"}, kFlags},
      {{"PubkeyAuthentication"}, {{{"yes"}}, {{"YES"}, "yes"}}},
      {{"PermitRootLogin"},
       {{{"yes"}},
        {{"no"}},
        {{"prohibit-password"}, "without-password"},
        {{"without-password"}},
        {{"Forced-Commands-Only"}, "forced-commands-only"}}},
      {{"AuthenticationMethods"}, {{{"any"}}, {{"publickey"}}, {{"publickey,password", "publickey"}}}},
      {{"GatewayPorts"}, {{{"yes"}}, {{"no"}}, {{"clientspecified"}}}},
      {{"AllowTcpForwarding"}, {{{"yes"}}, {{"no"}}, {{"local"}}, {{"all"}, "yes"}, {{"remote"}}}},
      {{"DisableForwarding"}, kFlags},
      {{"X11Forwarding"}, kFlags},
      {{"PermitEmptyPasswords"}, kFlags},
      {{"MaxAuthTries"}, {{{"3"}}, {{"6"}}, {{"10"}}}},
      {{"ClientAliveInterval"}, {{{"0"}}, {{"60"}}, {{"5m"}, "300"}}},
      {{"AuthorizedKeysFile"}, {{{".ssh/keys"}}, {{"/k/%u", ".ssh/a b"}}, {{"none"}}}},
      {{"ForceCommand"},
       {{{"/bin/false"}}, {{"internal-sftp", "-u", "077"}}, {{"none"}}, {{"echo", "\"a", "b\"", "#", "c"}}},
       false,
       false,
       true},
      {{"PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes"}, {{{"ssh-ed25519"}}, {{"+ssh-rsa"}}}},
      {{"AllowUsers"}, kNames, true},
      {{"DenyUsers"}, kNames, true},
      {{"AllowGroups"}, kNames, true},
      {{"DenyGroups"}, kNames, true},
      {{"AcceptEnv"}, {{{"LC_*"}}, {{"LANG", "X"}, "LANG\nX"}}, true},
      {{"UsePAM"}, kFlags, false, true},
      {{"StrictModes"}, kFlags, false, true},
      {{"TCPKeepAlive", "KeepAlive"}, kFlags, false, true},
      {{"LoginGraceTime"}, {{{"30"}}, {{"2m"}, "120"}, {{"0"}}}, false, true},
      {{"Ciphers"}, {{{"aes256-ctr"}}, {{"+3des-cbc"}}, {{"-aes*"}}, {{"^aes128-ctr"}}}, false, true},
      {{"MACs"}, {{{"hmac-sha2-256"}}, {{"+hmac-md5"}}, {{"-umac-*"}}}, false, true},
      {{"KexAlgorithms"}, {{{"curve25519-sha256"}}, {{"+diffie-hellman-group14-sha1"}}}, false, true},
      {{"Port"}, {{{"22"}}, {{"2222"}}, {{"443"}}}, true, true},
      {{"HostKey", "HostDSAKey"}, {{{"/k/a"}}, {{"/k/b c"}}}, true, true},
  };
  return kAll;
}

std::string match_line(Chance& chance) {
  if (chance.one_in(6)) return line_of(chance, "Match", in_some_case(chance, "All"));
  std::string rest;
  for (auto n = 1 + chance.below(3); n > 0; --n) {
    static const std::vector<std::pair<std::string, std::vector<std::string>>> kCriteria = {
        {"User", kUserPatterns}, {"User", kUserPatterns}, {"Group", kGroupPatterns},
        {"Host", kHostPatterns}, {"Address", kNetworks},  {"LocalAddress", kNetworks}};
    const auto& [name, patterns] = chance.of(kCriteria);
    rest += (rest.empty() ? "" : " ");
    if (chance.one_in(6))
      rest +=
          in_some_case(chance, "LocalPort") + " " + chance.of<std::string>({"22", "2222", "ssh", "\"22\""});
    else
      rest += in_some_case(chance, name) + (chance.one_in(6) ? "=" : " ") + pattern_list(chance, patterns);
  }
  return line_of(chance, "Match", rest);
}

/// Writes one configuration with the files it includes.
class Writer {
 public:
  Writer(Chance& chance, const Folder& folder, std::string name)
      : chance_(chance), folder_(folder), name_(std::move(name)) {}

  void write() { file("config", 0, false); }

 private:
  void file(const std::string& as, int depth, bool below_match) {
    auto text = lines(chance_.below(depth == 0 ? 8 : 3), depth, below_match);
    for (auto n = chance_.below(depth == 0 ? 5 : 2); n > 0; --n) {
      text += noise(chance_) + match_line(chance_);
      text += lines(chance_.below(5), depth, true);
    }
    if (chance_.one_in(6) && text.ends_with('\n')) text.pop_back();
    folder_.write(name_ + "/" + as, text);
  }
  std::string lines(std::size_t n, int depth, bool below_match) {
    std::string out;
    for (; n > 0; --n) {
      out += noise(chance_);
      if (depth < 3 && chance_.one_in(7)) {
        out += include(depth, below_match);
        continue;
      }
      const auto& keyword = chance_.of(keywords());
      if (!keyword.global || !below_match) out += setting(chance_, keyword);
    }
    return out;
  }
  std::string include(int depth, bool below_match) {
    std::string rest;
    for (auto n = 1 + chance_.below(2); n > 0; --n) {
      auto base = fmt::format("in{}", ++files_);
      auto path = (folder_.path() / name_ / base).string();
      auto way = chance_.below(4);
      if (way == 0) {  // several files, in the order of their names
        for (const auto* part : {"-b.conf", "-a.conf"}) file(base + part, depth + 1, below_match);
        path += chance_.one_in(2) ? "-*.conf" : "-[ab].conf";
      } else if (way == 1) {
        file(base + " x", depth + 1, below_match);
        path += " x";
      } else if (way == 2) {
        file(base, depth + 1, below_match);
      }  // else it is not there, which sshd passes over
      rest += (rest.empty() ? "" : " ") + quoted(chance_, path);
    }
    return line_of(chance_, "Include", rest);
  }

  Chance& chance_;
  const Folder& folder_;
  std::string name_;
  int files_ = 0;
};

std::vector<std::string> groups_of(const std::string& user) {
  std::vector<std::string> out;
  const auto* entry = ::getpwnam(user.c_str());
  if (entry == nullptr) return out;
  gid_t ids[64];
  int count = 64;
  if (::getgrouplist(user.c_str(), entry->pw_gid, ids, &count) < 0) return out;
  for (int i = 0; i < count; ++i)
    if (const auto* group = ::getgrgid(ids[i])) out.emplace_back(group->gr_name);
  return out;
}

Connection connection_of(Chance& chance) {
  Connection out{.user = chance.of(kUsers),
                 .host = chance.of(kHosts),
                 .address = chance.of(kAddresses),
                 .local_address = chance.of(kAddresses),
                 .local_port = chance.one_in(3) ? std::uint16_t{2222} : std::uint16_t{22}};
  out.groups = groups_of(out.user);
  return out;
}

bool all_hold(const Setting& setting, const Connection& connection) {
  return std::ranges::all_of(setting.conditions, [&](const auto* m) { return holds(*m, connection); });
}

/// Lists of matching blocks take the place of the global one.
std::vector<std::string> added_up(const Keyword& keyword, const Daemon& daemon,
                                  const Connection& connection) {
  std::vector<std::string> global, matching;
  for (const auto& s : daemon.settings()) {
    if (s.line->keyword != keyword.name()) continue;
    auto shown = keyword.shown(s.line->values());
    if (s.conditions.empty())
      global.push_back(shown);
    else if (all_hold(s, connection))
      matching.push_back(shown);
  }
  return matching.empty() ? global : matching;
}

/// What sshd ought to print by what our reader says.
std::string expected(const Keyword& keyword, const Daemon& daemon, const Connection& connection,
                     const Printed& defaults) {
  const auto name = keyword.name();
  auto unsaid = printed_of(defaults, name);
  if (keyword.adds_up) {
    auto list = added_up(keyword, daemon, connection);
    // The key of the command line stands before those of the file.
    if (name == "hostkey") list.insert(list.begin(), unsaid);
    return list.empty() ? unsaid : join(list, "\n");
  }
  const auto* set = keyword.global ? daemon.global(name) : daemon.effective(name, connection);
  if (set == nullptr) return unsaid;
  if (name == "ciphers" || name == "macs" || name == "kexalgorithms" || name == "pubkeyacceptedalgorithms")
    return algorithms(std::string(set->line->value()), unsaid);
  return keyword.shown(keyword.raw ? set->line->rest : set->line->values());
}

/// The rules ask which line counts where given blocks hold: the same as for a connection that they hold for.
/// Of a connection without a user they never ask: "Match User *" always holds to them.
bool same_where(const Keyword& keyword, const Daemon& daemon, const Connection& connection) {
  if (connection.user.empty()) return true;
  std::vector<const ssh::Line*> held;
  for (const auto& s : daemon.settings())
    for (const auto* match : s.conditions)
      if (holds(*match, connection)) held.push_back(match);
  return daemon.where(keyword.name(), held) == daemon.effective(keyword.name(), connection);
}

/// Without its empty folder below /run sshd does not even read its configuration: it gets one that only it
/// sees, where that can be done.
std::string ask(const Folder& folder, const std::string& script) {
  folder.write("ask.sh", script);
  auto run = "cd '" + folder.path().string() + "' && PATH=$PATH:/usr/sbin:/sbin; ";
  if (std::filesystem::is_directory("/run/sshd")) return shell(run + "sh ask.sh </dev/null");
  return shell(run +
               "unshare --map-root-user --mount sh -c "
               "'mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec sh ask.sh' </dev/null");
}

TEST(SshdOracle, WhatCountsForAConnectionIsWhatSshdPrints) {
  if (shell("ssh -V").find("OpenSSH_9.2") == std::string::npos)
    GTEST_SKIP() << "there is no OpenSSH 9.2 here, whose grammar we read";
  Chance chance(229);
  Folder folder;
  folder.write("empty", "");
  auto key = (folder.path() / "key").string();
  auto failed = shell("ssh-keygen -q -t ed25519 -N '' -f '" + key + "'");
  const auto command = "$(command -v sshd) -T -h '" + key + "'";
  failed += ask(folder, command + " -f empty >out 2>err");
  const auto defaults = printed(contents(folder.path() / "out"));
  if (defaults.empty())
    GTEST_SKIP() << "sshd cannot be asked here: " << failed << contents(folder.path() / "err");
  const int count = how_many();
  std::vector<Connection> connections;
  std::string script;
  for (int i = 0; i < count; ++i) {
    Writer(chance, folder, std::to_string(i)).write();
    // Without -C sshd judges a connection of which nothing is known: only "Match all" holds for it.
    bool unknown = chance.one_in(6);
    const auto& c = connections.emplace_back(unknown ? Connection{} : connection_of(chance));
    auto as = unknown ? std::string()
                      : fmt::format("-C user={},host={},addr={},laddr={},lport={}", c.user, c.host, c.address,
                                    c.local_address, c.local_port);
    script += fmt::format("{} -f {}/config {} >{}/out 2>{}/err || : >{}/out\n", command, i, as, i, i, i);
  }
  ask(folder, script);
  int refused = 0;
  std::string refusals;
  Differences differences;
  for (int i = 0; i < count; ++i) {
    auto here = folder.path() / std::to_string(i);
    const auto theirs = printed(contents(here / "out"));
    if (theirs.empty()) {
      refusals += contents(here / "err");
      ++refused;
      continue;
    }
    Tree tree;
    const Daemon daemon(*tree.read((here / "config").string()), tree.include());
    const auto& c = connections[static_cast<std::size_t>(i)];
    auto about = fmt::format("{} for {} of {} at {} to {} port {}", i, c.user, join(c.groups, "+"),
                             c.host + "=" + c.address, c.local_address, c.local_port);
    for (const auto& keyword : keywords()) {
      differences.compare(keyword.name(), expected(keyword, daemon, c, defaults),
                          printed_of(theirs, keyword.name()), about, here);
      differences.compare(keyword.name(), same_where(keyword, daemon, c) ? "" : "another line", "",
                          about + ", asked by where()", here);
    }
  }
  EXPECT_EQ(differences.text(), "");
  EXPECT_LT(refused, count / 5) << "sshd takes too few of the configurations for this to mean anything:\n"
                                << refusals;
}

}  // namespace
}  // namespace meshops::sshd
