#include "audit/git_places.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/file.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kConfigLimit = 1U << 20;
constexpr std::size_t kReflogLimit = 8U << 20;

std::string read_or_empty(const Host& host, const fs::path& path) {
  return host.read(path, kConfigLimit).value_or("");
}

/// What lies outside of the repository and holds for it: configuration and ignore patterns of its person.
struct Personal {
  std::string config, ignores;
};

/// On a machine: of the account whose repository it is.
Personal personal_of(const Site& site, const fs::path& directory) {
  Personal out{.config = read_or_empty(site.host(), "/etc/gitconfig") + "\n", .ignores = ""};
  auto info = site.host().stat(directory);
  auto accounts = site.host().accounts();
  if (!info || !accounts) return out;
  for (const auto& account : *accounts) {
    if (account.uid != info->uid) continue;
    out.config += read_or_empty(site.host(), account.home / ".config/git/config") + "\n" +
                  read_or_empty(site.host(), account.home / ".gitconfig");
    out.ignores = read_or_empty(site.host(), account.home / ".config/git/ignore");
    break;
  }
  return out;
}

/// Of a folder: of who runs this program, as git itself would see it.
Personal personal_of_caller() {
  auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  auto text_of = [](const fs::path& path) { return read_file(path, kConfigLimit).value_or(""); };
  Personal out;
  if (variable("GIT_CONFIG_NOSYSTEM").empty()) out.config = text_of("/etc/gitconfig") + "\n";
  auto home = variable("HOME");
  auto xdg = variable("XDG_CONFIG_HOME");
  fs::path config_home = !xdg.empty() ? fs::path(xdg) : fs::path(home) / ".config";
  if (auto only = variable("GIT_CONFIG_GLOBAL"); !only.empty())
    out.config += text_of(only);
  else if (!home.empty())
    out.config += text_of(config_home / "git/config") + "\n" + text_of(fs::path(home) / ".gitconfig");
  if (!home.empty()) out.ignores = text_of(config_home / "git/ignore");
  return out;
}

class Finder {
 public:
  explicit Finder(const Site& site) : site_(site), caller_(site.repo() ? personal_of_caller() : Personal()) {}

  std::vector<fs::path> directories() const {
    if (site_.repo()) return site_.files().repositories();
    std::set<fs::path> out;
    auto add = [&](const fs::path& directory) {
      if (site_.host().stat(directory / ".git") || is_bare(directory)) out.insert(directory);
    };
    // Configured ones: what gateways work in, what backups copy, what etckeeper keeps, what is served to
    // others.
    add("/etc");
    for (const auto& gateway : site_.mesh().gateways) {
      if (!gateway.state_dir.empty()) add(gateway.state_dir / "workspace");
      if (!gateway.working_dir.empty()) add(gateway.working_dir);
    }
    for (const auto& backup : site_.mesh().backups) add(backup.data);
    if (auto accounts = site_.host().accounts())
      for (const auto& account : *accounts) {
        if (account.home.empty() || account.home == "/") continue;
        auto names = site_.host().list(account.home);
        if (!names) continue;
        for (const auto& name : *names) {
          if (name.starts_with(".openclaw")) workspaces(account.home / name, add);
          if (name.ends_with(".git")) add(account.home / name);
        }
      }
    for (const auto* base : {"/srv", "/srv/git", "/var/lib/git", "/var/git"})
      if (auto names = site_.host().list(base))
        for (const auto& name : *names) add(fs::path(base) / name);
    return {out.begin(), out.end()};
  }

  GitRepository look(const fs::path& directory) const {
    GitRepository out{.directory = directory};
    out.git_dir = git_directory(directory);
    if (!out.git_dir.empty()) {
      out.common_dir = out.git_dir;
      if (auto common = site_.host().read(out.git_dir / "commondir", 4096))
        out.common_dir = in_host(out.git_dir, std::string(trim(*common)));
    }
    if (!out.common_dir.empty()) out.config_text = read_or_empty(site_.host(), out.common_dir / "config");
    out.config = git::Config::parse(out.config_text);
    out.bare = out.git_dir == directory;
    auto personal = site_.repo() ? caller_ : personal_of(site_, directory);
    out.personal = git::Config::parse(personal.config);
    if (site_.disk().empty()) {
      out.why_not = "its history can only be read on the machine it is on";
      return out;
    }
    auto store = GitStore::open(
        site_.disk() / directory.relative_path(),
        {.within = site_.ground() == Ground::root ? site_.disk() : fs::path(), .ignores = personal.ignores});
    if (store)
      out.store = std::make_shared<const GitStore>(*std::move(store));
    else
      out.why_not = store.error().text();
    return out;
  }

 private:
  void workspaces(const fs::path& state, const auto& add) const {
    auto names = site_.host().list(state);
    if (!names) return;
    for (const auto& name : *names)
      if (name.starts_with("workspace")) add(state / name);
  }

  bool is_bare(const fs::path& directory) const {
    return site_.host().stat(directory / "HEAD") && site_.host().stat(directory / "objects") &&
           site_.host().stat(directory / "refs");
  }

  /// A path that git wrote down, as the Host names it; empty: it is outside.
  fs::path in_host(const fs::path& base, const fs::path& written) const {
    if (written.is_relative()) {
      auto path = (base / written).lexically_normal();
      return path.string().ends_with('/') && path != "/" ? path.parent_path() : path;
    }
    if (!site_.repo()) return written.lexically_normal();
    if (site_.disk().empty()) return {};
    auto inside = written.lexically_normal().lexically_relative(site_.disk().lexically_normal());
    if (inside.empty() || *inside.begin() == "..") return {};
    return "/" / inside;
  }

  fs::path git_directory(const fs::path& directory) const {
    auto dot_git = directory / ".git";
    auto info = site_.host().stat(dot_git);
    if (!info) return directory;
    if (info->kind == FileInfo::Kind::directory) return dot_git;
    auto text = site_.host().read(dot_git, 4096);
    constexpr std::string_view kWord = "gitdir:";
    if (!text || !text->starts_with(kWord)) return {};
    return in_host(directory, std::string(trim(std::string_view(*text).substr(kWord.size()))));
  }

  const Site& site_;
  Personal caller_;
};

void collect_logs(const Site& site, const fs::path& directory, const std::string& ref, unsigned depth,
                  std::vector<GitLog>& out) {
  constexpr unsigned kDeepest = 10;
  constexpr std::size_t kMost = 20'000;
  auto names = site.host().list(directory);
  if (!names || depth > kDeepest) return;
  for (const auto& name : *names) {
    if (out.size() >= kMost) return;
    auto path = directory / name;
    auto info = site.host().stat(path);
    if (!info) continue;
    if (info->kind == FileInfo::Kind::directory)
      collect_logs(site, path, ref + "/" + name, depth + 1, out);
    else if (auto text = site.host().read(path, kReflogLimit))
      out.push_back({path, ref + "/" + name, git::parse_reflog(*text)});
  }
}

}  // namespace

std::optional<std::string> GitRepository::setting(std::string_view section, std::string_view key,
                                                  std::string_view subsection) const {
  if (auto own = config.value(section, key, subsection)) return own;
  return personal.value(section, key, subsection);
}

std::string GitRepository::upstream(std::string_view branch) const {
  auto remote = config.value("branch", "remote", branch);
  auto merge = config.value("branch", "merge", branch);
  constexpr std::string_view kHeads = "refs/heads/";
  if (!remote || !merge || !merge->starts_with(kHeads)) return "";
  auto name = merge->substr(kHeads.size());
  return *remote == "." ? std::string(kHeads) + name : "refs/remotes/" + *remote + "/" + name;
}

bool GitRepository::has_remote() const {
  return std::ranges::any_of(config.settings(), [](const git::Setting& s) {
    return s.section == "remote" && !s.subsection.empty() && (s.key == "url" || s.key == "pushurl");
  });
}

std::vector<GitLog> reflogs_below(const Site& site, const GitRepository& repository,
                                  const std::string& below) {
  std::vector<GitLog> out;
  if (!repository.common_dir.empty())
    collect_logs(site, repository.common_dir / "logs" / below, below, 0, out);
  return out;
}

std::optional<GitLog> reflog_of(const Site& site, const GitRepository& repository, const std::string& ref) {
  const auto& base = ref == "HEAD" ? repository.git_dir : repository.common_dir;
  if (base.empty()) return std::nullopt;
  auto path = base / "logs" / ref;
  auto text = site.host().read(path, kReflogLimit);
  if (!text) return std::nullopt;
  return GitLog{path, ref, git::parse_reflog(*text)};
}

Repositories Repositories::gather(const Site& site) {
  Repositories out;
  Finder finder(site);
  for (const auto& directory : finder.directories()) out.all_.push_back(finder.look(directory));
  return out;
}

std::vector<const GitRepository*> Repositories::distinct() const {
  std::vector<const GitRepository*> out;
  std::set<fs::path> seen;
  for (const auto& r : all_)
    if (r.common_dir.empty() || seen.insert(r.common_dir).second) out.push_back(&r);
  return out;
}

TrackedFiles TrackedFiles::gather(const Site& site) {
  TrackedFiles out;
  const auto& repositories = site.facts<Repositories>().all();
  std::vector<fs::path> read;
  for (const auto& r : repositories) {
    if (!r.store || r.bare) continue;
    auto tracked = r.store->tracked();
    if (!tracked) continue;
    read.push_back(r.directory);
    for (const auto& path : *tracked) out.all_.push_back(r.directory / path);
  }
  if (!site.repo()) return out;
  std::set<fs::path> roots(read.begin(), read.end()), others;
  for (const auto& r : repositories)
    if (!roots.contains(r.directory)) others.insert(r.directory);
  for (const auto& file : site.files().all()) {
    // The innermost repository decides.
    auto directory = file.path.parent_path();
    while (!roots.contains(directory) && !others.contains(directory) && directory != "/")
      directory = directory.parent_path();
    if (!roots.contains(directory)) out.all_.push_back(file.path);
  }
  std::ranges::sort(out.all_);
  return out;
}

}  // namespace meshops::audit
