// A Net behind which one S3 server stands: it verifies the signature of each request and honours conditions,
// or does neither as a test says.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/hmac.h"
#include "base/text.h"
#include "net/net.h"
#include "store/s3_signature.h"

namespace meshops {

class FakeS3 final : public Net {
 public:
  struct Stored {
    std::string bytes, etag;
    std::string modified = "Mon, 30 Nov 2026 05:37:48 GMT";
  };
  std::map<std::string, Stored> objects;  // by path
  std::string date = "Mon, 30 Nov 2026 05:37:50 GMT";
  std::string region = "eu-central-1", bucket = "/mesh-bucket/";
  store::s3::Keys keys{"AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), {}};
  bool bare_versions = false;       // compares If-Match without quotation marks, as Ceph's RGW does
  bool ignores_conditions = false;  // takes every write
  std::optional<HttpAnswer> instead;
  std::vector<HttpRequest> requests;

  boost::asio::awaitable<Result<HttpAnswer>> http(HttpRequest request) override {
    requests.push_back(request);
    if (instead) co_return *instead;
    co_return answer_to(request);
  }
  boost::asio::awaitable<Result<Duration>> connect(Endpoint to, Duration) override {
    co_return fail(NetCode::refused, "nothing listens on {}", to.text());
  }
  boost::asio::awaitable<Result<std::string>> first_line(Endpoint, Duration) override {
    co_return std::string();
  }
  boost::asio::awaitable<Result<HttpAnswer>> websocket_greeting(Endpoint to, std::string, Duration) override {
    co_return fail(NetCode::refused, "nothing listens on {}", to.text());
  }

  static HttpAnswer refusal(int status, const std::string& code, const std::string& more = {}) {
    HttpAnswer out;
    out.status = status;
    out.body =
        fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{}</Code>{}</Error>", code, more);
    return out;
  }

 private:
  HttpAnswer answer_to(const HttpRequest& request) {
    if (!is_signed(request)) return refusal(403, "SignatureDoesNotMatch");
    if (!request.target.starts_with(bucket)) return refusal(404, "NoSuchBucket");
    auto found = objects.find(request.target);
    bool there = found != objects.end();
    HttpAnswer out;
    out.status = 200;
    out.headers["date"] = date;
    if (request.method == "GET") {
      if (!there) return refusal(404, "NoSuchKey");
      out.headers["etag"] = found->second.etag;
      out.headers["last-modified"] = found->second.modified;
      out.body = found->second.bytes;
      return out;
    }
    auto wants = [&](const char* name) {
      auto header = request.headers.find(name);
      return header == request.headers.end() ? std::string() : header->second;
    };
    auto etag = there ? found->second.etag : std::string();
    if (bare_versions && there) etag = etag.substr(1, etag.size() - 2);
    bool holds = (wants("if-none-match").empty() || !there) &&
                 (wants("if-match").empty() || (there && wants("if-match") == etag));
    if (!holds && !ignores_conditions) return refusal(412, "PreconditionFailed");
    // As S3's: the same bytes have the same ETag.
    auto& stored = objects[request.target];
    stored = {request.body, fmt::format("\"{}\"", hex(sha256(request.body), 16)), date};
    out.headers["etag"] = stored.etag;
    return out;
  }

  bool is_signed(const HttpRequest& request) const {
    auto given = request.headers.find("Authorization");
    if (given == request.headers.end()) return false;
    store::s3::Request made{.method = request.method,
                            .path = request.target,
                            .query = {},
                            .headers = {},
                            .payload_sha256 = hex(sha256(request.body))};
    for (const auto& [name, value] : request.headers)
      if (name != "Authorization") made.headers[lower(name)] = value;
    if (made.headers["x-amz-content-sha256"] != made.payload_sha256) return false;
    auto at = parse_amz(made.headers["x-amz-date"]);
    if (!at) return false;
    const store::s3::Scope scope{.region = region, .now = *at};
    return given->second == store::s3::authorization(made, scope, keys);
  }
  static std::optional<WallTime> parse_amz(const std::string& t) {
    if (t.size() != 16) return std::nullopt;
    return parse_iso8601(fmt::format("{}-{}-{}T{}:{}:{}Z", t.substr(0, 4), t.substr(4, 2), t.substr(6, 2),
                                     t.substr(9, 2), t.substr(11, 2), t.substr(13, 2)));
  }
};

}  // namespace meshops
