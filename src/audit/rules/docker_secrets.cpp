// Secrets where everybody sees them: the environment of containers, the layers of images.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "audit/rules/docker.h"
#include "audit/secrets.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

/// "postgres://user:PASSWORD@host": a password that is no placeholder and no reference.
bool url_password(std::string_view value) {
  auto scheme = value.find("://");
  if (scheme == std::string_view::npos) return false;
  auto rest = value.substr(scheme + 3);
  auto end = rest.find_first_of("/ ?#");
  auto authority = rest.substr(0, end);
  auto sign = authority.rfind('@');
  if (sign == std::string_view::npos) return false;
  auto colon = authority.substr(0, sign).find(':');
  if (colon == std::string_view::npos) return false;
  auto password = authority.substr(colon + 1, sign - colon - 1);
  return password.size() >= 8 && !is_placeholder(password) && password.find('$') == std::string_view::npos;
}

std::string_view trim_quotes(std::string_view text) {
  while (!text.empty() && (text.front() == '"' || text.front() == '\'')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == '"' || text.back() == '\'')) text.remove_suffix(1);
  return text;
}

/// What kind of secret a variable carries; nothing: none.
std::optional<std::string> secret_in(std::string_view name, std::string_view value) {
  // Where it stands, not what it is.
  if (lower(name).ends_with("_file") || value.empty()) return std::nullopt;
  if (value.starts_with('$') || is_placeholder(value)) return std::nullopt;
  if (auto hits = find_secrets(fmt::format("{}={}", name, value)); !hits.empty())
    return std::string(hits.front().kind);
  if (gives_secret(name, value)) return "secret by its name";
  if (url_password(value)) return "password in an address";
  return std::nullopt;
}

// --- DOC-010 ---

void in_environment(Findings& out, Where where, const std::string& by, const std::string& name,
                    const std::string& kind) {
  out.add(std::move(where))
      .found("{}: {} ({})", by, printable(name), kind)
      .wanted("secrets: or a mounted file, {}_FILE where the image knows it", printable(name))
      .message("everyone who may inspect the container, and every crash report, sees {}", printable(name))
      .fix(
          "put it into a file of mode 0600, name it under `secrets:`, and give the container {}_FILE="
          "/run/secrets/NAME; then rotate it",
          printable(name))
      .about("{} {}", by, printable(name));
}

void secrets_in_containers(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.compose_skips());
  std::set<std::string> seen_files;
  for (const auto& service : files.services()) {
    for (const auto& env : compose::environment(service.value.at("environment"))) {
      if (!env.value) continue;
      // "${VAR}" is a reference; "${VAR:-sk-…}" is the secret itself.
      auto value = *env.value;
      if (value.find("${") != std::string::npos || value.find('$') == 0) {
        value = compose::interpolate(value, {}).text;
        if (value.empty()) continue;
      }
      if (auto kind = secret_in(env.name, value))
        in_environment(out, at(site, {service.file, env.at}), service.name, env.name, *kind);
    }
    auto listed = service.value.at("env_file");
    for (const auto& item : listed.is_mapping() ? std::vector<yaml::Value>{listed} : compose::list(listed)) {
      auto name = item.is_mapping() ? item.at("path").text() : item.text();
      if (name.empty() || name.find('$') != std::string::npos) continue;
      auto path = (service.file->path.parent_path() / name).lexically_normal();
      if (!seen_files.insert(path.string()).second) continue;
      auto text = site.host().read(path);
      if (!text) {
        // Not in the repository is where it should be.
        if (!text.error().is("file.not_found") && site.host().stat(path))
          out.skip(site.shown(path), text.error().text());
        continue;
      }
      for (const auto& line : compose::env_lines(*text))
        if (auto kind = secret_in(line.name, line.value))
          in_environment(out, site.at(path, line.line, line.column), service.name, line.name, *kind);
    }
  }
  for (const auto& run : files.runs())
    for (const auto& value : run.values("--env", "-e")) {
      auto equals = value.find('=');
      if (equals == std::string::npos) continue;
      if (auto kind = secret_in(value.substr(0, equals), value.substr(equals + 1)))
        in_environment(out, run.at, run.by, value.substr(0, equals), *kind);
    }
  for (const auto& c : docker::containers(site, out))
    for (const auto& [name, value] : c.environment)
      if (auto kind = secret_in(name, value)) in_environment(out, {}, c.text(), name, *kind);
}

// --- DOC-011 ---

void in_image(Findings& out, Where where, const std::string& found, const std::string& about) {
  out.add(std::move(where))
      .found("{}", found)
      .wanted("RUN --mount=type=secret")
      .message("it stays in the image for everybody who can pull it, also when a later layer deletes it")
      .fix(
          "RUN --mount=type=secret,id=NAME … (docker build --secret id=NAME,src=FILE), and at run time a "
          "mounted "
          "file; then rotate it")
      .about("{}", about);
}

bool uses(std::string_view text, std::string_view name) {
  for (auto at = text.find('$'); at != std::string_view::npos; at = text.find('$', at + 1)) {
    auto rest = text.substr(at + 1);
    if (rest.starts_with('{')) rest.remove_prefix(1);
    if (!rest.starts_with(name)) continue;
    auto next = rest.size() > name.size() ? rest[name.size()] : ' ';
    if (!(std::isalnum(static_cast<unsigned char>(next)) != 0 || next == '_')) return true;
  }
  return false;
}

/// A secret ARG without a value of its own ends in the history of the image as soon as a step uses it.
bool used_in_stage(const dockerfile::File& file, std::size_t from, std::string_view name) {
  for (auto i = from + 1; i < file.instructions.size(); ++i) {
    const auto& instruction = file.instructions[i];
    if (instruction.name == "FROM") return false;
    if (instruction.name != "RUN" && instruction.name != "ENV") continue;
    if (uses(instruction.rest.str(), name)) return true;
    for (const auto& doc : instruction.heredocs)
      if (uses(doc.body.str(), name)) return true;
  }
  return false;
}

/// Each step as the engine remembers it: "ENV A=b", "|1 TOKEN=x /bin/sh -c …".
void secrets_in_history(const Site& site, Findings& out) {
  if (site.running() == nullptr) return;
  auto answer = site.running()->ask(Question::image_history);
  if (!answer) {
    if (!answer.error().is("audit.not_here")) out.skip("the history of the images", answer.error().text());
    return;
  }
  auto images = nlohmann::json::parse(*answer, nullptr, false);
  if (!images.is_array())
    return out.skip("the history of the images", "the engine's answer is no JSON array");
  for (const auto& image : images) {
    if (!image.is_object() || !image.contains("Image") || !image["Image"].is_string()) continue;
    auto name = printable(image["Image"].get<std::string>());
    auto history = image.value("History", nlohmann::json::array());
    std::set<std::string> told;
    for (const auto& step : history) {
      if (!step.is_object() || !step.contains("CreatedBy") || !step["CreatedBy"].is_string()) continue;
      auto text = step["CreatedBy"].get<std::string>();
      bool found = false;
      for (auto word : words(text)) {
        auto equals = word.find('=');
        if (equals == std::string_view::npos || equals == 0) continue;
        auto variable = word.substr(0, equals);
        auto kind = secret_in(variable, trim_quotes(word.substr(equals + 1)));
        if (!kind) continue;
        found = true;
        if (told.insert(std::string(variable)).second)
          in_image(out, {}, fmt::format("history of {}: {} ({})", name, printable(variable), *kind),
                   fmt::format("{} {}", name, printable(variable)));
      }
      if (found) continue;
      for (const auto& hit : find_secrets(text))
        if (told.insert(std::string(hit.kind)).second)
          in_image(out, {}, fmt::format("history of {}: {}", name, hit.kind),
                   fmt::format("{} {}", name, hit.kind));
    }
  }
}

void secrets_in_images(const Site& site, Findings& out) {
  secrets_in_history(site, out);
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.build_skips());
  for (const auto& build : files.builds())
    for (std::size_t i = 0; i < build.file.instructions.size(); ++i) {
      const auto& instruction = build.file.instructions[i];
      if (instruction.name == "ARG" || instruction.name == "ENV" || instruction.name == "LABEL") {
        for (const auto& setting : instruction.settings()) {
          auto where = site.at(build.path, setting.at.line, setting.at.column);
          auto about = instruction.name + " " + printable(setting.name);
          if (setting.value) {
            if (auto kind = secret_in(setting.name, *setting.value))
              in_image(out, where, fmt::format("{} ({})", about, *kind), about);
          } else if (instruction.name == "ARG" && names_secret(setting.name) &&
                     used_in_stage(build.file, i, setting.name)) {
            in_image(out, where, fmt::format("{} is used in a step: its value stays in the history", about),
                     about);
          }
        }
      } else if (instruction.name == "RUN") {
        auto look = [&](const dockerfile::Text& text) {
          for (const auto& hit : find_secrets(text.str())) {
            auto place = text.place(hit.offset);
            in_image(out, site.at(build.path, place.line, place.column),
                     fmt::format("RUN with a secret ({})", hit.kind), fmt::format("RUN {}", hit.kind));
          }
        };
        look(instruction.rest);
        for (const auto& doc : instruction.heredocs) look(doc.body);
      }
    }
  // Compose gives build arguments.
  for (const auto& service : files.services()) {
    auto build = service.value.at("build");
    for (const auto& arg : compose::environment(build.at("args"))) {
      if (!arg.value) continue;
      auto value = *arg.value;
      if (value.find('$') != std::string::npos) value = compose::interpolate(value, {}).text;
      if (auto kind = secret_in(arg.name, value))
        in_image(out, at(site, {service.file, arg.at}),
                 fmt::format("{}: build argument {} ({})", service.name, printable(arg.name), *kind),
                 fmt::format("{} {}", service.name, printable(arg.name)));
    }
  }
}

const Rule kRules[] = {
    {.id = "DOC-010",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A secret in a container's environment",
     .why = "The environment is shown by inspect, inherited by every child, and written into crash reports.",
     .not_when = "*_FILE names; placeholders; empty; ${VAR} references",
     .remedy = "Compose secrets, or a mounted file of mode 0600.",
     .check = secrets_in_containers},
    {.id = "DOC-011",
     .severity = Severity::critical,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A secret in an image",
     .why = "ARG and ENV are written into the image: everybody who can pull it can read them.",
     .not_when = "placeholders",
     .remedy = "RUN --mount=type=secret for the build, a mounted file for the run.",
     .check = secrets_in_images},
};

}  // namespace

std::span<const Rule> docker_secret_rules() { return kRules; }

}  // namespace meshops::audit
