// Mesh → TOML and JSON, both through the table in schema.cpp.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "config/literal.h"
#include "config/mesh.h"
#include "config/schema.h"
#include "config/values.h"

namespace meshops {

using schema::Key;
using schema::Setting;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::string_view kHidden = "(hidden)";

bool set(const Setting& value) { return !std::holds_alternative<std::monostate>(value); }

/// False where writing the default would be refused when read back.
template <class T>
bool applies(const Key<T>&, const T&) {
  return true;
}
bool applies(const Key<GatewaySpec>& key, const GatewaySpec& gateway) {
  return key.facts.only_for.allows(gateway.kind) && key.facts.only_for.allows(gateway.runtime);
}

bool applies(const Key<AlertSpec>& key, const AlertSpec& alert) {
  return key.facts.only_for.allows(alert.kind);
}

template <class T>
void write_table(std::string& out, std::string_view header, std::span<const Key<T>> keys, const T& from) {
  out += fmt::format("{}{}\n", out.empty() ? "" : "\n", header);
  for (const auto& key : keys)
    if (auto value = key.get(from); set(value) && applies(key, from))
      out += fmt::format("{} = {}\n", key.facts.name, schema::literal(key.facts.type, value));
}

struct ToJson {
  Json operator()(std::monostate) const { return nullptr; }
  Json operator()(bool b) const { return b; }
  Json operator()(std::uint64_t n) const { return n; }
  Json operator()(Duration d) const { return duration_text(d); }
  Json operator()(const std::string& text) const { return text; }
  Json operator()(const std::vector<std::string>& list) const { return list; }
  Json operator()(const Environment& table) const { return table; }
};

template <class T>
Json json_table(std::span<const Key<T>> keys, const T& from) {
  Json out = Json::object();
  for (const auto& key : keys) {
    auto value = key.get(from);
    if (!set(value) || !applies(key, from)) continue;
    auto& slot = out[std::string(key.facts.name)];
    slot = std::visit(ToJson{}, value);
    // As in TOML: true, false or "observe".
    if (key.facts.type == schema::Type::discover && (slot == "true" || slot == "false"))
      slot = slot == "true";
  }
  return out;
}

/// "--token X", "--token=X", "TOKEN=X".
void veil(std::vector<std::string>& command) {
  bool next = false;
  for (auto& argument : command) {
    auto equals = argument.find('=');
    bool option = argument.starts_with('-');
    if (next && !option) {
      argument = kHidden;
    } else if (equals != std::string::npos && values::looks_secret(argument.substr(0, equals))) {
      argument = argument.substr(0, equals + 1) + std::string(kHidden);
    }
    next = option && equals == std::string::npos && values::looks_secret(argument);
  }
}

}  // namespace

std::string to_toml(const Mesh& mesh) {
  std::string out;
  write_table(out, "[mesh]", schema::mesh_keys(), mesh);
  write_table(out, "[agent]", schema::agent_keys(), mesh);
  write_table(out, "[limits]", schema::limits_keys(), mesh.limits);
  write_table(out, "[heal]", schema::heal_keys(), mesh.heal);
  write_table(out, "[audit]", schema::audit_keys(), mesh.audit);
  write_table(out, "[hive]", schema::hive_keys(), mesh.hive);
  write_table(out, "[reset]", schema::reset_keys(), mesh.reset);
  write_table(out, "[store]", schema::store_keys(), mesh.store);
  for (const auto& node : mesh.nodes) write_table(out, "[[node]]", schema::node_keys(), node);
  for (const auto& gateway : mesh.gateways) write_table(out, "[[gateway]]", schema::gateway_keys(), gateway);
  for (const auto& alert : mesh.alerts) write_table(out, "[[alert]]", schema::alert_keys(), alert);
  for (const auto& allow : mesh.allows) write_table(out, "[[allow]]", schema::allow_keys(), allow);
  for (const auto& backup : mesh.backups) write_table(out, "[[backup]]", schema::backup_keys(), backup);
  for (const auto& route : mesh.routes) write_table(out, "[[route]]", schema::route_keys(), route);
  return out;
}

std::string to_json(const Mesh& mesh) {
  Json out;
  out["schema"] = "meshops.config/1";
  out["source"] = mesh.source.empty() ? Json(nullptr) : Json(mesh.source.string());
  out["mesh"] = json_table(schema::mesh_keys(), mesh);
  out["agent"] = json_table(schema::agent_keys(), mesh);
  out["limits"] = json_table(schema::limits_keys(), mesh.limits);
  out["heal"] = json_table(schema::heal_keys(), mesh.heal);
  out["audit"] = json_table(schema::audit_keys(), mesh.audit);
  out["hive"] = json_table(schema::hive_keys(), mesh.hive);
  out["reset"] = json_table(schema::reset_keys(), mesh.reset);
  out["store"] = json_table(schema::store_keys(), mesh.store);
  out["node"] = Json::array();
  for (const auto& node : mesh.nodes) out["node"].push_back(json_table(schema::node_keys(), node));
  out["gateway"] = Json::array();
  for (const auto& gateway : mesh.gateways)
    out["gateway"].push_back(json_table(schema::gateway_keys(), gateway));
  out["alert"] = Json::array();
  for (const auto& alert : mesh.alerts) out["alert"].push_back(json_table(schema::alert_keys(), alert));
  out["allow"] = Json::array();
  for (const auto& allow : mesh.allows) out["allow"].push_back(json_table(schema::allow_keys(), allow));
  out["backup"] = Json::array();
  for (const auto& backup : mesh.backups) out["backup"].push_back(json_table(schema::backup_keys(), backup));
  out["route"] = Json::array();
  for (const auto& route : mesh.routes) out["route"].push_back(json_table(schema::route_keys(), route));
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Mesh veiled(Mesh mesh) {
  for (auto& gateway : mesh.gateways) {
    for (auto& [name, value] : gateway.environment)
      if (values::looks_secret(name)) value = kHidden;
    veil(gateway.command);
  }
  for (auto& alert : mesh.alerts) {
    if (!alert.url.empty()) alert.url = kHidden;
    veil(alert.command);
  }
  return mesh;
}

}  // namespace meshops
