// What every command file shares: the global options, how a command is added, how it talks to the agent and
// reports.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "config/mesh.h"
#include "gateway/gateway.h"
#include "net/net.h"

namespace meshops::cli {

constexpr int kGood = 0, kFindings = 1, kUsage = 2, kCouldNot = 3;

struct Globals {
  std::string config;  // --config
  std::string socket;  // --socket
  std::string format = "text";

  bool json() const { return format == "json"; }
  Result<Mesh> mesh() const;
  /// --socket, else the mesh's, else (a user who is in the group) the system agent's.
  Result<std::filesystem::path> socket_path() const;
};

/// What main() runs after the parser is gone: parsers are large, and the agent stays for months.
using Run = std::function<int()>;

/// Prints "meshops: …" and the hint to stderr (or JSON meshops.error/1 to stdout) and gives kCouldNot.
int report(const Globals& globals, const Error& why);

/// Asks the agent; an answer that is not 2xx becomes the Error it carries.
Result<std::string> ask_agent(const Globals& globals, const std::string& method, const std::string& target,
                              Duration limit = std::chrono::seconds(10), std::string body = {});

/// Of --since: "2h" before now, or a time; nothing if it was not given.
Result<std::optional<WallTime>> moment(const std::string& text);

/// Every gateway of this machine, asked from a program without an event loop.
Discovery discover_here(const Mesh& mesh);

void add_up(CLI::App& app, const Globals& globals, Run& chosen);
void add_agent(CLI::App& app, const Globals& globals, Run& chosen);
void add_status(CLI::App& app, const Globals& globals, Run& chosen);
void add_gateway_orders(CLI::App& app, const Globals& globals, Run& chosen);  // start stop restart logs
void add_discover(CLI::App& app, const Globals& globals, Run& chosen);
void add_diagnose(CLI::App& app, const Globals& globals, Run& chosen);
void add_heal(CLI::App& app, const Globals& globals, Run& chosen);    // heal pause resume
void add_ledger(CLI::App& app, const Globals& globals, Run& chosen);  // ledger undo
void add_explain(CLI::App& app, const Globals& globals, Run& chosen);
void add_audit(CLI::App& app, const Globals& globals, Run& chosen);    // audit rules confirm
void add_cloud(CLI::App& app, const Globals& globals, Run& chosen);    // cloud export
void add_secrets(CLI::App& app, const Globals& globals, Run& chosen);  // secrets list access
void add_mesh(CLI::App& app, const Globals& globals, Run& chosen);     // mesh init join leave members
// Into the group that add_mesh() makes: mesh matrix; mesh store; mesh keys install check, which it returns
// for more.
void add_matrix(CLI::App& mesh, const Globals& globals, Run& chosen);
void add_mesh_store(CLI::App& mesh, const Globals& globals, Run& chosen);
CLI::App& add_mesh_keys(CLI::App& mesh, const Globals& globals, Run& chosen);
void add_remote(CLI::App& app, const Globals& globals, Run& chosen);
void add_web(CLI::App& app, const Globals& globals, Run& chosen);
void add_path(CLI::App& app, const Globals& globals, Run& chosen);
void add_alerts(CLI::App& app, const Globals& globals, Run& chosen);
void add_config(CLI::App& app, const Globals& globals, Run& chosen);
void add_self_description(CLI::App& app, const Globals& globals, Run& chosen);  // version completion man

}  // namespace meshops::cli
