#include <algorithm>
#include <ctime>

#include "agent/closeup_parts.h"
#include "base/text.h"
#include "config/values.h"
#include "formats/json5.h"
#include "formats/version_range.h"

namespace meshops::closeup {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kConfigLimit = 4U << 20;
constexpr std::size_t kLogTail = 1U << 20;
constexpr std::size_t kMostDatabases = 200, kMostRecent = 80, kMostDpkg = 40;
constexpr auto kRecent = 24h;
constexpr auto kFuture = 2min;
constexpr std::string_view kMagic("SQLite format 3\0", 16);

std::string mode_text(const FileInfo& file) { return fmt::format("{:04o}", file.mode); }

std::string user_name(uid_t uid, const Host& host) {
  if (auto accounts = host.accounts())
    for (const auto& a : *accounts)
      if (a.uid == uid) return a.name;
  return std::to_string(uid);
}

/// Names of a directory, sorted; nothing if it cannot be listed.
std::vector<std::string> names_in(const Host& host, const fs::path& directory) {
  auto names = host.list(directory);
  return names ? std::move(*names) : std::vector<std::string>();
}

/// The gateway's databases. Locks of the same ending hold nothing.
std::vector<fs::path> databases(const fs::path& state, const Host& host) {
  std::vector<fs::path> out;
  auto add_from = [&](const fs::path& directory) {
    for (const auto& name : names_in(host, directory))
      if (name.ends_with(".sqlite") && !name.ends_with(".lock.sqlite") && out.size() < kMostDatabases)
        out.push_back(directory / name);
  };
  if (state.empty()) return out;
  add_from(state / "state");
  for (const auto& agent : names_in(host, state / "agents")) {
    if (out.size() >= kMostDatabases) break;
    add_from(state / "agents" / agent / "agent");
  }
  return out;
}

/// By size and first bytes only: an open database belongs to its gateway.
Json database_states(const Scene& scene, const Host& host, Findings& found) {
  Json out = Json::array();
  std::vector<std::string> faults;
  for (const auto& path : databases(scene.identity.state_dir, host)) {
    auto front = host.read_part(path, 0, kMagic.size());
    auto shown = found.line(path.lexically_relative(scene.identity.state_dir).string());
    if (!front) {
      found.skip("database " + shown, front.error());
      continue;
    }
    auto wal = host.stat(path.string() + "-wal");
    std::string state = "ok";
    // One that is just being made has everything in its -wal still.
    if (front->bytes.empty() && !(wal && wal->size > 0)) {
      state = "empty";
      faults.push_back(shown + " has 0 bytes: a start would take it for new and forget everything");
    } else if (!front->bytes.empty() && front->bytes != kMagic) {
      state = "not_sqlite";
      faults.push_back(shown + " does not begin as a database does");
    }
    out.push_back({{"path", shown}, {"size", front->file.size}, {"state", state}});
  }
  if (!faults.empty()) found.facts["database_fault"] = faults;
  return out;
}

void judge_parsed(const json5::Document& document, const Scene& scene, Findings& found) {
  const auto& command = scene.spec.command;
  bool mode_needed = scene.spec.kind == GatewayKind::openclaw && !document.find("$include") &&
                     std::ranges::find(command, "--allow-unconfigured") == command.end();
  auto mode = document.find("gateway", "mode");
  if (mode_needed && mode.as_string().value_or("") != "local")
    found.facts["gateway_mode"] = mode.as_string() ? found.line(*mode.as_string()) : std::string("missing");
  auto written_by = document.find("meta", "lastTouchedVersion").as_string();
  if (!written_by || scene.identity.version.empty()) return;
  auto order = compare_versions(*written_by, scene.identity.version);
  if (order && *order > 0)
    found.facts["config_newer"] =
        fmt::format("the configuration was last written by version {}, installed is {}",
                    found.line(*written_by), scene.identity.version);
}

}  // namespace

std::optional<Account> owner_of(const Scene& scene, const Host& host) {
  auto known = [&](auto matches) -> std::optional<Account> {
    if (auto accounts = host.accounts())
      for (const auto& a : *accounts)
        if (matches(a)) return a;
    return std::nullopt;
  };
  if (scene.view.info) {
    auto uid = scene.view.info->uid;
    if (auto found = known([&](const Account& a) { return a.uid == uid; })) return found;
    return Account{std::to_string(uid), uid, uid, "/"};
  }
  if (scene.spec.runtime == RuntimeKind::docker) return std::nullopt;
  auto name = scene.spec.user;
  if (name.empty() && scene.unit) name = scene.unit->user;
  if (name.empty() && scene.spec.runtime == RuntimeKind::systemd_system) name = "root";
  if (name.empty()) return own_account();
  if (auto found = known([&](const Account& a) { return a.name == name || std::to_string(a.uid) == name; }))
    return found;
  auto found = account(name);
  return found ? std::optional(*found) : std::nullopt;
}

Json config_part(const Scene& scene, const Host& host, Findings& found) {
  const auto& path = scene.identity.config;
  for (const auto& [name, value] : scene.spec.environment)
    if (values::looks_secret(name)) found.veil.hide(value);
  if (auto env = host.read(scene.identity.state_dir / ".env", 1U << 20)) found.veil.hide_named_in(*env);
  if (path.empty()) return nullptr;
  Json out = {{"path", found.line(path.string())}, {"exists", false}, {"parses", false}};
  auto part = host.read_part(path, 0, kConfigLimit);
  if (!part) {
    if (part.error().is(code_name(FileCode::not_found)))
      found.facts["config_missing"] = "there is no " + found.line(path.string());
    else
      found.skip("configuration", part.error());
    out["problem"] = found.line(part.error().text());
  } else {
    const auto& file = part->file;
    out["exists"] = true;
    out["size"] = file.size;
    out["mode"] = mode_text(file);
    out["owner"] = user_name(file.uid, host);
    out["modified"] = iso8601(file.modified);
    found.veil.hide_named_in(part->bytes);
    json5::Problem problem;
    auto document = json5::Document::parse(part->bytes, &problem);
    auto told = [&](std::string what) {
      out["problem"] = what;
      found.facts["config_problem"] = path.filename().string() + ": " + what;
    };
    if (trim(part->bytes).empty()) {
      told(file.size == 0 ? "it has 0 bytes" : "it is empty");
    } else if (file.size > kConfigLimit) {
      told(fmt::format("it has {}, more than {}", bytes_text(file.size), bytes_text(kConfigLimit)));
    } else if (!document) {
      out["line"] = problem.at.line;
      out["column"] = problem.at.column;
      told(found.line(
          fmt::format("line {}, column {}: {}", problem.at.line, problem.at.column, problem.what)));
    } else {
      out["parses"] = true;
      judge_parsed(*document, scene, found);
    }
  }
  out["databases"] = database_states(scene, host, found);
  return out;
}

namespace {

enum : mode_t { kRead = 4, kWrite = 2, kEnter = 1 };

/// Whether the mode surely keeps that user out. A group that the user may be in, or an access list (which
/// shows as group bits), may let them in: then nothing is claimed.
bool surely_not(const FileInfo& file, const Account& user, mode_t wanted) {
  mode_t bits = file.mode & 7U;
  if (file.uid == user.uid)
    bits = (file.mode >> 6U) & 7U;
  else if (file.gid == user.gid)
    bits = (file.mode >> 3U) & 7U;
  else
    bits |= (file.mode >> 3U) & 7U;
  return (bits & wanted) != wanted;
}

}  // namespace

void access_part(const Scene& scene, const Host& host, Findings& found) {
  const auto& state = scene.identity.state_dir;
  if (!scene.owner || state.empty() || scene.spec.runtime == RuntimeKind::docker) return;
  const auto& user = *scene.owner;
  found.facts["uid"] = user.uid;
  if (auto info = host.stat(state)) {
    found.facts["owner"] = user_name(info->uid, host);
    found.facts["owner_uid"] = info->uid;
  }
  if (user.uid == 0) return;  // may do everything
  std::vector<std::string> sentences;
  auto look = [&](const fs::path& path, mode_t wanted, std::string_view verb) {
    auto info = host.stat(path);
    if (!info || info->kind == FileInfo::Kind::symlink || sentences.size() >= 8) return;
    if (surely_not(*info, user, wanted))
      sentences.push_back(fmt::format("{} belongs to {} with mode {}: {} cannot {} it",
                                      found.line(path.string()), user_name(info->uid, host), mode_text(*info),
                                      user.name, verb));
  };
  // From the root down: the first closed door is the one that matters.
  fs::path above;
  for (const auto& piece : state.parent_path()) look(above /= piece, kEnter, "enter");
  look(state, kRead | kWrite | kEnter, "use");
  look(state / "state", kRead | kWrite | kEnter, "use");
  for (const auto& database : databases(state, host)) look(database, kRead | kWrite, "write");
  look(scene.identity.config, kRead, "read");
  if (!sentences.empty()) found.facts["no_access"] = sentences;
}

namespace {

struct Change {
  WallTime at;
  std::string what;
};

/// dpkg writes the local time.
std::optional<WallTime> local_time(std::string_view text) {
  std::tm tm{};
  std::string copy(text);
  if (::strptime(copy.c_str(), "%Y-%m-%d %H:%M:%S", &tm) == nullptr) return std::nullopt;
  tm.tm_isdst = -1;
  auto at = std::mktime(&tm);
  return at < 0 ? std::nullopt : std::optional(WallTime(std::chrono::seconds(at)));
}

void add_packages(std::vector<Change>& changes, const Scene& scene, const Host& host, Findings& found) {
  auto log = host.read_part("/var/log/dpkg.log", -static_cast<std::int64_t>(256U << 10), 256U << 10);
  if (!log) {
    if (!log.error().is(code_name(FileCode::not_found))) found.skip("package log", log.error());
    return;
  }
  auto lines = split(log->bytes, '\n');
  std::size_t n = 0;
  for (auto line = lines.rbegin(); line != lines.rend() && n < kMostDpkg; ++line) {
    auto parts = words(*line);
    if (parts.size() < 5 || (parts[2] != "install" && parts[2] != "upgrade" && parts[2] != "remove"))
      continue;
    auto at = local_time(line->substr(0, 19));
    if (!at) continue;
    if (*at < scene.wall - kRecent) break;
    changes.push_back({*at, found.line("package " + std::string(line->substr(20)))});
    ++n;
  }
}

}  // namespace

Json recent_part(const Scene& scene, const Host& host, Findings& found) {
  std::vector<Change> changes;
  auto look = [&](const fs::path& path, std::string_view what) {
    if (path.empty()) return;
    if (auto info = host.stat(path); info && info->modified >= scene.wall - kRecent)
      changes.push_back({info->modified, found.line(fmt::format("{} {} was written", what, path.string()))});
  };
  look(scene.identity.config, "configuration");
  if (!scene.identity.config.empty())
    for (const auto* copy : {".bak", ".last-good"})
      look(scene.identity.config.string() + copy, "configuration copy");
  if (scene.unit) {
    look(scene.unit->fragment_path, "unit");
    for (std::size_t i = 0; i < std::min<std::size_t>(scene.unit->drop_ins.size(), 16); ++i)
      look(scene.unit->drop_ins[i], "drop-in");
  }
  if (scene.package) {
    // npm keeps the times of the files it unpacks; of the directories it makes they are its own.
    look(scene.package->directory / "package.json", "program");
    look(scene.package->directory, "program");
    look(scene.package->directory / "dist", "program");
  }
  if (!scene.spec.command.empty() && scene.spec.command[0].starts_with('/'))
    look(scene.spec.command[0], "runtime");
  add_packages(changes, scene, host, found);
  std::ranges::sort(changes, std::greater(), [](const Change& c) { return std::pair(c.at, c.what); });
  Json out = Json::array();
  for (const auto& change : changes) {
    if (out.size() == kMostRecent) break;
    out.push_back({{"at", iso8601(change.at)}, {"what", change.what}});
  }
  return out;
}

void clock_part(const Scene& scene, const Host& host, Findings& found) {
  fs::path newest;
  WallTime latest{};
  auto look = [&](const fs::path& path) {
    auto info = path.empty() ? Result<FileInfo>(fail(FileCode::not_found, "none")) : host.stat(path);
    if (info && info->modified > latest) {
      latest = info->modified;
      newest = path;
    }
  };
  look(scene.identity.config);
  look(scene.identity.state_dir);
  look("/var/log/dpkg.log");
  for (const auto& machine : names_in(host, "/var/log/journal"))
    look(fs::path("/var/log/journal") / machine / "system.journal");
  for (const auto& database : databases(scene.identity.state_dir, host)) {
    look(database);
    look(database.string() + "-wal");
  }
  if (latest <= scene.wall + kFuture) return;
  found.facts["clock_offset_s"] =
      -std::chrono::duration_cast<std::chrono::seconds>(latest - scene.wall).count();
  found.facts["written_in_the_future"] = found.line(newest.string());
}

void lock_part(const Scene& scene, const Host& host, std::string_view log, Findings& found) {
  if (scene.view.running || scene.identity.state_dir.empty() || !scene.owner) return;
  auto folded = lower(log);
  if (!folded.contains("lock") && !folded.contains("already running")) return;
  auto path =
      scene.identity.state_dir / "tmp" / fmt::format("openclaw-{}", scene.owner->uid) / "gateway.state.lock";
  auto part = host.read_part(path, 0, 16U << 10);
  if (!part) return;
  // A line of blanks follows the object.
  auto json = nlohmann::json::parse(std::string_view(part->bytes).substr(0, part->bytes.find('}') + 1),
                                    nullptr, false);
  if (!json.is_object() || !json.contains("pid") || !json["pid"].is_number_unsigned()) return;
  auto pid = static_cast<pid_t>(json["pid"].get<std::uint32_t>() & 0x7FFFFFFFU);
  auto holder = host.process_details(pid);
  if (!holder) {
    if (holder.error().is(code_name(ProcessCode::gone)))
      found.facts["lock_pid"] = fmt::format("{} is gone", pid);
  } else if (!is_gateway_process(*holder)) {
    found.facts["pid_owner"] = fmt::format("pid {} {}", pid, found.line(holder->comm));
  }
}

std::string file_log(const Scene& scene, const Host& host) {
  if (!scene.owner || scene.spec.kind != GatewayKind::openclaw) return {};
  fs::path path;
  if (auto config = host.read_part(scene.identity.config, 0, kConfigLimit))
    if (auto document = json5::Document::parse(config->bytes))
      if (auto named = document->find("logging", "file").as_string(); named && named->starts_with('/'))
        path = *named;
  if (path.empty()) {
    fs::path directory = "/tmp/openclaw";
    // openclaw-DATE.log: the last in the alphabet is the newest.
    for (const auto& name : names_in(host, directory))
      if (name.starts_with("openclaw-") && name.ends_with(".log")) path = directory / name;
  }
  if (path.empty()) return {};
  auto part = host.read_part(path, -static_cast<std::int64_t>(kLogTail), kLogTail);
  // The path is the gateway's own word, or in a directory that everybody may write: only a file of its own
  // user is read out.
  if (!part || part->file.uid != scene.owner->uid) return {};
  return std::move(part->bytes);
}

}  // namespace meshops::closeup
