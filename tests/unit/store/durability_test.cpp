// What the store promises when things go wrong: the writer is killed at any instant, the disk is full, the
// directory is not ours, bytes of the file are spoilt.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <map>
#include <random>
#include <thread>

#include "../base/temp_dir.h"
#include "base/fd.h"
#include "base/file.h"
#include "store/kept.h"
#include "store/ledger.h"
#include "store/outbox.h"

namespace meshops::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

const WallTime kNow = *parse_iso8601("2026-11-24T05:40:00Z");

/// What a writer says after each call that returned: from then on it must be there.
struct Acknowledged {
  enum class What : std::int64_t { began, intended, settled, ended, queued, sent, bytes_kept };
  What what;
  std::int64_t id;
};

/// In the child: treatments without end, each with what it keeps and tells, until it is killed.
[[noreturn]] void write_for_ever(const fs::path& file, const fs::path& kept_dir, int report) {
  auto say = [&](Acknowledged::What what, std::int64_t id) {
    Acknowledged said{what, id};
    if (::write(report, &said, sizeof said) != sizeof said) ::_exit(3);
  };
  using enum Acknowledged::What;
  auto ledger = Ledger::open(file);
  auto outbox = Outbox::open(file);
  if (!ledger || !outbox) ::_exit(4);
  Kept kept(kept_dir);
  while (true) {
    auto entry = (*ledger)->begin({.gateway = "main", .sentence = std::string(700, 's'), .began = kNow});
    if (!entry) ::_exit(5);
    say(began, *entry);
    if (!kept.put("bytes of " + std::to_string(*entry))) ::_exit(6);
    say(Acknowledged::What::bytes_kept, *entry);
    auto step = (*ledger)->intend(*entry, {.number = 1, .action = "{}", .words = "w", .at = kNow});
    if (!step) ::_exit(7);
    say(intended, *step);
    if (!(*ledger)->settle(*step, Deed::done, 1ms, "", "")) ::_exit(8);
    say(settled, *step);
    if (!(*ledger)->end(*entry, Verdict::helped, kNow, "")) ::_exit(9);
    say(ended, *entry);
    auto message = (*outbox)->put({.to = "phone", .key = "k", .queued = kNow});
    if (!message) ::_exit(10);
    say(queued, *message);
    if (!(*outbox)->sent(*message, kNow)) ::_exit(11);
    say(sent, *message);
  }
}

/// Runs a writer, kills it after `life`, and gives what it had acknowledged.
std::vector<Acknowledged> run_and_kill(const fs::path& file, const fs::path& kept_dir,
                                       std::chrono::microseconds life) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  ::fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
  Fd read_end(ends[0]), write_end(ends[1]);
  pid_t child = ::fork();
  if (child == 0) write_for_ever(file, kept_dir, write_end.get());
  write_end.close();
  std::this_thread::sleep_for(life);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself: " << WEXITSTATUS(status);
  std::vector<Acknowledged> said;
  Acknowledged one{};
  while (::read(read_end.get(), &one, sizeof one) == sizeof one) said.push_back(one);
  return said;
}

void expect_all_there(const std::vector<Acknowledged>& said, const fs::path& file, const fs::path& kept_dir) {
  auto ledger = Ledger::open(file);
  auto outbox = Outbox::open(file);
  ASSERT_TRUE(ledger) << ledger.error().text();
  ASSERT_TRUE(outbox) << outbox.error().text();
  EXPECT_EQ((*ledger)->note(), "") << "a kill is no damage";
  std::map<std::int64_t, Entry> entries;
  std::map<std::int64_t, Step> steps;
  auto listed = (*ledger)->list({.at_most = 1'000'000});
  auto queue = (*outbox)->waiting(1'000'000);
  ASSERT_TRUE(listed && queue);
  for (const auto& e : *listed) {
    entries[e.id] = e;
    for (const auto& s : e.steps) steps[s.id] = s;
  }
  std::set<std::int64_t> waiting;
  for (const auto& m : *queue) waiting.insert(m.id);
  const std::size_t all = (*outbox)->queued_since("phone", kNow)->size();
  Kept kept(kept_dir);
  std::size_t queued = 0;
  for (const auto& [what, id] : said) switch (what) {
      case Acknowledged::What::began:
        EXPECT_EQ(entries[id].sentence.size(), 700U);
        break;
      case Acknowledged::What::intended:
        EXPECT_EQ(steps[id].words, "w");
        break;
      case Acknowledged::What::settled:
        EXPECT_EQ(steps[id].deed, Deed::done);
        break;
      case Acknowledged::What::ended:
        EXPECT_EQ(entries[id].verdict, Verdict::helped);
        break;
      case Acknowledged::What::queued:
        ++queued;
        break;
      case Acknowledged::What::sent:
        EXPECT_FALSE(waiting.contains(id)) << "it would be sent twice";
        break;
      case Acknowledged::What::bytes_kept:
        EXPECT_TRUE(kept.get(*kept.put("bytes of " + std::to_string(id))));
        break;
    }
  EXPECT_GE(all, queued);
}

TEST(Durability, NothingAcknowledgedIsLostWhenTheWriterIsKilled) {
  TempDir dir;
  auto file = dir.path / "ledger.sqlite";
  std::mt19937 random(7);
  std::uniform_int_distribution<int> life(1'000, 60'000);
  std::vector<Acknowledged> said;  // of all lives: an older one must not be harmed by a later kill either
  // A slow disk acknowledges little in one life: then it takes more of them.
  for (int round = 0; round < 25 || (said.size() <= 100 && round < 500); ++round) {
    auto more = run_and_kill(file, dir.path / "kept", std::chrono::microseconds(life(random)));
    said.insert(said.end(), more.begin(), more.end());
    expect_all_there(said, file, dir.path / "kept");
    if (HasFailure()) return;
  }
  EXPECT_GT(said.size(), 100U) << "the writers wrote too little for this to mean anything";
}
TEST(Durability, AKillWhileTheFileIsMadeLeavesOneThatOpens) {
  std::mt19937 random(11);
  std::uniform_int_distribution<int> life(0, 6'000);
  for (int round = 0; round < 40; ++round) {
    TempDir dir;
    auto said = run_and_kill(dir.path / "s/ledger.sqlite", dir.path / "kept",
                             std::chrono::microseconds(life(random)));
    expect_all_there(said, dir.path / "s/ledger.sqlite", dir.path / "kept");
    if (HasFailure()) return;
  }
}

/// Runs `work` in a process of its own and gives what it says; "" is good.
std::string in_a_child(const std::function<std::string()>& work) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  Fd read_end(ends[0]), write_end(ends[1]);
  pid_t child = ::fork();
  if (child == 0) {
    auto said = work();
    [[maybe_unused]] auto n = ::write(write_end.get(), said.data(), said.size());
    ::_exit(0);
  }
  write_end.close();
  std::string said(4096, '\0');
  auto n = ::read(read_end.get(), said.data(), said.size());
  said.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : "it crashed";
}

constexpr const char* kNoMounts = "no mounts here";
/// `work` with an empty disk of 4 MiB at `place`.
std::string on_a_small_disk(const fs::path& place, const std::function<std::string()>& work) {
  return in_a_child([&]() -> std::string {
    if (::unshare(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) return kNoMounts;
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return kNoMounts;
    if (::mount("small", place.c_str(), "tmpfs", 0, "size=4m,mode=0700") != 0) return kNoMounts;
    return work();
  });
}
void fill(const fs::path& junk) {
  Fd fd(::open(junk.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
  for (std::size_t block : {65536U, 4096U, 1U}) {
    std::string bytes(block, 'j');
    while (::write(fd.get(), bytes.data(), bytes.size()) > 0) {
    }
  }
}

TEST(Durability, AFullDiskIsRecordedFromTheSpareAndThenSaidClearly) {
  TempDir dir;
  auto said = on_a_small_disk(dir.path, [&]() -> std::string {
    auto file = dir.path / "ledger.sqlite", spare = dir.path / "ledger.sqlite.spare";
    auto ledger = Ledger::open(file);
    if (!ledger) return ledger.error().text();
    if (!fs::exists(spare)) return "no spare was laid by";
    fill(dir.path / "junk");

    const Entry entry{.gateway = "main", .sentence = std::string(2000, 's'), .began = kNow};
    std::size_t written = 0;
    Result<std::int64_t> begun = (*ledger)->begin(entry);
    for (; begun; begun = (*ledger)->begin(entry)) ++written;
    if (written < 10) return fmt::format("only {} entries on a full disk", written);
    if (fs::exists(spare)) return "the spare was not given back";
    if (!begun.error().is("store.full")) return begun.error().text();
    if (!begun.error().for_people().contains("free some space")) return begun.error().for_people();
    if (auto left = (*ledger)->list({.at_most = 100'000}); !left || left->size() != written)
      return "entries were lost";

    fs::remove(dir.path / "junk");
    if (auto again = (*ledger)->begin(entry); !again) return again.error().text();
    if (!fs::exists(spare)) return "no new spare was laid by";
    return "";
  });
  if (said == kNoMounts) GTEST_SKIP() << said;
  EXPECT_EQ(said, "");
}
TEST(Durability, AFullDiskKeepsNoHalfOfAFile) {
  TempDir dir;
  auto said = on_a_small_disk(dir.path, [&]() -> std::string {
    Kept kept(dir.path / "kept");
    auto small = kept.put("small");
    fill(dir.path / "junk");
    auto put = kept.put(std::string(200'000, 'x'));
    if (put) return "it said that it was kept";
    if (!put.error().is("store.full")) return put.error().text();
    if (!kept.get(*small)) return "what was kept before is gone";
    auto files = std::distance(fs::directory_iterator(dir.path / "kept"), fs::directory_iterator());
    return files == 1 ? "" : fmt::format("{} files are there", files);
  });
  if (said == kNoMounts) GTEST_SKIP() << said;
  EXPECT_EQ(said, "");
}
TEST(Durability, ADirectoryThatIsNotOursIsNamedWithWhatToDo) {
  TempDir dir;
  fs::create_directory(dir.path / "state");
  ASSERT_TRUE(Ledger::open(dir.path / "state/ledger.sqlite"));
  auto said = in_a_child([&]() -> std::string {
    ::chmod(dir.path.c_str(), 0755);
    ::chmod((dir.path / "state").c_str(), 0555);
    ::chmod((dir.path / "state/ledger.sqlite").c_str(), 0444);
    if (::geteuid() == 0 && ::setuid(65534) != 0) return "cannot become nobody";
    std::string text;
    if (auto opened = Ledger::open(dir.path / "state/ledger.sqlite"); !opened)
      text += opened.error().for_people();
    if (auto opened = Ledger::open(dir.path / "state/other.sqlite"); !opened)
      text += "\n" + opened.error().for_people();
    return text;
  });
  ::chmod((dir.path / "state").c_str(), 0755);
  EXPECT_THAT(said, HasSubstr("cannot open " + (dir.path / "state/ledger.sqlite").string()));
  EXPECT_THAT(said, HasSubstr("must belong to whom meshops runs as"));
  EXPECT_THAT(said, HasSubstr("cannot be kept in " + (dir.path / "state/other.sqlite").string()));
}

TEST(Durability, SpoiltBytesAreFoundSetAsideOrHarmless) {
  TempDir whole;
  {
    auto ledger = *Ledger::open(whole.path / "ledger.sqlite");
    for (int i = 0; i < 30; ++i) {
      auto id = *ledger->begin({.gateway = "main", .sentence = std::string(300, 's'), .began = kNow});
      ASSERT_TRUE(ledger->intend(id, {.number = 1, .words = "w", .at = kNow}));
    }
  }
  const auto bytes = *read_file(whole.path / "ledger.sqlite");
  EXPECT_TRUE(rc::check("spoilt bytes", [&] {
    auto spoilt = bytes;
    for (const auto& [at, byte] : *rc::gen::nonEmpty<std::vector<std::pair<std::uint32_t, char>>>())
      spoilt[at % spoilt.size()] = byte;
    if (*rc::gen::weightedElement<bool>({{4, false}, {1, true}}))
      spoilt.resize(*rc::gen::inRange<std::size_t>(0, spoilt.size()));
    TempDir dir;
    RC_ASSERT(write_file_atomic(dir.path / "ledger.sqlite", spoilt).has_value());
    auto ledger = Ledger::open(dir.path / "ledger.sqlite");
    std::string why(ledger ? "" : ledger.error().code());
    if (!ledger) {
      // In its header a changed byte can make it another program's, or a newer version's.
      RC_ASSERT(why == std::string("store.cannot_open") || why == std::string("store.newer"));
      RC_ASSERT(*read_file(dir.path / "ledger.sqlite") == spoilt);
      return;
    }
    if (auto listed = (*ledger)->list({}); !listed) why = listed.error().code();
    RC_ASSERT(why.empty() || why == std::string("store.damaged") || why == std::string("store.io"));
  }));
}

}  // namespace
}  // namespace meshops::store
