// What the machine's packet filters let in: of a running machine the rules in the kernel, of a root file
// system those that would be loaded, of a folder every file by itself. Asked by rules of security and
// network. Says nothing about filters outside the machine (the cloud's).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/finding.h"
#include "audit/site.h"
#include "formats/firewall_rules.h"

namespace meshops::audit {

/// One thing that filters: the kernel's rules, ufw, a file of rules. All active ones must let a packet in.
struct Filter {
  std::string_view kind;  // "ufw", "nftables", "iptables", "firewalld"
  bool active = true;     // ufw: ENABLED=yes; files: loaded at the start, as far as it can be seen
  Where at;               // where it is switched on or off
  std::string file;       // of its rules, as shown; empty: the kernel's own
  std::vector<firewall::Input> inputs;
  std::string policy_file;   // where the default stands, if not in `file`
  std::string policy_found;  // "DEFAULT_INPUT_POLICY=\"ACCEPT\""

  /// Whether what no rule names is refused. False as well where it filters nothing that comes in.
  bool denies_by_default() const;
  Where policy_at() const;
  /// Of the kernel's own rules no file tells.
  Where rule_at(const firewall::Line& line) const {
    return file.empty() ? Where{} : Where{file, line.line, line.column};
  }
};

class Firewall {
 public:
  static Firewall gather(const Site& site);

  /// In a folder each stands for itself; on a machine they work together.
  const std::vector<Filter>& filters() const { return filters_; }
  /// Whether the facts could be had at all (live: the kernel answered).
  bool known() const { return known_; }
  /// At least one active filter refuses by default.
  bool denies_by_default() const;

  struct Passage {
    enum class Who { nobody, some, anyone } who = Who::anyone;  // some: named sources or interfaces only
    Where at;                                                   // of the rule or policy that decides
    std::string rule;                                           // its text; empty: the default
  };
  /// Who may reach that port from other machines; `protocol` is "tcp" or "udp".
  Passage lets_in(std::string_view protocol, std::uint16_t port) const;
  /// "no firewall", "refused by the firewall", "let in by …": for a sentence.
  static std::string text(const Passage& passage);

  const std::vector<Skip>& skips() const { return skips_; }

 private:
  friend class FirewallGatherer;
  std::vector<Filter> filters_;
  std::vector<Skip> skips_;
  bool known_ = true;
};

}  // namespace meshops::audit
