// Containers over the engine's UNIX socket (API v1.41 and later). Called by the docker runtime and discovery.
// Never reads a container's environment values; never removes anything.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/host.h"
#include "net/net.h"

namespace meshops {

MESHOPS_ERROR_CODES(EngineCode, "engine", no_engine, not_permitted, no_container, refused, bad_answer);

class Containers {
 public:
  virtual ~Containers() = default;
  virtual boost::asio::awaitable<Result<std::vector<ContainerInfo>>> list() = 0;
  virtual boost::asio::awaitable<Result<ContainerInfo>> inspect(std::string id_or_name) = 0;
  virtual boost::asio::awaitable<Status> start(std::string id) = 0;
  /// SIGTERM, then SIGKILL by the engine after `drain`.
  virtual boost::asio::awaitable<Status> stop(std::string id, Duration drain) = 0;
  virtual boost::asio::awaitable<Status> kill(std::string id, int signal) = 0;
  /// Whether somebody asked the engine to end it (`docker stop`, `docker kill`) between the two times. The
  /// engine remembers its last 256 events only.
  virtual boost::asio::awaitable<Result<bool>> end_was_asked(std::string id, WallTime since,
                                                             WallTime until) = 0;
  /// The last lines of its log, both streams, without the engine's framing.
  virtual boost::asio::awaitable<Result<std::string>> logs(std::string id, std::size_t lines) = 0;
  /// What it wrote from `since` to just before `until`, the same way; at most the last 1000 lines.
  virtual boost::asio::awaitable<Result<std::string>> logs_between(std::string id, WallTime since,
                                                                   WallTime until) = 0;
};

/// `socket`: "/var/run/docker.sock" unless the owner's engine is elsewhere (DOCKER_HOST=unix://…, Podman).
/// `net` must outlive it.
std::unique_ptr<Containers> engine(Net& net, std::string socket);

/// Answers of the engine, pure (fuzzed).
Result<std::vector<ContainerInfo>> parse_container_list(std::string_view json);
Result<ContainerInfo> parse_container(std::string_view json);
/// Whether one of these events (one JSON object after another) is a signal sent to the container to end it.
bool has_ending_signal(std::string_view events);
/// What a container wrote, out of the engine's frames (8 bytes of header each). Text of a container with a
/// terminal has none and stays as it is; of a cut last frame, what is there.
std::string unframe_log(std::string_view bytes);

}  // namespace meshops
