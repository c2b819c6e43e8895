// mesh.toml → Mesh. First each section is filled key by key, as the table in schema.cpp says; then come the
// rules that need more than one key. A fault never stops the search for the next one.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"
#include "config/mesh.h"
#include "config/read_value.h"
#include "config/schema.h"
#include "config/seen.h"
#include "config/surroundings.h"
#include "config/toml_tree.h"
#include "config/values.h"

namespace meshops {

using schema::Key;
using schema::KeyFacts;
using toml_tree::Position;

namespace {

constexpr std::size_t kMostFaults = 20;
/// A hiccup of the network is no reason to stop a gateway.
constexpr Duration kShortestAlone = std::chrono::seconds(30);
/// sockaddr_un.sun_path without its NUL (unix(7)).
constexpr std::size_t kMostSocketBytes = 107;

class Parser {
 public:
  Parser(const std::filesystem::path& file, const Surroundings& around)
      : file_(printable(file.empty() ? "mesh.toml" : file.string())), around_(around) {
    mesh_.source = file;
  }

  std::expected<Mesh, Faults> parse(std::string_view text) {
    auto tree = toml_tree::read(text);
    if (tree) {
      fill_all(*tree);
      finish_mesh();
      finish_nodes();
      finish_gateways();
      finish_alerts();
      finish_audit();
      finish_routes();
      finish_store();
    } else {
      add(tree.error().at, tree.error().code, tree.error().sentence, tree.error().hint);
    }
    if (found_.empty()) return std::move(mesh_);
    return std::unexpected(sorted());
  }

 private:
  void add(Position at, ConfigCode code, std::string_view sentence, std::string_view hint = "") {
    auto fault = error(code, "{}:{}:{}: {}", file_, at.line, at.column, sentence);
    if (!hint.empty()) fault = std::move(fault).hint("{}", hint);
    found_.push_back({at, found_.size(), std::move(fault)});
  }

  Faults sorted() {
    std::ranges::sort(found_, {}, [](const Found& f) { return std::pair(f.at, f.order); });
    Faults out;
    for (auto& found : found_)
      if (out.faults.size() < kMostFaults) out.faults.push_back(std::move(found.fault));
    return out;
  }

  // --- each section, key by key ---

  void fill_all(const toml_tree::Table& root) {
    for (const auto& entry : root) {
      if (one(entry, "mesh", schema::mesh_keys(), mesh_, mesh_at_) ||
          one(entry, "agent", schema::agent_keys(), mesh_, agent_at_) ||
          one(entry, "limits", schema::limits_keys(), mesh_.limits, limits_at_) ||
          one(entry, "heal", schema::heal_keys(), mesh_.heal, heal_at_) ||
          one(entry, "audit", schema::audit_keys(), mesh_.audit, audit_at_) ||
          one(entry, "hive", schema::hive_keys(), mesh_.hive, hive_at_) ||
          one(entry, "reset", schema::reset_keys(), mesh_.reset, reset_at_) ||
          one(entry, "store", schema::store_keys(), mesh_.store, store_at_))
        continue;
      if (entry.key == "node") {
        fill_list(entry, schema::node_keys(), mesh_.nodes, nodes_at_);
      } else if (entry.key == "gateway") {
        fill_list(entry, schema::gateway_keys(), mesh_.gateways, gateways_at_);
      } else if (entry.key == "alert") {
        fill_list(entry, schema::alert_keys(), mesh_.alerts, alerts_at_);
      } else if (entry.key == "allow") {
        fill_list(entry, schema::allow_keys(), mesh_.allows, allows_at_);
      } else if (entry.key == "backup") {
        fill_list(entry, schema::backup_keys(), mesh_.backups, backups_at_);
      } else if (entry.key == "route") {
        fill_list(entry, schema::route_keys(), mesh_.routes, routes_at_);
      } else {
        unknown_section(entry);
      }
    }
  }

  template <class T>
  bool one(const toml_tree::Entry& entry, std::string_view name, std::span<const Key<T>> keys, T& out,
           Seen& seen) {
    if (entry.key != name) return false;
    seen.at = entry.at;
    if (const auto* table = single(entry)) fill(keys, *table, name, out, seen);
    return true;
  }

  const toml_tree::Table* single(const toml_tree::Entry& entry) {
    if (const auto* table = std::get_if<toml_tree::Table>(&entry.value.is)) return table;
    add(entry.at, ConfigCode::wrong_type,
        fmt::format("'{}' is {}, expected one table", entry.key, kind_of(entry.value)),
        fmt::format("write [{}] above its keys", entry.key));
    return nullptr;
  }

  template <class T>
  void fill_list(const toml_tree::Entry& entry, std::span<const Key<T>> keys, std::vector<T>& out,
                 std::vector<Seen>& seen) {
    const auto* list = std::get_if<toml_tree::Array>(&entry.value.is);
    auto wrong = [&](const toml_tree::Value& value, Position at) {
      add(at, ConfigCode::wrong_type,
          fmt::format("'{}' is {}, expected a list of tables", entry.key, kind_of(value)),
          fmt::format("write [[{}]] with two brackets above the keys of each", entry.key));
    };
    if (list == nullptr) return wrong(entry.value, entry.at);
    for (const auto& element : *list) {
      const auto* table = std::get_if<toml_tree::Table>(&element.is);
      if (table == nullptr) {
        wrong(element, element.at);
        continue;
      }
      out.emplace_back();
      seen.emplace_back().at = element.at;
      fill(keys, *table, entry.key, out.back(), seen.back());
      for (const auto& key : keys)
        if (key.facts.required && !seen.back().has(key.facts.name))
          add(element.at, ConfigCode::missing_key,
              fmt::format("this [[{}]] has no '{}', expected one", entry.key, key.facts.name),
              fmt::format("{} = {}", key.facts.name, key.facts.example));
    }
  }

  template <class T>
  void fill(std::span<const Key<T>> keys, const toml_tree::Table& table, std::string_view section, T& out,
            Seen& seen) {
    for (const auto& entry : table) {
      auto key = std::ranges::find(keys, entry.key, [](const Key<T>& k) { return k.facts.name; });
      if (key == keys.end()) {
        unknown_key(entry, section);
        continue;
      }
      auto problem = [&](Position at, ConfigCode code, std::string_view sentence, std::string_view hint) {
        add(at, code, sentence, hint);
      };
      auto value = read_value(key->facts, fmt::format("{}.{}", section, entry.key), entry.value, problem);
      seen.keys[key->facts.name] = {entry.at, entry.value.at, value.has_value()};
      if (value) key->put(out, std::move(*value));
    }
  }

  void unknown_key(const toml_tree::Entry& entry, std::string_view section) {
    std::vector<std::string_view> here;
    std::string head, elsewhere;
    for (const auto& s : schema::sections()) {
      if (s.name == section) head = s.header();
      for (const auto& key : s.keys) {
        if (s.name == section) here.push_back(key.name);
        if (s.name != section && key.name == entry.key) elsewhere = s.header();
      }
    }
    std::string hint;
    if (!elsewhere.empty())
      hint = fmt::format("'{}' is a key of {}", entry.key, elsewhere);
    else if (auto near = did_you_mean(entry.key, here); !near.empty())
      hint = near;
    else
      hint = fmt::format("{} has: {}", head, fmt::join(here, ", "));
    add(entry.at, ConfigCode::unknown_key, fmt::format("unknown key {} in {}", quote(entry.key), head), hint);
  }

  void unknown_section(const toml_tree::Entry& entry) {
    std::vector<std::string_view> names;
    std::vector<std::string> headers;
    std::string owner;
    for (const auto& s : schema::sections()) {
      names.push_back(s.name);
      headers.push_back(s.header());
      for (const auto& key : s.keys)
        if (owner.empty() && key.name == entry.key) owner = s.header();
    }
    bool table = std::holds_alternative<toml_tree::Table>(entry.value.is) ||
                 std::holds_alternative<toml_tree::Array>(entry.value.is);
    std::string hint = "the tables are: " + join(headers, ", ");
    if (auto near = did_you_mean(entry.key, names); !near.empty())
      hint = near;
    else if (!owner.empty())
      hint = fmt::format("'{}' is a key of {}", entry.key, owner);
    add(entry.at, ConfigCode::unknown_key,
        fmt::format("unknown {} {}", table ? "table" : "key outside of any table:", quote(entry.key)), hint);
  }

  // --- rules that need more than one key ---

  void finish_mesh() {
    if (!mesh_at_.has("node")) {
      mesh_.node = default_node_name(around_);
      if (around_.elsewhere && !mesh_.nodes.empty() && !is_node(mesh_.node))
        mesh_.node = mesh_.nodes.front().name;
    }
    if (mesh_.state_dir.empty()) mesh_.state_dir = default_state_dir(around_);
    if (mesh_.socket.empty()) mesh_.socket = default_socket(around_, mesh_.state_dir);
    if (agent_at_.has("socket") && mesh_.socket.string().size() > kMostSocketBytes)
      add(agent_at_.value_at("socket"), ConfigCode::bad_value,
          fmt::format("agent.socket has {} bytes, expected at most {}: the kernel takes no longer one",
                      mesh_.socket.string().size(), kMostSocketBytes));
    two_ports("gossip_port", mesh_.gossip_port, "serf_rpc_port", mesh_.serf_rpc_port);
    two_ports("gossip_port", mesh_.gossip_port, "heartbeat_port", mesh_.heartbeat_port);
    const auto& l = mesh_.limits;
    not_below("start_cap", l.start_cap, "start_floor", l.start_floor);
    not_below("backoff_max", l.backoff_max, "backoff_base", l.backoff_base);
    not_below("backoff_max", l.backoff_max, "backoff_first", l.backoff_first);
  }

  void two_ports(std::string_view one, std::uint16_t port, std::string_view other, std::uint16_t other_port) {
    if (port != other_port || !mesh_at_.usable(one) || !mesh_at_.usable(other)) return;
    add(mesh_at_.value_at(mesh_at_.has(other) ? other : one), ConfigCode::conflict,
        fmt::format("mesh.{} and mesh.{} are both {}, expected two ports", one, other, port));
  }

  void not_below(std::string_view high, Duration high_value, std::string_view low, Duration low_value) {
    if (high_value >= low_value || !limits_at_.usable(high) || !limits_at_.usable(low)) return;
    add(limits_at_.value_at(limits_at_.has(high) ? high : low), ConfigCode::conflict,
        fmt::format("limits.{} is {} and limits.{} is {}, expected {} to be at least as long", high,
                    duration_text(high_value), low, duration_text(low_value), high));
  }

  void finish_nodes() {
    each_once("node", mesh_.nodes, nodes_at_);
    for (std::size_t i = 0; i < mesh_.nodes.size(); ++i) {
      auto& node = mesh_.nodes[i];
      const auto& seen = nodes_at_[i];
      if (!seen.has("name") || !seen.usable("name") || seen.has("address")) continue;
      node.address = node.name == mesh_.node ? kThisMachine : node.name;
      if (!values::address(node.address))
        add(seen.at, ConfigCode::missing_key,
            fmt::format("node {} has no address, and its name is no DNS name that could stand in for one",
                        quote(node.name)),
            "address = \"10.0.0.1\"");
    }
    one_healer_each();
    if (mesh_.nodes.empty()) {
      mesh_.nodes.push_back({.name = mesh_.node, .address = kThisMachine});
      nodes_at_.emplace_back().keys["name"].good = true;
    } else if (mesh_at_.usable("node") && all_nodes_named() && !is_node(mesh_.node)) {
      // Guessing would leave this machine's gateways unwatched, which nobody would notice.
      if (mesh_at_.has("node"))
        add(mesh_at_.value_at("node"), ConfigCode::bad_value,
            fmt::format("mesh.node is {}, expected one of the nodes: {}", quote(mesh_.node), node_list()),
            near_node(mesh_.node));
      else
        add(nodes_at_.front().at, ConfigCode::missing_key,
            fmt::format(
                "this machine is called {} and no [[node]] is, expected [mesh] to say which it is: {}",
                quote(mesh_.node), node_list()),
            fmt::format("under [mesh]: node = \"{}\"", mesh_.nodes.front().name));
    }
  }

  /// Two nodes with one key could not be told apart: neither who healed, nor whose key was stolen.
  void one_healer_each() {
    for (std::size_t i = 0; i < mesh_.nodes.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (!mesh_.nodes[i].healing_key.empty() && mesh_.nodes[i].healing_key == mesh_.nodes[j].healing_key) {
          add(nodes_at_[i].value_at("healing_key"), ConfigCode::duplicate,
              fmt::format("node {} has the healing key of node {}, expected one of its own",
                          quote(mesh_.nodes[i].name), quote(mesh_.nodes[j].name)),
              fmt::format("on {}: meshops mesh keys", mesh_.nodes[i].name));
          break;
        }
  }

  bool all_nodes_named() const {
    return std::ranges::all_of(nodes_at_, [](const Seen& s) { return s.has("name") && s.usable("name"); });
  }
  bool is_node(std::string_view name) const {
    return std::ranges::any_of(mesh_.nodes, [&](const auto& n) { return n.name == name; });
  }
  std::string node_list() const {
    constexpr std::size_t kMost = 8;
    std::vector<std::string> names;
    for (const auto& node : mesh_.nodes)
      if (names.size() < kMost) names.push_back(node.name);
    return join(names, ", ") + (mesh_.nodes.size() > kMost ? ", …" : "");
  }
  std::string near_node(std::string_view name) const {
    std::vector<std::string_view> names;
    for (const auto& node : mesh_.nodes) names.push_back(node.name);
    return did_you_mean(name, names);
  }

  void twice(Position at, std::string_view what, Position before) {
    add(at, ConfigCode::duplicate,
        fmt::format("{} is described a second time, expected once (the first is in line {})", what,
                    before.line));
  }

  void finish_gateways() {
    std::map<std::pair<std::string, std::string>, Position> first;
    for (std::size_t i = 0; i < mesh_.gateways.size(); ++i) {
      auto& gateway = mesh_.gateways[i];
      const auto& seen = gateways_at_[i];
      if (!seen.has("node")) {
        gateway.node = mesh_.node;
      } else if (seen.usable("node") && all_nodes_named() && !is_node(gateway.node)) {
        auto hint = near_node(gateway.node);
        add(seen.value_at("node"), ConfigCode::bad_value,
            fmt::format("gateway.node is {}, expected one of the nodes: {}", quote(gateway.node),
                        node_list()),
            hint.empty() && nodes_at_.size() == 1 ? "describe it in a [[node]]" : hint);
      }
      if (seen.has("name") && seen.usable("name") && seen.usable("node")) {
        auto at = seen.value_at("name");
        auto [other, fresh] = first.emplace(std::pair(gateway.node, gateway.name), at);
        if (!fresh)
          twice(at, fmt::format("gateway {} of node {}", quote(gateway.name), quote(gateway.node)),
                other->second);
      }
      if (seen.usable("kind") && seen.usable("runtime")) finish_gateway(gateway, seen);
    }
    one_supervisor_each();
    shared_bots();
  }

  void finish_gateway(GatewaySpec& gateway, const Seen& seen) {
    for (const auto& key : schema::gateway_keys()) {
      auto set = seen.keys.find(key.facts.name);
      const auto& only = key.facts.only_for;
      if (set == seen.keys.end() || (only.allows(gateway.kind) && only.allows(gateway.runtime))) continue;
      auto mine = only.allows(gateway.kind) ? fmt::format("runtime {}", text(gateway.runtime))
                                            : fmt::format("kind {}", text(gateway.kind));
      add(set->second.key, ConfigCode::conflict,
          fmt::format("'{}' is for {}, but this gateway has {}", key.facts.name, only.text(), mine));
    }
    bool openclaw = gateway.kind == GatewayKind::openclaw;
    switch (gateway.runtime) {
      case RuntimeKind::process:
        if (!openclaw)
          need(seen, "command", "kind http with runtime process",
               R"(["/usr/bin/my-server", "--port", "8080"])");
        break;
      case RuntimeKind::systemd_system:
      case RuntimeKind::systemd_user:
        if (openclaw && gateway.unit.empty() && !seen.has("unit")) gateway.unit = "openclaw-gateway.service";
        if (!openclaw)
          need(seen, "unit", fmt::format("kind http with runtime {}", text(gateway.runtime)),
               R"("my-server.service")");
        break;
      case RuntimeKind::docker:
        need(seen, "container", "runtime docker", R"("openclaw")");
        break;
    }
    if (openclaw) return;
    need(seen, "url", "kind http", R"("http://127.0.0.1:8080/health")");
    if (gateway.url.empty()) return;
    auto port = values::url_port(gateway.url).value_or(0);  // read_value has checked the URL
    if (gateway.port && *gateway.port != port)
      add(seen.value_at("port"), ConfigCode::conflict,
          fmt::format("gateway.port is {} but its url has port {}, expected the same or none", *gateway.port,
                      port));
    gateway.port = port;
  }

  void need(const Seen& seen, std::string_view name, std::string_view who, std::string_view example,
            std::string_view table = "gateway") {
    if (!seen.has(name))
      add(seen.at, ConfigCode::missing_key,
          fmt::format("this [[{}]] has no '{}', expected one: {} needs it", table, name, who),
          fmt::format("{} = {}", name, example));
  }

  /// Two entries for one unit, container or port would have two healers restart one patient against each
  /// other.
  void one_supervisor_each() {
    std::map<std::tuple<std::string, std::string, std::string>, std::size_t> first;
    for (std::size_t i = 0; i < mesh_.gateways.size(); ++i) {
      const auto& g = mesh_.gateways[i];
      const auto& seen = gateways_at_[i];
      if (!g.enabled || !seen.usable("node") || !seen.usable("kind") || !seen.usable("runtime")) continue;
      auto claim = [&](std::string_view key, const std::string& scope, const std::string& what) {
        if (!seen.usable(key)) return;
        auto [other, fresh] = first.emplace(std::tuple(g.node, scope, what), i);
        if (fresh) return;
        const auto& before = gateways_at_[other->second];
        add(seen.value_at(key), ConfigCode::conflict,
            fmt::format(
                "{} {} on node {} already belongs to the gateway in line {}, expected one gateway for it",
                key, quote(what), quote(g.node), before.value_at("name").line),
            "give one of them enabled = false");
      };
      bool systemd = g.runtime == RuntimeKind::systemd_system || g.runtime == RuntimeKind::systemd_user;
      if (systemd && !g.unit.empty()) claim("unit", fmt::format("{} {}", text(g.runtime), g.user), g.unit);
      if (g.runtime == RuntimeKind::docker && !g.container.empty()) claim("container", "docker", g.container);
      // A http gateway's port is only where it is asked; several may share a server. A container's may be its
      // own.
      if (g.kind == GatewayKind::openclaw && g.runtime != RuntimeKind::docker && g.port)
        claim("port", "port", fmt::format("{}", *g.port));
    }
  }

  /// Who stands by for whom: what agents could not agree upon at night is refused here.
  void shared_bots() {
    std::map<std::string, std::set<std::string>> bots;  // of each node
    std::set<std::pair<std::string, std::string>> standing;
    for (std::size_t i = 0; i < mesh_.gateways.size(); ++i) {
      const auto& g = mesh_.gateways[i];
      const auto& seen = gateways_at_[i];
      if (seen.usable("yields_alone") && g.yields_alone > Duration::zero()) {
        auto at = seen.value_at("yields_alone");
        if (g.yields_alone < kShortestAlone)
          add(at, ConfigCode::bad_value,
              fmt::format("gateway.yields_alone is {}, expected at least {}, or 0s",
                          quote(duration_text(g.yields_alone)), duration_text(kShortestAlone)));
        else if (mesh_.nodes.size() < 3)
          add(at, ConfigCode::conflict,
              fmt::format(
                  "gateway.yields_alone is set in a mesh of {}, expected three nodes or more: of two, "
                  "the end of the other one would stop it",
                  mesh_.nodes.size()));
      }
      if (g.stands_by_for.empty() || !seen.usable("stands_by_for")) continue;
      auto at = seen.value_at("stands_by_for");
      auto of = std::ranges::find_if(mesh_.gateways, [&](const GatewaySpec& other) {
        return fmt::format("{}/{}", other.node, other.name) == g.stands_by_for;
      });
      if (of == mesh_.gateways.end()) {
        add(at, ConfigCode::bad_value,
            fmt::format("gateway.stands_by_for is {}, expected NODE/GATEWAY of a [[gateway]] in this file",
                        quote(g.stands_by_for)),
            "list that gateway, too: node and name, as on its own node");
        continue;
      }
      std::string wrong;
      if (of->node == g.node)
        wrong = fmt::format("a gateway of its own node {}, expected one of another node", quote(g.node));
      else if (!of->stands_by_for.empty())
        wrong = "a gateway that stands by itself, expected the one for which it does";
      else if (!of->enabled)
        wrong = "a gateway that is not enabled, expected one that meshops keeps";
      else if (g.enabled && !standing.emplace(g.node, g.stands_by_for).second)
        wrong =
            fmt::format("a gateway for which another one on node {} stands by, expected one for each node",
                        quote(g.node));
      if (!wrong.empty()) add(at, ConfigCode::conflict, fmt::format("gateway.stands_by_for names {}", wrong));
      bots[g.node].insert(g.stands_by_for);
      bots[of->node].insert(g.stands_by_for);
      if (bots[g.node].size() > kMostSharedBots || bots[of->node].size() > kMostSharedBots)
        add(at, ConfigCode::conflict,
            fmt::format("this is the shared bot number {} of one node, expected at most {}",
                        kMostSharedBots + 1, kMostSharedBots));
    }
  }

  /// Entries of a list have names of their own.
  template <class T>
  void each_once(std::string_view what, const std::vector<T>& list, const std::vector<Seen>& seen) {
    std::map<std::string, Position> first;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!seen[i].has("name") || !seen[i].usable("name")) continue;
      auto at = seen[i].value_at("name");
      auto [other, fresh] = first.emplace(list[i].name, at);
      if (!fresh) twice(at, fmt::format("{} {}", what, quote(list[i].name)), other->second);
    }
  }

  void finish_alerts() {
    each_once("alert", mesh_.alerts, alerts_at_);
    for (std::size_t i = 0; i < mesh_.alerts.size(); ++i)
      if (alerts_at_[i].has("kind") && alerts_at_[i].usable("kind"))
        finish_alert(mesh_.alerts[i], alerts_at_[i]);
  }

  void finish_alert(const AlertSpec& alert, const Seen& seen) {
    for (const auto& key : schema::alert_keys()) {
      auto set = seen.keys.find(key.facts.name);
      if (set == seen.keys.end() || key.facts.only_for.allows(alert.kind)) continue;
      add(set->second.key, ConfigCode::conflict,
          fmt::format("'{}' is for {}, but this alert has kind {}", key.facts.name, key.facts.only_for.text(),
                      text(alert.kind)));
    }
    auto kind = fmt::format("kind {}", text(alert.kind));
    if (alert.kind == AlertKind::command)
      return need(seen, "command", kind, "[\"/usr/local/bin/page-me\"]", "alert");
    if (alert.kind == AlertKind::smtp) {
      need(seen, "server", kind, "\"smtps://mail.example.org:465\"", "alert");
      need(seen, "from", kind, "\"meshops@example.org\"", "alert");
      need(seen, "to", kind, "[\"ops@example.org\"]", "alert");
      if (seen.has("user")) need(seen, "password_file", "user", "\"/etc/meshops/mail.password\"", "alert");
      if (seen.has("password_file")) need(seen, "user", "password_file", "\"meshops@example.org\"", "alert");
      return;
    }
    if (!seen.has("url")) need(seen, "url_file", kind, "\"/etc/meshops/phone.url\"", "alert");
    if (seen.has("url") && seen.has("url_file"))
      add(seen.value_at("url_file"), ConfigCode::conflict,
          "this alert has both 'url' and 'url_file', expected one of them");
    if (alert.kind == AlertKind::telegram) need(seen, "chat_id", kind, "\"-1001234567890\"", "alert");
    if (alert.kind != AlertKind::webhook && values::in_clear_text(alert.url))
      add(seen.value_at("url"), ConfigCode::bad_value,
          fmt::format("alert.url begins with http://, expected https://: {} is sent a secret with each alert",
                      kind));
  }

  void finish_audit() {
    const auto& a = mesh_.audit;
    if (a.disk_clean > a.disk_alert || a.disk_alert > a.disk_panic)
      add(audit_at_.at, ConfigCode::conflict,
          fmt::format(
              "audit.disk_clean is {}, disk_alert {} and disk_panic {}, expected none to be above the next",
              a.disk_clean, a.disk_alert, a.disk_panic));
    each_once("backup", mesh_.backups, backups_at_);
    for (auto& backup : mesh_.backups)
      if (backup.media.empty()) backup.media = backup.target.starts_with('/') ? "disk" : "object-store";
  }

  void finish_routes() {
    for (std::size_t i = 0; i < mesh_.routes.size(); ++i) {
      const auto& route = mesh_.routes[i];
      const auto& seen = routes_at_[i];
      for (std::size_t j = 0; j < i; ++j)
        if (!route.task.empty() && mesh_.routes[j].task == route.task &&
            mesh_.routes[j].gateway == route.gateway)
          add(seen.at, ConfigCode::duplicate,
              fmt::format("a second [[route]] for {}, the first is in line {}", route.task,
                          routes_at_[j].at.line));
      for (const auto& model : route.models) {
        auto slash = model.find('/');
        if (slash == 0 || slash == model.npos || slash + 1 == model.size() ||
            model.find_first_of(" \t\"'") != model.npos)
          add(seen.value_at("models"), ConfigCode::bad_value,
              fmt::format("route.models has '{}', expected provider/model", printable(model)));
      }
      bool known = route.gateway.empty() || std::ranges::any_of(mesh_.gateways, [&](const GatewaySpec& g) {
                     return g.name == route.gateway;
                   });
      if (!known && !mesh_.gateways.empty())
        add(seen.value_at("gateway"), ConfigCode::bad_value,
            fmt::format("route.gateway is '{}', expected the name of a [[gateway]]", route.gateway));
    }
  }

  void finish_store() {
    auto& store = mesh_.store;
    bool s3 = store.url.starts_with("s3:");
    for (std::string_view key : {"endpoint", "key_file"})
      if (store_at_.has(key) && store_at_.usable("url") && !s3)
        add(store_at_.keys[key].key, store_at_.has("url") ? ConfigCode::conflict : ConfigCode::missing_key,
            store_at_.has("url") ? fmt::format("'{}' is for s3://, but this store is a directory", key)
                                 : fmt::format("[store] has '{}' and no 'url', expected one", key),
            store_at_.has("url") ? "" : "url = \"s3://my-bucket/meshops\"");
    if (!s3 || !store_at_.usable("url")) return;
    if (!store_at_.has("key_file"))
      add(store_at_.at, ConfigCode::missing_key, "[store] has no 'key_file', expected one: s3:// needs it",
          "key_file = \"/etc/meshops/store.key\"");
    if (values::in_clear_text(store.endpoint))
      add(store_at_.value_at("endpoint"), ConfigCode::bad_value,
          "store.endpoint begins with http://, expected https://: who listens on the way could say what he "
          "likes "
          "of every node");
    if (store.endpoint.empty() && store_at_.usable("endpoint") && store_at_.usable("region"))
      store.endpoint = fmt::format("https://s3.{}.amazonaws.com", store.region);
  }

  std::string file_;
  const Surroundings& around_;
  Mesh mesh_;
  Seen mesh_at_, agent_at_, limits_at_, heal_at_, audit_at_, hive_at_, reset_at_, store_at_;
  std::vector<Seen> nodes_at_, gateways_at_, alerts_at_, allows_at_, backups_at_, routes_at_;
  struct Found {
    Position at;
    std::size_t order;  // of faults at one place the first found comes first
    Error fault;
  };
  std::vector<Found> found_;
};

}  // namespace

std::expected<Mesh, Faults> parse_mesh(std::string_view text, const std::filesystem::path& file,
                                       const Surroundings& around) {
  return Parser(file, around).parse(text);
}

}  // namespace meshops
