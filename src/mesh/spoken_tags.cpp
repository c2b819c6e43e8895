#include "mesh/spoken_tags.h"

#include <fmt/format.h>

#include <optional>

#include "base/text.h"
#include "formats/ssh_keys.h"
#include "mesh/ed25519.h"
#include "mesh/serf_agent.h"

namespace meshops::mesh {

namespace {

std::string word_of(const SpokenTags::Tags& tags, std::string_view name) {
  auto tag = tags.find(std::string(name));
  return tag == tags.end() ? std::string() : tag->second;
}

/// No two nodes, meshes, serials or words give the same bytes.
std::string signed_bytes(std::string_view mesh, std::string_view node, std::uint64_t began,
                         std::uint64_t serial, const SpokenTags::Tags& tags) {
  auto out = ed25519::fields({"meshops tags 1", mesh, node, std::to_string(began), std::to_string(serial)});
  for (auto name : kSpoken) out += ed25519::field(word_of(tags, name));
  return out;
}

struct Signature {
  std::uint64_t began = 0, serial = 0;
  std::string bytes;
};
std::optional<Signature> parse_signature(std::string_view tag) {
  auto parts = split(tag, '.');
  if (parts.size() != 3) return std::nullopt;
  auto began = to_number<std::uint64_t>(parts[0]), serial = to_number<std::uint64_t>(parts[1]);
  auto bytes = ssh::decode_base64(parts[2]);
  if (!began || !serial || !bytes) return std::nullopt;
  return Signature{*began, *serial, std::move(*bytes)};
}

}  // namespace

SpokenTags::Tags SpokenTags::sign(Tags tags, Voice& voice) {
  if (tags != said_) {
    said_ = tags;
    ++serial_;
  }
  // Each time anew: the key may be another one by now.
  auto signature = voice.sign(signed_bytes(mesh_, self_, began_, serial_, tags));
  tags[std::string(kSignedTag)] =
      signature ? fmt::format("{}.{}.{}", began_, serial_, serf::base64(*signature)) : std::string();
  return tags;
}

bool SpokenTags::hears(Instant now, const std::string& node, const Tags& words, const Voice& voice) {
  auto last = heard_.find(node);
  if (last != heard_.end() && last->second.words == words) return last->second.at = now, true;
  auto signature = parse_signature(word_of(words, kSignedTag));
  if (!signature) return false;
  auto bytes = signed_bytes(mesh_, node, signature->began, signature->serial, words);
  if (!voice.said_by(node, bytes, signature->bytes)) return false;
  if (last != heard_.end()) {
    const auto& known = last->second;
    bool newer =
        signature->began != known.began ? signature->began > known.began : signature->serial > known.serial;
    bool forgotten = signature->began < known.began && now - known.at > silence_;
    if (!newer && !forgotten) return false;
  }
  heard_[node] = {signature->began, signature->serial, words, now};
  return true;
}

std::vector<std::string> SpokenTags::check(Instant now, std::vector<serf::Member>& members,
                                           const Voice& voice) {
  std::vector<std::string> out;
  std::map<std::string, Tags> unheard;
  for (auto& member : members) {
    if (member.name == self_) continue;
    Tags words;
    for (auto name : kSpoken)
      if (auto word = word_of(member.tags, name); !word.empty()) words[std::string(name)] = std::move(word);
    bool speaks = !words.empty();
    if (auto word = word_of(member.tags, kSignedTag); !word.empty())
      words[std::string(kSignedTag)] = std::move(word);
    if (words.empty() || hears(now, member.name, words, voice)) continue;
    for (auto name : kSpoken) member.tags.erase(std::string(name));
    if (auto last = unheard_.find(member.name); speaks && (last == unheard_.end() || last->second != words))
      out.push_back(member.name);
    unheard[member.name] = std::move(words);
  }
  unheard_ = std::move(unheard);
  return out;
}

}  // namespace meshops::mesh
