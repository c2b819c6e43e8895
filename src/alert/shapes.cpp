#include "alert/shapes.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/fnv.h"
#include "base/text.h"

namespace meshops::alert {

using Json = nlohmann::ordered_json;

namespace {

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// What a phone shows first.
std::string_view mark(Alert::Kind kind) {
  switch (kind) {
    case Alert::Kind::gave_up:
      return "🔴";
    case Alert::Kind::stopped:
      return "🟠";
    case Alert::Kind::noticed:
      return "🟡";
    case Alert::Kind::recovered:
      return "🟢";
    case Alert::Kind::test:
      return "⚪";
  }
  return {};
}
unsigned colour(Alert::Kind kind) {
  switch (kind) {
    case Alert::Kind::gave_up:
      return 0xD93025;
    case Alert::Kind::stopped:
      return 0xF29900;
    case Alert::Kind::noticed:
      return 0xFBBC04;
    case Alert::Kind::recovered:
      return 0x188038;
    case Alert::Kind::test:
      return 0x80868B;
  }
  return 0;
}

std::string title(const Alert& alert) {
  return fmt::format("{} {}: {}", mark(alert.kind), alert.node, alert.headline);
}

/// Diagnosis, and what was held back, one below the other.
std::vector<std::string> body_lines(const Alert& alert) {
  auto lines = alert.lines;
  if (alert.held_back > 0)
    lines.push_back(fmt::format("{} more {} held back in this hour; see meshops status and meshops ledger",
                                alert.held_back, alert.held_back == 1 ? "was" : "were"));
  return lines;
}

/// "mesh home, gateway main, cause disk_full, incident 20261124-1"
std::string details(const Alert& alert) {
  std::string out;
  auto add = [&](std::string_view what, const std::string& value) {
    if (!value.empty()) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", what, value);
  };
  add("mesh", alert.mesh);
  add("gateway", alert.gateway);
  add("cause", alert.cause);
  add("incident", alert.incident);
  return out;
}

/// "&amp;", "&lt;", "&gt;": all that Slack, and Telegram's HTML, give a meaning to.
std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

/// Discord's Markdown: a backslash takes a character's meaning away.
std::string without_markdown(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (std::string_view("\\*_~`|>#[]()<@-+.:").contains(c)) out += '\\';
    out += c;
  }
  return out;
}

/// For a block between ``` that its content must not end.
std::string without_fences(std::string text) {
  for (char& c : text)
    if (c == '`') c = '\'';
  return text;
}

}  // namespace

std::string slack_body(const Alert& raw) {
  auto alert = fitted(raw);
  // plain_text: neither links nor mentions are looked for in it.
  auto plain = [](std::string text) {
    return Json{{"type", "section"},
                {"text", {{"type", "plain_text"}, {"text", std::move(text)}, {"emoji", false}}}};
  };
  Json blocks = Json::array();
  blocks.push_back(plain(title(alert)));
  if (auto lines = body_lines(alert); !lines.empty()) blocks.push_back(plain(join(lines, "\n")));
  if (!alert.command.empty())
    blocks.push_back(
        {{"type", "section"},
         {"text", {{"type", "mrkdwn"}, {"text", "```" + escaped(without_fences(alert.command)) + "```"}}}});
  if (auto words = details(alert); !words.empty())
    blocks.push_back(
        {{"type", "context"}, {"elements", {{{"type", "plain_text"}, {"text", words}, {"emoji", false}}}}});
  return dump({{"text", escaped(title(alert))}, {"blocks", blocks}});
}

std::string discord_body(const Alert& raw) {
  auto alert = fitted(raw);
  std::string description;
  for (const auto& line : body_lines(alert)) description += without_markdown(line) + "\n";
  if (!alert.command.empty()) description += "```\n" + without_fences(alert.command) + "\n```";
  Json embed = {
      {"description", description}, {"color", colour(alert.kind)}, {"timestamp", iso8601(alert.at)}};
  if (auto words = details(alert); !words.empty()) embed["footer"] = {{"text", words}};
  return dump({{"content", without_markdown(title(alert))},
               {"embeds", Json::array({embed})},
               {"allowed_mentions", {{"parse", Json::array()}}}});
}

std::string telegram_body(const Alert& raw, std::string_view chat_id) {
  auto alert = fitted(raw);
  std::string text = "<b>" + escaped(title(alert)) + "</b>";
  for (const auto& line : body_lines(alert)) text += "\n" + escaped(line);
  if (!alert.command.empty()) text += "\n<pre>" + escaped(alert.command) + "</pre>";
  if (auto words = details(alert); !words.empty()) text += "\n" + escaped(words);
  return dump(
      {{"chat_id", chat_id}, {"text", text}, {"parse_mode", "HTML"}, {"disable_web_page_preview", true}});
}

namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    auto byte = [&](std::size_t at) {
      return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
    };
    std::uint32_t group = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
    for (unsigned n = 0; n < 4; ++n)
      out += i + n <= bytes.size() ? kLetters[group >> (18 - 6 * n) & 63U] : '=';
  }
  return out;
}

/// A header's text in encoded words of at most 75 characters (RFC 2047), each with whole letters, folded.
std::string header_text(std::string_view text) {
  constexpr std::size_t kBytes = 45;  // 60 letters of base64, with "=?UTF-8?B?" and "?=" 72
  std::string out;
  while (!text.empty()) {
    auto end = std::min(kBytes, text.size());
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    if (!out.empty()) out += "\r\n ";
    out += "=?UTF-8?B?" + base64(text.substr(0, end)) + "?=";
    text.remove_prefix(end);
  }
  return out;
}

/// "Tue, 24 Nov 2026 05:40:00 +0000" (RFC 5322 §3.3)
std::string mail_date(WallTime at) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  auto day = std::chrono::floor<std::chrono::days>(at);
  std::chrono::year_month_day date{day};
  std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::seconds>(at - day)};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", kDays[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

}  // namespace

std::string mail_message(const Alert& raw, std::string_view from, const std::vector<std::string>& to) {
  auto alert = fitted(raw);
  std::string body = alert.headline + "\r\n\r\n";
  for (const auto& line : body_lines(alert)) body += line + "\r\n";
  if (!alert.command.empty()) body += fmt::format("\r\nOn {}, run:\r\n    {}\r\n", alert.node, alert.command);
  body += fmt::format("\r\n{}, at {}\r\n", details(alert), iso8601(alert.at));

  // Addresses were checked with the configuration; still, none may end its header.
  auto domain = from.substr(from.rfind('@') + 1);
  std::string out;
  auto header = [&](std::string_view name, std::string_view value) {
    out += fmt::format("{}: {}\r\n", name, value);
  };
  header("From", "meshops <" + printable(from) + ">");
  for (std::size_t i = 0; i < to.size(); ++i)
    out += (i == 0 ? "To: " : " ") + printable(to[i]) + (i + 1 < to.size() ? ",\r\n" : "\r\n");
  header("Subject", header_text(fmt::format("[meshops] {}: {}", alert.node, alert.headline)));
  header("Date", mail_date(alert.at));
  header("Message-ID",
         fmt::format("<{:016x}.meshops@{}>", Fnv().add(to_json(alert)).value(), printable(domain)));
  header("Auto-Submitted", "auto-generated");
  header("MIME-Version", "1.0");
  header("Content-Type", "text/plain; charset=utf-8");
  header("Content-Transfer-Encoding", "base64");
  out += "\r\n";
  auto coded = base64(body);
  for (std::size_t i = 0; i < coded.size(); i += 76) out += coded.substr(i, 76) + "\r\n";
  return out;
}

}  // namespace meshops::alert
