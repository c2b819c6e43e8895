#include "audit/run.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>
#include <tuple>

#include "audit/allow.h"
#include "audit/places.h"
#include "base/fnv.h"

namespace meshops::audit {

namespace {

/// What one domain has found so far; outlives run() when the domain does.
struct Progress {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Findings> done;
  const Rule* at = nullptr;
  bool ended = false;
};

unsigned bit(Ground ground) { return 1U << static_cast<unsigned>(ground); }

std::vector<const Rule*> chosen(const Domain& domain, Ground ground, const Wanted& wanted) {
  std::vector<const Rule*> rules;
  if (!wanted.domains.empty() && !wanted.domains.contains(std::string(domain.name))) return rules;
  for (const auto& rule : domain.rules)
    if ((rule.reads & bit(ground)) != 0 &&
        (wanted.rules.empty() || wanted.rules.contains(std::string(rule.id))))
      rules.push_back(&rule);
  return rules;
}

void work(const std::shared_ptr<const Site>& site, const std::vector<const Rule*>& rules,
          const std::shared_ptr<Progress>& progress) {
  for (const auto* rule : rules) {
    {
      std::scoped_lock lock(progress->mutex);
      progress->at = rule;
    }
    Findings found(rule->id, rule->severity);
    try {
      rule->check(*site, found);
    } catch (const std::exception& e) {
      // Of a library, on input that nobody thought of: this rule could not look, the others can.
      found.skip("everything", fmt::format("the rule failed: {}", e.what()));
    }
    std::scoped_lock lock(progress->mutex);
    progress->done.push_back(std::move(found));
  }
  std::scoped_lock lock(progress->mutex);
  progress->ended = true;
  progress->changed.notify_all();
}

}  // namespace

std::vector<const Rule*> rules_asked(Ground ground, const Wanted& wanted) {
  std::vector<const Rule*> out;
  for (const auto& domain : domains()) {
    auto rules = chosen(domain, ground, wanted);
    out.insert(out.end(), rules.begin(), rules.end());
  }
  return out;
}

void sort_findings(std::vector<Finding>& findings) {
  auto key = [](const Finding& f) {
    return std::tuple(-static_cast<int>(f.severity), f.rule, std::string_view(f.at.file), f.at.line,
                      f.at.column, std::string_view(f.about), std::string_view(f.found),
                      std::string_view(f.message));
  };
  std::ranges::sort(findings, [&](const Finding& a, const Finding& b) { return key(a) < key(b); });
}

std::string fingerprint(const Finding& finding, std::size_t same_before) {
  Fnv hash;
  auto mix = [&](std::string_view text) { hash.add(text).add_byte(0xff); };
  mix(finding.rule);
  mix(finding.at.file);
  mix(finding.about.empty() ? finding.found : finding.about);
  mix(std::to_string(same_before));
  return fmt::format("{:016x}", hash.value());
}

Report run(std::shared_ptr<const Site> site, std::string target, const Wanted& wanted) {
  Report report{.target = std::move(target), .ground = site->ground(), .at = site->now()};
  struct Running {
    const Domain* domain;
    std::vector<const Rule*> rules;
    std::shared_ptr<Progress> progress;
  };
  std::vector<Running> running;
  for (const auto& domain : domains()) {
    auto rules = chosen(domain, site->ground(), wanted);
    if (rules.empty()) continue;
    report.ran.insert(report.ran.end(), rules.begin(), rules.end());
    running.push_back({&domain, rules, std::make_shared<Progress>()});
  }
  auto until = std::chrono::steady_clock::now() + wanted.limit;
  for (auto& r : running) std::thread(work, site, r.rules, r.progress).detach();
  for (auto& r : running) {
    std::unique_lock lock(r.progress->mutex);
    bool ended = r.progress->changed.wait_until(lock, until, [&] { return r.progress->ended; });
    for (const auto& found : r.progress->done) {
      report.findings.insert(report.findings.end(), found.list().begin(), found.list().end());
      report.skips.insert(report.skips.end(), found.skips().begin(), found.skips().end());
    }
    report.left_behind = report.left_behind || !ended;
    if (!ended)
      for (std::size_t i = r.progress->done.size(); i < r.rules.size(); ++i)
        report.skips.push_back({std::string(r.rules[i]->id), "everything",
                                r.rules[i] == r.progress->at
                                    ? fmt::format("took longer than {}", duration_text(wanted.limit))
                                    : fmt::format("{} took too long", r.progress->at->id)});
    lock.unlock();
    if (wanted.done) wanted.done(r.domain->name);
  }
  if (!running.empty())
    report.skips.insert(report.skips.end(), site->files().skips().begin(), site->files().skips().end());
  sort_findings(report.findings);
  count_columns(*site, report.findings);
  if (site->repo()) report.inside = path_in_checkout(site->disk());
  std::map<std::string, std::size_t> seen;
  for (auto& finding : report.findings)
    finding.fingerprint = fingerprint(finding, seen[fingerprint(finding, 0)]++);
  if (!report.findings.empty()) {
    const auto& allows = site->facts<Allows>();
    for (auto& finding : report.findings)
      if (const auto* allow = allows.covering(finding, site->now())) {
        finding.allowed = allow->reason;
        finding.allowed_elsewhere = allow->in_mesh_toml;
      }
  }
  return report;
}

std::vector<const Finding*> Report::open() const {
  std::vector<const Finding*> out;
  for (const auto& finding : findings)
    if (!finding.allowed) out.push_back(&finding);
  return out;
}

std::size_t Report::count(Severity severity) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      findings, [&](const Finding& f) { return !f.allowed && f.severity == severity; }));
}

Change compare(const Report& now, const std::string& before_json) {
  Change change;
  std::map<std::string, std::string> before;
  auto json = nlohmann::json::parse(before_json, nullptr, false);
  // What was seen on the machine itself has null for its file.
  auto word = [](const nlohmann::json& one, const char* key) {
    auto found = one.find(key);
    return found != one.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (json.is_object() && json.contains("findings") && json["findings"].is_array())
    for (const auto& f : json["findings"])
      if (f.is_object() && f.contains("fingerprint") && f["fingerprint"].is_string())
        before[f["fingerprint"]] =
            fmt::format("{} {}: {}", word(f, "rule"), word(f, "file"), word(f, "message"));
  for (const auto* finding : now.open()) {
    (before.contains(finding->fingerprint) ? change.still : change.fresh).push_back(finding);
    before.erase(finding->fingerprint);
  }
  for (auto& [print, sentence] : before) change.gone.push_back(std::move(sentence));
  return change;
}

}  // namespace meshops::audit
