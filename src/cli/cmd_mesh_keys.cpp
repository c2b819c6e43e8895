// meshops mesh keys [install|check]
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "cli/audit_fix.h"
#include "cli/command.h"
#include "cli/to_its_end.h"
#include "gateway/gateway.h"
#include "mesh/fallback_script.h"
#include "mesh/healing_keys.h"
#include "mesh/remote_report.h"
#include "mesh/remote_session.h"
#include "mesh/spare_binary.h"

namespace meshops::cli {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using mesh::RemoteCode;

namespace {

/// Where sshd looks for this node's account, and what is there now.
struct Authorized {
  Account account;
  fs::path file;
  std::optional<heal::FileState> before;
  std::string command;
  std::vector<mesh::Healer> healers;
  struct Beside {
    fs::path path;
    std::string text;
    mode_t mode = 0644;
  };
  std::vector<Beside> script;  // what the command is, and what it reads
  fs::path program;
  std::vector<std::string> faults;
};

/// What the script may start, and put back, where meshops does not run.
std::vector<mesh::FallbackGateway> gateways_of(const Mesh& mesh) {
  std::vector<mesh::FallbackGateway> out;
  asio::io_context loop;
  auto machine = local_machine(loop.get_executor(), mesh);
  for (const auto& spec : mesh.gateways_of(mesh.node)) {
    bool users = spec.runtime == RuntimeKind::systemd_user;
    if (!spec.enabled || (!users && spec.runtime != RuntimeKind::systemd_system) || spec.unit.empty())
      continue;
    if (!spec.stands_by_for.empty()) continue;  // whether it may run is nothing that a script can tell
    mesh::FallbackGateway gateway{
        .name = spec.name, .unit = spec.unit, .user = users ? spec.user : "", .owner = {}, .config = {}};
    auto adapter = make_adapter(spec.kind);
    auto look = [&]() -> asio::awaitable<fs::path> {
      auto runtime = make_runtime(spec, *adapter, mesh.limits, *machine);
      if (!runtime) co_return fs::path();
      auto attached = co_await (*runtime)->attach([](const RuntimeEvent&) {});
      auto identity = adapter->identify(attached ? (*runtime)->as_run(spec) : spec, machine->host());
      co_return identity ? identity->config : fs::path();
    };
    auto config = to_its_end(loop, look()).value_or(fs::path());
    struct stat is{};
    if (!config.empty() && ::stat(config.c_str(), &is) == 0)
      if (auto owner = account(std::to_string(is.st_uid))) {
        gateway.owner = owner->name;
        gateway.config = config;
      }
    out.push_back(std::move(gateway));
  }
  return out;
}

/// The script, and the two files it reads: the same text for the same mesh.toml.
Status look_beside(const Globals& globals, const Mesh& mesh, Authorized& out) {
  std::error_code failed;
  out.program = fs::read_symlink("/proc/self/exe", failed);
  // The usual place needs not be said: then the file is the same on every node.
  bool usual = globals.config.empty() || mesh.source == "/etc/meshops/mesh.toml";
  auto conf = TRY(mesh::fallback_conf(mesh, out.program, usual ? fs::path() : fs::absolute(mesh.source),
                                      gateways_of(mesh)));
  const auto& directory = mesh::kFallbackDirectory;
  out.script = {{directory / "remote.conf", std::move(conf)},
                {directory / "remote.signers", mesh::allowed_signers(out.healers)},
                {directory / "remote", std::string(mesh::fallback_script()), 0755}};
  for (const auto& file : out.script) {
    struct stat is{};
    auto text = read_file(file.path);
    bool right = text && *text == file.text && ::stat(file.path.c_str(), &is) == 0 &&
                 (is.st_mode & 07777) == file.mode && is.st_uid == 0;
    if (!right) out.faults.push_back(fmt::format("{} is not as this meshops writes it", file.path.string()));
  }
  if (::geteuid() != 0) return ok();
  if (auto spare = mesh::SpareBinary(mesh.state_dir).pinned(); !spare)
    out.faults.push_back(spare.error().sentence());
  return ok();
}

const NodeSpec* own_node(const Mesh& mesh) {
  auto own = std::ranges::find(mesh.nodes, mesh.node, &NodeSpec::name);
  return own == mesh.nodes.end() ? nullptr : &*own;
}

/// A link could lead root into somebody else's file.
Status must_be_his(const fs::path& path, const Account& who, bool directory) {
  struct stat is{};
  if (::lstat(path.c_str(), &is) != 0) return ok();
  bool right_kind = directory ? S_ISDIR(is.st_mode) : S_ISREG(is.st_mode);
  if (right_kind && is.st_uid == who.uid && (is.st_mode & 022) == 0) return ok();
  return fail(error(FileCode::not_permitted, "{} is no {} that only {} may write: sshd would not believe it",
                    path.string(), directory ? "directory" : "file", who.name)
                  .hint("chown {0} {1}; chmod go-w {1}", who.name, path.string()));
}

Result<Authorized> look(const Globals& globals, const Mesh& mesh) {
  const auto* own = own_node(mesh);
  auto who = account(own != nullptr ? own->user : NodeSpec{}.user);
  if (!who)
    return fail(error(RemoteCode::cannot, "the account of this node in mesh.toml is not on this machine")
                    .because(who.error())
                    .hint("under its [[node]]: user = \"root\", or make the account"));
  Authorized out{.account = *who,
                 .file = {},
                 .before = {},
                 .command = {},
                 .healers = mesh::healers_of(mesh),
                 .faults = {}};
  auto directory = who->home / ".ssh";
  out.file = directory / "authorized_keys";
  CHECK_OK(must_be_his(directory, *who, true));
  CHECK_OK(must_be_his(out.file, *who, false));
  out.command = mesh::forced_command(mesh::kFallbackDirectory / "remote", who->uid == 0);
  struct stat is{};
  if (::lstat(out.file.c_str(), &is) == 0)
    out.before = heal::FileState{TRY(read_file(out.file)),
                                 {.mode = is.st_mode & 07777U, .uid = is.st_uid, .gid = is.st_gid}};
  out.faults = faults_in(out.before ? out.before->bytes : "", out.healers, out.command);
  if (!out.healers.empty()) CHECK_OK(look_beside(globals, mesh, out));
  return out;
}

/// Its own lines for mesh.toml, and what is still to do here.
int show(const Globals& globals) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto key = mesh::healing_key(mesh::healing_key_file(mesh->state_dir), mesh->node);
  if (!key) return report(globals, key.error());
  auto host = mesh::host_key();
  auto authorized = look(globals, *mesh);
  const auto* own = own_node(*mesh);
  bool listed = own != nullptr && own->healing_key == *key && host && own->host_key == *host;
  std::vector<std::string> faults;
  if (!host) faults.push_back(host.error().for_people());
  if (!listed) faults.push_back("mesh.toml does not have these lines yet: put them into it, on every node");
  if (authorized)
    faults.insert(faults.end(), authorized->faults.begin(), authorized->faults.end());
  else
    faults.push_back(authorized.error().for_people());
  if (globals.json()) {
    Json json = {{"schema", "meshops.mesh-keys/1"},
                 {"node", mesh->node},
                 {"host_key", host ? Json(*host) : Json(nullptr)},
                 {"healing_key", *key},
                 {"authorized_keys", authorized ? Json(authorized->file.string()) : Json(nullptr)},
                 {"missing", faults}};
    std::puts(json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return faults.empty() ? kGood : kFindings;
  }
  std::puts(fmt::format("[[node]]\nname = \"{}\"\n{}healing_key = \"{}\"", mesh->node,
                        host ? fmt::format("host_key = \"{}\"\n", *host) : "", *key)
                .c_str());
  for (const auto& fault : faults) std::fputs(("meshops: " + fault + "\n").c_str(), stderr);
  if (authorized && !authorized->faults.empty())
    std::fputs(
        fmt::format("  → {} is made so by: meshops mesh keys install\n", authorized->file.string()).c_str(),
        stderr);
  return faults.empty() ? kGood : kFindings;
}

/// Before the line that names it: a key must never be bound to what is not there.
Status write_beside(const Mesh& mesh, const Authorized& now) {
  if (now.script.empty()) return ok();
  if (::geteuid() != 0)
    return fail(error(FileCode::not_permitted, "only root may write {}", mesh::kFallbackDirectory.string())
                    .hint("sudo meshops mesh keys install"));
  CHECK_OK(make_directories(mesh::kFallbackDirectory, 0755));
  // Root will run what lies there: nobody else may put it there, by whatever name on the way.
  for (auto directory = mesh::kFallbackDirectory; directory.has_relative_path();
       directory = directory.parent_path()) {
    struct stat is{};
    if (::stat(directory.c_str(), &is) != 0) return fail(file_error(errno, "look at", directory));
    if (is.st_uid != 0 || (is.st_mode & 022) != 0)
      return fail(error(FileCode::not_permitted, "{} may be written by others than root", directory.string())
                      .hint("chown root: {0}; chmod go-w {0}", directory.string()));
  }
  for (const auto& file : now.script) {
    // A link would lead elsewhere, and an old file keeps its owner and its mode.
    std::error_code ignored;
    if (fs::is_symlink(file.path, ignored)) fs::remove(file.path, ignored);
    CHECK_OK(write_file_atomic(file.path, file.text, {.mode = file.mode}));
    if (::lchown(file.path.c_str(), 0, 0) != 0 || ::chmod(file.path.c_str(), file.mode) != 0)
      return fail(file_error(errno, "set the owner and mode of", file.path));
  }
  return mesh::SpareBinary(mesh.state_dir).keep("/proc/self/exe", now.program);
}

int install(const Globals& globals) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto now = look(globals, *mesh);
  if (!now) return report(globals, now.error());
  if (now->faults.empty()) {
    std::puts(fmt::format("{} is right: {} healer{}", now->file.string(), now->healers.size(),
                          now->healers.size() == 1 ? "" : "s")
                  .c_str());
    return kGood;
  }
  if (auto beside = write_beside(*mesh, *now); !beside) return report(globals, beside.error());
  for (const auto& fault : now->faults) std::puts(fmt::format("was: {}", fault).c_str());
  auto wanted = with_healers(now->before ? now->before->bytes : "", now->healers, now->command);
  if (now->before && now->before->bytes == wanted) {
    std::puts(fmt::format("{} was right; what it runs is so, too, now", now->file.string()).c_str());
    return kGood;
  }
  auto directory = now->file.parent_path();
  struct stat is{};
  if (::lstat(directory.c_str(), &is) != 0) {
    if (auto made = make_directories(directory, 0700); !made) return report(globals, made.error());
    if (::geteuid() == 0 && ::lchown(directory.c_str(), now->account.uid, now->account.gid) != 0)
      return report(globals, file_error(errno, "give away", directory));
  }
  auto access = now->before ? now->before->access
                            : heal::Access{.mode = 0600, .uid = now->account.uid, .gid = now->account.gid};
  heal::WriteFile change{.path = now->file, .before = now->before, .after = heal::FileState{wanted, access}};
  auto entry = write_kept(*mesh, "mesh keys",
                          fmt::format("bind the healers' keys: {}", join(now->faults, "; ")), change);
  if (!entry) return report(globals, entry.error());
  std::puts(fmt::format("{} has {} healer{} now; take it back with: meshops undo {}", now->file.string(),
                        now->healers.size(), now->healers.size() == 1 ? "" : "s", *entry)
                .c_str());
  if (now->account.uid != 0)
    std::fputs(
        fmt::format("meshops: {} is not root: let it run that one command, in /etc/sudoers.d/meshops:\n"
                    "  {} ALL=(root) NOPASSWD: {}\n",
                    now->account.name, now->account.name, (mesh::kFallbackDirectory / "remote").string())
            .c_str(),
        stderr);
  return kGood;
}

/// From here to every other node, by a real probe.
int check(const Globals& globals) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  SystemClock clock;
  asio::io_context loop;
  struct Pair {
    std::string node;
    std::optional<Result<mesh::RemoteAnswer>> answer;
  };
  std::vector<Pair> pairs;
  for (const auto& node : mesh->nodes)
    if (node.name != mesh->node) pairs.push_back({node.name, std::nullopt});
  auto ask = [&](Pair& pair) -> asio::awaitable<void> {
    mesh::RemoteSession session(*mesh, clock, pair.node);
    mesh::RemoteSession::Question probe;
    pair.answer = co_await session.ask(probe);
  };
  for (auto& pair : pairs) asio::co_spawn(loop, ask(pair), asio::detached);
  loop.run();
  Json list = Json::array();
  bool all = true;
  for (const auto& pair : pairs) {
    const auto& answer = *pair.answer;
    bool good = answer && (*answer).good;
    auto report = good ? mesh::parse_probe_report((*answer).result)
                       : Result<mesh::ProbeReport>(fail(RemoteCode::no_answer, "no answer"));
    good = good && report;
    all = all && good;
    std::string why, hint;
    if (report && report->by_fallback) {
      good = all = false;
      why = report->agent_said;
      hint = fmt::format("only the fallback answers there; on {}: see that meshops runs", pair.node);
    } else if (!answer)
      why = answer.error().text(), hint = mesh::refusal(answer.error()).hint;
    else if (!good)
      why = (*answer).message.empty() ? report.error().text() : (*answer).message, hint = (*answer).hint;
    else
      why = fmt::format("its agent is {}", text(report->agent));
    list.push_back({{"from", mesh->node}, {"to", pair.node}, {"good", good}, {"said", why}, {"hint", hint}});
    if (globals.json()) continue;
    std::puts(fmt::format("{} → {}: {}{}", mesh->node, pair.node, good ? "good; " : "no: ", printable(why))
                  .c_str());
    if (!good && !hint.empty()) std::puts(fmt::format("  → {}", printable(hint)).c_str());
  }
  if (globals.json())
    std::puts(Json{{"schema", "meshops.mesh-pairs/1"}, {"pairs", list}}
                  .dump(2, ' ', false, Json::error_handler_t::replace)
                  .c_str());
  else if (pairs.empty())
    std::puts("this node has no siblings in mesh.toml");
  return all ? kGood : kFindings;
}

}  // namespace

CLI::App& add_mesh_keys(CLI::App& mesh, const Globals& globals, Run& chosen) {
  auto* keys = mesh.add_subcommand(
      "keys", "the keys with which nodes heal each other over SSH, and (rotate) of their gossip");
  keys->footer(
      "Example, on each node; then put what it prints into every mesh.toml, and:\n"
      "  meshops mesh keys\n  meshops mesh keys install\n  meshops mesh keys check\n\n"
      "Makes this node's healing key if it has none, prints its lines for mesh.toml (public parts only), and "
      "says\nwhat is missing. Exits 0 if nothing is, else 1.");
  keys->require_subcommand(0, 1);
  auto* into = keys->add_subcommand(
      "install",
      "bind the siblings' healing keys in authorized_keys of this node's account to what may heal it");
  into->footer(
      "Example:\n  meshops mesh keys install\n\nThe old bytes are kept; it names the entry for meshops "
      "undo.\nWhat the keys are bound to is /usr/local/lib/meshops/remote: it runs meshops remote, or does a "
      "few "
      "fixed deeds\nwhere meshops does not run. A copy of this meshops is kept, for siblings to put back. "
      "Run "
      "it again after mesh.toml\nhas changed.");
  auto* pairs =
      keys->add_subcommand("check", "ask every other node over SSH how it is, and say which cannot be");
  pairs->footer(
      "Example:\n  meshops mesh keys check\n\nExits 0 if all answer, else 1. Run it on every node: each "
      "pair has two directions.");
  keys->callback([&globals, &chosen, keys] {
    if (keys->get_subcommands().empty()) chosen = [&globals] { return show(globals); };
  });
  into->callback([&globals, &chosen] { chosen = [&globals] { return install(globals); }; });
  pairs->callback([&globals, &chosen] { chosen = [&globals] { return check(globals); }; });
  return *keys;
}

}  // namespace meshops::cli
