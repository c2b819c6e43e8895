#include "audit/runs.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kScriptLimit = 512U << 10;
/// Of scripts that start scripts.
constexpr int kGenerations = 3;
constexpr std::array<std::string_view, 6> kExecKeys = {"ExecStartPre", "ExecStart", "ExecStartPost",
                                                       "ExecReload",   "ExecStop",  "ExecStopPost"};
constexpr std::array<std::string_view, 7> kShells = {"sh", "bash", "dash", "zsh", "ksh", "source", "."};

/// What packages bring is theirs to answer for.
bool of_a_package(const fs::path& path) {
  const std::string text = path.string();
  return (text.starts_with("/usr/") && !text.starts_with("/usr/local/")) || text.starts_with("/bin/") ||
         text.starts_with("/sbin/") || text.starts_with("/lib/");
}

bool is_shell_text(const fs::path& path, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return false;
  auto first = text.substr(0, text.find('\n'));
  if (first.starts_with("#!")) {
    auto parts = words(first.substr(2));
    return std::ranges::any_of(parts, [](auto part) {
      auto base = base_name(part);
      return base == "sh" || base == "bash" || base == "dash" || base == "zsh" || base == "ksh" ||
             base == "ash";
    });
  }
  auto name = path.filename().string();
  return name.ends_with(".sh") || name.ends_with(".bash");
}

std::size_t common_suffix(const fs::path& a, const fs::path& b) {
  auto i = std::vector<fs::path>(a.begin(), a.end()), j = std::vector<fs::path>(b.begin(), b.end());
  std::size_t same = 0;
  while (same < i.size() && same < j.size() && i[i.size() - 1 - same] == j[j.size() - 1 - same]) ++same;
  return same;
}

}  // namespace

class RunGatherer {
 public:
  RunGatherer(const Site& site, Runs& out) : site_(site), out_(out) {}

  void gather() {
    for (const auto& cron : site_.facts<CronFiles>().files())
      for (const auto& job : cron.table.jobs) {
        auto& run = add(Run::Kind::job, cron.file.path, job.command);
        run.cron = &cron;
        run.job = &job;
      }
    for (const auto& unit : site_.facts<Units>().services()) {
      if (!site_.repo() && of_a_package(unit.path)) continue;
      for (auto key : kExecKeys)
        for (const auto* line : unit.file.all("Service", key)) {
          auto text = line->value;
          std::size_t prefixes = std::min(text.find_first_not_of("@-:+!|"), text.size());
          auto& run = add(Run::Kind::unit, unit.path, text.substr(prefixes));
          run.unit = &unit;
          run.key = key;
          run.unit_at = line->value_at;
          run.unit_at.column += prefixes;
        }
    }
    if (site_.repo()) scripts_of_folder();
    for (const auto* file : site_.files().of(FileKind::cron_script)) script(file->path);
    link();
  }

 private:
  Run& add(Run::Kind kind, const fs::path& path, std::string text) {
    auto run = std::make_unique<Run>();
    run->kind = kind;
    run->path = path;
    run->text = std::move(text);
    run->script = shell::parse(run->text);
    out_.runs_.push_back(std::move(run));
    return *out_.runs_.back();
  }

  void scripts_of_folder() {
    for (const auto* file : site_.files().of(FileKind::script)) script(file->path);
  }

  /// Null if it is none, or cannot be read.
  Run* script(const fs::path& path) {
    auto known = scripts_.find(path);
    if (known != scripts_.end()) return known->second;
    Run* run = nullptr;
    if (auto text = site_.host().read(path, kScriptLimit); text && is_shell_text(path, *text))
      run = &add(Run::Kind::script, path, std::move(*text));
    scripts_[path] = run;
    return run;
  }

  void link() {
    std::vector<Run*> starters;
    for (const auto& run : out_.runs_)
      if (run->kind != Run::Kind::script) starters.push_back(run.get());
    for (auto* starter : starters) follow(*starter, *starter, {}, 0);
    // run-parts starts those of cron.daily and its like; the file itself is the place to name.
  }

  void follow(const Run& starter, const Run& run, std::vector<const Run*> seen, int generation) {
    if (generation >= kGenerations) return;
    seen.push_back(&run);
    fs::path folder;
    for (const auto& command : run.script.commands) {
      auto argv = argv_of(command);
      if (argv.empty()) continue;
      if (argv[0] == "cd" && argv.size() > 1) folder = argv[1];
      for (const auto& path : started_scripts(argv)) {
        auto whole = path.is_absolute() || folder.empty() ? path : folder / path;
        for (auto* found : resolve(whole.lexically_normal())) {
          if (std::ranges::find(seen, found) != seen.end()) continue;
          if (std::ranges::find(found->started_by, &starter) == found->started_by.end())
            found->started_by.push_back(&starter);
          follow(starter, *found, seen, generation + 1);
        }
      }
    }
  }

  /// The program itself, or what a shell is given to read.
  static std::vector<fs::path> started_scripts(const std::vector<std::string>& argv) {
    auto program = base_name(argv[0]);
    if (std::ranges::find(kShells, program) == kShells.end()) return {argv[0]};
    for (std::size_t i = 1; i < argv.size(); ++i)
      if (!argv[i].starts_with('-') && !argv[i].starts_with('+')) return {argv[i]};
    return {};
  }

  std::vector<Run*> resolve(const fs::path& path) {
    if (!site_.repo()) {
      if (!path.is_absolute() || of_a_package(path)) return {};
      auto* found = script(path);
      return found != nullptr ? std::vector<Run*>{found} : std::vector<Run*>();
    }
    // In a folder nobody knows where it will be installed: the best match from the end of the path on.
    std::vector<Run*> best;
    std::size_t most = 0;
    for (const auto& [at, run] : scripts_) {
      if (run == nullptr || at.filename() != path.filename()) continue;
      auto same = common_suffix(at, path);
      if (same > most) best.clear(), most = same;
      if (same == most) best.push_back(run);
    }
    return best;
  }

  const Site& site_;
  Runs& out_;
  std::map<fs::path, Run*> scripts_;
};

Runs Runs::gather(const Site& site) {
  Runs out;
  RunGatherer(site, out).gather();
  return out;
}

std::vector<const Run*> Runs::of(Run::Kind kind) const {
  std::vector<const Run*> found;
  for (const auto& run : runs_)
    if (run->kind == kind) found.push_back(run.get());
  return found;
}

std::vector<const Run*> Runs::scripts_of(const Run& starter) const {
  std::vector<const Run*> found;
  for (const auto& run : runs_)
    if (std::ranges::find(run->started_by, &starter) != run->started_by.end()) found.push_back(run.get());
  return found;
}

Where Run::at(const Site& site, std::size_t offset, std::size_t line, std::size_t column) const {
  if (job != nullptr) return site.at(path, job->line, job->column_of(offset));
  if (unit != nullptr) return {unit_at.file, unit_at.line, unit_at.column + offset};
  return site.at(path, line, column);
}
Where Run::at(const Site& site, const shell::Command& command) const {
  return at(site, command.offset, command.line, command.column);
}

std::string Run::called(const Site& site) const {
  if (job != nullptr) return fmt::format("the job of line {} in {}", job->line, site.shown(path));
  if (unit != nullptr) return unit->name;
  return site.shown(path);
}

std::vector<std::string> argv_of(const shell::Command& command) {
  std::vector<std::string> out;
  for (const auto& word : shell::unwrap(command)) out.push_back(word.text);
  return out;
}

std::string base_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  auto slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

}  // namespace meshops::audit
