#include "net/http1.h"

// The one file that includes Beast: its parser costs seconds of compile time, its sockets and streams are not
// used.
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cctype>

#include "base/text.h"

namespace meshops::http1 {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

std::string_view view(beast::string_view s) { return {s.data(), s.size()}; }

/// What both directions keep. Derived from Beast's parser, which calls the *_impl functions as it understands
/// the bytes.
template <bool is_request>
class Parser final : public http::basic_parser<is_request> {
 public:
  int status = 0;
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;
  std::string body;
  std::uint64_t chunk_left = 0;  // of the chunk that is being read

 private:
  void on_request_impl(http::verb, beast::string_view verb, beast::string_view to, int,
                       error_code&) override {
    method = view(verb);
    target = view(to);
  }
  void on_response_impl(int code, beast::string_view, int, error_code&) override { status = code; }
  void on_field_impl(http::field, beast::string_view name, beast::string_view value, error_code&) override {
    if (this->is_header_done()) return;  // a trailer must not replace what the head said
    auto& text = headers[lower(view(name))];
    if (!text.empty()) text += ", ";
    text += view(value);
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view bytes, error_code&) override {
    body += view(bytes);
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view, error_code&) override {
    chunk_left = size;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, error_code&) override {
    chunk_left -= bytes.size();
    body += view(bytes);
    return bytes.size();
  }
  void on_finish_impl(error_code&) override {}
};

template <bool is_request>
std::unique_ptr<Parser<is_request>> new_parser(std::optional<std::uint64_t> body_limit) {
  auto parser = std::make_unique<Parser<is_request>>();
  parser->header_limit(kHeadLimit);
  if (body_limit)
    parser->body_limit(*body_limit);
  else
    parser->body_limit(boost::none);
  parser->eager(true);
  return parser;
}

/// Feeds `pending` and drops what was understood. True when the message is whole.
template <bool is_request>
Result<bool> put(Parser<is_request>& parser, std::string& pending) {
  while (!parser.is_done() && !pending.empty()) {
    // Between chunks at least "0\r\n\r\n" is still to come. Beast 1.81 asserts that it is never given less a
    // second time (basic_parser.ipp, parse_chunk_header), which is for who feeds it to see to.
    constexpr std::size_t kShortestEnd = 5;
    if (parser.is_header_done() && parser.chunked() && parser.chunk_left == 0 &&
        pending.size() < kShortestEnd)
      break;
    error_code ec;
    auto used = parser.put(boost::asio::buffer(pending), ec);
    pending.erase(0, used);
    if (ec == http::error::need_more) break;
    if (ec == http::error::header_limit)
      return fail(NetCode::too_large, "a head of more than {}", bytes_text(kHeadLimit));
    if (ec == http::error::body_limit) return fail(NetCode::too_large, "a body over the limit");
    if (ec) return fail(NetCode::not_http, "{}", ec.message());
  }
  return parser.is_done();
}

bool has_control(std::string_view text) {
  for (char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return true;
  return false;
}

}  // namespace

struct AnswerReader::Parts {
  std::unique_ptr<Parser<false>> parser;
  std::string pending;
  std::optional<std::uint64_t> body_limit;
  bool answers_head = false;
  bool started = false;
  bool begins_well = false;

  void fresh() {
    begins_well = false;
    parser = new_parser<false>(body_limit);
    if (answers_head) parser->skip(true);
  }
};

AnswerReader::AnswerReader(std::optional<std::uint64_t> body_limit, bool answers_head)
    : parts_(std::make_unique<Parts>()) {
  parts_->body_limit = body_limit;
  parts_->answers_head = answers_head;
  parts_->fresh();
}
AnswerReader::AnswerReader(AnswerReader&&) noexcept = default;
AnswerReader& AnswerReader::operator=(AnswerReader&&) noexcept = default;
AnswerReader::~AnswerReader() = default;

Result<bool> AnswerReader::feed(std::string_view bytes) {
  parts_->pending += bytes;
  parts_->started = parts_->started || !bytes.empty();
  while (true) {
    // Beast waits for the end of the head before it judges a first line that came in pieces; what is not HTTP
    // at all (an SSH banner, TLS) should be told at once, not after the time limit.
    constexpr std::string_view kBegin = "HTTP/1.";
    if (!parts_->begins_well) {
      auto begin = std::string_view(parts_->pending).substr(0, kBegin.size());
      if (begin != kBegin.substr(0, begin.size()))
        return fail(NetCode::not_http, "it begins with {}", quote(parts_->pending, 40));
      parts_->begins_well = begin.size() == kBegin.size();
    }
    bool whole = TRY(put(*parts_->parser, parts_->pending));
    int status = parts_->parser->status;
    if (!whole || status / 100 != 1 || status == 101) return whole;
    parts_->fresh();
  }
}

Status AnswerReader::end() {
  auto& parser = *parts_->parser;
  if (parser.is_done()) return ok();
  error_code ec = http::error::partial_message;
  if (parser.got_some()) parser.put_eof(ec);
  if (ec) return fail(NetCode::closed, "closed before the end of the answer");
  return ok();
}

bool AnswerReader::started() const { return parts_->started; }
bool AnswerReader::head_done() const { return parts_->parser->is_header_done(); }
int AnswerReader::status() const { return parts_->parser->status; }
const std::map<std::string, std::string>& AnswerReader::headers() const { return parts_->parser->headers; }
std::string AnswerReader::take_body() { return std::exchange(parts_->parser->body, {}); }
std::string AnswerReader::take_rest() { return std::exchange(parts_->pending, {}); }

struct RequestReader::Parts {
  std::unique_ptr<Parser<true>> parser;
  std::string pending;
  std::uint64_t body_limit = 0;
};

RequestReader::RequestReader(std::uint64_t body_limit) : parts_(std::make_unique<Parts>()) {
  parts_->body_limit = body_limit;
  next();
}
RequestReader::RequestReader(RequestReader&&) noexcept = default;
RequestReader& RequestReader::operator=(RequestReader&&) noexcept = default;
RequestReader::~RequestReader() = default;

Result<bool> RequestReader::feed(std::string_view bytes) {
  parts_->pending += bytes;
  return put(*parts_->parser, parts_->pending);
}
void RequestReader::next() { parts_->parser = new_parser<true>(parts_->body_limit); }
bool RequestReader::started() const { return parts_->parser->got_some() || !parts_->pending.empty(); }
bool RequestReader::wants_continue() const {
  const auto& parser = *parts_->parser;
  if (!parser.is_header_done() || parser.is_done() || !parser.body.empty()) return false;
  auto expect = parser.headers.find("expect");
  return expect != parser.headers.end() && lower(expect->second) == "100-continue";
}
bool RequestReader::keep_alive() const {
  return parts_->parser->is_header_done() && parts_->parser->keep_alive();
}
const std::string& RequestReader::method() const { return parts_->parser->method; }
const std::string& RequestReader::target() const { return parts_->parser->target; }
std::string RequestReader::take_body() { return std::exchange(parts_->parser->body, {}); }

Result<std::string> request_text(const HttpRequest& request) {
  if (request.method.empty() || has_control(request.method) || request.method.find(' ') != std::string::npos)
    return fail(NetCode::bad_url, "cannot send a request with the method {}", quote(request.method));
  if (request.target.empty() || has_control(request.target) || request.target.find(' ') != std::string::npos)
    return fail(NetCode::bad_url, "cannot ask for {}: a blank or a control character stands in it",
                quote(request.target));
  if (has_control(request.bearer.reveal()))
    return fail(NetCode::bad_url, "cannot send the token: a control character stands in it");

  auto headers = request.headers;
  bool v6 = request.to.host.find(':') != std::string::npos;
  headers.try_emplace(
      "Host", !request.to.unix_path.empty()
                  ? "localhost"
                  : fmt::format("{}{}{}:{}", v6 ? "[" : "", request.to.host, v6 ? "]" : "", request.to.port));
  headers.try_emplace("User-Agent", "meshops/" MESHOPS_VERSION);
  headers.try_emplace("Accept", "*/*");
  headers.try_emplace("Connection", "close");
  bool sends = !request.body.empty() || request.method == "POST" || request.method == "PUT" ||
               request.method == "PATCH";
  if (sends) headers["Content-Length"] = std::to_string(request.body.size());

  std::string text = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.target);
  for (const auto& [name, value] : headers) {
    if (name.empty() || has_control(name) || has_control(value) ||
        name.find_first_of(" :") != std::string::npos)
      return fail(NetCode::bad_url, "cannot send the header {}: a control character stands in it",
                  quote(name));
    text += fmt::format("{}: {}\r\n", name, value);
  }
  if (!request.bearer.empty()) text += "Authorization: Bearer " + request.bearer.reveal() + "\r\n";
  text += "\r\n";
  text += request.body;
  return text;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 422:
      return "Unprocessable Content";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Answer";
  }
}

std::string answer_head(int status, std::string_view content_type, std::optional<std::size_t> length,
                        bool keep_alive) {
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  if (!content_type.empty()) text += fmt::format("Content-Type: {}\r\n", content_type);
  text += length ? fmt::format("Content-Length: {}\r\n", *length) : "Transfer-Encoding: chunked\r\n";
  text += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return text;
}

std::string chunk(std::string_view bytes) { return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes); }

}  // namespace meshops::http1
