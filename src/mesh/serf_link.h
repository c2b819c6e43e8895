// The agent's standing connection to this node's Serf: tells who is in the mesh, carries questions to
// witnesses and brings their testimonies, and has this node's own testimony asked for. What is said in the
// name of a node counts only if that node has signed it. Decides nothing; connects again, as long as it
// takes, whenever Serf is away.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/mesh.h"
#include "mesh/question_order.h"
#include "mesh/serf_client.h"
#include "mesh/spoken_tags.h"
#include "mesh/voice.h"
#include "mesh/word.h"

namespace meshops::mesh {

class SerfLink {
 public:
  struct Ears {
    /// All that Serf's `members` says, every two seconds and after each change; without what a node is said
    /// to say of itself (kSpoken) and has not signed.
    std::function<void(const std::vector<serf::Member>&)> members;
    /// A peer asks what this node sees.
    std::function<Testimony(const Question&)> asked;
    std::function<void(const Testimony&)> testified;
  };
  /// `mesh` must outlive it.
  SerfLink(boost::asio::any_io_executor executor, const Mesh& mesh, Ears ears);
  ~SerfLink();
  SerfLink(const SerfLink&) = delete;
  SerfLink& operator=(const SerfLink&) = delete;

  /// Until the object goes. Run once.
  boost::asio::awaitable<void> run();
  /// Answers come to `testified`, as long as they can count; whoever does not answer is not told of. A node
  /// without a voice asks nobody: see trouble().
  void ask(const Question& question, std::vector<std::string> witnesses);
  /// What this node says of itself in the gossip, beside what its Serf was started with, within two seconds;
  /// again after each start.
  void say(std::map<std::string, std::string> tags) { tags_ = std::move(tags); }
  /// Why the others cannot be asked (Serf, or this node's own key); no sentence: they can.
  const Error& trouble() const { return trouble_.sentence().empty() ? voice_.trouble() : trouble_; }

 private:
  boost::asio::awaitable<Status> stay(serf::RpcTarget to);
  boost::asio::awaitable<void> put(serf::RpcTarget to, Question question, std::string message,
                                   std::vector<std::string> witnesses);
  /// The answer's bytes; nothing: none is given.
  std::optional<std::string> answer(std::string_view message);
  std::optional<Testimony> heard(const Question& question, std::string_view message);
  void ignore(std::string_view what, std::string_view node);
  boost::asio::awaitable<void> rest();

  boost::asio::any_io_executor executor_;
  const Mesh& mesh_;
  Ears ears_;
  SystemClock clock_;
  std::uint64_t began_;
  Voice voice_;
  QuestionOrder order_;
  std::optional<Instant> ignored_at_;  // the last time that it was told
  Error trouble_{"", ""};
  unsigned under_way_ = 0;
  SpokenTags spoken_;
  std::map<std::string, std::string> tags_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace meshops::mesh
