#include "agent/good_config.h"

#include "formats/json5.h"
#include "heal/planning.h"

namespace meshops {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {
constexpr auto kProvenAfter = 2min;
/// Its copy of what it took may come a moment after it is ready.
constexpr auto kAskAgain = 15s;
constexpr std::size_t kLimit = 4U << 20;  // as the remedy reads it
}  // namespace

fs::path GoodConfig::proven(const fs::path& directory) { return directory / "good-config"; }
fs::path GoodConfig::latest(const fs::path& directory) { return directory / "ready-config"; }

bool GoodConfig::judged(const FileInfo& info, const Ready& ready, bool proven) const {
  if (info.size != size_ || info.modified != modified_) return false;
  // The same process: when it began is told anew at each look, by two clocks.
  if (ready.began.has_value() != began_.has_value() ||
      (began_ && std::chrono::abs(*ready.began - *began_) > 1s))
    return false;
  return taken_ ? proven_ || !proven : ready.now - asked_ < kAskAgain;
}

Status GoodConfig::look(const Host& host, const Ready& ready) {
  if (ready.config.empty()) return ok();
  auto info = host.stat(ready.config);
  if (!info) return ok();
  // Ready for that long, and with these bytes: an edit begins anew.
  auto is_proven = [&ready](const FileInfo& of) {
    return ready.for_how_long >= kProvenAfter && ready.now - of.modified >= kProvenAfter;
  };
  if (judged(*info, ready, is_proven(*info))) return ok();
  // What a remedy may put back must have been the gateway's own to begin with: a link leads nowhere else.
  auto file = heal::find_file(ready.uid, host, ready.config, kLimit);
  if (!file) return ok();
  info = host.stat(file->path);
  if (!info) return ok();
  bool proven = is_proven(*info);
  if (judged(*info, ready, proven)) return ok();

  const auto& bytes = file->state.bytes;
  auto document = json5::Document::parse(bytes);
  bool taken = false;
  if (document && document->root().is_object()) {
    // A running gateway goes on with what it had when it refuses an edit. These bytes are its own if they are
    // older than its process, or if it says so itself: it keeps a copy of what it took.
    taken = ready.began && info->modified < *ready.began;
    if (!taken) {
      auto its_copy = heal::find_file(ready.uid, host, ready.config.string() + ".last-good", kLimit);
      taken = its_copy && its_copy->state.bytes == bytes;
    }
  }
  if (auto again = host.stat(file->path);
      !again || again->modified != info->modified || again->size != info->size)
    return ok();  // it was written while it was read
  size_ = info->size;
  modified_ = info->modified;
  began_ = ready.began;
  asked_ = ready.now;
  taken_ = taken;
  proven_ = proven;
  if (!taken) return ok();
  CHECK_OK(keep(latest(directory_), bytes));
  return proven ? keep(GoodConfig::proven(directory_), bytes) : ok();
}

Status GoodConfig::keep(const fs::path& path, const std::string& bytes) {
  if (auto old = read_file(path, kLimit); old && *old == bytes) return ok();
  CHECK_OK(make_directories(path.parent_path()));
  return write_file_atomic(path, bytes);
}

}  // namespace meshops
