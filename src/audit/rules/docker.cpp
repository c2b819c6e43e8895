// Docker: images that are what they were yesterday, containers that cannot take the machine with them.
#include "audit/rules/docker.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace meshops::audit {

namespace docker {

std::optional<std::string> with(const ComposeService& service, const std::string& text,
                                const std::vector<std::string>& path, std::string_view value) {
  auto document = yaml::Document::parse(text);
  return yaml::insert(document, document.root().find("services", service.name), path, value);
}

bool is_job(const ComposeService& service, const std::vector<ComposeService>& all) {
  // Somebody waits for its end.
  for (const auto& other : all)
    if (other.file == service.file &&
        other.find("depends_on").value.at(service.name).at("condition").text() ==
            "service_completed_successfully")
      return true;
  if (service.effective("deploy", "mode").value.text().ends_with("-job")) return true;
  bool serves = service.effective("ports") || service.effective("healthcheck");
  if (serves) return false;
  auto restart = service.effective("restart");
  if (restart && (restart.value.text() == "no" || restart.value.boolean() == false)) return true;
  // Started by hand: `docker compose --profile tools run …`, or with a terminal.
  if (service.effective("profiles")) return true;
  if (service.effective("stdin_open").value.boolean().value_or(false) &&
      service.effective("tty").value.boolean().value_or(false))
    return true;
  constexpr std::array<std::string_view, 14> kNames = {"migrate", "migration", "migrations", "init", "setup",
                                                       "seed",    "test",      "tests",      "lint", "build",
                                                       "builder", "e2e",       "cli",        "job"};
  auto name = lower(service.name);
  for (auto& c : name)
    if (c == '_' || c == '.') c = '-';
  for (auto part : split(name, '-'))
    if (std::ranges::find(kNames, part) != kNames.end()) return true;
  constexpr std::array<std::string_view, 10> kWorks = {
      "migrate", "db:migrate", "upgrade", "pytest", "test", "lint", "build", "seed", "createsuperuser", "mb"};
  for (const auto* key : {"command", "entrypoint"})
    for (const auto& word : compose::words(service.effective(key).value))
      if (std::ranges::find(kWorks, word) != kWorks.end()) return true;
  return false;
}

}  // namespace docker

std::span<const Rule> docker_rules() {
  static const std::vector<Rule> all = [] {
    std::vector<Rule> rules;
    for (auto part : {docker_image_rules(), docker_limit_rules(), docker_network_rules(),
                      docker_right_rules(), docker_secret_rules()})
      rules.insert(rules.end(), part.begin(), part.end());
    std::ranges::sort(rules, {}, &Rule::id);
    return rules;
  }();
  return all;
}

}  // namespace meshops::audit
