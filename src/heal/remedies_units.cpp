// Remedies for systemd units: settings in a drop-in of our own, linger. The unit itself is never edited.
#include "base/text.h"
#include "formats/unit_file.h"
#include "heal/node_search.h"
#include "heal/planning.h"
#include "heal/remedy_table.h"

namespace meshops::heal {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

/// The patient's unit as its manager reads it, and where a drop-in for it belongs.
struct Unit {
  systemd::UnitFile file;
  fs::path drop_ins;
  Access access{.mode = 0644};
};

Result<Unit> unit_of(const Patient& patient, const Host& host) {
  const auto& name = patient.spec.unit;
  if (!by_systemd(patient) || name.find('/') != std::string::npos)
    return not_applicable("no systemd unit runs it");
  std::vector<fs::path> directories;
  Unit unit;
  if (patient.spec.runtime == RuntimeKind::systemd_user) {
    directories = {patient.owner.home / ".config/systemd/user", "/etc/systemd/user", "/usr/lib/systemd/user"};
    unit.access.uid = patient.owner.uid;
    unit.access.gid = patient.owner.gid;
  } else {
    directories = {"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
                   "/usr/lib/systemd/system", "/lib/systemd/system"};
  }
  unit.drop_ins = directories.front() / (name + ".d");
  bool found = false;
  for (const auto& directory : directories)
    if (auto text = host.read(directory / name, 1U << 20)) {
      unit.file = systemd::UnitFile::parse(*text, (directory / name).string());
      found = true;
      break;
    }
  if (!found) return not_applicable("no file of {} was found", printable(name));
  // Drop-ins of all directories count in the order of their names; of one name the first directory's.
  std::map<std::string, fs::path> drop_ins;
  for (const auto& directory : directories) {
    auto below = directory / (name + ".d");
    for (const auto& file : host.list(below).value_or(std::vector<std::string>{}))
      if (file.ends_with(".conf")) drop_ins.emplace(file, below / file);
  }
  for (const auto& [file, path] : drop_ins)
    if (auto text = host.read(path, 1U << 20)) unit.file.add(*text, path.string());
  return unit;
}

/// Each kind of setting has a file of its own, so that one can be taken back without the others.
Planned drop_in(const Patient& patient, const Host& host, const Unit& unit, std::string_view topic,
                const std::string& settings, std::string sentence) {
  auto path = unit.drop_ins / fmt::format("zz-meshops-{}.conf", topic);
  auto text = fmt::format("# Written by meshops; take it back with: meshops undo\n[Service]\n{}", settings);
  WriteFile write{.path = path, .before = {}, .after = FileState{text, unit.access}};
  if (exists(host, path)) {
    write.before = TRY(find_file(patient, host, path, 1U << 20)).state;
    write.after->access = write.before->access;
    if (write.before->bytes == text) return not_applicable("{} says so already", path.string());
  }
  UnitOrder reload{UnitOrder::Verb::reload_manager, "", manager_user(patient)};
  Treatment treatment{.remedy = {},
                      .sentence = std::move(sentence),
                      // On both sides: undone in reverse, the last thing is a reload, too.
                      .actions = {reload, std::move(write), reload}};
  if (patient.running) treatment.then = Then::restart, treatment.quiet_moment = true;
  return treatment;
}

/// The value of ExecStart= as it is written, if there is one and only one command.
Result<std::string> exec_line(const Unit& unit) {
  auto lines = unit.file.values("Service", "ExecStart");
  if (lines.size() != 1) return not_applicable("the unit has no single ExecStart=");
  return lines.front();
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  if (auto at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

std::string exec_setting(std::string_view line) { return fmt::format("ExecStart=\nExecStart={}\n", line); }

/// The script of a gateway's command, and its Node.js (empty: left to the script's first line).
struct Program {
  std::string node;
  std::string script;
};
Program program_of(const systemd::Command& command) {
  Program program;
  if (fs::path(command.path).filename().string().starts_with("node")) program.node = command.path;
  for (const auto& word : command.argv)
    if (word.ends_with(".mjs") || word.ends_with(".js") || fs::path(word).filename() == "openclaw") {
      program.script = word;
      break;
    }
  return program;
}

/// The ExecStart= that uses a Node.js which fits, or why there is none.
struct OtherNode {
  std::string line;
  std::string words;
};
Result<OtherNode> with_other_node(const Patient& patient, const Host& host, const Unit& unit) {
  auto line = TRY(exec_line(unit));
  auto commands = systemd::parse_commands(line);
  if (!commands || commands->size() != 1) return not_applicable("the unit's ExecStart= cannot be read");
  auto program = program_of(commands->front());
  if (program.script.empty()) return not_applicable("the unit's ExecStart= names no script of the gateway");
  auto range = wanted_node(program.script, host);
  if (!program.node.empty() && exists(host, program.node)) {
    auto version = version_of_node(program.node, host);
    if (version && fits(*version, range)) return not_applicable("{} fits", program.node);
  }
  auto node = find_node(patient, host, range);
  if (!node)
    return fail(
        error(HealCode::not_applicable, "no Node.js that fits {} was found on this machine", quote(range))
            .hint("install one beside the old, for example the npm package node"));
  if (node->string() == program.node) return not_applicable("{} is in use already", program.node);
  const auto& old = program.node.empty() ? program.script : program.node;
  auto words = program.node.empty() ? node->string() + " " + program.script : node->string();
  return OtherNode{.line = replaced(line, old, words), .words = node->string()};
}

std::optional<std::uint64_t> memory_of_machine(const Host& host) {
  auto text = host.read("/proc/meminfo", 64U << 10);
  if (!text) return std::nullopt;
  for (auto line : split(*text, '\n')) {
    auto w = words(line);
    if (w.size() >= 2 && w[0] == "MemTotal:")
      if (auto kib = to_number<std::uint64_t>(w[1])) return *kib * 1024;
  }
  return std::nullopt;
}

}  // namespace

Planned raise_stop_timeout(const Patient& patient, const Host& host) {
  constexpr Duration kDrain = 330s;   // the gateway's own unit: 315 s and a reserve
  constexpr Duration kDefault = 90s;  // DefaultTimeoutStopSec=
  auto unit = TRY(unit_of(patient, host));
  auto now = unit.file.span("Service", "TimeoutStopSec").value_or(kDefault);
  if (now >= kDrain) return not_applicable("the unit gives it {} to stop", about(now));
  auto treatment = TRY(drop_in(patient, host, unit, "stop", "TimeoutStopSec=330\n",
                               fmt::format("give it 330 s to stop instead of {}", about(now))));
  // Holds from the reload on; a restart would only be one more stop.
  start_or_watch(patient, treatment, 60s);
  treatment.quiet_moment = false;
  return treatment;
}

Planned write_unit_drop_in(const Patient& patient, const Host& host) {
  auto unit = TRY(unit_of(patient, host));
  std::string settings;
  std::vector<std::string> parts;
  auto watchdog = unit.file.span("Service", "WatchdogSec").value_or(Duration{});
  if (watchdog > Duration{} && told(patient, "watchdog timeout")) {
    // The gateway never answers a watchdog: any value kills it.
    settings += "WatchdogSec=0\n";
    parts.emplace_back("switch off WatchdogSec, which the gateway does not serve");
  }
  auto type = unit.file.value("Service", "Type").value_or("simple");
  if ((type.starts_with("notify") || type == "forking" || type == "dbus") &&
      (told(patient, "start operation timed out") || told(patient, "result 'timeout'") ||
       told(patient, "result 'protocol'"))) {
    settings += "Type=simple\n";
    parts.push_back(fmt::format("start it as Type=simple: it never says that it is ready, as {} asks", type));
  }
  if (auto directory = unit.file.value("Service", "WorkingDirectory");
      directory && directory->starts_with('/') && !exists(host, *directory) &&
      is_directory(host, patient.owner.home)) {
    settings += fmt::format("WorkingDirectory={}\n", patient.owner.home.string());
    parts.push_back(fmt::format("run it in {}: {} is not there", patient.owner.home.string(), *directory));
  }
  if (auto line = exec_line(unit)) {
    auto commands = systemd::parse_commands(*line);
    if (commands && commands->size() == 1 && commands->front().path.starts_with('/') &&
        !exists(host, commands->front().path))
      if (auto other = with_other_node(patient, host, unit)) {
        settings += exec_setting(other->line);
        parts.push_back(fmt::format("use {}: {} is not there", other->words, commands->front().path));
      }
  }
  if (settings.empty()) return not_applicable("nothing in the unit is known to be wrong");
  return drop_in(patient, host, unit, "unit", settings, printable(join(parts, "; ")));
}

Planned install_runtime(const Patient& patient, const Host& host) {
  auto unit = unit_of(patient, host);
  if (!unit)
    return fail(error(HealCode::not_applicable, "no systemd unit runs it")
                    .hint("name another node in mesh.toml: [[gateway]] command"));
  auto other = TRY(with_other_node(patient, host, *unit));
  return drop_in(patient, host, *unit, "node", exec_setting(other.line),
                 fmt::format("run it with {}", printable(other.words)));
}

Planned raise_heap_limit(const Patient& patient, const Host& host) {
  constexpr std::string_view kOption = "--max-old-space-size=";
  constexpr std::uint64_t kLeast = 2048;  // MiB; the gateway's own floor
  auto unit = TRY(unit_of(patient, host));
  auto line = TRY(exec_line(unit));
  auto memory = memory_of_machine(host);
  if (!memory) return not_applicable("the machine's memory is not known");
  auto most = *memory / 2 >> 20U;
  std::uint64_t now = 0;
  std::string old;
  if (auto at = line.find(kOption); at != std::string::npos) {
    auto rest = std::string_view(line).substr(at + kOption.size());
    auto digits = rest.substr(0, rest.find_first_not_of("0123456789"));
    now = to_number<std::uint64_t>(digits).value_or(0);
    old = std::string(kOption) + std::string(digits);
  }
  auto limit = std::min(std::max(kLeast, now * 2), most);
  if (limit <= now) return not_applicable("a heap of {} MiB is half of the machine's memory already", now);
  auto option = fmt::format("{}{}", kOption, limit);
  auto commands = systemd::parse_commands(line);
  if (!commands || commands->size() != 1 || program_of(commands->front()).node.empty())
    return not_applicable("the unit's ExecStart= does not begin with node");
  const auto& node = commands->front().path;
  auto changed = old.empty() ? replaced(line, node, node + " " + option) : replaced(line, old, option);
  return drop_in(patient, host, unit, "heap", exec_setting(changed),
                 fmt::format("let its heap grow to {} MiB", limit));
}

Planned raise_memory_limit(const Patient& patient, const Host& host) {
  constexpr std::uint64_t kEnough = 2ULL << 30U;
  auto unit = TRY(unit_of(patient, host));
  auto memory = memory_of_machine(host);
  if (!memory) return not_applicable("the machine's memory is not known");
  auto most = *memory / 4 * 3;
  std::string settings;
  std::vector<std::string> parts;
  for (std::string key : {"MemoryHigh", "MemoryMax"}) {
    auto text = unit.file.value("Service", key);
    auto now = text ? parse_bytes(*text) : std::nullopt;
    if (!now) continue;
    auto limit = std::min(std::max(kEnough, *now * 2), most) >> 20U << 20U;
    if (limit <= *now) continue;
    settings += fmt::format("{}={}M\n", key, limit >> 20U);
    parts.push_back(fmt::format("{} to {}", key, bytes_text(limit)));
  }
  if (settings.empty())
    return not_applicable("no memory limit of the unit is the reason, or the machine has no more to give");
  return drop_in(patient, host, unit, "memory", settings, fmt::format("raise {}", join(parts, " and ")));
}

Planned raise_limit(const Patient& patient, const Host& host) {
  constexpr std::uint64_t kWatches = 524'288;
  constexpr std::uint64_t kFiles = 65'536;
  if (told(patient, "inotify") || told(patient, "file watchers")) {
    return raise_kernel_setting(patient, host, "fs.inotify.max_user_watches", kWatches, "inotify");
  }
  if (!told(patient, "EMFILE") && !told(patient, "too many open files"))
    return not_applicable("the log does not say which limit was reached");
  auto unit = TRY(unit_of(patient, host));
  auto text = unit.file.value("Service", "LimitNOFILE");
  // "soft:hard", "infinity"; a node sets its soft limit to the hard one itself, so that is what counts.
  auto hard = text ? std::string_view(*text).substr(text->rfind(':') + 1) : std::string_view();
  auto now = text ? to_number<std::uint64_t>(hard) : std::optional<std::uint64_t>(0);
  if (!now || *now >= kFiles) return not_applicable("the unit may open {} files already: it leaks", *text);
  return drop_in(patient, host, unit, "limits", fmt::format("LimitNOFILE={}\n", kFiles),
                 fmt::format("let it open {} files", kFiles));
}

Planned enable_linger(const Patient& patient, const Host& host) {
  auto user = manager_user(patient);
  if (user.empty()) return not_applicable("no user's manager runs it");
  if (user.starts_with('-') || user.find('/') != std::string::npos)
    return not_applicable("{} is no name of a user", quote(user));
  if (exists(host, fs::path("/var/lib/systemd/linger") / user))
    return not_applicable("linger is enabled for {} already", printable(user));
  Treatment treatment{.remedy = {},
                      .sentence = fmt::format(
                          "enable linger for {}, so that its services live without a login", printable(user)),
                      .actions = {RunTool{.argv = {"loginctl", "enable-linger", user},
                                          .undo = {"loginctl", "disable-linger", user}}}};
  start_or_watch(patient, treatment, 60s);
  return treatment;
}

}  // namespace meshops::heal
