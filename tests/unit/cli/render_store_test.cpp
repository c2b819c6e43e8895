// `meshops mesh store`, as people and programs see it.
#include "cli/render_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "store/object_store.h"

namespace meshops::cli {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

StoreLook look() {
  StoreLook out{
      .mesh = "home", .store = "s3://b/p at https://s3.example.org", .conditions = ok(), .rows = {}};
  out.rows.push_back({"alpha", StoreRead<mesh::Beat>{{"alpha", "b0", false}, 12s}, std::nullopt});
  out.rows.push_back({"beta", StoreRead<mesh::Beat>{{"beta", "b1", true}, 80s},
                      StoreRead<mesh::StoreLease>{{"alpha", 5, 3, 9, false}, 10s}});
  return out;
}

TEST(MeshStore, ShowsWhoHasWrittenAndWhoHasALease) {
  EXPECT_EQ(for_people(look()),
            "s3://b/p at https://s3.example.org: gives what was written, and refuses what it must\n"
            "alpha  heartbeat 12s ago\n"
            "beta   heartbeat 1m20s ago; paused by a person\n"
            "       lease number 3: held by alpha, renewed 10s ago\n");
  EXPECT_TRUE(look().good());
}

TEST(MeshStore, IsNotGoodWithoutEveryHeartbeat) {
  auto missing = look();
  missing.rows[0].beat = std::nullopt;
  EXPECT_FALSE(missing.good());
  EXPECT_THAT(for_people(missing), HasSubstr("alpha  no heartbeat yet\n"));
  auto old = look();
  (*old.rows[0].beat)->age = 91s;
  EXPECT_FALSE(old.good());
  EXPECT_THAT(for_people(old), HasSubstr("1m31s ago: too old"));
  auto strange = look();
  strange.rows[1].lease = fail(mesh::StoreWordCode::not_understood, "it is \x1b[31mjunk");
  EXPECT_FALSE(strange.good());
  EXPECT_THAT(for_people(strange), HasSubstr("lease: it is \\x1b[31mjunk"));
  auto unfit = look();
  unfit.conditions = fail(error(store::ObjectCode::ignores_conditions, "it took one").hint("do not use it"));
  EXPECT_FALSE(unfit.good());
  EXPECT_THAT(for_people(unfit), HasSubstr("it took one\n  → do not use it\n"));
}

TEST(MeshStore, GivesTheSameToPrograms) {
  auto old = look();
  (*old.rows[1].lease)->age = 45s;
  auto json = nlohmann::json::parse(to_json(old));
  EXPECT_EQ(json["schema"], "meshops.mesh-store/1");
  EXPECT_EQ(json["conditions"]["proven"], true);
  EXPECT_EQ(json["nodes"][0]["beat"], (nlohmann::json{{"age_s", 12}, {"boot", "b0"}, {"paused", false}}));
  EXPECT_EQ(json["nodes"][0]["lease"], nullptr);
  EXPECT_EQ(json["nodes"][1]["lease"]["number"], 3);
  EXPECT_EQ(json["nodes"][1]["lease"]["held"], false) << "its term is over";
}

}  // namespace
}  // namespace meshops::cli
