// Questions to witnesses and their testimonies as they travel through a Serf query: msgpack, small enough for
// one datagram. Written and read by SerfLink. Pure; believes nothing that was sent.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "mesh/word.h"

namespace meshops::mesh {

MESHOPS_ERROR_CODES(QueryCode, "query", malformed);

constexpr std::string_view kQueryName = "meshops-ask";
/// Serf refuses a query or an answer of more than 1024 bytes; its own part of them is some 100 and the names.
constexpr std::size_t kMostTestimony = 800;

std::string to_bytes(const Question& question);
Result<Question> parse_question(std::string_view bytes);

/// What does not fit is left out, the least important first: treatments of other patients (the oldest
/// first), names of nodes in trouble, other patients' claims. What is said of the patient itself always fits.
std::string to_bytes(const Testimony& testimony, std::size_t most = kMostTestimony);
Result<Testimony> parse_testimony(std::string_view bytes);

}  // namespace meshops::mesh
