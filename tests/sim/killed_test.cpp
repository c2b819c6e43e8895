// The agent is killed between any two writes of a treatment, and of taking it back, again and again: what the
// next one finds in the ledger is enough to give every file back as it was.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "fakes/fake_machine.h"
#include "heal/surgeon.h"
#include "unit/base/temp_dir.h"
#include "unit/gateway/loop.h"

namespace meshops::heal {
namespace {

struct Killed {};

/// A host that the agent does not outlive: killed before or after its n-th change.
class MortalHost final : public FakeHost {
 public:
  void die_at(int change, bool before) { left_ = change, before_ = before; }
  void never_die() { left_ = -1; }

  Status write(const std::filesystem::path& path, std::string_view bytes,
               const WriteOptions& options) override {
    return change([&] {
      auto done = FakeHost::write(path, bytes, options);
      files[path.string()].info.mode = options.mode;
      return done;
    });
  }
  Status rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return change([&] { return FakeHost::rename(from, to); });
  }
  Status remove(const std::filesystem::path& path) override {
    return change([&] { return FakeHost::remove(path); });
  }
  Status set_access(const std::filesystem::path& path, mode_t mode, uid_t uid, gid_t gid) override {
    return change([&] { return FakeHost::set_access(path, mode, uid, gid); });
  }

 private:
  template <class Work>
  Status change(Work work) {
    bool now = left_ == 0;
    if (left_ >= 0) --left_;
    if (now && before_) throw Killed{};
    auto done = work();
    if (now) throw Killed{};
    return done;
  }
  int left_ = -1;
  bool before_ = true;
};

class MortalMachine final : public Machine {
 public:
  explicit MortalMachine(boost::asio::io_context& loop) : rest(loop) {}
  FakeMachine rest;
  MortalHost the_host;

  boost::asio::any_io_executor executor() override { return rest.executor(); }
  Clock& clock() override { return rest.clock(); }
  Host& host() override { return the_host; }
  Net& net() override { return rest.net(); }
  Containers& containers() override { return rest.containers(); }
  Result<Services*> services(std::optional<Account> user) override { return rest.services(std::move(user)); }
  std::filesystem::path state_dir() override { return rest.state_dir(); }
};

using Files = std::map<std::string, FileState>;

Files files_of(const FakeHost& host) {
  Files out;
  for (const auto& [path, f] : host.files)
    out[path] = FileState{f.bytes, {f.info.mode, f.info.uid, f.info.gid}};
  return out;
}

/// Steps that fit each other, as a remedy would plan them: each from what the one before leaves.
std::vector<Action> planned(Files files) {
  std::vector<Action> out;
  auto n = *rc::gen::inRange(1, 6);
  for (int i = 0; i < n; ++i) {
    auto path = fmt::format("/s/{}", *rc::gen::inRange(0, 4));
    auto other = fmt::format("/s/aside-{}", i);
    auto bytes = fmt::format("made by step {}", i);
    auto there = files.find(path);
    auto kind = *rc::gen::inRange(0, 4);
    if (there == files.end()) {
      FileState made{bytes, {0600, 1000, 1000}};
      out.emplace_back(WriteFile{path, {}, made});
      files[path] = made;
    } else if (kind == 0) {
      FileState after{bytes, there->second.access};
      out.emplace_back(WriteFile{path, there->second, after});
      files[path] = after;
    } else if (kind == 1) {
      out.emplace_back(WriteFile{path, there->second, {}});
      files.erase(path);
    } else if (kind == 2) {
      out.emplace_back(MoveFile{path, other});
      files[other] = there->second;
      files.erase(path);
    } else {
      Access after{0640, static_cast<uid_t>(2000 + i), 0};
      out.emplace_back(SetAccess{path, there->second.access, after});
      files[path].access = after;
    }
  }
  return out;
}

RC_GTEST_PROP(KilledBetweenAnyTwoWrites, EveryFileComesBackAsItWas, ()) {
  TempDir directory;
  boost::asio::io_context loop;
  MortalMachine machine{loop};
  auto& host = machine.the_host;
  for (int i = 0; i < 3; ++i)
    host.file(fmt::format("/s/{}", i), fmt::format("original {}", i), 0600, static_cast<uid_t>(1000 + i));
  auto before = files_of(host);
  auto actions = planned(before);
  store::Kept kept{directory.path / "kept"};

  std::int64_t entry = 0;
  {
    auto ledger = *store::Ledger::open(directory.path / "ledger.sqlite");
    entry = *ledger->begin({.gateway = "main", .cause = "disk_full", .remedy = "test"});
    Surgeon surgeon{machine, *ledger, kept};
    host.die_at(*rc::gen::inRange(0, 7), *rc::gen::arbitrary<bool>());
    try {
      (void)test::run(surgeon.operate(entry, actions));
    } catch (const Killed&) {
    }
  }
  // The next ones are killed as well; the last one is let live.
  auto kills = *rc::gen::inRange(0, 4);
  for (int i = 0; i <= kills; ++i) {
    auto ledger = *store::Ledger::open(directory.path / "ledger.sqlite");
    Surgeon surgeon{machine, *ledger, kept};
    if (i < kills)
      host.die_at(*rc::gen::inRange(0, 5), *rc::gen::arbitrary<bool>());
    else
      host.never_die();
    try {
      auto back = test::run(surgeon.take_back(*ledger->get(entry)));
      RC_ASSERT(back.has_value());
    } catch (const Killed&) {
      RC_ASSERT(i < kills);
    }
  }
  RC_ASSERT(files_of(host) == before);
}

}  // namespace
}  // namespace meshops::heal
