#include "audit/live.h"

#include <array>

namespace meshops::audit {

namespace {
constexpr std::array<std::string_view, 13> kQuestions = {
    "sshd_effective", "firewall_nft", "firewall_iptables", "bans",          "containers",
    "engine_usage",   "engine_info",  "packages",          "image_history", "peers",
    "resolvers",      "clock",        "reserved_blocks"};
}

std::string_view text(Question question) { return kQuestions[static_cast<std::size_t>(question)]; }

}  // namespace meshops::audit
