// How far a service is fenced in, counted as `systemd-analyze security` of systemd 252 counts. Asked by
// SYS-015. Pure: reads a parsed unit, asks no kernel.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/unit_file.h"

namespace meshops::audit {

/// In tenths, as the tool prints it: 96 is "9.6 UNSAFE". `of_user`: it runs as the user whose manager keeps
/// it.
unsigned exposure(const systemd::UnitFile& service, bool of_user = false);

/// A line that would lower it, and by how much alone (in hundredths of a percent of all weights).
struct Fence {
  std::string_view line;
  unsigned lowers = 0;
};
/// Lines that an AI gateway can live with and that are not there yet, the best first. Never one that breaks a
/// JavaScript engine (MemoryDenyWriteExecute=) or its network.
std::vector<Fence> fences(const systemd::UnitFile& service, bool of_user = false);

/// System calls of x86-64, and systemd's names for groups of them.
using SystemCalls = std::bitset<512>;
/// "@swap" or "swapon"; empty if it is not known.
SystemCalls system_calls(std::string_view name);

}  // namespace meshops::audit
