// A database from a hostile hand, looked at in memory: total, and in bounded time.
#include <cstdint>

#include "audit/gateway_database.h"
#include "formats/sqlite_header.h"
#include "must.h"

using namespace meshops;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(bytes), size);
  if (auto header = sqlite::parse_header(text)) {
    must(header->page_size >= 512 && header->page_size <= 65536);
  } else {
    must(audit::quick_check(text).value_or("not judged") != "ok");
  }
  (void)audit::quick_check(std::move(text));
  return 0;
}
