// From findings to one plan: every mend is tried in memory first, its rule asked again, and only what made
// the finding go away stays. Called by `meshops audit --fix`; changes nothing itself.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/overlay_host.h"
#include "audit/run.h"

namespace meshops::audit {

struct PlannedFile {
  std::filesystem::path path;         // in the site's Host
  std::optional<std::string> before;  // nothing: it is new
  std::optional<FileInfo> was;
  std::string after;
  mode_t mode = 0644;
  uid_t uid = 0;
  gid_t gid = 0;
  bool same_bytes() const { return before && *before == after; }
};

struct FixPlan {
  std::vector<PlannedFile> files;
  std::vector<std::vector<std::string>> verify;
  std::vector<Order> orders;
  bool may_cut_off = false;
  std::vector<Finding> mended;       // what it mends
  std::vector<std::string> refused;  // "SYS-001 x.service: its mend did not help", for people
  bool empty() const { return files.empty() && orders.empty(); }
};

/// Makes a Site over a Host as the audit had it: the same ground, mesh and time.
using SiteOver = std::function<std::shared_ptr<const Site>(const Host&)>;

/// The plan for those findings of the report that are open, mendable and chosen.
FixPlan plan_fixes(const Report& report, const Host& host, const SiteOver& site_over);

/// The plan in parts that can fail, stay and be taken back each by itself: what shares a file, or the same
/// check and the same orders, stays together.
std::vector<FixPlan> independent_parts(const FixPlan& plan);

/// Those of mended findings (of rules that there are, with a Mend) whose rule still gives them on the site;
/// each rule is asked once. What only orders mend is not judged: it may take its time.
std::vector<Finding> still_found(const std::vector<Finding>& mended, const Site& site);

/// One unified diff per file, and a line per change of mode or owner; no secrets: values that look like one
/// are shown as "(hidden)".
std::string diff_of(const FixPlan& plan, const Site& site);
/// Three lines of context, "--- a/x", "+++ b/x". Pure; large texts are compared by their common ends only.
std::string unified_diff(std::string_view before, std::string_view after, std::string_view name);

}  // namespace meshops::audit
