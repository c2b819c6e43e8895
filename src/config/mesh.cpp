#include "config/mesh.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "base/file.h"
#include "base/text.h"
#include "config/schema.h"
#include "config/surroundings.h"
#include "config/toml_tree.h"
#include "config/values.h"

namespace meshops {

namespace fs = std::filesystem;

std::string_view text(GatewayKind kind) { return schema::names_of(kind)[static_cast<std::size_t>(kind)]; }
std::string_view text(RuntimeKind kind) { return schema::names_of(kind)[static_cast<std::size_t>(kind)]; }
std::string_view text(Profile profile) {
  return schema::names_of(profile)[static_cast<std::size_t>(profile)];
}
std::string_view text(Discover discover) {
  return schema::names_of(discover)[static_cast<std::size_t>(discover)];
}

std::string_view text(AlertKind kind) { return schema::names_of(kind)[static_cast<std::size_t>(kind)]; }

std::vector<GatewaySpec> Mesh::gateways_of(const std::string& node_name) const {
  std::vector<GatewaySpec> found;
  std::ranges::copy_if(gateways, std::back_inserter(found),
                       [&](const auto& g) { return g.node == node_name; });
  return found;
}

Surroundings Surroundings::of_this_process() {
  std::array<char, HOST_NAME_MAX + 1> buffer{};
  // Cut names are not terminated; the last byte of the buffer stays the NUL it is.
  if (::gethostname(buffer.data(), buffer.size() - 1) != 0) buffer[0] = '\0';
  std::string host = buffer.data();
  Surroundings around{.host_name = host.substr(0, host.find('.')),
                      .root = ::geteuid() == 0,
                      .environment = own_environment()};
  // A service of the system manager may have no HOME.
  if (around.environment["HOME"].empty()) around.environment["HOME"] = own_account().home.string();
  return around;
}

std::string default_node_name(const Surroundings& around) {
  std::string name = around.host_name.substr(0, around.host_name.find('.')).substr(0, 63);
  for (char& c : name)
    if (values::name("a" + std::string(1, c))) c = '-';
  return values::name(name) ? "localhost" : name;
}

fs::path directory_from(const Surroundings& around, const std::string& variable) {
  auto found = around.environment.find(variable);
  if (found == around.environment.end() || values::path(found->second)) return {};
  return found->second;
}

fs::path default_state_dir(const Surroundings& around) {
  if (around.root) return "/var/lib/meshops";
  if (auto xdg = directory_from(around, "XDG_STATE_HOME"); !xdg.empty()) return xdg / "meshops";
  if (auto home = directory_from(around, "HOME"); !home.empty()) return home / ".local/state/meshops";
  return "/var/lib/meshops";
}

fs::path default_socket(const Surroundings& around, const fs::path& state_dir) {
  if (around.root) return "/run/meshops/agent.sock";
  if (auto xdg = directory_from(around, "XDG_RUNTIME_DIR"); !xdg.empty()) return xdg / "meshops/agent.sock";
  return state_dir / "agent.sock";
}

Mesh default_mesh(const Surroundings& around) {
  Mesh mesh;
  mesh.node = default_node_name(around);
  mesh.state_dir = default_state_dir(around);
  mesh.socket = default_socket(around, mesh.state_dir);
  mesh.nodes.push_back({.name = mesh.node, .address = kThisMachine});
  return mesh;
}

std::optional<fs::path> find_mesh_file(const std::optional<fs::path>& flag, const Surroundings& around) {
  if (flag) return flag;
  if (auto named = around.environment.find("MESHOPS_CONFIG");
      named != around.environment.end() && !named->second.empty())
    return named->second;
  std::vector<fs::path> places;
  if (auto xdg = directory_from(around, "XDG_CONFIG_HOME"); !xdg.empty())
    places.push_back(xdg / "meshops/mesh.toml");
  else if (auto home = directory_from(around, "HOME"); !home.empty())
    places.push_back(home / ".config/meshops/mesh.toml");
  places.push_back(around.system_dir / "mesh.toml");
  for (const auto& place : places) {
    // One that is there but cannot be looked at counts: running on defaults in its stead would be a surprise.
    struct stat st{};
    if (::stat(place.c_str(), &st) == 0 || (errno != ENOENT && errno != ENOTDIR)) return place;
  }
  return std::nullopt;
}

std::expected<Mesh, Faults> check_mesh(const std::optional<fs::path>& flag, const Surroundings& around) {
  auto one = [](Error fault) {
    Faults faults;
    faults.faults.push_back(std::move(fault));
    return std::unexpected(std::move(faults));
  };
  auto file = find_mesh_file(flag, around);
  if (!file) return default_mesh(around);
  auto bytes = read_file(*file, toml_tree::kMostBytes);
  if (!bytes) {
    bool missing = bytes.error().is(code_name(FileCode::not_found));
    auto code = missing ? ConfigCode::not_found : ConfigCode::unreadable;
    auto fault = error(code, "cannot use {}", printable(file->string())).because(std::move(bytes).error());
    if (missing) fault = std::move(fault).hint("write one with: meshops config init");
    return one(std::move(fault));
  }
  struct stat st{};
  if (::stat(file->c_str(), &st) == 0 && (st.st_mode & S_IWOTH) != 0)
    return one(
        error(
            ConfigCode::unsafe_file,
            "cannot use {}: everybody on this machine may write it, and it names commands that meshops runs",
            printable(file->string()))
            .hint("chmod o-w {}", printable(file->string())));
  return parse_mesh(*bytes, *file, around);
}

Result<Mesh> load_mesh(const std::optional<fs::path>& flag, const Surroundings& around) {
  auto mesh = check_mesh(flag, around);
  if (mesh) return std::move(*mesh);
  auto& faults = mesh.error().faults;
  if (faults.size() == 1) return fail(std::move(faults.front()));
  std::string all;
  for (const auto& fault : faults) all += (all.empty() ? "" : "\n") + fault.for_people();
  return fail(Error(faults.front().code(), all));
}

}  // namespace meshops
