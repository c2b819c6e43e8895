#include <algorithm>
#include <map>

#include "audit/report.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

std::string_view colour_of(Severity severity) {
  switch (severity) {
    case Severity::critical:
      return "\033[1;31m";
    case Severity::high:
      return "\033[31m";
    case Severity::medium:
      return "\033[33m";
    case Severity::low:
      return "\033[36m";
    case Severity::info:
      return "\033[2m";
  }
  return "";
}

std::string place(const Where& at, std::string_view target) {
  if (at.file.empty()) return printable(target);
  auto out = printable(at.file);
  if (at.line > 0) out += fmt::format(":{}", at.line);
  if (at.column > 0) out += fmt::format(":{}", at.column);
  return out;
}

std::string evidence(const Finding& f) {
  std::string out;
  if (!f.found.empty()) out += "found " + printable(f.found);
  if (!f.wanted.empty()) out += (out.empty() ? "wanted " : ", wanted ") + printable(f.wanted);
  return out;
}

void one(std::string& out, const Finding& f, std::string_view target, const TextStyle& style, bool fresh) {
  auto head = fmt::format("{:<8} {:<8}", text(f.severity), f.rule);
  if (style.colour) head = std::string(colour_of(f.severity)) + head + "\033[0m";
  out += fmt::format("{} {}{}{}\n", head, place(f.at, target), fresh ? "  (new)" : "",
                     f.allowed ? "  (allowed: " + printable(*f.allowed) + ")" : "");
  auto why = evidence(f);
  out += fmt::format("         {}{}\n", printable(f.message), why.empty() ? "" : ": " + why);
  // A fix of several lines stays readable: they are commands.
  out += "         → ";
  bool first = true;
  for (auto line : split(f.fix, '\n')) {
    if (!first) out += "\n           ";
    out += printable(line);
    first = false;
  }
  out += "\n";
}

/// "2 critical, 1 high".
std::string counts_text(const Report& report) {
  std::vector<std::string> parts;
  for (auto severity : kWorstFirst)
    if (auto n = report.count(severity); n > 0) parts.push_back(fmt::format("{} {}", n, text(severity)));
  return parts.empty() ? "nothing found" : join(parts, ", ");
}

/// Skips with the same reason are one line.
void skips(std::string& out, const Report& report) {
  if (report.skips.empty()) return;
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const auto& skip : report.skips) {
    auto what = skip.rule.empty() ? skip.what : skip.what.empty() ? skip.rule : skip.rule + " " + skip.what;
    by_reason[skip.reason].push_back(what);
  }
  out += "\nnot looked at:\n";
  constexpr std::size_t kMostNames = 4;
  for (auto& [reason, names] : by_reason) {
    auto more = names.size() > kMostNames ? fmt::format(" and {} more", names.size() - kMostNames) : "";
    names.resize(std::min(names.size(), kMostNames));
    out += fmt::format("  {}{}: {}\n", printable(join(names, ", ")), more, printable(reason));
  }
}

}  // namespace

std::string to_text(const std::vector<Report>& reports, const TextStyle& style, const Change* change) {
  std::string out;
  for (const auto& report : reports) {
    if (reports.size() > 1)
      out += fmt::format("{}== {} ==\n", out.empty() ? "" : "\n", printable(report.target));
    bool any = false;
    for (const auto& finding : report.findings) {
      if (finding.allowed && !style.show_allowed) continue;
      bool fresh = change != nullptr && std::ranges::find(change->fresh, &finding) != change->fresh.end();
      if (any) out += "\n";
      one(out, finding, report.target, style, fresh);
      any = true;
    }
    skips(out, report);
    auto allowed = static_cast<std::size_t>(
        std::ranges::count_if(report.findings, [](const Finding& f) { return f.allowed.has_value(); }));
    auto mendable = static_cast<std::size_t>(
        std::ranges::count_if(report.findings, [](const Finding& f) { return f.mend && !f.allowed; }));
    out += fmt::format("{}{}: {}", out.empty() ? "" : "\n", printable(report.target), counts_text(report));
    if (allowed > 0) out += fmt::format("; {} allowed", allowed);
    out += fmt::format(" ({} rules asked)\n", report.ran.size());
    if (mendable > 0) out += fmt::format("{} of them can be mended: meshops audit --fix\n", mendable);
  }
  if (change != nullptr) {
    out += fmt::format("\nsince the last audit: {} new, {} still there, {} gone\n", change->fresh.size(),
                       change->still.size(), change->gone.size());
    for (const auto& gone : change->gone) out += "  gone: " + printable(gone) + "\n";
  }
  return out;
}

std::string reads_text(unsigned reads) {
  std::vector<std::string> parts;
  if ((reads & kLive) != 0) parts.emplace_back("live");
  if ((reads & kRoot) != 0) parts.emplace_back("root");
  if ((reads & kRepo) != 0) parts.emplace_back("repo");
  if ((reads & kCloud) != 0) parts.emplace_back("cloud");
  return join(parts, ", ");
}

std::string rules_text() {
  std::string out;
  for (const auto& domain : domains())
    for (const auto& rule : domain.rules)
      out += fmt::format("{:<9} {:<8} {:<4} {}\n", rule.id, text(rule.severity), text(rule.fix), rule.title);
  return out;
}

std::string explain(const Rule& rule) {
  auto out = fmt::format("{}  {}\n\n{}\n\n", rule.id, rule.title, rule.why);
  out += fmt::format("severity   {}\nlooks at   {}\nmended by  {}\n", text(rule.severity),
                     reads_text(rule.reads),
                     rule.fix == Fix::automatic ? "meshops audit --fix"
                     : rule.fix == Fix::plan    ? "you: the finding says how"
                                                : "you");
  if (!rule.not_when.empty()) out += fmt::format("silent     {}\n", rule.not_when);
  return out + fmt::format("\nWhat to do: {}\n", rule.remedy);
}

std::string rules_markdown() {
  std::string out =
      "# The rules of the audit\n\n<!-- Generated by `meshops rules --format markdown`; a test keeps it "
      "equal. -->\n\n"
      "`meshops audit` asks these. *Looks at*: a running machine (live), a directory with a root file system "
      "(root), a "
      "folder\nor checkout (repo), exports of a cloud (cloud). *Fix*: `auto` is applied by `meshops audit "
      "--fix` and taken "
      "back by\n`meshops undo`; `plan` is printed as commands and never run unasked; `-` is advice.\n";
  for (const auto& domain : domains()) {
    if (domain.rules.empty()) continue;
    out += fmt::format("\n## {} ({})\n", domain.name, domain.prefix);
    for (const auto& rule : domain.rules) {
      out += fmt::format("\n### {}: {}\n\n{}\n\n- Severity: {}\n- Looks at: {}\n- Fix: {}\n", rule.id,
                         rule.title, rule.why, text(rule.severity), reads_text(rule.reads), text(rule.fix));
      if (!rule.not_when.empty()) out += fmt::format("- Silent: {}\n", rule.not_when);
      out += fmt::format("- What to do: {}\n", rule.remedy);
    }
  }
  return out;
}

}  // namespace meshops::audit
