#include "audit/ssh_files.h"

#include <fnmatch.h>

#include <algorithm>

#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {
/// More files than any Include really names.
constexpr std::size_t kMostIncluded = 1000;
const fs::path kSystemFolder = "/etc/ssh";
}  // namespace

const ssh::Config* SshConfigs::read(const fs::path& path) {
  std::scoped_lock lock(mutex_);
  return read_locked(path);
}

const ssh::Config* SshConfigs::read_locked(const fs::path& path) {
  auto [it, fresh] = files_.try_emplace(path);
  if (fresh) {
    auto text = site_.host().read(path);
    if (text)
      it->second = std::make_unique<ssh::Config>(ssh::parse_config(*text, path.string()));
    else if (!text.error().is("file.not_found"))
      skips_.push_back({"", site_.shown(path), std::string(text.error().text())});
  }
  return it->second.get();
}

const ssh::Config* SshConfigs::add(const fs::path& path, std::string_view text) {
  std::scoped_lock lock(mutex_);
  auto& kept = files_[path];
  kept = std::make_unique<ssh::Config>(ssh::parse_config(text, path.string()));
  return kept.get();
}

std::vector<fs::path> SshConfigs::glob(const fs::path& pattern) const {
  std::vector<fs::path> found = {"/"};
  for (const auto& part : pattern.relative_path()) {
    std::vector<fs::path> next;
    const auto text = part.string();
    for (const auto& folder : found) {
      if (text.find_first_of("*?[") == std::string::npos) {
        if (site_.host().stat(folder / part)) next.push_back(folder / part);
        continue;
      }
      auto names = site_.host().list(folder);
      if (!names) continue;
      std::ranges::sort(*names);
      for (const auto& name : *names)
        if (fnmatch(text.c_str(), name.c_str(), FNM_PERIOD) == 0 && next.size() < kMostIncluded)
          next.push_back(folder / name);
    }
    found = std::move(next);
  }
  return found;
}

std::vector<const ssh::Config*> SshConfigs::include(std::string_view pattern, const fs::path& folder,
                                                    const fs::path& home) {
  std::scoped_lock lock(mutex_);
  fs::path path(pattern);
  if (pattern.starts_with("~/")) {
    auto below = pattern.substr(2);
    path = home / below;
    if (site_.repo() && below.starts_with(".ssh/")) path = folder / below.substr(5);
  }
  auto paths = glob(path.lexically_normal());
  constexpr std::string_view kSystem = "/etc/ssh/";
  if (site_.repo() && paths.empty() && pattern.starts_with(kSystem))
    paths = glob(folder / pattern.substr(kSystem.size()));
  std::vector<const ssh::Config*> out;
  for (const auto& p : paths)
    if (const auto* config = read_locked(p)) {
      included_[p] = true;
      out.push_back(config);
    }
  return out;
}

namespace {

SshClient client(const std::shared_ptr<SshConfigs>& configs, std::vector<ssh::ClientSource> sources,
                 const fs::path& path, const Account& account) {
  auto folder = path.parent_path();
  return {.path = path,
          .user = account.name,
          .sources = std::move(sources),
          .include = [configs, folder, home = account.home](std::string_view pattern) {
            return configs->include(pattern, folder, home);
          }};
}

/// Stands for the main file that would include the files of that folder.
const ssh::Config* drop_ins(SshConfigs& configs, const fs::path& folder) {
  return configs.add(folder / "", fmt::format("Include \"{}/*.conf\"", folder.string()));
}

}  // namespace

SshFiles SshFiles::gather(const Site& site) {
  SshFiles out;
  out.configs_ = std::make_shared<SshConfigs>(site);
  auto configs = out.configs_;
  auto add_daemon = [&](const fs::path& path, const ssh::Config* main, bool fragment) {
    if (main == nullptr) return;
    auto folder = path.parent_path();
    out.daemons_.push_back({path, fragment, sshd::Daemon(*main, [&](std::string_view pattern) {
                              return configs->include(pattern, folder, "/root");
                            })});
  };
  if (site.repo()) {
    for (const auto* file : site.files().of(FileKind::sshd_config))
      if (file->path.filename().string().ends_with("sshd_config"))
        add_daemon(file->path, configs->read(file->path), false);
    // Drop-ins without their main file count together, in the order they are read.
    for (const auto* file : site.files().of(FileKind::sshd_config))
      if (!file->path.filename().string().ends_with("sshd_config") && !configs->was_included(file->path))
        add_daemon(file->path, drop_ins(*configs, file->path.parent_path()), true);
    auto add_client = [&](const fs::path& path, const ssh::Config* config, bool user) {
      if (config == nullptr) return;
      Account nobody{.home = path.parent_path().parent_path()};
      out.clients_.push_back(client(configs, {{config, user}}, path, nobody));
      (void)out.clients_.back().everything();  // so that its includes are known
    };
    for (const auto* file : site.files().of(FileKind::ssh_config))
      if (file->path.parent_path().filename() != "ssh_config.d")
        add_client(file->path, configs->read(file->path), file->path.filename() == "config");
    for (const auto* file : site.files().of(FileKind::ssh_config))
      if (file->path.parent_path().filename() == "ssh_config.d" && !configs->was_included(file->path))
        add_client(file->path, drop_ins(*configs, file->path.parent_path()), false);
  } else {
    add_daemon(kSystemFolder / "sshd_config", configs->read(kSystemFolder / "sshd_config"), false);
    const auto* system = configs->read(kSystemFolder / "ssh_config");
    std::vector<Account> accounts;
    if (auto all = site.host().accounts()) accounts = *all;
    std::map<fs::path, bool> seen;
    for (const auto& account : accounts) {
      auto path = account.home / ".ssh/config";
      if (account.home.empty() || account.home == "/" || !seen.emplace(path, true).second) continue;
      const auto* config = configs->read(path);
      if (config == nullptr) continue;
      std::vector<ssh::ClientSource> sources = {{config, true}};
      if (system != nullptr) sources.push_back({system, false});
      out.clients_.push_back(client(configs, std::move(sources), path, account));
    }
    if (system != nullptr)
      out.clients_.push_back(client(configs, {{system, false}}, kSystemFolder / "ssh_config", {}));
  }
  out.skips_ = configs->skips();
  return out;
}

void SshFiles::tell_skips(Findings& out) const {
  for (const auto& skip : skips_) out.skip(skip.what, skip.reason);
}

SshdAnswer SshdAnswer::gather(const Site& site) {
  SshdAnswer out;
  if (site.running() == nullptr) {
    out.error = "not a running machine";
    return out;
  }
  auto answer = site.running()->ask(Question::sshd_effective);
  if (!answer) {
    out.error = answer.error().text();
    return out;
  }
  for (auto line : split(*answer, '\n')) {
    line = trim(line);
    auto blank = line.find(' ');
    if (line.empty()) continue;
    auto value = blank == std::string_view::npos ? std::string_view() : trim(line.substr(blank));
    out.values[lower(line.substr(0, blank))].emplace_back(value);
  }
  if (out.values.empty()) out.error = "sshd -T said nothing";
  return out;
}

Mend sshd_mend(const Site& site, const fs::path& path, std::string bytes) {
  Mend mend{.files = {{.path = path, .bytes = std::move(bytes)}}};
  if (site.live()) {
    mend.verify = {"sshd", "-t"};
    // Does nothing where a socket starts it for each connection.
    const std::vector<std::string> reload = {"systemctl", "try-reload-or-restart", "ssh.service"};
    mend.orders = {{.run = reload, .back = reload}};
    mend.may_cut_off = true;
  }
  return mend;
}

}  // namespace meshops::audit
