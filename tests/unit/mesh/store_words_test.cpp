// What lies in the object store: whom a heartbeat there speaks for, and who has a lease.
#include "mesh/store_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr Duration kTerm = 45s;

TEST(Beat, IsReadAsItWasWritten) {
  const Beat beat{.node = "alpha", .boot = "b0-1", .paused = true};
  EXPECT_EQ(to_json(beat),
            "{\"schema\":\"meshops.beat/1\",\"node\":\"alpha\",\"boot\":\"b0-1\",\"paused\":true}\n");
  EXPECT_EQ(parse_beat(to_json(beat), "alpha").value(), beat);
}

TEST(Beat, OfAnotherNodeOrKindIsNone) {
  const auto text = to_json(Beat{.node = "alpha", .boot = "b0-1"});
  EXPECT_FALSE(parse_beat(text, "beta"));
  for (auto bad : {"", "[]", "{}", R"({"schema":"meshops.beat/2","node":"alpha","boot":"x","paused":false})",
                   R"({"schema":"meshops.beat/1","node":"alpha","boot":"x"})",
                   R"({"schema":"meshops.beat/1","node":"alpha","boot":1,"paused":false})",
                   R"({"schema":"meshops.beat/1","node":["alpha"],"boot":"x","paused":false})"}) {
    auto parsed = parse_beat(bad, "alpha");
    ASSERT_FALSE(parsed) << bad;
    EXPECT_TRUE(parsed.error().is(code_name(StoreWordCode::not_understood)));
  }
  EXPECT_FALSE(parse_beat(text + std::string(4096, ' '), "alpha"));
}

TEST(Beat, ThatIsFreshSeesItsNode) {
  EXPECT_EQ(outside_says(0s, 10min), Outside::sees_it);
  EXPECT_EQ(outside_says(90s, 10min), Outside::sees_it);
  EXPECT_EQ(outside_says(90s, std::nullopt), Outside::sees_it);
}

TEST(Beat, ThatEndedWithTheMachineMissesIt) {
  EXPECT_EQ(outside_says(91s, 91s), Outside::misses_it);
  EXPECT_EQ(outside_says(5min, 4min), Outside::misses_it) << "up to 30 s are between two beats";
  EXPECT_EQ(outside_says(5min, 3min), Outside::misses_it);
  // Cut off from us first, and then from the store, too.
  EXPECT_EQ(outside_says(2min, 1h), Outside::misses_it);
}

TEST(Beat, ThatEndedLongBeforeSaysNothingOfTheMachine) {
  EXPECT_EQ(outside_says(5min + 1s, 3min), Outside::cannot_tell) << "its agent had died before";
  EXPECT_EQ(outside_says(10h, 4min), Outside::cannot_tell);
  EXPECT_EQ(outside_says(std::nullopt, 4min), Outside::cannot_tell);
  EXPECT_EQ(outside_says(2min, std::nullopt), Outside::cannot_tell) << "never reached since our agent began";
}

TEST(Outside, OfTwoTheOneThatSeesTheNodeCounts) {
  using enum Outside;
  EXPECT_EQ(either(sees_it, misses_it), sees_it);
  EXPECT_EQ(either(misses_it, sees_it), sees_it);
  EXPECT_EQ(either(cannot_tell, misses_it), misses_it);
  EXPECT_EQ(either(misses_it, cannot_tell), misses_it);
  EXPECT_EQ(either(cannot_tell, sees_it), sees_it);
  EXPECT_EQ(either(cannot_tell, cannot_tell), cannot_tell);
}

TEST(StoreLease, IsReadAsItWasWritten) {
  const StoreLease lease{"alpha", ~0ULL, 7, 12, true};
  EXPECT_EQ(parse_store_lease(to_json(lease)).value(), lease);
  for (
      auto bad :
      {"", "null", R"({"schema":"meshops.store-lease/1"})",
       R"({"schema":"meshops.store-lease/1","holder":"a b","ticket":1,"fence":1,"writes":1,"released":false})",
       R"({"schema":"meshops.store-lease/1","holder":"a","ticket":-1,"fence":1,"writes":1,"released":false})",
       R"({"schema":"meshops.store-lease/1","holder":"a","ticket":1,"fence":18446744073709551615,"writes":1,"released":false})",
       R"({"schema":"meshops.store-lease/1","holder":"a","ticket":1,"fence":1.5,"writes":1,"released":false})",
       R"({"schema":"meshops.store-lease/1","holder":"a","ticket":1,"fence":1,"writes":1,"released":0})"})
    EXPECT_FALSE(parse_store_lease(bad)) << bad;
}

TEST(StoreLease, IsTakenWhereNobodyHasIt) {
  auto first = take(std::nullopt, 0s, "alpha", 3, kTerm);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->lease, (StoreLease{"alpha", 3, 1, 1, false}));
  EXPECT_EQ(parse_store_lease(first->bytes()).value(), first->lease);
  // Given back, or not renewed for its term.
  auto next = take(StoreLease{"alpha", 3, 1, 2, true}, 0s, "beta", 9, kTerm);
  EXPECT_EQ(next.value().lease, (StoreLease{"beta", 9, 2, 3, false}));
  next = take(StoreLease{"alpha", 3, 1, 2, false}, kTerm, "beta", 9, kTerm);
  EXPECT_EQ(next.value().lease, (StoreLease{"beta", 9, 2, 3, false}));
}

TEST(StoreLease, IsRefusedWhileAnotherHasIt) {
  auto refused = take(StoreLease{"alpha", 3, 1, 2, false}, kTerm - 5s, "beta", 9, kTerm);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(code_name(StoreWordCode::held)));
  EXPECT_THAT(refused.error().text(), HasSubstr("alpha has the lease in the object store, for another 5 s"));
  // Who has it and takes it again gets a new number: the old one is worth nothing from then on.
  auto again = take(StoreLease{"alpha", 3, 1, 2, false}, 1s, "alpha", 4, kTerm);
  EXPECT_EQ(again.value().lease.fence, 2U);
}

TEST(StoreLease, IsRenewedAndGivenBackByItsHolderOnly) {
  const StoreLease held{"alpha", 3, 5, 8, false};
  auto renewed = renew(held, "alpha", 5);
  EXPECT_EQ(renewed.value().lease, (StoreLease{"alpha", 3, 5, 9, false}));
  auto released = release(held, "alpha", 5);
  EXPECT_EQ(released.value().lease, (StoreLease{"alpha", 3, 5, 9, true}));
  for (const auto& [there, holder, fence] :
       std::vector<std::tuple<std::optional<StoreLease>, std::string, std::uint64_t>>{
           {held, "beta", 5},
           {held, "alpha", 4},
           {released->lease, "alpha", 5},
           {std::nullopt, "alpha", 5}}) {
    auto no = renew(there, holder, fence);
    ASSERT_FALSE(no);
    EXPECT_TRUE(no.error().is(code_name(StoreWordCode::lost)));
    EXPECT_FALSE(release(there, holder, fence));
  }
}

/// At S3 the same bytes are the same version: then one that read before a renewal could write after it.
TEST(StoreLease, HasOtherBytesAfterEachMove) {
  auto taken = take(std::nullopt, 0s, "alpha", 3, kTerm).value();
  auto renewed = renew(taken.lease, "alpha", 1).value();
  auto again = renew(renewed.lease, "alpha", 1).value();
  auto released = release(again.lease, "alpha", 1).value();
  std::set<std::string> all{taken.bytes(), renewed.bytes(), again.bytes(), released.bytes()};
  EXPECT_EQ(all.size(), 4U);
}

}  // namespace
}  // namespace meshops::mesh
