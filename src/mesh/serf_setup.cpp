#include "mesh/serf_setup.h"

#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"
#include "host/host.h"
#include "mesh/own_unit.h"

namespace meshops::serf {

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

constexpr Duration kJobLimit = std::chrono::seconds(60);
constexpr Duration kStartLimit = std::chrono::seconds(20);
constexpr std::string_view kDebiansUnit = "serf.service";
constexpr const char* kDebiansConfig = "/etc/serf";

Result<fs::path> program() {
  for (const char* path : {"/usr/bin/serf", "/usr/local/bin/serf"})
    if (::access(path, X_OK) == 0) return path;
  return fail(error(SerfCode::not_installed, "there is no program serf on this machine")
                  .hint("install the package: apt install serf"));
}

Result<Account> serf_account() {
  auto found = account(std::string(kAccount));
  if (found) return found;
  return fail(
      error(SerfCode::not_installed, "there is no account {} on this machine, which Serf runs as", kAccount)
          .because(std::move(found).error())
          .hint("the package serf makes it; without the package: adduser --system --group "
                "--no-create-home --force-badname {}",
                kAccount));
}

Result<Secret> random_text(std::size_t bytes) {
  std::string raw(bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(bytes)) != 1)
    return fail(SerfCode::io, "no random bytes for a key were to be had");
  return Secret(std::move(raw));
}

/// True: it was made.
Result<bool> provide_key(Host& host, const Mesh& mesh, const Places& at, const Account& serf,
                         KeyPolicy policy) {
  auto text = host.read(at.keyring, 64U << 10);
  if (text) {
    auto good = parse_keyring(*text);
    if (!good)
      return fail(error(SerfCode::bad_mesh_key, "cannot use {}", at.keyring.string())
                      .because(std::move(good).error()));
    CHECK_OK(host.set_access(at.keyring, 0600, serf.uid, serf.gid));
    return false;
  }
  if (!text.error().is(code_name(FileCode::not_found))) return fail(std::move(text).error());
  if (policy == KeyPolicy::must_be_there)
    return fail(error(SerfCode::no_mesh_key, "this node has no mesh key: there is no {}", at.keyring.string())
                    .hint("copy that file from a node of mesh {}, over SSH; the first node of all makes it "
                          "with: meshops mesh init",
                          mesh.name));
  Keyring keyring;
  keyring.keys.push_back(TRY(fresh_key()));
  CHECK_OK(host.write(at.keyring, keyring_text(keyring).reveal(),
                      {.mode = 0600, .uid = serf.uid, .gid = serf.gid}));
  return true;
}

/// The key that the RPC has already, or a new one.
Result<Secret> rpc_key(const Host& host, const Places& at) {
  if (auto text = host.read(at.config, 64U << 10))
    if (auto target = rpc_target(*text)) return target->key;
  auto bytes = TRY(random_text(32));
  return key_from(bytes.reveal());
}

}  // namespace

Result<Secret> fresh_key() {
  auto bytes = TRY(random_text(32));
  return key_from(bytes.reveal());
}

Result<Prepared> prepare(const Mesh& mesh, KeyPolicy policy, std::string_view version) {
  CHECK_OK(can_gossip(mesh));
  auto serf = TRY(program());
  auto runs_as = TRY(serf_account());
  if (::geteuid() != 0)
    return fail(error(SerfCode::not_permitted, "only root can make this machine a member of the mesh")
                    .hint("sudo meshops mesh …"));
  auto at = places(mesh);
  auto host = local_host();
  CHECK_OK(make_directories(mesh.state_dir, 0700));
  CHECK_OK(make_directories(at.home, 0750));
  // Root's: Serf's account could put a link in place of a file in a directory of its own.
  CHECK_OK(host->set_access(at.home, 0750, 0, runs_as.gid));
  CHECK_OK(make_directories(at.memory, 0700));
  CHECK_OK(host->set_access(at.memory, 0700, runs_as.uid, runs_as.gid));
  Prepared out;
  out.made_key = TRY(provide_key(*host, mesh, at, runs_as, policy));
  auto config = TRY(agent_config(mesh, TRY(rpc_key(*host, at)), version));
  CHECK_OK(host->write(at.config, config.reveal(), {.mode = 0600}));
  CHECK_OK(host->set_access(at.config, 0600, 0, 0));
  CHECK_OK(host->write(at.unit, unit_text(at, serf), {.mode = 0644}));
  out.rpc = TRY(rpc_target(config.reveal()));
  return out;
}

asio::awaitable<Result<bool>> start(Services& services, RpcTarget rpc) {
  auto executor = co_await asio::this_coro::executor;
  const std::string ours(kUnit), debians(kDebiansUnit);
  auto loaded = co_await services.reload_manager();
  if (!loaded) co_return fail(std::move(loaded).error());

  auto other = co_await services.unit(debians);
  bool displaced = other && (other->active_state == "active" || other->unit_file_state == "enabled");
  if (displaced) {
    auto host = local_host();
    auto files = host->list(kDebiansConfig);
    bool configured =
        files && std::ranges::any_of(*files, [](const std::string& name) { return name.ends_with(".json"); });
    if (configured)
      co_return fail(error(SerfCode::in_the_way,
                           "the unit {} runs a Serf agent of yours ({}) on this machine", debians,
                           kDebiansConfig)
                         .hint("end it for good: systemctl disable --now serf"));
    auto disabled = co_await services.disable(debians);
    auto stopped = co_await services.stop(debians, kJobLimit);
    if (!disabled) co_return fail(std::move(disabled).error());
    if (!stopped) co_return fail(std::move(stopped).error());
  }

  auto enabled = co_await services.enable(ours);
  if (!enabled) co_return fail(std::move(enabled).error());
  auto begun = co_await services.restart(ours, kJobLimit);
  if (!begun) co_return fail(std::move(begun).error());
  // systemd calls it started when it has been executed; it takes orders a moment later.
  SystemClock clock;
  const auto deadline = clock.now() + kStartLimit;
  asio::steady_timer pause(executor);
  while (true) {
    auto client = co_await Client::connect(rpc, std::chrono::seconds(2));
    if (client) co_return displaced;
    if (clock.now() > deadline || client.error().is(code_name(SerfCode::wrong_key)))
      co_return fail(error(SerfCode::no_agent, "Serf's agent was started, but takes no orders")
                         .because(std::move(client).error())
                         .hint("see why: journalctl -u {} -n 20", kUnit));
    pause.expires_after(std::chrono::milliseconds(100));
    boost::system::error_code ignored;
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<Status> stop(Services& services) { return mesh::end_unit(services, std::string(kUnit)); }

Result<RpcTarget> this_nodes_rpc(const Mesh& mesh) {
  auto at = places(mesh);
  auto text = local_host()->read(at.config, 64U << 10);
  if (text) return rpc_target(*text);
  auto why = std::move(text).error();
  // Who is not root has a state directory of its own, in which there is nothing of Serf's.
  if (::geteuid() != 0)
    return fail(error(SerfCode::not_permitted, "only root may ask this node's Serf agent")
                    .because(std::move(why))
                    .hint("sudo meshops mesh …"));
  return fail(
      error(SerfCode::no_mesh, "this node is no member of a mesh")
          .because(std::move(why))
          .hint("begin one with: meshops mesh init; or, with the key of a member: meshops mesh join"));
}

}  // namespace meshops::serf
