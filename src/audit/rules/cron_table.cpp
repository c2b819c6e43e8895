// CRON-002, -004, -007: the crontab itself, as cron reads it.
#include <algorithm>
#include <array>

#include "audit/crontabs.h"
#include "audit/line_edit.h"
#include "audit/rules/cron_parts.h"
#include "base/text.h"
#include "formats/shell.h"

namespace meshops::audit::cron {

namespace fs = std::filesystem;

namespace {

using crontab::Dialect;
using crontab::Fault;

/// Fewer accounts than that is no passwd of a real system.
constexpr std::size_t kRealPasswd = 5;

Mend whole_file(const CronFile& cron, std::string bytes) {
  return {.files = {{.path = cron.file.path, .bytes = std::move(bytes)}}};
}

// --- CRON-002 ---

bool is_utc(std::string_view zone) {
  constexpr std::array<std::string_view, 10> kUtc = {
      "UTC", "Etc/UTC", "UCT", "Etc/UCT", "Universal", "Etc/Zulu", "Zulu", "Etc/GMT", "GMT", "Etc/Universal"};
  return std::ranges::find(kUtc, zone) != kUtc.end();
}

/// The zone of the system as the files say; nothing: they do not.
std::optional<std::string> system_zone(const Site& site) {
  for (const auto* place : {"/etc/localtime", "/localtime"})
    if (auto link = site.host().read_link(place)) {
      auto at = link->find("zoneinfo/");
      if (at != std::string::npos) return link->substr(at + 9);
    }
  for (const auto* place : {"/etc/timezone", "/timezone"})
    if (auto text = site.host().read(place); text && !trim(*text).empty()) return std::string(trim(*text));
  // A copied zone file ends in its rule as POSIX writes it.
  if (auto bytes = site.host().read("/etc/localtime"); bytes && bytes->ends_with("\nUTC0\n")) return "UTC";
  if (site.repo())
    for (const auto& file : site.files().all())
      if (file.path.filename() == "timezone" && file.path.parent_path().filename() == "etc")
        if (auto text = site.host().read(file.path); text && !trim(*text).empty())
          return std::string(trim(*text));
  return std::nullopt;
}

}  // namespace

void time_zone(const Site& site, Findings& out) {
  auto zone = system_zone(site);
  if (zone && is_utc(*zone)) return;
  for (const auto& cron : site.facts<CronFiles>().files()) {
    if (cron.packaged && cron.file.path != "/etc/crontab") continue;
    const crontab::Job* first = nullptr;
    for (const auto& job : cron.table.jobs) {
      if (!job.schedule.time_of_day() || is_stock_job(job)) continue;
      if (cron.table.setting(job, "CRON_TZ") != nullptr || cron.table.setting(job, "TZ") != nullptr) continue;
      if (first == nullptr) first = &job;
      out.add(site.at(cron.file.path, job.line, job.column))
          .found("{} with {}", job.when,
                 zone ? "the system in zone " + printable(*zone) : "no zone said anywhere")
          .wanted("CRON_TZ=UTC above it, or a system zone of UTC")
          .message(
              "this job runs at another hour on a node of another zone, and twice or never when clocks "
              "change")
          .fix(
              "a line CRON_TZ=UTC above it, with the hours in UTC; cronie counts by it. Debian's cron hands "
              "the "
              "line to the command only and keeps to the system's zone: there run `timedatectl set-timezone "
              "UTC` "
              "as well")
          .about("{} {}", job.when, program_of(job))
          .mend(whole_file(cron, with_line_above(cron.text, first->line, "CRON_TZ=UTC")));
    }
  }
}

// --- CRON-004 ---

namespace {

/// "claw", "etc-crontab", "cron.d-backup": under STATE/backups/crontabs.
std::string copy_name(const fs::path& path) {
  auto parent = path.parent_path().filename().string();
  if (parent == "crontabs") return path.filename().string();
  return (parent == "cron.d" ? "cron.d-" : parent + "-") + path.filename().string();
}

bool absent(const Error& error) { return error.is("file.not_found"); }

}  // namespace

void table_backup(const Site& site, Findings& out) {
  for (const auto& cron : site.facts<CronFiles>().files()) {
    if (cron.packaged && cron.file.path != "/etc/crontab") continue;
    if (std::ranges::all_of(cron.table.jobs, is_stock_job)) continue;  // also where there is none
    auto name = copy_name(cron.file.path);
    const std::array<fs::path, 5> places = {
        site.mesh().state_dir / "backups/crontabs" / name, fs::path("/var/backups/crontabs") / name,
        fs::path("/var/backups/crontabs") / cron.file.path.filename(),
        "/var/backups" / fs::path("crontab." + cron.file.path.filename().string()),
        "/var/backups" / fs::path(cron.file.path.filename().string() + ".crontab")};
    bool same = false, unreadable = false;
    const fs::path* older = nullptr;
    for (const auto& place : places) {
      auto copy = site.host().read(place);
      if (copy && *copy == cron.text) same = true;
      if (copy && older == nullptr) older = &place;
      if (!copy && !absent(copy.error())) {
        out.skip(place.string(), std::string(copy.error().text()));
        unreadable = true;
      }
    }
    if (same || (unreadable && older == nullptr)) continue;
    const auto& target = places[0];
    out.add(site.at(cron.file.path))
        .found("{}",
               older != nullptr ? "changed since the copy in " + older->string() : "no copy of it anywhere")
        .wanted("the same bytes in {}", target.string())
        .message("{} jobs would be gone with this file, and nobody could say what they were",
                 cron.table.jobs.size())
        .fix("install -D -m 600 {} {}", cron.file.path.string(), target.string())
        .about("{}", name)
        .mend(Mend{.files = {{.path = target, .bytes = cron.text, .mode = 0600}}});
  }
}

// --- CRON-007 ---

namespace {

bool one_of(std::string_view word, std::span<const std::string_view> list) {
  return std::ranges::find(list, word) != list.end();
}

std::string wanted_field(Fault fault) {
  switch (fault) {
    case Fault::bad_minute:
      return "0 to 59, lists, ranges, */N";
    case Fault::bad_hour:
      return "0 to 23";
    case Fault::bad_day:
      return "1 to 31";
    case Fault::bad_month:
      return "1 to 12, or jan to dec";
    case Fault::bad_weekday:
      return "0 to 7, or sun to sat";
    case Fault::bad_word:
      return "@reboot, @hourly, @daily, @weekly, @monthly or @yearly";
    case Fault::no_user:
      return "an account before the command";
    case Fault::bad_command:
      return "five fields, then the command";
    case Fault::no_command:
      return "a command";
    case Fault::ignored_tail:
      return "only what cron reads";
    case Fault::backwards:
      return "the smaller end first";
    case Fault::bad_setting:
      return "NAME=\"value\"";
    case Fault::carriage_return:
      return "line ends of LF alone";
    case Fault::no_newline:
      return "a newline behind the last line";
  }
  return "";
}

std::optional<std::string> mended(const CronFile& cron, const crontab::Problem& problem) {
  if (problem.fault == Fault::no_newline) return cron.text + "\n";
  if (problem.fault == Fault::carriage_return) {
    std::string bytes;
    for (std::size_t i = 0; i < cron.text.size(); ++i)
      if (cron.text[i] != '\r' || (i + 1 < cron.text.size() && cron.text[i + 1] != '\n'))
        bytes += cron.text[i];
    return bytes;
  }
  if (problem.fault == Fault::bad_setting && problem.found.ends_with('='))
    return with_line(cron.text, problem.line, std::string(trim(line_of(cron.text, problem.line))) + "\"\"");
  return std::nullopt;
}

void problems(const Site& site, const CronFile& cron, Findings& out) {
  bool carriage = false;
  for (const auto& p : cron.table.problems) {
    // One mend ends all of them.
    if (p.fault == Fault::carriage_return && std::exchange(carriage, true)) continue;
    auto said = crontab::text(p.fault);
    bool quoted = !p.found.empty() && p.fault != Fault::carriage_return && p.fault != Fault::bad_setting;
    auto draft = out.add(site.at(cron.file.path, p.line, p.column));
    draft
        .found("{}",
               quoted ? fmt::format("{}: {}", said, without_keys(quote(p.found, 40))) : std::string(said))
        .wanted("{}", wanted_field(p.fault))
        .about("{} {}", said, quoted ? without_keys(printable(p.found)) : "")
        .message("{}", p.fault == Fault::no_command ? "cron takes this line and runs nothing"
                       : p.fault == Fault::ignored_tail
                           ? "cron passes over the end of this field: the job runs "
                             "at other times than are written here"
                       : p.fault == Fault::backwards ? "cron finds no time in this range, and runs nothing"
                       : p.fault == Fault::carriage_return
                           ? "cron makes the CR a part of every command, or refuses "
                             "the file"
                           : "Debian's cron ignores the whole file for this line, "
                             "every job in it");
    auto bytes = mended(cron, p);
    draft.fix(
        "{}",
        p.fault == Fault::no_newline        ? fmt::format("printf '\\n' >> {}", site.shown(cron.file.path))
        : p.fault == Fault::carriage_return ? fmt::format("sed -i 's/\\r$//' {}", site.shown(cron.file.path))
        : p.fault == Fault::no_user ? "put the account that shall run it, such as root, before the command"
        : p.fault == Fault::bad_setting ? "write NAME=\"\" for an empty value, and close the quotes"
                                        : "write " + wanted_field(p.fault));
    if (bytes) draft.mend(whole_file(cron, std::move(*bytes)));
  }
}

/// No account is called like that.
bool is_no_user(const Site& site, const CronFile& cron, const crontab::Job& job) {
  constexpr std::array<std::string_view, 32> kCommands = {
      "cd",   "curl",  "wget",    "rsync", "bash",   "sh",     "python", "python3", "php",  "node",  "test",
      "[",    "echo",  "docker",  "tar",   "find",   "rm",     "cp",     "sleep",   "sudo", "env",   "flock",
      "nice", "touch", "certbot", "perl",  "restic", "rclone", "make",   "npm",     "date", "logger"};
  if (job.user.find_first_of("/$=\"'`|;&<>()~") != std::string::npos || one_of(job.user, kCommands))
    return true;
  if (cron.packaged || site.repo()) return false;
  auto accounts = site.host().accounts();
  return accounts && accounts->size() >= kRealPasswd &&
         std::ranges::find(*accounts, job.user, &Account::name) == accounts->end();
}

void users(const Site& site, const CronFile& cron, Findings& out) {
  constexpr std::array<std::string_view, 5> kAccounts = {"root", "www-data", "nobody", "ubuntu", "ec2-user"};
  for (const auto& job : cron.table.jobs) {
    if (cron.dialect == Dialect::system && is_no_user(site, cron, job))
      out.add(site.at(cron.file.path, job.line, job.user_column))
          .found("{} where the account belongs", quote(without_keys(job.user), 40))
          .wanted("an account before the command")
          .message(
              "cron takes the first word of the command for an account, and ignores the whole file because "
              "there is none")
          .fix("put the account that shall run it, such as root, before the command")
          .about("no user {}", without_keys(printable(job.user)));
    auto first = words(job.command);
    if (cron.dialect == Dialect::user && first.size() > 1 && one_of(first[0], kAccounts))
      out.add(site.at(cron.file.path, job.line, job.command_column))
          .found("{} before the command", first[0])
          .wanted("no account: this is a user's crontab")
          .message("a user's crontab has no account field: cron runs a program called {}, and there is none",
                   first[0])
          .fix("take {} out of the line, or move the line to /etc/cron.d", first[0])
          .about("user field {}", first[0]);
  }
}

/// Whether what follows the "%" may well be meant as the command's input.
bool wants_input(const crontab::Job& job) {
  constexpr std::array<std::string_view, 22> kReaders = {
      "mail",  "mailx", "sendmail", "cat",     "at",  "bc",  "dc",   "sh", "bash",  "tee",     "wall",
      "write", "psql",  "mysql",    "sqlite3", "ssh", "ftp", "sftp", "nc", "xargs", "python3", "sort"};
  char single = 0;
  for (std::size_t i = 0; i < job.command.size(); ++i) {
    char c = job.command[i];
    if (c == '\\' && single != '\'')
      ++i;
    else if (single == 0 && (c == '\'' || c == '"' || c == '`'))
      single = c;
    else if (c == single)
      single = 0;
  }
  auto count = [&](std::string_view what) {
    std::size_t n = 0;
    for (auto at = job.command.find(what); at != std::string::npos; at = job.command.find(what, at + 1)) ++n;
    return n;
  };
  if (single != 0 || count("(") != count(")") || job.command.ends_with('+')) return false;
  auto commands = shell::commands(job.command);
  if (commands.empty()) return false;
  auto program = shell::program(commands.back());
  return one_of(program, kReaders) || job.input->find('\n') != std::string::npos;
}

void percents(const Site& site, const CronFile& cron, Findings& out) {
  for (const auto& job : cron.table.jobs) {
    if (job.percents.empty() || wants_input(job)) continue;
    std::string line;
    std::size_t column = 0;
    for (char c : line_of(cron.text, job.line)) {
      if (std::ranges::find(job.percents, ++column) != job.percents.end()) line += '\\';
      line += c;
    }
    out.add(site.at(cron.file.path, job.line, job.percents[0]))
        .found("a bare % in the command")
        .wanted("\\%")
        .message(
            "cron ends the command at the first % and hands the rest to it as input: {} does not run as "
            "written",
            program_of(job))
        .fix("write \\% for every % of the command")
        .about("percent {} {}", job.when, program_of(job))
        .mend(whole_file(cron, with_line(cron.text, job.line, line)));
  }
}

/// EXTRA_OPTS="-l": names as the LSB has them, with dots.
bool takes_dots(const Site& site) {
  auto text = site.host().read("/etc/default/cron");
  if (!text) return false;
  for (auto line : split(*text, '\n'))
    if (trim(line).starts_with("EXTRA_OPTS=") && line.find("-l") != std::string_view::npos) return true;
  return false;
}

void name_and_access(const Site& site, const CronFile& cron, Findings& out) {
  const auto& path = cron.file.path;
  auto name = path.filename().string();
  bool spool = path.string().find("/var/spool/cron/") != std::string::npos;
  if (path.parent_path().filename() == "cron.d" && !cron_reads_name(name) && !cron.table.jobs.empty() &&
      !takes_dots(site)) {
    std::string better;
    for (char c : name.substr(0, name.rfind('.') == 0 ? std::string::npos : name.rfind('.')))
      better += cron_reads_name(std::string(1, c)) ? c : '-';
    out.add(site.at(path))
        .found("the name {}", quote(name))
        .wanted("letters, digits, _ and - only")
        .message("cron passes over files of /etc/cron.d with such a name: none of its {} jobs runs",
                 cron.table.jobs.size())
        .fix("mv {} {}", site.shown(path), site.shown(path.parent_path() / better))
        .about("name");
  }
  if (site.repo()) return;
  const auto& info = cron.file.info;
  std::optional<uid_t> owner;
  if (!spool) owner = 0;
  if (spool)
    if (auto accounts = site.host().accounts())
      for (const auto& account : *accounts)
        if (account.name == name) owner = account.uid;
  mode_t mode = spool ? 0600 : info.mode & ~mode_t{022};
  bool wrong_owner = owner && info.uid != *owner;
  if (!wrong_owner && info.mode == mode) return;
  FileChange change{.path = path, .mode = mode};
  if (wrong_owner) change.uid = *owner;
  out.add(site.at(path))
      .found("mode {:04o}, owner {}", info.mode, info.uid)
      .wanted("mode {:04o}, owner {}", mode, owner.value_or(info.uid))
      .message("cron refuses this file: others than its owner could write jobs into it")
      .fix("chown {} {} && chmod {:o} {}", owner.value_or(info.uid), path.string(), mode, path.string())
      .about("access")
      .mend(Mend{.files = {change}});
}

}  // namespace

void as_written(const Site& site, Findings& out) {
  const auto& crons = site.facts<CronFiles>();
  for (const auto& skip : crons.skips()) out.skip(skip.what, skip.reason);
  for (const auto& cron : crons.files()) {
    problems(site, cron, out);
    users(site, cron, out);
    percents(site, cron, out);
    name_and_access(site, cron, out);
  }
}

std::string program_of(const crontab::Job& job) {
  for (const auto& command : shell::commands(job.command)) {
    auto program = shell::program(command);
    if (!program.empty() && program != "cd" && program != "test" && program != "[" && program != "sleep" &&
        program != "export" && program != ":")
      return without_keys(printable(program));
  }
  return "the command";
}

}  // namespace meshops::audit::cron
