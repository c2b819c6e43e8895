// Through whom a node comes into the mesh. One member is enough, because it knows all others; Serf asks all
// that it is given one after the other, and waits for each that is down. Called for Serf's configuration and
// by `meshops mesh join`.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "config/mesh.h"
#include "net/net.h"

namespace meshops::serf {

/// So many contacts are enough: also when some of them are down, and in no mesh two halves that never meet.
constexpr std::size_t kContacts = 7;

/// The other nodes' addresses in this node's own order: each node is a contact of about as many.
std::vector<std::string> addresses_in_order(const Mesh& mesh);

/// The first kContacts of `addresses` that take a TCP connection within `limit`, all tried at once; if none
/// does, the first kContacts.
boost::asio::awaitable<std::vector<std::string>> contacts_among(Net& net, std::vector<std::string> addresses,
                                                                Duration limit);

}  // namespace meshops::serf
