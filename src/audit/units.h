// Service units as systemd would read them, drop-ins merged, with what the audit wants to know of each. Rules
// of several domains ask for them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/finding.h"
#include "audit/site.h"
#include "formats/unit_file.h"

namespace meshops::audit {

struct Unit {
  std::string name;                             // "openclaw-gateway.service"
  bool of_user = false;                         // of a user's manager
  std::optional<Account> owner;                 // of a user's manager, where the path tells whose
  std::filesystem::path path;                   // of the unit file
  std::vector<std::filesystem::path> drop_ins;  // in the order they are read
  systemd::UnitFile file;               // all merged; every Place has the file as it is shown in reports
  bool gateway = false;                 // it starts an AI gateway
  std::optional<bool> enabled;          // nothing: not known here (a repo)
  std::vector<std::string> started_by;  // timers, sockets and paths that start it
  std::optional<UnitState> state;       // live

  bool is_template() const { return name.find("@.") != std::string::npos; }
  /// Effective Type=, with systemd's defaults.
  std::string type() const;
  /// Commands of every ExecStart= that counts; those that cannot be read are left out.
  std::vector<systemd::Command> commands() const;
  /// Where that assignment stands, else the header of its section, else the file.
  Where at(std::string_view section, std::string_view key) const;
};

class Units {
 public:
  static Units gather(const Site& site);
  /// Services only. Of a live or rooted machine also those that packages brought.
  const std::vector<Unit>& services() const { return services_; }
  std::vector<const Unit*> gateways() const;
  /// Every other kind, drop-ins merged: timers, sockets, …
  const std::vector<Unit>& others() const { return others_; }
  const std::vector<Skip>& skips() const { return skips_; }

 private:
  friend class UnitGatherer;
  std::vector<Unit> services_, others_;
  std::vector<Skip> skips_;
};

/// Whether such a command starts a gateway, also through a shell ("bash -lc 'openclaw gateway'").
bool starts_gateway(const std::vector<std::string>& argv);

/// The mend that gives a unit this line. In a repo it is written into the file where the value stands; on a
/// machine into the drop-in zz-meshops-audit.conf, so that the file of the package stays as it is.
Mend set_directive(const Site& site, const Unit& unit, std::string_view section, std::string_view key,
                   std::string_view value);

}  // namespace meshops::audit
