#include "store/object_store.h"

#include <algorithm>
#include <array>

#include "base/hmac.h"
#include "base/text.h"

namespace meshops::store {

namespace asio = boost::asio;

namespace {

bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

Error ignored(const ObjectStore& store, std::string_view what) {
  return error(ObjectCode::ignores_conditions, "{} took {}", store.text(), what)
      .hint("it cannot be trusted with leases: two healers could have one at the same time");
}

}  // namespace

bool is_object_key(std::string_view key) {
  if (key.empty() || key.size() > 512) return false;
  return std::ranges::all_of(split(key, '/'), [](std::string_view part) {
    return !part.empty() && is_alnum(part.front()) &&
           std::ranges::all_of(part, [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
  });
}

asio::awaitable<Status> prove_conditions(std::shared_ptr<ObjectStore> store, std::string key) {
  auto is_changed = [](const Result<std::string>& put) {
    return !put && put.error().is(code_name(ObjectCode::changed));
  };
  auto unproven = [&](const Result<std::string>& put) {
    return fail(
        error(ObjectCode::not_understood, "whether {} honours conditions could not be seen", store->text())
            .because(put.error()));
  };
  const PutIf always;
  auto first = co_await store->put(key, "meshops proves conditions: 1\n", always);
  if (!first) co_return fail(std::move(first).error());
  auto there = co_await store->get(key);
  if (!there) co_return fail(std::move(there).error());
  if (!*there || (*there)->version != *first)
    co_return fail(
        error(ObjectCode::not_understood, "{} does not give back what was just written", store->text())
            .hint("something in between keeps old answers, or another writes there, too"));
  // Of the right shape, and of nothing that ever lay there.
  const PutIf wrong{PutIf::Is::version, fmt::format("\"{}\"", hex(sha256(key + *first), 16))};
  auto put = co_await store->put(key, "meshops proves conditions: 2\n", wrong);
  if (put) co_return fail(ignored(*store, "a write under a version that did not stand there"));
  if (!is_changed(put)) co_return unproven(put);
  const PutIf absent{PutIf::Is::absent};
  put = co_await store->put(key, "meshops proves conditions: 3\n", absent);
  if (put) co_return fail(ignored(*store, "a write that was to be the first over one that stood there"));
  if (!is_changed(put)) co_return unproven(put);
  // One that refuses everything would never give a lease.
  const PutIf right{PutIf::Is::version, *first};
  auto second = co_await store->put(key, "meshops proves conditions: 4\n", right);
  if (!second) co_return unproven(second);
  put = co_await store->put(key, "meshops proves conditions: 5\n", right);
  if (put) co_return fail(ignored(*store, "a write under a version that was replaced"));
  if (!is_changed(put)) co_return unproven(put);
  co_return ok();
}

}  // namespace meshops::store
