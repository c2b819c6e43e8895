// A network edge of the walk that answers as a test says, and records what it was asked. What nobody spoke of
// has a route, answers pings and takes connections.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "mesh/path_probe.h"

namespace meshops::path {

class FakeEdge final : public Edge {
 public:
  std::map<std::string, NameSeen> names;
  std::map<std::string, RouteSeen> routes;  // by address
  std::map<std::string, EchoSeen> echoes;
  std::map<std::string, TalkSeen> talks;
  std::vector<std::string> asked;  // "name beta", "route 10.0.0.2", …; side by side, so in any order

  NameSeen look_up(const std::string& host) override {
    note("name " + host);
    auto found = names.find(host);
    return found == names.end() ? NameSeen{.why = "Name or service not known"} : found->second;
  }
  RouteSeen route(const std::string& address) override {
    note("route " + address);
    auto found = routes.find(address);
    if (found != routes.end()) return found->second;
    return {.outcome = RouteSeen::Outcome::found, .interface = "eth0", .source = "10.0.0.1", .mtu = 1500};
  }
  EchoSeen echo(const std::string& address, unsigned mtu) override {
    note("echo " + address);
    auto found = echoes.find(address);
    if (found != echoes.end()) return found->second;
    return {.tried = true, .took = std::chrono::milliseconds(1), .largest = mtu};
  }
  TalkSeen talk(const Target&, const std::string& address) override {
    note("talk " + address);
    auto found = talks.find(address);
    return found != talks.end() ? found->second : well();
  }

  /// An SSH server that is known.
  static TalkSeen well() {
    TalkSeen out;
    out.tcp = {.outcome = TcpSeen::Outcome::connected, .took = std::chrono::milliseconds(1)};
    out.load = {.outcome = LoadSeen::Outcome::passed, .packet = 1500};
    out.ssh = {.outcome = SshSeen::Outcome::greeted,
               .key = SshSeen::Key::known,
               .version = "SSH-2.0-OpenSSH_9.2",
               .key_type = "ssh-ed25519"};
    return out;
  }
  static TalkSeen no_connection(TcpSeen::Outcome outcome) {
    TalkSeen out;
    out.tcp = {.outcome = outcome, .took = std::chrono::seconds(4)};
    return out;
  }

 private:
  void note(std::string what) {
    std::scoped_lock lock(mutex_);
    asked.push_back(std::move(what));
  }
  std::mutex mutex_;
};

}  // namespace meshops::path
