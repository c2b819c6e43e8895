#include "agent/rounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/fake_host.h"

namespace meshops {

namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class RoundsTest : public testing::Test {
 protected:
  FakeHost host;
  Rounds rounds{{"10.0.0.2"}};

  std::optional<Notice> look(const std::string& log) {
    host.file("/var/log/fail2ban.log", log);
    ProcessView view;
    view.running = true;
    auto found = rounds.look({}, {}, view, host, Instant{1h});
    return found.empty() ? std::nullopt : std::optional(found.front());
  }
};

}  // namespace

TEST_F(RoundsTest, APeerThatFail2banKeepsOutIsNoticed) {
  auto notice = look(
      "2026-11-24 05:00:00,000 fail2ban.actions [640]: NOTICE [sshd] Ban 10.0.0.9\n"
      "2026-11-24 05:00:01,000 fail2ban.actions [640]: NOTICE [sshd] Ban 10.0.0.2\n");
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->cause, diagnose::Cause::fail2ban_self_ban);
  EXPECT_THAT(notice->words, HasSubstr("[sshd] Ban 10.0.0.2"));
}

TEST_F(RoundsTest, ABanThatIsOverOrAStrangersIsNot) {
  EXPECT_FALSE(look("x NOTICE [sshd] Ban 10.0.0.2\nx NOTICE [sshd] Unban 10.0.0.2\n"));
  EXPECT_FALSE(look("x NOTICE [sshd] Ban 10.0.0.20\n"));
  EXPECT_FALSE(look(""));
}

}  // namespace meshops
