// The kernel, its limits, memory, disks, files and databases.
#include "diagnose/signatures.h"

namespace meshops::diagnose {

std::span<const Signature> signatures_machine() {
  using enum Cause;
  static constexpr Signature kTable[] = {
      // -- hangs
      {"event_loop_delay", {{process_hang, 66}, {cpu_starvation, 38}},
       R"(liveness warning|event_loop_delay|eventLoopDelay(P99|Max)Ms|event[ -]loop[^\n]{0,30}(block|starv|stall|delay|lag|degraded|stuck)|(block|stall)(ed|ing) (the )?event loop|likely event-loop starvation)",
       "[diagnostic] liveness warning: reasons=event_loop_delay interval=30s eventLoopDelayP99Ms=2100"},
      {"watchdog_timeout", {{process_hang, 64}, {unit_misconfigured, 24}, {cpu_starvation, 20}}, R"(Watchdog timeout|Failed with result 'watchdog'|Result: watchdog|watchdog (expired|bite|triggered|fired))",
       "app.service: Watchdog timeout (limit 1min)!"},
      {"task_blocked", {{process_hang, 60}, {storage_fault, 45}}, R"(blocked for more than \d+ seconds|hung_task|task .{1,40} is blocked)",
       "INFO: task node:812 blocked for more than 120 seconds."},
      {"heartbeat_delayed", {{process_hang, 56}, {cpu_starvation, 30}}, R"(liveness heartbeat delayed|deferring recovery decisions|owner lease heartbeat stopped)",
       "liveness heartbeat delayed: overdue=40791ms elapsed=70791ms"},
      {"deadlock", {{process_hang, 60}}, R"(deadlock(ed)?\b|lock order reversal|futex_wait.{0,30}(stuck|forever)|process (is )?(hung|frozen|wedged|unresponsive)|(gateway|server|service|daemon|app) (is )?(hung|hangs|frozen|unresponsive|not responding)|stopped responding|accepts? (tcp )?connections? but|no response from (the )?(gateway|server)|State: T \(stopped\)|spinning at 100)",
       "Found one Java-level deadlock:"},
      {"probe_timeout", {{process_hang, 50}}, R"((Liveness|Readiness|health) ?(probe|check)[^\n]{0,40}((timed out|timeout|time out)|timeout|deadline exceeded|Client\.Timeout)|healthz[^\n]{0,40}((timed out|timeout|time out)|timeout|no response)|Health check exceeded timeout|\(unhealthy\)|curl: \(28\)[^\n]{0,60}0 bytes received)",
       "Liveness probe failed: Get \"http://10.1.2.3:8080/healthz\": context deadline exceeded (Client.Timeout exceeded)"},
      {"gateway_call_timeout", {{process_hang, 36}}, R"(gateway (request )?timeout (after|for)|Gateway not reachable after|handshake timeout|"kind":"timeout"|connect challenge timeout|gateway (probe|rpc|call)[^\n]{0,30}(timed out|timeout|time out))",
       "Error: gateway timeout after 10000ms"},
      // -- CPU
      {"soft_lockup", {{cpu_starvation, 86}}, R"(soft lockup|rcu_(sched|preempt|bh|tasks)?.{0,12}(self-detected )?stall|hard LOCKUP|NMI watchdog|detected stalls on CPUs|rcu: INFO)",
       "watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [node:812]"},
      {"load_average", {{cpu_starvation, 56}}, R"(load averages?: ?[1-9]\d+\.|load (average )?(is )?(too )?high|high load|overloaded (cpu|host|node|system))", "top - 10:00:00 up 3 days, load average: 42.10, 40.00, 38.12"},
      {"cpu_steal", {{cpu_starvation, 80}}, R"(si, +[1-9]\d\.\d+ ?st\b|cpu steal|steal time|%steal|CPUCreditBalance|CPU credits?|burst(able)? (credit|balance)|nr_throttled [1-9]|cpu[^\n]{0,12}throttl(ed|ing)|CFS throttl|throttled_usec [1-9])",
       "%Cpu(s): 12.0 us, 3.0 sy, 0.0 ni, 20.0 id, 0.0 wa, 0.0 hi, 0.0 si, 65.0 st"},
      {"slow_scheduling", {{cpu_starvation, 64}}, R"(Thread starvation or clock leap|failed to send out heartbeat on time|took too long[^\n]{0,20}(to execute|expected)|RT throttling|hrtimer: interrupt took|perf: interrupt took too long|workqueue: .{1,60} hogged CPU|Marking clocksource|clocksource.{0,40}unstable|cpu (usage|utilization)[^\n]{0,12}(9\d|100)|cpu(.{0,8})starv)",
       "HikariPool-1 - Thread starvation or clock leap detected (housekeeper delta=1m33s)"},
      {"cpu_core_saturated", {{cpu_starvation, 24}}, R"(cpuCoreRatio=(0\.9|1)|%CPU.{0,4}(9\d|1\d\d))", "eventLoopUtilization=0.9 cpuCoreRatio=0.97"},
      {"gc_burns", {{cpu_starvation, 58}, {node_heap_oom, 35}}, R"(GC overhead limit|GC Thread#|garbage collect(ion|or)[^\n]{0,40}(slow|pause|\d{2,}%|long|cpu)|Pause Full|Mark-Compact[^\n]{0,120}average mu = 0\.[01])",
       "java.lang.OutOfMemoryError: GC overhead limit exceeded"},
      {"jobs_burst", {{cpu_starvation, 50}}, R"(thundering herd|(jobs|crons?|tasks) .{0,30}(at (the same time|once)|simultaneously|overlap)|cgroup[^\n]{0,20}cpu\.max|some avg10=[3-9]\d)", "12 jobs started at the same time"},
      // -- memory
      {"v8_heap", {{node_heap_oom, 94}}, R"(JavaScript heap out of memory|heap limit Allocation failed|Ineffective mark-compacts|Reached heap limit|CALL_AND_RETRY_LAST|FatalProcessOutOfMemory|ERR_WORKER_OUT_OF_MEMORY|reaching memory limit: JS heap|MarkCompactCollector: .{0,40}(failed|limit)|invalid table size)",
       "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"},
      {"v8_near_limit", {{node_heap_oom, 50}}, R"(max-old-space-size|heapUsed[^\n]{0,40}(limit|9\d%)|heap (usage|used|size)[^\n]{0,30}(limit|9\d%|critical)|Array buffer allocation failed|near heap limit|java\.lang\.OutOfMemoryError)",
       "RangeError: Array buffer allocation failed"},
      {"kernel_oom", {{oom_killer, 92}}, R"(Out of memory: Kill|invoked oom-killer|oom-kill|oom_reaper|Memory cgroup out of memory|killed by the OOM killer|OOMKilled|oom_kill_process|OOM[ -]killer|systemd-oomd|earlyoom|lowmemorykiller|oom_score_adj|Killed process \d+|memory pressure[^\n]{0,40}kill|Jetsam)",
       "kernel: Out of memory: Killed process 812 (node) total-vm:2008036kB"},
      {"killed_9", {{oom_killer, 46}}, R"(code=killed, status=9/KILL|exit(ed)?( with)?( code| status)?[ :(]{1,3}137\b|Exit Code: +137|exited \(137\)|code 137\b|signal: killed|code -9\b|exited with signal (9|SIGKILL)|^Killed$|: Killed\b|[0-9] Killed |returncode=-9|terminated by signal SIGKILL)",
       "app.service: Main process exited, code=killed, status=9/KILL"},
      {"memory_peak", {{oom_killer, 20}}, R"(memory peak|MemoryMax=|MemoryHigh=|memory limit|memory usage[^\n]{0,20}(9\d|100)%)", "Consumed 12min CPU time, 1.9G memory peak."},
      {"cannot_allocate", {{oom_killer, 64}}, R"(Cannot allocate memory|ENOMEM|std::bad_alloc|page allocation failure|not enough (system )?memory|requires more system memory|Out of memory\b|out of memory \(|CUDA out of memory|MemoryError\b|memory exhausted|low memory|insufficient memory|swap[^\n]{0,20}(full|exhausted|0 free))",
       "fork: Cannot allocate memory"},
      // -- limits
      {"open_files", {{resource_limit, 88}}, R"(EMFILE|ENFILE|too many open files|file-max limit|VFS: file-max|accept4?\(\)? failed \(24|RLIMIT_NOFILE|worker_connections are not enough|open file descriptors)",
       "Error: EMFILE: too many open files, open '/srv/a'"},
      {"inotify_limit", {{resource_limit, 92}}, R"(System limit for number of file watchers|inotify[^\n]{0,40}(limit|exhaust|No space|reached|resources|max_user)|max_user_(watches|instances)|Failed to (watch|add watch)[^\n]{0,80}No space left|watch[^\n]{0,40}ENOSPC|ENOSPC[^\n]{0,40}watch)",
       "Error: ENOSPC: System limit for number of file watchers reached, watch '/srv/a'"},
      {"process_limit", {{resource_limit, 84}}, R"(fork: (retry: )?Resource temporarily unavailable|fork rejected by pids|pthread_create[^\n]{0,40}(fail|Resource)|Cannot fork|unable to create (new )?(native )?thread|can't start new thread|spawn[^\n]{0,60} EAGAIN|uv_thread_create|Resource temporarily unavailable|ulimit|pids\.max|PIDs limit|max user processes|nproc limit|TasksMax)",
       "bash: fork: retry: Resource temporarily unavailable"},
      {"connection_limit", {{resource_limit, 80}}, R"(too many (clients|connections)\b|remaining connection slots|max_connections|max number of clients reached|MaxStartups|possible SYN flooding|listen queue|somaxconn|vm\.max_map_count|virtual memory areas|setrlimit|neighbou?r: arp_cache: .{0,20}overflow|Neighbour table overflow|keyring|aio-max-nr|semget|No space left on device.{0,12}(shm|sem))",
       "FATAL: sorry, too many clients already"},
      // -- disks
      {"no_space", {{disk_full, 80}}, R"(No space left on device|ENOSPC: no space|\[Errno 28\]|not enough (free )?(disk )?space|insufficient (disk |free )?space|(disk full|disk (is|was) (almost |completely )?full)|(filesystem|file system|volume|partition|drive) (is |was )?(almost |completely )?full|database or disk is full|SQLITE_FULL|out of (disk )?space|Disk quota exceeded|EDQUOT|don't have enough free space|no free space|ran out of (disk )?space)",
       "Error: ENOSPC: no space left on device, write"},
      {"disk_pressure", {{disk_full, 74}}, R"(DiskPressure|low on resource: ephemeral-storage|flood.?stage|disk watermark|disk usage[^\n]{0,30}(9[5-9]|100) ?%|disk space[^\n]{0,20}(low|critical|exhaust)|log file append failed; records dropped|usage of /[^\n]{0,20}(9[6-9]|100)(\.\d+)?%)",
       "flood stage disk watermark [95%] exceeded on [a1]"},
      {"df_full", {{disk_full, 68}}, R"( (98|99|100)% +/)", "/dev/sda1        40G   40G     0 100% /"},
      {"inode_words", {{inode_exhaustion, 88}}, R"((out of|no (free|more)|ran out of|exhausted|0 free) inodes?|inodes?[^\n]{0,30}(exhaust|full|(9[5-9]|100) ?%|used up|depleted|: 0$)|Can't allocate (new )?inode|inode (limit|quota|exhaustion))",
       "nagios: DISK CRITICAL - /var inodes 100% used"},
      {"df_inodes", {{inode_exhaustion, 82}}, R"(IUse%|IFree|\d+ +\d+ +0 +100% +/|\d{4,} +\d{4,} +\d{1,3} +99% +/)", "/dev/sda1      2621440 2621440       0  100% /"},
      {"log_gigabytes", {{unbounded_log_growth, 82}},
       R"(\d(\.\d+)? ?(G|T|GB|GiB|TB)\b[^\n]{0,120}(\.log\b|/log/|-json\.log|journal|syslog|\.err\b|\.out\b|/logs?$)|(\.log|/log/[^ \n]{1,60}|syslog|-json\.log|journald?|log file)[^\n]{0,60}\b\d+(\.\d+)? ?(G|T|GB|GiB|TB)\b|journals take up [\d.]+[GT])",
       "18G\t/var/lib/docker/containers/12ab/12ab-json.log"},
      {"log_grows", {{unbounded_log_growth, 70}}, R"(log[^\n]{0,30}(grew|grows|growing|growth|without rotation|never rotated|unbounded|too large|not rotated)|logrotate[^\n]{0,60}(error|fail|skipping|bad|unable)|error: .{0,60}logrotate|(no|missing) log rotation|without (log )?rotation|lines per (second|minute))",
       "logrotate[812]: error: skipping \"/var/log/app.log\" because parent directory has insecure permissions"},
      {"log_flood", {{unbounded_log_growth, 46}}, R"(Suppressed \d{4,} messages|Missed \d{3,} kernel messages|messages suppressed|last message repeated \d{4,})", "systemd-journald: Suppressed 18211 messages from app.service"},
      {"deleted_open", {{deleted_open_file, 82}}, R"(\(deleted\)|deleted (file|log)s?[^\n]{0,30}(still|held|open)|lsof[^\n]{0,30}\+L1|unlinked but (still )?open|du[^\n]{0,30}df[^\n]{0,30}(differ|disagree|mismatch))",
       "node  812 ada  18w  REG  8,1  9123123123  131 /var/log/app.log (deleted)"},
      {"storage_errors", {{storage_fault, 88}},
       R"(EXT[234]-fs error|EXT4-fs warning .{0,60}(error|corrupt)|Aborting journal|journal has aborted|Remounting filesystem read-only|remount(ed|ing)?,? ?(file ?system )?(read-only|ro)\b|I/O error,? ?(dev|\(|while|on)|Buffer I/O error|blk_update_request|XFS .{0,60}(corrupt|shut|error|log I/O)|BTRFS[^\n]{0,20}(error|critical|forced|warning.{0,40}csum)|Medium Error|critical (medium|target) error|lost (async )?page write|ata\d+[^\n]{0,20}(exception|failed command|SError)|nvme\d?[^\n]{0,60}(timeout|abort|reset|error|down)|rejecting I/O to offline device|structure needs cleaning|EUCLEAN|bad superblock|can't read superblock|UNEXPECTED INCONSISTENCY|run fsck|wrong fs type|SMART[^\n]{0,40}(fail|error)|Unrecovered read error|device-mapper[^\n]{0,40}error|bad magic number|checksum (mismatch|verify failed))",
       "EXT4-fs error (device vda1): ext4_find_entry:1455: inode #2: comm node: reading directory"},
      {"read_only_fs", {{storage_fault, 72}, {file_permission, 20}}, R"(Read-only file system|EROFS|mounted read-only)", "Error: EROFS: read-only file system, open '/srv/state/a'"},
      {"io_error", {{storage_fault, 70}}, R"(Input/output error|\bEIO\b|Stale file handle|ESTALE|nfs: server .{1,40} not responding|Transport endpoint is not connected|Timed out waiting for device|Remote I/O error|phantom (usage|space|file)|Dependency failed for (Local File Systems|/)|You are in emergency mode)",
       "EIO: i/o error, read"},
      // -- databases
      {"sqlite_corrupt", {{sqlite_fault, 88}}, R"(database disk image is malformed|file is not a database|malformed database schema|SQLITE_(CORRUPT|NOTADB|IOERR)|database corruption|integrity_check|missing from index|wrong # of entries in index|btreeInitPage|shared state database is unreadable|file is encrypted or is not a database|sqlite[^\n]{0,60}(corrupt|malformed)|database is corrupt)",
       "SqliteError: database disk image is malformed"},
      {"sqlite_locked", {{sqlite_fault, 82}}, R"(database (table )?is locked|SQLITE_(BUSY|LOCKED)|database schema is locked|(-wal|\.db-shm)[^\n]{0,60}(missing|stale|mismatch|grew|GB|G\b|checkpoint)|wal[_ ]checkpoint[^\n]{0,30}(busy|fail))",
       "sqlite3.OperationalError: database is locked"},
      {"sqlite_open", {{sqlite_fault, 44}, {file_permission, 48}}, R"(unable to open database file|SQLITE_CANTOPEN|attempt to write a readonly database|SQLITE_READONLY|database is not open)",
       "SqliteError: attempt to write a readonly database"},
      {"sqlite_disk_io", {{sqlite_fault, 50}, {storage_fault, 48}}, R"(disk I/O error)", "SqliteError: disk I/O error"},
      // -- permissions
      {"permission_denied", {{file_permission, 70}}, R"(EACCES|permission denied|EPERM: |AccessDeniedException: /|not writable|is not writeable|Operation not permitted|cannot (open|create|write|read)[^\n]{0,80}denied|insufficient permissions? (to|on|for) )",
       "EACCES: permission denied, mkdir '/srv/state'"},
      {"docker_socket_denied", {{file_permission, 80}}, R"(permission denied while trying to connect to the Docker|dial unix /var/run/docker\.sock: connect: permission denied)",
       "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"},
      {"wrong_owner", {{file_permission, 82}}, R"(wrong ownership|invalid permissions|dubious ownership|unsafe ownership|suspicious ownership|not owned by|owned by (root|uid \d+|another|a different)|(is|are) (world|group)[- ](writable|readable|accessible)|insecure (permissions|mode)|unsafe permissions|(has|have) (wrong|incorrect|bad) (owner|permissions|mode)|ownership mismatch|(sudo )?chown (-R )?[\w$(:])",
       "FATAL:  data directory \"/var/lib/postgresql/data\" has wrong ownership"},
      {"root_owned_home", {{file_permission, 58}}, R"(^ *[d-]rw[^\n]{5,10}[ .+]+\d+ +root +root .*(/home/|\.openclaw|\.clawdbot|/data|\.npm|\.config|\.cache|workspace))",
       "drwxr-xr-x 5 root root 4096 Feb  2 04:34 /home/ada/.openclaw"},
      {"mac_denied", {{mac_policy_denied, 92}}, R"(avc: +denied|apparmor=.{0,2}DENIED|type=AVC|SELinux is preventing|scontext=|AppArmor[^\n]{0,40}(denied|denies|denial|blocked|policy prevents)|setroubleshoot|sealert|comm=.{1,40}tcontext|status=31/SYS|SIGSYS|unprivileged_userns|setting up uid map: Permission denied|selinux[^\n]{0,30}(denied|denies|blocked)|aa-(status|complain|logprof))",
       "audit: type=1400 apparmor=\"DENIED\" operation=\"open\" profile=\"snap.node.node\""},
  };
  return kTable;
}

}  // namespace meshops::diagnose
