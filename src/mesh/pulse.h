// The asking side of the heartbeat: one question to each peer that it is told, one call for each answer that
// is a member's own. Run by the agent once a second, and by `meshops mesh members` once. Judges nothing: a
// peer that does not answer is one that nothing is said about.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/mesh.h"
#include "mesh/heartbeat.h"
#include "mesh/word.h"

namespace meshops::heartbeat {

class Pulse {
 public:
  /// `asked` is when the question went out, as Judgement::heard() wants it.
  using OnWord = std::function<void(std::string_view peer, Instant asked, const mesh::Word& word)>;
  /// Of the mesh it takes its name, this node, the nodes' addresses and the port; keeps no reference to it.
  /// The clock must outlive it. Lives on the executor, which one thread runs.
  Pulse(const boost::asio::any_io_executor& executor, const Mesh& mesh, const Clock& clock, OnWord on_word);
  /// Nothing is called any more after this, whatever is still on its way.
  ~Pulse();
  Pulse(const Pulse&) = delete;
  Pulse& operator=(const Pulse&) = delete;

  /// From the next question on; without keys (as it begins) nobody is asked. When the first one is another
  /// than before, each peer is asked with both for kBothKeysFor: the peers take a new key a moment earlier or
  /// later than we do, and none shall seem silent for that.
  void use_keys(Keys keys);
  /// Asks each of them once; a name that mesh.toml has no node for is passed over, and so is one whose
  /// address is not known yet. Never waits, and survives a network that is down: the next call tries again.
  void beat(const std::vector<std::string>& peers);
  /// False: at the last beat this machine had no way to send to anybody, so that silence is its own.
  bool network() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

/// A question that is older than this is forgotten: its answer would be too old to count.
constexpr Duration kForgetAfter = std::chrono::seconds(5);
constexpr Duration kBothKeysFor = std::chrono::seconds(15);

}  // namespace meshops::heartbeat
