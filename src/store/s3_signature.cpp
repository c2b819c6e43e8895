#include "store/s3_signature.h"

#include <algorithm>

#include "base/hmac.h"
#include "base/text.h"

namespace meshops::store::s3 {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

/// It becomes a part of a header.
bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string signed_headers(const Request& request) {
  std::string out;
  for (const auto& [name, value] : request.headers) out += (out.empty() ? "" : ";") + name;
  return out;
}

std::string scope_text(const Scope& scope) {
  return fmt::format("{}/{}/{}/aws4_request", amz_date(scope.now).substr(0, 8), scope.region, scope.service);
}

}  // namespace

Result<Keys> parse_keys(std::string_view text) {
  Keys keys;
  bool ours = false;
  for (auto line : split(text, '\n')) {
    line = trim(line);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      ours = line.ends_with(']') && trim(line.substr(1, line.size() - 2)) == "default";
      continue;
    }
    auto equals = line.find('=');
    if (!ours || equals == line.npos) continue;
    auto name = trim(line.substr(0, equals)), value = trim(line.substr(equals + 1));
    if (name == "aws_access_key_id") keys.id = value;
    if (name == "aws_secret_access_key") keys.secret = Secret(std::string(value));
    if (name == "aws_session_token") keys.session_token = Secret(std::string(value));
  }
  // A '/' or ',' in the id would mean something in the header.
  if (!is_word(keys.id) || keys.id.find_first_of("/,=") != keys.id.npos || !is_word(keys.secret.reveal()) ||
      (!keys.session_token.empty() && !is_word(keys.session_token.reveal())))
    return fail(error(ObjectCode::bad_key, "the key of the object store is not as `aws configure` writes it")
                    .hint("three lines: [default], aws_access_key_id = …, aws_secret_access_key = …"));
  return keys;
}

std::string amz_date(WallTime now) {
  std::string out;
  for (char c : iso8601(std::chrono::floor<std::chrono::seconds>(now)))
    if (c != '-' && c != ':') out += c;
  // 20130524T000000.000Z
  return out.substr(0, 15) + "Z";
}

std::string canonical_request(const Request& request) {
  std::string out = fmt::format("{}\n{}\n{}\n", request.method, request.path, request.query);
  for (const auto& [name, value] : request.headers) out += fmt::format("{}:{}\n", name, trim(value));
  return out + fmt::format("\n{}\n{}", signed_headers(request), request.payload_sha256);
}

std::string string_to_sign(const Request& request, const Scope& scope) {
  return fmt::format("{}\n{}\n{}\n{}", kAlgorithm, amz_date(scope.now), scope_text(scope),
                     hex(sha256(canonical_request(request))));
}

std::string authorization(const Request& request, const Scope& scope, const Keys& keys) {
  Secret start("AWS4" + keys.secret.reveal());
  auto key = hmac_sha256(start.reveal(), amz_date(scope.now).substr(0, 8));
  for (std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service), std::string_view("aws4_request")})
    key = hmac_sha256(raw(key), part);
  auto signature = hmac_sha256(raw(key), string_to_sign(request, scope));
  ::explicit_bzero(key.data(), key.size());
  return fmt::format("{} Credential={}/{},SignedHeaders={},Signature={}", kAlgorithm, keys.id,
                     scope_text(scope), signed_headers(request), hex(signature));
}

}  // namespace meshops::store::s3
