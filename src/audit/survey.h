// Which files there are to look at and what each is, by name and content. In a folder everything below it is
// seen; of a machine the places where such files lie. Reads heads of files only; follows no symbolic link to
// a directory.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "audit/finding.h"
#include "host/host.h"

namespace meshops::audit {

class Site;

enum class FileKind {
  unit,             // of systemd: *.service, *.timer, *.socket, …
  unit_drop_in,     // NAME.service.d/*.conf
  dockerfile,       // Dockerfile*, *.dockerfile, Containerfile
  compose,          // compose.yaml, docker-compose*.yml
  daemon_json,      // of the Docker engine
  sshd_config,      // and sshd_config.d/*.conf
  ssh_config,       // of the client: ssh_config, .ssh/config, ssh_config.d/*.conf
  authorized_keys,  //
  ssh_public_key,   // *.pub
  ssh_private_key,  // by its first line
  crontab,          // of a user: five fields and a command
  system_crontab,   // /etc/crontab, cron.d/*: with a user field
  cron_script,      // of cron.daily and its like
  gateway_config,   // openclaw.json
  env_file,         // .env, *.env
  zone,             // of the DNS
  script,           // of a shell, by name or first line
  mesh_toml,
  cloud_export,  // instances.json and its like
  other,         // text of any other kind
};
std::string_view text(FileKind kind);

struct FoundFile {
  std::filesystem::path path;  // absolute in the site's Host
  FileKind kind = FileKind::other;
  FileInfo info;
};

class Survey {
 public:
  static Survey gather(const Site& site);

  const std::vector<FoundFile>& all() const { return files_; }
  std::vector<const FoundFile*> of(FileKind kind) const;
  /// Working trees and bare repositories (git) at or below the folder.
  const std::vector<std::filesystem::path>& repositories() const { return repositories_; }
  const std::vector<Skip>& skips() const { return skips_; }

 private:
  friend class Surveyor;
  std::vector<FoundFile> files_;  // sorted by path
  std::vector<std::filesystem::path> repositories_;
  std::vector<Skip> skips_;
};

/// What a file is by its path ("/etc/cron.d/backup") and its first bytes (at most 4 KiB). Pure.
FileKind kind_of(const std::filesystem::path& path, std::string_view head);

}  // namespace meshops::audit
