// The heartbeat between nodes as bytes: one datagram that asks, one that answers, both 192 bytes long and
// signed with a key that is derived from the mesh key. Called by who asks (Pulse), who answers (web's
// HeartbeatServer) and the fuzzer. Pure; what is not from a member of this mesh is told apart by nothing but
// that it is not read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "mesh/serf_agent.h"
#include "mesh/word.h"

namespace meshops::heartbeat {

MESHOPS_ERROR_CODES(HeartbeatCode, "heartbeat", bad_keys, no_keys, bad_name, bad_address, no_answerer, io);

/// Longer or shorter is no heartbeat. An answer is as long as its question, so that nobody can have us send
/// more than was sent to us.
constexpr std::size_t kDatagramBytes = 192;
constexpr std::size_t kNonceBytes = 16;
constexpr std::size_t kLongestName = 63;  // as in mesh.toml

/// What the two sides sign with: derived from Serf's keys, which cannot be had back from them. The first is
/// the one to ask with; all are believed, because a new mesh key reaches the nodes one after the other.
struct Keys {
  std::vector<Secret> keys;  // 32 bytes each
  bool operator==(const Keys& other) const;
};
Keys derive(const serf::Keyring& ring);
/// meshops.heartbeat-keys/1 and back.
Secret keys_text(const Keys& keys);
Result<Keys> parse_keys(std::string_view text);

using Nonce = std::array<unsigned char, kNonceBytes>;

struct Question {
  Nonce nonce{};
  std::string sender;
  std::string patient;  // whom it asks
  bool operator==(const Question&) const = default;
};
struct Answer {
  Nonce nonce{};  // of the question
  std::string from;
  mesh::Word word;
  bool operator==(const Answer&) const = default;
};

/// Names as mesh.toml allows them (1 to 63 bytes); anything else gives no datagram: "".
std::string write(const Question& question, std::string_view mesh, const Secret& key);
std::string write(const Answer& answer, std::string_view mesh, const Secret& key);

/// Who asks, and which of `keys` it is signed with: the answer uses the same one. Nothing if it is not signed
/// by one of them for this mesh, or is no question for `patient`.
struct Asked {
  Question question;
  std::size_t key = 0;
};
std::optional<Asked> read_question(std::string_view datagram, std::string_view mesh, std::string_view patient,
                                   const Keys& keys);
/// The nonce that an answer claims to be of, before anything is believed: what nobody waits for need not be
/// checked.
std::optional<Nonce> claimed_nonce(std::string_view datagram);
std::optional<Answer> read_answer(std::string_view datagram, std::string_view mesh, const Keys& keys);

}  // namespace meshops::heartbeat
