#include "mesh/voice.h"

#include <fcntl.h>

#include <array>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "mesh/remote_request.h"
#include "mesh/remote_session.h"

namespace meshops::mesh {

namespace {

constexpr std::size_t kMostFile = 16U << 10;
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
  // O_NONBLOCK: a FIFO in its place must not hold us.
  Fd fd(::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (!fd && errno == ENOENT)
    return fail(no_voice(fmt::format("it has no healing key at {}", file_.string())));
  if (!fd) return fail(no_voice("its healing key cannot be read").because(file_error(errno, "open", file_)));
  struct stat is{};
  if (::fstat(fd.get(), &is) != 0 || !S_ISREG(is.st_mode))
    return fail(no_voice(fmt::format("{} is no file", file_.string())));
  if ((is.st_uid != 0 && is.st_uid != ::geteuid()) || (is.st_mode & 077) != 0)
    return fail(no_voice(fmt::format("its healing key {} may be read or changed by others", file_.string())));
  std::array<char, kMostFile + 1> buffer{};
  std::size_t got = 0;
  ssize_t n = 0;
  while (got < buffer.size()) {
    n = ::read(fd.get(), buffer.data() + got, buffer.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  int wrong = n < 0 ? errno : 0;
  auto key = ed25519::parse_private_key({buffer.data(), got});
  ::explicit_bzero(buffer.data(), buffer.size());
  if (wrong != 0)
    return fail(no_voice("its healing key cannot be read").because(file_error(wrong, "read", file_)));
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
