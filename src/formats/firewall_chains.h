// Chains of a packet filter and the way through them: jumps followed, as one list of rules. Only the parsers
// of firewall_*.cpp include it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "formats/firewall_rules.h"

namespace meshops::firewall {

constexpr std::size_t kLongestRule = 160;  // of a rule's text
constexpr std::size_t kMostRules = 20'000;

struct Rule {
  Line line;
  std::string jump;      // to a chain of the user
  bool decides = false;  // `line` has a verdict
  bool returns = false;
};
struct Chain {
  std::string hook, type, family;
  Verdict policy = Verdict::accept;
  std::size_t policy_line = 0, policy_column = 0;
  std::vector<Rule> rules;
};

class Chains {
 public:
  /// `scope` is what the chain's jumps stay in: "inet filter".
  Chain& at(const std::string& scope, const std::string& name) { return all_[{scope, name}]; }
  const Chain* find(const std::string& scope, const std::string& name) const;
  using Named = std::pair<std::string, std::string>;
  const std::map<Named, Chain>& all() const { return all_; }

  /// What the chain does to a packet, as rules without jumps; a rule for everything ends it and is its
  /// policy.
  Input input(const std::string& scope, const std::string& name, const Chain& chain) const;

 private:
  void flatten(const std::string& scope, const Chain& chain, const Line& outer, unsigned depth,
               std::size_t& steps, std::vector<Line>& out) const;
  std::map<Named, Chain> all_;
};

/// Base chains of an nft ruleset that filter what comes in.
std::vector<Input> nft_inputs(const Chains& all);

bool is_anywhere(std::string_view address);
/// Multicast and broadcast: not this machine's own address.
bool is_group(std::string_view address);

}  // namespace meshops::firewall
