#include "formats/journal_line.h"

#include <algorithm>

#include "base/text.h"
#include "formats/json5.h"

namespace meshops::journal {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// parse_iso8601 takes UTC; the log file has the machine's offset: "2026-11-24T06:40:00.123+01:00".
std::optional<WallTime> time_of(std::string_view text) {
  if (auto utc = parse_iso8601(text)) return utc;
  if (text.size() < 25) return std::nullopt;
  auto zone = text.substr(text.size() - 6);
  if ((zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return std::nullopt;
  auto hours = to_number<unsigned>(zone.substr(1, 2)), minutes = to_number<unsigned>(zone.substr(4, 2));
  auto local = parse_iso8601(std::string(text.substr(0, text.size() - 6)) + "Z");
  if (!hours || !minutes || !local || *hours > 23 || *minutes > 59) return std::nullopt;
  auto offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return zone[0] == '+' ? *local - offset : *local + offset;
}

// 05:40:00, 05:40:00.123, 05:40:00+01:00
bool is_time_of_day(std::string_view word) {
  if (word.size() < 8 || word[2] != ':' || word[5] != ':') return false;
  return std::ranges::all_of(word, [](char c) {
    return is_digit(c) || std::string_view(":.+-Z").find(c) != std::string_view::npos;
  });
}

std::string text_at(const json5::Value& object, std::string_view key) {
  auto text = object.at(key).as_string();
  return text ? without_ansi(*text) : std::string();
}

constexpr std::size_t kFieldsOfLine = 64;
constexpr std::size_t kFieldOfLineBytes = 4096;

std::optional<LogLine> from_json(std::string_view text) {
  auto document = json5::Document::parse(text);
  if (!document || !document->root().is_object()) return std::nullopt;
  auto root = document->root();
  LogLine line;
  auto when = root.at("time").as_string();
  if (when) line.time = time_of(*when);
  if (auto meta = root.at("_meta"); meta.is_object()) {
    line.form = Form::file_json;
    line.level = lower(text_at(meta, "logLevelName"));
    auto first = text_at(root, "0");
    std::string_view rest_key = "0";
    // The subsystem is JSON inside the string "0"; plain console messages have their text there.
    if (auto inner = json5::Document::parse(first); inner && inner->root().is_object()) {
      line.subsystem = text_at(inner->root(), "subsystem");
      rest_key = "1";
    }
    line.message = text_at(root, "message");
    if (line.message.empty()) line.message = text_at(root, rest_key);
    return line;
  }
  if (!root.at("message").as_string()) return std::nullopt;
  line.form = Form::console_json;
  line.level = lower(text_at(root, "level"));
  line.subsystem = text_at(root, "subsystem");
  line.message = text_at(root, "message");
  for (const auto& [key, value] : root.members()) {
    if (key == "time" || key == "level" || key == "subsystem" || key == "message") continue;
    if (line.fields.size() == kFieldsOfLine) break;
    if (auto word = value.as_string())
      line.fields.emplace_back(key, without_ansi(*word).substr(0, kFieldOfLineBytes));
    else if (value.as_bool() || value.as_number())
      line.fields.emplace_back(key, value.source().substr(0, kFieldOfLineBytes));
  }
  return line;
}

LogLine from_console(std::string_view text) {
  LogLine line;
  auto rest = text;
  auto blank = std::min(rest.find(' '), rest.size());
  auto word = rest.substr(0, blank);
  line.time = time_of(word);
  bool timed = line.time || is_time_of_day(word);
  if (timed) rest = trim(rest.substr(blank));
  if (rest.starts_with('[')) {
    auto close = rest.find(']');
    constexpr std::size_t kLongestName = 100;
    if (close != std::string_view::npos && close > 1 && close <= kLongestName) {
      line.subsystem = rest.substr(1, close - 1);
      rest = trim(rest.substr(close + 1));
    }
  }
  line.form = timed || !line.subsystem.empty() ? Form::console : Form::text;
  line.message = line.form == Form::text ? text : rest;
  return line;
}

}  // namespace

std::string without_ansi(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\x1B') {
      out += text[i];
      continue;
    }
    char kind = i + 1 < text.size() ? text[i + 1] : '\0';
    if (kind == '[') {  // CSI: parameters up to a final byte of @ to ~ (ECMA-48)
      i += 2;
      while (i < text.size() && text[i] >= 0x20 && text[i] < 0x40) ++i;
      // A byte that cannot end it belongs to the text.
      if (i < text.size() && (text[i] < 0x40 || text[i] > 0x7E)) --i;
    } else if (kind == ']') {  // OSC: up to BEL or ESC backslash
      i += 2;
      while (i < text.size() && text[i] != '\a' && text[i] != '\x1B') ++i;
      if (i + 1 < text.size() && text[i] == '\x1B' && text[i + 1] == '\\') ++i;
    } else if (kind >= 0x40 && kind < 0x7F) {  // two characters
      ++i;
    }
  }
  return out;
}

LogLine parse_log_line(std::string_view line) {
  line = trim(line.substr(0, std::min(line.size(), kLineLimit)));
  auto plain = without_ansi(line);
  // A journal's own time may stand before what the program wrote.
  auto first = line.substr(0, line.find(' '));
  auto stamp = time_of(first);
  auto rest = stamp ? trim(line.substr(first.size())) : line;
  if (rest.starts_with('{')) {
    if (auto json = from_json(rest)) {
      if (!json->time) json->time = stamp;
      return *json;
    }
  }
  return from_console(trim(plain));
}

std::string_view LogLine::field(std::string_view name) const {
  for (const auto& [n, v] : fields)
    if (n == name) return v;
  return {};
}

std::optional<std::string_view> Entry::find(std::string_view name) const {
  for (const auto& [n, v] : fields)
    if (n == name) return v;
  return std::nullopt;
}

std::optional<WallTime> Entry::time() const {
  auto text = find("__REALTIME_TIMESTAMP");
  auto micros = text ? to_number<std::int64_t>(*text) : std::nullopt;
  if (!micros || *micros < 0) return std::nullopt;
  return WallTime(std::chrono::milliseconds(*micros / 1000));
}

namespace {

// Upper case letters, digits and underscores (systemd.journal-fields(7)).
bool is_field_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && !is_digit(name[0]) &&
         std::ranges::all_of(name, [](char c) { return (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_'; });
}

std::uint64_t little_endian(std::string_view eight) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8U | static_cast<unsigned char>(eight[i]);
  return value;
}

}  // namespace

// JOURNAL_EXPORT_FORMATS: "NAME=text\n", or "NAME\n", 64 bits little endian, that many bytes, "\n"; a blank
// line ends an entry.
Export parse_export(std::string_view bytes, bool at_end, const ExportLimits& limits) {
  Export out;
  std::size_t at = 0;
  Entry entry;
  bool good = true;
  auto finish = [&] {
    if (!good) {
      ++out.broken;
    } else if (!entry.fields.empty()) {
      out.entries.push_back(std::move(entry));
    }
    entry = {};
    good = true;
    out.consumed = at;
  };
  auto keep = [&](std::string_view name, std::string_view value) {
    if (!is_field_name(name) || value.size() > limits.field_bytes || entry.fields.size() >= limits.fields)
      good = false;
    if (good) entry.fields.emplace_back(name, value);
  };
  while (at < bytes.size() && out.entries.size() < limits.entries) {
    auto end = bytes.find('\n', at);
    if (end == std::string_view::npos && !at_end) return out;
    auto line = bytes.substr(at, std::min(end, bytes.size()) - at);
    auto next = end == std::string_view::npos ? bytes.size() : end + 1;
    if (auto equals = line.find('='); line.empty() || equals != std::string_view::npos) {
      at = next;
      if (line.empty()) {
        finish();
      } else {
        keep(line.substr(0, equals), line.substr(equals + 1));
      }
      continue;
    }
    // Where a binary field ends is told by its size alone. Whoever reads on behind a wrong one reads what
    // somebody else logged as if it were fields, and believes forged entries: so the reading ends here.
    constexpr std::size_t kSize = 8;
    constexpr std::uint64_t kMostData = 768U << 20;  // journald's DATA_SIZE_MAX
    auto left = bytes.size() - next;
    auto size = left >= kSize ? little_endian(bytes.substr(next)) : 0;
    out.corrupt = !is_field_name(line) || size > kMostData;
    if (out.corrupt) return out;
    if (left <= kSize || size >= left - kSize) {  // more of it will come
      if (!at_end) return out;
      good = false;  // or was cut off
      at = bytes.size();
      break;
    }
    out.corrupt = bytes[next + kSize + size] != '\n';
    if (out.corrupt) return out;
    keep(line, bytes.substr(next + kSize, size));
    at = next + kSize + size + 1;
  }
  if (at_end && at >= bytes.size() && (!good || !entry.fields.empty())) finish();
  return out;
}

}  // namespace meshops::journal
