// What OpenClaw's own log lines mean (2026.9). Pure. Source: seen by experiment, both console styles.
#pragma once

#include <optional>

#include "formats/journal_line.h"
#include "gateway/complaints.h"
#include "gateway/turns.h"

namespace meshops::openclaw {

/// What the line says about a turn; nothing for all others. A model's answer is printed there too, so a line
/// may be forged by whoever talks to the bot: good enough for a light on the screen, never for a restart.
std::optional<TurnSign> turn_sign(const journal::LogLine& line);

/// Which part of the gateway the line says to fail, also of what systemd writes about its unit.
std::optional<Complaint> complaint(const journal::LogLine& line);

}  // namespace meshops::openclaw
