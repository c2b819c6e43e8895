// How one key of the table reaches its member: key<&Limits::start_cap>({.name = …}). For the files that make
// up the table; holds no key itself.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <type_traits>
#include <utility>

#include "config/schema.h"

namespace meshops::schema {

/// The bounds of a duration are kept in milliseconds.
constexpr std::uint64_t ms(std::chrono::milliseconds d) { return static_cast<std::uint64_t>(d.count()); }

// One pair of assign/extract per type of member; the templates below pick by overload.
inline void assign(std::string& to, Setting s) { to = std::get<std::string>(std::move(s)); }
inline void assign(std::filesystem::path& to, Setting s) { to = std::get<std::string>(std::move(s)); }
inline void assign(bool& to, Setting s) { to = std::get<bool>(s); }
inline void assign(Duration& to, Setting s) { to = std::get<Duration>(s); }
inline void assign(std::vector<std::string>& to, Setting s) {
  to = std::get<std::vector<std::string>>(std::move(s));
}
inline void assign(Environment& to, Setting s) { to = std::get<Environment>(std::move(s)); }
// The bounds of each key keep its number within its member.
inline void assign(std::uint64_t& to, Setting s) { to = std::get<std::uint64_t>(s); }
inline void assign(unsigned& to, Setting s) { to = static_cast<unsigned>(std::get<std::uint64_t>(s)); }
inline void assign(std::uint16_t& to, Setting s) {
  to = static_cast<std::uint16_t>(std::get<std::uint64_t>(s));
}
inline void assign(std::optional<std::uint16_t>& to, Setting s) {
  to = static_cast<std::uint16_t>(std::get<std::uint64_t>(s));
}
template <class E>
  requires std::is_enum_v<E>
void assign(E& to, Setting s) {
  auto names = names_of(E{});
  to = static_cast<E>(std::ranges::find(names, std::get<std::string>(s)) - names.begin());
}

inline Setting text_or_nothing(std::string text) {
  return text.empty() ? Setting{} : Setting{std::move(text)};
}
inline Setting extract(const std::string& from) { return text_or_nothing(from); }
inline Setting extract(const std::filesystem::path& from) { return text_or_nothing(from.string()); }
inline Setting extract(bool from) { return from; }
inline Setting extract(Duration from) { return from; }
inline Setting extract(const std::vector<std::string>& from) {
  return from.empty() ? Setting{} : Setting{from};
}
inline Setting extract(const Environment& from) { return from.empty() ? Setting{} : Setting{from}; }
inline Setting extract(std::uint64_t from) { return from; }
inline Setting extract(unsigned from) { return std::uint64_t{from}; }
inline Setting extract(std::uint16_t from) { return std::uint64_t{from}; }
inline Setting extract(const std::optional<std::uint16_t>& from) {
  return from ? Setting{std::uint64_t{*from}} : Setting{};
}
template <class E>
  requires std::is_enum_v<E>
Setting extract(E from) {
  return std::string(text(from));
}

template <auto Member>
struct Of;
template <class T, class V, V T::* Member>
struct Of<Member> {
  static Key<T> key(KeyFacts facts) {
    return {facts, [](T& to, Setting s) { assign(to.*Member, std::move(s)); },
            [](const T& from) { return extract(from.*Member); }};
  }
};
template <auto Member>
auto key(KeyFacts facts) {
  return Of<Member>::key(facts);
}

}  // namespace meshops::schema
