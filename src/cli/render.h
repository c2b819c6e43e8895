// meshops.status/1 as a screen for people. Pure: JSON in, text out.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/time.h"

namespace meshops::cli {

struct Look {
  bool colour = false;
  std::size_t width = 100;
};
std::string render_status(const nlohmann::json& status, WallTime now, const Look& look);
/// Colour when stdout is a terminal and NO_COLOR is not set; the terminal's width.
Look look_of_stdout();

/// 0 when every gateway is ready (or was stopped by a person), else 1.
int verdict(const nlohmann::json& status);

}  // namespace meshops::cli
