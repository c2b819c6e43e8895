// ssh: who may log in through the daemon, by what, and how well the connection is protected.
#include <algorithm>
#include <array>
#include <set>

#include "audit/line_edit.h"
#include "audit/ssh_files.h"
#include "audit/ssh_rules.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

using Conditions = std::vector<const ssh::Line*>;
using sshd::Setting;

constexpr std::string_view kLockOut =
    "first: a key that works (ssh -o PreferredAuthentications=publickey HOST true), and a second session "
    "that stays "
    "open; ";

std::string title_of(const Conditions& conditions) {
  std::string out;
  for (const auto* match : conditions) out += (out.empty() ? "Match " : ", Match ") + match->rest;
  return out;
}

/// What sshd says of itself where it can be asked, else the files.
struct View {
  const SshDaemon* daemon = nullptr;
  const SshdAnswer* answer = nullptr;

  std::string value(std::string_view keyword, const Conditions& where, std::string_view otherwise) const {
    const auto* set = daemon != nullptr ? daemon->config.where(keyword, where) : nullptr;
    if (where.empty() && answer != nullptr)
      if (auto found = answer->values.find(std::string(keyword));
          found != answer->values.end() && !found->second.empty())
        return found->second.front();
    return set != nullptr ? set->line->values() : std::string(otherwise);
  }
  const Setting* setting(std::string_view keyword, const Conditions& where) const {
    return daemon != nullptr ? daemon->config.where(keyword, where) : nullptr;
  }
  /// The line that says so; the file where none does.
  Where at(const Site& site, const Setting* set) const {
    if (set != nullptr) return site.at(set->file->file, set->line->number, set->line->args[0].column);
    return daemon != nullptr ? site.at(daemon->path) : Where{};
  }
};

/// One for each configuration; on a running machine without a readable one, what sshd says.
std::vector<View> views(const Site& site, Findings& out) {
  const auto& files = site.facts<SshFiles>();
  files.tell_skips(out);
  std::vector<View> list;
  const auto& answer = site.facts<SshdAnswer>();
  const auto* asked = site.live() && answer.error.empty() ? &answer : nullptr;
  for (const auto& daemon : files.daemons()) list.push_back({&daemon, asked});
  if (list.empty() && asked != nullptr) list.push_back({nullptr, asked});
  return list;
}

// --- SSH-007

/// Chains of AuthenticationMethods; empty: any single one is enough.
std::vector<std::set<std::string>> chains_of(std::string_view value) {
  std::vector<std::set<std::string>> out;
  for (auto word : words(value)) {
    if (word == "any") return {};
    auto& chain = out.emplace_back();
    for (auto method : split(word, ',')) chain.emplace(method.substr(0, method.find(':')));
  }
  return out;
}

struct Ways {
  bool password = false, interactive = false;
  bool any() const { return password || interactive; }
};

Ways ways_in(const View& view, const Conditions& where) {
  // A drop-in alone proves only what it says.
  bool fragment = view.daemon != nullptr && view.daemon->fragment && view.answer == nullptr;
  std::string_view unsaid = fragment ? "no" : "yes";
  bool password = ssh::is_yes(view.value("passwordauthentication", where, unsaid));
  // Keyboard-interactive asks through PAM; without PAM there is nobody to ask.
  bool interactive = ssh::is_yes(view.value("kbdinteractiveauthentication", where, unsaid)) &&
                     ssh::is_yes(view.value("usepam", where, fragment ? "yes" : "no"));
  auto chains = chains_of(view.value("authenticationmethods", where, "any"));
  if (chains.empty()) return {password, interactive};
  Ways out;
  for (const auto& chain : chains) {
    bool with_password = chain.contains("password"),
         with_interactive = chain.contains("keyboard-interactive");
    auto others = chain.size() - (with_password ? 1 : 0) - (with_interactive ? 1 : 0);
    if (others != 0 || (with_password && !password) || (with_interactive && !interactive)) continue;
    out.password = out.password || with_password;
    out.interactive = out.interactive || (with_interactive && !with_password);
  }
  return out;
}

void tell_password(const Site& site, Findings& out, const View& view, const Conditions& where,
                   const Setting* set, std::string_view keyword, std::string_view spelled) {
  auto scope = title_of(where);
  std::string found = set != nullptr ? fmt::format("{} {}", spelled, set->line->values())
                                     : fmt::format("{} is not set: yes, the default", spelled);
  if (view.answer != nullptr && where.empty() && (set == nullptr || !ssh::is_yes(set->line->value())))
    found = fmt::format("sshd -T: {} yes", keyword);
  out.add(view.at(site, set))
      .found("{}{}", found, scope.empty() ? "" : " for " + scope)
      .wanted("{} no", spelled)
      .message("anybody who can reach port 22 may try passwords{}, and sooner or later one fits",
               scope.empty() ? std::string() : " where " + scope + " holds")
      .fix(
          "{}then PasswordAuthentication no and KbdInteractiveAuthentication no{}; sshd -t && systemctl "
          "reload ssh; "
          "log in from a third session before you close the second",
          kLockOut, scope.empty() ? std::string() : " below " + scope)
      .about("{}{}", keyword, scope.empty() ? "" : " " + scope);
}

void passwords(const Site& site, Findings& out) {
  for (const auto& view : views(site, out)) {
    auto outside = ways_in(view, {});
    auto tell = [&](const Ways& ways, const Conditions& where, bool only_here) {
      const auto* password = view.setting("passwordauthentication", where);
      const auto* interactive = view.setting("kbdinteractiveauthentication", where);
      auto of_here = [&](const Setting* s) { return !only_here || (s != nullptr && !s->conditions.empty()); };
      bool told = false;
      if (ways.password && of_here(password)) {
        tell_password(site, out, view, where, password, "passwordauthentication", "PasswordAuthentication");
        told = true;
      }
      // One door is enough to tell, but for a second line that has to be changed as well.
      if (ways.interactive && of_here(interactive) && (!told || interactive != nullptr)) {
        tell_password(site, out, view, where, interactive, "kbdinteractiveauthentication",
                      "KbdInteractiveAuthentication");
        told = true;
      }
      // Open outside, closed by AuthenticationMethods, and this block takes that back.
      const auto* methods = view.setting("authenticationmethods", where);
      if (!told && only_here && ways.any() && !outside.any() && methods != nullptr &&
          !methods->conditions.empty())
        tell_password(site, out, view, where, methods, "authenticationmethods", "AuthenticationMethods");
    };
    tell(outside, {}, false);
    if (view.daemon == nullptr) continue;
    for (const auto& where : view.daemon->config.contexts()) {
      if (std::ranges::all_of(where, [](const auto* m) { return sshd::always_holds(*m); })) continue;
      tell(ways_in(view, where), where, true);
    }
  }
}

// --- SSH-008

/// 1: holds for root whatever else, 0: may hold for root, -1: never does.
int for_root(const ssh::Line& match) {
  auto [criteria, good] = ssh::parse_match(match.rest);
  if (!good) return -1;
  int out = 1;
  for (const auto& c : criteria) {
    if (c.name == "user" || c.name == "group") {
      if (ssh::match_list("root", c.value) != 1) return -1;
    } else if (c.name != "all" && c.value != "*") {
      out = 0;
    }
  }
  return out;
}

/// AllowUsers and its like may keep root out whatever PermitRootLogin says.
bool root_kept_out(const SshDaemon& daemon) {
  bool allow_users = false, allowed = false, allow_groups = false, group_allowed = false;
  for (const auto& s : daemon.config.settings()) {
    if (!s.conditions.empty()) continue;
    const auto& keyword = s.line->keyword;
    for (const auto& word : s.line->args) {
      std::string_view user = std::string_view(word.text).substr(0, word.text.find('@'));
      bool whole = user.size() == word.text.size();
      if (keyword == "denyusers" && whole && ssh::match_pattern("root", user)) return true;
      if (keyword == "denygroups" && ssh::match_pattern("root", word.text)) return true;
      if (keyword == "allowusers") {
        allow_users = true;
        allowed = allowed || ssh::match_pattern("root", user);
      }
      if (keyword == "allowgroups") {
        allow_groups = true;
        group_allowed = group_allowed || ssh::match_pattern("root", word.text);
      }
    }
  }
  return (allow_users && !allowed) || (allow_groups && !group_allowed);
}

void tell_root(const Site& site, Findings& out, const View& view, const Conditions& where, const Setting* set,
               const std::string& value) {
  bool open = ssh::is_yes(value);
  if (ssh::is_no(value)) return;
  auto scope = title_of(where);
  out.add(view.at(site, set))
      .severity(open ? Severity::high : Severity::low)
      .found("PermitRootLogin {}{}{}", value, set == nullptr ? " (the default)" : "",
             scope.empty() ? "" : " for " + scope)
      .wanted("PermitRootLogin no")
      .message("{}",
               open ? "whoever guesses or steals one credential owns the machine, and the log only says root"
                    : "root can log in by key: nobody can tell afterwards which person it was")
      .fix(
          "{}an account of your own that may use sudo; then PermitRootLogin no; sshd -t && systemctl reload "
          "ssh",
          kLockOut)
      .about("PermitRootLogin{}", scope.empty() ? "" : " " + scope);
}

void root_login(const Site& site, Findings& out) {
  constexpr std::string_view kDefault = "prohibit-password";
  for (const auto& view : views(site, out)) {
    if (view.daemon == nullptr) {
      tell_root(site, out, view, {}, nullptr, view.value("permitrootlogin", {}, kDefault));
      continue;
    }
    if (root_kept_out(*view.daemon)) continue;
    const auto contexts = view.daemon->config.contexts();
    Conditions always;
    for (const auto& where : contexts)
      for (const auto* match : where)
        if (for_root(*match) == 1) always.push_back(match);
    const auto* set = view.setting("permitrootlogin", always);
    std::string value = set != nullptr ? std::string(set->line->value()) : std::string(kDefault);
    // sshd -T speaks of nobody in particular.
    if (view.answer != nullptr && (set == nullptr || set->conditions.empty()))
      value = view.value("permitrootlogin", {}, kDefault);
    if (set != nullptr || !view.daemon->fragment) tell_root(site, out, view, {}, set, value);
    for (auto where : contexts) {
      int least = 1;
      for (const auto* match : where) least = std::min(least, for_root(*match));
      if (least != 0) continue;
      auto scope = where;
      where.insert(where.end(), always.begin(), always.end());
      const auto* here = view.setting("permitrootlogin", where);
      if (here == nullptr || here->conditions != scope) continue;
      tell_root(site, out, view, scope, here, std::string(here->line->value()));
    }
  }
}

// --- SSH-009

bool is_weak(std::string_view keyword, std::string_view name) {
  auto starts = [&](std::string_view word) { return name.starts_with(word); };
  if (keyword == "kexalgorithms")
    return name.ends_with("-sha1") || (starts("gss-") && name.find("sha1") != std::string_view::npos);
  if (keyword == "ciphers")
    return name.find("-cbc") != std::string_view::npos || starts("arcfour") || starts("3des") ||
           starts("blowfish") || starts("cast128") || starts("des") || name == "none";
  return starts("hmac-md5") || starts("hmac-sha1") || starts("hmac-ripemd160") || starts("umac-64") ||
         name == "none";
}

/// What this OpenSSH can do at all and should not: what a wildcard may bring in.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kWeakOnes = {{
    {"kexalgorithms", "diffie-hellman-group1-sha1"},
    {"kexalgorithms", "diffie-hellman-group14-sha1"},
    {"kexalgorithms", "diffie-hellman-group-exchange-sha1"},
    {"ciphers", "3des-cbc"},
    {"ciphers", "aes128-cbc"},
    {"ciphers", "aes192-cbc"},
    {"ciphers", "aes256-cbc"},
    {"macs", "hmac-sha1"},
    {"macs", "hmac-sha1-96"},
    {"macs", "hmac-md5"},
    {"macs", "hmac-md5-96"},
    {"macs", "hmac-md5-etm@openssh.com"},
}};

struct Lists {
  std::vector<std::string> weak, good;
  char prefix = 0;
};
Lists read_list(std::string_view keyword, std::string_view value) {
  Lists out;
  if (!value.empty() && (value[0] == '+' || value[0] == '-' || value[0] == '^')) {
    out.prefix = value[0];
    value.remove_prefix(1);
  }
  // Taking away from the defaults adds nothing.
  if (out.prefix == '-') return out;
  for (auto name : split(value, ',')) {
    bool weak = is_weak(keyword, name);
    if (ssh::has_wildcard(name))
      weak = std::ranges::any_of(kWeakOnes, [&](const auto& one) {
        return one.first == keyword && ssh::match_pattern(one.second, name);
      });
    (weak ? out.weak : out.good).emplace_back(name);
  }
  return out;
}

std::string_view spelled(std::string_view keyword) {
  return keyword == "ciphers" ? "Ciphers" : keyword == "macs" ? "MACs" : "KexAlgorithms";
}

void tell_weak(const Site& site, Findings& out, const ssh::Config& file, const ssh::Line& line, bool daemon) {
  auto lists = read_list(line.keyword, line.value());
  if (lists.weak.empty()) return;
  const auto& word = line.args[0];
  auto weak = join(lists.weak, ",");
  std::string better = lists.good.empty() ? std::string() : join(lists.good, ",");
  if (!better.empty() && lists.prefix != 0) better.insert(0, 1, lists.prefix);
  std::optional<Mend> mend;
  if (auto text = site.host().read(file.file)) {
    // Without any left the line goes, and the defaults are good.
    auto bytes = better.empty() ? without_line(*text, line.number)
                                : with_words(*text, line.number, word.column, word.length, better);
    mend = daemon ? sshd_mend(site, file.file, std::move(bytes))
                  : Mend{.files = {{.path = file.file, .bytes = std::move(bytes)}}};
  }
  out.add(site.at(file.file, line.number, word.column))
      .found("{} {} has {}", spelled(line.keyword), line.value(), weak)
      .wanted("{}", better.empty() ? fmt::format("no {} line: the defaults are good", spelled(line.keyword))
                                   : fmt::format("{} {}", spelled(line.keyword), better))
      .message(
          "an attacker between the two ends can steer a connection to {}, which is broken or close to it",
          weak)
      .fix("{}", better.empty() ? fmt::format("delete line {}", line.number)
                                : fmt::format("{} {}", spelled(line.keyword), better))
      .about("{}", line.keyword)
      .mend(std::move(mend));
}

void weak_algorithms(const Site& site, Findings& out) {
  constexpr std::array<std::string_view, 3> kKeywords = {"kexalgorithms", "ciphers", "macs"};
  const auto& files = site.facts<SshFiles>();
  files.tell_skips(out);
  for (const auto& daemon : files.daemons())
    for (auto keyword : kKeywords)
      if (const auto* set = daemon.config.global(keyword)) tell_weak(site, out, *set->file, *set->line, true);
  std::set<const ssh::Line*> seen;
  for (const auto& client : files.clients())
    for (const auto& at : client.everything()) {
      if (std::ranges::find(kKeywords, at.line->keyword) == kKeywords.end() || seen.contains(at.line))
        continue;
      std::vector<std::string> hosts;
      if (at.block != nullptr)
        for (const auto& name : ssh::names_of(*at.block)) hosts.push_back(ssh::sample_of(name));
      if (hosts.empty()) hosts.emplace_back("nobody-named-this.invalid");
      bool counts = std::ranges::any_of(hosts, [&](const auto& host) {
        auto lines = client.for_host(host);
        const auto* first = ssh::effective(lines, at.line->keyword);
        return first != nullptr && first->line == at.line;
      });
      if (!counts) continue;
      seen.insert(at.line);
      tell_weak(site, out, *at.file, *at.line, false);
    }
}

const Rule kRules[] = {
    {.id = "SSH-007",
     .severity = Severity::critical,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "sshd accepts passwords",
     .why = "Every address on the internet is tried for passwords all day; a key cannot be guessed.",
     .not_when = "AuthenticationMethods that ask for a key as well; no sshd here",
     .remedy = "PasswordAuthentication no and KbdInteractiveAuthentication no, with a second session open "
               "while you "
               "try.",
     .check = passwords},
    {.id = "SSH-008",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "root can log in over SSH",
     .why = "One credential is the whole machine, and nobody can tell afterwards which person it was. By key "
            "only "
            "(prohibit-password, the default) it is low.",
     .not_when = "AllowUsers, DenyUsers or their like keep root out",
     .remedy = "PermitRootLogin no, and an account with sudo.",
     .check = root_login},
    {.id = "SSH-009",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "Weak key exchange, cipher or MAC",
     .why =
         "SHA-1, MD5, CBC and the like are broken or close to it, and both ends take what the other offers.",
     .not_when = "lists that only take away (-…); what OpenSSH offers by itself",
     .remedy = "Take the weak names out of the list, or the line with them.",
     .check = weak_algorithms},
};

}  // namespace

std::span<const Rule> ssh_daemon_rules() { return kRules; }

}  // namespace meshops::audit
