#include "host/captured_host.h"

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "formats/journal_line.h"
#include "formats/proc_tables.h"
#include "host/file_systems.h"

namespace meshops::capture {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kSmall = 64U << 10;  // fetched whole when somebody asks for a part of it

Error not_fetched(const Want& want) {
  return error(CaptureCode::not_fetched, "{} has not been fetched", want.text());
}
Error path_error(Why why, std::string_view doing, const fs::path& path) {
  switch (why) {
    case Why::absent:
      return file_error(ENOENT, doing, path);
    case Why::denied:
      return file_error(EACCES, doing, path);
    case Why::irregular:
      return error(FileCode::not_regular, "cannot {} {}: it is not a regular file", doing, path.string());
    case Why::failed:
      break;
  }
  return file_error(EIO, doing, path);
}

Error only_looked_at(std::string_view what, const fs::path& path) {
  return error(HostCode::not_here, "cannot {} {}: over SSH a machine is only looked at", what, path.string());
}

bool is_identifier(std::string_view name) {
  auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// Sizes of /proc and /sys say nothing about what is in them.
bool size_lies(std::string_view path) { return path.starts_with("/proc/") || path.starts_with("/sys/"); }

}  // namespace

void Missed::note(Want want) {
  std::scoped_lock lock(mutex_);
  wants_.insert(std::move(want));
}
std::vector<Want> Missed::take() {
  std::scoped_lock lock(mutex_);
  std::vector<Want> out(wants_.begin(), wants_.end());
  wants_.clear();
  return out;
}

Result<Answer> answer_of(const Facts& facts, Missed& missed, const std::string& question,
                         std::vector<std::string> argv) {
  Want want{.kind = Want::Kind::ask, .path = question, .argv = std::move(argv)};
  if (const auto* known = facts.answer(question)) return *known;
  auto why = facts.missing(Want::Kind::ask, question);
  if (!why) {
    auto unknown = not_fetched(want);
    missed.note(std::move(want));
    return fail(std::move(unknown));
  }
  auto tool = want.argv.empty() ? question : want.argv.front();
  if (*why == Why::absent) return fail(HostCode::not_here, "there is no {} there", tool);
  if (*why == Why::denied) return fail(HostCode::not_permitted, "{} needs another account there", tool);
  return fail(HostCode::io, "{} gave no answer there", tool);
}

Result<std::string> clean_answer(const Facts& facts, Missed& missed, const std::string& question,
                                 std::vector<std::string> argv) {
  auto tool = argv.empty() ? question : argv.front();
  auto answer = TRY(answer_of(facts, missed, question, std::move(argv)));
  if (answer.cut) return fail(CaptureCode::too_much, "{} said more than {}", tool, bytes_text(kMostOfATool));
  if (answer.code == 124) return fail(HostCode::io, "{} did not end in time", tool);  // of timeout(1)
  if (answer.code != 0) return fail(HostCode::io, "{} ended with exit code {}", tool, answer.code);
  return std::move(answer.text);
}

Result<FileInfo> CapturedHost::stat(const fs::path& path) const {
  auto name = path.string();
  auto way = facts_.resolve(name, false);
  if (way.kind == Resolved::Kind::missing) return fail(path_error(way.why, "look at", path));
  const auto* entry = way.kind == Resolved::Kind::found ? facts_.entry(way.path) : facts_.entry(name);
  if (entry != nullptr) return entry->info;
  if (name == "/") return FileInfo{.kind = FileInfo::Kind::directory, .mode = 0755};
  if (auto why = facts_.missing(Want::Kind::look, name)) return fail(path_error(*why, "look at", path));
  Want want{.kind = Want::Kind::look, .path = name};
  auto unknown = not_fetched(want);
  missed_.note(std::move(want));
  return fail(std::move(unknown));
}

Result<std::string> CapturedHost::read_link(const fs::path& path) const {
  auto info = TRY(stat(path));
  if (info.kind != FileInfo::Kind::symlink) return fail(file_error(EINVAL, "read the link", path));
  auto way = facts_.resolve(path.string(), false);
  const auto* entry = facts_.entry(way.kind == Resolved::Kind::found ? way.path : path.string());
  if (entry == nullptr || entry->link.empty()) return fail(file_error(EACCES, "read the link", path));
  return entry->link;
}

Result<std::vector<std::string>> CapturedHost::list(const fs::path& directory) const {
  auto name = directory.string();
  auto way = facts_.resolve(name, true);
  if (way.kind == Resolved::Kind::missing) return fail(path_error(way.why, "list", directory));
  auto found = way.kind == Resolved::Kind::found;
  for (const auto& at : {found ? way.path : name, name}) {
    if (const auto* names = facts_.listing(at)) return *names;
    if (auto why = facts_.missing(Want::Kind::list, at))
      return fail(*why == Why::irregular ? file_error(ENOTDIR, "list", directory)
                                         : path_error(*why, "list", directory));
  }
  if (found)
    if (const auto* entry = facts_.entry(way.path);
        entry != nullptr && entry->info.kind != FileInfo::Kind::directory)
      return fail(file_error(ENOTDIR, "list", directory));
  Want want{.kind = Want::Kind::list, .path = name};
  auto unknown = not_fetched(want);
  missed_.note(std::move(want));
  return fail(std::move(unknown));
}

/// What is known of the file's bytes; fetched at most up to `most`. `limit`: a larger file is an error.
Result<const Bytes*> CapturedHost::bytes(const fs::path& path, std::int64_t from, std::uint64_t most,
                                         std::uint64_t limit) const {
  auto name = path.string();
  auto way = facts_.resolve(name, true);
  if (way.kind == Resolved::Kind::missing) return fail(path_error(way.why, "read", path));
  auto found = way.kind == Resolved::Kind::found;
  if (found) {
    const auto* entry = facts_.entry(way.path);
    if (entry != nullptr && entry->info.kind != FileInfo::Kind::regular)
      return fail(path_error(Why::irregular, "read", path));
    if (entry != nullptr && entry->info.size > limit && !size_lies(way.path))
      return fail(FileCode::too_large, "cannot read {}: it has more than {} bytes", name, limit);
    // Small files come whole: who wants their first bytes mostly wants the others next.
    if (entry != nullptr && entry->info.size < kSmall && !size_lies(way.path)) {
      from = 0;
      most = std::max(most, kSmall);
    }
  }
  // Of what is larger not even a part is worth its way.
  auto too_much = [&] {
    return fail(CaptureCode::too_much, "cannot read {}: more than {} of one file is not fetched over SSH",
                name, bytes_text(kMostOfAFile));
  };
  bool bounded = most > kMostOfAFile;
  if (bounded) {
    const auto* entry = found ? facts_.entry(way.path) : nullptr;
    if (entry != nullptr && entry->info.size >= kMostOfAFile && !size_lies(way.path)) return too_much();
    most = kMostOfAFile;
  }
  for (const auto& at : {found ? way.path : name, name}) {
    const auto* known = facts_.bytes(at, from, most);
    if (known != nullptr && (known->whole || from != 0 || known->text.size() >= most)) {
      if (bounded && !known->whole) return too_much();
      return known;
    }
    if (auto why = facts_.missing(Want::Kind::read, at)) return fail(path_error(*why, "read", path));
  }
  Want want{.kind = Want::Kind::read, .path = name, .from = from, .most = most};
  auto unknown = not_fetched(want);
  missed_.note(std::move(want));
  return fail(std::move(unknown));
}

Result<std::string> CapturedHost::read(const fs::path& path, std::size_t limit) const {
  const auto* known = TRY(bytes(path, 0, static_cast<std::uint64_t>(limit) + 1, limit));
  if (known->text.size() > limit)
    return fail(FileCode::too_large, "cannot read {}: it has more than {} bytes", path.string(), limit);
  return known->text;
}

Result<FileInfo> CapturedHost::regular(const std::string& path) const {
  if (const auto* info = facts_.followed(path)) return *info;
  auto way = facts_.resolve(path, true);
  if (way.kind == Resolved::Kind::found)
    if (const auto* entry = facts_.entry(way.path)) return entry->info;
  Want want{.kind = Want::Kind::look, .path = path};
  auto unknown = not_fetched(want);
  missed_.note(std::move(want));
  return fail(std::move(unknown));
}

Result<FilePart> CapturedHost::read_part(const fs::path& path, std::int64_t from, std::size_t most) const {
  const auto* known = TRY(bytes(path, from, most, UINT64_MAX));
  FilePart part{.file = TRY(regular(path.string())), .bytes = {}};
  if (part.file.kind != FileInfo::Kind::regular) return fail(path_error(Why::irregular, "read", path));
  if (from != 0 && !known->whole) {
    part.bytes = known->text;  // exactly that piece
    return part;
  }
  auto size = known->text.size();
  auto back = from < 0 ? static_cast<std::size_t>(-(from + 1)) + 1 : std::size_t{0};
  auto begin = from >= 0 ? std::min(static_cast<std::size_t>(from), size) : size - std::min(size, back);
  part.bytes = known->text.substr(begin, most);
  return part;
}

Status CapturedHost::write(const fs::path& path, std::string_view /*bytes*/,
                           const WriteOptions& /*options*/) {
  return fail(only_looked_at("write", path));
}
Status CapturedHost::rename(const fs::path& from, const fs::path& /*to*/) {
  return fail(only_looked_at("rename", from));
}
Status CapturedHost::remove(const fs::path& path) { return fail(only_looked_at("remove", path)); }
Status CapturedHost::set_access(const fs::path& path, mode_t /*mode*/, uid_t /*uid*/, gid_t /*gid*/) {
  return fail(only_looked_at("change the owner of", path));
}
Status CapturedHost::trim(const fs::path& path, std::uint64_t /*keep*/) {
  return fail(only_looked_at("trim", path));
}

Result<std::vector<Account>> CapturedHost::accounts() const {
  return proc::parse_passwd(TRY(read("/etc/passwd", kReadLimit)));
}

std::string CapturedHost::text_if_known(const std::string& path) const {
  const auto* known = facts_.bytes(path, 0, 0);
  return known == nullptr ? std::string() : known->text;
}

proc::Units CapturedHost::kernel_units() const {
  proc::Units units;
  auto number = [&](const char* question) -> std::uint64_t {
    const auto* answer = facts_.answer(question);
    return answer == nullptr ? 0 : to_number<std::uint64_t>(meshops::trim(answer->text)).value_or(0);
  };
  if (auto ticks = number("getconf CLK_TCK"); ticks > 0 && ticks <= 1'000'000) units.ticks_per_second = ticks;
  if (auto page = number("getconf PAGESIZE"); page > 0 && page <= (1U << 20U)) units.page_bytes = page;
  return units;
}

Result<ProcessInfo> CapturedHost::process(pid_t pid) const {
  auto folder = fmt::format("/proc/{}", pid);
  // Fetched together with all that belongs to each process.
  if (auto all = list("/proc"); !all) return fail(all.error());
  const auto* stat = facts_.bytes(folder + "/stat", 0, 0);
  if (stat == nullptr) return fail(ProcessCode::gone, "there is no process {}", pid);
  auto out = TRY(proc::parse_stat(stat->text, kernel_units()));
  if (const auto* owner = facts_.entry(folder)) out.uid = owner->info.uid;
  out.cgroup = proc::parse_cgroup(text_if_known(folder + "/cgroup"));
  out.argv = proc::parse_nul_list(text_if_known(folder + "/cmdline"));
  if (const auto* exe = facts_.entry(folder + "/exe")) out.exe = exe->link;
  if (const auto* cwd = facts_.entry(folder + "/cwd")) out.cwd = cwd->link;
  return out;
}

Result<std::vector<pid_t>> CapturedHost::pids() const {
  std::vector<pid_t> out;
  for (const auto& name : TRY(list("/proc")))
    if (auto pid = to_number<pid_t>(name); pid && out.size() < proc::kMostProcesses) out.push_back(*pid);
  std::ranges::sort(out);
  return out;
}

Result<std::vector<ProcessInfo>> CapturedHost::processes() const {
  std::vector<ProcessInfo> out;
  for (pid_t pid : TRY(pids()))
    if (auto process = this->process(pid)) out.push_back(std::move(*process));
  return out;
}

Result<Environment> CapturedHost::process_environment(pid_t pid,
                                                      const std::vector<std::string>& names) const {
  std::vector<std::string> safe;
  std::ranges::copy_if(names, std::back_inserter(safe), is_identifier);
  std::ranges::sort(safe);
  Environment out;
  if (safe.empty()) return out;
  // Only these leave the machine: others may be secrets that nobody asked for.
  auto answer = TRY(answer_of(facts_, missed_, fmt::format("environ {} {}", pid, join(safe, " ")),
                              {"environ", std::to_string(pid), join(safe, "|")}));
  for (const auto& entry : proc::parse_nul_list(answer.text)) {
    auto equals = entry.find('=');
    if (equals != std::string::npos && std::ranges::binary_search(safe, entry.substr(0, equals)))
      out.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return out;
}

Result<std::vector<ListenerInfo>> CapturedHost::listeners() const {
  std::vector<ListenerInfo> out;
  using proc_tables::Transport;
  struct Table {
    const char* name;
    Transport transport;
  };
  for (const auto& table : {Table{"tcp", Transport::tcp}, Table{"tcp6", Transport::tcp},
                            Table{"udp", Transport::udp}, Table{"udp6", Transport::udp}}) {
    auto text = read(fs::path("/proc/net") / table.name, kMostOfAFile - 1);
    if (!text && text.error().is("file.not_found")) continue;  // a kernel without that family
    if (!text) return fail(text.error());
    for (auto& waiting : proc_tables::waiting_sockets(*text, table.transport))
      out.push_back({.protocol = table.name,
                     .address = std::move(waiting.address),
                     .port = waiting.port,
                     .uid = waiting.uid,
                     .inode = waiting.inode,
                     .pids = {}});
  }
  std::map<std::string, std::vector<pid_t>> holders;  // by "socket:[inode]"
  for (const auto& listener : out) holders.try_emplace(fmt::format("socket:[{}]", listener.inode));
  for (pid_t pid : TRY(pids())) {
    auto folder = fmt::format("/proc/{}/fd", pid);
    const auto* files = facts_.listing(folder);
    if (files == nullptr) continue;
    for (const auto& file : *files) {
      const auto* entry = facts_.entry(fmt::format("{}/{}", folder, file));
      auto hit = entry == nullptr ? holders.end() : holders.find(entry->link);
      if (hit != holders.end() && (hit->second.empty() || hit->second.back() != pid))
        hit->second.push_back(pid);
    }
  }
  for (auto& listener : out) listener.pids = holders[fmt::format("socket:[{}]", listener.inode)];
  return out;
}

Result<std::vector<ListenerInfo>> CapturedHost::listeners_on(std::uint16_t port, Owners /*owners*/) const {
  auto all = TRY(listeners());
  std::erase_if(all, [&](const ListenerInfo& l) { return l.port != port || !l.protocol.starts_with("tcp"); });
  return all;
}

Result<Disk> CapturedHost::disk(const std::string& path) const {
  if (const auto* known = facts_.disk(path)) return *known;
  if (auto why = facts_.missing(Want::Kind::disk, path)) return fail(path_error(*why, "look at", path));
  Want want{.kind = Want::Kind::disk, .path = path};
  auto unknown = not_fetched(want);
  missed_.note(std::move(want));
  return fail(std::move(unknown));
}

Result<std::vector<FileSystemInfo>> CapturedHost::file_systems() const {
  auto all = parse_mountinfo(TRY(read("/proc/self/mountinfo", 4U << 20)));
  std::optional<Error> unknown;
  std::erase_if(all, [&](FileSystemInfo& system) {
    auto space = disk(system.mount_point);
    if (!space && space.error().is("capture.not_fetched")) unknown = space.error();
    return !space || !set_space(system, {.blocks = space->blocks,
                                         .free = space->free,
                                         .available = space->available,
                                         .block_bytes = space->block_bytes,
                                         .inodes = space->inodes,
                                         .inodes_free = space->inodes_free,
                                         .inodes_available = space->inodes_free});
  });
  if (unknown) return fail(std::move(*unknown));
  return all;
}

Result<std::vector<JournalEntry>> CapturedHost::journal(const JournalQuery& query) const {
  if (!query.unit.empty() || query.uid || !query.after_cursor.empty() || query.last == 0)
    return fail(HostCode::not_here, "such a question about the journal is not asked over SSH");
  std::vector<std::string> argv = {"journalctl",
                                   "--no-pager",
                                   "--quiet",
                                   "--output=export",
                                   "--output-fields=MESSAGE",
                                   fmt::format("--lines={}", std::min(query.last, query.at_most))};
  if (!query.identifier.empty()) argv.push_back("--identifier=" + query.identifier);
  if (query.since) argv.push_back(fmt::format("--since=@{}", query.since->time_since_epoch().count() / 1000));
  return journal_entries(TRY(clean_answer(facts_, missed_, join(argv, " "), argv)));
}

std::vector<JournalEntry> journal_entries(std::string_view exported) {
  std::vector<JournalEntry> out;
  auto read = journal::parse_export(exported, true, {.entries = 100'000});
  for (auto& entry : read.entries)
    out.push_back({.cursor = std::string(),
                   .at = entry.time().value_or(WallTime{}),
                   .message = std::string(entry.find("MESSAGE").value_or(""))});
  if (!out.empty()) out.back().cursor = read.entries.back().find("__CURSOR").value_or("");
  return out;
}

}  // namespace meshops::capture
