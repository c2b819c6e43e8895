#include "mesh/path_talk.h"

#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "formats/ssh_keys.h"
#include "host/known_host.h"
#include "net/http1.h"
#include "net/ssh_hello.h"
#include "net/tls.h"

namespace meshops::path {

namespace {

using SteadyClock = std::chrono::steady_clock;

/// Larger segments are of loopback or of jumbo frames; more than this no server must take in a head.
constexpr unsigned kMostPadding = 9000;

class Line {
 public:
  enum class Got { bytes, end, reset, expired };

  void limit(Duration limit) { until_ = SteadyClock::now() + limit; }

  TcpSeen connect(const std::string& address, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &list) != 0)
      return {.outcome = TcpSeen::Outcome::failed, .words = "it is no address"};
    const auto begun = SteadyClock::now();
    fd_ = Fd(::socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int failed = 0;
    if (!fd_ || (::connect(fd_.get(), list->ai_addr, list->ai_addrlen) != 0 && errno != EINPROGRESS))
      failed = errno;
    ::freeaddrinfo(list);
    if (failed == 0) {
      if (!wait(POLLOUT)) return {.outcome = TcpSeen::Outcome::timed_out, .took = SteadyClock::now() - begun};
      socklen_t size = sizeof failed;
      ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &failed, &size);
    }
    return {.outcome = outcome_of(failed),
            .took = SteadyClock::now() - begun,
            .words = failed == 0 ? "" : std::strerror(failed)};
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      auto sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
      if (sent < 0 && !wait(POLLOUT)) return false;
    }
    return true;
  }

  Got receive(std::string_view& bytes) {
    while (true) {
      auto got = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
      if (got > 0) {
        bytes = std::string_view(buffer_.data(), static_cast<std::size_t>(got));
        return Got::bytes;
      }
      if (got == 0) return Got::end;
      if (errno != EAGAIN && errno != EINTR) return Got::reset;
      if (!wait(POLLIN)) return Got::expired;
    }
  }

  /// Of a full packet, without headers; 0: so large that nothing is learned from it.
  unsigned segment() const {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
    return info.tcpi_snd_mss > kMostPadding ? 0 : info.tcpi_snd_mss;
  }

  /// Whether the other side's kernel has acknowledged all that was sent, now or before the limit.
  bool all_acknowledged() {
    while (true) {
      int waiting = 0;
      if (::ioctl(fd_.get(), SIOCOUTQ, &waiting) != 0 || waiting == 0) return true;
      if (SteadyClock::now() >= until_) return false;
      // There is no event for it.
      ::poll(nullptr, 0, 20);
    }
  }

 private:
  static TcpSeen::Outcome outcome_of(int failed) {
    switch (failed) {
      case 0:
        return TcpSeen::Outcome::connected;
      case ECONNREFUSED:
        return TcpSeen::Outcome::refused;
      case ETIMEDOUT:
        return TcpSeen::Outcome::timed_out;
      case ECONNRESET:
        return TcpSeen::Outcome::reset;
      case EHOSTUNREACH:
        return TcpSeen::Outcome::no_neighbour;
      case ENETUNREACH:
        return TcpSeen::Outcome::no_route;
      case EACCES:
      case EPERM:
        return TcpSeen::Outcome::not_permitted;
      default:
        return TcpSeen::Outcome::failed;
    }
  }

  bool wait(short events) {
    while (true) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - SteadyClock::now()).count();
      if (left <= 0) return false;
      pollfd one{fd_.get(), events, 0};
      if (::poll(&one, 1, static_cast<int>(left)) > 0) return true;
    }
  }

  Fd fd_;
  SteadyClock::time_point until_;
  std::array<char, 16384> buffer_;
};

/// Of an IP packet, for people who think in MTUs.
unsigned packet_of(unsigned segment, const std::string& address) {
  return segment + 20 + 12 + (address.find(':') == std::string::npos ? 20U : 40U);
}

LoadSeen load_of(Line& line, unsigned segment, const std::string& address) {
  if (segment == 0) return {};
  return {line.all_acknowledged() ? LoadSeen::Outcome::passed : LoadSeen::Outcome::stuck,
          packet_of(segment, address)};
}

// --- SSH

struct Known {
  std::vector<ssh::KnownHost> entries;  // of this host
  std::vector<std::string> preferred;   // algorithms for keys of the types they have
};
Known known(const Target& target, const std::string& address, const EdgeSettings& settings) {
  std::vector<std::string> names;
  for (const auto& name : {target.host, address, target.name})
    names.push_back(target.port == 22 ? name : fmt::format("[{}]:{}", name, target.port));
  Known out;
  for (const auto& path : settings.known_hosts) {
    auto text = read_file(path);
    if (!text) continue;
    for (auto& entry : ssh::parse_known_hosts(*text)) {
      if (entry.marker == "@cert-authority" ||
          std::ranges::none_of(names, [&](const auto& name) { return ssh::is_for(entry, name); }))
        continue;
      if (entry.type == "ssh-rsa")
        out.preferred.insert(out.preferred.end(), {"rsa-sha2-512", "rsa-sha2-256"});
      else
        out.preferred.push_back(entry.type);
      out.entries.push_back(std::move(entry));
    }
  }
  return out;
}

SshSeen::Key judge_key(const Known& known, const std::string& key, const std::string& type) {
  bool same = false, other = false;
  for (const auto& entry : known.entries) {
    if (entry.blob == key && entry.marker == "@revoked") return SshSeen::Key::revoked;
    if (!entry.marker.empty()) continue;
    same = same || entry.blob == key;
    other = other || (entry.type == type && entry.blob != key);
  }
  if (same) return SshSeen::Key::known;
  return other ? SshSeen::Key::changed : SshSeen::Key::unknown;
}

void talk_ssh(Line& line, const Target& target, const std::string& address, const EdgeSettings& settings,
              TalkSeen& seen) {
  auto& ssh = seen.ssh;
  const auto begun = SteadyClock::now();
  const auto segment = line.segment();
  const auto keys = known(target, address, settings);
  line.send(ssh::client_hello(keys.preferred, segment == 0 ? 0 : segment + 200));
  ssh::ServerHello hello;
  std::string heard;
  bool shared = false, first = true;
  std::string_view bytes;
  Line::Got got{};
  while ((got = line.receive(bytes)) == Line::Got::bytes) {
    if (first) ssh.took = SteadyClock::now() - begun;
    first = false;
    if (heard.size() < 200) heard += bytes.substr(0, 200);
    auto done = hello.feed(bytes);
    if (!done) {
      ssh.words = printable(done.error().sentence());
      if (hello.version().empty()) ssh.outcome = SshSeen::Outcome::not_ssh;
      break;
    }
    if (*done) break;
    if (hello.wants_share() && !shared) {
      std::array<char, 32> random{};
      if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) break;
      line.send(ssh::client_share(std::string_view(random.data(), random.size())));
      shared = true;
    }
  }
  seen.load = load_of(line, segment, address);
  if (ssh.outcome == SshSeen::Outcome::not_ssh) return;
  ssh.version = hello.version();
  if (ssh.version.empty()) {
    ssh.outcome = got == Line::Got::expired ? SshSeen::Outcome::silent : SshSeen::Outcome::closed;
    // sshd says why it hangs up in one line: "Not allowed at this time".
    ssh.words = printable(trim(heard));
    return;
  }
  ssh.outcome = SshSeen::Outcome::greeted;
  if (auto type = ssh::key_type(hello.host_key())) {
    ssh.key_type = *type;
    ssh.key = judge_key(keys, hello.host_key(), *type);
  }
}

// --- TLS and HTTP

std::unique_ptr<TlsClient> shake_hands(Line& line, const Target& target, TlsSeen& tls) {
  const auto begun = SteadyClock::now();
  auto made = TlsClient::make(target.host, false);
  if (!made) {
    tls.outcome = TlsSeen::Outcome::failed;
    tls.words = made.error().sentence();
    return nullptr;
  }
  auto client = std::move(*made);
  while (true) {
    auto step = client->handshake();
    line.send(client->to_send());
    tls.took = SteadyClock::now() - begun;
    if (step == TlsClient::Step::done) break;
    if (step != TlsClient::Step::wants_input) {
      tls.outcome = TlsSeen::Outcome::failed;
      tls.words = printable(client->why());
      return nullptr;
    }
    std::string_view bytes;
    auto got = line.receive(bytes);
    if (got != Line::Got::bytes) {
      tls.outcome = got == Line::Got::expired ? TlsSeen::Outcome::silent : TlsSeen::Outcome::closed;
      return nullptr;
    }
    client->received(bytes);
  }
  auto shown = client->shown();
  tls.outcome = TlsSeen::Outcome::shaken;
  tls.version = shown.version;
  tls.trusted = shown.trusted;
  tls.why_not = shown.why_not;
  tls.name_fits = shown.name_fits;
  if (shown.certificate) {
    tls.subject = shown.certificate->subject;
    tls.issuer = shown.certificate->issuer;
    tls.names = shown.certificate->names;
    tls.begins = shown.certificate->begins;
    tls.ends = shown.certificate->ends;
  }
  return client;
}

Line::Got receive(Line& line, TlsClient* tls, std::string_view& bytes) {
  if (tls == nullptr) return line.receive(bytes);
  while (true) {
    switch (tls->read(bytes)) {
      case TlsClient::Step::done:
        return Line::Got::bytes;
      case TlsClient::Step::closed:
        return Line::Got::end;
      case TlsClient::Step::failed:
        return Line::Got::reset;
      case TlsClient::Step::wants_input:
        break;
    }
    line.send(tls->to_send());
    std::string_view sealed;
    auto got = line.receive(sealed);
    if (got != Line::Got::bytes) return got;
    tls->received(sealed);
  }
}

void talk_http(Line& line, TlsClient* tls, const Target& target, const std::string& address, TalkSeen& seen) {
  auto& http = seen.http;
  const auto segment = line.segment();
  HttpRequest request;
  request.to = {.host = target.host, .port = target.port};
  request.target = target.request;
  // A line for each thousand bytes: servers limit lines, too.
  for (unsigned i = 0; segment > 0 && i * 1000 < segment + 200; ++i)
    request.headers[fmt::format("X-Meshops-Path-{}", i)] = std::string(1000, 'm');
  auto text = http1::request_text(request);
  if (!text) {
    http.outcome = HttpSeen::Outcome::not_http;
    http.words = text.error().sentence();
    return;
  }
  const auto begun = SteadyClock::now();
  if (tls != nullptr) {
    (void)tls->write(*text);
    line.send(tls->to_send());
  } else {
    line.send(*text);
  }
  http1::AnswerReader reader(1U << 20);
  std::string_view bytes;
  Line::Got got{};
  while ((got = receive(line, tls, bytes)) == Line::Got::bytes) {
    if (!reader.started()) http.first_byte = SteadyClock::now() - begun;
    auto done = reader.feed(bytes);
    if (!done && !reader.head_done()) {
      http.outcome = HttpSeen::Outcome::not_http;
      http.words = printable(done.error().sentence());
      break;
    }
    if (reader.head_done()) break;
  }
  seen.load = load_of(line, segment, address);
  if (http.outcome == HttpSeen::Outcome::not_http) return;
  if (reader.head_done()) {
    http.outcome = HttpSeen::Outcome::answered;
    http.status = reader.status();
    return;
  }
  http.outcome = got == Line::Got::expired ? HttpSeen::Outcome::silent : HttpSeen::Outcome::closed;
}

}  // namespace

TalkSeen talk(const Target& target, const std::string& address, const EdgeSettings& settings) {
  TalkSeen seen;
  Line line;
  line.limit(settings.connect_limit);
  seen.tcp = line.connect(address, target.port);
  if (seen.tcp.outcome != TcpSeen::Outcome::connected) return seen;
  line.limit(settings.answer_limit);
  switch (target.kind) {
    case Kind::tcp:
      break;
    case Kind::ssh:
      talk_ssh(line, target, address, settings, seen);
      break;
    case Kind::http:
      talk_http(line, nullptr, target, address, seen);
      break;
    case Kind::https: {
      auto tls = shake_hands(line, target, seen.tls);
      line.limit(settings.answer_limit);
      if (tls) talk_http(line, tls.get(), target, address, seen);
      break;
    }
  }
  return seen;
}

}  // namespace meshops::path
