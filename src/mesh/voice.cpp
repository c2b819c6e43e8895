#include "mesh/voice.h"

#include "base/log.h"
#include "base/secret_file.h"
#include "mesh/remote_request.h"
#include "mesh/remote_session.h"

namespace meshops::mesh {

namespace {

constexpr std::string_view kRemedy =
    "meshops mesh keys makes the key and prints its line: put that into every mesh.toml and restart the "
    "agents";

Error no_voice(std::string_view why) {
  return error(RemoteCode::no_key,
               "this node cannot ask the others, nor answer them: {} (see: meshops mesh keys)", why)
      .hint("{}", kRemedy);
}

bool same(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

}  // namespace

bool Voice::Seen::same(const Seen& other) const {
  return inode == other.inode && size == other.size && mesh::same(modified, other.modified) &&
         mesh::same(changed, other.changed);
}

Voice::Voice(const Mesh& mesh) : self_(mesh.node), file_(healing_key_file(mesh.state_dir)) {
  for (const auto& node : mesh.nodes)
    if (auto key = ed25519::public_key(node.healing_key)) keys_.emplace(node.name, std::move(*key));
}

void Voice::refresh() {
  struct stat is{};
  std::optional<Seen> seen;
  if (::lstat(file_.c_str(), &is) == 0)
    seen = Seen{.inode = is.st_ino, .size = is.st_size, .modified = is.st_mtim, .changed = is.st_ctim};
  bool as_before = seen && seen_ ? seen->same(*seen_) : !seen && !seen_;
  if (looked_ && as_before) return;
  looked_ = true;
  seen_ = seen;
  key_.reset();
  bool had_trouble = !trouble_.sentence().empty();
  if (auto key = read()) {
    key_ = std::move(*key);
    trouble_ = Error("", "");
    if (had_trouble) log::info("mesh.voice", "this node has a usable healing key: it asks the others again");
  } else {
    trouble_ = std::move(key).error();
    log::warn("mesh.voice", trouble_.text());
  }
}

Result<ed25519::PrivateKey> Voice::read() const {
  auto own = keys_.find(self_);
  auto file = read_secret_file(file_, "a healing key", Links::refuse);
  if (!file && file.error().is(code_name(FileCode::not_found)))
    return fail(no_voice(fmt::format("it has no healing key at {}", file_.string())));
  if (!file) return fail(no_voice("its healing key cannot be used").because(std::move(file).error()));
  auto key = ed25519::parse_private_key(file->reveal());
  if (!key)
    return fail(no_voice(fmt::format("{} is no ed25519 key without a passphrase", file_.string()))
                    .because(key.error()));
  if (own == keys_.end()) return fail(no_voice(fmt::format("mesh.toml has no healing_key for {}", self_)));
  if (own->second != key->public_key)
    return fail(no_voice(fmt::format("its healing key is not the one that mesh.toml has for {}", self_)));
  return key;
}

Result<std::string> Voice::sign(std::string_view message) {
  refresh();
  if (!key_) return fail(trouble_);
  return ed25519::sign(*key_, message);
}

bool Voice::said_by(std::string_view node, std::string_view message, std::string_view signature) const {
  auto key = keys_.find(node);
  return key != keys_.end() && ed25519::verify(key->second, signature, message);
}

}  // namespace meshops::mesh
