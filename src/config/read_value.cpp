#include "config/read_value.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/time.h"
#include "config/values.h"

namespace meshops {

using schema::KeyFacts;
using schema::Setting;
using schema::Type;
using toml_tree::Value;

std::string_view kind_of(const Value& value) {
  struct {
    std::string_view operator()(const std::string&) const { return "a text"; }
    std::string_view operator()(std::int64_t) const { return "a number"; }
    std::string_view operator()(double) const { return "a number with a point"; }
    std::string_view operator()(bool b) const { return b ? "true" : "false"; }
    std::string_view operator()(toml_tree::Date) const { return "a date or time"; }
    std::string_view operator()(const toml_tree::Array&) const { return "a list"; }
    std::string_view operator()(const toml_tree::Table&) const { return "a table"; }
  } words;
  return std::visit(words, value.is);
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t kLeast = 3;
  auto near = nearest(word, candidates);
  if (!near)
    for (auto c : candidates)
      if (std::min(word.size(), c.size()) >= kLeast && (word.starts_with(c) || c.starts_with(word))) near = c;
  return near ? fmt::format("did you mean '{}'?", *near) : "";
}

namespace {

class Reader {
 public:
  Reader(const KeyFacts& key, const std::string& path, const Value& value, const ReportFault& report)
      : key_(key), path_(path), value_(value), report_(report) {}

  std::optional<Setting> read() {
    switch (key_.type) {
      case Type::yes_no:
        if (const auto* b = std::get_if<bool>(&value_.is)) return *b;
        return wrong_type(is_text() ? "write it without quotes" : "");
      case Type::discover:
        if (const auto* b = std::get_if<bool>(&value_.is)) return std::string(*b ? "true" : "false");
        if (const auto* text = as_text(); text != nullptr && *text == "observe") return *text;
        if (const auto* text = as_text(); text != nullptr && (*text == "true" || *text == "false"))
          return wrong_type("write it without quotes");
        return is_text() ? bad_choice() : wrong_type("");
      case Type::port:
      case Type::count:
        return read_number();
      case Type::words:
        return read_words();
      case Type::environment:
        return read_environment();
      case Type::mailboxes:
        return read_mailboxes();
      case Type::names:
        return read_names();
      case Type::size:
        if (std::holds_alternative<std::int64_t>(value_.is)) return read_number();
        break;
      default:
        break;
    }
    const auto* text = as_text();
    if (text == nullptr) return wrong_type(hint_for_text());
    return read_text(*text);
  }

 private:
  const std::string* as_text() const { return std::get_if<std::string>(&value_.is); }
  bool is_text() const { return as_text() != nullptr; }

  std::nullopt_t wrong_type(std::string_view hint) {
    report_(value_.at, ConfigCode::wrong_type,
            fmt::format("{} is {}, expected {}", path_, kind_of(value_), wanted(key_)), hint);
    return std::nullopt;
  }
  std::nullopt_t bad(std::string_view found, std::string_view expected, std::string_view hint = "") {
    report_(value_.at, ConfigCode::bad_value, fmt::format("{} is {}, expected {}", path_, found, expected),
            hint);
    return std::nullopt;
  }
  std::nullopt_t bad_choice() {
    return bad(quote(*as_text()), wanted(key_), did_you_mean(*as_text(), key_.choices));
  }
  std::string hint_for_text() const {
    if (const auto* n = std::get_if<std::int64_t>(&value_.is); n != nullptr && key_.type == Type::duration)
      return fmt::format("say the unit: {} = \"{}s\"", key_.name, *n);
    return fmt::format("for example: {} = {}", key_.name, key_.example);
  }

  std::optional<Setting> read_text(const std::string& text) {
    switch (key_.type) {
      case Type::name:
        return checked(text, values::name(text));
      case Type::path:
        return checked(text, values::path(text));
      case Type::account:
        return checked(text, values::account(text));
      case Type::container:
        return checked(text, values::container(text));
      case Type::address:
        if (auto parsed = values::address(text); !parsed) return bad(quote(text), parsed.error());
        return text;
      case Type::url:
        // Not repeated: a URL may carry a password or a token.
        if (auto port = values::url_port(text); !port) return bad("not usable", port.error());
        return text;
      case Type::line:
        return checked(text, values::line(text));
      case Type::date:
        return checked(text, values::date(text));
      case Type::mailbox:
        return checked(text, values::mailbox(text));
      case Type::mail_server:
        // Not repeated, as above.
        if (auto server = values::mail_server(text); !server) return bad("not usable", server.error());
        return text;
      case Type::public_key: {
        auto key = values::public_key(text);
        if (!key) return bad(quote(text, 40), key.error());
        return *key;
      }
      case Type::instance:
        if (auto parsed = values::instance(text); !parsed) return bad(quote(text), parsed.error());
        return text;
      case Type::store_url:
        if (auto parsed = values::store_place(text); !parsed) return bad(quote(text), parsed.error());
        return text;
      case Type::region:
        return checked(text, values::region(text));
      case Type::unit: {
        auto full = values::unit(text);
        if (!full) return bad(quote(text), full.error());
        return *full;
      }
      case Type::choice:
        if (std::ranges::find(key_.choices, text) == key_.choices.end()) return bad_choice();
        return text;
      case Type::duration:
        return read_duration(text);
      case Type::size: {
        auto size = parse_bytes(text);
        if (!size) return bad(quote(text), "a size such as \"10MiB\"", "units: B, KiB, MiB, GiB, kB, MB, GB");
        return in_bounds(*size, quote(text));
      }
      default:
        return std::nullopt;  // the other types hold no text and were read before
    }
  }

  std::optional<Setting> checked(const std::string& text, const values::Wanted& instead) {
    if (instead) return bad(text.empty() ? "an empty text" : quote(text), *instead);
    return text;
  }

  std::optional<Setting> read_duration(const std::string& text) {
    auto duration = parse_duration(text);
    if (!duration)
      return bad(quote(text), "a duration such as \"90s\" or \"1h30m\"", "units: ms, s, m, h, d");
    using Milliseconds = std::chrono::milliseconds;
    bool low = *duration<Milliseconds(key_.at_least), high = *duration> Milliseconds(key_.at_most);
    if (low || high) return out_of_bounds(quote(text), low);
    return *duration;
  }

  std::optional<Setting> read_number() {
    const auto* n = std::get_if<std::int64_t>(&value_.is);
    if (n == nullptr) return wrong_type(is_text() ? "write it without quotes" : "");
    if (key_.type == Type::port) {
      if (*n < 1 || *n > 65535) return bad(fmt::format("{}", *n), wanted(key_));
      return static_cast<std::uint64_t>(*n);
    }
    if (*n < 0) return out_of_bounds(fmt::format("{}", *n), true);
    return in_bounds(static_cast<std::uint64_t>(*n), fmt::format("{}", *n));
  }

  std::optional<Setting> in_bounds(std::uint64_t n, const std::string& found) {
    if (n < key_.at_least || n > key_.at_most) return out_of_bounds(found, n < key_.at_least);
    return n;
  }
  std::nullopt_t out_of_bounds(const std::string& found, bool low) {
    return bad(found, low && !key_.because.empty() ? fmt::format("{}: {}", wanted(key_), key_.because)
                                                   : wanted(key_));
  }

  std::optional<Setting> read_mailboxes() {
    const auto* list = std::get_if<toml_tree::Array>(&value_.is);
    if (list == nullptr)
      return wrong_type(is_text() ? "put it in brackets: [\"ops@example.org\"]" : hint_for_text());
    if (list->empty()) return bad("an empty list", wanted(key_));
    std::vector<std::string> boxes;
    for (const auto& element : *list) {
      const auto* text = std::get_if<std::string>(&element.is);
      auto which = fmt::format("address {} of {}", boxes.size() + 1, path_);
      auto instead = text != nullptr ? values::mailbox(*text) : std::nullopt;
      if (text == nullptr || instead) {
        report_(element.at, text == nullptr ? ConfigCode::wrong_type : ConfigCode::bad_value,
                fmt::format("{} is {}, expected {}", which, text == nullptr ? kind_of(element) : quote(*text),
                            instead.value_or("a text")),
                "");
        return std::nullopt;
      }
      boxes.push_back(*text);
    }
    return boxes;
  }

  std::optional<Setting> read_names() {
    const auto* list = std::get_if<toml_tree::Array>(&value_.is);
    if (list == nullptr) return wrong_type(is_text() ? "put it in brackets: [\"name\"]" : hint_for_text());
    std::vector<std::string> names;
    for (const auto& element : *list) {
      const auto* text = std::get_if<std::string>(&element.is);
      bool good = text != nullptr && !text->empty() &&
                  text->find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
      if (!good) {
        report_(element.at, text == nullptr ? ConfigCode::wrong_type : ConfigCode::bad_value,
                fmt::format("name {} of {} is {}, expected small letters, digits and _", names.size() + 1,
                            path_, text == nullptr ? kind_of(element) : quote(*text)),
                "the names are in docs/remedies.md");
        return std::nullopt;
      }
      names.push_back(*text);
    }
    return names;
  }

  // Arguments and variables may be secrets: from here on no value is repeated.

  static bool has_nul(const std::string& text) { return text.contains('\0'); }

  std::optional<Setting> read_words() {
    const auto* list = std::get_if<toml_tree::Array>(&value_.is);
    if (list == nullptr)
      return wrong_type(is_text() ? "each argument is a text of its own: [\"node\", \"server.mjs\"]"
                                  : hint_for_text());
    if (list->empty()) return bad("an empty list", "a program and its arguments");
    std::vector<std::string> words;
    for (const auto& element : *list) {
      const auto* text = std::get_if<std::string>(&element.is);
      auto which = fmt::format("argument {} of {}", words.size(), path_);
      if (words.empty()) which = fmt::format("the program of {}", path_);
      if (text == nullptr) {
        report_(element.at, ConfigCode::wrong_type,
                fmt::format("{} is {}, expected a text", which, kind_of(element)), "put it in quotes");
        return std::nullopt;
      }
      bool empty_program = words.empty() && text->empty();
      if (empty_program || has_nul(*text)) {
        report_(element.at, ConfigCode::bad_value,
                fmt::format("{} {}, which no program can be given", which,
                            empty_program ? "is an empty text" : "holds a NUL character"),
                "");
        return std::nullopt;
      }
      words.push_back(*text);
    }
    return words;
  }

  std::optional<Setting> read_environment() {
    const auto* table = std::get_if<toml_tree::Table>(&value_.is);
    if (table == nullptr) return wrong_type(hint_for_text());
    Environment out;
    bool good = true;
    for (const auto& entry : *table) {
      const auto* text = std::get_if<std::string>(&entry.value.is);
      bool bad_name = entry.key.empty() || entry.key.contains('=') || printable(entry.key) != entry.key;
      auto which = fmt::format("{}.{}", path_, printable(entry.key));
      if (bad_name)
        report_(
            entry.at, ConfigCode::bad_value,
            fmt::format("{} has a variable called {}, expected a name without '='", path_, quote(entry.key)),
            "");
      else if (text == nullptr)
        report_(entry.value.at, ConfigCode::wrong_type,
                fmt::format(
                    "{} is {}, expected a text", which,
                    std::holds_alternative<bool>(entry.value.is) ? "true or false" : kind_of(entry.value)),
                "put it in quotes");
      else if (has_nul(*text))
        report_(entry.value.at, ConfigCode::bad_value,
                fmt::format("{} holds a NUL character, which no variable can", which), "");
      else {
        out[entry.key] = *text;
        continue;
      }
      good = false;
    }
    if (!good) return std::nullopt;
    return out;
  }

  const KeyFacts& key_;
  const std::string& path_;
  const Value& value_;
  const ReportFault& report_;
};

}  // namespace

std::optional<Setting> read_value(const KeyFacts& key, const std::string& path, const Value& value,
                                  const ReportFault& report) {
  return Reader(key, path, value, report).read();
}

}  // namespace meshops
