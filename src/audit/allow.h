// What the owner lives with: "meshops:allow RULE until=2027-01-31 reason=\"…\"" in a comment beside the line,
// or [[allow]] in mesh.toml. Called by the runner, and by the rules that find expired ones. Pure but for
// gather(), which reads the site's files.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/finding.h"
#include "audit/site.h"

namespace meshops::audit {

struct Allow {
  std::vector<std::string> rules;
  std::string until;  // as it is written
  std::string reason;
  Where at;            // of the comment, or of mesh.toml
  bool alone = false;  // nothing else stands on its line: it is meant for the next one
  std::string where;   // of [[allow]]: a shell pattern over files; empty: everywhere
  bool in_mesh_toml = false;
  std::string fault;  // what is missing, so that it counts for nothing; empty if nothing is

  /// Whether it still holds on that day.
  bool holds(WallTime now) const;
};

/// Those in comments of one text. A line that mentions one without being a comment counts, too: formats
/// differ in what a comment is.
std::vector<Allow> allows_in(std::string_view text, const std::string& shown_file);

class Allows {
 public:
  static Allows gather(const Site& site);
  const std::vector<Allow>& all() const { return all_; }
  /// The one that covers a finding on that day, if any.
  const Allow* covering(const Finding& finding, WallTime now) const;

 private:
  std::vector<Allow> all_;
};

}  // namespace meshops::audit
