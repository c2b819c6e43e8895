// The object store over a directory: conditions hold between processes, too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <fstream>

#include "fakes/fake_store.h"
#include "store/object_store.h"
#include "unit/net/loop.h"

namespace meshops::store {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace fs = std::filesystem;

struct DirectoryStore : testing::Test {
  Result<std::optional<Object>> get(const std::string& key) { return test::run(io, store->get(key)); }
  Result<std::string> put(const std::string& key, const std::string& bytes, PutIf condition = {}) {
    return test::run(io, store->put(key, bytes, std::move(condition)));
  }
  static void age(const fs::path& file, std::chrono::seconds by) {
    fs::last_write_time(file, fs::last_write_time(file) - by);
  }
  boost::asio::io_context io;
  test::TempDir dir;
  std::shared_ptr<ObjectStore> store = directory_store(dir.path());
};

TEST_F(DirectoryStore, GivesBackWhatWasPut) {
  EXPECT_FALSE(get("mesh/beat/alpha").value());
  auto version = put("mesh/beat/alpha", "one");
  ASSERT_TRUE(version) << version.error().text();
  age(dir.path() / "mesh/beat/alpha", 100s);
  auto there = get("mesh/beat/alpha").value();
  ASSERT_TRUE(there);
  EXPECT_EQ(there->bytes, "one");
  EXPECT_GE(there->age, 99s);
  EXPECT_LE(there->age, 110s);
  // Nothing of ours is left beside it but the lock.
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir.path() / "mesh/beat"))
    names.push_back(entry.path().filename());
  EXPECT_THAT(names, testing::UnorderedElementsAre("alpha", ".alpha.lock"));
}

TEST_F(DirectoryStore, PutsUnderAConditionOnlyWhatHasNotChanged) {
  const PutIf absent{PutIf::Is::absent};
  auto first = put("k", "1", absent).value();
  EXPECT_TRUE(put("k", "2", absent).error().is(code_name(ObjectCode::changed)));
  auto second = put("k", "2", {PutIf::Is::version, first});
  ASSERT_TRUE(second);
  EXPECT_TRUE(put("k", "3", {PutIf::Is::version, first}).error().is(code_name(ObjectCode::changed)));
  EXPECT_EQ(get("k").value()->version, *second);
  auto third = put("k", "2", {PutIf::Is::version, *second});
  ASSERT_TRUE(third);
  EXPECT_NE(*third, *second) << "the same bytes are another write";
  EXPECT_TRUE(test::run(io, prove_conditions(store, "proof/x")));
}

/// Many processes increase one number, each write under the version that it read: none gets lost.
TEST_F(DirectoryStore, OfTwoRacersOneWins) {
  constexpr int kRacers = 4, kTimes = 25;
  ASSERT_TRUE(put("n", "0"));
  std::vector<pid_t> children;
  for (int i = 0; i < kRacers; ++i) {
    auto pid = ::fork();
    if (pid == 0) {
      boost::asio::io_context own;
      auto mine = directory_store(dir.path());
      for (int done = 0; done < kTimes;) {
        auto there = test::run(own, mine->get("n"));
        if (!there || !*there) ::_exit(1);
        auto more = std::to_string(std::stoi((*there)->bytes) + 1);
        auto written = test::run(own, mine->put("n", more, {PutIf::Is::version, (*there)->version}));
        if (written)
          ++done;
        else if (!written.error().is(code_name(ObjectCode::changed)))
          ::_exit(2);
      }
      ::_exit(0);
    }
    children.push_back(pid);
  }
  for (auto pid : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(get("n").value()->bytes, std::to_string(kRacers * kTimes));
}

TEST_F(DirectoryStore, SaysThatNothingIsMounted) {
  store = directory_store(dir.path() / "nothing");
  auto got = get("k");
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().is(code_name(ObjectCode::not_reached)));
  EXPECT_THAT(got.error().for_people(), HasSubstr("is mounted"));
  EXPECT_TRUE(put("k", "1").error().is(code_name(ObjectCode::not_reached)));
  EXPECT_FALSE(fs::exists(dir.path() / "nothing")) << "an empty store would be a lie";
}

TEST_F(DirectoryStore, IsNotHeldByWhatIsNoFile) {
  fs::create_directories(dir.path() / "mesh");
  ASSERT_EQ(::mkfifo((dir.path() / "mesh/k").c_str(), 0600), 0);
  EXPECT_TRUE(get("mesh/k").error().is(code_name(ObjectCode::not_understood)));
  std::ofstream(dir.path() / "large") << std::string(kMostObjectBytes + 1, 'x');
  EXPECT_TRUE(get("large").error().is(code_name(ObjectCode::too_large)));
  EXPECT_TRUE(get("../k").error().is(code_name(ObjectCode::bad_name)));
}

TEST(Conditions, AreProvenOnlyWhereAllOfThemHold) {
  boost::asio::io_context io;
  auto fake = std::make_shared<FakeStore>();
  EXPECT_TRUE(test::run(io, prove_conditions(fake, "p")));
  EXPECT_TRUE(test::run(io, prove_conditions(fake, "p"))) << "also where an older proof lies";
  fake->broken = error(ObjectCode::not_reached, "it is away");
  auto proven = test::run(io, prove_conditions(fake, "p"));
  EXPECT_FALSE(proven.error().is(code_name(ObjectCode::ignores_conditions)));
  fake->broken.reset();
  fake->ignores_conditions = true;
  proven = test::run(io, prove_conditions(fake, "p"));
  EXPECT_TRUE(proven.error().is(code_name(ObjectCode::ignores_conditions)));
}

}  // namespace
}  // namespace meshops::store
