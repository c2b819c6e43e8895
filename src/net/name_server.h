// Names asked of one name server, and of the whole machine as its programs ask. Called by the audit and by
// the walk to a peer, which hold the answers side by side. Waits: never on an event loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace meshops {

class NameServer {
 public:
  /// `address` is an IPv4 address; of anything else nobody answers.
  explicit NameServer(const std::string& address);
  NameServer(NameServer&&) noexcept;
  NameServer& operator=(NameServer&&) noexcept;
  ~NameServer();

  /// Whether anything comes back, a refusal included. Each question takes at most two seconds.
  bool answers();
  /// IPv4, sorted.
  std::vector<std::string> addresses(const std::string& name);
  /// The names of the zone's own servers.
  std::vector<std::string> name_servers(const std::string& zone);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// What getaddrinfo(3) says, in its order: hosts file, name servers, whatever nsswitch.conf names.
struct SystemAnswer {
  std::vector<std::string> addresses;
  bool no_server = false;  // EAI_AGAIN: nobody answered, so nobody knows
  std::string why;         // there are none
};
enum class Family { ipv4, any };
SystemAnswer system_addresses(const std::string& name, Family family);

}  // namespace meshops
