#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <limits>

#include "base/text.h"

namespace meshops {

using namespace std::chrono_literals;

Instant SystemClock::now() const {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return {std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec)};
}

WallTime SystemClock::wall() const {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string iso8601(WallTime t) {
  auto day = std::chrono::floor<std::chrono::days>(t);
  std::chrono::year_month_day date{day};
  std::chrono::hh_mm_ss time{t - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

std::optional<WallTime> parse_iso8601(std::string_view text) {
  // 2026-11-24T05:40:00[.123]Z
  if (text.size() < 20 || text.size() > 30 || text.back() != 'Z') return std::nullopt;
  auto number = [&](std::size_t at, std::size_t length) {
    return to_number<unsigned>(text.substr(at, length));
  };
  auto year = number(0, 4), month = number(5, 2), day = number(8, 2);
  auto hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month),
                                   std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  unsigned millis = 0;
  if (auto fraction = text.substr(19, text.size() - 20); !fraction.empty()) {
    if (fraction[0] != '.' || fraction.size() == 1) return std::nullopt;
    fraction.remove_prefix(1);
    if (!to_number<std::uint64_t>(fraction)) return std::nullopt;
    for (std::size_t i = 0; i < 3; ++i)
      millis = millis * 10 + (i < fraction.size() ? static_cast<unsigned>(fraction[i] - '0') : 0U);
  }
  return WallTime{std::chrono::sys_days(date)} + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) + std::chrono::milliseconds(millis);
}

namespace {
struct Unit {
  std::string_view name;
  Duration length;
};
constexpr Unit kUnits[] = {{"ms", 1ms},   {"s", 1s}, {"sec", 1s}, {"m", 1min},
                           {"min", 1min}, {"h", 1h}, {"d", 24h}};
}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  text = trim(text);
  if (text == "0") return Duration::zero();
  if (text.empty()) return std::nullopt;
  Duration total{};
  while (!text.empty()) {
    auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    auto number = to_number<std::int64_t>(text.substr(0, digits));
    text.remove_prefix(digits);
    auto letters = std::min(text.find_first_of("0123456789 "), text.size());
    auto name = text.substr(0, letters);
    text.remove_prefix(letters);
    text = trim(text);
    const Unit* unit = nullptr;
    for (const auto& u : kUnits)
      if (u.name == name) unit = &u;
    if (!number || unit == nullptr) return std::nullopt;
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max() / 4;
    if (*number > kMost / unit->length.count()) return std::nullopt;
    total += *number * unit->length;
    if (total.count() > kMost) return std::nullopt;
  }
  return total;
}

std::string duration_text(Duration d) {
  if (d == Duration::zero()) return "0s";
  std::string out = d < Duration::zero() ? "-" : "";
  if (d < Duration::zero()) d = -d;
  constexpr std::array<Unit, 5> kDown = {{{"d", 24h}, {"h", 1h}, {"m", 1min}, {"s", 1s}, {"ms", 1ms}}};
  for (const auto& unit : kDown)
    if (auto n = d / unit.length; n > 0) {
      out += fmt::format("{}{}", n, unit.name);
      d -= n * unit.length;
    }
  return out.empty() || out == "-" ? "0s" : out;
}

std::string about(Duration d) {
  auto n = [&](Duration unit) { return d / unit; };
  if (d < 1s) return fmt::format("{} ms", n(1ms));
  if (d < 1min) return fmt::format("{} s", n(1s));
  if (d < 1h) return fmt::format("{} min", n(1min));
  if (d < 24h) return fmt::format("{} h {} min", n(1h), n(1min) % 60);
  return fmt::format("{} d {} h", n(24h), n(1h) % 24);
}

}  // namespace meshops
