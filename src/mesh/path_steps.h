// The way from one node to another, as values: what was seen on each layer, what each means, and one sentence
// that says where it breaks and what to do. Called by `meshops path` and the matrix. Pure: path_probe.h
// looks, this judges.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace meshops::path {

enum class Kind {
  tcp,  // a port, of which nothing is known
  ssh,
  http,
  https,
};
std::string_view text(Kind kind);  // "tcp", "ssh", …

struct Target {
  std::string name;  // as people call it: a node, or the host itself
  std::string host;  // an address, or a DNS name
  std::uint16_t port = 22;
  Kind kind = Kind::ssh;
  std::string request = "/";  // of HTTP
  bool itself = false;        // the node that walks: the way leads out and back in
};

// --- what was seen, layer by layer; a default one: not looked at

struct NameSeen {
  struct Told {
    std::string source;  // "/etc/hosts line 4", "name server 10.0.0.53"
    bool hosts_file = false;
    bool silent = false;  // nothing came back; else no addresses mean: it knows no such name
    std::vector<std::string> addresses;
  };
  bool needed = false;  // the host is no address
  std::vector<Told> told;
  std::vector<std::string> addresses;  // what programs of this machine get, best first
  std::string why;                     // there are none
  Duration took{};
};
struct RouteSeen {
  enum class Outcome { not_asked, found, none, prohibited };
  Outcome outcome = Outcome::not_asked;
  std::string interface, source, gateway;
  unsigned mtu = 0;
  bool here = false;  // the address is one of this machine
};
struct EchoSeen {
  bool tried = false;
  std::string why_not;
  std::optional<Duration> took;
  std::string refusal;   // what came back instead
  unsigned largest = 0;  // packet that came back
  unsigned told_mtu = 0;
};
struct TcpSeen {
  enum class Outcome {
    not_tried,
    connected,
    refused,
    timed_out,
    reset,
    no_neighbour,
    no_route,
    not_permitted,
    failed
  };
  Outcome outcome = Outcome::not_tried;
  Duration took{};
  std::string words;  // of the kernel
};
/// More than one full packet went out over TCP: whether the other side has said that it got them.
struct LoadSeen {
  enum class Outcome { not_tried, passed, stuck };
  Outcome outcome = Outcome::not_tried;
  unsigned packet = 0;  // bytes of each
};
struct TlsSeen {
  enum class Outcome { not_tried, shaken, silent, closed, failed };
  Outcome outcome = Outcome::not_tried;
  std::string version, words;  // of what failed
  std::string subject, issuer;
  std::vector<std::string> names;
  WallTime begins{}, ends{};
  bool trusted = false, name_fits = false;
  std::string why_not;  // it is not trusted
  Duration took{};
};
struct HttpSeen {
  enum class Outcome { not_tried, answered, silent, closed, not_http };
  Outcome outcome = Outcome::not_tried;
  int status = 0;
  Duration first_byte{};
  std::string words;
};
struct SshSeen {
  enum class Outcome { not_tried, greeted, silent, closed, not_ssh };
  enum class Key { not_shown, known, unknown, changed, revoked };
  Outcome outcome = Outcome::not_tried;
  Key key = Key::not_shown;
  std::string version, key_type, words;
  Duration took{};
};
/// This node by the address that the mesh calls it by.
struct HairpinSeen {
  enum class Outcome { not_tried, own_address, passed, failed };
  Outcome outcome = Outcome::not_tried;
  std::string address, why;
};

struct Walk {
  std::string from;
  Target target;
  std::string address;  // that was walked to; empty: there is none
  WallTime at{};
  NameSeen name;
  RouteSeen route;
  EchoSeen echo;
  TcpSeen tcp;
  LoadSeen load;
  TlsSeen tls;
  HttpSeen http;
  SshSeen ssh;
  HairpinSeen hairpin;
};

// --- what it means

enum class Layer { name, route, icmp, tcp, mtu, tls, http, auth, hairpin };
std::string_view text(Layer layer);
std::optional<Layer> parse_layer(std::string_view text);

enum class Weight {
  good,
  note,     // to be looked at; the way holds
  breaks,   // the way ends here
  skipped,  // not needed, not reached, or not possible: says nothing
};
std::string_view text(Weight weight);

enum class Verdict : std::uint8_t {
  good,
  not_looked,
  // name
  no_such_name,
  no_name_server,
  hosts_file_misleads,
  hosts_file_differs,
  servers_differ,
  // route
  no_route,
  prohibited,
  // icmp
  ping_blocked,
  ping_refused,
  // tcp
  refused,
  dropped,
  silent,
  no_neighbour,
  no_tcp_route,
  reset,
  forbidden_here,
  tcp_failed,
  // mtu
  black_hole,
  smaller,
  large_pings_lost,
  maybe_black_hole,
  // tls
  tls_silent,
  tls_closed,
  tls_failed,
  expired,
  not_yet,
  wrong_name,
  untrusted,
  ends_soon,
  // http
  http_silent,
  http_closed,
  not_http,
  server_error,
  not_there,
  // auth
  asks_for_login,
  ssh_silent,
  ssh_closed,
  not_ssh,
  key_unknown,
  key_changed,
  key_revoked,
  // hairpin
  no_hairpin,
};

/// A row of the table. Words in braces are of the walk: {to} {name} {address} {port} {from} {detail}
/// {service}.
struct Meaning {
  Verdict verdict;
  std::string_view id;
  Layer layer;
  Weight weight;
  std::string_view sentence, remedy;
};
std::span<const Meaning> meanings();
const Meaning& meaning(Verdict verdict);

struct Step {
  Layer layer = Layer::name;
  Verdict verdict = Verdict::not_looked;
  Weight weight = Weight::skipped;
  std::string what;  // seen: "10.0.0.2 by eth0, from 10.0.0.1"
  std::optional<Duration> took;
};
/// All layers, in the order of the enum.
std::vector<Step> steps(const Walk& walk);

struct Conclusion {
  std::optional<Layer> broken;
  Verdict verdict = Verdict::good;
  std::string sentence;
  std::string remedy;  // empty: nothing is to be done
};
/// The first layer that breaks the way. Pings alone never do: blocked is not down.
Conclusion conclude(const Walk& walk, std::span<const Step> steps);

}  // namespace meshops::path
