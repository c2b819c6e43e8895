#include "case_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace meshops::audit {

namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

/// What the scripts of "@@ git" can call beside git itself. $NOW is the case's now, $AWAY a directory outside
/// of what is audited, for the other side of a remote.
constexpr std::string_view kGitVerbs = R"sh(set -eu
seconds() { case $1 in *h) echo $((${1%h} * 3600)) ;; *d) echo $((${1%d} * 86400)) ;; *m) echo $((${1%m} * 60)) ;; esac; }
# at 3d: what follows happens three days before now
at() {
  GIT_AUTHOR_DATE="@$((NOW - $(seconds "$1"))) +0000"
  GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
  export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
}
# aged 3d FILE…: last changed three days before now
aged() {
  aged_by=$(seconds "$1")
  shift
  touch -d "@$((NOW - aged_by))" "$@"
}
# commit SUBJECT [FILE [TEXT]]: with a file of that text (else of the subject), or empty
commit() {
  if [ $# -gt 1 ]; then
    mkdir -p "$(dirname "$2")"
    printf '%s\n' "${3-$1}" >"$2"
    git add -f -- "$2"
  fi
  git commit -q --allow-empty -m "$1"
}
at 1h
)sh";

class Reader {
 public:
  explicit Reader(const std::filesystem::path& file) : name_(file.filename().string()) {
    std::ifstream in(file, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    text_ = text.str();
  }

  std::vector<Case> read() {
    for (auto line : split(text_, '\n')) {
      ++number_;
      if (line.starts_with("== ")) {
        close();
        head(line.substr(3));
      } else if (line.starts_with("-- ")) {
        close();
        open_ = std::string(line.substr(3));
        is_file_ = true;
      } else if (line.starts_with("@@ ")) {
        close();
        open_ = std::string(line.substr(3));
        is_file_ = false;
      } else if (line.starts_with(">> ")) {
        close();
        expect(line.substr(3));
      } else if (!open_.empty()) {
        body_ += std::string(line.starts_with('\\') && line.size() > 2 &&
                                     (line[1] == '=' || line[1] == '-' || line[1] == '@' || line[1] == '>' ||
                                      line[1] == '\\')
                                 ? line.substr(1)
                                 : line) +
                 "\n";
      } else if (!trim(line).empty() && !line.starts_with("# ")) {
        bad("a line that belongs to nothing");
      }
    }
    close();
    return std::move(cases_);
  }

 private:
  [[noreturn]] void bad(const std::string& what) const {
    throw std::runtime_error(fmt::format("{}:{}: {}", name_, number_, what));
  }
  Case& now() {
    if (cases_.empty()) bad("stands before the first ==");
    return cases_.back();
  }

  void head(std::string_view text) {
    auto& c = cases_.emplace_back();
    c.line = number_;
    auto colon = text.find(": ");
    if (colon == std::string_view::npos) bad("expected '== fires repo: title'");
    c.title = std::string(text.substr(colon + 2));
    auto parts = words(text.substr(0, colon));
    if (parts.size() != 2) bad("expected '== fires|quiet|skips live|root|repo|cloud: title'");
    if (parts[0] == "fires")
      c.kind = Case::Kind::fires;
    else if (parts[0] == "quiet")
      c.kind = Case::Kind::quiet;
    else if (parts[0] == "skips")
      c.kind = Case::Kind::skips;
    else
      bad("expected fires, quiet or skips");
    if (parts[1] == "live")
      c.ground = Ground::live;
    else if (parts[1] == "root")
      c.ground = Ground::root;
    else if (parts[1] == "repo")
      c.ground = Ground::repo;
    else if (parts[1] == "cloud")
      c.ground = Ground::cloud;
    else
      bad("expected live, root, repo or cloud");
    c.host.alive = c.ground == Ground::live;
    c.now = *parse_iso8601("2026-11-25T12:00:00Z");
    c.mesh = default_mesh({.host_name = "alpha", .root = true});
  }

  void close() {
    if (open_.empty()) return;
    // A blank line before the next marker is for the reader.
    if (body_.ends_with("\n\n")) body_.pop_back();
    if (body_ == "\n") body_.clear();
    if (is_file_)
      file();
    else
      answer();
    open_.clear();
    body_.clear();
  }

  void file() {
    auto parts = words(open_);
    auto path = with_blanks(parts[0]);
    if (!path.starts_with('/')) path = "/" + path;
    auto& c = now();
    FileInfo info{.kind = FileInfo::Kind::regular, .mode = 0644, .modified = c.now};
    std::string link;
    bool readable = true;
    std::optional<std::uint64_t> size;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      auto equals = parts[i].find('=');
      auto key = parts[i].substr(0, equals);
      auto value = equals == std::string_view::npos ? std::string_view() : parts[i].substr(equals + 1);
      if (key == "mode")
        info.mode = to_number<mode_t>(value, 8).value();
      else if (key == "uid")
        info.uid = to_number<uid_t>(value).value();
      else if (key == "gid")
        info.gid = to_number<gid_t>(value).value();
      else if (key == "age")
        info.modified -= std::chrono::duration_cast<std::chrono::milliseconds>(parse_duration(value).value());
      else if (key == "link")
        link = with_blanks(value), info.kind = FileInfo::Kind::symlink;
      else if (key == "directory")
        info.kind = FileInfo::Kind::directory;
      else if (key == "socket")
        info.kind = FileInfo::Kind::socket;
      else if (key == "unreadable")
        readable = false;
      else if (key == "size")
        size = to_number<std::uint64_t>(value).value();
      else if (key == "noeol") {
        if (body_.ends_with('\n')) body_.pop_back();
      } else if (key == "hex")
        body_ = unhex(body_);
      else if (key == "repeat") {
        auto once = body_;
        for (auto n = to_number<int>(value).value(); n > 1; --n) body_ += once;
      } else
        bad(fmt::format("unknown property {}", key));
    }
    info.size = size.value_or(body_.size());
    c.host.files[path] = {.bytes = body_, .info = info, .link = link, .readable = readable};
    if (c.disk) onto_disk(c, path, c.host.files[path]);
  }

  /// Runs the text as a script of the shell in that folder of a real directory, which becomes the site's
  /// disk; files of the case lie there, and what the script makes is seen through the case's Host.
  void git(std::string_view folder) {
    auto& c = now();
    if (!c.disk) {
      c.disk = std::make_shared<TempDir>();
      // What libgit2 or a rule would ask of this machine's own configuration is not there.
      ::setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
      ::setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
      for (const auto& [path, f] : c.host.files) onto_disk(c, path, f);
    }
    TempDir away;
    auto in = c.disk->path / fs::path(folder).relative_path();
    fs::create_directories(in);
    auto now_text =
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(c.now.time_since_epoch()).count());
    auto began = ::time(nullptr);
    auto done = run({"sh", "-c", std::string(kGitVerbs) + body_},
                    {.environment = {{"PATH", "/usr/bin:/bin"},
                                     {"HOME", away.path},
                                     {"AWAY", away.path},
                                     {"NOW", now_text},
                                     {"LC_ALL", "C.UTF-8"},
                                     {"GIT_CONFIG_GLOBAL", "/dev/null"},
                                     {"GIT_CONFIG_NOSYSTEM", "1"},
                                     {"GIT_AUTHOR_NAME", "Ada"},
                                     {"GIT_AUTHOR_EMAIL", "ada@example.org"},
                                     {"GIT_COMMITTER_NAME", "Ada"},
                                     {"GIT_COMMITTER_EMAIL", "ada@example.org"},
                                     {"GIT_EDITOR", "true"},
                                     {"GIT_MERGE_AUTOEDIT", "no"}},
                     .working_dir = in});
    if (!done) bad(done.error().text());
    if (!done->exit.clean()) bad("the git script: " + done->err);
    for (auto it = fs::recursive_directory_iterator(c.disk->path); it != fs::recursive_directory_iterator();
         ++it)
      from_disk(c, it, began);
  }

  static void from_disk(Case& c, fs::recursive_directory_iterator& it, std::time_t began) {
    auto path = "/" + it->path().lexically_relative(c.disk->path).string();
    struct stat real{};
    if (::lstat(it->path().c_str(), &real) != 0) return;
    auto modified = real.st_mtime >= began - 1 && real.st_mtime <= ::time(nullptr) + 1
                        ? c.now
                        : WallTime(std::chrono::seconds(real.st_mtime));
    if (S_ISDIR(real.st_mode)) {
      // Objects are read from the disk only.
      if (it->path().filename() == "objects") it.disable_recursion_pending();
      c.host.files[path].info = {.kind = FileInfo::Kind::directory, .mode = 0755, .modified = modified};
      return;
    }
    auto& file = c.host.files[path];
    file.info = {.kind = FileInfo::Kind::regular, .mode = real.st_mode & 07777, .modified = modified};
    if (S_ISLNK(real.st_mode)) {
      file.info.kind = FileInfo::Kind::symlink;
      file.link = fs::read_symlink(it->path());
      return;
    }
    if (!S_ISREG(real.st_mode)) {
      file.info.kind = FileInfo::Kind::other;
      return;
    }
    std::ifstream in(it->path(), std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    file.bytes = text.str();
    file.info.size = file.bytes.size();
  }

  static void onto_disk(const Case& c, const std::string& path, const FakeHost::File& file) {
    auto real = c.disk->path / fs::path(path).relative_path();
    fs::create_directories(file.info.kind == FileInfo::Kind::directory ? real : real.parent_path());
    if (file.info.kind == FileInfo::Kind::symlink) fs::create_symlink(file.link, real);
    if (file.info.kind != FileInfo::Kind::regular) return;
    std::ofstream(real, std::ios::binary) << file.bytes;
    ::chmod(real.c_str(), file.info.mode);
    auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(file.info.modified.time_since_epoch()).count();
    struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
    ::utimensat(AT_FDCWD, real.c_str(), times, 0);
  }

  /// \040 stands for a blank, as in /proc/mounts.
  static std::string with_blanks(std::string_view text) {
    std::string out(text);
    for (auto at = out.find("\\040"); at != out.npos; at = out.find("\\040", at + 1)) out.replace(at, 4, " ");
    return out;
  }

  static std::string unhex(const std::string& text) {
    std::string out;
    for (auto word : words(text)) out += static_cast<char>(to_number<int>(word, 16).value());
    return out;
  }

  void answer() {
    auto& c = now();
    auto parts = words(open_);
    auto what = parts[0];
    try {
      if (what == "processes")
        processes(Json::parse(body_), c);
      else if (what == "listeners")
        listeners(Json::parse(body_), c);
      else if (what == "file_systems")
        file_systems(Json::parse(body_), c);
      else if (what == "journal")
        journal(Json::parse(body_), c);
      else if (what == "accounts")
        accounts(Json::parse(body_), c);
      else if (what == "units")
        units(Json::parse(body_), c.live.managers[parts.size() > 1 ? std::string(parts[1]) : ""]);
      else if (what == "ask" && parts.size() > 1)
        c.live.answers[std::string(parts[1])] = body_;
      else if (what == "git")
        git(parts.size() > 1 ? parts[1] : "/");
      else if (what == "now")
        c.now = parse_iso8601(trim(body_)).value();
      else if (what == "mesh") {
        auto mesh = parse_mesh(body_, "/etc/meshops/mesh.toml", {.host_name = "alpha", .root = true});
        if (!mesh) bad(mesh.error().faults.front().text());
        c.mesh = *mesh;
        c.mesh.source = "/etc/meshops/mesh.toml";
      } else
        bad(fmt::format("unknown answer {}", what));
    } catch (const Json::exception& e) {
      bad(e.what());
    }
  }

  static void processes(const Json& list, Case& c) {
    for (const auto& j : list) {
      auto& p = c.host.process_runs(j.at("pid"), j.value("argv", std::vector<std::string>()),
                                    j.value("cgroup", "/"));
      p.parent = j.value("parent", 1);
      p.comm = j.value("comm", p.comm);
      p.exe = j.value("exe", "");
      p.uid = j.value("uid", 0U);
      p.rss = j.value("rss", 0ULL);
      p.cwd = j.value("cwd", "/");
      p.state = j.value("state", std::string("S"))[0];
      p.started = std::chrono::seconds(j.value("started", 0));
      for (const auto& [name, value] : j.value("environment", Environment()))
        c.host.environments[p.pid][name] = value;
    }
  }
  static void listeners(const Json& list, Case& c) {
    for (const auto& j : list) {
      ListenerInfo l{.protocol = j.value("protocol", "tcp"),
                     .address = j.value("address", "0.0.0.0"),
                     .port = j.at("port")};
      l.uid = j.value("uid", 0U);
      l.pids = j.value("pids", std::vector<pid_t>());
      c.host.listening.push_back(l);
    }
  }
  static void file_systems(const Json& list, Case& c) {
    for (const auto& j : list)
      c.host.mounted.push_back({.mount_point = j.at("mount_point"),
                                .device = j.value("device", "/dev/sda1"),
                                .type = j.value("type", "ext4"),
                                .read_only = j.value("read_only", false),
                                .bytes = j.value("bytes", 0ULL),
                                .bytes_free = j.value("bytes_free", 0ULL),
                                .inodes = j.value("inodes", 0ULL),
                                .inodes_free = j.value("inodes_free", 0ULL)});
  }
  void journal(const Json& list, Case& c) const {
    for (const auto& j : list)
      c.host.log.push_back({.cursor = "",
                            .at = parse_iso8601(j.at("at").get<std::string>()).value(),
                            .message = j.at("message")});
  }
  static void accounts(const Json& list, Case& c) {
    c.host.users.clear();
    for (const auto& j : list)
      c.host.users.push_back({j.at("name"), j.at("uid"), j.value("gid", j.at("uid").get<gid_t>()),
                              j.at("home").get<std::string>()});
  }
  static void units(const Json& list, std::vector<UnitState>& out) {
    for (const auto& j : list) {
      UnitState u;
      u.name = j.at("name");
      u.load_state = j.value("load_state", "loaded");
      u.active_state = j.value("active_state", "active");
      u.sub_state = j.value("sub_state", "running");
      u.result = j.value("result", "success");
      u.unit_file_state = j.value("unit_file_state", "enabled");
      u.type = j.value("type", "simple");
      u.restart = j.value("restart", "no");
      u.fragment_path = j.value("fragment_path", "");
      u.drop_ins = j.value("drop_ins", std::vector<std::string>());
      u.exec_start = j.value("exec_start", std::vector<std::string>());
      u.environment = j.value("environment", std::vector<std::string>());
      u.user = j.value("user", "");
      u.control_group = j.value("control_group", "");
      u.main_pid = j.value("main_pid", 0);
      u.restarts = j.value("restarts", 0U);
      u.memory = j.value("memory", 0ULL);
      u.needs_daemon_reload = j.value("needs_daemon_reload", false);
      out.push_back(u);
    }
  }

  /// FILE[:LINE[:COLUMN]] [severity] [found~TEXT] [wanted~TEXT]; "-" for no file. TEXT has _ for blanks.
  void expect(std::string_view text) {
    Expected e;
    e.case_line = number_;
    auto parts = words(text);
    if (parts.empty()) bad("expected '>> FILE:LINE'");
    auto place = split(parts[0], ':');
    e.at.file = place[0] == "-" ? "" : std::string(place[0]);
    if (place.size() > 1) e.at.line = to_number<std::size_t>(place[1]).value();
    if (place.size() > 2) e.at.column = to_number<std::size_t>(place[2]).value();
    for (std::size_t i = 1; i < parts.size(); ++i) {
      auto blanks = [](std::string_view t) {
        std::string out(t);
        for (auto& ch : out)
          if (ch == '_') ch = ' ';
        return out;
      };
      if (auto severity = parse_severity(parts[i]))
        e.severity = severity;
      else if (parts[i].starts_with("found~"))
        e.found = blanks(parts[i].substr(6));
      else if (parts[i].starts_with("wanted~"))
        e.wanted = blanks(parts[i].substr(7));
      else
        bad(fmt::format("unknown expectation {}", parts[i]));
    }
    now().expected.push_back(e);
  }

  std::string name_, text_;
  std::size_t number_ = 0;
  std::vector<Case> cases_;
  std::string open_, body_;
  bool is_file_ = false;
};

}  // namespace

std::vector<Case> read_cases(const std::filesystem::path& file) { return Reader(file).read(); }

}  // namespace meshops::audit
