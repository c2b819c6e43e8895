// A copy of the meshops that ran well on this node, with its SHA-256: what `reinstall` puts back when the one
// that is installed does not work any more. Made by `meshops mesh keys install`, made anew by the agent once
// it has run well; put back by `meshops remote` and by the script beside it. Starts and stops nothing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace meshops::mesh {

class SpareBinary {
 public:
  /// STATE/spare: `meshops`, and `meshops.sha256`, one line as sha256sum writes it ("HEX  /usr/bin/meshops"):
  /// of the spare's bytes, and of the place where they belong.
  explicit SpareBinary(const std::filesystem::path& state_dir) : directory_(state_dir / "spare") {}

  /// Keeps the bytes of `image` (/proc/self/exe, say) as what belongs at `target`. Writes nothing if they are
  /// kept already and whole.
  Status keep(const std::filesystem::path& image, const std::filesystem::path& target) const;

  struct Pinned {
    std::string sha256;
    std::filesystem::path target;
  };
  /// An Error if there is none, or if its bytes are not those of its checksum any more.
  Result<Pinned> pinned() const;

  struct Restored {
    std::filesystem::path target;
    /// Where the old bytes lie now. Nothing: the target was missing.
    std::optional<std::filesystem::path> before;
    bool was_right = false;  // the pinned bytes stood there already: nothing was done
  };
  /// Puts them there, whole or not at all; checked before and after. The old bytes stay beside, as
  /// TARGET.before-reinstall.
  Result<Restored> restore() const;
  /// Puts the old bytes back, if there were any.
  static Status roll_back(const Restored& restored);

 private:
  std::filesystem::path copy() const { return directory_ / "meshops"; }
  std::filesystem::path sum() const { return directory_ / "meshops.sha256"; }

  std::filesystem::path directory_;
};

/// Of a file's bytes, 64 lower-case hexadecimal digits.
Result<std::string> sha256_of(const std::filesystem::path& file);

}  // namespace meshops::mesh
