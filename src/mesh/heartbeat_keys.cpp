#include "mesh/heartbeat_keys.h"

#include "base/file.h"

namespace meshops::heartbeat {

namespace {
constexpr std::size_t kMost = 64U << 10;
}

std::filesystem::path keys_file(const Mesh& mesh) { return mesh.state_dir / "heartbeat.keys"; }

Result<Keys> read_keys(const std::filesystem::path& file) {
  auto text = read_file(file, kMost);
  if (!text)
    return fail(error(HeartbeatCode::no_keys, "there are no heartbeat keys at {}", file.string())
                    .because(std::move(text).error())
                    .hint("a member of a mesh has them: sudo meshops mesh join"));
  auto keys = parse_keys(*text);
  if (!keys)
    return fail(
        error(HeartbeatCode::bad_keys, "cannot use {}", file.string()).because(std::move(keys).error()));
  return keys;
}

Result<Refreshed> refresh_keys(const Mesh& mesh) {
  auto ring = TRY(serf::parse_keyring(TRY(read_file(serf::places(mesh).keyring, kMost))));
  Refreshed out{.keys = derive(ring), .changed = true};
  if (out.keys.keys.size() != ring.keys.size())
    return fail(HeartbeatCode::bad_keys, "no heartbeat keys follow from {}",
                serf::places(mesh).keyring.string());
  auto file = keys_file(mesh);
  auto before = read_keys(file);
  out.changed = !before || *before != out.keys;
  if (out.changed) CHECK_OK(write_file_atomic(file, keys_text(out.keys).reveal(), {.mode = 0600}));
  return out;
}

}  // namespace meshops::heartbeat
