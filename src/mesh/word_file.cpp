#include "mesh/word_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "base/file.h"

namespace meshops::mesh {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "meshops.word/1";
constexpr std::size_t kMost = 4096;
constexpr std::string_view kNames[] = {"unknown", "well", "ill", "given_up"};
static_assert(std::size(kNames) == static_cast<std::size_t>(Gateways::given_up) + 1);

fs::path held_file(const fs::path& word) { return word.string() + ".held"; }

struct flock whole_file(short kind) {
  struct flock lock{};
  lock.l_type = kind;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// Asks without taking it: who begins to hold it meanwhile is never in the way of a reader.
bool is_held(const fs::path& word) {
  Fd fd(::open(held_file(word).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return false;
  auto whole = whole_file(F_RDLCK);
  return ::fcntl(fd.get(), F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

}  // namespace

std::filesystem::path word_file(const Mesh& mesh) { return mesh.socket.parent_path() / "word"; }

std::string_view name_of(Gateways gateways) { return kNames[static_cast<std::size_t>(gateways)]; }

std::string word_text(const Word& word, Instant now) {
  return Json{{"schema", kSchema},
              {"said_at_ns", now.since_boot.count()},
              {"gateways", name_of(word.gateways)},
              {"heals_itself", word.heals_itself},
              {"paused", word.paused}}
             .dump() +
         "\n";
}

Word parse_word(std::string_view text, Instant now) {
  const Word nothing{.agent_age = kNeverSpoke};
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return nothing;
  const auto &schema = json["schema"], &said = json["said_at_ns"], &gateways = json["gateways"],
             &heals = json["heals_itself"], &paused = json["paused"];
  if (schema != kSchema || !said.is_number_unsigned() || !heals.is_boolean() || !paused.is_boolean())
    return nothing;
  const auto* named = std::ranges::find_if(kNames, [&](std::string_view name) { return gateways == name; });
  auto at = said.get<std::uint64_t>();
  auto until = static_cast<std::uint64_t>(std::max<std::int64_t>(now.since_boot.count(), 0));
  if (named == std::end(kNames) || at > until) return nothing;
  return {.agent_age = std::min(Duration(static_cast<std::int64_t>(until - at)), kNeverSpoke),
          .gateways = static_cast<Gateways>(named - std::begin(kNames)),
          .heals_itself = heals.get<bool>(),
          .paused = paused.get<bool>()};
}

Status write_word(const std::filesystem::path& file, const Word& word, const Clock& clock) {
  auto fresh = std::filesystem::path(file.string() + ".new");
  Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return fail(file_error(errno, "write", fresh));
  // Whatever our umask is: who reads it is nobody.
  if (::fchmod(fd.get(), 0644) != 0) return fail(file_error(errno, "open to all", fresh));
  auto text = word_text(word, clock.now());
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(file_error(errno, "write", fresh));
  if (std::rename(fresh.c_str(), file.c_str()) != 0) return fail(file_error(errno, "replace", file));
  return ok();
}

Status hold_word(const fs::path& file, Fd& held) {
  struct stat is{};
  if (held && ::fstat(held.get(), &is) == 0 && is.st_nlink > 0) return ok();
  auto path = held_file(file);
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return fail(file_error(errno, "open", path));
  if (::fchmod(fd.get(), 0644) != 0) return fail(file_error(errno, "open to all", path));
  // Not one that a child would let go of, or that closing another descriptor would.
  auto whole = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_OFD_SETLK, &whole) != 0) return fail(file_error(errno, "lock", path));
  held = std::move(fd);
  return ok();
}

Word read_word(const fs::path& file, const Clock& clock) {
  // The time comes after the reading: a word that was said in between is not one of the future.
  auto text = read_file(file, kMost);
  auto word = parse_word(text.value_or(""), clock.now());
  word.agent_gone = !is_held(file);
  return word;
}

}  // namespace meshops::mesh
