#include "store/s3_answer.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace meshops::store::s3 {

using namespace std::chrono_literals;

namespace {

/// Text between the first <NAME> and </NAME>: these bodies are flat, and nothing hangs on them but words.
std::string element(std::string_view body, std::string_view name) {
  constexpr std::size_t kMost = 200;
  auto open = fmt::format("<{}>", name), close = fmt::format("</{}>", name);
  auto from = body.find(open);
  if (from == body.npos) return {};
  auto rest = body.substr(from + open.size());
  auto to = rest.find(close);
  if (to == rest.npos) return {};
  auto said = printable(without_keys(std::string(rest.substr(0, std::min(to, kMost)))));
  auto end = std::min(said.size(), kMost);
  while (end > 0 && end < said.size() && (static_cast<unsigned char>(said[end]) & 0xC0) == 0x80) --end;
  return said.substr(0, end);
}

std::string_view header(const HttpAnswer& answer, const std::string& name) {
  auto found = answer.headers.find(name);
  return found == answer.headers.end() ? std::string_view() : std::string_view(found->second);
}

/// It comes back as a header's value.
std::optional<std::string> version_of(const HttpAnswer& answer) {
  auto etag = header(answer, "etag");
  bool clean = !etag.empty() && etag.size() <= 200 &&
               std::ranges::all_of(etag, [](char c) { return c > 0x20 && c < 0x7f; });
  // A weak one (W/"…") promises less than that the bytes are the same.
  if (!clean || etag.starts_with("W/")) return std::nullopt;
  return std::string(etag);
}

std::unexpected<Error> strange(std::string_view doing, std::string_view what) {
  return fail(
      error(ObjectCode::not_understood, "cannot {}: the answer has no {} that could be used", doing, what)
          .hint("see that endpoint is an S3 server, with nothing in between that changes its answers"));
}

Error refusal(const HttpAnswer& answer, std::string_view doing, std::string_view key_file) {
  auto said = parse_refusal(answer.body);
  auto words =
      fmt::format("cannot {}: the object store answered {}{}{}{}{}", doing, answer.status,
                  said.code.empty() ? "" : " ", said.code, said.message.empty() ? "" : ": ", said.message);
  auto is = [&](std::initializer_list<std::string_view> codes) {
    return std::ranges::find(codes, said.code) != codes.end();
  };
  if (is({"RequestTimeTooSkewed", "RequestExpired"}))
    return error(ObjectCode::clock_wrong, "{}", words)
        .hint("this machine's clock is wrong by a quarter of an hour or more: set it (timedatectl)");
  auto region = printable(header(answer, "x-amz-bucket-region")).substr(0, 40);
  if (region.empty()) region = said.region;
  if (answer.status / 100 == 3 || is({"AuthorizationHeaderMalformed", "PermanentRedirect"})) {
    auto where = region.empty() ? std::string("that of the bucket") : fmt::format("\"{}\"", region);
    return error(ObjectCode::elsewhere, "{}", words)
        .hint(
            "the bucket is in another region: set region under [store] to {}, and endpoint to one that "
            "serves it",
            where);
  }
  if (is({"NoSuchBucket", "InvalidBucketName"}))
    return error(ObjectCode::no_bucket, "{}", words).hint("see url under [store], or make the bucket");
  if (is({"SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken", "InvalidToken"}))
    return error(ObjectCode::refused, "{}", words).hint("see the key in {}", key_file);
  if (answer.status == 401 || answer.status == 403)
    return error(ObjectCode::refused, "{}", words)
        .hint("the key in {} needs s3:GetObject and s3:PutObject below the url of [store]", key_file);
  if (answer.status / 100 == 5 || answer.status == 429) return error(ObjectCode::not_reached, "{}", words);
  return error(ObjectCode::refused, "{}", words);
}

}  // namespace

Refusal parse_refusal(std::string_view body) {
  body = body.substr(0, 16U << 10);
  if (!body.contains("<Error>") && !body.contains("<Error ")) return {};
  return {element(body, "Code"), element(body, "Message"), element(body, "Region")};
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  // "Mon, 30 Nov 2026 05:37:50 GMT"
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT") return std::nullopt;
  auto month = std::ranges::find(kMonths, text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  return parse_iso8601(fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4), month - kMonths.begin() + 1,
                                   text.substr(5, 2), text.substr(17, 8)));
}

Result<std::optional<Object>> read_get(const HttpAnswer& answer, std::string_view doing,
                                       std::string_view key_file) {
  if (answer.status == 404 && parse_refusal(answer.body).code == "NoSuchKey") return std::nullopt;
  if (answer.status != 200) return fail(refusal(answer, doing, key_file));
  if (answer.body.size() > kMostObjectBytes)
    return fail(ObjectCode::too_large, "cannot {}: it is larger than {}", doing,
                bytes_text(kMostObjectBytes));
  auto version = version_of(answer);
  if (!version) return strange(doing, "ETag");
  auto now = parse_http_date(header(answer, "date")),
       written = parse_http_date(header(answer, "last-modified"));
  if (!now || !written) return strange(doing, "Date and Last-Modified");
  // Both are cut to seconds, each in its own way.
  constexpr auto kCut = 2s;
  if (*now + kCut < *written) return strange(doing, "Date after its Last-Modified");
  return Object{.bytes = answer.body,
                .version = std::move(*version),
                .age = std::max(Duration(*now - *written), Duration::zero())};
}

Result<std::string> read_put(const HttpAnswer& answer, std::string_view doing, std::string_view key_file) {
  if (answer.status / 100 == 2) {
    auto version = version_of(answer);
    if (!version) return strange(doing, "ETag");
    return std::move(*version);
  }
  auto code = parse_refusal(answer.body).code;
  // 409 ConditionalRequestConflict: another write at the same moment. 404: nothing stands there any more, or
  // not yet.
  bool changed =
      answer.status == 412 ||
      (answer.status == 409 && (code == "ConditionalRequestConflict" || code == "OperationAborted")) ||
      (answer.status == 404 && code == "NoSuchKey");
  if (changed) return fail(ObjectCode::changed, "cannot {}: it was changed meanwhile", doing);
  return fail(refusal(answer, doing, key_file));
}

}  // namespace meshops::store::s3
