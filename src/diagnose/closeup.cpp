#include "diagnose/closeup.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace meshops::diagnose {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostItems = 128;  // of any list
constexpr std::string_view kSchema = "meshops.closeup/1";

const Json& member(const Json& object, const char* key) {
  static const Json kNothing;
  if (!object.is_object()) return kNothing;
  auto found = object.find(key);
  return found == object.end() ? kNothing : *found;
}
std::string text_of(const Json& object, const char* key) {
  const auto& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}
bool flag_of(const Json& object, const char* key) {
  const auto& value = member(object, key);
  return value.is_boolean() && value.get<bool>();
}
template <class T>
T number_of(const Json& object, const char* key) {
  const auto& value = member(object, key);
  if (!value.is_number_unsigned()) return T{};
  auto n = value.get<std::uint64_t>();
  return n <= static_cast<std::uint64_t>(std::numeric_limits<T>::max()) ? static_cast<T>(n) : T{};
}
std::optional<int> small_of(const Json& object, const char* key) {
  const auto& value = member(object, key);
  if (!value.is_number_integer()) return std::nullopt;
  auto n = value.get<std::int64_t>();
  return n > -1000 && n < 1000 ? std::optional(static_cast<int>(n)) : std::nullopt;
}
template <class Each>
void each_of(const Json& object, const char* key, Each each) {
  const auto& list = member(object, key);
  if (!list.is_array()) return;
  for (std::size_t i = 0; i < std::min(list.size(), kMostItems); ++i) each(list[i]);
}
std::vector<std::string> texts_of(const Json& object, const char* key) {
  std::vector<std::string> out;
  each_of(object, key, [&](const Json& item) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  });
  return out;
}

Starter starter_of(const Json& json) {
  return {.runtime = text_of(json, "runtime"),
          .unit = text_of(json, "unit"),
          .user = text_of(json, "user"),
          .container = text_of(json, "container"),
          .pid = number_of<pid_t>(json, "pid"),
          .start_ticks = number_of<std::uint64_t>(json, "start_ticks"),
          .enabled = flag_of(json, "enabled"),
          .ours = flag_of(json, "ours")};
}

}  // namespace

Result<Closeup> parse_closeup(std::string_view text) {
  if (text.size() > kCloseupLimit)
    return fail(DiagnoseCode::too_large, "the close-up is {}, more than {}", bytes_text(text.size()),
                bytes_text(kCloseupLimit));
  // As in parse_facts(): hostile nesting stays off the stack.
  auto json = Json::parse(text, [](int depth, Json::parse_event_t, Json&) { return depth < 32; }, false);
  if (json.is_discarded())
    return fail(error(DiagnoseCode::not_json, "the close-up is not JSON, or was cut short")
                    .hint("the agent makes them: GET /v1/gateways/NAME/closeup on its socket"));
  if (!json.is_object() || text_of(json, "schema") != kSchema)
    return fail(DiagnoseCode::not_an_object, "this is JSON, but no {}", kSchema);
  Closeup out;
  out.gateway = text_of(json, "gateway");
  out.at = text_of(json, "at");
  out.state = text_of(json, "state");
  out.summary = text_of(json, "summary");
  if (const auto& exit = member(json, "last_exit"); exit.is_object())
    out.last_exit = LastExit{.code = small_of(exit, "code"),
                             .signal = small_of(exit, "signal"),
                             .at = text_of(exit, "at"),
                             .reason = text_of(exit, "reason")};
  if (const auto& facts = member(json, "facts"); facts.is_object())
    out.facts = TRY(parse_facts(facts.dump(-1, ' ', false, Json::error_handler_t::replace)));
  out.log = text_of(json, "log");
  each_of(json, "starters", [&](const Json& item) {
    if (item.is_object()) out.starters.push_back(starter_of(item));
  });
  each_of(json, "config_issues", [&](const Json& item) {
    if (item.is_object())
      out.config_issues.push_back(
          {text_of(item, "path"), text_of(item, "message"), texts_of(item, "allowed")});
  });
  if (const auto& config = member(json, "config"); config.is_object())
    out.config = ConfigState{.path = text_of(config, "path"),
                             .exists = flag_of(config, "exists"),
                             .parses = flag_of(config, "parses"),
                             .line = number_of<std::size_t>(config, "line"),
                             .column = number_of<std::size_t>(config, "column"),
                             .problem = text_of(config, "problem"),
                             .size = number_of<std::uint64_t>(config, "size")};
  out.skipped = texts_of(json, "skipped");
  return out;
}

}  // namespace meshops::diagnose
