#include "gateway/openclaw_files.h"

#include <gtest/gtest.h>

#include "fakes/fake_host.h"
#include "gateway/gateway.h"

namespace meshops {
namespace {

struct OpenclawFiles : testing::Test {
  FakeHost host;
  GatewaySpec spec;
  OpenclawFiles() {
    spec.runtime = RuntimeKind::systemd_user;
    spec.user = "claw";
    host.users.push_back({"claw", 1000, 1000, "/home/claw"});
  }
  Identity identify() {
    auto identity = make_adapter(GatewayKind::openclaw)->identify(spec, host);
    EXPECT_TRUE(identity.has_value());
    return identity ? *identity : Identity{};
  }
  void config(std::string text) { host.file("/home/claw/.openclaw/openclaw.json", std::move(text)); }
  std::string token() {
    auto where = openclaw::places(spec, host);
    return openclaw::credential(spec, where, openclaw::read_config(spec, where, host), host).bearer.reveal();
  }
};

TEST_F(OpenclawFiles, LooksInTheHomeOfItsUser) {
  config("{ gateway: { mode: 'local', port: 18802 } } // mine");
  auto identity = identify();
  EXPECT_EQ(identity.state_dir, "/home/claw/.openclaw");
  EXPECT_EQ(identity.config, "/home/claw/.openclaw/openclaw.json");
  EXPECT_EQ(identity.port, 18802);
  EXPECT_EQ(identity.note, "");
  EXPECT_FALSE(identity.tls);
}

TEST_F(OpenclawFiles, ItsEnvironmentSaysOtherwise) {
  spec.environment = {{"OPENCLAW_STATE_DIR", "~/state"}, {"OPENCLAW_CONFIG_PATH", "/etc/claw/openclaw.json"}};
  auto identity = identify();
  EXPECT_EQ(identity.state_dir, "/home/claw/state");
  EXPECT_EQ(identity.config, "/etc/claw/openclaw.json");

  spec.environment = {{"OPENCLAW_HOME", "/srv/claw"}};
  EXPECT_EQ(identify().config, "/srv/claw/.openclaw/openclaw.json");

  spec.environment = {{"HOME", "/var/lib/claw"}};
  EXPECT_EQ(identify().config, "/var/lib/claw/.openclaw/openclaw.json");
}

TEST_F(OpenclawFiles, TheSpecSaysItLast) {
  spec.environment = {{"OPENCLAW_CONFIG_PATH", "/etc/claw/openclaw.json"}, {"OPENCLAW_GATEWAY_PORT", "1"}};
  spec.config = "/x/openclaw.json";
  spec.state_dir = "/x";
  spec.port = 4;
  auto identity = identify();
  EXPECT_EQ(identity.config, "/x/openclaw.json");
  EXPECT_EQ(identity.state_dir, "/x");
  EXPECT_EQ(identity.port, 4);
}

TEST_F(OpenclawFiles, AProfileHasItsOwnStateAndItsOwnPort) {
  spec.environment = {{"OPENCLAW_PROFILE", "work"}};
  auto identity = identify();
  EXPECT_EQ(identity.state_dir, "/home/claw/.openclaw-work");
  EXPECT_EQ(identity.port, 41984);  // FNV-1a of "work", as the gateway computes it
  spec.command = {"openclaw", "--profile", "dev", "gateway", "run"};
  EXPECT_EQ(identify().state_dir, "/home/claw/.openclaw-dev");
  EXPECT_EQ(identify().port, 19001);
  spec.command = {"openclaw", "--profile=default"};
  EXPECT_EQ(identify().state_dir, "/home/claw/.openclaw");
  EXPECT_EQ(identify().port, 18789);
}

TEST_F(OpenclawFiles, ThePortComesFromTheCommandThenTheEnvironmentThenTheFile) {
  config("{ gateway: { mode: 'local', port: 3 } }");
  EXPECT_EQ(identify().port, 3);
  spec.environment = {{"OPENCLAW_GATEWAY_PORT", "2"}};
  EXPECT_EQ(identify().port, 2);
  spec.command = {"node", "index.js", "gateway", "--port", "1"};
  EXPECT_EQ(identify().port, 1);
  spec.command = {"node", "index.js", "gateway", "--port=7"};
  EXPECT_EQ(identify().port, 7);
}

TEST_F(OpenclawFiles, ABrokenFileStillGivesAnIdentityAndSaysWhere) {
  config("{\n  gateway: {\n    mode: 'local' port: 3\n  }\n}\n");
  auto identity = identify();
  EXPECT_EQ(identity.port, 18789);
  EXPECT_TRUE(identity.note.starts_with("openclaw.json: line 3, column 19")) << identity.note;
}

TEST_F(OpenclawFiles, NamesWhatTheGatewayItselfHides) {
  EXPECT_EQ(identify().note, "there is no /home/claw/.openclaw/openclaw.json");
  config("");
  EXPECT_EQ(identify().note, "openclaw.json is empty");
  config("{}");
  EXPECT_EQ(identify().note, "openclaw.json: gateway.mode is not set: the gateway will not start");
  config("{ gateway: {\n mode: 'remote' } }");
  EXPECT_EQ(identify().note,
            "openclaw.json: line 2: gateway.mode is not \"local\": the gateway will not start");
  config("{ gateway: { mode: 'local',\n port: '18811' } }");
  EXPECT_EQ(identify().note, "openclaw.json: line 2: gateway.port is a string, not a number");
  host.files["/home/claw/.openclaw/openclaw.json"].readable = false;
  EXPECT_NE(identify().note.find("ermission denied"), std::string::npos) << identify().note;
}

TEST_F(OpenclawFiles, AFileThatIsIncludedOrNotNeededIsNoFault) {
  config("{ $include: './base.json5' }");
  EXPECT_EQ(identify().note, "");
  config("{}");
  spec.command = {"openclaw", "gateway", "run", "--allow-unconfigured"};
  EXPECT_EQ(identify().note, "");
}

TEST_F(OpenclawFiles, AContainersFilesAreNotLookedForOnTheHost) {
  spec.runtime = RuntimeKind::docker;
  spec.user.clear();
  auto identity = identify();
  EXPECT_TRUE(identity.config.empty());
  EXPECT_EQ(identity.note, "");
  EXPECT_EQ(identity.port, 18789);
}

TEST_F(OpenclawFiles, TheVersionIsFoundThroughTheLinksOfNpm) {
  host.file("/usr/lib/node_modules/openclaw/package.json", R"({"name":"openclaw","version":"2026.9.6"})");
  host.file("/usr/lib/node_modules/openclaw/openclaw.mjs", "");
  host.file("/usr/lib/node_modules/openclaw/dist/index.js", "");
  host.link("/usr/bin/openclaw", "../lib/node_modules/openclaw/openclaw.mjs");
  spec.command = {"/usr/bin/node", "--max-old-space-size=8192",
                  "/usr/lib/node_modules/openclaw/dist/index.js", "gateway"};
  EXPECT_EQ(identify().version, "2026.9.6");
  spec.command = {"/usr/bin/openclaw", "gateway", "run"};
  EXPECT_EQ(identify().version, "2026.9.6");
  spec.command = {"openclaw", "gateway", "run"};
  EXPECT_EQ(identify().version, "2026.9.6");
  spec.command = {"node", "openclaw.mjs", "gateway"};
  spec.working_dir = "/usr/lib/node_modules/openclaw";
  EXPECT_EQ(identify().version, "2026.9.6");
}

TEST_F(OpenclawFiles, AnotherPackagesVersionIsNotTaken) {
  host.file("/opt/app/package.json", R"({"name":"app","version":"1.0.0"})");
  host.file("/opt/app/dist/index.js", "");
  spec.command = {"node", "/opt/app/dist/index.js"};
  EXPECT_EQ(identify().version, "");
  host.file("/opt/app/package.json", "[[[");
  EXPECT_EQ(identify().version, "");
}

TEST_F(OpenclawFiles, TheTokenIsResolvedAsTheGatewayDoes) {
  config("{ gateway: { auth: { mode: 'token', token: 't0' } } }");
  EXPECT_EQ(token(), "t0");
  config("{ gateway: { auth: { token: 'a-${GW_TOKEN}' } } }");
  EXPECT_EQ(token(), "");
  host.file("/home/claw/.openclaw/.env", "# mine\nexport GW_TOKEN='from-file'\n");
  EXPECT_EQ(token(), "a-from-file");
  spec.environment["GW_TOKEN"] = "from-unit";
  EXPECT_EQ(token(), "a-from-unit");
  config("{ gateway: { auth: { token: { source: 'env', provider: 'default', id: 'GW_TOKEN' } } } }");
  EXPECT_EQ(token(), "from-unit");
  config("{ gateway: { auth: { token: '$GW_TOKEN' } } }");
  EXPECT_EQ(token(), "from-unit");
  config("{ env: { vars: { T: 'from-config' } }, gateway: { auth: { token: '${T}' } } }");
  EXPECT_EQ(token(), "from-config");
  config("{ gateway: { auth: { token: '$${T}' } } }");
  EXPECT_EQ(token(), "${T}");
  config("{ gateway: { auth: { mode: 'password', password: 'pw' } } }");
  EXPECT_EQ(token(), "pw");
  config("{}");
  spec.environment["OPENCLAW_GATEWAY_TOKEN"] = "from-variable";
  EXPECT_EQ(token(), "from-variable");
}

}  // namespace
}  // namespace meshops
