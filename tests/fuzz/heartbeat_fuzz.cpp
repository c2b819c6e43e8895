// What comes to the heartbeat's ports, and what stands in the files around it: whatever the bytes are,
// reading ends, nothing unsigned is believed, and what is read is what was written. The first byte says
// whether the bytes are signed before they are read, so that the fuzzer gets past the seal.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdint>
#include <string>

#include "mesh/heartbeat.h"
#include "mesh/word_file.h"
#include "must.h"

namespace {

using namespace meshops;

const std::string kMesh = "home", kNode = "beta";

heartbeat::Keys keys() {
  heartbeat::Keys out;
  out.keys.emplace_back(std::string(32, 'k'));
  return out;
}

/// As a member would: of 160 bytes, filled up or cut.
std::string sealed(std::string body) {
  body.resize(heartbeat::kDatagramBytes - 32, '\0');
  auto text = std::string(1, static_cast<char>(kMesh.size())) + kMesh + body;
  std::array<unsigned char, 32> mac{};
  unsigned size = 0;
  const std::string key(32, 'k');
  must(HMAC(EVP_sha256(), key.data(), 32, reinterpret_cast<const unsigned char*>(text.data()), text.size(),
            mac.data(), &size) != nullptr);
  return body.append(reinterpret_cast<const char*>(mac.data()), mac.size());
}

void read_datagram(const std::string& datagram, bool is_signed) {
  static const auto kKeys = keys();
  auto asked = heartbeat::read_question(datagram, kMesh, kNode, kKeys);
  auto answer = heartbeat::read_answer(datagram, kMesh, kKeys);
  must(!(asked && answer));
  must(is_signed || (!asked && !answer));
  // There is one way to write each.
  if (asked) must(write(asked->question, kMesh, kKeys.keys[0]) == datagram);
  if (!answer) return;
  must(write(*answer, kMesh, kKeys.keys[0]) == datagram);
  must(heartbeat::claimed_nonce(datagram) == answer->nonce);
  must(answer->word.agent_age >= Duration::zero() && answer->word.agent_age <= mesh::kNeverSpoke);
}

void read_files(std::string_view text) {
  const Instant now{std::chrono::hours(1)};
  auto word = mesh::parse_word(text, now);
  must(word.agent_age >= Duration::zero() && word.agent_age <= mesh::kNeverSpoke);
  auto again = mesh::parse_word(mesh::word_text(word, now - word.agent_age), now);
  must(word.agent_age > std::chrono::hours(1) || again == word);
  if (auto parsed = heartbeat::parse_keys(text)) {
    auto back = heartbeat::parse_keys(heartbeat::keys_text(*parsed).reveal());
    must(back && *back == *parsed);
    for (const auto& key : parsed->keys) must(key.reveal().size() == 32);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  bool is_signed = (data[0] & 1) != 0;
  read_datagram(is_signed ? sealed(bytes) : bytes, is_signed);
  read_files(bytes);
  return 0;
}
