#include "audit/remote.h"

#include <algorithm>

#include "audit/captured_live.h"
#include "audit/report_parse.h"
#include "audit/site.h"
#include "base/text.h"
#include "host/capture_answer.h"
#include "host/capture_script.h"
#include "host/captured_host.h"
#include "host/ssh_session.h"

namespace meshops::audit {

namespace {

/// All that is kept of one machine, in memory only.
constexpr std::size_t kMostKept = 192U << 20;
/// Each is one line in the report.
constexpr std::size_t kMostNamed = 20;

/// Everything that rules read, in one piece that can outlive the audit.
struct Captured {
  capture::Facts facts;
  capture::Missed missed;
  capture::CapturedHost host{facts, missed};
  std::shared_ptr<Live> live = captured_live(host, facts, missed);
};

class Conversation {
 public:
  Conversation(const AskShell& ask, const RemoteAudit& how, std::string mark)
      : ask_(ask), how_(how), mark_(std::move(mark)) {}

  Result<RemoteReport> run() {
    CHECK_OK(round(capture::opening(mark_) + first()));
    if (auto report = by_its_own()) return std::move(*report);
    if (kept_->facts.answer("meshops") != nullptr) CHECK_OK(round(capture::sweep()));
    if (kept_->facts.missing(capture::Want::Kind::ask, "find"))
      return fail(error(AuditCode::io, "{} has a find that cannot print what files are", how_.name)
                      .hint("put GNU findutils there, or meshops itself"));
    while (true) {
      auto report = audit();
      auto wants = kept_->missed.take();
      if (wants.empty() || report.left_behind) return finish(std::move(report), {});
      if (rounds_ >= how_.most_rounds || kept_->facts.size() > kMostKept)
        return finish(std::move(report), wants);
      CHECK_OK(round(capture::request(wants)));
      kept_->facts.give_up(wants);
    }
  }

 private:
  std::string first() const {
    if (!how_.by_its_own) return capture::sweep();
    std::vector<std::string> arguments = {"audit", "--format", "json", "--forget"};
    for (const auto& domain : how_.wanted.domains) arguments.insert(arguments.end(), {"--domain", domain});
    for (const auto& rule : how_.wanted.rules) arguments.insert(arguments.end(), {"--rule", rule});
    return capture::sweep_or("meshops " MESHOPS_VERSION, arguments);
  }

  Status round(const std::string& script) {
    ++rounds_;
    if (how_.asking) how_.asking(rounds_);
    auto answer = TRY(ask_(script + capture::closing(), capture::end_of_answer(mark_)));
    return capture::read_answer(answer, mark_, kept_->facts);
  }

  /// Nothing: it has none, or one that could not do it.
  std::optional<RemoteReport> by_its_own() const {
    const auto* answer = kept_->facts.answer("meshops");
    if (answer == nullptr || answer->cut || (answer->code != 0 && answer->code != 1)) return std::nullopt;
    auto report = parse_report(answer->text, how_.wanted);
    if (!report) return std::nullopt;
    report->target = how_.name;
    return RemoteReport{.report = std::move(*report), .rounds = rounds_, .by_its_own = true, .kept = {}};
  }

  std::string said(const char* question) const {
    const auto* answer = kept_->facts.answer(question);
    return answer == nullptr ? std::string() : std::string(trim(answer->text));
  }

  WallTime now() const {
    // Ages of files are told by the clock that has stamped them.
    constexpr std::int64_t kYear9999 = 253'402'300'799;
    auto seconds = to_number<std::int64_t>(said("now"));
    if (!seconds || *seconds < 0 || *seconds > kYear9999) return SystemClock().wall();
    return WallTime(std::chrono::seconds(*seconds));
  }

  /// The machine's own mesh.toml, as meshops would find it there; else the operator's.
  Mesh mesh(std::vector<Skip>& skips) const {
    if (how_.own_mesh_only) return how_.mesh;
    Surroundings there{.host_name = said("hostname"), .root = true, .environment = {{"HOME", "/root"}}};
    for (const auto* path : {"/root/.config/meshops/mesh.toml", "/etc/meshops/mesh.toml"}) {
      auto text = kept_->host.read(path, 1U << 20);
      if (!text) continue;
      auto parsed = parse_mesh(*text, path, there);
      if (parsed) {
        parsed->source = path;
        return std::move(*parsed);
      }
      skips.push_back({"", path, std::string(parsed.error().faults.front().text())});
    }
    auto mesh = how_.mesh;
    auto defaults = default_mesh(there);
    mesh.socket = defaults.socket;
    mesh.state_dir = defaults.state_dir;
    if (!mesh.source.empty()) return mesh;
    mesh.node = defaults.node;
    mesh.nodes = defaults.nodes;
    return mesh;
  }

  Report audit() const {
    std::vector<Skip> skips;
    auto site = std::make_shared<Site>(Ground::live, kept_->host, kept_->live.get(), mesh(skips), now());
    auto report = audit::run(site, how_.name, how_.wanted);
    report.skips.insert(report.skips.end(), skips.begin(), skips.end());
    if (auto id = said("id"); id != "0")
      report.skips.push_back({"", "what only root may read",
                              "we are not root there, and sudo does not let us without a password"});
    return report;
  }

  RemoteReport finish(Report report, const std::vector<capture::Want>& missing) const {
    auto reason = fmt::format("not fetched: {} rounds were not enough", rounds_);
    // It is mended there, with what is there.
    for (auto& finding : report.findings) finding.mend.reset();
    for (std::size_t i = 0; i < std::min(missing.size(), kMostNamed); ++i)
      report.skips.push_back({"", missing[i].text(), reason});
    if (missing.size() > kMostNamed)
      report.skips.push_back({"", fmt::format("{} more", missing.size() - kMostNamed), reason});
    return {.report = std::move(report), .rounds = rounds_, .by_its_own = false, .kept = kept_};
  }

  const AskShell& ask_;
  const RemoteAudit& how_;
  std::string mark_;
  unsigned rounds_ = 0;
  std::shared_ptr<Captured> kept_ = std::make_shared<Captured>();
};

}  // namespace

Result<RemoteReport> audit_remote(const AskShell& ask, const RemoteAudit& how) {
  return Conversation(ask, how, TRY(random_mark())).run();
}

}  // namespace meshops::audit
