#include "mesh/fallback_script.h"

#include <algorithm>

#include "base/text.h"
#include "mesh/limits.h"
#include "mesh/remote_request.h"

namespace meshops::mesh {

namespace {

bool only(std::string_view text, std::string_view others) {
  return !text.empty() && std::ranges::all_of(text, [others](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || others.contains(c);
  });
}

/// As the script's is_path().
bool is_plain_path(std::string_view text) {
  return text.size() > 1 && text[0] == '/' && only(text, "/._@+-");
}

}  // namespace

Result<std::string> fallback_conf(const Mesh& mesh, const std::filesystem::path& program,
                                  const std::filesystem::path& config,
                                  const std::vector<FallbackGateway>& gateways) {
  auto run = mesh.socket.parent_path();
  for (const auto& path : {program, mesh.state_dir, run, config.empty() ? program : config})
    if (!is_plain_path(path.string()))
      return fail(error(RemoteCode::cannot, "healing over SSH cannot use {}", quote(path.string()))
                      .hint("move it to a path of letters, digits, '.', '_', '@', '+' and '-'"));
  auto limits = MeshLimits::of(mesh.limits.profile);
  auto out = fmt::format(
      "meshops.remote-conf/1\nmesh {}\nnode {}\nprogram {}\n{}state {}\nrun {}\nper_hour {}\nobserves_only "
      "{}\n",
      mesh.name, mesh.node, program.string(), config.empty() ? "" : "config " + config.string() + "\n",
      mesh.state_dir.string(), run.string(), limits.per_hour,
      mesh.limits.profile == Profile::observe_only ? "yes" : "no");
  for (const auto& g : gateways) {
    if (!only(g.unit, ":_.@-") || g.unit[0] == '-' || (!g.user.empty() && !only(g.user, "._-"))) continue;
    bool mends = is_plain_path(g.config.string()) && only(g.owner, "._-") && g.owner[0] != '-';
    out += fmt::format("gateway {} {} {} {} {}\n", g.name, g.unit, g.user.empty() ? "-" : g.user,
                       mends ? g.owner : "-", mends ? g.config.string() : "-");
  }
  return out;
}

std::string allowed_signers(const std::vector<Healer>& healers) {
  std::string out;
  for (const auto& healer : healers)
    out += fmt::format("{} namespaces=\"{}\" {}\n", healer.node, kSignatureNamespace, healer.key);
  return out;
}

}  // namespace meshops::mesh
