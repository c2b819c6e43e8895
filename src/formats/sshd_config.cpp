#include "formats/sshd_config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace meshops::sshd {

namespace {

/// Read again and again where files include themselves: that must end.
constexpr std::size_t kMostLines = 20'000;

struct Address {
  int family = 0;
  std::array<unsigned char, 16> bytes{};
};
std::optional<Address> parse_address(std::string_view text) {
  const std::string word(text);
  Address out;
  // OpenSSH asks getaddrinfo(), which takes "10.1" for 10.0.0.1. inet_aton() does not mind what follows a
  // blank.
  in_addr v4{};
  if (word.find_first_of(" \t\r\n") == std::string::npos && inet_aton(word.c_str(), &v4) == 1) {
    out.family = AF_INET;
    std::memcpy(out.bytes.data(), &v4, sizeof v4);
    return out;
  }
  if (inet_pton(AF_INET6, word.c_str(), out.bytes.data()) != 1) return std::nullopt;
  out.family = AF_INET6;
  return out;
}

bool in_network(const Address& address, const Address& network, unsigned bits) {
  if (address.family != network.family) return false;
  for (unsigned i = 0; i < bits; ++i) {
    unsigned mask = 0x80U >> (i % 8);
    if (((address.bytes[i / 8] ^ network.bytes[i / 8]) & mask) != 0) return false;
  }
  return true;
}

/// 1 in it, 0 not, -2: not a network at all.
int match_network(const Address& address, std::string_view text) {
  auto slash = text.find('/');
  auto network = parse_address(text.substr(0, slash));
  if (!network) return -2;
  unsigned width = network->family == AF_INET ? 32 : 128;
  unsigned bits = width;
  if (slash != std::string_view::npos) {
    auto given = to_number<unsigned>(text.substr(slash + 1));
    if (!given || *given > width) return -2;
    bits = *given;
  }
  return in_network(address, *network, bits) ? 1 : 0;
}

/// A port may have its name of /etc/services; of those only the one that a person would write here.
std::optional<std::uint16_t> parse_port(std::string_view text) {
  return text == "ssh" ? std::uint16_t{22} : to_number<std::uint16_t>(text);
}

bool same_criteria(const ssh::Line& a, const ssh::Line& b) { return &a == &b || a.values() == b.values(); }

}  // namespace

int match_addresses(std::string_view address, std::string_view list) {
  auto parsed = parse_address(address);
  if (!parsed) return 0;
  int found = 0;
  for (auto pattern : split(list, ',')) {
    bool negated = pattern.starts_with('!');
    if (negated) pattern.remove_prefix(1);
    int in = match_network(*parsed, pattern);
    bool here = in == -2 ? ssh::match_pattern(address, pattern) : in == 1;
    if (!here) continue;
    if (negated) return -1;
    found = 1;
  }
  return found;
}

bool holds(const ssh::Line& match, const Connection& connection) {
  auto [criteria, good] = ssh::parse_match(match.rest);
  if (!good) return false;
  bool result = true;
  for (const auto& c : criteria) {
    // No criterion can be negated as a whole here: '!' stands before patterns.
    if (c.negated) return false;
    bool here = false;
    if (c.name == "all")
      here = true;
    else if (c.name == "user")
      here = !connection.user.empty() && ssh::match_list(connection.user, c.value) == 1;
    else if (c.name == "group")
      here = std::ranges::any_of(connection.groups,
                                 [&](const auto& g) { return ssh::match_list(g, c.value) == 1; }) &&
             std::ranges::none_of(connection.groups,
                                  [&](const auto& g) { return ssh::match_list(g, c.value) == -1; });
    else if (c.name == "host")
      here = !connection.host.empty() && ssh::match_list(lower(connection.host), c.value, true) == 1;
    else if (c.name == "address")
      here = !connection.address.empty() && match_addresses(connection.address, c.value) == 1;
    else if (c.name == "localaddress")
      here = !connection.local_address.empty() && match_addresses(connection.local_address, c.value) == 1;
    else if (c.name == "localport")
      here = connection.local_port != 0 && parse_port(c.value) == connection.local_port;
    result = result && here;
  }
  return result;
}

bool always_holds(const ssh::Line& match) {
  constexpr std::array<std::string_view, 5> kPatterns = {"user", "group", "host", "address", "localaddress"};
  auto [criteria, good] = ssh::parse_match(match.rest);
  return good && std::ranges::all_of(criteria, [&](const ssh::Criterion& c) {
           // Of a word that sshd does not know nothing holds.
           return !c.negated && (c.name == "all" ||
                                 (c.value == "*" && std::ranges::find(kPatterns, c.name) != kPatterns.end()));
         });
}

Daemon::Daemon(const ssh::Config& main, const ssh::Include& include) { read(main, include, {}, 0); }

void Daemon::read(const ssh::Config& config, const ssh::Include& include, std::vector<const ssh::Line*> outer,
                  unsigned depth) {
  auto conditions = outer;
  for (const auto& line : config.lines) {
    if (++read_ > kMostLines) return;
    if (line.keyword == "match") {
      conditions = outer;
      conditions.push_back(&line);
    } else if (line.keyword == "include") {
      if (depth + 1 >= ssh::kMostNesting) continue;
      for (const auto& word : line.args) {
        std::string pattern = word.text.starts_with('/') ? word.text : "/etc/ssh/" + word.text;
        for (const auto* file : include(pattern)) read(*file, include, conditions, depth + 1);
      }
    } else {
      settings_.push_back({&config, &line, conditions});
    }
  }
}

const Setting* Daemon::global(std::string_view keyword) const {
  for (const auto& s : settings_)
    if (s.conditions.empty() && s.line->keyword == keyword) return &s;
  return nullptr;
}

const Setting* Daemon::effective(std::string_view keyword, const Connection& connection) const {
  for (const auto& s : settings_)
    if (!s.conditions.empty() && s.line->keyword == keyword &&
        std::ranges::all_of(s.conditions, [&](const auto* match) { return holds(*match, connection); }))
      return &s;
  return global(keyword);
}

const Setting* Daemon::where(std::string_view keyword,
                             const std::vector<const ssh::Line*>& conditions) const {
  auto here = [&](const ssh::Line* match) {
    return always_holds(*match) ||
           std::ranges::any_of(conditions, [&](const auto* given) { return same_criteria(*given, *match); });
  };
  for (const auto& s : settings_)
    if (!s.conditions.empty() && s.line->keyword == keyword && std::ranges::all_of(s.conditions, here))
      return &s;
  return global(keyword);
}

std::vector<std::vector<const ssh::Line*>> Daemon::contexts() const {
  std::vector<std::vector<const ssh::Line*>> out;
  for (const auto& s : settings_)
    if (!s.conditions.empty() && std::ranges::find(out, s.conditions) == out.end())
      out.push_back(s.conditions);
  return out;
}

}  // namespace meshops::sshd
