#include "audit/live_answers.h"

#include <map>
#include <nlohmann/json.hpp>

#include "audit/site.h"

namespace meshops::audit {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostContainers = 200;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Result<Json> list_of(const AskEngine& engine) {
  auto list = Json::parse(TRY(engine("/containers/json")), nullptr, false);
  if (!list.is_array()) return fail(AuditCode::io, "the engine's list of containers cannot be read");
  return list;
}
std::string text_in(const Json& one, const char* key) {
  auto found = one.find(key);
  return found != one.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Ids and digests become part of a path: nothing else may.
bool is_id(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz:") == text.npos;
}

Result<std::string> containers(const AskEngine& engine) {
  auto all = Json::array();
  const auto list = TRY(list_of(engine));
  for (const auto& one : list) {
    if (all.size() >= kMostContainers || !one.is_object()) continue;
    auto id = text_in(one, "Id");
    if (!is_id(id)) continue;
    auto detail = engine("/containers/" + id + "/json");
    if (!detail) continue;  // it has ended meanwhile
    all.push_back(Json::parse(*detail, nullptr, false));
  }
  return dump(all);
}

/// Of the images of running containers, each once.
Result<std::string> image_history(const AskEngine& engine) {
  std::map<std::string, std::string> names;  // by id
  const auto list = TRY(list_of(engine));
  for (const auto& one : list)
    if (one.is_object() && names.size() < kMostContainers && is_id(text_in(one, "ImageID")))
      names.try_emplace(text_in(one, "ImageID"), text_in(one, "Image"));
  auto all = Json::array();
  for (const auto& [id, name] : names) {
    auto history = engine("/images/" + id + "/history");
    if (!history) continue;  // it has been removed meanwhile
    all.push_back({{"Image", name}, {"History", Json::parse(*history, nullptr, false)}});
  }
  return dump(all);
}

}  // namespace

std::vector<std::string> tool_for(Question question) {
  switch (question) {
    case Question::sshd_effective:
      return {"sshd", "-T"};
    case Question::firewall_nft:
      return {"nft", "-j", "list", "ruleset"};
    case Question::firewall_iptables:
      return {"iptables-save"};
    case Question::bans:
      return {"fail2ban-client", "banned"};
    case Question::packages:
      return {"dpkg-query", "-W"};
    case Question::clock:
      return {"timedatectl", "show"};
    case Question::containers:
    case Question::engine_usage:
    case Question::engine_info:
    case Question::image_history:
    case Question::peers:
    case Question::resolvers:
    case Question::reserved_blocks:
      break;
  }
  return {};
}

Result<std::string> ask_engine(Question question, const AskEngine& engine) {
  if (question == Question::containers) return containers(engine);
  if (question == Question::image_history) return image_history(engine);
  return engine(question == Question::engine_usage ? "/system/df" : "/info");
}

Status engine_agreed(int status, std::string_view target) {
  if (status == 200) return ok();
  return fail(AuditCode::io, "the engine answered {} to {}", status, target);
}

std::string reserved_line(std::string_view mount_point, std::uint64_t blocks, std::uint64_t kept,
                          std::uint64_t block_bytes) {
  return fmt::format("{} {} {} {}\n", mount_point, blocks, kept, block_bytes);
}

}  // namespace meshops::audit
