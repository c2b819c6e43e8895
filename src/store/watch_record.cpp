#include "store/watch_record.h"

#include <nlohmann/json.hpp>

namespace meshops::store {

std::string to_json(const WatchRecord& record) {
  nlohmann::ordered_json json = {
      {"schema", "meshops.secret-watch/1"}, {"pid", record.pid},
      {"start_ticks", record.start_ticks},  {"since", iso8601(record.since)},
      {"trouble", record.trouble},          {"files", nlohmann::ordered_json::array()}};
  for (const auto& file : record.files) json["files"].push_back(file.string());
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::optional<WatchRecord> parse_watch_record(std::string_view text) {
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || json["schema"] != "meshops.secret-watch/1") return std::nullopt;
  const auto &pid = json["pid"], &ticks = json["start_ticks"], &since = json["since"], &files = json["files"],
             &trouble = json["trouble"];
  if (!pid.is_number_integer() || !ticks.is_number_unsigned() || !since.is_string() || !files.is_array())
    return std::nullopt;
  auto time = parse_iso8601(since.get<std::string>());
  if (!time) return std::nullopt;
  WatchRecord out{.pid = pid.get<pid_t>(), .start_ticks = ticks.get<std::uint64_t>(), .since = *time};
  if (trouble.is_string()) out.trouble = trouble.get<std::string>();
  for (const auto& file : files)
    if (file.is_string()) out.files.insert(file.get<std::string>());
  return out;
}

}  // namespace meshops::store
