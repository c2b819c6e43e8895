// What the running machine found out about the ways to the other nodes and about its resolvers, and what kind
// of address an address is. Rules of network and ssh ask for it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/site.h"

namespace meshops::audit {

struct PeerAnswer {
  std::string node;
  bool self = false;
  std::optional<bool> ssh, tcp, icmp;  // nothing: not tried
  std::vector<std::string> host_keys;
  std::vector<std::string> seen_by;
};
struct PeerAnswers {
  std::vector<PeerAnswer> all;
  std::string error;  // why there are none
  static PeerAnswers gather(const Site& site);
};

struct ResolverAnswers {
  struct Layer {
    std::string name;
    std::vector<std::string> addresses;
  };
  struct Name {
    std::string name;
    std::vector<Layer> layers;
  };
  std::map<std::string, bool> servers;  // whether it answers
  std::vector<Name> names;
  std::string error;
  static ResolverAnswers gather(const Site& site);
};

enum class AddressKind {
  name,  // not an address at all
  open,  // routable everywhere
  ten,   // 10.0.0.0/8
  one_seven_two,
  one_nine_two,
  unique_local,  // fc00::/7
  carrier,       // 100.64.0.0/10
  link_local,
  loopback,
  unspecified,
};
AddressKind kind_of_address(std::string_view text);
/// "a private address", "a carrier-grade address (100.64.0.0/10)", …
std::string_view text(AddressKind kind);

}  // namespace meshops::audit
