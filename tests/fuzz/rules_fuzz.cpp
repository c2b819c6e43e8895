// Every rule over one file from a hostile hand. The first line says which file it is (below); the rest is its
// text. Rules end, what they find stands inside the text and can be shown anywhere, reports are whole, and a
// mend changes something. Covers what rules read themselves: exports of a cloud, answers of the container
// engine, suppressions, environment files.
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>

#include "audit/allow.h"
#include "audit/gateway_seat.h"
#include "audit/report.h"
#include "audit/run.h"
#include "base/text.h"
#include "fakes/fake_host.h"
#include "fakes/fake_live.h"
#include "must.h"

using namespace meshops;
using namespace meshops::audit;

namespace {

struct Input {
  const char* path;
  Ground ground;
};
constexpr std::array kInputs = {
    Input{"/Dockerfile", Ground::repo},
    Input{"/compose.yaml", Ground::repo},
    Input{"/gateway.service", Ground::repo},
    Input{"/gateway.timer", Ground::repo},
    Input{"/etc/cron.d/backup", Ground::repo},
    Input{"/crontab", Ground::repo},
    Input{"/sshd_config", Ground::repo},
    Input{"/.ssh/config", Ground::repo},
    Input{"/.ssh/authorized_keys", Ground::repo},
    Input{"/openclaw.json", Ground::repo},
    Input{"/.env", Ground::repo},
    Input{"/example.org.zone", Ground::repo},
    Input{"/run.sh", Ground::repo},
    Input{"/mesh.toml", Ground::repo},
    Input{"/nginx.conf", Ground::repo},
    Input{"/notes.md", Ground::repo},
    Input{"/etc/docker/daemon.json", Ground::root},
    Input{"/etc/ufw/user.rules", Ground::root},
    Input{"/etc/nftables.conf", Ground::root},
    Input{"/etc/resolv.conf", Ground::root},
    Input{"/etc/hosts", Ground::root},
    Input{"/etc/fail2ban/jail.local", Ground::root},
    Input{"/etc/sudoers", Ground::root},
    Input{"/etc/apt/apt.conf.d/20auto-upgrades", Ground::root},
    Input{"/etc/systemd/journald.conf", Ground::root},
    Input{"/etc/systemd/system/gateway.service", Ground::root},
    Input{"/instances.json", Ground::cloud},
    Input{"/disks.json", Ground::cloud},
    Input{"/addresses.json", Ground::cloud},
    Input{"/routers.json", Ground::cloud},
    Input{"/subnets.json", Ground::cloud},
    Input{"/firewall-rules.json", Ground::cloud},
    Input{"/iam-policy.json", Ground::cloud},
    Input{"/service-account-keys.json", Ground::cloud},
    Input{"/tables.json", Ground::cloud},
    Input{"/org-policy.json", Ground::cloud},
    Input{"/resource-policies.json", Ground::cloud},
    Input{"/buckets.json", Ground::cloud},
    Input{"/networks.json", Ground::cloud},
    Input{"containers", Ground::live},
    Input{"engine_usage", Ground::live},
    Input{"engine_info", Ground::live},
    Input{"image_history", Ground::live},
    Input{"sshd_effective", Ground::live},
    Input{"firewall_nft", Ground::live},
    Input{"firewall_iptables", Ground::live},
    Input{"bans", Ground::live},
    Input{"packages", Ground::live},
    Input{"peers", Ground::live},
    Input{"resolvers", Ground::live},
    Input{"clock", Ground::live},
    Input{"reserved_blocks", Ground::live},
};

unsigned bit(Ground ground) {
  constexpr std::array kBits = {kLive, kRoot, kRepo, kCloud};
  return kBits[static_cast<std::size_t>(ground)];
}

/// In this thread, and without the rules that read a repository of git themselves.
Report report_of(const Site& site) {
  Report report{.target = "fuzz", .ground = site.ground()};
  for (const auto& domain : domains()) {
    if (domain.prefix == "GIT") continue;
    for (const auto& rule : domain.rules) {
      if ((rule.reads & bit(site.ground())) == 0) continue;
      Findings out(rule.id, rule.severity);
      rule.check(site, out);
      report.ran.push_back(&rule);
      report.findings.insert(report.findings.end(), out.list().begin(), out.list().end());
      report.skips.insert(report.skips.end(), out.skips().begin(), out.skips().end());
    }
  }
  std::map<std::string, std::size_t> seen;
  for (auto& finding : report.findings)
    finding.fingerprint = fingerprint(finding, seen[fingerprint(finding, 0)]++);
  return report;
}

void sound(const Finding& f, const std::string& file, std::string_view text) {
  must(!f.message.empty());
  // systemd ends a line at a NUL, too; editors do not.
  if (f.at.file != file || text.find('\0') != std::string_view::npos) return;
  auto lines = split(text, '\n');
  must(f.at.line <= lines.size());
  must(f.at.line > 0 || f.at.column == 0);
  if (f.at.line > 0) must(f.at.column <= lines[f.at.line - 1].size() + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view all(reinterpret_cast<const char*>(bytes), size);
  auto cut = all.find('\n');
  if (cut == std::string_view::npos) return 0;
  const auto* input =
      std::ranges::find(kInputs, all.substr(0, cut), [](const Input& s) { return std::string_view(s.path); });
  if (input == kInputs.end()) return 0;
  auto text = all.substr(cut + 1);

  FakeHost host;
  FakeLive live;
  host.alive = input->ground == Ground::live;
  if (host.alive)
    live.answers[input->path] = text;
  else
    host.file(input->path, std::string(text), 0644);
  const Site site(input->ground, host, host.alive ? &live : nullptr, Mesh{},
                  WallTime(std::chrono::seconds(1'795'000'000)));
  auto report = report_of(site);
  auto shown = host.alive ? std::string() : site.shown(input->path);
  for (const auto& finding : report.findings) {
    sound(finding, shown, text);
    if (!finding.mend) continue;
    for (const auto& change : finding.mend->files)
      if (change.bytes && change.path == input->path) must(*change.bytes != text);
  }

  for (const auto& allow : allows_in(text, shown)) must(allow.at.line >= 1 && allow.at.column >= 1);
  for (const auto& [name, value] : parse_environment_file(text)) must(!name.empty());

  const std::vector<Report> reports = {report};
  auto json = to_json(reports);
  must(nlohmann::json::accept(json));
  must(nlohmann::json::accept(to_sarif(reports)));
  // A rule may quote a file as it is; whoever shows it makes it safe.
  auto shown_text = to_text(reports, {}), page = to_html(reports);
  for (const auto* words : {&shown_text, &page}) {
    must(valid_utf8(*words));
    must(std::ranges::none_of(*words,
                              [](char c) { return c == '\x1b' || c == '\0' || c == '\r' || c == '\x7f'; }));
  }
  // The report of a moment ago: nothing is new, nothing has gone.
  auto change = compare(report, json);
  must(change.fresh.empty() && change.gone.empty());
  (void)compare(report, std::string(text));
  return 0;
}
