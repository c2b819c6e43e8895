#include "config/mesh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"

namespace meshops {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

const fs::path kGolden = fs::path(MESHOPS_SOURCE_DIR) / "tests/golden/config";

Surroundings root_on(std::string host) {
  return {.host_name = std::move(host), .root = true, .environment = {}};
}
const Surroundings kAlpha = root_on("alpha");

/// What a person gets to see, each fault with its code.
std::string told(const Faults& faults) {
  std::string out;
  for (const auto& fault : faults.faults) out += fmt::format("[{}] {}\n", fault.code(), fault.for_people());
  return out;
}

Mesh good(std::string_view text, const Surroundings& around = kAlpha) {
  auto mesh = parse_mesh(text, "mesh.toml", around);
  if (mesh) return *mesh;
  ADD_FAILURE() << told(mesh.error()) << "in:\n" << text;
  return {};
}

std::string faults_of(std::string_view text, const Surroundings& around = kAlpha) {
  auto mesh = parse_mesh(text, "mesh.toml", around);
  return mesh ? "no fault" : told(mesh.error());
}

bool updating() { return std::getenv("MESHOPS_UPDATE_GOLDEN") != nullptr; }

void expect_golden(const fs::path& path, const std::string& is) {
  if (updating()) {
    ASSERT_TRUE(write_file_atomic(path, is, {.mode = 0644}));
    return;
  }
  auto expected = read_file(path);
  ASSERT_TRUE(expected) << expected.error().text() << "; make it with MESHOPS_UPDATE_GOLDEN=1";
  EXPECT_EQ(is, *expected) << "if that is meant: MESHOPS_UPDATE_GOLDEN=1";
}

TEST(Defaults, AreTheOnesOfTheGoldenFile) {
  expect_golden(kGolden / "defaults.toml", to_toml(default_mesh(kAlpha)));
}

TEST(Defaults, AnEmptyFileMeansTheDefaults) {
  auto mesh = good("");
  mesh.source.clear();
  EXPECT_EQ(mesh, default_mesh(kAlpha));
}

TEST(Defaults, AUserKeepsSocketAndStateUnderTheXdgDirectories) {
  Surroundings user{.host_name = "alpha",
                    .environment = {{"HOME", "/home/u"}, {"XDG_RUNTIME_DIR", "/run/user/7"}}};
  EXPECT_EQ(default_mesh(user).socket, "/run/user/7/meshops/agent.sock");
  EXPECT_EQ(default_mesh(user).state_dir, "/home/u/.local/state/meshops");
  user.environment = {{"HOME", "/home/u"}, {"XDG_STATE_HOME", "/srv/state"}};
  EXPECT_EQ(default_mesh(user).state_dir, "/srv/state/meshops");
  EXPECT_EQ(default_mesh(user).socket, "/srv/state/meshops/agent.sock");
}

TEST(Defaults, ARelativeXdgDirectoryIsIgnoredAsItsSpecificationSays) {
  Surroundings user{.host_name = "alpha", .environment = {{"HOME", "/home/u"}, {"XDG_STATE_HOME", "state"}}};
  EXPECT_EQ(default_mesh(user).state_dir, "/home/u/.local/state/meshops");
}

TEST(Defaults, TheSocketFollowsAStateDirFromTheFile) {
  Surroundings user{.host_name = "alpha", .environment = {{"HOME", "/home/u"}}};
  EXPECT_EQ(good("[agent]\nstate_dir = \"/srv/m\"\n", user).socket, "/srv/m/agent.sock");
}

TEST(Defaults, AnyHostNameGivesANodeNameThatParses) {
  for (const auto& [host, node] :
       std::vector<std::pair<std::string, std::string>>{{"alpha.example.org", "alpha"},
                                                        {"", "localhost"},
                                                        {"-x", "localhost"},
                                                        {"b\xC3\xA4r", "b--r"},
                                                        {std::string(80, 'a'), std::string(63, 'a')}}) {
    EXPECT_EQ(default_mesh(root_on(host)).node, node);
    EXPECT_EQ(faults_of(to_toml(default_mesh(root_on(host)))), "no fault");
  }
}

TEST(Example, IsTheOneOfTheGoldenFileAndMeansTheDefaults) {
  expect_golden(kGolden / "example.toml", example_toml());
  auto mesh = good(example_toml());
  mesh.source.clear();
  EXPECT_EQ(mesh, default_mesh(kAlpha));
}

TEST(Example, UncommentedStillParsesAndLimitsAreTheDefaults) {
  auto example = example_toml();
  std::string uncommented;
  for (auto line : split(example, '\n')) {
    if (line.starts_with('#') && !line.starts_with("# ") && line.size() > 1) line.remove_prefix(1);
    uncommented += fmt::format("{}\n", line);
  }
  auto mesh = good(uncommented);
  EXPECT_EQ(mesh.limits, Limits{});
  EXPECT_EQ(mesh.discover, Mesh{}.discover);
  EXPECT_EQ(mesh.nodes.size(), 2U);
  ASSERT_EQ(mesh.gateways.size(), 5U);
  EXPECT_EQ(mesh.gateways[4].stands_by_for, "alpha/main");
  EXPECT_EQ(mesh.gateways[3].port, 8080);
  ASSERT_EQ(mesh.alerts.size(), 4U);
  EXPECT_EQ(mesh.alerts[0].chat_id, "-1001234567890");
  EXPECT_EQ(mesh.alerts[0].quiet, AlertSpec{}.quiet);
}

TEST(Reference, IsTheGuidesPage) {
  expect_golden(fs::path(MESHOPS_SOURCE_DIR) / "docs/guide/config.md", reference_markdown());
}

// One broken file each: NN-name.toml and, in NN-name.txt, all that is said about it.
TEST(Broken, EveryFileOfTheCollectionGetsItsMessages) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(kGolden / "bad"))
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  std::ranges::sort(files);
  EXPECT_GE(files.size(), 45U);
  for (const auto& file : files) {
    SCOPED_TRACE(file.filename().string());
    auto text = read_file(file);
    ASSERT_TRUE(text);
    auto mesh = parse_mesh(*text, file.filename(), kAlpha);
    ASSERT_FALSE(mesh) << "nothing was found wrong";
    auto is = told(mesh.error());
    EXPECT_THAT(is, Not(HasSubstr("hunter2"))) << "a secret is repeated";
    expect_golden(fs::path(file).replace_extension(".txt"), is);
  }
}

TEST(Broken, AtMostTwentyFaultsAreTold) {
  std::string text = "[mesh]\n";
  for (int i = 0; i < 50; ++i) text += fmt::format("what{} = 1\n", i);
  auto mesh = parse_mesh(text, "mesh.toml", kAlpha);
  ASSERT_FALSE(mesh);
  ASSERT_EQ(mesh.error().faults.size(), 20U);
  EXPECT_THAT(mesh.error().faults.front().text(), HasSubstr("mesh.toml:2:1"));
  EXPECT_THAT(mesh.error().faults.back().text(), HasSubstr("mesh.toml:21:1"));
}

TEST(Broken, ATextBeyondTheSizeLimitIsRefusedUnread) {
  EXPECT_THAT(faults_of(std::string((1U << 20) + 1, '#')), HasSubstr("at most 1.0 MiB"));
}

TEST(Broken, AKeyOfAMillionDotsIsRefusedBeforeItCostsTheStack) {
  std::string text = "# a comment\na";
  for (int i = 0; i < 400000; ++i) text += ".a";
  EXPECT_THAT(faults_of(text + " = 1\n"), HasSubstr("mesh.toml:2:"));
  EXPECT_THAT(faults_of("[" + text.substr(12) + "]\n"), HasSubstr("more dots"));
}

TEST(Broken, DotsInTextsAndCommentsAreNoKeys) {
  std::string dots(500, '.');
  EXPECT_EQ(faults_of("# " + dots + "\n[[gateway]]\nname = \"a\"\ncommand = [\"" + dots + "\\\"" + dots +
                      "\", '" + dots + "', \"\"\"\n" + dots + "\"\"\"]\n"),
            "no fault");
}

TEST(Broken, AListInALinesBeginningIsNoHeader) {
  EXPECT_EQ(faults_of("[[gateway]]\nname = \"a\"\ncommand = [\n\"x\",\n # ]\n '[' ]\n [ \"agent\" ]\n"),
            "no fault");
  EXPECT_THAT(faults_of("a = [\n[`"), HasSubstr("mesh.toml:2:2"));
}

// On each of these toml++ 3.3 as it comes runs into a __builtin_unreachable().
TEST(Broken, LettersBeyondAsciiAreForTextsAndComments) {
  EXPECT_THAT(faults_of("[mesh]\nnam\u03bde = 1\n"), HasSubstr("mesh.toml:2:4: a key without a value"));
  EXPECT_THAT(faults_of("a\u00a0= 1\n"), HasSubstr("mesh.toml:1:2: something that is no key"));
  EXPECT_THAT(faults_of("a = 1\u00a0\n"), HasSubstr("mesh.toml:1:6: something that is no key"));
  EXPECT_THAT(faults_of("a = \u00e9\n"), HasSubstr("mesh.toml:1:5: a value of no known kind"));
  EXPECT_THAT(faults_of("a = 2\"\u00e9\"\n"), HasSubstr("mesh.toml:1:6: a value that is not quite a number"));
  EXPECT_THAT(faults_of("a = 1^^B['b\ufdf7= \"c\n"),
              HasSubstr("mesh.toml:1:6: a value that is not quite a number"));
  EXPECT_THAT(faults_of("a = \"\"\"x\\\u00e9\"\"\"\n"), HasSubstr("a backslash that TOML does not know"));
  auto fine =
      "\uFEFF# \u00e9\n[[gateway]]\nname = \"a\"\ncommand = [\"\u03bd\", '\u03bd', \"\"\"\n\u03bd\\\n "
      "\u00e9\"\"\"]\n";
  EXPECT_EQ(good(fine).gateways[0].command, (std::vector<std::string>{"\u03bd", "\u03bd", "\u03bd\u00e9"}));
}

TEST(Broken, NestingIsBounded) {
  EXPECT_THAT(faults_of("a = " + std::string(10000, '[')), HasSubstr("nested too deeply"));
}

TEST(Gateway, OfAnotherNodeStaysWithIt) {
  auto mesh = good(R"(
[[node]]
name = "alpha"
address = "10.0.0.1"
[[node]]
name = "beta"
address = "[fd00::2]:7946"
ssh_port = 2222
[[gateway]]
name = "main"
[[gateway]]
name = "main"
node = "beta"
)");
  EXPECT_EQ(mesh.nodes[1].address, "fd00::2");
  EXPECT_EQ(mesh.nodes[1].port, 7946);
  ASSERT_EQ(mesh.gateways_of("alpha").size(), 1U);
  ASSERT_EQ(mesh.gateways_of("beta").size(), 1U);
  EXPECT_EQ(mesh.gateways_of("beta")[0].name, "main");
  EXPECT_TRUE(mesh.gateways_of("gamma").empty());
}

TEST(Gateway, OpenclawWithoutCommandIsTheOneMeshopsInstalls) {
  auto mesh = good("[[gateway]]\nname = \"main\"\n");
  EXPECT_TRUE(mesh.gateways[0].command.empty());
  EXPECT_EQ(mesh.gateways[0].runtime, RuntimeKind::process);
  EXPECT_EQ(mesh.gateways[0].node, "alpha");
  EXPECT_EQ(mesh.gateways[0].port, std::nullopt);
}

TEST(Gateway, UnitGetsItsSuffixAndOpenclawItsUsualUnit) {
  EXPECT_EQ(good("[[gateway]]\nname=\"a\"\nruntime=\"systemd-user\"\n").gateways[0].unit,
            "openclaw-gateway.service");
  EXPECT_EQ(good("[[gateway]]\nname=\"a\"\nruntime=\"systemd-system\"\nunit=\"claw@1\"\n").gateways[0].unit,
            "claw@1.service");
}

TEST(Gateway, HttpTakesItsPortFromTheUrl) {
  auto http = [](std::string_view url) {
    return good(fmt::format("[[gateway]]\nname=\"a\"\nkind=\"http\"\ncommand=[\"x\"]\nurl=\"{}\"\n", url))
        .gateways[0]
        .port;
  };
  EXPECT_EQ(http("http://127.0.0.1:8080/health"), 8080);
  EXPECT_EQ(http("http://localhost"), 80);
  EXPECT_EQ(http("http://[::1]:9000/?a=b"), 9000);
}

TEST(Gateway, EnvironmentMayStandInATableOfItsOwn) {
  auto mesh = good("[[gateway]]\nname=\"a\"\n[gateway.environment]\nA=\"1\"\nB=\"2\"\n");
  EXPECT_EQ(mesh.gateways[0].environment, (Environment{{"A", "1"}, {"B", "2"}}));
}

TEST(Gateway, ADisabledTwinIsNoConflict) {
  EXPECT_EQ(faults_of("[[gateway]]\nname=\"a\"\nport=1\n[[gateway]]\nname=\"b\"\nport=1\nenabled=false\n"),
            "no fault");
}

TEST(RoundTrip, EveryKeyOfAFullMeshSurvives) {
  auto mesh = good(R"(
[mesh]
name = "office"
node = "beta"
[agent]
socket = "/srv/run/a.sock"
state_dir = "/srv/state"
log_level = "debug"
discover = "observe"
[limits]
profile = "observe-only"
probe_interval = "250ms"
probe_timeout = "1s"
start_floor = "31s"
start_cap = "1h1m1s"
hang_misses = 7
backoff_first = "3s"
backoff_base = "4s"
backoff_max = "23h"
backoff_reset = "1h"
log_max_bytes = 5001
log_keep = 0
[[node]]
name = "alpha"
[[node]]
name = "beta"
address = "beta.example.org:70"
ssh_port = 23
user = "ops"
[[node]]
name = "gamma"
[[gateway]]
name = "main"
command = ["node", "a b", "\"\\\u0001\n\té"]
environment = { A = "", "odd name" = "x=\"y\"" }
working_dir = "/srv"
user = "claw"
port = 1234
config = "/srv/c.json"
state_dir = "/srv/s"
canary = true
enabled = false
[[gateway]]
name = "web"
kind = "http"
runtime = "docker"
container = "web"
url = "http://10.0.0.1:81/x"
node = "alpha"
yields_alone = "90s"
[[gateway]]
name = "spare"
runtime = "systemd-system"
stands_by_for = "alpha/web"
)");
  EXPECT_EQ(mesh.limits.log_max_bytes, 5001U);
  EXPECT_EQ(mesh.gateways[0].command[2], "\"\\\x01\n\t\xC3\xA9");
  EXPECT_EQ(good(to_toml(mesh)), mesh) << to_toml(mesh);
  EXPECT_EQ(good(to_toml(mesh), root_on("elsewhere")), mesh)
      << "what is written does not depend on the machine";
}

TEST(RoundTrip, BytesThatAreNotUtf8StillGiveToml) {
  Surroundings user{.host_name = "alpha", .environment = {{"HOME", "/home/\xFF\xC3"}}};
  EXPECT_THAT(to_toml(default_mesh(user)), HasSubstr("/home/\uFFFD\uFFFD/.local"));
  EXPECT_EQ(faults_of(to_toml(default_mesh(user))), "no fault");
  EXPECT_TRUE(nlohmann::json::accept(to_json(default_mesh(user))));
}

TEST(Json, HasTheSameKeysAsTheToml) {
  auto json = nlohmann::json::parse(to_json(good("[[gateway]]\nname=\"a\"\nenvironment={A=\"b\"}\n")));
  EXPECT_EQ(json["schema"], "meshops.config/1");
  EXPECT_EQ(json["source"], "mesh.toml");
  EXPECT_EQ(json["agent"]["discover"], true);
  EXPECT_EQ(json["limits"]["start_floor"], "3m");
  EXPECT_EQ(json["limits"]["log_max_bytes"], 10485760);
  EXPECT_EQ(json["node"][0]["name"], "alpha");
  EXPECT_EQ(json["gateway"][0]["environment"]["A"], "b");
  EXPECT_FALSE(json["gateway"][0].contains("unit"));
}

TEST(Veil, HidesWhatLooksSecretAndNothingElse) {
  Mesh mesh;
  mesh.gateways.push_back(
      {.name = "a",
       .command = {"node", "--token", "hunter2", "--api-key=hunter2", "PASSWORD=hunter2", "run"},
       .environment = {{"OPENCLAW_GATEWAY_TOKEN", "hunter2"}, {"LANG", "C.UTF-8"}}});
  auto shown = veiled(mesh).gateways[0];
  EXPECT_EQ(shown.command, (std::vector<std::string>{"node", "--token", "(hidden)", "--api-key=(hidden)",
                                                     "PASSWORD=(hidden)", "run"}));
  EXPECT_EQ(shown.environment, (Environment{{"OPENCLAW_GATEWAY_TOKEN", "(hidden)"}, {"LANG", "C.UTF-8"}}));
}

TEST(Alerts, AChatMayBeReachedInClearTextOnThisMachineOnly) {
  auto with = [](std::string_view url) {
    return fmt::format("[[alert]]\nname = \"a\"\nkind = \"slack\"\nurl = \"{}\"\n", url);
  };
  EXPECT_EQ(good(with("http://127.0.0.1:8080/relay")).alerts.size(), 1U);
  EXPECT_EQ(good(with("http://[::1]/relay")).alerts.size(), 1U);
  for (const char* url :
       {"http://127.0.0.1.example.org/", "http://10.0.0.1:8080/x", "http://localhost.example.org"})
    EXPECT_THAT(faults_of(with(url)), HasSubstr("expected https://")) << url;
}

TEST(Veil, HidesTheUrlOfAnAlertAndWhatItsProgramIsGiven) {
  Mesh mesh;
  mesh.alerts.push_back({.name = "a", .kind = AlertKind::slack, .url = "https://hooks.example.org/hunter2"});
  mesh.alerts.push_back(
      {.name = "b", .kind = AlertKind::command, .command = {"page", "--api-key", "hunter2"}});
  EXPECT_THAT(to_toml(mesh), HasSubstr("hunter2"));
  EXPECT_THAT(to_toml(veiled(mesh)), Not(HasSubstr("hunter2")));
  EXPECT_THAT(to_json(veiled(mesh)), Not(HasSubstr("hunter2")));
  EXPECT_THAT(to_toml(veiled(mesh)), HasSubstr("url = \"(hidden)\""));
}

TEST(Words, OfEnumsAreTheOnesOfTheFile) {
  EXPECT_EQ(text(GatewayKind::http), "http");
  EXPECT_EQ(text(RuntimeKind::systemd_user), "systemd-user");
  EXPECT_EQ(text(Profile::observe_only), "observe-only");
  EXPECT_EQ(text(Discover::observe), "observe");
  EXPECT_EQ(text(AlertKind::telegram), "telegram");
}

/// A directory with a home and a system-wide place, gone with the test.
class Search : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "meshops-config-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    around_ = {.host_name = "alpha",
               .environment = {{"HOME", (dir_ / "home").string()}},
               .system_dir = dir_ / "etc"};
  }
  void TearDown() override { fs::remove_all(dir_); }

  fs::path write(const fs::path& name, std::string_view mesh_name) {
    auto path = dir_ / name;
    fs::create_directories(path.parent_path());
    EXPECT_TRUE(write_file_atomic(path, fmt::format("[mesh]\nname = \"{}\"\n", mesh_name)));
    return path;
  }

  fs::path dir_;
  Surroundings around_;
};

TEST_F(Search, WithoutAnyFileTheMeshIsThisMachine) {
  EXPECT_EQ(find_mesh_file({}, around_), std::nullopt);
  auto mesh = load_mesh({}, around_);
  ASSERT_TRUE(mesh);
  EXPECT_EQ(*mesh, default_mesh(around_));
  EXPECT_TRUE(mesh->source.empty());
}

TEST_F(Search, EachPlaceGoesBeforeTheNext) {
  auto etc = write("etc/mesh.toml", "etc");
  EXPECT_EQ(find_mesh_file({}, around_), etc);
  auto home = write("home/.config/meshops/mesh.toml", "home");
  EXPECT_EQ(find_mesh_file({}, around_), home);
  auto named = write("named.toml", "named");
  around_.environment["MESHOPS_CONFIG"] = named.string();
  EXPECT_EQ(find_mesh_file({}, around_), named);
  auto flag = write("flag.toml", "flag");
  EXPECT_EQ(find_mesh_file(flag, around_), flag);
  EXPECT_EQ(load_mesh(flag, around_)->name, "flag");
}

TEST_F(Search, XdgConfigHomeStandsInForDotConfig) {
  write("home/.config/meshops/mesh.toml", "home");
  auto xdg = write("xdg/meshops/mesh.toml", "xdg");
  around_.environment["XDG_CONFIG_HOME"] = (dir_ / "xdg").string();
  EXPECT_EQ(find_mesh_file({}, around_), xdg);
}

TEST_F(Search, AnEmptyVariableNamesNothing) {
  auto etc = write("etc/mesh.toml", "etc");
  around_.environment["MESHOPS_CONFIG"] = "";
  EXPECT_EQ(find_mesh_file({}, around_), etc);
}

TEST_F(Search, AFileThatIsNamedButMissingIsAFaultAndNotTheDefaults) {
  write("etc/mesh.toml", "etc");
  auto mesh = load_mesh(dir_ / "no.toml", around_);
  ASSERT_FALSE(mesh);
  EXPECT_EQ(mesh.error().code(), "config.not_found");
  EXPECT_THAT(mesh.error().for_people(), HasSubstr("no.toml"));
}

TEST_F(Search, ADirectoryIsUnreadable) {
  auto mesh = load_mesh(dir_, around_);
  ASSERT_FALSE(mesh);
  EXPECT_EQ(mesh.error().code(), "config.unreadable");
}

TEST_F(Search, AFileThatEverybodyMayWriteIsRefused) {
  auto path = write("mesh.toml", "x");
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  auto mesh = load_mesh(path, around_);
  ASSERT_FALSE(mesh);
  EXPECT_EQ(mesh.error().code(), "config.unsafe_file");
  ASSERT_EQ(::chmod(path.c_str(), 0664), 0);
  EXPECT_TRUE(load_mesh(path, around_));
}

TEST_F(Search, SeveralFaultsBecomeOneErrorWithALineEach) {
  auto path = dir_ / "bad.toml";
  ASSERT_TRUE(write_file_atomic(path, "[mesh]\nnam = \"x\"\n[limits]\nlog_keep = \"x\"\n"));
  auto mesh = load_mesh(path, around_);
  ASSERT_FALSE(mesh);
  EXPECT_EQ(mesh.error().code(), "config.unknown_key");
  EXPECT_THAT(mesh.error().text(),
              HasSubstr("bad.toml:2:1: unknown key 'nam' in [mesh]\n  → did you mean 'name'?\n"));
  EXPECT_THAT(mesh.error().text(), HasSubstr("bad.toml:4:12: "));
  EXPECT_EQ(check_mesh(path, around_).error().faults.size(), 2U);
}

TEST(SurroundingsOfThisProcess, HaveAHostNameWithoutDomainAndAHome) {
  auto around = Surroundings::of_this_process();
  EXPECT_THAT(around.host_name, Not(HasSubstr(".")));
  EXPECT_EQ(around.root, ::geteuid() == 0);
  EXPECT_FALSE(around.environment["HOME"].empty());
}

}  // namespace
}  // namespace meshops
