// What the kernel writes into a fanotify descriptor: its lengths are not believed, and no descriptor that it
// gave is lost.
#include "host/access_events.h"

#include <sys/fanotify.h>

#include <cstring>

#include "must.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view buffer(reinterpret_cast<const char*>(bytes), size);
  auto seen = meshops::parse_access_events(buffer);
  must(seen.all.size() <= size / sizeof(fanotify_event_metadata));
  must(seen.broken || !seen.all.empty() || size == 0);
  // Whole events in a row, as they stand: each of them must be there.
  std::size_t at = 0;
  for (const auto& event : seen.all) {
    fanotify_event_metadata head{};
    must(at + sizeof head <= size);
    std::memcpy(&head, bytes + at, sizeof head);
    must(event.pid == head.pid && event.fd == (head.fd >= 0 ? head.fd : -1));
    must(event.pidfd >= -1);
    at += head.event_len;
  }
  must(seen.broken || at == size);
  return 0;
}
