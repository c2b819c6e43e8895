// AWS Signature Version 4 in headers, as a value: what is signed, and the Authorization header that comes of
// it. Pure; called by the S3 store. (AWS: "Authenticating Requests: Using the Authorization Header".)
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "store/object_store.h"

namespace meshops::store::s3 {

/// Of a file as `aws configure` writes it.
struct Keys {
  std::string id;
  Secret secret;
  Secret session_token;  // of temporary keys; else empty
};
/// [default] with aws_access_key_id and aws_secret_access_key; other profiles and keys are passed over.
Result<Keys> parse_keys(std::string_view text);

struct Request {
  std::string method;
  std::string path;   // as sent: already encoded
  std::string query;  // as sent, sorted by name
  /// All that are signed, names in small letters; "host" is one of them, "x-amz-date" another.
  std::map<std::string, std::string> headers;
  std::string payload_sha256;  // hexadecimal
};
struct Scope {
  std::string region;
  std::string service = "s3";
  WallTime now{};
};

/// "20130524T000000Z": what "x-amz-date" must say.
std::string amz_date(WallTime now);
std::string canonical_request(const Request& request);
std::string string_to_sign(const Request& request, const Scope& scope);
/// The value of the Authorization header.
std::string authorization(const Request& request, const Scope& scope, const Keys& keys);

}  // namespace meshops::store::s3
