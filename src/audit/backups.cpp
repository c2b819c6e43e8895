#include "audit/backups.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

using Argv = std::vector<std::string>;

constexpr int kFillPasses = 4;

bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Words after the program that are no options; `valued` options take the next word with them.
Argv plain_words(const Argv& argv, std::size_t from, std::string_view valued) {
  Argv out;
  auto takes = words(valued);
  for (std::size_t i = from; i < argv.size(); ++i) {
    const auto& word = argv[i];
    if (word == "--") {
      out.insert(out.end(), argv.begin() + static_cast<std::ptrdiff_t>(i) + 1, argv.end());
      break;
    }
    if (word.size() > 1 && word.starts_with('-')) {
      if (std::ranges::find(takes, word) != takes.end()) ++i;
      continue;
    }
    out.push_back(word);
  }
  return out;
}

std::string option(const Argv& argv, std::initializer_list<std::string_view> names) {
  for (std::size_t i = 1; i < argv.size(); ++i)
    for (auto name : names) {
      if (argv[i] == name && i + 1 < argv.size()) return argv[i + 1];
      if (argv[i].starts_with(std::string(name) + "=")) return argv[i].substr(name.size() + 1);
    }
  return "";
}

bool is_object_store(std::string_view target) {
  constexpr std::array<std::string_view, 12> kSchemes = {
      "s3:",    "s3://", "b2:",     "gs:", "gs://", "azure:",
      "swift:", "gcs:",  "wasabi:", "r2:", "b2://", "rclone:"};
  return std::ranges::any_of(kSchemes, [&](auto scheme) { return target.starts_with(scheme); });
}

struct Shape {
  Argv sources;
  std::string target;
  bool object_store = false;
};

/// tar -czf FILE …, tar czf FILE …
std::optional<Shape> tar_shape(const Argv& argv) {
  if (argv.size() < 3) return std::nullopt;
  Shape out;
  bool creates = false;
  std::size_t from = 1;
  const auto& first = argv[1];
  bool bundle = !first.starts_with("--");
  std::string letters = bundle ? first.substr(first.starts_with('-') ? 1 : 0) : "";
  if (letters.find('c') != std::string::npos) creates = true;
  if (letters.ends_with('f')) {
    out.target = argv[2];
    from = 3;
  } else if (bundle) {
    from = 2;
  }
  std::string folder;
  for (std::size_t i = from; i < argv.size(); ++i) {
    const auto& word = argv[i];
    if (word == "-c" || word == "--create") creates = true;
    if (word == "-C" || word == "--directory") {
      if (i + 1 < argv.size()) folder = argv[++i];
    } else if (word == "-f" || word == "--file") {
      if (i + 1 < argv.size()) out.target = argv[++i];
    } else if (word.starts_with("--file=")) {
      out.target = word.substr(7);
    } else if (word == "-X" || word == "-T" || word == "--exclude" || word == "--exclude-from") {
      ++i;
    } else if (word.size() > 1 && word.starts_with('-') && !word.starts_with("--")) {
      if (word.find('c') != std::string::npos && word.find('x') == std::string::npos) creates = true;
      if (word.ends_with('f') && i + 1 < argv.size()) out.target = argv[++i];
    } else if (!word.starts_with('-')) {
      out.sources.push_back(folder.empty() || word.starts_with('/') ? word : folder + "/" + word);
    }
  }
  if (!creates) return std::nullopt;
  return out;
}

std::string redirected(const shell::Command& command) {
  for (const auto& r : command.redirections)
    if ((r.op == ">" || r.op == ">>" || r.op == ">|") && (!r.fd || *r.fd == 1)) return r.target.text;
  return "";
}

std::optional<Shape> shape_of(const std::string& tool, const Argv& argv, const shell::Command& command,
                              const std::map<std::string, std::string>& variables) {
  auto known = [&](std::string_view name) {
    for (const auto& set : command.assignments)
      if (set.name == name) return set.value.text;
    auto found = variables.find(std::string(name));
    return found == variables.end() ? std::string() : found->second;
  };
  auto has = [&](std::string_view word) { return std::ranges::find(argv, word) != argv.end(); };
  Shape out;
  if (tool == "restic") {
    auto verb = std::ranges::find(argv, "backup");
    if (verb == argv.end()) return std::nullopt;
    out.target = option(argv, {"-r", "--repo"});
    if (out.target.empty()) out.target = known("RESTIC_REPOSITORY");
    out.sources =
        plain_words(argv, static_cast<std::size_t>(verb - argv.begin()) + 1,
                    "-r --repo --tag --exclude -e --exclude-file --host -H -p --password-file --limit-upload "
                    "--files-from -o --cache-dir --iexclude");
  } else if (tool == "borg") {
    auto verb = std::ranges::find(argv, "create");
    if (verb == argv.end()) return std::nullopt;
    auto all =
        plain_words(argv, static_cast<std::size_t>(verb - argv.begin()) + 1,
                    "-e --exclude -C --compression --exclude-from --comment --pattern --patterns-from");
    if (all.empty()) return std::nullopt;
    out.target = all[0].substr(0, all[0].find("::"));
    if (out.target.empty()) out.target = known("BORG_REPO");
    out.sources.assign(all.begin() + 1, all.end());
  } else if (tool == "rclone") {
    if (!has("sync") && !has("copy") && !has("copyto")) return std::nullopt;
    auto all = plain_words(
        argv, 1, "--config --transfers --bwlimit --exclude --include --filter --log-file --checkers");
    if (all.size() < 3) return std::nullopt;
    out.sources = {all[1]};
    out.target = all[2];
    out.object_store = out.target.find(':') != std::string::npos;
  } else if (tool == "duplicity" || tool == "duply") {
    // The old way of saying what shall be done; what it copies stands before where it copies to.
    if (has("--list-current-files") || has("--file-to-restore") || has("--verify") ||
        has("--collection-status"))
      return std::nullopt;
    auto all =
        plain_words(argv, 1,
                    "--exclude --include --encrypt-key --full-if-older-than --ssh-command --scp-command "
                    "--sftp-command --ssh-options --verbosity --remove-older-than --exclude-filelist "
                    "--include-filelist --exclude-globbing-filelist --include-globbing-filelist");
    if (all.size() < 2 || all[0] == "cleanup" || all[0] == "list-current-files" ||
        all[0] == "collection-status" || all[0] == "restore" || all[0].starts_with("remove") ||
        all[0] == "verify")
      return std::nullopt;
    out.target = all.back();
    out.sources = {all[all.size() - 2]};
  } else if (tool == "rsync" || tool == "scp" || tool == "cp") {
    if (tool == "cp" &&
        !std::ranges::any_of(argv,
                             [](const std::string& w) {
                               return w == "--recursive" || w == "--archive" ||
                                      (w.size() > 1 && w[0] == '-' && w[1] != '-' &&
                                       w.find_first_of("raR") != std::string::npos);
                             }) &&
        !says_backup(argv.back()))
      return std::nullopt;
    auto all = plain_words(
        argv, 1,
        "-e --rsh --exclude --include --exclude-from --bwlimit --log-file --backup-dir --files-from "
        "--rsync-path --password-file -i -P -l -o -F -t --filter -f");
    if (all.size() < 2) return std::nullopt;
    out.target = all.back();
    all.pop_back();
    out.sources = std::move(all);
  } else if (tool == "tar") {
    auto tar = tar_shape(argv);
    if (!tar) return std::nullopt;
    out = std::move(*tar);
    if (out.target.empty() || out.target == "-") out.target = redirected(command);
  } else if (tool == "zip") {
    auto all = plain_words(argv, 1, "-x -i -P");
    if (all.size() < 2) return std::nullopt;
    out.target = all[0];
    out.sources.assign(all.begin() + 1, all.end());
  } else if (tool == "gsutil" || tool == "aws" || tool == "gcloud") {
    if (!has("cp") && !has("rsync") && !has("sync")) return std::nullopt;
    auto all = plain_words(argv, 1, "-x --exclude --include --profile --region --storage-class");
    if (all.size() < 3) return std::nullopt;
    out.target = all.back();
    out.sources = {all[all.size() - 2]};
  } else if (tool == "pg_dump" || tool == "pg_dumpall" || tool == "mysqldump" || tool == "mariadb-dump" ||
             tool == "mongodump") {
    out.target = redirected(command);
    if (out.target.empty()) out.target = option(argv, {"-f", "--file", "--result-file", "-r", "--out", "-o"});
  } else {
    return std::nullopt;
  }
  return out;
}

/// Tools that make nothing else than backups.
bool only_backs_up(std::string_view tool) {
  constexpr std::array<std::string_view, 9> kTools = {"restic",    "borg",         "duplicity",
                                                      "duply",     "pg_dump",      "pg_dumpall",
                                                      "mysqldump", "mariadb-dump", "mongodump"};
  return std::ranges::find(kTools, tool) != kTools.end();
}

}  // namespace

bool says_backup(std::string_view text) {
  constexpr std::array<std::string_view, 7> kWords = {"backup", "bak",     "snapshot", "dump",
                                                      "mirror", "archive", "offsite"};
  auto small = lower(text);
  return std::ranges::any_of(kWords, [&](auto word) {
    auto at = small.find(word);
    if (at == std::string::npos) return false;
    // "bak" of "bake" is none.
    return word != "bak" || at + 3 == small.size() || !(small[at + 3] >= 'a' && small[at + 3] <= 'z');
  });
}

bool is_local(std::string_view target) {
  if (target.empty() || target == "-") return false;
  if (target.find("://") != std::string_view::npos) return target.starts_with("file://");
  auto colon = target.find(':');
  auto slash = target.find('/');
  return colon == std::string_view::npos || (slash != std::string_view::npos && slash < colon);
}

bool runs_regularly(const Run& run) {
  if (run.kind == Run::Kind::job) return true;
  if (run.kind == Run::Kind::unit) return true;
  if (run.path.string().find("/cron.") != std::string::npos) return true;
  return !run.started_by.empty() || says_backup(run.path.filename().string());
}

std::map<std::string, std::string> variables_of(const shell::Script& script) {
  std::map<std::string, std::string> out;
  std::set<std::string> changing;
  auto put = [&](const std::string& name, const std::string& value) {
    auto [known, fresh] = out.try_emplace(name, value);
    if (!fresh && known->second != value) changing.insert(name);
  };
  for (const auto& command : script.commands) {
    for (const auto& set : command.assignments) {
      put(set.name, set.value.text);
      if (set.appends) changing.insert(set.name);
    }
    if (command.words.empty()) continue;
    const auto& first = command.words[0].text;
    if (first == "export" || first == "readonly" || first == "local" || first == "declare" ||
        first == "typeset")
      for (const auto& word : command.words)
        if (auto equals = word.text.find('='); equals != std::string::npos && equals > 0)
          put(word.text.substr(0, equals), word.text.substr(equals + 1));
  }
  // What has one value here and another one there is not known without running it.
  for (const auto& name : changing) out.erase(name);
  return out;
}

std::string filled(std::string_view text, const std::map<std::string, std::string>& variables) {
  std::string now(text);
  for (int pass = 0; pass < kFillPasses; ++pass) {
    std::string out;
    bool changed = false;
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (now[i] != '$' || i + 1 == now.size()) {
        out += now[i];
        continue;
      }
      bool braces = now[i + 1] == '{';
      auto from = i + (braces ? 2 : 1);
      auto to = from;
      while (to < now.size() && name_char(now[to])) ++to;
      auto name = now.substr(from, to - from);
      std::string fallback;
      auto end = to;
      if (braces) {
        auto close = now.find('}', to);
        if (close == std::string::npos) {
          out += now[i];
          continue;
        }
        // ${NAME:-default}
        if (now.compare(to, 2, ":-") == 0) fallback = now.substr(to + 2, close - to - 2);
        if (to != close && fallback.empty()) name.clear();
        end = close + 1;
      }
      auto known = variables.find(name);
      auto value = known != variables.end() && known->second.find("$" + name) == std::string::npos &&
                           known->second.find("${" + name) == std::string::npos
                       ? known->second
                       : fallback;
      if (name.empty() || value.empty() || value.size() > 4096 || out.size() > 16384) {
        out += now[i];
        continue;
      }
      out += value;
      changed = true;
      i = end - 1;
    }
    now = std::move(out);
    if (!changed) break;
  }
  return now;
}

Result<BackupRecord> record_of(const Site& site, const BackupSpec& backup) {
  BackupRecord out;
  auto path = site.mesh().state_dir / "backup" / (backup.name + ".json");
  auto text = site.host().read(path);
  if (!text) {
    if (text.error().is("file.not_found")) return out;
    return fail(text.error());
  }
  auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return fail(AuditCode::io, "{} is no JSON object", path.string());
  auto time = [&](const char* key) -> std::optional<WallTime> {
    if (!json.contains(key) || !json[key].is_string()) return std::nullopt;
    return parse_iso8601(json[key].get<std::string>());
  };
  auto number = [&](const char* key) -> std::optional<std::uint64_t> {
    if (!json.contains(key) || !json[key].is_number_unsigned()) return std::nullopt;
    return json[key].get<std::uint64_t>();
  };
  out.last_good = time("last_good");
  out.last_verified = time("last_verified");
  out.target_free = number("target_free");
  out.growth_per_day = number("growth_per_day");
  return out;
}

Backups Backups::gather(const Site& site) {
  Backups out;
  for (const auto& run : site.facts<Runs>().all()) {
    auto variables = variables_of(run->script);
    if (run->unit != nullptr)
      for (const auto& [name, value] : run->unit->file.environment()) variables.try_emplace(name, value);
    if (run->cron != nullptr)
      for (const auto& set : run->cron->table.settings) variables.try_emplace(set.name, set.value);
    for (const auto& command : run->script.commands) {
      auto argv = argv_of(command);
      if (argv.empty()) continue;
      auto tool = base_name(argv[0]);
      auto shape = shape_of(tool, argv, command, variables);
      if (!shape) continue;
      BackupJob job{.run = run.get(), .command = &command, .tool = tool};
      for (const auto& source : shape->sources) job.sources.push_back(filled(source, variables));
      job.target = filled(shape->target, variables);
      bool named = says_backup(job.target) || says_backup(run->path.filename().string());
      // Others copy for many reasons: the target, or the place, must speak of backups.
      if (!only_backs_up(tool) && !named && run->kind == Run::Kind::script && run->started_by.empty())
        continue;
      // What comes from elsewhere is no backup of this machine.
      if (!only_backs_up(tool) && !job.sources.empty() && !is_local(job.sources[0])) continue;
      if ((tool == "cp" || tool == "rsync" || tool == "scp" || tool == "zip") && !named &&
          is_local(job.target))
        continue;
      job.object_store =
          shape->object_store || is_object_store(job.target) || tool == "gsutil" || tool == "aws";
      job.offsite = job.object_store || (!job.target.empty() && !is_local(job.target));
      job.regular = runs_regularly(*run);
      out.jobs_.push_back(std::move(job));
    }
  }
  return out;
}

}  // namespace meshops::audit
