#include "cli/audit_remote.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "audit/local_live.h"
#include "audit/remote.h"
#include "audit/site.h"
#include "base/side_by_side.h"
#include "base/text.h"
#include "cli/meant.h"
#include "cli/progress.h"

namespace meshops::cli {

namespace {

constexpr std::size_t kAtOnce = 4;
constexpr Duration kNodeLimit = std::chrono::minutes(6);

Mesh mesh_for(const Described& described, const Meant& meant) {
  auto mesh = described.mesh;
  bool known = std::ranges::any_of(mesh.nodes, [&](const NodeSpec& node) { return node.name == meant.name; });
  // What the owner has decided for his mesh says nothing about a machine that is none of its nodes.
  if (!known) return default_mesh({.host_name = meant.name, .root = true, .environment = {}});
  mesh.node = meant.name;
  return mesh;
}

audit::RemoteReport audit_here(const Described& described, const Meant& meant, const audit::Wanted& wanted) {
  struct Kept {
    std::shared_ptr<Host> host = local_host();
    std::shared_ptr<audit::Live> live;
  };
  auto kept = std::make_shared<Kept>();
  auto mesh = mesh_for(described, meant);
  kept->live = audit::local_live(mesh);
  auto site = std::make_shared<audit::Site>(audit::Ground::live, *kept->host, kept->live.get(), mesh,
                                            SystemClock().wall());
  site->on_disk("/");
  return {.report = audit::run(site, meant.name, wanted), .rounds = 0, .by_its_own = false, .kept = kept};
}

Result<audit::RemoteReport> audit_one(const Globals& globals, const Described& described, const Meant& meant,
                                      const audit::Wanted& wanted, Progress& progress) {
  if (meant.here) return audit_here(described, meant, wanted);
  auto session = TRY(SshSession::open(meant.target));
  SystemClock clock;
  auto deadline = clock.now() + kNodeLimit;
  unsigned round = 0;
  audit::AskShell ask = [&](const std::string& script, std::string_view end) {
    AskLimits limits{.within = std::max(deadline - clock.now(), Duration(std::chrono::seconds(1)))};
    limits.progress = [&](std::size_t bytes) {
      progress.say(fmt::format("{}: round {}, {}", meant.name, round, bytes_text(bytes)));
    };
    return session.ask(script, end, limits);
  };
  audit::RemoteAudit how{.name = meant.name,
                         .wanted = wanted,
                         .mesh = mesh_for(described, meant),
                         .own_mesh_only = !globals.config.empty() && !described.mesh.source.empty(),
                         .by_its_own = globals.config.empty()};
  how.wanted.done = nullptr;
  how.asking = [&](unsigned number) {
    round = number;
    progress.say(fmt::format("{}: round {}", meant.name, round));
  };
  return audit::audit_remote(ask, how);
}

void take(RemoteReports& into, const Meant& meant, Result<audit::RemoteReport> done) {
  if (done) {
    if (done->rounds > 0)
      std::fputs(fmt::format("meshops: {}: audited in {} round{}, {}\n", meant.name, done->rounds,
                             done->rounds == 1 ? "" : "s",
                             done->by_its_own ? "by its own meshops" : "with nothing of ours there")
                     .c_str(),
                 stderr);
    into.left_behind = into.left_behind || done->report.left_behind;
    into.kept.push_back(done->kept);
    into.all.push_back({meant.name, std::move(done->report)});
    return;
  }
  into.failed = true;
  audit::Report none{.target = meant.name, .ground = audit::Ground::live, .at = SystemClock().wall()};
  none.skips.push_back({"", "everything", done.error().text()});
  into.all.push_back({meant.name, std::move(none)});
  std::fputs(fmt::format("meshops: {}: {}\n", meant.name, done.error().for_people()).c_str(), stderr);
}

}  // namespace

Result<RemoteReports> audit_host(const Globals& globals, const std::string& name,
                                 const audit::Wanted& wanted) {
  CHECK_OK(check_ssh_name(name));
  auto mesh = TRY(described(globals));
  Meant meant{.name = name, .target = {.host = name, .user = {}, .port = 0}};
  std::vector<std::string_view> names;
  for (const auto& node : mesh.mesh.nodes) {
    names.push_back(node.name);
    if (node.name == name) meant = meant_by(mesh, node);
  }
  Progress progress;
  auto done = audit_one(globals, mesh, meant, wanted, progress);
  progress.clear();
  if (!done) {
    auto near = nearest(name, names);
    if (done.error().is("ssh.no_way") && near && *near != name)
      return fail(Error(done.error()).hint("did you mean {}?", *near));
    return fail(done.error());
  }
  RemoteReports out;
  take(out, meant, std::move(done));
  return out;
}

Result<RemoteReports> audit_all(const Globals& globals, const audit::Wanted& wanted) {
  auto mesh = TRY(described(globals));
  if (mesh.mesh.source.empty())
    return fail(error(audit::AuditCode::no_target, "there is no mesh.toml that names the nodes")
                    .hint("write one: meshops config init; or audit one machine: meshops audit --host NAME"));
  std::vector<Meant> all;
  for (const auto& node : mesh.mesh.nodes) all.push_back(meant_by(mesh, node));
  std::vector<std::optional<Result<audit::RemoteReport>>> done(all.size());
  Progress progress;
  side_by_side(all.size(), kAtOnce,
               [&](std::size_t i) { done[i] = audit_one(globals, mesh, all[i], wanted, progress); });
  progress.clear();
  RemoteReports out;
  for (std::size_t i = 0; i < all.size(); ++i) take(out, all[i], std::move(*done[i]));
  return out;
}

}  // namespace meshops::cli
