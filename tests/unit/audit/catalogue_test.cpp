// The contract of the catalogue: every rule has a fixture that fires, with its evidence asserted to the line,
// a near miss that does not, and a mend that holds where it promises one.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "case_file.h"

namespace meshops::audit {
namespace {

namespace fs = std::filesystem;

const fs::path kCases = fs::path(MESHOPS_SOURCE_DIR) / "tests/audit";

std::vector<const Rule*> rules() {
  std::vector<const Rule*> all;
  for (const auto& domain : domains())
    for (const auto& rule : domain.rules) all.push_back(&rule);
  return all;
}

Findings run(const Rule& rule, const Case& c) {
  Site site(c.ground, c.host, c.ground == Ground::live ? &c.live : nullptr, c.mesh, c.now);
  if (c.disk) site.on_disk(c.disk->path);
  Findings out(rule.id, rule.severity);
  rule.check(site, out);
  return out;
}

bool meets(const Finding& f, const Expected& e) {
  // Underscores stand for blanks; values that have underscores themselves are compared the same way.
  auto folded = [](std::string text) {
    for (auto& c : text)
      if (c == '_') c = ' ';
    return text;
  };
  return f.at.file == e.at.file && (e.at.line == 0 || f.at.line == e.at.line) &&
         (e.at.column == 0 || f.at.column == e.at.column) && (!e.severity || f.severity == *e.severity) &&
         folded(f.found).find(e.found) != std::string::npos &&
         folded(f.wanted).find(e.wanted) != std::string::npos;
}

std::string told(const Findings& findings) {
  std::string out;
  for (const auto& f : findings.list())
    out += fmt::format("\n  {}:{}:{} {} found '{}' wanted '{}' ({})", f.at.file, f.at.line, f.at.column,
                       text(f.severity), f.found, f.wanted, f.message);
  for (const auto& s : findings.skips()) out += fmt::format("\n  skipped {}: {}", s.what, s.reason);
  return out.empty() ? " nothing" : out;
}

unsigned bit(Ground ground) { return 1U << static_cast<unsigned>(ground); }

void apply(const Mend& mend, FakeHost& host) {
  for (const auto& change : mend.files) {
    if (change.bytes) {
      ASSERT_TRUE(host.write(change.path, *change.bytes,
                             {.mode = change.mode.value_or(0644), .uid = change.uid, .gid = change.gid}));
    }
    auto& info = host.files[change.path.string()].info;
    if (change.mode) info.mode = *change.mode;
    if (change.uid) info.uid = *change.uid;
    if (change.gid) info.gid = *change.gid;
  }
}

/// Mends what can be mended until nothing with a file mend is left; true if at least one was there.
bool mend_all(const Rule& rule, Case c, const std::string& where) {
  bool mended = false;
  for (int round = 0; round < 50; ++round) {
    auto found = run(rule, c);
    const Finding* next = nullptr;
    for (const auto& f : found.list()) {
      if (!f.mend) continue;
      mended = true;
      EXPECT_TRUE(!f.mend->files.empty() || !f.mend->orders.empty()) << where << ": an empty mend";
      if (!f.mend->files.empty() && next == nullptr) next = &f;
    }
    if (next == nullptr) return mended;
    auto before = next->fingerprint + next->at.file + next->about + next->found;
    apply(*next->mend, c.host);
    auto after = run(rule, c);
    for (const auto& f : after.list())
      if (f.fingerprint + f.at.file + f.about + f.found == before) {
        ADD_FAILURE() << where << ": mended, and it is still found:" << told(after);
        return mended;
      }
  }
  ADD_FAILURE() << where << ": mending does not end";
  return mended;
}

class RuleCases : public ::testing::TestWithParam<const Rule*> {};

TEST_P(RuleCases, FiresAndKeepsQuietAndMends) {
  const Rule& rule = *GetParam();
  auto file = kCases / (std::string(rule.id) + ".case");
  ASSERT_TRUE(fs::exists(file)) << rule.id << " has no fixture " << file;
  auto cases = read_cases(file);
  bool fires = false, quiet = false, mended = false;
  for (const auto& c : cases) {
    auto where = fmt::format("{}:{}: {}", file.filename().string(), c.line, c.title);
    EXPECT_TRUE((rule.reads & bit(c.ground)) != 0) << where << ": the rule does not read there";
    auto found = run(rule, c);
    if (c.kind == Case::Kind::quiet) {
      quiet = true;
      EXPECT_TRUE(found.list().empty()) << where << told(found);
      EXPECT_TRUE(found.skips().empty()) << where << told(found);
      continue;
    }
    if (c.kind == Case::Kind::skips) {
      EXPECT_FALSE(found.skips().empty()) << where << ": nothing was skipped";
      EXPECT_TRUE(found.list().empty()) << where << told(found);
      continue;
    }
    fires = true;
    EXPECT_FALSE(c.expected.empty()) << where << ": says no evidence (>>)";
    EXPECT_EQ(found.list().size(), c.expected.size()) << where << told(found);
    for (const auto& e : c.expected) {
      bool met = std::ranges::any_of(found.list(), [&](const Finding& f) { return meets(f, e); });
      EXPECT_TRUE(met) << file.filename().string() << ":" << e.case_line
                       << ": not found; what was:" << told(found);
    }
    for (const auto& f : found.list()) {
      EXPECT_FALSE(f.message.empty()) << where << ": a finding without a message";
      EXPECT_FALSE(f.fix.empty()) << where << ": a finding that does not say what to do";
      EXPECT_EQ(f.rule, rule.id);
      EXPECT_TRUE(!f.mend || rule.fix == Fix::automatic) << where << ": a mend, and the rule promises none";
    }
    if (rule.fix == Fix::automatic) mended = mend_all(rule, c, where) || mended;
  }
  EXPECT_TRUE(fires) << rule.id << ": no fixture that fires";
  EXPECT_TRUE(quiet) << rule.id << ": no near miss";
  EXPECT_TRUE(mended || rule.fix != Fix::automatic) << rule.id << ": no fixture shows its mend";
}

std::string name_of(const ::testing::TestParamInfo<const Rule*>& rule) {
  std::string name(rule.param->id);
  std::ranges::replace(name, '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Catalogue, RuleCases, ::testing::ValuesIn(rules()), name_of);

TEST(Catalogue, IdsAreUniqueAndBelongToTheirDomain) {
  std::set<std::string_view> ids;
  for (const auto& domain : domains())
    for (const auto& rule : domain.rules) {
      EXPECT_TRUE(ids.insert(rule.id).second) << rule.id << " twice";
      EXPECT_TRUE(rule.id.starts_with(std::string(domain.prefix) + "-")) << rule.id;
      EXPECT_FALSE(rule.title.empty() || rule.why.empty() || rule.remedy.empty()) << rule.id;
      EXPECT_NE(rule.reads, 0U) << rule.id;
    }
}

TEST(Catalogue, EveryFixtureBelongsToARule) {
  for (const auto& entry : fs::directory_iterator(kCases))
    if (entry.path().extension() == ".case") {
      EXPECT_NE(find_rule(entry.path().stem().string()), nullptr) << entry.path();
    }
}

}  // namespace
}  // namespace meshops::audit
