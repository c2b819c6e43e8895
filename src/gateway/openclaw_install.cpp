#include "gateway/openclaw_install.h"

#include <sys/random.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/process.h"
#include "gateway/gateway.h"

namespace meshops {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

fs::path install_dir(const fs::path& state_dir) {
  return state_dir / "openclaw" / fmt::format("{}-node{}", kOpenclawVersion, kNodeVersion);
}
fs::path node_of(const fs::path& install) { return install / "node_modules" / "node" / "bin" / "node"; }
fs::path entry_of(const fs::path& install) { return install / "node_modules" / "openclaw" / "openclaw.mjs"; }

Status npm_install(const fs::path& prefix, const std::string& package) {
  auto environment = own_environment();
  auto path = environment.find("PATH");
  environment["PATH"] = node_of(prefix).parent_path().string() + ":" +
                        (path == environment.end() ? "/usr/local/bin:/usr/bin:/bin" : path->second);
  auto npm = TRY(run(
      {"npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", prefix.string(), package},
      {.environment = environment, .limit = 20min}));
  if (npm.exit.clean()) return ok();
  return fail(error(GatewayCode::not_found, "npm could not install {} ({})", package, npm.exit.text())
                  .because(error(GatewayCode::not_found, "{}", npm.err.substr(0, 2000)))
                  .hint("check that npm works: npm view {} version", package));
}

std::string random_token() {
  std::array<unsigned char, 24> bytes{};
  std::string text;
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return text;
  for (auto b : bytes) text += fmt::format("{:02x}", b);
  return text;
}

}  // namespace

fs::path own_openclaw_home(const fs::path& state_dir) { return state_dir / "openclaw" / "home"; }

Result<std::vector<std::string>> installed_openclaw_command(const fs::path& state_dir) {
  auto install = install_dir(state_dir);
  std::error_code ignored;
  if (!fs::exists(entry_of(install), ignored) || !fs::exists(node_of(install), ignored))
    return fail(error(GatewayCode::not_found, "OpenClaw {} is not installed in {}", kOpenclawVersion,
                      install.string())
                    .hint("install it with: meshops up --install"));
  return std::vector<std::string>{node_of(install).string(), entry_of(install).string(), "gateway", "run"};
}

Status install_openclaw(const fs::path& state_dir) {
  if (installed_openclaw_command(state_dir)) return ok();
  auto target = install_dir(state_dir);
  auto staging = fs::path(target.string() + ".new");
  std::error_code ignored;
  fs::remove_all(staging, ignored);  // left by an install that was cut off
  CHECK_OK(make_directories(staging));
  // Node first: OpenClaw's own install script runs and refuses on the Node of the distribution.
  CHECK_OK(npm_install(staging, fmt::format("node@{}", kNodeVersion)));
  CHECK_OK(npm_install(staging, fmt::format("openclaw@{}", kOpenclawVersion)));
  auto version = TRY(run({node_of(staging).string(), "--version"}, {.limit = 30s}));
  if (!version.exit.clean())
    return fail(GatewayCode::not_found, "the node that npm installed does not run ({})", version.exit.text());
  fs::rename(staging, target, ignored);
  if (ignored) return fail(file_error(ignored.value(), "put in place", target));
  return ok();
}

Status write_first_openclaw_config(const fs::path& state_dir, std::uint16_t port,
                                   const std::string& model_url, const std::string& model) {
  auto path = own_openclaw_home(state_dir) / "openclaw.json";
  std::error_code ignored;
  if (fs::exists(path, ignored)) return ok();
  CHECK_OK(make_directories(path.parent_path()));
  nlohmann::ordered_json config;
  config["gateway"] = {{"mode", "local"},
                       {"port", port},
                       {"bind", "loopback"},
                       {"auth", {{"mode", "token"}, {"token", random_token()}}},
                       {"http", {{"endpoints", {{"chatCompletions", {{"enabled", true}}}}}}}};
  config["logging"] = {{"file", (own_openclaw_home(state_dir) / "gateway.log").string()},
                       {"consoleStyle", "json"}};
  config["update"] = {{"checkOnStart", false}, {"auto", {{"enabled", false}}}};
  config["discovery"] = {{"mdns", {{"mode", "off"}}}};
  if (!model_url.empty()) {
    config["agents"] = {{"defaults",
                         {{"skipBootstrap", true},
                          {"heartbeat", {{"every", "0m"}}},
                          {"model", {{"primary", "local/" + model}}}}}};
    config["models"] = {{"catalogRefresh", {{"enabled", false}}},
                        {"providers",
                         {{"local",
                           {{"baseUrl", model_url},
                            {"apiKey", "local"},
                            {"api", "openai-completions"},
                            {"models", {{{"id", model}, {"name", model}}}}}}}}};
  }
  return write_file_atomic(path, config.dump(2) + "\n", {.mode = 0600, .uid = {}, .gid = {}});
}

}  // namespace meshops
