// A node's machine as its provider sees it, and the last rung of healing: the provider resets it. Called by a
// healer when most of the mesh misses a node; off unless mesh.toml has the node's `instance` and the key of
// its provider. Stops, makes and deletes nothing. Credentials are read from their files each time and stand
// in no error, log or argument.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "config/mesh.h"
#include "net/net.h"

namespace meshops::mesh {

MESHOPS_ERROR_CODES(ProviderCode, "provider", not_configured, no_key, bad_key, not_reached, refused,
                    not_understood, stopped_by_intent, busy, not_done);

struct ProviderState {
  enum class Is {
    running,   // the machine is on, whatever goes on in it
    changing,  // its provider is at it: made, started, repaired, a snapshot taken
    stopped,   // off, or on its way there: somebody wanted that
  };
  Is is = Is::running;
  std::string words;  // the provider's own: "RUNNING", "active, stopped"
  bool operator==(const ProviderState&) const = default;
};

class Provider {
 public:
  virtual ~Provider() = default;
  virtual boost::asio::awaitable<Result<ProviderState>> state() = 0;
  /// The power button, pressed once. Its state is read first, and only a machine that runs is reset: one that
  /// is stopped was stopped by a person, or is being moved. Good once the provider says that it is done.
  virtual boost::asio::awaitable<Status> reset() = 0;
};

/// How long each step may take.
struct ProviderPatience {
  Duration exchange = std::chrono::seconds(15);  // one request with its answer
  Duration look_every = std::chrono::seconds(2);
  Duration whole = std::chrono::minutes(2);  // until it says that it is done
};

/// Whether the node has an instance and its provider a key.
bool can_reset(const Mesh& mesh, const NodeSpec& node);
/// `not_configured` if the node has no instance, or its provider no key. `net` and `clock` must live as long.
Result<std::unique_ptr<Provider>> provider_of(const Mesh& mesh, const NodeSpec& node, Net& net,
                                              const Clock& clock, ProviderPatience patience = {});

// For the providers.

struct ProviderSetup {
  std::string instance;  // as mesh.toml has it, for error texts
  std::vector<std::string> parts;
  std::filesystem::path key_file;
  std::string url;
  ProviderPatience patience;
};

/// As read_secret_file() says.
Result<Secret> read_credential(const std::filesystem::path& path);
/// What a provider says of its refusal, in one line: {"error": {"message": …}}, {"error_description": …} or
/// {"error": "…"}; empty if it says nothing that fits.
std::string refusal_in(std::string_view body);
/// Only a machine that runs is reset; the error says why not.
Status may_reset(const ProviderState& state, std::string_view instance);

/// One exchange with the API of a provider; anything but a 2xx is an Error that says what was tried.
struct ApiCall {
  std::string doing;  // "read the state of gcp:…"
  std::string method = "GET";
  std::string url;  // https, or http on loopback
  Secret bearer;
  std::string content_type, body;
};
boost::asio::awaitable<Result<std::string>> call_api(ApiCall call, Net& net, Duration limit);
boost::asio::awaitable<void> wait_for(Duration time);

}  // namespace meshops::mesh
