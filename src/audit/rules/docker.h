// The parts of the Docker rules, one per file, and what they share. Only rules/docker*.cpp include it.
#pragma once

#include <span>
#include <string>

#include "audit/docker_engine.h"
#include "audit/docker_files.h"
#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> docker_image_rules();    // DOC-001, 002, 003
std::span<const Rule> docker_limit_rules();    // DOC-004, 005, 013, 014
std::span<const Rule> docker_network_rules();  // DOC-006
std::span<const Rule> docker_right_rules();    // DOC-007, 008, 009, 012
std::span<const Rule> docker_secret_rules();   // DOC-010, 011

namespace docker {

inline void tell(Findings& out, const std::vector<Skip>& skips) {
  for (const auto& skip : skips) out.skip(skip.what, skip.reason);
}
/// The containers of the running engine; what hinders is told.
inline const std::vector<Container>& containers(const Site& site, Findings& out) {
  const auto& engine = site.facts<DockerEngine>();
  if (engine.trouble()) out.skip(engine.trouble()->what, engine.trouble()->reason);
  return engine.containers();
}
/// The line that names a service.
inline Where at_service(const Site& site, const ComposeService& service) {
  return site.at(service.file->path, service.key.line(), service.key.column());
}
/// The file with `value` at the path below the service; nothing where that cannot be done safely.
std::optional<std::string> with(const ComposeService& service, const std::string& text,
                                const std::vector<std::string>& path, std::string_view value);
/// Whether the service does its work once and ends.
bool is_job(const ComposeService& service, const std::vector<ComposeService>& all);

}  // namespace docker
}  // namespace meshops::audit
