// Result<T> and Error: how every function here that can fail says so.
// Called by everything. Never throws, never prints, never carries a secret: callers build texts from what may
// be seen.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace meshops {

/// A failure for people and for programs: a stable code ("config.unknown_key"), one sentence (what was tried,
/// on what, what happened), an optional hint (what to do now) and the failure that caused it.
class [[nodiscard]] Error {
 public:
  Error(std::string_view code, std::string sentence) : code_(code), sentence_(std::move(sentence)) {}

  /// Adds the lower failure this one comes from; printed after "because".
  Error because(Error cause) && {
    cause_ = std::make_shared<const Error>(std::move(cause));
    return std::move(*this);
  }
  /// Adds what the reader should do about it.
  template <class... Args>
  Error hint(fmt::format_string<Args...> text, Args&&... args) && {
    hint_ = fmt::format(text, std::forward<Args>(args)...);
    return std::move(*this);
  }

  std::string_view code() const { return code_; }
  const std::string& sentence() const { return sentence_; }
  const std::string& hint_text() const { return hint_; }
  const Error* cause() const { return cause_.get(); }

  /// True if this failure, or one below it in the chain, has that code.
  bool is(std::string_view code) const {
    for (const Error* e = this; e != nullptr; e = e->cause_.get())
      if (e->code_ == code) return true;
    return false;
  }

  /// "A: because B: because C" — without hints, on one line.
  std::string text() const;
  /// The same for a person: text() and, on a second line, the first hint of the chain.
  std::string for_people() const;

 private:
  std::string_view code_;
  std::string sentence_;
  std::string hint_;
  std::shared_ptr<const Error> cause_;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;
inline Status ok() { return {}; }

/// A room's enum of codes; MESHOPS_ERROR_CODES gives it the function that names them.
template <class E>
concept ErrorCode = requires(E e) {
  { code_name(e) } -> std::convertible_to<std::string_view>;
};

template <ErrorCode E, class... Args>
Error error(E code, fmt::format_string<Args...> text, Args&&... args) {
  return {code_name(code), fmt::format(text, std::forward<Args>(args)...)};
}

/// Error → the failing side of any Result.
inline std::unexpected<Error> fail(Error e) { return std::unexpected<Error>(std::move(e)); }
template <ErrorCode E, class... Args>
std::unexpected<Error> fail(E code, fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected<Error>(error(code, text, std::forward<Args>(args)...));
}

}  // namespace meshops

#define MESHOPS_JOIN_(a, b) a##b
#define MESHOPS_JOIN(a, b) MESHOPS_JOIN_(a, b)
#define MESHOPS_TRY_(name, ...)                                                   \
  ({                                                                              \
    auto name = (__VA_ARGS__);                                                    \
    if (!name) return std::unexpected<::meshops::Error>(std::move(name).error()); \
    std::move(name).value();                                                      \
  })
/// The value of a Result, or return its Error to the caller. For functions; a coroutine tests and co_returns.
#define TRY(...) MESHOPS_TRY_(MESHOPS_JOIN(try_result_, __COUNTER__), __VA_ARGS__)
/// The same for a Status, whose value is nothing.
#define CHECK_OK(...)                                                                               \
  do {                                                                                              \
    auto check_result_ = (__VA_ARGS__);                                                             \
    if (!check_result_) return std::unexpected<::meshops::Error>(std::move(check_result_).error()); \
  } while (false)

/// MESHOPS_ERROR_CODES(ConfigCode, "config", unknown_key, wrong_type): the enum and the names
/// "config.unknown_key", …
#define MESHOPS_ERROR_CODES(Enum, room, ...)                                     \
  enum class Enum { __VA_ARGS__ };                                               \
  inline std::string_view code_name(Enum e) {                                    \
    static const auto names = ::meshops::detail::code_names(room, #__VA_ARGS__); \
    return names[static_cast<std::size_t>(e)];                                   \
  }                                                                              \
  static_assert(true)

#include <vector>
namespace meshops::detail {
/// "a, b" with room "config" → {"config.a", "config.b"}; lives for ever, so that codes can be string views.
std::vector<std::string> code_names(std::string_view room, std::string_view list);
}  // namespace meshops::detail
