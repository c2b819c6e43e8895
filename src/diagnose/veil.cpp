#include "diagnose/veil.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"

namespace meshops::diagnose {

namespace {

constexpr std::string_view kHidden = "(hidden)";

bool ends_word(char c) { return std::string_view(" \t\r\n\"'`,;&<>()[]{}").contains(c); }

/// Where a value begins that the text before `at` names a secret; npos if it does not.
/// token=… password: … "apiKey": "…" Authorization: Bearer …
struct Named {
  std::size_t begin = std::string_view::npos;
  bool sure = false;  // "=" and quotes name a value; "token: expired" may be a sentence
};
Named value_after(std::string_view text, std::size_t at) {
  auto skip_blanks = [&] {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  };
  bool quoted_name = at < text.size() && (text[at] == '"' || text[at] == '\'');
  if (quoted_name) ++at;
  skip_blanks();
  if (at >= text.size() || (text[at] != '=' && text[at] != ':')) return {};
  bool sure = text[at] == '=' || quoted_name;
  ++at;
  skip_blanks();
  if (at < text.size() && (text[at] == '"' || text[at] == '\'')) {
    sure = true;
    ++at;
  }
  for (std::string_view scheme : {"Bearer ", "bearer ", "Basic ", "basic "})
    if (text.substr(at).starts_with(scheme)) return {at + scheme.size(), true};
  return {at, sure};
}

bool like_a_secret(std::string_view word) {
  return word.size() >= 4 && (word.size() >= 16 || std::ranges::any_of(word, [](unsigned char c) {
                                return std::isdigit(c) != 0;
                              }));
}

/// Calls back with the begin and end of each value that the text names a secret, in one pass.
template <class Each>
void each_named(std::string_view text, Each each) {
  constexpr std::array<std::string_view, 9> kNames = {
      "token", "password", "passwd", "secret", "apikey", "api_key", "api-key", "cookie", "authorization"};
  auto folded = lower(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    // All names begin with one of these.
    if (!std::string_view("tpsac").contains(folded[i])) continue;
    std::string_view rest(folded);
    rest.remove_prefix(i);
    auto name = std::ranges::find_if(kNames, [&](auto n) { return rest.starts_with(n); });
    if (name == kNames.end()) continue;
    auto value = value_after(text, i + name->size());
    if (value.begin == text.npos) continue;
    auto end = value.begin;
    while (end < text.size() && !ends_word(text[end])) ++end;
    auto word = text.substr(value.begin, end - value.begin);
    if (word.empty() || word.starts_with("${") || !(value.sure || like_a_secret(word))) continue;
    each(value.begin, end);
    i = end - 1;
  }
}

std::string without_named(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t copied = 0;
  each_named(text, [&](std::size_t begin, std::size_t end) {
    out += text.substr(copied, begin - copied);
    out += kHidden;
    copied = end;
  });
  out += text.substr(copied);
  return out;
}

std::string without(std::string_view text, std::string_view secret) {
  std::string out;
  for (auto at = text.find(secret); at != text.npos; at = text.find(secret)) {
    out += text.substr(0, at);
    out += kHidden;
    text.remove_prefix(at + secret.size());
  }
  out += text;
  return out;
}

}  // namespace

void Veil::hide(std::string_view secret) {
  secret = trim(secret);
  if (secret.size() < kShortest) return;
  auto longer = [&](const Secret& s) { return s.reveal().size() >= secret.size(); };
  known_.insert(std::ranges::find_if_not(known_, longer), Secret(std::string(secret)));
}

void Veil::hide_named_in(std::string_view text) {
  each_named(text, [&](std::size_t begin, std::size_t end) { hide(text.substr(begin, end - begin)); });
}

std::string Veil::over(std::string_view text) const {
  std::string out(text);
  for (const auto& secret : known_)
    if (out.contains(secret.reveal())) out = without(out, secret.reveal());
  return without_keys(without_named(out));
}

}  // namespace meshops::diagnose
