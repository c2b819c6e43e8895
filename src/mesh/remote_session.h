// The healer's side: asks one patient over SSH, with this node's healing key, the host key that mesh.toml
// pins, and a signed request on stdin. Called by the agent's judge and by `meshops mesh keys check`. Decides
// nothing; opens no shell, forwards nothing, asks nobody, accepts no new host key.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/process.h"
#include "base/result.h"
#include "base/time.h"
#include "config/mesh.h"
#include "mesh/remote_request.h"
#include "mesh/remote_shelf.h"

namespace meshops::mesh {

/// This node's healing key: STATE/healing_key, its public part beside it with ".pub".
std::filesystem::path healing_key_file(const std::filesystem::path& state_dir);
/// Where this node keeps what healing needs: the state directory, and the directory of the agent's socket.
RemotePlaces remote_places(const Mesh& mesh);
/// "alpha ssh-ed25519 AAAA…", a line for each node with a host_key. Pure.
std::string known_hosts_of(const Mesh& mesh);

class RemoteSession {
 public:
  /// run_async() but in tests.
  using RunProgram = std::function<boost::asio::awaitable<Result<Output>>(std::vector<std::string> argv,
                                                                          RunOptions options)>;

  /// `mesh` and `clock` must outlive it.
  RemoteSession(const Mesh& mesh, const Clock& clock, std::string patient);
  RemoteSession(const Mesh& mesh, const Clock& clock, std::string patient, RunProgram run)
      : mesh_(mesh), clock_(clock), patient_(std::move(patient)), run_(std::move(run)) {}

  struct Question {
    Verb verb = Verb::probe;
    std::string gateway;
    std::uint64_t fence = 0;
    std::uint64_t ticket = 0;  // of `lease`
    /// For all of it. `heal` where no agent lives ends only with the treatment.
    Duration within = std::chrono::seconds(30);
  };
  /// The patient's answer, refusals included (`good` is false). An Error: it could not be asked, or what
  /// answered is no meshops. A patient whose clock is wrong is asked once more, in its own time: only it
  /// believes that, and who shows its host key may say what its clock says.
  boost::asio::awaitable<Result<RemoteAnswer>> ask(Question question);

 private:
  boost::asio::awaitable<Result<RemoteAnswer>> ask_at(Question question, WallTime now);
  boost::asio::awaitable<Result<std::string>> sign(std::string json);
  Result<const NodeSpec*> node() const;
  Result<std::vector<std::string>> command(const NodeSpec& node) const;

  const Mesh& mesh_;
  const Clock& clock_;
  std::string patient_;
  RunProgram run_;
};

}  // namespace meshops::mesh
