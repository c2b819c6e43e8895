#include "mesh/bots.h"

#include <set>

#include "base/hmac.h"
#include "base/text.h"

namespace meshops::mesh {

std::string mark_of(const Bot& bot, const Secret& key) {
  auto text = fmt::format("meshops bot/1\n{}\n{}", bot.channel, bot.token.reveal());
  auto digest = hmac_sha256(key.reveal(), text);
  ::explicit_bzero(text.data(), text.size());
  return hex(digest, 6);
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
