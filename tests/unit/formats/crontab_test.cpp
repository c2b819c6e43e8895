#include "formats/crontab.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "base/text.h"

namespace meshops::crontab {
namespace {

Crontab user(std::string_view text) { return Crontab::parse(text, Dialect::user); }

std::string faults(std::string_view text, Dialect dialect = Dialect::user) {
  auto table = Crontab::parse(text, dialect);
  std::string out;
  for (const auto& p : table.problems) {
    if (!out.empty()) out += " | ";
    out += std::to_string(p.line) + ":" + std::to_string(p.column) + " " +
           std::string(meshops::crontab::text(p.fault));
  }
  return out;
}

// What `crontab -n` of Debian's cron 3.0pl1-162 says of each, line by line.
TEST(Crontab, FieldsAreJudgedAsDebiansCronDoes) {
  for (auto good :
       {"* * * * * x\n", "0 0 * * Mon-Fri x\n", "0 0 * jan-mar mon,wed x\n", "* * * * 5-7 x\n",
        "*/99 * * * * x\n", "1-5/2,7 * * * * x\n", "  * * * * * x\n", "\t*\t*\t* * *\tx\n", "01 02 * * * x\n",
        "1-7/2,*/30 * * * * x\n", "* * * 2-feb * x\n", "* * * * 1-mon x\n", "@daily x\n", "@midnight\tx\n"})
    EXPECT_EQ(faults(good), "") << good;
  EXPECT_EQ(faults("60 * * * * x\n"), "1:1 bad minute");
  EXPECT_EQ(faults("* 24 * * * x\n"), "1:3 bad hour");
  EXPECT_EQ(faults("* * 0 * * x\n"), "1:5 bad day-of-month");
  EXPECT_EQ(faults("* * * 13 * x\n"), "1:7 bad month");
  EXPECT_EQ(faults("* * * * 8 x\n"), "1:9 bad day-of-week");
  EXPECT_EQ(faults("* * * * monday x\n"), "1:9 bad day-of-week");
  for (auto minute : {"*/0", "5/10", "1,,2", ",1", "1,", "-1", "~5", "x", "\\*", "99999999999"})
    EXPECT_EQ(faults(std::string(minute) + " * * * * x\n"), "1:1 bad minute") << minute;
  EXPECT_EQ(faults("0 0 L * * x\n"), "1:5 bad day-of-month");
  EXPECT_EQ(faults("@Daily x\n"), "1:1 bad time specifier");
  EXPECT_EQ(faults("@every_minute x\n"), "1:1 bad time specifier");
  EXPECT_EQ(faults("* * * *\n"), "1:8 bad day-of-week");
  EXPECT_EQ(faults("* * * * * * x\n"), "1:11 bad command");
  EXPECT_EQ(faults("61-5 * * * * x\n"), "1:1 bad minute") << "both ends of a range count, also backwards";
}

TEST(Crontab, WhatCronTakesAndDoesNotMeanIsTold) {
  EXPECT_EQ(faults("0 0 * * 1#2 x\n"), "1:9 a field that cron reads only in part");
  EXPECT_EQ(faults("*/5* * * * * x\n"), "1:1 a field that cron reads only in part");
  EXPECT_EQ(faults("5-1 * * * * x\n"), "1:1 a range that runs backwards");
  EXPECT_EQ(faults("* * * * sat-sun x\n"), "1:9 a range that runs backwards");
  EXPECT_EQ(faults("* * * * *\n"), "1:10 no command");
  EXPECT_EQ(faults("@reboot \n"), "1:9 no command");
  EXPECT_EQ(faults("* * * * * x\r\n"), "1:12 a line that ends in CR LF");
}

TEST(Crontab, TheLastLineMustEndUnlessItSaysNothing) {
  EXPECT_EQ(faults("* * * * * x"), "1:12 no newline at the end");
  EXPECT_EQ(faults("A=b"), "1:4 no newline at the end");
  EXPECT_EQ(faults("* * * * * x\n# end"), "");
  EXPECT_EQ(faults("* * * * * x\n\n   "), "");
  EXPECT_EQ(faults(""), "");
}

TEST(Crontab, SettingsHaveQuotesAndBlanksAndCountForWhatIsBelow) {
  auto table = user("A = b c \nB='x # y '\n\"C\"=\"\"\n* * * * * x\nA=later\n@hourly y\n");
  ASSERT_EQ(table.settings.size(), 4U);
  EXPECT_EQ(table.settings[0].value, "b c");
  EXPECT_EQ(table.settings[1].value, "x # y ");
  EXPECT_EQ(table.settings[2].name, "C");
  EXPECT_EQ(table.settings[2].value, "");
  ASSERT_EQ(table.jobs.size(), 2U);
  EXPECT_EQ(table.setting(table.jobs[0], "A")->value, "b c");
  EXPECT_EQ(table.setting(table.jobs[1], "A")->value, "later");
  EXPECT_EQ(table.setting(table.jobs[1], "D"), nullptr);
  for (auto bad : {"A=\n", "A='b\n", "A='b' c\n", "A=\"b'\n"})
    EXPECT_EQ(faults(bad), "1:1 a setting that cron does not take") << bad;
  EXPECT_EQ(faults("A b=c\n"), "1:1 bad minute");
}

TEST(Crontab, CommentsStandAtTheStartOfALineOnly) {
  auto table = user("  # no\n* * * * * x # yes\n");
  ASSERT_EQ(table.jobs.size(), 1U);
  EXPECT_EQ(table.jobs[0].command, "x # yes");
}

TEST(Crontab, ABarePercentEndsTheCommand) {
  auto table = user("0 1 * * * date +\\%F; mail a%Hello%you\\%\n");
  ASSERT_EQ(table.jobs.size(), 1U);
  const auto& job = table.jobs[0];
  EXPECT_EQ(job.command, "date +%F; mail a");
  EXPECT_EQ(job.input, "Hello\nyou%");
  EXPECT_EQ(job.percents, (std::vector<std::size_t>{28, 34}));
  EXPECT_EQ(job.command_column, 11U);
  EXPECT_EQ(job.column_of(0), 11U);
  EXPECT_EQ(job.column_of(6), 18U) << "the percent itself, behind its backslash";
  EXPECT_EQ(job.column_of(7), 19U);
}

TEST(Crontab, ASystemTableNamesAccounts) {
  auto table = Crontab::parse("17 *\t* * *\troot    cd / && x\n@reboot claw y\n", Dialect::system);
  ASSERT_EQ(table.jobs.size(), 2U);
  EXPECT_EQ(table.jobs[0].user, "root");
  EXPECT_EQ(table.jobs[0].user_column, 12U);
  EXPECT_EQ(table.jobs[0].command, "cd / && x");
  EXPECT_EQ(table.jobs[0].command_column, 20U);
  EXPECT_TRUE(table.jobs[1].schedule.reboot);
  EXPECT_EQ(faults("0 3 * * * /opt/backup.sh\n", Dialect::system), "1:11 no user field");
  EXPECT_EQ(faults("0 3 * * *\n", Dialect::system), "1:10 no user field");
}

Schedule schedule(std::string_view when) {
  auto table = user(std::string(when) + " x\n");
  EXPECT_EQ(table.jobs.size(), 1U) << when;
  return table.jobs.empty() ? Schedule{} : table.jobs[0].schedule;
}

TEST(Schedule, EitherDayFieldIsEnoughUnlessOneIsAStar) {
  auto either = schedule("30 4 1,15 * 5");             // the manual's example
  EXPECT_TRUE(either.matches({2026, 11, 1, 4, 30}));   // a Sunday
  EXPECT_TRUE(either.matches({2026, 11, 6, 4, 30}));   // a Friday
  EXPECT_FALSE(either.matches({2026, 11, 2, 4, 30}));  //
  auto both = schedule("0 0 */2 * 1");                 // "*/2" is a star: both must match
  EXPECT_TRUE(both.matches({2026, 11, 9, 0, 0}));
  EXPECT_FALSE(both.matches({2026, 11, 16, 0, 0}));
  EXPECT_FALSE(both.matches({2026, 11, 11, 0, 0}));
  EXPECT_TRUE(schedule("0 0 * * 7").matches({2026, 11, 29, 0, 0})) << "7 is Sunday";
}

TEST(Schedule, LeapDaysAndImpossibleDays) {
  EXPECT_EQ(schedule("0 0 29 2 *").next_after({2026, 1, 1, 0, 0}), (Civil{2028, 2, 29, 0, 0}));
  EXPECT_EQ(schedule("0 0 31 4 *").next_after({2026, 1, 1, 0, 0}), std::nullopt);
  EXPECT_EQ(schedule("59 23 31 12 *").next_after({2026, 12, 31, 23, 59}), (Civil{2027, 12, 31, 23, 59}));
  EXPECT_EQ(schedule("@reboot").next_after({2026, 1, 1, 0, 0}), std::nullopt);
}

TEST(Schedule, TimesOfDayAreThoseWithHours) {
  for (auto yes : {"0 9 * * *", "@daily", "@weekly", "30 2,14 * * 1-5", "0 9-17 * * *"})
    EXPECT_TRUE(schedule(yes).time_of_day()) << yes;
  for (auto no : {"*/5 * * * *", "@hourly", "0 */6 * * *", "0 0-23 * * *", "@reboot"})
    EXPECT_FALSE(schedule(no).time_of_day()) << no;
}

TEST(Schedule, TheShortestGapIsThatOfTheBusiestPartOfTheDay) {
  EXPECT_EQ(schedule("* * * * *").shortest_gap(), 1);
  EXPECT_EQ(schedule("*/15 * * * *").shortest_gap(), 15);
  EXPECT_EQ(schedule("*/7 * * * *").shortest_gap(), 4) << "56 to 0";
  EXPECT_EQ(schedule("0,10 3 * * *").shortest_gap(), 10);
  EXPECT_EQ(schedule("0 */6 * * *").shortest_gap(), 360);
  EXPECT_EQ(schedule("@daily").shortest_gap(), 1440);
  EXPECT_EQ(schedule("5-1 * * * *").shortest_gap(), 1440) << "never";
}

// --- against a matcher that knows nothing but the manual ---

struct Plain {
  std::string text;
  std::set<int> values;
};
Plain field(int low, int high) {
  Plain out;
  auto pick = [&](int from, int to) { return *rc::gen::inRange(from, to + 1); };
  int parts = pick(1, 3);
  for (int p = 0; p < parts; ++p) {
    if (p > 0) out.text += ",";
    int kind = pick(0, 3), from = low, to = high, step = 1;
    if (kind == 0) {
      out.text += "*";
    } else {
      from = pick(low, high);
      out.text += std::to_string(from);
      to = from;
      if (kind > 1) {
        to = pick(from, high);
        out.text += "-" + std::to_string(to);
      }
    }
    if (kind != 1 && pick(0, 1) == 1) {
      step = pick(1, 20);
      out.text += "/" + std::to_string(step);
    }
    for (int i = from; i <= to; i += step) out.values.insert(i);
  }
  return out;
}

RC_GTEST_PROP(Schedule, NextIsTheFirstMinuteThatMatchesByHand, ()) {
  auto minute = field(0, 59), hour = field(0, 23), day = field(1, 31), month = field(1, 12);
  auto weekday = field(0, 7);
  auto when = minute.text + " " + hour.text + " " + day.text + " " + month.text + " " + weekday.text;
  auto s = schedule(when);
  auto by_hand = [&](const Civil& t) {
    int w = weekday_of(t.year, t.month, t.day);
    bool d = day.values.contains(t.day);
    bool wd = weekday.values.contains(w) || (w == 0 && weekday.values.contains(7));
    bool star = day.text[0] == '*' || weekday.text[0] == '*';
    return minute.values.contains(t.minute) && hour.values.contains(t.hour) &&
           month.values.contains(t.month) && (star ? d && wd : d || wd);
  };
  Civil at{2026, *rc::gen::inRange(1, 13), 1, *rc::gen::inRange(0, 24), *rc::gen::inRange(0, 60)};
  at.day = *rc::gen::inRange(1, days_in(at.year, at.month) + 1);
  auto next = s.next_after(at);
  // Forty days by hand; what comes later must at least match.
  Civil t = at;
  std::optional<Civil> first;
  for (int i = 0; i < 40 * 24 * 60 && !first; ++i) {
    if (++t.minute == 60) t.minute = 0, ++t.hour;
    if (t.hour == 24) t.hour = 0, ++t.day;
    if (t.day > days_in(t.year, t.month)) t.day = 1, ++t.month;
    if (t.month == 13) t.month = 1, ++t.year;
    RC_ASSERT(s.matches(t) == by_hand(t));
    if (by_hand(t)) first = t;
  }
  if (first)
    RC_ASSERT(next == first);
  else if (next)
    RC_ASSERT(by_hand(*next) && t < *next);
}

}  // namespace
}  // namespace meshops::crontab
