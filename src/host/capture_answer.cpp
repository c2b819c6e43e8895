#include "host/capture_answer.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace meshops::capture {

namespace {

constexpr std::size_t kMostPieces = 500'000, kMostEntries = 1'000'000;
constexpr std::array<std::string_view, 5> kKinds = {"look", "list", "read", "disk", "ask"};

/// The NUL-ended fields of one piece.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}
  bool more() const { return !rest_.empty(); }
  /// Nothing: the text ends before the field does.
  std::optional<std::string_view> next() {
    auto end = rest_.find('\0');
    if (end == rest_.npos) return std::nullopt;
    auto field = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return field;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

struct Meta {
  FileInfo info;
  std::uint64_t device = 0;
  std::uint64_t depth = 0;
};
/// "f 644 0 0 123 1700000000.5000000000 2049 1"
std::optional<Meta> meta_of(std::string_view text) {
  auto parts = split(text, ' ');
  if (parts.size() != 8 || parts[0].size() != 1) return std::nullopt;
  auto mode = to_number<unsigned>(parts[1], 8);
  auto uid = to_number<uid_t>(parts[2]);
  auto gid = to_number<gid_t>(parts[3]);
  auto size = to_number<std::uint64_t>(parts[4]);
  auto device = to_number<std::uint64_t>(parts[6]), depth = to_number<std::uint64_t>(parts[7]);
  if (!mode || !uid || !gid || !size || !device || !depth) return std::nullopt;
  Meta out{.info = {}, .device = *device, .depth = *depth};
  switch (parts[0][0]) {
    case 'f':
      out.info.kind = FileInfo::Kind::regular;
      break;
    case 'd':
      out.info.kind = FileInfo::Kind::directory;
      break;
    case 'l':
      out.info.kind = FileInfo::Kind::symlink;
      break;
    case 's':
      out.info.kind = FileInfo::Kind::socket;
      break;
    default:
      break;
  }
  out.info.mode = static_cast<mode_t>(*mode & 07777U);
  out.info.uid = *uid;
  out.info.gid = *gid;
  out.info.size = *size;
  auto dot = parts[5].find('.');
  auto seconds = to_number<std::int64_t>(parts[5].substr(0, dot));
  auto fraction = dot == parts[5].npos ? std::string_view("000") : parts[5].substr(dot + 1, 3);
  auto ms = to_number<std::int64_t>(fraction);
  constexpr std::int64_t kMostSeconds = INT64_MAX / 1000 - 1;
  if (!seconds || !ms || fraction.size() != 3 || *seconds > kMostSeconds || *seconds < -kMostSeconds)
    return std::nullopt;
  out.info.modified = WallTime(std::chrono::milliseconds(*seconds * 1000 + *ms));
  return out;
}

std::optional<Why> why_of(std::string_view word) {
  constexpr std::array<std::string_view, 4> kWhys = {"absent", "denied", "irregular", "failed"};
  auto found = std::ranges::find(kWhys, word);
  if (found == kWhys.end()) return std::nullopt;
  return static_cast<Why>(found - kWhys.begin());
}

class AnswerReader {
 public:
  explicit AnswerReader(Facts& facts) : facts_(facts) {}

  Status piece(std::string_view text) {
    Fields fields(text);
    auto letter = fields.next();
    if (!letter || letter->size() != 1) return broken("a piece without a letter");
    if ((*letter)[0] == 'S') return status(fields);
    // What has no piece S behind it was cut.
    if (open_) CHECK_OK(close(std::nullopt));
    switch ((*letter)[0]) {
      case 'E':
      case 'F':
        return entries(fields, (*letter)[0] == 'F');
      case 'L':
        return listing(fields);
      case 'T':
        return tree(fields);
      case 'U':
        while (auto path = fields.next()) facts_.missing(Want::Kind::list, std::string(*path), Why::denied);
        return ok();
      case 'G':
        lines(fields.rest(), '\n');
        return ok();
      case 'H':
        lines(fields.rest(), '\0');
        return ok();
      case 'R':
      case 'A':
      case 'D':
        open_ = Open{(*letter)[0], fields};
        return ok();
      case 'N':
        return nothing(fields);
      default:
        return broken("a piece of no known kind");
    }
  }
  Status end() {
    if (open_) CHECK_OK(close(std::nullopt));
    return ok();
  }

 private:
  struct Open {
    char letter;
    Fields fields;
  };

  static Status broken(std::string_view what) {
    return fail(CaptureCode::bad_answer, "the answer of the machine cannot be read: {}", what);
  }

  Status status(Fields& fields) {
    auto code = fields.next();
    if (!code || !open_) return broken("an exit code of nothing");
    auto number = to_number<int>(*code);
    if (!number) return broken("an exit code that is no number");
    return close(*number);
  }

  Status close(std::optional<int> code) {
    auto [letter, fields] = *open_;
    open_.reset();
    if (letter == 'R') {
      auto from = fields.next(), most = fields.next(), path = fields.next();
      if (!from || !most || !path) return broken("a file without its name");
      auto first = to_number<std::int64_t>(*from);
      auto limit = to_number<std::uint64_t>(*most);
      if (!first || !limit) return broken("a part of a file without its place");
      auto name = std::string(*path);
      if (code != 0 && code != 141)  // of a pipe that head has closed
        facts_.missing(Want::Kind::read, name, Why::failed);
      else
        facts_.bytes(name, *first, *limit, std::string(fields.rest().substr(0, *limit)));
      return ok();
    }
    auto name = fields.next();
    if (!name) return broken("an answer without its question");
    if (letter == 'A') {
      facts_.answer(std::string(*name),
                    {.code = code.value_or(0), .text = std::string(fields.rest()), .cut = !code});
      return ok();
    }
    auto words_ = words(fields.rest());
    std::array<std::uint64_t, 6> numbers{};
    bool good = code == 0 && words_.size() == numbers.size();
    for (std::size_t i = 0; good && i < numbers.size(); ++i) {
      // Sizes are multiplied by the size of a block.
      auto number = to_number<std::uint64_t>(words_[i]);
      good = number && (i == 3 ? *number <= (1U << 24U) : *number <= (1ULL << 40U));
      if (good) numbers[i] = *number;
    }
    if (good)
      facts_.disk(std::string(*name), {.blocks = numbers[0],
                                       .free = numbers[1],
                                       .available = numbers[2],
                                       .block_bytes = numbers[3],
                                       .inodes = numbers[4],
                                       .inodes_free = numbers[5]});
    else
      facts_.missing(Want::Kind::disk, std::string(*name), Why::failed);
    return ok();
  }

  /// META, a path or name, a link. Nothing: there is no further one, or it was cut.
  struct Row {
    Meta meta;
    std::string name;
    std::string link;
  };
  Result<std::optional<Row>> row(Fields& fields) {
    if (!fields.more()) return std::nullopt;
    if (++rows_ > kMostEntries)
      return fail(CaptureCode::too_much, "the machine has named more than {} files", kMostEntries);
    auto meta = fields.next(), name = fields.next(), link = fields.next();
    if (!meta || !name || !link) {
      cut_ = true;
      return std::nullopt;
    }
    auto parsed = meta_of(*meta);
    if (!parsed) return fail(broken("what a file is cannot be read").error());
    return Row{*parsed, std::string(*name), std::string(*link)};
  }

  Status entries(Fields& fields, bool followed) {
    cut_ = false;
    while (auto next = TRY(row(fields))) {
      if (followed)
        facts_.followed(next->name, next->meta.info);
      else
        facts_.entry(next->name, {next->meta.info, std::move(next->link)});
    }
    return ok();
  }

  Status listing(Fields& fields) {
    auto directory = fields.next();
    if (!directory) return broken("a directory without its name");
    auto base = std::string(*directory);
    auto size = fields.rest().size();
    std::vector<std::string> names;
    cut_ = false;
    while (auto next = TRY(row(fields))) {
      facts_.entry(fmt::format("{}{}{}", base, base.ends_with('/') ? "" : "/", next->name),
                   {next->meta.info, std::move(next->link)});
      names.push_back(std::move(next->name));
    }
    if (cut_ || size >= kMostOfATree)
      facts_.missing(Want::Kind::list, base, Why::failed);
    else
      facts_.listing(base, std::move(names));
    return ok();
  }

  Status tree(Fields& fields) {
    auto word = fields.next(), most = fields.next();
    auto depth = word ? to_number<std::uint64_t>(*word) : std::nullopt;
    auto limit = most ? to_number<std::uint64_t>(*most) : std::nullopt;
    if (!depth || !limit) return broken("a tree without its depth");
    auto size = fields.rest().size();
    std::map<std::string, std::vector<std::string>> folders;  // those that were gone into
    std::uint64_t device = 0;
    cut_ = false;
    while (auto next = TRY(row(fields))) {
      if (next->meta.depth == 0) device = next->meta.device;
      auto path = next->name;
      while (path.size() > 1 && path.ends_with('/')) path.pop_back();
      if (next->meta.info.kind == FileInfo::Kind::directory && next->meta.depth < *depth &&
          next->meta.device == device)
        folders.try_emplace(path);
      auto slash = path.rfind('/');
      if (next->meta.depth > 0 && slash != path.npos)
        if (auto in = folders.find(slash == 0 ? "/" : path.substr(0, slash)); in != folders.end())
          in->second.push_back(path.substr(slash + 1));
      facts_.entry(path, {next->meta.info, std::move(next->link)});
    }
    if (!cut_ && size < *limit)
      for (auto& [path, names] : folders) facts_.listing(path, std::move(names));
    return ok();
  }

  /// grep -H: each line or item behind "/proc/7/stat:".
  void lines(std::string_view text, char end) {
    std::map<std::string, std::string> texts;
    while (!text.empty()) {
      auto stop = std::min(text.find(end), text.size());
      auto line = text.substr(0, stop);
      text.remove_prefix(std::min(stop + 1, text.size()));
      auto colon = line.find(':');
      if (colon == line.npos || !line.starts_with("/proc/")) continue;
      auto& into = texts[std::string(line.substr(0, colon))];
      into += line.substr(colon + 1);
      into += end;
    }
    for (auto& [path, whole] : texts) {
      auto size = whole.size();
      facts_.bytes(path, 0, size + 1, std::move(whole));
    }
  }

  Status nothing(Fields& fields) {
    auto why = fields.next(), kind = fields.next(), path = fields.next();
    if (!why || !kind || !path) return broken("nothing, of nothing");
    auto known = std::ranges::find(kKinds, *kind);
    auto reason = why_of(*why);
    if (known == kKinds.end() || !reason) return broken("nothing, for no known reason");
    facts_.missing(static_cast<Want::Kind>(known - kKinds.begin()), std::string(*path), *reason);
    return ok();
  }

  Facts& facts_;
  std::optional<Open> open_;
  std::size_t rows_ = 0;
  bool cut_ = false;
};

}  // namespace

Status read_answer(std::string_view answer, std::string_view mark, Facts& facts) {
  std::string needle(mark);
  needle += '\0';
  AnswerReader reader(facts);
  auto at = answer.find(needle);
  std::size_t pieces = 0;
  while (at != answer.npos) {
    if (++pieces > kMostPieces)
      return fail(CaptureCode::too_much, "the machine has answered more than {} times", kMostPieces);
    auto from = at + needle.size();
    at = answer.find(needle, from);
    auto text = answer.substr(from, at == answer.npos ? at : at - from);
    if (text == std::string_view("Z\0", 2)) return reader.end();
    CHECK_OK(reader.piece(text));
  }
  // Nothing from behind a mark is shown: it may be anything that lies on the machine.
  if (pieces > 0) return fail(CaptureCode::bad_answer, "the answer of the machine breaks off");
  return fail(CaptureCode::bad_answer, "the machine does not answer as a shell would; it says {}",
              answer.empty() ? "nothing" : quote(answer));
}

}  // namespace meshops::capture
