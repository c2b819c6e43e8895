// Every secret of a machine by place, kind, owner, age and keyed fingerprint, and where the same one stands
// as well: `meshops secrets list`. Never holds or shows a secret's text.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "audit/finding.h"
#include "audit/secret_inventory.h"
#include "audit/site.h"

namespace meshops::audit {

struct ListedSecret {
  enum class Holder { file, credential, process };
  Holder holder = Holder::file;
  Where at;             // of a file or the source of a credential
  pid_t pid = 0;        // of a process: in whose environment it stands
  std::string program;  // the process's name
  std::string name;     // of the variable or key; empty: it has none
  std::string kind;
  std::string fingerprint;
  std::string environment;  // "production", …; empty: the path says none
  std::string owner;        // of the file or process: a name, else a number
  std::optional<mode_t> mode;
  std::optional<WallTime>
      since;  // when the file was last changed, or what a comment rotated=… beside it says
  bool since_is_told = false;
  std::vector<std::string> also;  // other places of the same secret

  /// "/etc/app.env:3", "the environment of node (pid 812)".
  std::string place() const;
};
std::string_view text(ListedSecret::Holder holder);  // "file", "credential", "process"

struct SecretList {
  std::string key;  // which key made the fingerprints: only lists with the same one can be compared
  std::vector<ListedSecret> secrets;      // files first, by path and line
  std::set<std::filesystem::path> files;  // those worth watching, also without a secret that we know of
  std::vector<Skip> skips;

  /// `key`: any secret text; the same on every node whose lists shall be compared.
  static SecretList gather(const Site& site, std::string_view key);
};

/// meshops.secrets/1
std::string to_json(const SecretList& list, const std::string& node, WallTime now);
/// For a terminal; every text made printable().
std::string for_people(const SecretList& list, WallTime now);

}  // namespace meshops::audit
