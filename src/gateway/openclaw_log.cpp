#include "gateway/openclaw_log.h"

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

}  // namespace meshops::openclaw
