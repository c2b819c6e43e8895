// Directives that systemd does not read as their author meant: SYS-005, SYS-006.
#include <fmt/format.h>

#include <algorithm>

#include "audit/rules/systemd_parts.h"
#include "audit/unit_mend.h"
#include "audit/unit_places.h"
#include "base/text.h"
#include "formats/unit_directives.h"

namespace meshops::audit {

namespace {

/// Read in [Service] for old times' sake by systemd 252 (load-fragment-gperf.gperf.in): they work there. The
/// name with Sec is younger than the move to [Unit] and does not.
constexpr std::string_view kHonoured = "StartLimitInterval, StartLimitBurst and StartLimitAction";

bool misplaced_limit(const systemd::Assignment& a) {
  return a.section == "Service" && a.key == "StartLimitIntervalSec";
}

std::optional<Account> owner_of(const Site& site, const UnitText& text) {
  auto home = home_of_unit(text.path);
  if (!text.of_user || home.empty()) return std::nullopt;
  if (auto accounts = site.host().accounts())
    for (const auto& account : *accounts)
      if (account.home == home) return account;
  return std::nullopt;
}

void start_limit_place(const Site& site, Findings& out) {
  for (const auto& text : site.facts<Units>().files()) {
    for (const auto& a : text.file.assignments()) {
      if (!misplaced_limit(a)) continue;
      bool there = text.file.last("Unit", a.key) != nullptr;
      std::vector<std::string> honoured;
      for (const auto& other : text.file.assignments())
        if (other.section == "Service" && other.key.starts_with("StartLimit") && !misplaced_limit(other) &&
            systemd::knows("Service", other.key))
          honoured.push_back(other.key);
      auto beside = honoured.empty()
                        ? fmt::format("of the old spellings, {} still count there", kHonoured)
                        : fmt::format("{} beside it still counts, as an old spelling", join(honoured, ", "));
      std::optional<Mend> mend;
      // A package's own file is not ours to edit.
      if (site.repo() || unit_rank(text.path) < 3)
        if (auto bytes = site.host().read(text.path)) {
          mend = Mend{.files = {{.path = text.path,
                                 .bytes = move_assignment(*bytes, text.file, a, "Unit", there),
                                 .mode = {},
                                 .uid = {},
                                 .gid = {}}}};
          reload_after(site, owner_of(site, text), *mend);
        }
      out.add({a.at.file, a.at.line, a.at.column})
          .found("{}={} in [Service]", a.key, printable(a.value.substr(0, 80)))
          .wanted("{}= in [Unit]", a.key)
          .message("systemd ignores {} in [Service], so the start limit of {} is not what was written; {}",
                   a.key, text.unit, beside)
          .fix("{}",
               there ? fmt::format("remove the line: [Unit] has {} already", a.key)
                     : fmt::format("move the line to [Unit]: {}={}", a.key, printable(a.value.substr(0, 80))))
          .about("{} {}", text.unit, a.key)
          .mend(std::move(mend));
    }
  }
}

/// The running systemd's version, by the name of its library; nothing where that cannot be told.
struct SystemdVersion {
  std::optional<unsigned> number;
  static SystemdVersion gather(const Site& site) {
    SystemdVersion version;
    if (site.repo()) return version;
    for (const auto* directory : {"/usr/lib/systemd", "/usr/lib/x86_64-linux-gnu/systemd",
                                  "/usr/lib/aarch64-linux-gnu/systemd", "/usr/lib64/systemd", "/lib/systemd"})
      if (auto names = site.host().list(directory))
        for (std::string_view name : *names) {
          constexpr std::string_view kLibrary = "libsystemd-shared-";
          if (!name.starts_with(kLibrary)) continue;
          auto rest = name.substr(kLibrary.size());
          if (auto number = to_number<unsigned>(rest.substr(0, rest.find_first_not_of("0123456789"))))
            version.number = number;
        }
    return version;
  }
};

struct Verdict {
  std::string wanted, message;
};

/// Nothing: it is read, or it is left to another rule.
std::optional<Verdict> judge(const systemd::Assignment& a, std::string_view type,
                             std::optional<unsigned> version) {
  const auto& [section, key] = std::pair(a.section, a.key);
  if (systemd::is_extension(section) || systemd::is_extension(key)) return std::nullopt;
  if (!systemd::is_section(section, type) || systemd::knows(section, key) || misplaced_limit(a))
    return std::nullopt;
  // A template of another tool, not yet filled in.
  if (key.starts_with('{') || key.starts_with('<') || key.starts_with('@')) return std::nullopt;
  if (auto since = systemd::since_version(section, key)) {
    if (!version || *version >= *since) return std::nullopt;
    return Verdict{fmt::format("systemd {} or newer", *since),
                   fmt::format("the systemd of this machine ({}) does not know {} yet and ignores it",
                               *version, printable(key.substr(0, 80)))};
  }
  if (systemd::was_removed(key))
    return Verdict{"no such line", fmt::format("{} was removed from systemd and is ignored", key)};
  auto sections = systemd::sections_with(key);
  std::erase_if(sections, [&](auto s) { return !systemd::is_section(s, type); });
  if (!sections.empty())
    return Verdict{
        fmt::format("{}= in [{}]", key, sections.front()),
        fmt::format("systemd ignores {} in [{}]: it belongs into [{}]", key, section, sections.front())};
  if (auto elsewhere = systemd::sections_with(key); !elsewhere.empty())
    return Verdict{fmt::format("no {}= in a .{}", key, type),
                   fmt::format("systemd ignores {} here: it belongs into [{}] of a .{}", key,
                               elsewhere.front(), lower(elsewhere.front()))};
  if (auto near = systemd::nearest_directive(section, key))
    return Verdict{fmt::format("{}=", *near),
                   fmt::format("systemd does not know {} and ignores it; {} was probably meant",
                               printable(key.substr(0, 80)), *near)};
  return Verdict{
      "a directive that systemd knows",
      fmt::format("systemd does not know {} in [{}] and ignores it", printable(key.substr(0, 80)), section)};
}

/// More in one file tell nobody more: it is no unit.
constexpr std::size_t kMostOfOneFile = 100;

void unknown_directives(const Site& site, Findings& out) {
  auto version = site.facts<SystemdVersion>().number;
  // Said once for the whole domain: no rule saw these files.
  for (const auto& skip : site.facts<Units>().skips()) out.skip(skip.what, skip.reason);
  for (const auto& text : site.facts<Units>().files()) {
    auto type =
        systemd::of_type(text.unit).empty() ? std::string_view(text.unit) : systemd::of_type(text.unit);
    auto left = kMostOfOneFile;
    for (const auto& header : text.file.headers()) {
      if (left == 0) break;
      if (systemd::is_extension(header.section) || systemd::is_section(header.section, type)) continue;
      --left;
      bool other_type = systemd::is_section(header.section, {});
      std::vector<std::string_view> known = {"Unit", "Install"};
      for (std::string_view s :
           {"Service", "Socket", "Timer", "Path", "Mount", "Automount", "Swap", "Slice", "Scope"})
        if (systemd::is_section(s, type)) known.push_back(s);
      auto near = nearest(std::string_view(header.section).substr(0, 64), known);
      for (auto s : known)
        if (lower(s) == lower(header.section)) near = s;
      auto name = printable(std::string_view(header.section).substr(0, 80));
      out.add({header.at.file, header.at.line, header.at.column})
          .found("[{}]", name)
          .wanted("{}", near ? fmt::format("[{}]", *near) : fmt::format("a section of a .{}", type))
          .message("systemd ignores [{}] of {} and everything in it{}", name, text.unit,
                   other_type ? fmt::format(": that belongs into a .{} file", lower(header.section)) : "")
          .fix("{}", near         ? fmt::format("write [{}]", *near)
                     : other_type ? fmt::format("move it to a .{} unit", lower(header.section))
                                  : fmt::format("remove the section, or call it X-{}", name))
          .about("{} [{}]", text.unit, name);
    }
    for (const auto& a : text.file.assignments()) {
      if (left == 0) break;
      auto verdict = judge(a, type, version);
      if (!verdict) continue;
      --left;
      auto key = printable(a.key.substr(0, 80));
      out.add({a.at.file, a.at.line, a.at.column})
          .found("{}= in [{}]", key, a.section)
          .wanted("{}", verdict->wanted)
          .message("{}", verdict->message)
          .fix("write {} instead of {}= in [{}], or remove the line", verdict->wanted, key, a.section)
          .about("{} [{}] {}", text.unit, a.section, key);
    }
  }
}

const Rule kRules[] = {
    {.id = "SYS-005",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A start limit stands where systemd ignores it",
     .why = "Since systemd 230 the start limit belongs into [Unit]; StartLimitIntervalSec in [Service] is "
            "dropped "
            "with a warning that nobody reads, and the default limit parks the service.",
     .not_when = "in [Unit]; the old spellings that systemd still reads in [Service]: StartLimitInterval, "
                 "StartLimitBurst, StartLimitAction",
     .remedy = "Move the line to [Unit].",
     .check = start_limit_place},
    {.id = "SYS-006",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "systemd does not know a directive",
     .why = "A misspelled directive, or a right one in a wrong section, is ignored: the unit runs without "
            "what was "
            "meant.",
     .not_when = "directives and sections that begin with X-; directives of a newer systemd in a repository",
     .remedy = "Write the directive as systemd knows it, in its own section.",
     .check = unknown_directives},
};

}  // namespace

std::span<const Rule> systemd_syntax_rules() { return kRules; }

}  // namespace meshops::audit
