// BKP-004, -007: what backup jobs pile up, and databases they copy while somebody writes.
#include <algorithm>
#include <array>
#include <set>

#include "audit/backups.h"
#include "audit/line_edit.h"
#include "audit/rules/backup_parts.h"
#include "base/text.h"

namespace meshops::audit::backup {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kDays = 30;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// mesh.toml with `keep = 14` in that [[backup]].
std::optional<std::string> with_keep(const MeshFile& file, std::size_t index) {
  auto header = file.line_of("backup", index);
  if (header == 0 || file.text.empty()) return std::nullopt;
  if (auto line = file.line_of("backup", index, "keep"); line != 0) {
    std::string text(line_of(file.text, line));
    auto equals = text.find('=');
    auto zero = equals == std::string::npos ? equals : text.find('0', equals);
    if (zero == std::string::npos) return std::nullopt;
    return with_line(file.text, line, text.replace(zero, 1, "14"));
  }
  std::string text(line_of(file.text, header));
  if (!trim(text).starts_with("[[")) return std::nullopt;
  // Below the last key of the table, in its indent.
  auto last = header;
  for (std::string_view key : {"name", "data", "target", "media", "offsite", "every"})
    last = std::max(last, file.line_of("backup", index, key));
  std::string_view last_line = line_of(file.text, last);
  std::string indent(last_line.substr(0, last_line.find_first_not_of(" \t")));
  std::string end = last_line.ends_with('\r') ? "\r" : "";
  return with_line(file.text, last, std::string(last_line) + "\n" + indent + "keep = 14" + end);
}

void declared(const Site& site, Findings& out) {
  for (const auto& file : site.facts<MeshFiles>().files())
    for (std::size_t i = 0; i < file.mesh.backups.size(); ++i) {
      const auto& backup = file.mesh.backups[i];
      if (backup.keep > 0) continue;
      std::string growth;
      if (!site.repo()) {
        auto record = record_of(site, backup);
        if (record && record->target_free && record->growth_per_day) {
          // What grows slowly may be kept for ever.
          auto days = *record->growth_per_day == 0 ? kDays : *record->target_free / *record->growth_per_day;
          if (days >= kDays) continue;
          growth = fmt::format("; at {} a day the target is full in {} days",
                               bytes_text(*record->growth_per_day), days);
        }
      }
      auto draft = out.add(site.at(file.path, file.line_near("backup", i, "keep")));
      draft.found("{}: keep = 0{}", backup.name, growth)
          .wanted("a number of backups to keep")
          .message("nothing is ever thrown away: the target fills up, and then no backup succeeds any more")
          .fix("keep = 14 in this [[backup]]")
          .about("{}", backup.name);
      if (auto bytes = with_keep(file, i)) draft.mend(Mend{.files = {{.path = file.path, .bytes = *bytes}}});
    }
}

/// What deletes old copies somewhere in a run.
bool rotates(const Run& run, std::string_view tool) {
  for (const auto& command : run.script.commands) {
    auto argv = argv_of(command);
    if (argv.empty()) continue;
    auto program = base_name(argv[0]);
    auto has = [&](std::string_view word) { return std::ranges::find(argv, word) != argv.end(); };
    if (tool == "restic") {
      if (program == "restic" && has("forget")) return true;
      continue;
    }
    if (tool == "borg") {
      if (program == "borg" && has("prune")) return true;
      continue;
    }
    if (tool == "duplicity") {
      if (program == "duplicity" && std::ranges::any_of(argv, [](const std::string& w) {
            return w.starts_with("remove-") || w.starts_with("--remove-");
          }))
        return true;
      continue;
    }
    if (program == "find" && (has("-delete") || has("-exec") || has("-mtime") || has("-mmin"))) return true;
    if (program == "rm" || program == "unlink" || program == "logrotate" || program == "savelog" ||
        program == "tmpreaper" || program == "tmpwatch" || program == "rotate-backups" || program == "prune")
      return true;
    if (program == "xargs" && has("rm")) return true;
    if ((program == "rclone" || program == "aws" || program == "gsutil") && (has("delete") || has("rm")))
      return true;
  }
  return false;
}

/// A name that is another one with every run.
bool has_date(std::string_view written) {
  return contains(written, "$(date") || contains(written, "`date") || contains(written, "%(") ||
         contains(written, "$EPOCH") || contains(written, "${EPOCH");
}

void seen(const Site& site, Findings& out) {
  const auto& runs = site.facts<Runs>();
  std::set<std::pair<const Run*, std::string>> told;
  for (const auto& job : site.facts<Backups>().jobs()) {
    if (!job.regular || job.tool == "duply") continue;
    bool repository = job.tool == "restic" || job.tool == "borg" || job.tool == "duplicity";
    if (!repository && !has_date(job.target)) continue;
    // For a repository of backups anyone may do it; a plain file's copies are deleted where they are made.
    bool done = std::ranges::any_of(runs.all(), [&](const auto& run) {
      bool near = run.get() == job.run || repository || run->path == job.run->path ||
                  run->kind == Run::Kind::job || run->kind == Run::Kind::unit || !run->started_by.empty();
      return near && rotates(*run, repository ? job.tool : "");
    });
    if (done || !told.insert({job.run, job.tool}).second) continue;
    std::string how = job.tool == "restic" ? "restic forget --keep-daily 14 --keep-weekly 8 --prune after it"
                      : job.tool == "borg" ? "borg prune --keep-daily 14 --keep-weekly 8 after it"
                      : job.tool == "duplicity"
                          ? "duplicity remove-older-than 60D --force URL after it"
                          : "find DIRECTORY -name 'PATTERN' -mtime +14 -delete after it";
    out.add(job.run->at(site, *job.command))
        .found("{} adds one more with every run, and nothing removes old ones", job.tool)
        .wanted("a retention policy")
        .message("the target fills up, and then no backup succeeds any more: mostly unnoticed")
        .fix("{}", how)
        .about("{} in {}", job.tool, job.run->called(site));
  }
}

}  // namespace

void no_rotation(const Site& site, Findings& out) {
  declared(site, out);
  seen(site, out);
}

// --- BKP-007 ---

namespace {

bool is_database(std::string_view path) {
  auto name = base_name(path);
  for (std::string_view suffix :
       {".sqlite", ".sqlite3", ".db", ".db3", ".sqlite-wal", ".db-wal", ".sqlite*", ".db*"})
    if (name.size() > suffix.size() - 1 && name.ends_with(suffix)) return true;
  return name.find(".sqlite") != std::string::npos;
}

/// A gateway's state directory as a whole, or the part with its databases.
bool is_state(std::string_view path, const std::set<std::string>& declared) {
  std::string text(path);
  while (text.size() > 1 && (text.ends_with('/') || text.ends_with("/*") || text.ends_with("/.")))
    text.resize(text.find_last_not_of("/*.") + 1);
  auto name = base_name(text);
  auto parent = base_name(fs::path(text).parent_path().string());
  auto gateway = [](const std::string& n) {
    return n == ".openclaw" || n.starts_with(".openclaw-") || n == ".clawdbot" || n == ".moltbot";
  };
  if (gateway(name) || declared.contains(text)) return true;
  return gateway(parent) && (name == "state" || name == "agents" || name == "memory");
}

bool put_aside(std::string_view path) {
  return says_backup(path) || contains(path, "/tmp/") || contains(path, "export") ||
         contains(path, "/.snapshots") || contains(path, "restore");
}

/// What makes a copy whole: a snapshot, the database's own copy, or a writer that was stopped first.
bool prepares(const shell::Command& command) {
  auto argv = argv_of(command);
  if (argv.empty()) return false;
  auto program = base_name(argv[0]);
  auto has = [&](std::string_view word) { return std::ranges::find(argv, word) != argv.end(); };
  if (program == "sqlite3" || program == "litestream" || program == "sqlite3_rsync")
    return program != "sqlite3" ||
           std::ranges::any_of(argv,
                               [](const std::string& w) {
                                 auto small = lower(w);
                                 return contains(small, ".backup") || contains(small, "vacuum into") ||
                                        contains(small, ".dump") || contains(small, ".clone");
                               }) ||
           std::ranges::any_of(command.redirections,
                               [](const shell::Redirection& r) { return r.op.starts_with("<<"); });
  if (program == "systemctl" || program == "docker" || program == "docker-compose" || program == "podman" ||
      program == "service" || program == "pm2" || program == "supervisorctl")
    return has("stop") || has("down") || has("pause") || has("kill");
  if (program == "openclaw" || program == "clawdbot") return has("stop") || has("backup");
  if (program == "meshops") return has("pause") || has("stop") || has("backup");
  if (program == "lvcreate" || program == "zfs" || program == "btrfs" || program == "fsfreeze" ||
      program == "xfs_freeze" || program == "snapper" || program == "timeshift")
    return true;
  return false;
}

bool leaves_out_databases(const shell::Command& command) {
  return std::ranges::any_of(command.words, [&](const shell::Word& word) {
    auto small = lower(word.text);
    auto at = static_cast<std::size_t>(&word - command.words.data());
    bool exclude = small.starts_with("--exclude=") || small.starts_with("--iexclude=") ||
                   (at > 0 && (command.words[at - 1].text == "--exclude" ||
                               command.words[at - 1].text == "-x" || command.words[at - 1].text == "-e"));
    return exclude && (contains(small, "sqlite") || contains(small, ".db") || contains(small, "state"));
  });
}

}  // namespace

void live_databases(const Site& site, Findings& out) {
  std::set<std::string> states;
  for (const auto& file : site.facts<MeshFiles>().files())
    for (const auto& gateway : file.mesh.gateways)
      if (!gateway.state_dir.empty()) states.insert(gateway.state_dir.string());
  for (const auto& run : site.facts<Runs>().all()) {
    auto variables = variables_of(run->script);
    if (run->cron != nullptr)
      for (const auto& set : run->cron->table.settings) variables.try_emplace(set.name, set.value);
    bool prepared = false;
    for (const auto& command : run->script.commands) {
      prepared = prepared || prepares(command);
      auto argv = argv_of(command);
      if (argv.size() < 3 || prepared) continue;
      auto tool = base_name(argv[0]);
      constexpr std::array<std::string_view, 11> kTools = {
          "cp", "rsync", "tar", "scp", "rclone", "restic", "borg", "duplicity", "zip", "aws", "gsutil"};
      if (std::ranges::find(kTools, tool) == kTools.end() || leaves_out_databases(command)) continue;
      bool unpacks = tool == "tar" && argv[1].find('c') == std::string::npos &&
                     std::ranges::find(argv, "--create") == argv.end();
      if (unpacks ||
          ((tool == "restic" || tool == "borg") && std::ranges::find(argv, "restore") != argv.end()))
        continue;
      // The last word of most is where it goes; of the others it is data as well.
      bool last_is_target = tool == "cp" || tool == "rsync" || tool == "scp" || tool == "rclone" ||
                            tool == "aws" || tool == "gsutil" || tool == "duplicity";
      auto target = last_is_target ? filled(argv.back(), variables) : std::string();
      bool regular = runs_regularly(*run);
      bool aside = says_backup(target) || (!target.empty() && !is_local(target)) || !last_is_target;
      if (!regular && !aside) continue;
      // In a folder that nothing starts, a copy of a file for a test is no backup.
      if (!regular && run->kind == Run::Kind::script && !says_backup(target)) continue;
      std::string folder;
      for (std::size_t i = 1; i + (last_is_target ? 1 : 0) < argv.size(); ++i) {
        if (argv[i] == "-C" && i + 1 < argv.size()) folder = filled(argv[i + 1], variables) + "/";
        if (argv[i].starts_with('-') || argv[i - 1] == "-C" || argv[i - 1] == "--exclude") continue;
        if (!last_is_target && i == 2 && tool == "tar" && argv[1].ends_with('f')) continue;
        auto source = filled(argv[i], variables);
        if (!source.starts_with('/') && !folder.empty()) source = folder + source;
        if (!is_local(source) || put_aside(source)) continue;
        bool database = is_database(source), state = is_state(source, states);
        if (!database && !state) continue;
        out.add(run->at(site, command))
            .found("{} copies {}{}", tool, printable(source), state ? ", with its databases" : "")
            .wanted("a snapshot first")
            .message(
                "a database that is copied while somebody writes is torn: it restores as \"malformed\", or "
                "without its last hours")
            .fix(
                "sqlite3 FILE \".backup 'COPY'\" (or VACUUM INTO) for each database and copy those, or stop "
                "the "
                "gateway first; `openclaw backup create` does it for OpenClaw")
            .about("{} {}", tool, printable(source));
        break;
      }
    }
  }
}

}  // namespace meshops::audit::backup
