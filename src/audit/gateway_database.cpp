#include "audit/gateway_database.h"

#include <sqlite3.h>

#include <memory>

#include "base/text.h"
#include "formats/sqlite_header.h"

namespace meshops::audit {

namespace {

/// Larger ones are judged by their header: they would have to be copied whole.
constexpr std::size_t kMostCopied = 64U << 20;

/// A hostile file could keep a check busy for ever: so many thousand steps are enough for 64 MiB.
constexpr int kSteps = 10'000;
constexpr int kMostCalls = 20'000;

int count_down(void* left) { return --*static_cast<int*>(left) <= 0 ? 1 : 0; }

}  // namespace

Result<std::string> quick_check(std::string copy) {
  auto not_judged = [](std::string_view why) {
    return fail(AuditCode::not_here, "cannot check it: {}", printable(why));
  };
  if (copy.size() < sqlite::kHeaderSize) return std::string("file is not a database");
  // A database in memory has no WAL: read as one with a rollback journal.
  copy[18] = copy[19] = 1;
  sqlite3* raw = nullptr;
  int code = ::sqlite3_open_v2(":memory:", &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, nullptr);
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> database(raw, ::sqlite3_close);
  if (code != SQLITE_OK) return not_judged("no memory for it");
  auto size = static_cast<sqlite3_int64>(copy.size());
  code = ::sqlite3_deserialize(raw, "main", reinterpret_cast<unsigned char*>(copy.data()), size, size,
                               SQLITE_DESERIALIZE_READONLY);
  if (code != SQLITE_OK) return not_judged(::sqlite3_errmsg(raw));
  int left = kMostCalls;
  ::sqlite3_progress_handler(raw, kSteps, count_down, &left);
  sqlite3_stmt* statement = nullptr;
  code = ::sqlite3_prepare_v2(raw, "PRAGMA quick_check(1)", -1, &statement, nullptr);
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> finished(statement, ::sqlite3_finalize);
  std::string said = "ok";
  if (code == SQLITE_OK) {
    code = ::sqlite3_step(statement);
    if (code == SQLITE_ROW) {
      const auto* text = ::sqlite3_column_text(statement, 0);
      said = text == nullptr ? "" : reinterpret_cast<const char*>(text);
      code = SQLITE_OK;
    }
  }
  std::string message = ::sqlite3_errmsg(raw);
  // A schema that this SQLite cannot read may be newer than it.
  if (said.starts_with("malformed database schema") || message.starts_with("malformed database schema"))
    return not_judged("its schema is newer than the SQLite that reads it");
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) return message;
  if (code != SQLITE_OK && code != SQLITE_DONE) return not_judged(message);
  return said;
}

std::optional<std::uint32_t> user_version_of(const Site& site, const std::filesystem::path& path) {
  auto head = site.host().read_part(path, 0, sqlite::kHeaderSize);
  if (!head) return std::nullopt;
  auto header = sqlite::parse_header(head->bytes);
  if (!header) return std::nullopt;
  return header->user_version;
}

Result<std::optional<std::string>> damage_of(const Site& site, const std::filesystem::path& path) {
  auto head = TRY(site.host().read_part(path, 0, sqlite::kHeaderSize));
  if (head.file.size == 0) {
    // Until the first checkpoint everything may stand in the log beside it.
    auto log = site.host().stat(path.string() + "-wal");
    if (log && log->size > 0) return std::optional<std::string>();
    return std::optional<std::string>("it has no byte");
  }
  auto header = sqlite::parse_header(head.bytes);
  if (!header) return std::optional<std::string>("its header is not that of a database");
  auto log = site.host().stat(path.string() + "-wal");
  const bool writing = log && log->size > 0;
  auto whole = std::uint64_t{header->pages} * header->page_size;
  if (!writing && header->pages != 0 && head.file.size < whole)
    return std::optional(
        fmt::format("it ends after {} of {}", bytes_text(head.file.size), bytes_text(whole)));
  if (head.file.size > kMostCopied)
    return fail(AuditCode::too_slow, "its {} are too much for a check; its header is good",
                bytes_text(head.file.size));
  if (writing)
    return fail(AuditCode::not_here,
                "part of it stands in its write-ahead log, so a copy of it alone says nothing");
  auto copy = TRY(site.host().read_part(path, 0, kMostCopied));
  auto said = TRY(quick_check(std::move(copy.bytes)));
  if (said == "ok") return std::optional<std::string>();
  // While it was read, somebody may have written: what is wrong must be wrong twice.
  auto again = TRY(site.host().read_part(path, 0, kMostCopied));
  if (again.file.modified != head.file.modified || TRY(quick_check(std::move(again.bytes))) == "ok")
    return fail(AuditCode::not_here, "it was written while it was read");
  auto first_line = said.substr(0, said.find('\n'));
  if (first_line.starts_with("***") && first_line.size() < said.size())
    first_line =
        said.substr(first_line.size() + 1, said.find('\n', first_line.size() + 1) - first_line.size() - 1);
  return std::optional(printable(first_line));
}

}  // namespace meshops::audit
