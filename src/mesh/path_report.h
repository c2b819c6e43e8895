// Walks as others read them: JSON (meshops.path/1), which also comes back from other nodes, and lines for
// people. Called by `meshops path` and the matrix. Pure; total on what another node sends.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mesh/path_steps.h"

namespace meshops::path {

MESHOPS_ERROR_CODES(PathCode, "path", bad_target, no_node, no_meshops, bad_answer);

struct Report {
  struct Line {
    Layer layer = Layer::name;
    std::string verdict;
    Weight weight = Weight::skipped;
    std::string what;
    std::optional<double> ms;
  };
  std::string from, to;
  std::string kind, host;
  std::uint16_t port = 0;
  std::string address;
  std::string at;
  std::vector<Line> lines;
  std::optional<Layer> broken;
  std::string verdict, sentence, remedy;
  std::map<std::string, std::string> seen;  // "interface", "source", "mtu", "tls_version", "ssh_version", …
  /// Nobody could walk it: the node `from` could not be asked.
  bool walked = true;

  bool good() const { return walked && !broken; }
  const Line* line(Layer layer) const;
};

Report report(const Walk& walk);
/// Of a way that nobody could walk.
Report not_walked(std::string from, const Target& target, const Error& why, WallTime now);

std::string to_json(std::span<const Report> reports);
/// What another node's meshops has printed.
Result<std::vector<Report>> parse_reports(std::string_view json);

std::string for_people(const Report& report, bool colour);

/// "ssh://10.0.0.2:22", "tcp://…", "http://10.0.0.2:18789/healthz": a target as one word, to be said to
/// another node. A name that is not the host stands before: "beta=ssh://10.0.0.2:22".
std::string to_word(const Target& target);
/// The inverse; also "10.0.0.2", "beta.example.org:443", "[fe80::1]:22". A port tells its kind: 22 SSH, 443
/// and 8443 HTTPS, 80 and 8080 HTTP, any other nothing.
Result<Target> parse_target(std::string_view word);

}  // namespace meshops::path
