// meshops mesh store
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>

#include "cli/command.h"
#include "cli/render_store.h"
#include "cli/to_its_end.h"
#include "mesh/store_of.h"

namespace meshops::cli {

namespace asio = boost::asio;
using store::ObjectCode;

namespace {

using SharedStore = std::shared_ptr<store::ObjectStore>;

/// A key that may not list the bucket is told 403 of what is not there. The proof has shown that it may read.
bool nothing_there(const Error& why) { return why.is(code_name(ObjectCode::refused)); }

template <class T, class Parse>
asio::awaitable<Result<std::optional<StoreRead<T>>>> read_one(SharedStore objects, std::string key,
                                                              Parse parse) {
  auto there = co_await objects->get(std::move(key));
  if (!there && nothing_there(there.error())) co_return std::nullopt;
  if (!there) co_return fail(std::move(there).error());
  if (!*there) co_return std::nullopt;
  Result<T> parsed = parse((*there)->bytes);
  if (!parsed) co_return fail(std::move(parsed).error());
  co_return StoreRead<T>{std::move(*parsed), (*there)->age};
}

asio::awaitable<void> read_row(SharedStore objects, const Mesh& mesh, StoreRow& row) {
  auto beat = [&row](std::string_view text) { return mesh::parse_beat(text, row.node); };
  row.beat = co_await read_one<mesh::Beat>(objects, mesh::beat_key(mesh.name, row.node), beat);
  row.lease = co_await read_one<mesh::StoreLease>(objects, mesh::store_lease_key(mesh.name, row.node),
                                                  mesh::parse_store_lease);
}

int run(const Globals& globals) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  SystemClock clock;
  auto net = real_net();
  asio::io_context loop;
  auto objects = mesh::store_of(*mesh, *net, clock);
  if (!objects)
    return report(globals,
                  error(ConfigCode::missing_key, "mesh.toml names no object store")
                      .hint("[store] with url = \"s3://BUCKET/PREFIX\" or \"dir:/path\": see meshops config "
                            "init"));
  StoreLook look{.mesh = mesh->name, .store = objects->text(), .conditions = ok(), .rows = {}};
  for (const auto& node : mesh->nodes) look.rows.push_back({node.name, std::nullopt, std::nullopt});
  // Not under the agent's own key: two that prove at once would disturb each other.
  auto own_key = mesh::proof_key(mesh->name, mesh->node + ".by-hand");
  look.conditions =
      to_its_end(loop, store::prove_conditions(objects, std::move(own_key)), ObjectCode::not_reached);
  // Then the rows would all say the same.
  if (!look.conditions && !look.conditions.error().is(code_name(ObjectCode::ignores_conditions)))
    return report(globals, look.conditions.error());
  for (auto& row : look.rows) asio::co_spawn(loop, read_row(objects, *mesh, row), asio::detached);
  loop.restart();
  loop.run();
  std::fputs((globals.json() ? to_json(look) : for_people(look)).c_str(), stdout);
  return look.good() ? kGood : kFindings;
}

}  // namespace

void add_mesh_store(CLI::App& mesh, const Globals& globals, Run& chosen) {
  auto* command = mesh.add_subcommand(
      "store",
      "what lies in the object store of mesh.toml: heartbeats and leases; and whether it can be trusted");
  command->footer(
      "Example:\n  sudo meshops mesh store\n  sudo meshops mesh store --format json\n\n"
      "Writes a few times below MESH/proof to see that a write under a condition that does not hold is "
      "refused. Exit\ncodes: 0 it is, and every node has written within 90 s; 1 not so; 3 there is no store, "
      "or it was not reached.");
  command->callback([&globals, &chosen] { chosen = [&globals] { return run(globals); }; });
}

}  // namespace meshops::cli
