// What a container may take and how it comes back: memory, logs, restarts, the disk of the engine.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "audit/rules/docker.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

std::optional<Mend> file_mend(const ComposeService& service,
                              const std::vector<std::pair<std::vector<std::string>, std::string>>& lines) {
  auto text = std::optional<std::string>(service.file->document.text());
  for (const auto& [path, value] : lines) {
    text = docker::with(service, *text, path, value);
    if (!text) return std::nullopt;
  }
  return Mend{.files = {{.path = service.file->path, .bytes = *text}}};
}

// --- DOC-004 ---

bool is_limit(const ComposeValue& value) {
  if (!value) return false;
  auto text = compose::interpolate(value.value.text(), value.file->variables);
  // Given from outside: somebody has thought of it.
  if (!text.unset.empty()) return true;
  return text.text != "0" && text.text != "-1" && !text.text.empty();
}

/// In the way of the file: what `docker stack deploy` and version 3 read, or the short one.
std::vector<std::string> limit_path(const ComposeService& service) {
  auto version = service.file->document.root().at("version").text();
  if (service.value.own("deploy").is_mapping() || version.starts_with('3'))
    return {"deploy", "resources", "limits", "memory"};
  return {"mem_limit"};
}

/// Enough for what this kind of program is known to need: a limit that kills it would be worse than none.
std::string_view first_limit(const ComposeService& service) {
  auto image = service.image();
  auto name = lower(image ? image->text : service.name);
  for (auto part :
       {"elasticsearch", "opensearch", "logstash", "kibana", "mssql", "sqlserver", "minecraft", "gitlab",
        "ollama", "sonarqube", "jenkins", "kafka", "cassandra", "vllm", "localai", "nextcloud"})
    if (name.find(part) != std::string::npos) return "4g";
  for (auto part : {"openclaw", "postgres", "mysql", "mariadb", "mongo", "keycloak", "immich", "plex",
                    "jellyfin", "java", "tomcat"})
    if (name.find(part) != std::string::npos) return "2g";
  return "1g";
}

void memory_limit(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.compose_skips());
  for (const auto& service : files.services()) {
    if (!service.whole() || service.file->overlay) continue;
    auto limit = service.effective("mem_limit");
    auto deployed = service.effective("deploy", "resources", "limits", "memory");
    if (is_limit(limit) || is_limit(deployed)) continue;
    const auto& set = limit ? limit : deployed;
    auto path = limit_path(service);
    out.add(set ? at(site, set) : docker::at_service(site, service))
        .found("{}", set ? "memory limit " + set.value.text() : "no memory limit")
        .wanted("mem_limit, or deploy.resources.limits.memory")
        .message(
            "when {} leaks, it takes the machine's memory, and the kernel kills whoever is largest: "
            "perhaps the gateway",
            service.name)
        .fix("{}: {} (a first value: see what it needs with docker stats --no-stream)",
             path.size() == 1 ? "mem_limit" : "deploy.resources.limits.memory", first_limit(service))
        .about("{}", service.name)
        .mend(set ? std::nullopt : file_mend(service, {{path, std::string(first_limit(service))}}));
  }
  for (const auto& c : docker::containers(site, out)) {
    if (c.memory != 0) continue;
    out.add({})
        .found("{}: no memory limit", c.text())
        .wanted("--memory")
        .message(
            "when {} leaks, it takes the machine's memory, and the kernel kills whoever is largest: "
            "perhaps the gateway",
            c.name)
        .fix(
            "docker update --memory 1g --memory-swap 1g {} (see first what it needs: docker stats "
            "--no-stream), and --memory where it is started",
            c.name)
        .about("container {}", c.name);
  }
}

// --- DOC-005 ---

bool grows(std::string_view driver) { return driver.empty() || driver == "json-file" || driver == "local"; }

/// The local driver keeps 5 files of 20 MB by itself.
Severity log_severity(std::string_view driver) { return driver == "local" ? Severity::low : Severity::high; }

std::string driver_of(const EngineConfig& engine) {
  return engine.document ? engine.document->find("log-driver").as_string().value_or("json-file")
                         : "json-file";
}
bool limits_logs(const EngineConfig& engine) {
  if (!engine.document) return false;
  if (!grows(driver_of(engine))) return true;
  return static_cast<bool>(engine.document->find("log-opts", "max-size"));
}

std::optional<Mend> limit_engine_logs(const Site& site, const EngineConfig& engine) {
  std::optional<std::string> text = engine.text;
  if (!engine.document) return std::nullopt;
  for (auto [key, value] : {std::pair("max-size", "\"10m\""), std::pair("max-file", "\"3\"")}) {
    if (engine.document->find("log-opts", key)) continue;
    auto next = json5::set(*text, {std::string("log-opts"), std::string(key)}, value);
    if (!next) return std::nullopt;
    text = std::move(*next);
  }
  Mend mend{.files = {{.path = engine.path, .bytes = *text}}};
  // A changed log driver is for new containers; the engine itself reads it when it starts.
  if (site.live()) mend.verify = {"dockerd", "--validate", "--config-file", engine.path.string()};
  return mend;
}

void engine_logs(const Site& site, const EngineConfig& engine, Findings& out) {
  if (!engine.document) {
    if (engine.problem != "empty") out.skip(site.shown(engine.path), engine.problem);
    return;
  }
  if (limits_logs(engine)) return;
  auto driver = driver_of(engine);
  auto options = engine.document->find("log-opts");
  auto place = options ? options : engine.document->find("log-driver");
  auto where = place ? place.key_position() : engine.document->root().position();
  out.add(site.at(engine.path, where.line, where.column))
      .severity(log_severity(driver))
      .found("{} without max-size", driver)
      .wanted("log-opts with max-size and max-file")
      .message("a container that talks much fills the disk: its log is never cut")
      .fix(
          R"("log-opts": {{"max-size": "10m", "max-file": "3"}}, then: systemctl restart docker (new containers only))")
      .about("log-opts")
      .mend(limit_engine_logs(site, engine));
}

/// An engine that has no configuration at all keeps every log for ever.
void engine_without_config(const Site& site, Findings& out) {
  if (site.repo()) return;
  for (const auto& engine : site.facts<DockerFiles>().engines())
    if (engine.path == "/etc/docker/daemon.json") return;
  if (!site.host().stat("/usr/bin/dockerd") && !site.host().stat("/usr/sbin/dockerd")) return;
  Mend mend{.files = {{.path = "/etc/docker/daemon.json",
                       .bytes = "{\n  \"log-driver\": \"json-file\",\n  \"log-opts\": {\n    \"max-size\": "
                                "\"10m\",\n    \"max-file\": \"3\"\n  }\n}\n",
                       .mode = 0644}}};
  out.add(site.at("/etc/docker/daemon.json"))
      .found("no daemon.json: json-file without max-size")
      .wanted("log-opts with max-size and max-file")
      .message("a container that talks much fills the disk: its log is never cut")
      .fix(
          "/etc/docker/daemon.json with log-opts max-size 10m and max-file 3, then: systemctl restart docker")
      .about("log-opts")
      .mend(mend);
}

void log_size(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.compose_skips());
  bool covered = false;
  for (const auto& engine : files.engines()) {
    engine_logs(site, engine, out);
    covered = covered || limits_logs(engine);
  }
  engine_without_config(site, out);
  for (const auto& service : files.services()) {
    if (!service.whole() || service.file->overlay) continue;
    auto logging = service.effective("logging");
    auto driver_value = service.effective("logging", "driver");
    auto driver = driver_value.value.text();
    if (!grows(driver)) continue;
    auto size = service.effective("logging", "options", "max-size");
    if (size && size.value.text() != "-1") continue;
    // The engine's default is for services that choose no driver of their own.
    if (driver.empty() && covered) continue;
    std::vector<std::pair<std::vector<std::string>, std::string>> lines;
    auto own = service.value.own("logging");
    if (driver.empty()) lines.push_back({{"logging", "driver"}, "json-file"});
    if (!service.effective("logging", "options", "max-size"))
      lines.push_back({{"logging", "options", "max-size"}, "\"10m\""});
    if (!service.effective("logging", "options", "max-file"))
      lines.push_back({{"logging", "options", "max-file"}, "\"3\""});
    // Inherited from another place: a block of its own would hide the rest of it.
    bool mendable = !logging || own.is_mapping();
    if (size) mendable = false;
    const auto& place = driver_value ? driver_value : logging;
    out.add(size    ? at(site, size)
            : place ? at(site, place)
                    : docker::at_service(site, service))
        .severity(log_severity(driver))
        .found("{} without max-size", driver.empty() ? "logging by default (json-file)" : "driver " + driver)
        .wanted("logging.options.max-size")
        .message("what {} writes to its log is kept for ever, until the disk is full", service.name)
        .fix("logging: {{driver: json-file, options: {{max-size: \"10m\", max-file: \"3\"}}}}")
        .about("{}", service.name)
        .mend(mendable ? file_mend(service, lines) : std::nullopt);
  }
  for (const auto& c : docker::containers(site, out)) {
    if (!grows(c.log_driver) || c.log_options.contains("max-size")) continue;
    out.add({})
        .severity(log_severity(c.log_driver))
        .found("{}: {} without max-size", c.text(), c.log_driver.empty() ? "json-file" : c.log_driver)
        .wanted("max-size and max-file")
        .message("what {} writes to its log is kept for ever, until the disk is full", c.name)
        .fix("log-opts in /etc/docker/daemon.json, then make the container anew: a running one keeps its own")
        .about("container {}", c.name);
  }
}

// --- DOC-013 ---

bool build_has_healthcheck(const DockerFiles& files, const ComposeService& service) {
  const auto* build = files.build_of(service);
  if (build == nullptr) return false;
  auto stage = DockerFiles::stage_of(service, *build);
  return stage && build->file.last(*stage, "HEALTHCHECK") != nullptr;
}

void comes_back(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.compose_skips());
  for (const auto& service : files.services()) {
    if (!service.whole() || service.file->overlay || docker::is_job(service, files.services())) continue;
    auto restart = service.effective("restart");
    auto word = service.text("restart").value_or(compose::Expanded());
    bool never = restart && word.unset.empty() && (word.text == "no" || lower(word.text) == "false");
    bool policy = (restart && !never) || service.effective("deploy", "restart_policy") ||
                  service.effective("deploy", "mode");
    if (!policy) {
      out.add(never ? at(site, restart) : docker::at_service(site, service))
          .found("{}", never ? "restart: no" : "no restart policy")
          .wanted("restart: unless-stopped")
          .message("when {} crashes or the machine restarts, it stays down until somebody notices",
                   service.name)
          .fix("restart: unless-stopped")
          .about("{} restart", service.name)
          .mend(never ? std::nullopt : file_mend(service, {{{"restart"}, "unless-stopped"}}));
    }
    if (!service.effective("healthcheck") && !build_has_healthcheck(files, service)) {
      out.add(docker::at_service(site, service))
          .found("no healthcheck")
          .wanted("healthcheck with a test that asks the service itself")
          .message("{} can hang for days and still count as running: nobody asks it", service.name)
          .fix(
              "healthcheck: {{test: [\"CMD-SHELL\", \"COMMAND THAT FAILS WHEN IT HANGS\"], interval: 30s, "
              "timeout: "
              "5s, retries: 3, start_period: 60s}}")
          .about("{} healthcheck", service.name);
    }
  }
  for (const auto& c : docker::containers(site, out)) {
    // With --rm somebody else, or nobody, is to bring it back.
    if (c.auto_remove) continue;
    if (c.restart_policy.empty() || c.restart_policy == "no")
      out.add({})
          .found("{}: no restart policy", c.text())
          .wanted("--restart unless-stopped")
          .message("when {} crashes or the machine restarts, it stays down until somebody notices", c.name)
          .fix("docker update --restart unless-stopped {}", c.name)
          .about("container {} restart", c.name);
    if (!c.healthcheck)
      out.add({})
          .found("{}: no healthcheck", c.text())
          .wanted("a healthcheck that asks the service itself")
          .message("{} can hang for days and still count as running: nobody asks it", c.name)
          .fix(
              "--health-cmd 'COMMAND THAT FAILS WHEN IT HANGS' where it is started, or HEALTHCHECK in its "
              "Dockerfile")
          .about("container {} healthcheck", c.name);
  }
}

// --- DOC-014 ---

using Json = nlohmann::json;

std::uint64_t bytes_of(const Json& item, const char* key) {
  auto found = item.find(key);
  if (found == item.end() || !found->is_number()) return 0;
  auto value = found->get<double>();
  return value > 0 && value < 1e18 ? static_cast<std::uint64_t>(value) : 0;
}
bool flag_of(const Json& item, const char* key) {
  auto found = item.find(key);
  return found != item.end() && found->is_boolean() && found->get<bool>();
}
template <class F>
void each(const Json& json, const char* key, F f) {
  auto found = json.find(key);
  if (found != json.end() && found->is_array())
    for (const auto& item : *found)
      if (item.is_object()) f(item);
}

struct Reclaimable {
  std::uint64_t images = 0, cache = 0, containers = 0;
  std::uint64_t sum() const { return images + cache + containers; }
};

Reclaimable reclaimable(const Json& usage) {
  Reclaimable out;
  each(usage, "Images", [&](const Json& image) {
    bool named = false;
    if (auto tags = image.find("RepoTags"); tags != image.end() && tags->is_array())
      for (const auto& tag : *tags) named = named || (tag.is_string() && tag != "<none>:<none>");
    auto used = image.find("Containers");
    bool in_use = used != image.end() && used->is_number_integer() && used->get<std::int64_t>() > 0;
    if (named || in_use) return;
    auto size = bytes_of(image, "Size"), shared = bytes_of(image, "SharedSize");
    out.images += size > shared ? size - shared : 0;
  });
  each(usage, "BuildCache", [&](const Json& entry) {
    if (!flag_of(entry, "InUse") && !flag_of(entry, "Shared")) out.cache += bytes_of(entry, "Size");
  });
  each(usage, "Containers", [&](const Json& c) {
    auto state = c.find("State");
    auto text = state != c.end() && state->is_string() ? state->get<std::string>() : "";
    if (text == "exited" || text == "dead" || text == "created") out.containers += bytes_of(c, "SizeRw");
  });
  return out;
}

void disk_use(const Site& site, Findings& out) {
  if (site.running() == nullptr) return;
  auto answer = site.running()->ask(Question::engine_usage);
  if (!answer) {
    if (!answer.error().is("audit.not_here"))
      out.skip("what the engine keeps on the disk", answer.error().text());
    return;
  }
  auto usage = Json::parse(*answer, nullptr, false);
  if (!usage.is_object())
    return out.skip("what the engine keeps on the disk", "the engine's answer is no JSON");
  auto file_systems = site.host().file_systems();
  if (!file_systems) return out.skip("the file systems", file_systems.error().text());
  auto root = site.facts<DockerEngine>().root_directory();
  const FileSystemInfo* disk = nullptr;
  for (const auto& fs : *file_systems) {
    bool holds = fs.mount_point == "/" || root == fs.mount_point || root.starts_with(fs.mount_point + "/");
    if (holds && (disk == nullptr || fs.mount_point.size() > disk->mount_point.size())) disk = &fs;
  }
  if (disk == nullptr || disk->bytes == 0)
    return out.skip("the disk of " + root, "no file system is known for it");
  auto waste = reclaimable(usage);
  if (waste.sum() * 5 <= disk->bytes) return;
  out.add({})
      .found("{} of {} on {}: dangling images {}, build cache {}, stopped containers {}",
             bytes_text(waste.sum()), bytes_text(disk->bytes), disk->mount_point, bytes_text(waste.images),
             bytes_text(waste.cache), bytes_text(waste.containers))
      .wanted("at most 20% of the disk")
      .message("{}% of the disk is held by what nothing uses any more", waste.sum() * 100 / disk->bytes)
      .fix("docker image prune; docker builder prune; docker container prune (each says first what it takes)")
      .about("engine {}", root);
}

const Rule kRules[] = {
    {.id = "DOC-004",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A container without a memory limit",
     .why = "One leak takes the whole machine with it: the kernel kills whoever is largest, and that is "
            "often the "
            "one you need.",
     .not_when = "",
     .remedy = "mem_limit in Compose, --memory on the command line.",
     .check = memory_limit},
    {.id = "DOC-005",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "Container logs grow without end",
     .why = "json-file keeps every line for ever. A chatty container fills the disk in weeks, and then "
            "everything "
            "on the machine fails.",
     .not_when = "journald, syslog, none and other drivers; max-size set for the service or the engine",
     .remedy = "max-size and max-file, best once in daemon.json.",
     .check = log_size},
    {.id = "DOC-013",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A service that does not come back",
     .why = "Without a restart policy a crash or a reboot is the end; without a healthcheck a hung service "
            "counts as "
            "running.",
     .not_when = "one-shot jobs",
     .remedy = "restart: unless-stopped, and a healthcheck that asks the service itself.",
     .check = comes_back},
    {.id = "DOC-014",
     .severity = Severity::medium,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "The engine holds disk that nothing uses",
     .why = "Old layers, build cache and stopped containers are the usual reason why a small disk is full.",
     .not_when = "at most 20% of the disk",
     .remedy = "Prune what is listed, and let a timer do it weekly.",
     .check = disk_use},
};

}  // namespace

std::span<const Rule> docker_limit_rules() { return kRules; }

}  // namespace meshops::audit
