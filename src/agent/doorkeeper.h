// Keeps the other nodes of the mesh within reach of this one: has fail2ban ignore them and ufw let them in.
// Owned by Siblings, looks once a minute, and gives only orders that are missing. What it adds to fail2ban
// lives until fail2ban is started or reads its configuration again; a rule of ufw stays, and is in the
// ledger.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "agent/healer.h"
#include "gateway/gateway.h"

namespace meshops {

class Doorkeeper {
 public:
  Doorkeeper(const Mesh& mesh, Machine& machine, Records& records)
      : mesh_(mesh), machine_(machine), records_(records) {}

  /// Does nothing while what it looks after has not changed.
  boost::asio::awaitable<void> look();

 private:
  boost::asio::awaitable<void> tell_fail2ban(const std::vector<std::string>& peers);
  boost::asio::awaitable<void> tell_ufw(const std::vector<std::string>& peers);
  std::string stamp(const char* file) const;

  const Mesh& mesh_;
  Machine& machine_;
  Records& records_;
  std::string fail2ban_done_, ufw_done_;  // for which state of theirs
  bool busy_ = false;
};

}  // namespace meshops
