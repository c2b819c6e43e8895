// The kernel's own limits: memory, open files, connections, processes.
#include <algorithm>
#include <map>

#include "audit/gateway_processes.h"
#include "audit/linux_rules.h"
#include "base/text.h"
#include "formats/oom_report.h"
#include "formats/proc_tables.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

// ---- LNX-003 ----

std::string group_words(const std::string& group) {
  auto unit = unit_of_cgroup(group);
  return unit.empty() ? group : unit;
}

void oom_kills(const Site& site, Findings& out) {
  constexpr auto kFresh = std::chrono::days(7);
  JournalQuery query;
  query.identifier = "kernel";
  query.since = site.now() - std::chrono::days(30);
  query.last = query.at_most = 50'000;
  auto entries = site.host().journal(query);
  if (!entries) return out.skip("the kernel's log", entries.error().text());
  struct Seen {
    oom::Kill last;
    WallTime at{};
    std::size_t count = 0;
  };
  std::map<std::string, Seen> kills;
  oom::Report report;
  for (const auto& entry : *entries) {
    // Several lines may come as one entry.
    for (auto line : split(entry.message, '\n')) {
      auto kill = report.line(line);
      if (!kill) continue;
      auto& seen = kills[kill->victim + "\n" + (kill->in_cgroup ? kill->limit_group : "")];
      ++seen.count;
      seen.at = entry.at;
      seen.last = std::move(*kill);
    }
  }
  for (const auto& [key, seen] : kills) {
    const auto& kill = seen.last;
    std::string ranks;
    std::string largest;
    for (std::size_t i = 0; i < std::min<std::size_t>(3, kill.tasks.size()); ++i) {
      const auto& task = kill.tasks[i];
      if (task.rss == 0) break;
      if (i == 0) largest = task.name;
      ranks += fmt::format("{}{} {}", ranks.empty() ? "" : ", ", task.name, bytes_text(task.rss));
    }
    auto scope = kill.in_cgroup ? fmt::format("the limit of {}", kill.limit_group.empty()
                                                                     ? "its control group"
                                                                     : group_words(kill.limit_group))
                                : "the whole machine";
    const bool bystander = !largest.empty() && largest != kill.victim;
    auto unit =
        unit_of_cgroup(kill.in_cgroup && !kill.limit_group.empty() ? kill.limit_group : kill.task_group);
    out.add({})
        .found("{} (pid {}{}) killed {}{}: {}{}", kill.victim, kill.pid,
               kill.rss == 0 ? "" : ", " + bytes_text(kill.rss), iso8601(seen.at),
               seen.count > 1 ? fmt::format(", {} times in 30 days", seen.count) : "", scope,
               ranks.empty() ? "" : "; most memory: " + ranks)
        .wanted("no kill for want of memory")
        .severity(site.now() - seen.at > kFresh ? Severity::info : Severity::high)
        .message("{}", bystander ? fmt::format("the kernel killed {}, but {} held most of the memory",
                                               kill.victim, largest)
                                 : fmt::format("the kernel killed {} because memory ran out", kill.victim))
        .fix("{}",
             kill.in_cgroup && !unit.empty()
                 ? fmt::format("raise MemoryMax of {} (systemctl edit {}), or find what grew", unit, unit)
             : bystander
                 ? fmt::format("limit {} (MemoryMax= of its unit), add memory or swap", largest)
                 : fmt::format("MemoryMax= for {}, more memory, or swap", unit.empty() ? kill.victim : unit))
        .about("{} {}", kill.victim, kill.in_cgroup ? kill.limit_group : "global");
  }
}

// ---- LNX-008 ----

void memory(const Site& site, Findings& out) {
  constexpr std::uint64_t kSmall = 4ULL << 30;
  constexpr double kSome = 10, kFull = 5;  // percent over five minutes
  auto text = site.host().read("/proc/meminfo", 1U << 20);
  if (!text) return out.skip("/proc/meminfo", text.error().text());
  auto total = proc_tables::meminfo(*text, "MemTotal");
  auto swap = proc_tables::meminfo(*text, "SwapTotal");
  if (total && swap && *swap == 0 && *total < kSmall)
    out.add(site.at("/proc/meminfo"))
        .found("{} of memory, no swap", bytes_text(*total))
        .wanted("swap on a machine under 4 GiB")
        .message("one peak of memory and the kernel kills the gateway: there is nothing to fall back on")
        .fix(
            "fallocate -l 2G /swapfile && chmod 600 /swapfile && mkswap /swapfile && swapon /swapfile && "
            "echo "
            "'/swapfile none swap sw 0 0' >> /etc/fstab")
        .about("swap");
  // Where the kernel does not measure it, there is no such file.
  auto psi = site.host().read("/proc/pressure/memory", 4096);
  if (!psi) return;
  auto pressure = proc_tables::pressure(*psi);
  if (!pressure || (pressure->some_300 < kSome && pressure->full_300 < kFull)) return;
  out.add(site.at("/proc/pressure/memory"))
      .found("some {:.1f}%, all {:.1f}% of the last five minutes", pressure->some_300, pressure->full_300)
      .wanted("under {:.0f}% and {:.0f}%", kSome, kFull)
      .message("processes wait for memory instead of working; the next step is a kill")
      .fix("find what grew (ps --sort=-rss), limit it with MemoryMax=, or add memory")
      .about("pressure");
}

// ---- LNX-011 ----

std::optional<std::uint64_t> number_in(const Site& site, const char* path) {
  auto text = site.host().read(path, 64);
  return text ? to_number<std::uint64_t>(trim(*text)) : std::nullopt;
}

bool over_80(std::uint64_t used, std::uint64_t most) { return most > 0 && used * 10 > most * 8; }

void limits(const Site& site, Findings& out) {
  auto processes = site.host().processes();
  if (!processes) {
    out.skip("processes", processes.error().text());
  } else {
    std::size_t closed = 0;
    for (const auto& process : *processes) {
      auto text = site.host().read(fmt::format("/proc/{}/limits", process.pid), 16U << 10);
      auto most = text ? proc_tables::open_files(*text) : std::nullopt;
      if (!most || *most == 0) continue;
      auto files = site.host().list(fmt::format("/proc/{}/fd", process.pid));
      if (!files) {
        if (files.error().is("file.not_permitted")) ++closed;
        continue;
      }
      // More than it may have: the limit was lowered after they were opened, to shut the program in. sshd
      // does that to the process that speaks with whoever has not logged in yet.
      if (files->size() > *most || !over_80(files->size(), *most)) continue;
      auto unit = unit_of_cgroup(process.cgroup);
      out.add({})
          .found("{} (pid {}): {} of {} files open", printable(process.comm), process.pid, files->size(),
                 *most)
          .wanted("at most 80% of the limit")
          .message("at the limit {} cannot accept a connection or open a file (EMFILE) and seems to hang",
                   printable(process.comm))
          .fix("{}", unit.empty()
                         ? fmt::format("prlimit --pid {} --nofile={}", process.pid, *most * 4)
                         : fmt::format("LimitNOFILE={} for {} (systemctl edit {}), and find the leak",
                                       std::max<std::uint64_t>(65536, *most * 4), unit, unit))
          .about("{} open files", process.comm);
    }
    if (closed > 0) out.skip(fmt::format("the open files of {} processes", closed), "we may not look");
  }
  auto used = number_in(site, "/proc/sys/net/netfilter/nf_conntrack_count");
  auto most = number_in(site, "/proc/sys/net/netfilter/nf_conntrack_max");
  if (used && most && over_80(*used, *most))
    out.add(site.at("/proc/sys/net/netfilter/nf_conntrack_count"))
        .found("{} of {} connections tracked", *used, *most)
        .wanted("at most 80% of the limit")
        .message("when the table is full the kernel drops new connections, and nothing but its log says so")
        .fix("sysctl -w net.netfilter.nf_conntrack_max={}", *most * 2)
        .about("conntrack");
  auto range = site.host().read("/proc/sys/net/ipv4/ip_local_port_range", 64);
  if (!range) return;
  auto ends = words(*range);
  auto low = ends.size() == 2 ? to_number<std::uint16_t>(ends[0]) : std::nullopt;
  auto high = ends.size() == 2 ? to_number<std::uint16_t>(ends[1]) : std::nullopt;
  if (!low || !high || *high < *low) return;
  auto ports = std::make_unique<proc_tables::Ports>();
  for (const auto* file : {"/proc/net/tcp", "/proc/net/tcp6"})
    if (auto text = site.host().read(file, 64U << 20)) proc_tables::add_ports(*text, *ports);
  std::uint64_t taken = 0;
  for (std::uint32_t port = *low; port <= *high; ++port)
    if (ports->test(port)) ++taken;
  auto all = std::uint64_t{*high} - *low + 1;
  if (over_80(taken, all))
    out.add(site.at("/proc/sys/net/ipv4/ip_local_port_range"))
        .found("{} of {} local ports in use", taken, all)
        .wanted("at most 80%")
        .message("without a free local port no connection can be made: providers seem unreachable")
        .fix("sysctl -w net.ipv4.ip_local_port_range='1024 65535', and find what opens so many (ss -tan)")
        .about("ephemeral ports");
}

// ---- LNX-012 ----

void leftovers(const Site& site, Findings& out) {
  constexpr std::size_t kMany = 10;
  if (site.live()) {
    auto processes = site.host().processes();
    if (!processes) {
      out.skip("processes", processes.error().text());
    } else {
      std::map<pid_t, std::size_t> by_parent;
      std::size_t all = 0;
      for (const auto& process : *processes)
        if (process.state == 'Z') ++by_parent[process.parent], ++all;
      if (all > kMany) {
        auto worst = std::ranges::max_element(by_parent, {}, [](const auto& p) { return p.second; });
        std::string name = "?", unit;
        for (const auto& process : *processes)
          if (process.pid == worst->first)
            name = printable(process.comm), unit = unit_of_cgroup(process.cgroup);
        out.add({})
            .found("{} zombies, {} of them children of {} (pid {})", all, worst->second, name, worst->first)
            .wanted("at most {}", kMany)
            .message("{} does not look after its children; each keeps a process number until none is left",
                     name)
            .fix("{}", unit.empty() ? fmt::format("restart {} (pid {})", name, worst->first)
                                    : fmt::format("systemctl restart {}", unit))
            .about("zombies of {}", name);
      }
    }
  }
  for (const auto* path : {"/run/reboot-required", "/var/run/reboot-required"}) {
    if (!site.host().stat(path)) continue;
    std::string packages;
    if (auto text = site.host().read(std::string(path) + ".pkgs", 64U << 10))
      for (auto word : words(*text))
        if (packages.find(word) == packages.npos)
          packages += (packages.empty() ? "" : ", ") + printable(word);
    out.add(site.at(path))
        .found("reboot pending{}", packages.empty() ? "" : " for " + packages.substr(0, 200))
        .wanted("the updated kernel and libraries in use")
        .message("updates are installed and not in effect: the old, vulnerable code still runs")
        .fix("reboot when the mesh can spare this node")
        .about("reboot");
    break;
  }
}

const Rule kRules[] = {
    {.id = "LNX-003",
     .severity = Severity::high,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "The kernel killed processes for want of memory",
     .why = "The victim is whom the kernel picks, often not who grew; the report says who held what.",
     .not_when = "older than 7 days: info only",
     .remedy = "Limit who grew, give the gateway room, add memory or swap.",
     .check = oom_kills},
    {.id = "LNX-008",
     .severity = Severity::medium,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "Little memory and no swap, or memory under pressure",
     .why = "A gateway needs 2 GB at its peaks; where nothing can be put aside the kernel kills instead.",
     .not_when = "4 GiB and more, or swap; pressure under 10% over five minutes",
     .remedy = "A swap file of 2 GiB, and limits for what may grow.",
     .check = memory},
    {.id = "LNX-011",
     .severity = Severity::medium,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "A limit of the kernel is nearly reached",
     .why = "Open files, tracked connections and local ports end silently: what follows looks like a network "
            "fault.",
     .not_when = "80% and less; more open than the limit allows: a sandbox lowered it afterwards",
     .remedy = "Raise the limit, and find what leaks.",
     .check = limits},
    {.id = "LNX-012",
     .severity = Severity::low,
     .reads = kLive | kRoot,
     .fix = Fix::plan,
     .title = "Zombies pile up, or a reboot is pending",
     .why = "Both are debts that fall due at the worst time.",
     .not_when = "10 zombies and fewer",
     .remedy = "Restart the parent; reboot in a quiet hour.",
     .check = leftovers},
};

}  // namespace

std::span<const Rule> linux_machine_rules() { return kRules; }

}  // namespace meshops::audit
