// Rules of packet filters from a hostile hand: reading is total and bounded, places are inside the text, and
// a chain that drops everything first of all lets nothing in.
#include <algorithm>
#include <cstdint>

#include "formats/firewall_rules.h"
#include "must.h"

using namespace meshops;
using namespace meshops::firewall;

namespace {

void sound(const std::vector<Input>& inputs, std::size_t lines, std::size_t size) {
  for (const auto& input : inputs) {
    must(input.v4 || input.v6);
    must(input.policy_line <= lines);
    for (const auto& line : input.lines) {
      must(line.line <= lines && line.column <= size + 1 && line.text.size() <= 200);
      for (const auto& ports : line.ports) must(ports.first <= ports.last);
      // A rule for everything would have been the policy.
      must(!line.everything() || !(line.v4 && line.v6));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  sound(parse_iptables_save(text), lines, size);
  sound(parse_iptables_save(text, true), lines, size);
  sound(parse_nft(text), lines, size);
  sound(parse_nft_json(text), 0, 0);
  for (const auto& line : parse_ufw_rules(text)) must(line.line >= 1 && line.line <= lines);
  parse_ufw_command(text);

  auto closed = parse_iptables_save("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\n" + std::string(text));
  must(closed.size() == 1);
  // Whatever follows comes too late, but for a policy, chains of that name and rules put before it.
  if (text.find("INPUT") == std::string_view::npos)
    must(closed[0].policy == Verdict::deny && closed[0].lines.empty());
  return 0;
}
