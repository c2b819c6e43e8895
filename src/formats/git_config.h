// git's configuration files (git-config(1), "Syntax"), read with positions and edited without losing a
// comment. Called by rules of the audit. Pure and total: git would stop at a line it cannot read, we note it
// and go on; never follows an include.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::git {

/// One variable: branch.main.rebase is section "branch", subsection "main", key "rebase".
struct Setting {
  std::string section;     // lower case
  std::string subsection;  // as written, or lower case where it was written [section.sub]
  std::string key;         // lower case
  /// Nothing: the name stands alone, which means true.
  std::optional<std::string> value;
  std::size_t line = 1;  // of the key; both count from 1, a column is one byte
  std::size_t column = 1;
  std::size_t value_begin = 0,
              value_end = 0;  // offsets of the value as written; where it would stand if none
};

struct ConfigProblem {
  std::size_t line = 1;
  std::string what;
};

class Config {
 public:
  static Config parse(std::string_view text);

  const std::vector<Setting>& settings() const { return settings_; }
  const std::vector<ConfigProblem>& problems() const { return problems_; }
  /// The one that counts: the last. Null: not set. Section and key in lower case.
  const Setting* last(std::string_view section, std::string_view key, std::string_view subsection = "") const;
  std::optional<std::string> value(std::string_view section, std::string_view key,
                                   std::string_view subsection = "") const;
  /// yes on true 1 …, no off false 0 and the empty value, a name alone; nothing for other values or none.
  std::optional<bool> boolean(std::string_view section, std::string_view key,
                              std::string_view subsection = "") const;
  /// Line of the section's last header; 0: there is none.
  std::size_t section_line(std::string_view section, std::string_view subsection = "") const;

 private:
  friend class ConfigReader;
  struct Header {
    std::string section, subsection;
    std::size_t line = 1;
    std::size_t end = 0;  // offset behind the last line that belongs to it
  };
  friend std::string set(std::string_view text, std::string_view section, std::string_view subsection,
                         std::string_view key, std::string_view value);

  std::vector<Setting> settings_;
  std::vector<Header> headers_;
  std::vector<ConfigProblem> problems_;
};

std::optional<bool> config_boolean(const std::optional<std::string>& value);

/// The text with that variable set: the value of its last line replaced, else a line at the end of its
/// section, else a section at the end. `value` is written as it is: a word.
std::string set(std::string_view text, std::string_view section, std::string_view subsection,
                std::string_view key, std::string_view value);

}  // namespace meshops::git
