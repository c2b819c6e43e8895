// What a site's files say of containers: Dockerfiles, Compose services with what they inherit, the engine's
// daemon.json, and `docker run` in scripts and units. Gathered once for the rules of Docker.
#pragma once

#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "audit/site.h"
#include "formats/compose.h"
#include "formats/dockerfile.h"
#include "formats/json5.h"
#include "formats/yaml.h"

namespace meshops::audit {

struct DockerBuild {
  std::filesystem::path path;
  dockerfile::File file;
};

struct ComposeFile {
  std::filesystem::path path;
  yaml::Document document;
  compose::Variables variables;  // of the .env beside it
  bool overlay = false;          // compose.override.yml and its like, laid over another file
};

/// A value and the file it stands in.
struct ComposeValue {
  const ComposeFile* file = nullptr;
  yaml::Value value;
  explicit operator bool() const { return static_cast<bool>(value) && value.kind() != yaml::Kind::null; }
};

/// A piece of a list or a mapping, with the file that brought it.
template <class Piece>
struct FromFile {
  const ComposeFile* file = nullptr;
  Piece piece;
  /// Its text with the variables of that file replaced.
  std::string text(std::string_view written) const {
    return compose::interpolate(written, file->variables).text;
  }
};

struct ComposeService {
  std::string name;
  const ComposeFile* file = nullptr;
  yaml::Value key, value;
  std::vector<ComposeValue> extended;  // what it extends, nearest first
  std::vector<ComposeValue> overlays;  // the same service in files that are laid over this one

  /// As this file has it: own, merged and extended; null values are none.
  ComposeValue find(std::string_view key) const;
  /// The same, with what overlays say first; each step of the path as Compose lays mappings over one another,
  /// with !reset and !override. A log driver of its own takes nothing from another one's options.
  ComposeValue effective(std::string_view key, std::string_view inner = {}, std::string_view innermost = {},
                         std::string_view last = {}) const;
  /// Of a scalar that effective() finds, with its variables replaced; nothing if there is none.
  std::optional<compose::Expanded> text(std::string_view key, std::string_view inner = {}) const;
  /// What all layers say together, as Compose does it: variables by their names, mounts by where they go,
  /// ports and lists each once.
  std::vector<FromFile<compose::Env>> environment() const;
  std::vector<FromFile<compose::Mount>> mounts() const;
  std::vector<FromFile<compose::Port>> ports() const;
  std::vector<ComposeValue> list(std::string_view key) const;
  /// Has an image or a build: it is a service, and not only a piece to lay over one.
  bool whole() const;
  /// The image with its variables replaced; nothing if there is none.
  std::optional<compose::Expanded> image() const;

 private:
  /// The layers' values at a path, the strongest first.
  std::vector<ComposeValue> layers(std::initializer_list<std::string_view> path) const;
};

struct EngineConfig {
  std::filesystem::path path;
  std::string text;
  std::optional<json5::Document> document;  // nothing: it is not JSON
  std::string problem;
};

/// `docker run` or `podman run` (also create) in a script or a unit.
struct EngineRun {
  Where at;
  std::string by;                  // the program or unit that runs it
  std::vector<std::string> words;  // from "docker" on
  std::string image;               // empty if it could not be told
  std::vector<std::string> argv;   // behind the image
  /// Values of an option, "--name=value" or "--name value".
  std::vector<std::string> values(std::string_view name, std::string_view short_name = {}) const;
  bool has(std::string_view flag) const;
};

class DockerFiles {
 public:
  static DockerFiles gather(const Site& site);

  const std::vector<DockerBuild>& builds() const { return builds_; }
  const std::vector<ComposeService>& services() const { return services_; }
  const std::vector<EngineConfig>& engines() const { return engines_; }
  const std::vector<EngineRun>& runs() const { return runs_; }
  /// Files of these kinds that could not be read or understood.
  const std::vector<Skip>& build_skips() const { return build_skips_; }
  const std::vector<Skip>& compose_skips() const { return compose_skips_; }
  /// The Dockerfile that a service is built with; null if it is none of ours.
  const DockerBuild* build_of(const ComposeService& service) const;
  /// The stage of it that the service wants.
  static std::optional<std::size_t> stage_of(const ComposeService& service, const DockerBuild& build);

 private:
  friend class DockerGatherer;
  std::vector<DockerBuild> builds_;
  std::deque<ComposeFile> compose_;
  std::deque<ComposeFile> extended_;  // files that only others' services extend
  std::vector<ComposeService> services_;
  std::vector<EngineConfig> engines_;
  std::vector<EngineRun> runs_;
  std::vector<Skip> build_skips_, compose_skips_;
};

/// Where a value of a Compose file stands.
Where at(const Site& site, const ComposeValue& value);

}  // namespace meshops::audit
