#include "audit/docker_files.h"

#include <algorithm>
#include <array>
#include <map>

#include "audit/units.h"
#include "base/text.h"
#include "formats/shell.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostExtends = 16;

bool is_overlay_name(const std::string& name) {
  return name.find(".override.") != std::string::npos || name.find("-override.") != std::string::npos;
}

/// Options of `docker run` that take no value; all others do.
constexpr std::array<std::string_view, 17> kBare = {"-d",
                                                    "--detach",
                                                    "-i",
                                                    "--interactive",
                                                    "-t",
                                                    "--tty",
                                                    "--rm",
                                                    "--privileged",
                                                    "--init",
                                                    "-P",
                                                    "--publish-all",
                                                    "--read-only",
                                                    "--help",
                                                    "--oom-kill-disable",
                                                    "--no-healthcheck",
                                                    "--sig-proxy",
                                                    "-q"};

bool is_bare(std::string_view option) {
  if (std::ranges::find(kBare, option) != kBare.end()) return true;
  // "-dit"
  return option.size() > 2 && option[1] != '-' &&
         option.find_first_not_of("-ditPq") == std::string_view::npos;
}

}  // namespace

class DockerGatherer {
 public:
  DockerGatherer(const Site& site, DockerFiles& out) : site_(site), out_(out) {}

  void gather() {
    for (const auto* file : site_.files().of(FileKind::dockerfile)) {
      if (auto text = read(*file, out_.build_skips_))
        out_.builds_.push_back({file->path, dockerfile::File::parse(*text)});
    }
    for (const auto* file : site_.files().of(FileKind::compose)) compose(*file);
    for (const auto& file : out_.compose_) services(file);
    lay_over();
    for (const auto* file : site_.files().of(FileKind::daemon_json)) engine(*file);
    for (auto kind : {FileKind::script, FileKind::cron_script})
      for (const auto* file : site_.files().of(kind)) script(*file);
    units();
  }

 private:
  std::optional<std::string> read(const FoundFile& file, std::vector<Skip>& skips) {
    auto text = site_.host().read(file.path);
    if (!text) {
      skips.push_back({"", site_.shown(file.path), text.error().text()});
      return std::nullopt;
    }
    if (text->find('\0') != std::string::npos) {
      skips.push_back({"", site_.shown(file.path), "not a text"});
      return std::nullopt;
    }
    return std::move(*text);
  }

  void compose(const FoundFile& file) {
    auto text = read(file, out_.compose_skips_);
    if (!text) return;
    ComposeFile entry{.path = file.path,
                      .document = yaml::Document::parse(*text),
                      .variables = {},
                      .overlay = is_overlay_name(file.path.filename().string())};
    if (const auto& problem = entry.document.problem()) {
      out_.compose_skips_.push_back(
          {"", site_.shown(file.path),
           fmt::format("not YAML: line {}, column {}: {}", problem->line, problem->column, problem->what)});
      return;
    }
    if (auto env = site_.host().read(file.path.parent_path() / ".env"))
      for (auto& line : compose::env_lines(*env)) entry.variables[line.name] = line.value;
    out_.compose_.push_back(std::move(entry));
  }

  void services(const ComposeFile& file) {
    auto root = file.document.root();
    // Version 1 of the format has its services at the top.
    auto all = root.at("services");
    for (const auto& member : all.members()) {
      if (!member.value.is_mapping()) continue;
      ComposeService service{
          .name = member.key.text(), .file = &file, .key = member.key, .value = member.value};
      extend(service, file, member.value, 0);
      out_.services_.push_back(std::move(service));
    }
  }

  void extend(ComposeService& service, const ComposeFile& file, const yaml::Value& value, std::size_t hops) {
    auto extends = value.at("extends");
    if (!extends || hops >= kMostExtends) return;
    auto name = extends.is_mapping() ? extends.at("service").text() : extends.text();
    auto from = extends.at("file").text();
    const ComposeFile* where = &file;
    if (!from.empty()) {
      auto path = (file.path.parent_path() / from).lexically_normal();
      auto found = std::ranges::find(out_.compose_, path, &ComposeFile::path);
      if (found == out_.compose_.end()) {
        // Any name will do for a file that is only extended.
        auto text = site_.host().read(path);
        if (!text) return;
        out_.extended_.push_back(
            {.path = path, .document = yaml::Document::parse(*text), .variables = file.variables});
        where = &out_.extended_.back();
      } else {
        where = &*found;
      }
    }
    auto base = where->document.root().find("services", name);
    if (!base.is_mapping() || base.same_node(value)) return;
    service.extended.push_back({where, base});
    extend(service, *where, base, hops + 1);
  }

  /// A file beside another one that says more of the same services: compose.override.yml always, others
  /// (compose.prod.yml) where the service has neither image nor build of its own there.
  void lay_over() {
    for (auto& service : out_.services_) {
      if (service.file->overlay) continue;
      for (const auto& other : out_.services_) {
        if (other.file == service.file || other.name != service.name ||
            other.file->path.parent_path() != service.file->path.parent_path())
          continue;
        if (other.file->overlay || !other.whole()) service.overlays.push_back({other.file, other.value});
      }
    }
  }

  void engine(const FoundFile& file) {
    auto text = site_.host().read(file.path);
    EngineConfig config{
        .path = file.path, .text = text.value_or(""), .document = std::nullopt, .problem = ""};
    if (!text) {
      config.problem = text.error().text();
    } else if (trim(*text).empty()) {
      config.problem = "empty";
    } else if (auto document = json5::Document::parse(*text)) {
      config.document = std::move(*document);
    } else {
      config.problem = document.error().text();
    }
    out_.engines_.push_back(std::move(config));
  }

  void script(const FoundFile& file) {
    auto text = site_.host().read(file.path);
    if (!text || text->find("run") == std::string::npos) return;
    if (text->find("docker") == std::string::npos && text->find("podman") == std::string::npos) return;
    for (const auto& command : shell::commands(*text)) {
      std::vector<std::string> words;
      for (const auto& word : shell::unwrap(command)) words.push_back(word.text);
      run(words, site_.at(file.path, command.line, command.column), file.path.filename().string());
    }
  }

  void units() {
    for (const auto& unit : site_.facts<Units>().services())
      for (const auto* line : unit.file.all("Service", "ExecStart")) {
        auto commands = systemd::parse_commands(line->value, {.unit = unit.name});
        if (!commands) continue;
        for (const auto& command : *commands) {
          Where where{line->at.file, line->at.line, line->at.column};
          run(command.argv, where, unit.name);
          // Through a shell.
          shell::Command outer;
          for (const auto& word : command.argv) outer.words.push_back({.text = word});
          const auto* inner = shell::inner_text(shell::unwrap(outer));
          if (inner == nullptr) continue;
          for (const auto& c : shell::commands(inner->text)) {
            std::vector<std::string> words;
            for (const auto& word : shell::unwrap(c)) words.push_back(word.text);
            run(words, where, unit.name);
          }
        }
      }
  }

  void run(const std::vector<std::string>& words, Where where, const std::string& by) {
    if (words.size() < 3) return;
    auto program = fs::path(words[0]).filename().string();
    if (program != "docker" && program != "podman" && program != "nerdctl") return;
    std::size_t i = 1;
    if (words[i] == "container") ++i;
    if (i >= words.size() || (words[i] != "run" && words[i] != "create")) return;
    EngineRun out{.at = std::move(where), .by = by, .words = words, .image = "", .argv = {}};
    for (++i; i < words.size(); ++i) {
      std::string_view word = words[i];
      if (!word.starts_with('-')) break;
      if (word.find('=') != std::string_view::npos || is_bare(word)) continue;
      // "-p8080:80"
      if (word.size() > 2 && word[1] != '-') continue;
      ++i;
    }
    if (i < words.size()) out.image = words[i];
    for (++i; i < words.size(); ++i) out.argv.push_back(words[i]);
    out.words.resize(words.size() - out.argv.size());
    out_.runs_.push_back(std::move(out));
  }

  const Site& site_;
  DockerFiles& out_;
};

DockerFiles DockerFiles::gather(const Site& site) {
  DockerFiles out;
  DockerGatherer(site, out).gather();
  return out;
}

std::vector<std::string> EngineRun::values(std::string_view name, std::string_view short_name) const {
  std::vector<std::string> out;
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::string_view word = words[i];
    for (auto option : {name, short_name}) {
      if (option.empty() || !word.starts_with(option)) continue;
      auto rest = word.substr(option.size());
      if (rest.empty() && i + 1 < words.size())
        out.push_back(words[i + 1]);
      else if (rest.starts_with('='))
        out.emplace_back(rest.substr(1));
      else if (!rest.empty() && option.size() == 2)
        out.emplace_back(rest);
    }
  }
  return out;
}

bool EngineRun::has(std::string_view flag) const {
  return std::ranges::any_of(
      words, [&](const std::string& word) { return word == flag || word == std::string(flag) + "=true"; });
}

const DockerBuild* DockerFiles::build_of(const ComposeService& service) const {
  auto build = service.find("build");
  if (!build) return nullptr;
  auto context = build.value.is_mapping() ? build.value.at("context").text() : build.value.text();
  auto file = build.value.at("dockerfile").text();
  auto expanded = compose::interpolate(context, build.file->variables);
  auto path = (build.file->path.parent_path() / (expanded.text.empty() ? "." : expanded.text) /
               (file.empty() ? "Dockerfile" : file))
                  .lexically_normal();
  auto found = std::ranges::find(builds_, path, &DockerBuild::path);
  return found == builds_.end() ? nullptr : &*found;
}

std::optional<std::size_t> DockerFiles::stage_of(const ComposeService& service, const DockerBuild& build) {
  if (build.file.stages.empty()) return std::nullopt;
  auto target = service.find("build").value.at("target").text();
  if (target.empty()) return build.file.stages.size() - 1;
  return build.file.stage_named(target, build.file.stages.size());
}

Where at(const Site& site, const ComposeValue& value) {
  return site.at(value.file->path, value.value.line(), value.value.column());
}

}  // namespace meshops::audit
