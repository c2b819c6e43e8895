#include "audit/secret_files.h"

#include "audit/secret_inventory.h"
#include "audit/security_facts.h"
#include "audit/units.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

class Gatherer {
 public:
  explicit Gatherer(const Site& site) : site_(site) {}

  SecretFiles gather() {
    for (const auto& home : site_.facts<GatewayHomes>().all) of_home(home.directory);
    for (const auto* unit : site_.facts<Units>().gateways()) of_unit(*unit);
    for (const auto& alert : site_.mesh().alerts) {
      add(alert.url_file);
      add(alert.password_file);
    }
    for (const auto& secret : site_.facts<SecretInventory>().secrets()) out_.all.insert(secret.file);
    return std::move(out_);
  }

 private:
  bool add(const fs::path& path) {
    if (!path.is_absolute()) return false;
    auto info = site_.host().stat(path);
    if (!info || info->kind != FileInfo::Kind::regular) return false;
    out_.all.insert(path);
    return true;
  }

  void of_home(const fs::path& home) {
    for (const auto* name : {".env", "openclaw.json", "secrets.json", "auth-profiles.json"}) add(home / name);
    if (auto names = site_.host().list(home / "credentials"))
      for (const auto& name : *names) add(home / "credentials" / name);
    if (auto agents = site_.host().list(home / "agents"))
      for (const auto& name : *agents) add(home / "agents" / name / "agent" / "auth-profiles.json");
  }

  void of_unit(const Unit& unit) {
    auto specifiers = unit.specifiers();
    for (const auto& value : unit.file.values("Service", "EnvironmentFile")) {
      auto path = systemd::expand(value, specifiers);
      add(path.starts_with('-') ? path.substr(1) : path);
    }
    for (const auto* key : {"LoadCredential", "LoadCredentialEncrypted"})
      for (const auto& value : unit.file.values("Service", key)) {
        auto colon = value.find(':');
        if (colon == std::string::npos) continue;
        fs::path path = systemd::expand(value.substr(colon + 1), specifiers);
        if (add(path) && std::string_view(key) == "LoadCredential") out_.credentials.insert(path);
      }
  }

  const Site& site_;
  SecretFiles out_;
};

}  // namespace

SecretFiles SecretFiles::gather(const Site& site) {
  // Of a checkout nobody reads the files where they run.
  if (site.repo()) return {};
  return Gatherer(site).gather();
}

}  // namespace meshops::audit
