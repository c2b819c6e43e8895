#include "store/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/fd.h"
#include "base/file.h"
#include "base/time.h"

namespace meshops::store {

namespace fs = std::filesystem;

namespace {

constexpr const char* kLedgerTables = R"(
CREATE TABLE entries(
  id INTEGER PRIMARY KEY AUTOINCREMENT, gateway TEXT NOT NULL, cause TEXT NOT NULL, score REAL NOT NULL,
  remedy TEXT NOT NULL, sentence TEXT NOT NULL, evidence TEXT NOT NULL, incident TEXT NOT NULL,
  actor TEXT NOT NULL, began_ms INTEGER NOT NULL, ended_ms INTEGER, verdict TEXT NOT NULL, note TEXT NOT NULL
) STRICT;
CREATE INDEX entries_of_gateway ON entries(gateway, id);
CREATE TABLE steps(
  id INTEGER PRIMARY KEY AUTOINCREMENT, entry INTEGER NOT NULL REFERENCES entries(id) ON DELETE CASCADE,
  number INTEGER NOT NULL, action TEXT NOT NULL, words TEXT NOT NULL, deed TEXT NOT NULL,
  at_ms INTEGER NOT NULL, took_ns INTEGER NOT NULL, error TEXT NOT NULL
) STRICT;
CREATE INDEX steps_of_entry ON steps(entry, number);
CREATE TABLE messages(
  id INTEGER PRIMARY KEY AUTOINCREMENT, recipient TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
  stands_for INTEGER NOT NULL, queued_ms INTEGER NOT NULL, tries INTEGER NOT NULL, next_try_ms INTEGER,
  state TEXT NOT NULL, settled_ms INTEGER, last_error TEXT NOT NULL
) STRICT;
CREATE INDEX messages_of_recipient ON messages(recipient, key, queued_ms);
CREATE INDEX messages_waiting ON messages(id) WHERE state = 'waiting';
)";

/// Laid by beside the database, given back when the disk is full: so that what is done against the full disk
/// can still be written down. A treatment takes some 20 KiB.
constexpr off_t kSpareBytes = 256 << 10;
fs::path spare_of(const fs::path& file) { return file.string() + ".spare"; }

/// As another process, or another connection of this one, would see it: nobody else has the file open.
/// Through SQLite's own locks, because closing a descriptor of ours would drop those of the whole process.
bool alone(sqlite3* handle) {
  sqlite3_file* file = nullptr;
  if (::sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file)) !=
          SQLITE_OK ||
      file == nullptr || file->pMethods == nullptr)
    return false;
  constexpr int kShared = 1, kExclusive = 4;  // SQLITE_LOCK_*
  return file->pMethods->xLock(file, kShared) == SQLITE_OK &&
         file->pMethods->xLock(file, kExclusive) == SQLITE_OK;
}

std::string stamp(WallTime now) {
  auto text = iso8601(std::chrono::floor<std::chrono::seconds>(now));  // 2026-11-24T05:40:00.000Z
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text.substr(0, 15) + "Z";
}

class Prepared {
 public:
  Prepared(sqlite3* handle, std::string_view sql) {
    ::sqlite3_prepare_v2(handle, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  ~Prepared() { ::sqlite3_finalize(statement_); }
  explicit operator bool() const { return statement_ != nullptr; }
  sqlite3_stmt* get() const { return statement_; }

  bool bind(std::initializer_list<Value> values) {
    int at = 0;
    for (const auto& value : values) {
      ++at;
      int code = SQLITE_OK;  // monostate: a parameter is NULL until it is bound
      if (const auto* number = std::get_if<std::int64_t>(&value))
        code = ::sqlite3_bind_int64(statement_, at, *number);
      else if (const auto* real = std::get_if<double>(&value))
        code = ::sqlite3_bind_double(statement_, at, *real);
      else if (const auto* text = std::get_if<std::string_view>(&value))
        // SQLITE_STATIC: the caller's texts live until the statement has run. An empty view may point
        // nowhere, which SQLite would take for NULL.
        code = ::sqlite3_bind_text64(statement_, at, text->empty() ? "" : text->data(), text->size(),
                                     SQLITE_STATIC, SQLITE_UTF8);
      if (code != SQLITE_OK) return false;
    }
    return true;
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace

// "mshp". A later version of the tables adds its steps to make_tables().
const Schema kLedgerSchema{
    .what = "ledger", .application = 0x6d736870, .version = 1, .tables = kLedgerTables, .spare = true};

bool Row::null(int column) const { return ::sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::int64_t Row::number(int column) const { return ::sqlite3_column_int64(statement_, column); }
double Row::real(int column) const { return ::sqlite3_column_double(statement_, column); }
std::string Row::text(int column) const {
  const auto* bytes = ::sqlite3_column_text(statement_, column);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(::sqlite3_column_bytes(statement_, column))};
}

Database::~Database() { ::sqlite3_close_v2(handle_); }

Result<std::unique_ptr<Database>> Database::open(const fs::path& file, For use, const Schema& schema) {
  auto opened = connect(file, use, schema);
  if (opened || use == For::reader || !opened.error().is(code_name(StoreCode::damaged))) return opened;

  // A connection of its own, that has read nothing: to hold the lock while the file is moved away.
  sqlite3* raw = nullptr;
  ::sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::string name;
  auto moved = Database(file, raw, schema).set_aside(name);
  if (!moved) return fail(std::move(moved).error().because(std::move(opened).error()));
  auto fresh = TRY(connect(file, use, schema));
  fresh->note_ = fmt::format("{} was damaged ({}); it was set aside as {} and a new one begun", file.string(),
                             opened.error().text(), name);
  return fresh;
}

Result<std::unique_ptr<Database>> Database::connect(const fs::path& file, For use, const Schema& schema) {
  if (use == For::agent) {
    CHECK_OK(make_directories(file.parent_path(), 0700));
    // Not by SQLite, whose umask-made file others could read for a moment. Its -wal and -shm take the same
    // mode.
    Fd made(::open(file.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
    if (!made && errno != EEXIST)
      return fail(error(StoreCode::cannot_open, "the {} cannot be kept in {}", schema.what, file.string())
                      .because(file_error(errno, "make", file)));
  } else if (std::error_code ignored; !fs::exists(file, ignored)) {
    return fail(StoreCode::not_found, "there is no {} at {} yet", schema.what, file.string());
  }
  sqlite3* raw = nullptr;
  int code = ::sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(file, raw, schema));
  if (raw == nullptr) return fail(StoreCode::io, "cannot open {}: no memory", file.string());
  ::sqlite3_extended_result_codes(raw, 1);
  if (code != SQLITE_OK) return fail(database->failure("open"));
  CHECK_OK(database->prepare_for_use(use));
  return database;
}

Status Database::prepare_for_use(For use) {
  ::sqlite3_busy_timeout(handle_, 2000);
  // Until we know that the file is ours, it is not so much as checkpointed.
  ::sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  CHECK_OK(check_owner());
  if (use == For::reader) return run("PRAGMA query_only = ON");

  ::sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  // The agent stays small: 128 KiB of pages, none mapped, and a log that is folded back at 1 MiB. FULL: a
  // commit returns when its bytes are on the disk, also in WAL mode.
  for (const char* pragma : {"PRAGMA mmap_size = 0", "PRAGMA cache_size = -128", "PRAGMA temp_store = MEMORY",
                             "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
                             "PRAGMA foreign_keys = ON", "PRAGMA wal_autocheckpoint = 256",
                             "PRAGMA journal_size_limit = 1048576", "PRAGMA trusted_schema = OFF"})
    CHECK_OK(each(pragma, {}, [](const Row&) {}));
  std::string health;
  CHECK_OK(each("PRAGMA quick_check(1)", {}, [&](const Row& row) { health = row.text(0); }));
  if (health != "ok") return fail(StoreCode::damaged, "{} is damaged: {}", file_.string(), health);
  CHECK_OK(make_tables());
  lay_by_spare();
  return ok();
}

Status Database::check_owner() {
  std::int64_t application = 0, version = 0, tables = 0;
  CHECK_OK(each("PRAGMA application_id", {}, [&](const Row& row) { application = row.number(0); }));
  CHECK_OK(each("PRAGMA user_version", {}, [&](const Row& row) { version = row.number(0); }));
  CHECK_OK(each("SELECT count(*) FROM sqlite_schema", {}, [&](const Row& row) { tables = row.number(0); }));
  if (application == 0 && version == 0 && tables == 0) return ok();  // just made
  if (application != schema_.application)
    return fail(error(StoreCode::cannot_open, "{} is the database of another program and was not touched",
                      file_.string())
                    .hint("move it elsewhere, or give [agent] another state_dir"));
  if (version < 1)
    return fail(StoreCode::damaged, "{} is damaged: it says version {}", file_.string(), version);
  if (version > schema_.version)
    return fail(
        error(StoreCode::newer,
              "{} was written by a newer meshops (version {} of its tables, this one knows {}) "
              "and was not touched",
              file_.string(), version, schema_.version)
            .hint("install the newer meshops again, or move the file away to begin a new {}", schema_.what));
  return ok();
}

Status Database::make_tables() {
  std::int64_t version = 0;
  // Asked again inside the transaction: two may have opened a new file at once.
  return write([&]() -> Status {
    CHECK_OK(each("PRAGMA user_version", {}, [&](const Row& row) { version = row.number(0); }));
    if (version == schema_.version) return ok();
    auto sql = fmt::format("{}PRAGMA application_id = {};PRAGMA user_version = {};", schema_.tables,
                           schema_.application, schema_.version);
    if (::sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
      return fail(failure("make the tables of"));
    return ok();
  });
}

Status Database::set_aside(std::string& name) {
  if (!alone(handle_))
    return fail(
        error(StoreCode::damaged, "{} is damaged and still in use, so it was not set aside", file_.string())
            .hint("end the other meshops first: systemctl stop meshops-agent"));
  name = file_.string() + ".damaged-" + stamp(SystemClock().wall());
  std::error_code ignored;
  while (fs::exists(name, ignored)) name += "+";
  // The log first: a database without its log only misses its newest entries, but a new one must not find an
  // old log.
  if (::rename((file_.string() + "-wal").c_str(), (name + "-wal").c_str()) != 0 && errno != ENOENT)
    return fail(file_error(errno, "set aside the log of", file_));
  ::unlink((file_.string() + "-shm").c_str());
  if (::rename(file_.c_str(), name.c_str()) != 0) return fail(file_error(errno, "set aside", file_));
  return ok();
}

Result<std::int64_t> Database::insert(std::string_view sql, std::initializer_list<Value> values) {
  if (TRY(change(sql, values)) == 0)
    return fail(StoreCode::not_found, "{} has nothing that this belongs to", file_.string());
  return ::sqlite3_last_insert_rowid(handle_);
}

Status Database::together(const std::function<Status()>& changes) { return write(changes); }

Result<std::size_t> Database::change(std::string_view sql, std::initializer_list<Value> values) {
  std::size_t rows = 0;
  auto done = write([&] {
    auto ran = run(sql, values);
    rows = static_cast<std::size_t>(::sqlite3_changes64(handle_));
    return ran;
  });
  if (!done) return fail(std::move(done).error());
  return rows;
}

Status Database::write(const std::function<Status()>& work) {
  auto done = attempt(work);
  if (!done && done.error().is(code_name(StoreCode::full)) && give_back_spare()) done = attempt(work);
  if (done) lay_by_spare();
  return done;
}

Status Database::attempt(const std::function<Status()>& work) {
  if (::sqlite3_get_autocommit(handle_) == 0) return work();  // inside together()
  CHECK_OK(run("BEGIN IMMEDIATE"));
  auto done = work();
  if (done) done = run("COMMIT");
  // SQLite has rolled back by itself after some failures, and says so.
  if (!done && ::sqlite3_get_autocommit(handle_) == 0)
    ::sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  return done;
}

Status Database::run(std::string_view sql, std::initializer_list<Value> values) {
  Prepared statement(handle_, sql);
  if (!statement || !statement.bind(values)) return fail(failure("write"));
  int code = ::sqlite3_step(statement.get());
  if (code != SQLITE_DONE && code != SQLITE_ROW) return fail(failure("write"));
  return ok();
}

Status Database::each(std::string_view sql, std::initializer_list<Value> values,
                      const std::function<void(const Row&)>& row) const {
  Prepared statement(handle_, sql);
  if (!statement || !statement.bind(values)) return fail(failure("read"));
  while (true) {
    int code = ::sqlite3_step(statement.get());
    if (code == SQLITE_DONE) return ok();
    if (code != SQLITE_ROW) return fail(failure("read"));
    row(Row(statement.get()));
  }
}

Error Database::failure(std::string_view doing) const {
  int code = ::sqlite3_extended_errcode(handle_), system = ::sqlite3_system_errno(handle_);
  auto sentence = [&](StoreCode kind) {
    std::string why = ::sqlite3_errmsg(handle_);
    if (kind == StoreCode::io && system != 0) why += ": " + std::generic_category().message(system);
    return error(kind, "cannot {} {}: {}", doing, file_.string(), why);
  };
  switch (code & 0xff) {
    case SQLITE_FULL:
      return sentence(StoreCode::full)
          .hint("free some space on its disk: df -h {}", file_.parent_path().string());
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:  // our statements are right, so the tables they speak of are not
      return sentence(StoreCode::damaged)
          .hint("the agent sets it aside when it starts: systemctl restart meshops-agent");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return sentence(StoreCode::busy).hint("another program holds it; who: fuser -v {}", file_.string());
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      // Whatever was being done: SQLite writes to its index even when it reads.
      return error(StoreCode::cannot_open, "cannot open {} for writing: {}", file_.string(),
                   ::sqlite3_errmsg(handle_))
          .hint("it and its directory must belong to whom meshops runs as: ls -la {}",
                file_.parent_path().string());
    case SQLITE_IOERR:
      if (system == ENOSPC || system == EDQUOT || code == SQLITE_IOERR_SHMSIZE)
        return sentence(StoreCode::full)
            .hint("free some space on its disk: df -h {}", file_.parent_path().string());
      return sentence(StoreCode::io);
    default:
      return sentence(StoreCode::io);
  }
}

bool Database::give_back_spare() { return ::unlink(spare_of(file_).c_str()) == 0; }

void Database::lay_by_spare() {
  if (!schema_.spare) return;
  struct stat st{};
  auto path = spare_of(file_);
  if (::lstat(path.c_str(), &st) == 0 && st.st_size >= kSpareBytes) return;
  // Not while the disk is full: what was just given back is needed by others as well.
  struct statvfs disk{};
  if (::statvfs(file_.parent_path().c_str(), &disk) != 0 ||
      disk.f_bavail * disk.f_frsize < std::uint64_t{kSpareBytes} * 4)
    return;
  // A failure is no harm: there is no spare then.
  Fd fd(::open(path.c_str(), O_CREAT | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600));
  if (fd && ::posix_fallocate(fd.get(), 0, kSpareBytes) != 0) ::unlink(path.c_str());
}

}  // namespace meshops::store
