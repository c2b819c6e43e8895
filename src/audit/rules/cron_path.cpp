// CRON-001: commands that cron's own PATH does not find.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "audit/line_edit.h"
#include "audit/program_places.h"
#include "audit/rules/cron_parts.h"
#include "audit/runs.h"
#include "base/text.h"

namespace meshops::audit::cron {

namespace fs = std::filesystem;

namespace {

/// What cron gives to jobs (Debian, paths.h: _PATH_DEFPATH).
constexpr std::string_view kDefaultPath = "/usr/bin:/bin";
/// sudo's secure_path as Debian sets it.
constexpr std::string_view kSecurePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// With fewer programs in /usr/bin it is no whole system that we see, and a program that is not there proves
/// nothing.
constexpr std::size_t kWholeSystem = 60;

using Directories = std::vector<std::string>;

/// /bin and /sbin are links into /usr since Debian 12.
std::string merged(std::string directory) {
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  if (directory == "/bin" || directory == "/sbin") return "/usr" + directory;
  return directory;
}

Directories directories(std::string_view path) {
  Directories out;
  for (auto piece : split(path, ':')) out.push_back(merged(std::string(piece)));
  return out;
}

std::string quoted_name(std::string_view name) { return printable(name.substr(0, 60)); }

/// Looks for programs as far as the site has them.
class Finder {
 public:
  explicit Finder(const Site& site) : site_(site) {
    if (site.repo()) {
      collect_absolute();
      return;
    }
    if (auto names = site.host().list("/usr/bin")) whole_ = names->size() >= kWholeSystem;
    if (auto accounts = site.host().accounts())
      for (const auto& account : *accounts) homes_[account.name] = account.home.string();
  }

  bool whole_system() const { return whole_; }
  std::string home_of(const std::string& user) const {
    auto found = homes_.find(user);
    if (found != homes_.end()) return found->second;
    return user.empty() ? "" : user == "root" ? "/root" : "/home/" + user;
  }
  bool there(const fs::path& path) const { return site_.host().stat(path).has_value(); }

  bool in(const Directories& path, std::string_view name) const {
    return std::ranges::any_of(path, [&](const std::string& directory) {
      if (!directory.starts_with('/')) return false;
      if (there(fs::path(directory) / name)) return true;
      // Where /bin is no link into /usr.
      return (directory == "/usr/bin" && there(fs::path("/bin") / name)) ||
             (directory == "/usr/sbin" && there(fs::path("/sbin") / name));
    });
  }

  /// Where the program is, beyond PATH.
  std::optional<std::string> elsewhere(std::string_view name, const std::string& user) const {
    auto home = home_of(user);
    if (site_.repo()) {
      auto known = absolute_.find(std::string(name));
      if (known != absolute_.end()) return *known->second.begin();
    } else {
      for (const auto& place : program_places()) {
        if (place.starts_with('~') && home.empty()) continue;
        auto directory = place.starts_with('~') ? home + place.substr(1) : place;
        if (there(fs::path(directory) / name)) return merged(directory) + "/" + std::string(name);
      }
      if (!home.empty()) {
        auto versions = fs::path(home) / ".nvm/versions/node";
        if (auto names = site_.host().list(versions))
          for (const auto& version : *names)
            if (there(versions / version / "bin" / name)) return (versions / version / "bin" / name).string();
      }
    }
    if (auto known = lives_in(name)) {
      if (known->starts_with('~')) {
        if (home.empty()) return std::string(*known) + "/" + std::string(name);
        return home + std::string(known->substr(1)) + "/" + std::string(name);
      }
      return std::string(*known) + "/" + std::string(name);
    }
    if (in_usr_bin(name)) return "/usr/bin/" + std::string(name);
    return std::nullopt;
  }

 private:
  /// In a folder, other files may tell where a program is installed: "ExecStart=/opt/x/bin/openclaw …".
  void collect_absolute() {
    for (const auto& run : site_.facts<Runs>().all())
      for (const auto& command : run->script.commands)
        for (const auto& word : command.words)
          if (word.text.starts_with('/') && !word.expands && &word == &command.words.front())
            absolute_[base_name(word.text)].insert(word.text);
  }

  const Site& site_;
  bool whole_ = false;
  std::map<std::string, std::string> homes_;
  std::map<std::string, std::set<std::string>> absolute_;
};

class JobCheck {
 public:
  JobCheck(const Site& site, const Finder& finder, const Run& run, Findings& out)
      : site_(site), finder_(finder), run_(run), out_(out) {}

  void check() {
    const auto& job = *run_.job;
    const auto& table = run_.cron->table;
    if (table.setting(job, "BASH_ENV") != nullptr) return;
    setting_ = table.setting(job, "PATH");
    path_ = directories(setting_ != nullptr ? std::string_view(setting_->value) : kDefaultPath);
    for (const auto& command : run_.script.commands) functions_.insert(command.function);
    for (const auto& command : run_.script.commands) {
      if (command.nested_shell && inner_unknown_) continue;
      if (!command.nested_shell) inner_unknown_ = false;
      if (!one(command)) return;
    }
  }

 private:
  /// False: from here on PATH is not known.
  bool one(const shell::Command& command) {
    auto path = path_;
    for (const auto& set : command.assignments)
      if (set.name == "PATH") {
        auto changed = replaced(set.value.text);
        if (!changed) return !command.words.empty();
        path = *changed;
        if (command.words.empty()) path_ = path;
      }
    if (command.words.empty()) return true;
    const auto& first = command.words[0].text;
    if (first == "." || first == "source") return false;
    if (first == "export" || first == "readonly") {
      for (const auto& word : command.words)
        if (word.text.starts_with("PATH=")) {
          auto changed = replaced(std::string_view(word.text).substr(5));
          if (!changed) return false;
          path_ = *changed;
        }
      return true;
    }
    note_guards(command);
    auto inner = shell::unwrap(command);
    if (inner.empty()) return true;
    // Every wrapper on the way is a program, too; after sudo its own secure_path counts.
    for (const auto& word : command.words) {
      if (&word == &inner[0]) break;
      if (word.text.starts_with("PATH=")) {
        auto changed = replaced(std::string_view(word.text).substr(5));
        if (!changed) return true;
        path = *changed;
      }
      if (word.text == "sudo" || word.text.ends_with("/sudo")) path = directories(kSecurePath);
    }
    if (&inner[0] != &command.words[0]) name(command.words[0], path_, command);
    name(inner[0], path, command);
    if (login_shell(inner)) inner_unknown_ = true;
    return true;
  }

  /// A shell that reads somebody's profile first, or another user's environment.
  static bool login_shell(std::span<const shell::Word> words) {
    auto program = base_name(words[0].text);
    if (program == "su" || program == "runuser" || program == "ssh") return true;
    if (shell::inner_text(words) == nullptr) return false;
    return std::ranges::any_of(words.subspan(1), [](const shell::Word& word) {
      const auto& t = word.text;
      return t == "--login" || (t.size() > 1 && t[0] == '-' && t[1] != '-' && t.size() < 5 &&
                                t.find_first_of("li") != std::string::npos);
    });
  }

  /// PATH=VALUE in the command: $PATH is what was, $HOME the home; anything else is not known.
  std::optional<Directories> replaced(std::string_view value) const {
    Directories out;
    auto home = finder_.home_of(run_.cron->user_of(*run_.job));
    for (auto piece : split(value, ':')) {
      std::string text(piece);
      if (text == "$PATH" || text == "${PATH}") {
        out.insert(out.end(), path_.begin(), path_.end());
        continue;
      }
      for (std::string_view name : {"$HOME", "${HOME}", "~"})
        if (text.starts_with(name)) text = (home.empty() ? "/home/*" : home) + text.substr(name.size());
      if (text.find('$') != std::string::npos || text.find('`') != std::string::npos) return std::nullopt;
      out.push_back(merged(text));
    }
    return out;
  }

  /// `command -v x`, `test -x /p/x`, `[ -e … ]`, `which x`: somebody knows that it may be missing.
  void note_guards(const shell::Command& command) {
    const auto& words = command.words;
    const auto& first = words[0].text;
    bool asks = first == "test" || first == "[" || first == "[[" || first == "which" || first == "type" ||
                first == "hash" || (first == "command" && words.size() > 1 && words[1].text.starts_with('-'));
    if (!asks) return;
    for (const auto& word : words) guarded_.insert(base_name(word.text));
  }

  void name(const shell::Word& word, const Directories& path, const shell::Command& command) {
    const auto& text = word.text;
    if (word.expands || text.empty() || text.find_first_of("$`*?{}()<>=") != std::string::npos) return;
    if (text.find('/') != std::string::npos) return absolute(word, command);
    if (is_shell_word(text) || functions_.contains(text)) return;
    if (!seen_.insert(text).second) return;
    auto user = run_.cron->user_of(*run_.job);
    if (!site_.repo() && finder_.in(path, text)) return;
    auto place = finder_.elsewhere(text, user);
    if (place) {
      auto directory = merged(fs::path(*place).parent_path().string());
      // Found by what we know of Debian: PATH has that directory.
      if (std::ranges::find(path, directory) != path.end()) {
        if (site_.repo() || !finder_.whole_system()) return;
        place = std::nullopt;
      }
    }
    if (!place && (site_.repo() || !finder_.whole_system() || guarded_.contains(text))) return;
    auto draft = out_.add(run_.at(site_, word.offset, word.line, word.column));
    auto searched = setting_ != nullptr ? fmt::format("PATH of line {}", setting_->line)
                                        : fmt::format("cron's own PATH, {}", kDefaultPath);
    draft.found("{}, which is not in {}", quoted_name(text), searched).about("{}", quoted_name(text));
    if (!place) {
      draft.wanted("a program that is there")
          .message("this job fails every time: nothing called {} is on this machine", quoted_name(text))
          .fix("install {}, or write its absolute path", quoted_name(text));
      return;
    }
    auto path_text = printable(*place);
    draft.wanted("{}", path_text)
        .message("this job fails every time: cron does not find {}, though your own shell does",
                 quoted_name(text));
    if (place->starts_with('~')) {
      draft.fix("write the absolute path: what `command -v {}` says, most likely {}", quoted_name(text),
                path_text);
      return;
    }
    draft.fix("write {}", path_text);
    // The word may stand behind a backslash or in quotes: replaced as it is written.
    const auto& job = *run_.job;
    std::string line(line_of(run_.cron->text, job.line));
    auto from = job.column_of(word.offset) - 1, to = job.column_of(word.end) - 1;
    if (from > to || to > line.size() || line.substr(from, to - from) != text) return;
    draft.mend(Mend{.files = {{.path = run_.cron->file.path,
                               .bytes = with_line(run_.cron->text, job.line,
                                                  line.substr(0, from) + *place + line.substr(to))}}});
  }

  /// Only on a whole system, and where nobody asked first.
  void absolute(const shell::Word& word, const shell::Command&) {
    const auto& text = word.text;
    if (!finder_.whole_system() || !text.starts_with('/') || guarded_.contains(base_name(text))) return;
    if (run_.cron->packaged || is_stock_job(*run_.job) || !seen_.insert(text).second) return;
    auto info = site_.host().stat(text);
    if (info || !info.error().is("file.not_found")) return;
    out_.add(run_.at(site_, word.offset, word.line, word.column))
        .found("{}, which does not exist", quoted_name(text))
        .wanted("a program that is there")
        .message("this job fails every time: there is no {}", quoted_name(text))
        .fix("write where it is now: `command -v {}`", base_name(text))
        .about("{}", quoted_name(text));
  }

  const Site& site_;
  const Finder& finder_;
  const Run& run_;
  Findings& out_;
  const crontab::Setting* setting_ = nullptr;
  Directories path_;
  std::set<std::string> functions_, guarded_, seen_;
  bool inner_unknown_ = false;
};

}  // namespace

void command_path(const Site& site, Findings& out) {
  Finder finder(site);
  for (const auto* run : site.facts<Runs>().of(Run::Kind::job)) JobCheck(site, finder, *run, out).check();
}

}  // namespace meshops::audit::cron
