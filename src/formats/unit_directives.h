// Which directives systemd reads in which section of a unit file: the table of systemd 252, and what came
// later. Asked by audit rules. Pure; judges names only, never values.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "formats/unit_file.h"

namespace meshops::systemd {

/// "X-Anything", as a directive or a section, is ignored on purpose.
bool is_extension(std::string_view name);
/// Whether a unit of that type ("service", "timer"; empty: any) may have the section.
bool is_section(std::string_view section, std::string_view unit_type);
bool knows(std::string_view section, std::string_view directive);
/// Once known, now ignored wherever it stands.
bool was_removed(std::string_view directive);
/// The version that brought a directive which 252 does not know; nothing if none did.
std::optional<unsigned> since_version(std::string_view section, std::string_view directive);
std::vector<std::string_view> sections_with(std::string_view directive);
/// The directive of that section that was most likely meant.
std::optional<std::string_view> nearest_directive(std::string_view section, std::string_view directive);
/// "service" of "openclaw@a.service".
std::string_view of_type(std::string_view unit_name);
/// Other programs' files end in .service, too: those of D-Bus and of Avahi are none of systemd's.
bool looks_like_unit(std::span<const Header> headers);

}  // namespace meshops::systemd
