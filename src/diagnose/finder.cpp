#include "diagnose/finder.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "diagnose/everyday.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace meshops::diagnose {

namespace {

/// What is looked for of a word in odd, or in even, places.
struct Windows {
  std::vector<std::uint32_t> each;
  std::int8_t before = 0;
  std::size_t cost = 0;  // as often as everyday lines have them; many make the filter worse
};

/// Bytes [at, at + 4) of the word, of which one may stand before or behind it and be any: a word
/// that is too short for a window of its own needs that, and "?ino" leads to "inode" where "node" stands
/// everywhere.
Windows windows_at(std::string_view word, std::ptrdiff_t at) {
  Windows out{.each = {}, .before = static_cast<std::int8_t>(at)};
  auto place = [&](std::size_t i) { return static_cast<std::size_t>(at + static_cast<std::ptrdiff_t>(i)); };
  for (unsigned any = 0x20; any < 256; any = (any + 1) | 0x20) {
    std::string window(4, static_cast<char>(any));
    bool whole = true;
    for (std::size_t i = 0; i < 4; ++i) {
      if (place(i) < word.size())
        window[i] = static_cast<char>(word[place(i)] | 0x20);
      else
        whole = false;
    }
    std::uint32_t bits = 0;
    std::memcpy(&bits, window.data(), sizeof bits);
    out.each.push_back(bits);
    out.cost += gram_in_everyday_lines(window);
    if (whole) break;
  }
  out.cost += out.each.size() / 16;
  return out;
}

Windows best_windows(std::string_view word, std::size_t parity) {
  Windows best{.each = {}, .before = 0, .cost = std::numeric_limits<std::size_t>::max()};
  auto size = static_cast<std::ptrdiff_t>(word.size());
  for (std::ptrdiff_t at = parity == 0 ? 0 : -1; at + 3 <= size; at += 2)
    if (auto one = windows_at(word, at); one.cost < best.cost) best = std::move(one);
  return best;
}

}  // namespace

Finder::Finder(std::vector<std::string> words) : texts_(std::move(words)) {
  static_assert(std::endian::native == std::endian::little);
  std::vector<std::pair<std::uint32_t, Word>> all;
  for (std::size_t number = 0; number < texts_.size(); ++number) {
    const auto& text = texts_[number];
    Word word{.head = bytes_at<std::uint64_t>(text, 0) | kSmall,
              .number = static_cast<std::uint16_t>(number),
              .size = static_cast<std::uint8_t>(text.size())};
    for (std::size_t parity = 0; parity < 2; ++parity) {
      auto [windows, before, cost] = best_windows(text, parity);
      word.before = before;
      for (auto window : windows) all.emplace_back(window, word);
    }
  }
  std::ranges::sort(all, {}, [](const auto& one) { return std::pair(one.first, one.second.number); });
  // A bit in a hundred is set: more, and too much passes; fewer, and it fits no cache.
  filter_shift_ = 27U - std::clamp(static_cast<unsigned>(std::bit_width(all.size())) + 2, 10U, 15U);
  filter_.resize(1ULL << (27 - filter_shift_));
  slot_shift_ = 32U - std::max(static_cast<unsigned>(std::bit_width(all.size())) + 1, 4U);
  slots_.resize(1ULL << (32 - slot_shift_));
  std::vector<std::uint32_t> windows;
  for (const auto& [window, word] : all) windows.push_back(window);
  choose_factor(windows);
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto [window, word] = all[i];
    word.last = i + 1 == all.size() || windows[i + 1] != window;
    words_.push_back(word);
    if (i > 0 && windows[i - 1] == window) continue;
    std::size_t slot = hash(window) >> slot_shift_;
    while (slots_[slot].first != kNone) slot = (slot + 1) % slots_.size();
    slots_[slot] = {.window = window, .first = static_cast<std::uint32_t>(i)};
  }
}

void Finder::fill_filter(const std::vector<std::uint32_t>& windows) {
  std::ranges::fill(filter_, 0);
  for (auto window : windows) {
    auto h = hash(window);
    filter_[(h & kOfWord) >> filter_shift_] |= 0x80000000U >> (h >> 27);
  }
}

/// What each line of a log has, a date or `","level":"`, must not share a bit with some window: then every
/// line would be looked at closely. One factor is as good as another; the best of a few for everyday lines is
/// taken.
void Finder::choose_factor(const std::vector<std::uint32_t>& windows) {
  constexpr std::uint32_t kFactors[] = {0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1,
                                        0xd3a2646d, 0xfd7046c5, 0xb55a4f09, 0xcc9e2d51, 0x1b873593};
  auto lines = everyday_lines();
  auto fewest = std::numeric_limits<std::size_t>::max();
  std::uint32_t best = 0;
  for (auto factor : kFactors) {
    factor_ = factor;
    fill_filter(windows);
    std::size_t passed = 0;
    for (std::size_t at = 0; at < lines.size(); ++at) passed += passes(hash(window_at(lines, at))) ? 1 : 0;
    if (passed >= fewest) continue;
    fewest = passed;
    best = factor;
  }
  factor_ = best;
  fill_filter(windows);
}

bool Finder::stands_at(std::string_view text, std::string_view word) {
  if (text.size() < word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c) != word[i]) return false;
  }
  return true;
}

std::size_t Finder::candidates(std::string_view text, std::size_t& at, Groups& groups) const {
#if defined(__x86_64__)
  static const bool kAvx2 = __builtin_cpu_supports("avx2") != 0;
  if (kAvx2 && text.size() - at > 68) return candidates_avx2(text, at, groups);
#endif
  std::size_t count = 0;
  for (; at < text.size() && count < groups.size(); at += 64) {
    std::uint64_t places = 0;
    for (std::size_t i = 0; i < 64; i += 2)
      if (passes(hash(window_at(text, at + i)))) places |= 1ULL << i;
    groups[count] = {.places = places, .begin = at};
    count += places != 0 ? 1 : 0;
  }
  return count;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) std::size_t Finder::candidates_avx2(std::string_view text, std::size_t& at,
                                                                    Groups& groups) const {
  const auto small = _mm256_set1_epi64x(static_cast<std::int64_t>(kSmall));
  const auto factor = _mm256_set1_epi32(static_cast<int>(factor_));
  const auto of_word = _mm256_set1_epi32(static_cast<int>(kOfWord));
  const auto to_word = _mm_cvtsi32_si128(static_cast<int>(filter_shift_));
  const auto* filter = reinterpret_cast<const int*>(filter_.data());
  // The bit of each window that begins at one of the eight fourth bytes from there, uppermost in its lane.
  auto bits = [&](const char* bytes) __attribute__((target("avx2"))) {
    auto windows = _mm256_or_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes)), small);
    auto hashes = _mm256_mullo_epi32(windows, factor);
    auto words =
        _mm256_i32gather_epi32(filter, _mm256_srl_epi32(_mm256_and_si256(hashes, of_word), to_word), 4);
    return _mm256_sllv_epi32(words, _mm256_srli_epi32(hashes, 27));
  };
  // Of 32 bytes, at each odd bit.
  auto passing = [&](const char* bytes) __attribute__((target("avx2"))) {
    auto both = _mm256_blend_epi16(_mm256_srli_epi32(bits(bytes), 16), bits(bytes + 2), 0xaa);
    return static_cast<unsigned>(_mm256_movemask_epi8(both)) & 0xaaaaaaaaU;
  };
  std::size_t count = 0;
  for (; at + 68 <= text.size() && count < groups.size(); at += 64) {
    auto low = passing(text.data() + at), high = passing(text.data() + at + 32);
    groups[count] = {.places = (low | static_cast<std::uint64_t>(high) << 32) >> 1, .begin = at};
    count += groups[count].places != 0 ? 1 : 0;
  }
  return count;
}
#endif

}  // namespace meshops::diagnose
