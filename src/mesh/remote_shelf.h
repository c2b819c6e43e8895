// A small text that must outlive a kill: in the state directory, or, while that cannot be written (a full or
// read-only disk is what there may be to heal), in the runtime directory. Called by the nonces and the lease.
// Never half-written, never an older text after a newer one.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace meshops::mesh {

/// Where a node keeps what its healers need.
struct RemotePlaces {
  std::filesystem::path state;  // on the disk
  std::filesystem::path run;    // in memory, empty after a boot
};

class RemoteShelf {
 public:
  RemoteShelf(const RemotePlaces& places, const std::string& name)
      : first_(places.state / name), spare_(places.run / (name + ".spare")) {}

  /// The newer of both; "" if there is none yet. A damaged file is an error: what it held is not forgotten
  /// by guessing.
  Result<std::string> read() const;
  /// Durable when it returns. Only under lock_shelves().
  Status write(std::string_view text);

 private:
  struct Copy {
    std::uint64_t number = 0;  // 0: there is none
    std::string text;
  };
  static Result<Copy> read_copy(const std::filesystem::path& file);
  Result<Copy> newest() const;

  std::filesystem::path first_, spare_;
};

/// Of all shelves of this node, against other processes; goes with the descriptor. Who holds it writes some
/// small files; an event loop does not wait for that.
Result<Fd> lock_shelves(const RemotePlaces& places, Duration wait = std::chrono::seconds(2));

}  // namespace meshops::mesh
