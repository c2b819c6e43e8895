// One SQLite file: opened with care, written durably, spoken to in SQL. The ledger, the outbox and the log of
// accesses stand on it; nobody else does. For one thread. Never gives way to a newer version's file, nor to
// another program's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "store/errors.h"

struct sqlite3;
struct sqlite3_stmt;

namespace meshops::store {

/// What a statement is given: NULL, a whole number, a real one, or text.
using Value = std::variant<std::monostate, std::int64_t, double, std::string_view>;

/// One row of an answer; valid only while it is shown.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  bool null(int column) const;
  std::int64_t number(int column) const;
  double real(int column) const;
  std::string text(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// What such a file holds.
struct Schema {
  std::string_view what;  // for people: "ledger"
  std::int64_t
      application;       // tells our files from other programs' and from each other (PRAGMA application_id)
  std::int64_t version;  // of the tables (PRAGMA user_version)
  const char* tables;    // SQL that makes them
  /// A spare file is laid by, so that something can still be written on a full disk.
  bool spare = false;
};
/// Of the ledger and the outbox, which share a file.
extern const Schema kLedgerSchema;

class Database {
 public:
  enum class For {
    agent,   // makes the file (0600, its directory 0700) if there is none; sets a damaged one aside
    reader,  // changes nothing: `not_found` if there is none, `damaged` if it is
  };
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file, For use,
                                                const Schema& schema = kLedgerSchema);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  /// What happened at opening that a person should know; mostly empty.
  const std::string& note() const { return note_; }

  // Each is a transaction of its own: on the disk when it returns, or it has not happened. On a full disk the
  // spare file is given back and it is tried once more. `values` go to ?1, ?2, … in order.
  /// Gives the row's id; `not_found` if the statement inserted none.
  Result<std::int64_t> insert(std::string_view sql, std::initializer_list<Value> values);
  /// Gives how many rows were changed.
  Result<std::size_t> change(std::string_view sql, std::initializer_list<Value> values);
  /// Several changes as one: all of them are on the disk when it returns, or none has happened.
  Status together(const std::function<Status()>& changes);
  /// `row` is called for each.
  Status each(std::string_view sql, std::initializer_list<Value> values,
              const std::function<void(const Row&)>& row) const;

 private:
  Database(std::filesystem::path file, sqlite3* handle, const Schema& schema)
      : file_(std::move(file)), handle_(handle), schema_(schema) {}
  static Result<std::unique_ptr<Database>> connect(const std::filesystem::path& file, For use,
                                                   const Schema& schema);
  Status prepare_for_use(For use);
  Status check_owner();
  Status make_tables();
  Status set_aside(std::string& name);
  Status write(const std::function<Status()>& work);
  Status attempt(const std::function<Status()>& work);
  Status run(std::string_view sql, std::initializer_list<Value> values = {});
  Error failure(std::string_view doing) const;
  bool give_back_spare();
  void lay_by_spare();

  std::filesystem::path file_;
  sqlite3* handle_;
  const Schema& schema_;
  std::string note_;
};

}  // namespace meshops::store
