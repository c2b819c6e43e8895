#include "heal/planning.h"

#include <algorithm>

#include "base/text.h"
#include "gateway/openclaw_files.h"

namespace meshops::heal {

namespace fs = std::filesystem;

Access access_of(const FileInfo& info) {
  return {.mode = info.mode & 07777U, .uid = info.uid, .gid = info.gid};
}

Access private_access(const Patient& patient) {
  return {.mode = 0600, .uid = patient.owner.uid, .gid = patient.owner.gid};
}

Result<Found> find_file(const Patient& patient, const Host& host, const fs::path& path, std::size_t limit) {
  return find_file(patient.owner.uid, host, path, limit);
}

Result<Found> find_file(uid_t owner, const Host& host, const fs::path& path, std::size_t limit) {
  auto real = path;
  auto info = TRY(host.stat(real));
  for (int i = 0; i < 8 && info.kind == FileInfo::Kind::symlink; ++i) {
    auto target = TRY(host.read_link(real));
    real = (real.parent_path() / target).lexically_normal();
    info = TRY(host.stat(real));
  }
  if (info.kind != FileInfo::Kind::regular) return not_applicable("{} is no plain file", path.string());
  if (real != path && info.uid != owner)
    return not_applicable("{} leads to {}, which belongs to another user", path.string(), real.string());
  auto bytes = TRY(host.read(real, limit));
  return Found{.path = real, .state = {.bytes = std::move(bytes), .access = access_of(info)}};
}

bool exists(const Host& host, const fs::path& path) { return host.stat(path).has_value(); }

bool is_directory(const Host& host, const fs::path& path) {
  auto info = host.stat(path);
  return info && info->kind == FileInfo::Kind::directory;
}

fs::path aside(const Patient& patient, const fs::path& path, std::string_view word) {
  return fs::path(fmt::format("{}.{}-{}", path.string(), word, patient.stamp));
}

bool is_below(const fs::path& path, const fs::path& directory) {
  auto relative = path.lexically_normal().lexically_relative(directory.lexically_normal());
  return !relative.empty() && *relative.begin() != "..";
}

std::vector<journal::LogLine> log_lines(const Patient& patient) {
  std::vector<journal::LogLine> out;
  for (auto line : split(patient.log, '\n')) {
    if (trim(line).empty()) continue;
    auto parsed = journal::parse_log_line(line);
    for (auto piece : split(parsed.message, '\n')) {
      if (trim(piece).empty()) continue;
      out.push_back(parsed);
      out.back().message = piece;
    }
  }
  return out;
}

bool told(const Patient& patient, std::string_view words) {
  auto wanted = lower(words);
  if (lower(patient.log).find(wanted) != std::string::npos) return true;
  for (const auto& evidence : patient.evidence)
    if (lower(evidence.text).find(wanted) != std::string::npos) return true;
  return false;
}

bool by_systemd(const Patient& patient) {
  return (patient.spec.runtime == RuntimeKind::systemd_system ||
          patient.spec.runtime == RuntimeKind::systemd_user) &&
         !patient.spec.unit.empty();
}

std::string manager_user(const Patient& patient) {
  if (patient.spec.runtime != RuntimeKind::systemd_user) return {};
  return patient.spec.user.empty() ? patient.owner.name : patient.spec.user;
}

UnitOrder order(const Patient& patient, UnitOrder::Verb verb) {
  return {.verb = verb, .unit = patient.spec.unit, .user = manager_user(patient)};
}

Result<RunTool> gateway_tool(const Patient& patient, const std::vector<std::string>& arguments,
                             Duration limit) {
  if (patient.spec.runtime == RuntimeKind::docker)
    return not_applicable("the gateway's own tool is in the container");
  if (patient.spec.kind != GatewayKind::openclaw) return not_applicable("only OpenClaw brings such a tool");
  RunTool tool{.argv = openclaw::tool_of(patient.spec.command),
               .user = patient.owner.name,
               .working_dir = "/",
               .limit = limit};
  if (tool.argv.empty()) return not_applicable("it is not known which command starts the gateway");
  tool.argv.insert(tool.argv.end(), arguments.begin(), arguments.end());
  // Named outright, so that it cannot work on another gateway of the same user. Nothing else of the gateway's
  // environment: what goes into the ledger must hold no secret, and the tool reads its own files.
  tool.environment = {{"OPENCLAW_STATE_DIR", patient.identity.state_dir.string()},
                      {"OPENCLAW_CONFIG_PATH", patient.identity.config.string()},
                      {"OPENCLAW_SERVICE_REPAIR_POLICY", "external"},
                      {"NO_COLOR", "1"}};
  if (auto path = patient.spec.environment.find("PATH"); path != patient.spec.environment.end())
    tool.environment["PATH"] = path->second;
  return tool;
}

std::vector<fs::path> backup_directories(const Patient& patient) {
  std::vector<fs::path> out;
  if (!patient.identity.state_dir.empty())
    out.push_back(patient.identity.state_dir.parent_path() / "openclaw-backups");
  const auto& home = patient.owner.home;
  if (home.empty()) return out;
  for (auto name : {"Backups/openclaw-sqlite", "Backups/openclaw", "Backups", "openclaw-backups", "backups"})
    if (std::ranges::find(out, home / name) == out.end()) out.push_back(home / name);
  out.push_back(home);  // the tool's own choice when it is run in a state or workspace
  return out;
}

Planned raise_kernel_setting(const Patient& patient, const Host& host, std::string_view key,
                             std::uint64_t wanted, std::string_view topic) {
  fs::path proc = "/proc/sys";
  for (auto part : split(key, '.')) proc /= part;
  auto text = host.read(proc, 4096);
  auto now = text ? to_number<std::uint64_t>(trim(*text)) : std::nullopt;
  if (!now) return not_applicable("{} cannot be read", proc.string());
  if (*now >= wanted) return not_applicable("{} is {} already", key, *now);
  auto assignment = [key](std::uint64_t value) { return fmt::format("{}={}", key, value); };
  const fs::path file = fmt::format("/etc/sysctl.d/60-meshops-{}.conf", topic);
  WriteFile write{.path = file, .before = {}, .after = FileState{assignment(wanted) + "\n", {.mode = 0644}}};
  if (exists(host, file)) {
    write.before = TRY(find_file(patient, host, file, 64U << 10)).state;
    write.after->access = write.before->access;
  }
  Treatment treatment{.remedy = {},
                      .sentence = fmt::format("raise {} from {} to {}, now and at boot", key, *now, wanted),
                      .actions = {std::move(write), RunTool{.argv = {"sysctl", "-w", assignment(wanted)},
                                                            .undo = {"sysctl", "-w", assignment(*now)}}}};
  start_or_watch(patient, treatment, std::chrono::minutes(2));
  return treatment;
}

void start_or_watch(const Patient& patient, Treatment& treatment, Duration watch) {
  treatment.then = patient.running ? Then::watch : Then::start;
  if (patient.running) treatment.proves_within = watch;
}

}  // namespace meshops::heal
