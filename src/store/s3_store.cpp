// ObjectStore over S3. Retries nothing but what SigV4 and If-Match leave open; its caller asks again later.
#include "base/hmac.h"
#include "base/secret_file.h"
#include "base/text.h"
#include "store/object_store.h"
#include "store/s3_answer.h"
#include "store/s3_signature.h"

namespace meshops::store {

namespace asio = boost::asio;

namespace {

class S3Store final : public ObjectStore, public std::enable_shared_from_this<S3Store> {
 public:
  S3Store(S3Spec spec, Net& net, const Clock& clock)
      : spec_(std::move(spec)), net_(net), clock_(clock), key_file_(spec_.key_file.string()) {}

  asio::awaitable<Result<std::optional<Object>>> get(std::string key) override {
    auto alive = shared_from_this();
    auto doing = fmt::format("read {}", name(key));
    const std::string nothing;
    auto answer = co_await send("GET", std::move(key), nothing, doing, nothing, nothing);
    if (!answer) co_return fail(std::move(answer).error());
    co_return s3::read_get(*answer, doing, key_file_);
  }

  /// RFC 9110 has quotation marks around the version, and AWS takes it with and without; Ceph's RGW compares
  /// it without them. So the first one that is refused is tried in the other way, until a server has shown
  /// which it understands: either way the condition is the same.
  asio::awaitable<Result<std::string>> put(std::string key, std::string bytes, PutIf condition) override {
    auto alive = shared_from_this();
    auto doing = fmt::format("write {}", name(key));
    if (bytes.size() > kMostObjectBytes)
      co_return fail(ObjectCode::too_large, "cannot {}: it would be larger than {}", doing,
                     bytes_text(kMostObjectBytes));
    std::string header, value;
    if (condition.is == PutIf::Is::absent) header = "if-none-match", value = "*";
    if (condition.is == PutIf::Is::version)
      header = "if-match", value = marks_ == Marks::no ? bare(condition.of) : condition.of;
    auto answer = co_await send("PUT", key, bytes, doing, header, value);
    if (!answer) co_return fail(std::move(answer).error());
    auto written = s3::read_put(*answer, doing, key_file_);
    if (condition.is != PutIf::Is::version || marks_ != Marks::unknown) co_return written;
    if (written) marks_ = Marks::yes;
    if (written || !written.error().is(code_name(ObjectCode::changed))) co_return written;
    answer = co_await send("PUT", std::move(key), std::move(bytes), doing, header, bare(condition.of));
    if (!answer) co_return fail(std::move(answer).error());
    auto again = s3::read_put(*answer, doing, key_file_);
    if (!again) co_return written;
    marks_ = Marks::no;
    co_return again;
  }

  std::string text() const override {
    return fmt::format("s3://{}{}{} at {}", spec_.bucket, spec_.prefix.empty() ? "" : "/", spec_.prefix,
                       spec_.endpoint);
  }

 private:
  enum class Marks { unknown, yes, no };  // around a version in If-Match

  static std::string bare(const std::string& version) {
    if (version.size() < 2 || !version.starts_with('"') || !version.ends_with('"')) return version;
    return version.substr(1, version.size() - 2);
  }

  std::string path(const std::string& key) const {
    return fmt::format("{}{}{}/{}", spec_.bucket, spec_.prefix.empty() ? "" : "/", spec_.prefix, key);
  }
  std::string name(const std::string& key) const { return "s3://" + path(key); }

  asio::awaitable<Result<HttpAnswer>> send(std::string method, std::string key, std::string body,
                                           std::string doing, std::string condition, std::string value) {
    auto request = signed_request(std::move(method), key, std::move(body), doing, condition, value);
    if (!request) co_return fail(std::move(request).error());
    auto answer = co_await net_.http(std::move(*request));
    if (!answer)
      co_return fail(error(ObjectCode::not_reached, "cannot {}", doing).because(std::move(answer).error()));
    co_return answer;
  }

  Result<HttpRequest> signed_request(std::string method, const std::string& key, std::string body,
                                     const std::string& doing, const std::string& condition,
                                     const std::string& value) const {
    if (!is_object_key(key)) return fail(ObjectCode::bad_name, "{} is no name of an object", quote(key));
    auto url = parse_url(spec_.endpoint);
    if (!url) return fail(error(ObjectCode::not_reached, "cannot {}", doing).because(std::move(url).error()));
    // Whoever listens on the way could change what a witness says.
    if (url->endpoint.tls == Endpoint::Tls::none && !is_loopback(url->endpoint.host))
      return fail(error(ObjectCode::not_reached, "cannot {}: {} would be spoken to in clear text", doing,
                        url->endpoint.text())
                      .hint("give an https:// URL as endpoint under [store]"));
    auto file = read_secret_file(spec_.key_file, "the key of the object store");
    if (!file)
      return fail(error(ObjectCode::no_key, "the key of the object store cannot be used")
                      .because(std::move(file).error()));
    auto keys = s3::parse_keys(file->reveal());
    if (!keys)
      return fail(error(ObjectCode::bad_key, "the key in {} cannot be used", key_file_)
                      .because(std::move(keys).error()));
    auto target = url->target.ends_with('/') ? url->target : url->target + "/";
    target += percent_encoded(path(key), "/");
    const s3::Scope scope{.region = spec_.region, .now = clock_.wall()};
    auto digest = hex(sha256(body));
    s3::Request to_sign{.method = method,
                        .path = target,
                        .query = {},
                        .headers = {{"host", host_header(url->endpoint)},
                                    {"x-amz-content-sha256", digest},
                                    {"x-amz-date", s3::amz_date(scope.now)}},
                        .payload_sha256 = digest};
    if (!condition.empty()) to_sign.headers[condition] = value;
    if (!keys->session_token.empty()) to_sign.headers["x-amz-security-token"] = keys->session_token.reveal();
    HttpRequest request;
    request.to = url->endpoint;
    request.method = std::move(method);
    request.target = target;
    request.headers = to_sign.headers;
    request.headers.erase("host");
    request.headers["Host"] = to_sign.headers["host"];
    request.headers["Authorization"] = s3::authorization(to_sign, scope, *keys);
    request.body = std::move(body);
    request.limit = spec_.limit;
    request.body_limit = kMostObjectBytes;
    return request;
  }

  static std::string host_header(const Endpoint& to) {
    bool usual = to.port == (to.tls == Endpoint::Tls::none ? 80 : 443);
    bool v6 = to.host.contains(':');
    auto host = fmt::format("{}{}{}", v6 ? "[" : "", to.host, v6 ? "]" : "");
    return usual ? host : fmt::format("{}:{}", host, to.port);
  }

  S3Spec spec_;
  Net& net_;
  const Clock& clock_;
  std::string key_file_;
  Marks marks_ = Marks::unknown;
};

}  // namespace

std::shared_ptr<ObjectStore> s3_store(S3Spec spec, Net& net, const Clock& clock) {
  return std::make_shared<S3Store>(std::move(spec), net, clock);
}

}  // namespace meshops::store
