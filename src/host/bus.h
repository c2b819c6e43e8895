// One D-Bus connection (sd-bus) driven by an Asio executor: calls as awaitables, signals as callbacks, and
// connecting again when it breaks. Used by services.cpp only. Never blocks; never runs a caller's code inside
// sd-bus.
#pragma once

#include <systemd/sd-bus.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "host/services.h"

namespace meshops {

struct UnrefMessage {
  void operator()(sd_bus_message* m) const { ::sd_bus_message_unref(m); }
};
using BusMessage = std::unique_ptr<sd_bus_message, UnrefMessage>;

/// A socket where a manager can be reached.
struct BusAddress {
  std::string socket;
  /// False: the manager's own socket, which works without a bus daemon. True: through the daemon.
  bool daemon = false;
  /// Only talk to a peer of that user: a user's runtime directory is theirs to fill with links to other
  /// sockets.
  std::optional<uid_t> peer;
  /// Connect as that user (we are root): a session's bus daemon lets nobody else in.
  std::optional<uid_t> connect_as;
};

class Bus : public std::enable_shared_from_this<Bus> {
 public:
  /// `shown` names the manager in error texts: "the system manager", "the service manager of claw".
  Bus(boost::asio::any_io_executor executor, std::vector<BusAddress> addresses, std::string shown);
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;
  ~Bus();

  /// Tries the addresses in order. Good if already connected.
  Status connect();
  /// For ever: what waits ends with an error, nothing connects again.
  void close();

  bool through_daemon() const { return address_ != nullptr && address_->daemon; }
  const std::string& shown() const { return shown_; }

  /// A call on its way. Forgets the answer when it goes first.
  class Call {
   public:
    explicit Call(std::shared_ptr<Bus> bus);
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call();
    /// Once. An error answer of the manager is a good result here: see sd_bus_message_get_error().
    boost::asio::awaitable<Result<BusMessage>> answer();

   private:
    friend class Bus;
    static int on_reply(sd_bus_message* reply, void* self, sd_bus_error* unused);
    void end(BusMessage reply);
    std::shared_ptr<Bus> bus_;
    sd_bus_slot* slot_ = nullptr;
    boost::asio::steady_timer ready_;  // cancelled when the answer is there
    BusMessage reply_;
    bool done_ = false;
  };
  using Fill = std::function<int(sd_bus_message*)>;
  /// Sends it now; several calls may be on their way.
  Result<std::unique_ptr<Call>> send(const std::string& path, const char* interface, const char* member,
                                     Fill fill, Duration limit);

  /// Which signals; empty members match any.
  struct SignalRule {
    std::string sender, path, interface, member, arg0;
  };
  /// Callbacks run inside sd-bus: they may note something and post, no more. They survive a lost connection.
  class Subscription {
   public:
    Subscription(std::weak_ptr<Bus> bus, SignalRule rule, std::function<void(sd_bus_message*)> on_signal);
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;
    ~Subscription();

   private:
    friend class Bus;
    static int on_message(sd_bus_message* m, void* self, sd_bus_error* unused);
    std::weak_ptr<Bus> bus_;
    SignalRule rule_;
    std::function<void(sd_bus_message*)> on_signal_;
    sd_bus_slot* slot_ = nullptr;
  };
  std::unique_ptr<Subscription> subscribe(SignalRule rule, std::function<void(sd_bus_message*)> on_signal);

  /// After every connect, the first too; and when a connection broke.
  std::function<void()> on_up;
  std::function<void()> on_down;

 private:
  Result<sd_bus*> open(const BusAddress& address);
  void install(Subscription& subscription);
  void process();
  void arm();
  void wait_for(boost::asio::posix::stream_descriptor::wait_type what, bool& waiting);
  void lost();
  void drop();
  void connect_later();

  boost::asio::any_io_executor executor_;
  std::vector<BusAddress> addresses_;
  std::string shown_;

  sd_bus* bus_ = nullptr;
  const BusAddress* address_ = nullptr;  // the one that worked
  boost::asio::posix::stream_descriptor
      descriptor_;                      // sd-bus owns the number: always released, never closed here
  boost::asio::steady_timer deadline_;  // of sd-bus: call time-outs
  boost::asio::steady_timer retry_;
  Duration pause_{};         // before the next attempt
  unsigned generation_ = 0;  // of the connection: handlers of an older one do nothing
  bool reading_ = false, writing_ = false, processing_ = false, closed_ = false;
  std::set<Call*> calls_;
  std::set<Subscription*> subscriptions_;
};

}  // namespace meshops
