// HTTP/1.1 messages as bytes, without a socket: readers that are fed what came, and the texts we send.
// The client and the server of this room stand on it, and the fuzzers. Parsing itself is Boost.Beast's;
// limits are ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/net.h"
#include "net/server.h"

namespace meshops::http1 {

/// Request or status line and all fields together; more is `too_large`.
constexpr std::uint32_t kHeadLimit = 16U << 10;

/// One answer, fed piece by piece. Informational answers (1xx) before it are passed over, except 101, which
/// ends it.
class AnswerReader {
 public:
  /// `body_limit` absent: none, for streams whose body is taken as it comes.
  explicit AnswerReader(std::optional<std::uint64_t> body_limit, bool answers_head = false);
  AnswerReader(AnswerReader&&) noexcept;
  AnswerReader& operator=(AnswerReader&&) noexcept;
  ~AnswerReader();

  /// True when the answer is whole. Sentences of errors say what was sent, to be put after "… is not HTTP: ".
  Result<bool> feed(std::string_view bytes);
  /// The peer has closed: good if that ends the answer (or it was whole), `closed` if it cuts it.
  Status end();

  bool started() const;  // at least one byte came
  bool head_done() const;
  int status() const;
  const std::map<std::string, std::string>& headers() const;
  /// What came of the body so far; taking it leaves it empty.
  std::string take_body();
  /// Bytes after the answer: the beginning of the next protocol after a 101.
  std::string take_rest();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Requests of one connection, one after the other.
class RequestReader {
 public:
  explicit RequestReader(std::uint64_t body_limit);
  RequestReader(RequestReader&&) noexcept;
  RequestReader& operator=(RequestReader&&) noexcept;
  ~RequestReader();

  /// True when a request is whole: read it, then `next()` before more is fed.
  Result<bool> feed(std::string_view bytes);
  /// Forgets the request that was whole; bytes after it stay (feed({}) looks at them).
  void next();

  bool started() const;
  /// The client waits for "100 Continue" before it sends its body (curl does, for large ones).
  bool wants_continue() const;
  bool keep_alive() const;
  const std::string& method() const;
  const std::string& target() const;
  std::string take_body();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// The request as sent. `bad_url` if a line end or a control character stands in its method, target or
/// headers: it could add a header, or a second request.
Result<std::string> request_text(const HttpRequest& request);

/// Status line and fields. `length` absent: chunked.
std::string answer_head(int status, std::string_view content_type, std::optional<std::size_t> length,
                        bool keep_alive);
/// One chunk of a chunked body; the empty one ends it.
std::string chunk(std::string_view bytes);
std::string_view reason_phrase(int status);

}  // namespace meshops::http1
