// An ObjectStore in memory whose clock a test moves, and which fails as the test says. Records what it was
// asked.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/object_store.h"

namespace meshops {

class FakeStore final : public store::ObjectStore {
 public:
  struct Stored {
    std::string bytes;
    std::string version;
    Duration at{};
  };
  std::map<std::string, Stored> objects;
  Duration now{};
  std::optional<Error> broken;      // every call fails so
  bool ignores_conditions = false;  // takes every write
  std::vector<std::string> asked;   // "get KEY", "put KEY"

  void lay(const std::string& key, std::string bytes, Duration age = {}) {
    objects[key] = {std::move(bytes), next(), now - age};
  }

  boost::asio::awaitable<Result<std::optional<store::Object>>> get(std::string key) override {
    asked.push_back("get " + key);
    if (broken) co_return fail(*broken);
    auto found = objects.find(key);
    if (found == objects.end()) co_return std::nullopt;
    co_return store::Object{found->second.bytes, found->second.version, now - found->second.at};
  }
  boost::asio::awaitable<Result<std::string>> put(std::string key, std::string bytes,
                                                  store::PutIf condition) override {
    using Is = store::PutIf::Is;
    asked.push_back("put " + key);
    if (broken) co_return fail(*broken);
    auto found = objects.find(key);
    bool there = found != objects.end();
    bool holds = condition.is == Is::always || (condition.is == Is::absent && !there) ||
                 (condition.is == Is::version && there && found->second.version == condition.of);
    if (!holds && !ignores_conditions)
      co_return fail(store::ObjectCode::changed, "cannot write {}: it was changed meanwhile", key);
    objects[key] = {std::move(bytes), next(), now};
    co_return objects[key].version;
  }
  std::string text() const override { return "a store in memory"; }

 private:
  std::string next() { return fmt::format("\"{}\"", ++writes_); }
  unsigned writes_ = 0;
};

}  // namespace meshops
