#include "host/access_events.h"

#include <sys/fanotify.h>

#include <cstring>

namespace meshops {

namespace {

/// By its bytes: nothing promises that the buffer, or a record in it, is aligned.
template <class T>
bool take(std::string_view from, T& out) {
  if (from.size() < sizeof out) return false;
  std::memcpy(&out, from.data(), sizeof out);
  return true;
}

/// Records behind an event; false if they are not what their lengths say.
bool read_records(std::string_view rest, AccessEvent& event) {
  while (!rest.empty()) {
    fanotify_event_info_header header{};
    if (!take(rest, header) || header.len < sizeof header || header.len > rest.size()) return false;
    if (header.info_type == FAN_EVENT_INFO_TYPE_PIDFD) {
      fanotify_event_info_pidfd record{};
      if (!take(rest.substr(0, header.len), record)) return false;
      // FAN_EPIDFD: it could not be made, which says nothing of the process.
      if (record.pidfd >= 0) event.pidfd = record.pidfd;
      event.ended = record.pidfd == FAN_NOPIDFD;
    }
    rest.remove_prefix(header.len);
  }
  return true;
}

}  // namespace

AccessEvents parse_access_events(std::string_view buffer) {
  AccessEvents out;
  while (!buffer.empty()) {
    fanotify_event_metadata head{};
    if (!take(buffer, head) || head.vers != FANOTIFY_METADATA_VERSION || head.metadata_len < sizeof head ||
        head.event_len < head.metadata_len || head.event_len > buffer.size()) {
      out.broken = true;
      return out;
    }
    AccessEvent event{.opened = (head.mask & FAN_OPEN) != 0,
                      .read = (head.mask & FAN_ACCESS) != 0,
                      .overflow = (head.mask & FAN_Q_OVERFLOW) != 0,
                      .fd = head.fd >= 0 ? head.fd : -1,
                      .pid = head.pid};
    // Whose descriptors are known must be closed, also when what follows cannot be read.
    if (!read_records(buffer.substr(head.metadata_len, head.event_len - head.metadata_len), event))
      out.broken = true;
    out.all.push_back(event);
    if (out.broken) return out;
    buffer.remove_prefix(head.event_len);
  }
  return out;
}

}  // namespace meshops
