// Rendezvous hashing (highest random weight): from names alone, every node finds the same order of nodes for
// a key, without asking anybody. Who watches whom and who heals first come from here; called by Judgement and
// by whoever shows it. The hash is part of the protocol: it never changes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::mesh {

/// FNV-1a, 64 bits, over the bytes of `key`, one byte 0, the bytes of `node`; then the finalizer of
/// splitmix64, because FNV alone mixes the last bytes badly. Values in tests/unit/mesh/rendezvous_test.cpp.
std::uint64_t weight(std::string_view key, std::string_view node);

/// `nodes` without `key` itself, heaviest first; equal weights by name. A node that leaves moves nobody else.
std::vector<std::string> order(std::string_view key, std::span<const std::string> nodes);

/// The first `k` of that order: those who watch the node `patient`, and who heal it in that order.
std::vector<std::string> watchers(std::string_view patient, std::span<const std::string> nodes,
                                  std::size_t k);

}  // namespace meshops::mesh
