// Runs rules over a site: domains side by side, each with a time limit, so that one slow rule never hangs the
// rest. Gives a report; prints nothing.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "audit/rule.h"
#include "audit/site.h"

namespace meshops::audit {

struct Wanted {
  std::set<std::string> domains;              // names; empty: all
  std::set<std::string> rules;                // ids; empty: all of those domains
  Duration limit = std::chrono::seconds(60);  // of one domain
  /// Called from the domains' threads when one has ended: for progress.
  std::function<void(std::string_view domain)> done;
};

struct Report {
  std::string target;  // as it was named: "this machine", "./infra"
  Ground ground = Ground::live;
  WallTime at{};
  std::string inside;  // of a folder: its path below the top of the checkout it is part of; empty: it is that
  std::vector<Finding> findings;  // worst first, then by rule and place; allowed ones too
  std::vector<Skip> skips;
  std::vector<const Rule*> ran;
  /// Threads of domains that took too long still run: the process must not tear itself down under them.
  bool left_behind = false;

  /// Without those that are allowed.
  std::vector<const Finding*> open() const;
  std::size_t count(Severity severity) const;  // of the open ones
};

/// `site` is shared: a domain that takes too long is left behind with it.
Report run(std::shared_ptr<const Site> site, std::string target, const Wanted& wanted);

/// Those that are asked on that ground, in the order of the catalogue.
std::vector<const Rule*> rules_asked(Ground ground, const Wanted& wanted);
/// Worst first, then by rule and place: total, so that two audits of the same thing read the same.
void sort_findings(std::vector<Finding>& findings);

/// Hexadecimal; the same as long as rule, file and what it is about are.
std::string fingerprint(const Finding& finding, std::size_t same_before);

/// Of a report before: what is new, what has gone, what is still there, by fingerprint.
struct Change {
  std::vector<const Finding*> fresh, still;
  std::vector<std::string> gone;  // "SYS-001 etc/x.service: sentence"
};
Change compare(const Report& now, const std::string& before_json);

}  // namespace meshops::audit
