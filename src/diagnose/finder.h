// Finds a few thousand short words in a text at once, in either case. Called by the scanner for its needles.
// Pure, and total on hostile bytes: time is linear in the text, and nothing is allocated.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::diagnose {

/// Every second place of the text is looked at, four bytes each: a filter of bits says whether some word has
/// such four bytes there, and only then is it asked which. Of each word one window is looked for in odd and
/// one in even places: the one that everyday lines have least.
class Finder {
 public:
  static constexpr std::size_t kShortest = 3, kLongest = 16;

  /// In lower case, each of kShortest to kLongest bytes.
  explicit Finder(std::vector<std::string> words);

  /// Calls found(word, end) for each, `end` behind its last byte; as they stand in the text, but that of two
  /// that overlap the one that ends later may come first.
  template <typename Found>
  void find(std::string_view text, Found&& found) const {
    Groups groups;
    for (std::size_t at = 0; at < text.size();) {
      auto count = candidates(text, at, groups);
      for (std::size_t i = 0; i < count; ++i)
        for (auto places = groups[i].places; places != 0; places &= places - 1)
          confirm(text, groups[i].begin + static_cast<unsigned>(std::countr_zero(places)), found);
    }
  }

 private:
  static constexpr std::size_t kHead = 8;
  /// Of 64 bytes: the places where a word may be.
  struct Group {
    std::uint64_t places = 0;
    std::size_t begin = 0;
  };
  using Groups = std::array<Group, 128>;

  /// Its first bytes as they are compared first, with 0x20 in each: 'A' is 'a' then, and '[' is '{'. Small,
  /// because many are looked at.
  struct Word {
    std::uint64_t head = 0;
    std::uint16_t number = 0;
    std::uint8_t size = 0;
    std::int8_t before = 0;  // so many of its bytes stand before the window; -1: it begins one behind
    bool last = false;       // of those with the same window
  };

  /// Goes on at `at` until there are no more groups or the text ends; gives how many there are.
  std::size_t candidates(std::string_view text, std::size_t& at, Groups& groups) const;
  std::size_t candidates_avx2(std::string_view text, std::size_t& at, Groups& groups) const;

  std::uint32_t hash(std::uint32_t window) const { return window * factor_; }
  bool passes(std::uint32_t hash) const {
    return (filter_[(hash & kOfWord) >> filter_shift_] << (hash >> 27) & 0x80000000U) != 0;
  }

  void fill_filter(const std::vector<std::uint32_t>& windows);
  void choose_factor(const std::vector<std::uint32_t>& windows);

  static bool stands_at(std::string_view text, std::string_view word);

  /// As many as there are of the bytes there.
  template <typename Bits>
  static Bits bytes_at(std::string_view text, std::size_t at) {
    Bits bits = 0;
    if (at + sizeof bits <= text.size())
      std::memcpy(&bits, text.data() + at, sizeof bits);
    else if (at < text.size())
      std::memcpy(&bits, text.data() + at, text.size() - at);
    return bits;
  }

  static std::uint32_t window_at(std::string_view text, std::size_t at) {
    return bytes_at<std::uint32_t>(text, at) | static_cast<std::uint32_t>(kSmall);
  }

  template <typename Found>
  void confirm(std::string_view text, std::size_t place, Found& found) const {
    auto window = window_at(text, place);
    std::size_t slot = hash(window) >> slot_shift_;
    for (; slots_[slot].first != kNone; slot = (slot + 1) % slots_.size()) {
      if (slots_[slot].window != window) continue;
      const auto* word = &words_[slots_[slot].first];
      do {
        auto begin = place - static_cast<std::size_t>(word->before);
        if (begin > text.size() || word->size > text.size() - begin) continue;
        auto unused = 8U * static_cast<unsigned>(kHead - std::min<std::size_t>(kHead, word->size));
        if (((bytes_at<std::uint64_t>(text, begin) | kSmall) ^ word->head) << unused == 0 &&
            stands_at(text.substr(begin), texts_[word->number]))
          found(word->number, begin + word->size);
      } while (!(word++)->last);
      return;
    }
  }

  static constexpr std::uint64_t kSmall = 0x2020202020202020;
  static constexpr std::uint32_t kNone = ~0U, kOfWord = (1U << 27) - 1;
  struct Slot {
    std::uint32_t window = 0, first = kNone;
  };
  std::vector<Word> words_;         // by window
  std::vector<std::string> texts_;  // by number
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> filter_;
  unsigned slot_shift_ = 0, filter_shift_ = 0;
  std::uint32_t factor_ = 0;
};

}  // namespace meshops::diagnose
