// One connection to the server: requests in, answers out, one after the other. Called by server.cpp and the
// fuzzer. Knows no socket file; ends when the client leaves, is too slow, or says something that is not HTTP.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "net/server.h"
#include "net/wire.h"

namespace meshops {

/// What a session works with; shared, because sessions may outlive the server object by a moment.
struct SessionContext {
  Handler handler;
  std::size_t body_limit = 1U << 20;
  Duration idle_limit = std::chrono::seconds(30);
};

boost::asio::awaitable<void> serve(std::shared_ptr<Wire> wire, Peer peer,
                                   std::shared_ptr<const SessionContext> context);

}  // namespace meshops
