#include "cli/render_mesh.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "mesh/word_file.h"

namespace meshops::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kDisplaced =
    "serf.service, the unencrypted agent that the package serf starts, was ended for good\n";

std::string address(const RosterEntry& entry) {
  if (entry.address.empty()) return "-";
  return entry.address.contains(':') ? fmt::format("[{}]:{}", entry.address, entry.port)
                                     : fmt::format("{}:{}", entry.address, entry.port);
}

/// "0.4 ms, agent spoke 412 ms ago, gateways well".
std::string heartbeat_text(const Heard& heard) {
  const auto& word = heard.word;
  auto out = fmt::format("{:.1f} ms, ", milliseconds(heard.took));
  if (word.agent_age >= mesh::kNeverSpoke) return out + "its agent has not spoken";
  out += fmt::format("agent spoke {} ago{}", about(word.agent_age), word.agent_gone ? " and has ended" : "");
  if (word.gateways != mesh::Gateways::unknown) out += fmt::format(", gateways {}", text(word.gateways));
  if (word.heals_itself) out += ", heals itself";
  if (word.paused) out += ", paused";
  return out;
}

Json heartbeat_json(const Heard* heard) {
  if (heard == nullptr) return {{"answered", false}};
  const auto& word = heard->word;
  auto spoke = word.agent_age < mesh::kNeverSpoke;
  return {{"answered", true},
          {"took_ms", milliseconds(heard->took)},
          {"agent_age_s", spoke ? Json(seconds(word.agent_age)) : Json()},
          {"agent_gone", word.agent_gone},
          {"gateways", name_of(word.gateways)},
          {"heals_itself", word.heals_itself},
          {"paused", word.paused}};
}

const Heard* find(const Heartbeats& heartbeats, const std::string& node) {
  auto found = heartbeats.find(node);
  return found == heartbeats.end() ? nullptr : &found->second;
}

}  // namespace

bool is_for_one_node(std::string_view toml) {
  bool in_mesh = false;
  for (auto line : split(toml, '\n')) {
    line = trim(line);
    if (line.starts_with('[')) in_mesh = trim(line.substr(0, line.find('#'))) == "[mesh]";
    auto key = trim(line.substr(0, line.find('=')));
    if ((in_mesh && key == "node") || key == "mesh.node") return true;
  }
  return false;
}

std::vector<NextSteps> next_steps(const Mesh& mesh, const std::string& key_file, bool for_all) {
  std::vector<NextSteps> out;
  auto toml = mesh.source.empty() ? std::string("mesh.toml") : mesh.source.string();
  for (const auto& node : mesh.nodes) {
    if (node.name == mesh.node) continue;
    auto to = fmt::format("{}{}@{}", node.ssh_port == 22 ? "" : fmt::format("-p {} ", node.ssh_port),
                          node.user, node.address);
    auto sudo = node.user == "root" ? "" : "sudo ";
    // Through SSH and a pipe: no copy of the key lies about on the way.
    auto copy = [&](std::string_view mode, const std::string& from, const std::string& there) {
      return fmt::format("ssh {} {}install -D -m {} /dev/stdin {} <{}", to, sudo, mode, there, from);
    };
    NextSteps steps{.node = node.name, .commands = {}};
    if (for_all) steps.commands.push_back(copy("644", toml, "/etc/meshops/mesh.toml"));
    steps.commands.push_back(copy("600", key_file, key_file));
    steps.commands.push_back(fmt::format("ssh {} {}meshops mesh join", to, sudo));
    out.push_back(std::move(steps));
  }
  return out;
}

std::string render_init(const Mesh& mesh, bool made_key, bool displaced,
                        const std::vector<NextSteps>& steps) {
  std::string out = fmt::format("{} is a member of mesh {}; its mesh key {}\n", mesh.node, mesh.name,
                                made_key ? "is new" : "was there already and stays");
  if (displaced) out += kDisplaced;
  out += fmt::format(
      "between the nodes port {} must be open for TCP and UDP, and port {} (heartbeats) for UDP\n",
      mesh.gossip_port, mesh.heartbeat_port);
  if (!steps.empty() && steps.front().commands.size() < 3)
    out +=
        fmt::format("{} says which node it is for: write one for each other node first, without that line\n",
                    mesh.source.string());
  if (!steps.empty())
    out +=
        "\nfor each other node, from here as root (who has the key is in the mesh: it goes over SSH only):\n";
  for (const auto& step : steps) {
    out += fmt::format("\n{}\n", step.node);
    for (const auto& command : step.commands) out += "  " + command + "\n";
  }
  return out;
}

std::string render_joined(const Mesh& mesh, bool displaced, const Roster& roster) {
  return fmt::format("{} is a member of mesh {}\n{}\n{}", mesh.node, mesh.name, displaced ? kDisplaced : "",
                     render_members(roster));
}

std::string render_members(const Roster& roster, const std::optional<Heartbeats>& heartbeats) {
  std::vector<std::vector<std::string>> rows = {{"NODE", "STATE", "ADDRESS", "VERSION", ""}};
  if (heartbeats) rows[0].insert(rows[0].end() - 1, "HEARTBEAT");
  for (const auto& entry : roster.entries) {
    auto remarks = entry.remarks;
    if (entry.name == roster.node) remarks.insert(remarks.begin(), "this node");
    rows.push_back({printable(entry.name), std::string(text(entry.presence)), address(entry),
                    entry.version.empty() ? "-" : entry.version});
    if (heartbeats) {
      const auto* heard = find(*heartbeats, entry.name);
      rows.back().push_back(heard != nullptr ? heartbeat_text(*heard) : entry.planned ? "silent" : "-");
    }
    rows.back().push_back(join(remarks, "; "));
  }
  std::vector<std::size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string members_json(const Roster& roster, WallTime now, const std::optional<Heartbeats>& heartbeats) {
  Json json = {{"schema", "meshops.members/1"}, {"mesh", roster.mesh},
               {"node", roster.node},           {"at", iso8601(now)},
               {"alive", roster.alive()},       {"members", Json::array()}};
  auto or_null = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  for (const auto& entry : roster.entries) {
    auto state = std::string(text(entry.presence));
    std::ranges::replace(state, ' ', '_');
    json["members"].push_back(
        {{"name", entry.name},
         {"state", state},
         {"planned", entry.planned},
         {"address", or_null(entry.address)},
         {"port", entry.address.empty() ? Json() : Json(entry.port)},
         {"version", or_null(entry.version)},
         {"plan", or_null(entry.plan)},
         {"mesh", or_null(entry.mesh)},
         {"heartbeat", heartbeats && entry.planned ? heartbeat_json(find(*heartbeats, entry.name)) : Json()},
         {"remarks", entry.remarks}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace meshops::cli
