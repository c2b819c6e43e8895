// What a Healer may ask of the gateway's Keeper, and nothing more. Implemented by the Keeper.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "gateway/gateway.h"
#include "heal/ladder.h"

namespace meshops {

class Bedside {
 public:
  virtual ~Bedside() = default;
  virtual const GatewaySpec& spec() const = 0;
  virtual const Identity& identity() const = 0;
  /// The pid of its main process; 0: it does not run, or out of sight.
  virtual pid_t pid() const = 0;
  virtual bool running() const = 0;
  virtual heal::Sight sight() const = 0;
  /// One sentence, as in the status.
  virtual std::string summary() const = 0;
  /// When its last process began; long ago if none has been seen.
  virtual Instant last_start() const = 0;
  /// When it last ended; the epoch if it has not been seen to.
  virtual WallTime last_end() const = 0;
  /// Something was done about what the gateway complained of: only what it says from now on counts.
  virtual void operated() = 0;
  /// No turn has been seen for a while.
  virtual bool quiet() const = 0;
  /// meshops.closeup/1
  virtual boost::asio::awaitable<Result<nlohmann::ordered_json>> closeup() = 0;
  virtual void hold() = 0;
  virtual void release(bool start, std::string why) = 0;
  /// Polite, with the drain time that the gateway needs. Good once it has ended.
  virtual boost::asio::awaitable<Status> stop(std::string why) = 0;
  /// The same, and it is started again at once; good once the order is given.
  virtual Status restart(std::string why) = 0;
};

}  // namespace meshops
