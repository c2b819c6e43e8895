#include "alert/carrier.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "alert/shapes.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "config/values.h"
#include "host/run_async.h"

namespace meshops::alert {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr Duration kHttpLimit = 15s, kCommandLimit = 30s, kMailLimit = 60s;

Attempt failed(Error why, bool refused = false, std::optional<Duration> retry_after = {}) {
  return {std::move(why), refused, retry_after};
}
template <class... Args>
Error not_sent(const AlertSpec& spec, fmt::format_string<Args...> words, Args&&... args) {
  return error(AlertCode::not_sent, "alert {}: {}", quote(spec.name),
               fmt::format(words, std::forward<Args>(args)...));
}

Result<Secret> read_secret(const AlertSpec& spec, std::string_view key, const std::filesystem::path& path) {
  auto bytes = read_file(path, 4096);
  if (!bytes)
    return fail(error(AlertCode::no_secret, "alert {}: its {} cannot be read", quote(spec.name), key)
                    .because(std::move(bytes).error()));
  Secret secret{std::string(trim(*bytes))};
  bool clean = std::ranges::none_of(secret.reveal(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (secret.empty() || !clean)
    return fail(error(AlertCode::no_secret, "alert {}: {} is empty or has more than one line",
                      quote(spec.name), path.string())
                    .hint("it must hold the secret and nothing else"));
  return secret;
}

/// What a receiver says of its refusal: one line, without what it was told in confidence.
std::string said(std::string_view text, std::initializer_list<std::string_view> secrets) {
  constexpr std::size_t kMost = 160;
  std::string line(trim(text.substr(0, text.find('\n'))));
  for (auto secret : secrets)
    for (auto at = secret.empty() ? std::string::npos : line.find(secret); at != std::string::npos;
         at = line.find(secret, at))
      line.replace(at, secret.size(), "*");
  line = printable(without_keys(line));
  if (line.size() <= kMost) return line;
  auto end = kMost;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
  return line.substr(0, end) + "…";
}

// --- HTTP ---

/// {"description": …} of Telegram, {"message": …} of Discord, or plain text as Slack's.
std::string reason_in(const std::string& body) {
  auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_object())
    for (const char* name : {"description", "message", "error"})
      if (auto found = json.find(name); found != json.end() && found->is_string())
        return found->get<std::string>();
  return json.is_object() ? std::string() : body;
}

std::optional<Duration> wait_wanted(const HttpAnswer& answer, WallTime now) {
  if (auto header = answer.headers.find("retry-after"); header != answer.headers.end())
    if (auto wait = parse_retry_after(header->second, now)) return wait;
  // Telegram says it in the body.
  auto json = nlohmann::json::parse(answer.body, nullptr, false);
  auto pointer = nlohmann::json::json_pointer("/parameters/retry_after");
  if (json.is_object() && json.contains(pointer) && json[pointer].is_number_unsigned())
    return std::chrono::seconds(std::min<std::uint64_t>(json[pointer].get<std::uint64_t>(), 86'400));
  return std::nullopt;
}

/// Net's own words name the host and port, which are half of the URL.
std::string words_for(const Error& why, const Url& url) {
  auto is = [&](NetCode code) { return why.is(code_name(code)); };
  if (is(NetCode::unresolved)) return "the name of its host is not known";
  if (is(NetCode::refused)) return "nothing listens there (connection refused)";
  if (is(NetCode::unreachable)) return "its host cannot be reached";
  if (is(NetCode::timed_out)) return fmt::format("no answer within {}", duration_text(kHttpLimit));
  if (is(NetCode::closed)) return "the connection was closed before an answer came";
  if (is(NetCode::not_http)) return "what answers there does not speak HTTP";
  if (is(NetCode::too_large)) return "the answer was too large";
  auto text = why.text();
  auto reason = is(NetCode::tls) ? text.rfind(": ") : std::string::npos;
  if (reason == std::string::npos) return "the connection failed";
  return "no TLS connection: " +
         said(std::string_view(text).substr(reason + 2), {url.endpoint.host, url.target});
}

std::string body_for(const AlertSpec& spec, const Alert& alert) {
  switch (spec.kind) {
    case AlertKind::slack:
      return slack_body(alert);
    case AlertKind::discord:
      return discord_body(alert);
    case AlertKind::telegram:
      return telegram_body(alert, spec.chat_id);
    default:
      return to_json(alert);
  }
}

Result<Url> url_of(const AlertSpec& spec) {
  Secret text(spec.url);
  if (text.empty()) text = TRY(read_secret(spec, "url_file", spec.url_file));
  auto url = parse_url(text.reveal());
  // Its own error would show the text.
  if (!url)
    return fail(error(AlertCode::no_secret, "alert {}: what its {} holds is no http:// or https:// URL",
                      quote(spec.name), spec.url.empty() ? "url_file" : "url"));
  if (spec.kind != AlertKind::webhook && values::in_clear_text(text.reveal()))
    return fail(error(AlertCode::no_secret,
                      "alert {}: its URL begins with http://, which shows the secret in it to "
                      "everybody on the way",
                      quote(spec.name))
                    .hint("write https://"));
  if (spec.kind == AlertKind::telegram && !url->target.ends_with("/sendMessage"))
    url->target += url->target.ends_with('/') ? "sendMessage" : "/sendMessage";
  return url;
}

asio::awaitable<Attempt> carry_http(AlertSpec spec, Alert alert, Net& net, WallTime now) {
  auto url = url_of(spec);
  if (!url) co_return failed(std::move(url).error(), true);
  HttpRequest request;
  request.to = url->endpoint;
  request.method = "POST";
  request.target = url->target;
  request.headers = {{"Content-Type", "application/json; charset=utf-8"}};
  // Not every chat knows itself by "host:443".
  if (url->endpoint.port == 443 && !url->endpoint.host.contains(':'))
    request.headers["Host"] = url->endpoint.host;
  request.body = body_for(spec, alert);
  request.limit = kHttpLimit;
  request.body_limit = 64U << 10;
  auto answer = co_await net.http(std::move(request));
  if (!answer) co_return failed(not_sent(spec, "{}", words_for(answer.error(), *url)));
  if (answer->status / 100 == 2) co_return Attempt{};
  bool again =
      answer->status >= 500 || answer->status == 408 || answer->status == 425 || answer->status == 429;
  auto reason = said(reason_in(answer->body), {url->target, url->endpoint.host});
  auto why = not_sent(spec, "it answered {}{}{}", answer->status, reason.empty() ? "" : ": ", reason);
  if (answer->status / 100 == 3)
    why = std::move(why).hint("give the URL that it leads to: redirects are not followed");
  co_return failed(std::move(why), !again, wait_wanted(*answer, now));
}

// --- a program ---

RunOptions quiet_run(Duration limit) {
  RunOptions options;
  options.working_dir = "/";
  options.limit = limit;
  options.output_limit = 256U << 10;
  return options;
}

std::string last_words(const Output& output, std::initializer_list<std::string_view> secrets) {
  auto words = said(trim(output.err).empty() ? output.out : std::string(trim(output.err)), secrets);
  return words.empty() ? "" : ": " + words;
}

asio::awaitable<Attempt> carry_command(AlertSpec spec, Alert alert) {
  auto options = quiet_run(kCommandLimit);
  options.input = to_json(alert);
  auto output = co_await run_async(spec.command, std::move(options));
  if (!output) {
    bool no_program = output.error().is(code_name(ProcessCode::cannot_start));
    co_return failed(
        not_sent(spec, "its program could not be run to its end").because(std::move(output).error()),
        no_program);
  }
  if (output->exit.clean()) co_return Attempt{};
  co_return failed(
      not_sent(spec, "its program ended with {}{}", output->exit.text(), last_words(*output, {})));
}

// --- mail, by curl ---

std::string curl_quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

/// What curl reads from its stdin (-K -): nothing of it stands in its arguments, which everybody may see.
std::string curl_config(const AlertSpec& spec, const values::MailServer& server, const Secret& password) {
  bool here = values::is_loopback(server.host);
  std::string out = "silent\nshow-error\nproto = \"=smtp,smtps\"\nupload-file = \"/dev/fd/3\"\n";
  out += fmt::format("connect-timeout = 20\nmax-time = {}\n", static_cast<int>(seconds(kMailLimit)) - 5);
  out += fmt::format("url = {}\n", curl_quoted(fmt::format("{}://{}", server.tls ? "smtps" : "smtp",
                                                           values::address_text(server.host, server.port))));
  // A server on this machine has a certificate of its own, or none.
  out += here ? "insecure\n" : "ssl-reqd\n";
  out += fmt::format("mail-from = {}\n", curl_quoted(spec.from));
  for (const auto& to : spec.to) out += fmt::format("mail-rcpt = {}\n", curl_quoted(to));
  if (!spec.user.empty()) out += fmt::format("user = {}\n", curl_quoted(spec.user + ":" + password.reveal()));
  return out;
}

asio::awaitable<Attempt> carry_mail(AlertSpec spec, Alert alert) {
  auto server = values::mail_server(spec.server);
  if (!server) co_return failed(not_sent(spec, "its server is none, expected {}", server.error()), true);
  Secret password;
  if (!spec.user.empty()) {
    if (spec.user.contains(':'))
      co_return failed(not_sent(spec, "its user has a ':', which curl cannot be given"), true);
    auto read = read_secret(spec, "password_file", spec.password_file);
    if (!read) co_return failed(std::move(read).error(), true);
    password = std::move(*read);
  }
  auto options = quiet_run(kMailLimit);
  options.input = curl_config(spec, *server, password);
  options.second_input = mail_message(alert, spec.from, spec.to);
  // -q, and first: nobody's ~/.curlrc has a say.
  std::vector<std::string> argv = {"curl", "-q", "-K", "-"};
  auto output = co_await run_async(std::move(argv), std::move(options));
  if (!output) {
    if (!output.error().is(code_name(ProcessCode::cannot_start)))
      co_return failed(not_sent(spec, "curl did not come to its end").because(std::move(output).error()));
    co_return failed(not_sent(spec, "mail is sent by the program curl, which this machine does not have")
                         .hint("apt install curl"),
                     true);
  }
  if (output->exit.clean()) co_return Attempt{};
  constexpr int kLoginDenied = 67, kNoTls = 64;  // CURLE_LOGIN_DENIED, CURLE_USE_SSL_FAILED
  auto words = last_words(*output, {password.reveal(), server->host, spec.user});
  // "RCPT failed: 550": in SMTP a 5 means for good, a 4 for now.
  bool refused =
      output->exit.code == kLoginDenied || output->exit.code == kNoTls || words.contains("failed: 5");
  co_return failed(not_sent(spec, "the mail was not taken{}", words), refused);
}

}  // namespace

asio::awaitable<Attempt> carry(AlertSpec spec, Alert alert, Net& net, WallTime now) {
  if (spec.kind == AlertKind::command) co_return co_await carry_command(std::move(spec), std::move(alert));
  if (spec.kind == AlertKind::smtp) co_return co_await carry_mail(std::move(spec), std::move(alert));
  co_return co_await carry_http(std::move(spec), std::move(alert), net, now);
}

std::string exposed(const AlertSpec& spec) {
  for (const auto& path : {spec.url_file, spec.password_file}) {
    struct stat st{};
    if (path.empty() || ::stat(path.c_str(), &st) != 0 || (st.st_mode & (S_IROTH | S_IWOTH)) == 0) continue;
    return fmt::format("{} may be read by everybody on this machine: chmod 600 {}", path.string(),
                       path.string());
  }
  return {};
}

std::optional<Duration> parse_retry_after(std::string_view text, WallTime now) {
  text = trim(text);
  if (auto number = to_number<std::uint32_t>(text)) return std::chrono::seconds(*number);
  // "Tue, 24 Nov 2026 05:40:00 GMT"; the two obsolete forms are not worth it.
  auto parts = words(text);
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (parts.size() != 6 || parts[5] != "GMT") return std::nullopt;
  auto month = std::ranges::find(kMonths, parts[2]);
  if (month == kMonths.end()) return std::nullopt;
  auto at = parse_iso8601(
      fmt::format("{}-{:02}-{}T{}Z", parts[3], month - kMonths.begin() + 1, parts[1], parts[4]));
  if (!at || *at <= now) return std::nullopt;
  return *at - now;
}

}  // namespace meshops::alert
