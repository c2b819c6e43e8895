// The gateways' configurations of a site, read once, with what they are read with: the version, the
// environment, the unit that starts them. Asked by the rules of the gateway. Holds secrets: shows none of
// them.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "audit/site.h"
#include "config/mesh.h"
#include "formats/json5.h"
#include "gateway/openclaw_files.h"

namespace meshops::audit {

struct GatewayConfig {
  std::filesystem::path path;
  std::filesystem::path state_dir;
  GatewaySpec spec;              // as far as unit or mesh.toml tell; its command is empty otherwise
  std::optional<Account> owner;  // of the home it lies in
  std::string text;              // empty, too, if it cannot be read
  std::string unreadable;        // why it could not be read
  std::optional<json5::Document> document;
  json5::Problem problem;                    // where and why it is no JSON5
  std::string stamped;                       // meta.lastTouchedVersion
  std::optional<openclaw::Package> package;  // the installed one, where it could be found

  /// Absent if it is no JSON5.
  json5::Value root() const { return document ? document->root() : json5::Value(); }
  bool blank() const;
  /// The version that reads it: the installed one, else the one that wrote it last; empty: not known.
  const std::string& version() const { return package ? package->version : stamped; }
  /// What people call it: the folder it lies in, "alpha" or ".openclaw-work".
  std::string name() const { return path.parent_path().filename().string(); }

  /// Its own environment: the unit's, its environment files, .env beside it and above it, env.vars, and live
  /// that of its process.
  std::map<std::string, std::string> variables;
  /// The text with its ${VARIABLES} filled in, or what a reference {source: "env"} or "$NAME" gives. Nothing
  /// if one of them is not known here, or if it is another kind of reference.
  std::optional<std::string> secret(const json5::Value& value) const;
  /// "openrouter/qwen/qwen3:free" as it is; an alias of agents.defaults.models is looked up.
  std::string full_model(const std::string& reference) const;
};
/// The variables that a value needs, in order: those of "${A}-${B}", "$A", {source: "env", id: "A"}.
std::vector<std::string> variables_in(const json5::Value& value);

class GatewayConfigs {
 public:
  static GatewayConfigs gather(const Site& site);
  /// Those that can be read and are JSON5 as well as those that are not, sorted by path.
  const std::vector<GatewayConfig>& all() const { return all_; }
  /// Names of variables that anything in the site sets: every env file, unit and env.vars.
  bool sets(const std::string& variable) const { return set_.contains(variable); }
  /// Whether there is any place in the site that would set one. A repository without an env file leaves that
  /// to whoever installs it.
  bool shows_environment() const { return shows_environment_; }

 private:
  friend class ConfigGatherer;
  std::vector<GatewayConfig> all_;
  std::map<std::string, bool> set_;
  bool shows_environment_ = false;
};

/// The place of a position in the text, its column in bytes.
Where at(const Site& site, const GatewayConfig& config, json5::Position position);

/// The mend that gives the file this text; nothing if the gateway would put its old file back at start
/// (2026.9: `meta` lost, or less than half of what it last accepted), which `why` then
/// says.
std::optional<Mend> rewrite(const Site& site, const GatewayConfig& config, Result<std::string> text,
                            std::string* why = nullptr);

}  // namespace meshops::audit
