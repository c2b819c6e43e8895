#include "audit/openclaw_schema.h"

#include <algorithm>
#include <map>
#include <span>

#include "audit/openclaw_schema_table.h"
#include "base/text.h"
#include "formats/version_range.h"

namespace meshops::audit::schema {

namespace {

/// Root keys that releases of this year before the table's took, and that have moved since.
constexpr std::string_view kEarlier[] = {"audio", "canvasHost", "web"};
/// No release that a gateway of today could be takes these: `media` is called `attachments`, what
/// `crestodian` did is built in.
constexpr std::string_view kRetired[] = {"media", "crestodian"};

using Keys = std::vector<std::string_view>;

class Table {
 public:
  Table() {
    for (auto line : split(kSchemaTable, '\n')) {
      auto colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      auto path = line.substr(0, colon);
      rows_[path == "." ? std::string() : std::string(path)] = words(line.substr(colon + 1));
    }
    for (const auto& [path, keys] : rows_)
      for (auto dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1))
        ways_.try_emplace(path.substr(0, dot));
  }
  const Keys* row(const std::string& path) const {
    auto found = rows_.find(path);
    return found == rows_.end() ? nullptr : &found->second;
  }
  /// Whether anything at or below the path is known.
  bool leads_on(const std::string& path) const { return rows_.contains(path) || ways_.contains(path); }

 private:
  std::map<std::string, Keys> rows_;
  std::map<std::string, bool> ways_;
};

const Table& table() {
  static const Table all;
  return all;
}

bool has(std::span<const std::string_view> keys, std::string_view key) {
  return std::ranges::find(keys, key) != keys.end();
}

class Walk {
 public:
  explicit Walk(std::vector<UnknownKey>& out) : out_(out) {}

  void go(const json5::Value& value, const std::string& pattern) {
    const auto* keys = value.is_object() ? table().row(pattern) : nullptr;
    if (value.is_object()) {
      for (const auto& member : value.members()) {
        path_.emplace_back(member.key);
        // The gateway itself moves agents.list to agents.entries when it starts, and goes on.
        bool moved = pattern == "agents" && member.key == "list";
        if (keys != nullptr && !has(*keys, member.key)) {
          if (!moved) out_.push_back({path_, {keys->begin(), keys->end()}});
        } else {
          below(member.value, pattern, member.key);
        }
        path_.pop_back();
      }
    } else if (value.is_array()) {
      auto items = value.items();
      for (std::size_t i = 0; i < items.size(); ++i) {
        path_.emplace_back(i);
        below(items[i], pattern, "*");
        path_.pop_back();
      }
    }
  }

 private:
  void below(const json5::Value& value, const std::string& pattern, const std::string& key) {
    auto prefix = pattern.empty() ? std::string() : pattern + ".";
    if (key.find('.') == std::string::npos && table().leads_on(prefix + key))
      go(value, prefix + key);
    else if (table().leads_on(prefix + "*"))
      go(value, prefix + "*");
  }

  std::vector<UnknownKey>& out_;
  json5::Path path_;
};

/// "2026.9" of "2026.9.6".
std::string_view release(std::string_view version) {
  auto dot = version.find('.');
  dot = dot == std::string_view::npos ? dot : version.find('.', dot + 1);
  return version.substr(0, dot);
}

}  // namespace

Judgement judge(const json5::Value& root, std::string_view version,
                const std::vector<std::string>& installed) {
  Judgement out;
  const auto* known = table().row("");
  if (!root.is_object() || known == nullptr) return out;
  auto order = version.empty() ? std::optional(std::strong_ordering::equal)
                               : compare_versions(release(version), release(kTableVersion));
  const bool same = order == std::strong_ordering::equal;
  if (!installed.empty()) {
    out.by = fmt::format("the schema of the installed {}", version.empty() ? "version" : version);
    for (const auto& member : root.members())
      if (std::ranges::find(installed, member.key) == installed.end())
        out.unknown.push_back({{member.key}, installed});
    if (!same) return out;
    std::vector<UnknownKey> all;
    Walk(all).go(root, "");
    for (auto& key : all)
      if (key.path.size() > 1) out.unknown.push_back(std::move(key));
    return out;
  }
  out.by = version.empty() ? fmt::format("OpenClaw {}", kTableVersion) : fmt::format("OpenClaw {}", version);
  if (same) {
    Walk(out.unknown).go(root, "");
    return out;
  }
  const bool older = order == std::strong_ordering::less;
  for (const auto& member : root.members()) {
    bool gone = has(kRetired, member.key);
    bool never = older && !has(*known, member.key) && !has(kEarlier, member.key);
    if (gone || never) out.unknown.push_back({{member.key}, known_keys("")});
  }
  return out;
}

std::vector<std::string> known_keys(std::string_view pattern) {
  std::vector<std::string> out;
  if (const auto* keys = table().row(std::string(pattern)))
    for (auto key : *keys) out.emplace_back(key);
  return out;
}

namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

/// One past the string, template or comment that begins at `at`; `at` itself if none does.
std::size_t past_text(std::string_view code, std::size_t at) {
  char c = code[at];
  if (c == '"' || c == '\'' || c == '`') {
    for (auto i = at + 1; i < code.size(); ++i) {
      if (code[i] == '\\')
        ++i;
      else if (code[i] == c)
        return i + 1;
    }
    return code.size();
  }
  if (code.substr(at, 2) == "/*") {
    auto end = code.find("*/", at + 2);
    return end == std::string_view::npos ? code.size() : end + 2;
  }
  if (code.substr(at, 2) == "//") {
    auto end = code.find('\n', at);
    return end == std::string_view::npos ? code.size() : end + 1;
  }
  return at;
}

}  // namespace

std::vector<std::string> root_keys_in(std::string_view code) {
  constexpr std::string_view kName = "OpenClawSchemaShape = {";
  auto begin = code.find(kName);
  if (begin == std::string_view::npos) return {};
  std::vector<std::string> keys;
  std::size_t depth = 1;
  bool expects_key = true;
  for (auto i = begin + kName.size(); i < code.size();) {
    if (auto end = past_text(code, i); end != i) {
      // "agents": … is a key like agents: …
      auto after = code.find_first_not_of(" \t\r\n", end);
      if (depth == 1 && expects_key && code[i] == '"' && after != std::string_view::npos &&
          code[after] == ':') {
        keys.emplace_back(code.substr(i + 1, end - i - 2));
        expects_key = false;
      }
      i = end;
      continue;
    }
    char c = code[i];
    if (depth == 1 && expects_key && is_word(c)) {
      auto end = i;
      while (end < code.size() && is_word(code[end])) ++end;
      auto after = code.find_first_not_of(" \t\r\n", end);
      if (after == std::string_view::npos) return {};
      // A spread or a shorthand: what it brings cannot be seen here.
      if (code[after] != ':') return {};
      keys.emplace_back(code.substr(i, end - i));
      expects_key = false;
      i = end;
      continue;
    }
    if (depth == 1 && expects_key && c == '.') return {};
    if (c == '{' || c == '(' || c == '[') ++depth;
    if (c == '}' || c == ')' || c == ']') {
      if (--depth == 0) {
        std::ranges::sort(keys);
        // Fewer than any release had: this is not what it seemed.
        return keys.size() < 10 ? std::vector<std::string>() : keys;
      }
    }
    if (c == ',' && depth == 1) expects_key = true;
    ++i;
  }
  return {};
}

}  // namespace meshops::audit::schema
