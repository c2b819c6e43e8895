#include "mesh/heartbeat_unit.h"

#include "base/file.h"
#include "host/host.h"
#include "mesh/heartbeat_keys.h"
#include "mesh/own_unit.h"
#include "mesh/word_file.h"

namespace meshops::heartbeat {

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

constexpr Duration kJobLimit = std::chrono::seconds(60);
constexpr const char* kUnitFile = "/etc/systemd/system/meshops-web.service";

Error not_started(Error why) {
  return error(HeartbeatCode::no_answerer, "{} does not run, so no other node hears this one", kUnit)
      .because(std::move(why))
      .hint("see why: journalctl -u {} -n 20", kUnit);
}

}  // namespace

std::string unit_text(const Mesh& mesh, const fs::path& program) {
  return fmt::format(
      R"(# Written by `meshops mesh init` and `meshops mesh join`, which overwrite it.
[Unit]
Description=meshops web: answers the heartbeats of the other nodes
Documentation=man:meshops-web(1)
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
DynamicUser=yes
LoadCredential=heartbeat.keys:{keys}
ExecStart={program} web --listen {port} --mesh {mesh} --node {node} --word {word}
Restart=always
RestartSec=1s
WatchdogSec=30s
PrivateUsers=yes
ProcSubset=pid
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
{without_rights}
[Install]
WantedBy=multi-user.target
)",
      fmt::arg("keys", keys_file(mesh).string()), fmt::arg("program", program.string()),
      fmt::arg("port", mesh.heartbeat_port), fmt::arg("mesh", mesh.name), fmt::arg("node", mesh.node),
      fmt::arg("word", mesh::word_file(mesh).string()), fmt::arg("without_rights", mesh::kWithoutRights));
}

Status prepare(const Mesh& mesh) {
  (void)TRY(refresh_keys(mesh));
  std::error_code failed;
  auto program = fs::read_symlink("/proc/self/exe", failed);
  if (failed) return fail(HeartbeatCode::io, "cannot tell where this program lies: {}", failed.message());
  return local_host()->write(kUnitFile, unit_text(mesh, program), {.mode = 0644});
}

asio::awaitable<Status> start(Services& services) {
  const std::string ours(kUnit);
  auto loaded = co_await services.reload_manager();
  if (!loaded) co_return fail(std::move(loaded).error());
  auto enabled = co_await services.enable(ours);
  if (!enabled) co_return fail(std::move(enabled).error());
  auto begun = co_await services.restart(ours, kJobLimit);
  if (!begun) co_return fail(not_started(std::move(begun).error()));
  co_return ok();
}

asio::awaitable<Status> stop(Services& services) { return mesh::end_unit(services, std::string(kUnit)); }

asio::awaitable<Status> restart(Services& services) {
  const std::string ours(kUnit);
  auto unit = co_await services.unit(ours);
  if (!unit) co_return fail(std::move(unit).error());
  // "activating" is one that systemd tries to start again and again: with the keys it had it may never.
  if (unit->active_state == "inactive" || unit->load_state == "not-found") co_return ok();
  auto begun = co_await services.restart(ours, kJobLimit);
  if (!begun) co_return fail(not_started(std::move(begun).error()));
  co_return ok();
}

}  // namespace meshops::heartbeat
