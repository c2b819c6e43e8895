#include "formats/firewall_rules.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "base/text.h"
#include "formats/firewall_chains.h"

namespace meshops::firewall {

namespace {

struct Service {
  std::string_view name;
  std::uint16_t port;
};
constexpr std::array<Service, 22> kServices = {
    {{"ssh", 22},         {"http", 80},    {"https", 443},     {"domain", 53},       {"smtp", 25},
     {"ftp", 21},         {"telnet", 23},  {"ntp", 123},       {"imap", 143},        {"imaps", 993},
     {"pop3", 110},       {"pop3s", 995},  {"mysql", 3306},    {"postgresql", 5432}, {"redis", 6379},
     {"submission", 587}, {"ldap", 389},   {"ms-sql-s", 1433}, {"x11", 6000},        {"openssh", 22},
     {"www", 80},         {"docker", 2375}}};

}  // namespace

std::vector<Ports> parse_ports(std::string_view text) {
  std::vector<Ports> out;
  for (auto part : split(text, ',')) {
    part = trim(part);
    auto dash = part.find_first_of(":-");
    auto one = [](std::string_view word) -> std::optional<std::uint16_t> {
      if (auto number = to_number<std::uint16_t>(word)) return number;
      auto low = lower(word);
      for (const auto& s : kServices)
        if (s.name == low) return s.port;
      return std::nullopt;
    };
    if (auto whole = one(part)) {
      out.push_back({*whole, *whole});
      continue;
    }
    if (dash == std::string_view::npos) return {};
    auto first = one(part.substr(0, dash)), last = one(part.substr(dash + 1));
    if (!first || !last || *last < *first) return {};
    out.push_back({*first, *last});
  }
  return out;
}

bool Line::covers(std::string_view wanted_protocol, std::uint16_t port) const {
  if (!protocol.empty() && protocol != wanted_protocol) return false;
  return ports.empty() ||
         std::ranges::any_of(ports, [&](const Ports& p) { return p.first <= port && port <= p.last; });
}

// --- iptables ---

namespace {

/// Known connections are not who may begin one.
bool begins_connections(std::string_view states) { return lower(states).find("new") != std::string::npos; }

class IptablesRule {
 public:
  /// The words behind "-A CHAIN".
  explicit IptablesRule(std::span<const std::string_view> word) : word_(word) {}

  Rule read() {
    while (i_ < word_.size() && !ended_) option();
    // Some packets only: whom it accepts gets in; whom it refuses may get in otherwise.
    if (narrow_ && !(rule_.decides && rule_.line.verdict == Verdict::accept)) rule_.line.conditional = true;
    return rule_;
  }

 private:
  std::string_view next() { return i_ < word_.size() ? word_[i_++] : std::string_view(); }

  void option() {
    auto& line = rule_.line;
    auto option = next();
    if (option == "!") {
      line.conditional = true;
      next();
      next();
    } else if (option == "-p" || option == "--protocol") {
      if (auto protocol = next(); protocol != "all") line.protocol = lower(protocol);
    } else if (option == "-s" || option == "--source") {
      if (auto from = next(); !is_anywhere(from)) line.from = std::string(from);
    } else if (option == "-i" || option == "--in-interface") {
      line.interface = std::string(next());
    } else if (option == "--dport" || option == "--dports" || option == "--destination-port") {
      line.ports = parse_ports(next());
      if (line.ports.empty()) line.conditional = true;
    } else if (option == "-d" || option == "--destination") {
      (is_group(word_.size() > i_ ? word_[i_] : "") ? line.conditional : narrow_) = true;
      next();
    } else if (option == "--ctstate" || option == "--state") {
      if (!begins_connections(next())) line.conditional = true;
    } else if (option == "-m" || option == "--match") {
      match(next());
    } else if (option == "--comment") {
      comment();
    } else if (option == "-j" || option == "--jump" || option == "-g") {
      target(next());
    } else if (option.starts_with("--limit") || option.starts_with("--hashlimit") ||
               option.starts_with("--connlimit-")) {
      next();
    } else if (option.starts_with('-')) {
      line.conditional = true;
    }
  }
  void match(std::string_view name) {
    constexpr std::array<std::string_view, 6> kPlain = {"tcp",       "udp",   "multiport",
                                                        "conntrack", "state", "comment"};
    if (std::ranges::find(kPlain, name) != kPlain.end()) return;
    if (name == "limit" || name == "hashlimit" || name == "connlimit")
      narrow_ = true;
    else if (name == "set")
      set();
    else
      rule_.line.conditional = true;
  }
  /// -m set --match-set NAME src
  void set() {
    if (i_ < word_.size() && word_[i_] == "--match-set") i_ += 3;
    rule_.line.from = "a set";
  }
  /// May hold blanks in quotes.
  void comment() {
    auto first = next();
    if (!first.starts_with('"') || (first.size() > 1 && first.ends_with('"'))) return;
    while (i_ < word_.size() && !next().ends_with('"')) {
    }
  }
  /// What follows are options of the target.
  void target(std::string_view name) {
    ended_ = true;
    rule_.decides = name == "ACCEPT" || name == "DROP" || name == "REJECT";
    rule_.returns = name == "RETURN";
    rule_.line.verdict = name == "ACCEPT" ? Verdict::accept : Verdict::deny;
    if (!rule_.decides && !rule_.returns) rule_.jump = std::string(name);
  }

  std::span<const std::string_view> word_;
  std::size_t i_ = 0;
  Rule rule_;
  bool narrow_ = false, ended_ = false;
};

}  // namespace

std::vector<Input> parse_iptables_save(std::string_view text, bool v6) {
  const std::string scope = v6 ? "ip6 filter" : "ip filter";
  Chains chains;
  bool filter = false;
  std::size_t number = 0, rules = 0;
  for (auto raw : split(text, '\n')) {
    ++number;
    auto line = trim(raw);
    if (line.starts_with('*')) {
      filter = line == "*filter";
      continue;
    }
    if (!filter || line.empty() || line.starts_with('#')) continue;
    auto word = words(line);
    if (line.starts_with(':')) {
      auto& chain = chains.at(scope, std::string(word[0].substr(1)));
      chain.family = v6 ? "ip6" : "ip";
      if (word.size() > 1 && word[1] == "DROP") chain.policy = Verdict::deny;
      chain.policy_line = number;
      chain.policy_column = 1;
      continue;
    }
    std::size_t from = word[0].starts_with('[') ? 1 : 0;  // counters
    if (word.size() < from + 2 || (word[from] != "-A" && word[from] != "-I") || ++rules > kMostRules)
      continue;
    auto rule = IptablesRule(std::span(word).subspan(from + 2)).read();
    rule.line.line = number;
    rule.line.column = static_cast<std::size_t>(line.data() - raw.data()) + 1;
    rule.line.text = std::string(line.substr(0, kLongestRule));
    rule.line.v4 = !v6;
    rule.line.v6 = v6;
    auto& list = chains.at(scope, std::string(word[from + 1])).rules;
    // Moving many each time would take for ever; iptables-save itself only appends.
    bool first = word[from] == "-I" && list.size() < 500;
    list.insert(first ? list.begin() : list.end(), std::move(rule));
  }
  const auto* chain = chains.find(scope, "INPUT");
  if (chain == nullptr) return {};
  return {chains.input(scope, "INPUT", *chain)};
}

// --- ufw ---

std::vector<Line> parse_ufw_rules(std::string_view text, bool v6) {
  std::vector<Line> out;
  std::size_t number = 0;
  for (auto raw : split(text, '\n')) {
    ++number;
    constexpr std::string_view kMark = "### tuple ###";
    auto line = trim(raw);
    if (!line.starts_with(kMark) || out.size() >= kMostRules) continue;
    // allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 [OpenSSH -] in[_eth0] [comment=…]
    auto word = words(line.substr(kMark.size()));
    if (word.size() < 7) continue;
    std::size_t last = word.size() - 1;
    while (last > 6 && word[last].starts_with("comment=")) --last;
    auto direction = word[last];
    if (!direction.starts_with("in")) continue;
    Line rule{.v4 = !v6, .v6 = v6, .line = number};
    rule.column = static_cast<std::size_t>(line.data() - raw.data()) + 1;
    auto action = word[0].substr(0, word[0].find('_'));
    if (action != "allow" && action != "limit" && action != "deny" && action != "reject") continue;
    rule.verdict = action == "allow" || action == "limit" ? Verdict::accept : Verdict::deny;
    if (word[1] != "any") rule.protocol = std::string(word[1]);
    if (word[2] != "any") rule.ports = parse_ports(word[2]);
    if (!is_anywhere(word[3]) || (word[2] != "any" && rule.ports.empty())) rule.conditional = true;
    if (!is_anywhere(word[5])) rule.from = std::string(word[5]);
    if (auto under = direction.find('_'); under != std::string_view::npos)
      rule.interface = std::string(direction.substr(under + 1));
    rule.text = std::string(trim(line.substr(kMark.size())).substr(0, kLongestRule));
    out.push_back(std::move(rule));
  }
  return out;
}

std::vector<Line> parse_ufw_command(std::string_view command) {
  auto word = words(command);
  std::size_t i = 0;
  auto at = [&](std::size_t k) { return k < word.size() ? word[k] : std::string_view(); };
  while (at(i).starts_with("--")) ++i;
  if (at(i) == "rule") ++i;
  if (at(i) == "insert" || at(i) == "prepend") i += at(i) == "insert" ? 2 : 1;
  Line rule;
  auto action = at(i++);
  if (action == "allow" || action == "limit")
    rule.verdict = Verdict::accept;
  else if (action == "deny" || action == "reject")
    rule.verdict = Verdict::deny;
  else
    return {};
  bool destination = true, any = false;
  for (; i < word.size(); ++i) {
    auto w = word[i];
    while (w.size() > 1 && (w.front() == '"' || w.front() == '\'')) w.remove_prefix(1);
    while (!w.empty() && (w.back() == '"' || w.back() == '\'')) w.remove_suffix(1);
    if (w == "in" || w == "log" || w == "log-all") continue;
    if (w == "out" || w == "routed") return {};
    if (w == "on") {
      rule.interface = std::string(at(++i));
    } else if (w == "from") {
      destination = false;
      any = true;
      if (!is_anywhere(at(++i))) rule.from = std::string(at(i));
    } else if (w == "to") {
      destination = true;
      any = true;
      if (!is_anywhere(at(++i))) rule.conditional = true;
    } else if (w == "port") {
      auto ports = parse_ports(at(++i));
      if (!destination || ports.empty())
        rule.conditional = true;
      else
        rule.ports = ports;
    } else if (w == "proto") {
      rule.protocol = std::string(at(++i));
    } else if (w == "comment") {
      break;
    } else if (w == "app") {
      rule.ports = parse_ports(at(++i));
      if (rule.ports.empty()) rule.conditional = true;
    } else if (w.starts_with('#') || w == "&&" || w == ";" || w == "||" || w == "|" || w.starts_with('>')) {
      break;
    } else {
      auto slash = w.find('/');
      if (w.ends_with(';')) w.remove_suffix(1);
      auto ports = parse_ports(w.substr(0, slash));
      if (ports.empty()) {
        if (!any) return {};  // an application, a variable, prose
        continue;
      }
      rule.ports = ports;
      if (slash != std::string_view::npos && slash < w.size())
        rule.protocol = std::string(w.substr(slash + 1));
      any = true;
    }
  }
  if (!any && rule.interface.empty()) return {};
  rule.text = std::string(trim(command).substr(0, kLongestRule));
  return {rule};
}

}  // namespace meshops::firewall
