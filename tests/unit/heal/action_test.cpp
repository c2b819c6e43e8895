// Actions are shown, taken back, written down and read again without losing a byte.
#include "heal/action.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace meshops::heal {
namespace {

using namespace std::chrono_literals;

/// Bytes under a number, as the store keeps them under their hash.
struct Bytes {
  std::map<std::string, std::string> kept;
  Keep keep = [this](const std::string& bytes) -> Result<std::string> {
    auto name = fmt::format("k{}", std::hash<std::string>{}(bytes));
    kept[name] = bytes;
    return name;
  };
  Fetch fetch = [this](const std::string& name) -> Result<std::string> {
    auto found = kept.find(name);
    if (found == kept.end()) return fail(HealCode::not_found, "no bytes under {}", name);
    return found->second;
  };
};

template <class T>
T between(T least, T most) {
  return *rc::gen::inRange<T>(least, static_cast<T>(most + 1));
}
std::string text() {
  auto pieces = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("a", "/", "é", "\n", "\"", "\\", "\xff", "\x01", "😀", " ", "-9"));
  std::string out;
  for (const auto& piece : pieces) out += piece;
  return out;
}
std::vector<std::string> texts() {
  std::vector<std::string> out;
  for (int n = between(0, 3); n > 0; --n) out.push_back(text());
  return out;
}
Access access() {
  return {.mode = between<mode_t>(0, 07777),
          .uid = *rc::gen::arbitrary<std::uint32_t>(),
          .gid = *rc::gen::arbitrary<std::uint32_t>()};
}
std::optional<FileState> state() {
  if (*rc::gen::arbitrary<bool>()) return std::nullopt;
  return FileState{.bytes = *rc::gen::arbitrary<std::string>(), .access = access()};
}
WriteFile write_file() { return {text(), state(), state()}; }
Duration limit() { return between<std::int64_t>(0, 1'000'000'000) * 1ms; }

Action action() {
  switch (between(0, 7)) {
    case 0:
      return write_file();
    case 1:
      return MoveFile{text(), text()};
    case 2:
      return SetAccess{text(), access(), access()};
    case 3: {
      RemoveFiles a{.files = {}, .what = text()};
      for (int n = between(0, 3); n > 0; --n)
        a.files.push_back({text(), *rc::gen::arbitrary<std::uint64_t>()});
      return a;
    }
    case 4:
      return TrimFile{text(), *rc::gen::arbitrary<std::uint64_t>(), *rc::gen::arbitrary<std::uint64_t>()};
    case 5:
      return EndProcess{between(1, 4'000'000), *rc::gen::arbitrary<std::uint64_t>(), text(), limit()};
    case 6:
      return UnitOrder{static_cast<UnitOrder::Verb>(between(0, 5)), text(), text()};
    default: {
      RunTool a{.argv = texts(), .user = text(), .working_dir = text(), .limit = limit(), .undo = texts()};
      a.argv.insert(a.argv.begin(), text());  // there is always a program
      for (int n = between(0, 2); n > 0; --n) a.environment[text()] = text();
      for (int n = between(0, 2); n > 0; --n) a.protects.emplace_back(text());
      for (int n = between(0, 2); n > 0; --n) a.good.push_back(*rc::gen::arbitrary<int>());
      for (int n = between(0, 2); n > 0; --n) a.changed.push_back(write_file());
      return a;
    }
  }
}

RC_GTEST_PROP(Action, IsReadBackAsItWasWritten, ()) {
  Bytes store;
  auto before = action();
  auto json = to_json(before, store.keep);
  RC_ASSERT(json.has_value());
  auto after = parse_action(*json, store.fetch);
  RC_ASSERT(after.has_value());
  RC_ASSERT(*after == before);
}

RC_GTEST_PROP(Action, TheInverseOfTheInverseIsTheAction, ()) {
  auto before = action();
  auto back = inverse(before);
  if (!back) {
    RC_ASSERT(back.error().is("heal.cannot_undo"));
    return;
  }
  if (back->size() != 1) return;  // a counter that was cleared, or a tool that changed several files
  if (auto* tool = std::get_if<RunTool>(&before); tool != nullptr && !tool->changed.empty()) return;
  auto again = inverse(back->front());
  RC_ASSERT(again.has_value());
  RC_ASSERT(again->size() == 1U);
  RC_ASSERT(again->front() == before);
}

/// Whatever a damaged ledger holds: an action or an error, and an action that can be written again.
RC_GTEST_PROP(Action, DamagedRecordsAreRefusedOrWhole, ()) {
  Bytes store;
  auto json = *to_json(action(), store.keep);
  for (int n = between(1, 4); n > 0 && !json.empty(); --n) {
    auto at = between<std::size_t>(0, json.size() - 1);
    switch (between(0, 2)) {
      case 0:
        json[at] = *rc::gen::element('{', '}', '[', ']', '"', ',', '0', '-', 'e', 'n', '\xff');
        break;
      case 1:
        json.erase(at, between<std::size_t>(1, 12));
        break;
      default:
        json.insert(
            at, *rc::gen::element<std::string>("null", "{", "[1]", "99999999999999999999", "\"x\"", "-1"));
    }
  }
  if (auto read = parse_action(json, store.fetch)) {
    auto again = to_json(*read, store.keep);
    RC_ASSERT(again.has_value());
    RC_ASSERT(*parse_action(*again, store.fetch) == *read);
  }
}

RC_GTEST_PROP(Action, IsDescribedOnOnePrintableLine, ()) {
  auto words = describe(action());
  RC_ASSERT(!words.empty());
  for (char c : words) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20U && c != 0x7f);
}

TEST(Action, BytesOfFilesAreOnlyNamedInTheRecord) {
  Bytes store;
  auto json = to_json(WriteFile{"/srv/openclaw.json", FileState{"{token: 'hush-hush'}", {0600, 7, 8}}, {}},
                      store.keep);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->find("hush"), std::string::npos);
  EXPECT_EQ(*json,
            fmt::format(R"({{"schema":"meshops.action/1","kind":"write_file","path":"/srv/openclaw.json",)"
                        R"("before":{{"mode":"0600","uid":7,"gid":8,"size":20,"bytes":"{}"}},"after":null}})",
                        store.kept.begin()->first));
}

TEST(Action, BytesThatAreGoneMakeTheRecordUnreadable) {
  Bytes store;
  auto json = to_json(WriteFile{"/a", FileState{"x", {}}, {}}, store.keep);
  store.kept.clear();
  auto read = parse_action(*json, store.fetch);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), "heal.unreadable");
  EXPECT_TRUE(read.error().is("heal.not_found"));
}

TEST(Action, FailsToBeWrittenOnlyIfItsBytesCannotBeKept) {
  Keep full = [](const std::string&) -> Result<std::string> {
    return fail(HealCode::cannot_do, "disk full");
  };
  EXPECT_EQ(to_json(WriteFile{"/a", FileState{}, {}}, full).error().code(), "heal.cannot_do");
  EXPECT_TRUE(to_json(MoveFile{"/a", "/b"}, full));
}

TEST(Action, RecordsOfAnotherKindAreRefused) {
  Bytes store;
  for (
      std::string_view json :
      {"", "[]", "null", "{}", R"({"schema":"meshops.action/2","kind":"move_file","from":"/a","to":"/b"})",
       R"({"schema":"meshops.action/1","kind":"format_disk"})", R"({"schema":"meshops.action/1","kind":7})",
       R"({"schema":"meshops.action/1","kind":"move_file","from":"/a"})",
       R"({"schema":"meshops.action/1","kind":"run_tool","argv":[],"environment":[],"user":"","working_dir":"","limit_ms":1,"protects":[],"good":[0],"undo":[],"changed":[]})",
       R"({"schema":"meshops.action/1","kind":"trim_file","path":"/a","bytes":-1,"keep":0})",
       R"({"schema":"meshops.action/1","kind":"end_process","pid":99999999999,"start_ticks":1,"name":"n","grace_ms":1})",
       R"({"schema":"meshops.action/1","kind":"end_process","pid":9,"start_ticks":1,"name":"n","grace_ms":-1})",
       R"({"schema":"meshops.action/1","kind":"move_file","from":{"hex":"0"},"to":"/b"})",
       R"({"schema":"meshops.action/1","kind":"set_access","path":"/a","before":{"mode":"9","uid":0,"gid":0},"after":{"mode":"0600","uid":0,"gid":0}})"}) {
    auto read = parse_action(json, store.fetch);
    ASSERT_FALSE(read) << json;
    EXPECT_EQ(read.error().code(), "heal.unreadable") << json;
  }
}

TEST(Action, SaysWhatItDoes) {
  std::pair<Action, std::string_view> told[] = {
      {WriteFile{"/s/openclaw.json", FileState{std::string(1229, 'x'), {}},
                 FileState{std::string(10, 'x'), {}}},
       "write /s/openclaw.json (1.2 KiB → 10 B)"},
      {WriteFile{"/s/a", {}, FileState{"ab", {}}}, "write the new file /s/a (2 B)"},
      {WriteFile{"/s/a", FileState{"ab", {}}, {}}, "take /s/a away (2 B)"},
      {MoveFile{"/s/x.lock", "/s/x.lock.stale-1"}, "rename /s/x.lock to x.lock.stale-1"},
      {MoveFile{"/s/x", "/t/x"}, "move /s/x to /t/x"},
      {SetAccess{"/s", {0700, 0, 0}, {0700, 1000, 1000}}, "set /s from owner 0:0 to 1000:1000"},
      {SetAccess{"/s", {0, 1, 1}, {0600, 1, 1}}, "set /s from mode 0000 to 0600"},
      {RemoveFiles{{{"/l/a", 1024}, {"/l/b", 1024}}, "logs older than 7 days"},
       "remove 2 files (2.0 KiB): logs older than 7 days"},
      {TrimFile{"/l/a", 1U << 30, 16U << 20}, "cut /l/a (1.0 GiB) down to its newest 16.0 MiB"},
      {EndProcess{811, 5, "openclaw-gatewa", 330s},
       "end process 811 (openclaw-gatewa): SIGTERM, after 5m30s SIGKILL"},
      {UnitOrder{UnitOrder::Verb::stop, "openclaw-gateway.service", "ada"},
       "stop openclaw-gateway.service of user ada"},
      {UnitOrder{UnitOrder::Verb::reload_manager, "", ""}, "reload the units of systemd"},
      {RunTool{.argv = {"/opt/node/bin/node", "/opt/oc/openclaw.mjs", "doctor", "--fix"}, .user = "ada"},
       "run as ada (at most 30s): node openclaw.mjs doctor --fix"},
  };
  for (const auto& [action, words] : told) EXPECT_EQ(describe(action), words);
}

TEST(Action, WhatIsLostIsSaidToBeLost) {
  for (const Action& action :
       {Action{RemoveFiles{{{"/l/a", 1}}, "logs"}}, Action{TrimFile{"/l/a", 2, 1}},
        Action{EndProcess{9, 1, "gateway"}}, Action{RunTool{.argv = {"journalctl", "--vacuum-size=200M"}}}}) {
    auto back = inverse(action);
    ASSERT_FALSE(back);
    EXPECT_EQ(back.error().code(), "heal.cannot_undo");
  }
}

TEST(Action, AToolIsTakenBackByItsOwnUndoAndTheFilesItChanged) {
  WriteFile first{"/a", FileState{"1", {}}, FileState{"2", {}}};
  WriteFile second{"/b", {}, FileState{"3", {}}};
  RunTool tool{.argv = {"loginctl", "enable-linger", "ada"},
               .undo = {"loginctl", "disable-linger", "ada"},
               .changed = {first, second}};
  auto back = inverse(tool);
  ASSERT_TRUE(back);
  ASSERT_EQ(back->size(), 3U);
  EXPECT_EQ(std::get<RunTool>((*back)[0]).argv, tool.undo);
  EXPECT_EQ(std::get<WriteFile>((*back)[1]), (WriteFile{"/b", FileState{"3", {}}, {}}));
  EXPECT_EQ(std::get<WriteFile>((*back)[2]), (WriteFile{"/a", FileState{"2", {}}, FileState{"1", {}}}));
}

TEST(Action, AToolThatChangedNothingOfWhatItProtectsNeedsNoUndo) {
  auto back = inverse(RunTool{.argv = {"doctor"}, .protects = {"/s/openclaw.json"}});
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->empty());
}

}  // namespace
}  // namespace meshops::heal
