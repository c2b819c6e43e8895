#include "diagnose/causes.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "diagnose/cause_table.h"

namespace meshops::diagnose {

std::span<const CauseInfo> catalogue() {
  static const auto all = [] {
    auto rows = cause_table_service();
    for (auto&& row : cause_table_outside()) rows.push_back(std::move(row));
    for (auto&& row : cause_table_machine()) rows.push_back(std::move(row));
    // The tables are for readers; the enum alone gives the order.
    std::ranges::sort(rows, {}, &CauseInfo::cause);
    return rows;
  }();
  return all;
}

const CauseInfo& about(Cause cause) { return catalogue()[static_cast<std::size_t>(cause)]; }

std::string_view text(Cause cause) { return about(cause).id; }

std::string_view text(By by) {
  switch (by) {
    case By::machine:
      return "by meshops";
    case By::consent:
      return "by meshops, with your consent";
    case By::person:
      return "by you";
  }
  return "";
}

std::optional<Cause> parse_cause(std::string_view id) {
  for (const auto& info : catalogue())
    if (info.id == id) return info.cause;
  return std::nullopt;
}

std::string catalogue_markdown() {
  std::string out =
      "# Causes\n\n"
      "<!-- Generated from src/diagnose/cause_table_*.cpp by `meshops explain --all`; a unit test compares. "
      "-->\n\n"
      "What meshops may name as the root cause of a fault: the thing to change so that the fault does not "
      "come back. "
      "Start limits, restart counters, exit codes and probe results are symptoms and never causes. "
      "`meshops explain CAUSE` prints the same.\n";
  for (const auto& info : catalogue()) {
    fmt::format_to(
        std::back_inserter(out),
        "\n## {}\n\n**{}.** {}\n\n- Speaks for it: {}\n- Speaks against it: {}\n- You should know: {}\n",
        info.id, info.title, info.what, info.speaks_for, info.speaks_against, info.person);
    for (const auto& remedy : info.remedies)
      fmt::format_to(std::back_inserter(out), "- `{}` ({}): {}\n", remedy.id, text(remedy.by),
                     remedy.sentence);
  }
  return out;
}

std::string explain(Cause cause) {
  const auto& info = about(cause);
  auto out = fmt::format("{}: {}\n\n{}\n\nspeaks for it:     {}\nspeaks against it: {}\n", info.id,
                         info.title, info.what, info.speaks_for, info.speaks_against);
  out += "\nwhat helps:\n";
  for (const auto& remedy : info.remedies)
    fmt::format_to(std::back_inserter(out), "  {} ({})\n      {}\n", remedy.id, text(remedy.by),
                   remedy.sentence);
  fmt::format_to(std::back_inserter(out), "\nyou should know: {}\n", info.person);
  return out;
}

}  // namespace meshops::diagnose
