#include "formats/sqlite_header.h"

namespace meshops::sqlite {

namespace {

std::uint32_t big_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace

std::optional<Header> parse_header(std::string_view bytes) {
  constexpr std::string_view kMagic("SQLite format 3\0", 16);
  if (bytes.size() < kHeaderSize || !bytes.starts_with(kMagic)) return std::nullopt;
  Header header;
  header.page_size = big_endian(bytes, 16, 2);
  if (header.page_size == 1) header.page_size = 65536;
  const bool power_of_two = (header.page_size & (header.page_size - 1)) == 0;
  if (header.page_size < 512 || !power_of_two) return std::nullopt;
  header.wal = bytes[19] == 2;
  header.user_version = big_endian(bytes, 60, 4);
  // The size in pages holds only if it was written with the last change.
  if (big_endian(bytes, 24, 4) == big_endian(bytes, 92, 4)) header.pages = big_endian(bytes, 28, 4);
  return header;
}

}  // namespace meshops::sqlite
