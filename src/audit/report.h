// A report as text for people, as JSON (meshops.audit/1), as SARIF 2.1.0 and as one HTML file. Pure; every
// text that came from a file is made safe for where it goes.
#pragma once

#include <string>
#include <vector>

#include "audit/run.h"

namespace meshops::audit {

/// The order of every report.
inline constexpr Severity kWorstFirst[] = {Severity::critical, Severity::high, Severity::medium,
                                           Severity::low, Severity::info};

struct TextStyle {
  bool colour = false;
  bool show_allowed = false;
};
/// Worst first, three lines for each finding, and what was skipped. `change` adds what is new and gone.
std::string to_text(const std::vector<Report>& reports, const TextStyle& style,
                    const Change* change = nullptr);

/// meshops.audit/1, of one or several targets.
std::string to_json(const std::vector<Report>& reports, const Change* change = nullptr);

/// SARIF 2.1.0: every rule that could run is declared, allowed findings are kept with their reason.
std::string to_sarif(const std::vector<Report>& reports);

/// One file that needs no network.
std::string to_html(const std::vector<Report>& reports);

/// docs/rules.md.
std::string rules_markdown();
/// meshops.rules/1.
std::string rules_json();
/// `meshops rules`: one line each.
std::string rules_text();
/// `meshops explain RULE`.
std::string explain(const Rule& rule);
std::string explain_json(const Rule& rule);
/// "live, root, repo".
std::string reads_text(unsigned reads);

}  // namespace meshops::audit
