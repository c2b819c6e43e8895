// What a provider answers, and what stands in a service account's key: whatever the bytes are, reading them
// ends, and nothing of them can break out of a header or a path. The first byte chooses the reader.
#include <cstdint>
#include <string_view>

#include "mesh/provider.h"
#include "mesh/provider_gcp.h"
#include "mesh/provider_vultr.h"
#include "must.h"

namespace {
void must_be_a_line(std::string_view text) {
  for (char c : text) must(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshops::mesh;
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      if (auto key = gcp::parse_key(text)) {
        must_be_a_line(key->email);
        must(!gcp::unsigned_jwt(*key, {}).empty());
        (void)gcp::signed_jwt(*key, {});
      }
      break;
    case 1:
      if (auto token = gcp::parse_token(text)) must_be_a_line(token->bearer.reveal());
      break;
    case 2:
      if (auto state = gcp::parse_instance(text)) must_be_a_line(state->words);
      break;
    case 3:
      if (auto operation = gcp::parse_operation(text)) {
        must(!operation->name.contains('/') && operation->name != "..");
        must_be_a_line(operation->error);
      }
      break;
    case 4:
      if (auto state = vultr::parse_instance(text)) must_be_a_line(state->words);
      break;
    default:
      must_be_a_line(refusal_in(text));
      must(refusal_in(text).size() <= 200);
  }
  return 0;
}
