// Cron and schedules: jobs that do not run, run at the wrong time, or run into each other.
#include "audit/rules/cron_parts.h"

namespace meshops::audit {

namespace {

const Rule kRules[] = {
    {.id = "CRON-001",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "Cron does not find the command",
     .why = "Jobs get PATH=/usr/bin:/bin, not that of your shell: what lives in /usr/sbin, /usr/local/bin or "
            "below a "
            "home is not found, and the job fails every time.",
     .not_when = "shell builtins; PATH set above the line, or in the command; after sudo, which has a path "
                 "of its own; "
                 "login shells; in a folder: programs of which nobody knows where they will be",
     .remedy = "Write the absolute path, or a PATH= line above the job.",
     .check = cron::command_path},
    {.id = "CRON-002",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A job at an hour of nobody knows which zone",
     .why = "An hour means another time on every node whose zone differs, and in most zones one hour a year "
            "comes "
            "twice and one never.",
     .not_when =
         "CRON_TZ or TZ above the line; a system zone of UTC; @hourly, */N; the distribution's own upkeep",
     .remedy =
         "Run nodes in UTC and say so: CRON_TZ=UTC above the jobs. Debian's cron keeps to the system's zone "
         "whatever that line says; cronie counts by it.",
     .check = cron::time_zone},
    {.id = "CRON-003",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "@reboot keeps a service alive",
     .why = "Cron starts it once per boot and looks away: after the first crash it is gone.",
     .not_when = "jobs that come to an end: mounts, settings, clean-ups",
     .remedy = "Make it a unit with Restart=always.",
     .check = cron::reboot_service},
    {.id = "CRON-004",
     .severity = Severity::medium,
     .reads = kLive | kRoot,
     .fix = Fix::automatic,
     .title = "A crontab without a copy",
     .why = "Crontabs live outside of every repository: one `crontab -r` and the jobs are gone. The copy is "
            "backups/crontabs/NAME in the state directory.",
     .not_when = "files of packages; tables without jobs; the same bytes in the state directory or in "
                 "/var/backups/crontabs",
     .remedy = "Keep a copy with every change.",
     .check = cron::table_backup},
    {.id = "CRON-005",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A script polls in a loop with sleep",
     .why = "Such a loop dies unseen, drifts, and keeps a process alive between two looks.",
     .not_when = "a loop that counts its tries, reads its input, or waits for a process to end",
     .remedy = "Let the loop go, and let a timer or crontab line start one pass.",
     .check = cron::sleep_loop},
    {.id = "CRON-006",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A job can run beside itself",
     .why =
         "When a run takes longer than the time to the next one they pile up until the machine stands still.",
     .not_when = "flock or another lock, in the line or in the script; timeout shorter than the interval; "
                 "nothing known "
                 "that takes long (how long a job really takes is not known yet)",
     .remedy = "flock -n /run/lock/NAME.lock before the command.",
     .check = cron::overlap},
    {.id = "CRON-007",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "Cron does not run this as it is written",
     .why = "Debian's cron ignores a whole file for one bad line, and says so only in the system's log.",
     .not_when = "a % that hands a program its input; files that were put aside (*.bak, *.dpkg-old)",
     .remedy = "Write the line as crontab(5) wants it.",
     .check = cron::as_written},
    {.id = "CRON-008",
     .severity = Severity::low,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::none,
     .title = "Cron is used as a heartbeat, or as a clock to look at",
     .why = "The agent's probe looks every few seconds, at every layer, and can act; a job that looks at the "
            "clock "
            "misses its time when it starts late.",
     .not_when = "pings of a dead man's switch outside of the mesh",
     .remedy = "Leave health to the agent, and write times into the schedule.",
     .check = cron::heartbeat},
};

}  // namespace

std::span<const Rule> cron_rules() { return kRules; }

}  // namespace meshops::audit
