// YAML from a hostile hand: reading ends, places are inside the text, an insert adds and changes nothing
// else.
#include <cstdint>

#include "formats/compose.h"
#include "formats/yaml.h"
#include "must.h"

using namespace meshops;
using namespace meshops::yaml;

namespace {

void walk(const Value& v, std::size_t size, int depth, int& looks) {
  if (--looks < 0 || depth > 40) return;
  must(v.begin() <= v.end() && v.end() <= size && v.line() >= 1 && v.column() >= 1);
  (void)v.boolean();
  for (const auto& m : v.members()) {
    must(static_cast<bool>(m.key));
    must(m.key.text().empty() || static_cast<bool>(v.at(m.key.text())) || m.merged);
    walk(m.value, size, depth + 1, looks);
  }
  for (const auto& item : v.items()) walk(item, size, depth + 1, looks);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto document = Document::parse(text);
  if (const auto& problem = document.problem()) {
    must(!document.root() && problem->line >= 1 && problem->line <= size + 1 && !problem->what.empty());
    return 0;
  }
  if (!document.root()) return 0;
  int looks = 2000;
  walk(document.root(), size, 0, looks);
  auto services = document.root().at("services");
  for (const auto& mapping : {document.root(), services}) {
    for (const auto& path :
         {std::vector<std::string>{"zz_new"}, std::vector<std::string>{"deploy", "zz", "new"}}) {
      auto out = insert(document, mapping, path, "512m");
      if (!out) continue;
      must(out->size() > size);
      must(!Document::parse(*out).problem());
    }
  }
  for (const auto& m : services.members()) {
    (void)compose::environment(m.value.at("environment"));
    (void)compose::ports(m.value.at("ports"));
    (void)compose::mounts(m.value.at("volumes"));
    (void)compose::words(m.value.at("command"));
    (void)compose::interpolate(m.value.at("image").text(), {{"A", "b"}});
  }
  (void)compose::env_lines(text);
  return 0;
}
