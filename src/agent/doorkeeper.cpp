#include "agent/doorkeeper.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/text.h"
#include "host/run_async.h"
#include "mesh/doors.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto kFail2banSocket = "/run/fail2ban/fail2ban.sock";
constexpr auto kFail2banLog = "/var/log/fail2ban.log";
constexpr std::size_t kLogTail = 64U << 10;
constexpr auto kUfwConf = "/etc/ufw/ufw.conf";
constexpr auto kUfwRules = "/etc/ufw/user.rules";
constexpr auto kUfwRules6 = "/etc/ufw/user6.rules";
constexpr std::size_t kMostRules = 4U << 20;

RunOptions tool_options() {
  RunOptions options;
  options.environment = tool_environment();
  options.limit = 20s;
  options.output_limit = 1U << 20;
  return options;
}

}  // namespace

/// Changes whenever the file is another one, or another's.
std::string Doorkeeper::stamp(const char* file) const {
  auto info = machine_.host().stat(file);
  return info ? fmt::format("{}+{}", iso8601(info->modified), info->size) : std::string();
}

asio::awaitable<void> Doorkeeper::look() {
  const auto peers = mesh::known_addresses(mesh_);
  if (!mesh_.guard_peers || busy_ || peers.empty()) co_return;
  busy_ = true;
  co_await tell_fail2ban(peers);
  co_await tell_ufw(peers);
  busy_ = false;
}

asio::awaitable<void> Doorkeeper::tell_fail2ban(const std::vector<std::string>& peers) {
  // Its socket is a new one with each start: then it knows nothing any more. That it was told to read its
  // configuration again, only its log says.
  auto state = stamp(kFail2banSocket);
  if (state.empty()) co_return;
  auto log = machine_.host().read_part(kFail2banLog, -static_cast<std::int64_t>(kLogTail), kLogTail);
  if (log) state += mesh::new_jail_in(log->bytes);
  if (state == fail2ban_done_) co_return;
  std::vector<std::string> ask = {"fail2ban-client", "status"};
  auto status = co_await run_async(std::move(ask), tool_options());
  if (!status || !status->exit.clean()) co_return;
  bool all = true;
  for (const auto& jail : mesh::jails_in(status->out)) {
    if (jail.starts_with('-')) continue;
    std::vector<std::string> get = {"fail2ban-client", "get", jail, "ignoreip"};
    auto known = co_await run_async(std::move(get), tool_options());
    if (!known || !known->exit.clean()) {
      all = false;
      continue;
    }
    for (const auto& peer : mesh::not_ignored(known->out, peers)) {
      std::vector<std::string> add = {"fail2ban-client", "set", jail, "addignoreip", peer};
      auto added = co_await run_async(std::move(add), tool_options());
      bool good = added && added->exit.clean();
      all = all && good;
      if (good)
        log::info("mesh.doors", fmt::format("fail2ban's jail {} ignores {} from now on", jail, peer));
      else
        log::warn("mesh.doors", fmt::format("fail2ban's jail {} cannot be told to ignore {}", jail, peer));
    }
  }
  if (all) fail2ban_done_ = std::move(state);
}

asio::awaitable<void> Doorkeeper::tell_ufw(const std::vector<std::string>& peers) {
  auto conf = machine_.host().read(kUfwConf, 64U << 10);
  if (!conf || !mesh::ufw_is_on(*conf)) co_return;
  auto state = [&] { return stamp(kUfwConf) + stamp(kUfwRules) + stamp(kUfwRules6); };
  if (state() == ufw_done_) co_return;
  auto rules = machine_.host().read(kUfwRules, kMostRules),
       rules6 = machine_.host().read(kUfwRules6, kMostRules);
  if (!rules) co_return;
  auto orders = mesh::ufw_orders(*rules, rules6 ? *rules6 : std::string(), peers, mesh::doors(mesh_));
  for (const auto& denied : orders.denied)
    log::warn("mesh.doors",
              fmt::format("a rule of ufw denies {}: it stays, and that node cannot help here", denied));
  if (!orders.allow.empty()) {
    // Taken back by the same words after "ufw delete".
    nlohmann::json evidence = nlohmann::json::array();
    for (const auto& argv : orders.allow) evidence.push_back(join(argv, " "));
    auto entry =
        records_.ledger.begin({.gateway = "node " + mesh_.node,
                               .cause = "peer_kept_out",
                               .score = 1,
                               .remedy = "allow_peer",
                               .sentence = "let the nodes of the mesh in at its ports, by rules of ufw",
                               .evidence = evidence.dump(),
                               .by = "meshops",
                               .began = machine_.clock().wall()});
    std::string failed;
    for (auto& argv : orders.allow) {
      auto words = join(argv, " ");
      auto done = co_await run_async(std::move(argv), tool_options());
      if (done && done->exit.clean())
        log::info("mesh.doors", words);
      else
        failed = fmt::format("{}: {}", words, done ? printable(trim(done->err)) : done.error().text());
    }
    if (!failed.empty()) log::warn("mesh.doors", failed);
    if (entry)
      (void)records_.ledger.end(*entry, failed.empty() ? store::Verdict::helped : store::Verdict::failed,
                                machine_.clock().wall(),
                                failed.empty() ? "each is taken back by: ufw delete allow …" : failed);
  }
  ufw_done_ = state();
}

}  // namespace meshops
