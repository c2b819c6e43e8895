// Carries treatments out, step by step, each in the ledger before it happens; takes them back. Called by the
// agent's Healer, one treatment at a time. Decides nothing; never changes what is not as the plan found it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <vector>

#include "gateway/gateway.h"
#include "heal/action.h"
#include "store/kept.h"
#include "store/ledger.h"

namespace meshops::heal {

class Surgeon {
 public:
  Surgeon(Machine& machine, store::Ledger& ledger, store::Kept& kept)
      : machine_(machine), ledger_(ledger), kept_(kept) {}

  /// All of them, or none: when one fails, those before it are taken back. `changed_meanwhile` (HealCode):
  /// somebody else was faster, and nothing is changed.
  boost::asio::awaitable<Status> operate(std::int64_t entry, std::vector<Action> actions);
  /// Takes back what was done of an entry, newest first. What cannot be taken back (a removed log) is left;
  /// what somebody has changed since is left and is the error.
  boost::asio::awaitable<Status> take_back(store::Entry entry);

 private:
  boost::asio::awaitable<Status> step(std::int64_t entry, unsigned number, Action action);
  boost::asio::awaitable<Status> step_back(const store::Step& done);
  boost::asio::awaitable<Status> perform(Action& action);
  Status write(const WriteFile& a);
  Status move(const MoveFile& a);
  Status set(const SetAccess& a);
  boost::asio::awaitable<Status> remove(const RemoveFiles& a);
  Status trim(const TrimFile& a);
  boost::asio::awaitable<Status> end(const EndProcess& a);
  boost::asio::awaitable<Status> order(const UnitOrder& a);
  boost::asio::awaitable<Status> run(RunTool& a);
  Result<std::optional<FileState>> state_of(const std::filesystem::path& path) const;
  bool happened(const Action& action) const;
  bool is_done(const Action& action) const;

  Machine& machine_;
  store::Ledger& ledger_;
  store::Kept& kept_;
};

}  // namespace meshops::heal
