#include "heal/node_search.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "heal/planning.h"

namespace meshops::heal {

namespace fs = std::filesystem;

std::optional<NodeVersion> parse_node_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  auto parts = split(text, '.');
  if (parts.size() > 3) return std::nullopt;
  NodeVersion version{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto number = to_number<unsigned>(parts[i]);
    if (!number) return std::nullopt;
    version[i] = *number;
  }
  return version;
}

bool fits(const NodeVersion& version, std::string_view range) {
  auto one = [&version](std::string_view comparator) {
    auto digits = comparator.find_first_of("0123456789");
    if (digits == comparator.npos) return false;
    auto sign = comparator.substr(0, digits);
    auto bound = parse_node_version(comparator.substr(digits));
    if (!bound) return false;
    if (sign == ">=") return version >= *bound;
    if (sign == ">") return version > *bound;
    if (sign == "<") return version < *bound;
    if (sign == "<=") return version <= *bound;
    if (sign == "^") return version >= *bound && version[0] == (*bound)[0];
    return (sign.empty() || sign == "=") && version == *bound;
  };
  for (std::size_t begin = 0; begin <= range.size();) {
    auto end = std::min(range.find("||", begin), range.size());
    auto all = words(range.substr(begin, end - begin));
    if (!all.empty() && std::ranges::all_of(all, one)) return true;
    begin = end + 2;
  }
  return false;
}

namespace {

nlohmann::json package(const fs::path& file, const Host& host) {
  auto bytes = host.read(file, 1U << 20);
  auto json = bytes ? nlohmann::json::parse(*bytes, nullptr, false) : nlohmann::json();
  return json.is_object() ? json : nlohmann::json::object();
}

std::string text_of(const nlohmann::json& json, const char* name) {
  auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// "#define NODE_MAJOR_VERSION 26" and so on, as every Node.js distribution brings it.
std::optional<NodeVersion> from_header(const fs::path& header, const Host& host) {
  auto bytes = host.read(header, 1U << 20);
  if (!bytes) return std::nullopt;
  constexpr std::string_view kNames[] = {"NODE_MAJOR_VERSION", "NODE_MINOR_VERSION", "NODE_PATCH_VERSION"};
  NodeVersion version{};
  unsigned seen = 0;
  for (auto line : split(*bytes, '\n')) {
    auto w = words(line);
    if (w.size() != 3 || w[0] != "#define") continue;
    for (std::size_t i = 0; i < 3; ++i)
      if (auto number = w[1] == kNames[i] ? to_number<unsigned>(w[2]) : std::nullopt)
        version[i] = *number, ++seen;
  }
  return seen == 3 ? std::optional(version) : std::nullopt;
}

fs::path followed(fs::path path, const Host& host) {
  for (int i = 0; i < 8; ++i) {
    auto target = host.read_link(path);
    if (!target) break;
    path = (path.parent_path() / *target).lexically_normal();
  }
  return path;
}

}  // namespace

std::string wanted_node(const fs::path& script, const Host& host) {
  auto directory = followed(script, host).parent_path();
  for (int up = 0; up < 4 && directory.has_relative_path(); ++up, directory = directory.parent_path()) {
    auto json = package(directory / "package.json", host);
    if (text_of(json, "name") != "openclaw") continue;
    if (auto range = text_of(json.value("engines", nlohmann::json::object()), "node"); !range.empty())
      return range;
  }
  return ">=24.16.0 <25 || >=26.1.0";
}

std::optional<NodeVersion> version_of_node(const fs::path& binary, const Host& host) {
  auto real = followed(binary, host);
  auto prefix = real.parent_path().parent_path();  // PREFIX/bin/node
  auto json = package(prefix / "package.json", host);
  if (text_of(json, "name") == "node") return parse_node_version(text_of(json, "version"));
  if (auto version = from_header(prefix / "include" / "node" / "node_version.h", host)) return version;
  // "v26.10.0" of nvm, "node-v26.10.0-linux-x64" of a tarball
  const auto name = prefix.filename().string();
  for (auto part : split(name, '-'))
    if (part.starts_with('v'))
      if (auto version = parse_node_version(part)) return version;
  return std::nullopt;
}

std::optional<fs::path> find_node(const Patient& patient, const Host& host, std::string_view range) {
  std::vector<fs::path> candidates = {"/usr/local/bin/node", "/usr/bin/node", "/usr/bin/nodejs"};
  auto each = [&](const fs::path& directory, const fs::path& inside) {
    for (const auto& name : host.list(directory).value_or(std::vector<std::string>{}))
      candidates.push_back(directory / name / inside);
  };
  each("/opt", "bin/node");
  each("/usr/local", "bin/node");
  each("/var/lib/meshops/openclaw", "node_modules/node/bin/node");
  if (!patient.owner.home.empty()) each(patient.owner.home / ".nvm/versions/node", "bin/node");
  for (fs::path prefix : {"/usr/lib", "/usr/local/lib"})
    candidates.push_back(prefix / "node_modules/node/bin/node");

  std::optional<std::pair<NodeVersion, fs::path>> best;
  for (const auto& candidate : candidates) {
    auto info = host.stat(followed(candidate, host));
    if (!info || info->kind != FileInfo::Kind::regular || (info->mode & 0111U) == 0) continue;
    // A service must not run what somebody else can write.
    if ((info->mode & 022U) != 0 || (info->uid != 0 && info->uid != patient.owner.uid)) continue;
    auto version = version_of_node(candidate, host);
    if (!version || !fits(*version, range)) continue;
    if (!best || *version > best->first) best = {*version, candidate};
  }
  return best ? std::optional(best->second) : std::nullopt;
}

}  // namespace meshops::heal
