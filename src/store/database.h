// One SQLite file: opened with care, written durably, spoken to in SQL. The ledger and the outbox stand on
// it; nobody else does. For one thread. Never gives way to a newer version's file, nor to another program's.
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

class Database {
 public:
  enum class For {
    agent,   // makes the file (0600, its directory 0700) if there is none; sets a damaged one aside
    reader,  // changes nothing: `not_found` if there is none, `damaged` if it is
  };
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file, For use);
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
  /// `row` is called for each.
  Status each(std::string_view sql, std::initializer_list<Value> values,
              const std::function<void(const Row&)>& row) const;

 private:
  Database(std::filesystem::path file, sqlite3* handle) : file_(std::move(file)), handle_(handle) {}
  static Result<std::unique_ptr<Database>> connect(const std::filesystem::path& file, For use);
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
  std::string note_;
};

}  // namespace meshops::store
