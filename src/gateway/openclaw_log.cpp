#include "gateway/openclaw_log.h"

#include <algorithm>

#include "base/text.h"

namespace meshops::openclaw {

namespace {

using Kind = TurnSign::Kind;

/// "detail=…" to the end of the line, else the whole; at most 200 bytes and no keys.
std::string reason(std::string_view text) {
  if (auto at = text.find(" detail="); at != text.npos) text.remove_prefix(at + 8);
  return printable(without_keys(text.substr(0, 400))).substr(0, 200);
}

}  // namespace

std::optional<TurnSign> turn_sign(const journal::LogLine& line) {
  if (line.form == journal::Form::text) return std::nullopt;
  std::string_view subsystem = line.subsystem;
  std::string_view message = line.message;
  if (subsystem == "gateway" && message.starts_with("loading configuration"))
    return TurnSign{Kind::began, ""};
  if (subsystem == "agents/agent-command" && message.starts_with("[agent] run ")) {
    // stop, length, toolUse … are good ends; error is told by other lines; aborted and the like are
    // somebody's wish.
    if (message.ends_with("stopReason=stop") || message.ends_with("stopReason=length"))
      return TurnSign{Kind::succeeded, ""};
    return std::nullopt;
  }
  if (message.contains("raining")) return std::nullopt;  // a stop or restart refuses turns: nothing is wrong
  // The chain of fallbacks has come to its end: in words, or (console style "json") in fields.
  if (subsystem.starts_with("model-fallback")) {
    auto decision = line.field("decision");
    if (decision == "candidate_succeeded" || message.contains("decision=candidate_succeeded"))
      return TurnSign{Kind::succeeded, ""};
    if (message.contains("decision=candidate_failed") && message.contains(" next=none"))
      return TurnSign{Kind::failed, reason(message)};
    if (decision == "candidate_failed" && line.field("fallbackStepFinalOutcome") == "chain_exhausted")
      return TurnSign{Kind::failed, reason(line.field("errorPreview"))};
  }
  constexpr std::string_view kChatFailed = "chat completion failed: ";
  if (subsystem == "openai-compat" && message.starts_with(kChatFailed)) {
    message.remove_prefix(kChatFailed.size());
    return TurnSign{Kind::failed_as_told, reason(message)};
  }
  return std::nullopt;
}

std::optional<Complaint> complaint(const journal::LogLine& line) {
  // Every word must stand in the line, subsystem and all.
  static constexpr struct {
    std::string_view about;
    unsigned enough;
    std::string_view words[2];
    bool of_starts = false;
  } kTable[] = {
      {"a plugin", 1, {"[plugins]", "failed during load"}},
      {"a channel's login", 1, {"channel exited", "401"}},
      {"a channel's login", 1, {"channel exited", "Unauthorized"}},
      {"a channel's login", 1, {"channel exited", "nvalid token"}},
      {"a channel's login", 1, {"channels/", "logged out"}},
      {"a second poller", 2, {"terminated by other getUpdates", ""}},
      {"a channel", 3, {"health-monitor", "restart"}},
      {"its clients", 5, {"unauthorized:", "mismatch"}},
      {"its clients", 5, {"AUTH_TOKEN_MISMATCH", ""}},
      {"its clients", 5, {"unauthorized", "reason=token_mismatch"}},
      {"a session", 1, {"stuck session", ""}},
      // The fallback answers, but the first choice is out of reach.
      {"a model's key", 1, {"auth_profile_failure_state_updated", "auth"}},
      {"a model's account", 1, {"auth_profile_failure_state_updated", "billing"}},
      {"a model", 3, {"candidate_failed", "rate_limit"}},
      {"its reloads", 3, {"config change requires gateway restart", ""}, true},
      {"its stops", 1, {"State 'stop-sigterm' timed out", ""}, true},
      {"its stops", 1, {"State 'final-sigterm' timed out", ""}, true},
  };
  auto has = [&](std::string_view word) {
    if (line.message.contains(word) || line.subsystem.contains(word)) return true;
    if (word == "[plugins]") return line.subsystem == "plugins";
    return std::ranges::any_of(line.fields, [&](const auto& f) {
      return (f.first == "event" || f.first == "decision" || f.first == "reason") && f.second.contains(word);
    });
  };
  for (const auto& row : kTable)
    if (std::ranges::all_of(row.words, has))
      return Complaint{std::string(row.about), row.enough, row.of_starts, reason(line.message)};
  return std::nullopt;
}

}  // namespace meshops::openclaw
