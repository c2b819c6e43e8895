// What an S3 server answers, as a value or as an Error with its remedy. Pure: any bytes may come in. Called
// by the S3 store.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/net.h"
#include "store/object_store.h"

namespace meshops::store::s3 {

/// Of the XML in a refusal; a text is empty where it says nothing that fits. One line each, at most 200
/// bytes.
struct Refusal {
  std::string code;     // "NoSuchKey"
  std::string message;  // for people; keys in it are left out
  std::string region;   // where the bucket is, if it says so
};
Refusal parse_refusal(std::string_view body);

/// "Mon, 30 Nov 2026 05:37:50 GMT" (RFC 9110 §5.6.7, the one form that servers may send).
std::optional<WallTime> parse_http_date(std::string_view text);

/// `doing`: "read s3://bucket/key"; `key_file`: for remedies.
Result<std::optional<Object>> read_get(const HttpAnswer& answer, std::string_view doing,
                                       std::string_view key_file);
Result<std::string> read_put(const HttpAnswer& answer, std::string_view doing, std::string_view key_file);

}  // namespace meshops::store::s3
