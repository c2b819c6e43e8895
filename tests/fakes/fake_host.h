// A Host in memory: a test lays out files, processes and listeners, and sees afterwards what was written.
#pragma once

#include <map>
#include <set>

#include "base/text.h"
#include "host/host.h"

namespace meshops {

class FakeHost : public Host {
 public:
  struct File {
    std::string bytes;
    FileInfo info;
    std::string link;  // target, of a symbolic link
    bool readable = true;
  };
  struct Write {
    std::string path;
    std::string bytes;
  };

  // What the machine has; tests fill these directly or by the functions below.
  std::map<std::string, File> files;  // by absolute path; directories above them exist by themselves
  std::map<pid_t, ProcessInfo> running;
  std::map<pid_t, Environment> environments;
  std::vector<ListenerInfo> listening;
  std::vector<Account> users{{"root", 0, 0, "/root"}};
  std::vector<FileSystemInfo> mounted;
  std::vector<JournalEntry> log;
  bool alive = true;
  // What was done to it.
  std::vector<Write> writes;
  mutable std::vector<JournalQuery> journal_queries;

  FakeHost& file(const std::string& path, std::string bytes, mode_t mode = 0600, uid_t uid = 0) {
    FileInfo info{
        .kind = FileInfo::Kind::regular, .mode = mode, .uid = uid, .gid = uid, .size = bytes.size()};
    files[path] = {.bytes = std::move(bytes), .info = info};
    return *this;
  }
  FakeHost& directory(const std::string& path, mode_t mode = 0755) {
    files[path].info = {.kind = FileInfo::Kind::directory, .mode = mode};
    return *this;
  }
  FakeHost& link(const std::string& path, std::string target) {
    files[path].info.kind = FileInfo::Kind::symlink;
    files[path].link = std::move(target);
    return *this;
  }
  ProcessInfo& process_runs(pid_t pid, std::vector<std::string> argv, std::string cgroup = "/") {
    auto& p = running[pid];
    p = {.pid = pid, .parent = 1, .comm = argv.empty() ? "" : argv[0], .argv = std::move(argv), .state = 'S'};
    p.cgroup = std::move(cgroup);
    p.start_ticks = static_cast<std::uint64_t>(pid) * 100;
    return p;
  }
  FakeHost& listens(pid_t pid, std::uint16_t port, std::string address = "127.0.0.1",
                    std::string protocol = "tcp") {
    listening.push_back({std::move(protocol), std::move(address), port, 0, 1000U + listening.size(), {pid}});
    return *this;
  }

  bool live() const override { return alive; }

  Result<std::string> read(const std::filesystem::path& path, std::size_t limit = kReadLimit) const override {
    const auto* f = follow(path);
    if (f == nullptr) return fail(file_error(ENOENT, "read", path));
    if (!f->readable) return fail(file_error(EACCES, "read", path));
    if (f->info.kind != FileInfo::Kind::regular)
      return fail(FileCode::not_regular, "cannot read {}: it is not a regular file", path.string());
    if (f->bytes.size() > limit)
      return fail(FileCode::too_large, "cannot read {}: it has more than {} bytes", path.string(), limit);
    return f->bytes;
  }
  Result<FilePart> read_part(const std::filesystem::path& path, std::int64_t from,
                             std::size_t most) const override {
    auto all = read(path, SIZE_MAX);
    if (!all) return fail(all.error());
    auto size = static_cast<std::int64_t>(all->size());
    auto begin = std::min(from >= 0 ? from : std::max<std::int64_t>(0, size + from), size);
    return FilePart{follow(path)->info, all->substr(static_cast<std::size_t>(begin), most)};
  }
  Status write(const std::filesystem::path& path, std::string_view bytes,
               const WriteOptions& options) override {
    auto real = resolved(path);
    auto [it, fresh] = files.try_emplace(real);
    it->second.bytes = bytes;
    it->second.info.size = bytes.size();
    if (fresh) {
      it->second.info.kind = FileInfo::Kind::regular;
      it->second.info.mode = options.mode;
      it->second.info.uid = options.uid.value_or(0);
      it->second.info.gid = options.gid.value_or(0);
    }
    writes.push_back({real, std::string(bytes)});
    return ok();
  }
  Status rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    if (!files.contains(from.string())) return fail(file_error(ENOENT, "rename", from));
    if (files.contains(to.string())) return fail(file_error(EEXIST, "rename", from));
    auto moved = files.extract(from.string());
    moved.key() = to.string();
    files.insert(std::move(moved));
    return ok();
  }
  Status remove(const std::filesystem::path& path) override {
    auto it = files.find(path.string());
    if (it == files.end()) return fail(file_error(ENOENT, "remove", path));
    if (it->second.info.kind == FileInfo::Kind::directory) return fail(file_error(EISDIR, "remove", path));
    files.erase(it);
    return ok();
  }
  Status set_access(const std::filesystem::path& path, mode_t mode, uid_t uid, gid_t gid) override {
    auto it = files.find(path.string());
    if (it == files.end()) return fail(file_error(ENOENT, "change the owner of", path));
    if (it->second.info.kind == FileInfo::Kind::symlink) return fail(file_error(ELOOP, "open", path));
    it->second.info.mode = mode;
    it->second.info.uid = uid;
    it->second.info.gid = gid;
    return ok();
  }
  Status trim(const std::filesystem::path& path, std::uint64_t keep) override {
    auto it = files.find(path.string());
    if (it == files.end()) return fail(file_error(ENOENT, "trim", path));
    auto& bytes = it->second.bytes;
    if (bytes.size() > keep) bytes.erase(0, bytes.size() - keep);
    it->second.info.size = bytes.size();
    return ok();
  }
  Result<FileInfo> stat(const std::filesystem::path& path) const override {
    auto it = files.find(path.lexically_normal().string());
    if (it != files.end()) return it->second.info;
    if (!below(path).empty()) return FileInfo{.kind = FileInfo::Kind::directory, .mode = 0755};
    return fail(file_error(ENOENT, "look at", path));
  }
  Result<std::vector<std::string>> list(const std::filesystem::path& directory) const override {
    auto real = resolved(directory);
    auto names = below(real);
    auto it = files.find(real);
    if (it != files.end() && it->second.info.kind != FileInfo::Kind::directory)
      return fail(file_error(ENOTDIR, "list", directory));
    if (names.empty() && it == files.end()) return fail(file_error(ENOENT, "list", directory));
    return std::vector<std::string>(names.begin(), names.end());
  }
  Result<std::string> read_link(const std::filesystem::path& path) const override {
    auto it = files.find(path.lexically_normal().string());
    if (it == files.end()) return fail(file_error(ENOENT, "read the link", path));
    if (it->second.info.kind != FileInfo::Kind::symlink)
      return fail(file_error(EINVAL, "read the link", path));
    return it->second.link;
  }

  Result<std::vector<Account>> accounts() const override { return users; }
  Result<std::vector<ProcessInfo>> processes() const override {
    if (!alive) return fail(not_here());
    std::vector<ProcessInfo> out;
    for (const auto& [pid, p] : running) out.push_back(p);
    return out;
  }
  Result<ProcessInfo> process(pid_t pid) const override {
    auto p = process_details(pid);
    if (p) p->argv.clear(), p->exe.clear(), p->cwd.clear();
    return p;
  }
  Result<ProcessInfo> process_details(pid_t pid) const override {
    if (!alive) return fail(not_here());
    auto it = running.find(pid);
    if (it == running.end()) return fail(ProcessCode::gone, "there is no process {}", pid);
    return it->second;
  }
  Result<Environment> process_environment(pid_t pid, const std::vector<std::string>& names) const override {
    if (!alive) return fail(not_here());
    if (!running.contains(pid)) return fail(ProcessCode::gone, "there is no process {}", pid);
    Environment out;
    if (auto it = environments.find(pid); it != environments.end())
      for (const auto& name : names)
        if (auto v = it->second.find(name); v != it->second.end()) out.insert(*v);
    return out;
  }
  Result<std::vector<ListenerInfo>> listeners() const override {
    if (!alive) return fail(not_here());
    return listening;
  }
  Result<std::vector<ListenerInfo>> listeners_on(std::uint16_t port,
                                                 Owners owners = Owners::wanted) const override {
    if (!alive) return fail(not_here());
    std::vector<ListenerInfo> out;
    for (const auto& l : listening)
      if (l.port == port && l.protocol.starts_with("tcp")) out.push_back(l);
    if (owners == Owners::unwanted)
      for (auto& l : out) l.pids.clear();
    return out;
  }
  Result<std::vector<FileSystemInfo>> file_systems() const override {
    if (!alive) return fail(not_here());
    return mounted;
  }
  /// All of `log`, or its last entries: the query's other wishes are only recorded.
  Result<std::vector<JournalEntry>> journal(const JournalQuery& query) const override {
    journal_queries.push_back(query);
    auto skip = query.last > 0 && query.last < log.size() ? log.size() - query.last : 0U;
    return std::vector<JournalEntry>(log.begin() + static_cast<std::ptrdiff_t>(skip), log.end());
  }

 private:
  static Error not_here() { return error(HostCode::not_here, "nothing runs in a directory"); }

  std::string resolved(const std::filesystem::path& path) const {
    auto real = path.lexically_normal();
    for (int i = 0; i < 8; ++i) {
      auto it = files.find(real.string());
      if (it == files.end() || it->second.info.kind != FileInfo::Kind::symlink) break;
      real = (real.parent_path() / it->second.link).lexically_normal();
    }
    auto text = real.string();
    if (text.size() > 1 && text.ends_with('/')) text.pop_back();
    return text;
  }
  const File* follow(const std::filesystem::path& path) const {
    auto it = files.find(resolved(path));
    return it == files.end() ? nullptr : &it->second;
  }
  std::set<std::string> below(const std::filesystem::path& directory) const {
    auto prefix = directory.lexically_normal().string();
    if (!prefix.ends_with('/')) prefix += '/';
    std::set<std::string> out;
    for (auto it = files.lower_bound(prefix); it != files.end() && it->first.starts_with(prefix); ++it)
      if (auto rest = std::string_view(it->first).substr(prefix.size()); !rest.empty())
        out.emplace(rest.substr(0, rest.find('/')));
    return out;
  }
};

}  // namespace meshops
