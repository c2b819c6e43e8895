// sshd_config(5) put together as sshd does: Include, Match, the first value wins, a matching block goes
// before the global part. Called by audit rules. Pure: files come from the caller.
#pragma once

#include <optional>

#include "formats/ssh_config.h"

namespace meshops::sshd {

/// A line with the Match lines that must all hold for it; none: it is global.
struct Setting {
  const ssh::Config* file = nullptr;
  const ssh::Line* line = nullptr;
  std::vector<const ssh::Line*> conditions;
};

/// What a connection is judged by; what is empty matches nothing.
struct Connection {
  std::string user, host, address, local_address;
  std::uint16_t local_port = 0;
  std::vector<std::string> groups;
};

class Daemon {
 public:
  Daemon() = default;
  /// `include` gets the pattern made absolute ("/etc/ssh/x"). The Configs must stay good.
  Daemon(const ssh::Config& main, const ssh::Include& include);

  const std::vector<Setting>& settings() const { return settings_; }
  /// The line that counts outside of every Match; null: the default.
  const Setting* global(std::string_view keyword) const;
  /// The one that counts for a connection.
  const Setting* effective(std::string_view keyword, const Connection& connection) const;
  /// The one that counts where all of these Match lines hold, and no other ones but those that always do.
  const Setting* where(std::string_view keyword, const std::vector<const ssh::Line*>& conditions) const;
  /// The sets of conditions under which some line stands, each once, in order.
  std::vector<std::vector<const ssh::Line*>> contexts() const;

 private:
  void read(const ssh::Config& config, const ssh::Include& include, std::vector<const ssh::Line*> outer,
            unsigned depth);
  std::vector<Setting> settings_;
  std::size_t read_ = 0;  // lines, those of included files too
};

bool holds(const ssh::Line& match, const Connection& connection);
/// "Match all", "Match User *".
bool always_holds(const ssh::Line& match);
/// "10.0.0.0/8,!10.1.2.3,2001:db8::*" as addr_match_list() of OpenSSH: 1, 0, -1 (negated).
int match_addresses(std::string_view address, std::string_view list);

}  // namespace meshops::sshd
