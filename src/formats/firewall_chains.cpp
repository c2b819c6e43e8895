#include "formats/firewall_chains.h"

#include "base/text.h"

namespace meshops::firewall {

namespace {

constexpr unsigned kDeepest = 16;            // jumps into jumps, as the kernel allows them
constexpr std::size_t kMostSteps = 200'000;  // of one walk: chains that jump to each other grow quickly

/// The rule under the conditions of the jump that led to it.
Line within(Line line, const Line& outer) {
  if (line.protocol.empty()) line.protocol = outer.protocol;
  if (line.ports.empty()) line.ports = outer.ports;
  if (line.from.empty()) line.from = outer.from;
  if (line.interface.empty()) line.interface = outer.interface;
  line.conditional = line.conditional || outer.conditional;
  line.v4 = line.v4 && outer.v4;
  line.v6 = line.v6 && outer.v6;
  return line;
}

}  // namespace

const Chain* Chains::find(const std::string& scope, const std::string& name) const {
  auto found = all_.find({scope, name});
  return found == all_.end() ? nullptr : &found->second;
}

void Chains::flatten(const std::string& scope, const Chain& chain, const Line& outer, unsigned depth,
                     std::size_t& steps, std::vector<Line>& out) const {
  if (depth > kDeepest) return;
  auto here = outer;
  for (const auto& rule : chain.rules) {
    if (out.size() >= kMostRules || ++steps > kMostSteps) return;
    if (rule.returns) {
      if (rule.line.everything()) return;
      // Some packets leave here: what follows is for the others only.
      here.conditional = true;
      continue;
    }
    auto line = within(rule.line, here);
    if (rule.decides)
      out.push_back(std::move(line));
    else if (const auto* target = rule.jump.empty() ? nullptr : find(scope, rule.jump))
      flatten(scope, *target, line, depth + 1, steps, out);
  }
}

Input Chains::input(const std::string& scope, const std::string& name, const Chain& chain) const {
  Input input{.name = scope + " " + name,
              .v4 = chain.family != "ip6",
              .v6 = chain.family != "ip",
              .policy = chain.policy,
              .policy_line = chain.policy_line,
              .policy_column = chain.policy_column,
              .lines = {}};
  std::size_t steps = 0;
  flatten(scope, chain, {}, 0, steps, input.lines);
  for (std::size_t i = 0; i < input.lines.size(); ++i) {
    const auto& line = input.lines[i];
    if (!line.everything() || (input.v4 && !line.v4) || (input.v6 && !line.v6)) continue;
    input.policy = line.verdict;
    input.policy_line = line.line;
    input.policy_column = line.column;
    input.lines.resize(i);
    break;
  }
  return input;
}

std::vector<Input> nft_inputs(const Chains& all) {
  std::vector<Input> out;
  for (const auto& [named, chain] : all.all()) {
    if (chain.hook != "input" || (!chain.type.empty() && chain.type != "filter")) continue;
    if (chain.family == "inet" || chain.family == "ip" || chain.family == "ip6")
      out.push_back(all.input(named.first, named.second, chain));
  }
  return out;
}

bool is_anywhere(std::string_view address) {
  return address.empty() || address == "any" || address == "0.0.0.0/0" || address == "::/0" ||
         address == "anywhere";
}

bool is_group(std::string_view address) {
  auto first = to_number<unsigned>(address.substr(0, address.find('.')));
  return address.starts_with("ff") || address.starts_with("FF") || address.starts_with("255.255.255.255") ||
         (first && *first >= 224 && *first < 240);
}

}  // namespace meshops::firewall
