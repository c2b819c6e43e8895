#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/gcp_export.h"
#include "audit/gcp_exports.h"
#include "audit/gcp_prices.h"

namespace meshops::audit {
namespace {

using testing::HasSubstr;

TEST(GcpNames, TheSameResourceHasManyUrls) {
  EXPECT_TRUE(gcp_same("https://www.googleapis.com/compute/v1/projects/p/global/networks/n",
                       "https://www.googleapis.com/compute/beta/projects/p/global/networks/n"));
  EXPECT_TRUE(gcp_same("projects/p/global/networks/n", "global/networks/n"));
  EXPECT_TRUE(gcp_same("https://www.googleapis.com/compute/v1/projects/p/global/networks/n", "n"));
  EXPECT_FALSE(gcp_same("projects/p/global/networks/n", "projects/q/global/networks/n"));
  EXPECT_FALSE(gcp_same("projects/p/global/networks/xn", "n"));
  EXPECT_FALSE(gcp_same("", ""));
}

TEST(GcpNames, ARegionIsAZoneWithoutItsLetter) {
  EXPECT_EQ(gcp_region("europe-west1-b"), "europe-west1");
  EXPECT_EQ(gcp_region("https://www.googleapis.com/compute/v1/projects/p/zones/us-east1-c"), "us-east1");
  EXPECT_EQ(gcp_region("https://www.googleapis.com/compute/v1/projects/p/regions/us-east1/subnetworks/x-b"),
            "us-east1");
  EXPECT_EQ(gcp_region("us-east1"), "us-east1");
}

TEST(GcpPrices, AreThoseOfTheList) {
  EXPECT_DOUBLE_EQ(disk_price("projects/p/zones/z/diskTypes/pd-ssd"), 0.17);
  EXPECT_DOUBLE_EQ(disk_price("pd-standard"), 0.04);
  EXPECT_NEAR(idle_address_price(), 7.30, 0.001);
  EXPECT_THAT(monthly(12.4), HasSubstr("$12.40 a month"));
}

TEST(GcpExport, HasACommandForEveryFileThatRulesRead) {
  auto script = export_commands("acme-claw");
  for (auto file : {"instances.json", "disks.json", "addresses.json", "routers.json", "subnets.json",
                    "networks.json", "firewall-rules.json", "iam-policy.json", "service-account-keys.json",
                    "tables.json", "org-policy.json", "resource-policies.json", "buckets.json"}) {
    EXPECT_THAT(script, HasSubstr(std::string("> ") + file)) << file;
    EXPECT_FALSE(export_command(file).empty()) << file;
  }
  EXPECT_THAT(script, HasSubstr("--project=acme-claw"));
  EXPECT_THAT(script, testing::Not(HasSubstr("{0}")));
  EXPECT_EQ(export_command("x.json"), "");
}

}  // namespace
}  // namespace meshops::audit
