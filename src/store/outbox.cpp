#include "store/outbox.h"

#include <algorithm>
#include <array>

#include "store/database.h"

namespace meshops::store {

namespace {

constexpr std::array<std::string_view, 3> kStates = {"waiting", "sent", "dropped"};

std::int64_t ms(WallTime time) { return time.time_since_epoch().count(); }
WallTime wall(std::int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }

Message message_of(const Row& row) {
  return {.id = row.number(0),
          .to = row.text(1),
          .key = row.text(2),
          .body = row.text(3),
          .stands_for = static_cast<unsigned>(row.number(4)),
          .queued = wall(row.number(5)),
          .tries = static_cast<unsigned>(row.number(6)),
          .next_try = row.null(7) ? std::nullopt : std::optional(wall(row.number(7))),
          .last_error = row.text(8)};
}
// A macro, because it is joined with other literals.
#define MESHOPS_MESSAGE_COLUMNS \
  "id, recipient, key, body, stands_for, queued_ms, tries, next_try_ms, last_error"

class SqliteOutbox final : public Outbox {
 public:
  explicit SqliteOutbox(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  Result<std::int64_t> put(const Message& message) override {
    return database_->insert(
        "INSERT INTO messages(recipient, key, body, stands_for, queued_ms, tries, next_try_ms, state, "
        "last_error) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waiting', ?8)",
        {message.to, message.key, message.body, std::int64_t{message.stands_for}, ms(message.queued),
         std::int64_t{message.tries}, message.next_try ? Value(ms(*message.next_try)) : Value(),
         message.last_error});
  }

  Result<std::vector<Message>> due(WallTime now, std::size_t at_most) const override {
    return messages("SELECT " MESHOPS_MESSAGE_COLUMNS
                    " FROM messages WHERE state = 'waiting' AND (next_try_ms IS NULL OR next_try_ms <= ?1 OR "
                    "next_try_ms > ?2) ORDER BY id LIMIT ?3",
                    {ms(now), ms(now + std::chrono::duration_cast<std::chrono::milliseconds>(kLongestWait)),
                     static_cast<std::int64_t>(at_most)});
  }

  Status sent(std::int64_t message, WallTime at) override {
    return settle(message,
                  "UPDATE messages SET state = 'sent', tries = tries + 1, settled_ms = ?2, last_error = '' "
                  "WHERE id = ?1 AND state = 'waiting'",
                  {message, ms(at)});
  }
  Status failed(std::int64_t message, std::string_view why, WallTime next_try) override {
    return settle(message,
                  "UPDATE messages SET tries = tries + 1, last_error = ?2, next_try_ms = ?3 "
                  "WHERE id = ?1 AND state = 'waiting'",
                  {message, why, ms(next_try)});
  }
  Status drop(std::int64_t message, std::string_view why, WallTime at) override {
    return settle(message,
                  "UPDATE messages SET state = 'dropped', settled_ms = ?3, last_error = ?2 "
                  "WHERE id = ?1 AND state = 'waiting'",
                  {message, why, ms(at)});
  }

  Result<std::optional<WallTime>> last(const std::string& to, const std::string& key) const override {
    return newest(
        "SELECT max(queued_ms) FROM messages WHERE recipient = ?1 AND key = ?2 AND state <> 'dropped'",
        {to, key});
  }
  Result<std::optional<WallTime>> last_of(const std::string& to, const std::string& prefix) const override {
    return newest(
        "SELECT max(queued_ms) FROM messages WHERE recipient = ?1 AND substr(key, 1, length(?2)) = ?2 "
        "AND state <> 'dropped'",
        {to, prefix});
  }

  Result<std::vector<WallTime>> queued_since(const std::string& to, WallTime since) const override {
    std::vector<WallTime> out;
    CHECK_OK(
        database_->each("SELECT queued_ms FROM messages WHERE recipient = ?1 AND queued_ms >= ?2 "
                        "AND state <> 'dropped' ORDER BY queued_ms",
                        {to, ms(since)}, [&](const Row& row) { out.push_back(wall(row.number(0))); }));
    return out;
  }

  Result<std::vector<Message>> waiting(std::size_t at_most) const override {
    return messages("SELECT " MESHOPS_MESSAGE_COLUMNS
                    " FROM messages WHERE state = 'waiting' ORDER BY id LIMIT ?1",
                    {static_cast<std::int64_t>(at_most)});
  }

  Result<std::optional<Delivery>> last_settled(const std::string& to) const override {
    std::optional<Delivery> out;
    CHECK_OK(database_->each("SELECT " MESHOPS_MESSAGE_COLUMNS
                             ", state, settled_ms FROM messages WHERE recipient = ?1 "
                             "AND state <> 'waiting' ORDER BY settled_ms DESC, id DESC LIMIT 1",
                             {to}, [&](const Row& row) {
                               auto state = std::ranges::find(kStates, row.text(9)) - kStates.begin();
                               out = Delivery{message_of(row), static_cast<Delivery::State>(state),
                                              wall(row.number(10))};
                             }));
    return out;
  }

  Result<std::size_t> forget_before(WallTime time) override {
    return database_->change("DELETE FROM messages WHERE state <> 'waiting' AND settled_ms < ?1", {ms(time)});
  }

 private:
  Status settle(std::int64_t id, std::string_view sql, std::initializer_list<Value> values) {
    if (TRY(database_->change(sql, values)) == 0)
      return fail(StoreCode::not_found, "no message {} waits in the outbox", id);
    return ok();
  }
  Result<std::vector<Message>> messages(std::string_view sql, std::initializer_list<Value> values) const {
    std::vector<Message> out;
    CHECK_OK(database_->each(sql, values, [&](const Row& row) { out.push_back(message_of(row)); }));
    return out;
  }
  Result<std::optional<WallTime>> newest(std::string_view sql, std::initializer_list<Value> values) const {
    std::optional<WallTime> out;
    CHECK_OK(database_->each(sql, values, [&](const Row& row) {
      if (!row.null(0)) out = wall(row.number(0));
    }));
    return out;
  }

  std::unique_ptr<Database> database_;
};

}  // namespace

std::string_view text(Delivery::State state) { return kStates[static_cast<std::size_t>(state)]; }

Result<std::unique_ptr<Outbox>> Outbox::open(const std::filesystem::path& file) {
  return std::make_unique<SqliteOutbox>(TRY(Database::open(file, Database::For::agent)));
}
Result<std::unique_ptr<const Outbox>> Outbox::read(const std::filesystem::path& file) {
  return std::make_unique<const SqliteOutbox>(TRY(Database::open(file, Database::For::reader)));
}

}  // namespace meshops::store
