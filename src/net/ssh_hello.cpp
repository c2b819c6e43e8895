#include "net/ssh_hello.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.h"

namespace meshops::ssh {

namespace {

// RFC 4253, 12, and RFC 5656, 7.1.
constexpr char kDisconnect = 1, kKexInit = 20, kEcdhInit = 30, kEcdhReply = 31;
/// RFC 4253, 6.1: what everybody must take.
constexpr std::size_t kMostPacket = 35'000;
/// RFC 4253, 4.2: lines before the version are allowed; a server that goes on and on is none.
constexpr std::size_t kMostGreeting = 8U << 10;

std::string number(std::size_t value) {
  std::string out(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<char>(value >> (24 - 8 * i) & 0xFF);
  return out;
}
std::string field(std::string_view text) { return number(text.size()) + std::string(text); }

/// Length, padding length, payload, padding to a multiple of eight.
std::string packed(const std::string& payload) {
  std::size_t padding = 8 - (payload.size() + 5) % 8;
  if (padding < 4) padding += 8;
  return number(payload.size() + padding + 1) + static_cast<char>(padding) + payload +
         std::string(padding, '\0');
}

std::optional<std::uint32_t> take_number(std::string_view& bytes) {
  if (bytes.size() < 4) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  bytes.remove_prefix(4);
  return value;
}
std::optional<std::string_view> take_field(std::string_view& bytes) {
  auto length = take_number(bytes);
  if (!length || *length > bytes.size()) return std::nullopt;
  auto out = bytes.substr(0, *length);
  bytes.remove_prefix(*length);
  return out;
}

}  // namespace

std::string client_hello(const std::vector<std::string>& key_types, std::size_t at_least) {
  std::vector<std::string> types = key_types;
  for (const auto* type : {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
                           "rsa-sha2-512", "rsa-sha2-256"})
    if (std::ranges::find(types, type) == types.end()) types.emplace_back(type);
  std::string exchange = "curve25519-sha256,curve25519-sha256@libssh.org";
  const std::string ciphers =
      "aes128-ctr,aes192-ctr,aes256-ctr,chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,"
      "aes256-gcm@openssh.com";
  const std::string macs =
      "hmac-sha2-256,hmac-sha2-512,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
      "umac-128-etm@openssh.com,umac-128@openssh.com,hmac-sha1";
  const std::string compression = "none,zlib@openssh.com";
  const std::string version = "SSH-2.0-meshops_" MESHOPS_VERSION "\r\n";
  auto whole = [&] {
    std::string payload(1, kKexInit);
    payload += std::string(16, 'm');  // the cookie: nothing is agreed on, so nothing hangs on it
    for (const auto& list : {exchange, join(types, ","), ciphers, ciphers, macs, macs, compression,
                             compression, std::string(), std::string()})
      payload += field(list);
    payload += std::string(5, '\0');  // no guess follows; reserved
    return version + packed(payload);
  };
  for (unsigned i = 0; whole().size() < at_least && i < 1000; ++i)
    exchange += fmt::format(",padding-{:03}-for-the-width-of-the-way@meshops", i);
  return whole();
}

std::string client_share(std::string_view random) {
  return packed(std::string(1, kEcdhInit) + field(random));
}

Result<bool> ServerHello::feed(std::string_view bytes) {
  buffer_ += bytes;
  while (version_.empty()) {
    auto end = buffer_.find('\n');
    if (end == std::string::npos) {
      if (buffer_.size() > kMostGreeting)
        return fail(HelloCode::not_ssh, "it sent much, and no version of SSH");
      return false;
    }
    auto line = trim(std::string_view(buffer_).substr(0, end));
    // Some servers send lines before it; a web server sends nothing but.
    if (line.starts_with("SSH-"))
      version_ = printable(line.substr(0, 255));
    else if (line.starts_with("HTTP/"))
      return fail(HelloCode::not_ssh, "it speaks HTTP");
    buffer_.erase(0, end + 1);
  }
  while (true) {
    std::string_view rest = buffer_;
    auto length = take_number(rest);
    if (!length) return false;
    if (*length < 5 || *length > kMostPacket)
      return fail(HelloCode::broken, "it sent a packet of {} bytes", *length);
    if (rest.size() < *length) return false;
    const auto padding = static_cast<unsigned char>(rest[0]);
    if (padding + 1U >= *length) return fail(HelloCode::broken, "it sent a packet that is all padding");
    auto done = packet(rest.substr(1, *length - padding - 1));
    if (!done || *done) return done;
    buffer_.erase(0, std::size_t{*length} + 4);
  }
}

Result<bool> ServerHello::packet(std::string_view payload) {
  auto type = payload[0];
  payload.remove_prefix(1);
  if (type == kKexInit) told_algorithms_ = true;
  if (type == kDisconnect) {
    (void)take_number(payload);
    auto why = take_field(payload);
    return fail(HelloCode::refused, "it does not want to go on: {}", quote(why.value_or(""), 120));
  }
  if (type != kEcdhReply) return false;
  auto key = take_field(payload);
  if (!key || !key_type(*key)) return fail(HelloCode::broken, "it sent something that is no host key");
  host_key_ = *key;
  return true;
}

std::optional<std::string> key_type(std::string_view key) {
  auto type = take_field(key);
  if (!type || type->empty() || type->size() > 64 ||
      !std::ranges::all_of(*type, [](char c) { return c > ' ' && c < 0x7F; }))
    return std::nullopt;
  return std::string(*type);
}

}  // namespace meshops::ssh
