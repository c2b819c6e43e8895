#include "alert/alert.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace meshops::alert {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::array<std::string_view, 5> kKinds = {"gave_up", "stopped", "noticed", "recovered", "test"};
constexpr std::string_view kSchema = "meshops.alert/1";

/// Printable, and cut between two letters.
std::string fitted(std::string_view text, std::size_t at_most) {
  constexpr std::string_view kMore = "…";
  auto out = printable(text);
  if (out.size() <= at_most) return out;
  auto end = at_most - kMore.size();
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
  return out.substr(0, end).append(kMore);
}

}  // namespace

std::string_view text(Alert::Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

Alert fitted(Alert alert) {
  constexpr std::size_t kLines = 3, kName = 64;
  for (auto* name : {&alert.mesh, &alert.node, &alert.gateway, &alert.cause, &alert.incident})
    *name = fitted(*name, kName);
  // Keys are taken out by whoever read the logs; this is the second lock, because from here it leaves the
  // machine.
  alert.headline = fitted(without_keys(alert.headline), 300);
  alert.command = fitted(alert.command, 300);
  if (alert.lines.size() > kLines) alert.lines.resize(kLines);
  for (auto& line : alert.lines) line = fitted(without_keys(line), 400);
  return alert;
}

std::string to_json(const Alert& raw) {
  auto alert = fitted(raw);
  Json json = {{"schema", kSchema},          {"kind", text(alert.kind)}, {"mesh", alert.mesh},
               {"node", alert.node},         {"gateway", alert.gateway}, {"cause", alert.cause},
               {"headline", alert.headline}, {"lines", alert.lines},     {"command", alert.command},
               {"incident", alert.incident}, {"at", iso8601(alert.at)},  {"held_back", alert.held_back}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Alert> parse_alert(std::string_view text) {
  auto json = nlohmann::json::parse(text, nullptr, false);
  auto word = [&](const char* name) -> std::string {
    auto found = json.is_object() ? json.find(name) : json.end();
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  auto kind = std::ranges::find(kKinds, word("kind"));
  auto at = parse_iso8601(word("at"));
  if (word("schema") != kSchema || kind == kKinds.end() || !at)
    return fail(AlertCode::not_an_alert, "what was queued is no {}", kSchema);
  Alert alert{.kind = static_cast<Alert::Kind>(kind - kKinds.begin()),
              .mesh = word("mesh"),
              .node = word("node"),
              .gateway = word("gateway"),
              .cause = word("cause"),
              .headline = word("headline"),
              .lines = {},
              .command = word("command"),
              .incident = word("incident"),
              .at = *at};
  if (auto lines = json.find("lines"); lines != json.end() && lines->is_array())
    for (const auto& line : *lines)
      if (line.is_string()) alert.lines.push_back(line.get<std::string>());
  if (auto held = json.find("held_back"); held != json.end() && held->is_number_unsigned())
    alert.held_back = held->get<unsigned>();
  return alert;
}

}  // namespace meshops::alert
