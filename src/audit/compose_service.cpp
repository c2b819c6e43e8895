// How Compose puts together what several texts say of one service: what is laid over it, its own, what it
// extends (compose-spec, "Merge and override"). tests/unit/audit/compose_oracle_test.cpp asks Compose itself.
#include <algorithm>
#include <set>

#include "audit/docker_files.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

/// One step down in each layer. A !reset takes away what weaker layers say, an !override replaces it.
std::vector<ComposeValue> step(const std::vector<ComposeValue>& layers, std::string_view key) {
  std::vector<ComposeValue> out;
  for (const auto& layer : layers) {
    auto value = layer.value.at(key);
    if (!value) continue;
    if (value.tag() == "!reset") break;
    if (value.kind() != yaml::Kind::null) out.push_back({layer.file, value});
    if (value.tag() == "!override") break;
  }
  return out;
}

/// Options are for one driver: a layer that names another one than the weaker layers do takes nothing from
/// them.
void keep_one_driver(std::vector<ComposeValue>& layers) {
  auto named = layers.end();
  for (auto layer = layers.begin(); layer != layers.end(); ++layer) {
    auto driver = layer->value.at("driver").text();
    if (driver.empty()) continue;
    if (named != layers.end() && named->value.at("driver").text() != driver) {
      layers.erase(named + 1, layers.end());
      return;
    }
    named = layer;
  }
}

}  // namespace

std::vector<ComposeValue> ComposeService::layers(std::initializer_list<std::string_view> path) const {
  std::vector<ComposeValue> out = overlays;
  out.push_back({file, value});
  out.insert(out.end(), extended.begin(), extended.end());
  for (auto part : path) {
    if (part.empty()) break;
    out = step(out, part);
    if (part == "logging") keep_one_driver(out);
  }
  return out;
}

ComposeValue ComposeService::find(std::string_view wanted) const {
  std::vector<ComposeValue> here = {{file, value}};
  here.insert(here.end(), extended.begin(), extended.end());
  auto found = step(here, wanted);
  return found.empty() ? ComposeValue() : found.front();
}

ComposeValue ComposeService::effective(std::string_view wanted, std::string_view inner,
                                       std::string_view innermost, std::string_view last) const {
  auto found = layers({wanted, inner, innermost, last});
  return found.empty() ? ComposeValue() : found.front();
}

std::optional<compose::Expanded> ComposeService::text(std::string_view wanted, std::string_view inner) const {
  auto found = effective(wanted, inner);
  if (!found.value.is_scalar()) return std::nullopt;
  return compose::interpolate(found.value.text(), found.file->variables);
}

std::vector<FromFile<compose::Env>> ComposeService::environment() const {
  std::vector<FromFile<compose::Env>> out;
  std::set<std::string> seen;
  for (const auto& layer : layers({"environment"})) {
    // Of a list the last of the same name counts.
    auto variables = compose::environment(layer.value);
    std::ranges::reverse(variables);
    for (auto& variable : variables)
      if (seen.insert(variable.name).second) out.push_back({layer.file, std::move(variable)});
  }
  return out;
}

std::vector<FromFile<compose::Mount>> ComposeService::mounts() const {
  std::vector<FromFile<compose::Mount>> out;
  std::set<std::string> seen;
  for (const auto& layer : layers({"volumes"})) {
    auto mounts = compose::mounts(layer.value);
    std::ranges::reverse(mounts);
    for (auto& mount : mounts) {
      FromFile<compose::Mount> one{layer.file, std::move(mount)};
      if (seen.insert(one.text(one.piece.target)).second) out.push_back(std::move(one));
    }
  }
  return out;
}

std::vector<FromFile<compose::Port>> ComposeService::ports() const {
  std::vector<FromFile<compose::Port>> out;
  std::set<std::string> seen;
  for (const auto& layer : layers({"ports"}))
    for (auto& port : compose::ports(layer.value)) {
      FromFile<compose::Port> one{layer.file, std::move(port)};
      auto whole = fmt::format("{}:{}:{}/{}", one.piece.host_address, one.piece.host, one.piece.container,
                               one.piece.protocol);
      if (seen.insert(one.text(whole)).second) out.push_back(std::move(one));
    }
  return out;
}

std::vector<ComposeValue> ComposeService::list(std::string_view wanted) const {
  std::vector<ComposeValue> out;
  std::set<std::string> seen;
  for (const auto& layer : layers({wanted}))
    for (const auto& item : compose::list(layer.value))
      if (seen.insert(compose::interpolate(item.text(), layer.file->variables).text).second)
        out.push_back({layer.file, item});
  return out;
}

bool ComposeService::whole() const { return find("image") || find("build"); }

std::optional<compose::Expanded> ComposeService::image() const {
  auto found = find("image");
  if (!found.value.is_scalar()) return std::nullopt;
  return compose::interpolate(found.value.text(), found.file->variables);
}

}  // namespace meshops::audit
