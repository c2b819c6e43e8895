#include "mesh/path_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"

namespace meshops::path {

using namespace std::chrono_literals;

namespace {

constexpr auto kSoon = std::chrono::days(14);
/// Order of the enums, and of what people read.
constexpr std::array<std::string_view, 9> kLayers{"name", "route", "icmp", "tcp",    "mtu",
                                                  "tls",  "http",  "auth", "hairpin"};
constexpr std::array<std::string_view, 4> kWeights{"good", "note", "breaks", "skipped"};
constexpr std::array<std::string_view, 4> kKinds{"tcp", "ssh", "http", "https"};

/// IPv6 in its own set: name servers are asked for IPv4 only.
std::set<std::string> ipv4_of(const std::vector<std::string>& addresses) {
  std::set<std::string> out;
  for (const auto& address : addresses)
    if (address.find(':') == std::string::npos) out.insert(address);
  return out;
}

std::string says(const NameSeen::Told& told) {
  if (told.silent) return told.source + " does not answer";
  if (told.addresses.empty()) return told.source + " knows no such name";
  return fmt::format("{} says {}", told.source, join(told.addresses, " "));
}

std::string all_says(const NameSeen& name) {
  std::vector<std::string> parts;
  for (const auto& told : name.told) parts.push_back(says(told));
  if (parts.empty()) parts.push_back(name.why.empty() ? "there is nobody to ask" : name.why);
  return join(parts, ", ");
}

std::string service(Kind kind) {
  switch (kind) {
    case Kind::ssh:
      return "sshd";
    case Kind::http:
    case Kind::https:
      return "the server";
    case Kind::tcp:
      break;
  }
  return "what should listen";
}

/// What is needed to say a row's sentence; kept apart from the step, whose `what` is for every outcome.
struct Judged {
  Verdict verdict = Verdict::not_looked;
  std::string what;
  std::string detail;  // of the sentence; empty: `what`
  std::optional<Duration> took;
};

bool connected(const Walk& walk) { return walk.tcp.outcome == TcpSeen::Outcome::connected; }
bool speaks_tls(const Walk& walk) { return walk.target.kind == Kind::https; }
bool speaks_http(const Walk& walk) { return walk.target.kind == Kind::http || speaks_tls(walk); }

Judged judge_route(const RouteSeen& route) {
  using enum RouteSeen::Outcome;
  switch (route.outcome) {
    case not_asked:
      return {};
    case none:
      return {Verdict::no_route, "the kernel knows no way there", {}, {}};
    case prohibited:
      return {Verdict::prohibited, "a route forbids it", {}, {}};
    case found:
      break;
  }
  auto what = route.here ? std::string("an address of this machine") : "by " + route.interface;
  if (!route.gateway.empty()) what += ", over " + route.gateway;
  if (!route.source.empty() && !route.here) what += ", from " + route.source;
  return {Verdict::good, what, {}, {}};
}

Judged judge_icmp(const EchoSeen& echo) {
  if (!echo.tried) return {Verdict::not_looked, echo.why_not, {}, {}};
  if (echo.took) return {Verdict::good, "answers pings", {}, echo.took};
  if (!echo.refusal.empty()) return {Verdict::ping_refused, echo.refusal, {}, {}};
  return {Verdict::ping_blocked, "no answer to pings (blocked is not down)", {}, {}};
}

Judged judge_tcp(const Walk& walk) {
  using enum TcpSeen::Outcome;
  const auto& tcp = walk.tcp;
  auto port = fmt::format("port {}", walk.target.port);
  switch (tcp.outcome) {
    case not_tried:
      return {};
    case connected:
      return {Verdict::good, port + " takes connections", {}, tcp.took};
    case refused:
      return {Verdict::refused, port + " refuses connections", {}, tcp.took};
    case timed_out:
      if (walk.echo.took)
        return {Verdict::dropped, fmt::format("no answer from {} within {}", port, about(tcp.took)), {}, {}};
      if (!walk.echo.refusal.empty()) return {Verdict::no_tcp_route, walk.echo.refusal, {}, {}};
      return {Verdict::silent, fmt::format("no answer from {} within {}", port, about(tcp.took)), {}, {}};
    case reset:
      return {Verdict::reset, port + " resets the connection", {}, tcp.took};
    case no_neighbour:
      return {Verdict::no_neighbour, "no machine has that address on this network", {}, {}};
    case no_route:
      return {Verdict::no_tcp_route, tcp.words, {}, {}};
    case not_permitted:
      return {Verdict::forbidden_here, "this machine's own firewall does not let it out", {}, {}};
    case failed:
      break;
  }
  return {Verdict::tcp_failed, tcp.words, {}, {}};
}

Judged judge_mtu(const Walk& walk) {
  const auto& echo = walk.echo;
  const unsigned whole = walk.route.mtu;
  const bool small = echo.took.has_value();
  const bool large = small && echo.largest >= whole;
  auto lost = small && !large && echo.largest > 0
                  ? fmt::format("over {} bytes, of {} of the interface", echo.largest, whole)
                  : fmt::format("{} bytes", walk.load.packet);
  if (walk.load.outcome == LoadSeen::Outcome::stuck)
    return {Verdict::black_hole,
            fmt::format("packets of {} bytes are not acknowledged", walk.load.packet),
            lost,
            {}};
  if (walk.route.here) return {Verdict::good, "inside this machine", {}, {}};
  const bool passed = walk.load.outcome == LoadSeen::Outcome::passed;
  if (small && !large && echo.told_mtu > 0)
    return {Verdict::smaller, fmt::format("{} bytes, as a router says", echo.told_mtu), {}, {}};
  if (small && !large && passed) return {Verdict::large_pings_lost, "pings " + lost + " are lost", lost, {}};
  if (small && !large && connected(walk))
    return {Verdict::maybe_black_hole, "pings " + lost + " are lost", lost, {}};
  if (large) return {Verdict::good, fmt::format("packets of {} bytes get through", echo.largest), {}, {}};
  if (passed)
    return {Verdict::good, fmt::format("packets of {} bytes get through", walk.load.packet), {}, {}};
  return {Verdict::not_looked, "nothing larger could be sent", {}, {}};
}

std::string date(WallTime at) { return iso8601(at).substr(0, 10); }

Judged judge_tls(const Walk& walk) {
  using enum TlsSeen::Outcome;
  const auto& tls = walk.tls;
  if (!speaks_tls(walk)) return {Verdict::not_looked, "not needed", {}, {}};
  switch (tls.outcome) {
    case not_tried:
      return {};
    case silent:
      return {Verdict::tls_silent, "no end of the handshake", {}, {}};
    case closed:
      return {Verdict::tls_closed, "closed in the handshake", {}, tls.took};
    case failed:
      return {Verdict::tls_failed, tls.words, {}, tls.took};
    case shaken:
      break;
  }
  auto left = std::chrono::floor<std::chrono::days>(tls.ends - walk.at).count();
  if (walk.at > tls.ends)
    return {Verdict::expired, fmt::format("expired on {}, {} days ago", date(tls.ends), -left), {}, tls.took};
  if (walk.at < tls.begins) return {Verdict::not_yet, "begins on " + date(tls.begins), {}, tls.took};
  if (!tls.name_fits)
    return {Verdict::wrong_name,
            tls.names.empty() ? "it is for " + printable(tls.subject)
                              : "it is for " + printable(join(tls.names, " ")),
            {},
            tls.took};
  if (!tls.trusted) return {Verdict::untrusted, tls.why_not, {}, tls.took};
  auto what = fmt::format("{}, the certificate is good for {} more days", tls.version, left);
  if (tls.ends - walk.at < kSoon) return {Verdict::ends_soon, what, {}, tls.took};
  return {Verdict::good, what, {}, tls.took};
}

Judged judge_http(const Walk& walk) {
  using enum HttpSeen::Outcome;
  const auto& http = walk.http;
  if (!speaks_http(walk)) return {Verdict::not_looked, "not needed", {}, {}};
  auto answer = fmt::format("{} to GET {}", http.status, printable(walk.target.request));
  switch (http.outcome) {
    case not_tried:
      return {};
    case silent:
      return {Verdict::http_silent, "no answer", {}, {}};
    case closed:
      return {Verdict::http_closed, "closed without an answer", {}, {}};
    case not_http:
      return {Verdict::not_http, http.words, {}, {}};
    case answered:
      break;
  }
  if (http.status >= 500) return {Verdict::server_error, answer, {}, http.first_byte};
  if (http.status == 404) return {Verdict::not_there, answer, walk.target.request, http.first_byte};
  return {Verdict::good, answer, {}, http.first_byte};
}

Judged judge_ssh(const SshSeen& ssh) {
  using enum SshSeen::Outcome;
  switch (ssh.outcome) {
    case not_tried:
      return {};
    case silent:
      return {Verdict::ssh_silent, "no greeting", {}, {}};
    case closed:
      return {Verdict::ssh_closed, ssh.words.empty() ? "closed without a greeting" : ssh.words, {}, ssh.took};
    case not_ssh:
      return {Verdict::not_ssh, ssh.words, {}, ssh.took};
    case greeted:
      break;
  }
  switch (ssh.key) {
    case SshSeen::Key::unknown:
      return {Verdict::key_unknown, ssh.version + ", its host key is not known here", ssh.key_type, ssh.took};
    case SshSeen::Key::changed:
      return {Verdict::key_changed, ssh.version + ", another host key than the known one", ssh.key_type,
              ssh.took};
    case SshSeen::Key::revoked:
      return {Verdict::key_revoked, ssh.version + ", a revoked host key", ssh.key_type, ssh.took};
    case SshSeen::Key::known:
      return {Verdict::good, ssh.version + ", its host key is the known one", {}, ssh.took};
    case SshSeen::Key::not_shown:
      break;
  }
  return {Verdict::good, ssh.version, {}, ssh.took};
}

Judged judge_auth(const Walk& walk) {
  if (walk.target.kind == Kind::ssh) return judge_ssh(walk.ssh);
  if (!speaks_http(walk)) return {Verdict::not_looked, "not known what answers there", {}, {}};
  if (walk.http.outcome != HttpSeen::Outcome::answered) return {};
  if (walk.http.status == 401 || walk.http.status == 403)
    return {Verdict::asks_for_login, fmt::format("asks for a login ({})", walk.http.status), {}, {}};
  return {Verdict::good, "no login asked for", {}, {}};
}

Judged judge_hairpin(const HairpinSeen& hairpin) {
  using enum HairpinSeen::Outcome;
  switch (hairpin.outcome) {
    case not_tried:
      return {Verdict::not_looked, hairpin.why, {}, {}};
    case own_address:
      return {Verdict::good, hairpin.address + " is an address of this machine", {}, {}};
    case passed:
      return {Verdict::good, "reaches itself at " + hairpin.address, {}, {}};
    case failed:
      break;
  }
  return {Verdict::no_hairpin, hairpin.why, hairpin.address, {}};
}

/// `ends`: something behind the name breaks the way, so that a wrong address would explain it.
Judged judge_name(const Walk& walk, bool ends) {
  const auto& name = walk.name;
  if (!name.needed) return {Verdict::not_looked, "an address needs no name server", {}, {}};
  if (name.addresses.empty()) {
    bool asked = false, answered = false;
    for (const auto& told : name.told) {
      if (told.hosts_file) continue;
      asked = true;
      answered = answered || !told.silent;
    }
    auto verdict = asked && !answered ? Verdict::no_name_server : Verdict::no_such_name;
    return {verdict, all_says(name), {}, name.took};
  }
  const NameSeen::Told* file = nullptr;
  std::set<std::set<std::string>> by_servers;
  for (const auto& told : name.told) {
    if (told.hosts_file)
      file = &told;
    else if (!told.silent && !told.addresses.empty())
      by_servers.insert(ipv4_of(told.addresses));
  }
  if (file != nullptr && !by_servers.empty()) {
    auto written = ipv4_of(file->addresses);
    bool agrees = written.empty() || std::ranges::any_of(by_servers, [&](const auto& addresses) {
                    return std::ranges::includes(addresses, written);
                  });
    if (!agrees)
      return {
          ends ? Verdict::hosts_file_misleads : Verdict::hosts_file_differs, all_says(name), {}, name.took};
  }
  if (by_servers.size() > 1) return {Verdict::servers_differ, all_says(name), {}, name.took};
  return {Verdict::good, join(name.addresses, " "), {}, name.took};
}

/// What explains that a wrong machine, or none, stands at an address.
bool could_be_elsewhere(Verdict verdict) {
  switch (verdict) {
    case Verdict::server_error:
    case Verdict::forbidden_here:
    case Verdict::black_hole:
    case Verdict::expired:
    case Verdict::not_yet:
      return false;
    default:
      return meaning(verdict).weight == Weight::breaks;
  }
}

std::vector<Judged> judge(const Walk& walk) {
  std::vector<Judged> out{{},
                          judge_route(walk.route),
                          judge_icmp(walk.echo),
                          judge_tcp(walk),
                          judge_mtu(walk),
                          judge_tls(walk),
                          judge_http(walk),
                          judge_auth(walk),
                          judge_hairpin(walk.hairpin)};
  bool ends =
      std::ranges::any_of(out, [](const Judged& judged) { return could_be_elsewhere(judged.verdict); });
  out.front() = judge_name(walk, ends);
  return out;
}

std::string say(std::string_view row, const Walk& walk, const std::string& detail) {
  auto name = printable(walk.target.name), host = printable(walk.target.host);
  return fmt::format(fmt::runtime(row), fmt::arg("from", printable(walk.from)), fmt::arg("to", name),
                     fmt::arg("name", host), fmt::arg("address", printable(walk.address)),
                     fmt::arg("port", walk.target.port), fmt::arg("detail", printable(detail)),
                     fmt::arg("service", service(walk.target.kind)));
}

}  // namespace

std::string_view text(Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
std::string_view text(Layer layer) { return kLayers[static_cast<std::size_t>(layer)]; }
std::string_view text(Weight weight) { return kWeights[static_cast<std::size_t>(weight)]; }
std::optional<Layer> parse_layer(std::string_view text) {
  auto found = std::ranges::find(kLayers, text);
  if (found == kLayers.end()) return std::nullopt;
  return static_cast<Layer>(found - kLayers.begin());
}

std::vector<Step> steps(const Walk& walk) {
  std::vector<Step> out;
  auto all = judge(walk);
  for (std::size_t i = 0; i < all.size(); ++i)
    out.push_back({.layer = static_cast<Layer>(i),
                   .verdict = all[i].verdict,
                   .weight = meaning(all[i].verdict).weight,
                   .what = printable(all[i].what),
                   .took = all[i].took});
  return out;
}

Conclusion conclude(const Walk& walk, std::span<const Step> steps) {
  auto all = judge(walk);
  auto first = std::ranges::find(steps, Weight::breaks, &Step::weight);
  auto verdict = first == steps.end() ? Verdict::good : first->verdict;
  std::optional<Layer> broken;
  if (first != steps.end()) broken = first->layer;
  // A node that walks to itself and does not come back in: that has a name of its own.
  if (walk.target.itself && broken == Layer::tcp && verdict != Verdict::refused &&
      walk.hairpin.outcome == HairpinSeen::Outcome::failed) {
    broken = Layer::hairpin;
    verdict = Verdict::no_hairpin;
  }
  std::string detail;
  if (broken) {
    const auto& judged = all[static_cast<std::size_t>(*broken)];
    detail = judged.detail.empty() ? judged.what : judged.detail;
  }
  const auto& row = meaning(verdict);
  Conclusion out{.broken = broken,
                 .verdict = verdict,
                 .sentence = say(row.sentence, walk, detail),
                 .remedy = say(row.remedy, walk, detail)};
  if (broken) return out;
  // Good; what is to be looked at all the same is said with it, and the first of them is what to do.
  for (const auto& step : steps) {
    if (step.weight != Weight::note) continue;
    const auto& note = all[static_cast<std::size_t>(step.layer)];
    const auto& told = meaning(step.verdict);
    const auto& words = note.detail.empty() ? note.what : note.detail;
    out.sentence += "; " + say(told.sentence, walk, words);
    if (out.remedy.empty()) out.remedy = say(told.remedy, walk, words);
  }
  return out;
}

}  // namespace meshops::path
