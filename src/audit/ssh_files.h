// The SSH configurations of a site, put together as OpenSSH would: each daemon's and each user's, with their
// includes. The rules of the domain ssh ask for them. Reads files only; keeps what it has read.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/finding.h"
#include "audit/site.h"
#include "formats/ssh_client_config.h"
#include "formats/sshd_config.h"

namespace meshops::audit {

/// Reads and keeps configuration files; `Config::file` is their path in the site's Host.
class SshConfigs {
 public:
  explicit SshConfigs(const Site& site) : site_(site) {}
  /// Null if it cannot be read.
  const ssh::Config* read(const std::filesystem::path& path);
  /// A text that no file holds: what reads the files of a folder in their order.
  const ssh::Config* add(const std::filesystem::path& path, std::string_view text);
  /// Files that a pattern names for a configuration whose folder is `folder` and whose user's home is `home`.
  /// In a repo "/etc/ssh" and "~/.ssh" stand for that folder.
  std::vector<const ssh::Config*> include(std::string_view pattern, const std::filesystem::path& folder,
                                          const std::filesystem::path& home);
  bool was_included(const std::filesystem::path& path) const { return included_.contains(path); }
  const std::vector<Skip>& skips() const { return skips_; }

 private:
  std::vector<std::filesystem::path> glob(const std::filesystem::path& pattern) const;
  const ssh::Config* read_locked(const std::filesystem::path& path);

  const Site& site_;
  mutable std::mutex mutex_;
  std::map<std::filesystem::path, std::unique_ptr<ssh::Config>> files_;
  std::map<std::filesystem::path, bool> included_;
  std::vector<Skip> skips_;
};

struct SshDaemon {
  std::filesystem::path path;
  /// The files of an sshd_config.d alone: what they do not say, another file may.
  bool fragment = false;
  sshd::Daemon config;
};

struct SshClient {
  std::filesystem::path path;  // of the first file
  std::string user;            // whose; empty: nobody's or everybody's
  std::vector<ssh::ClientSource> sources;
  ssh::Include include;

  std::vector<ssh::Applied> for_host(const std::string& host) const {
    return ssh::applied_lines(sources, {.host = host, .local_user = user.empty() ? "user" : user}, include);
  }
  std::vector<ssh::Applied> everything() const { return ssh::every_line(sources, include); }
};

class SshFiles {
 public:
  static SshFiles gather(const Site& site);
  const std::vector<SshDaemon>& daemons() const { return daemons_; }
  const std::vector<SshClient>& clients() const { return clients_; }
  void tell_skips(Findings& out) const;

 private:
  std::shared_ptr<SshConfigs> configs_;
  std::vector<SshDaemon> daemons_;
  std::vector<SshClient> clients_;
  std::vector<Skip> skips_;
};

/// What the running machine's `sshd -T` says; nothing where it cannot be asked.
struct SshdAnswer {
  std::map<std::string, std::vector<std::string>> values;  // by keyword, lower case
  std::string error;                                       // why it is not there
  static SshdAnswer gather(const Site& site);
};

/// A mend of sshd's configuration: checked before it counts, and it can cut a person off.
Mend sshd_mend(const Site& site, const std::filesystem::path& path, std::string bytes);

}  // namespace meshops::audit
