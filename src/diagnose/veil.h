// Veil: takes secrets out of text before it leaves the agent. Called by the close look at a gateway, for
// logs, errors and messages of others. Pure. Hides too much rather than too little; never shows what it was
// told to hide.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace meshops::diagnose {

class Veil {
 public:
  /// A secret that is known, from a configuration for example. Shorter ones than kShortest are not taken:
  /// they stand in every text by chance.
  void hide(std::string_view secret);
  static constexpr std::size_t kShortest = 4;
  /// Every value that a text names a secret, of a configuration (JSON5, also a broken one) or a .env file.
  void hide_named_in(std::string_view text);

  /// Without the known secrets, what stands behind "token=", "Bearer " and the like, and what looks like a
  /// key (without_keys()). Line ends stay where they are.
  std::string over(std::string_view text) const;

 private:
  std::vector<Secret> known_;  // longest first, so that one inside another leaves nothing behind
};

}  // namespace meshops::diagnose
