#include "audit/gcp_exports.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/gcp_export.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

using json5::Value;

constexpr std::size_t kExportLimit = 64U << 20;

/// `bq show` in a loop appends one object after the other; gcloud in a loop one list after the other. A list
/// of all of them, with every line where it was.
std::string as_list(std::string_view text) {
  std::string out = "[";
  unsigned depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quoted) {
      if (c == '\\' && i + 1 < text.size())
        out += c, c = text[++i];
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (depth == 0 && out.find_first_not_of(" \t\r\n", 1) != std::string::npos) out += ',';
      ++depth;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
    out += c;
  }
  return out + "]";
}

void collect(const Value& value, std::vector<Value>& out, unsigned depth = 0) {
  constexpr unsigned kDeepest = 4;
  if (value.is_object()) out.push_back(value);
  if (value.is_array() && depth < kDeepest)
    for (const auto& item : value.items()) collect(item, out, depth + 1);
}

GcpExport read_export(const Site& site, const std::string& name) {
  GcpExport out{.file = name};
  auto text = site.host().read("/" + name, kExportLimit);
  if (!text) {
    out.problem = text.error().is("file.not_found") ? "it is not in the folder" : text.error().text();
    return out;
  }
  if (trim(*text).empty()) {
    out.problem = "it is empty: the export failed";
    return out;
  }
  auto document = json5::Document::parse(*text);
  if (!document)
    if (auto all = json5::Document::parse(as_list(*text))) document = std::move(all);
  if (!document)
    out.problem = document.error().text();
  else
    collect(document->root(), out.items);
  return out;
}

bool is_mesh_word(std::string_view text) {
  auto word = lower(text);
  return word.find("meshops") != std::string::npos || word.find("openclaw") != std::string::npos ||
         word == "mesh";
}

/// The VM says itself that it is a node.
bool labelled_as_node(const GcpInstance& vm) {
  for (const auto& label : vm.item.at("labels").members())
    if (is_mesh_word(label.key) || is_mesh_word(label.value.as_string().value_or(""))) return true;
  return std::ranges::any_of(vm.tags, is_mesh_word);
}

/// By name where some VM has it: internal addresses may be the same in two networks.
bool is_node(const GcpInstance& vm, const NodeSpec& node, bool by_name) {
  if (by_name) return vm.name == node.name;
  for (const auto& i : vm.interfaces)
    if (i.internal == node.address || std::ranges::find(i.addresses, node.address) != i.addresses.end())
      return true;
  // "claw-1.europe-west1-b.c.project.internal"
  return node.address.starts_with(vm.name + ".") && node.address.ends_with(".internal");
}

GcpInstance read_instance(const Value& item) {
  GcpInstance vm{.item = item};
  vm.name = text_of(item, "name");
  vm.zone = gcp_leaf(text_of(item, "zone"));
  vm.region = gcp_region(vm.zone);
  vm.status = text_of(item, "status");
  vm.self = text_of(item, "selfLink");
  vm.project = gcp_project(vm.self);
  if (vm.project.empty()) vm.project = gcp_project(text_of(item, "zone"));
  for (const auto& i : item.at("networkInterfaces").items()) {
    GcpInstance::Interface interface{.network = text_of(i, "network"),
                                     .subnetwork = text_of(i, "subnetwork"),
                                     .internal = text_of(i, "networkIP")};
    for (const auto& a : i.at("accessConfigs").items()) {
      interface.external = true;
      if (auto address = text_of(a, "natIP"); !address.empty()) interface.addresses.push_back(address);
    }
    vm.interfaces.push_back(std::move(interface));
  }
  for (const auto& tag : item.find("tags", "items").items()) vm.tags.push_back(tag.as_string().value_or(""));
  return vm;
}

}  // namespace

std::string text_of(const Value& value, std::string_view key) {
  return value.at(key).as_string().value_or("");
}

bool gcp_marked(const Value& item, std::string_view word) {
  for (const auto& label : item.at("labels").members()) {
    auto value = lower(label.value.as_string().value_or(""));
    if (lower(label.key).find(word) != std::string::npos && value != "false" && value != "no") return true;
    if (value.find(word) != std::string::npos) return true;
  }
  for (auto part : words(lower(text_of(item, "description"))))
    if (part == word || part == std::string(word) + ":" || part == std::string(word) + ",") return true;
  return false;
}

Where gcp_place(const Site& site, const GcpExport& from, const Value& item, std::string_view key) {
  auto name = item.at(key);
  auto at = name ? name.position() : item.position();
  return site.at("/" + from.file, at.line, at.column);
}

std::string gcp_path(std::string_view url) {
  auto projects = url.find("projects/");
  return std::string(projects == std::string_view::npos ? url : url.substr(projects));
}

std::string gcp_leaf(std::string_view url) { return std::string(url.substr(url.rfind('/') + 1)); }

std::string gcp_zone(std::string_view url) {
  for (std::string_view part : {"/zones/", "/regions/"})
    if (auto at = url.find(part); at != std::string_view::npos) {
      auto rest = url.substr(at + part.size());
      return std::string(rest.substr(0, rest.find('/')));
    }
  return "";
}

std::string gcp_region(std::string_view text) {
  auto name = gcp_zone(text);
  if (name.empty()) name = gcp_leaf(text);
  // A zone is its region and a letter.
  if (name.size() > 2 && name[name.size() - 2] == '-' && name.back() >= 'a' && name.back() <= 'z')
    name.resize(name.size() - 2);
  return name;
}

std::string gcp_project(std::string_view url) {
  auto at = url.find("projects/");
  if (at == std::string_view::npos) return "";
  auto rest = url.substr(at + 9);
  return std::string(rest.substr(0, rest.find('/')));
}

bool gcp_same(std::string_view one, std::string_view other) {
  if (one.empty() || other.empty()) return false;
  auto a = gcp_path(one), b = gcp_path(other);
  if (a == b) return true;
  if (a.find('/') == std::string::npos || b.find('/') == std::string::npos) return gcp_leaf(a) == gcp_leaf(b);
  // One of them without its project.
  return a.ends_with("/" + b) || b.ends_with("/" + a);
}

bool GcpInstance::external() const {
  return std::ranges::any_of(interfaces, [](const Interface& i) { return i.external; });
}

GcpExports GcpExports::gather(const Site& site) {
  GcpExports out;
  const std::pair<GcpExport*, const char*> kFiles[] = {{&out.instances, "instances.json"},
                                                       {&out.disks, "disks.json"},
                                                       {&out.addresses, "addresses.json"},
                                                       {&out.routers, "routers.json"},
                                                       {&out.subnets, "subnets.json"},
                                                       {&out.firewall, "firewall-rules.json"},
                                                       {&out.iam, "iam-policy.json"},
                                                       {&out.keys, "service-account-keys.json"},
                                                       {&out.tables, "tables.json"},
                                                       {&out.org_policy, "org-policy.json"},
                                                       {&out.resource_policies, "resource-policies.json"},
                                                       {&out.buckets, "buckets.json"},
                                                       {&out.networks, "networks.json"}};
  for (auto [into, name] : kFiles) *into = read_export(site, name);
  // The list of peerings is the list of networks once more.
  if (!out.networks.there())
    if (auto peerings = read_export(site, "peerings.json"); peerings.there())
      out.networks = std::move(peerings);
  out.mesh = site.mesh();
  out.mesh_known = !site.mesh().source.empty();
  if (!out.mesh_known)
    if (auto text = site.host().read("/mesh.toml"))
      if (auto mesh = parse_mesh(*text, "mesh.toml", {.root = true, .elsewhere = true})) {
        out.mesh = std::move(*mesh);
        out.mesh_known = true;
      }
  bool any_labelled = false;
  for (const auto& item : out.instances.items) {
    out.vms.push_back(read_instance(item));
    any_labelled = any_labelled || labelled_as_node(out.vms.back());
  }
  if (out.mesh_known)
    for (const auto& node : out.mesh.nodes) {
      bool by_name = std::ranges::find(out.vms, node.name, &GcpInstance::name) != out.vms.end();
      for (auto& vm : out.vms) vm.mesh = vm.mesh || is_node(vm, node, by_name);
    }
  // Without a mesh.toml the labels decide; without labels every VM of the project may be a node.
  if (!out.mesh_known)
    for (auto& vm : out.vms) vm.mesh = !any_labelled || labelled_as_node(vm);
  return out;
}

std::vector<const GcpInstance*> GcpExports::nodes() const {
  std::vector<const GcpInstance*> out;
  for (const auto& vm : vms)
    if (vm.mesh) out.push_back(&vm);
  return out;
}

bool gcp_needs(const GcpExport& file, Findings& out) {
  if (file.there()) return true;
  out.skip(file.file, fmt::format("{}; make it with: {}", file.problem, export_command(file.file)));
  return false;
}

}  // namespace meshops::audit
