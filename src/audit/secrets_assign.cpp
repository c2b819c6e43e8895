#include "audit/secrets_assign.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace meshops::audit::secrets {

namespace {

constexpr unsigned kNamePart = kAlnum | kUnder | kDash | kDot;
constexpr std::size_t kLongestName = 80, kLongestValue = 1024;

bool blank(char c) { return c == ' ' || c == '\t'; }

/// Whether the text before a name is the beginning of a command, a line of an env file or a list item.
bool begins_plainly(std::string_view text, std::size_t begin) {
  auto line = text.rfind('\n', begin == 0 ? 0 : begin - 1);
  auto from = begin == 0 || line == std::string_view::npos ? 0 : line + 1;
  if (from > begin) from = begin;
  auto before = trim(text.substr(from, begin - from));
  if (before.empty() || before == "-" || before == "export" || before == "ENV" || before == "ARG" ||
      before == "set" || before == "declare -x" || before == "setenv" || before == "- \"" || before == "-\"")
    return true;
  constexpr std::array<std::string_view, 10> kEnds = {
      "export", "-e", "--env", "--env=", "ENV", "ARG", "Environment=", "Environment=\"", "env", "&&"};
  return std::ranges::any_of(kEnds, [&](auto end) { return before.ends_with(end); }) ||
         before.ends_with("- ") || (before.starts_with("Environment=")) || before.starts_with("ENV ");
}

/// Words in the way of a type: `token: string = "…"`.
std::size_t past_type(std::string_view text, std::size_t at) {
  auto end = at;
  while (end < text.size() && end - at < 40 &&
         (in(text[end], kWord) || text[end] == '|' || text[end] == ' ' || text[end] == '?' ||
          text[end] == '&' || text[end] == '<' || text[end] == '>'))
    ++end;
  if (end > at && end + 1 < text.size() && text[end] == '=' && text[end + 1] != '=' && text[end + 1] != '>')
    return end + 1;
  return at;
}

/// `config.token`, `self.key_password`.
bool is_chain(std::string_view value) {
  std::size_t words = 0, plain = 0;
  for (auto part : split(value, '.')) {
    ++words;
    if (!part.empty() && !in(part[0], kDigit) && all_in(part, kWord) && !looks_random(part)) ++plain;
  }
  return words >= 2 && words == plain;
}

/// Identifiers and calls of programs: `config.token`, `getToken()`, `tokens[0]`.
bool is_code(std::string_view value) {
  return value.find_first_of("()[]{}<>,;|&*\\`!?") != std::string_view::npos ||
         value.find("->") != std::string_view::npos || value.find("::") != std::string_view::npos ||
         is_chain(value);
}

bool is_path(std::string_view value) {
  if (value.starts_with("./") || value.starts_with("../") || value.starts_with("~/")) return true;
  if (value.find("://") != std::string_view::npos) return true;
  // Base64 may begin with a slash; paths have words between theirs.
  if (!value.starts_with('/')) {
    constexpr std::array<std::string_view, 14> kEnds = {".json", ".yaml", ".yml",  ".txt",  ".pem",
                                                        ".key",  ".env",  ".toml", ".conf", ".crt",
                                                        ".js",   ".ts",   ".py",   ".md"};
    return std::ranges::any_of(kEnds, [&](auto end) { return value.ends_with(end); });
  }
  return value.size() < 24 || !looks_random(value) || value.find("/run/") == 0 || value.find("/etc/") == 0 ||
         value.find("/var/") == 0 || value.find("/home/") == 0;
}

/// "correct horse", "my-secret-name", "Enter your password".
bool is_wordy(std::string_view value) {
  std::size_t letters = 0, marks = 0;
  bool digit = false, up_inside = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    char c = value[i];
    if (in(c, kLower | kUpper))
      ++letters;
    else if (in(c, kDigit))
      digit = true;
    else
      ++marks;
    if (i > 0 && in(c, kUpper) && in(value[i - 1], kLower)) up_inside = true;
  }
  (void)up_inside;
  bool odd_mark = value.find_first_of("!@#$%^&*+=~?") != std::string_view::npos;
  return !digit && !odd_mark && letters + marks == value.size();
}

std::string_view generic_kind(std::string_view name, NameKind kind) {
  if (kind == NameKind::password) return "password";
  auto low = lower(name);
  if (low.find("token") != std::string::npos) return "token";
  if (low.find("private") != std::string::npos) return "private key";
  if (low.find("key") != std::string::npos) return "API key";
  return "secret";
}

bool fits(const Named& kind, std::string_view value) {
  if (kind.alphabet == 0) return is_uuid(value);
  return value.size() >= kind.least && value.size() <= kind.most && all_in(value, kind.alphabet);
}

}  // namespace

std::span<const std::string_view> name_words() {
  // "apikey" is found in API_KEY by "_key" and its like.
  static constexpr std::array<std::string_view, 20> kWords = {
      "passw",      "passphrase",   "_pass", "secret",     "token",     "apikey",     "api_key",
      "api-key",    "api.key",      "_key",  "authkey",    "accesskey", "privatekey", "-key",
      "credential", "presharedkey", "_pwd",  "accountkey", "bearer",    "_psk"};
  return kWords;
}

std::optional<Assigned> assignment_at(std::string_view text, std::size_t at) {
  auto end = at;
  while (end < text.size() && end - at <= kLongestName && in(text[end], kNamePart)) ++end;
  if (end >= text.size()) return std::nullopt;
  // Cheap refusals first: nearly every such word is prose or a call.
  auto next = end;
  bool closes = text[next] == '"' || text[next] == '\'' || text[next] == '`';
  if (closes) ++next;
  if (next < text.size() && text[next] == ']') ++next;
  auto gap = next;
  while (next < text.size() && next - gap < 40 && blank(text[next])) ++next;
  if (next >= text.size()) return std::nullopt;
  char sign = text[next];
  bool spaced = next > gap;
  auto begin = at;
  while (begin > 0 && at - begin <= kLongestName && in(text[begin - 1], kNamePart)) --begin;
  bool option = text.substr(begin).starts_with("--");
  while (begin < end && (text[begin] == '-' || text[begin] == '.')) ++begin;
  if (begin >= end) return std::nullopt;
  auto name = text.substr(begin, end - begin);

  Assigned out{.name = name};
  auto value = next;
  if (sign == '=' || sign == ':') {
    ++value;
    if (value < text.size() && sign == '=' && (text[value] == '=' || text[value] == '~')) return std::nullopt;
    if (sign == ':' && value < text.size() && text[value] == ':') return std::nullopt;
    if (value < text.size() && (text[value] == '>' || (sign == ':' && text[value] == '='))) ++value;
    // name?: string, name: string = "…"
    bool before = next > 0 && (text[next - 1] == '!' || text[next - 1] == '<' || text[next - 1] == '>');
    if (before && sign == '=') return std::nullopt;
  } else if (sign == '?' && next + 1 < text.size() && text[next + 1] == '=') {
    value = next + 2;
  } else if (sign == '>' && !closes) {
    // <password>…</password>
    auto stop = text.find('<', next);
    auto open = begin > 0 && text[begin - 1] == '<';
    if (!open || stop == std::string_view::npos || stop - next > 200 || stop == next + 1) return std::nullopt;
    out.value = {next + 1, stop};
    return out;
  } else if (option && spaced && !closes && sign != '-' && sign != '|' && sign != '\\' && sign != '\n') {
    out.lenient = true;
  } else if (closes && sign == ',') {
    ++value;  // setenv("TOKEN", "…")
    while (value < text.size() && blank(text[value])) ++value;
    if (value >= text.size() || (text[value] != '"' && text[value] != '\'')) return std::nullopt;
    if (begin == 0 || text[begin - 1] != text[end]) return std::nullopt;
  } else {
    return std::nullopt;
  }
  auto spaces = value;
  while (value < text.size() && value - spaces < 40 && blank(text[value])) ++value;
  if (value >= text.size() || text[value] == '\n' || text[value] == '\r') return std::nullopt;
  bool blank_after = value > spaces;
  if (sign == ':') {
    auto typed = past_type(text, value);
    if (typed != value) {
      value = typed;
      while (value < text.size() && blank(text[value])) ++value;
      if (value >= text.size()) return std::nullopt;
    }
  }
  // A prefix of a string: b"…", f"…", r'…'; an escaped quote in a string of JSON.
  if (value + 1 < text.size() && (text[value + 1] == '"' || text[value + 1] == '\'') &&
      in(text[value], kLower))
    ++value;
  bool escaped = text[value] == '\\' && value + 1 < text.size() && text[value + 1] == '"';
  if (escaped) ++value;
  char quote = text[value];
  if (quote == '"' || quote == '\'' || quote == '`') {
    auto stop = value + 1;
    while (stop < text.size() && stop - value <= kLongestValue && text[stop] != quote && text[stop] != '\n') {
      if (text[stop] == '\\' && stop + 1 < text.size()) {
        if (escaped && text[stop + 1] == quote) break;
        ++stop;
      }
      ++stop;
    }
    if (stop >= text.size() || (text[stop] != quote && text[stop] != '\\')) return std::nullopt;
    out.value = {value + 1, stop};
    // "KEY=value" in quotes as a whole is a shell's or a list's own; here the value alone is in quotes.
    out.lenient = out.lenient || (sign == '=' && !spaced && !blank_after && begins_plainly(text, begin));
    return out;
  }
  // A bare word.
  auto stop = value;
  while (stop < text.size() && stop - value <= kLongestValue && !blank(text[stop]) && text[stop] != '\n' &&
         text[stop] != '\r' && text[stop] != '"' && text[stop] != '\'')
    ++stop;
  if (stop == value || stop - value > kLongestValue) return std::nullopt;
  bool tight = sign == '=' && !spaced && !blank_after;
  bool plain =
      begins_plainly(text, begin) || (begin > 0 && (text[begin - 1] == '"' || text[begin - 1] == '\''));
  // An argument of a call, on a line of its own: `    password=options,`.
  auto line_begin = text.rfind('\n', begin);
  line_begin = line_begin == std::string_view::npos ? 0 : line_begin + 1;
  bool indented = line_begin < begin && trim(text.substr(line_begin, begin - line_begin)).empty();
  if (sign == '=' && indented && lower(name) == name) plain = false;
  if (sign == ':' && !closes) {
    // YAML: the value is the rest of the line.
    if (!blank_after || !plain) return std::nullopt;
    auto rest = text.substr(stop, text.find('\n', stop) - stop);
    auto more = trim(rest);
    if (!more.empty() && !more.starts_with('#')) return std::nullopt;
    // In a program a bare word behind a colon is a name or a type, and a comma or bracket follows.
    out.lenient = text[stop - 1] != ',' && text[stop - 1] != ';';
    if (!out.lenient) return std::nullopt;
  } else if (sign == ':' && closes) {
    return std::nullopt;  // JSON has its texts in quotes
  } else {
    while (stop > value && (text[stop - 1] == ';' || text[stop - 1] == ',' || text[stop - 1] == ')')) {
      if (!tight || plain) return std::nullopt;
      --stop;
    }
    // `a=b&c=d`, `a=b;c=d`.
    auto word = text.substr(value, stop - value);
    auto cut = word.find_first_of("&;");
    if (cut != std::string_view::npos && tight && !plain) stop = value + cut;
    out.lenient = out.lenient || (tight && plain);
    if (!tight && !out.lenient) {
      // password = hunter2xyz: an .ini file has nothing behind it.
      auto rest = trim(text.substr(stop, text.find('\n', stop) - stop));
      if (!plain || (!rest.empty() && !rest.starts_with('#') && !rest.starts_with(';'))) return std::nullopt;
    }
  }
  if (stop <= value) return std::nullopt;
  out.value = {value, stop};
  return out;
}

std::string_view name_before(std::string_view text, std::size_t begin) {
  auto at = begin;
  auto back = [&](auto wanted) {
    auto from = at;
    while (at > 0 && from - at < 40 && wanted(text[at - 1])) --at;
    return from != at;
  };
  back([](char c) { return c == '"' || c == '\'' || c == '`' || c == '\\'; });
  back(blank);
  if (!back([](char c) { return c == '=' || c == ':' || c == '>'; })) return {};
  back(blank);
  back([](char c) { return c == '"' || c == '\'' || c == '`' || c == ']' || c == '\\'; });
  auto end = at;
  while (at > 0 && end - at <= kLongestName && in(text[at - 1], kNamePart)) --at;
  auto name = text.substr(at, end - at);
  while (name.starts_with('-') || name.starts_with('.')) name.remove_prefix(1);
  return name;
}

namespace {

/// "mysql_root_password": words that say what should stand here.
bool is_said_word(std::string_view value) {
  if (!std::ranges::all_of(value, [](char c) { return in(c, kLower) || c == '_' || c == '-'; })) return false;
  auto parts = words_of_name(value);
  constexpr std::array<std::string_view, 5> kWhat = {"password", "passwd", "passphrase", "secret", "token"};
  return parts.size() > 1 && std::ranges::find(kWhat, parts.back()) != kWhat.end();
}

}  // namespace

std::optional<std::string_view> kind_of_assignment(std::string_view name, std::string_view value,
                                                   bool lenient) {
  auto kind = kind_of_name(name);
  if (kind == NameKind::none || value.size() < 6 || value.size() > kLongestValue) return std::nullopt;
  if (is_placeholder_value(value) || is_known_sample(value) || is_hash(value) || is_path(value))
    return std::nullopt;
  if (value.find_first_of(" \t\n") != std::string_view::npos) return std::nullopt;
  if (std::ranges::any_of(
          value,
          [](char c) { return static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126; }) &&
      kind != NameKind::password)
    return std::nullopt;
  auto low_name = lower(name), low = lower(value);
  // token_secret: "token-secret": its own name, or a part of it (POSTGRES_PASSWORD=postgres).
  std::string squeezed_name, squeezed;
  for (char c : low_name)
    if (in(c, kAlnum)) squeezed_name += c;
  for (char c : low)
    if (in(c, kAlnum)) squeezed += c;
  if (squeezed.empty() || squeezed_name.find(squeezed) != std::string::npos || is_said_word(value))
    return std::nullopt;

  auto parts = words_of_name(name);
  if (is_discord(value)) return "Discord bot token";
  for (const auto& owner : named())
    if (std::ranges::any_of(parts,
                            [&](const auto& part) {
                              return part.starts_with(owner.owner) &&
                                     (owner.owner.size() > 3 || part == owner.owner);
                            }) &&
        fits(owner, value) && (owner.alphabet == 0 || !is_filler(value))) {
      if (owner.alphabet != 0 && !looks_random(value) && is_wordy(value)) continue;
      if (owner.kind == "AWS secret access key" && low_name.find("secret") == std::string::npos) continue;
      return owner.kind;
    }
  if (is_uuid(value)) return std::nullopt;
  if (kind == NameKind::password) {
    if (is_filler(value)) return std::nullopt;
    if (lenient) {
      if (is_chain(value) || value.ends_with(',') || (is_wordy(value) && value.size() < 8))
        return std::nullopt;
      return generic_kind(name, kind);
    }
    if (value.size() < 8 || is_wordy(value) || is_code(value)) return std::nullopt;
    // Test passwords of programs.
    for (auto word : {"test", "passw", "secret", "12345", "abc123", "qwerty", "foo", "bar", "admin", "user"})
      if (low.find(word) != std::string::npos && value.size() < 16) return std::nullopt;
    return generic_kind(name, kind);
  }
  if (is_filler(value) || value.size() < 8) return std::nullopt;
  if (lenient) {
    if (is_wordy(value) && value.size() < 12 && !(value.size() >= 8 && low != value && lower(value) != value))
      return std::nullopt;
    if (is_code(value) || all_in(value, kDigit | kDot | kColon)) return std::nullopt;
    // A word or words with dashes: a name of something ("my-secret-name"); a long one may be a passphrase.
    if (is_wordy(value) && (value.size() < 16 || value.find_first_of("-_./:") != std::string_view::npos))
      return std::nullopt;
    return generic_kind(name, kind);
  }
  if (value.size() < 12 || is_code(value) || is_wordy(value) || !looks_random(value)) return std::nullopt;
  return generic_kind(name, kind);
}

}  // namespace meshops::audit::secrets
