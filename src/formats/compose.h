// The parts of a Compose service whose short and long forms mean the same (compose-spec): variables, ports,
// mounts, environment, commands. Called by audit rules over yaml::Value. Pure and total.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/dockerfile.h"
#include "formats/yaml.h"

namespace meshops::compose {

using dockerfile::Expanded;
using dockerfile::Variables;

/// ${A}, ${A:-b}, ${A:?why}, $$ as Compose replaces them.
Expanded interpolate(std::string_view text, const Variables& variables);

/// NAME=value lines of an .env or env_file; quotes taken off.
struct EnvLine {
  std::string name, value;
  std::size_t line = 1, column = 1;
};
std::vector<EnvLine> env_lines(std::string_view text);

struct Env {
  std::string name;
  std::optional<std::string> value;  // nothing: handed through from the shell
  yaml::Value at;                    // the value, or the item of a list
};
std::vector<Env> environment(const yaml::Value& value);

struct Port {
  std::string host_address, host, container, protocol = "tcp";
  yaml::Value at;
};
/// Published ones: also those that get a host port by chance.
std::vector<Port> ports(const yaml::Value& value);

struct Mount {
  std::string source, target;
  bool read_only = false;
  yaml::Value at;
};
std::vector<Mount> mounts(const yaml::Value& value);

/// Of command, entrypoint, healthcheck.test: a list, or a text split as a shell would.
std::vector<std::string> words(const yaml::Value& value);

/// A list of scalars, or one.
std::vector<yaml::Value> list(const yaml::Value& value);

/// "nginx:1.27-alpine", "reg:5000/a/b@sha256:…" in parts.
struct Image {
  std::string name;  // without tag and digest
  std::string tag, digest;
  /// No digest, and no tag or one that follows whatever is newest.
  bool floats() const;
};
Image parse_image(std::string_view text);

}  // namespace meshops::compose
