#include "gateway/health.h"

#include <gtest/gtest.h>

namespace meshops {
namespace {

WallTime at(int seconds) { return WallTime(std::chrono::seconds(1'700'000'000 + seconds)); }

TEST(Health, EveryLayerIsReadBackFromItsName) {
  for (auto layer : kLayers) EXPECT_EQ(parse_layer(text(layer)), layer);
  EXPECT_FALSE(parse_layer("Ready").has_value());
  EXPECT_EQ(text(LayerState::not_applicable), "not_applicable");
}

TEST(Health, TheLowestFailingLayerIsTheOneToTell) {
  Health health;
  EXPECT_FALSE(health.failing().has_value());
  health[Layer::ready].state = LayerState::failing;
  health[Layer::live].state = LayerState::failing;
  EXPECT_EQ(health.failing(), Layer::live);
}

TEST(CarriedOver, ALayerKeepsItsSinceWhileItsStateStays) {
  Health before;
  Health next;
  for (auto layer : kLayers) {
    before[layer] = {LayerState::ok, at(0), std::nullopt, ""};
    next[layer] = {LayerState::ok, at(5), std::nullopt, ""};
  }
  next[Layer::ready].state = LayerState::failing;
  auto now = carried_over(before, next);
  EXPECT_EQ(now[Layer::live].since, at(0));
  EXPECT_EQ(now[Layer::ready].since, at(5));
}

TEST(CarriedOver, AVersionOutlivesALightProbeButNotADeath) {
  Health before;
  before.version = "2026.9.6";
  before[Layer::live].state = LayerState::ok;
  Health next;
  EXPECT_EQ(carried_over(before, next).version, "");
  next[Layer::live].state = LayerState::ok;
  EXPECT_EQ(carried_over(before, next).version, "2026.9.6");
}

}  // namespace
}  // namespace meshops
