// meshops secrets list | access
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "audit/fingerprint_key.h"
#include "audit/local_live.h"
#include "audit/secret_list.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/render_access.h"
#include "host/host.h"
#include "store/access_log.h"
#include "store/watch_record.h"

namespace meshops::cli {

namespace fs = std::filesystem;

namespace {

struct Options {
  std::string root;
  std::string file, since;
  std::size_t limit = 50;
};

int list(const Globals& globals, const Options& options) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto key = audit::fingerprint_key(mesh->state_dir);
  if (!key) return report(globals, key.error());
  auto now = SystemClock().wall();
  bool here = options.root.empty();
  fs::path root = "/";
  if (!here) {
    std::error_code failed;
    root = fs::canonical(options.root, failed);
    if (failed || !fs::is_directory(root, failed))
      return report(globals, error(audit::AuditCode::no_target, "{} is no directory", quote(options.root))
                                 .hint("--root takes a directory that holds a root file system"));
  }
  std::shared_ptr<Host> host = here ? local_host() : rooted_host(root);
  auto live = here ? audit::local_live(*mesh) : nullptr;
  audit::Site site(here ? audit::Ground::live : audit::Ground::root, *host, live.get(), *mesh, now);
  site.on_disk(root);
  auto found = audit::SecretList::gather(site, key->reveal());
  std::fputs(
      (globals.json() ? audit::to_json(found, mesh->node, now) : audit::for_people(found, now)).c_str(),
      stdout);
  return kGood;
}

/// Why nothing is recorded at present; empty: it is.
std::string why_not(const Mesh& mesh, const Host& host) {
  if (!mesh.audit.secret_watch) return "[audit] secret_watch is off in mesh.toml";
  auto text = read_file(mesh.state_dir / store::WatchRecord::kFile);
  if (!text && text.error().is(code_name(FileCode::not_permitted))) return text.error().text();
  auto record = text ? store::parse_watch_record(*text) : std::nullopt;
  if (!record) return "no agent has watched yet; as root: systemctl start meshops-agent";
  if (!record->trouble.empty()) return record->trouble;
  auto agent = host.process(record->pid);
  if (!agent || agent->start_ticks != record->start_ticks)
    return "the agent does not run; as root: systemctl start meshops-agent";
  return {};
}

int access(const Globals& globals, const Options& options) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto since = moment(options.since);
  if (!since) {
    report(globals, since.error());
    return kUsage;
  }
  auto host = local_host();
  AccessPicture picture{
      .now = SystemClock().wall(), .node = mesh->node, .not_recorded = why_not(*mesh, *host)};
  if (auto text = read_file(mesh->state_dir / store::WatchRecord::kFile))
    if (auto record = store::parse_watch_record(*text)) picture.watched = record->files;
  for (const auto& account : host->accounts().value_or(std::vector<Account>()))
    picture.users[account.uid] = account.name;

  auto log = store::AccessLog::read(mesh->state_dir / store::AccessLog::kFile);
  if (!log && !log.error().is(code_name(store::StoreCode::not_found))) return report(globals, log.error());
  // Not even allowed to see whether there is one.
  std::error_code closed;
  (void)fs::exists(mesh->state_dir / store::AccessLog::kFile, closed);
  if (closed == std::errc::permission_denied)
    return report(globals, error(FileCode::not_permitted, "only root may see who read the secrets")
                               .hint("sudo meshops secrets access"));
  if (log) {
    store::AccessLog::Query query{.file = {}, .since = *since, .at_most = options.limit};
    if (!options.file.empty()) query.file = fs::absolute(options.file).lexically_normal();
    auto readings = (*log)->list(query);
    if (!readings) return report(globals, readings.error());
    auto gaps = (*log)->gaps(*since, options.limit);
    if (!gaps) return report(globals, gaps.error());
    picture.readings = std::move(*readings);
    picture.gaps = std::move(*gaps);
    if (!query.file.empty()) picture.asked = query.file;
  }
  std::fputs((globals.json() ? access_json(picture) : render_access(picture)).c_str(), stdout);
  return kGood;
}

}  // namespace

void add_secrets(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* secrets = app.add_subcommand("secrets", "which secrets lie where, and who has read them");
  secrets->require_subcommand(1);
  secrets->fallthrough();
  secrets->footer("Example:\n  sudo meshops secrets list\n  sudo meshops secrets access --since 1d");

  auto options = std::make_shared<Options>();
  auto* listing = secrets->add_subcommand(
      "list",
      "every secret of this machine: kind, place, owner, age, where the same one stands; never its text");
  listing
      ->add_option("--root", options->root, "a directory that holds a root file system; nothing in it is run")
      ->type_name("DIR");
  listing->footer(
      "Example:\n  sudo meshops secrets list --format json\n\n"
      "Fingerprints are keyed: without STATE_DIR/fingerprint.key they tell nothing. Copy that file (0600) to "
      "every "
      "node\nwhose lists you want to compare.");
  listing->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return list(globals, *options); }; });

  auto* accesses =
      secrets->add_subcommand("access", "who has read which secret file, and when: the newest first");
  accesses->add_option("file", options->file, "only of this file")->type_name("FILE");
  accesses->add_option("--since", options->since, "from then on: a duration back from now, or a time")
      ->type_name("TIME");
  accesses->add_option("-n,--limit", options->limit, "at most so many")
      ->check(CLI::Range(1, 100'000))
      ->type_name("N");
  accesses->footer(
      "Example:\n  sudo meshops secrets access /home/claw/.openclaw/.env --since 7d\n\n"
      "Recorded by the agent, when it runs as root; [audit] secret_watch in mesh.toml switches it off.");
  accesses->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return access(globals, *options); }; });
}

}  // namespace meshops::cli
