#include <algorithm>
#include <limits>

#include "base/text.h"
#include "formats/unit_file.h"
#include "formats/utf8.h"

namespace meshops::systemd {

using namespace std::chrono_literals;

namespace {

struct Unit {
  std::string_view name;
  Duration length;
};
// systemd's own table; a month is 30.44 days and a year 365.25. Longer names first: the first that fits is
// taken.
constexpr Unit kUnits[] = {
    {"seconds", 1s}, {"second", 1s},       {"sec", 1s},          {"minutes", 1min},   {"minute", 1min},
    {"min", 1min},   {"months", 2629800s}, {"month", 2629800s},  {"msec", 1ms},       {"ms", 1ms},
    {"M", 2629800s}, {"m", 1min},          {"hours", 1h},        {"hour", 1h},        {"hr", 1h},
    {"h", 1h},       {"days", 24h},        {"day", 24h},         {"d", 24h},          {"weeks", 168h},
    {"week", 168h},  {"w", 168h},          {"years", 31557600s}, {"year", 31557600s}, {"y", 31557600s},
    {"usec", 1us},   {"us", 1us},          {"\u00B5s", 1us},     {"\u03BCs", 1us},    {"s", 1s},
};
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kBlank = " \t\n\r";

std::string_view take(std::string_view& text, std::string_view of) {
  auto n = std::min(text.find_first_not_of(of), text.size());
  auto taken = text.substr(0, n);
  text.remove_prefix(n);
  return taken;
}

int digit(char c, int base) {
  int d = c >= '0' && c <= '9'   ? c - '0'
          : c >= 'a' && c <= 'f' ? c - 'a' + 10
          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                 : 99;
  return d < base ? d : -1;
}

/// Decodes the escape whose backslash is gone already; false (and nothing taken) if it is not one.
bool unescape(std::string_view& text, std::string& out) {
  constexpr std::string_view kFrom = "abfnrtv\\\"'s", kTo = "\a\b\f\n\r\t\v\\\"' ";
  if (auto i = kFrom.find(text[0]); i != std::string_view::npos) {
    out += kTo[i];
    text.remove_prefix(1);
    return true;
  }
  char kind = text[0];
  int base = kind >= '0' && kind <= '7' ? 8 : 16;
  std::size_t skip = base == 8 ? 0 : 1;
  std::size_t count = base == 8 ? 3 : kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
  if (count == 0 || text.size() < skip + count) return false;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    int d = digit(text[skip + i], base);
    if (d < 0) return false;
    value = value * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(d);
  }
  bool is_byte = base == 8 || kind == 'x';
  // No string of the kernel's can hold a NUL.
  if (value == 0 || (is_byte ? value > 0xFF : value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)))
    return false;
  if (is_byte) {
    out += static_cast<char>(value);
  } else {
    append_utf8(out, value);
  }
  text.remove_prefix(skip + count);
  return true;
}

struct Word {
  std::string text;
  bool separator = false;  // a bare ';'
};

Result<std::vector<Word>> words_of(std::string_view text) {
  std::vector<Word> out;
  auto whole = text;
  while (true) {
    take(text, kBlank);
    if (text.empty()) return out;
    // "\;" is the word ";", a bare ";" ends a command.
    auto end = std::min(text.find_first_of(kBlank), text.size());
    if (auto raw = text.substr(0, end); raw == ";" || raw == "\\;") {
      out.push_back({";", raw == ";"});
      text.remove_prefix(end);
      continue;
    }
    Word word;
    char quoted = 0;
    while (!text.empty() && (quoted != 0 || kBlank.find(text[0]) == std::string_view::npos)) {
      char c = text[0];
      text.remove_prefix(1);
      if (c == '\\' && !text.empty()) {
        if (!unescape(text, word.text)) word.text += '\\';
      } else if (quoted != 0 ? c == quoted : (c == '"' || c == '\'')) {
        quoted = quoted != 0 ? '\0' : c;
      } else {
        word.text += c;
      }
    }
    if (quoted != 0)
      return fail(UnitCode::unbalanced_quote, "a {} is never closed in {}", quoted, quote(whole));
    out.push_back(std::move(word));
  }
}

// systemd-escape(1): "-" is "/", \xNN a byte.
std::string unescape_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    char c = name[0];
    bool hex =
        name.size() >= 4 && name.starts_with("\\x") && digit(name[2], 16) >= 0 && digit(name[3], 16) >= 0;
    out += hex ? static_cast<char>(digit(name[2], 16) * 16 + digit(name[3], 16)) : c == '-' ? '/' : c;
    name.remove_prefix(hex ? 4 : 1);
  }
  return out;
}

/// The parts of "prefix@instance.service".
struct UnitName {
  std::string_view bare, prefix, instance;
  explicit UnitName(std::string_view unit) : bare(unit.substr(0, unit.rfind('.'))) {
    auto at = bare.find('@');
    prefix = bare.substr(0, at);
    if (at != std::string_view::npos) instance = bare.substr(at + 1);
  }
};

// Nothing: stays as it is.
std::optional<std::string> meaning(char c, const Specifiers& s) {
  UnitName name(s.unit);
  auto last_part = name.prefix.substr(name.prefix.rfind('-') + 1);  // npos + 1 is 0
  auto given = [](const std::string& v) { return v.empty() ? std::nullopt : std::optional(v); };
  auto of_unit = [&](std::string v) { return s.unit.empty() ? std::nullopt : std::optional(std::move(v)); };
  switch (c) {
    case '%':
      return "%";
    case 'n':
      return given(s.unit);
    case 'N':
      return of_unit(std::string(name.bare));
    case 'p':
      return of_unit(std::string(name.prefix));
    case 'P':
      return of_unit(unescape_name(name.prefix));
    case 'i':
      return of_unit(std::string(name.instance));
    case 'I':
      return of_unit(unescape_name(name.instance));
    case 'j':
      return of_unit(std::string(last_part));
    case 'J':
      return of_unit(unescape_name(last_part));
    case 'f':
      return of_unit("/" + unescape_name(name.instance.empty() ? name.prefix : name.instance));
    case 'u':
      return given(s.user);
    case 'U':
      return given(s.uid);
    case 'g':
      return given(s.group);
    case 'G':
      return given(s.gid);
    case 'h':
      return given(s.home);
    case 't':
      return given(s.runtime_dir);
    case 'S':
      return given(s.state_dir);
    case 'C':
      return given(s.cache_dir);
    case 'L':
      return given(s.logs_dir);
    case 'E':
      return given(s.config_dir);
    case 'H':
      return given(s.host);
    case 'l':
      return given(s.host.substr(0, s.host.find('.')));
    case 'm':
      return given(s.machine_id);
    case 'b':
      return given(s.boot_id);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Duration> parse_span(std::string_view text) {
  text = trim(text);
  if (text == "infinity") return kInfinity;
  if (text.empty()) return std::nullopt;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::int64_t total = 0;
  while (!text.empty()) {
    auto whole = take(text, kDigits);
    std::string_view fraction;
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      fraction = take(text, kDigits);
      if (fraction.empty()) return std::nullopt;
    }
    if (whole.empty() && fraction.empty()) return std::nullopt;
    take(text, kBlank);
    auto length = Duration(1s).count();
    const auto* unit = std::ranges::find_if(kUnits, [&](const Unit& u) { return text.starts_with(u.name); });
    if (unit != std::end(kUnits)) {
      length = unit->length.count();
      text.remove_prefix(unit->name.size());
    } else if (!text.empty() && kDigits.find(text[0]) == std::string_view::npos) {
      return std::nullopt;
    }
    auto number = whole.empty() ? 0 : to_number<std::int64_t>(whole).value_or(kMost);
    if (number >= kMost / length) return std::nullopt;  // room for the fraction, too
    std::int64_t part = number * length;
    for (std::int64_t scale = length / 10; char c : fraction) {
      part += scale * (c - '0');  // all digits together stay below one unit
      scale /= 10;
    }
    if (part > kMost - 1 - total) return std::nullopt;
    total += part;
    take(text, kBlank);
  }
  return Duration(total);
}

std::optional<bool> parse_boolean(std::string_view text) {
  auto word = lower(text);
  for (std::string_view yes : {"1", "yes", "y", "true", "t", "on"})
    if (word == yes) return true;
  for (std::string_view no : {"0", "no", "n", "false", "f", "off"})
    if (word == no) return false;
  return std::nullopt;
}

std::string expand(std::string_view text, const Specifiers& specifiers) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 1 < text.size()) {
      ++i;
      if (auto found = meaning(text[i], specifiers)) {
        out += *found;
        continue;
      }
      out += '%';
    }
    out += text[i];
  }
  return out;
}

Result<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> out;
  for (auto& word : TRY(words_of(text))) out.push_back(std::move(word.text));
  return out;
}

Result<std::vector<Command>> parse_commands(std::string_view value, const Specifiers& specifiers) {
  std::vector<Command> out;
  auto words = TRY(words_of(value));
  for (auto begin = words.begin(); begin != words.end();) {
    auto end = std::find_if(begin, words.end(), [](const Word& w) { return w.separator; });
    Command command;
    if (begin != end) {
      std::string_view first = begin->text;
      command.prefixes = take(first, "@-:+!|");
      command.path = expand(first, specifiers);
      // With '@' the next word is argv[0]; without one there is nothing to run.
      bool named = command.prefixes.find('@') != std::string::npos;
      if (command.path.empty() || (named && end - begin < 2))
        return fail(UnitCode::no_command, "there is no command in {}", quote(value));
      if (!named) command.argv.push_back(command.path);
      for (auto w = begin + 1; w != end; ++w) command.argv.push_back(expand(w->text, specifiers));
      out.push_back(std::move(command));
    }
    begin = end == words.end() ? end : end + 1;
  }
  if (out.empty()) return fail(UnitCode::no_command, "there is no command in {}", quote(value));
  return out;
}

}  // namespace meshops::systemd
