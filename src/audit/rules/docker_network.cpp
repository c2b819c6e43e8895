// Ports that are published and answer nobody.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "audit/rules/docker.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

// --- DOC-006 ---

/// "loopback", "127.0.0.1:8080", "[::1]:80", "localhost", "tcp://127.0.0.1:2375".
bool is_loopback(std::string_view text) {
  if (auto scheme = text.find("://"); scheme != std::string_view::npos) text = text.substr(scheme + 3);
  auto low = lower(text);
  if (low == "loopback" || low == "::1" || low == "[::1]" || low.starts_with("[::1]:")) return true;
  auto host = low.substr(0, low.find(':'));
  if (host == "localhost") return true;
  auto parts = split(host, '.');
  return parts.size() == 4 && parts[0] == "127" &&
         std::ranges::all_of(parts, [](auto p) { return to_number<unsigned>(p).has_value(); });
}

constexpr std::array<std::string_view, 15> kFlags = {
    "--bind",      "--host",      "--listen",        "--address",        "--addr",      "--hostname",
    "--ip",        "--http-host", "--bind-address",  "--listen-address", "--bind-addr", "--listen-addr",
    "--http.addr", "-b",          "--server.address"};
constexpr std::array<std::string_view, 20> kNames = {"HOST",
                                                     "HOSTNAME",
                                                     "BIND",
                                                     "BIND_ADDR",
                                                     "BIND_ADDRESS",
                                                     "BIND_HOST",
                                                     "LISTEN",
                                                     "LISTEN_ADDR",
                                                     "LISTEN_ADDRESS",
                                                     "LISTEN_HOST",
                                                     "SERVER_HOST",
                                                     "GATEWAY_BIND",
                                                     "UVICORN_HOST",
                                                     "FLASK_RUN_HOST",
                                                     "OLLAMA_HOST",
                                                     "SERVER_ADDRESS",
                                                     "OPENCLAW_GATEWAY_BIND",
                                                     "N8N_LISTEN_ADDRESS",
                                                     "HTTP_HOST",
                                                     "GF_SERVER_HTTP_ADDR"};

/// A public name for some programs, an address to bind for others: only a number tells.
bool binds_loopback(std::string_view name, std::string_view value) {
  bool name_only = name == "--hostname" || name == "HOSTNAME" || name == "HTTP_HOST";
  return is_loopback(value) && !(name_only && lower(value).starts_with("localhost"));
}

/// "--bind loopback" as it is written in a command; nothing if it does not bind loopback.
std::optional<std::string> bound(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    // `sh -c "exec app --host 127.0.0.1"`
    if (word.find(' ') != std::string_view::npos) {
      std::vector<std::string> inner;
      for (auto w : meshops::words(word)) inner.emplace_back(w);
      if (auto found = bound(inner)) return found;
    }
    auto equals = word.find('=');
    auto flag = word.substr(0, equals);
    if (std::ranges::find(kFlags, flag) == kFlags.end()) continue;
    auto value = equals != std::string_view::npos ? word.substr(equals + 1)
                 : i + 1 < words.size()           ? std::string_view(words[i + 1])
                                                  : std::string_view();
    if (binds_loopback(flag, value)) return fmt::format("{} {}", flag, value);
  }
  return std::nullopt;
}

void deaf(Findings& out, Where where, const std::string& by, const std::string& ports,
          const std::string& found) {
  out.add(std::move(where))
      .found("{}: {}, and port {} is published", by, printable(found), printable(ports))
      .wanted("0.0.0.0 (or lan) inside the container, and 127.0.0.1: on the host's side of the port")
      .message(
          "nobody can reach {}: what is published is handed to the container's own address, where nothing "
          "listens",
          by)
      .fix("bind all addresses inside the container, and keep it private with \"127.0.0.1:{}:…\" in ports",
           ports)
      .about("{} {}", by, ports);
}

/// gateway.bind of a configuration that is mounted into the service.
std::optional<Where> mounted_bind(const Site& site, const ComposeService& service) {
  for (const auto& mount : service.mounts()) {
    auto source = mount.text(mount.piece.source);
    if (source.empty() || !(source.starts_with('.') || source.starts_with('/'))) continue;
    auto path = (mount.file->path.parent_path() / source).lexically_normal();
    for (const auto* file : site.files().of(FileKind::gateway_config)) {
      if (file->path != path && file->path.parent_path() != path &&
          file->path.parent_path().string() + "/" != path.string())
        continue;
      auto text = site.host().read(file->path);
      if (!text) continue;
      auto document = json5::Document::parse(*text);
      if (!document) continue;
      auto bind = document->find("gateway", "bind");
      if (bind.as_string() == "loopback")
        return site.at(file->path, bind.position().line, bind.position().column);
    }
  }
  return std::nullopt;
}

void in_service(const Site& site, const DockerFiles& files, const ComposeService& service, Findings& out) {
  if (service.text("network_mode").value_or(compose::Expanded()).text == "host") return;
  auto ports = service.ports();
  std::erase_if(ports, [](const auto& p) { return p.piece.protocol == "udp"; });
  if (ports.empty()) return;
  const auto& port = ports.front().piece.container;
  // What the command line says, counts before the environment.
  for (const auto* key : {"command", "entrypoint"}) {
    auto value = service.effective(key);
    if (!value) continue;
    auto words = compose::words(value.value);
    for (auto& word : words) word = compose::interpolate(word, value.file->variables).text;
    auto found = bound(words);
    if (!found) {
      // An address of its own on the command line makes the rest void.
      if (std::ranges::any_of(words, [](const std::string& w) {
            return std::ranges::find(kFlags, std::string_view(w).substr(0, w.find('='))) != kFlags.end();
          }))
        return;
      continue;
    }
    auto place = value.value;
    for (const auto& item : value.value.items())
      if (auto word = compose::interpolate(item.text(), value.file->variables).text;
          is_loopback(word) || bound({word}))
        place = item;
    return deaf(out, at(site, {value.file, place}), service.name, port, *found);
  }
  std::set<std::string> set_here;
  for (const auto& [file, env] : service.environment()) {
    set_here.insert(env.name);
    if (!env.value || std::ranges::find(kNames, env.name) == kNames.end()) continue;
    auto value = compose::interpolate(*env.value, file->variables).text;
    if (binds_loopback(env.name, value))
      return deaf(out, at(site, {file, env.at}), service.name, port, env.name + "=" + value);
  }
  if (auto where = mounted_bind(site, service))
    return deaf(out, *where, service.name, port, "gateway.bind: loopback");
  const auto* build = files.build_of(service);
  if (build == nullptr) return;
  auto stage = DockerFiles::stage_of(service, *build);
  if (!stage) return;
  for (const auto* name : {"CMD", "ENTRYPOINT"}) {
    if (service.effective(name[0] == 'C' ? "command" : "entrypoint")) continue;
    const auto* instruction = build->file.last(*stage, name);
    if (instruction == nullptr) continue;
    if (auto found = bound(instruction->argv.value_or(instruction->words())))
      return deaf(out, site.at(build->path, instruction->at.line, instruction->at.column), service.name, port,
                  *found);
  }
  for (auto i = build->file.stages[*stage].from; i < build->file.stages[*stage].end; ++i)
    for (const auto& setting : build->file.instructions[i].settings())
      if (build->file.instructions[i].name == "ENV" && setting.value &&
          binds_loopback(setting.name, *setting.value) && !set_here.contains(setting.name) &&
          std::ranges::find(kNames, setting.name) != kNames.end())
        return deaf(out, site.at(build->path, setting.at.line, setting.at.column), service.name, port,
                    setting.name + "=" + *setting.value);
}

void in_run(const EngineRun& run, Findings& out) {
  auto published = run.values("--publish", "-p");
  auto networks = run.values("--network");
  for (const auto& net : run.values("--net")) networks.push_back(net);
  if (published.empty() || std::ranges::find(networks, "host") != networks.end()) return;
  auto port = published.front().substr(published.front().rfind(':') + 1);
  if (auto found = bound(run.argv)) return deaf(out, run.at, run.by, port, *found);
  for (const auto& value : run.values("--env", "-e")) {
    auto equals = value.find('=');
    if (equals == std::string::npos) continue;
    if (std::ranges::find(kNames, std::string_view(value).substr(0, equals)) != kNames.end() &&
        is_loopback(value.substr(equals + 1)))
      return deaf(out, run.at, run.by, port, value);
  }
}

/// Ports of /proc/PID/net/tcp and tcp6 that are listened on: whether any of them is open to the outside.
struct Listening {
  std::set<std::uint16_t> any, loopback;
};
void read_listeners(std::string_view text, bool six, Listening& out) {
  for (auto line : split(text, '\n')) {
    auto parts = meshops::words(line);
    if (parts.size() < 4 || parts[3] != "0A") continue;
    auto colon = parts[1].find(':');
    if (colon == std::string_view::npos) continue;
    auto port = to_number<std::uint16_t>(parts[1].substr(colon + 1), 16);
    if (!port) continue;
    auto address = parts[1].substr(0, colon);
    // Words of the machine's byte order: 0100007F is 127.0.0.1.
    bool loopback = six ? address == "00000000000000000000000001000000" ||
                              (address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F"))
                        : address.ends_with("7F");
    (loopback ? out.loopback : out.any).insert(*port);
  }
}

void in_container(const Site& site, const Container& c, Findings& out) {
  if (c.network_mode == "host" || c.published.empty() || c.pid <= 0) return;
  Listening listening;
  auto base = std::filesystem::path("/proc") / std::to_string(c.pid) / "net";
  auto four = site.host().read(base / "tcp");
  auto six = site.host().read(base / "tcp6");
  if (!four && !six) {
    out.skip(c.text(), four.error().text());
    return;
  }
  if (four) read_listeners(*four, false, listening);
  if (six) read_listeners(*six, true, listening);
  for (const auto& port : c.published) {
    if (!listening.loopback.contains(port.container) || listening.any.contains(port.container)) continue;
    deaf(out, {}, c.text(), std::to_string(port.container),
         fmt::format("listens on 127.0.0.1:{} inside", port.container));
  }
}

void reachable(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.compose_skips());
  for (const auto& service : files.services())
    if (service.whole() && !service.file->overlay) in_service(site, files, service, out);
  for (const auto& run : files.runs()) in_run(run, out);
  for (const auto& c : docker::containers(site, out)) in_container(site, c, out);
}

const Rule kRules[] = {
    {.id = "DOC-006",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A published port behind which nothing can be reached",
     .why = "Inside a container loopback is the container's own: the published port is open, and every "
            "connection "
            "is refused.",
     .not_when = "host network",
     .remedy =
         "Bind all addresses inside, and limit who may connect on the host's side: 127.0.0.1:PORT:PORT.",
     .check = reachable},
};

}  // namespace

std::span<const Rule> docker_network_rules() { return kRules; }

}  // namespace meshops::audit
