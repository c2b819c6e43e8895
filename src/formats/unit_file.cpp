#include "formats/unit_file.h"

#include <algorithm>

#include "base/text.h"

namespace meshops::systemd {

/// A physical line inside a joined one: bytes from `joined_at` on came from this line of the file.
struct Piece {
  std::size_t joined_at;
  std::size_t line;
};

namespace {

constexpr std::string_view kBlank = " \t\n\r";

std::string_view strip(std::string_view text) {
  auto begin = std::min(text.find_first_not_of(kBlank), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

// systemd ends a line at LF, CR, CR LF and also at NUL.
std::string_view take_line(std::string_view& text) {
  using namespace std::string_view_literals;
  auto end = std::min(text.find_first_of("\n\r\0"sv), text.size());
  auto line = text.substr(0, end);
  auto skip = text.substr(end).starts_with("\r\n") ? 2U : end < text.size() ? 1U : 0U;
  text.remove_prefix(end + skip);
  return line;
}

// A backslash that no backslash before it escapes.
bool continues(std::string_view line) {
  auto last = line.find_last_not_of('\\');
  auto backslashes = line.size() - (last == std::string_view::npos ? 0 : last + 1);
  return backslashes % 2 == 1;
}

}  // namespace

UnitFile UnitFile::parse(std::string_view text, const std::string& file) {
  UnitFile unit;
  unit.add(text, file);
  return unit;
}

void UnitFile::add(std::string_view text, const std::string& file) {
  section_.clear();
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::string joined;
  std::vector<Piece> pieces;
  for (std::size_t number = 1; !text.empty(); ++number) {
    auto physical = take_line(text);
    auto first = physical.find_first_not_of(kBlank);
    bool comment = first != std::string_view::npos && (physical[first] == '#' || physical[first] == ';');
    // Also between continued lines: the comment is skipped, the continuation goes on.
    if (!comment) {
      pieces.push_back({joined.size(), number});
      joined += physical;
      if (continues(physical)) {
        joined.back() = ' ';
        if (!text.empty()) continue;
      }
      line(joined, pieces, file);
    } else if (!pieces.empty() && text.empty()) {
      line(joined, pieces, file);
    } else {
      continue;
    }
    joined.clear();
    pieces.clear();
  }
}

void UnitFile::line(std::string_view joined, const std::vector<Piece>& pieces, const std::string& file) {
  auto place = [&](std::size_t at) {
    auto after = std::ranges::find_if(pieces, [&](const Piece& p) { return p.joined_at > at; });
    const auto& piece = *std::prev(after);
    return Place{file, piece.line, at - piece.joined_at + 1};
  };
  auto offset = [&](std::string_view part) { return static_cast<std::size_t>(part.data() - joined.data()); };
  auto text = strip(joined);
  if (text.empty()) return;
  auto wrong = [&](std::string what) { problems_.push_back({place(offset(text)), std::move(what)}); };

  if (!valid_utf8(text)) return wrong("the line is not UTF-8 and is ignored");
  if (text[0] == '[') {
    if (text.back() != ']')
      return wrong(fmt::format("the section header {} does not end with ']'", quote(text)));
    section_ = text.substr(1, text.size() - 2);
    headers_.push_back({section_, place(offset(text))});
    return;
  }
  auto equals = text.find('=');
  if (equals == std::string_view::npos)
    return wrong(fmt::format("{} has no '=' and is ignored", quote(text)));
  if (equals == 0) return wrong("there is no key before '='");
  auto key = strip(text.substr(0, equals));
  if (section_.empty())
    return wrong(fmt::format("{} stands before the first [section] and is ignored", quote(key)));
  auto value = strip(text.substr(equals + 1));
  auto value_at = value.empty() ? offset(text) + equals : offset(value);
  assignments_.push_back(
      {section_, std::string(key), std::string(value), place(offset(text)), place(value_at)});
}

bool UnitFile::has_section(std::string_view section) const { return header(section) != nullptr; }

const Place* UnitFile::header(std::string_view section) const {
  auto first = std::ranges::find(headers_, section, &Header::section);
  return first == headers_.end() ? nullptr : &first->at;
}

std::vector<const Assignment*> UnitFile::all(std::string_view section, std::string_view key) const {
  std::vector<const Assignment*> out;
  for (const auto& a : assignments_) {
    if (a.section != section || a.key != key) continue;
    if (a.value.empty()) {
      out.clear();
    } else {
      out.push_back(&a);
    }
  }
  return out;
}

std::vector<std::string> UnitFile::values(std::string_view section, std::string_view key) const {
  std::vector<std::string> out;
  for (const auto* a : all(section, key)) out.push_back(a->value);
  return out;
}

const Assignment* UnitFile::last(std::string_view section, std::string_view key) const {
  auto counting = all(section, key);
  return counting.empty() ? nullptr : counting.back();
}

std::optional<std::string> UnitFile::value(std::string_view section, std::string_view key) const {
  const auto* a = last(section, key);
  return a == nullptr ? std::nullopt : std::optional(a->value);
}

std::optional<Duration> UnitFile::span(std::string_view section, std::string_view key) const {
  const auto* a = last(section, key);
  bool timeout = key == "TimeoutStartSec" || key == "TimeoutStopSec";
  if (timeout) {
    const auto* both = last(section, "TimeoutSec");
    // Both point into the same vector: the later one wins.
    if (both != nullptr && (a == nullptr || both > a)) a = both;
  }
  if (a == nullptr) return std::nullopt;
  auto span = parse_span(a->value);
  if (timeout && span == Duration::zero()) return kInfinity;
  return span;
}

std::optional<bool> UnitFile::boolean(std::string_view section, std::string_view key) const {
  const auto* a = last(section, key);
  return a == nullptr ? std::nullopt : parse_boolean(a->value);
}

std::map<std::string, std::string> UnitFile::environment(const Specifiers& specifiers,
                                                         std::string_view section) const {
  std::map<std::string, std::string> out;
  for (const auto* a : all(section, "Environment")) {
    auto words = split_words(a->value);
    if (!words) continue;
    for (const auto& word : *words) {
      auto assignment = expand(word, specifiers);
      auto equals = assignment.find('=');
      if (equals == std::string::npos || equals == 0) continue;
      auto name = assignment.substr(0, equals);
      constexpr std::string_view kName = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
      if (name.find_first_not_of(kName) != std::string::npos || (name[0] >= '0' && name[0] <= '9')) continue;
      out[name] = assignment.substr(equals + 1);
    }
  }
  return out;
}

}  // namespace meshops::systemd
