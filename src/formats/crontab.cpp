#include "formats/crontab.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"

namespace meshops::crontab {

namespace {

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
/// cron lists Sunday twice: 0 and 7.
constexpr std::array<std::string_view, 8> kWeekdays = {"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat", "sun"};

struct Range {
  int low, high;
  std::span<const std::string_view> names;  // the first stands for `low`
  Fault fault;
};
constexpr Range kMinute{0, 59, {}, Fault::bad_minute};
constexpr Range kHour{0, 23, {}, Fault::bad_hour};
constexpr Range kDay{1, 31, {}, Fault::bad_day};
constexpr Range kMonth{1, 12, kMonths, Fault::bad_month};
constexpr Range kWeekday{0, 7, kWeekdays, Fault::bad_weekday};

struct Word {
  std::string_view word;
  std::string_view fields;
};
constexpr std::array<Word, 7> kWords = {{{"@yearly", "0 0 1 1 *"},
                                         {"@annually", "0 0 1 1 *"},
                                         {"@monthly", "0 0 1 * *"},
                                         {"@weekly", "0 0 * * 0"},
                                         {"@daily", "0 0 * * *"},
                                         {"@midnight", "0 0 * * *"},
                                         {"@hourly", "0 * * * *"}}};

bool blank(char c) { return c == ' ' || c == '\t'; }
/// isspace() in the C locale.
bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

struct Field {
  std::bitset<64> bits;
  bool star = false, bad = false, backwards = false;
  std::size_t read = 0;  // bytes that cron understood
};

/// get_list(), get_range() and get_number() of entry.c.
class FieldReader {
 public:
  FieldReader(std::string_view text, const Range& range) : text_(text), range_(range) {
    out_.star = text.starts_with('*');
  }

  Field read() {
    while (true) {
      if (!one_range()) {
        out_.bad = true;
        break;
      }
      if (peek() != ',') break;
      ++at_;
    }
    out_.read = at_;
    return out_;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : ' '; }

  std::optional<int> number(bool names) {
    auto from = at_;
    while (at_ < text_.size() && alnum(text_[at_])) ++at_;
    auto word = text_.substr(from, at_ - from);
    if (auto n = to_number<int>(word)) return n;
    if (!names || word.empty()) return std::nullopt;
    auto found = std::ranges::find(range_.names, lower(word));
    if (found == range_.names.end()) return std::nullopt;
    return range_.low + static_cast<int>(found - range_.names.begin());
  }

  bool one_range() {
    int low = range_.low, high = range_.high;
    if (peek() == '*') {
      ++at_;
    } else {
      auto first = number(true);
      if (!first) return false;
      low = high = *first;
      // "5/10" is no range, and Debian's cron says so instead of passing over the step.
      if (peek() != '-') return peek() != '/' && set(low);
      ++at_;
      auto last = number(true);
      if (!last) return false;
      high = *last;
      // Debian's cron looks at both ends, also of a range that runs backwards and sets nothing.
      if (low < range_.low || high > range_.high || high < range_.low || low > range_.high) return false;
    }
    int step = 1;
    if (peek() == '/') {
      ++at_;
      auto by = number(false);
      if (!by || *by <= 0) return false;
      step = *by;
    }
    if (low > high) out_.backwards = true;
    for (int i = low; i <= high; i += step) {
      if (!set(i)) return false;
      if (step > range_.high) break;
    }
    return true;
  }

  bool set(int i) {
    if (i < range_.low || i > range_.high) return false;
    out_.bits.set(static_cast<std::size_t>(i));
    return true;
  }

  std::string_view text_;
  const Range& range_;
  std::size_t at_ = 0;
  Field out_;
};

template <std::size_t N>
std::bitset<N> narrowed(const std::bitset<64>& bits) {
  std::bitset<N> out;
  for (std::size_t i = 0; i < N; ++i) out[i] = bits[i];
  return out;
}

void put(Schedule& s, std::size_t index, const Field& field) {
  switch (index) {
    case 0:
      s.minutes = narrowed<60>(field.bits);
      break;
    case 1:
      s.hours = narrowed<24>(field.bits);
      s.hour_star = field.star;
      break;
    case 2:
      s.days = narrowed<32>(field.bits);
      s.day_star = field.star;
      break;
    case 3:
      s.months = narrowed<13>(field.bits);
      break;
    default:
      s.weekdays = narrowed<7>(field.bits);
      if (field.bits[7]) s.weekdays.set(0);
      s.weekday_star = field.star;
  }
}
constexpr std::array<const Range*, 5> kFields = {&kMinute, &kHour, &kDay, &kMonth, &kWeekday};

/// load_env() of env.c, state by state.
std::optional<Setting> as_setting(std::string_view line) {
  enum State { name_begin, name, equals_wanted, equals_seen, value_begin, value, end, wrong };
  int state = name_begin;
  char quote = '\0';
  Setting out;
  std::string* into = &out.name;
  std::size_t at = 0;
  while (state != wrong && at < line.size()) {
    char c = line[at];
    switch (state) {
      case name_begin:
      case value_begin:
        if (c == '\'' || c == '"') {
          quote = c;
          ++at;
        }
        ++state;
        break;
      case name:
      case value:
        if (quote != '\0') {
          if (c == quote) {
            ++state;
            ++at;
            break;
          }
          if (state == name && c == '=') {
            state = wrong;
            break;
          }
        } else if (state == name) {
          if (space(c)) {
            ++at;
            ++state;
            break;
          }
          if (c == '=') {
            ++state;
            break;
          }
        }
        *into += c;
        ++at;
        break;
      case equals_wanted:
        if (c == '=') {
          ++state;
          into = &out.value;
          quote = '\0';
        } else if (!space(c)) {
          state = wrong;
        }
        ++at;
        break;
      default:  // equals_seen, end
        if (space(c))
          ++at;
        else
          ++state;
    }
  }
  if (state != end && !(state == value && quote == '\0')) return std::nullopt;
  if (state == value)
    while (!out.value.empty() && space(out.value.back())) out.value.pop_back();
  return out;
}

/// NAME= that cron does not take: worth another word than "bad minute".
bool meant_as_setting(std::string_view line) {
  std::size_t at = 0;
  while (at < line.size() && (alnum(line[at]) || line[at] == '_')) ++at;
  if (at == 0 || (line[0] >= '0' && line[0] <= '9')) return false;
  while (at < line.size() && blank(line[at])) ++at;
  return at < line.size() && line[at] == '=';
}

class Reader {
 public:
  Reader(std::string_view text, Dialect dialect, Crontab& out) : text_(text), dialect_(dialect), out_(out) {}

  void read() {
    std::size_t from = 0;
    for (number_ = 1; from < text_.size(); ++number_) {
      auto newline = text_.find('\n', from);
      bool last = newline == std::string_view::npos;
      auto line = text_.substr(from, last ? std::string_view::npos : newline - from);
      from = last ? text_.size() : newline + 1;
      at_ = 0;
      line_ = line;
      skip_blanks();
      if (at_ == line_.size() || line_[at_] == '#') continue;
      // cron says bad minute to a line of CR alone; an editor shows it as empty.
      if (line_.substr(at_) == "\r") {
        problem(at_, Fault::carriage_return, "CR");
        continue;
      }
      one_line();
      if (last) problem(line_.size(), Fault::no_newline, "");
    }
  }

 private:
  void problem(std::size_t at, Fault fault, std::string_view found) {
    out_.problems.push_back({number_, at + 1, fault, std::string(found)});
  }
  void skip_blanks() {
    while (at_ < line_.size() && blank(line_[at_])) ++at_;
  }
  std::string_view word() {
    auto from = at_;
    while (at_ < line_.size() && !blank(line_[at_])) ++at_;
    return line_.substr(from, at_ - from);
  }

  void one_line() {
    auto body = line_.substr(at_);
    if (auto setting = as_setting(body)) {
      setting->line = number_;
      setting->column = at_ + 1;
      if (body.ends_with('\r')) problem(line_.size() - 1, Fault::carriage_return, "CR");
      out_.settings.push_back(std::move(*setting));
      return;
    }
    if (meant_as_setting(body)) return problem(at_, Fault::bad_setting, trim(body));
    Job job{.line = number_, .column = at_ + 1};
    if (!fields(job)) return;
    if (dialect_ == Dialect::system) {
      job.user_column = at_ + 1;
      job.user = std::string(word());
      if (job.user.empty()) return problem(line_.size(), Fault::no_user, "");
      skip_blanks();
    }
    job.command_column = at_ + 1;
    command(job);
    if (trim(job.command).empty()) {
      // With one word where the account belongs, that word was most likely the command.
      problem(dialect_ == Dialect::system ? job.user_column - 1 : line_.size(),
              dialect_ == Dialect::system ? Fault::no_user : Fault::no_command, job.user);
      return;
    }
    if (job.command.starts_with('*'))
      return problem(job.command_column - 1, Fault::bad_command, words(job.command)[0]);
    job.settings = out_.settings.size();
    if (line_.ends_with('\r')) problem(line_.size() - 1, Fault::carriage_return, "CR");
    out_.jobs.push_back(std::move(job));
  }

  bool fields(Job& job) {
    if (line_[at_] == '@') {
      auto from = at_;
      auto name = word();
      job.when = std::string(name);
      skip_blanks();
      if (name == "@reboot") {
        job.schedule.reboot = true;
        return true;
      }
      auto known = std::ranges::find(kWords, name, &Word::word);
      if (known == kWords.end()) {
        problem(from, Fault::bad_word, name);
        return false;
      }
      std::size_t index = 0;
      for (auto field : words(known->fields)) {
        put(job.schedule, index, FieldReader(field, *kFields[index]).read());
        ++index;
      }
      return true;
    }
    for (std::size_t index = 0; index < kFields.size(); ++index) {
      const auto& range = *kFields[index];
      auto from = at_;
      auto text = word();
      auto field = FieldReader(text, range).read();
      if (text.empty() || field.bad) {
        problem(from, range.fault, text);
        return false;
      }
      if (field.read < text.size()) problem(from, Fault::ignored_tail, text);
      if (field.backwards) problem(from, Fault::backwards, text);
      put(job.schedule, index, field);
      job.when += (index > 0 ? " " : "") + std::string(text);
      skip_blanks();
    }
    return true;
  }

  void command(Job& job) {
    auto written = line_.substr(at_);
    job.written = std::string(written);
    bool escaped = false;
    std::string input;
    bool to_input = false;
    for (std::size_t i = 0; i < written.size(); ++i) {
      char c = written[i];
      std::string& into = to_input ? input : job.command;
      if (escaped) {
        escaped = false;
        if (c == '%') {
          into.back() = '%';
          if (!to_input) job.escaped.push_back(into.size() - 1);
          continue;
        }
      } else if (c == '\\') {
        escaped = true;
      } else if (c == '%') {
        job.percents.push_back(at_ + i + 1);
        if (to_input) input += '\n';
        to_input = true;
        continue;
      }
      into += c;
    }
    if (to_input) job.input = std::move(input);
  }

  std::string_view text_;
  Dialect dialect_;
  Crontab& out_;
  std::string_view line_;
  std::size_t number_ = 1, at_ = 0;
};

int shortest_gap_of(const std::bitset<24>& hours, const std::bitset<60>& minutes) {
  constexpr int kDayLong = 24 * 60;
  int first = -1, last = -1, gap = kDayLong;
  for (int t = 0; t < kDayLong; ++t) {
    if (!hours[static_cast<std::size_t>(t / 60)] || !minutes[static_cast<std::size_t>(t % 60)]) continue;
    if (last >= 0) gap = std::min(gap, t - last);
    if (first < 0) first = t;
    last = t;
  }
  return first < 0 ? kDayLong : std::min(gap, first + kDayLong - last);
}

}  // namespace

int days_in(int year, int month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return kDays[static_cast<std::size_t>(month - 1)] + (leap && month == 2 ? 1 : 0);
}

int weekday_of(int year, int month, int day) {
  // Sakamoto's table.
  constexpr std::array<int, 12> kShift = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
  if (month < 3) --year;
  return (year + year / 4 - year / 100 + year / 400 + kShift[static_cast<std::size_t>(month - 1)] + day) % 7;
}

bool Schedule::matches(const Civil& at) const {
  if (reboot || !minutes[static_cast<std::size_t>(at.minute)] || !hours[static_cast<std::size_t>(at.hour)] ||
      !months[static_cast<std::size_t>(at.month)])
    return false;
  bool day = days[static_cast<std::size_t>(at.day)];
  bool weekday = weekdays[static_cast<std::size_t>(weekday_of(at.year, at.month, at.day))];
  return day_star || weekday_star ? day && weekday : day || weekday;
}

std::optional<Civil> Schedule::next_after(const Civil& at) const {
  constexpr int kYears = 29;
  if (reboot || minutes.none() || hours.none() || months.none()) return std::nullopt;
  Civil t = at;
  bool fresh_day = false;  // the whole day is still to come
  auto next_day = [&] {
    fresh_day = true;
    if (++t.day > days_in(t.year, t.month)) {
      t.day = 1;
      if (++t.month > 12) t.month = 1, ++t.year;
    }
  };
  while (t.year <= at.year + kYears) {
    if (!months[static_cast<std::size_t>(t.month)]) {
      t.day = days_in(t.year, t.month);
      next_day();
      continue;
    }
    for (int m = fresh_day ? 0 : t.hour * 60 + t.minute + 1; m < 24 * 60; ++m) {
      Civil now{t.year, t.month, t.day, m / 60, m % 60};
      if (!hours[static_cast<std::size_t>(now.hour)]) {
        m += 59 - m % 60;
        continue;
      }
      if (!minutes[static_cast<std::size_t>(now.minute)]) continue;
      if (matches(now)) return now;
      break;  // the time is right and the day is not
    }
    next_day();
  }
  return std::nullopt;
}

bool Schedule::time_of_day() const { return !reboot && !hour_star && !hours.all(); }

int Schedule::shortest_gap() const { return reboot ? 24 * 60 : shortest_gap_of(hours, minutes); }

std::size_t Job::column_of(std::size_t offset) const {
  auto before = std::ranges::count_if(escaped, [&](std::size_t e) { return e <= offset; });
  return command_column + offset + static_cast<std::size_t>(before);
}

std::string_view text(Fault fault) {
  switch (fault) {
    case Fault::bad_minute:
      return "bad minute";
    case Fault::bad_hour:
      return "bad hour";
    case Fault::bad_day:
      return "bad day-of-month";
    case Fault::bad_month:
      return "bad month";
    case Fault::bad_weekday:
      return "bad day-of-week";
    case Fault::bad_word:
      return "bad time specifier";
    case Fault::no_user:
      return "no user field";
    case Fault::bad_command:
      return "bad command";
    case Fault::no_command:
      return "no command";
    case Fault::ignored_tail:
      return "a field that cron reads only in part";
    case Fault::backwards:
      return "a range that runs backwards";
    case Fault::bad_setting:
      return "a setting that cron does not take";
    case Fault::carriage_return:
      return "a line that ends in CR LF";
    case Fault::no_newline:
      return "no newline at the end";
  }
  return "";
}

bool refuses_file(Fault fault) {
  return fault != Fault::no_command && fault != Fault::ignored_tail && fault != Fault::backwards &&
         fault != Fault::carriage_return;
}

Crontab Crontab::parse(std::string_view text, Dialect dialect) {
  Crontab out;
  Reader(text, dialect, out).read();
  return out;
}

const Setting* Crontab::setting(const Job& job, std::string_view name) const {
  for (auto i = std::min(job.settings, settings.size()); i > 0; --i)
    if (settings[i - 1].name == name) return &settings[i - 1];
  return nullptr;
}

}  // namespace meshops::crontab
