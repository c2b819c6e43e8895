#include "store/access_log.h"

#include <algorithm>

#include "store/database.h"

namespace meshops::store {

namespace {

// "mshr", for readers. An unknown user is -1, because NULLs differ from each other in an index.
const Schema kSchema{.what = "log of accesses", .application = 0x6d736872, .version = 1, .tables = R"(
CREATE TABLE readings(
  id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL, uid INTEGER NOT NULL, login INTEGER NOT NULL,
  exe TEXT NOT NULL, comm TEXT NOT NULL, cgroup TEXT NOT NULL, hour INTEGER NOT NULL, pid INTEGER NOT NULL,
  start_ticks INTEGER NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, times INTEGER NOT NULL,
  was_read INTEGER NOT NULL, UNIQUE(hour, file, uid, login, exe, comm, cgroup)
) STRICT;
CREATE INDEX readings_by_time ON readings(last_ms);
CREATE TABLE gaps(
  id INTEGER PRIMARY KEY AUTOINCREMENT, from_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, why TEXT NOT NULL
) STRICT;
CREATE TABLE watch(id INTEGER PRIMARY KEY CHECK(id = 1), alive_ms INTEGER NOT NULL) STRICT;
)"};

std::int64_t ms(WallTime time) { return time.time_since_epoch().count(); }
WallTime wall(std::int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }
std::int64_t number(const std::optional<uid_t>& id) { return id ? std::int64_t{*id} : -1; }
std::optional<uid_t> user(std::int64_t number) {
  return number < 0 ? std::nullopt : std::optional(static_cast<uid_t>(number));
}

Reading reading_of(const Row& row) {
  return {.file = row.text(0),
          .uid = user(row.number(1)),
          .login = user(row.number(2)),
          .exe = row.text(3),
          .comm = row.text(4),
          .cgroup = row.text(5),
          .pid = static_cast<pid_t>(row.number(6)),
          .start_ticks = static_cast<std::uint64_t>(row.number(7)),
          .first = wall(row.number(8)),
          .last = wall(row.number(9)),
          .times = static_cast<std::uint64_t>(row.number(10)),
          .read = row.number(11) != 0};
}

class SqliteAccessLog final : public AccessLog {
 public:
  explicit SqliteAccessLog(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  const std::string& note() const override { return database_->note(); }

  Status add(const std::vector<Reading>& readings, const std::vector<AccessGap>& gaps) override {
    return database_->together([&]() -> Status {
      for (const auto& reading : readings) CHECK_OK(add(reading));
      for (const auto& gap : gaps)
        TRY(database_->insert("INSERT INTO gaps(from_ms, until_ms, why) VALUES(?1, ?2, ?3)",
                              {ms(gap.from), ms(gap.until), gap.why}));
      return ok();
    });
  }

  Status alive(WallTime now) override {
    TRY(
        database_->change("INSERT INTO watch(id, alive_ms) VALUES(1, ?1) "
                          "ON CONFLICT(id) DO UPDATE SET alive_ms = excluded.alive_ms",
                          {ms(now)}));
    return ok();
  }
  Result<std::optional<WallTime>> last_alive() const override {
    std::optional<WallTime> out;
    CHECK_OK(database_->each("SELECT alive_ms FROM watch", {},
                             [&](const Row& row) { out = wall(row.number(0)); }));
    return out;
  }

  Result<std::vector<Reading>> list(const Query& query) const override {
    std::vector<Reading> out;
    CHECK_OK(database_->each(
        "SELECT file, uid, login, exe, comm, cgroup, pid, start_ticks, first_ms, last_ms, times, was_read "
        "FROM readings WHERE (?1 = '' OR file = ?1) AND last_ms >= ?2 ORDER BY last_ms DESC, id DESC LIMIT "
        "?3",
        {query.file.native(), query.since ? ms(*query.since) : INT64_MIN,
         static_cast<std::int64_t>(query.at_most)},
        [&](const Row& row) { out.push_back(reading_of(row)); }));
    return out;
  }
  Result<std::vector<AccessGap>> gaps(std::optional<WallTime> since, std::size_t at_most) const override {
    std::vector<AccessGap> out;
    CHECK_OK(database_->each(
        "SELECT from_ms, until_ms, why FROM gaps WHERE until_ms >= ?1 ORDER BY until_ms DESC, id DESC LIMIT "
        "?2",
        {since ? ms(*since) : INT64_MIN, static_cast<std::int64_t>(at_most)},
        [&](const Row& row) { out.push_back({wall(row.number(0)), wall(row.number(1)), row.text(2)}); }));
    return out;
  }

  Result<std::size_t> forget(WallTime before, std::size_t most) override {
    std::size_t gone = 0;
    auto done = database_->together([&]() -> Status {
      gone = TRY(database_->change("DELETE FROM readings WHERE last_ms < ?1", {ms(before)}));
      TRY(database_->change("DELETE FROM gaps WHERE until_ms < ?1", {ms(before)}));
      // A gap for each minute of trouble would grow without end, too.
      TRY(database_->change("DELETE FROM gaps WHERE id <= (SELECT max(id) FROM gaps) - ?1",
                            {static_cast<std::int64_t>(most)}));
      // The newest of those that must go before their time; nothing if all have room.
      std::optional<std::int64_t> last;
      CHECK_OK(
          database_->each("SELECT last_ms FROM readings ORDER BY last_ms DESC, id DESC LIMIT 1 OFFSET ?1",
                          {static_cast<std::int64_t>(most)}, [&](const Row& row) { last = row.number(0); }));
      if (!last) return ok();
      std::int64_t first = *last;
      CHECK_OK(database_->each("SELECT min(first_ms) FROM readings", {},
                               [&](const Row& row) { first = row.number(0); }));
      auto early = TRY(database_->change("DELETE FROM readings WHERE last_ms <= ?1", {*last}));
      gone += early;
      auto why = fmt::format("{} entries were forgotten early: more than {} had come together", early, most);
      TRY(database_->insert("INSERT INTO gaps(from_ms, until_ms, why) VALUES(?1, ?2, ?3)",
                            {first, *last, why}));
      return ok();
    });
    if (!done) return fail(std::move(done).error());
    return gone;
  }

 private:
  Status add(const Reading& r) {
    auto hour = std::chrono::floor<std::chrono::hours>(r.first).time_since_epoch().count();
    TRY(database_->change(
        "INSERT INTO readings(file, uid, login, exe, comm, cgroup, hour, pid, start_ticks, first_ms, "
        "last_ms, "
        "times, was_read) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) "
        "ON CONFLICT(hour, file, uid, login, exe, comm, cgroup) DO UPDATE SET pid = excluded.pid, "
        "start_ticks = excluded.start_ticks, first_ms = min(first_ms, excluded.first_ms), "
        "last_ms = max(last_ms, excluded.last_ms), times = times + excluded.times, "
        "was_read = max(was_read, excluded.was_read)",
        {r.file.native(), number(r.uid), number(r.login), r.exe, r.comm, r.cgroup,
         static_cast<std::int64_t>(hour), std::int64_t{r.pid}, static_cast<std::int64_t>(r.start_ticks),
         ms(r.first), ms(r.last), static_cast<std::int64_t>(r.times), std::int64_t{r.read ? 1 : 0}}));
    return ok();
  }

  std::unique_ptr<Database> database_;
};

}  // namespace

Result<std::unique_ptr<AccessLog>> AccessLog::open(const std::filesystem::path& file) {
  return std::make_unique<SqliteAccessLog>(TRY(Database::open(file, Database::For::agent, kSchema)));
}
Result<std::unique_ptr<const AccessLog>> AccessLog::read(const std::filesystem::path& file) {
  return std::make_unique<const SqliteAccessLog>(TRY(Database::open(file, Database::For::reader, kSchema)));
}

}  // namespace meshops::store
