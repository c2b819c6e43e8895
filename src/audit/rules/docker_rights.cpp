// What a container may do to the machine: privileges, capabilities, user namespaces, the engine's socket.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "audit/rules/docker.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

// --- DOC-007 ---

/// What somebody who wrote "privileged" most likely needed.
std::string_view instead_of_privileged(std::string_view about) {
  auto text = lower(about);
  auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  if (has("wireguard") || has("openvpn") || has("tailscale") || has("gluetun") || has("vpn") ||
      has("pihole") || has("dnsmasq"))
    return "cap_add: [NET_ADMIN] and devices: [/dev/net/tun]";
  if (has("dind") || has("docker:"))
    return "a rootless image (docker:dind-rootless), or a machine of its own";
  if (has("fuse") || has("rclone") || has("s3fs") || has("mergerfs"))
    return "cap_add: [SYS_ADMIN] and devices: [/dev/fuse]";
  if (has("zigbee") || has("home-assistant") || has("homeassistant") || has("tty") || has("usb"))
    return "devices: [/dev/ttyUSB0], the one device it talks to";
  if (has("cadvisor") || has("node-exporter") || has("smart"))
    return "read-only mounts of /sys and /proc, devices: [/dev/kmsg]";
  if (has("chrome") || has("browser") || has("puppeteer") || has("playwright") || has("selenium"))
    return "shm_size: 1gb and a seccomp profile for the browser's sandbox";
  return "nothing first: run it with cap_drop: [ALL] and add what it then complains of";
}

void privileged_found(Findings& out, Where where, const std::string& found, const std::string& about,
                      std::string_view instead) {
  out.add(std::move(where))
      .found("{}", found)
      .wanted("not privileged; {}", instead)
      .message(
          "this container has every device and every right of the machine: whoever is root in it is root on "
          "it")
      .fix("take it away, and instead: {}", instead)
      .about("{}", about);
}

void privileged(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.compose_skips());
  for (const auto& service : files.services()) {
    auto value = service.value.at("privileged");
    if (value.boolean() != true && lower(value.text()) != "true") continue;
    auto image = service.image();
    privileged_found(out, at(site, {service.file, value}), service.name + ": privileged: true", service.name,
                     instead_of_privileged(service.name + " " + (image ? image->text : "")));
  }
  for (const auto& run : files.runs())
    if (run.has("--privileged"))
      privileged_found(out, run.at, run.by + ": --privileged " + printable(run.image),
                       run.by + " " + run.image, instead_of_privileged(run.image));
  for (const auto& c : docker::containers(site, out))
    if (c.privileged)
      privileged_found(out, {}, c.text() + ": privileged", "container " + c.name,
                       instead_of_privileged(c.name + " " + c.image));
}

// --- DOC-008 ---

struct Capability {
  std::string_view name, means;
};
constexpr std::array<Capability, 13> kDangerous = {{
    {"ALL", "everything root can do"},
    {"SYS_ADMIN", "mounts, namespaces and most of what root can do"},
    {"SYS_PTRACE", "reading and changing other processes"},
    {"SYS_MODULE", "loading code into the kernel"},
    {"NET_ADMIN", "changing addresses, routes and the firewall"},
    {"SYS_RAWIO", "writing to devices and memory"},
    {"SYS_BOOT", "restarting the machine"},
    {"SYS_TIME", "setting the machine's clock"},
    {"DAC_READ_SEARCH", "reading any file of the machine"},
    {"DAC_OVERRIDE", "writing any file it can see"},
    {"BPF", "programs inside the kernel"},
    {"PERFMON", "watching every process"},
    {"MAC_ADMIN", "changing the access rules of the machine"},
}};

std::string capability(std::string_view text) {
  std::string out(trim(text));
  for (auto& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (out.starts_with("CAP_")) out.erase(0, 4);
  return out;
}
const Capability* dangerous(std::string_view text) {
  auto found = std::ranges::find(kDangerous, capability(text), &Capability::name);
  return found == kDangerous.end() ? nullptr : &*found;
}

void capability_found(Findings& out, Where where, const std::string& by, const Capability& cap) {
  out.add(std::move(where))
      .found("{}: cap_add {}", by, cap.name)
      .wanted("only what it cannot do without")
      .message("{} gives this container {}", cap.name, cap.means)
      .fix("cap_drop: [ALL], and cap_add only what it then fails without")
      .about("{} {}", by, cap.name);
}
void keeps_capabilities(Findings& out, Where where, const std::string& by) {
  out.add(std::move(where))
      .severity(Severity::info)
      .found("{}: no cap_drop ALL", by)
      .wanted("cap_drop: [ALL]")
      .message("it keeps 14 rights of root by default, and most services need none of them")
      .fix("cap_drop: [ALL], then cap_add what it fails without (often none, or NET_BIND_SERVICE)")
      .about("{} cap_drop", by);
}

void capabilities(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.compose_skips());
  for (const auto& service : files.services()) {
    for (const auto& item : compose::list(service.value.at("cap_add")))
      if (const auto* cap = dangerous(item.text()))
        capability_found(out, at(site, {service.file, item}), service.name, *cap);
    if (!service.whole() || service.file->overlay) continue;
    bool drops = false;
    for (const auto& item : service.list("cap_drop")) drops = drops || capability(item.value.text()) == "ALL";
    if (!drops) keeps_capabilities(out, docker::at_service(site, service), service.name);
  }
  for (const auto& run : files.runs())
    for (const auto& value : run.values("--cap-add"))
      if (const auto* cap = dangerous(value)) capability_found(out, run.at, run.by, *cap);
  for (const auto& c : docker::containers(site, out)) {
    for (const auto& value : c.cap_add)
      if (const auto* cap = dangerous(value)) capability_found(out, {}, c.text(), *cap);
    if (c.privileged) continue;
    if (std::ranges::none_of(c.cap_drop, [](const auto& v) { return capability(v) == "ALL"; }))
      keeps_capabilities(out, {}, c.text());
  }
}

// --- DOC-009 ---

bool maps_users(const EngineConfig& engine) {
  // A rootless engine's own configuration.
  if (engine.path.string().find("/.config/docker/") != std::string::npos) return true;
  if (!engine.document) return false;
  auto remap = engine.document->find("userns-remap").as_string();
  return remap && !remap->empty();
}

void unmapped(Findings& out, Where where, const std::string& found, const std::string& about) {
  out.add(std::move(where))
      .found("{}", found)
      .wanted("userns-remap, or a rootless engine")
      .message("root in the container is the machine's own root: what it can reach outside, it may change")
      .fix(
          "\"userns-remap\": \"default\" in daemon.json (images and volumes are made anew), or USER in the "
          "image")
      .about("{}", about);
}

void user_namespaces(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  bool mapped = false;
  for (const auto& engine : files.engines()) {
    mapped = mapped || maps_users(engine);
    if (maps_users(engine) || site.live()) continue;
    if (!engine.document) {
      if (engine.problem != "empty") out.skip(site.shown(engine.path), engine.problem);
      continue;
    }
    auto place = engine.document->find("userns-remap");
    auto where = place ? place.key_position() : engine.document->root().position();
    unmapped(out, site.at(engine.path, where.line, where.column),
             place ? "userns-remap is empty" : "no userns-remap", "userns-remap");
  }
  if (site.repo()) docker::tell(out, files.compose_skips());
  for (const auto& service : files.services()) {
    auto mode = service.value.at("userns_mode");
    auto user = service.value.at("user");
    auto text = compose::interpolate(user.text(), service.file->variables).text;
    auto name = text.substr(0, text.find(':'));
    bool root = user.is_scalar() && (name == "root" || name == "0");
    if (mode.text() == "host")
      unmapped(out, at(site, {service.file, mode}), service.name + ": userns_mode: host", service.name);
    else if (root && !mapped)
      unmapped(out, at(site, {service.file, user}), service.name + ": user " + printable(text), service.name);
  }
  if (site.running() == nullptr) return;
  const auto& engine = site.facts<DockerEngine>();
  const auto& containers = docker::containers(site, out);
  if (containers.empty()) return;
  if (!engine.maps_users()) {
    out.skip("the engine's security options", "it did not tell them");
    return;
  }
  for (const auto& c : containers) {
    bool escapes = c.userns_mode == "host";
    if (*engine.maps_users() && !escapes) continue;
    bool root = c.configured_as_root();
    if (c.pid > 0)
      if (auto process = site.host().process(c.pid)) root = process->uid == 0;
    if (root)
      unmapped(out, {}, c.text() + (escapes ? ": userns host" : ": uid 0 without user namespaces"),
               "container " + c.name);
  }
}

// --- DOC-012 ---

bool is_engine_socket(std::string_view path) {
  constexpr std::array<std::string_view, 6> kSockets = {"docker.sock",     "podman.sock", "containerd.sock",
                                                        "docker-raw.sock", "crio.sock",   "buildkitd.sock"};
  auto base = path.substr(path.rfind('/') + 1);
  if (std::ranges::find(kSockets, base) != kSockets.end()) return true;
  // The directory that holds it.
  return path == "/var/run" || path == "/run" || path == "/var/run/" || path == "/run/" ||
         path == "/run/podman" || path == "/run/containerd";
}

bool is_proxy(std::string_view image) {
  auto name = lower(compose::parse_image(image).name);
  for (auto part : {"socket-proxy", "socketproxy", "docker-proxy", "dockerproxy"})
    if (name.find(part) != std::string::npos) return true;
  return false;
}

void socket_found(Findings& out, Where where, const std::string& by, const std::string& path,
                  std::string_view change) {
  out.add(std::move(where))
      .found("{}: {}", by, printable(path))
      .wanted("no engine socket in a container")
      .message(
          "who can talk to the engine can start a container with the whole disk in it: this is root on the "
          "machine, and `:ro` does not change it")
      .fix("{}", change)
      .about("{} {}", by, printable(path));
}

constexpr std::string_view kProxy =
    "a read-only socket proxy between them (CONTAINERS=1, POST=0), and DOCKER_HOST=tcp://socket-proxy:2375";

void socket_mounted(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.compose_skips());
  for (const auto& service : files.services()) {
    auto image = service.image();
    bool proxy = image && is_proxy(image->text);
    if (proxy) {
      // It may only look.
      for (const auto& [file, env] : service.environment())
        if (env.name == "POST" && env.value && *env.value != "0" && *env.value != "false" &&
            !env.value->empty())
          proxy = false;
    }
    if (proxy) continue;
    for (const auto& mount : compose::mounts(service.value.at("volumes"))) {
      auto source = compose::interpolate(mount.source, service.file->variables);
      // A source that only the machine knows ($SOCK), mounted where the socket belongs.
      bool by_target = mount.target.ends_with(".sock") && is_engine_socket(mount.target) &&
                       !mount.source.empty() &&
                       std::string_view("/.~$").find(mount.source[0]) != std::string_view::npos;
      if (is_engine_socket(source.text) || by_target)
        socket_found(out, at(site, {service.file, mount.at}), service.name, mount.source, kProxy);
    }
  }
  for (const auto& run : files.runs()) {
    if (is_proxy(run.image)) continue;
    for (const auto& value : run.values("--volume", "-v"))
      if (auto source = value.substr(0, value.find(':')); is_engine_socket(source))
        socket_found(out, run.at, run.by, source, kProxy);
    for (const auto& value : run.values("--mount"))
      for (auto part : split(value, ','))
        if ((part.starts_with("source=") || part.starts_with("src=")) &&
            is_engine_socket(part.substr(part.find('=') + 1)))
          socket_found(out, run.at, run.by, std::string(part.substr(part.find('=') + 1)), kProxy);
  }
  for (const auto& c : docker::containers(site, out)) {
    if (is_proxy(c.image)) {
      bool writes = std::ranges::any_of(c.environment, [](const auto& e) {
        return e.first == "POST" && e.second != "0" && e.second != "false" && !e.second.empty();
      });
      if (!writes) continue;
    }
    for (const auto& mount : c.mounts)
      if (is_engine_socket(mount.source)) socket_found(out, {}, c.text(), mount.source, kProxy);
  }
}

const Rule kRules[] = {
    {.id = "DOC-007",
     .severity = Severity::critical,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A privileged container",
     .why = "It has all devices and all rights: the container holds nobody.",
     .not_when = "",
     .remedy = "Give it the one capability or device it needs.",
     .check = privileged},
    {.id = "DOC-008",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "Capabilities that reach out of the container",
     .why = "SYS_ADMIN, NET_ADMIN and their like are root under another name.",
     .not_when = "",
     .remedy = "cap_drop: [ALL], then add only what the service fails without.",
     .check = capabilities},
    {.id = "DOC-009",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "Root in a container is root outside",
     .why =
         "Without user namespaces uid 0 inside is uid 0 of the machine: a mount or a kernel fault is enough.",
     .not_when = "rootless engine",
     .remedy = "userns-remap in daemon.json, a rootless engine, or a user in the image.",
     .check = user_namespaces},
    {.id = "DOC-012",
     .severity = Severity::critical,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "The engine's socket in a container",
     .why = "Who talks to the engine is root on the machine, whatever user it is in its container.",
     .not_when = "read-only socket proxy",
     .remedy = "A socket proxy that lets only reads through.",
     .check = socket_mounted},
};

}  // namespace

std::span<const Rule> docker_right_rules() { return kRules; }

}  // namespace meshops::audit
