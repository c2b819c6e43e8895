// Questions to witnesses and their testimonies as they travel through a Serf query: msgpack, small enough for
// one datagram, and signed. Written and read by SerfLink, which has them signed and checked by Voice. Pure;
// believes nothing that was sent.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mesh/word.h"

namespace meshops::mesh {

MESHOPS_ERROR_CODES(QueryCode, "query", malformed);

constexpr std::string_view kQueryName = "meshops-ask";
/// Serf refuses a query or an answer of more than 1024 bytes. Its own part of a query is at most 160 bytes,
/// the asker's name, and each name of those it is for with 3 more; of an answer it is at most 60 and a name.
constexpr std::size_t kMostSerf = 1024, kSerfsPart = 160;
/// Of a testimony with its signature.
constexpr std::size_t kMostTestimony = 800;
constexpr std::size_t kSignature = 64;

/// A question or a testimony as it travels: its text (one of those below), then the signature of who says it.
struct Message {
  std::string_view text;
  std::string_view signature;
};
Result<Message> parse_message(std::string_view bytes);

/// What the asker signs. It names mesh, asker, patient, round and beginning, so that it proves nothing else.
std::string signed_bytes(std::string_view mesh, const Question& question, std::string_view text);
/// What the witness signs: its testimony answers this question and no other.
std::string signed_bytes(std::string_view mesh, const Question& answered, std::string_view witness,
                         std::string_view text);

std::string to_bytes(const Question& question);
Result<Question> parse_question(std::string_view text);

/// What does not fit is left out, the least important first: treatments of other patients (the oldest
/// first), names of nodes in trouble, other patients' claims. What is said of the patient itself is never
/// left out.
std::string to_bytes(const Testimony& testimony, std::size_t most = kMostTestimony - kSignature);
Result<Testimony> parse_testimony(std::string_view text);

/// Whether Serf takes a query of these sizes; `names` is of those it is for.
bool fits_query(std::size_t message, std::string_view asker, const std::vector<std::string>& names);

}  // namespace meshops::mesh
