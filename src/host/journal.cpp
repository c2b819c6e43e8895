#include "host/journal.h"

#include <systemd/sd-journal.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/text.h"

namespace meshops {

namespace {

constexpr std::size_t kMessageLimit = 64U << 10;
constexpr std::size_t kTotalLimit = 8U << 20;
constexpr std::size_t kMostEntries = 100'000;

struct CloseJournal {
  void operator()(sd_journal* journal) const { ::sd_journal_close(journal); }
};
using Journal = std::unique_ptr<sd_journal, CloseJournal>;

Error journal_error(int result, std::string_view doing) {
  auto code = result == -EACCES || result == -EPERM ? HostCode::not_permitted : HostCode::io;
  auto e = error(code, "cannot {} the journal: {}", doing, std::strerror(-result));
  if (code == HostCode::not_permitted) return std::move(e).hint("be root or in the group systemd-journal");
  return e;
}

int match(sd_journal* journal, std::string_view field, std::string_view value) {
  auto text = fmt::format("{}={}", field, value);
  return ::sd_journal_add_match(journal, text.data(), text.size());
}

/// (what the unit says OR what its manager says about it) AND identifier; as `journalctl -u` does.
int add_matches(sd_journal* journal, const JournalQuery& query) {
  int r = 0;
  auto also = [&r](int next) { r = r < 0 ? r : next; };
  if (!query.unit.empty() && query.uid) {
    auto uid = std::to_string(*query.uid);
    also(match(journal, "_SYSTEMD_USER_UNIT", query.unit));
    also(match(journal, "_UID", uid));
    also(::sd_journal_add_disjunction(journal));
    also(match(journal, "USER_UNIT", query.unit));
    also(match(journal, "_UID", uid));
    also(::sd_journal_add_conjunction(journal));
  } else if (!query.unit.empty()) {
    also(match(journal, "_SYSTEMD_UNIT", query.unit));
    also(::sd_journal_add_disjunction(journal));
    also(match(journal, "UNIT", query.unit));
    also(match(journal, "_PID", "1"));  // anybody can write UNIT=
    also(::sd_journal_add_conjunction(journal));
  } else if (query.uid) {
    also(match(journal, "_UID", std::to_string(*query.uid)));
  }
  if (!query.identifier.empty()) also(match(journal, "SYSLOG_IDENTIFIER", query.identifier));
  return r;
}

/// Of the entry that the journal stands at, until it moves; empty if it has no such field.
std::string_view field(sd_journal* journal, const char* name) {
  const void* bytes = nullptr;
  std::size_t size = 0;
  if (::sd_journal_get_data(journal, name, &bytes, &size) < 0) return {};
  std::string_view text(static_cast<const char*>(bytes), size);
  text.remove_prefix(std::min(std::strlen(name) + 1, text.size()));
  return text.substr(0, kMessageLimit);
}

WallTime wall(std::uint64_t microseconds) {
  return WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(microseconds / 1000)));
}

std::string cursor_of(sd_journal* journal) {
  char* text = nullptr;
  if (::sd_journal_get_cursor(journal, &text) < 0) return {};
  std::string cursor(text);
  std::free(text);  // NOLINT: made by the C library's malloc
  return cursor;
}

/// Each field costs a walk over the entry's data, and a cursor more than all of them: only what somebody
/// wants is read.
JournalEntry entry_at(sd_journal* journal) {
  JournalEntry e;
  std::uint64_t at = 0;
  if (::sd_journal_get_realtime_usec(journal, &at) >= 0) e.at = wall(at);
  e.message = field(journal, "MESSAGE");
  return e;
}

std::uint64_t microseconds(WallTime t) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, t.time_since_epoch().count())) * 1000;
}

/// The newest `last` entries, walked backwards from the end.
int read_backward(sd_journal* journal, const JournalQuery& query, std::vector<JournalEntry>& out) {
  auto most = std::min({query.last, query.at_most, kMostEntries});
  std::size_t bytes = 0;
  std::string newest;
  int r = ::sd_journal_seek_tail(journal);
  while (r >= 0 && out.size() < most && bytes < kTotalLimit) {
    if (r = ::sd_journal_previous(journal); r <= 0) break;
    if (!query.after_cursor.empty() && ::sd_journal_test_cursor(journal, query.after_cursor.c_str()) > 0)
      break;
    std::uint64_t at = 0;
    if (query.since && ::sd_journal_get_realtime_usec(journal, &at) >= 0 && at < microseconds(*query.since))
      break;
    if (out.empty()) newest = cursor_of(journal);
    out.push_back(entry_at(journal));
    bytes += out.back().message.size();
  }
  std::ranges::reverse(out);
  if (!out.empty()) out.back().cursor = std::move(newest);
  return r;
}

int read_forward(sd_journal* journal, const JournalQuery& query, std::vector<JournalEntry>& out) {
  auto most = std::min(query.at_most, kMostEntries);
  std::size_t bytes = 0;
  int r = 0;
  if (!query.after_cursor.empty())
    r = ::sd_journal_seek_cursor(journal, query.after_cursor.c_str());
  else if (query.since)
    r = ::sd_journal_seek_realtime_usec(journal, microseconds(*query.since));
  else
    r = ::sd_journal_seek_head(journal);
  bool first = true;
  while (r >= 0 && out.size() < most && bytes < kTotalLimit) {
    if (r = ::sd_journal_next(journal); r <= 0) break;
    // The seek lands on the entry itself, or, when that one was rotated away, already on the next.
    bool at_cursor = std::exchange(first, false) && !query.after_cursor.empty() &&
                     ::sd_journal_test_cursor(journal, query.after_cursor.c_str()) > 0;
    if (at_cursor) continue;
    out.push_back(entry_at(journal));
    bytes += out.back().message.size();
    if (query.since && out.back().at < *query.since) out.pop_back();
  }
  // At its end, too, the journal still stands at the last entry.
  if (!out.empty()) out.back().cursor = cursor_of(journal);
  return r;
}

Result<std::vector<JournalEntry>> read(Journal journal, const JournalQuery& query) {
  if (int r = ::sd_journal_set_data_threshold(journal.get(), kMessageLimit); r < 0)
    return fail(journal_error(r, "read"));
  if (int r = add_matches(journal.get(), query); r < 0) return fail(journal_error(r, "search"));
  std::vector<JournalEntry> out;
  int r = query.last > 0 ? read_backward(journal.get(), query, out) : read_forward(journal.get(), query, out);
  if (r == -EINVAL && !query.after_cursor.empty())
    return fail(HostCode::parse, "cannot read the journal: {} is not one of its positions",
                quote(query.after_cursor));
  // A damaged file at the end does not take away what was read before it.
  if (r < 0 && out.empty()) return fail(journal_error(r, "read"));
  return out;
}

}  // namespace

Result<std::vector<JournalEntry>> read_journal(const JournalQuery& query) {
  sd_journal* journal = nullptr;
  if (int r = ::sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY); r < 0)
    return fail(journal_error(r, "open"));
  return read(Journal(journal), query);
}

Result<std::vector<JournalEntry>> read_journal_in(const Fd& directory, const JournalQuery& query) {
  sd_journal* journal = nullptr;
  if (int r = ::sd_journal_open_directory_fd(&journal, directory.get(), 0); r < 0)
    return fail(journal_error(r, "open"));
  return read(Journal(journal), query);
}

}  // namespace meshops
