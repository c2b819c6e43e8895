// Log lines and journal exports from a hostile hand: both readers are total, bounded, and a stream that is
// read in two parts gives the same entries as the whole.

#include "formats/journal_line.h"
#include "must.h"

using namespace meshops::journal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto line = parse_log_line(text);
  must(line.form != Form::text || (line.subsystem.empty() && line.level.empty()));
  must(without_ansi(text).size() <= size);

  ExportLimits limits{.entries = 50, .fields = 8, .field_bytes = 200};
  auto whole = parse_export(text, true, limits);
  must(whole.consumed <= size && whole.entries.size() <= limits.entries);
  for (const auto& entry : whole.entries) {
    must(!entry.fields.empty() && entry.fields.size() <= limits.fields);
    for (const auto& [name, value] : entry.fields) must(!name.empty() && value.size() <= limits.field_bytes);
    (void)entry.time();
  }

  auto cut = size == 0 ? 0 : bytes[0] * size / 256;
  auto first = parse_export(text.substr(0, cut), false, limits);
  must(first.consumed <= cut);
  if (!first.corrupt) {
    auto left = limits;
    left.entries -= first.entries.size();
    auto second = parse_export(text.substr(first.consumed), true, left);
    first.entries.insert(first.entries.end(), second.entries.begin(), second.entries.end());
    first.broken += second.broken;
    first.corrupt = second.corrupt;
  }
  must(first.corrupt == whole.corrupt && first.broken == whole.broken &&
       first.entries.size() == whole.entries.size());
  for (std::size_t i = 0; i < whole.entries.size(); ++i)
    must(first.entries[i].fields == whole.entries[i].fields);
  return 0;
}
