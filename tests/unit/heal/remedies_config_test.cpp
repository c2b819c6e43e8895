// Remedies for configurations, on files and log lines as OpenClaw has them.
#include <gtest/gtest.h>

#include "patient.h"

namespace meshops::heal {
namespace {

using Then = Treatment::Then;
const std::string kFile(kConfig);
const std::string kBroken = kFile + ".broken-20261124T051200Z";

std::string with(std::string_view extra) {
  return fmt::format(
      "{{\n  \"meta\": {{ \"v\": 1 }},\n  \"gateway\": {{ \"mode\": \"local\", \"port\": 18789 }},\n{}}}\n",
      extra);
}
const std::string kPlain = with("");

const std::string kRouted = R"({
  meta: { v: 1 }, gateway: { mode: "local" },
  agents: { defaults: { model: { primary: "one/large", fallbacks: ["one/small", "two/large", "three/x"] } } },
  models: { providers: { one: { apiKey: "hush-hush", models: [{ id: "large" }, { id: "small" }] } } },
}
)";
std::string routed_to(std::string_view model) {
  auto text = kRouted;
  return text.replace(text.find("\"one/large\""), 11, fmt::format("\"{}\"", model));
}

const bool kAdded = add(
    {
        {"remove_unknown_keys",
         "the validator names a key of the root",
         [](Case& c) {
           c.config(with("  // a note\n  \"bogusKey\": true,\n")).patient.config_issues = {
               {"", "Unrecognized key: \"bogusKey\"", {}}};
         },
         {"write /home/ada/.openclaw/openclaw.json (107 B → 87 B)"},
         {{kFile, with("  // a note\n")}}},
        {"remove_unknown_keys",
         "only the log names it, in a hot reload",
         [](Case& c) {
           c.config(with("  \"discovery\": { \"foo\": 1 },\n"))
               .runs()
               .log(
                   "2026-11-24T05:11:00.000Z [gateway/reload] config reload skipped (invalid config): "
                   "discovery: "
                   "Unrecognized key: \"foo\"");
         },
         {"write /home/ada/.openclaw/openclaw.json (104 B → 95 B)"},
         {{kFile, with("  \"discovery\": { },\n")}},
         Then::watch},
        {"remove_unknown_keys",
         "two faults in one file are mended at once",
         [](Case& c) {
           c.config("{ meta: {}, gateway: { port: \"18789\" }, bogus: 1 }")
               .log("openclaw.json:1 — gateway.port: Invalid input: expected number, received string")
               .log("<root>: Unrecognized key: \"bogus\"");
         },
         {"write /home/ada/.openclaw/openclaw.json (50 B → 53 B)"},
         {{kFile, "{ meta: {}, gateway: { port: 18789, mode: \"local\" } }"}}},
        {"correct_known_value",
         "a provider's kind has an old name",
         [](Case& c) {
           c.config("{ gateway: { mode: \"local\" }, models: { providers: { v: { api: \"google\" } } } }")
               .log(
                   "openclaw.json:1 — models.providers.v.api: Invalid option: expected one of "
                   "\"openai-completions\"|\"google-generative-ai\"|\"google-vertex\", got: \"google\"");
         },
         {"write /home/ada/.openclaw/openclaw.json (79 B → 93 B)"},
         {{kFile,
           "{ gateway: { mode: \"local\" }, models: { providers: { v: { api: \"google-generative-ai\" } } } "
           "}"}}},
        {"set_gateway_mode",
         "it is absent",
         [](Case& c) { c.config("{\n  // mine\n  gateway: {\n    port: 1,\n  },\n}\n"); },
         {"write /home/ada/.openclaw/openclaw.json (45 B → 64 B)"},
         {{kFile, "{\n  // mine\n  gateway: {\n    port: 1,\n    mode: \"local\",\n  },\n}\n"}}},
        {"repair_config_syntax",
         "a comma was forgotten; the edit is kept",
         [](Case& c) { c.config("{ meta: {} gateway: { mode: \"local\" } }").last_good(kPlain); },
         {"write the new file /home/ada/.openclaw/openclaw.json.broken-20261124T051200Z (39 B)",
          "write /home/ada/.openclaw/openclaw.json (39 B → 40 B)"},
         {{kBroken, "{ meta: {} gateway: { mode: \"local\" } }"},
          {kFile, "{ meta: {} ,gateway: { mode: \"local\" } }"}}},
        {"restore_last_good_config",
         "the file was cut off (T2: the gateway only says that the mode is missing)",
         [](Case& c) {
           c.config("{ \"meta\": { \"v\"")
               .last_good(kPlain)
               .log(
                   "Gateway start blocked: existing config is missing gateway.mode. Treat this as suspicious "
                   "or "
                   "clobbered config.");
         },
         {"write the new file /home/ada/.openclaw/openclaw.json.broken-20261124T051200Z (15 B)",
          "write /home/ada/.openclaw/openclaw.json (15 B → 75 B)"},
         {{kBroken, "{ \"meta\": { \"v\""}, {kFile, kPlain}}},
        {"restore_last_good_config",
         "meshops' own copy comes first",
         [](Case& c) {
           c.config("").last_good(kPlain).file("/var/lib/meshops/good.json", with("  a: 1,\n"), {}, 0);
           c.patient.good_config = "/var/lib/meshops/good.json";
         },
         {"write the new file /home/ada/.openclaw/openclaw.json.broken-20261124T051200Z (0 B)",
          "write /home/ada/.openclaw/openclaw.json (0 B → 83 B)"},
         {{kBroken, ""}, {kFile, with("  a: 1,\n")}}},
        {"restore_last_good_config",
         "what is too large to be kept is moved aside as it is",
         [](Case& c) { c.config(std::string(5U << 20, '#')).last_good(kPlain); },
         {"rename /home/ada/.openclaw/openclaw.json to openclaw.json.broken-20261124T051200Z",
          "write the new file /home/ada/.openclaw/openclaw.json (75 B)"},
         {{kFile, kPlain}}},
        {"restore_last_good_config",
         "what it became ready with is better than what its last write replaced",
         [](Case& c) {
           c.config("{").file("/var/lib/meshops/ready.json", with("  a: 1,\n"), {}, 0);
           c.file(kFile + ".bak", kPlain).patient.ready_config = "/var/lib/meshops/ready.json";
         },
         {"write the new file /home/ada/.openclaw/openclaw.json.broken-20261124T051200Z (1 B)",
          "write /home/ada/.openclaw/openclaw.json (1 B → 83 B)"},
         {{kBroken, "{"}, {kFile, with("  a: 1,\n")}}},
        {"restore_last_good_config",
         "what has lasted is better than what it only became ready with",
         [](Case& c) {
           c.config("{").last_good(kPlain).file("/var/lib/meshops/ready.json", with("  a: 1,\n"), {}, 0);
           c.patient.ready_config = "/var/lib/meshops/ready.json";
         },
         {"write the new file /home/ada/.openclaw/openclaw.json.broken-20261124T051200Z (1 B)",
          "write /home/ada/.openclaw/openclaw.json (1 B → 75 B)"},
         {{kBroken, "{"}, {kFile, kPlain}}},
        {"restore_last_good_config",
         "copies that are no better are passed over, and the file itself is gone",
         [](Case& c) {
           c.host.files.erase(kFile);
           c.last_good("{ \"gateway\"").file(kFile + ".bak", kPlain);
         },
         {"write the new file /home/ada/.openclaw/openclaw.json (75 B)"},
         {{kFile, kPlain}}},
        {"doctor_fix_once",
         "only unknown keys are complained about",
         [](Case& c) {
           c.config(with("  \"media\": { \"image\": {} },\n")).log("<root>: Unrecognized key: \"media\"");
         },
         {"run as ada (at most 2m): node index.js doctor --fix --non-interactive"},
         {}},
        {"reload_mode_off",
         "writes restart it",
         [](Case& c) { c.config("{gateway: {mode: 'local'}}").runs(); },
         {"write /home/ada/.openclaw/openclaw.json (26 B → 51 B)"},
         {{kFile, "{gateway: {mode: 'local', reload: { mode: \"off\" }}}"}},
         Then::watch},
        {"quarantine_plugin",
         "it throws while it loads",
         [](Case& c) {
           c.config("{ gateway: { mode: \"local\" } }")
               .runs()
               .log(
                   "2026-11-24T05:11:00.000Z [plugins] weather failed during load from /p/index.js: Error: "
                   "boom");
         },
         {"write /home/ada/.openclaw/openclaw.json (30 B → 85 B)"},
         {{kFile, "{ gateway: { mode: \"local\" }, plugins: { entries: { weather: { enabled: false } } } }"}},
         Then::restart},
        {"quarantine_plugin",
         "the console is JSON, whose messages name their subsystem again",
         [](Case& c) {
           c.config("{ gateway: { mode: \"local\" } }")
               .log(R"({"time":"2026-11-24T05:11:00.000Z","level":"error","subsystem":"plugins",)"
                    R"("message":"[plugins] weather failed during load from /p/index.js: Error: boom"})");
         },
         {"write /home/ada/.openclaw/openclaw.json (30 B → 85 B)"},
         {{kFile,
           "{ gateway: { mode: \"local\" }, plugins: { entries: { weather: { enabled: false } } } }"}}},
        {"swap_primary_model",
         "the first fallback of another provider that has not failed",
         [](Case& c) {
           c.config(kRouted).runs().log(
               R"({"time":"2026-11-24T05:11:00.000Z","level":"warn","subsystem":"model-fallback","message":"x",)"
               R"("event":"model_fallback_decision","decision":"candidate_failed","candidateProvider":"two"})");
         },
         {"write /home/ada/.openclaw/openclaw.json (264 B → 262 B)"},
         {{kFile, routed_to("three/x")}},
         Then::watch},
        {"swap_primary_model",
         "a fallback of the same provider that was seen to work",
         [](Case& c) {
           c.config(kRouted).runs().log(
               R"({"time":"2026-11-24T05:11:00.000Z","level":"info","subsystem":"model-fallback","message":"x",)"
               R"("decision":"candidate_succeeded","candidateProvider":"one","candidateModel":"small"})");
         },
         {"write /home/ada/.openclaw/openclaw.json (264 B → 264 B)"},
         {{kFile, routed_to("one/small")}},
         Then::watch},
        {"correct_model_name",
         "one letter of the model is wrong",
         [](Case& c) { c.config(routed_to("one/lagre")).runs().log("Unknown model: one/lagre"); },
         {"write /home/ada/.openclaw/openclaw.json (264 B → 264 B)"},
         {{kFile, kRouted}},
         Then::watch},
    },
    {
        {"remove_unknown_keys", "the key is one that today's schema knows",
         [](Case& c) { c.config(with("  \"talk\": {},\n")).log("<root>: Unrecognized key: \"talk\""); },
         "not for meshops to take out: talk"},
        {"remove_unknown_keys", "nothing is complained about", [](Case&) {},
         "no key that it complains about"},
        {"remove_unknown_keys", "T1: the file lost its meta, so the gateway would put another back",
         [](Case& c) {
           c.config("{ gateway: { mode: \"local\" }, bogus: 1 }")
               .last_good(kPlain)
               .log("<root>: Unrecognized key: \"bogus\"");
         },
         "meta would be missing"},
        {"remove_unknown_keys", "T1: less than half would be left",
         [](Case& c) {
           auto large = with("  \"bogus\": \"" + std::string(900, 'x') + "\",\n");
           c.config(large).last_good(large).log("<root>: Unrecognized key: \"bogus\"");
         },
         "less than half"},
        {"remove_unknown_keys", "the path is a link to a file of somebody else",
         [](Case& c) {
           c.file("/etc/secret.json", "{ bogus: 1 }", {}, 0).log("<root>: Unrecognized key: \"bogus\"");
           c.host.link(kFile, "/etc/secret.json");
         },
         "belongs to another user"},
        {"correct_known_value", "more than one value is near",
         [](Case& c) {
           c.config(with("  \"x\": \"wan\",\n")).patient.config_issues = {
               {"x", "Invalid option", {"lan", "man"}}};
         },
         "the right value is not known: x"},
        {"set_gateway_mode", "somebody set it to remote",
         [](Case& c) { c.config("{ gateway: { mode: \"remote\" } }"); }, "only a person may change it"},
        {"set_gateway_mode", "an included file may have it",
         [](Case& c) { c.config("{ $include: './g.json5' }"); }, "does not lack"},
        {"set_gateway_mode", "T1: it is what is left of a larger file",
         [](Case& c) { c.config("{}").last_good(with("  \"a\": \"" + std::string(900, 'x') + "\",\n")); },
         "meta would be missing"},
        {"set_gateway_mode", "the file does not parse", [](Case& c) { c.config("{ gateway"); },
         "is not JSON5"},
        {"repair_config_syntax", "the end is missing",
         [](Case& c) { c.config("{ gateway: { mode: 'local' }"); }, "one clear reading"},
        {"repair_config_syntax", "it is well formed", [](Case&) {}, "well formed"},
        {"repair_config_syntax", "T1: it would still lack what the last one had",
         [](Case& c) { c.config("{ a: 1 gateway: { mode: \"local\" } }").last_good(kPlain); },
         "meta would be missing"},
        {"restore_last_good_config", "every copy is the refused file or worse",
         [](Case& c) { c.config(kPlain).last_good(kPlain).file(kFile + ".bak", "{}"); },
         "openclaw.json.last-good: it is the one that is refused; openclaw.json.bak: it has no gateway.mode"},
        {"restore_last_good_config", "it was ready with it once, and refuses it now",
         [](Case& c) {
           c.config(kPlain).file("/var/lib/meshops/ready.json", kPlain, {}, 0);
           c.patient.good_config = c.patient.ready_config = "/var/lib/meshops/ready.json";
         },
         "ready.json: it is the one that is refused"},
        {"restore_last_good_config", "what stands there is no file",
         [](Case& c) {
           c.host.files.erase(kFile);
           c.last_good(kPlain).host.directory(kFile);
         },
         "is no plain file"},
        {"restore_last_good_config", "its files are in a container",
         [](Case& c) { c.patient.identity.config.clear(); }, "out of sight"},
        {"doctor_fix_once", "a value is wrong: it would give up after half a minute",
         [](Case& c) {
           c.log("<root>: Unrecognized key: \"media\"")
               .log("gateway.port: Invalid input: expected number, received string");
         },
         "does not mend values (gateway.port)"},
        {"doctor_fix_once", "the file does not parse", [](Case& c) { c.config("{ a"); }, "not JSON5"},
        {"doctor_fix_once", "the command is not known",
         [](Case& c) {
           c.log("<root>: Unrecognized key: \"media\"");
           c.patient.spec.command = {"/usr/local/bin/run-gateway"};
         },
         "not known which command"},
        {"reload_mode_off", "it is off",
         [](Case& c) { c.config("{gateway: {mode: 'local', reload: {mode: 'off'}}}"); }, "off already"},
        {"quarantine_plugin", "a model said it, not the gateway",
         [](Case& c) {
           c.log(
               "2026-11-24T05:11:00.000Z [agent/embedded] [plugins] telegram failed during load from /x: "
               "Error: y");
         },
         "names no plugin"},
        {"quarantine_plugin", "it is disabled",
         [](Case& c) {
           c.config("{ gateway: { mode: 'local' }, plugins: { entries: { weather: { enabled: false } } } }")
               .log("[plugins] weather failed during load from /p: Error: boom");
         },
         "disabled already"},
        {"swap_primary_model", "all fallbacks share the provider's key",
         [](Case& c) {
           c.config("{ agents: { defaults: { model: { primary: 'one/a', fallbacks: ['one/b'] } } } }").runs();
         },
         "of another provider than one"},
        {"swap_primary_model", "the agent is strict: a text has no fallbacks",
         [](Case& c) { c.config("{ agents: { defaults: { model: 'one/a' } } }"); }, "no fallback"},
        {"correct_model_name", "nothing says that it does not exist: a built-in provider is not listed",
         [](Case& c) { c.config(routed_to("one/lagre")); }, "nothing says that one/lagre does not exist"},
        {"correct_model_name", "no model is near",
         [](Case& c) { c.config(routed_to("nosuch/thing")).log("Unknown model: nosuch/thing"); },
         "no model of the configuration"},
    });

TEST(ConfigRemedies, SwappingBackIsTheInverse) {
  Case c;
  c.config(kRouted).runs().patient.consent = {"swap_primary_model"};
  auto there = c.plan("swap_primary_model");
  ASSERT_TRUE(there);
  auto back = inverse(there->actions.front());
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<WriteFile>(back->front()).after->bytes, kRouted);
}

TEST(ConfigRemedies, TheDoctorIsRunStoppedWithItsFileProtectedAndItsOwnStateNamed) {
  Case c;
  c.log("<root>: Unrecognized key: \"media\"");
  c.patient.spec.environment = {{"PATH", "/opt/node/bin:/usr/bin"}, {"OPENCLAW_GATEWAY_TOKEN", "hush-hush"}};
  auto treatment = c.plan("doctor_fix_once");
  ASSERT_TRUE(treatment);
  EXPECT_TRUE(treatment->gateway_stopped) << "T4: with the gateway running it gives up";
  const auto& tool = std::get<RunTool>(treatment->actions.front());
  EXPECT_EQ(tool.argv,
            (std::vector<std::string>{"/opt/node-v26.10.0/bin/node", "/opt/oc/openclaw/dist/index.js",
                                      "doctor", "--fix", "--non-interactive"}));
  EXPECT_EQ(tool.protects, std::vector<std::filesystem::path>{kFile}) << "T5: it rewrites the whole file";
  EXPECT_EQ(tool.environment, (Environment{{"NO_COLOR", "1"},
                                           {"OPENCLAW_CONFIG_PATH", kFile},
                                           {"OPENCLAW_SERVICE_REPAIR_POLICY", "external"},
                                           {"OPENCLAW_STATE_DIR", "/home/ada/.openclaw"},
                                           {"PATH", "/opt/node/bin:/usr/bin"}}));
}

TEST(ConfigRemedies, AHugeOrBinaryFileIsAClearRefusal) {
  for (const auto& bytes :
       {std::string(5U << 20, 'x'), std::string("\0\x01\x02", 3), std::string(200'000, '[')}) {
    Case c;
    c.config(bytes).log("<root>: Unrecognized key: \"a\"");
    for (auto id : {"remove_unknown_keys", "repair_config_syntax", "set_gateway_mode", "doctor_fix_once"})
      EXPECT_FALSE(c.plan(id)) << id;
  }
}

}  // namespace
}  // namespace meshops::heal
