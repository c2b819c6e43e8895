#include "mesh/kept_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "mesh/remote_request.h"

namespace meshops::mesh {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kSchema = "meshops.healing-memory/1";
constexpr auto kName = "healing-memory";
RemoteShelf shelf_in(const RemotePlaces& places) { return {places, kName}; }

std::int64_t ms(Instant at) { return at.since_boot / 1ms; }

Error damaged() { return error(RemoteCode::not_kept, "the memory of healing is damaged"); }

Result<Instant> time_in(const Json& one, bool this_boot, Instant now) {
  auto at = one.find("at_ms");
  if (at == one.end() || !at->is_number_integer()) return fail(damaged());
  auto stored = at->get<std::int64_t>();
  if (!this_boot || stored < 0 || stored > ms(now)) return now;
  return Instant{stored * 1ms};
}

Result<std::string> name_in(const Json& one, const char* key) {
  auto at = one.find(key);
  if (at == one.end() || !at->is_string() || at->get_ref<const std::string&>().empty())
    return fail(damaged());
  return at->get<std::string>();
}

Result<std::vector<std::string>> names_in(const Json& json, const char* key) {
  auto list = json.find(key);
  if (list == json.end() || !list->is_array()) return fail(damaged());
  std::vector<std::string> out;
  for (const auto& one : *list) {
    if (!one.is_string()) return fail(damaged());
    out.push_back(one.get<std::string>());
  }
  return out;
}

Result<std::uint64_t> number_in(const Json& one, const char* key) {
  auto at = one.find(key);
  if (at == one.end() || !at->is_number_unsigned()) return fail(damaged());
  return at->get<std::uint64_t>();
}

}  // namespace

std::string to_json(const Kept& kept, std::string_view boot) {
  Json json = {{"schema", kSchema},       {"boot", boot},          {"treatments", Json::array()},
               {"claims", Json::array()}, {"paused", kept.paused}, {"told", kept.told}};
  for (const auto& t : kept.treatments)
    json["treatments"].push_back({{"patient", t.what.patient},
                                  {"healer", t.what.healer},
                                  {"number", t.what.number},
                                  {"over", t.what.over},
                                  {"helped", t.what.helped},
                                  {"at_ms", ms(t.at)}});
  for (const auto& c : kept.claims)
    json["claims"].push_back(
        {{"patient", c.patient}, {"healer", c.healer}, {"round", c.round}, {"at_ms", ms(c.at)}});
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Kept> parse_kept(std::string_view text, std::string_view boot, Instant now) {
  auto json = Json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("schema", Json()) != kSchema || !json.value("boot", Json()).is_string())
    return fail(damaged());
  bool this_boot = json["boot"] == boot;
  const auto treatments = json.value("treatments", Json());
  const auto claims = json.value("claims", Json());
  if (!treatments.is_array() || !claims.is_array()) return fail(damaged());
  Kept out;
  for (const auto& one : treatments) {
    if (!one.is_object()) return fail(damaged());
    auto over = one.value("over", Json()), helped = one.value("helped", Json());
    if (!over.is_boolean() || !helped.is_boolean()) return fail(damaged());
    out.treatments.push_back({.what = {.patient = TRY(name_in(one, "patient")),
                                       .healer = TRY(name_in(one, "healer")),
                                       .number = TRY(number_in(one, "number")),
                                       .age = {},
                                       .over = over.get<bool>(),
                                       .helped = helped.get<bool>()},
                              .at = TRY(time_in(one, this_boot, now))});
  }
  for (const auto& one : claims) {
    if (!one.is_object()) return fail(damaged());
    out.claims.push_back({.patient = TRY(name_in(one, "patient")),
                          .healer = TRY(name_in(one, "healer")),
                          .round = this_boot ? TRY(number_in(one, "round")) : 0,
                          .at = TRY(time_in(one, this_boot, now))});
  }
  out.paused = TRY(names_in(json, "paused"));
  out.told = TRY(names_in(json, "told"));
  return out;
}

Recalled recall(const RemotePlaces& places, std::string_view boot, Instant now) {
  auto read = [&]() -> Result<Kept> {
    auto text = TRY(shelf_in(places).read());
    return text.empty() ? Kept{} : TRY(parse_kept(text, boot, now));
  }();
  if (read) return {.kept = std::move(*read), .remembers = true, .why_not = {}};
  // Else nothing new could be kept either.
  std::error_code ignored;
  for (const auto& file : {places.state / kName, places.run / fmt::format("{}.spare", kName)})
    std::filesystem::rename(file, file.string() + ".damaged", ignored);
  return {.kept = {}, .remembers = false, .why_not = read.error().text()};
}

Status keep(const RemotePlaces& places, const Kept& kept, std::string_view boot) {
  auto lock = TRY(lock_shelves(places, 0s));
  return shelf_in(places).write(to_json(kept, boot));
}

}  // namespace meshops::mesh
