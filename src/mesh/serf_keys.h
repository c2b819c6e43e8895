// A new mesh key for the whole mesh while it runs: given to all, checked, used, and the old ones taken away.
// Called by `meshops mesh keys rotate`. Never prints a key, and never takes one away before every member
// encrypts with the new one.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string_view>
#include <vector>

#include "mesh/serf_client.h"

namespace meshops::serf {

/// An Error unless all of `members` have obeyed: `done` is "took the new key".
Status all_did(const KeyAnswer& answer, unsigned members, std::string_view done);
/// An Error unless all of `members` hold the key.
Status all_hold(const KeyAnswer& listed, const Secret& key, unsigned members);
/// What anybody still holds besides that key: the old one, and what interrupted rotations have left.
std::vector<Secret> others(const KeyAnswer& listed, const Secret& key);

struct Rotation {
  unsigned members = 0;
  unsigned removed = 0;  // old keys
};
/// May be broken off and begun again at any point, with another new key: until the last step everybody can
/// still read everybody, and what a broken one left behind goes with the old key of the next. `progress` is
/// told each step.
boost::asio::awaitable<Result<Rotation>> rotate_keys(Client& client, Secret fresh, unsigned members,
                                                     std::function<void(std::string_view)> progress);

}  // namespace meshops::serf
