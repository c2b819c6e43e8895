#include "mesh/provider_vultr.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace meshops::mesh {

namespace asio = boost::asio;
using Is = ProviderState::Is;

namespace vultr {

Result<ProviderState> parse_instance(std::string_view body) {
  auto json = nlohmann::json::parse(body, nullptr, false);
  auto instance = json.is_object() ? json.find("instance") : json.end();
  if (!json.is_object() || instance == json.end() || !instance->is_object())
    return fail(ProviderCode::not_understood, "Vultr's answer is not understood: it has no instance");
  auto text = [&](const char* name) -> std::string {
    auto found = instance->find(name);
    return found != instance->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  auto status = text("status"), power = text("power_status"), server = text("server_status");
  auto words =
      printable(fmt::format("{}, {}, {}", status.substr(0, 40), power.substr(0, 40), server.substr(0, 40)));
  // Suspended is Vultr's word for a contract that a person must see to.
  if (status == "suspended") return ProviderState{Is::stopped, words};
  if (status == "pending" || status == "resizing") return ProviderState{Is::changing, words};
  // Locked: a snapshot, a restore, a move.
  if (server == "locked" || server == "isomounting") return ProviderState{Is::changing, words};
  if (status == "active" && power == "stopped") return ProviderState{Is::stopped, words};
  // It calls a machine "installingbooting" until its system has come up, also one that never does.
  if (status == "active" && power == "running") return ProviderState{Is::running, words};
  return fail(ProviderCode::not_understood, "Vultr says that the instance is {}, which meshops does not know",
              quote(words));
}

}  // namespace vultr

namespace {

class VultrProvider final : public Provider {
 public:
  VultrProvider(ProviderSetup setup, Net& net, const Clock& clock)
      : setup_(std::move(setup)), net_(net), clock_(clock) {
    auto base = setup_.url.ends_with('/') ? setup_.url.substr(0, setup_.url.size() - 1) : setup_.url;
    machine_ = fmt::format("{}/v2/instances/{}", base, setup_.parts[0]);
  }

  asio::awaitable<Result<ProviderState>> state() override {
    auto body = co_await ask("read the state of " + setup_.instance, "GET", machine_);
    if (!body) co_return fail(std::move(body).error());
    co_return vultr::parse_instance(*body);
  }

  /// Vultr's reboot stops the machine and starts it again, and says nothing of the end: so it is watched, and
  /// one that our reboot has left off is started, once.
  asio::awaitable<Status> reset() override {
    auto before = co_await state();
    if (!before) co_return fail(std::move(before).error());
    if (auto may = may_reset(*before, setup_.instance); !may) co_return may;
    auto began = clock_.now();
    auto body = co_await ask("reboot " + setup_.instance, "POST", machine_ + "/reboot");
    if (!body) co_return fail(std::move(body).error());
    bool started = false, was_off = false;
    std::string last;
    while (clock_.now() - began < setup_.patience.whole) {
      co_await wait_for(setup_.patience.look_every);
      auto now = co_await state();
      if (!now) co_return fail(std::move(now).error());
      last = now->words;
      was_off = was_off || now->is != Is::running;
      // It may not have begun yet.
      if (now->is == Is::running && (was_off || clock_.now() - began >= setup_.patience.whole / 4))
        co_return ok();
      // Off for a quarter of the time is more than the moment between.
      if (now->is != Is::stopped || started || clock_.now() - began < setup_.patience.whole / 4) continue;
      started = true;
      body = co_await ask("start " + setup_.instance, "POST", machine_ + "/start");
      if (!body) co_return fail(std::move(body).error());
    }
    co_return fail(error(ProviderCode::not_done, "{} was rebooted and did not run again within {}: it is {}",
                         setup_.instance, about(setup_.patience.whole), last)
                       .hint("look at it in Vultr's console"));
  }

 private:
  asio::awaitable<Result<std::string>> ask(std::string doing, std::string method, std::string url) {
    auto key = read_credential(setup_.key_file);
    if (!key) co_return fail(std::move(key).error());
    bool clean = std::ranges::all_of(key->reveal(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (!clean)
      co_return fail(ProviderCode::bad_key, "{} has more in it than the one word of an API key",
                     setup_.key_file.string());
    ApiCall call;
    call.doing = std::move(doing);
    call.method = std::move(method);
    call.url = std::move(url);
    call.bearer = *key;
    co_return co_await call_api(std::move(call), net_, setup_.patience.exchange);
  }

  ProviderSetup setup_;
  Net& net_;
  const Clock& clock_;
  std::string machine_;
};

}  // namespace

std::unique_ptr<Provider> vultr_provider(ProviderSetup setup, Net& net, const Clock& clock) {
  return std::make_unique<VultrProvider>(std::move(setup), net, clock);
}

}  // namespace meshops::mesh
