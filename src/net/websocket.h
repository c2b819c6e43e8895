// WebSocket (RFC 6455) as bytes, without a socket: the handshake's proof and the frames a server sends.
// Called by net.cpp's greeting and the fuzzer. Knows no extensions; sends nothing.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace meshops::websocket {

/// What Sec-WebSocket-Accept must be for a key we sent (RFC 6455, section 4.2.2).
std::string accept_for(std::string_view key);
/// A fresh Sec-WebSocket-Key: 16 random bytes, in base64.
std::string new_key();
/// A close frame with status 1000, masked as a client's must be.
std::string close_frame();

constexpr std::size_t kMessageLimit = 64U << 10;

/// Frames of a server, fed piece by piece, until its first text message is whole.
class MessageReader {
 public:
  /// The message; nothing if more is needed. Errors: `not_http` for a broken protocol, `too_large`, `closed`
  /// (with the server's reason) when it says goodbye first.
  Result<std::optional<std::string>> feed(std::string_view bytes);

 private:
  std::string pending_;
  std::string message_;
  bool in_message_ = false;
};

}  // namespace meshops::websocket
