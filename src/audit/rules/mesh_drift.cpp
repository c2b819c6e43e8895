// MSH-005, -006: what runs against what was decided.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "audit/mesh_files.h"
#include "audit/rules/mesh_parts.h"
#include "audit/units.h"
#include "base/text.h"
#include "formats/json5.h"
#include "formats/version_range.h"

namespace meshops::audit::mesh_rules_parts {

namespace fs = std::filesystem;

namespace {

// --- MSH-005 ---

/// A [[route]] of mesh.toml: which models a kind of task goes to, the first one first.
struct Route {
  std::string task;
  std::vector<std::string> models;
};

std::vector<Route> policy_of(const toml_tree::Table& tree) {
  std::vector<Route> out;
  auto routes = std::ranges::find(tree, "route", &toml_tree::Entry::key);
  if (routes == tree.end()) return out;
  const auto* list = std::get_if<toml_tree::Array>(&routes->value.is);
  if (list == nullptr) return out;
  for (const auto& item : *list) {
    const auto* table = std::get_if<toml_tree::Table>(&item.is);
    if (table == nullptr) continue;
    Route route;
    for (const auto& entry : *table) {
      if (entry.key == "task")
        if (const auto* text = std::get_if<std::string>(&entry.value.is)) route.task = *text;
      if (entry.key == "models")
        if (const auto* models = std::get_if<toml_tree::Array>(&entry.value.is))
          for (const auto& model : *models)
            if (const auto* text = std::get_if<std::string>(&model.is)) route.models.push_back(*text);
    }
    if (!route.task.empty() && !route.models.empty()) out.push_back(std::move(route));
  }
  return out;
}

/// Where OpenClaw keeps the route of that task, below agents.defaults.
json5::Path place_of(std::string_view task) {
  struct Known {
    std::string_view task;
    std::vector<std::string> path;
  };
  static const std::vector<Known> known = {{"chat", {"model"}},
                                           {"turns", {"model"}},
                                           {"utility", {"utilityModel"}},
                                           {"decision", {"decisionModel"}},
                                           {"image", {"imageModel"}},
                                           {"pdf", {"pdfModel"}},
                                           {"voice", {"voiceModel"}},
                                           {"heartbeat", {"heartbeat", "model"}},
                                           {"subagents", {"subagents", "model"}},
                                           {"compaction", {"compaction", "model"}}};
  auto found = std::ranges::find(known, task, &Known::task);
  if (found == known.end()) return {};
  json5::Path path{std::string("agents"), std::string("defaults")};
  for (const auto& step : found->path) path.emplace_back(step);
  return path;
}

/// "a" or {primary: "a", fallbacks: ["b"]}.
std::vector<std::string> models_in(const json5::Value& value) {
  std::vector<std::string> out;
  if (auto one = value.as_string()) return {*one};
  if (auto primary = value.find("primary").as_string()) out.push_back(*primary);
  for (const auto& item : value.find("fallbacks").items())
    if (auto text = item.as_string()) out.push_back(*text);
  return out;
}

std::string as_json5(const std::vector<std::string>& models) {
  if (models.size() == 1) return json5::json_string(models[0]);
  std::vector<std::string> rest;
  for (std::size_t i = 1; i < models.size(); ++i) rest.push_back(json5::json_string(models[i]));
  return fmt::format("{{ \"primary\": {}, \"fallbacks\": [{}] }}", json5::json_string(models[0]),
                     join(rest, ", "));
}

/// The raw tables: a mesh.toml of a later meshops may say more than this one reads.
std::vector<Route> policy(const Site& site, Findings& out) {
  std::vector<fs::path> paths;
  if (!site.repo() && !site.mesh().source.empty())
    paths.push_back(site.mesh().source);
  else
    for (const auto* file : site.files().of(FileKind::mesh_toml)) paths.push_back(file->path);
  std::vector<Route> all;
  for (const auto& path : paths) {
    auto text = site.host().read(path);
    if (!text) {
      if (!text.error().is("file.not_found")) out.skip(site.shown(path), std::string(text.error().text()));
      continue;
    }
    auto tree = toml_tree::read(*text);
    if (!tree) {
      out.skip(site.shown(path), tree.error().sentence);
      continue;
    }
    // Of several nodes' files the first counts: MSH-007 tells where they differ.
    if (all.empty()) all = policy_of(*tree);
  }
  return all;
}

}  // namespace

void routes(const Site& site, Findings& out) {
  auto wanted = policy(site, out);
  if (wanted.empty()) return;
  for (const auto* file : site.files().of(FileKind::gateway_config)) {
    auto text = site.host().read(file->path);
    if (!text) {
      out.skip(site.shown(file->path), std::string(text.error().text()));
      continue;
    }
    auto document = json5::Document::parse(*text);
    if (!document) continue;  // GW-008 tells
    for (const auto& route : wanted) {
      auto path = place_of(route.task);
      if (path.empty()) continue;
      auto value = document->root().find(path);
      // Not set: the gateway's own default, which is nobody's route.
      if (!value) continue;
      auto models = models_in(value);
      if (models == route.models) continue;
      auto at = value.position();
      auto draft = out.add(site.at(file->path, at.line, at.column));
      draft
          .found("{} goes to {}", printable(route.task),
                 models.empty() ? "no model" : printable(join(models, ", ")))
          .wanted("{}", printable(join(route.models, ", ")))
          .message(
              "this gateway sends {} elsewhere than the mesh's policy says: cost and answers differ by node",
              printable(route.task))
          .fix("{} = {}", json5::path_text(path), printable(as_json5(route.models)))
          .about("{}", printable(route.task));
      if (auto bytes = json5::set(*text, path, as_json5(route.models)))
        draft.mend(Mend{.files = {{.path = file->path, .bytes = *bytes}}});
    }
  }
}

// --- MSH-006 ---

namespace {

/// Where npm puts the gateway, by every usual prefix.
std::vector<fs::path> packages(const Site& site) {
  std::vector<fs::path> out = {"/usr/lib/node_modules/openclaw/package.json",
                               "/usr/local/lib/node_modules/openclaw/package.json"};
  if (auto accounts = site.host().accounts())
    for (const auto& account : *accounts)
      for (const auto* prefix : {".npm-global/lib", ".local/lib", "lib"})
        out.push_back(account.home / prefix / "node_modules/openclaw/package.json");
  return out;
}

void version(const Site& site, const MeshFile& file, Findings& out) {
  const auto& pinned = file.mesh.audit.gateway_version;
  if (pinned.empty()) return;
  for (const auto& path : packages(site)) {
    auto text = site.host().read(path);
    if (!text) {
      if (!text.error().is("file.not_found")) out.skip(path.string(), std::string(text.error().text()));
      continue;
    }
    auto json = nlohmann::json::parse(*text, nullptr, false);
    if (!json.is_object() || !json.contains("version") || !json["version"].is_string()) continue;
    auto installed = json["version"].get<std::string>();
    auto order = compare_versions(installed, pinned);
    if (!order || *order == std::strong_ordering::equal) continue;
    out.add(site.at(path))
        .found("openclaw {}", printable(installed))
        .wanted("{}, as mesh.toml pins it", printable(pinned))
        .message("this node runs another gateway than the mesh has agreed on and tried")
        .fix("meshops node apply, or by hand: npm install -g openclaw@{}", printable(pinned))
        .about("version");
  }
}

void declared_units(const Site& site, const MeshFile& file, Findings& out) {
  const auto& services = site.facts<Units>().services();
  for (std::size_t i = 0; i < file.mesh.gateways.size(); ++i) {
    const auto& gateway = file.mesh.gateways[i];
    if (gateway.node != file.mesh.node || gateway.unit.empty() || !gateway.enabled) continue;
    bool user = gateway.runtime == RuntimeKind::systemd_user;
    if (!user && gateway.runtime != RuntimeKind::systemd_system) continue;
    auto name = gateway.unit.ends_with(".service") ? gateway.unit : gateway.unit + ".service";
    // An instance comes from its template.
    auto at = name.find('@');
    auto of_template = at == std::string::npos ? name : name.substr(0, at + 1) + ".service";
    if (std::ranges::any_of(services, [&](const Unit& u) {
          return u.of_user == user && (u.name == name || u.name == of_template);
        }))
      continue;
    out.add(site.at(file.path, file.line_near("gateway", i, "unit")))
        .found("no {} on this node", printable(name))
        .wanted("the unit that [[gateway]] {} declares", gateway.name)
        .message("the mesh counts on a gateway here that nothing can start")
        .fix("meshops node apply, or correct `unit` in this [[gateway]]")
        .about("{}", gateway.name);
  }
}

/// A whole unit in /etc hides the one that the package brings and updates.
void shadowed(const Site& site, Findings& out) {
  for (const auto& unit : site.facts<Units>().services()) {
    if (!unit.name.starts_with("meshops-") || !unit.path.string().starts_with("/etc/systemd/system/"))
      continue;
    for (const auto* directory : {"/usr/lib/systemd/system", "/lib/systemd/system"}) {
      auto packaged = site.host().read(fs::path(directory) / unit.name);
      auto own = site.host().read(unit.path);
      if (!packaged || !own) continue;
      if (*packaged != *own)
        out.add(site.at(unit.path))
            .found("{} hides {}/{}", unit.path.string(), directory, unit.name)
            .wanted("the packaged unit, and drop-ins for what is special here")
            .message("an update of meshops brings a new unit, and this node goes on with the old one")
            .fix("move what is special to {}.d/local.conf, remove this file, systemctl daemon-reload",
                 unit.path.string())
            .about("{}", unit.name);
      break;
    }
  }
}

}  // namespace

void drift(const Site& site, Findings& out) {
  for (const auto& skip : site.facts<MeshFiles>().skips()) out.skip(skip.what, skip.reason);
  for (const auto& file : site.facts<MeshFiles>().files()) {
    version(site, file, out);
    declared_units(site, file, out);
  }
  shadowed(site, out);
}

}  // namespace meshops::audit::mesh_rules_parts
