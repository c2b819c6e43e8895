// The running engine's containers, as its answer to inspect tells. Gathered once for the rules of Docker;
// asks only through Live, keeps values of the environment for the rules that look for secrets in them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audit/site.h"

namespace meshops::audit {

struct Container {
  std::string id, name, image;
  pid_t pid = 0;
  std::string user;
  std::vector<std::pair<std::string, std::string>> environment;
  std::map<std::string, std::string> labels;
  bool privileged = false;
  std::vector<std::string> cap_add, cap_drop;
  std::uint64_t memory = 0;  // 0: no limit
  std::string restart_policy;
  bool auto_remove = false;
  bool healthcheck = false;
  std::string log_driver;
  std::map<std::string, std::string> log_options;
  std::string network_mode, userns_mode;
  struct Mount {
    std::string source, target;
    bool writable = true;
  };
  std::vector<Mount> mounts;
  struct Port {
    std::string host_address;
    std::uint16_t host = 0, container = 0;
  };
  std::vector<Port> published;  // TCP
  std::vector<std::string> devices;

  /// "container web (nginx:1.27)".
  std::string text() const;
  /// Its user inside is root, as far as its configuration tells.
  bool configured_as_root() const;
};

class DockerEngine {
 public:
  static DockerEngine gather(const Site& site);
  const std::vector<Container>& containers() const { return containers_; }
  /// Why the engine's answer could not be had or read; nothing where there is no engine.
  const std::optional<Skip>& trouble() const { return trouble_; }
  /// User namespaces are on for the whole engine, or it runs without root; nothing: not known.
  std::optional<bool> maps_users() const { return maps_users_; }
  std::string root_directory() const { return root_; }

 private:
  std::vector<Container> containers_;
  std::optional<Skip> trouble_;
  std::optional<bool> maps_users_;
  std::string root_ = "/var/lib/docker";
};

}  // namespace meshops::audit
