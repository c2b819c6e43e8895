// Walks the way to another node from this machine: looks at each layer within time limits, side by side where
// one does not need the other, and hands what it saw to path_steps.h. Called by `meshops path` and the
// matrix, as any user. Decides nothing, changes nothing, logs in nowhere. Waits: never on an event loop.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mesh/path_steps.h"

namespace meshops::path {

/// What one connection showed.
struct TalkSeen {
  TcpSeen tcp;
  LoadSeen load;
  TlsSeen tls;
  HttpSeen http;
  SshSeen ssh;
};

/// The machine's network as the walk touches it; tests have one that answers as they say.
class Edge {
 public:
  virtual ~Edge() = default;
  virtual NameSeen look_up(const std::string& host) = 0;
  virtual RouteSeen route(const std::string& address) = 0;
  /// `mtu`: the largest packet that is worth a try.
  virtual EchoSeen echo(const std::string& address, unsigned mtu) = 0;
  virtual TalkSeen talk(const Target& target, const std::string& address) = 0;
};

/// Each limit is for one layer; all of a walk takes about ten seconds at most.
struct EdgeSettings {
  std::vector<std::filesystem::path> known_hosts;
  std::filesystem::path hosts_file = "/etc/hosts", resolv_conf = "/etc/resolv.conf";
  Duration name_limit = std::chrono::seconds(6);
  Duration echo_limit = std::chrono::seconds(2);
  Duration connect_limit = std::chrono::seconds(4);  // the kernel needs three seconds to miss a neighbour
  Duration answer_limit = std::chrono::seconds(4);
};
std::unique_ptr<Edge> local_edge(EdgeSettings settings);

/// Whose way it is.
struct Traveller {
  std::string name;
  std::string address;  // that the mesh calls it by; empty: it is no node
  std::uint16_t ssh_port = 22;
};
Walk walk(Edge& edge, const Traveller& from, const Target& to, WallTime now);
/// Several, side by side, in the order of the targets.
std::vector<Walk> walk_all(Edge& edge, const Traveller& from, std::span<const Target> to, WallTime now);

/// "10.0.0.2" and "fe80::1%eth0", not "beta".
bool is_address(const std::string& host);

}  // namespace meshops::path
