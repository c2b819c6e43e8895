// MSH-005: the models that gateways ask against those that the mesh has agreed on.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "audit/gateway_configs.h"
#include "audit/mesh_files.h"
#include "audit/rules/mesh_parts.h"
#include "base/text.h"

namespace meshops::audit::mesh_rules_parts {

namespace fs = std::filesystem;

namespace {

/// Where OpenClaw keeps the models of a kind of work; below agents.defaults.
struct TaskPlace {
  std::string_view task;
  std::vector<std::string> keys;
  bool fallbacks;  // it takes { primary, fallbacks }; else one name
};
const std::vector<TaskPlace>& task_places() {
  static const std::vector<TaskPlace> all = {
      {"chat", {"model"}, true},
      {"utility", {"utilityModel"}, false},
      {"decision", {"decisionModel"}, false},
      {"image", {"imageModel"}, true},
      {"pdf", {"pdfModel"}, true},
      {"voice", {"voiceModel"}, true},
      {"heartbeat", {"heartbeat", "model"}, false},
      {"subagents", {"subagents", "model"}, true},
      {"compaction", {"compaction", "model"}, false},
      {"media-image", {"mediaModels", "image"}, true},
      {"media-music", {"mediaModels", "music"}, true},
      {"media-video", {"mediaModels", "video"}, true},
  };
  return all;
}

/// The policy that a configuration is under: of a machine its own; of a folder the one nearest above it, or
/// the only one there is.
const MeshFile* policy_of(const Site& site, const GatewayConfig& config) {
  const auto& files = site.facts<MeshFiles>().files();
  if (files.size() == 1) return &files.front();
  const MeshFile* best = nullptr;
  std::size_t depth = 0;
  for (const auto& file : files) {
    auto above = file.path.parent_path().string();
    if (!above.ends_with('/')) above += '/';
    if (!config.path.string().starts_with(above) || above.size() < depth) continue;
    best = &file;
    depth = above.size();
  }
  return best;
}

/// Those of a route for this gateway by name go before those for all.
const RouteSpec* route_for(const Mesh& mesh, const GatewayConfig& config, std::string_view task) {
  const RouteSpec* found = nullptr;
  for (const auto& route : mesh.routes) {
    if (route.task != task) continue;
    bool named = !route.gateway.empty();
    if (named && route.gateway != config.spec.name && route.gateway != config.name()) continue;
    if (found == nullptr || named) found = &route;
  }
  return found;
}

/// The models in their order, by full name; the provider's case does not matter.
std::vector<std::string> models_at(const GatewayConfig& config, const json5::Value& value) {
  std::vector<std::string> out;
  auto add = [&](const json5::Value& item) {
    auto name = std::string(trim(item.as_string().value_or("")));
    if (!name.empty()) out.push_back(config.full_model(name));
  };
  add(value.is_object() ? value.at("primary") : value);
  for (const auto& item : value.at("fallbacks").items()) add(item);
  return out;
}
bool same(std::vector<std::string> a, std::vector<std::string> b) {
  auto plain = [](std::string& model) {
    auto slash = model.find('/');
    model = lower(model.substr(0, slash)) + (slash == model.npos ? "" : model.substr(slash));
  };
  std::ranges::for_each(a, plain);
  std::ranges::for_each(b, plain);
  return a == b;
}

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<std::string> with_models(const GatewayConfig& config, const json5::Path& path,
                                const json5::Value& value, const TaskPlace& place,
                                const std::vector<std::string>& models) {
  if (!place.fallbacks) return json5::set(config.text, path, quoted(models[0]));
  std::vector<std::string> others;
  for (std::size_t i = 1; i < models.size(); ++i) others.push_back(quoted(models[i]));
  auto list = "[" + join(others, ", ") + "]";
  if (!value.is_object())
    return json5::set(config.text, path, "{ primary: " + quoted(models[0]) + ", fallbacks: " + list + " }");
  // Its other members, like a time limit, stay.
  auto primary = path, fallbacks = path;
  primary.emplace_back("primary");
  fallbacks.emplace_back("fallbacks");
  auto text = json5::set(config.text, primary, quoted(models[0]));
  if (!text || (others.empty() && !value.at("fallbacks"))) return text;
  return json5::set(*text, fallbacks, list);
}

void judge(const Site& site, const GatewayConfig& config, const MeshFile& file, const TaskPlace& place,
           Findings& out) {
  const auto* route = route_for(file.mesh, config, place.task);
  if (route == nullptr || route->models.empty()) return;
  auto wanted = route->models;
  if (!place.fallbacks) wanted.resize(1);
  json5::Path path = {"agents", "defaults"};
  for (const auto& key : place.keys) path.emplace_back(key);
  auto root = config.root();
  auto value = root.find(path);
  auto found = models_at(config, value);
  if (same(found, wanted)) return;
  auto where = value ? value.position() : root.position();
  out.add(at(site, config, where))
      .found("{}", found.empty() ? "nothing said" : printable(join(found, ", ")))
      .wanted("{}", printable(join(wanted, ", ")))
      .message("{} goes to other models than [[route]] in {} says", place.task, site.shown(file.path))
      .fix("agents.defaults.{}: the models of the policy, in its order", join(place.keys, "."))
      .about("{}", place.task)
      .mend(rewrite(site, config, with_models(config, path, value, place, wanted)));
}

}  // namespace

void other_route(const Site& site, Findings& out) {
  for (const auto& skip : site.facts<MeshFiles>().skips()) out.skip(skip.what, skip.reason);
  for (const auto& config : site.facts<GatewayConfigs>().all()) {
    const auto* file = policy_of(site, config);
    if (file == nullptr || file->mesh.routes.empty()) continue;
    if (!config.unreadable.empty()) out.skip(site.shown(config.path), config.unreadable);
    auto root = config.root();
    if (!root.is_object()) continue;  // GW-008 says why
    if (root.at("$include") || root.at("agents").at("$include") ||
        root.find("agents", "defaults", "$include")) {
      out.skip(site.shown(config.path), "another file brings the models in");
      continue;
    }
    for (const auto& place : task_places()) judge(site, config, *file, place, out);
  }
}

}  // namespace meshops::audit::mesh_rules_parts
