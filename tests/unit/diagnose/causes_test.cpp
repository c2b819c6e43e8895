#include "diagnose/causes.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/file.h"

namespace meshops::diagnose {

TEST(Causes, EachStandsInTheCatalogueOnceUnderItsOwnNumber) {
  ASSERT_EQ(catalogue().size(), kCauses);
  std::set<std::string_view> ids;
  for (std::size_t i = 0; i < kCauses; ++i) {
    EXPECT_EQ(static_cast<std::size_t>(catalogue()[i].cause), i);
    EXPECT_TRUE(ids.insert(catalogue()[i].id).second) << catalogue()[i].id;
  }
}

TEST(Causes, EachSaysEverythingAPersonNeeds) {
  for (const auto& info : catalogue()) {
    for (auto text : {info.title, info.what, info.speaks_for, info.speaks_against, info.person})
      EXPECT_FALSE(text.empty()) << info.id;
    EXPECT_FALSE(info.remedies.empty()) << info.id;
  }
}

TEST(Causes, ARemedyIsTheSameWhereverItStands) {
  std::map<std::string_view, RemedyInfo> known;
  for (const auto& info : catalogue())
    for (const auto& remedy : info.remedies) {
      auto [at, fresh] = known.emplace(remedy.id, remedy);
      EXPECT_TRUE(fresh || at->second.by == remedy.by) << remedy.id;
    }
}

TEST(Causes, NamesAreReadBack) {
  for (const auto& info : catalogue()) EXPECT_EQ(parse_cause(info.id), info.cause);
  EXPECT_FALSE(parse_cause("start_limit"));
}

TEST(Causes, ThePageIsWhatTheCodeSays) {
  auto page = read_file(MESHOPS_SOURCE_DIR "/docs/causes.md");
  ASSERT_TRUE(page);
  EXPECT_EQ(*page, catalogue_markdown()) << "write it anew: meshops explain --all > docs/causes.md";
}

}  // namespace meshops::diagnose
