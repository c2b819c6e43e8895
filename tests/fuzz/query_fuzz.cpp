// What peers ask and testify through Serf, and this node's own memory of healing: reading it ends, and what
// was read is written so that it reads the same. The first byte chooses which of them.
#include <cstdint>
#include <string>

#include "mesh/kept_file.h"
#include "mesh/query_wire.h"
#include "must.h"

using namespace meshops;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) {
    if (auto question = mesh::parse_question(bytes)) {
      must(question->asker.size() <= 64 && question->patient.size() <= 64);
      must(mesh::parse_question(mesh::to_bytes(*question)).value() == *question);
    }
  } else if (data[0] % 3 == 1) {
    if (auto testimony = mesh::parse_testimony(bytes)) {
      must(mesh::parse_testimony(mesh::to_bytes(*testimony, 1U << 20)).value() == *testimony);
      auto cut = mesh::parse_testimony(mesh::to_bytes(*testimony));
      must(cut && cut->witness == testimony->witness && cut->sees == testimony->sees);
      must(cut->claims.size() <= testimony->claims.size());
    }
  } else {
    constexpr Instant kNow{std::chrono::hours(2)};
    if (auto kept = mesh::parse_kept(bytes, "boot", kNow)) {
      for (const auto& t : kept->treatments) must(t.at <= kNow);
      for (const auto& c : kept->claims) must(c.at <= kNow);
      auto text = mesh::to_json(*kept, "boot");
      must(mesh::parse_kept(text, "boot", kNow).value() == *kept);
    }
  }
  return 0;
}
