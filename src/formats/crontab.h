// Crontabs as Debian's cron reads them (Vixie cron 3.0pl1: entry.c, env.c, misc.c), with positions, and when
// their jobs run. Called by the audit's rules of schedules and backups. Pure and total: what cron would
// refuse becomes a Problem, and reading goes on. Never runs anything, never asks a clock.
#pragma once

#include <bitset>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::crontab {

enum class Dialect {
  user,    // of `crontab -e`: five fields and a command
  system,  // /etc/crontab and cron.d: an account before the command
};

/// A minute of a calendar, of whatever zone cron counts in.
struct Civil {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0;
  auto operator<=>(const Civil&) const = default;
};
int weekday_of(int year, int month, int day);  // 0: Sunday
int days_in(int year, int month);

/// The five fields. A field that opens with "*" is a star, also "*/2": the two day fields then must both
/// match, otherwise one of them is enough.
struct Schedule {
  std::bitset<60> minutes;
  std::bitset<24> hours;
  std::bitset<32> days;     // 1 to 31
  std::bitset<13> months;   // 1 to 12
  std::bitset<7> weekdays;  // 0: Sunday
  bool hour_star = false, day_star = false, weekday_star = false;
  bool reboot = false;  // @reboot: at no time of any day

  bool matches(const Civil& at) const;
  /// The first minute after `at` when it runs; nothing within 29 years (as long as a leap day can keep away
  /// from a weekday), or at @reboot.
  std::optional<Civil> next_after(const Civil& at) const;
  /// It is bound to hours of the day: not "*", "*/N", nor all of them.
  bool time_of_day() const;
  /// The shortest time between two runs of one day, in minutes; a day or more: 1440.
  int shortest_gap() const;
};

/// NAME = value. Counts for the jobs below it.
struct Setting {
  std::size_t line = 1, column = 1;
  std::string name, value;
};

struct Job {
  std::size_t line = 1, column = 1;  // of its first field
  std::string when;                  // as written: "*/5 * * * *", "@daily"
  Schedule schedule;
  std::string user;  // system dialect
  std::size_t user_column = 0;
  /// As the shell gets it: up to the first bare "%", and "\%" is "%".
  std::string command;
  std::size_t command_column = 0;
  std::vector<std::size_t> escaped;  // offsets in `command` of what had a backslash before it
  std::string written;               // the same as it stands in the file, to the end of the line
  /// What the shell reads on its standard input: after the first bare "%", the others as line ends.
  std::optional<std::string> input;
  std::vector<std::size_t> percents;  // columns of bare ones
  std::size_t settings = 0;           // how many of Crontab::settings stand above it

  /// Column of a byte of `command`.
  std::size_t column_of(std::size_t offset) const;
};

enum class Fault {
  bad_minute,
  bad_hour,
  bad_day,
  bad_month,
  bad_weekday,
  bad_word,         // an @word that cron does not know
  no_user,          // the line ends before the account or right after it
  bad_command,      // it begins with "*": most likely one field too many
  no_command,       // cron takes it, and nothing runs
  ignored_tail,     // the field goes on with what cron passes over: "1#2"
  backwards,        // "5-1" or "sat-sun": cron takes it as no time at all
  bad_setting,      // NAME= with nothing after it, or with an odd quote: cron reads it as a job, and fails
  carriage_return,  // the line ends in CR LF: the CR is part of the command
  no_newline,       // the last line does not end: cron refuses the file
};
std::string_view text(Fault fault);  // "bad minute", in cron's words where it has any
/// Whether cron refuses the whole file for it, as Debian's does.
bool refuses_file(Fault fault);

struct Problem {
  std::size_t line = 1, column = 1;
  Fault fault = Fault::bad_minute;
  std::string found;  // the field as written
};

struct Crontab {
  std::vector<Setting> settings;
  std::vector<Job> jobs;
  std::vector<Problem> problems;  // in the order of the text

  static Crontab parse(std::string_view text, Dialect dialect);
  /// The last setting of that name above the job; null if there is none.
  const Setting* setting(const Job& job, std::string_view name) const;
};

}  // namespace meshops::crontab
