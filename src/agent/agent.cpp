#include "agent/agent.h"
#include "agent/visits.h"

#include <grp.h>
#include <malloc.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "mesh/healing_keys.h"
#include "mesh/remote_session.h"
#include "mesh/spare_binary.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

namespace {

constexpr auto kSocketGroup = "meshops";
/// Until then it is not known whether this meshops is one that siblings should put back.
constexpr auto kRanWell = 10min;

/// Texts of others may be broken UTF-8: that is replaced, not thrown about.
ServedAnswer answer(int status, const Json& body) {
  return {.status = status, .body = body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}
ServedAnswer refuse(int status, const Error& why) {
  return answer(status, {{"schema", "meshops.error/1"},
                         {"code", why.code()},
                         {"message", why.text()},
                         {"hint", why.hint_text()}});
}

/// The socket's mode already keeps strangers out; this is the second lock, on the peer's own credentials.
bool may_order(const Peer& peer) {
  if (peer.uid == 0 || peer.uid == ::geteuid()) return true;
  auto* entry = ::getgrnam(kSocketGroup);
  if (entry == nullptr) return false;
  if (peer.gid == entry->gr_gid) return true;
  // The kernel tells the peer's main group only; the others are the user database's.
  auto who = account(std::to_string(peer.uid));
  if (!who) return false;
  std::array<gid_t, 256> groups{};
  int count = static_cast<int>(groups.size());
  if (::getgrouplist(who->name.c_str(), who->gid, groups.data(), &count) < 0) return false;
  return std::ranges::find(groups.begin(), groups.begin() + count, entry->gr_gid) != groups.begin() + count;
}

Error forbidden(const Peer& peer, std::string_view what) {
  return error(GatewayCode::not_supported, "user {} may not {}", peer.uid, what)
      .hint("run it as root or as a member of the group {}", kSocketGroup);
}

/// One value of a query; empty if it is not there. Names and times need no unescaping but %3A.
std::string asked_for(std::string_view target, std::string_view key) {
  auto query = target.find('?');
  if (query == target.npos) return {};
  for (auto pair : split(target.substr(query + 1), '&')) {
    auto equals = pair.find('=');
    if (pair.substr(0, equals) != key || equals == pair.npos) continue;
    std::string value(pair.substr(equals + 1));
    for (auto at = value.find("%3A"); at != std::string::npos; at = value.find("%3A", at))
      value.replace(at, 3, ":");
    return value;
  }
  return {};
}

asio::awaitable<void> pause(Duration d) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(d));
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace

Agent::Agent(Mesh mesh, Mode mode) : mesh_(std::move(mesh)), mode_(mode) {
  machine_ = local_machine(loop_.get_executor(), mesh_);
  since_ = machine_->clock().wall();
}

Agent::~Agent() = default;

void Agent::keep(GatewaySpec spec) {
  for (const auto& kept : keepers_)
    if (kept->spec().name == spec.name) spec.name += "-2";
  // Whoever shares a bot and may find its siblings asks before the first start; one that stands by asks in
  // any case, and without siblings in vain.
  bool asks = !spec.stands_by_for.empty() || (has_siblings() && Leases::concerns(mesh_, spec));
  keepers_.push_back(std::make_unique<Keeper>(std::move(spec), mesh_, *machine_, *records_));
  if (asks)
    keepers_.back()->obey(
        {.act = mesh::BotLease::Verdict::Act::hold, .because = mesh::BotLease::Verdict::Because::not_heard});
  asio::co_spawn(loop_, keepers_.back()->run(), asio::detached);
}

Status Agent::open_records() {
  auto file = mesh_.state_dir / "ledger.sqlite";
  auto opened = store::Ledger::open(file);
  if (!opened) {
    // A full or read-only disk is what there may be to heal: until the next start the records are kept in
    // memory.
    log::error("agent.ledger", opened.error().text());
    file = mesh_.socket.parent_path() / "ledger.sqlite";
    opened = store::Ledger::open(file);
  }
  if (!opened) return fail(opened.error());
  ledger_ = std::move(*opened);
  if (!ledger_->note().empty()) log::warn("agent.ledger", ledger_->note());
  constexpr auto kRemembered = std::chrono::days(90);
  (void)ledger_->forget_before(machine_->clock().wall() - kRemembered);
  kept_ = std::make_unique<store::Kept>(mesh_.state_dir / "kept");
  records_ = std::make_unique<Records>(Records{.ledger = *ledger_,
                                               .kept = *kept_,
                                               .incidents = Incidents(mesh_.state_dir / "incidents"),
                                               .tell = {},
                                               .judge = judge_in_child()});
  if (mesh_.nodes.size() > 1) {
    lease_ =
        std::make_unique<mesh::LeaseFile>(mesh::remote_places(mesh_), machine_->clock(), mesh::boot_id());
    records_->lease = lease_.get();
    if (auto visits = lease_->visits())
      record_visits(*visits, mesh_.node, machine_->clock().now(), machine_->clock().wall(), *ledger_);
    else
      log::warn("agent.visits", visits.error().text());
  }
  outbox_ = TRY(store::Outbox::open(file));
  sender_ = std::make_unique<alert::Sender>(mesh_.alerts, *outbox_, machine_->net(), machine_->clock(),
                                            loop_.get_executor());
  records_->tell = [this](const alert::Alert& alert) {
    if (auto posted = sender_->post(alert); !posted) log::error("alert", posted.error().text());
  };
  asio::co_spawn(loop_, sender_->run(), asio::detached);
  return ok();
}

void Agent::watch_secrets() {
  if (!mesh_.audit.secret_watch) return;
  // Only root may be told what others do; `meshops up` has other work.
  if (::geteuid() != 0) return log::debug("secrets.watch", "who reads the secrets is recorded by root only");
  auto self = machine_->host().process(::getpid()).value_or(ProcessInfo{.pid = ::getpid()});
  secret_watch_ =
      std::make_unique<SecretWatch>(mesh_.state_dir, self, machine_->clock(), loop_.get_executor(),
                                    secrets_in_child(mesh_), fanotify_watch);
  asio::co_spawn(loop_, secret_watch_->run(), asio::detached);
}

/// A plan of one node has none; and without root there is no Serf that could be asked.
bool Agent::has_siblings() const {
  return mode_ == Mode::daemon && mesh_.nodes.size() > 1 && ::geteuid() == 0;
}

void Agent::meet_siblings() {
  if (!has_siblings()) return;
  auto running = [this] {
    std::vector<GatewaySpec> specs;
    for (const auto& keeper : keepers_)
      if (keeper->running()) specs.push_back(keeper->spec());
    return specs;
  };
  Leases::Home leases{.gateways =
                          [this] {
                            std::vector<Leases::Gateway> out;
                            for (const auto& keeper : keepers_)
                              out.push_back({.spec = keeper->spec(),
                                             .polls = keeper->polls(),
                                             .asked = keeper->asked(),
                                             .ends_within = keeper->ends_within()});
                            return out;
                          },
                      .obey =
                          [this](const std::string& gateway, const mesh::BotLease::Verdict& verdict) {
                            if (auto* of = keeper(gateway)) of->obey(verdict);
                          }};
  siblings_ = std::make_unique<Siblings>(
      mesh_, *machine_, *records_,
      Siblings::Home{.word = [this] { return own_word(); }, .running = running, .leases = std::move(leases)});
  asio::co_spawn(loop_, siblings_->run(), asio::detached);
}

/// What the peers are told of this node once a second.
mesh::Word Agent::own_word() const {
  mesh::Word word{.gateways = mesh::Gateways::well};
  std::size_t paused = 0;
  for (const auto& keeper : keepers_) {
    if (keeper->paused()) {
      ++paused;
      continue;
    }
    auto sight = keeper->sight();
    if (!sight.wanted) continue;
    auto ladder = keeper->ladder();
    bool told = ladder == heal::Ladder::State::told;
    word.heals_itself = word.heals_itself || (ladder != heal::Ladder::State::well && !told);
    if (sight.trouble == heal::Trouble::none || sight.starting) continue;
    if (!told) word.gateways = mesh::Gateways::ill;
    if (told && word.gateways == mesh::Gateways::well) word.gateways = mesh::Gateways::given_up;
  }
  word.paused = paused > 0 && paused == keepers_.size();
  return word;
}

Status Agent::run() {
  CHECK_OK(make_directories(mesh_.state_dir));
  CHECK_OK(open_records());
  CHECK_OK(make_directories(mesh_.socket.parent_path(), 0755));
  server_ = TRY(UnixServer::listen(loop_.get_executor(),
                                   {.path = mesh_.socket, .mode = 0660, .group = kSocketGroup},
                                   [this](ServedRequest request) { return serve(std::move(request)); }));
  asio::signal_set signals(loop_, SIGINT, SIGTERM);
  std::function<void(const boost::system::error_code&, int)> on_signal =
      [&](const boost::system::error_code& failed, int) {
        if (failed) return;
        if (leaving_) ::_exit(130);  // asked twice: now
        request_stop();
        signals.async_wait(on_signal);
      };
  signals.async_wait(on_signal);
  asio::co_spawn(loop_, begin(), asio::detached);
  if (mode_ == Mode::daemon) {
    asio::co_spawn(loop_, watchdog(), asio::detached);
    asio::co_spawn(loop_, keep_spare(), asio::detached);
  }
  loop_.run();
  secret_watch_.reset();
  siblings_.reset();
  keepers_.clear();
  server_.reset();
  return ok();
}

asio::awaitable<void> Agent::begin() {
  for (const auto& spec : mesh_.gateways_of(mesh_.node))
    if (spec.enabled) keep(spec);
  if (mesh_.discover != Discover::off) co_await find_more();
  log::info("agent.up", fmt::format("meshops {} keeps {} gateway{} on {}", MESHOPS_VERSION, keepers_.size(),
                                    keepers_.size() == 1 ? "" : "s", mesh_.node));
  if (mode_ == Mode::daemon) ::sd_notify(0, "READY=1");
  watch_secrets();
  meet_siblings();
  // What start-up needed (configuration, discovery) goes back to the system: the agent stays for months.
  ::malloc_trim(0);
}

bool Agent::shares_state(const GatewaySpec& listed, const Discovered& found) const {
  // Two gateways never share a state directory (its lock forbids it): a process in a listed one is the listed
  // one.
  if (found.spec.runtime != RuntimeKind::process || found.identity.state_dir.empty()) return false;
  auto identity = make_adapter(listed.kind)->identify(listed, machine_->host());
  return identity && identity->state_dir == found.identity.state_dir;
}

asio::awaitable<void> Agent::find_more() {
  auto found = co_await discover(*machine_);
  for (const auto& why : found.skipped) log::debug("discover.skipped", why);
  for (auto& gateway : found.gateways) {
    bool known = false;
    for (const auto& spec : mesh_.gateways_of(mesh_.node))
      known = known || same_gateway(spec, gateway.spec) || shares_state(spec, gateway);
    if (known) continue;
    if (!gateway.running && gateway.spec.runtime == RuntimeKind::process) continue;
    if (gateway.spec.runtime == RuntimeKind::process || mesh_.discover == Discover::observe) {
      // A bare process has another parent: seen and named, not ours to start.
      log::info("discover.found", fmt::format("{} found and left alone: {}", gateway.spec.name,
                                              gateway.evidence.empty() ? "" : gateway.evidence.front()));
      continue;
    }
    // One that we kept before and that ended while no agent was there is still ours.
    if (!gateway.expected && !Keeper::remembers(*machine_, gateway.spec)) {
      log::info(
          "discover.found",
          fmt::format("{} found and left alone: it does not run, and nothing says that it should; name it in "
                      "mesh.toml to have it kept",
                      gateway.spec.name));
      continue;
    }
    log::info("discover.found", fmt::format("{} found: {}", gateway.spec.name,
                                            gateway.evidence.empty() ? "" : gateway.evidence.front()));
    keep(std::move(gateway.spec));
  }
}

/// What has run well is what a sibling may put back. In a thread of its own: some MiB are read and written.
asio::awaitable<void> Agent::keep_spare() {
  if (::geteuid() != 0 || mesh::healers_of(mesh_).empty()) co_return;
  co_await pause(kRanWell);
  std::thread([state = mesh_.state_dir] {
    std::error_code failed;
    auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
    // One that was replaced on the disk meanwhile has not run yet: the next start of the agent sees to it.
    if (failed || program.string().ends_with(" (deleted)")) return;
    if (auto kept = mesh::SpareBinary(state).keep("/proc/self/exe", program); !kept)
      log::warn("agent.spare", kept.error().text());
  }).detach();
}

asio::awaitable<void> Agent::watchdog() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) <= 0) co_return;
  while (true) {
    ::sd_notify(0, "WATCHDOG=1");
    co_await pause(std::chrono::microseconds(microseconds / 3));
  }
}

void Agent::every(Duration period, std::function<void()> call) {
  asio::co_spawn(loop_, repeat(period, std::move(call)), asio::detached);
}

asio::awaitable<void> Agent::repeat(Duration period, std::function<void()> call) {
  while (!leaving_) {
    call();
    co_await pause(period);
  }
}

void Agent::request_stop() {
  if (std::exchange(leaving_, true)) return;
  asio::co_spawn(loop_, leave(), asio::detached);
}

asio::awaitable<void> Agent::leave() {
  if (secret_watch_) secret_watch_->save();
  if (mode_ == Mode::daemon) {
    ::sd_notify(0, "STOPPING=1");
  } else {
    for (auto& keeper : keepers_) co_await keeper->leave(6min);
  }
  loop_.stop();
}

Json Agent::status() const {
  Json gateways = Json::array();
  for (const auto& keeper : keepers_) gateways.push_back(keeper->status());
  Json node = {{"name", mesh_.node},
               {"self", true},
               {"agent",
                {{"state", leaving_ ? "leaving" : "up"},
                 {"pid", ::getpid()},
                 {"version", MESHOPS_VERSION},
                 {"since", iso8601(since_)}}},
               {"gateways", gateways}};
  if (siblings_) {
    auto trouble = siblings_->trouble();
    node["mesh"] = {
        {"member", trouble.empty()}, {"trouble", trouble}, {"store_trouble", siblings_->store_trouble()}};
  }
  Json nodes = Json::array({node});
  // Also while the mesh is split: what this node knows, and how old it is.
  if (siblings_)
    for (auto& other : siblings_->status()) nodes.push_back(std::move(other));
  return {{"schema", "meshops.status/1"},
          {"generated_at", iso8601(machine_->clock().wall())},
          {"mesh", mesh_.name},
          {"nodes", std::move(nodes)}};
}

asio::awaitable<ServedAnswer> Agent::serve(ServedRequest request) {
  auto path = request.target.substr(0, request.target.find('?'));
  if (path == "/v1/ledger" && request.method == "GET") co_return serve_ledger(request);
  constexpr std::string_view kLedger = "/v1/ledger/";
  if (path.starts_with(kLedger) && path.ends_with("/undo") && request.method == "POST") {
    auto entry = path.substr(kLedger.size(), path.size() - kLedger.size() - std::string_view("/undo").size());
    co_return co_await serve_undo(std::move(entry), std::move(request));
  }
  if (path == "/v1/status" && request.method == "GET") co_return answer(200, status());
  constexpr std::string_view kNodes = "/v1/nodes/", kHeal = "/heal";
  if (path.starts_with(kNodes) && path.ends_with(kHeal)) {
    auto node = path.substr(kNodes.size(), path.size() - kNodes.size() - kHeal.size());
    co_return co_await serve_node(std::move(node), std::move(request));
  }
  constexpr std::string_view kGateways = "/v1/gateways/";
  if (path.starts_with(kGateways)) {
    auto parts = split(std::string_view(path).substr(kGateways.size()), '/');
    if (parts.size() == 2) {
      std::string name(parts[0]), verb(parts[1]);
      co_return co_await serve_gateway(std::move(name), std::move(verb), std::move(request));
    }
  }
  co_return refuse(
      404, error(GatewayCode::not_found, "the agent has nothing at {} {}", request.method, quote(path)));
}

Keeper* Agent::keeper(std::string_view name) const {
  for (const auto& kept : keepers_)
    if (kept->spec().name == name) return kept.get();
  return nullptr;
}

/// GET: what would be done about another node; POST: it is done.
asio::awaitable<ServedAnswer> Agent::serve_node(std::string node, ServedRequest request) {
  if (!may_order(request.peer)) co_return refuse(403, forbidden(request.peer, "heal another node"));
  if (!siblings_ || !siblings_->knows(node))
    co_return refuse(404, error(GatewayCode::not_found, "there is no other node {} in this mesh", quote(node))
                              .hint("see which there are: meshops status"));
  if (request.method == "GET") {
    auto plan = co_await siblings_->rehearse(node);
    if (!plan) co_return refuse(500, plan.error());
    co_return answer(200, *plan);
  }
  if (request.method != "POST") co_return refuse(405, error(GatewayCode::not_supported, "heal needs POST"));
  log::info("person.order", fmt::format("user {} asks to heal node {}", request.peer.uid, node));
  auto said = siblings_->person_asks(node, fmt::format("user {}", request.peer.uid));
  if (!said) co_return refuse(409, said.error());
  co_return answer(202,
                   {{"schema", "meshops.order/1"}, {"node", node}, {"order", "heal"}, {"answer", *said}});
}

ServedAnswer Agent::serve_ledger(const ServedRequest& request) const {
  // What was done, and why, may tell more of the node than its health does.
  if (!may_order(request.peer)) return refuse(403, forbidden(request.peer, "read the ledger"));
  store::Ledger::Query query{
      .gateway = asked_for(request.target, "gateway"),
      .since = parse_iso8601(asked_for(request.target, "since")),
      .only_open = false,
      .at_most = to_number<std::size_t>(asked_for(request.target, "limit")).value_or(50)};
  query.at_most = std::min<std::size_t>(query.at_most, 1000);
  auto entries = ledger_->list(query);
  if (!entries) return refuse(500, entries.error());
  if (asked_for(request.target, "as") == "text") {
    auto text = store::for_people(*entries, machine_->clock().wall());
    return {.status = 200,
            .body = text.empty() ? "nothing was done yet\n" : std::move(text),
            .content_type = "text/plain; charset=utf-8"};
  }
  return {.status = 200, .body = store::to_json(*entries) + "\n"};
}

asio::awaitable<ServedAnswer> Agent::serve_undo(std::string entry, ServedRequest request) {
  if (!may_order(request.peer)) co_return refuse(403, forbidden(request.peer, "undo"));
  auto id = to_number<std::int64_t>(entry);
  auto recorded =
      id ? ledger_->get(*id)
         : Result<store::Entry>(fail(GatewayCode::not_found, "{} is no number of an entry", quote(entry)));
  if (!recorded) co_return refuse(404, recorded.error());
  if (constexpr std::string_view kNode = "node "; recorded->gateway.starts_with(kNode)) {
    auto node = recorded->gateway.substr(kNode.size());
    co_return refuse(409, error(GatewayCode::not_supported, "that was done on node {}, not here", node)
                              .hint("what it changed stands in its own ledger; on {}: meshops ledger", node));
  }
  auto* of = keeper(recorded->gateway);
  if (of == nullptr)
    co_return refuse(404,
                     error(GatewayCode::not_found, "the gateway {} of that entry is not kept here any more",
                           quote(recorded->gateway)));
  auto gateway = recorded->gateway;
  auto done = co_await of->healer().take_back(*id, fmt::format("user {}", request.peer.uid));
  if (!done) co_return refuse(409, done.error());
  co_return answer(200, {{"schema", "meshops.undo/1"}, {"entry", *id}, {"gateway", gateway}});
}

/// `meshops remote` says for whom it asks, and under which lease: {"healer", "fence"}. A person says nothing.
Status Agent::asked_by_sibling(const ServedRequest& request) {
  auto json = nlohmann::json::parse(request.body, nullptr, false);
  if (!json.is_object() || !json["healer"].is_string()) return ok();
  if (request.peer.uid != 0 && request.peer.uid != ::geteuid())
    return fail(forbidden(request.peer, "ask for a sibling"));
  auto healer = json["healer"].get<std::string>();
  auto fence = json["fence"].is_number_unsigned() ? json["fence"].get<std::uint64_t>() : 0;
  if (!lease_) return fail(GatewayCode::not_supported, "this node has no siblings");
  CHECK_OK(lease_->holds(healer, fence));
  records_->asked_by = healer;
  records_->asked_under = fence;
  log::info("sibling.order", fmt::format("node {} asks to heal, under lease {}", printable(healer), fence));
  return ok();
}

asio::awaitable<ServedAnswer> Agent::serve_gateway(std::string name, std::string verb,
                                                   ServedRequest request) {
  auto* keeper = this->keeper(name);
  if (keeper == nullptr) {
    std::vector<std::string> names;
    for (const auto& kept : keepers_) names.push_back(kept->spec().name);
    co_return refuse(404,
                     error(GatewayCode::not_found, "there is no gateway {} on {}", quote(name), mesh_.node)
                         .hint("it has: {}", names.empty() ? "none" : join(names, ", ")));
  }
  if (verb == "logs" && request.method == "GET") {
    std::size_t lines = 100;
    if (auto at = request.target.find("lines="); at != std::string::npos)
      lines = std::min<std::size_t>(
          to_number<std::size_t>(std::string_view(request.target).substr(at + 6)).value_or(100), 10'000);
    auto text = co_await keeper->logs(lines);
    if (!text) co_return refuse(500, text.error());
    co_return ServedAnswer{
        .status = 200, .body = std::move(*text), .content_type = "text/plain; charset=utf-8"};
  }
  if (verb == "closeup" && request.method == "GET") {
    // It shows more than a log does, and costs more.
    if (!may_order(request.peer)) co_return refuse(403, forbidden(request.peer, "look closely at a gateway"));
    auto seen = co_await keeper->closeup();
    if (!seen) co_return refuse(500, seen.error());
    auto told = answer(200, *seen);
    seen->clear();
    ::malloc_trim(0);  // some MiB, now and then: the agent stays small
    co_return told;
  }
  if (verb == "heal" && request.method == "GET") {
    if (!may_order(request.peer)) co_return refuse(403, forbidden(request.peer, "look closely at a gateway"));
    auto plan = co_await keeper->healer().rehearse();
    if (!plan) co_return refuse(500, plan.error());
    co_return answer(200, *plan);
  }
  if (request.method != "POST")
    co_return refuse(405, error(GatewayCode::not_supported, "{} needs POST", quote(verb)));
  if (!may_order(request.peer))
    co_return refuse(403, forbidden(request.peer, printable(verb) + " a gateway"));
  log::info("person.order", fmt::format("user {} asks to {} {}", request.peer.uid, printable(verb), name));
  Status done =
      fail(error(GatewayCode::not_supported, "the agent does not know how to {} a gateway", quote(verb)));
  if (verb == "start") done = co_await keeper->person_starts();
  if (verb == "stop") done = co_await keeper->person_stops();
  if (verb == "restart") done = co_await keeper->person_restarts();
  if (verb == "resume") done = keeper->person_resumes();
  if (verb == "pause") {
    auto json = nlohmann::json::parse(request.body, nullptr, false);
    std::string why;
    std::optional<Duration> length;
    if (json.is_object() && json["why"].is_string())
      why = printable(json["why"].get<std::string>().substr(0, 200));
    if (json.is_object() && json["for"].is_string()) {
      length = parse_duration(json["for"].get<std::string>());
      if (!length)
        co_return refuse(
            400, error(GatewayCode::not_supported, "{} is no duration", quote(json["for"].get<std::string>()))
                     .hint("for example 2h or 90m"));
    }
    done = keeper->person_pauses(std::move(why), length);
  }
  if (verb == "heal") {
    if (auto sibling = asked_by_sibling(request); !sibling) co_return refuse(409, sibling.error());
    auto said = keeper->healer().person_asks();
    if (!said) co_return refuse(409, said.error());
    co_return answer(202,
                     {{"schema", "meshops.order/1"}, {"gateway", name}, {"order", verb}, {"answer", *said}});
  }
  if (!done) co_return refuse(409, done.error());
  co_return answer(202, {{"schema", "meshops.order/1"}, {"gateway", name}, {"order", verb}});
}

}  // namespace meshops
