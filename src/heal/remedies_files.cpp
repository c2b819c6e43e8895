// Remedies for files of the gateway: owners, modes, databases. Only below its state directory, never through
// a link.
#include <nlohmann/json.hpp>

#include "base/text.h"

#include <algorithm>
#include "heal/disk_sweep.h"
#include "heal/planning.h"
#include "heal/remedy_table.h"

namespace meshops::heal {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMostEntries = 10'000;

/// What an entry of the state ought to have. Only what keeps the gateway out is changed: the owner, and the
/// owner's own right to read and write.
Access wanted_access(const Patient& patient, const FileInfo& info, bool in_workspace) {
  auto wanted = access_of(info);
  // Root's files are left behind by sudo; another user's in a workspace may be shared on purpose.
  if (info.uid != patient.owner.uid && (info.uid == 0 || !in_workspace)) {
    wanted.uid = patient.owner.uid;
    wanted.gid = patient.owner.gid;
    wanted.mode &= 0777U;  // no setuid for a new owner
  }
  if (wanted.uid == patient.owner.uid)
    wanted.mode |= info.kind == FileInfo::Kind::directory ? 0700U : in_workspace ? 0400U : 0600U;
  return wanted;
}

void collect(const Patient& patient, const Host& host, const fs::path& path,
             const std::vector<fs::path>& workspaces, std::size_t& budget, std::vector<Action>& out) {
  if (budget == 0) return;
  --budget;
  auto info = host.stat(path);
  if (!info || (info->kind != FileInfo::Kind::directory && info->kind != FileInfo::Kind::regular)) return;
  bool in_workspace = is_below(path, patient.identity.state_dir / "workspace") ||
                      std::ranges::any_of(workspaces, [&](const auto& w) { return is_below(path, w); });
  auto wanted = wanted_access(patient, *info, in_workspace);
  if (wanted != access_of(*info)) out.emplace_back(SetAccess{path, access_of(*info), wanted});
  if (info->kind != FileInfo::Kind::directory) return;
  for (const auto& name : host.list(path).value_or(std::vector<std::string>{}))
    collect(patient, host, path / name, workspaces, budget, out);
}

}  // namespace

Planned correct_ownership(const Patient& patient, const Host& host) {
  const auto& state = patient.identity.state_dir;
  if (state.empty() || patient.spec.runtime == RuntimeKind::docker)
    return not_applicable("its state is out of sight");
  if (patient.owner.uid == 0) return not_applicable("it runs as root, which may read everything");
  if (!is_directory(host, state)) return not_applicable("{} is no directory", state.string());
  std::vector<Action> actions;
  std::size_t budget = kMostEntries;
  collect(patient, host, state, workspaces_of(patient, host), budget, actions);
  if (actions.empty()) return not_applicable("every file of its state is its own and can be written");
  auto cut = budget == 0 ? fmt::format(" (the first {} were looked at)", kMostEntries) : std::string();
  Treatment treatment{
      .remedy = {},
      .sentence = fmt::format("give {} {} of its state back to {}{}", actions.size(),
                              actions.size() == 1 ? "entry" : "entries", printable(patient.owner.name), cut),
      .actions = std::move(actions)};
  start_or_watch(patient, treatment, 60s);
  return treatment;
}

Planned correct_key_modes(const Patient& patient, const Host& host) {
  // sshd: Authentication refused: bad ownership or modes for file /home/ada/.ssh/authorized_keys
  constexpr std::string_view kSign = "bad ownership or modes for ";
  std::vector<Action> actions;
  for (const auto& line : log_lines(patient)) {
    auto at = line.message.find(kSign);
    if (at == std::string::npos) continue;
    auto slash = line.message.find('/', at);
    if (slash == std::string::npos) continue;
    auto path = fs::path(trim(std::string_view(line.message).substr(slash))).lexically_normal();
    for (const auto& account : host.accounts().value_or(std::vector<Account>{})) {
      if (!account.home.has_relative_path()) continue;
      for (const auto& known : {account.home, account.home / ".ssh", account.home / ".ssh/authorized_keys"}) {
        auto info = path == known ? host.stat(path) : Result<FileInfo>(FileInfo{});
        if (!info || (info->kind != FileInfo::Kind::directory && info->kind != FileInfo::Kind::regular))
          continue;
        auto wanted = access_of(*info);
        wanted.mode &= ~022U;
        if (known != account.home) wanted.uid = account.uid, wanted.gid = account.gid;
        Action action = SetAccess{path, access_of(*info), wanted};
        if (wanted != access_of(*info) && std::ranges::find(actions, action) == actions.end())
          actions.push_back(std::move(action));
      }
    }
  }
  if (actions.empty()) return not_applicable("no log line names a file of a home that others may write");
  Treatment treatment{.remedy = {},
                      .sentence = "take the right to write from others, as sshd asks",
                      .actions = std::move(actions)};
  start_or_watch(patient, treatment, 60s);
  return treatment;
}

namespace {

constexpr std::string_view kMagic("SQLite format 3\0", 16);

struct Database {
  fs::path path;
  std::string agent;  // empty: the shared one
};

std::vector<Database> databases_of(const Patient& patient, const Host& host) {
  const auto& state = patient.identity.state_dir;
  std::vector<Database> out = {{state / "state/openclaw.sqlite", {}}};
  auto agents = state / "agents";
  if (is_directory(host, agents))
    for (const auto& agent : host.list(agents).value_or(std::vector<std::string>{}))
      out.push_back({agents / agent / "agent/openclaw-agent.sqlite", agent});
  return out;
}

/// An empty file (T8: the gateway would start with everything forgotten), one that is no database, or one
/// that the gateway's log calls so.
bool is_damaged(const Patient& patient, const Host& host, const Database& database, std::size_t agents) {
  constexpr std::size_t kReadWhole = 64U << 20;
  auto info = host.stat(database.path);
  if (!info || info->kind != FileInfo::Kind::regular) return false;
  if (info->size == 0) return true;
  if (info->size <= kReadWhole)
    if (auto bytes = host.read(database.path, kReadWhole)) {
      if (!bytes->starts_with(kMagic)) return true;
    }
  for (const auto& line : log_lines(patient)) {
    if (line.message.find("file is not a database") == std::string::npos &&
        line.message.find("database disk image is malformed") == std::string::npos)
      continue;
    if (line.message.find(database.path.string()) != std::string::npos) return true;
    // The line for an agent does not always name the file.
    if (!database.agent.empty() && line.message.find("agent database") != std::string::npos &&
        (agents == 1 || line.message.find(fmt::format(" {}:", database.agent)) != std::string::npos))
      return true;
  }
  return false;
}

/// The newest snapshot of the gateway's own tool for that database: a directory with manifest.json and
/// database.sqlite.
std::optional<fs::path> newest_snapshot(const Patient& patient, const Host& host, const Database& database) {
  std::optional<std::pair<std::string, fs::path>> best;
  for (const auto& directory : backup_directories(patient)) {
    for (const auto& name : host.list(directory).value_or(std::vector<std::string>{})) {
      auto snapshot = directory / name;
      auto bytes = host.read(snapshot / "manifest.json", 1U << 20);
      auto file = host.stat(snapshot / "database.sqlite");
      if (!bytes || !file || file->kind != FileInfo::Kind::regular) continue;
      auto manifest = nlohmann::json::parse(*bytes, nullptr, false);
      if (!manifest.is_object()) continue;
      auto at = [&manifest](const char* pointer) {
        nlohmann::json::json_pointer p(pointer);
        return manifest.contains(p) ? manifest[p] : nlohmann::json();
      };
      bool ours = database.agent.empty()
                      ? at("/database/role") == "global"
                      : at("/database/role") == "agent" && at("/database/agentId") == database.agent;
      // Its own tool checks the rest (SHA-256, integrity, schema) before it writes anything.
      if (!ours || at("/schemaVersion") != 1 || at("/artifact/sizeBytes") != file->size) continue;
      auto created = at("/createdAt");
      if (!created.is_string() || !parse_iso8601(created.get<std::string>())) continue;
      if (!best || created.get<std::string>() > best->first) best = {created.get<std::string>(), snapshot};
    }
  }
  return best ? std::optional(best->second) : std::nullopt;
}

/// The newest archive of `backup create` that keeps its name: the directory inside is called the same.
std::optional<fs::path> newest_archive(const Patient& patient, const Host& host) {
  std::optional<std::pair<WallTime, fs::path>> best;
  for (const auto& directory : backup_directories(patient))
    for (const auto& name : host.list(directory).value_or(std::vector<std::string>{})) {
      auto info = host.stat(directory / name);
      if (!name.ends_with("-openclaw-backup.tar.gz") || !info || info->kind != FileInfo::Kind::regular ||
          info->size == 0)
        continue;
      if (!best || info->modified > best->first) best = {info->modified, directory / name};
    }
  return best ? std::optional(best->second) : std::nullopt;
}

/// Where an archive is unpacked: beside the state, or in the home if the gateway's user may not write there.
fs::path unpacked(const Patient& patient, const Host& host) {
  auto parent = patient.identity.state_dir.parent_path();
  auto info = host.stat(parent);
  if (!info || info->uid != patient.owner.uid) parent = patient.owner.home;
  return parent / ("openclaw-restored-" + patient.stamp);
}

}  // namespace

Planned restore_database(const Patient& patient, const Host& host) {
  if (patient.spec.kind != GatewayKind::openclaw || patient.identity.state_dir.empty())
    return not_applicable("its databases are out of sight");
  auto all = databases_of(patient, host);
  std::vector<Database> damaged;
  for (const auto& database : all)
    if (is_damaged(patient, host, database, all.size() - 1)) damaged.push_back(database);
  if (damaged.empty()) return not_applicable("no database of it is known to be damaged");

  std::vector<Action> fetch;
  std::vector<Action> exchange;
  std::vector<std::string> names;
  std::optional<fs::path> tree;
  for (const auto& database : damaged) {
    auto source = fs::path(fmt::format("{}.restored-{}", database.path.string(), patient.stamp));
    if (auto snapshot = newest_snapshot(patient, host, database)) {
      auto tool = TRY(gateway_tool(
          patient, {"backup", "sqlite", "restore", snapshot->string(), "--target", source.string()}, 5min));
      tool.undo = {"rm", "-f", "--", source.string()};
      fetch.emplace_back(std::move(tool));
      names.push_back(fmt::format("{} from {}", database.path.filename().string(), snapshot->string()));
    } else if (auto archive = newest_archive(patient, host)) {
      if (!tree) {
        tree = unpacked(patient, host);
        auto tool = TRY(gateway_tool(
            patient, {"backup", "restore", archive->string(), "--target", tree->string()}, 10min));
        tool.undo = {"rm", "-r", "-f", "--", tree->string()};
        fetch.emplace_back(std::move(tool));
      }
      auto stem = archive->filename().string();
      stem.resize(stem.size() - std::string_view(".tar.gz").size());
      source = *tree / stem / "payload/posix" / database.path.relative_path();
      names.push_back(fmt::format("{} from {}", database.path.filename().string(), archive->string()));
    } else {
      return fail(
          error(HealCode::not_applicable, "{} is damaged, and no backup of it was found",
                database.path.string())
              .hint("put a backup of the gateway's own tool into {}, or set the file aside and lose what it "
                    "holds",
                    backup_directories(patient).front().string()));
    }
    for (auto end : {"", "-wal", "-shm"}) {
      auto part = fs::path(database.path.string() + end);
      if (exists(host, part)) exchange.emplace_back(MoveFile{part, aside(patient, part, "damaged")});
    }
    exchange.emplace_back(MoveFile{source, database.path});
  }
  // Fetched whole before anything is set aside.
  std::ranges::move(exchange, std::back_inserter(fetch));
  return Treatment{
      .remedy = {},
      .sentence = fmt::format("set the damaged database aside and restore {}: what came after the "
                              "backup is lost",
                              printable(join(names, ", "))),
      .actions = std::move(fetch),
      .then = Then::start,
      .gateway_stopped = true};
}

Planned run_migration(const Patient& patient, const Host& host) {
  auto refused = [&](std::string_view words) { return told(patient, words); };
  // "gateway requires state migration" follows every failure of the state; the line before it is the reason.
  if (refused("gateway-lifecycle")) return not_applicable("another gateway owns the state");
  if (refused("EACCES") || refused("ENOSPC") || refused("disk is full"))
    return not_applicable("the state cannot be written: that comes first");
  if (refused("not a database") || refused("is malformed")) return not_applicable("a database is damaged");
  if (refused("newer")) return not_applicable("the state was written by a newer version");
  if (!refused("migration")) return not_applicable("no migration is asked for");
  auto home = is_directory(host, patient.owner.home) ? patient.owner.home : fs::path("/");
  auto output = home;
  for (const auto& directory : backup_directories(patient))
    if (is_directory(host, directory)) {
      output = directory;
      break;
    }
  auto backup =
      TRY(gateway_tool(patient, {"backup", "create", "--output", output.string(), "--verify"}, 10min));
  backup.protects = {patient.identity.config};
  auto doctor = TRY(gateway_tool(patient, {"doctor", "--fix", "--non-interactive"}, 5min));
  doctor.protects = {patient.identity.config};
  return Treatment{.remedy = {},
                   .sentence = fmt::format("back its state up to {} and let its own doctor migrate it, once",
                                           printable(output.string())),
                   .actions = {std::move(backup), std::move(doctor)},
                   .then = Then::start,
                   .gateway_stopped = true};
}

}  // namespace meshops::heal
