// Rules of packet filters as files and tools tell them: iptables-save, nft (text and JSON), ufw's user.rules.
// Called by the audit's facts of the firewall. Pure and total on hostile bytes; knows only what decides about
// packets that come in, and takes what it does not understand as a condition.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::firewall {

enum class Verdict { accept, deny };

struct Ports {
  std::uint16_t first = 0, last = 65535;
  bool operator==(const Ports&) const = default;
};

/// One rule that accepts or denies packets that come in.
struct Line {
  Verdict verdict = Verdict::accept;
  std::string protocol;      // tcp, udp, icmp, …; empty: every one
  std::vector<Ports> ports;  // of the destination; empty: every port
  std::string from;          // an address, a network or a set; empty: anywhere
  std::string interface;     // empty: every one
  bool v4 = true, v6 = true;
  /// Something else must hold as well: the connection is known already, a rate, a mark, what we do not know.
  bool conditional = false;
  std::size_t line = 0, column = 0;  // from 1; 0: not from a text
  std::string text;                  // as it is written, cut
  bool everything() const {
    return protocol.empty() && ports.empty() && from.empty() && interface.empty() && !conditional;
  }
  bool covers(std::string_view wanted_protocol, std::uint16_t port) const;
};

/// A chain at the input hook, jumps followed.
struct Input {
  std::string name;  // "inet filter input", "INPUT"
  bool v4 = true, v6 = true;
  Verdict policy = Verdict::accept;  // of what no rule decides; a last rule for everything counts here, too
  std::size_t policy_line = 0, policy_column = 0;
  std::vector<Line> lines;
};

/// What `iptables-save` writes: chain INPUT of the table filter; nothing if it is not there.
std::vector<Input> parse_iptables_save(std::string_view text, bool v6 = false);
/// An nft script: base chains with `hook input`. A file may hold several; includes are not followed.
std::vector<Input> parse_nft(std::string_view text);
/// "nft -j list ruleset".
std::vector<Input> parse_nft_json(std::string_view text);
/// ufw's user.rules or user6.rules: its own comments ("### tuple ###") tell the rules. The policy stands in
/// /etc/default/ufw and is left as accept.
std::vector<Line> parse_ufw_rules(std::string_view text, bool v6 = false);
/// `ufw allow 22/tcp`, `ufw allow from 10.0.0.0/8 to any port 22 proto tcp`: the words behind "ufw".
/// Empty: not a rule about packets that come in.
std::vector<Line> parse_ufw_command(std::string_view command);

/// "22", "ssh", "8000:8010", "80,443"; empty if it is none.
std::vector<Ports> parse_ports(std::string_view text);

}  // namespace meshops::firewall
