// Backup: whether what must not be lost can be brought back.
#include "audit/rules/backup_parts.h"

namespace meshops::audit {

namespace {

const Rule kRules[] = {
    {.id = "BKP-001",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "Fewer than 3 copies, 2 kinds of media, 1 off-site",
     .why =
         "Two copies on one disk are one copy. What is lost in practice is lost with everything beside it.",
     .not_when =
         "a folder without a mesh.toml, or whose mesh.toml describes no mesh, node or gateway; copies that "
         "others make (a provider's snapshots) are not "
         "known unless a "
         "[[backup]] declares them",
     .remedy = "A [[backup]] for each copy, one of them off-site and on another kind of media.",
     .check = backup::three_two_one},
    {.id = "BKP-002",
     .severity = Severity::critical,
     .reads = kLive | kRoot,
     .fix = Fix::plan,
     .title = "The newest good backup is too old",
     .why = "A backup that stopped is noticed on the day it is needed, unless somebody looks.",
     .not_when =
         "one not older than twice its schedule, on record in STATE_DIR/backup/NAME.json or as a file in a "
         "target on this machine",
     .remedy = "meshops backup run",
     .check = backup::too_old},
    {.id = "BKP-003",
     .severity = Severity::high,
     .reads = kLive | kRoot,
     .fix = Fix::plan,
     .title = "The backup was not restored as a test",
     .why = "Keys, tools and contents are found wanting at the first restore. It had better not be the one "
            "that counts.",
     .not_when = "a restore as a test in the last 30 days",
     .remedy = "meshops backup verify",
     .check = backup::never_tried},
    {.id = "BKP-004",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "Backups are never thrown away",
     .why = "A target that only fills up is full one day, and from then on there are no backups.",
     .not_when = "keep in mesh.toml; restic forget, borg prune, or something that deletes old files; growth "
                 "on record "
                 "that leaves 30 days and more",
     .remedy = "Say how many to keep.",
     .check = backup::no_rotation},
    {.id = "BKP-005",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "rm -rf on data",
     .why = "One wrong value in a variable, or one run too many, and there is no way back.",
     .not_when = "build, temporary and cache paths; what mktemp made; relative paths, of which nobody knows "
                 "where they "
                 "are",
     .remedy = "Move it aside and delete it a week later.",
     .check = backup::removal},
    {.id = "BKP-006",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::none,
     .title = "A backup on the device of its data",
     .why = "The disk that takes the data takes the copy with it.",
     .not_when =
         "the same script sends it on; in a folder: places that may be a disk of their own (/mnt, /media, "
         "/backup, /srv, /data)",
     .remedy = "Another device, another machine, another house.",
     .check = backup::same_device},
    {.id = "BKP-007",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A live SQLite database is copied without a snapshot",
     .why = "Pages and log are copied at different moments: the copy is torn, and says so only when it is "
            "restored.",
     .not_when = "sqlite3 .backup, VACUUM INTO, a file system's snapshot or a stopped writer before it; "
                 "databases left "
                 "out; copies of copies",
     .remedy = "Snapshot first, then copy the snapshot.",
     .check = backup::live_databases},
};

}  // namespace

std::span<const Rule> backup_rules() { return kRules; }

}  // namespace meshops::audit
