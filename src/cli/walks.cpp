#include "cli/walks.h"

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "cli/far_meshops.h"
#include "mesh/path_probe.h"

namespace meshops::cli {

namespace {

/// Where an OpenClaw gateway listens that says nothing else.
constexpr std::uint16_t kOpenclawPort = 18789;
/// Of one walk at most, and of what ssh needs around it.
constexpr Duration kOneWalk = std::chrono::seconds(20), kSshItself = std::chrono::seconds(20);
constexpr std::size_t kSideBySide = 16;

path::Target gateway_target(const NodeSpec& node, const GatewaySpec& gateway) {
  path::Target out{.name = node.name,
                   .host = node.address,
                   .port = kOpenclawPort,
                   .kind = path::Kind::http,
                   .request = "/healthz"};
  if (!gateway.url.empty())
    if (auto url = parse_url(gateway.url)) {
      out.port = url->endpoint.port;
      out.request = url->target;
      if (url->endpoint.tls != Endpoint::Tls::none) out.kind = path::Kind::https;
    }
  if (gateway.port) out.port = *gateway.port;
  return out;
}

path::EdgeSettings edge_settings(const Mesh& mesh) {
  path::EdgeSettings out;
  out.known_hosts = {"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2", mesh.state_dir / "known_hosts"};
  auto home = own_account().home;
  for (const auto* name : {"known_hosts", "known_hosts2"})
    if (!home.empty()) out.known_hosts.push_back(home / ".ssh" / name);
  return out;
}

}  // namespace

Result<Described> described_or_none(const Globals& globals) {
  auto mesh = described(globals);
  if (mesh || !globals.config.empty()) return mesh;
  std::fputs(("meshops: going on without a mesh: " + mesh.error().for_people() + "\n").c_str(), stderr);
  return Described{default_mesh(Surroundings::of_this_process()), {}};
}

path::Target ssh_of(const NodeSpec& node) {
  return {.name = node.name, .host = node.address, .port = node.ssh_port, .kind = path::Kind::ssh};
}

std::vector<std::pair<std::string, path::Target>> gateways_of(const Described& described,
                                                              const NodeSpec& node) {
  std::vector<std::pair<std::string, path::Target>> out;
  for (const auto& gateway : described.mesh.gateways_of(node.name)) {
    if (!gateway.enabled) continue;
    auto target = gateway_target(node, gateway);
    target.kind = path::Kind::tcp;
    out.emplace_back(gateway.name, std::move(target));
  }
  return out;
}

Result<path::Target> target_of(const Described& described, const std::string& word) {
  // A mesh of no file has one node, at 127.0.0.1: nobody means that by its name.
  if (!described.mesh.source.empty()) {
    if (const auto* node = described.node(word)) return ssh_of(*node);
    auto colon = word.rfind(':');
    const auto* node = colon == std::string::npos ? nullptr : described.node(word.substr(0, colon));
    auto port = node == nullptr ? std::nullopt : to_number<std::uint16_t>(word.substr(colon + 1));
    if (node != nullptr && port && *port != 0) {
      if (*port == node->ssh_port) return ssh_of(*node);
      for (const auto& gateway : described.mesh.gateways_of(node->name))
        if (auto target = gateway_target(*node, gateway); target.port == *port) return target;
      auto bracketed =
          node->address.find(':') == std::string::npos ? node->address : "[" + node->address + "]";
      auto target = path::parse_target(fmt::format("{}:{}", bracketed, *port));
      if (target) target->name = node->name;
      return target;
    }
  }
  auto target = path::parse_target(word);
  if (!target || described.mesh.source.empty()) return target;
  std::vector<std::string_view> names;
  for (const auto& node : described.mesh.nodes) names.push_back(node.name);
  auto near = nearest(target->host, names);
  // A typing error would else be looked up in the DNS, and not be found there.
  if (near && target->host.find('.') == std::string::npos && !path::is_address(target->host))
    return fail(
        error(path::PathCode::no_node, "{} is no node of {}", quote(word), described.mesh.source.string())
            .hint("did you mean {}? for a host of that name: ssh://{}", *near, target->host));
  return target;
}

Result<Meant> walker(const Described& described, const std::string& name) {
  if (const auto* node = described.node(name)) return meant_by(described, *node);
  CHECK_OK(check_ssh_name(name));
  return Meant{.name = name, .target = {.host = name, .user = {}, .port = 0}};
}

Meant walker_here(const Described& described) {
  auto name = described.here.empty() ? default_mesh(Surroundings::of_this_process()).node : described.here;
  return {.name = name, .target = {}, .here = true};
}

Result<std::vector<path::Report>> walks_from(const Described& described, const Meant& from,
                                             std::span<const path::Target> targets) {
  if (!from.here) {
    std::vector<std::string> arguments{"path", "--format", "json", "--each"};
    for (const auto& target : targets) arguments.push_back(path::to_word(target));
    auto limit = kSshItself + kOneWalk * static_cast<int>(1 + targets.size() / kSideBySide);
    auto answer = TRY(ask_far_meshops(from.target, arguments, limit));
    auto reports = TRY(path::parse_reports(answer.out));
    for (auto& report : reports) report.from = from.name;
    return reports;
  }
  path::Traveller who{.name = from.name, .address = {}};
  const auto* node = described.mesh.source.empty() ? nullptr : described.node(from.name);
  if (node != nullptr) {
    who.address = node->address;
    who.ssh_port = node->ssh_port;
  }
  std::vector<path::Target> all(targets.begin(), targets.end());
  for (auto& target : all) target.itself = node != nullptr && target.host == node->address;
  auto edge = path::local_edge(edge_settings(described.mesh));
  std::vector<path::Report> out;
  for (const auto& walk : path::walk_all(*edge, who, all, SystemClock().wall()))
    out.push_back(path::report(walk));
  return out;
}

}  // namespace meshops::cli
