// Whether a question is newer than what its asker asked before: one that was overheard and is played back
// must neither lay a claim nor withdraw one. Called by SerfLink with questions whose signature is good. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "mesh/word.h"

namespace meshops::mesh {

class QuestionOrder {
 public:
  /// Of members alone something is kept, about members alone. `silence`: after so long a claim is forgotten
  /// anyway, so that nothing can be withdrawn by what is older.
  QuestionOrder(const std::vector<std::string>& members, Duration silence)
      : members_(members.begin(), members.end()), silence_(silence) {}

  /// False: it is old, and nothing is to be done for it. An asker whose agent began later than the one we
  /// know counts its rounds anew; one that began earlier had its clock set back, or is played back: it is
  /// heard when nobody has been heard in that name for `silence`.
  bool take(Instant now, const Question& question);

 private:
  struct Asker {
    std::uint64_t began = 0;
    Instant heard{};
    std::map<std::string, std::uint64_t> rounds;  // the last one about each patient
  };
  std::set<std::string> members_;
  Duration silence_;
  std::map<std::string, Asker> askers_;
};

}  // namespace meshops::mesh
