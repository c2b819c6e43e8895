#include "audit/places.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

void count_columns(const Site& site, std::vector<Finding>& findings) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  struct Text {
    std::string all;
    std::vector<std::string_view> lines;
  };
  std::map<std::string, Text> texts;
  for (auto& finding : findings) {
    const auto& at = finding.at;
    if (at.file.empty() || at.line == 0 || at.column == 0) continue;
    finding.utf16_column = at.column;
    if (at.column == 1) continue;
    auto [known, fresh] = texts.try_emplace(at.file);
    auto& [all, lines] = known->second;
    if (fresh) {
      // Shown without the "/" that is only ours.
      all = site.host().read(fs::path("/") / at.file).value_or("");
      lines = split(all, '\n');
    }
    if (at.line > lines.size()) continue;
    auto line = lines[at.line - 1];
    auto before = line.substr(0, std::min(at.column - 1, line.size()));
    if (at.line == 1 && before.starts_with(kByteOrderMark)) before.remove_prefix(kByteOrderMark.size());
    finding.utf16_column = utf16_length(before) + 1;
  }
}

std::string path_in_checkout(const fs::path& folder) {
  if (folder.empty()) return {};
  std::error_code failed;
  for (auto top = folder; !top.empty(); top = top.parent_path()) {
    if (fs::exists(top / ".git", failed)) return top == folder ? "" : folder.lexically_relative(top).string();
    if (top == top.parent_path()) break;
  }
  return {};
}

}  // namespace meshops::audit
