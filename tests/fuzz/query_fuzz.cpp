// What peers ask and testify through Serf, this node's own memory of healing, and the file of its healing
// key: reading it ends, and what was read is written so that it reads the same. The first byte chooses which
// of them.
#include <cstdint>
#include <string>

#include "mesh/ed25519.h"
#include "mesh/kept_file.h"
#include "mesh/query_wire.h"
#include "must.h"
#include "unit/mesh/healing_pair.h"

using namespace meshops;

namespace {

void a_key(std::string_view file) {
  auto key = mesh::ed25519::parse_private_key(file);
  if (!key) return;
  must(key->seed.reveal().size() == 32 && key->public_key.size() == 32);
  must(mesh::ed25519::verify(key->public_key, mesh::ed25519::sign(*key, "it").value(), "it"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto message = mesh::parse_message(bytes);
  if (message) must(message->text.size() + message->signature.size() == bytes.size());
  switch (data[0] % 5) {
    case 0:
      if (!message) break;
      if (auto question = mesh::parse_question(message->text)) {
        must(question->asker.size() <= 64 && question->patient.size() <= 64);
        must(mesh::parse_question(mesh::to_bytes(*question)).value() == *question);
        must(mesh::signed_bytes("m", *question, message->text).ends_with(message->text));
      }
      break;
    case 1:
      if (!message) break;
      if (auto testimony = mesh::parse_testimony(message->text)) {
        must(mesh::parse_testimony(mesh::to_bytes(*testimony, 1U << 20)).value() == *testimony);
        auto cut = mesh::parse_testimony(mesh::to_bytes(*testimony));
        must(cut && cut->witness == testimony->witness && cut->sees == testimony->sees);
        must(cut->claims.size() <= testimony->claims.size());
      }
      break;
    case 2: {
      constexpr Instant kNow{std::chrono::hours(2)};
      if (auto kept = mesh::parse_kept(bytes, "boot", kNow)) {
        for (const auto& t : kept->treatments) must(t.at <= kNow);
        for (const auto& c : kept->claims) must(c.at <= kNow);
        auto text = mesh::to_json(*kept, "boot");
        must(mesh::parse_kept(text, "boot", kNow).value() == *kept);
      }
      break;
    }
    case 3:
      a_key(mesh::HealingPair::armoured(bytes));
      break;
    default:
      a_key(bytes);
  }
  return 0;
}
