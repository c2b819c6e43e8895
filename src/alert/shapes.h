// One alert as each kind of receiver wants it. Pure; called by the carrier. Whatever stands in the alert (it
// comes from logs that strangers write to), a body is well formed, within the receiver's limits, and mentions
// nobody.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alert/alert.h"

namespace meshops::alert {

/// Incoming webhook of Slack: text (for notifications) and blocks.
std::string slack_body(const Alert& alert);
/// Webhook of Discord: content and one embed, with all mentions off.
std::string discord_body(const Alert& alert);
/// Telegram's sendMessage, in its HTML.
std::string telegram_body(const Alert& alert, std::string_view chat_id);

/// A whole message (RFC 5322, MIME, UTF-8) with CRLF line ends. The same alert has the same Message-ID, so
/// that one sent twice is shown once.
std::string mail_message(const Alert& alert, std::string_view from, const std::vector<std::string>& to);

}  // namespace meshops::alert
