#include "diagnose/signatures.h"

#include <fmt/format.h>
#include <hs/hs.h>
#include <re2/re2.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "diagnose/needles.h"

namespace meshops::diagnose {

std::span<const Signature> signatures() {
  static const auto all = [] {
    std::vector<Signature> rows;
    for (auto table : {signatures_service(), signatures_gateway(), signatures_provider(),
                       signatures_machine(), signatures_network(), signatures_weak(), signatures_facts()})
      rows.insert(rows.end(), table.begin(), table.end());
    return rows;
  }();
  return all;
}

std::optional<std::size_t> signature_number(std::string_view id) {
  static const auto numbers = [] {
    std::unordered_map<std::string_view, std::size_t> map;
    for (std::size_t i = 0; i < signatures().size(); ++i) map.emplace(signatures()[i].id, i);
    return map;
  }();
  auto found = numbers.find(id);
  if (found == numbers.end()) return std::nullopt;
  return found->second;
}

namespace {

/// One of our own patterns is wrong: no input can cause that, and a unit test looks at them all.
[[noreturn]] void broken_table(std::string_view why) {
  fmt::print(stderr, "meshops: the signature table cannot be used: {}\n", why);
  std::abort();
}

struct FreeDatabase {
  void operator()(hs_database_t* db) const { hs_free_database(db); }
};
struct FreeScratch {
  void operator()(hs_scratch_t* scratch) const { hs_free_scratch(scratch); }
};

/// All needles of all signatures as one database, and whose each is.
class Needles {
 public:
  Needles() {
    std::map<std::string, std::vector<std::size_t>> all;
    for (std::size_t i = 0; i < signatures().size(); ++i) {
      auto needles = needles_of(is_weak(signatures()[i].id) ? words_of_failure() : signatures()[i].pattern);
      if (needles.empty()) broken_table(fmt::format("{} has no needle", signatures()[i].id));
      for (auto& needle : needles) all[std::move(needle)].push_back(i);
    }
    share(all);
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    std::vector<unsigned> ids;
    for (auto& [needle, owners] : all) {
      ids.push_back(static_cast<unsigned>(owners_.size()));
      texts.push_back(needle.c_str());
      sizes.push_back(needle.size());
      owners_.push_back(std::move(owners));
    }
    std::vector<unsigned> flags(texts.size(), HS_FLAG_CASELESS);
    hs_database_t* db = nullptr;
    hs_compile_error_t* why = nullptr;
    if (hs_compile_lit_multi(texts.data(), flags.data(), ids.data(), sizes.data(),
                             static_cast<unsigned>(texts.size()), HS_MODE_BLOCK, nullptr, &db,
                             &why) != HS_SUCCESS)
      broken_table(why == nullptr ? "?" : why->message);
    database_.reset(db);
  }
  const hs_database_t* database() const { return database_.get(); }
  const std::vector<std::size_t>& owners(unsigned needle) const { return owners_[needle]; }

 private:
  using Owned = std::map<std::string, std::vector<std::size_t>>;

  /// A needle that contains another one is not looked for: the shorter one finds its lines, too. Fewer
  /// needles are faster, as long as the short ones are rare.
  static void share(Owned& all) {
    constexpr std::size_t kRareFrom = 6;
    std::vector<std::string> by_size;
    for (const auto& [needle, owners] : all) by_size.push_back(needle);
    std::ranges::sort(by_size, [](const auto& a, const auto& b) {
      return a.size() != b.size() ? a.size() < b.size() : a < b;
    });
    std::vector<std::string_view> kept;
    for (const auto& needle : by_size) {
      auto inside =
          std::ranges::find_if(kept, [&](std::string_view k) { return needle.find(k) != needle.npos; });
      if (inside == kept.end()) {
        if (needle.size() >= kRareFrom) kept.push_back(needle);
        continue;
      }
      auto& owners = all[std::string(*inside)];
      for (auto owner : all[needle])
        if (std::ranges::find(owners, owner) == owners.end()) owners.push_back(owner);
      all.erase(needle);
    }
  }

  std::unique_ptr<hs_database_t, FreeDatabase> database_;
  std::vector<std::vector<std::size_t>> owners_;
};

const Needles& needles() {
  static const Needles all;
  return all;
}

/// The scratch of this thread.
hs_scratch_t* scratch() {
  thread_local std::unique_ptr<hs_scratch_t, FreeScratch> mine = [] {
    hs_scratch_t* raw = nullptr;
    if (hs_alloc_scratch(needles().database(), &raw) != HS_SUCCESS) broken_table("no memory for a scan");
    return std::unique_ptr<hs_scratch_t, FreeScratch>(raw);
  }();
  return mine.get();
}

/// A signature's pattern, compiled when it is first needed: most never are.
const re2::RE2& expression(std::size_t signature) {
  static std::vector<std::unique_ptr<re2::RE2>> all(signatures().size());
  static std::mutex guard;
  std::scoped_lock lock(guard);
  auto& mine = all[signature];
  if (!mine) {
    re2::RE2::Options options;
    options.set_encoding(re2::RE2::Options::EncodingLatin1);  // bytes, whatever they are
    options.set_case_sensitive(false);
    options.set_log_errors(false);
    mine = std::make_unique<re2::RE2>(signatures()[signature].pattern, options);
    if (!mine->ok()) broken_table(fmt::format("{}: {}", signatures()[signature].id, mine->error()));
  }
  return *mine;
}

/// memchr runs at many GB/s, a counting loop at one.
std::size_t line_ends(std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) ++count;
  return count;
}

/// So much of a long line is looked at on each side of a needle; no pattern needs more.
constexpr std::size_t kReach = 1024;
/// A needle that stands everywhere without its pattern is not looked at for ever: so often per signature and
/// block.
constexpr std::size_t kTriesPerBlock = 48;

/// In a whole log a weak signature is tried so often.
constexpr std::size_t kTriesOfWeak = 64;

class Scanner {
 public:
  Scanner() {
    for (std::size_t i = 0; i < of_.size(); ++i) of_[i].weak = is_weak(signatures()[i].id);
  }

  std::vector<Hit> take() {
    std::ranges::sort(hits_, [](const Hit& a, const Hit& b) {
      return a.signature != b.signature ? a.signature < b.signature : a.line < b.line;
    });
    return std::move(hits_);
  }

  void block(std::string_view block) {
    block_ = block;
    line_begin_ = line_end_ = 0;
    line_number_ = lines_before_;
    for (auto& s : of_) {
      if (!s.weak) s.tries = 0;
      s.looked_to = 0;
    }
    auto code = hs_scan(
        needles().database(), block.data(), static_cast<unsigned>(block.size()), 0, scratch(),
        [](unsigned id, unsigned long long, unsigned long long to, unsigned, void* self) {
          static_cast<Scanner*>(self)->found(id, static_cast<std::size_t>(to));
          return 0;
        },
        this);
    if (code != HS_SUCCESS) broken_table(fmt::format("a scan failed with code {}", code));
    lines_before_ += line_ends(block);
  }

 private:
  struct PerSignature {
    std::size_t hits = 0;
    std::size_t tries = 0;
    std::size_t looked_to = 0;  // offset in the block
    bool weak = false;
    bool done() const { return hits == kHitsPerSignature || tries >= (weak ? kTriesOfWeak : kTriesPerBlock); }
  };

  /// Needles come in the order of their ends.
  void found(unsigned needle, std::size_t end) {
    bool wanted = false;
    for (auto signature : needles().owners(needle)) {
      const auto& s = of_[signature];
      wanted = wanted || (!s.done() && end > s.looked_to);
    }
    if (!wanted) return;
    if (end > line_end_ || line_number_ == lines_before_) find_line(end - 1);
    auto begin = end > line_begin_ + kReach ? end - kReach : line_begin_;
    auto stop = std::min(line_end_, end + kReach);
    for (auto signature : needles().owners(needle)) {
      auto& s = of_[signature];
      if (s.done() || end <= s.looked_to) continue;
      ++s.tries;
      s.looked_to = stop;
      re2::StringPiece window(block_.data() + begin, stop - begin), match;
      if (!expression(signature).Match(window, 0, window.size(), re2::RE2::UNANCHORED, &match, 1)) continue;
      ++s.hits;
      s.looked_to = line_end_;  // one hit per line
      hits_.push_back(
          {signature, line_number_, shown_around(static_cast<std::size_t>(match.data() - block_.data()))});
    }
  }

  /// The line that holds the byte at `offset`. Line ends are counted once in a block.
  void find_line(std::size_t offset) {
    auto begin = block_.rfind('\n', offset);
    begin = begin == block_.npos ? 0 : begin + 1;
    if (line_number_ == lines_before_) ++line_number_;  // the first line of the block
    line_number_ += line_ends(block_.substr(line_begin_, begin - line_begin_));
    line_begin_ = begin;
    line_end_ = std::min(block_.find('\n', offset), block_.size());
  }

  /// The line, of a long one the part that begins near the match.
  std::string_view shown_around(std::size_t match) const {
    auto begin = line_begin_;
    if (line_end_ - line_begin_ > kLineShown && match > line_begin_ + kLineShown / 4)
      begin = match - kLineShown / 4;
    auto line = block_.substr(begin, std::min(kLineShown, line_end_ - begin));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  std::vector<PerSignature> of_ = std::vector<PerSignature>(signatures().size());
  std::vector<Hit> hits_;
  std::string_view block_;
  std::size_t lines_before_ = 0;
  std::size_t line_begin_ = 0, line_end_ = 0, line_number_ = 0;
};

/// The next block: up to kBlock bytes, cut behind the last line end if there is one.
std::string_view next_block(std::string_view text) {
  if (text.size() <= kBlock) return text;
  auto block = text.substr(0, kBlock);
  auto end = block.rfind('\n');
  return end == block.npos ? block : block.substr(0, end + 1);
}

}  // namespace

std::vector<Hit> scan(std::string_view text) {
  Scanner scanner;
  while (!text.empty()) {
    auto block = next_block(text);
    scanner.block(block);
    text.remove_prefix(block.size());
  }
  return scanner.take();
}

}  // namespace meshops::diagnose
