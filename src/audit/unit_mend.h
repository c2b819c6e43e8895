// Mends of unit files: lines set, added or moved, every other byte left alone. Called by rules; writes
// nothing itself.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/units.h"

namespace meshops::audit {

struct Setting {
  std::string_view section, key;
  std::string value;
};

/// Gives the unit all of these, each instead of what counted before.
Mend set_directives(const Site& site, const Unit& unit, std::span<const Setting> settings);
/// Adds to what is there: for After=, Wants= and other lists.
Mend add_directives(const Site& site, const Unit& unit, std::span<const Setting> settings);

/// The text with the assignment's lines (its continuations too) taken out of where they stand and put, as
/// they are, at the end of the section; the section is made above the one they stood in if there is none.
/// With `drop` they only go.
std::string move_assignment(std::string_view text, const systemd::UnitFile& file,
                            const systemd::Assignment& what, std::string_view to_section, bool drop);

/// systemctl for the system manager, or for that user's.
std::vector<std::string> systemctl(const std::optional<Account>& manager, std::vector<std::string> rest);
/// The same as one line for people.
std::string systemctl_text(const std::optional<Account>& manager, std::vector<std::string> rest);
/// Whose manager the unit belongs to, as far as that is known.
std::optional<Account> manager_of(const Unit& unit);
/// Adds daemon-reload on a live machine.
void reload_after(const Site& site, const std::optional<Account>& manager, Mend& mend);

}  // namespace meshops::audit
