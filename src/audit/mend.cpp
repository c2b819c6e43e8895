#include "audit/mend.h"

#include <algorithm>
#include <map>
#include <set>

#include "audit/secrets.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

/// A rule that needs more rounds than this does not come to an end.
constexpr int kMostRounds = 100;

Findings ask(const Rule& rule, const Site& site) {
  Findings out(rule.id, rule.severity);
  rule.check(site, out);
  return out;
}

bool same(const Finding& a, const Finding& b) {
  return a.rule == b.rule && a.at.file == b.at.file && a.about == b.about &&
         (!a.about.empty() || a.found == b.found);
}

void add_missing(std::vector<std::vector<std::string>>& all, const std::vector<std::string>& check) {
  if (!check.empty() && std::ranges::find(all, check) == all.end()) all.push_back(check);
}
void add_missing(std::vector<Order>& all, const Order& order) {
  if (std::ranges::none_of(all, [&](const Order& o) { return o.run == order.run; })) all.push_back(order);
}

/// One rule's mends on the overlay, round by round: each round takes those that do not touch one another's
/// files.
class RuleMender {
 public:
  RuleMender(const Rule& rule, OverlayHost& overlay, const SiteOver& site_over, FixPlan& plan)
      : rule_(rule), overlay_(overlay), site_over_(site_over), plan_(plan) {}

  void mend(const std::vector<const Finding*>& wanted) {
    std::vector<const Finding*> left = wanted;
    for (int round = 0; round < kMostRounds && !left.empty(); ++round) {
      auto before = overlay_;
      auto now = ask(rule_, *site_over_(overlay_));
      std::set<std::filesystem::path> touched;
      std::vector<Finding> tried;
      std::vector<const Finding*> later;
      for (const auto* finding : left) {
        auto at = std::ranges::find_if(now.list(), [&](const Finding& f) { return same(f, *finding); });
        if (at == now.list().end() || !at->mend) continue;  // gone with another's mend
        bool free =
            std::ranges::none_of(at->mend->files, [&](const auto& f) { return touched.contains(f.path); });
        if (!free) {
          later.push_back(finding);
          continue;
        }
        for (const auto& file : at->mend->files) {
          touched.insert(file.path);
          overlay_.change(file.path, {file.bytes, file.mode, file.uid, file.gid});
        }
        tried.push_back(*at);
      }
      if (tried.empty()) return;
      auto after = ask(rule_, *site_over_(overlay_));
      for (auto& finding : tried) {
        bool only_orders = finding.mend->files.empty();
        bool there = std::ranges::any_of(after.list(), [&](const Finding& f) { return same(f, finding); });
        if (there && !only_orders) {
          // Not a mend: as if it had never been.
          for (const auto& file : finding.mend->files) restore(before, file.path);
          plan_.refused.push_back(
              fmt::format("{} {}: its mend would not help", finding.rule, finding.at.file));
          continue;
        }
        take(std::move(finding));
      }
      left = std::move(later);
    }
  }

 private:
  /// Back to what the overlay said before this round.
  void restore(const OverlayHost& before, const std::filesystem::path& path) {
    overlay_.forget(path);
    if (auto old = before.changes().find(path.lexically_normal()); old != before.changes().end())
      overlay_.change(path, old->second);
  }
  void take(Finding finding) {
    const auto& mend = *finding.mend;
    plan_.may_cut_off = plan_.may_cut_off || mend.may_cut_off;
    add_missing(plan_.verify, mend.verify);
    for (const auto& order : mend.orders) add_missing(plan_.orders, order);
    // Mended once more, after another's mend: it stands for the files of both.
    auto known = std::ranges::find_if(plan_.mended, [&](const Finding& f) { return same(f, finding); });
    if (known == plan_.mended.end()) return plan_.mended.push_back(std::move(finding));
    for (auto& file : known->mend->files)
      if (std::ranges::none_of(finding.mend->files, [&](const FileChange& f) { return f.path == file.path; }))
        finding.mend->files.push_back(std::move(file));
    *known = std::move(finding);
  }

  const Rule& rule_;
  OverlayHost& overlay_;
  const SiteOver& site_over_;
  FixPlan& plan_;
};

std::vector<std::string_view> lines_of(std::string_view text) {
  auto lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

/// Longest common subsequence of the middles, by dynamic programming: mends are small. Gives for each line of
/// `a` its partner in `b`, or -1.
std::vector<std::ptrdiff_t> partners(const std::vector<std::string_view>& a,
                                     const std::vector<std::string_view>& b) {
  std::vector<std::ptrdiff_t> partner(a.size(), -1);
  std::size_t head = 0, tail = 0;
  while (head < a.size() && head < b.size() && a[head] == b[head]) ++head;
  while (tail < a.size() - head && tail < b.size() - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail])
    ++tail;
  for (std::size_t i = 0; i < head; ++i) partner[i] = static_cast<std::ptrdiff_t>(i);
  for (std::size_t i = 0; i < tail; ++i)
    partner[a.size() - 1 - i] = static_cast<std::ptrdiff_t>(b.size() - 1 - i);
  auto n = a.size() - head - tail, m = b.size() - head - tail;
  constexpr std::size_t kMostCells = 4'000'000;
  if (n == 0 || m == 0 || n * m > kMostCells) return partner;
  std::vector<std::vector<std::uint32_t>> common(n + 1, std::vector<std::uint32_t>(m + 1, 0));
  for (std::size_t i = n; i-- > 0;)
    for (std::size_t j = m; j-- > 0;)
      common[i][j] = a[head + i] == b[head + j] ? common[i + 1][j + 1] + 1
                                                : std::max(common[i + 1][j], common[i][j + 1]);
  for (std::size_t i = 0, j = 0; i < n && j < m;) {
    if (a[head + i] == b[head + j]) {
      partner[head + i] = static_cast<std::ptrdiff_t>(head + j);
      ++i, ++j;
    } else if (common[i + 1][j] >= common[i][j + 1]) {
      ++i;
    } else {
      ++j;
    }
  }
  return partner;
}

/// A line without the secrets in it.
std::string veiled(std::string_view line) {
  std::string out;
  std::size_t from = 0;
  for (const auto& hit : find_secrets(line)) {
    if (hit.offset < from) continue;
    out += line.substr(from, hit.offset - from);
    out += "(hidden)";
    from = hit.offset + hit.length;
  }
  return out + std::string(line.substr(std::min(from, line.size())));
}

}  // namespace

FixPlan plan_fixes(const Report& report, const Host& host, const SiteOver& site_over) {
  FixPlan plan;
  OverlayHost overlay(host);
  for (const auto& domain : domains())
    for (const auto& rule : domain.rules) {
      std::vector<const Finding*> wanted;
      for (const auto& finding : report.findings)
        if (finding.rule == rule.id && finding.mend && !finding.allowed) wanted.push_back(&finding);
      if (!wanted.empty()) RuleMender(rule, overlay, site_over, plan).mend(wanted);
    }
  // A later mend may undo an earlier one: the copy of a crontab whose next line was mended after it.
  const auto undone = still_found(plan.mended, *site_over(overlay));
  std::map<std::string_view, std::vector<const Finding*>> by_rule;
  for (const auto& finding : undone) by_rule[finding.rule].push_back(&finding);
  for (const auto& [rule, wanted] : by_rule)
    RuleMender(*find_rule(rule), overlay, site_over, plan).mend(wanted);
  for (const auto& [path, change] : overlay.changes()) {
    PlannedFile file{.path = path};
    if (auto info = host.stat(path)) file.was = *info;
    if (change.bytes) {
      if (auto before = host.read(path)) file.before = std::move(*before);
      file.after = *change.bytes;
    } else {
      // Only who may do what with it changes: it may as well be a directory, or too large to be read.
      if (!file.was) continue;
      file.before = "";
    }
    auto after = overlay.stat(path);
    if (!after) continue;
    file.mode = after->mode, file.uid = after->uid, file.gid = after->gid;
    bool same_access =
        file.was && file.was->mode == file.mode && file.was->uid == file.uid && file.was->gid == file.gid;
    if (!(file.same_bytes() && same_access)) plan.files.push_back(std::move(file));
  }
  return plan;
}

std::vector<FixPlan> independent_parts(const FixPlan& plan) {
  struct Part {
    std::set<std::filesystem::path> paths;
    FixPlan plan;
    void join(Part&& other) {
      paths.merge(other.paths);
      for (auto& finding : other.plan.mended) add(std::move(finding));
    }
    void add(Finding finding) {
      const auto& mend = *finding.mend;
      plan.may_cut_off = plan.may_cut_off || mend.may_cut_off;
      add_missing(plan.verify, mend.verify);
      for (const auto& order : mend.orders) add_missing(plan.orders, order);
      plan.mended.push_back(std::move(finding));
    }
    bool told_alike(const Part& other) const {
      if (plan.verify != other.plan.verify || plan.orders != other.plan.orders ||
          plan.may_cut_off != other.plan.may_cut_off)
        return false;
      return !plan.orders.empty() || domain() == other.domain();
    }
    std::string_view domain() const {
      auto rule = plan.mended.front().rule;
      return rule.substr(0, rule.find('-'));
    }
  };
  std::vector<Part> parts;
  for (const auto& finding : plan.mended) {
    Part part;
    for (const auto& file : finding.mend->files) part.paths.insert(file.path.lexically_normal());
    part.add(finding);
    std::erase_if(parts, [&](Part& earlier) {
      bool shared =
          std::ranges::any_of(earlier.paths, [&](const auto& path) { return part.paths.contains(path); });
      if (shared) {
        earlier.join(std::move(part));
        part = std::move(earlier);
      }
      return shared;
    });
    parts.push_back(std::move(part));
  }
  std::vector<Part> grouped;
  for (auto& part : parts) {
    auto alike = std::ranges::find_if(grouped, [&](const Part& g) { return g.told_alike(part); });
    if (alike == grouped.end())
      grouped.push_back(std::move(part));
    else
      alike->join(std::move(part));
  }
  std::vector<FixPlan> out;
  for (auto& part : grouped) {
    for (const auto& file : plan.files)
      if (part.paths.contains(file.path.lexically_normal())) part.plan.files.push_back(file);
    out.push_back(std::move(part.plan));
  }
  return out;
}

std::vector<Finding> still_found(const std::vector<Finding>& mended, const Site& site) {
  std::map<std::string_view, Findings> now;
  std::vector<Finding> out;
  for (const auto& finding : mended) {
    if (finding.mend->files.empty()) continue;
    auto found = now.find(finding.rule);
    if (found == now.end()) found = now.emplace(finding.rule, ask(*find_rule(finding.rule), site)).first;
    if (std::ranges::any_of(found->second.list(), [&](const Finding& f) { return same(f, finding); }))
      out.push_back(finding);
  }
  return out;
}

std::string unified_diff(std::string_view before, std::string_view after, std::string_view name) {
  constexpr std::ptrdiff_t kContext = 3;
  auto a = lines_of(before), b = lines_of(after);
  auto partner = partners(a, b);
  struct Line {
    char mark;
    std::string_view text;
    std::size_t a, b;  // lines before this one
  };
  std::vector<Line> all;
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && partner[i] < 0) {
      all.push_back({'-', a[i], i, j});
      ++i;
    } else if (i < a.size() && static_cast<std::size_t>(partner[i]) == j) {
      all.push_back({' ', a[i], i, j});
      ++i, ++j;
    } else {
      all.push_back({'+', b[j], i, j});
      ++j;
    }
  }
  std::string out = fmt::format("--- {}\n+++ {}\n", before.empty() ? "/dev/null" : std::string(name), name);
  auto size = static_cast<std::ptrdiff_t>(all.size());
  for (std::ptrdiff_t at = 0; at < size;) {
    if (all[static_cast<std::size_t>(at)].mark == ' ') {
      ++at;
      continue;
    }
    auto first = std::max<std::ptrdiff_t>(0, at - kContext), last = at;
    for (auto look = at; look < size && look <= last + 2 * kContext; ++look)
      if (all[static_cast<std::size_t>(look)].mark != ' ') last = look;
    auto end = std::min(size, last + kContext + 1);
    std::size_t in_a = 0, in_b = 0;
    std::string body;
    for (auto k = first; k < end; ++k) {
      const auto& line = all[static_cast<std::size_t>(k)];
      in_a += line.mark != '+';
      in_b += line.mark != '-';
      body += line.mark + veiled(line.text) + "\n";
    }
    const auto& head = all[static_cast<std::size_t>(first)];
    out += fmt::format("@@ -{},{} +{},{} @@\n{}", head.a + (in_a > 0 ? 1 : 0), in_a,
                       head.b + (in_b > 0 ? 1 : 0), in_b, body);
    at = end;
  }
  return out;
}

std::string diff_of(const FixPlan& plan, const Site& site) {
  std::string out;
  for (const auto& file : plan.files) {
    auto name = site.shown(file.path);
    if (!file.same_bytes()) out += unified_diff(file.before.value_or(""), file.after, name);
    if (!file.was) continue;
    if (file.was->mode != file.mode)
      out += fmt::format("mode {}: {:04o} → {:04o}\n", name, file.was->mode, file.mode);
    if (file.was->uid != file.uid || file.was->gid != file.gid)
      out += fmt::format("owner {}: {}:{} → {}:{}\n", name, file.was->uid, file.was->gid, file.uid, file.gid);
  }
  for (const auto& order : plan.orders)
    out += fmt::format("run: {}{}\n", join(order.run, " "),
                       order.back.empty() ? " (nothing takes this back)" : "");
  return out;
}

}  // namespace meshops::audit
