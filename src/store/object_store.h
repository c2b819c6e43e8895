// The fifth seam: a few small objects that lie outside of every node, where all nodes reach them: heartbeats
// and leases. Called by the agent and by `meshops mesh store`. A store tells how old an object is by its own
// clock alone: two machines' clocks are never compared. Nothing is ever deleted.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "net/net.h"

namespace meshops::store {

MESHOPS_ERROR_CODES(ObjectCode, "object",
                    changed,  // by somebody else: the condition of a put() does not hold
                    not_reached, refused, no_key, bad_key, bad_name, no_bucket, elsewhere, clock_wrong,
                    not_understood, too_large, ignores_conditions);

constexpr std::size_t kMostObjectBytes = 64U << 10;

struct Object {
  std::string bytes;
  std::string version;  // means something to its store only, and is another after each put() of other bytes
  Duration age{};       // since it was written; whole seconds at S3
};

/// When a put() is carried out; else its Error has the code `changed`.
struct PutIf {
  enum class Is { always, absent, version };
  Is is = Is::always;
  std::string of{};  // the version that must still stand there
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  /// Nothing if there is none. A coroutine of a store outlives neither it nor its Net: hold both as long.
  virtual boost::asio::awaitable<Result<std::optional<Object>>> get(std::string key) = 0;
  /// Gives the new version. Bytes that are the same as before may keep the version: who puts under a
  /// condition writes other bytes each time.
  virtual boost::asio::awaitable<Result<std::string>> put(std::string key, std::string bytes,
                                                          PutIf condition) = 0;
  /// Where it is, for people: "s3://bucket/prefix at https://s3.eu-central-1.amazonaws.com".
  virtual std::string text() const = 0;
};

/// Segments of letters, digits, '.', '_' and '-' between single slashes, each beginning with a letter or a
/// digit; at most 512 bytes.
bool is_object_key(std::string_view key);

/// Whether the store gives what was just written and refuses what it must: writes under `key` with a wrong
/// version and over what is there, and one that must be accepted. `ignores_conditions` if it takes a write
/// that it must refuse: such a store must never be trusted with a lease. Any other error: it is not known.
/// Two at once need two keys.
boost::asio::awaitable<Status> prove_conditions(std::shared_ptr<ObjectStore> store, std::string key);

/// Objects are files of a directory that every node has mounted (NFS, a cluster's file system); its files are
/// written by a thread of their own, because a mount may hang.
std::shared_ptr<ObjectStore> directory_store(std::filesystem::path directory);

/// A bucket, as Amazon's S3 and those that speak like it have it: path style, TLS but on loopback.
struct S3Spec {
  std::string endpoint;  // "https://s3.eu-central-1.amazonaws.com"
  std::string region;
  std::string bucket;
  std::string prefix;              // without slashes at its ends; may be empty
  std::filesystem::path key_file;  // as `aws configure` writes it; read each time
  Duration limit = std::chrono::seconds(4);
};
/// `net` and `clock` must live as long.
std::shared_ptr<ObjectStore> s3_store(S3Spec spec, Net& net, const Clock& clock);

}  // namespace meshops::store
