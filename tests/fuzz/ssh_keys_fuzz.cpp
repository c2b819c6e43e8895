// Keys of SSH from a hostile hand: public ones, authorized_keys, known_hosts, the open part of a private one.
// Places are inside the text, and a key that is written down again is the same key.
#include <algorithm>
#include <cstdint>

#include "base/text.h"
#include "formats/ssh_keys.h"
#include "host/known_host.h"
#include "must.h"

using namespace meshops;

namespace {

std::string encode_base64(std::string_view bytes) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    auto have = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t j = 0; j < 3; ++j)
      three = three << 8 | (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j) out += j <= have ? kLetters[three >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  must(ssh::decode_base64(encode_base64(text)) == text);

  auto lines = split(text, '\n');
  for (const auto& key : ssh::parse_public_keys(text)) {
    must(key.line >= 1 && key.line <= lines.size());
    must(lines[key.line - 1].substr(key.column - 1).starts_with(key.type));
    must(key.bits <= size * 8);
    std::string again;
    for (const auto& option : key.options) {
      again += again.empty() ? "" : ",";
      again += option.name;
      if (option.value.empty()) continue;
      again += "=\"";
      for (char c : option.value) again += c == '"' ? std::string("\\\"") : std::string(1, c);
      again += '"';
    }
    again += (again.empty() ? "" : " ") + key.type + " " + encode_base64(key.blob) + " " + key.comment;
    // An option that holds a backslash at its end, or whose name looks like a key's, has no other spelling.
    if (std::ranges::any_of(key.options, [](const auto& o) {
          return o.value.ends_with('\\') || o.value.find("\\\"") != std::string::npos || o.name.empty();
        }))
      continue;
    auto read = ssh::parse_public_keys(again);
    must(read.size() == 1 && read[0].type == key.type && read[0].blob == key.blob);
    must(read[0].bits == key.bits && read[0].comment == key.comment);
    must(read[0].options.size() == key.options.size());
    for (std::size_t i = 0; i < key.options.size(); ++i)
      must(read[0].options[i].name == key.options[i].name &&
           read[0].options[i].value == key.options[i].value);
  }
  for (const auto& host : ssh::parse_known_hosts(text)) {
    must(host.line >= 1 && host.line <= lines.size() && !host.hosts.empty());
    (void)ssh::is_for(host, "beta.example.org");
    if (host.hosts.find_first_of("|*?!,") == std::string::npos) must(ssh::is_for(host, host.hosts));
  }
  // Never anything but what is public: as much as its blob says of itself.
  if (auto key = ssh::public_part(text)) must(!key->type.empty() && key->blob.size() <= size + 32);
  return 0;
}
