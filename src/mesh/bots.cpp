#include "mesh/bots.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <set>

#include "base/text.h"

namespace meshops::mesh {

std::string mark_of(const Bot& bot, const Secret& key) {
  auto text = fmt::format("meshops bot/1\n{}\n{}", bot.channel, bot.token.reveal());
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  const auto& bytes = key.reveal();
  ::HMAC(EVP_sha256(), bytes.data(), static_cast<int>(bytes.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &size);
  ::explicit_bzero(text.data(), text.size());
  return fmt::format("{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}", out[0], out[1], out[2], out[3], out[4], out[5]);
}

std::string bots_tag(const std::vector<OwnBot>& own) {
  std::set<std::string> marks;
  for (const auto& bot : own)
    if (marks.size() < kMostMarks) marks.insert(bot.mark);
  return join(std::vector<std::string>(marks.begin(), marks.end()), ",");
}

std::vector<Twin> twins(const std::vector<OwnBot>& own, std::string_view self,
                        const std::vector<serf::Member>& members) {
  std::vector<Twin> out;
  for (const auto& member : members) {
    if (member.name == self || member.state != serf::MemberState::alive) continue;
    auto tag = member.tags.find(std::string(kBotsTag));
    if (tag == member.tags.end()) continue;
    for (auto mark : split(tag->second, ','))
      for (const auto& bot : own)
        if (!mark.empty() && bot.mark == mark) out.push_back({bot, member.name});
  }
  return out;
}

}  // namespace meshops::mesh
