#include <algorithm>
#include <array>
#include <cmath>

#include "agent/closeup_parts.h"
#include "base/text.h"

namespace meshops::closeup {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMostSockets = 16;
constexpr auto kKernelBack = 1h;
constexpr std::size_t kKernelRead = 2000, kKernelKept = 100;

/// Percent that an ordinary user cannot have any more, to one decimal: what only root may use is not free.
double used(std::uint64_t all, std::uint64_t free) {
  if (all == 0) return 0;
  return std::round(1000.0 * static_cast<double>(all - std::min(all, free)) / static_cast<double>(all)) / 10;
}

const FileSystemInfo* file_system_of(const std::vector<FileSystemInfo>& mounted, const fs::path& path) {
  const FileSystemInfo* best = nullptr;
  auto text = path.string();
  for (const auto& f : mounted) {
    bool below = f.mount_point == "/" || text == f.mount_point || text.starts_with(f.mount_point + "/");
    if (below && f.bytes > 0 && (best == nullptr || f.mount_point.size() >= best->mount_point.size()))
      best = &f;
  }
  return best;
}

std::optional<std::uint64_t> number_in(const Host& host, const fs::path& file) {
  auto text = host.read(file, 4096);
  return text ? to_number<std::uint64_t>(trim(*text)) : std::nullopt;  // "max" is none
}

/// "key 12" lines, as in memory.events.
std::optional<std::uint64_t> field_in(const Host& host, const fs::path& file, std::string_view key) {
  auto text = host.read(file, 16U << 10);
  if (!text) return std::nullopt;
  for (auto line : split(*text, '\n'))
    if (auto parts = words(line); parts.size() == 2 && parts[0] == key)
      return to_number<std::uint64_t>(parts[1]);
  return std::nullopt;
}

/// A number at the front of a text: "0.42 0.31 …".
std::optional<double> decimal(std::string_view text) {
  double value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

/// avg60 of the "some" line of a pressure file, percent.
std::optional<double> pressure_in(const Host& host, const fs::path& file) {
  auto text = host.read(file, 4096);
  if (!text) return std::nullopt;
  auto line = std::string_view(*text).substr(0, text->find('\n'));
  auto at = line.find("avg60=");
  if (!line.starts_with("some") || at == line.npos) return std::nullopt;
  return decimal(line.substr(at + 6));
}

std::string cgroup_of(const Scene& scene) {
  if (scene.view.info && !scene.view.info->cgroup.empty()) return scene.view.info->cgroup;
  return scene.unit ? scene.unit->control_group : std::string();
}

template <class T>
void set(Json& json, const char* key, const std::optional<T>& value) {
  if (value) json[key] = *value;
}

}  // namespace

void Findings::skip(std::string_view part, const Error& why) {
  if (skipped.size() < 64) skipped.push_back(line(fmt::format("{}: {}", part, why.text())));
}

std::string Findings::line(std::string_view text) const {
  auto out = printable(veil.over(text.substr(0, 2000)));
  if (out.size() <= 500) return out;
  std::size_t cut = 497;
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xC0U) == 0x80U) --cut;
  return out.substr(0, cut) + "…";
}

bool is_own(pid_t pid, const Scene& scene, const Host& host) {
  if (scene.view.pid == 0) return false;
  auto cgroup = cgroup_of(scene);
  bool own_group = scene.spec.runtime != RuntimeKind::process && cgroup.size() > 1;
  for (int steps = 0; steps < 8 && pid > 1; ++steps) {
    if (pid == scene.view.pid) return true;
    auto info = host.process(pid);
    if (!info) return false;
    if (own_group && (info->cgroup == cgroup || info->cgroup.starts_with(cgroup + "/"))) return true;
    pid = info->parent;
  }
  return false;
}

Json disk_part(const Scene& scene, const Host& host, Findings& found) {
  auto mounted = host.file_systems();
  Json out = Json::array();
  if (!mounted) {
    found.skip("file systems", mounted.error());
    return out;
  }
  std::vector<const FileSystemInfo*> seen;
  std::optional<double> disk, inodes;
  for (const auto& path : {scene.identity.state_dir, scene.identity.config.parent_path(), fs::path("/tmp")}) {
    if (path.empty()) continue;
    const auto* f = file_system_of(*mounted, path);
    if (f == nullptr || std::ranges::find(seen, f) != seen.end()) continue;
    seen.push_back(f);
    auto full = used(f->bytes, f->bytes_free);
    Json one = {{"mount", f->mount_point},     {"type", f->type},
                {"read_only", f->read_only},   {"bytes", f->bytes},
                {"bytes_free", f->bytes_free}, {"used_percent", full}};
    disk = std::max(disk.value_or(0), full);
    if (f->inodes > 0) {
      one["inodes_used_percent"] = used(f->inodes, f->inodes_free);
      inodes = std::max(inodes.value_or(0), used(f->inodes, f->inodes_free));
    }
    if (f->read_only && path == scene.identity.state_dir)
      found.facts["mount"] = fmt::format("{} {} ro", f->mount_point, f->type);
    out.push_back(std::move(one));
  }
  set(found.facts, "disk", disk);
  set(found.facts, "inodes", inodes);
  return out;
}

Json cgroup_part(const Scene& scene, const Host& host, Findings& found) {
  Json out = Json::object();
  auto& facts = found.facts;
  auto cgroup = cgroup_of(scene);
  if (cgroup.size() > 1) {
    fs::path root = "/sys/fs/cgroup", directory = root / fs::path(cgroup).relative_path();
    out["path"] = found.line(cgroup);
    for (const auto* file :
         {"memory.current", "memory.peak", "memory.max", "memory.swap.current", "pids.current", "pids.max"})
      set(out, file, number_in(host, directory / file));
    for (const auto* kind : {"cpu", "memory", "io"})
      set(out["pressure_avg60"], kind, pressure_in(host, directory / (std::string(kind) + ".pressure")));
    auto kills = field_in(host, directory / "memory.events", "oom_kill");
    set(out, "oom_kills", kills);
    set(out, "throttled_us", field_in(host, directory / "cpu.stat", "throttled_usec"));
    // The tightest limit counts, whoever set it: the unit, its slice, a container.
    std::optional<std::uint64_t> limit;
    auto above = directory;
    for (int up = 0; up < 8 && above != root; ++up, above = above.parent_path())
      if (auto max = number_in(host, above / "memory.max"))
        limit = std::min(limit.value_or(UINT64_MAX), *max);
    if (kills.value_or(0) > 0) facts["oom_kills"] = *kills;
    // A page cache fills any limit: of a gateway that is well this says nothing.
    if (!scene.ready && limit) {
      facts["memory_limit"] = *limit;
      set(facts, "memory_peak", number_in(host, directory / "memory.peak"));
    }
    auto tasks = number_in(host, directory / "pids.current"), most = number_in(host, directory / "pids.max");
    if (tasks && most && static_cast<double>(*tasks) >= 0.95 * static_cast<double>(*most))
      facts["task_limit"] = fmt::format("{} of {}", *tasks, *most);
    if (number_in(host, directory / "cgroup.freeze").value_or(0) == 1) {
      out["frozen"] = true;
      facts["process_state"] = "T";
    }
  }
  for (const auto* kind : {"cpu", "memory", "io"})
    set(out["machine_pressure_avg60"], kind, pressure_in(host, std::string("/proc/pressure/") + kind));
  // One that answers its probes in time is not starved, whatever else the machine does: then it is no fact.
  auto& told = scene.ready ? out : facts;
  if (auto text = host.read("/proc/loadavg", 256)) set(told, "load", decimal(*text));
  if (auto text = host.read("/proc/stat", 4U << 20)) {
    auto lines = split(*text, '\n');
    facts["cpus"] = std::ranges::count_if(
        lines, [](std::string_view l) { return l.starts_with("cpu") && l.size() > 3 && l[3] != ' '; });
  }
  set(told, "cpu_pressure", pressure_in(host, "/proc/pressure/cpu"));
  return out;
}

Json sockets_part(const Scene& scene, const Host& host, Findings& found) {
  Json out = Json::array();
  auto port = scene.identity.port;
  // The port of a container is held by the engine's proxy or by no socket of ours.
  if (port == 0 || scene.spec.runtime == RuntimeKind::docker) return out;
  auto listeners = host.listeners_on(port);
  if (!listeners) {
    found.skip("sockets", listeners.error());
    return out;
  }
  std::string owner, kind = "none";
  for (const auto& l : *listeners) {
    if (out.size() == kMostSockets) break;
    Json one = {{"address", l.address}, {"port", l.port}, {"uid", l.uid}};
    auto& holders = one["holders"] = Json::array();
    for (auto pid : l.pids) {
      if (holders.size() == kMostSockets) break;
      auto process = host.process_details(pid);
      if (!process) continue;
      bool own = is_own(pid, scene, host), gateway = is_gateway_process(*process);
      holders.push_back({{"pid", pid},
                         {"comm", found.line(process->comm)},
                         {"uid", process->uid},
                         {"cgroup", found.line(process->cgroup)},
                         {"gateway", gateway},
                         {"own", own}});
      // One that is its own beats all: then the others inherited the socket from it.
      if (own) kind = "own";
      if (kind != "none") continue;
      kind = gateway ? "gateway" : "stranger";
      owner = fmt::format("pid {} {} of uid {} in {}", pid, found.line(process->comm), process->uid,
                          process->cgroup.empty() ? "no control group" : found.line(process->cgroup));
    }
    out.push_back(std::move(one));
  }
  if (listeners->empty()) found.facts["port_owner"] = fmt::format("none on {}", port);
  if (kind == "gateway" || kind == "stranger") {
    found.facts["port_owner"] = owner;
    found.facts["port_owner_kind"] = kind;
  }
  return out;
}

Json process_part(const Scene& scene, const Host& host, Findings& found) {
  if (!scene.view.running || !scene.view.info) return nullptr;
  const auto& p = *scene.view.info;
  Json out = {{"pid", p.pid},
              {"start_ticks", p.start_ticks},
              {"comm", found.line(p.comm)},
              {"state", std::string(1, p.state)},
              {"uid", p.uid},
              {"cpu_s", std::round(seconds(p.cpu))},
              {"age_s", std::round(seconds(std::max(scene.now.since_boot - p.started, Duration::zero())))},
              {"rss", p.rss}};
  if (p.state == 'T' || p.state == 't' || p.state == 'D')
    found.facts["process_state"] = std::string(1, p.state);
  fs::path directory = fmt::format("/proc/{}", p.pid);
  auto open = host.list(directory / "fd");
  auto limits = host.read(directory / "limits", 16U << 10);
  if (!open || !limits) return out;
  out["descriptors"] = open->size();
  auto at = limits->find("Max open files");
  if (at == std::string::npos) return out;
  auto row = words(std::string_view(*limits).substr(at, limits->find('\n', at) - at));
  auto most = row.size() > 3 ? to_number<std::uint64_t>(row[3]) : std::nullopt;
  if (!most) return out;
  out["descriptor_limit"] = *most;
  if (static_cast<double>(open->size()) >= 0.95 * static_cast<double>(*most))
    found.facts["descriptors"] = fmt::format("{} of {}", open->size(), *most);
  return out;
}

namespace {

/// "/dev/vda1" → "vda", "/dev/nvme0n1p2" → "nvme0n1"; empty for what is no plain disk.
std::string disk_of(std::string_view device) {
  constexpr std::string_view kDev = "/dev/";
  if (!device.starts_with(kDev)) return {};
  auto name = device.substr(kDev.size());
  if (name.starts_with("nvme") || name.starts_with("mmcblk")) {
    auto p = name.rfind('p');
    return std::string(p != name.npos && p + 1 < name.size() &&
                               name.find_first_not_of("0123456789", p + 1) == name.npos
                           ? name.substr(0, p)
                           : name);
  }
  if (!name.starts_with("sd") && !name.starts_with("vd") && !name.starts_with("xvd")) return {};
  return std::string(name.substr(0, name.find_last_not_of("0123456789") + 1));
}

bool names_another_disk(std::string_view line, std::string_view ours) {
  bool another = false;
  std::string word;
  for (std::size_t i = 0; i <= line.size(); ++i) {
    if (i < line.size() && std::isalnum(static_cast<unsigned char>(line[i])) != 0) {
      word += line[i];
      continue;
    }
    auto disk = disk_of("/dev/" + word);
    // "sda" and "vdb1", but not "sd" or "added".
    bool is_disk =
        !disk.empty() && (word.starts_with("nvme") || word.starts_with("mmcblk") || disk.size() <= 4);
    if (is_disk && disk == ours) return false;
    another = another || is_disk;
    word.clear();
  }
  return another;
}

}  // namespace

bool concerns(std::string_view line, pid_t pid, std::string_view unit, std::string_view device) {
  auto has = [&](std::string_view part) { return line.contains(part); };
  bool ours = (pid > 0 && (has(fmt::format("process {} ", pid)) || has(fmt::format("[{}]", pid)) ||
                           has(fmt::format("pid={}", pid)) || has(fmt::format(":{} ", pid)))) ||
              (!unit.empty() && has(unit)) || has("openclaw-gatewa");
  // Another program's end for want of memory is not this gateway's; "(node)" may be the gateway under its
  // first name.
  bool memory = has("Killed process") || has("oom-kill:") || has("oom_reaper");
  if (memory) return ours || has("(node)") || has("task=node");
  if (ours) return true;
  constexpr std::array<std::string_view, 14> kDisk = {"I/O error",      "EXT4-fs",
                                                      "EXT3-fs",        "XFS (",
                                                      "BTRFS",          "Aborting journal",
                                                      "JBD2",           "critical medium error",
                                                      "Medium Error",   "nvme",
                                                      "read-only",      "blk_update_request",
                                                      "failed command", "device-mapper"};
  if (std::ranges::none_of(kDisk, has)) return false;
  auto disk = disk_of(device);
  return disk.empty() || !names_another_disk(line, disk);
}

std::string kernel_part(const Scene& scene, const Host& host, Findings& found) {
  JournalQuery query;
  query.identifier = "kernel";
  query.since = scene.wall - kKernelBack;
  query.last = query.at_most = kKernelRead;
  auto entries = host.journal(query);
  if (!entries) {
    found.skip("kernel log", entries.error());
    return {};
  }
  std::string device;
  if (auto mounted = host.file_systems())
    if (const auto* f = file_system_of(*mounted, scene.identity.state_dir)) device = f->device;
  std::erase_if(*entries, [&](const JournalEntry& e) {
    return !concerns(e.message, scene.view.pid, scene.spec.unit, device) &&
           !concerns(e.message, scene.last_pid, scene.spec.unit, device);
  });
  std::string out;
  auto first = entries->size() - std::min(entries->size(), kKernelKept);
  for (auto i = first; i < entries->size(); ++i)
    out += fmt::format("{} kernel: {}\n", iso8601((*entries)[i].at), found.line((*entries)[i].message));
  return out;
}

}  // namespace meshops::closeup
