// A machine's daemons as a test says they answer: no manager has units and no question an answer until it
// does.
#pragma once

#include <map>
#include <string>

#include "audit/live.h"
#include "audit/site.h"

namespace meshops::audit {

class FakeLive final : public Live {
 public:
  std::map<std::string, std::vector<UnitState>> managers;  // by user; "": the system's
  std::map<std::string, std::string> answers;              // by text(Question)

  Result<std::vector<UnitState>> units(const std::optional<Account>& manager) const override {
    auto found = managers.find(manager ? manager->name : "");
    if (found == managers.end()) return std::vector<UnitState>();
    return found->second;
  }
  Result<std::string> ask(Question question) const override {
    auto found = answers.find(std::string(text(question)));
    if (found == answers.end()) return fail(AuditCode::not_here, "cannot ask for {}", text(question));
    return found->second;
  }
};

}  // namespace meshops::audit
