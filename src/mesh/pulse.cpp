#include "mesh/pulse.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/udp.hpp>
#include <deque>
#include <map>
#include <optional>

#include "base/log.h"
#include "base/text.h"

namespace meshops::heartbeat {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;
using namespace std::chrono_literals;

namespace {

/// Names are looked up again this often, and a silent peer's name this often.
constexpr Duration kLookUpEvery = 1min, kLookUpSilent = 10s;
/// A peer that has been silent for so long may be at another address.
constexpr Duration kSilent = 3s;
/// More questions than a mesh of 64 asks in five seconds.
constexpr std::size_t kMostPending = 1024;

/// Where a node of mesh.toml is.
struct Peer {
  std::string address;  // as it is written there
  bool is_name = false;
  std::vector<udp::endpoint> at;
  std::size_t turn = 0;  // which of them is asked
  std::optional<Instant> looked_up, asked, answered, turned;
  bool looking = false;

  bool silent(Instant now) const { return asked && now - answered.value_or(*asked) > kSilent; }
};

struct Pending {
  Nonce nonce;
  std::string peer;
  Instant asked{};
};

}  // namespace

class Pulse::State : public std::enable_shared_from_this<State> {
 public:
  State(const asio::any_io_executor& executor, const Mesh& mesh, const Clock& clock, OnWord on_word)
      : executor_(executor),
        resolver_(executor),
        clock_(clock),
        on_word_(std::move(on_word)),
        mesh_(mesh.name),
        self_(mesh.node) {
    for (const auto& node : mesh.nodes) {
      error_code no_address;
      auto address = asio::ip::make_address(node.address, no_address);
      Peer peer{.address = node.address, .is_name = static_cast<bool>(no_address), .at = {}};
      if (!peer.is_name) peer.at.emplace_back(address, mesh.heartbeat_port);
      peers_.emplace(node.name, std::move(peer));
    }
    port_ = mesh.heartbeat_port;
  }

  void use_keys(Keys keys) {
    auto was = keys_.keys.empty() ? Secret() : keys_.keys.front();
    auto is = keys.keys.empty() ? Secret() : keys.keys.front();
    if (!was.empty() && !is.empty() && was.reveal() != is.reveal()) {
      former_ = std::move(was);
      former_until_ = clock_.now() + kBothKeysFor;
    }
    keys_ = std::move(keys);
  }

  void beat(const std::vector<std::string>& names) {
    if (keys_.keys.empty() || names.empty()) return;
    auto now = clock_.now();
    while (!pending_.empty() && now - pending_.front().asked > kForgetAfter) pending_.pop_front();
    if (now > former_until_) former_ = Secret();
    std::vector<Nonce> nonces(former_.empty() ? names.size() : 2 * names.size());
    if (RAND_bytes(nonces.front().data(), static_cast<int>(nonces.size() * kNonceBytes)) != 1)
      return log::error("heartbeat.random", "no random bytes are to be had: no peer was asked");
    sent_ = blocked_ = 0;
    for (std::size_t i = 0; i < nonces.size(); ++i)
      ask(names[i % names.size()], nonces[i], i < names.size() ? keys_.keys.front() : former_, now);
  }

  bool network() const { return sent_ > 0 || blocked_ == 0; }

  void close() {
    closed_ = true;
    resolver_.cancel();
    error_code ignored;
    for (auto& socket : sockets_)
      if (socket) socket->socket.close(ignored);
  }

 private:
  struct Socket {
    explicit Socket(const asio::any_io_executor& executor) : socket(executor) {}
    udp::socket socket;
    udp::endpoint from;
    /// One more than a heartbeat: what is longer is seen to be.
    std::array<char, kDatagramBytes + 1> buffer{};
  };

  void ask(const std::string& name, const Nonce& nonce, const Secret& key, Instant now) {
    auto found = peers_.find(name);
    if (found == peers_.end()) return;
    auto& peer = found->second;
    look_up(name, peer, now);
    if (peer.at.empty()) return;
    if (!peer.asked) peer.asked = now;
    // Of several addresses the next one, after a silence.
    if (peer.silent(now) && peer.turned != now) {
      ++peer.turn;
      peer.turned = now;
    }
    const auto& to = peer.at[peer.turn % peer.at.size()];
    auto bytes = write(Question{.nonce = nonce, .sender = self_, .patient = name}, mesh_, key);
    auto* socket = socket_for(to);
    if (bytes.empty() || socket == nullptr) return;
    if (pending_.size() >= kMostPending) pending_.pop_front();
    pending_.push_back({nonce, name, now});
    error_code ec;
    socket->socket.send_to(asio::buffer(bytes), to, 0, ec);
    bool no_way = ec == asio::error::network_unreachable || ec == asio::error::network_down;
    ++(no_way ? blocked_ : sent_);
    if (ec) log::debug("heartbeat.send", fmt::format("{} could not be asked: {}", name, ec.message()));
  }

  void look_up(const std::string& name, Peer& peer, Instant now) {
    if (!peer.is_name || peer.looking) return;
    auto again = peer.at.empty() || peer.silent(now) ? kLookUpSilent : kLookUpEvery;
    if (peer.looked_up && now - *peer.looked_up < again) return;
    peer.looked_up = now;
    peer.looking = true;
    try {
      resolver_.async_resolve(peer.address, std::to_string(port_), udp::resolver::numeric_service,
                              [self = shared_from_this(), name](const error_code& ec, const auto& results) {
                                self->looked_up(self->peers_.at(name), ec, results);
                              });
    } catch (const std::exception& thrown) {
      // It needs a thread, and a machine that has none left for us is one whose peers must go on being asked.
      peer.looking = false;
      log::warn("heartbeat.name", fmt::format("{} cannot be looked up: {}", peer.address, thrown.what()));
    }
  }

  static void looked_up(Peer& peer, const error_code& ec, const udp::resolver::results_type& results) {
    peer.looking = false;
    // It keeps the addresses it had: a name server that is down moves nobody.
    if (ec)
      return log::debug("heartbeat.name", fmt::format("{} has no address: {}", peer.address, ec.message()));
    peer.at.clear();
    for (const auto& result : results) peer.at.push_back(result.endpoint());
  }

  /// Opened when it is first wanted, and again after it broke; nullptr while it cannot be.
  Socket* socket_for(const udp::endpoint& to) {
    auto& place = sockets_[to.address().is_v4() ? 0 : 1];
    if (place && place->socket.is_open()) return place.get();
    auto made = std::make_shared<Socket>(executor_);
    error_code ec;
    made->socket.open(to.protocol(), ec);
    if (!ec) made->socket.non_blocking(true, ec);
    if (!ec) made->socket.bind(udp::endpoint(to.protocol(), 0), ec);
    if (ec) {
      log::debug("heartbeat.socket", fmt::format("no socket to ask with: {}", ec.message()));
      return nullptr;
    }
    place = made;
    listen(made);
    return made.get();
  }

  void listen(const std::shared_ptr<Socket>& socket) {
    socket->socket.async_receive_from(
        asio::buffer(socket->buffer), socket->from,
        [weak = weak_from_this(), socket](const error_code& ec, std::size_t size) {
          auto self = weak.lock();
          if (!self || self->closed_ || !socket->socket.is_open()) return;
          if (ec) {
            // The next beat opens another one; trying on at once could spin.
            error_code ignored;
            socket->socket.close(ignored);
            return;
          }
          self->take(std::string_view(socket->buffer.data(), size));
          if (!self->closed_) self->listen(socket);
        });
  }

  void take(std::string_view datagram) {
    auto nonce = claimed_nonce(datagram);
    if (!nonce) return;
    auto pending = std::ranges::find(pending_, *nonce, &Pending::nonce);
    if (pending == pending_.end()) return;
    auto answer = read_answer(datagram, mesh_, keys_);
    if (!answer && !former_.empty()) answer = read_answer(datagram, mesh_, Keys{{former_}});
    if (!answer || answer->from != pending->peer) return;
    auto now = clock_.now();
    auto question = std::move(*pending);
    pending_.erase(pending);  // a second answer to it is none
    if (now - question.asked > kForgetAfter) return;
    peers_.at(question.peer).answered = now;
    on_word_(question.peer, question.asked, answer->word);
  }

  asio::any_io_executor executor_;
  udp::resolver resolver_;
  const Clock& clock_;
  OnWord on_word_;
  bool closed_ = false;
  std::string mesh_, self_;
  std::uint16_t port_ = 0;
  std::size_t sent_ = 0, blocked_ = 0;  // of the last beat
  Keys keys_;
  Secret former_;  // the one that was asked with before, for a while
  Instant former_until_{};
  std::map<std::string, Peer, std::less<>> peers_;
  std::deque<Pending> pending_;                     // oldest first
  std::array<std::shared_ptr<Socket>, 2> sockets_;  // IPv4, IPv6
};

Pulse::Pulse(const asio::any_io_executor& executor, const Mesh& mesh, const Clock& clock, OnWord on_word)
    : state_(std::make_shared<State>(executor, mesh, clock, std::move(on_word))) {}
Pulse::~Pulse() { state_->close(); }
void Pulse::use_keys(Keys keys) { state_->use_keys(std::move(keys)); }
void Pulse::beat(const std::vector<std::string>& peers) { state_->beat(peers); }
bool Pulse::network() const { return state_->network(); }

}  // namespace meshops::heartbeat
