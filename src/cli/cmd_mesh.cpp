// meshops mesh init | join | leave | members | keys rotate
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/heartbeats.h"
#include "cli/render_mesh.h"
#include "cli/to_its_end.h"
#include "host/services.h"
#include "mesh/heartbeat_keys.h"
#include "mesh/heartbeat_unit.h"
#include "mesh/roster.h"
#include "mesh/serf_contacts.h"
#include "mesh/serf_keys.h"
#include "mesh/serf_setup.h"

namespace meshops::cli {

namespace asio = boost::asio;
using Json = nlohmann::ordered_json;
using serf::SerfCode;

namespace {

struct Options {
  std::vector<std::string> nodes;
  std::string node;
  bool without_missing = false;
};

constexpr Duration kConnectLimit = std::chrono::seconds(5);

asio::awaitable<Result<Roster>> ask_members(serf::Client& client, const Mesh& mesh) {
  auto members = co_await client.members();
  if (!members) co_return fail(std::move(members).error());
  co_return roster(Roster(), mesh, *members, SystemClock().now(), serf::plan_hash(mesh));
}

// --- init and join ---

struct Joined {
  bool displaced = false;  // Debian's own Serf agent was ended
  Roster roster;
};

/// `first`: the others may come later.
asio::awaitable<Result<Joined>> become_member(const Mesh& mesh, serf::RpcTarget rpc,
                                              std::vector<std::string> addresses, bool first) {
  auto services = connect_services(co_await asio::this_coro::executor, std::nullopt);
  if (!services) co_return fail(std::move(services).error());
  auto started = co_await serf::start(**services, rpc);
  if (!started) co_return fail(std::move(started).error());
  Joined out{.displaced = *started};
  auto answers = co_await heartbeat::start(**services);
  auto client = co_await serf::Client::connect(rpc, kConnectLimit);
  if (!client) co_return fail(std::move(client).error());
  if (!first) {
    auto net = real_net();
    auto contacts = co_await serf::contacts_among(*net, addresses, kConnectLimit);
    auto joined = co_await (*client)->join(contacts);
    if (!joined)
      co_return fail(
          error(SerfCode::absent, "no member of mesh {} was reached", mesh.name)
              .because(std::move(joined).error())
              .hint("check that port {} is open to this node for TCP and UDP, and that {} is the same "
                    "as there; Serf goes on trying every 30 s, until: meshops mesh leave",
                    mesh.gossip_port, serf::places(mesh).keyring.string()));
  }
  auto seen = co_await ask_members(**client, mesh);
  if (!seen) co_return fail(std::move(seen).error());
  // Only now: a member that answers no heartbeats is better than none, and is told so.
  if (!answers) co_return fail(std::move(answers).error());
  out.roster = std::move(*seen);
  co_return out;
}

/// All files of both units: Serf's, and the one that answers heartbeats.
Result<serf::Prepared> prepare(const Mesh& mesh, serf::KeyPolicy policy) {
  auto prepared = TRY(serf::prepare(mesh, policy, MESHOPS_VERSION));
  CHECK_OK(heartbeat::prepare(mesh));
  return prepared;
}

int init(const Globals& globals) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto prepared = prepare(*mesh, serf::KeyPolicy::make_if_missing);
  if (!prepared) return report(globals, prepared.error());
  asio::io_context io(1);
  auto joined = to_its_end(io, become_member(*mesh, prepared->rpc, {}, true), serf::SerfCode::io);
  if (!joined) return report(globals, joined.error());
  auto toml = mesh->source.empty() ? Result<std::string>("") : read_file(mesh->source);
  auto steps = next_steps(*mesh, serf::places(*mesh).keyring.string(), toml && !is_for_one_node(*toml));
  if (globals.json()) {
    Json json = {{"schema", "meshops.mesh-init/1"},
                 {"mesh", mesh->name},
                 {"node", mesh->node},
                 {"key_file", serf::places(*mesh).keyring.string()},
                 {"made_key", prepared->made_key},
                 {"ended_debian_serf", joined->displaced},
                 {"steps", Json::array()}};
    for (const auto& step : steps)
      json["steps"].push_back({{"node", step.node}, {"commands", step.commands}});
    std::puts(json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return kGood;
  }
  std::fputs(render_init(*mesh, prepared->made_key, joined->displaced, steps).c_str(), stdout);
  return kGood;
}

/// Names of nodes, or addresses, as Serf takes them; none: every other node.
Result<std::vector<std::string>> addresses_of(const Mesh& mesh, const std::vector<std::string>& names) {
  if (names.empty()) return serf::addresses_in_order(mesh);
  std::vector<std::string> out;
  for (const auto& name : names) {
    auto node = std::ranges::find(mesh.nodes, name, &NodeSpec::name);
    if (node == mesh.nodes.end() || name == mesh.node)
      return fail(error(SerfCode::absent, "{} is no other node of mesh {}", quote(name), mesh.name)
                      .hint("its nodes stand in mesh.toml; see them with: meshops config show"));
    out.push_back(serf::gossip_address(mesh, *node));
  }
  return out;
}

int join_mesh(const Globals& globals, const Options& options) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto addresses = addresses_of(*mesh, options.nodes);
  if (!addresses) return report(globals, addresses.error());
  auto prepared = prepare(*mesh, serf::KeyPolicy::must_be_there);
  if (!prepared) return report(globals, prepared.error());
  asio::io_context io(1);
  auto joined = to_its_end(io, become_member(*mesh, prepared->rpc, *addresses, false), serf::SerfCode::io);
  if (!joined) return report(globals, joined.error());
  std::fputs((globals.json() ? members_json(joined->roster, SystemClock().wall())
                             : render_joined(*mesh, joined->displaced, joined->roster))
                 .c_str(),
             stdout);
  return kGood;
}

// --- members ---

int members(const Globals& globals) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto rpc = serf::this_nodes_rpc(*mesh);
  if (!rpc) return report(globals, rpc.error());
  asio::io_context io(1);
  std::optional<Heartbeats> heartbeats;
  auto work = [&](const Mesh& of, serf::RpcTarget to) -> asio::awaitable<Result<Roster>> {
    auto client = co_await serf::Client::connect(to, kConnectLimit);
    if (!client) co_return fail(std::move(client).error());
    auto roster = co_await ask_members(**client, of);
    if (!roster) co_return roster;
    auto heard = co_await ask_heartbeats(of);
    if (heard)
      heartbeats = std::move(*heard);
    else
      std::fputs(("meshops: no heartbeat was asked for: " + heard.error().for_people() + "\n").c_str(),
                 stderr);
    co_return roster;
  };
  auto seen = to_its_end(io, work(*mesh, *rpc), serf::SerfCode::io);
  if (!seen) return report(globals, seen.error());
  std::fputs((globals.json() ? members_json(*seen, SystemClock().wall(), heartbeats)
                             : render_members(*seen, heartbeats))
                 .c_str(),
             stdout);
  return absent(*seen).empty() ? kGood : kFindings;
}

// --- leave ---

asio::awaitable<Result<bool>> say_goodbye(serf::RpcTarget rpc) {
  auto client = co_await serf::Client::connect(rpc, kConnectLimit);
  bool heard = false;
  if (client) {
    auto left = co_await (*client)->leave();
    heard = left.has_value();
  }
  auto services = connect_services(co_await asio::this_coro::executor, std::nullopt);
  if (!services) co_return fail(std::move(services).error());
  auto silent = co_await heartbeat::stop(**services);
  auto stopped = co_await serf::stop(**services);
  if (!silent) co_return fail(std::move(silent).error());
  if (!stopped) co_return fail(std::move(stopped).error());
  co_return heard;
}

asio::awaitable<Result<bool>> send_away(serf::RpcTarget rpc, std::string node) {
  auto client = co_await serf::Client::connect(rpc, kConnectLimit);
  if (!client) co_return fail(std::move(client).error());
  auto members = co_await (*client)->members();
  if (!members) co_return fail(std::move(members).error());
  auto found = std::ranges::find(*members, node, &serf::Member::name);
  if (found == members->end())
    co_return fail(error(SerfCode::absent, "Serf knows no member {}", quote(node))
                       .hint("see whom it knows: meshops mesh members"));
  if (found->state == serf::MemberState::alive)
    co_return fail(error(SerfCode::refused, "{} is alive and would be back at once", quote(node))
                       .hint("there: meshops mesh leave"));
  auto sent = co_await (*client)->force_leave(node);
  if (!sent) co_return fail(std::move(sent).error());
  co_return true;
}

int leave(const Globals& globals, const Options& options) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto rpc = serf::this_nodes_rpc(*mesh);
  if (!rpc) return report(globals, rpc.error());
  bool own = options.node.empty() || options.node == mesh->node;
  asio::io_context io(1);
  auto done = to_its_end(io, own ? say_goodbye(*rpc) : send_away(*rpc, options.node), serf::SerfCode::io);
  if (!done) return report(globals, done.error());
  auto who = own ? mesh->node : options.node;
  if (globals.json()) {
    Json json = {
        {"schema", "meshops.mesh-leave/1"}, {"mesh", mesh->name}, {"node", who}, {"others_told", *done}};
    std::puts(json.dump(2).c_str());
  } else {
    std::puts(fmt::format("{} has left mesh {}{}", who, mesh->name,
                          *done ? "" : "; its Serf agent did not run, so the others see it fail")
                  .c_str());
    if (own)
      std::puts(fmt::format("its mesh key stays in {}: back with meshops mesh join, or remove it",
                            serf::places(*mesh).keyring.string())
                    .c_str());
  }
  return kGood;
}

// --- keys ---

/// On this node now; on the others their agents see to it.
asio::awaitable<Status> renew_heartbeat(const Mesh& mesh) {
  auto refreshed = heartbeat::refresh_keys(mesh);
  if (!refreshed) co_return fail(std::move(refreshed).error());
  if (!refreshed->changed) co_return ok();
  auto services = connect_services(co_await asio::this_coro::executor, std::nullopt);
  if (!services) co_return fail(std::move(services).error());
  co_return co_await heartbeat::restart(**services);
}

asio::awaitable<Result<serf::Rotation>> rotate(const Mesh& mesh, serf::RpcTarget rpc, Secret fresh,
                                               bool without_missing) {
  auto client = co_await serf::Client::connect(rpc, kConnectLimit);
  if (!client) co_return fail(std::move(client).error());
  auto seen = co_await ask_members(**client, mesh);
  if (!seen) co_return fail(std::move(seen).error());
  if (auto missing = absent(*seen); !missing.empty() && !without_missing)
    co_return fail(
        error(SerfCode::absent, "not rotated: a new key would shut out {}, which {} not alive",
              meshops::join(missing, ", "), missing.size() == 1 ? "is" : "are")
            .hint("bring it back, or take it out of mesh.toml; or --without-missing, and copy {} to "
                  "it afterwards",
                  serf::places(mesh).keyring.string()));
  auto progress = [](std::string_view step) { std::fputs(fmt::format("{} …\n", step).c_str(), stderr); };
  auto rotated =
      co_await serf::rotate_keys(**client, std::move(fresh), static_cast<unsigned>(seen->alive()), progress);
  // Also after a rotation that broke off: it may have changed the keyring.
  auto renewed = co_await renew_heartbeat(mesh);
  if (rotated && !renewed) co_return fail(std::move(renewed).error());
  co_return rotated;
}

int rotate_keys(const Globals& globals, const Options& options) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto rpc = serf::this_nodes_rpc(*mesh);
  if (!rpc) return report(globals, rpc.error());
  auto fresh = serf::fresh_key();
  if (!fresh) return report(globals, fresh.error());
  asio::io_context io(1);
  auto done =
      to_its_end(io, rotate(*mesh, *rpc, std::move(*fresh), options.without_missing), serf::SerfCode::io);
  if (!done) return report(globals, done.error());
  if (globals.json()) {
    Json json = {{"schema", "meshops.mesh-keys/1"},
                 {"mesh", mesh->name},
                 {"members", done->members},
                 {"removed", done->removed}};
    std::puts(json.dump(2).c_str());
  } else {
    std::puts(fmt::format("mesh {} has a new key on {} nodes; {} taken away", mesh->name, done->members,
                          done->removed == 1 ? std::string("the old one was")
                                             : fmt::format("{} old ones were", done->removed))
                  .c_str());
  }
  return kGood;
}

}  // namespace

void add_mesh(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* mesh =
      app.add_subcommand("mesh", "nodes that know each other (Serf), reach each other and heal each other");
  mesh->require_subcommand(1);
  mesh->fallthrough();
  mesh->footer("Example:\n  sudo meshops mesh init\n  sudo meshops mesh members");
  auto options = std::make_shared<Options>();

  auto* begin = mesh->add_subcommand("init", "make this node the first member; says what the others need");
  begin->footer(
      "Example:\n  sudo meshops mesh init\n\n"
      "mesh.toml must list every node with its address. Makes the mesh key if there is none, and writes and "
      "starts\n"
      "meshops-serf.service and meshops-web.service. May be repeated: also after mesh.toml has changed.");
  begin->callback([&globals, &chosen] { chosen = [&globals] { return init(globals); }; });

  auto* in = mesh->add_subcommand("join", "make this node a member; its mesh key was copied from one");
  in->add_option("node", options->nodes, "whom to ask; without it every node of mesh.toml")
      ->type_name("NODE");
  in->footer(
      "Example:\n  sudo meshops mesh join\n\n"
      "Exits 0 once a member has answered. May be repeated: also after mesh.toml or the key has changed.");
  in->callback([&globals, &chosen, options] {
    chosen = [&globals, options] { return join_mesh(globals, *options); };
  });

  auto* out =
      mesh->add_subcommand("leave", "end this node's membership, or that of a node that is gone for good");
  out->add_option("node", options->node, "a failed member; without it this node")->type_name("NODE");
  out->footer("Example:\n  sudo meshops mesh leave\n\nThe key stays on the node, so that it can join again.");
  out->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return leave(globals, *options); }; });

  auto* who = mesh->add_subcommand(
      "members", "who is in the mesh, as this node's Serf sees it, and whose heartbeat answers");
  who->footer(
      "Example:\n  sudo meshops mesh members --format json\n\n"
      "Exits 0 if every node of mesh.toml is alive, 1 otherwise. \"failed\" is what Serf suspects, no "
      "verdict.\nEach node is asked for a heartbeat: how long the answer took, and when the agent behind it "
      "last spoke.");
  who->callback([&globals, &chosen] { chosen = [&globals] { return members(globals); }; });

  add_matrix(*mesh, globals, chosen);
  add_mesh_store(*mesh, globals, chosen);
  auto& keys = add_mesh_keys(*mesh, globals, chosen);
  auto* turn = keys.add_subcommand("rotate", "give all members a new mesh key while they run");
  turn->add_flag("--without-missing", options->without_missing,
                 "also if a node is away: it is shut out until it is given the new key");
  turn->footer(
      "Example:\n  sudo meshops mesh keys rotate\n\n"
      "Each step is checked on every member before the next: give, use, take the old one away. Safe to "
      "repeat "
      "after\nan interruption.");
  turn->callback([&globals, &chosen, options] {
    chosen = [&globals, options] { return rotate_keys(globals, *options); };
  });
}

}  // namespace meshops::cli
