// What any peer says of shared bots in its tags: reading it ends, and what was read is written so that it
// reads the same. What this node says, made of the same bytes, is read by the others as it was meant. And
// whatever stands where a signature should be, nothing is heard that no node has signed.
#include <cstdint>
#include <iterator>

#include "config/mesh.h"
#include "mesh/bot_lease.h"
#include "mesh/spoken_tags.h"
#include "must.h"

using namespace meshops;
using namespace std::chrono_literals;
using mesh::LeaseWord;

namespace {

/// Nobody here has the other half of it.
constexpr std::string_view kKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIATp5fvzXn8HpPBIcTUueuYCG0GoJp7RznDTYQe8MweP";
constexpr mesh::Polls kPolls[] = {mesh::Polls::runs, mesh::Polls::wants, mesh::Polls::takes,
                                  mesh::Polls::idle, mesh::Polls::kept_down};

void reads_back(std::string_view tag) {
  auto words = mesh::parse_lease_tag(tag);
  for (const auto& [group, word] : words) {
    must(group.size() == 12 && group.find(',') == std::string::npos);
    must(word.ends_after >= 0s && word.ends_after <= 24h);
  }
  while (words.size() > kMostSharedBots) words.erase(std::prev(words.end()));  // no more are said
  must(mesh::parse_lease_tag(mesh::lease_tag(words)) == words);
}

/// Each four bytes are one word: whose bot, how it stands, and for how long after.
void is_understood(std::string_view bytes) {
  std::map<std::string, LeaseWord> words;
  for (; bytes.size() >= 4 && words.size() < kMostSharedBots; bytes.remove_prefix(4)) {
    auto at = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(bytes[i])); };
    words[mesh::lease_group(bytes.substr(0, 1), "main")] = {kPolls[at(1) % std::size(kPolls)],
                                                            std::chrono::seconds(at(2) << 8 | at(3))};
  }
  must(mesh::parse_lease_tag(mesh::lease_tag(words)) == words);
}

void is_not_heard(std::string_view bytes) {
  static const auto mesh = [] {
    Mesh out;
    out.nodes = {{.name = "alpha"}, {.name = "beta", .healing_key = std::string(kKey)}};
    return out;
  }();
  mesh::Voice voice(mesh);
  mesh::SpokenTags tags("m", "alpha", 1, 10min);
  auto half = bytes.size() / 2;
  const std::map<std::string, std::string> said = {{"lease", std::string(bytes.substr(0, half))},
                                                   {"signed", std::string(bytes.substr(half))}};
  for (const auto& signature : {said.at("signed"), "1.1." + said.at("signed")}) {
    std::vector<serf::Member> members = {{.name = "beta", .tags = said}};
    members[0].tags["signed"] = signature;
    tags.check(Instant{1h}, members, voice);
    must(!members[0].tags.contains("lease"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  reads_back(bytes);
  is_understood(bytes);
  if (size > 0) is_not_heard(bytes);
  return 0;
}
