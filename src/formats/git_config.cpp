#include "formats/git_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace meshops::git {

namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

}  // namespace

class ConfigReader {
 public:
  ConfigReader(std::string_view text, Config& out) : text_(text), out_(out) {}

  void read() {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = line_begin_ = 3;
    while (at_ < text_.size()) {
      blanks();
      if (at_ >= text_.size()) break;
      char c = text_[at_];
      if (c == '\n')
        newline();
      else if (c == '#' || c == ';')
        rest_of_line();
      else if (c == '[')
        header();
      else
        variable();
    }
    grow();
  }

 private:
  void blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  void newline() {
    ++at_;
    ++line_;
    line_begin_ = at_;
  }
  void rest_of_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }
  void problem(std::string what) {
    constexpr std::size_t kMost = 20;
    if (out_.problems_.size() < kMost) out_.problems_.push_back({line_, std::move(what)});
    rest_of_line();
  }
  /// What was read so far belongs to the section that is open.
  void grow() {
    if (out_.headers_.empty()) return;
    auto end = text_.find('\n', last_content_);
    // Another header may follow on the same line.
    out_.headers_.back().end = end == std::string_view::npos ? at_ : std::min(end + 1, at_);
  }

  void header() {
    grow();
    auto line = line_;
    ++at_;
    std::string section, subsection;
    while (at_ < text_.size() && (is_name(text_[at_]) || text_[at_] == '.')) section += text_[at_++];
    auto dot = section.find('.');
    section = lower(section);
    if (dot != std::string::npos) {
      subsection = section.substr(dot + 1);
      section.resize(dot);
    }
    blanks();
    if (at_ < text_.size() && text_[at_] == '"') {
      ++at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') {
        if (text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
        subsection += text_[at_++];
      }
      if (at_ >= text_.size() || text_[at_] != '"') return problem("the name of a section has no end");
      ++at_;
    }
    if (section.empty() || at_ >= text_.size() || text_[at_] != ']')
      return problem("a section has no closing bracket");
    last_content_ = at_;
    ++at_;
    out_.headers_.push_back({section, subsection, line, at_});
    open_ = true;
  }

  void variable() {
    Setting s{.line = line_, .column = at_ - line_begin_ + 1};
    if (!open_) return problem("a variable stands before the first section");
    while (at_ < text_.size() && is_name(text_[at_])) s.key += text_[at_++];
    if (s.key.empty()) return problem(fmt::format("no variable begins with {}", quote(text_.substr(at_, 1))));
    s.key = lower(s.key);
    s.section = out_.headers_.back().section;
    s.subsection = out_.headers_.back().subsection;
    last_content_ = at_ - 1;
    s.value_begin = s.value_end = at_;
    blanks();
    if (at_ < text_.size() && text_[at_] == '=') {
      ++at_;
      blanks();
      s.value_begin = s.value_end = at_;
      s.value.emplace();
      if (!value(s)) return;
    } else if (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '#' && text_[at_] != ';') {
      return problem("expected '=' after the name of a variable");
    }
    out_.settings_.push_back(std::move(s));
  }

  /// Up to the end of its line, which a backslash continues.
  bool value(Setting& s) {
    bool quoted = false;
    std::size_t blanks_held = 0;
    while (at_ < text_.size() && text_[at_] != '\n') {
      char c = text_[at_];
      if (!quoted && (c == '#' || c == ';')) break;
      if (!quoted && is_blank(c)) {
        ++blanks_held;
        ++at_;
        continue;
      }
      s.value->append(blanks_held, ' ');
      blanks_held = 0;
      if (c == '"') {
        quoted = !quoted;
        ++at_;
      } else if (c == '\\') {
        if (!escape(*s.value)) return false;
      } else {
        *s.value += c;
        ++at_;
      }
      s.value_end = at_;
      last_content_ = at_ - 1;
    }
    if (quoted) {
      problem("a quote has no end");
      return false;
    }
    rest_of_line();
    return true;
  }

  bool escape(std::string& value) {
    ++at_;
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ >= text_.size()) return true;
    char c = text_[at_];
    switch (c) {
      case '\n':
        newline();
        return true;
      case 'n':
        value += '\n';
        break;
      case 't':
        value += '\t';
        break;
      case 'b':
        if (!value.empty()) value.pop_back();
        break;
      case '"':
      case '\\':
        value += c;
        break;
      default:
        problem("an unknown escape in a value");
        return false;
    }
    ++at_;
    return true;
  }

  std::string_view text_;
  Config& out_;
  std::size_t at_ = 0, line_ = 1, line_begin_ = 0;
  std::size_t last_content_ = 0;  // offset of the last byte that was a header or a variable
  bool open_ = false;
};

Config Config::parse(std::string_view text) {
  Config out;
  ConfigReader(text, out).read();
  return out;
}

const Setting* Config::last(std::string_view section, std::string_view key,
                            std::string_view subsection) const {
  const Setting* found = nullptr;
  for (const auto& s : settings_)
    if (s.section == section && s.subsection == subsection && s.key == key) found = &s;
  return found;
}

std::optional<std::string> Config::value(std::string_view section, std::string_view key,
                                         std::string_view subsection) const {
  const auto* s = last(section, key, subsection);
  if (s == nullptr) return std::nullopt;
  return s->value.value_or("true");
}

std::optional<bool> config_boolean(const std::optional<std::string>& value) {
  if (!value) return true;
  auto word = lower(*value);
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word.empty() || word == "false" || word == "no" || word == "off") return false;
  if (auto number = to_number<long long>(word)) return *number != 0;
  return std::nullopt;
}

std::optional<bool> Config::boolean(std::string_view section, std::string_view key,
                                    std::string_view subsection) const {
  const auto* s = last(section, key, subsection);
  if (s == nullptr) return std::nullopt;
  return config_boolean(s->value);
}

std::size_t Config::section_line(std::string_view section, std::string_view subsection) const {
  std::size_t line = 0;
  for (const auto& h : headers_)
    if (h.section == section && h.subsection == subsection) line = h.line;
  return line;
}

std::string set(std::string_view text, std::string_view section, std::string_view subsection,
                std::string_view key, std::string_view value) {
  auto config = Config::parse(text);
  std::string out(text);
  if (const auto* s = config.last(section, key, subsection)) {
    auto written = s->value ? std::string(value) : fmt::format(" = {}", value);
    // "rebase =" with nothing behind it needs its blank.
    if (s->value && s->value_begin == s->value_end && s->value_begin > 0 && text[s->value_begin - 1] == '=')
      written = " " + written;
    out.replace(s->value_begin, s->value_end - s->value_begin, written);
    return out;
  }
  auto line = fmt::format("\t{} = {}\n", key, value);
  // What is written behind a text must not become the continuation of its last line.
  auto ended = [](std::string_view before) -> std::string_view {
    bool open_line = !before.empty() && !before.ends_with('\n');
    bool goes_on = before.substr(0, before.find_last_not_of("\r\n") + 1).ends_with('\\');
    return std::string_view("\n\n").substr(0, static_cast<std::size_t>(open_line + goes_on));
  };
  const Config::Header* open = nullptr;
  for (const auto& h : config.headers_)
    if (h.section == section && h.subsection == subsection) open = &h;
  if (open != nullptr) {
    line.insert(0, ended(text.substr(0, open->end)));
    out.insert(open->end, line);
    return out;
  }
  out += ended(text);
  out +=
      subsection.empty() ? fmt::format("[{}]\n", section) : fmt::format("[{} \"{}\"]\n", section, subsection);
  return out + line;
}

}  // namespace meshops::git
