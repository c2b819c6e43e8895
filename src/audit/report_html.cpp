#include <algorithm>

#include "audit/report.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

/// As text of HTML, also where a file's own words are neither printable nor UTF-8.
std::string escaped(std::string_view text) {
  std::string out;
  for (auto line : split(text, '\n')) {
    if (!out.empty() || line.data() != text.data()) out += "<br>";
    for (char c : printable(line)) {
      switch (c) {
        case '&':
          out += "&amp;";
          break;
        case '<':
          out += "&lt;";
          break;
        case '>':
          out += "&gt;";
          break;
        case '"':
          out += "&quot;";
          break;
        default:
          out += c;
      }
    }
  }
  return out;
}

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>meshops audit</title><style>
:root{color-scheme:light dark;--line:#8884;--quiet:#8889}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
article{border-left:.3rem solid var(--mark,#888);padding:.2rem 0 .2rem .9rem;margin:1rem 0}
.critical{--mark:#b3001b}.high{--mark:#d9480f}.medium{--mark:#e6a700}.low{--mark:#1c7ed6}.info{--mark:#888}
.allowed{opacity:.55}code{font:.92em/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
.tag{font-weight:600}.quiet{color:#777}p{margin:.15rem 0}ul{padding-left:1.2rem}
</style></head><body>
)";

}  // namespace

std::string to_html(const std::vector<Report>& reports) {
  std::string out(kHead);
  out += "<h1>meshops audit</h1>\n";
  for (const auto& report : reports) {
    out += fmt::format("<h2>{}</h2>\n<p class=\"quiet\">{} · {} rules asked", escaped(report.target),
                       iso8601(report.at), report.ran.size());
    for (auto severity : kWorstFirst)
      if (auto n = report.count(severity); n > 0) out += fmt::format(" · {} {}", n, text(severity));
    out += "</p>\n";
    if (report.findings.empty()) out += "<p>Nothing found.</p>\n";
    for (const auto& f : report.findings) {
      const auto* rule = find_rule(f.rule);
      auto place = f.at.file.empty() ? report.target : f.at.file;
      if (f.at.line > 0) place += fmt::format(":{}", f.at.line);
      out += fmt::format(
          "<article class=\"{}{}\"><p><span class=\"tag\">{} {}</span> {} · <code>{}</code></p>\n",
          text(f.severity), f.allowed ? " allowed" : "", text(f.severity), f.rule,
          rule != nullptr ? escaped(rule->title) : "", escaped(place));
      out += fmt::format("<p>{}: <code>{}</code>, wanted <code>{}</code></p><p>→ {}</p>", escaped(f.message),
                         escaped(f.found), escaped(f.wanted), escaped(f.fix));
      if (f.allowed) out += fmt::format("<p>Allowed: {}</p>", escaped(*f.allowed));
      out += "</article>\n";
    }
    if (report.skips.empty()) continue;
    out += "<h3>Not looked at</h3><ul>\n";
    for (const auto& skip : report.skips)
      out += fmt::format("<li><code>{} {}</code>: {}</li>\n", escaped(skip.rule), escaped(skip.what),
                         escaped(skip.reason));
    out += "</ul>\n";
  }
  return out + "</body></html>\n";
}

}  // namespace meshops::audit
