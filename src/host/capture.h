// What is known of a machine that is reached by a shell only: facts about its paths, files and tools, as its
// own shell has told them, and what was asked for and is not known yet. CapturedHost answers out of it; the
// remote audit fills it, round by round. Values only; reads and runs nothing.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "host/host.h"

namespace meshops::capture {

MESHOPS_ERROR_CODES(CaptureCode, "capture", not_fetched, too_much, bad_answer);

/// More of one file is not fetched: who needs it is told so.
constexpr std::size_t kMostOfAFile = 8U << 20;
/// Of a directory or a tree; what is longer is cut by the script, and is then no whole directory.
constexpr std::size_t kMostOfATree = 16U << 20;
/// The same for what one tool says.
constexpr std::size_t kMostOfATool = 8U << 20;

/// One thing to be asked of the machine.
struct Want {
  enum class Kind {
    look,  // what a path is, not followed; and where a link leads
    list,  // the names in a directory, and what each is
    read,  // `most` bytes of a file from `from` on (from its end if negative)
    disk,  // how full the file system at a path is
    ask,   // a tool: `path` is the name of the question, `argv` what answers it
  };
  Kind kind = Kind::look;
  std::string path;
  std::int64_t from = 0;
  std::uint64_t most = 0;
  std::vector<std::string> argv;
  auto operator<=>(const Want&) const = default;
  /// "the file /etc/x", "the answer to nft -j list ruleset".
  std::string text() const;
};

/// Why something is not there to be had.
enum class Why {
  absent,
  denied,     // the account that we are there may not
  irregular,  // no regular file; no directory
  failed,     // it was tried, and broke; or the machine has not said a word about it
};

struct Entry {
  FileInfo info;
  std::string link;  // of a symbolic link; empty if it could not be read
};
struct Bytes {
  std::string text;
  bool whole = false;  // to the end of the file
};
struct Answer {
  int code = 0;  // exit code
  std::string text;
  bool cut = false;  // it said more than kMostOfATool
};
struct Disk {
  std::uint64_t blocks = 0, free = 0, available = 0, block_bytes = 0, inodes = 0, inodes_free = 0;
};

/// A path followed through what is known, as the machine's kernel would.
struct Resolved {
  enum class Kind { found, missing, unknown };
  Kind kind = Kind::unknown;
  std::string path;       // found: without links on the way
  Why why = Why::absent;  // missing
};

/// Not for two threads while it is filled; any number may look things up.
class Facts {
 public:
  // --- filling. Paths are absolute; what is not is passed over.
  void entry(const std::string& path, Entry entry);
  /// What a path is after following it.
  void followed(const std::string& path, const FileInfo& info);
  void listing(const std::string& directory, std::vector<std::string> names);
  void bytes(const std::string& path, std::int64_t from, std::uint64_t most, std::string text);
  void disk(const std::string& path, const Disk& disk);
  void answer(const std::string& question, Answer answer);
  void missing(Want::Kind kind, const std::string& path, Why why);
  /// Whatever of these is not known by now never will be.
  void give_up(const std::vector<Want>& wants);

  // --- looking up: nothing means that nobody has asked yet.
  Resolved resolve(std::string_view path, bool follow_last) const;
  const Entry* entry(const std::string& path) const;
  const FileInfo* followed(const std::string& path) const;
  const std::vector<std::string>* listing(const std::string& directory) const;
  /// The file's head, or exactly that piece.
  const Bytes* bytes(const std::string& path, std::int64_t from, std::uint64_t most) const;
  const Disk* disk(const std::string& path) const;
  const Answer* answer(const std::string& question) const;
  std::optional<Why> missing(Want::Kind kind, const std::string& path) const;
  bool knows(const Want& want) const;

  std::size_t size() const;  // bytes of content kept

 private:
  struct Piece {
    std::int64_t from;
    std::uint64_t most;
    auto operator<=>(const Piece&) const = default;
  };
  template <class T>
  using ByPath = std::unordered_map<std::string, T>;

  ByPath<Entry> entries_;
  ByPath<FileInfo> followed_;
  ByPath<std::vector<std::string>> listings_;  // sorted
  ByPath<Bytes> heads_;
  std::map<std::pair<std::string, Piece>, Bytes> pieces_;
  ByPath<Disk> disks_;
  ByPath<Answer> answers_;
  std::map<std::pair<Want::Kind, std::string>, Why> missing_;
  std::size_t size_ = 0;
};

/// Links of /proc/PID that lead to what has perhaps no name: only the kernel can follow them.
bool is_magic(std::string_view path);

}  // namespace meshops::capture
