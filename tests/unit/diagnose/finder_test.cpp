#include "diagnose/finder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"

namespace meshops::diagnose {

namespace {

using Found = std::vector<std::pair<std::size_t, std::size_t>>;

Found found_by(const Finder& finder, std::string_view text) {
  Found out;
  finder.find(text, [&](std::size_t word, std::size_t end) { out.emplace_back(word, end); });
  std::ranges::sort(out);
  return out;
}

Found found_slowly(const std::vector<std::string>& words, std::string_view text) {
  auto small = lower(text);
  Found out;
  for (std::size_t i = 0; i < words.size(); ++i)
    for (auto at = small.find(words[i]); at != small.npos; at = small.find(words[i], at + 1))
      out.emplace_back(i, at + words[i].size());
  std::ranges::sort(out);
  return out;
}

}  // namespace

TEST(Finder, FindsAWordInAnyPlaceAndCase) {
  const std::vector<std::string> words = {
      "429", "mtu", "node", "stuck", "enospc", "[gateway]", "not supported by"};
  Finder finder(words);
  for (std::size_t i = 0; i < words.size(); ++i)
    for (std::size_t before = 0; before < 140; ++before)
      for (std::size_t behind : {0U, 1U, 2U, 3U, 100U}) {
        auto word = words[i];
        if (before % 2 == 0)
          std::ranges::transform(word, word.begin(),
                                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
        auto text = std::string(before, '.') + word + std::string(behind, ' ');
        EXPECT_EQ(found_by(finder, text), (Found{{i, before + word.size()}})) << text;
      }
}

// What differs from a word in the bit that tells 'A' from 'a' is another word, unless it is a letter.
TEST(Finder, OnlyLettersHaveCases) {
  Finder finder({"[gateway]", "a_b-c", "no 42"});
  EXPECT_TRUE(found_by(finder,
                       "{gateway} a\x7f"
                       "b-c A_B\rc NO\x00 42 NO \x14\x12")
                  .empty());
  EXPECT_EQ(found_by(finder, "[GATEWAY] A_B-C NO 42").size(), 3U);
}

TEST(Finder, FindsWhateverASlowSearchFinds) {
  std::mt19937 random(7);  // NOLINT: the same each time
  auto some = [&](std::size_t least, std::size_t most, std::string_view alphabet) {
    std::string text(std::uniform_int_distribution<std::size_t>(least, most)(random), ' ');
    for (auto& c : text) c = alphabet[random() % alphabet.size()];
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> words;
    for (int i = 0; i < 1 + round % 40; ++i)
      words.push_back(some(Finder::kShortest, Finder::kLongest, "abn _@`[{"));
    std::ranges::sort(words);
    words.erase(std::ranges::unique(words).begin(), words.end());
    // Bits alone make no word, and many words make a text.
    auto text = some(0, 400, "abnABN _@`[{\x01\x80");
    for (int i = 0; i < 20; ++i) text += words[random() % words.size()] + some(0, 3, "aB_ ");
    EXPECT_EQ(found_by(Finder(words), text), found_slowly(words, text)) << round;
  }
}

TEST(Finder, WithoutWordsNothingIsFound) {
  EXPECT_TRUE(found_by(Finder({}), std::string(1000, ' ')).empty());
  EXPECT_TRUE(found_by(Finder({"abc"}), "").empty());
  EXPECT_TRUE(found_by(Finder({"abc"}), "ab").empty());
}

}  // namespace meshops::diagnose
