// Remedies for the machine around the gateway: bans, clock, resolver, kernel tables, meshops' own install.
#include "base/text.h"
#include "gateway/openclaw_install.h"
#include "heal/planning.h"
#include "heal/remedy_table.h"

namespace meshops::heal {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

struct Ban {
  std::string jail;
  std::string address;
};

bool is_jail(std::string_view name) {
  return !name.empty() && name.size() <= 60 && !name.starts_with('-') &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
             name.npos;
}
bool is_address(std::string_view text) {
  return text.find_first_of(".:") != text.npos && text.size() <= 45 &&
         text.find_first_not_of("0123456789abcdefABCDEF.:") == text.npos;
}
/// The word as a whole: 10.0.0.2 is not in 10.0.0.23.
bool has_word(std::string_view text, std::string_view word) {
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    auto part = [&](std::size_t i) {
      return i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) != 0 || text[i] == '.' ||
                                 text[i] == ':' || text[i] == '-');
    };
    auto end = at + word.size();
    // A full stop or colon that ends a sentence is no part of an address.
    bool goes_on = part(end) && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || part(end + 1));
    if ((at == 0 || !part(at - 1)) && !goes_on) return true;
  }
  return false;
}

/// Peers that are banned: "NOTICE [sshd] Ban 10.0.0.2" without an Unban after it; else by the evidence.
std::vector<Ban> banned_peers(const Patient& patient) {
  std::vector<Ban> bans;
  auto text = patient.log;
  for (const auto& evidence : patient.evidence) text += "\n" + evidence.text;
  for (const auto& peer : patient.peers) {
    if (!is_address(peer)) continue;
    std::string jail;
    bool banned = false;
    for (auto line : split(text, '\n')) {
      auto ban = line.find(fmt::format("] Ban {}", peer));
      auto again = line.find(fmt::format("] {} already banned", peer));
      auto unban = line.find(fmt::format("] Unban {}", peer));
      if (!has_word(line, peer)) continue;
      if (unban != line.npos) banned = false;
      auto at = std::min(ban, again);
      if (at == line.npos) continue;
      auto open = line.rfind('[', at);
      jail = open == line.npos ? std::string() : std::string(line.substr(open + 1, at - open - 1));
      banned = true;
    }
    if (!banned && jail.empty())
      for (const auto& evidence : patient.evidence)
        banned = banned ||
                 (has_word(evidence.text, peer) && lower(evidence.text).find("ban") != std::string::npos);
    if (banned) bans.push_back({is_jail(jail) ? jail : "sshd", peer});
  }
  return bans;
}

std::string addresses(const std::vector<Ban>& bans) {
  std::vector<std::string> names;
  for (const auto& ban : bans) names.push_back(ban.address);
  return join(names, ", ");
}

Planned telling_fail2ban(const Patient& patient, std::string_view doing, std::string_view taking_back,
                         std::string sentence) {
  Treatment treatment{.remedy = {}, .sentence = std::move(sentence)};
  for (const auto& ban : banned_peers(patient))
    treatment.actions.emplace_back(
        RunTool{.argv = {"fail2ban-client", "set", ban.jail, std::string(doing), ban.address},
                .undo = {"fail2ban-client", "set", ban.jail, std::string(taking_back), ban.address}});
  start_or_watch(patient, treatment, 60s);
  return treatment;
}

}  // namespace

Planned unban_peer(const Patient& patient, const Host&) {
  auto bans = banned_peers(patient);
  if (bans.empty()) return not_applicable("no peer of the mesh is banned");
  return telling_fail2ban(patient, "unbanip", "banip", fmt::format("lift the ban of {}", addresses(bans)));
}

Planned ignore_peer(const Patient& patient, const Host&) {
  auto bans = banned_peers(patient);
  if (bans.empty()) return not_applicable("no peer of the mesh is banned");
  // In fail2ban itself, not in its files: a ignoreip= of ours would replace the owner's.
  return telling_fail2ban(patient, "addignoreip", "delignoreip",
                          fmt::format("let fail2ban ignore {} until it starts anew", addresses(bans)));
}

Planned sync_clock(const Patient& patient, const Host& host) {
  for (auto wants : {"sysinit.target.wants/systemd-timesyncd.service",
                     "multi-user.target.wants/chrony.service", "multi-user.target.wants/chronyd.service",
                     "multi-user.target.wants/ntpsec.service", "multi-user.target.wants/ntp.service"})
    if (exists(host, fs::path("/etc/systemd/system") / wants))
      return not_applicable("time synchronisation is on ({}): look why it does not reach a server",
                            fs::path(wants).filename().string());
  Treatment treatment{.remedy = {},
                      .sentence = "switch time synchronisation on; it steps the clock",
                      .actions = {RunTool{.argv = {"timedatectl", "set-ntp", "true"},
                                          .undo = {"timedatectl", "set-ntp", "false"}}}};
  start_or_watch(patient, treatment, 2min);
  return treatment;
}

Planned restart_resolver(const Patient& patient, const Host& host) {
  auto text = host.read("/etc/resolv.conf", 64U << 10);
  if (!text || text->find("127.0.0.53") == std::string::npos)
    return not_applicable("systemd-resolved does not resolve names here");
  Treatment treatment{.remedy = {},
                      .sentence = "restart the node's resolver",
                      .actions = {RunTool{.argv = {"systemctl", "restart", "systemd-resolved.service"}}},
                      .undo_if_no_help = false};
  start_or_watch(patient, treatment, 60s);
  return treatment;
}

Planned raise_conntrack_max(const Patient& patient, const Host& host) {
  constexpr std::uint64_t kMost = 1U << 20;  // about 300 MB of kernel memory
  auto text = host.read("/proc/sys/net/netfilter/nf_conntrack_max", 4096);
  auto now = text ? to_number<std::uint64_t>(trim(*text)) : std::nullopt;
  if (!now) return not_applicable("the kernel tracks no connections");
  return raise_kernel_setting(patient, host, "net.netfilter.nf_conntrack_max", std::min(*now * 2, kMost),
                              "conntrack");
}

Planned reinstall_pinned_version(const Patient& patient, const Host& host) {
  // …/openclaw/2026.9.6-node26.10.0/node_modules/openclaw/openclaw.mjs
  const auto& command = patient.spec.command;
  auto install =
      command.size() > 1 ? fs::path(command[1]).parent_path().parent_path().parent_path() : fs::path();
  auto pinned = fmt::format("{}-node{}", kOpenclawVersion, kNodeVersion);
  if (install.filename() != pinned || install.parent_path().filename() != "openclaw" ||
      fs::path(command[1]) != install / "node_modules/openclaw/openclaw.mjs" ||
      fs::path(command[0]) != install / "node_modules/node/bin/node")
    return not_applicable("meshops did not install this OpenClaw");
  auto staging = fs::path(install.string() + ".new-" + patient.stamp);
  auto npm = [&](const std::string& package) {
    RunTool tool{.argv = {"npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix",
                          staging.string(), package},
                 .limit = 20min,
                 .undo = {"rm", "-r", "-f", "--", staging.string()}};
    // OpenClaw's install script runs, and refuses the Node.js of the distribution.
    tool.environment["PATH"] =
        fmt::format("{}/node_modules/node/bin:/usr/local/bin:/usr/bin:/bin", staging.string());
    return tool;
  };
  Treatment treatment{
      .remedy = {},
      .sentence = fmt::format("install OpenClaw {} anew; the old files are kept", kOpenclawVersion),
      .actions = {npm(fmt::format("node@{}", kNodeVersion)),
                  npm(fmt::format("openclaw@{}", kOpenclawVersion))},
      .then = Then::start,
      .gateway_stopped = true};
  if (exists(host, install))
    treatment.actions.emplace_back(MoveFile{install, aside(patient, install, "broken")});
  treatment.actions.emplace_back(MoveFile{staging, install});
  return treatment;
}

}  // namespace meshops::heal
