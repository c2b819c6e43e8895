// Bytes as a server answers: whatever they are, the readers end, keep their limits, and say the same however
// the bytes were cut on their way. The first byte chooses the reader and the cut.
#include <cstdint>

#include "must.h"
#include "net/http1.h"
#include "net/websocket.h"

namespace {

using namespace meshops;

constexpr std::size_t kBodyLimit = 1000;

/// "200 body", or the code of the error, or "more".
std::string read_answer(std::string_view bytes, std::size_t cut, bool head) {
  http1::AnswerReader reader(kBodyLimit, head);
  for (std::size_t at = 0; at < bytes.size(); at += cut) {
    auto whole = reader.feed(bytes.substr(at, cut));
    if (!whole) return std::string(whole.error().code());
    if (*whole) {
      auto body = reader.take_body();
      must(body.size() <= kBodyLimit);
      return std::to_string(reader.status()) + " " + body;
    }
  }
  auto ended = reader.end();
  if (!ended) return "more";
  auto body = reader.take_body();
  must(body.size() <= kBodyLimit);
  return "ended " + body;
}

bool agree(const std::string& a, const std::string& b) {
  auto not_good = [](const std::string& v) { return v == "more" || v.starts_with("net."); };
  return a == b || (not_good(a) && not_good(b));
}

std::string read_message(std::string_view bytes, std::size_t cut) {
  websocket::MessageReader reader;
  for (std::size_t at = 0; at < bytes.size(); at += cut) {
    auto message = reader.feed(bytes.substr(at, cut));
    if (!message) return std::string(message.error().code());
    if (*message) {
      must((*message)->size() <= websocket::kMessageLimit);
      return "message " + **message;
    }
  }
  return "more";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = (data[0] & 0x3FU) + 1;
  switch (data[0] >> 6) {
    case 0:
    case 1: {
      const bool head = (data[0] >> 6) == 1;
      must(agree(read_answer(bytes, cut, head), read_answer(bytes, bytes.size() + 1, head)));
      break;
    }
    case 2:
      must(agree(read_message(bytes, cut), read_message(bytes, bytes.size() + 1)));
      break;
    default: {
      auto url = parse_url(bytes);
      if (!url) break;
      HttpRequest request;
      request.to = url->endpoint;
      request.target = url->target;
      auto text = http1::request_text(request);
      // What passed as a URL makes one request with one head, whatever stands in it.
      must(text.has_value());
      http1::RequestReader reader(0);
      must(text->find("\r\n\r\n") == text->size() - 4);
    }
  }
  return 0;
}
