// One bot, one gateway: marks of the bots' tokens, what a node says of its own in the gossip, and who else
// has one of them. Pure. A mark is keyed with what only members know, so that it tells nobody the token.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/bots.h"
#include "mesh/serf_wire.h"

namespace meshops::mesh {

constexpr std::string_view kBotsTag = "bots";
/// Serf takes 512 bytes of tags in all; so many marks fit beside our others and their signature.
constexpr std::size_t kMostMarks = 12;

/// 12 hexadecimal digits: the same for the same token under the same key.
std::string mark_of(const Bot& bot, const Secret& key);

struct OwnBot {
  std::string mark;
  std::string gateway;
  std::string channel;
  bool operator==(const OwnBot&) const = default;
};
/// "1a2b3c4d5e6f,…", sorted, each once.
std::string bots_tag(const std::vector<OwnBot>& own);

struct Twin {
  OwnBot own;
  std::string node;  // that runs a gateway with the same bot
  bool operator==(const Twin&) const = default;
};
/// Of living members other than `self`.
std::vector<Twin> twins(const std::vector<OwnBot>& own, std::string_view self,
                        const std::vector<serf::Member>& members);

}  // namespace meshops::mesh
