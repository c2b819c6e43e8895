// Which OpenClaw runs where, and on which Node.
#include <algorithm>
#include <map>
#include <set>

#include "audit/gateway_configs.h"
#include "audit/gateway_rules.h"
#include "audit/openclaw_schema.h"
#include "audit/units.h"
#include "base/text.h"
#include "formats/version_range.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

/// A version that something names, and where.
struct Named {
  std::string version;
  Where where;
  std::string who;
};

std::string leading_version(std::string_view text) {
  auto end = text.find_first_not_of("0123456789.");
  auto version = text.substr(0, end);
  while (version.ends_with('.')) version.remove_suffix(1);
  return std::string(version);
}

/// All that are not the version they should be: the pinned one, else the newest that is there.
void tell_differing(const Site& site, const std::vector<Named>& all, Findings& out) {
  std::string wanted = site.mesh().audit.gateway_version;
  const bool pinned = !wanted.empty();
  if (!pinned)
    for (const auto& named : all)
      if (wanted.empty() || compare_versions(named.version, wanted) == std::strong_ordering::greater)
        wanted = named.version;
  for (const auto& named : all) {
    if (compare_versions(named.version, wanted) == std::strong_ordering::equal) continue;
    if (!compare_versions(named.version, wanted) && named.version == wanted) continue;
    out.add(named.where)
        .found("OpenClaw {}", printable(named.version))
        .wanted("{}{}", printable(wanted), pinned ? ", which the mesh is pinned to" : ", as the others have")
        .message(
            "{} runs another version than the rest of the mesh: configurations, databases and faults differ "
            "between nodes",
            named.who)
        .fix("npm install -g openclaw@{}, then restart the gateway", printable(wanted))
        .about("{} version", named.who);
  }
}

void tell_node(Where where, const std::string& node, std::string_view range, const std::string& who,
               Findings& out) {
  out.add(std::move(where))
      .found("Node {}", printable(node))
      .wanted("{}", printable(range))
      .severity(Severity::critical)
      .message("{} cannot run on this Node: it ends within a second of every start", who)
      .fix("install a Node of {}", printable(range))
      .about("{} node", who);
}

// ---- a machine ----

fs::path followed(const Host& host, fs::path path) {
  for (int i = 0; i < 8; ++i) {
    auto target = host.read_link(path);
    if (!target) break;
    path = (path.parent_path() / *target).lexically_normal();
  }
  return path;
}

std::string define_of(std::string_view header, std::string_view name) {
  for (auto line : split(header, '\n')) {
    auto parts = words(line);
    if (parts.size() == 3 && parts[0] == "#define" && parts[1] == name) return std::string(parts[2]);
  }
  return {};
}

/// What dpkg says of an installed package: "20.19.2" of "20.19.2+dfsg-1".
std::string dpkg_version(const Host& host, std::string_view package) {
  auto status = host.read("/var/lib/dpkg/status", 64U << 20);
  if (!status) return {};
  auto at = status->find(fmt::format("\nPackage: {}\n", package));
  if (at == std::string::npos) return {};
  auto entry = std::string_view(*status).substr(at, status->find("\n\n", at) - at);
  if (entry.find("\nStatus: install ok installed") == entry.npos) return {};
  auto version = entry.find("\nVersion: ");
  if (version == entry.npos) return {};
  auto text = entry.substr(version + 10);
  text = text.substr(0, text.find('\n'));
  if (auto epoch = text.find(':'); epoch != text.npos) text = text.substr(epoch + 1);
  return leading_version(text);
}

/// The version of a Node binary, without running it: from its headers, its npm package, its folder's name, or
/// dpkg. Empty: it does not tell.
std::string node_version(const Host& host, const fs::path& program) {
  auto binary = followed(host, program);
  auto prefix = binary.parent_path().parent_path();
  if (auto header = host.read(prefix / "include/node/node_version.h", 1U << 20)) {
    auto major = define_of(*header, "NODE_MAJOR_VERSION"), minor = define_of(*header, "NODE_MINOR_VERSION"),
         patch = define_of(*header, "NODE_PATCH_VERSION");
    if (!major.empty() && !minor.empty() && !patch.empty())
      return fmt::format("{}.{}.{}", major, minor, patch);
  }
  if (auto package = host.read(prefix / "package.json", 1U << 20))
    if (auto document = json5::Document::parse(*package))
      if (auto name = document->find("name").as_string();
          name && (*name == "node" || name->starts_with("node-bin-") || name->starts_with("node-linux-")))
        return leading_version(document->find("version").as_string().value_or(""));
  for (const auto& part : binary) {
    // v24.16.0, or node-v24.16.0-linux-x64
    auto text = part.string();
    if (text.starts_with("node-")) text.erase(0, 5);
    if (text.size() > 2 && text[0] == 'v')
      if (auto version = leading_version(std::string_view(text).substr(1));
          std::ranges::count(version, '.') == 2)
        return version;
  }
  if (program == "/usr/bin/node" || program == "/usr/bin/nodejs" || program == "/bin/node")
    return dpkg_version(host, "nodejs");
  return {};
}

/// The Node that a unit's command runs on: named in it, or found on its PATH.
fs::path node_of(const Host& host, const GatewaySpec& spec) {
  if (spec.command.empty()) return {};
  fs::path first = spec.command[0];
  auto name = first.filename().string();
  if (name == "node" || name == "nodejs") return first;
  if (name != "openclaw" && name != "openclaw.mjs" && name != "env") return {};
  auto path = spec.environment.find("PATH");
  std::string search =
      path == spec.environment.end() ? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin" : path->second;
  for (auto folder : split(search, ':'))
    if (folder.starts_with('/') && host.stat(fs::path(folder) / "node")) return fs::path(folder) / "node";
  return {};
}

void of_machine(const Site& site, Findings& out) {
  std::vector<Named> named;
  std::set<std::string> packages;
  for (const auto& config : site.facts<GatewayConfigs>().all()) {
    if (!config.package) continue;
    const auto& package = *config.package;
    if (packages.insert(package.directory.string()).second)
      named.push_back(
          {package.version, site.at(package.directory / "package.json"), package.directory.string()});
    auto node = node_of(site.host(), config.spec);
    if (node.empty() || package.node_range.empty()) continue;
    auto version = node_version(site.host(), node);
    if (version.empty()) {
      out.skip(node.string(), "which version it is stands in no file");
      continue;
    }
    if (in_version_range(version, package.node_range) != false) continue;
    Where where;
    for (const auto* unit : site.facts<Units>().gateways())
      if (unit->name == config.spec.unit) where = unit->at("Service", "ExecStart");
    if (where.file.empty()) where = site.at(node);
    tell_node(std::move(where), version, package.node_range, config.spec.name, out);
  }
  tell_differing(site, named, out);
}

// ---- a folder ----

/// Every "openclaw@2026.9.6" and "openclaw:2026.9.6" of a text.
void versions_in(const Site& site, const fs::path& path, std::string_view text, std::vector<Named>& out) {
  for (std::size_t at = text.find("openclaw"); at != text.npos; at = text.find("openclaw", at + 1)) {
    auto after = at + 8;
    if (after >= text.size() || (text[after] != '@' && text[after] != ':')) continue;
    auto version = leading_version(text.substr(after + 1, 32));
    // Three numbers, of a year: anything else is a port, a tag or a path.
    if (std::ranges::count(version, '.') != 2 || !version.starts_with("20")) continue;
    auto position = json5::position_of(text, at);
    auto line = text.substr(text.rfind('\n', at) == text.npos ? 0 : text.rfind('\n', at) + 1);
    if (trim(line).starts_with('#')) continue;
    out.push_back({version, site.at(path, position.line, position.column), site.shown(path)});
  }
}

/// "node:22-slim" → "22"; empty if it is no image of Node, or of no certain version.
std::string node_image(std::string_view image) {
  auto slash = image.rfind('/');
  auto name = slash == image.npos ? image : image.substr(slash + 1);
  if (!name.starts_with("node:")) return {};
  auto version = leading_version(name.substr(5));
  auto rest = name.substr(5 + version.size());
  return version.empty() || (!rest.empty() && rest[0] != '-' && rest[0] != '@') ? std::string() : version;
}

/// Whether any release that "22" or "24.3" may stand for is in the range; nothing if that cannot be said.
std::optional<bool> may_be_in(std::string version, std::string_view range) {
  auto dots = std::ranges::count(version, '.');
  for (; dots < 2; ++dots) version += ".999";
  return in_version_range(version, range);
}

/// The newest range, for versions that have it; the others' are not known here.
bool range_known(std::string_view text) {
  std::vector<std::string> versions;
  for (std::size_t at = text.find("openclaw@"); at != text.npos; at = text.find("openclaw@", at + 1)) {
    auto version = leading_version(text.substr(at + 9, 32));
    if (!version.empty() && !version.starts_with("2026.9")) return false;
  }
  return true;
}

void of_dockerfile(const Site& site, const fs::path& path, std::string_view text, Findings& out) {
  std::size_t number = 0;
  std::string version, image;
  std::size_t from_line = 0;
  bool told = false;
  for (auto line : split(text, '\n')) {
    ++number;
    auto parts = words(line);
    if (parts.empty() || parts[0].starts_with('#')) continue;
    if (lower(parts[0]) == "from") {
      std::size_t i = 1;
      while (i < parts.size() && parts[i].starts_with("--")) ++i;
      image = i < parts.size() ? std::string(parts[i]) : "";
      version = node_image(image);
      from_line = number;
      told = false;
      continue;
    }
    if (told || version.empty() || line.find("openclaw") == line.npos || line.find("install") == line.npos)
      continue;
    if (!range_known(text) || may_be_in(version, schema::kTableNodeRange) != false) continue;
    told = true;
    tell_node(site.at(path, from_line, 1), image, schema::kTableNodeRange, "OpenClaw in this image", out);
  }
}

void of_folder(const Site& site, Findings& out) {
  std::vector<Named> named;
  for (const auto& file : site.files().all()) {
    auto name = file.path.filename().string();
    const bool manifest = name == "package.json";
    const bool dockerfile = file.kind == FileKind::dockerfile;
    if (!manifest && !dockerfile && file.kind != FileKind::compose && file.kind != FileKind::script &&
        file.kind != FileKind::unit)
      continue;
    auto text = site.host().read(file.path, 1U << 20);
    if (!text) {
      out.skip(site.shown(file.path), text.error().text());
      continue;
    }
    if (!manifest) {
      versions_in(site, file.path, *text, named);
      if (dockerfile) of_dockerfile(site, file.path, *text, out);
      continue;
    }
    auto document = json5::Document::parse(*text);
    if (!document) continue;
    auto dependency = document->find("dependencies", "openclaw");
    auto wanted = dependency.as_string();
    if (!wanted) continue;
    auto version = leading_version(*wanted);
    if (version == *wanted && std::ranges::count(version, '.') == 2) {
      auto at = dependency.position();
      named.push_back({version, site.at(file.path, at.line, at.column), site.shown(file.path)});
    }
    if (!version.empty() && !version.starts_with("2026.9")) continue;
    for (const auto* pin : {".nvmrc", ".node-version"}) {
      auto path = file.path.parent_path() / pin;
      auto node = site.host().read(path, 4096);
      if (!node) continue;
      auto line = trim(std::string_view(*node).substr(0, node->find('\n')));
      if (line.starts_with('v')) line.remove_prefix(1);
      auto number = leading_version(line);
      if (number.empty() || number != line || may_be_in(number, schema::kTableNodeRange) != false) continue;
      tell_node(site.at(path, 1, 1), number, schema::kTableNodeRange, "OpenClaw here", out);
    }
  }
  tell_differing(site, named, out);
}

void versions(const Site& site, Findings& out) { site.repo() ? of_folder(site, out) : of_machine(site, out); }

const Rule kRules[] = {
    {.id = "GW-009",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "Gateway versions differ, or the Node beneath is not supported",
     .why =
         "Nodes of different versions cannot take each other's state, and a Node outside the range ends the "
         "gateway within a second.",
     .not_when = "one version everywhere, the pinned one if there is a pin",
     .remedy = "Install one version on every node, and the Node that its package asks for.",
     .check = versions},
};

}  // namespace

std::span<const Rule> gateway_version_rules() { return kRules; }

}  // namespace meshops::audit
