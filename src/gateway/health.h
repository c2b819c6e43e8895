// Layered health of a gateway: what each layer said, since when, how fast, and why not. A value; made by
// adapters, judged by heal, shown by status. DESIGN: process → port → live → loop → started → ready → works.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace meshops {

enum class Layer { process, port, live, loop, started, ready, works };
constexpr std::array kLayers = {Layer::process, Layer::port,  Layer::live, Layer::loop,
                                Layer::started, Layer::ready, Layer::works};
enum class LayerState {
  ok,
  failing,
  pending,         // starting: not yet, and that is fine
  unknown,         // a lower layer fails, or nothing was seen yet
  not_applicable,  // this kind of gateway has no such layer
};
std::string_view text(Layer layer);
std::string_view text(LayerState state);
std::optional<Layer> parse_layer(std::string_view name);

struct LayerHealth {
  LayerState state = LayerState::unknown;
  WallTime since{};  // when it entered this state
  std::optional<Duration> latency;
  std::string reason;  // why it is not ok, one line; empty when ok
};

struct Health {
  std::array<LayerHealth, kLayers.size()> layers;
  WallTime at{};
  /// From the gateway's own answers, when it gave them.
  std::string version;
  std::optional<Duration> uptime;
  bool draining = false;
  /// Live did not answer within the time limit although the port took the connection.
  bool silent = false;

  LayerHealth& operator[](Layer l) { return layers[static_cast<std::size_t>(l)]; }
  const LayerHealth& operator[](Layer l) const { return layers[static_cast<std::size_t>(l)]; }
  bool ok(Layer l) const { return (*this)[l].state == LayerState::ok; }
  /// The lowest layer that fails, if any does.
  std::optional<Layer> failing() const;
};

/// `next` with each layer's `since` carried over from `before` where the state has not changed.
Health carried_over(const Health& before, Health next);

}  // namespace meshops
