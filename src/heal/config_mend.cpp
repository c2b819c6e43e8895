#include "heal/config_mend.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "heal/planning.h"

namespace meshops::heal {

namespace {

/// Bytes of configuration read over and over for one plan: about a second, in which the agent does nothing
/// else.
constexpr std::size_t kMostWork = 32U << 20;

/// Texts in double or single quotes.
std::vector<std::string> quoted(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '"' && text[i] != '\'') continue;
    auto end = text.find(text[i], i + 1);
    if (end == std::string_view::npos) break;
    out.emplace_back(text.substr(i + 1, end - i - 1));
    i = end;
  }
  return out;
}

std::vector<std::string> allowed_in(std::string_view message) {
  // expected one of "a"|"b"|…, got: "c"
  if (auto at = message.find("expected one of "); at != message.npos) {
    auto list = message.substr(at);
    return quoted(list.substr(0, list.find(", got")));
  }
  std::vector<std::string> out;
  // (allowed: true, false)
  if (auto at = message.find("(allowed: "); at != message.npos) {
    auto list = message.substr(at + 10);
    for (auto word : split(list.substr(0, list.find(')')), ',')) {
      word = trim(word);
      if (word.size() >= 2 && word.front() == '"' && word.back() == '"')
        word = word.substr(1, word.size() - 2);
      if (!word.empty()) out.emplace_back(word);
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> unknown_keys(std::string_view message) {
  auto at = message.find("Unrecognized key");
  return at == message.npos ? std::vector<std::string>{} : quoted(message.substr(at));
}

std::vector<ConfigIssue> issues_in(const std::vector<std::string>& messages) {
  std::vector<ConfigIssue> out;
  for (std::string_view message : messages) {
    std::size_t at = message.npos;
    for (auto complaint : {": Unrecognized key", ": Invalid input", ": Invalid option"})
      at = std::min(at, message.find(complaint));
    if (at == message.npos) continue;
    // What stands before the path: a bullet, "openclaw.json:6 — ", "config reload skipped (invalid config):
    // ".
    auto path = message.substr(0, at);
    for (std::string_view before : {"— ", ": ", "- "})
      if (auto last = path.rfind(before); last != path.npos) path = path.substr(last + before.size());
    path = trim(path);
    if (path == "<root>") path = {};
    if (path.find_first_of(" \t") != path.npos) continue;
    ConfigIssue issue{.path = std::string(path), .message = std::string(message.substr(at + 2))};
    issue.allowed = allowed_in(issue.message);
    auto known = std::ranges::any_of(out, [&](const ConfigIssue& other) {
      return other.path == issue.path && other.message == issue.message;
    });
    if (!known) out.push_back(std::move(issue));
  }
  return out;
}

std::optional<json5::Path> locate(const json5::Value& root, std::string_view path) {
  if (path.empty() || path == "<root>") return json5::Path{};
  // "a[0].b" and "a.0.b" mean the same.
  auto after = [path](std::size_t size) {
    auto rest = path.substr(size);
    return rest.starts_with('.') ? rest.substr(1) : rest;
  };
  auto below = [&](json5::Step step, const json5::Value& value,
                   std::string_view rest) -> std::optional<json5::Path> {
    auto found = locate(value, rest);
    if (found) found->insert(found->begin(), std::move(step));
    return found;
  };
  if (root.is_array()) {
    bool bracket = path.starts_with('[');
    auto digits = path.substr(bracket ? 1 : 0);
    digits = digits.substr(0, digits.find_first_not_of("0123456789"));
    auto index = to_number<std::size_t>(digits);
    if (!index || *index >= root.size()) return std::nullopt;
    return below(*index, root.at(*index), after(digits.size() + (bracket ? 2U : 0U)));
  }
  auto members = root.members();
  // The longest key first: "a.b" may be one.
  std::ranges::sort(members, std::greater{}, [](const json5::Member& m) { return m.key.size(); });
  for (const auto& member : members) {
    if (member.key.empty() || !path.starts_with(member.key)) continue;
    if (path.size() > member.key.size() && path[member.key.size()] != '.' && path[member.key.size()] != '[')
      continue;
    if (auto found = below(member.key, member.value, after(member.key.size()))) return found;
  }
  return std::nullopt;
}

namespace {

/// Keys of the root that stay although a validator complains: valid in today's schema (wizard, talk, env,
/// logging), T1's own (meta, gateway), and those that the gateway itself renames or takes out when it starts.
constexpr std::string_view kStay[] = {"wizard", "talk",    "env",        "logging", "meta",
                                      "media",  "gateway", "crestodian", "secrets"};

bool stays(const json5::Path& parent, std::string_view key) {
  if (parent.empty()) return std::ranges::find(kStay, key) != std::end(kStay);
  // A channel or plugin is unknown while its plugin is missing: its entry holds tokens and allow lists.
  if (parent.size() == 1 && parent[0] == json5::Step("channels")) return true;
  return parent.size() == 2 && parent[0] == json5::Step("plugins") && parent[1] == json5::Step("entries");
}

/// Other words for one value of the schema.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kApiNames = {
    {{"google", "google-generative-ai"},
     {"gemini", "google-generative-ai"},
     {"anthropic", "anthropic-messages"}}};

bool allows(const ConfigIssue& issue, std::string_view value) {
  return issue.allowed.empty() || std::ranges::find(issue.allowed, value) != issue.allowed.end();
}

/// The only allowed value that is close to what stands there.
std::optional<std::string> only_near(std::string_view found, const std::vector<std::string>& allowed) {
  std::vector<std::string_view> candidates(allowed.begin(), allowed.end());
  auto same = [found](std::string_view candidate) { return lower(candidate) == lower(found); };
  if (std::ranges::count_if(candidates, same) == 1)
    return std::string(*std::ranges::find_if(candidates, same));
  auto best = nearest(lower(found), candidates);
  if (!best) return std::nullopt;
  std::erase(candidates, *best);
  if (nearest(lower(found), candidates)) return std::nullopt;
  return std::string(*best);
}

bool whole_number(std::string_view text) {
  auto digits = text.starts_with('-') ? text.substr(1) : text;
  return !digits.empty() && digits.size() < 16 && digits.find_first_not_of("0123456789") == digits.npos &&
         (digits == "0" || digits[0] != '0');
}

/// The value as JSON5 text, if what is meant is obvious.
std::optional<std::string> meant(const ConfigIssue& issue, const json5::Path& path,
                                 const json5::Value& value) {
  auto expects = [&issue](std::string_view kind) {
    return issue.message.find(fmt::format("expected {}", kind)) != std::string::npos;
  };
  auto text = value.as_string();
  if (expects("number")) {
    if (text && whole_number(trim(*text))) return std::string(trim(*text));
    return std::nullopt;
  }
  if (expects("boolean")) {
    auto word = text ? lower(trim(*text)) : std::string();
    if (word == "true" || word == "yes" || word == "on" || value.as_int() == 1) return "true";
    if (word == "false" || word == "no" || word == "off" || value.as_int() == 0) return "false";
    return std::nullopt;
  }
  if (expects("string") && !text) {
    // An account or chat id without its quotes: as it is written, not as a double would print it.
    if (value.as_int() && whole_number(value.source())) return fmt::format("\"{}\"", value.source());
    return std::nullopt;
  }
  if (!text) return std::nullopt;
  if (!path.empty() && path.back() == json5::Step("api"))
    for (const auto& [word, name] : kApiNames)
      if (lower(*text) == word && allows(issue, name)) return json5::json_string(name);
  if (issue.allowed.empty()) return std::nullopt;
  auto near = only_near(*text, issue.allowed);
  return near ? std::optional(json5::json_string(*near)) : std::nullopt;
}

}  // namespace

Result<Mend> mend(std::string_view text, const std::vector<ConfigIssue>& issues) {
  Mend out{.text = std::string(text), .removed = {}, .corrected = {}, .left = {}};
  // Each edit reads the whole text anew, and the agent does nothing else meanwhile.
  std::size_t work = 0;
  auto too_much = [&] { return (work += out.text.size()) > kMostWork; };
  auto refusal = not_applicable("too much is wrong with {} of configuration to be mended place by place",
                                bytes_text(text.size()));
  for (const auto& issue : issues) {
    if (too_much()) return refusal;
    auto document = TRY(json5::Document::parse(out.text));
    auto path = locate(document.root(), issue.path);
    if (!path) continue;  // an older complaint, mended since
    auto words = path->empty() ? std::string("the root") : json5::path_text(*path);
    if (auto keys = unknown_keys(issue.message); !keys.empty()) {
      for (const auto& key : keys) {
        auto place = *path;
        place.emplace_back(key);
        if (too_much()) return refusal;
        if (!TRY(json5::Document::parse(out.text)).root().find(place)) continue;
        if (stays(*path, key)) {
          out.left.push_back(json5::path_text(place));
          continue;
        }
        out.text = TRY(json5::erase(out.text, place));
        out.removed.push_back(json5::path_text(place));
      }
      continue;
    }
    auto value = path->empty() ? std::nullopt : meant(issue, *path, document.root().find(*path));
    if (!value) {
      out.left.push_back(words);
      continue;
    }
    out.text = TRY(json5::set(out.text, *path, *value));
    out.corrected.push_back(words);
  }
  return out;
}

namespace {

/// "[1, 2] }": a whole document, and behind it no more than a bracket, a comma or a short word.
std::optional<Repair> without_tail(std::string_view text) {
  constexpr std::size_t kTail = 16;
  auto end = text.find_last_not_of(" \t\r\n");
  if (end == text.npos) return std::nullopt;
  for (std::size_t tail = 1; tail <= kTail && tail <= end; ++tail) {
    auto cut = end + 1 - tail;
    auto rest = trim(text.substr(cut, tail));
    if (rest.find_first_of("\n\"':{[") != rest.npos) return std::nullopt;
    auto whole = std::string(text.substr(0, cut)) + std::string(text.substr(end + 1));
    auto document = json5::Document::parse(whole);
    if (!document || !document->root().is_object()) continue;
    return Repair{.text = std::move(whole),
                  .words = fmt::format("leave out {} behind the end of the document", quote(rest))};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Repair> repair_syntax(std::string_view text) {
  // It is read some thirty times.
  if (text.size() > kMostWork / 32) return std::nullopt;
  json5::Problem problem;
  if (json5::Document::parse(text, &problem) || problem.code != json5::Json5Code::syntax) return std::nullopt;
  if (auto repair = without_tail(text)) return repair;

  // The byte of line and column; columns are code points.
  std::size_t at = 0;
  for (std::size_t line = 1; line < problem.at.line && at < text.size(); ++at)
    if (text[at] == '\n' || (text[at] == '\r' && (at + 1 == text.size() || text[at + 1] != '\n'))) ++line;
  for (std::size_t column = 1; column < problem.at.column && at < text.size(); ++column) do
      ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U);
  if (json5::position_of(text, at) != problem.at) return std::nullopt;  // broken UTF-8 counts differently
  // Nothing behind it: the end of the file is missing, and how much of it nobody knows.
  if (at >= text.size() || trim(text.substr(at)).empty()) return std::nullopt;

  struct Try {
    std::string put;  // instead of `cut` bytes at the problem
    std::size_t cut;
    std::string words;
  };
  auto here = quote(text.substr(at, 1));
  std::vector<Try> tries = {{"", 1, fmt::format("leave out {}", here)}};
  for (std::string c : {",", ":", "\"", "'"}) {
    tries.push_back({c, 0, fmt::format("put {} before {}", quote(c), here)});
    // For a sign only: a letter is part of a name, and would leave another name.
    if (std::string_view(";=,:.|").find(text[at]) != std::string_view::npos)
      tries.push_back({c, 1, fmt::format("put {} for {}", quote(c), here)});
  }
  std::optional<Repair> found;
  std::optional<json5::Document> reading;
  for (const auto& t : tries) {
    std::string candidate(text);
    candidate.replace(at, t.cut, t.put);
    auto document = json5::Document::parse(candidate);
    if (!document || !document->root().is_object()) continue;
    if (reading && !same(reading->root(), document->root())) return std::nullopt;
    if (!reading)
      found =
          Repair{.text = std::move(candidate), .words = fmt::format("line {}: {}", problem.at.line, t.words)};
    reading = std::move(*document);
  }
  return found;
}

Status survives_start(std::string_view accepted, std::string_view text) {
  constexpr std::size_t kSmall = 512;  // below it the gateway does not compare sizes
  auto after = json5::Document::parse(text);
  if (!after) return fail(std::move(after).error());
  if (after->root().at("$include")) return ok();
  auto before = json5::Document::parse(accepted);
  auto reverted = [](std::string_view why) {
    return not_applicable("the gateway would put its last accepted file back at start: {}", why);
  };
  if (before && before->root().at("meta") && !after->root().at("meta"))
    return reverted("meta would be missing");
  if (before && before->find("gateway", "mode") && !after->find("gateway", "mode"))
    return reverted("gateway.mode would be missing");
  if (accepted.size() >= kSmall && text.size() < accepted.size() / 2)
    return reverted(
        fmt::format("{} are less than half of {}", bytes_text(text.size()), bytes_text(accepted.size())));
  return ok();
}

}  // namespace meshops::heal
