// What a node says of itself in the gossip (which bots it has, who polls for a shared one), signed with its
// healing key: Serf lets every member say anything in any name. Called by SerfLink with the tags that go out
// and with the members that come in. Pure but for the Voice.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "mesh/bot_lease.h"
#include "mesh/bots.h"
#include "mesh/serf_wire.h"
#include "mesh/voice.h"

namespace meshops::mesh {

/// "BEGAN.SERIAL.SIGNATURE": of kSpoken, by whoever the member is.
constexpr std::string_view kSignedTag = "signed";
constexpr std::array<std::string_view, 2> kSpoken = {kBotsTag, kLeaseTag};

class SpokenTags {
 public:
  using Tags = std::map<std::string, std::string>;

  /// `began` is when this agent began, by its own wall clock. What a node signed before its last word is not
  /// heard, unless nothing of it was for `silence`: its clock may have been set back.
  SpokenTags(std::string mesh, std::string self, std::uint64_t began, Duration silence)
      : mesh_(std::move(mesh)), self_(std::move(self)), began_(began), silence_(silence) {}

  /// `tags` and their signature; without one where this node has no voice.
  Tags sign(Tags tags, Voice& voice);
  /// Takes from each other member those of kSpoken that it has not signed. Returns in whose name something
  /// was said, since the last call, that is not heard.
  std::vector<std::string> check(Instant now, std::vector<serf::Member>& members, const Voice& voice);

 private:
  struct Heard {
    std::uint64_t began = 0, serial = 0;
    Tags words;  // with their signature
    Instant at{};
  };
  /// Whether `words` are the node's own, and not older than what it said last.
  bool hears(Instant now, const std::string& node, const Tags& words, const Voice& voice);

  std::string mesh_, self_;
  std::uint64_t began_;
  Duration silence_;
  std::uint64_t serial_ = 0;
  Tags said_;
  std::map<std::string, Heard> heard_;  // by node
  std::map<std::string, Tags> unheard_;
};

}  // namespace meshops::mesh
