// Decides which alerts are new, queues them for each [[alert]], and sends until they have arrived. The healer
// posts; the agent runs it in its event loop. An alert may arrive twice (the agent died between the sending
// and the note of it), never not at all because of a crash.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "alert/alert.h"
#include "alert/carrier.h"
#include "base/time.h"
#include "config/mesh.h"
#include "net/net.h"
#include "store/outbox.h"

namespace meshops::alert {

/// "main/disk_full/gave_up"; of `recovered` "=main", which no gateway's name begins with. Of a node without a
/// gateway "node beta//stopped".
std::string key_of(const Alert& alert);
/// Before the next try, after that many failed ones: 10 s, 20 s, … 1 h.
Duration backoff(unsigned tries);

class Sender {
 public:
  /// All of them must outlive it.
  Sender(std::vector<AlertSpec> specs, store::Outbox& outbox, Net& net, const Clock& clock,
         const boost::asio::any_io_executor& executor);

  /// Queues it for every [[alert]] to which it is news:
  /// - the same (gateway or node, cause, kind) within `quiet` is not, unless the gateway recovered in
  /// between;
  /// - `recovered` is not, where nothing was told of that gateway or node since it last recovered;
  /// - over `per_hour` only the newest waits for room, and says how many it stands for;
  /// - a `test` always is.
  /// If the disk does not take it, it is kept in memory and sent all the same, and the error says so.
  Status post(const Alert& alert);

  /// Sends what is due, now and later; ends only when it is cancelled.
  boost::asio::awaitable<void> run();
  /// One pass of it: tries each message that is due, and gives how long nothing will be.
  boost::asio::awaitable<Duration> send_due();

 private:
  bool is_news(const Alert& alert, const std::string& key, const AlertSpec& spec, WallTime now) const;
  /// Queues with regard to the rate limit.
  Status queue(store::Message message, const AlertSpec& spec, WallTime now);
  void save_unsaved();
  boost::asio::awaitable<void> try_one(store::Message message);
  void note_failure(const store::Message& message, const Attempt& attempt, WallTime now);
  void forget_old();
  Duration until_next() const;
  const AlertSpec* spec_of(const std::string& name) const;

  std::vector<AlertSpec> specs_;
  store::Outbox& outbox_;
  Net& net_;
  const Clock& clock_;
  boost::asio::steady_timer timer_;
  bool posted_ = false;  // while a pass was under way
  /// A receiver that failed is left alone for a while, with all that waits for it.
  std::map<std::string, Instant> resting_;
  std::vector<store::Message> unsaved_;  // the disk did not take them
  std::set<std::int64_t> arrived_;       // sent, but the disk did not take the note of it
  std::optional<Instant> last_forgotten_;
};

}  // namespace meshops::alert
