// Zone files, resolv.conf and hosts from a hostile hand: places are inside the text, names are whole, and a
// zone written down again says the same.
#include <algorithm>
#include <cstdint>

#include "base/text.h"
#include "formats/resolv_conf.h"
#include "formats/zone_file.h"
#include "must.h"

using namespace meshops;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto lines = split(text, '\n');

  for (auto origin : {"", "example.org", "."}) {
    auto zone = zone::parse(text, origin);
    must(zone.apex.ends_with('.'));
    std::string again = "$ORIGIN \"" + zone.apex + "\"\n";
    for (const auto& r : zone.records) {
      must(r.line >= 1 && r.line <= lines.size() && r.owner.ends_with('.'));
      auto type = lines[r.line - 1].substr(std::min(r.column - 1, lines[r.line - 1].size()));
      // It may stand in quotes, or with escapes.
      if (type.empty() || (type[0] != '"' && type.find('\\') == std::string_view::npos))
        must(lower(type).starts_with(lower(r.type)));
      again += "\"" + r.owner + "\" " + r.type;
      for (const auto& field : r.fields) again += " \"" + field + "\"";
      again += "\n";
    }
    // What is escaped, or begins like a directive, has no other spelling.
    if (again.find('\\') != std::string::npos ||
        std::ranges::any_of(zone.records, [](const auto& r) { return r.owner.starts_with('$'); }))
      continue;
    auto read = zone::parse(again, origin);
    must(read.records.size() == zone.records.size());
    for (std::size_t i = 0; i < read.records.size(); ++i) {
      must(read.records[i].owner == zone.records[i].owner && read.records[i].type == zone.records[i].type);
      must(read.records[i].fields == zone.records[i].fields);
    }
  }
  (void)zone::origin_of_file(text);

  for (const auto& server : resolver::parse_resolv_conf(text)) {
    must(server.line >= 1 && server.line <= lines.size());
    must(lines[server.line - 1].substr(server.column - 1).starts_with(server.address));
  }
  for (const auto& entry : resolver::parse_hosts(text)) {
    must(entry.line >= 1 && entry.line <= lines.size() && !entry.names.empty() && !entry.address.empty());
    auto read = resolver::parse_hosts(entry.address + " " + join(entry.names, " "));
    must(read.size() == 1 && read[0].address == entry.address && read[0].names == entry.names);
  }
  return 0;
}
