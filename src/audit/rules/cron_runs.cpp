// CRON-003, -005, -006, -008: what the jobs do, and how often.
#include <algorithm>
#include <array>

#include "audit/line_edit.h"
#include "audit/rules/cron_parts.h"
#include "audit/runs.h"
#include "base/text.h"

namespace meshops::audit::cron {

namespace fs = std::filesystem;

namespace {

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::ranges::find(list, word) != list.end();
}
bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The outermost command of a text that holds this byte: where something can be put in front.
const shell::Command* outermost(const shell::Script& script, std::size_t offset) {
  for (const auto& command : script.commands)
    if (!command.nested_shell && !command.substituted && !command.words.empty() && command.offset <= offset &&
        offset < command.end)
      return &command;
  return nullptr;
}

bool always_true(const shell::Command& command) {
  if (command.words.empty()) return false;
  const auto& first = command.words[0].text;
  if (first == "true" || first == ":" || first == "sleep") return true;
  return (first == "[" || first == "[[" || first == "test") && command.words.size() > 1 &&
         (command.words[1].text == "1" || command.words[1].text == "true") && command.words.size() <= 3;
}

// --- CRON-003 ---

/// What stays, by the words of its name.
bool names_service(std::string_view name) {
  constexpr std::array<std::string_view, 22> kWords = {
      "server", "serve",   "gateway", "daemon",    "bot",    "worker", "listener", "watcher",
      "watch",  "agent",   "proxy",   "tunnel",    "broker", "runner", "bridge",   "poller",
      "relay",  "service", "monitor", "keepalive", "app",    "loop"};
  std::string word;
  auto known = [&] {
    bool is = one_of(word, kWords);
    word.clear();
    return is;
  };
  for (char c : lower(name)) {
    if ((c >= 'a' && c <= 'z'))
      word += c;
    else if (known())
      return true;
  }
  return known();
}

constexpr std::array<std::string_view, 26> kOnce = {
    "sleep",    "touch", "rm",    "mount", "umount", "sysctl", "modprobe", "echo",   "cp",
    "mv",       "ln",    "mkdir", "chmod", "chown",  "date",   "logger",   "swapon", "ip",
    "iptables", "nft",   "curl",  "wget",  "cd",     "find",   "mail",     "rsync"};

/// What a command keeps alive, in words; empty: it comes to an end.
std::string keeps_alive(const shell::Command& command, std::span<const shell::Word> words) {
  auto argv = argv_of(command);
  if (argv.empty()) return "";
  if (starts_gateway(argv)) return "a gateway";
  auto program = base_name(argv[0]);
  auto has = [&](std::string_view word) { return std::ranges::find(argv, word) != argv.end(); };
  auto second = argv.size() > 1 ? std::string_view(argv[1]) : std::string_view();
  if (program == "screen" && (has("-dmS") || has("-dm") || has("-d") || has("-Dm")))
    return "a detached screen";
  if (program == "tmux" && has("-d")) return "a detached tmux session";
  if (program == "pm2" || program == "forever" || program == "supervisord") return program;
  if (program == "autossh" || (program == "ssh" && has("-N"))) return "a tunnel";
  if (program == "docker" || program == "podman" || program == "docker-compose")
    return has("up") || second == "start" || (second == "run" && (has("-d") || has("--detach")))
               ? "a container"
               : "";
  if (program == "systemctl" && (has("start") || has("restart"))) return "a unit";
  if (program == "service" && (has("start") || has("restart"))) return "a unit";
  if (program == "npm" || program == "yarn" || program == "pnpm")
    return second == "start" || second == "serve" ||
                   (second == "run" && argv.size() > 2 && names_service(argv[2]))
               ? "a server"
               : "";
  constexpr std::array<std::string_view, 10> kServers = {"gunicorn",    "uvicorn", "hypercorn",   "caddy",
                                                         "nginx",       "ollama",  "code-server", "ttyd",
                                                         "cloudflared", "frpc"};
  if (one_of(program, kServers)) return "a server";
  constexpr std::array<std::string_view, 9> kInterpreters = {"node", "python", "python3", "bun", "deno",
                                                             "php",  "ruby",   "java",    "perl"};
  if (one_of(program, kInterpreters)) {
    for (std::size_t i = 1; i < argv.size(); ++i) {
      if (program == "php" && argv[i] == "-S") return "a server";
      if (argv[i] == "http.server") return "a server";
      if (!argv[i].starts_with('-') && names_service(base_name(argv[i]))) return "a service";
    }
    return "";
  }
  if (!one_of(program, kOnce) && names_service(program)) return "a service";
  // Wrapped, or sent to the background to stay.
  bool nohup = std::ranges::any_of(words, [](const shell::Word& w) {
    auto name = base_name(w.text);
    return name == "nohup" || name == "setsid";
  });
  if (!one_of(program, kOnce) && (nohup || command.join == shell::Join::background))
    return "a process in the background";
  return "";
}

}  // namespace

void reboot_service(const Site& site, Findings& out) {
  const auto& runs = site.facts<Runs>();
  for (const auto* run : runs.of(Run::Kind::job)) {
    if (!run->job->schedule.reboot || run->cron->packaged) continue;
    std::string what;
    auto look = [&](const Run& where, bool script) {
      for (const auto& command : where.script.commands) {
        if (!what.empty() || command.substituted) continue;
        if (command.loop_condition && always_true(command) && command.words[0].text != "sleep")
          what = "an endless loop";
        else
          what = keeps_alive(command, command.words);
        // A script that sends one thing to the background and goes on need not stay.
        if (script && what == "a process in the background" && command.join != shell::Join::background)
          what = "";
      }
    };
    look(*run, false);
    for (const auto* script : runs.scripts_of(*run))
      if (what.empty()) look(*script, true);
    if (what.empty()) continue;
    auto program = program_of(*run->job);
    out.add(site.at(run->path, run->job->line, run->job->column))
        .found("@reboot starts {}: {}", what, program)
        .wanted("a unit with Restart=always")
        .message("cron starts it once per boot: when it dies, nobody starts it again before the next boot")
        .fix(
            "a unit: [Service] ExecStart=(the absolute path and arguments of {}) Restart=always "
            "RestartSec=5s, "
            "[Install] WantedBy=multi-user.target; systemctl enable --now it; then take this line out",
            program)
        .about("@reboot {}", program);
  }
}

// --- CRON-005 ---

namespace {

bool counts(const shell::Script& script, std::size_t loop) {
  constexpr std::array<std::string_view, 7> kCompare = {"-lt", "-le", "-gt", "-ge", "-ne", "-eq", "<"};
  for (const auto& command : script.commands) {
    if (command.loop != loop || !command.loop_condition) continue;
    for (const auto& word : command.words)
      if (one_of(word.text, kCompare) || contains(word.text, "SECONDS")) return true;
  }
  return false;
}

bool within(const shell::Script& script, std::size_t loop, std::size_t outer) {
  for (std::size_t depth = 0; loop != shell::kNoLoop && depth <= script.loops.size(); ++depth) {
    if (loop == outer) return true;
    loop = script.loops[loop].parent;
  }
  return false;
}

/// Loops that wait in it for something that can only be waited for, or that end by themselves.
bool is_no_poll(const Run& run, std::size_t loop) {
  const auto& script = run.script;
  auto kind = script.loops[loop].kind;
  if (kind != shell::Loop::Kind::while_loop && kind != shell::Loop::Kind::until_loop) return true;
  if (counts(script, loop)) return true;
  bool condition = false;
  bool leaves_when_counted = false;
  for (const auto& command : script.commands) {
    if (command.words.empty()) continue;
    const auto& first = command.words[0].text;
    if (command.loop == loop && command.loop_condition) {
      condition = true;
      if (first == "read" || first == "kill" || first == "pgrep" || first == "shift" || first == "getopts" ||
          first == "wait" || first == "fuser" || first == "timeout" || first == "IFS=" ||
          first == "inotifywait")
        return true;
    }
    // `while ((n < 30))` has no command in its condition.
    if (within(script, command.loop, loop) && command.conditional && !command.loop_condition)
      for (const auto& word : command.words)
        if (word.text == "-ge" || word.text == "-gt" || word.text == "-le" || word.text == "-lt")
          leaves_when_counted = true;
  }
  if (!condition) return true;
  if (leaves_when_counted)
    return std::ranges::any_of(script.commands, [&](const shell::Command& c) {
      return within(script, c.loop, loop) && !c.words.empty() &&
             (c.words[0].text == "break" || c.words[0].text == "exit" || c.words[0].text == "return");
    });
  return false;
}

}  // namespace

void sleep_loop(const Site& site, Findings& out) {
  for (const auto& run : site.facts<Runs>().all()) {
    const bool by_cron_directory = run->path.string().find("/cron.") != std::string::npos;
    if (run->kind == Run::Kind::script && run->started_by.empty() && !by_cron_directory) continue;
    const auto& script = run->script;
    std::vector<std::size_t> told;
    for (const auto& command : script.commands) {
      auto program = shell::program(command);
      if (program != "sleep" && program != "usleep") continue;
      auto loop = command.loop;
      // The outermost loop that polls is the one to name.
      std::optional<std::size_t> polls;
      for (std::size_t depth = 0; loop != shell::kNoLoop && depth <= script.loops.size(); ++depth) {
        if (!is_no_poll(*run, loop)) polls = loop;
        loop = script.loops[loop].parent;
      }
      if (!polls || std::ranges::find(told, *polls) != told.end()) continue;
      told.push_back(*polls);
      const auto& at = script.loops[*polls];
      auto starter = run->started_by.empty() ? run->called(site) : run->started_by.front()->called(site);
      auto argument = command.words.size() > 1 ? printable(command.words.back().text) : "";
      out.add(run->at(site, at.offset, at.line, at.column))
          .found("a loop with sleep {}, started by {}", argument, starter)
          .wanted("one pass per start, started every so often")
          .message("a poller of this kind dies unseen, drifts, and holds a process between two looks")
          .fix(
              "take the loop off and let a timer start one pass: [Timer] OnUnitInactiveSec={} (or a crontab "
              "line)",
              argument.empty() || argument.find('$') != std::string::npos ? "60" : argument)
          .about("loop of {}", run->kind == Run::Kind::unit ? run->unit->name : site.shown(run->path));
    }
  }
}

// --- CRON-006 ---

namespace {

std::optional<long> seconds_of(std::string_view text) {
  if (text.empty()) return std::nullopt;
  long factor = 1;
  char unit = text.back();
  if (unit == 's' || unit == 'm' || unit == 'h' || unit == 'd') {
    factor = unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? 86400 : 1;
    text.remove_suffix(1);
  }
  if (auto n = to_number<int>(text)) return *n * factor;
  return std::nullopt;
}

/// Known to take long, in words; empty: not known.
std::string takes_long(const std::vector<std::string>& argv) {
  if (argv.empty()) return "";
  auto program = base_name(argv[0]);
  // A script of that name elsewhere is another program: /etc/munin/plugins/apt.
  auto folder = base_name(fs::path(argv[0]).parent_path().string());
  bool itself = folder.empty() || folder == "bin" || folder == "sbin" || folder == program;
  const std::string known = itself ? program : "";
  auto has = [&](std::string_view word) { return std::ranges::find(argv, word) != argv.end(); };
  auto second = argv.size() > 1 ? std::string_view(argv[1]) : std::string_view();
  constexpr std::array<std::string_view, 31> kLong = {"rsync",       "restic",
                                                      "borg",        "borgmatic",
                                                      "duplicity",   "rclone",
                                                      "rsnapshot",   "rdiff-backup",
                                                      "tar",         "pg_dump",
                                                      "pg_dumpall",  "pg_basebackup",
                                                      "mysqldump",   "mariadb-dump",
                                                      "mongodump",   "ffmpeg",
                                                      "fstrim",      "updatedb",
                                                      "clamscan",    "rkhunter",
                                                      "certbot",     "unattended-upgrade",
                                                      "gsutil",      "duply",
                                                      "scp",         "zip",
                                                      "7z",          "lftp",
                                                      "offlineimap", "mbsync",
                                                      "yt-dlp"};
  if (one_of(known, kLong)) return program;
  if ((known == "apt" || known == "apt-get") && (has("update") || has("upgrade") || has("dist-upgrade")))
    return program;
  if (known == "git" &&
      (has("pull") || has("fetch") || has("gc") || has("clone") || has("push") || has("repack")))
    return "git";
  if (known == "docker" && (has("build") || has("pull") || has("prune")))
    return "docker " + std::string(second);
  if (known == "find" && (second == "/" || second == "/home" || second == "/var" || second == "/srv"))
    return "find " + std::string(second);
  if ((known == "openclaw" || known == "clawdbot") &&
      (second == "agent" || second == "doctor" || second == "cron"))
    return program + " " + std::string(second);
  if (known == "meshops" && (second == "sync" || second == "audit" || second == "backup"))
    return "meshops " + std::string(second);
  if ((known == "aws" || known == "gcloud") && has("sync")) return program + " sync";
  if ((known == "npm" || known == "pnpm" || known == "yarn") &&
      (second == "install" || second == "ci" || second == "update"))
    return program + " " + std::string(second);
  // A script that says so by its name: "backup.sh", "sync-photos".
  std::string word;
  auto name = lower(program.substr(0, program.find('.')));
  for (auto part :
       {"backup", "sync", "mirror", "reindex", "rebuild", "import", "export", "crawl", "scrape", "dump"})
    if (contains(name, part)) return program;
  return "";
}

/// What keeps a second run out.
bool locks(const shell::Script& script, std::string_view text) {
  constexpr std::array<std::string_view, 12> kLocks = {"flock",  "lockfile",    "setlock",  "run-one",
                                                       "solo",   "dotlockfile", "lockrun",  "lockfile-create",
                                                       "shlock", "with-lock",   "cronlock", "lockf"};
  for (const auto& command : script.commands) {
    for (const auto& word : command.words)
      if (one_of(base_name(word.text), kLocks)) return true;
    auto argv = argv_of(command);
    if (argv.empty()) continue;
    auto program = base_name(argv[0]);
    if (program == "mkdir" &&
        std::ranges::any_of(argv, [](const auto& a) { return contains(lower(a), "lock"); }))
      return true;
    // "pgrep -f x || x", "pidof …"; a unit never runs twice.
    if (program == "pgrep" || program == "pidof" || program == "systemctl") return true;
    if ((program == "[" || program == "test" || program == "[[") &&
        std::ranges::any_of(
            argv, [](const auto& a) { return contains(lower(a), ".pid") || contains(lower(a), "lock"); }))
      return true;
    if (program == "set" &&
        std::ranges::any_of(argv, [](const auto& a) { return a == "noclobber" || a == "-C"; }))
      return true;
  }
  return contains(text, "LOCKFILE") || contains(text, "PIDFILE");
}

struct Length {
  std::string why;                          // empty: not known to take longer
  const shell::Command* command = nullptr;  // of the run's own text
};

Length length_of(const shell::Script& script, int gap_minutes) {
  const long gap = gap_minutes * 60L;
  long slept = 0;
  Length found;
  for (const auto& command : script.commands) {
    auto argv = argv_of(command);
    if (argv.empty()) continue;
    if (base_name(argv[0]) == "sleep" && argv.size() > 1 && command.loop_depth == 0) {
      slept += seconds_of(argv[1]).value_or(0);
      if (slept >= gap && found.why.empty()) found = {fmt::format("it sleeps {} s", slept), &command};
    }
    // timeout(1) ends it before the next run.
    bool ended = false;
    for (std::size_t i = 0; i + 1 < command.words.size(); ++i)
      if (base_name(command.words[i].text) == "timeout")
        for (std::size_t j = i + 1; j < command.words.size(); ++j)
          if (auto limit = seconds_of(command.words[j].text);
              limit && !command.words[j].text.starts_with('-')) {
            ended = *limit <= gap && *limit > 0;
            break;
          }
    constexpr int kOften = 10;
    if (ended || gap_minutes > kOften || !found.why.empty()) continue;
    auto asks = argv.size() > 1 && (argv[1] == "--version" || argv[1] == "--help");
    if (auto what = takes_long(argv); !what.empty() && !asks) found = {what + " may take longer", &command};
  }
  return found;
}

std::string lock_name(std::string_view program) {
  std::string out;
  auto base = base_name(program);
  for (char c : base.substr(0, base.find('.')))
    out += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ? c : '-';
  return out.empty() ? "job" : out;
}

/// How many of them run at this moment, as cron starts them.
std::size_t running_now(const Site& site, const crontab::Job& job) {
  if (!site.live()) return 0;
  auto processes = site.host().processes();
  if (!processes) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(*processes, [&](const ProcessInfo& p) {
    return p.argv.size() == 3 && p.argv[1] == "-c" && p.argv[2] == job.command;
  }));
}

}  // namespace

void overlap(const Site& site, Findings& out) {
  const auto& runs = site.facts<Runs>();
  for (const auto* run : runs.of(Run::Kind::job)) {
    const auto& job = *run->job;
    if (job.schedule.reboot || job.schedule.minutes.none() || is_stock_job(job) || run->cron->packaged)
      continue;
    if (locks(run->script, run->text)) continue;
    auto scripts = runs.scripts_of(*run);
    if (std::ranges::any_of(scripts, [](const Run* s) { return locks(s->script, s->text); })) continue;
    int gap = job.schedule.shortest_gap();
    auto length = length_of(run->script, gap);
    if (length.why.empty())
      for (const auto* script : scripts)
        if (auto inside = length_of(script->script, gap); !inside.why.empty() && length.why.empty())
          length.why = fmt::format("{} ({})", inside.why, script->path.filename().string());
    if (auto now = running_now(site, job); now > 1)
      length.why = fmt::format("{} of it run at this moment", now);
    if (length.why.empty()) continue;

    // The lock goes before the program that takes long, or before the last one of the line.
    const shell::Command* target =
        length.command != nullptr ? outermost(run->script, length.command->offset) : nullptr;
    if (target == nullptr)
      for (const auto& command : run->script.commands)
        if (!command.nested_shell && !command.substituted && !command.words.empty() &&
            command.words[0].text != "cd")
          target = &command;
    auto program = program_of(job);
    auto name = lock_name(target != nullptr && shell::program(*target) != "sleep" ? shell::program(*target)
                                                                                  : program);
    auto draft = out.add(site.at(run->path, job.line, job.column));
    draft
        .found("{} (every {} min): {}, and nothing keeps a second one out", job.when, gap,
               without_keys(printable(length.why)))
        .wanted("flock -n /run/lock/{}.lock before it", name)
        .message(
            "when one run takes longer than {} min the next starts beside it, and they slow each other down "
            "until the machine stands still",
            gap)
        .fix("write flock -n /run/lock/{}.lock before the command: a second run then ends at once", name)
        .about("overlap {}", program);
    if (target == nullptr) continue;
    auto from = job.column_of(target->words[0].offset) - 1;
    std::string line(line_of(run->cron->text, job.line));
    if (from > line.size()) continue;
    const auto& first = target->words[0].text;
    bool simple = first.find_first_of("({[!") == std::string::npos && first != "sleep" && first != "source" &&
                  first != "." && first != "eval" && first != "exec" && first != "export";
    if (simple)
      line.insert(from, "flock -n /run/lock/" + name + ".lock ");
    else if (job.command.find('\'') == std::string::npos && job.percents.empty())
      line = line.substr(0, job.command_column - 1) + "flock -n /run/lock/" + name + ".lock sh -c '" +
             std::string(trim(job.written)) + "'";
    else
      continue;
    draft.mend(
        Mend{.files = {{.path = run->cron->file.path, .bytes = with_line(run->cron->text, job.line, line)}}});
  }
}

// --- CRON-008 ---

namespace {

bool pings_health(const std::vector<std::string>& argv) {
  if (argv.empty()) return false;
  auto program = base_name(argv[0]);
  auto second = argv.size() > 1 ? std::string_view(argv[1]) : std::string_view();
  if (program == "curl" || program == "wget" || program == "http" || program == "httpie" || program == "nc") {
    constexpr std::array<std::string_view, 9> kPaths = {
        "/health", "/ready", "/live", "/startupz", "/ping", "/status", "/alive", "/heartbeat", "/up"};
    for (const auto& word : argv) {
      if (word.starts_with('-') || contains(word, "hc-ping.com") || contains(word, "healthchecks.io") ||
          contains(word, "uptimerobot") || contains(word, "betterstack") || contains(word, "/api/push/"))
        continue;
      auto scheme = word.find("://");
      auto slash = word.find('/', scheme == std::string::npos ? 0 : scheme + 3);
      if (slash == std::string::npos) continue;
      auto path = lower(word.substr(slash));
      for (auto known : kPaths)
        if (auto at = path.find(known); at != std::string::npos) {
          auto end = path.substr(at + known.size(), 2);
          if (known != "/up" || end.empty() || end[0] == '?') return true;
        }
    }
    return program == "nc" && std::ranges::find(argv, "-z") != argv.end();
  }
  if (program == "openclaw" || program == "clawdbot")
    return second == "health" || second == "status" ||
           (second == "gateway" && argv.size() > 2 &&
            (argv[2] == "status" || argv[2] == "health" || argv[2] == "probe" || argv[2] == "call"));
  if (program == "meshops") return second == "status" || second == "diagnose";
  if (program == "ping") return argv.size() > 2;
  return false;
}

bool asks_hour(std::string_view text) {
  return contains(text, "date") && (contains(text, "%H") || contains(text, "%R") || contains(text, "%T"));
}

/// The command that compares the hour of now with a fixed one; null if there is none.
const shell::Command* compares_time(const shell::Script& script) {
  std::vector<std::string> holders;
  for (const auto& command : script.commands) {
    for (const auto& set : command.assignments)
      if (asks_hour(set.value.text)) holders.push_back("$" + set.name);
    if (command.words.empty()) continue;
    const auto& first = command.words[0].text;
    if (first != "[" && first != "test" && first != "[[") continue;
    for (const auto& word : command.words) {
      bool held = std::ranges::any_of(holders, [&](const std::string& h) {
        return contains(word.text, h) || contains(word.text, "${" + h.substr(1) + "}");
      });
      if (held || asks_hour(word.text)) return &command;
    }
  }
  return nullptr;
}

}  // namespace

void heartbeat(const Site& site, Findings& out) {
  constexpr int kPing = 5, kPolled = 30;
  const auto& runs = site.facts<Runs>();
  for (const auto* run : runs.of(Run::Kind::job)) {
    const auto& job = *run->job;
    if (job.schedule.reboot || job.schedule.minutes.none() || run->cron->packaged) continue;
    int gap = job.schedule.shortest_gap();
    auto scripts = runs.scripts_of(*run);
    scripts.insert(scripts.begin(), run);
    bool told = false;
    for (const auto* text : scripts)
      for (const auto& command : text->script.commands) {
        if (told || gap > kPing || !pings_health(argv_of(command))) continue;
        told = true;
        out.add(site.at(run->path, job.line, job.column))
            .found("{} (every {} min): a health check with {}", job.when, gap, shell::program(command))
            .wanted("the agent's probe")
            .message(
                "a ping from cron sees at most one layer, remembers nothing, and heals nothing; the agent "
                "looks "
                "every few seconds and knows what it sees")
            .fix(
                "describe the gateway in mesh.toml (or let `meshops discover` find it), and take this line "
                "out")
            .about("heartbeat {}", program_of(job));
      }
    if (gap > kPolled) continue;
    for (const auto* text : scripts)
      if (const auto* command = compares_time(text->script)) {
        out.add(text->at(site, *command))
            .found("{} (every {} min), and the command looks at the clock", job.when, gap)
            .wanted("the time itself in the first five fields")
            .message(
                "cron starts this {} times a day so that it can do something at one time; a start that is "
                "late "
                "misses it",
                24 * 60 / gap)
            .fix("write the time into the schedule, such as 0 3 * * *, and take the test out")
            .about("exact time {}", program_of(job));
        break;
      }
  }
}

}  // namespace meshops::audit::cron
