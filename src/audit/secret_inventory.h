// Which secrets lie where on a machine or in a folder: names, kinds, places, age and a keyed fingerprint that
// tells two of them apart without telling either. Asked by rules of security and by `meshops secrets list`.
// Never holds a secret's text.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/finding.h"
#include "audit/site.h"

namespace meshops::audit {

struct KnownSecret {
  std::filesystem::path file;
  Where at;
  std::string name;         // of the variable or key; empty: it has none
  std::string kind;         // "Anthropic API key", …
  std::string fingerprint;  // the first 12 hexadecimal digits of HMAC-SHA256 over it
  std::string environment;  // "production", "staging", …: as the path says; empty: it does not
  /// Since when it is in use: a comment `rotated=2026-01-31` beside it, else the file's last change.
  std::optional<WallTime> since;
  bool since_is_told = false;  // by such a comment
};

class SecretInventory {
 public:
  /// With a key that is made for this run: fingerprints compare within it only.
  static SecretInventory gather(const Site& site);
  /// With the mesh's key: the same secret has the same fingerprint on every node.
  static SecretInventory gather_with(const Site& site, std::string_view key);

  const std::vector<KnownSecret>& secrets() const { return secrets_; }  // by file and line
  const std::vector<Skip>& skips() const { return skips_; }

 private:
  std::vector<KnownSecret> secrets_;
  std::vector<Skip> skips_;
};

/// Adds those of one file, if it is a text of at most 1 MiB.
void find_secrets_in(const Site& site, const std::filesystem::path& path, std::string_view key,
                     std::vector<KnownSecret>& out, std::vector<Skip>& skips);
/// 12 hexadecimal digits.
std::string secret_fingerprint(std::string_view key, std::string_view secret);
/// "production" of ".env.prod", "deploy/staging/app.env", …; empty if the path names none.
std::string environment_of(const std::filesystem::path& path);

}  // namespace meshops::audit
