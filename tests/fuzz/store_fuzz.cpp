// What lies in the object store, what its server answers, and the file of its key: whatever the bytes are,
// reading them ends, a lease never goes backwards, and nothing of them can break out of a line or a header.
// The first byte chooses the reader.
#include <cstdint>
#include <string_view>

#include "mesh/store_words.h"
#include "must.h"
#include "store/s3_answer.h"
#include "store/s3_signature.h"

namespace {

using namespace meshops;
using namespace std::chrono_literals;

void must_be_a_line(std::string_view text) {
  for (char c : text) must(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

void lease(std::string_view text) {
  auto there = mesh::parse_store_lease(text);
  if (!there) return;
  must_be_a_line(there->holder);
  must(mesh::parse_store_lease(to_json(*there)).value() == *there);
  for (auto age : {Duration{}, Duration{44s}, Duration{45s}, Duration{24h}}) {
    auto move = mesh::take(*there, age, "me", 1, 45s);
    must(move || (!there->released && age < 45s && there->holder != "me"));
    if (!move) continue;
    must(move->lease.fence == there->fence + 1 && move->lease.writes == there->writes + 1);
    must(move->bytes() != to_json(*there));
  }
  auto mine = mesh::renew(*there, there->holder, there->fence);
  must(mine.has_value() == !there->released);
  if (mine) must(mine->lease.fence == there->fence && mine->bytes() != to_json(*there));
  must(!mesh::renew(*there, there->holder, there->fence + 1));
}

void answer(std::uint8_t kind, std::string_view text) {
  HttpAnswer got;
  constexpr int kStatuses[] = {200, 204, 301, 400, 403, 404, 409, 412, 503};
  got.status = kStatuses[kind % 9];
  auto end = text.find('\n');
  got.headers = {{"date", "Mon, 30 Nov 2026 05:37:50 GMT"},
                 {"last-modified", std::string(text.substr(0, end))},
                 {"etag", std::string(text.substr(0, end))},
                 {"x-amz-bucket-region", std::string(text.substr(0, end))}};
  got.body = std::string(text.substr(end == text.npos ? text.size() : end + 1));
  auto read = store::s3::read_get(got, "read it", "/key");
  if (!read) must_be_a_line(read.error().text()), must_be_a_line(read.error().hint_text());
  if (read && *read) must((*read)->age >= Duration::zero());
  auto put = store::s3::read_put(got, "write it", "/key");
  if (put) must_be_a_line(*put);
  if (!put) must_be_a_line(put.error().text()), must_be_a_line(put.error().hint_text());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  switch (data[0] % 5) {
    case 0:
      if (auto beat = mesh::parse_beat(text, "alpha")) {
        must(beat->node == "alpha");
        must_be_a_line(beat->boot);
        must(mesh::parse_beat(to_json(*beat), "alpha").has_value());
      }
      break;
    case 1:
      lease(text);
      break;
    case 2:
      answer(data[1], text);
      break;
    case 3: {
      auto keys = store::s3::parse_keys(text);
      if (!keys) break;
      const store::s3::Request request{
          .method = "GET", .path = "/", .query = {}, .headers = {{"host", "h"}}, .payload_sha256 = {}};
      must_be_a_line(store::s3::authorization(request, {.region = "r", .now = {}}, *keys));
      break;
    }
    default: {
      auto said = store::s3::parse_refusal(text);
      for (const auto& word : {said.code, said.message, said.region})
        must_be_a_line(word), must(word.size() <= 200);
      (void)store::s3::parse_http_date(text);
      must(!store::is_object_key(text) || text.find("..") != 0);
    }
  }
  return 0;
}
