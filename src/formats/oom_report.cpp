#include "formats/oom_report.h"

#include <algorithm>

#include "base/text.h"

namespace meshops::oom {

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kMostTasks = 4096;

/// "[ 1234.567890] text", as dmesg and kern.log have it. "[    812]  1000 …" of the table is no such mark.
std::string_view without_stamp(std::string_view text) {
  if (!text.starts_with('[')) return text;
  auto close = text.find(']');
  if (close == text.npos) return text;
  auto inside = trim(text.substr(1, close - 1));
  if (inside.empty() || inside.find('.') == inside.npos ||
      inside.find_first_not_of("0123456789.") != inside.npos)
    return text;
  return trim(text.substr(close + 1));
}

/// The value of "key=value," in the kernel's line of constraints; paths may hold anything but a comma.
std::string_view value_of(std::string_view text, std::string_view key) {
  for (auto part : split(text, ','))
    if (part.starts_with(key) && part.size() > key.size() && part[key.size()] == '=')
      return part.substr(key.size() + 1);
  return {};
}

/// "anon-rss:281432kB" → bytes.
std::uint64_t kilobytes(std::string_view text, std::string_view name) {
  auto at = text.find(name);
  if (at == text.npos) return 0;
  auto rest = text.substr(at + name.size());
  auto number = to_number<std::uint64_t>(rest.substr(0, rest.find_first_not_of("0123456789")));
  return number && *number < (1ULL << 44U) ? *number * 1024 : 0;
}

}  // namespace

void Report::task(std::string_view text) {
  auto close = text.find(']');
  if (!text.starts_with('[') || close == text.npos || now_.tasks.size() >= kMostTasks) return;
  auto pid = to_number<std::int64_t>(trim(text.substr(1, close - 1)));
  auto rest = text.substr(close + 1);
  auto fields = words(rest);
  // uid tgid total_vm rss … oom_score_adj name
  if (!pid || fields.size() < columns_ || columns_ < 6) return;
  auto pages = to_number<std::uint64_t>(fields[3]);
  if (!pages || *pages > (1ULL << 40U)) return;
  // A name may have blanks in it.
  auto begin = static_cast<std::size_t>(fields[columns_ - 1].data() - rest.data());
  now_.tasks.push_back({printable(trim(rest.substr(begin))), *pid, *pages * kPage});
}

std::optional<Kill> Report::line(std::string_view text) {
  text = without_stamp(trim(text));
  if (text.find("invoked oom-killer") != text.npos) {
    now_ = {};
    columns_ = 0;
    return std::nullopt;
  }
  if (text.starts_with("[") && text.find("pid") != text.npos && text.find("total_vm") != text.npos) {
    now_.tasks.clear();
    columns_ = words(text.substr(text.find(']') == text.npos ? 0 : text.find(']') + 1)).size();
    return std::nullopt;
  }
  if (text.starts_with("oom-kill:")) {
    auto constraint = value_of(text.substr(9), "constraint");
    now_.in_cgroup = constraint == "CONSTRAINT_MEMCG";
    now_.limit_group = printable(value_of(text, "oom_memcg"));
    now_.task_group = printable(value_of(text, "task_memcg"));
    return std::nullopt;
  }
  constexpr std::string_view kKilled = "Killed process ";
  auto at = text.find(kKilled);
  if (at == text.npos) {
    if (columns_ != 0) task(text);
    return std::nullopt;
  }
  auto rest = text.substr(at + kKilled.size());
  auto pid = to_number<std::int64_t>(rest.substr(0, rest.find_first_not_of("0123456789")));
  auto open = rest.find('(');
  // The name may hold a bracket itself: what closes it stands before the first number.
  auto end = rest.find(") total-vm:");
  if (end == rest.npos) end = rest.find("), UID");
  if (end == rest.npos) end = rest.rfind(')');
  if (!pid || open == rest.npos || end == rest.npos || end < open) return std::nullopt;
  Kill done = std::move(now_);
  now_ = {};
  columns_ = 0;
  done.pid = *pid;
  done.victim = printable(rest.substr(open + 1, end - open - 1));
  done.rss = kilobytes(rest, "anon-rss:") + kilobytes(rest, "file-rss:") + kilobytes(rest, "shmem-rss:");
  if (text.find("Memory cgroup out of memory") != text.npos) done.in_cgroup = true;
  std::ranges::sort(done.tasks, std::greater{}, &Task::rss);
  return done;
}

}  // namespace meshops::oom
