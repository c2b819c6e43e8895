#include "formats/version_range.h"

#include <array>

#include "base/text.h"

namespace meshops {

namespace {

struct Version {
  std::array<std::uint32_t, 3> part{};
  std::size_t given = 3;  // how many parts were written before an x or the end
  auto operator<=>(const Version& other) const { return part <=> other.part; }
};

std::optional<Version> parse_version(std::string_view text) {
  text = trim(text);
  if (text.starts_with('v')) text.remove_prefix(1);
  text = text.substr(0, text.find_first_of("-+"));
  auto parts = split(text, '.');
  if (parts.size() > 3) return std::nullopt;
  Version version{.given = 0};
  bool open = false;  // behind an x only x may come
  for (auto part : parts) {
    bool any = part == "x" || part == "X" || part == "*";
    if (any) {
      open = true;
      continue;
    }
    auto number = to_number<std::uint32_t>(part);
    // Room for the next one up, which carets and tildes end at.
    if (!number || open || *number > 1'000'000'000) return std::nullopt;
    version.part[version.given++] = *number;
  }
  return version;
}

/// The first version above all that share `keep` parts with this one.
Version next_above(Version version, std::size_t keep) {
  ++version.part[keep - 1];
  for (auto i = keep; i < version.part.size(); ++i) version.part[i] = 0;
  return version;
}

std::optional<bool> satisfies(const Version& version, std::string_view comparator) {
  auto end = comparator.find_first_not_of("<>=^~");
  auto op = comparator.substr(0, end);
  auto bound = end == comparator.npos ? std::nullopt : parse_version(comparator.substr(end));
  if (!bound) return std::nullopt;
  if (bound->given == 0)
    return op.empty() || op == ">=" || op == "=" || op == "^" || op == "~" ? std::optional(true)
                                                                           : std::nullopt;
  auto above = next_above(*bound, bound->given);
  if (op == ">=") return version >= *bound;
  if (op == "<") return version < *bound;
  // "<=20" takes in all of 20, ">20" none of it.
  if (op == "<=") return version < above;
  if (op == ">") return version >= above;
  if (op.empty() || op == "=") return version >= *bound && version < above;
  if (op == "~")
    return version >= *bound && version < next_above(*bound, std::min<std::size_t>(bound->given, 2));
  if (op == "^") {
    // Up to the first part that is not 0.
    std::size_t keep = 1;
    while (keep < bound->given && bound->part[keep - 1] == 0) ++keep;
    return version >= *bound && version < next_above(*bound, keep);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::strong_ordering> compare_versions(std::string_view a, std::string_view b) {
  auto left = parse_version(a), right = parse_version(b);
  if (!left || !right || left->given == 0 || right->given == 0) return std::nullopt;
  return *left <=> *right;
}

std::optional<bool> in_version_range(std::string_view version, std::string_view range) {
  auto exact = parse_version(version);
  if (!exact || exact->given == 0) return std::nullopt;
  bool in_any = false;
  while (true) {
    auto bar = range.find("||");
    bool in_all = true;
    std::string_view pending;  // an operator that stands apart: ">= 24"
    for (auto word : words(range.substr(0, bar))) {
      if (word.find_first_not_of("<>=^~") == word.npos) {
        if (!pending.empty()) return std::nullopt;
        pending = word;
        continue;
      }
      auto holds = pending.empty() ? satisfies(*exact, word)
                                   : satisfies(*exact, std::string(pending) + std::string(word));
      pending = {};
      if (!holds) return std::nullopt;
      in_all = in_all && *holds;
    }
    if (!pending.empty()) return std::nullopt;
    in_any = in_any || in_all;
    if (bar == range.npos) return in_any;
    range.remove_prefix(bar + 2);
  }
}

}  // namespace meshops
