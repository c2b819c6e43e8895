// A package's code and a gateway's configuration from a hostile hand: judged without a fault, and every key
// that is called unknown stands in the configuration.
#include <algorithm>
#include <cstdint>

#include "audit/openclaw_schema.h"
#include "must.h"

using namespace meshops;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto keys = audit::schema::root_keys_in(text);
  must(std::ranges::is_sorted(keys));
  must(audit::schema::root_keys_in("const OpenClawSchemaShape = {" + std::string(text)).size() <= size);
  auto document = json5::Document::parse(text);
  if (!document) return 0;
  for (const auto* version : {"", "2026.9.6", "2026.1.1", "2030.1.1", "x"}) {
    auto judged = audit::schema::judge(document->root(), version, {});
    for (const auto& key : judged.unknown) must(static_cast<bool>(document->root().find(key.path)));
  }
  return 0;
}
