// A machine that is known by what its shell has said: the texts of both sides, and the Host made of them. The
// script runs in a real sh of this machine, over a directory with names that nobody should give.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "host/capture_answer.h"
#include "host/capture_script.h"
#include "host/captured_host.h"

namespace meshops::capture {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

const std::string kMark = "0123456789abcdef0123456789abcdef";

std::string piece(const std::string& text) { return kMark + "\0"s + text; }
std::string whole(const std::string& pieces) { return pieces + end_of_answer(kMark); }
std::string meta(char type, int depth = 0, const char* size = "5") {
  return std::string(1, type) + " 640 7 8 " + size + " 1700000000.1239999990 2049 " + std::to_string(depth);
}

TEST(ReadAnswer, APathIsKnownWithAllThatFindSaysOfIt) {
  Facts facts;
  ASSERT_TRUE(
      read_answer(whole("Welcome!\n" + piece("E\0"s + meta('f') + "\0/etc/a\nb\0\0"s)), kMark, facts));
  Missed missed;
  auto info = CapturedHost(facts, missed).stat("/etc/a\nb");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->kind, FileInfo::Kind::regular);
  EXPECT_EQ(info->mode, 0640U);
  EXPECT_EQ(info->uid, 7U);
  EXPECT_EQ(info->gid, 8U);
  EXPECT_EQ(info->size, 5U);
  EXPECT_EQ(info->modified.time_since_epoch().count(), 1'700'000'000'123);
  EXPECT_TRUE(missed.take().empty());
}

TEST(ReadAnswer, WhatATreeDoesNotNameIsNotThere) {
  Facts facts;
  ASSERT_TRUE(read_answer(whole(piece("T\0"s + "2\0"s + "9999\0"s + meta('d') + "\0/etc\0\0"s + meta('d', 1) +
                                      "\0/etc/ssh\0\0"s + meta('f', 2) + "\0/etc/ssh/x\0\0"s)),
                          kMark, facts));
  Missed missed;
  CapturedHost captured(facts, missed);
  const Host& host = captured;
  EXPECT_TRUE(host.stat("/etc/nothing").error().is("file.not_found"));
  EXPECT_TRUE(host.read("/etc/ssh/y").error().is("file.not_found"));
  EXPECT_EQ(host.list("/etc/ssh").value(), std::vector<std::string>{"x"});
  EXPECT_TRUE(missed.take().empty());
  // What is deeper than the tree goes is unknown, and so is what stands beside it.
  EXPECT_TRUE(host.stat("/var/x").error().is("capture.not_fetched"));
  EXPECT_EQ(missed.take().size(), 1U);
}

TEST(ReadAnswer, AnotherFileSystemBelowATreeIsNotWhole) {
  Facts facts;
  auto other = "d 755 0 0 1 1700000000.0000000000 7 1"s;
  ASSERT_TRUE(read_answer(
      whole(piece("T\0"s + "2\0"s + "9999\0"s + meta('d') + "\0/srv\0\0"s + other + "\0/srv/data\0\0"s)),
      kMark, facts));
  EXPECT_NE(facts.listing("/srv"), nullptr);
  EXPECT_EQ(facts.listing("/srv/data"), nullptr);
}

TEST(ReadAnswer, BytesOfAFileMayLookLikeAnything) {
  Facts facts;
  auto bytes = "S\0"s + "7\0"s + "0123456789abcdef\0Z\0"s;
  ASSERT_TRUE(read_answer(whole(piece("R\0"s + "0\0"s + "100\0/etc/x\0"s + bytes) + piece("S\0"s + "0\0"s)),
                          kMark, facts));
  Missed missed;
  CapturedHost captured(facts, missed);
  const Host& host = captured;
  EXPECT_EQ(host.read("/etc/x").value(), bytes);
}

TEST(ReadAnswer, AFileThatIsLongerThanWasAskedForIsNotWhole) {
  Facts facts;
  ASSERT_TRUE(
      read_answer(whole(piece("R\0"s + "0\0"s + "4\0/etc/x\0abcd"s) + piece("S\0"s + "0\0"s)), kMark, facts));
  Missed missed;
  CapturedHost captured(facts, missed);
  const Host& host = captured;
  EXPECT_TRUE(host.read("/etc/x").error().is("capture.not_fetched"));
  EXPECT_TRUE(host.read("/etc/x", 3).error().is("file.too_large"));
}

TEST(ReadAnswer, WhatIsBrokenIsAnErrorThatShowsNothingOfIt) {
  for (const auto& text :
       {whole(piece("Q\0"s)), whole(piece("S\0"s + "0\0"s)), whole(piece("R\0"s) + piece("S\0"s + "0\0"s)),
        whole(piece("E\0"s + "x 640\0/a\0\0"s)), whole(piece("N\0why\0look\0/a\0"s)), whole(piece("E")),
        whole(piece("R\0"s + "0\0"s + "9\0/a\0hunter2"s) + piece("S\0one\0"s)),
        piece("R\0"s + "0\0"s + "9\0/a\0hunter2"s)}) {
    Facts facts;
    auto read = read_answer(text, kMark, facts);
    ASSERT_FALSE(read);
    EXPECT_TRUE(read.error().is("capture.bad_answer")) << read.error().text();
    EXPECT_EQ(read.error().text().find("hunter2"), std::string::npos);
  }
  Facts facts;
  auto read = read_answer("This account is not available.\n", kMark, facts);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().text().find("not available"), std::string::npos);
}

TEST(ReadAnswer, WhatSaidTooMuchIsCutAndNoAnswer) {
  Facts facts;
  ASSERT_TRUE(read_answer(whole(piece("A\0bans\0half"s) + piece("N\0absent\0look\0/x\0"s)), kMark, facts));
  Missed missed;
  EXPECT_TRUE(clean_answer(facts, missed, "bans", {"fail2ban-client"}).error().is("capture.too_much"));
}

TEST(Facts, LinksAreFollowedAsTheMachineWould) {
  Facts facts;
  auto entry = [&](const char* path, FileInfo::Kind kind, const char* link = "") {
    facts.entry(path, {{.kind = kind}, link});
  };
  using Kind = FileInfo::Kind;
  entry("/usr", Kind::directory);
  entry("/usr/lib", Kind::directory);
  entry("/usr/lib/x", Kind::regular);
  entry("/lib", Kind::symlink, "usr/lib");
  entry("/up", Kind::symlink, "lib/../../../usr/lib/x");
  entry("/a", Kind::symlink, "b");
  entry("/b", Kind::symlink, "/a");
  entry("/proc", Kind::directory);
  entry("/proc/7", Kind::directory);
  entry("/proc/7/exe", Kind::symlink, "/usr/lib/x");
  EXPECT_EQ(facts.resolve("/lib/x", true).path, "/usr/lib/x");
  EXPECT_EQ(facts.resolve("/lib", false).path, "/lib");
  EXPECT_EQ(facts.resolve("/up", true).path, "/usr/lib/x");
  EXPECT_EQ(facts.resolve("/lib/x/y", true).kind, Resolved::Kind::missing);
  EXPECT_EQ(facts.resolve("/a", true).why, Why::failed) << "a loop";
  // The kernel goes to the file itself there, which may have another name, or none.
  EXPECT_EQ(facts.resolve("/proc/7/exe", true).kind, Resolved::Kind::unknown);
  EXPECT_EQ(facts.resolve("/proc/7/exe", false).path, "/proc/7/exe");
}

TEST(Missed, TheSameIsAskedForOnce) {
  Facts facts;
  Missed missed;
  CapturedHost captured(facts, missed);
  const Host& host = captured;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(host.read("/etc/x", 10));
  auto wants = missed.take();
  ASSERT_EQ(wants.size(), 1U);
  EXPECT_EQ(wants[0].kind, Want::Kind::read);
  EXPECT_EQ(wants[0].most, 11U) << "one byte more tells that it is too long";
  facts.give_up(wants);
  EXPECT_TRUE(host.read("/etc/x", 10).error().is("file.io"));
  EXPECT_TRUE(missed.take().empty());
}

TEST(ProcessEnvironment, OnlyNamesThatAreNoPatternGoOut) {
  Facts facts;
  Missed missed;
  CapturedHost captured(facts, missed);
  const Host& host = captured;
  EXPECT_TRUE(host.process_environment(7, {".*", "A|B", "$(id)"})->empty());
  EXPECT_TRUE(missed.take().empty());
  EXPECT_FALSE(host.process_environment(7, {"TOKEN", "HOME"}));
  auto wants = missed.take();
  ASSERT_EQ(wants.size(), 1U);
  EXPECT_EQ(wants[0].argv, (std::vector<std::string>{"environ", "7", "HOME|TOKEN"}));
}

// --- in a real sh

/// Files with the names that nobody should give, and a machine's answer about them.
class RealShell : public testing::Test {
 protected:
  void SetUp() override {
    auto base = fs::temp_directory_path() / "meshops-capture-XXXXXX";
    root_ = base.string();
    ASSERT_NE(::mkdtemp(root_.data()), nullptr);
    for (const char* name : {"plain", "two words", "'quoted' \"twice\"", "a\nnew line", "$(touch hacked)",
                             "-rf", "ü", "\xff\xfe", "*", "back\\slash"})
      write(name, "bytes of "s + name + "\0\n"s);
    fs::create_directory(root_ + "/folder");
    write("folder/inside", "");
    fs::create_symlink("folder/inside", root_ + "/link\nof two lines");
    fs::create_symlink("/nowhere/at/all", root_ + "/dangling");
    fs::create_symlink("folder", root_ + "/to folder");
    ASSERT_EQ(::mkfifo((root_ + "/fifo").c_str(), 0600), 0);
    ::chmod((root_ + "/plain").c_str(), 04751);
  }
  void TearDown() override { fs::remove_all(root_); }
  void write(const std::string& name, const std::string& bytes) {
    std::ofstream(root_ + "/" + name, std::ios::binary) << bytes;
  }
  void ask(const std::vector<Want>& wants, const char* shell = "sh") {
    auto said = run({shell, "-s"}, {.input = opening(kMark) + request(wants) + closing()});
    ASSERT_TRUE(said);
    ASSERT_EQ(said->err, "");
    auto read = read_answer(said->out, kMark, facts_);
    ASSERT_TRUE(read) << read.error().text();
    facts_.give_up(wants);
  }

  std::string root_;
  Facts facts_;
  Missed missed_;
  CapturedHost captured_{facts_, missed_};
  const Host& host_ = captured_;
};

TEST_F(RealShell, EveryPathIsAnsweredAsTheMachineItselfWould) {
  auto local = local_host();
  auto names = local->list(root_).value();
  names.emplace_back("absent");
  names.emplace_back("folder/absent");
  names.emplace_back("plain/below a file");
  names.emplace_back("to folder/inside");
  for (const char* shell : {"sh", "bash"}) {
    facts_ = Facts();
    // Each round asks for what the one before has missed: two are enough for whatever is asked here.
    for (int round = 0; round < 3; ++round) {
      bool last = round == 2;
      for (const auto& name : names) {
        fs::path path = root_ + "/" + name;
        auto same = [&](const auto& here, const auto& there, const char* what) {
          if (!last) return;
          ASSERT_EQ(here.has_value(), there.has_value())
              << what << " " << path << (there ? "" : ": " + there.error().text());
          if (!here) {
            EXPECT_EQ(here.error().code(), there.error().code()) << what << " " << path;
          }
        };
        auto stat = local->stat(path), there = host_.stat(path);
        same(stat, there, "stat");
        if (last && stat) {
          EXPECT_EQ(stat->kind, there->kind) << path;
          EXPECT_EQ(stat->mode, there->mode) << path;
          EXPECT_EQ(stat->size, there->size) << path;
          EXPECT_EQ(stat->modified, there->modified) << path;
        }
        auto text = local->read(path), text_there = host_.read(path);
        same(text, text_there, "read");
        if (last && text) {
          EXPECT_EQ(*text, *text_there) << path;
        }
        auto list = local->list(path), list_there = host_.list(path);
        same(list, list_there, "list");
        if (last && list) {
          EXPECT_EQ(*list, *list_there) << path;
        }
        auto link = local->read_link(path), link_there = host_.read_link(path);
        if (last) {
          EXPECT_EQ(link.has_value(), link_there.has_value()) << path;
        }
        if (last && link) {
          EXPECT_EQ(*link, *link_there) << path;
        }
        auto tail = local->read_part(path, -5, 3), tail_there = host_.read_part(path, -5, 3);
        same(tail, tail_there, "read_part");
        if (last && tail) {
          EXPECT_EQ(tail->bytes, tail_there->bytes) << path;
        }
      }
      if (!last) ask(missed_.take(), shell);
    }
    EXPECT_TRUE(missed_.take().empty());
  }
  EXPECT_FALSE(fs::exists(root_ + "/hacked"));
}

TEST_F(RealShell, WhatAnAccountMayNotReadIsDeniedAndNotAbsent) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs another account to be";
  fs::create_directory(root_ + "/closed");
  write("closed/secret", "x");
  ::chmod((root_ + "/closed").c_str(), 0700);
  ::chmod((root_ + "/two words").c_str(), 0600);
  ::chmod(root_.c_str(), 0755);
  std::vector<Want> wants = {{.kind = Want::Kind::look, .path = root_ + "/closed/secret"},
                             {.kind = Want::Kind::list, .path = root_ + "/closed"},
                             {.kind = Want::Kind::read, .path = root_ + "/two words", .most = 10},
                             {.kind = Want::Kind::look, .path = root_ + "/absent"}};
  auto said = run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-s"},
                  {.input = opening(kMark) + request(wants) + closing()});
  ASSERT_TRUE(said);
  ASSERT_TRUE(read_answer(said->out, kMark, facts_));
  EXPECT_TRUE(host_.stat(root_ + "/closed/secret").error().is("file.not_permitted"));
  EXPECT_TRUE(host_.list(root_ + "/closed").error().is("file.not_permitted"));
  EXPECT_TRUE(host_.read(root_ + "/two words", 9).error().is("file.not_permitted"));
  EXPECT_TRUE(host_.stat(root_ + "/absent").error().is("file.not_found"));
}

TEST_F(RealShell, TheSweepTellsOfProcessesAndSocketsWhatTheKernelTellsUs) {
  auto said = run({"sh", "-s"}, {.limit = std::chrono::minutes(2),
                                 .output_limit = 256U << 20,
                                 .input = opening(kMark) + sweep() + closing()});
  ASSERT_TRUE(said);
  ASSERT_EQ(said->err, "");
  auto read = read_answer(said->out, kMark, facts_);
  ASSERT_TRUE(read) << read.error().text();
  auto local = local_host();
  auto us = local->process_details(::getpid()).value();
  auto there = host_.process_details(::getpid());
  ASSERT_TRUE(there);
  EXPECT_EQ(there->argv, us.argv);
  EXPECT_EQ(there->exe, us.exe);
  EXPECT_EQ(there->cwd, us.cwd);
  EXPECT_EQ(there->parent, us.parent);
  EXPECT_EQ(there->cgroup, us.cgroup);
  EXPECT_EQ(there->start_ticks, us.start_ticks);
  EXPECT_EQ(there->started, us.started);
  EXPECT_EQ(there->uid, us.uid);
  EXPECT_GT(host_.processes()->size(), 2U);
  EXPECT_EQ(host_.accounts()->size(), local->accounts()->size());
  EXPECT_TRUE(host_.listeners());
}

TEST(ShellWord, StandsForExactlyItsBytes) {
  for (const auto& text : {""s, "plain"s, "it's"s, "''"s, "a\nb"s, "$HOME `id` \\ \" *"s, "\xff"s}) {
    auto said = run({"sh", "-s"}, {.input = "printf %s " + shell_word(text)});
    ASSERT_TRUE(said);
    EXPECT_EQ(said->out, text);
  }
}

}  // namespace
}  // namespace meshops::capture
