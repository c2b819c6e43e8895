// ssh itself is asked: what our reader says is effective for a host is what `ssh -G` prints, on
// configurations made from a fixed seed. 50 of them in a normal run (ssh takes 30 ms for each), 1,000 with
// MESHOPS_ORACLE=1. "Match exec" is not among them: we never run it. ProxyCommand beside ProxyJump is not,
// either: which of the two counts is no question of one keyword.
#include <gtest/gtest.h>
#include <pwd.h>

#include <algorithm>

#include "formats/ssh_client_config.h"
#include "unit/formats/openssh_oracle.h"

namespace meshops::ssh {
namespace {

using namespace oracle;

const std::vector<std::string> kHosts = {
    "alpha", "beta", "web1", "web2.example.org", "10.0.0.5", "db.internal", "WEB3.Example.org", "192.0.2.77"};
const std::vector<std::string> kPatterns = {
    "*",    "*",     "alpha",    "beta", "web?",  "web*",  "*.example.org",    "10.0.0.*",
    "db.*", "WEB3*", "*.[exi]*", "?*a",  "192.*", "*a*a*", "web2.example.org", "none"};

std::string local_user() {
  const auto* entry = ::getpwuid(::getuid());
  return entry != nullptr ? entry->pw_name : "";
}

/// Those that our rules read, and others of each kind: SSH-004 looks at every keyword.
const std::vector<Keyword>& keywords() {
  static const std::vector<Value> kFlags = {{{"yes"}}, {{"no"}}, {{"TRUE"}, "yes"}, {{"false"}, "no"}};
  static const std::vector<Keyword> kAll = {
      {{"HostName"}, {{{"alpha"}}, {{"%h.example.org"}}, {{"10.0.0.5"}}, {{"Web9"}}, {{"x%%y"}}}},
      {{"User"}, {{{"root"}}, {{"claw"}}, {{"git"}}, {{"Claw"}}}},
      {{"Port"}, {{{"22"}}, {{"2222"}}, {{"443"}}}},
      // A path after a "no" is printed and does nothing: ssh looks at the "no" first. So no paths here.
      {{"ForwardAgent"}, kFlags},
      {{"BatchMode"}, kFlags},
      {{"GatewayPorts"}, kFlags},
      {{"HashKnownHosts"}, kFlags},
      {{"PasswordAuthentication"}, kFlags},
      {{"IdentitiesOnly"}, kFlags},
      {{"TCPKeepAlive", "KeepAlive"}, kFlags},
      {{"KbdInteractiveAuthentication", "ChallengeResponseAuthentication", "SkeyAuthentication",
        "TISAuthentication"},
       kFlags},
      {{"ServerAliveInterval", "ProtocolKeepAlives", "SetupTimeOut"},
       {{{"0"}}, {{"15"}}, {{"60"}}, {{"2m"}, "120"}}},
      {{"ServerAliveCountMax"}, {{{"3"}}, {{"5"}}}},
      {{"StrictHostKeyChecking"},
       {{{"no"}, "false"}, {{"off"}, "false"}, {{"yes"}, "true"}, {{"accept-new"}}, {{"ask"}}}},
      {{"LogLevel"}, {{{"ERROR"}}, {{"VERBOSE"}}, {{"INFO"}}}},
      {{"ProxyJump"}, {{{"bastion"}}, {{"none"}}, {{"claw@jump:2222"}}}, false, false, true},
      {{"UserKnownHostsFile"}, {{{"/k/a"}}, {{"/k/a", "/k/b"}}, {{"/dev/null"}}}},
      {{"SetEnv"}, {{{"A=1"}}, {{"A=1", "B=2"}, "A=1\nB=2"}}},
      {{"Ciphers"}, {{{"aes256-ctr"}}, {{"+3des-cbc"}}, {{"-aes*"}}, {{"^aes128-ctr"}}}},
      {{"MACs"}, {{{"hmac-sha2-256"}}, {{"+hmac-md5"}}, {{"-umac-*"}}}},
      {{"KexAlgorithms"}, {{{"curve25519-sha256"}}, {{"+diffie-hellman-group14-sha1"}}}},
      {{"PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes"}, {{{"ssh-ed25519"}}, {{"+ssh-rsa"}}}},
      {{"IdentityFile", "IdentityFile2"}, {{{"/k/id_a"}}, {{"/k/id b"}}, {{"/k/id_c"}}}, true},
      {{"CertificateFile"}, {{{"/k/cert"}}, {{"/k/cert2"}}}, true},
      {{"SendEnv"}, {{{"LC_*"}}, {{"LANG", "X_*"}, "LANG\nX_*"}}, true},
      {{"LocalForward"},
       {{{"8080", "localhost:80"}, "8080 [localhost]:80"},
        {{"127.0.0.1:9000", "db:5432"}, "[127.0.0.1]:9000 [db]:5432"},
        {{"*:7000", "x:1"}, "[*]:7000 [x]:1"}},
       true},
      {{"RemoteForward"},
       {{{"2222", "localhost:22"}, "2222 [localhost]:22"}, {{"0.0.0.0:23", "a:22"}, "[0.0.0.0]:23 [a]:22"}},
       true},
      {{"DynamicForward"}, {{{"1080"}}, {{"*:1081"}, "[*]:1081"}}, true},
  };
  return kAll;
}

std::string host_line(Chance& chance) {
  std::string rest;
  for (auto n = 1 + chance.below(3); n > 0; --n)
    rest += (rest.empty() ? "" : " ") +
            quoted(chance, std::string(chance.one_in(5) ? "!" : "") + chance.of(kPatterns));
  return line_of(chance, "Host", rest);
}

std::string match_line(Chance& chance) {
  static const std::vector<std::string> kUsers = {"root", "claw", "git", "*", "c*", local_user()};
  if (chance.one_in(8))
    return line_of(chance, "Match",
                   chance.of<std::string>({"all", "all", "final all", "canonical all", "!all"}));
  std::string rest;
  for (auto n = 1 + chance.below(3); n > 0; --n) {
    static const std::vector<std::string> kNames = {"host", "host", "originalhost", "user", "localuser"};
    std::string criterion = chance.of<std::string>(kNames);
    bool user = criterion.ends_with("user");
    if (chance.one_in(12))
      criterion = chance.one_in(2) ? "final" : "canonical";
    else
      criterion = in_some_case(chance, criterion) + (chance.one_in(6) ? "=" : " ") +
                  pattern_list(chance, user ? kUsers : kPatterns);
    rest += (rest.empty() ? "" : " ") + std::string(chance.one_in(5) ? "!" : "") + criterion;
  }
  return line_of(chance, "Match", rest);
}

/// Writes one configuration with the files it includes.
class Writer {
 public:
  Writer(Chance& chance, const Folder& folder, std::string name)
      : chance_(chance), folder_(folder), name_(std::move(name)) {}

  void write() { file("config", 0); }

 private:
  void file(const std::string& as, int depth) {
    auto text = lines(chance_.below(3), depth);
    for (auto n = chance_.below(depth == 0 ? 6 : 3); n > 0; --n) {
      text += noise(chance_);
      text += chance_.one_in(2) ? host_line(chance_) : match_line(chance_);
      text += lines(chance_.below(5), depth);
    }
    if (chance_.one_in(6) && text.ends_with('\n')) text.pop_back();
    folder_.write(name_ + "/" + as, text);
  }
  std::string lines(std::size_t n, int depth) {
    std::string out;
    for (; n > 0; --n) {
      out += noise(chance_);
      if (depth < 3 && chance_.one_in(9))
        out += include(depth);
      else
        out += setting(chance_, chance_.of(keywords()));
    }
    return out;
  }
  std::string include(int depth) {
    std::string rest;
    for (auto n = 1 + chance_.below(2); n > 0; --n) {
      auto base = fmt::format("in{}", ++files_);
      auto path = (folder_.path() / name_ / base).string();
      auto way = chance_.below(4);
      if (way == 0) {  // several files, in the order of their names
        for (const auto* part : {"-b.conf", "-a.conf"}) file(base + part, depth + 1);
        path += chance_.one_in(2) ? "-*.conf" : "-[ab].conf";
      } else if (way == 1) {
        file(base + " x", depth + 1);
        path += " x";
      } else if (way == 2) {
        file(base, depth + 1);
      }  // else it is not there, which ssh passes over
      rest += (rest.empty() ? "" : " ") + quoted(chance_, path);
    }
    return line_of(chance_, "Include", rest);
  }

  Chance& chance_;
  const Folder& folder_;
  std::string name_;
  int files_ = 0;
};

/// ssh keeps one of what is said twice, but for SendEnv.
void drop_repeated(std::vector<std::string>& list) {
  std::vector<std::string> seen;
  for (auto& item : list)
    if (std::ranges::find(seen, item) == seen.end()) seen.push_back(item);
  list = std::move(seen);
}

std::string expand(std::string_view name, std::string_view host) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    bool percent = name[i] == '%' && i + 1 < name.size();
    out += !percent ? std::string(1, name[i]) : name[++i] == 'h' ? std::string(host) : std::string("%");
  }
  return out;
}

/// What ssh ought to print by what our reader says.
std::string expected(const Keyword& keyword, const std::vector<Applied>& lines, const std::string& host,
                     const Printed& defaults) {
  const auto name = keyword.name();
  auto unsaid = printed_of(defaults, name);
  if (keyword.adds_up) {
    std::vector<std::string> out;
    for (const auto& at : lines)
      if (at.line->keyword == name) out.push_back(keyword.shown(at.line->values()));
    if (name != "sendenv") drop_repeated(out);
    return out.empty() ? unsaid : join(out, "\n");
  }
  const auto* set = effective(lines, name);
  if (name == "hostname") return lower(set != nullptr ? expand(set->line->value(), host) : host);
  if (set == nullptr) {
    const auto* batch = effective(lines, "batchmode");
    // Debian's own default.
    if (name == "serveraliveinterval" && batch != nullptr && is_yes(batch->line->value())) return "300";
    return unsaid;
  }
  if (name == "ciphers" || name == "macs" || name == "kexalgorithms" || name == "pubkeyacceptedalgorithms")
    return algorithms(std::string(set->line->value()), unsaid);
  if (name == "proxyjump" && set->line->rest == "none") return unsaid;
  return keyword.shown(keyword.raw ? set->line->rest : set->line->values());
}

std::string ask(const Folder& folder, const std::string& script) {
  folder.write("ask.sh", script);
  return shell("cd '" + folder.path().string() + "' && sh ask.sh </dev/null");
}

TEST(SshOracle, WhatCountsForAHostIsWhatSshPrints) {
  if (shell("ssh -V").find("OpenSSH_9.2") == std::string::npos)
    GTEST_SKIP() << "there is no ssh of OpenSSH 9.2 here, whose grammar we read";
  Chance chance(922);
  Folder folder;
  folder.write("empty", "");
  const int count = how_many();
  std::vector<std::string> hosts;
  std::string script = "ssh -G -F empty nobody >out 2>err\n";
  for (int i = 0; i < count; ++i) {
    hosts.push_back(chance.of(kHosts));
    Writer(chance, folder, std::to_string(i)).write();
    script += fmt::format("ssh -G -F {0}/config {1} >{0}/out 2>{0}/err || : >{0}/out\n", i, hosts.back());
  }
  ask(folder, script);
  const auto defaults = printed(contents(folder.path() / "out"));
  ASSERT_FALSE(defaults.empty()) << contents(folder.path() / "err");
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
    const auto* main = tree.read((here / "config").string());
    const auto& host = hosts[static_cast<std::size_t>(i)];
    auto lines = applied_lines({{main, true}}, {.host = host, .local_user = local_user()}, tree.include());
    for (const auto& keyword : keywords())
      differences.compare(keyword.name(), expected(keyword, lines, host, defaults),
                          printed_of(theirs, keyword.name()), fmt::format("{} for {}", i, host), here);
  }
  EXPECT_EQ(differences.text(), "");
  EXPECT_LT(refused, count / 10) << "ssh takes too few of the configurations for this to mean anything:\n"
                                 << refusals;
}

}  // namespace
}  // namespace meshops::ssh
