"""Faults of disks, files and databases."""

from ..site import HOME, STATE, USER
from .configuration import replaced
from .row import REAL, Down, Fault, Shown, TurnsFail


def on_a_small_disk(site):
    site.small_state()


def on_few_inodes(site):
    site.small_state(options="nr_inodes=400")


def full_at_start(site):
    site.halt()
    site.fill("cache/ui/assets.bin")
    site.start_again()


def full_while_running(site):
    site.turn()
    site.fill("cache/ui/assets.bin")
    site.turn()
    site.turn()


def full_of_users_data(site):
    site.turn()
    site.fill("workspace/holiday.mov")
    site.turn()
    site.turn()


def endless_log(site):
    site.turn()
    site.node.run(f"yes '{{\"message\":\"tick\"}}' | dd of={STATE}/logs/gateway.log bs=64k iflag=fullblock oflag=append "
                  "conv=notrunc; exit 0", check=False)
    site.fill("logs/.tail")
    site.node.run(["rm", "-f", f"{STATE}/logs/.tail"])
    site.fill("logs/gateway.log.1", days_old=0)
    site.turn()
    site.turn()


def deleted_but_open(site):
    site.turn()
    site.program("holder", "sh", "-c", f"exec 3>{STATE}/old.log; rm {STATE}/old.log; dd if=/dev/zero bs=64k >&3; sleep 1000")
    site.node.wait("no space", lambda: site.node.sh(f"df --output=avail {STATE} | tail -1").strip() == "0", 10)
    site.turn()
    site.turn()


def inodes_gone(site):
    site.halt()
    site.node.run(f"install -d -o {USER} -g {USER} {STATE}/cache/thumbs; cd {STATE}/cache/thumbs; i=0; "
                  "while : > f$i; do i=$((i+1)); done; touch -d '-30 days' f*; exit 0", check=False)
    site.start_again()


def read_only(site):
    site.halt()
    site.node.run(["mount", "-o", "remount,ro", STATE])
    site.later(lambda: site.node.run(["mount", "-o", "remount,rw", STATE], check=False))
    site.start_again()


def owned_by_root(path, mode="700", stopped=False):
    """`stopped`: while it does not run. One that loses its database while it runs cannot close it, and takes all of its
    TimeoutStopSec to stop: that is its drain, which nobody cuts short."""
    def inject(site):
        if stopped:
            site.halt()
        site.node.run(["chown", "-R", "root:root", f"{STATE}/{path}"])
        site.node.run(["chmod", mode, f"{STATE}/{path}"])
        site.start_again() if stopped else site.bounce()
    return inject


def backed_up(site):
    """As an owner with a nightly job: both databases, by the gateway's own tool."""
    for which in (["--global"], ["--agent", "main"]):
        site.tool("backup", "sqlite", "create", *which, "--repository", f"{HOME}/openclaw-backups")
    site.later(lambda: site.node.run(["rm", "-rf", f"{HOME}/openclaw-backups"]))


def damaged(path, offset=0, backup=False):
    """Bytes of a database are destroyed while it is stopped."""
    def inject(site):
        site.turn()
        if backup:
            backed_up(site)
        site.halt()
        site.node.run(f"dd if=/dev/urandom of={STATE}/{path} bs=512 seek={offset // 512} count=8 conv=notrunc")
        site.start_again()
    return inject


def emptied(site):
    site.turn()
    backed_up(site)
    site.halt()
    site.node.run(f"rm -f {STATE}/state/openclaw.sqlite-*; truncate -s 0 {STATE}/state/openclaw.sqlite")
    # What systemd or a person starts by themselves is beyond any guard; what goes through meshops is not.
    if site.agent_pid():
        site.node.run(["meshops", "start", "main"], check=False, timeout=60)
    else:
        site.start_again()


def newer_schema(site):
    site.halt()
    site.node.run(["sqlite3", f"{STATE}/state/openclaw.sqlite", "PRAGMA user_version = 99"])
    site.start_again()


SHARED, AGENT = "state/openclaw.sqlite", "agents/main/agent/openclaw-agent.sqlite"
FULL = "database or disk is full"
STORAGE = (
    Fault(name="disk-full-at-start", what="the disk is full of caches when it starts", prepare=on_a_small_disk,
          inject=full_at_start, effect=Down(78, "database is not open"), causes=("disk_full",), remedies=("clean_caches",)),
    Fault(name="disk-full-while-running", what="the disk fills with caches: it stays ready and its turns fail",
          prepare=on_a_small_disk, inject=full_while_running, effect=TurnsFail(FULL), causes=("disk_full",),
          remedies=("clean_caches",), kinds=frozenset({"user"})),
    Fault(name="disk-full-of-users-data", what="the disk is full of what nobody may delete", prepare=on_a_small_disk,
          inject=full_of_users_data, effect=TurnsFail(FULL), causes=("disk_full",), by="person"),
    Fault(name="endless-log", what="its log has filled the disk", prepare=on_a_small_disk, inject=endless_log,
          effect=TurnsFail(FULL), causes=("unbounded_log_growth", "disk_full"), remedies=("rotate_log", "clean_caches")),
    Fault(name="deleted-but-open", what="a deleted file that is still open holds the space", prepare=on_a_small_disk,
          inject=deleted_but_open, effect=TurnsFail(FULL), causes=("deleted_open_file", "disk_full"), by="person"),
    Fault(name="inodes-gone", what="a cache of tiny files has used every inode", prepare=on_few_inodes, inject=inodes_gone,
          effect=Down(78, "database is not open"), causes=("inode_exhaustion",), remedies=("remove_many_small_files",)),
    Fault(name="read-only-disk", what="the file system was remounted read-only", prepare=on_a_small_disk,
          inject=read_only, effect=Down(78, "EROFS"), causes=("storage_fault",), by="person"),
    Fault(name="config-owned-by-root", what="an edit with sudo left openclaw.json to root",
          inject=owned_by_root("openclaw.json", "600"), effect=Down(78, "EACCES: permission denied, open"),
          causes=("file_permission",), remedies=("correct_ownership",), kinds=frozenset({"real", "user"})),
    Fault(name="state-owned-by-root", what="a command with sudo left state/ to root", inject=owned_by_root("state", stopped=True),
          effect=Down(78, "EACCES"), causes=("file_permission",), remedies=("correct_ownership",), kinds=REAL),
    Fault(name="shared-database-header", what="the head of the shared database is destroyed; there is a backup",
          inject=damaged(SHARED, backup=True), effect=Down(78, "file is not a database"), causes=("sqlite_fault",),
          by="consent", remedies=("restore_database",), kinds=REAL),
    Fault(name="shared-database-pages", what="pages in its middle are destroyed, and there is no backup",
          inject=damaged(SHARED, 4096), effect=Down(78, "database disk image is malformed"), causes=("sqlite_fault",),
          by="person"),
    Fault(name="agent-database-header", what="an agent's database is destroyed; there is a backup",
          inject=damaged(AGENT, backup=True), effect=Down(78, "Skipped agent database migration"),
          causes=("sqlite_fault",), by="consent", remedies=("restore_database",)),
    Fault(name="shared-database-empty", what="the shared database has no bytes: a start forgets everything (trap T8)",
          inject=emptied, effect=Shown(f"sqlite3 {STATE}/{SHARED} 'SELECT count(*) < 2 FROM gateway_boot_lifecycle'", "1"),
          causes=("sqlite_fault",), by="consent", remedies=("restore_database",),
          ready=lambda site: site.node.sh(f"sqlite3 {STATE}/{SHARED} 'SELECT count(*) > 1 FROM gateway_boot_lifecycle'",
                                          check=False) == "1"),
    Fault(name="newer-database", what="a newer version wrote the database", inject=newer_schema,
          effect=Down(78, "schema version 99"), causes=("version_skew", "state_migration_blocked"), by="person"),
    Fault(name="newer-config", what="a newer version wrote the configuration",
          inject=replaced(lambda text: text.replace("{", '{\n  "meta": {"lastTouchedVersion": "2099.1.1"},', 1)),
          effect=Down(1, "older than the config last written"), causes=("version_skew",), by="person"),
    Fault(name="migration-blocked", what="a start-up migration refuses until the gateway's doctor has run",
          inject=lambda site: (site.settings(start_seconds=0.2, migration="blocked"), site.bounce()),
          effect=Down(78, "startup migrations did not complete"), causes=("state_migration_blocked",), by="consent",
          remedies=("run_migration",)),
)
