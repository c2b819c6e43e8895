#include "mesh/serf_agent.h"

#include <arpa/inet.h>
#include <openssl/evp.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hmac.h"
#include "base/text.h"
#include "mesh/own_unit.h"
#include "mesh/serf_contacts.h"

namespace meshops::serf {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kMostKeys = 16;

bool is_ipv6(const std::string& address) {
  in6_addr ignored{};
  return ::inet_pton(AF_INET6, address.c_str(), &ignored) == 1;
}
bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

/// 32 bytes make 43 characters and one '='.
bool is_key(std::string_view text) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return text.size() == 44 && text.ends_with('=') &&
         text.substr(0, 43).find_first_not_of(kLetters) == std::string_view::npos;
}

const NodeSpec* own_node(const Mesh& mesh) {
  auto found = std::ranges::find(mesh.nodes, mesh.node, &NodeSpec::name);
  return found == mesh.nodes.end() ? nullptr : &*found;
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  auto size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

Places places(const Mesh& mesh) {
  fs::path home = mesh.state_dir.string() + "-serf";
  return {.config = mesh.state_dir / "serf.json",
          .home = home,
          .keyring = home / "keyring",
          .memory = home / "memory",
          .snapshot = home / "memory/snapshot",
          .unit = fs::path("/etc/systemd/system") / kUnit};
}

Result<Keyring> parse_keyring(std::string_view text) {
  auto json = nlohmann::json::parse(text, nullptr, false);
  auto bad = [](std::string_view what) {
    return error(SerfCode::bad_mesh_key, "this is no mesh key: {}", what)
        .hint("copy the file again from a node that is a member");
  };
  if (!json.is_array()) return fail(bad("expected a JSON list of keys"));
  if (json.empty() || json.size() > kMostKeys)
    return fail(bad(fmt::format("expected 1 to {} keys, found {}", kMostKeys, json.size())));
  Keyring out;
  for (const auto& key : json) {
    if (!key.is_string() || !is_key(key.get_ref<const std::string&>()))
      return fail(bad(fmt::format("expected keys of {} bytes in base64", kKeyBytes)));
    out.keys.emplace_back(key.get<std::string>());
  }
  return out;
}

Secret keyring_text(const Keyring& keyring) {
  std::string out = "[";
  for (const auto& key : keyring.keys) out += (out.size() > 1 ? ",\"" : "\"") + key.reveal() + "\"";
  return Secret(out + "]\n");
}

Secret key_from(std::string_view bytes) { return Secret(base64(bytes.substr(0, kKeyBytes))); }

std::string plan_hash(const Mesh& mesh) {
  Mesh agreed;
  agreed.name = mesh.name;
  agreed.gossip_port = mesh.gossip_port;
  agreed.gossip_profile = mesh.gossip_profile;
  agreed.nodes = mesh.nodes;
  return hex(sha256(to_toml(agreed)), 6);
}

std::map<std::string, std::string> own_tags(const Mesh& mesh, std::string_view version) {
  return {{"mesh", mesh.name}, {"version", std::string(version)}, {"plan", plan_hash(mesh)}};
}

std::string gossip_address(const Mesh& mesh, const NodeSpec& node) {
  return is_ipv6(node.address) ? fmt::format("[{}]:{}", node.address, mesh.gossip_port)
                               : fmt::format("{}:{}", node.address, mesh.gossip_port);
}

Status can_gossip(const Mesh& mesh) {
  const auto* own = own_node(mesh);
  if (mesh.nodes.size() < 2 || own == nullptr)
    return fail(
        error(SerfCode::no_mesh, "the mesh has one node, {}, and one alone needs no membership", mesh.node)
            .hint("list every node in mesh.toml, each with its address, and put it on all of them"));
  if (is_loopback(own->address))
    return fail(error(SerfCode::no_mesh, "the other nodes cannot reach {} at {}", own->name, own->address)
                    .hint("give it an address in mesh.toml that they can reach: [[node]] name = \"{}\", "
                          "address = \"10.0.0.1\"",
                          own->name));
  return ok();
}

Result<Secret> agent_config(const Mesh& mesh, const Secret& rpc_key, std::string_view version) {
  CHECK_OK(can_gossip(mesh));
  const auto& own = *own_node(mesh);
  auto at = places(mesh);
  auto contacts = addresses_in_order(mesh);
  contacts.resize(std::min(contacts.size(), kContacts));
  Json json = {
      {"node_name", mesh.node},
      {"bind", fmt::format("{}:{}", is_ipv6(own.address) ? "[::]" : "0.0.0.0", mesh.gossip_port)},
      {"advertise", gossip_address(mesh, own)},
      {"rpc_addr", fmt::format("127.0.0.1:{}", mesh.serf_rpc_port)},
      {"rpc_auth", rpc_key.reveal()},
      {"keyring_file", at.keyring.string()},
      {"profile", mesh.gossip_profile},
      {"snapshot_path", at.snapshot.string()},
      {"tags", own_tags(mesh, version)},
      // After a start, also of the whole machine, it finds the others without being told.
      {"retry_join", contacts},
      {"retry_interval", "30s"},
      {"rejoin_after_leave", false},
      // A stopped service is a node that is down; who leaves says so with `meshops mesh leave`.
      {"leave_on_terminate", false},
      {"skip_leave_on_interrupt", true},
      // Serf's own day is too short: a node that was away for longer would never be asked back.
      {"reconnect_timeout", "720h"},
      {"tombstone_timeout", "720h"},
      // With it on, Serf asks the whole mesh who is right when two nodes have one name, and the loser ends.
      {"disable_name_resolution", true},
      {"log_level", "info"},
  };
  return Secret(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string unit_text(const Places& at, const fs::path& serf) {
  return fmt::format(R"(# Written by `meshops mesh init` and `meshops mesh join`, which overwrite it.
[Unit]
Description=Serf for meshops: who is in the mesh
Documentation=man:meshops-mesh(1)
After=network-online.target
Wants=network-online.target
# It holds the same ports unless told otherwise.
Conflicts=serf.service
StartLimitIntervalSec=0

[Service]
Type=simple
User={account}
Group={account}
LoadCredential=serf.json:{config}
ExecStart={serf} agent -config-file=${{CREDENTIALS_DIRECTORY}}/serf.json
Restart=always
RestartSec=5s
# It ends with 1 when it is stopped.
SuccessExitStatus=1
ReadWritePaths={home}
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
{without_rights}
[Install]
WantedBy=multi-user.target
)",
                     fmt::arg("account", kAccount), fmt::arg("config", at.config.string()),
                     fmt::arg("serf", serf.string()), fmt::arg("home", at.home.string()),
                     fmt::arg("without_rights", mesh::kWithoutRights));
}

Result<RpcTarget> rpc_target(std::string_view config) {
  auto json = nlohmann::json::parse(config, nullptr, false);
  auto member = [&](const char* key) {
    auto value = json.is_object() ? json.value(key, nlohmann::json()) : nlohmann::json();
    return value.is_string() ? value.get<std::string>() : std::string();
  };
  auto address = member("rpc_addr"), key = member("rpc_auth");
  auto colon = address.rfind(':');
  auto port = to_number<std::uint16_t>(colon == std::string::npos ? "" : address.substr(colon + 1));
  if (!port || *port == 0 || key.empty())
    return fail(error(SerfCode::no_mesh, "the configuration of this node's Serf agent is broken")
                    .hint("write it again with: meshops mesh join"));
  return RpcTarget{.port = *port, .key = Secret(std::move(key))};
}

}  // namespace meshops::serf
