#include "mesh/serf_keys.h"

#include <algorithm>

#include "base/text.h"

namespace meshops::serf {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kAgain =
    "nothing is lost: every member still reads every other; see who is away (meshops mesh members) and begin "
    "again";

/// "beta: disk full; gamma: …" — of those who said why.
std::string complaints(const KeyAnswer& answer) {
  std::vector<std::string> out;
  for (const auto& [node, words] : answer.complaints)
    if (!words.empty()) out.push_back(fmt::format("{}: {}", printable(node), words));
  if (out.empty() && !answer.refused.empty()) out.push_back(answer.refused);
  return out.empty() ? "" : " (" + meshops::join(out, "; ") + ")";
}

}  // namespace

Status all_did(const KeyAnswer& answer, unsigned members, std::string_view done) {
  if (answer.nodes == members && answer.answered == members && answer.failed == 0 && answer.refused.empty())
    return ok();
  auto obeyed = answer.answered - std::min(answer.answered, answer.failed);
  return fail(error(SerfCode::incomplete, "{} of {} members {}{}", obeyed, std::max(members, answer.nodes),
                    done, complaints(answer))
                  .hint("{}", kAgain));
}

Status all_hold(const KeyAnswer& listed, const Secret& key, unsigned members) {
  CHECK_OK(all_did(listed, members, "said which keys they hold"));
  auto found = listed.keys.find(key.reveal());
  unsigned holders = found == listed.keys.end() ? 0 : found->second;
  if (holders == members) return ok();
  return fail(
      error(SerfCode::incomplete, "{} of {} members hold the new key", holders, members).hint("{}", kAgain));
}

std::vector<Secret> others(const KeyAnswer& listed, const Secret& key) {
  std::vector<Secret> out;
  for (const auto& [other, holders] : listed.keys)
    if (other != key.reveal()) out.emplace_back(other);
  return out;
}

asio::awaitable<Result<Rotation>> rotate_keys(Client& client, Secret fresh, unsigned members,
                                              std::function<void(std::string_view)> progress) {
  for (auto order : {KeyOrder::install, KeyOrder::use}) {
    bool install = order == KeyOrder::install;
    progress(install ? "giving every member a new key" : "having every member use it");
    auto answer = co_await client.order_key(order, fresh);
    if (!answer) co_return fail(std::move(answer).error());
    auto done = all_did(*answer, members, install ? "took the new key" : "changed to the new key");
    if (!done) co_return fail(std::move(done).error());
    auto listed = co_await client.list_keys();
    if (!listed) co_return fail(std::move(listed).error());
    auto held = all_hold(*listed, fresh, members);
    if (!held) co_return fail(std::move(held).error());
  }
  progress("taking the old key away");
  auto listed = co_await client.list_keys();
  if (!listed) co_return fail(std::move(listed).error());
  Rotation out{.members = members};
  for (auto& old : others(*listed, fresh)) {
    auto answer = co_await client.order_key(KeyOrder::remove, old);
    if (!answer) co_return fail(std::move(answer).error());
    // A member that does not hold a left-over says so as a failure: only what is held at the end counts.
    ++out.removed;
  }
  auto last = co_await client.list_keys();
  if (!last) co_return fail(std::move(last).error());
  auto all = all_hold(*last, fresh, members);
  if (!all) co_return fail(std::move(all).error());
  if (auto left = others(*last, fresh); !left.empty())
    co_return fail(error(SerfCode::incomplete, "the new key is used, but {} still held by a member",
                         left.size() == 1 ? "an old one is" : "old ones are")
                       .hint("{}", kAgain));
  co_return out;
}

}  // namespace meshops::serf
