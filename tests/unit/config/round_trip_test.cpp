// Any mesh that can be described comes back the same from what to_toml() writes.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"
#include "config/mesh.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;

template <class T>
T between(T least, T most) {
  return *rc::gen::inRange<T>(least, static_cast<T>(most + 1));
}
Duration duration(Duration least, Duration most) {
  constexpr Duration kStep = 1ms;
  return between<std::int64_t>(least / kStep, most / kStep) * kStep;
}
std::string from(const std::string& alphabet, int least, int most) {
  std::string out;
  for (int n = between(least, most); n > 0; --n) out += *rc::gen::elementOf(alphabet);
  return out;
}
std::string name() { return from("abcXYZ019", 1, 5) + from("ab9._-", 0, 20); }
std::string path() { return "/" + from("ab ./\"'\\#=", 0, 20); }
/// Texts that a careless writer would break on.
std::string text() {
  auto pieces = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("a", "\"", "'", "\\", "\n", "\r", "\t", "\x01", "\x7f", "#", "=", "é",
                                    "\u2028", "😀", "\"\"\"", "u0041", " "));
  return join(pieces, "");
}
std::optional<std::uint16_t> port() {
  if (*rc::gen::arbitrary<bool>()) return std::nullopt;
  return between<std::uint16_t>(1, 65534);
}

Limits limits() {
  Limits l;
  l.profile = *rc::gen::element(Profile::normal, Profile::cautious, Profile::observe_only);
  l.probe_interval = duration(100ms, 1h);
  l.probe_timeout = duration(100ms, 10min);
  l.start_floor = duration(30s, 1h);
  l.start_cap = duration(l.start_floor, 24h);
  l.hang_misses = between(1U, 1000U);
  l.backoff_first = duration(0s, 1h);
  l.backoff_base = duration(100ms, 1h);
  l.backoff_max = duration(std::max(l.backoff_first, l.backoff_base), 24h);
  l.backoff_reset = duration(1s, 168h);
  l.log_max_bytes = between<std::uint64_t>(4096, std::uint64_t{100} << 30);
  l.log_keep = between(0U, 1000U);
  return l;
}

GatewaySpec gateway(std::size_t number, const std::string& node) {
  GatewaySpec g;
  g.name = fmt::format("{}{}", number, name());
  g.node = node;
  g.kind = *rc::gen::element(GatewayKind::openclaw, GatewayKind::http);
  g.runtime = *rc::gen::element(RuntimeKind::process, RuntimeKind::systemd_system, RuntimeKind::systemd_user,
                                RuntimeKind::docker);
  // Unique, so that no two entries claim one patient.
  g.port = port();
  if (g.port) g.port = static_cast<std::uint16_t>(1000 + number);
  if (g.kind == GatewayKind::openclaw) {
    if (*rc::gen::arbitrary<bool>()) g.config = path();
    if (*rc::gen::arbitrary<bool>()) g.state_dir = path();
    g.canary = *rc::gen::arbitrary<bool>();
  } else {
    g.port = port().value_or(80);
    g.url = fmt::format("http://{}{}/{}",
                        *rc::gen::element<std::string>("h.example.org", "10.0.0.1", "[fd00::1]"),
                        g.port == 80 ? "" : fmt::format(":{}", *g.port), from("ab/?%=", 0, 9));
  }
  if (g.runtime == RuntimeKind::process) {
    if (g.kind == GatewayKind::http || *rc::gen::arbitrary<bool>()) g.command = {"p" + text(), text()};
    for (int n = between(0, 3); n > 0; --n)
      g.environment[from("AB_ .'\"", 1, 5) + *rc::gen::element<std::string>("", "é")] = text();
    if (*rc::gen::arbitrary<bool>()) g.working_dir = path();
  }
  bool systemd = g.runtime == RuntimeKind::systemd_system || g.runtime == RuntimeKind::systemd_user;
  if (systemd) g.unit = fmt::format("{}{}.service", from("ab@:_.", 1, 9), number);
  if (g.runtime == RuntimeKind::docker) g.container = fmt::format("{}-{}", name(), number);
  bool has_user = g.runtime == RuntimeKind::systemd_user || g.runtime == RuntimeKind::process;
  if (has_user && *rc::gen::arbitrary<bool>()) g.user = from("ab_9", 1, 9);
  g.enabled = *rc::gen::arbitrary<bool>();
  return g;
}

AlertSpec alert(std::size_t number) {
  AlertSpec a;
  a.name = fmt::format("{}{}", number, name());
  a.kind = *rc::gen::element(AlertKind::webhook, AlertKind::slack, AlertKind::discord, AlertKind::telegram,
                             AlertKind::smtp, AlertKind::command);
  a.quiet = duration(0s, 168h);
  a.per_hour = between(1U, 1000U);
  auto line = [] { return "l" + from("ab \"'\\#=", 0, 9); };
  if (a.kind == AlertKind::command) {
    a.command = {"p" + text(), text()};
  } else if (a.kind == AlertKind::smtp) {
    a.server = *rc::gen::element<std::string>("smtps://mail.example.org", "smtp://127.0.0.1:25",
                                              "smtps://[fd00::1]:465");
    a.from = from("ab.+'!", 1, 9) + "@example.org";
    a.to = {"a@b", from("ab.+'!", 1, 9) + "@example.org"};
    if (*rc::gen::arbitrary<bool>()) a.user = line();
    if (!a.user.empty()) a.password_file = path();
  } else {
    if (*rc::gen::arbitrary<bool>())
      a.url = "https://h.example.org/" + from("ab/?%=", 0, 9);
    else
      a.url_file = path();
    if (a.kind == AlertKind::telegram) a.chat_id = line();
  }
  return a;
}

/// The n-th key of that role: any 32 bytes are one.
std::string public_key(std::size_t n, std::string_view role) {
  return fmt::format("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{}{}{}", static_cast<char>('A' + n),
                     std::string(41, 'x'), role);
}

Mesh any_mesh() {
  Mesh mesh;
  mesh.name = name();
  for (std::size_t n = 0, count = between<std::size_t>(1, 4); n < count; ++n)
    mesh.nodes.push_back({.name = fmt::format("{}{}", n, name()),
                          .address = *rc::gen::element<std::string>("10.0.0.1", "fd00::1", "a-b.example.org"),
                          .port = port().value_or(0),
                          .ssh_port = between<std::uint16_t>(1, 65534),
                          .user = from("ab_", 1, 9),
                          .host_key = public_key(n, "h"),
                          .healing_key = public_key(n, "k")});
  auto some_node = [&] { return mesh.nodes[*rc::gen::inRange<std::size_t>(0, mesh.nodes.size())].name; };
  mesh.node = some_node();
  mesh.socket = path();
  mesh.state_dir = path();
  mesh.log_level = *rc::gen::element<std::string>("debug", "info", "warn", "error");
  mesh.discover = *rc::gen::element(Discover::off, Discover::observe, Discover::supervise);
  mesh.limits = limits();
  for (std::size_t n = 0, count = between<std::size_t>(0, 4); n < count; ++n)
    mesh.gateways.push_back(gateway(n, some_node()));
  for (std::size_t n = 0, count = between<std::size_t>(0, 4); n < count; ++n) mesh.alerts.push_back(alert(n));
  if (*rc::gen::arbitrary<bool>()) mesh.hive.directory = path();
  mesh.hive.interval = duration(1min, 8760h);
  for (const auto* task : {"chat", "heartbeat", "media-image"}) {
    if (*rc::gen::arbitrary<bool>()) continue;
    auto& route = mesh.routes.emplace_back();
    route.task = task;
    for (int n = between(1, 3); n > 0; --n)
      route.models.push_back(from("ab.-", 1, 5) + "/" + from("ab9.:/-", 1, 9));
    if (!mesh.gateways.empty() && *rc::gen::arbitrary<bool>()) route.gateway = mesh.gateways.front().name;
  }
  return mesh;
}

RC_GTEST_PROP(RoundTrip, AnyMeshComesBackFromItsToml, ()) {
  auto mesh = any_mesh();
  auto back = parse_mesh(to_toml(mesh), {}, {.host_name = "elsewhere", .environment = {}});
  if (!back) RC_FAIL(back.error().faults.front().text() + "\n" + to_toml(mesh));
  RC_ASSERT(*back == mesh);
}

}  // namespace
}  // namespace meshops
