// What the verbs of `meshops remote` do on this node, each by the agent's own means: through its socket while
// it lives, else as a stand-in. Called once a request has been believed. Never starts a program that the
// request names: it names none.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "cli/command.h"
#include "gateway/gateway.h"
#include "mesh/lease_file.h"
#include "mesh/remote_report.h"
#include "mesh/remote_request.h"

namespace meshops::cli {

class RemoteDeeds {
 public:
  RemoteDeeds(const Globals& globals, const Mesh& mesh);
  ~RemoteDeeds();
  RemoteDeeds(const RemoteDeeds&) = delete;
  RemoteDeeds& operator=(const RemoteDeeds&) = delete;

  /// Why a person's pause speaks against it: of the gateway that it names, else of the whole node. Empty if
  /// none does.
  std::string pause_against(const mesh::RemoteRequest& request) const;
  /// The result for the answer, a JSON object.
  Result<std::string> carry_out(const mesh::RemoteRequest& request);

 private:
  struct AgentSeen {
    mesh::AgentState state = mesh::AgentState::dead;
    std::string said;
    std::string status;  // meshops.status/1 while it is up
  };
  AgentSeen see_agent();
  /// `stopped` if a person did that.
  Status not_stopped(const AgentSeen& seen) const;
  std::string pause_of(const std::string& gateway) const;
  /// Of all that mesh.toml lists for this node; empty if one of them is not paused.
  std::string pause_of_all() const;
  /// Noted in the patient's memory, within its budget, before it is done.
  Status begin(const mesh::RemoteRequest& request);
  /// This node's part of a status; null if it has none.
  static nlohmann::json node_in(const std::string& status);
  static nlohmann::json gateway_in(const std::string& status, const std::string& name);

  Result<std::string> probe();
  void probe_without_agent(mesh::ProbeReport& report);
  Result<std::string> diagnose(const std::string& gateway);
  Result<std::string> closeup_without_agent(const std::string& gateway);
  Result<std::string> heal(const mesh::RemoteRequest& request);
  Result<std::string> order(const mesh::RemoteRequest& request);
  Result<std::string> watch(const mesh::RemoteRequest& request, bool by_agent);
  Result<std::string> unban();
  Result<std::string> agent(const mesh::RemoteRequest& request);
  Result<std::string> reinstall(const mesh::RemoteRequest& request);
  /// Starts it anew; good once it answers.
  Status bring_agent_back(const AgentSeen& seen);
  Result<std::string> lease(const mesh::RemoteRequest& request);

  const Globals& globals_;
  const Mesh& mesh_;
  boost::asio::io_context loop_;
  std::unique_ptr<Machine> machine_;
  mesh::LeaseFile lease_;
};

}  // namespace meshops::cli
