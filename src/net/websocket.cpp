#include "net/websocket.h"

#include <sys/random.h>

#include <array>
#include <bit>
#include <cstdint>
#include <random>

#include "base/text.h"
#include "net/net.h"

namespace meshops::websocket {
namespace {

/// SHA-1 (RFC 3174). Here only because RFC 6455 proves a handshake with it; nothing is kept secret by it.
std::array<std::uint8_t, 20> sha1(std::string_view text) {
  std::array<std::uint32_t, 5> h = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  std::string padded(text);
  padded += '\x80';
  while (padded.size() % 64 != 56) padded += '\0';
  const std::uint64_t bits = std::uint64_t{text.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8) padded += static_cast<char>((bits >> shift) & 0xFF);

  for (std::size_t block = 0; block < padded.size(); block += 64) {
    std::array<std::uint32_t, 80> w{};
    for (std::size_t i = 0; i < 16; ++i)
      for (std::size_t j = 0; j < 4; ++j)
        w[i] = (w[i] << 8) | static_cast<std::uint8_t>(padded[block + i * 4 + j]);
    for (std::size_t i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    auto [a, b, c, d, e] = h;
    for (std::size_t i = 0; i < 80; ++i) {
      std::uint32_t f = 0;
      std::uint32_t k = 0;
      if (i < 20) {
        f = (b & c) | (~b & d);
        k = 0x5A827999;
      } else if (i < 40) {
        f = b ^ c ^ d;
        k = 0x6ED9EBA1;
      } else if (i < 60) {
        f = (b & c) | (b & d) | (c & d);
        k = 0x8F1BBCDC;
      } else {
        f = b ^ c ^ d;
        k = 0xCA62C1D6;
      }
      const std::uint32_t next = std::rotl(a, 5) + f + e + k + w[i];
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
  }
  std::array<std::uint8_t, 20> out{};
  for (std::size_t i = 0; i < 20; ++i) out[i] = static_cast<std::uint8_t>(h[i / 4] >> (24 - 8 * (i % 4)));
  return out;
}

std::string base64(const std::uint8_t* bytes, std::size_t size) {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < size; i += 3) {
    std::uint32_t three = std::uint32_t{bytes[i]} << 16;
    if (i + 1 < size) three |= std::uint32_t{bytes[i + 1]} << 8;
    if (i + 2 < size) three |= bytes[i + 2];
    out += kLetters[three >> 18];
    out += kLetters[(three >> 12) & 63];
    out += i + 1 < size ? kLetters[(three >> 6) & 63] : '=';
    out += i + 2 < size ? kLetters[three & 63] : '=';
  }
  return out;
}

template <std::size_t size>
std::array<std::uint8_t, size> random_bytes() {
  std::array<std::uint8_t, size> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size())) return bytes;
  std::random_device device;  // a kernel without getrandom; the key only has to differ from time to time
  for (auto& b : bytes) b = static_cast<std::uint8_t>(device());
  return bytes;
}

}  // namespace

std::string accept_for(std::string_view key) {
  auto digest = sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  return base64(digest.data(), digest.size());
}

std::string new_key() {
  auto bytes = random_bytes<16>();
  return base64(bytes.data(), bytes.size());
}

std::string close_frame() {
  auto mask = random_bytes<4>();
  std::string frame = "\x88\x82";  // FIN + close; masked, two bytes
  for (auto m : mask) frame += static_cast<char>(m);
  frame += static_cast<char>(0x03 ^ mask[0]);  // 1000 = 0x03E8: normal
  frame += static_cast<char>(0xE8 ^ mask[1]);
  return frame;
}

Result<std::optional<std::string>> MessageReader::feed(std::string_view bytes) {
  pending_ += bytes;
  while (pending_.size() >= 2) {
    auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(pending_[i]); };
    const bool last = (byte(0) & 0x80) != 0;
    const unsigned opcode = byte(0) & 0x0F;
    if ((byte(0) & 0x70) != 0)
      return fail(NetCode::not_http, "a WebSocket frame with an extension nobody asked for");
    if ((byte(1) & 0x80) != 0) return fail(NetCode::not_http, "a masked WebSocket frame from a server");
    std::size_t head = 2;
    std::uint64_t length = byte(1);
    const std::size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (pending_.size() < head + more) return std::nullopt;
    if (more != 0) {
      length = 0;
      for (std::size_t i = 0; i < more; ++i) length = (length << 8) | byte(head + i);
      head += more;
    }
    const bool control = (opcode & 0x8) != 0;
    if (control && (!last || length > 125))
      return fail(NetCode::not_http, "a WebSocket control frame that is too long or in pieces");
    if (length > kMessageLimit || message_.size() + length > kMessageLimit)
      return fail(NetCode::too_large, "a WebSocket message of more than {}", bytes_text(kMessageLimit));
    if (pending_.size() < head + length) return std::nullopt;
    auto payload = pending_.substr(head, length);
    pending_.erase(0, head + length);

    if (opcode == 0x8) {
      unsigned code = 1005;  // "no status received" (RFC 6455, section 7.4.1)
      if (payload.size() >= 2)
        code = (static_cast<unsigned>(static_cast<std::uint8_t>(payload[0])) << 8) |
               static_cast<std::uint8_t>(payload[1]);
      auto reason = payload.size() > 2 ? ": " + printable(payload.substr(2)) : std::string();
      return fail(NetCode::closed, "WebSocket close {}{}", code, reason);
    }
    if (opcode == 0x9 || opcode == 0xA) continue;  // we leave before a missing pong matters
    const bool first = opcode == 0x1;
    if (!first && opcode != 0x0)
      return fail(NetCode::not_http, "a WebSocket frame of kind {} where a text was expected", opcode);
    if (first == in_message_) return fail(NetCode::not_http, "WebSocket frames out of order");
    in_message_ = true;
    message_ += payload;
    if (!last) continue;
    if (!valid_utf8(message_)) return fail(NetCode::not_http, "a WebSocket text that is not UTF-8");
    in_message_ = false;
    return std::exchange(message_, {});
  }
  return std::nullopt;
}

}  // namespace meshops::websocket
