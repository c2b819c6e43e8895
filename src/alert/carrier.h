// One try to bring one alert to one [[alert]]: over HTTPS, by a mail server, or to a program. Called by the
// sender and by `meshops alerts test`. Errors name the [[alert]], never its URL, its password or what stands
// in them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "alert/alert.h"
#include "base/result.h"
#include "config/mesh.h"
#include "net/net.h"

namespace meshops::alert {

struct Attempt {
  std::optional<Error> error;  // nothing: it has arrived
  bool refused = false;        // the receiver will hardly take it next time either
  std::optional<Duration> retry_after;
};
/// Takes at most a minute. `net` must live that long.
boost::asio::awaitable<Attempt> carry(AlertSpec spec, Alert alert, Net& net, WallTime now);

/// What a person should know about how its secret is kept; empty: all is well.
std::string exposed(const AlertSpec& spec);

/// Retry-After: seconds, or a date (RFC 9110 §10.2.3); nothing if it is neither or in the past.
std::optional<Duration> parse_retry_after(std::string_view text, WallTime now);

}  // namespace meshops::alert
