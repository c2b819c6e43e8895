// Any bytes as mesh.toml: never a crash; faults are few, each with a place and on one line; a mesh that is
// good comes back the same from what to_toml() writes, and its JSON is JSON.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "config/mesh.h"
#include "must.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace meshops;
  static const Surroundings around{.host_name = "alpha", .root = true, .environment = {}};
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto mesh = parse_mesh(text, "m", around);
  if (!mesh) {
    must(!mesh.error().faults.empty() && mesh.error().faults.size() <= 20);
    for (const auto& fault : mesh.error().faults) {
      auto said = fault.text();
      must(said.starts_with("m:") && !said.contains('\n') && valid_utf8(said) && printable(said) == said);
    }
    return 0;
  }
  auto again = parse_mesh(to_toml(*mesh), "m", around);
  must(again.has_value() && *again == *mesh);
  must(nlohmann::json::accept(to_json(veiled(*mesh))));
  return 0;
}
