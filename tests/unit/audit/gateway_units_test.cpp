#include "audit/gateway_units.h"

#include <gtest/gtest.h>

#include "audit/units.h"
#include "base/text.h"

namespace meshops::audit {
namespace {

std::vector<std::string> argv(std::string_view line) {
  std::vector<std::string> out;
  for (auto word : words(line)) out.emplace_back(word);
  return out;
}

TEST(GatewayUnits, CommandsThatStartOne) {
  for (const auto* line :
       {"/usr/bin/openclaw gateway", "/usr/bin/openclaw --profile two gateway run --port 18790",
        "/usr/bin/node --max-old-space-size=2048 /usr/lib/node_modules/openclaw/dist/index.js gateway --port "
        "1",
        "/usr/bin/env NODE_ENV=production node /opt/openclaw/openclaw.mjs gateway",
        "/usr/bin/npx -y openclaw@latest gateway", "/usr/bin/env -u X openclaw gateway",
        "/usr/bin/clawdbot gateway --bind loopback", "moltbot gateway start",
        "/usr/bin/sudo -u claw openclaw gateway", "/usr/bin/nice -n 5 openclaw gateway",
        "/usr/bin/docker run --rm -p 18789:18789 ghcr.io/openclaw/openclaw:1 node dist/index.js gateway",
        "/usr/bin/docker run --rm ghcr.io/openclaw/openclaw:2026.9.6",
        "/usr/bin/docker start -a openclaw-gateway",
        "/usr/bin/docker compose -f /opt/openclaw/compose.yml up",
        "/usr/bin/podman run openclaw/openclaw gateway", "/usr/bin/tini -- openclaw gateway",
        "/usr/bin/flock -n /run/x.lock openclaw gateway", "openclaw-gateway"})
    EXPECT_TRUE(starts_gateway(argv(line))) << line;
  EXPECT_TRUE(starts_gateway({"/bin/bash", "-lc", "cd /srv && exec openclaw gateway >> /var/log/x 2>&1"}));
  EXPECT_TRUE(starts_gateway({"/bin/sh", "-c", "while true; do openclaw gateway; sleep 5; done"}));
  EXPECT_TRUE(starts_gateway({"/usr/bin/su", "-", "claw", "-c", "openclaw gateway"}));
  EXPECT_TRUE(command_starts_gateway(argv("/usr/bin/node dist/index.js gateway"), "/opt/openclaw"));
  EXPECT_TRUE(command_starts_gateway(argv("/usr/bin/pnpm gateway:watch"), "/opt/openclaw"));
}

TEST(GatewayUnits, CommandsThatOnlySpeakOfOne) {
  for (const auto* line :
       {"/usr/bin/openclaw gateway status", "/usr/bin/openclaw gateway restart",
        "/usr/bin/openclaw doctor --fix", "/usr/bin/openclaw node run", "/usr/bin/openclaw logs gateway",
        "/usr/bin/pgrep -f openclaw gateway", "/usr/bin/systemctl restart openclaw-gateway",
        "/usr/bin/meshops agent", "/usr/bin/ssh hub openclaw gateway",
        "/usr/bin/python3 /opt/openclaw/watch.py gateway", "/usr/bin/docker logs openclaw gateway",
        "/usr/bin/docker run --name openclaw-db postgres:16", "/usr/bin/docker run openclaw-sandbox:latest",
        "/usr/bin/nginx -c /etc/openclaw/gateway.conf", "/usr/bin/node /opt/api-gateway/index.js gateway"})
    EXPECT_FALSE(starts_gateway(argv(line))) << line;
  EXPECT_FALSE(starts_gateway({}));
  EXPECT_FALSE(starts_gateway({"/bin/sh", "-c", "pkill -f 'openclaw gateway'; echo openclaw gateway"}));
  EXPECT_FALSE(command_starts_gateway(argv("/usr/bin/node dist/index.js gateway"), "/opt/other"));
}

TEST(GatewayUnits, ShellTextsAreTakenApart) {
  EXPECT_EQ(shell_commands("a 'b c' \"d\\\"e\" # f\ng; h | i && j\\\n k"),
            (std::vector<std::vector<std::string>>{{"a", "b c", "d\"e"}, {"g"}, {"h"}, {"i"}, {"j", "k"}}));
  EXPECT_EQ(shell_commands("cat <<EOF > x\nopenclaw gateway\nEOF\nls"),
            (std::vector<std::vector<std::string>>{{"cat", "x"}, {"ls"}}));
  EXPECT_EQ(shell_commands("x ${A:-b c} `y`"),
            (std::vector<std::vector<std::string>>{{"x", "${A:-b c}"}, {"y"}}));
  for (const auto* broken : {"'", "\"", "\\", "<<", "<<E", "${", "`", "$", "<<E\n", "((("})
    (void)shell_commands(broken);
}

TEST(GatewayUnits, NamesOfUnits) {
  for (const auto* name : {"openclaw.service", "openclaw-gateway.service", "openclaw-gateway-work.service",
                           "clawdbot.service", "moltbot@alice.service", "openclaw2.service"})
    EXPECT_TRUE(unit_name_of_gateway(name)) << name;
  for (const auto* name :
       {"openclaw-backup.service", "openclaw-gateway-watchdog.service", "my-openclaw.service",
        "openclawd-thing.service", "openclaw-log-rotate.service", "nginx.service", ""})
    EXPECT_FALSE(unit_name_of_gateway(name)) << name;
}

}  // namespace
}  // namespace meshops::audit
