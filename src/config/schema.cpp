#include "config/schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "config/literal.h"
#include "config/schema_key.h"
#include "config/values.h"

namespace meshops::schema {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view kGatewayKinds[] = {"openclaw", "http"};
constexpr std::string_view kRuntimeKinds[] = {"process", "systemd-system", "systemd-user", "docker"};
constexpr std::string_view kProfiles[] = {"normal", "cautious", "observe-only"};
constexpr std::string_view kDiscovers[] = {"false", "observe", "true"};
constexpr std::string_view kAlertKinds[] = {"webhook", "slack", "discord", "telegram", "smtp", "command"};
constexpr std::string_view kGossipProfiles[] = {"lan", "wan"};
constexpr std::string_view kLogLevels[] = {"debug", "info", "warn", "error"};

constexpr unsigned bit(GatewayKind k) { return 1U << static_cast<unsigned>(k); }
constexpr unsigned bit(RuntimeKind k) { return 1U << static_cast<unsigned>(k); }
constexpr unsigned kSystemd = bit(RuntimeKind::systemd_system) | bit(RuntimeKind::systemd_user);

template <class T>
Section section(std::string_view name, bool repeated, std::string_view meaning,
                std::span<const Key<T>> keys) {
  Section out{name, repeated, meaning, {}, {}};
  const T fresh{};
  for (const auto& k : keys) {
    out.keys.push_back(k.facts);
    auto value = k.facts.default_words.empty() && !k.facts.required ? k.get(fresh) : Setting{};
    out.defaults.push_back(std::holds_alternative<std::monostate>(value) ? "" : literal(k.facts.type, value));
  }
  return out;
}

}  // namespace

std::span<const std::string_view> names_of(GatewayKind) { return kGatewayKinds; }
std::span<const std::string_view> names_of(RuntimeKind) { return kRuntimeKinds; }
std::span<const std::string_view> names_of(Profile) { return kProfiles; }
std::span<const std::string_view> names_of(Discover) { return kDiscovers; }
std::span<const std::string_view> names_of(AlertKind) { return kAlertKinds; }

std::span<const Key<Mesh>> mesh_keys() {
  static const std::vector<Key<Mesh>> keys = {
      key<&Mesh::name>({.name = "name",
                        .type = Type::name,
                        .meaning = "What this mesh is called, in status and messages.",
                        .example = "\"office\""}),
      key<&Mesh::node>({.name = "node",
                        .type = Type::name,
                        .meaning = "Which [[node]] this machine is.",
                        .example = "\"alpha\"",
                        .default_words = "the host name, without its domain"}),
      key<&Mesh::gossip_port>({.name = "gossip_port",
                               .type = Type::port,
                               .meaning = "Where the nodes' Serf agents hear each other, TCP and UDP.",
                               .example = "17946"}),
      key<&Mesh::gossip_profile>(
          {.name = "gossip_profile",
           .type = Type::choice,
           .meaning = "How patient Serf is: \"wan\" for nodes at several places, \"lan\" for one network.",
           .example = "\"lan\"",
           .choices = kGossipProfiles}),
      key<&Mesh::serf_rpc_port>({.name = "serf_rpc_port",
                                 .type = Type::port,
                                 .meaning = "Where a node's own Serf agent takes orders, on loopback only.",
                                 .example = "17373"}),
      key<&Mesh::heartbeat_port>({.name = "heartbeat_port",
                                  .type = Type::port,
                                  .meaning = "Where each node answers the heartbeats of the others, UDP.",
                                  .example = "17947"}),
      key<&Mesh::guard_peers>(
          {.name = "guard_peers",
           .type = Type::yes_no,
           .meaning = "The agent keeps the nodes within reach of each other: fail2ban bans none of them, and "
                      "the firewall lets them in at the ports of the mesh.",
           .example = "false"}),
  };
  return keys;
}

std::span<const Key<Mesh>> agent_keys() {
  static const std::vector<Key<Mesh>> keys = {
      key<&Mesh::socket>(
          {.name = "socket",
           .type = Type::path,
           .meaning = "Where the agent listens for the other commands on this machine (at most 107 bytes).",
           .example = "\"/run/meshops/agent.sock\"",
           .default_words = "/run/meshops/agent.sock for root; else $XDG_RUNTIME_DIR/meshops/agent.sock, "
                            "else agent.sock in state_dir"}),
      key<&Mesh::state_dir>({.name = "state_dir",
                             .type = Type::path,
                             .meaning = "Where the agent keeps what it learnt and the gateways' logs.",
                             .example = "\"/var/lib/meshops\"",
                             .default_words = "/var/lib/meshops for root; else $XDG_STATE_HOME/meshops, else "
                                              "~/.local/state/meshops"}),
      key<&Mesh::log_level>({.name = "log_level",
                             .type = Type::choice,
                             .meaning = "The least important lines that the agent still logs.",
                             .example = "\"debug\"",
                             .choices = kLogLevels}),
      key<&Mesh::discover>(
          {.name = "discover",
           .type = Type::discover,
           .meaning = "What happens to gateways found on this machine that no [[gateway]] lists: true "
                      "supervises them, \"observe\" only shows them, false ignores them.",
           .example = "\"observe\"",
           .choices = kDiscovers}),
  };
  return keys;
}

std::span<const Key<Limits>> limits_keys() {
  static const std::vector<Key<Limits>> keys = {
      key<&Limits::profile>(
          {.name = "profile",
           .type = Type::choice,
           .meaning = "How bold meshops is; with \"observe-only\" it watches and restarts nothing.",
           .example = "\"cautious\"",
           .choices = kProfiles}),
      key<&Limits::probe_interval>({.name = "probe_interval",
                                    .type = Type::duration,
                                    .meaning = "How often each gateway is probed.",
                                    .example = "\"10s\"",
                                    .at_least = ms(100ms),
                                    .at_most = ms(1h),
                                    .because = "faster probes are load, not health"}),
      key<&Limits::probe_timeout>({.name = "probe_timeout",
                                   .type = Type::duration,
                                   .meaning = "How long one probe waits for its answer.",
                                   .example = "\"3s\"",
                                   .at_least = ms(100ms),
                                   .at_most = ms(10min),
                                   .because = "a busy gateway answers late and is not dead"}),
      key<&Limits::start_floor>(
          {.name = "start_floor",
           .type = Type::duration,
           .meaning = "A gateway that starts is never restarted before this has passed.",
           .example = "\"5m\"",
           .at_least = ms(30s),
           .at_most = ms(1h),
           .because = "a gateway that is killed while it warms up never gets to be ready"}),
      key<&Limits::start_cap>(
          {.name = "start_cap",
           .type = Type::duration,
           .meaning = "However busy it is: a start that takes longer has failed.",
           .example = "\"30m\"",
           .at_least = ms(30s),
           .at_most = ms(24h),
           .because = "a gateway that is killed while it warms up never gets to be ready"}),
      key<&Limits::hang_misses>(
          {.name = "hang_misses",
           .type = Type::count,
           .meaning = "How many probes missed in a row make a running gateway count as hung.",
           .example = "5",
           .at_least = 1,
           .at_most = 1000}),
      key<&Limits::backoff_first>({.name = "backoff_first",
                                   .type = Type::duration,
                                   .meaning = "Wait before the first restart in a row.",
                                   .example = "\"2s\"",
                                   .at_most = ms(1h)}),
      key<&Limits::backoff_base>(
          {.name = "backoff_base",
           .type = Type::duration,
           .meaning = "Wait before the second restart in a row; it doubles from then on.",
           .example = "\"5s\"",
           .at_least = ms(100ms),
           .at_most = ms(1h),
           .because = "restarts without a pause only heat the machine"}),
      key<&Limits::backoff_max>({.name = "backoff_max",
                                 .type = Type::duration,
                                 .meaning = "The longest wait between two restarts.",
                                 .example = "\"10m\"",
                                 .at_least = ms(100ms),
                                 .at_most = ms(24h)}),
      key<&Limits::backoff_reset>(
          {.name = "backoff_reset",
           .type = Type::duration,
           .meaning = "After running well for this long, the next restart counts as the first.",
           .example = "\"1h\"",
           .at_least = ms(1s),
           .at_most = ms(168h)}),
      key<&Limits::log_max_bytes>(
          {.name = "log_max_bytes",
           .type = Type::size,
           .meaning = "A gateway's log that meshops writes is turned over at this size.",
           .example = "\"50MiB\"",
           .at_least = 4096,
           .at_most = std::uint64_t{100} << 30}),
      key<&Limits::log_keep>({.name = "log_keep",
                              .type = Type::count,
                              .meaning = "How many turned-over logs are kept for each gateway.",
                              .example = "10",
                              .at_most = 1000}),
  };
  return keys;
}

std::span<const Key<HealSpec>> heal_keys() {
  static const std::vector<Key<HealSpec>> keys = {
      key<&HealSpec::consent>(
          {.name = "consent",
           .type = Type::names,
           .meaning = "Remedies that you allow beyond those that meshops may always use, by their names in "
                      "docs/remedies.md.",
           .example = "[\"disable_competing_unit\", \"swap_primary_model\"]",
           .default_words = "none"}),
      key<&HealSpec::per_hour>(
          {.name = "per_hour",
           .type = Type::count,
           .meaning =
               "How many remedies within an hour are tried on one gateway; after that people are told. "
               "0: none.",
           .example = "2",
           .at_most = 20}),
      key<&HealSpec::pause>(
          {.name = "pause",
           .type = Type::duration,
           .meaning = "Wait after a remedy that did not help, before the next; it doubles from then on.",
           .example = "\"2m\"",
           .at_least = ms(1s),
           .at_most = ms(1h),
           .because = "a gateway needs a moment to show whether it is well"}),
      key<&HealSpec::well_for>(
          {.name = "well_for",
           .type = Type::duration,
           .meaning = "How long a gateway must be well before a remedy counts as having helped.",
           .example = "\"1m\"",
           .at_least = ms(1s),
           .at_most = ms(1h),
           .because = "many faults show only a moment after the start"}),
  };
  return keys;
}

std::span<const Key<NodeSpec>> node_keys() {
  static const std::vector<Key<NodeSpec>> keys = {
      key<&NodeSpec::name>({.name = "name",
                            .type = Type::name,
                            .meaning = "What the node is called; each node has a name of its own.",
                            .example = "\"alpha\"",
                            .required = true}),
      {{.name = "address",
        .type = Type::address,
        .meaning =
            "Where other nodes reach it: an IP address or DNS name, and :port if it is not the usual one.",
        .example = "\"10.0.0.1\"",
        .default_words = "127.0.0.1 for this machine; else the node's name"},
       [](NodeSpec& node, Setting s) {
         // The parser has checked it.
         auto parsed = values::address(std::get<std::string>(s)).value_or(values::Address{});
         node.address = parsed.host;
         node.port = parsed.port;
       },
       [](const NodeSpec& node) {
         return node.address.empty() ? Setting{} : Setting{values::address_text(node.address, node.port)};
       }},
      key<&NodeSpec::ssh_port>({.name = "ssh_port",
                                .type = Type::port,
                                .meaning = "Where its SSH server listens.",
                                .example = "2222"}),
      key<&NodeSpec::user>({.name = "user",
                            .type = Type::account,
                            .meaning = "The account for SSH to it.",
                            .example = "\"ops\""}),
      key<&NodeSpec::host_key>(
          {.name = "host_key",
           .type = Type::public_key,
           .meaning = "The ed25519 host key of its SSH server: no other one is believed when it is healed. "
                      "`meshops mesh keys` on that node prints the line.",
           .example = "\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN5RaB4n1SOQ0sRt/kOysjN23RGOHZX9bisEJ2kpk5uN\"",
           .default_words = "none: the others cannot heal it over SSH"}),
      key<&NodeSpec::healing_key>(
          {.name = "healing_key",
           .type = Type::public_key,
           .meaning = "The public key of that node's healer: with it, that node may heal this one, and what "
                      "it says of others is heard. `meshops mesh keys` on that node prints the line.",
           .example = "\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDQ6nuIXhbP5FukhR7eLxI2qOtKS3VIkP1kOdSD1YaeD\"",
           .default_words = "none: it heals nobody, and is not heard"}),
      key<&NodeSpec::instance>(
          {.name = "instance",
           .type = Type::instance,
           .meaning = "What its provider calls it: \"gcp:PROJECT/ZONE/NAME\" or \"vultr:ID\". With a key in "
                      "[reset], the others reset it when none of them has reached it for minutes.",
           .example = "\"gcp:my-project/europe-west1-b/alpha\"",
           .default_words = "none: it is never reset"}),
      key<&NodeSpec::outside_url>(
          {.name = "outside_url",
           .type = Type::url,
           .meaning =
               "Answers with 200 while somebody outside of the mesh sees this node, and with 404 or 503 "
               "while not: the third witness in a mesh of two.",
           .example = "\"https://status.example.org/alpha\"",
           .default_words = "none"}),
  };
  return keys;
}

std::span<const Key<ResetSpec>> reset_keys() {
  static const std::vector<Key<ResetSpec>> keys = {
      key<&ResetSpec::gcp_key_file>(
          {.name = "gcp_key_file",
           .type = Type::path,
           .meaning = "The key of a Google service account (JSON, mode 600) that may reset the mesh's "
                      "instances and nothing else (compute.instances.get, compute.instances.reset, "
                      "compute.zoneOperations.get).",
           .example = "\"/etc/meshops/gcp-reset.json\"",
           .default_words = "none: no instance of Google's is reset"}),
      key<&ResetSpec::vultr_key_file>(
          {.name = "vultr_key_file",
           .type = Type::path,
           .meaning = "A file (mode 600) with the API key of a Vultr user whose rights are those of resets.",
           .example = "\"/etc/meshops/vultr-reset.key\"",
           .default_words = "none: no instance of Vultr's is reset"}),
      key<&ResetSpec::gcp_url>({.name = "gcp_url",
                                .type = Type::url,
                                .meaning = "Where Google's compute API is.",
                                .example = "\"https://compute.internal.example.org\""}),
      key<&ResetSpec::vultr_url>({.name = "vultr_url",
                                  .type = Type::url,
                                  .meaning = "Where Vultr's API is.",
                                  .example = "\"https://vultr.internal.example.org\""}),
  };
  return keys;
}

std::span<const Key<GatewaySpec>> gateway_keys() {
  constexpr OnlyFor kProcess{.runtimes = bit(RuntimeKind::process)};
  constexpr OnlyFor kOpenclaw{.kinds = bit(GatewayKind::openclaw)};
  static const std::vector<Key<GatewaySpec>> keys = {
      key<&GatewaySpec::name>(
          {.name = "name",
           .type = Type::name,
           .meaning = "What the gateway is called; no other one on its node has that name.",
           .example = "\"main\"",
           .required = true}),
      key<&GatewaySpec::node>({.name = "node",
                               .type = Type::name,
                               .meaning = "The [[node]] it runs on.",
                               .example = "\"alpha\"",
                               .default_words = "this machine's node"}),
      key<&GatewaySpec::kind>(
          {.name = "kind",
           .type = Type::choice,
           .meaning = "What it is: an OpenClaw gateway, or anything that answers an HTTP request.",
           .example = "\"http\"",
           .choices = kGatewayKinds}),
      key<&GatewaySpec::runtime>({.name = "runtime",
                                  .type = Type::choice,
                                  .meaning =
                                      "What starts and stops it: meshops itself, systemd (the system's or a "
                                      "user's manager), or Docker.",
                                  .example = "\"systemd-system\"",
                                  .choices = kRuntimeKinds}),
      key<&GatewaySpec::command>(
          {.name = "command",
           .type = Type::words,
           .meaning = "The program and its arguments; no shell is involved.",
           .example = "[\"node\", \"/opt/openclaw/openclaw.mjs\", \"gateway\", \"run\"]",
           .default_words = "the gateway that meshops installs itself (kind openclaw)",
           .only_for = kProcess}),
      key<&GatewaySpec::environment>(
          {.name = "environment",
           .type = Type::environment,
           .meaning = "Variables added to its environment. Shown with secrets hidden.",
           .example = "{ OPENCLAW_STATE_DIR = \"/srv/openclaw\" }",
           .default_words = "none",
           .only_for = kProcess}),
      key<&GatewaySpec::working_dir>({.name = "working_dir",
                                      .type = Type::path,
                                      .meaning = "The directory it is started in.",
                                      .example = "\"/srv/openclaw\"",
                                      .default_words = "the home directory of its account",
                                      .only_for = kProcess}),
      key<&GatewaySpec::unit>({.name = "unit",
                               .type = Type::unit,
                               .meaning = "Its service unit; .service is added when missing.",
                               .example = "\"openclaw-gateway.service\"",
                               .default_words = "openclaw-gateway.service (kind openclaw)",
                               .only_for = {.runtimes = kSystemd}}),
      key<&GatewaySpec::user>(
          {.name = "user",
           .type = Type::account,
           .meaning = "systemd-user: whose manager runs it. process: the account it runs as (the "
                      "agent must be root).",
           .example = "\"claw\"",
           .default_words = "the agent's own account",
           .only_for = {.runtimes = bit(RuntimeKind::process) | bit(RuntimeKind::systemd_user)}}),
      key<&GatewaySpec::container>({.name = "container",
                                    .type = Type::container,
                                    .meaning = "Its container, by name or id. Needed for runtime docker.",
                                    .example = "\"openclaw\"",
                                    .default_words = "none",
                                    .only_for = {.runtimes = bit(RuntimeKind::docker)}}),
      key<&GatewaySpec::port>({.name = "port",
                               .type = Type::port,
                               .meaning = "The port it listens on.",
                               .example = "18789",
                               .default_words = "from the gateway's own configuration, or from url"}),
      key<&GatewaySpec::config>({.name = "config",
                                 .type = Type::path,
                                 .meaning = "Its own configuration file.",
                                 .example = "\"/home/claw/.openclaw/openclaw.json\"",
                                 .default_words = "the gateway's own default",
                                 .only_for = kOpenclaw}),
      key<&GatewaySpec::state_dir>({.name = "state_dir",
                                    .type = Type::path,
                                    .meaning = "Its own state directory.",
                                    .example = "\"/home/claw/.openclaw\"",
                                    .default_words = "the gateway's own default",
                                    .only_for = kOpenclaw}),
      key<&GatewaySpec::url>({.name = "url",
                              .type = Type::url,
                              .meaning = "What is asked to see whether it is well. Needed for kind http.",
                              .example = "\"http://127.0.0.1:8080/health\"",
                              .default_words = "none",
                              .only_for = {.kinds = bit(GatewayKind::http)}}),
      key<&GatewaySpec::canary>(
          {.name = "canary",
           .type = Type::yes_no,
           .meaning = "Ask for one real answer once it is ready; that costs a model call.",
           .example = "true",
           .only_for = kOpenclaw}),
      key<&GatewaySpec::enabled>({.name = "enabled",
                                  .type = Type::yes_no,
                                  .meaning = "false: meshops leaves it alone.",
                                  .example = "false"}),
      key<&GatewaySpec::stands_by_for>(
          {.name = "stands_by_for",
           .type = Type::line,
           .meaning = "NODE/GATEWAY: it has the bot of that gateway, and only meshops starts it: in the "
                      "place of that one, once that one is proven stopped.",
           .example = "\"alpha/main\"",
           .default_words = "nobody",
           .only_for = {.runtimes = bit(RuntimeKind::process) | kSystemd}}),
      key<&GatewaySpec::yields_alone>(
          {.name = "yields_alone",
           .type = Type::duration,
           .meaning = "A gateway for which others stand by is stopped when its node has been out of touch "
                      "with most of the mesh for this long; else nobody takes its place while nobody "
                      "reaches its node. 0s: never.",
           .example = "\"2m\"",
           .at_least = 0,
           .at_most = ms(1h)}),
  };
  return keys;
}

const std::vector<Section>& sections() {
  static const std::vector<Section> all = {
      section("mesh", false, "The mesh as a whole.", mesh_keys()),
      section("agent", false, "The agent on this machine.", agent_keys()),
      section("limits", false, "How patient and how bold meshops is.", limits_keys()),
      section("heal", false, "How far meshops may go to mend a gateway.", heal_keys()),
      section("audit", false, "What you have decided, as far as `meshops audit` asks for it.", audit_keys()),
      section("hive", false, "The shared brain of the mesh, as the audit looks at it.", hive_keys()),
      section("reset", false, "How a node that nobody reaches is reset through its provider.", reset_keys()),
      section(
          "store", false,
          "An object store that every node reaches: a witness outside of the mesh, and where healers agree "
          "who treats a node that nobody reaches.",
          store_keys()),
      section("node", true, "One machine of the mesh. Without any, the mesh is this machine alone.",
              node_keys()),
      section("gateway", true, "One gateway to look after.", gateway_keys()),
      section("alert", true,
              "One way to tell people when meshops has given up, was stopped by a guard, or sees what only a "
              "person can mend. Without any, it is only logged.",
              alert_keys()),
      section("allow", true, "One finding of the audit that you live with, why, and until when.",
              allow_keys()),
      section("backup", true, "One copy of your data, as the audit counts them.", backup_keys()),
      section("route", true, "Which models a kind of work goes to, as the audit holds the gateways to it.",
              route_keys()),
  };
  return all;
}

std::string Section::header() const {
  return repeated ? fmt::format("[[{}]]", name) : fmt::format("[{}]", name);
}

std::string OnlyFor::text() const {
  auto list = [](unsigned bits, std::span<const std::string_view> names) {
    std::vector<std::string> found;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (((bits >> i) & 1U) != 0) found.emplace_back(names[i]);
    return join(found, " or ");
  };
  std::vector<std::string> parts;
  if (kinds != ~0U) parts.push_back("kind " + list(kinds, kGatewayKinds));
  if (runtimes != ~0U) parts.push_back("runtime " + list(runtimes, kRuntimeKinds));
  if (alerts != ~0U) parts.push_back("kind " + list(alerts, kAlertKinds));
  return join(parts, " with ");
}

std::string wanted(const KeyFacts& key) {
  auto duration = [](std::uint64_t n) { return duration_text(std::chrono::milliseconds(n)); };
  auto size = [](std::uint64_t n) { return size_text(n); };
  switch (key.type) {
    case Type::name:
      return "a name";
    case Type::path:
      return "an absolute path";
    case Type::account:
      return "an account's name or number";
    case Type::container:
      return "a container's name or id";
    case Type::address:
      return "an IP address or DNS name";
    case Type::url:
      return "an http:// or https:// URL";
    case Type::unit:
      return "a unit's name";
    case Type::yes_no:
      return "true or false";
    case Type::discover:
      return "true, false or \"observe\"";
    case Type::port:
      return "a port from 1 to 65535";
    case Type::count:
      return fmt::format("a number from {} to {}", key.at_least, key.at_most);
    case Type::duration:
      return fmt::format("a duration from {} to {}", duration(key.at_least), duration(key.at_most));
    case Type::size:
      return fmt::format("a size from {} to {}", size(key.at_least), size(key.at_most));
    case Type::words:
      return "a list of texts";
    case Type::names:
      return "a list of names";
    case Type::environment:
      return "a table of texts";
    case Type::line:
      return "a text of one line";
    case Type::date:
      return "a day such as 2027-01-31";
    case Type::mail_server:
      return "a mail server such as smtps://mail.example.org:465";
    case Type::mailbox:
      return "a mail address";
    case Type::mailboxes:
      return "a list of mail addresses";
    case Type::public_key:
      return "an ed25519 public key such as \"ssh-ed25519 AAAA…\"";
    case Type::instance:
      return "an instance such as \"gcp:PROJECT/ZONE/NAME\" or \"vultr:ID\"";
    case Type::store_url:
      return "a store such as \"s3://my-bucket/meshops\" or \"dir:/mnt/shared/meshops\"";
    case Type::region:
      return "a region such as \"eu-central-1\"";
    case Type::choice:
      break;
  }
  std::string out = "one of ";
  for (auto choice : key.choices) {
    if (choice != key.choices.front()) out += choice == key.choices.back() ? " or " : ", ";
    out += fmt::format("\"{}\"", choice);
  }
  return out;
}

}  // namespace meshops::schema
