#include "diagnose/scan.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include "diagnose/finder.h"
#include "diagnose/needles.h"
#include "formats/utf8.h"

namespace meshops::diagnose {

namespace {

/// One of our own patterns is wrong: no input can cause that, and a unit test looks at them all.
[[noreturn]] void broken_table(std::string_view id, std::string_view why) {
  fmt::print(stderr, "meshops: the signature table cannot be used: {} {}\n", id, why);
  std::abort();
}

/// memchr runs at many GB/s, a counting loop at one.
std::size_t line_ends(std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) ++count;
  return count;
}

/// Where the next block ends: behind the last line end in kBlock bytes if there is one.
std::size_t block_end(std::string_view text, std::size_t begin) {
  if (text.size() - begin <= kBlock) return text.size();
  auto end = text.substr(begin, kBlock).rfind('\n');
  return begin + (end == text.npos ? kBlock : end + 1);
}

/// Whether a match stands among text. In 100 MB of a program or of noise every short pattern occurs, and says
/// nothing. NUL bytes count neither way: a power cut leaves blocks of them in a log.
bool among_text(std::string_view text, std::string_view line, std::string_view match) {
  constexpr std::size_t kAround = 80, kShortLine = 24;
  auto at = static_cast<std::size_t>(match.data() - text.data());
  auto behind = at + match.size();
  std::size_t begin = 0, end = text.size();
  // What stands beside a very short line must vouch for it.
  if (line.size() >= kShortLine) {
    begin = static_cast<std::size_t>(line.data() - text.data());
    end = begin + line.size();
  }
  begin = std::max(begin, at - std::min(at, kAround));
  end = std::min(end, behind + kAround);
  std::size_t good = 0, all = 0;
  for (std::size_t i = begin; i < end;) {
    if (i >= at && i < behind) {
      i = behind;
      continue;
    }
    auto c = static_cast<unsigned char>(text[i]);
    auto length = c < 0x80 ? 1 : std::max<std::size_t>(code_point(text.substr(0, end), i).length, 1);
    i += length;
    if (c == 0) continue;
    all += length;
    bool control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != 0x1b) || c == 0x7f;
    if (!control && (c < 0x80 || length > 1)) good += length;
  }
  return good * 4 >= all * 3;
}

}  // namespace

/// All needles of all signatures, to be looked for at once, and whose each is.
class Scanner::Needles {
 public:
  explicit Needles(std::span<const Signature> signatures) {
    Owned all;
    for (std::size_t i = 0; i < signatures.size(); ++i) {
      const auto& s = signatures[i];
      auto own = needles_of(is_weak(s.id) ? words_of_failure() : s.pattern);
      if (own.empty()) broken_table(s.id, "has no needle");
      for (auto& needle : own) all[std::move(needle)].push_back(i);
    }
    std::vector<std::string> texts;
    for (auto& [needle, owners] : all) {
      texts.push_back(needle);
      owners_.push_back(std::move(owners));
    }
    finder_.emplace(std::move(texts));
  }

  std::size_t size() const { return owners_.size(); }
  const std::vector<std::size_t>& owners(std::size_t needle) const { return owners_[needle]; }

  const Finder& finder() const { return *finder_; }

 private:
  using Owned = std::map<std::string, std::vector<std::size_t>>;

  std::optional<Finder> finder_;
  std::vector<std::vector<std::size_t>> owners_;
};

Scanner::Scanner(std::span<const Signature> signatures)
    : signatures_(signatures),
      needles_(std::make_unique<const Needles>(signatures)),
      expressions_(signatures.size()) {}

Scanner::~Scanner() = default;

/// A signature's pattern, compiled when it is first needed: most never are.
const re2::RE2& Scanner::expression(std::size_t signature) const {
  auto& mine = expressions_[signature];
  std::call_once(mine.once, [&] {
    re2::RE2::Options options;
    options.set_encoding(re2::RE2::Options::EncodingLatin1);  // bytes, whatever they are
    options.set_case_sensitive(false);
    options.set_log_errors(false);
    mine.compiled = std::make_unique<re2::RE2>(signatures_[signature].pattern, options);
    if (!mine.compiled->ok()) broken_table(signatures_[signature].id, mine.compiled->error());
  });
  return *mine.compiled;
}

/// One log being read.
class Reading {
 public:
  Reading(const Scanner& scanner, std::string_view text)
      : scanner_(scanner), text_(text), of_(scanner.signatures_.size()) {
    for (std::size_t i = 0; i < of_.size(); ++i)
      if (is_weak(scanner.signatures_[i].id)) of_[i] = {.allowed = kTriesOfWeak, .weak = true};
  }

  void read() {
    for (block_begin_ = 0; block_begin_ < text_.size(); block_begin_ = block_end_) {
      block_end_ = block_end(text_, block_begin_);
      line_begin_ = line_end_ = block_begin_;
      for (auto& s : of_) s.next_block();
      asleep_.assign(scanner_.needles_->size(), 0);
      scanner_.needles_->finder().find(
          text_.substr(block_begin_, block_end_ - block_begin_),
          [this](std::size_t needle, std::size_t end) { found(needle, block_begin_ + end - 1); });
    }
    std::ranges::sort(hits, [](const Hit& a, const Hit& b) {
      return a.signature != b.signature ? a.signature < b.signature : a.line < b.line;
    });
  }

  std::vector<Hit> hits;
  Scanner::Work work;

 private:
  struct PerSignature {
    std::size_t hits = 0;
    std::size_t tries = 0, allowed = kTriesPerBlock;
    std::size_t looked_to = 0;
    bool weak = false;

    bool done() const { return hits == kHitsPerSignature || tries >= allowed; }
    void next_block() {
      if (weak) return;
      if (tries >= allowed) allowed = std::max(allowed / 2, kFewestTriesPerBlock);
      tries = 0;
    }
    void hit() {
      ++hits;
      if (!weak) allowed = kTriesPerBlock;
    }
  };

  /// `at` is the last byte of a needle. They come in this order, but for those that overlap.
  void found(std::size_t needle, std::size_t at) {
    ++work.needles;
    if (asleep_[needle] != 0) return;
    bool all_done = true;
    for (auto signature : scanner_.needles_->owners(needle)) {
      auto& s = of_[signature];
      if (s.done()) continue;
      all_done = false;
      if (at >= s.looked_to) look(signature, s, at);
    }
    asleep_[needle] = all_done ? 1 : 0;
  }

  void look(std::size_t signature, PerSignature& s, std::size_t at) {
    find_line(at);
    auto begin = at > line_begin_ + kReach ? at - kReach : line_begin_;
    auto end = std::min(line_end_, at + kReach);
    ++s.tries;
    ++work.tries;
    s.looked_to = end;
    re2::StringPiece window(text_.data() + begin, end - begin), match;
    const auto& expression = scanner_.expression(signature);
    // Whether is much quicker to answer than where.
    if (!expression.Match(window, 0, window.size(), re2::RE2::UNANCHORED, nullptr, 0)) return;
    expression.Match(window, 0, window.size(), re2::RE2::UNANCHORED, &match, 1);
    auto matched = static_cast<std::size_t>(match.data() - text_.data());
    s.looked_to = line_end_;  // one hit per line
    if (!among_text(text_, text_.substr(line_begin_, line_end_ - line_begin_),
                    text_.substr(matched, match.size())))
      return;
    s.hit();
    lines_ += line_ends(text_.substr(counted_to_, line_begin_ - counted_to_));
    counted_to_ = line_begin_;
    hits.push_back({signature, lines_, shown_around(matched)});
  }

  /// The line that holds the byte at `at`, as far as it lies in the block.
  void find_line(std::size_t at) {
    if (at >= line_begin_ && at < line_end_) return;
    auto block = text_.substr(0, block_end_);
    auto before = block.substr(block_begin_, at - block_begin_).rfind('\n');
    line_begin_ = before == block.npos ? block_begin_ : block_begin_ + before + 1;
    line_end_ = std::min(block.find('\n', at), block_end_);
  }

  /// The line, of a long one the part that begins near the match.
  std::string_view shown_around(std::size_t match) const {
    auto begin = line_begin_;
    if (line_end_ - line_begin_ > kLineShown && match > line_begin_ + kLineShown / 4)
      begin = match - kLineShown / 4;
    auto line = text_.substr(begin, std::min(kLineShown, line_end_ - begin));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  const Scanner& scanner_;
  std::string_view text_;
  std::vector<PerSignature> of_;
  std::vector<std::uint8_t> asleep_;  // of each needle: nobody wants it for the rest of the block
  std::size_t block_begin_ = 0, block_end_ = 0;
  std::size_t line_begin_ = 0, line_end_ = 0;
  std::size_t lines_ = 1, counted_to_ = 0;  // line ends are counted up to where they are asked for
};

std::vector<Hit> Scanner::scan(std::string_view text, Work* work) const {
  Reading reading(*this, text);
  reading.read();
  if (work != nullptr) *work = reading.work;
  return std::move(reading.hits);
}

std::vector<Hit> scan(std::string_view text) {
  static const Scanner all(signatures());
  return all.scan(text);
}

}  // namespace meshops::diagnose
