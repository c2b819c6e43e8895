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
  systemd::UnitFile file;                    // all merged; every Place has the file as it is shown in reports
  bool gateway = false;                      // it runs an AI gateway for as long as it is up
  bool launches = false;                     // it starts one, also as a oneshot that leaves it behind
  GatewayKind kind = GatewayKind::openclaw;  // of the gateway
  std::optional<bool> enabled;               // nothing: not known here (a repo)
  std::vector<std::string> started_by;       // timers, sockets, paths and other units that start it
  std::optional<UnitState> state;            // live
  std::string home;                          // of the user it runs as; empty: not known here
  std::vector<std::filesystem::path> scripts;  // shell scripts that its commands name and that could be read

  bool is_template() const { return name.find("@.") != std::string::npos; }
  /// By a timer, a socket or a path: not when the machine boots.
  bool started_on_demand() const;
  /// The file is of a package or image, not of this machine's owner.
  bool packaged() const;
  /// Effective Type=, with systemd's defaults.
  std::string type() const;
  /// User= of the unit, or whose manager it is; "root" for a system unit without; empty: not known here.
  std::string user() const;
  /// What the unit's specifiers stand for, as far as it is known here.
  systemd::Specifiers specifiers() const;
  /// Commands of every ExecStart= that counts; those that cannot be read are left out.
  std::vector<systemd::Command> commands() const;
  /// Where that assignment stands, else the header of its section, else the file.
  Where at(std::string_view section, std::string_view key) const;
  /// Words of every assignment of a list that counts: After=, Wants=, …
  std::vector<std::string> list(std::string_view section, std::string_view key) const;
};

/// One file of a unit, as it stands: a unit file or a drop-in, also one whose unit is not there.
struct UnitText {
  std::filesystem::path path;
  std::string unit;  // "openclaw-gateway.service"; of service.d: "service"
  bool of_user = false;
  bool drop_in = false;
  systemd::UnitFile file;
};

/// A service that a manager of the running machine speaks of.
struct SeenUnit {
  UnitState state;
  std::optional<Account> manager;   // the user whose manager it is; nothing: the system's
  std::optional<std::size_t> unit;  // in services(): it, or the template it is an instance of
  bool gateway = false;
};

class Units {
 public:
  static Units gather(const Site& site);
  /// Services only. Of a live or rooted machine also those that packages brought; masked ones are left out.
  const std::vector<Unit>& services() const { return services_; }
  std::vector<const Unit*> gateways() const;
  /// Every other kind, drop-ins merged: timers, sockets, …
  const std::vector<Unit>& others() const { return others_; }
  const std::vector<UnitText>& files() const { return files_; }
  const std::vector<SeenUnit>& seen() const { return seen_; }
  const std::vector<Skip>& skips() const { return skips_; }
  /// Managers that could not be asked.
  const std::vector<Skip>& unasked() const { return unasked_; }
  /// Null if there is none.
  const Unit* find(std::string_view name, bool of_user) const;

 private:
  friend class UnitGatherer;
  std::vector<Unit> services_, others_;
  std::vector<UnitText> files_;
  std::vector<SeenUnit> seen_;
  std::vector<Skip> skips_, unasked_;
};

/// Whether such a command starts a gateway, also through a shell ("bash -lc 'openclaw gateway'").
bool starts_gateway(const std::vector<std::string>& argv);

/// The mend that gives a unit this line. In a repo it is written into the file where the value stands; on a
/// machine into the drop-in zz-meshops-audit.conf, so that the file of the package stays as it is.
Mend set_directive(const Site& site, const Unit& unit, std::string_view section, std::string_view key,
                   std::string_view value);

}  // namespace meshops::audit
