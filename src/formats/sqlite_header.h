// The first hundred bytes of an SQLite database (sqlite.org/fileformat2.html, section 1.3). Called by the
// audit of gateways. Pure; opens nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace meshops::sqlite {

constexpr std::size_t kHeaderSize = 100;

struct Header {
  std::uint32_t page_size = 0;  // bytes
  /// Pages that the header says the file has; 0 where it may be out of date (a writer older than 3.7).
  std::uint32_t pages = 0;
  std::uint32_t user_version = 0;
  bool wal = false;  // journal_mode=WAL
};
/// Nothing if it is no header of a database.
std::optional<Header> parse_header(std::string_view bytes);

}  // namespace meshops::sqlite
