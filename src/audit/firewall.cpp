#include "audit/firewall.h"

#include <algorithm>

#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;
using firewall::Input;
using firewall::Line;
using firewall::Verdict;

namespace {

/// KEY=value or KEY="value" of a shell's defaults file: the last one counts.
struct Setting {
  std::string value;
  std::size_t line = 0;
};
std::optional<Setting> setting(std::string_view text, std::string_view key) {
  std::optional<Setting> out;
  std::size_t number = 0;
  for (auto raw : split(text, '\n')) {
    ++number;
    auto line = trim(raw);
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != '=') continue;
    auto value = line.substr(key.size() + 1);
    if (auto mark = value.find(" #"); mark != std::string_view::npos) value = value.substr(0, mark);
    value = trim(value);
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
      value = value.substr(1, value.size() - 2);
    out = Setting{std::string(value), number};
  }
  return out;
}

bool ends_with_path(const fs::path& path, std::string_view end) {
  auto text = path.string();
  return text.ends_with(end) &&
         (text.size() == end.size() || text[text.size() - end.size() - 1] == '/' || end.starts_with('/'));
}

}  // namespace

bool Filter::denies_by_default() const {
  // Of IPv6 alone nothing is said: many machines have none.
  bool v4 = false;
  for (const auto& input : inputs) v4 = v4 || (input.v4 && input.policy == Verdict::deny);
  return active && v4;
}

Where Filter::policy_at() const {
  auto of = policy_file.empty() ? file : policy_file;
  if (of.empty()) return {};
  for (const auto& input : inputs)
    if (input.policy == Verdict::accept && input.policy_line != 0)
      return {of, input.policy_line, input.policy_column};
  return {of, 0, 0};
}

bool Firewall::denies_by_default() const {
  return std::ranges::any_of(filters_, [](const Filter& f) { return f.denies_by_default(); });
}

class FirewallGatherer {
 public:
  FirewallGatherer(const Site& site, Firewall& out) : site_(site), out_(out) {}

  void gather() {
    if (site_.live())
      kernel();
    else if (site_.repo())
      folder();
    else
      machine_files();
  }

 private:
  std::optional<std::string> read(const fs::path& path) {
    auto text = site_.host().read(path);
    if (text) return *text;
    if (!text.error().is("file.not_found"))
      out_.skips_.push_back({"", site_.shown(path), std::string(text.error().text())});
    return std::nullopt;
  }

  void kernel() {
    const auto* live = site_.running();
    auto nft = live->ask(Question::firewall_nft);
    auto tables = live->ask(Question::firewall_iptables);
    if (!nft && !tables) {
      // Without a program that could set one there is none.
      if (!has_tools()) return;
      out_.known_ = false;
      out_.skips_.push_back({"", "the kernel's packet filter", std::string(nft.error().text())});
      return;
    }
    Filter filter{.kind = nft ? "nftables" : "iptables"};
    if (tables) filter.inputs = firewall::parse_iptables_save(*tables);
    bool by_iptables = !filter.inputs.empty();
    if (nft)
      for (auto& input : firewall::parse_nft_json(*nft))
        // iptables of today writes into nftables, whose answer lacks what only iptables can tell of them.
        if (!by_iptables || input.name != filter.inputs.front().name)
          filter.inputs.push_back(std::move(input));
    if (!filter.inputs.empty()) out_.filters_.push_back(std::move(filter));
    // The older tables stand beside nftables, and not every iptables-save tells of them.
    auto legacy = site_.host().read("/proc/net/ip_tables_names").value_or("");
    bool filters = std::ranges::any_of(split(legacy, '\n'), [](auto name) { return name == "filter"; });
    if (filters && !by_iptables) {
      out_.known_ = false;
      out_.skips_.push_back({"", "the older tables of iptables", "iptables-save does not tell of them"});
    }
  }
  bool has_tools() const {
    for (const auto* tool :
         {"/usr/sbin/nft", "/sbin/nft", "/usr/sbin/iptables", "/sbin/iptables", "/usr/sbin/iptables-save",
          "/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-legacy-multi", "/usr/sbin/firewalld"})
      if (site_.host().stat(tool)) return true;
    return false;
  }

  /// ufw from its three files, which lie as in /etc below `etc`.
  void ufw(const fs::path& etc) {
    auto conf = read(etc / "ufw/ufw.conf");
    auto defaults = read(etc / "default/ufw");
    auto rules = read(etc / "ufw/user.rules");
    if (!conf && !defaults && !rules) return;
    Filter filter{.kind = "ufw"};
    auto enabled = conf ? setting(*conf, "ENABLED") : std::nullopt;
    filter.active = enabled && lower(enabled->value) == "yes";
    // A folder that holds only a part of it means it to be switched on.
    if (site_.repo() && !enabled) filter.active = true;
    filter.at = conf ? site_.at(etc / "ufw/ufw.conf", enabled ? enabled->line : 0, enabled ? 1 : 0) : Where{};
    Input input{.name = "ufw", .policy = Verdict::deny};
    if (defaults) {
      auto policy = setting(*defaults, "DEFAULT_INPUT_POLICY");
      filter.policy_file = site_.shown(etc / "default/ufw");
      if (policy) {
        if (lower(policy->value) == "accept") input.policy = Verdict::accept;
        input.policy_line = policy->line;
        input.policy_column = 1;
        filter.policy_found = "DEFAULT_INPUT_POLICY=\"" + policy->value + "\"";
      }
    }
    if (rules) {
      filter.file = site_.shown(etc / "ufw/user.rules");
      input.lines = firewall::parse_ufw_rules(*rules);
    }
    filter.inputs.push_back(std::move(input));
    out_.filters_.push_back(std::move(filter));
  }

  void file(const fs::path& path, std::string_view kind, bool active) {
    auto text = read(path);
    if (!text) return;
    Filter filter{.kind = kind, .active = active, .at = site_.at(path), .file = site_.shown(path)};
    filter.inputs = kind == "nftables" ? firewall::parse_nft(*text)
                                       : firewall::parse_iptables_save(*text, path.string().ends_with("v6"));
    if (!filter.inputs.empty()) out_.filters_.push_back(std::move(filter));
  }

  bool starts(std::string_view unit) const {
    for (const auto* target : {"sysinit.target.wants", "multi-user.target.wants", "basic.target.wants",
                               "network-pre.target.wants", "local-fs.target.wants"})
      if (site_.host().stat(fs::path("/etc/systemd/system") / target / unit)) return true;
    return false;
  }

  void machine_files() {
    ufw("/etc");
    file("/etc/nftables.conf", "nftables", starts("nftables.service"));
    for (const auto* rules : {"/etc/iptables/rules.v4", "/etc/sysconfig/iptables"})
      file(rules, "iptables",
           starts("netfilter-persistent.service") || starts("iptables.service") ||
               site_.host().stat("/etc/network/if-pre-up.d/iptables").has_value());
    if (auto conf = read("/etc/firewalld/firewalld.conf")) {
      // Its zones refuse what they do not name; only "trusted" lets all in.
      auto zone = setting(*conf, "DefaultZone");
      Filter filter{.kind = "firewalld",
                    .active = starts("firewalld.service"),
                    .file = "/etc/firewalld/firewalld.conf"};
      filter.at = {filter.file, 0, 0};
      filter.inputs.push_back({.name = "firewalld",
                               .policy = zone && zone->value == "trusted" ? Verdict::accept : Verdict::deny,
                               .policy_line = zone ? zone->line : 0});
      out_.filters_.push_back(std::move(filter));
    }
  }

  void folder() {
    std::vector<fs::path> etcs;
    for (const auto& found : site_.files().all()) {
      const auto& path = found.path;
      auto name = path.filename().string();
      auto parent = path.parent_path();
      auto seen = [&](const fs::path& etc) {
        if (std::ranges::find(etcs, etc) != etcs.end()) return;
        etcs.push_back(etc);
        ufw(etc);
      };
      if (parent.filename() == "ufw" && (name == "ufw.conf" || name == "user.rules"))
        seen(parent.parent_path());
      else if (ends_with_path(path, "default/ufw"))
        seen(parent.parent_path());
      else if (name == "user.rules" || name == "ufw.conf" || name == "ufw.default")
        loose(path, name);
      else if (name == "nftables.conf" || name.ends_with(".nft"))
        file(path, "nftables", true);
      else if (name == "rules.v4" || name == "iptables" || name == "iptables.rules" ||
               name.ends_with(".iptables") || name == "iptables.conf" || name == "iptables-save")
        file(path, "iptables", true);
    }
  }

  /// ufw's files outside of its folders.
  void loose(const fs::path& path, const std::string& name) {
    auto text = read(path);
    if (!text) return;
    Filter filter{.kind = "ufw", .file = site_.shown(path)};
    Input input{.name = "ufw", .policy = Verdict::deny};
    if (name == "user.rules") {
      input.lines = firewall::parse_ufw_rules(*text);
    } else if (auto enabled = setting(*text, "ENABLED"); enabled && name == "ufw.conf") {
      filter.active = lower(enabled->value) == "yes";
      filter.at = site_.at(path, enabled->line, 1);
    } else if (auto policy = setting(*text, "DEFAULT_INPUT_POLICY")) {
      if (lower(policy->value) == "accept") input.policy = Verdict::accept;
      input.policy_line = policy->line;
      input.policy_column = 1;
      filter.policy_found = "DEFAULT_INPUT_POLICY=\"" + policy->value + "\"";
    }
    filter.inputs.push_back(std::move(input));
    out_.filters_.push_back(std::move(filter));
  }

  const Site& site_;
  Firewall& out_;
};

Firewall Firewall::gather(const Site& site) {
  Firewall out;
  FirewallGatherer(site, out).gather();
  return out;
}

namespace {

using Who = Firewall::Passage::Who;

/// What one chain does with a new connection to that port.
Firewall::Passage through(const Filter& filter, const Input& input, std::string_view protocol,
                          std::uint16_t port) {
  Firewall::Passage here{.who = input.policy == Verdict::accept ? Who::anyone : Who::nobody,
                         .at = filter.policy_at(),
                         .rule = {}};
  std::optional<Firewall::Passage> some;
  for (const auto& line : input.lines) {
    // Rates, marks, what we do not know: that does not decide who may begin a connection.
    if (line.conditional || !line.v4 || line.interface == "lo" || !line.covers(protocol, port)) continue;
    bool partly = !line.from.empty() || !line.interface.empty();
    Firewall::Passage decided{line.verdict == Verdict::accept ? Who::anyone : Who::nobody,
                              filter.rule_at(line), line.text};
    if (!partly) {
      here = decided;
      break;
    }
    if (line.verdict == Verdict::accept && !some) {
      decided.who = Who::some;
      some = decided;
    }
  }
  return here.who == Who::nobody && some ? *some : here;
}

}  // namespace

Firewall::Passage Firewall::lets_in(std::string_view protocol, std::uint16_t port) const {
  std::optional<Passage> strictest;
  for (const auto& filter : filters_) {
    if (!filter.active) continue;
    for (const auto& input : filter.inputs) {
      if (!input.v4) continue;
      auto here = through(filter, input, protocol, port);
      if (!strictest || here.who < strictest->who) strictest = here;
    }
  }
  return strictest.value_or(Passage{});
}

std::string Firewall::text(const Passage& passage) {
  switch (passage.who) {
    case Passage::Who::nobody:
      return "refused by the firewall";
    case Passage::Who::some:
      return "let in by the firewall from some places: " + passage.rule;
    case Passage::Who::anyone:
      break;
  }
  return passage.rule.empty() ? "let in: no firewall rule refuses it"
                              : "let in by the firewall: " + passage.rule;
}

}  // namespace meshops::audit
