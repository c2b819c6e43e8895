#include "host/bus.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "base/text.h"

namespace meshops {

namespace asio = boost::asio;

namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds(50);
constexpr Duration kLongestPause = std::chrono::seconds(30);
// A flood of messages must not keep the rest of the loop waiting.
constexpr int kMostAtOnce = 128;

/// The effective user for the time of one connect(): that is when the kernel notes who we are (SO_PEERCRED).
class ActAs {
 public:
  explicit ActAs(std::optional<uid_t> uid) : active_(uid && *uid != ::geteuid()) {
    if (active_ && ::seteuid(*uid) != 0) {
      active_ = false;
      failed_ = true;
    }
  }
  ActAs(const ActAs&) = delete;
  ActAs& operator=(const ActAs&) = delete;
  ~ActAs() {
    // Going on with the wrong rights would be worse than ending.
    if (active_ && ::seteuid(0) != 0) std::abort();
  }
  bool failed() const { return failed_; }

 private:
  bool active_;
  bool failed_ = false;
};

}  // namespace

Bus::Bus(asio::any_io_executor executor, std::vector<BusAddress> addresses, std::string shown)
    : executor_(std::move(executor)),
      addresses_(std::move(addresses)),
      shown_(std::move(shown)),
      descriptor_(executor_),
      deadline_(executor_),
      retry_(executor_) {}

Bus::~Bus() { close(); }

Result<sd_bus*> Bus::open(const BusAddress& address) {
  auto failed = [&](int r) {
    auto code = r == -EACCES || r == -EPERM ? ServiceCode::denied : ServiceCode::no_bus;
    return fail(error(code, "cannot connect to {} at {}", shown_, address.socket)
                    .because(error(code, "{}", std::strerror(-r))));
  };
  sd_bus* bus = nullptr;
  if (int r = ::sd_bus_new(&bus); r < 0) return failed(r);
  // '=', ',' and ';' mean something in an address; a runtime directory may hold any of them.
  auto text = "unix:path=" + percent_encoded(address.socket, "/");

  int r = ::sd_bus_set_address(bus, text.c_str());
  if (r >= 0) r = ::sd_bus_set_bus_client(bus, address.daemon ? 1 : 0);
  if (r >= 0) {
    ActAs user(address.connect_as);
    r = user.failed() ? -EPERM : ::sd_bus_start(bus);
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (r >= 0 && address.peer) {
    if (::getsockopt(::sd_bus_get_fd(bus), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
      r = -errno;
    else if (peer.uid != *address.peer)
      r = -EPERM;
  }
  if (r < 0) {
    ::sd_bus_close_unref(bus);
    return failed(r);
  }
  return bus;
}

Status Bus::connect() {
  if (bus_ != nullptr) return ok();
  if (closed_) return fail(ServiceCode::no_bus, "the connection to {} was closed", shown_);
  std::optional<Error> first;
  for (const auto& address : addresses_) {
    auto opened = open(address);
    if (!opened) {
      if (!first) first = std::move(opened).error();
      continue;
    }
    bus_ = *opened;
    address_ = &address;
    ++generation_;
    for (auto* subscription : subscriptions_) install(*subscription);
    if (on_up) on_up();
    // Nothing may run before the caller has its object: the first messages come from the loop.
    asio::post(executor_, [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->process();
    });
    return ok();
  }
  if (!first) first = error(ServiceCode::no_bus, "there is no way to reach {}", shown_);
  return fail(std::move(*first));
}

void Bus::close() {
  closed_ = true;
  retry_.cancel();
  drop();
}

void Bus::drop() {
  if (bus_ == nullptr) return;
  ++generation_;
  reading_ = writing_ = false;
  deadline_.cancel();
  if (descriptor_.is_open()) descriptor_.release();  // before sd-bus closes the number
  for (auto* call : calls_) {
    call->slot_ = ::sd_bus_slot_unref(call->slot_);
    call->end(nullptr);
  }
  calls_.clear();
  for (auto* subscription : subscriptions_) subscription->slot_ = ::sd_bus_slot_unref(subscription->slot_);
  ::sd_bus_close_unref(std::exchange(bus_, nullptr));
  address_ = nullptr;
}

void Bus::lost() {
  drop();
  if (on_down) on_down();
  connect_later();
}

void Bus::connect_later() {
  // Without anybody who waits for signals the next call connects.
  if (closed_ || subscriptions_.empty()) return;
  retry_.expires_after(pause_);
  pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  retry_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    auto self = weak.lock();
    if (error || !self || self->closed_ || self->bus_ != nullptr) return;
    if (!self->connect()) self->connect_later();
  });
}

void Bus::process() {
  if (bus_ == nullptr || processing_) return;
  auto self = shared_from_this();
  auto generation = generation_;
  processing_ = true;
  int r = 1;
  for (int n = 0; r > 0 && n < kMostAtOnce && generation == generation_; ++n)
    r = ::sd_bus_process(bus_, nullptr);
  processing_ = false;
  if (generation != generation_) return;
  if (r < 0) return lost();  // closed by the other side, or it sent what is not D-Bus
  if (r == 0) return arm();
  asio::post(executor_, [self] { self->process(); });
}

void Bus::wait_for(asio::posix::stream_descriptor::wait_type what, bool& waiting) {
  if (std::exchange(waiting, true)) return;
  descriptor_.async_wait(
      what, [weak = weak_from_this(), generation = generation_, &waiting](boost::system::error_code error) {
        auto self = weak.lock();
        if (!self || self->generation_ != generation) return;
        waiting = false;
        if (!error) self->process();
      });
}

void Bus::arm() {
  int fd = ::sd_bus_get_fd(bus_);
  int events = ::sd_bus_get_events(bus_);
  if (fd < 0 || events < 0) return lost();
  if (!descriptor_.is_open()) {
    boost::system::error_code failed;
    descriptor_.assign(fd, failed);
    if (failed) return lost();
  }
  if ((events & POLLIN) != 0) wait_for(descriptor_.wait_read, reading_);
  if ((events & POLLOUT) != 0) wait_for(descriptor_.wait_write, writing_);

  std::uint64_t at = UINT64_MAX;  // CLOCK_MONOTONIC, µs
  if (::sd_bus_get_timeout(bus_, &at) < 0 || at == UINT64_MAX) {
    deadline_.cancel();
    return;
  }
  deadline_.expires_at(std::chrono::steady_clock::time_point(std::chrono::microseconds(at)));
  deadline_.async_wait([weak = weak_from_this(), generation = generation_](boost::system::error_code error) {
    auto self = weak.lock();
    if (!error && self && self->generation_ == generation) self->process();
  });
}

// ---- calls

Bus::Call::Call(std::shared_ptr<Bus> bus)
    : bus_(std::move(bus)), ready_(bus_->executor_, asio::steady_timer::time_point::max()) {}

Bus::Call::~Call() {
  ::sd_bus_slot_unref(slot_);
  bus_->calls_.erase(this);
}

void Bus::Call::end(BusMessage reply) {
  done_ = true;
  reply_ = std::move(reply);
  ready_.cancel();
}

int Bus::Call::on_reply(sd_bus_message* reply, void* self, sd_bus_error* /*unused*/) {
  auto* call = static_cast<Call*>(self);
  call->bus_->pause_ = {};  // it works: a later break may be mended at once
  call->end(BusMessage(::sd_bus_message_ref(reply)));
  return 1;
}

asio::awaitable<Result<BusMessage>> Bus::Call::answer() {
  if (!done_) co_await ready_.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!done_) co_return fail(ServiceCode::io, "the call to {} was given up", bus_->shown_);
  if (!reply_) co_return fail(ServiceCode::no_bus, "the connection to {} broke", bus_->shown_);
  co_return std::move(reply_);
}

Result<std::unique_ptr<Bus::Call>> Bus::send(const std::string& path, const char* interface,
                                             const char* member, Fill fill, Duration limit) {
  CHECK_OK(connect());
  sd_bus_message* raw = nullptr;
  int r = ::sd_bus_message_new_method_call(bus_, &raw, "org.freedesktop.systemd1", path.c_str(), interface,
                                           member);
  BusMessage message(raw);
  if (r >= 0 && fill) r = fill(raw);
  auto call = std::make_unique<Call>(shared_from_this());
  auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(limit).count();
  if (r >= 0)
    r = ::sd_bus_call_async(bus_, &call->slot_, raw, &Call::on_reply, call.get(),
                            static_cast<std::uint64_t>(std::max<std::int64_t>(1, microseconds)));
  if (r < 0) {
    auto e = error(ServiceCode::io, "cannot send {} to {}", member, shown_)
                 .because(error(ServiceCode::io, "{}", std::strerror(-r)));
    if (r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE) lost();
    return fail(std::move(e));
  }
  calls_.insert(call.get());
  if (!processing_) arm();  // there may be something left to write, and a time-out to keep
  return call;
}

// ---- signals

Bus::Subscription::Subscription(std::weak_ptr<Bus> bus, SignalRule rule,
                                std::function<void(sd_bus_message*)> on_signal)
    : bus_(std::move(bus)), rule_(std::move(rule)), on_signal_(std::move(on_signal)) {}

Bus::Subscription::~Subscription() {
  if (auto bus = bus_.lock()) {
    bus->subscriptions_.erase(this);
    ::sd_bus_slot_unref(slot_);
  }
}

int Bus::Subscription::on_message(sd_bus_message* m, void* self, sd_bus_error* /*unused*/) {
  static_cast<Subscription*>(self)->on_signal_(m);
  return 0;  // others may want it too
}

std::unique_ptr<Bus::Subscription> Bus::subscribe(SignalRule rule,
                                                  std::function<void(sd_bus_message*)> on_signal) {
  auto made = std::make_unique<Subscription>(weak_from_this(), std::move(rule), std::move(on_signal));
  subscriptions_.insert(made.get());
  if (bus_ != nullptr)
    install(*made);
  else
    connect_later();
  return made;
}

void Bus::install(Subscription& subscription) {
  const auto& rule = subscription.rule_;
  std::string text = "type='signal'";
  auto also = [&](const char* key, const std::string& value) {
    if (!value.empty()) text += fmt::format(",{}='{}'", key, value);
  };
  // Without a daemon messages have no sender.
  if (through_daemon()) also("sender", rule.sender);
  also("path", rule.path);
  also("interface", rule.interface);
  also("member", rule.member);
  also("arg0", rule.arg0);
  auto installed = [](sd_bus_message*, void*, sd_bus_error*) { return 0; };
  int r = ::sd_bus_add_match_async(bus_, &subscription.slot_, text.c_str(), &Subscription::on_message,
                                   through_daemon() ? +installed : nullptr, &subscription);
  if (r < 0)
    log::warn("services.subscribe",
              fmt::format("{} does not tell about {}: {}", shown_, rule.member, std::strerror(-r)));
  if (!processing_ && generation_ != 0 && descriptor_.is_open()) arm();
}

}  // namespace meshops
