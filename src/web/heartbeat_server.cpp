#include "web/heartbeat_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <cstring>
#include <optional>

#include "base/log.h"
#include "base/text.h"
#include "mesh/word_file.h"

namespace meshops::web {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;
using heartbeat::HeartbeatCode;

namespace {

/// So many datagrams are taken before the loop may do something else.
constexpr unsigned kAtATime = 64;

/// One datagram with both its ends: of a machine with several addresses the answer must leave from the one
/// that was asked, or the asker's firewall takes it for something else.
struct Exchange {
  std::array<char, heartbeat::kDatagramBytes + 1> bytes{};
  std::size_t size = 0;
  sockaddr_storage from{};
  socklen_t from_size = 0;
  std::optional<in6_pktinfo> asked_at6;
  std::optional<in_pktinfo> asked_at4;
};

bool receive(int fd, Exchange& in) {
  iovec part{in.bytes.data(), in.bytes.size()};
  alignas(cmsghdr) std::array<char, 256> control{};
  msghdr message{};
  message.msg_name = &in.from;
  message.msg_namelen = sizeof(in.from);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  auto got = ::recvmsg(fd, &message, MSG_DONTWAIT);
  if (got < 0) return false;
  in.size = static_cast<std::size_t>(got);
  in.from_size = message.msg_namelen;
  for (auto* item = CMSG_FIRSTHDR(&message); item != nullptr; item = CMSG_NXTHDR(&message, item)) {
    if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO)
      std::memcpy(&in.asked_at6.emplace(), CMSG_DATA(item), sizeof(in6_pktinfo));
    if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO)
      std::memcpy(&in.asked_at4.emplace(), CMSG_DATA(item), sizeof(in_pktinfo));
  }
  return true;
}

template <class Info>
void put(msghdr& message, int level, int type, const Info& info) {
  auto* item = CMSG_FIRSTHDR(&message);
  item->cmsg_level = level;
  item->cmsg_type = type;
  item->cmsg_len = CMSG_LEN(sizeof(Info));
  std::memcpy(CMSG_DATA(item), &info, sizeof(Info));
  message.msg_controllen = CMSG_SPACE(sizeof(Info));
}

/// A full queue or a lost route is one answer less; the next question comes in a second.
void answer(int fd, Exchange& to, std::string bytes) {
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, 256> control{};
  msghdr message{};
  message.msg_name = &to.from;
  message.msg_namelen = to.from_size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (to.asked_at6) {
    // A link-local address means nothing without its interface; for others the kernel knows the way better.
    if (!IN6_IS_ADDR_LINKLOCAL(&to.asked_at6->ipi6_addr)) to.asked_at6->ipi6_ifindex = 0;
    put(message, IPPROTO_IPV6, IPV6_PKTINFO, *to.asked_at6);
  } else if (to.asked_at4) {
    to.asked_at4->ipi_ifindex = 0;
    to.asked_at4->ipi_spec_dst = to.asked_at4->ipi_addr;
    put(message, IPPROTO_IP, IP_PKTINFO, *to.asked_at4);
  } else {
    message.msg_control = nullptr;
    message.msg_controllen = 0;
  }
  (void)::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

Error cannot_listen(const Listen& at, const error_code& ec) {
  auto where = at.address.empty() ? fmt::format("UDP port {}", at.port)
                                  : fmt::format("{}:{}/udp", at.address, at.port);
  auto why = error(HeartbeatCode::bad_address, "cannot listen on {}: {}", where, ec.message());
  if (ec == asio::error::address_in_use)
    return std::move(why).hint("see who does: ss -lunp sport = :{}; or set heartbeat_port in mesh.toml",
                               at.port);
  return why;
}

}  // namespace

Result<Listen> parse_listen(std::string_view text) {
  auto bad = [&] {
    return fail(error(HeartbeatCode::bad_address, "{} is nowhere to listen", quote(text))
                    .hint("a port, or an address and a port: 7947, 10.0.0.2:7947, [fd00::2]:7947"));
  };
  auto colon = text.rfind(':');
  auto port = to_number<std::uint16_t>(colon == text.npos ? text : text.substr(colon + 1));
  if (!port) return bad();
  if (colon == text.npos) return Listen{.address = {}, .port = *port};
  auto address = text.substr(0, colon);
  bool in_brackets = address.starts_with('[') && address.ends_with(']');
  if (in_brackets) address = address.substr(1, address.size() - 2);
  error_code no_address;
  auto parsed = asio::ip::make_address(std::string(address), no_address);
  if (no_address || parsed.is_v6() != in_brackets) return bad();
  return Listen{.address = std::string(address), .port = *port};
}

class HeartbeatServer::State : public std::enable_shared_from_this<State> {
 public:
  State(const asio::any_io_executor& executor, Options options, const Clock& clock)
      : socket_(executor), options_(std::move(options)), clock_(clock) {}

  Status open() {
    const auto& at = options_.listen;
    error_code ec;
    if (!at.address.empty()) {
      open_at(udp::endpoint(asio::ip::make_address(at.address), at.port), ec);
    } else {
      open_at(udp::endpoint(udp::v6(), at.port), ec);
      // A kernel without IPv6 has the other one.
      if (ec && ec != asio::error::address_in_use) open_at(udp::endpoint(udp::v4(), at.port), ec);
    }
    if (ec) return fail(cannot_listen(at, ec));
    return ok();
  }
  void listen() {
    socket_.async_wait(udp::socket::wait_read, [self = shared_from_this()](const error_code& ec) {
      if (ec || !self->socket_.is_open()) return;
      self->take_some();
      self->listen();
    });
  }
  void close() {
    error_code ignored;
    socket_.close(ignored);
  }
  std::uint16_t port() const {
    error_code ignored;
    return socket_.local_endpoint(ignored).port();
  }

 private:
  void open_at(const udp::endpoint& at, error_code& ec) {
    error_code ignored;
    socket_.close(ignored);
    socket_.open(at.protocol(), ec);
    const int on = 1, fd = socket_.native_handle();
    bool is_all = at.address().is_unspecified();
    if (!ec && at.protocol() == udp::v6()) {
      socket_.set_option(asio::ip::v6_only(!is_all), ec);
      if (is_all) (void)::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
    } else if (!ec && is_all) {
      (void)::setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
    }
    if (!ec) socket_.bind(at, ec);
  }

  void take_some() {
    for (unsigned i = 0; i < kAtATime; ++i) {
      Exchange exchange;
      // Errors, too, are told by recvmsg() once each; what is left of them comes with the next wait.
      if (!receive(socket_.native_handle(), exchange)) return;
      auto bytes = answer_to(std::string_view(exchange.bytes.data(), exchange.size));
      if (!bytes.empty()) answer(socket_.native_handle(), exchange, std::move(bytes));
    }
  }

  std::string answer_to(std::string_view datagram) {
    auto asked = heartbeat::read_question(datagram, options_.mesh, options_.node, options_.keys);
    if (!asked) return {};
    return write(heartbeat::Answer{.nonce = asked->question.nonce, .from = options_.node, .word = word()},
                 options_.mesh, options_.keys.keys[asked->key]);
  }

  mesh::Word word() {
    auto now = clock_.now();
    if (!read_at_ || now - *read_at_ > kWordKept) {
      word_ = mesh::read_word(options_.word, clock_);
      read_at_ = now = clock_.now();
    }
    auto out = word_;
    out.agent_age += now - *read_at_;
    return out;
  }

  udp::socket socket_;
  Options options_;
  const Clock& clock_;
  mesh::Word word_;
  std::optional<Instant> read_at_;
};

Result<std::unique_ptr<HeartbeatServer>> HeartbeatServer::start(const asio::any_io_executor& executor,
                                                                Options options, const Clock& clock) {
  auto state = std::make_shared<State>(executor, std::move(options), clock);
  CHECK_OK(state->open());
  state->listen();
  return std::unique_ptr<HeartbeatServer>(new HeartbeatServer(std::move(state)));
}
HeartbeatServer::~HeartbeatServer() { state_->close(); }
std::uint16_t HeartbeatServer::port() const { return state_->port(); }

}  // namespace meshops::web
