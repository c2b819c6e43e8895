#include "gateway/health.h"

namespace meshops {

std::string_view text(Layer layer) {
  switch (layer) {
    case Layer::process:
      return "process";
    case Layer::port:
      return "port";
    case Layer::live:
      return "live";
    case Layer::loop:
      return "loop";
    case Layer::started:
      return "started";
    case Layer::ready:
      return "ready";
    case Layer::works:
      return "works";
  }
  return "?";
}

std::string_view text(LayerState state) {
  switch (state) {
    case LayerState::ok:
      return "ok";
    case LayerState::failing:
      return "failing";
    case LayerState::pending:
      return "pending";
    case LayerState::unknown:
      return "unknown";
    case LayerState::not_applicable:
      return "not_applicable";
  }
  return "?";
}

std::optional<Layer> parse_layer(std::string_view name) {
  for (auto layer : kLayers)
    if (text(layer) == name) return layer;
  return std::nullopt;
}

std::optional<Layer> Health::failing() const {
  for (auto layer : kLayers)
    if ((*this)[layer].state == LayerState::failing) return layer;
  return std::nullopt;
}

Health carried_over(const Health& before, Health next) {
  for (auto layer : kLayers)
    if (next[layer].state == before[layer].state && before[layer].since != WallTime{})
      next[layer].since = before[layer].since;
  // A light probe does not ask for the version; a process that stayed alive in between still has the same.
  if (next.version.empty() && before.ok(Layer::live) && next.ok(Layer::live)) next.version = before.version;
  return next;
}

}  // namespace meshops
