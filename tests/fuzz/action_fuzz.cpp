// Recorded actions and broken configurations from a hostile hand: what is read can be written, shown and read
// again; what is repaired is JSON5; what is mended keeps what must stay.
#include <cstdint>

#include "base/text.h"
#include "heal/action.h"
#include "heal/config_mend.h"
#include "must.h"

using namespace meshops;
using namespace meshops::heal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  Fetch fetch = [](const std::string& name) { return Result<std::string>(name); };
  if (auto action = parse_action(text, fetch)) {
    auto words = describe(*action);
    must(!words.empty() && valid_utf8(words));
    Keep hex = [](const std::string& kept) {
      std::string out;
      for (char c : kept) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
      return Result<std::string>(out);
    };
    must(to_json(*action, hex).has_value());
    (void)inverse(*action);
  }
  if (auto repair = repair_syntax(text)) must(json5::Document::parse(repair->text).has_value());
  auto issues = issues_in({std::string(text.substr(0, size / 2))});
  if (auto mended = mend(text.substr(size / 2), issues))
    must(mended->removed.empty() || mended->text.size() < size);
  return 0;
}
