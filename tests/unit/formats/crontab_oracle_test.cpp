// Which crontabs cron takes: `crontab -n` of Debian's cron is asked, which checks a file and keeps nothing.
// No program says when a job would run, short of the daemon (which the lab asks). So the times are judged by
// a second reading of crontab(5), written here on its own: it walks minute by minute over the calendar of the
// C library and tries each. It counts civil minutes, as the reader does. What cron itself does on the two
// nights when clocks change (it runs what the jump passed over, and nothing of fixed hours twice) is not the
// reader's to say; those nights are walked as any other.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <optional>

#include "formats/crontab.h"
#include "unit/formats/openssh_oracle.h"

namespace meshops::crontab {
namespace {

using namespace ssh::oracle;

/// A field as crontab(5) allows it.
struct Range {
  int low, high;
  std::vector<std::string> names;  // from `low` on
};
const std::vector<Range>& ranges() {
  static const std::vector<Range> kAll = {
      {0, 59, {}},
      {0, 23, {}},
      {1, 31, {}},
      {1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
      {0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}};
  return kAll;
}

std::string number(Chance& chance, const Range& range, int value) {
  auto index = static_cast<std::size_t>(value - range.low);
  if (index < range.names.size() && chance.one_in(3)) return in_some_case(chance, range.names[index]);
  return (chance.one_in(8) ? "0" : "") + std::to_string(value);
}

int within(Chance& chance, int low, int high) {
  return low + static_cast<int>(chance.below(static_cast<std::size_t>(high - low + 1)));
}

std::string field(Chance& chance, const Range& range) {
  if (chance.one_in(3)) return "*";
  std::string out;
  for (auto n = chance.one_in(3) ? 2 + chance.below(3) : 1; n > 0; --n) {
    if (!out.empty()) out += ",";
    auto way = chance.below(4);
    if (way == 0) {
      out += "*/" + std::to_string(within(chance, 1, range.high + 2));
    } else if (way == 1) {
      int low = within(chance, range.low, range.high), high = within(chance, low, range.high);
      out += number(chance, range, low) + "-" + number(chance, range, high);
      if (chance.one_in(2)) out += "/" + std::to_string(within(chance, 1, range.high));
    } else {
      out += number(chance, range, within(chance, range.low, range.high));
    }
  }
  return out;
}

std::string expression(Chance& chance) {
  if (chance.one_in(15))
    return chance.of<std::string>(
        {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"});
  std::string out;
  for (const auto& range : ranges()) out += (out.empty() ? "" : " ") + field(chance, range);
  return out;
}

/// The second reading: nothing of it is taken from the reader.
class SecondReading {
 public:
  explicit SecondReading(std::string_view text) {
    std::string full(text);
    if (text == "@yearly" || text == "@annually") full = "0 0 1 1 *";
    if (text == "@monthly") full = "0 0 1 * *";
    if (text == "@weekly") full = "0 0 * * 0";
    if (text == "@daily" || text == "@midnight") full = "0 0 * * *";
    if (text == "@hourly") full = "0 * * * *";
    for (auto word : words(full)) fields_.emplace_back(word);
  }
  bool runs(const std::tm& at) const {
    if (!holds(0, at.tm_min) || !holds(1, at.tm_hour) || !holds(3, at.tm_mon + 1)) return false;
    // "If both fields are restricted (i.e., don't contain the "*" character), the command will be run when
    // either field matches the current time." A star is one also where a step follows it.
    bool day = holds(2, at.tm_mday), weekday = holds(4, at.tm_wday) || (at.tm_wday == 0 && holds(4, 7));
    bool restricted = fields_[2][0] != '*' && fields_[4][0] != '*';
    return restricted ? day || weekday : day && weekday;
  }

 private:
  static int value(const Range& range, std::string_view word) {
    for (std::size_t i = 0; i < range.names.size(); ++i)
      if (lower(word) == range.names[i]) return range.low + static_cast<int>(i);
    return std::atoi(std::string(word).c_str());
  }
  bool holds(std::size_t index, int now) const {
    const auto& range = ranges()[index];
    for (auto part : split(fields_[index], ',')) {
      auto slash = part.find('/');
      int step = slash == std::string_view::npos ? 1 : value(range, part.substr(slash + 1));
      auto span = part.substr(0, slash);
      auto dash = span.find('-');
      int low = span == "*" ? range.low : value(range, span.substr(0, dash));
      int high = span == "*"                      ? range.high
                 : dash == std::string_view::npos ? low
                                                  : value(range, span.substr(dash + 1));
      if (now >= low && now <= high && (now - low) % step == 0) return true;
    }
    return false;
  }
  std::vector<std::string> fields_;
};

std::tm minute_at(std::time_t when) {
  std::tm out{};
  ::gmtime_r(&when, &out);
  return out;
}
Civil civil(const std::tm& at) {
  return {at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min};
}
std::string shown(const std::optional<Civil>& at) {
  return at ? fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", at->year, at->month, at->day, at->hour, at->minute)
            : "never";
}

/// Days around which calendars go wrong, and the nights of 2026 when clocks change in Europe and America.
const std::vector<std::time_t> kBegins = {
    1709164800,  // 2024-02-29
    1735603200,  // 2024-12-31
    1772841600,  // 2026-03-07
    1774656000,  // 2026-03-28
    1792886400,  // 2026-10-25
    1793491200,  // 2026-11-01
    4107456000,  // 2100-02-28, and no leap year
};

TEST(CrontabOracle, JobsRunInTheMinutesThatTheManualSays) {
  Chance chance(1987);
  constexpr int kMinutes = 4 * 24 * 60;
  for (int i = 0; i < how_many() * 2; ++i) {
    auto when = expression(chance);
    auto table = Crontab::parse(when + " true\n", Dialect::user);
    ASSERT_EQ(table.jobs.size(), 1U) << when;
    const auto& schedule = table.jobs[0].schedule;
    const SecondReading second(when);
    const auto begin = chance.of(kBegins) + static_cast<std::time_t>(chance.below(24 * 60)) * 60;
    // Backwards, so that the next run after each minute is the last one seen.
    std::optional<Civil> next;
    for (int m = kMinutes; m >= 0; --m) {
      const auto now = minute_at(begin + m * 60);
      if (next && m % 97 == 0) {
        ASSERT_EQ(shown(schedule.next_after(civil(now))), shown(next))
            << when << " after " << shown(civil(now));
      }
      bool runs = second.runs(now);
      ASSERT_EQ(schedule.matches(civil(now)), runs) << when << " at " << shown(civil(now));
      if (runs) next = civil(now);
    }
  }
}

TEST(CrontabOracle, RareJobsAreFoundYearsAhead) {
  struct Rare {
    std::string when;
    int hour, minute;
  };
  Chance chance(29);
  for (const auto& rare : std::vector<Rare>{{"0 0 29 2 *", 0, 0},
                                            {"30 4 29 feb */7", 4, 30},
                                            {"59 23 31 12 *", 23, 59},
                                            {"0 12 */31 1 mon", 12, 0},
                                            {"5 5 30 4 5", 5, 5}}) {
    auto table = Crontab::parse(rare.when + " true\n", Dialect::user);
    ASSERT_EQ(table.jobs.size(), 1U) << rare.when;
    const SecondReading second(rare.when);
    for (auto begin : kBegins) {
      auto at = begin + static_cast<std::time_t>(chance.below(24 * 60)) * 60;
      auto ours = table.jobs[0].schedule.next_after(civil(minute_at(at)));
      // To its time of the day, and from there day by day.
      do at += 60;
      while (minute_at(at).tm_hour != rare.hour || minute_at(at).tm_min != rare.minute);
      while (!second.runs(minute_at(at))) at += 24 * 60 * 60;
      EXPECT_EQ(shown(ours), shown(civil(minute_at(at)))) << rare.when;
    }
  }
}

/// What Debian's cron itself did in a node of the lab: tests/lab/test_cron.py writes "2026-11-29T10:21 1 */3
/// * * * *", for each minute and each schedule whether it ran.
TEST(CrontabOracle, TheDaemonRanWhatWeSayItRuns) {
  const char* file = std::getenv("MESHOPS_CRON_RAN");
  if (file == nullptr) GTEST_SKIP() << "only after a real cron has run: tests/lab/test_cron.py";
  auto text = oracle::contents(file);
  std::size_t told = 0;
  for (auto line : split(text, '\n')) {
    if (line.empty()) continue;
    Civil at;
    ASSERT_EQ(std::sscanf(std::string(line.substr(0, 16)).c_str(), "%d-%d-%dT%d:%d", &at.year, &at.month,
                          &at.day, &at.hour, &at.minute),
              5)
        << line;
    auto when = std::string(line.substr(19));
    auto table = Crontab::parse(when + " true\n", Dialect::user);
    ASSERT_EQ(table.jobs.size(), 1U) << when;
    EXPECT_EQ(table.jobs[0].schedule.matches(at), line[17] == '1') << line;
    ++told;
  }
  EXPECT_GE(told, 600U);
}

/// Something that a person or a broken script may write.
std::string any_line(Chance& chance) {
  static const std::vector<std::string> kOthers = {
      "A=b",     "A = \"b c\"", "'A B'=c",   "A=",       "=b",          "A=\"b",     "# 1 2 3", "",
      "  ",      "@reboot ls",  "@daily",    "@often x", "MAILTO=\"\"", "* * * * *", "1 2 3 4", "A= 'b' ",
      "A='b' c", "PATH=/a:/b",  "\"A\" = b", "@Daily x", "* * * * * *", "a b",       "A B = c", "\tX=1"};
  static const std::vector<std::string> kWrong = {
      "60", "*/0", "-1", "1-", "5/2", "1,,2",  "x",     "*/x", "mon-fri", "7-1", "1-2-3", "1#2", "*5", "0-7/",
      ",1", "1,",  "L",  "8",  "?",   "sun-7", "dec-1", "1.5", "*,1",     "1/1", "32-5",  "24",  "13"};
  if (chance.one_in(4)) return chance.of(kOthers);
  std::string out = chance.one_in(6) ? "  " : "";
  for (const auto& range : ranges())
    out += (chance.one_in(8) ? chance.of(kWrong) : field(chance, range)) +
           chance.of<std::string>({" ", " ", "\t", "  "});
  return out + chance.of<std::string>({"ls", "ls -l % a", "/bin/x", "* ls", "", "root ls", "A=b ls"});
}

/// The first thing that cron minds in a file; line 0 and nothing: it takes it.
struct Told {
  std::size_t line = 0;
  std::string what;
};
Told by_reader(const Crontab& table) {
  auto refusing = [](const Problem& problem) { return refuses_file(problem.fault); };
  auto first = std::ranges::find_if(table.problems, refusing);
  if (first == table.problems.end()) return {};
  // Whether a line ends is looked at before what it says, and told without its number.
  for (const auto& problem : table.problems)
    if (problem.fault == Fault::no_newline && problem.line == first->line) return {0, "no newline"};
  // cron has no word of its own for a setting that is none: it reads a job.
  return {first->line, first->fault == Fault::bad_setting ? "bad minute" : std::string(text(first->fault))};
}
Told by_cron(std::string_view told) {
  if (told.find("successfully checked") != std::string_view::npos) return {};
  if (told.find("missing newline before EOF") != std::string_view::npos) return {0, "no newline"};
  auto at = told.find("\":");
  if (at == std::string_view::npos) return {0, std::string(told)};
  auto rest = told.substr(at + 2);
  rest = rest.substr(0, rest.find('\n'));
  auto colon = rest.find(": ");
  return {to_number<std::size_t>(rest.substr(0, colon)).value_or(0) + 1, std::string(rest.substr(colon + 2))};
}

TEST(CrontabOracle, FilesAreRefusedThatDebiansCrontabRefuses) {
  // The crontab of other crons has another meaning for -n.
  constexpr std::string_view kKnown = "The syntax of the crontab file was successfully checked";
  auto ours = shell("grep -qF '" + std::string(kKnown) + "' \"$(command -v crontab)\" && echo yes");
  if (trim(ours) != "yes") GTEST_SKIP() << "there is no crontab of Debian's cron here that can check a file";
  Folder folder;
  folder.write("good", "0 0 * * * ls\n");
  auto run = "cd '" + folder.path().string() + "' && ";
  auto works = shell(run + "crontab -n good");
  if (works.find(kKnown) == std::string::npos) GTEST_SKIP() << "crontab cannot be asked here: " << works;
  Chance chance(162);
  const int count = how_many() * 4;
  std::string script;
  std::vector<std::string> tables;
  for (int i = 0; i < count; ++i) {
    auto& table = tables.emplace_back();
    for (auto n = 1 + chance.below(3); n > 0; --n) {
      auto line = any_line(chance);
      // A CR alone on its line is a bad minute to cron; the reader names the CR, which is what there is to
      // mend.
      table += line + (!trim(line).empty() && chance.one_in(60) ? "\r\n" : "\n");
    }
    if (chance.one_in(20)) table.pop_back();
    folder.write("t" + std::to_string(i), table);
    script += fmt::format("crontab -n t{0} >o{0} 2>&1\n", i);
  }
  folder.write("ask.sh", script);
  shell(run + "sh ask.sh </dev/null");
  int taken = 0;
  for (int i = 0; i < count; ++i) {
    const auto& table = tables[static_cast<std::size_t>(i)];
    auto theirs = by_cron(contents(folder.path() / fmt::format("o{}", i)));
    auto mine = by_reader(Crontab::parse(table, Dialect::user));
    EXPECT_EQ(mine.what, theirs.what) << table;
    // cron counts a line as soon as it has read its end: what is missing there is told of the next one.
    EXPECT_TRUE(theirs.line == mine.line || theirs.line == mine.line + 1)
        << theirs.line << " there, " << mine.line << " here\n"
        << table;
    taken += theirs.what.empty() ? 1 : 0;
  }
  EXPECT_GT(taken, count / 8);
}

}  // namespace
}  // namespace meshops::crontab
