#include "gateway/turns.h"

#include <fmt/format.h>

#include <utility>

namespace meshops {

using namespace std::chrono_literals;

namespace {
constexpr auto kFailureSpeaksFor = 15min;
}

void Turns::saw(const TurnSign& sign, WallTime at, std::optional<Duration> latency) {
  using Kind = TurnSign::Kind;
  switch (sign.kind) {
    case Kind::began:
      forget();
      return;
    case Kind::succeeded:
      if (!succeeded_ || failures_ > 0) since_ = at;
      succeeded_ = true;
      failures_ = 0;
      just_failed_ = false;
      if (latency) latency_ = latency;
      break;
    case Kind::failed:
    case Kind::failed_as_told: {
      bool told = sign.kind == Kind::failed_as_told && std::exchange(just_failed_, false);
      if (told) break;
      just_failed_ = sign.kind == Kind::failed;
      if (failures_ == 0) since_ = at;
      ++failures_;
      why_ = sign.why;
      break;
    }
  }
  last_ = at;
}

LayerHealth Turns::works(WallTime now) const {
  LayerHealth layer;
  layer.since = since_;
  if (failures_ > 1 || (failures_ == 1 && !succeeded_)) {
    auto count = failures_ == 1 ? std::string("its only turn") : fmt::format("the last {} turns", failures_);
    if (now - last_ > kFailureSpeaksFor) {
      layer.since = last_;
      layer.reason = fmt::format("no turn seen for a while; {} before that failed: {}", count, why_);
    } else {
      layer.state = LayerState::failing;
      layer.reason = fmt::format("{} failed: {}", count, why_);
    }
  } else if (succeeded_) {
    layer.state = LayerState::ok;
    layer.latency = latency_;
  } else {
    layer.reason = "no turn seen since it started";
  }
  return layer;
}

}  // namespace meshops
