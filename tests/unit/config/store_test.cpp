// [store]: where the object store is.
#include <gtest/gtest.h>

#include "config/mesh.h"
#include "config/values.h"

namespace meshops {
namespace {

Mesh parsed(const std::string& text) {
  Surroundings around;
  around.host_name = "alpha";
  auto mesh = parse_mesh(text, "mesh.toml", around);
  EXPECT_TRUE(mesh) << (mesh ? "" : mesh.error().faults.front().text());
  return mesh ? *mesh : Mesh{};
}

TEST(Store, IsNoneByDefault) {
  auto mesh = parsed("");
  EXPECT_TRUE(mesh.store.url.empty());
  EXPECT_TRUE(mesh.store.endpoint.empty());
}

TEST(Store, OfAmazonHasTheEndpointOfItsRegion) {
  auto mesh = parsed("[store]\nurl = \"s3://b.1-c/x/y/\"\nregion = \"eu-central-1\"\nkey_file = \"/k\"\n");
  EXPECT_EQ(mesh.store.endpoint, "https://s3.eu-central-1.amazonaws.com");
  auto place = values::store_place(mesh.store.url).value();
  EXPECT_EQ(place.bucket, "b.1-c");
  EXPECT_EQ(place.prefix, "x/y");
  EXPECT_EQ(parsed(to_toml(mesh)).store, mesh.store);
}

TEST(Store, MayBeOnLoopbackInClearText) {
  auto mesh =
      parsed("[store]\nurl = \"s3://abc\"\nendpoint = \"http://127.0.0.1:9000\"\nkey_file = \"/k\"\n");
  EXPECT_EQ(mesh.store.endpoint, "http://127.0.0.1:9000");
  EXPECT_EQ(values::store_place(mesh.store.url)->prefix, "");
}

TEST(Store, MayBeADirectory) {
  auto mesh = parsed("[store]\nurl = \"dir:/mnt/shared/\"\n");
  EXPECT_EQ(values::store_place(mesh.store.url)->directory, "/mnt/shared");
  EXPECT_TRUE(mesh.store.endpoint.empty());
  EXPECT_EQ(parsed(to_toml(mesh)).store, mesh.store);
}

TEST(Store, TakesNoUrlThatCouldLeadElsewhere) {
  for (auto url : {"", "s3:", "s3://", "s3://ab", "s3://a..b", "s3://-ab", "s3://abc//x", "s3://abc/.x",
                   "s3://abc/x?y", "s3://abc/x/..", "s3://a@bc/x", "dir:", "dir:x", "dir:/", "http://abc"})
    EXPECT_FALSE(values::store_place(url)) << url;
}

}  // namespace
}  // namespace meshops
