// JSON5 from a hostile hand: reading never crashes, what is read prints as JSON that reads the same, and an
// edit either is refused or does exactly what it says. The last bytes of the input choose the edit.

#include "base/text.h"
#include "formats/json5.h"
#include "must.h"

using namespace meshops;
using namespace meshops::json5;

namespace {

/// Bytes from behind, zeros when there are no more.
struct Choices {
  std::string_view left;
  std::size_t below(std::size_t n) {
    if (left.empty() || n == 0) return 0;
    auto c = static_cast<unsigned char>(left.back());
    left.remove_suffix(1);
    return c % n;
  }
};

Path some_path(Value value, Choices& choices) {
  Path path;
  while (value.size() > 0 && choices.below(4) != 0) {
    auto i = choices.below(value.size());
    if (value.is_object()) {
      auto member = value.members()[i];
      path.emplace_back(member.key);
      value = member.value;
    } else {
      path.emplace_back(i);
      value = value.items()[i];
    }
  }
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  Problem problem;
  auto document = Document::parse(text, &problem);
  if (!document) {
    must(!problem.what.empty() && valid_utf8(document.error().text()) && problem.at.line >= 1);
    return 0;
  }
  auto root = document->root();
  auto json = to_json(root);
  auto again = Document::parse(json);
  must(again.has_value() && valid_utf8(json) && to_json(again->root()) == json);

  Choices choices{text};
  auto path = some_path(root, choices);
  auto value = root.find(path);
  must(static_cast<bool>(value) && value.end() <= text.size());
  (void)value.as_int();

  // The same value changes no byte.
  auto unchanged = set(text, path, value.source());
  must(unchanged.has_value() && *unchanged == text);

  constexpr std::string_view kValues[] = {"1",   "'it\"s'",          "[1, 2]", "{ a: 1, // c\n }",
                                          "NaN", "/* x */ true // y"};
  auto wanted = kValues[choices.below(std::size(kValues))];
  if (auto changed = set(text, path, wanted))
    must(same(Document::parse(*changed)->root().find(path), Document::parse(wanted)->root()));

  if (!path.empty()) {
    if (auto less = json5::erase(text, path)) must(Document::parse(*less).has_value());
    if (auto renamed = rename_key(text, path, "new name"))
      must(same(Document::parse(*renamed)->root().find(Path(path.begin(), path.end() - 1)).at("new name"),
                value));
  }

  // A new member comes and goes without a trace.
  auto fresh = path;
  if (value.is_object()) {
    fresh.emplace_back("n\xC3\xA4w");
  } else if (value.is_array()) {
    fresh.emplace_back(value.size());
  } else {
    return 0;
  }
  if (root.find(fresh)) return 0;
  if (auto more = set(text, fresh, wanted)) {
    must(same(Document::parse(*more)->root().find(fresh), Document::parse(wanted)->root()));
    auto back = json5::erase(*more, fresh);
    must(back.has_value() && *back == text);
  } else {
    must(more.error().code() == "json5.refused");
  }
  return 0;
}
