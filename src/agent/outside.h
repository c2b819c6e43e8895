// What lies outside of the mesh: this node's heartbeat in the object store, the others' there, their
// `outside_url`, and the leases about nodes that nobody reaches. Owned by Siblings, on the agent's event
// loop. Decides nothing; a store that fails is warned about once, and holds nobody up.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "gateway/gateway.h"
#include "mesh/store_words.h"
#include "store/object_store.h"

namespace meshops {

class OutsideWorld {
 public:
  /// `store` may be null: there is none. `mesh` and `machine` must outlive it.
  OutsideWorld(const Mesh& mesh, Machine& machine, std::string boot,
               std::shared_ptr<store::ObjectStore> store);
  OutsideWorld(const OutsideWorld&) = delete;
  OutsideWorld& operator=(const OutsideWorld&) = delete;

  /// Until the object goes: proves the store's conditions, and writes this node's heartbeat each half minute,
  /// and when a person pauses the node or ends that.
  boost::asio::awaitable<void> run(std::function<bool()> paused);

  struct Said {
    mesh::Outside says = mesh::Outside::cannot_tell;
    /// So old is its last heartbeat in the store, if that says that a person paused the node.
    std::optional<Duration> paused_ago = {};
    bool operator==(const Said&) const = default;
  };
  /// Nothing: nobody is there to be asked, or was asked a moment ago.
  boost::asio::awaitable<std::optional<Said>> ask(std::string peer, std::optional<Duration> missed_for);

  struct Lease {
    enum class Is {
      held,         // by us, under `fence`
      refused,      // another one has it
      not_reached,  // the store cannot be used now
      no_store,     // there is none that could be trusted with a lease
    };
    Is is = Is::no_store;
    std::uint64_t fence = 0;
    std::string said;  // why not
  };
  boost::asio::awaitable<Lease> take(std::string patient, std::uint64_t ticket);
  /// `refused`: it is lost.
  boost::asio::awaitable<Lease> renew(std::string patient, std::uint64_t fence);
  /// If that fails, it ends by itself.
  boost::asio::awaitable<void> give_back(std::string patient, std::uint64_t fence);

  /// Why the store is of no use now; empty: it is, or there is none.
  std::string trouble() const;

 private:
  enum class Proof { unknown, proven, ignored };
  struct Read {
    std::optional<mesh::StoreLease> lease;
    Duration age{};
    store::PutIf condition;  // of the next write
    bool sure = true;        // false: where nothing is told, there may be one
  };

  boost::asio::awaitable<void> prove();
  boost::asio::awaitable<void> beat(bool paused);
  boost::asio::awaitable<mesh::Outside> ask_url(std::string text);
  boost::asio::awaitable<Said> ask_store(std::string peer, std::optional<Duration> missed_for);
  boost::asio::awaitable<Result<Read>> read_lease(std::string patient);
  boost::asio::awaitable<Lease> write_lease(std::string patient, mesh::LeaseMove move,
                                            store::PutIf condition);
  /// Once for each change.
  void note(const Error* why);
  void note_read(const Error& why, const std::string& about);
  Instant now() const { return machine_.clock().now(); }

  const Mesh& mesh_;
  Machine& machine_;
  std::string boot_;
  std::shared_ptr<store::ObjectStore> store_;
  Proof proof_ = Proof::unknown;
  std::optional<Instant> ignored_at_, beat_at_;
  bool beat_paused_ = false;
  std::map<std::string, Instant> asked_;
  std::string failing_, failing_code_;  // what the store last said to us, if that was an Error
  std::string unfit_;                   // why it is trusted with no lease
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace meshops
