#include "store/kept.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/file.h"
#include "base/text.h"

namespace meshops::store {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 30;

std::string name_of(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string name;
  for (auto byte : digest) name += fmt::format("{:02x}", byte);
  return name;
}

/// A name comes back from the ledger's JSON: it must never lead out of the directory.
bool is_name(std::string_view name) {
  return name.size() == 2 * SHA256_DIGEST_LENGTH &&
         std::ranges::all_of(name, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// What write_file_atomic() leaves if it is killed: NAME.meshops-XXXXXX.
bool is_half_written(std::string_view name) {
  return name.size() > 64 && is_name(name.substr(0, 64)) && name.substr(64).starts_with(".meshops-");
}

}  // namespace

Result<std::string> Kept::put(std::string_view bytes) const {
  auto name = name_of(bytes);
  auto path = directory_ / name;
  // Compared, not believed: a damaged copy is written anew.
  if (auto there = read_file(path, kMostBytes); there && *there == bytes) return name;
  CHECK_OK(make_directories(directory_, 0700));
  std::error_code no_room;
  auto space = fs::space(directory_, no_room);
  if (auto written = write_file_atomic(path, bytes, {.mode = 0600}); !written) {
    bool full = !no_room && space.available < bytes.size() + (64U << 10);
    return fail(error(full ? StoreCode::full : StoreCode::io,
                      "{} of a file could not be kept before its change", bytes_text(bytes.size()))
                    .because(std::move(written).error())
                    .hint("see the space and rights of {}", directory_.string()));
  }
  return name;
}

Result<std::string> Kept::get(const std::string& name) const {
  auto gone = [&] {
    return error(StoreCode::not_found, "nothing is kept under {} in {}", quote(name), directory_.string());
  };
  if (!is_name(name)) return fail(gone());
  auto bytes = read_file(directory_ / name, kMostBytes);
  if (!bytes && bytes.error().is(code_name(FileCode::not_found))) return fail(gone());
  if (!bytes) return bytes;
  if (name_of(*bytes) != name)
    return fail(StoreCode::damaged, "what is kept in {} is damaged: its bytes are not what its name says",
                (directory_ / name).string());
  return bytes;
}

Result<std::uint64_t> Kept::keep_only(const std::set<std::string>& names) const {
  std::error_code failed;
  fs::directory_iterator entries(directory_, failed);
  if (failed == std::errc::no_such_file_or_directory) return 0;
  if (failed) return fail(file_error(failed.value(), "list", directory_));
  std::uint64_t freed = 0;
  for (const auto& entry : entries) {
    auto name = entry.path().filename().string();
    if (!is_half_written(name) && (!is_name(name) || names.contains(name))) continue;
    auto bytes = entry.file_size(failed);
    if (failed) continue;
    if (fs::remove(entry.path(), failed)) freed += bytes;
    if (failed) return fail(file_error(failed.value(), "remove", entry.path()));
  }
  return freed;
}

}  // namespace meshops::store
