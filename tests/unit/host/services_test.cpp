// The D-Bus side against a service manager of our own at the other end of a socket: what it says, and how it
// fails.
#include "host/services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>

#include "base/fd.h"
#include "base/file.h"

using namespace meshops;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

constexpr auto kDemoPath = "/org/freedesktop/systemd1/unit/demo_2eservice";

/// systemd's private socket, with one unit whose properties a test sets.
class ManagerEnd {
 public:
  explicit ManagerEnd(const fs::path& socket)
      : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    std::strncpy(where.sun_path, socket.c_str(), sizeof where.sun_path - 1);
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where);
    ::listen(listener_.get(), 8);
  }
  ManagerEnd(const ManagerEnd&) = delete;
  ManagerEnd& operator=(const ManagerEnd&) = delete;
  ~ManagerEnd() { hang_up(); }

  std::string active = "active", job_result = "done";
  std::uint32_t main_pid = 77;
  std::int32_t exit_kind = 0, exit_status = 0;
  const char* refuse_with = nullptr;  // an error's name
  bool answers = true, job_ends = true, early_job = false, talks_nonsense = false, wrong_types = false;
  std::vector<std::string> calls;
  int connections = 0;

  /// Does what there is to do, without waiting.
  void step() {
    int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      hang_up();
      ++connections;
      if (talks_nonsense) {
        raw_ = Fd(fd);
        std::string rubbish = "DATA\r\nOK 00000000000000000000000000000000\r\nAGREE_UNIX_FD\r\n";
        rubbish.append(4096, '\xee');
        (void)!::write(fd, rubbish.data(), rubbish.size());
        return;
      }
      ::sd_bus_new(&bus_);
      ::sd_bus_set_fd(bus_, fd, fd);
      sd_id128_t id{};
      ::sd_id128_randomize(&id);
      ::sd_bus_set_server(bus_, 1, id);
      ::sd_bus_start(bus_);
      ::sd_bus_add_filter(bus_, nullptr, &ManagerEnd::on_message, this);
    }
    while (bus_ != nullptr && ::sd_bus_process(bus_, nullptr) > 0) continue;
  }
  void hang_up() {
    if (bus_ != nullptr) ::sd_bus_close_unref(bus_);
    bus_ = nullptr;
    raw_.close();
  }
  void tell_change() {
    for (const char* interface : {"org.freedesktop.systemd1.Service", "org.freedesktop.systemd1.Unit"}) {
      sd_bus_message* m = nullptr;
      ::sd_bus_message_new_signal(bus_, &m, kDemoPath, "org.freedesktop.DBus.Properties",
                                  "PropertiesChanged");
      ::sd_bus_message_append(m, "sa{sv}as", interface, 0, 0);
      ::sd_bus_send(bus_, m, nullptr);
      ::sd_bus_message_unref(m);
    }
  }
  void end_job() {
    ::sd_bus_emit_signal(bus_, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobRemoved",
                         "uoss", 5U, "/org/freedesktop/systemd1/job/5", "demo.service", job_result.c_str());
  }

 private:
  static int on_message(sd_bus_message* m, void* self, sd_bus_error*) {
    return static_cast<ManagerEnd*>(self)->answer(m);
  }
  int answer(sd_bus_message* m) {
    const char* member = ::sd_bus_message_get_member(m);
    if (member == nullptr) return 0;
    std::string_view what(member);
    calls.emplace_back(what);
    if (what == "Subscribe") return ::sd_bus_reply_method_return(m, nullptr) < 0 ? 0 : 1;
    if (!answers) return 1;
    if (refuse_with != nullptr) {
      const sd_bus_error e{refuse_with, "it is not so", 0};
      ::sd_bus_reply_method_error(m, &e);
      return 1;
    }
    if (what == "GetAll") return all_properties(m);
    if (what == "Get") return one_property(m);
    if (what == "ListUnitsByPatterns")
      return ::sd_bus_reply_method_return(
                 m, "a(ssssssouso)", 3, "demo.service", "Demo", "loaded", active.c_str(), "running", "",
                 kDemoPath, 0U, "", "/", "sleeper.service", "Sleeper", "loaded", "inactive", "dead", "",
                 "/org/freedesktop/systemd1/unit/sleeper_2eservice", 3U, "start", "/job/3", "of@b.service",
                 "Instance", "loaded", "inactive", "dead", "", "/x", 0U, "", "/") < 0
                 ? 0
                 : 1;
    if (what == "ListUnitFilesByPatterns")
      return ::sd_bus_reply_method_return(m, "a(ss)", 5, "/etc/systemd/system/demo.service", "enabled",
                                          "/usr/lib/systemd/system/sleeper.service", "disabled",
                                          "/usr/lib/systemd/system/of@.service", "static",
                                          "/usr/lib/systemd/system/unloaded.service", "masked",
                                          "/etc/systemd/system/other-name.service", "alias") < 0
                 ? 0
                 : 1;
    if (what == "StartUnit" || what == "StopUnit" || what == "RestartUnit") {
      if (early_job) end_job();
      ::sd_bus_reply_method_return(m, "o", "/org/freedesktop/systemd1/job/5");
      if (job_ends && !early_job) end_job();
      return 1;
    }
    ::sd_bus_reply_method_return(m, nullptr);
    return 1;
  }
  static int one_property(sd_bus_message* m) {
    const char *interface = nullptr, *name = nullptr;
    ::sd_bus_message_read(m, "ss", &interface, &name);
    int sent = std::string_view(name) == "NeedDaemonReload"
                   ? ::sd_bus_reply_method_return(m, "v", "b", 1)
                   : ::sd_bus_reply_method_return(m, "v", "s", "demo.service");
    return sent < 0 ? 0 : 1;
  }
  int all_properties(sd_bus_message* m) {
    const char* interface = nullptr;
    ::sd_bus_message_read(m, "s", &interface);
    sd_bus_message* reply = nullptr;
    ::sd_bus_message_new_method_return(m, &reply);
    if (wrong_types)
      ::sd_bus_message_append(reply, "a{sv}", 3, "Id", "u", 7U, "MainPID", "s", "no", "Unknown", "as", 2, "a",
                              "b");
    else if (std::string_view(interface).ends_with("Unit"))
      ::sd_bus_message_append(reply, "a{sv}", 6, "Id", "s", "demo.service", "LoadState", "s", "loaded",
                              "ActiveState", "s", active.c_str(), "DropInPaths", "as", 1, "/x.conf",
                              "InvocationID", "ay", 2, 0xab, 0x01, "Job", "(uo)", 0U, "/");
    else
      ::sd_bus_message_append(reply, "a{sv}", 8, "MainPID", "u", main_pid, "ExecMainCode", "i", exit_kind,
                              "ExecMainStatus", "i", exit_status, "Environment", "as", 2, "A=b", "C=d e",
                              "ExecStart", "a(sasbttttuii)", 1, "/usr/bin/node", 2, "node", "x.mjs", 0,
                              UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0), 0U, 0, 0, "TimeoutStopUSec",
                              "t", UINT64_C(90'000'000), "WatchdogUSec", "t", UINT64_MAX, "MemoryCurrent",
                              "t", UINT64_MAX);
    ::sd_bus_message_send(reply);
    ::sd_bus_message_unref(reply);
    return 1;
  }

  Fd listener_;
  sd_bus* bus_ = nullptr;
  Fd raw_;
};

class ServicesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "meshops-bus-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
    fs::create_directory(top_ / "systemd");
    ::setenv("XDG_RUNTIME_DIR", top_.c_str(), 1);
    manager_ = std::make_unique<ManagerEnd>(top_ / "systemd/private");
    auto connected = connect_services(io_.get_executor(), own_account());
    ASSERT_TRUE(connected) << connected.error().text();
    services_ = std::move(*connected);
  }
  void TearDown() override {
    services_.reset();
    turn(8);
    fs::remove_all(top_);
    ::unsetenv("XDG_RUNTIME_DIR");
  }
  void turn(int times) {
    for (int i = 0; i < times; ++i) {
      io_.restart();
      io_.poll();
      manager_->step();
    }
  }
  /// Both ends in turn until it is so; false if it never is.
  bool until(const std::function<bool()>& so) {
    auto end = std::chrono::steady_clock::now() + 10s;
    while (!so() && std::chrono::steady_clock::now() < end) turn(1);
    return so();
  }
  template <class T>
  T wait(asio::awaitable<T> work) {
    std::optional<T> out;
    asio::co_spawn(
        io_, [&]() -> asio::awaitable<void> { out.emplace(co_await std::move(work)); }, asio::detached);
    EXPECT_TRUE(until([&] { return out.has_value(); }));
    return out ? std::move(*out) : T(std::unexpected(error(ServiceCode::io, "the test waited in vain")));
  }

  fs::path top_;
  asio::io_context io_;
  std::unique_ptr<ManagerEnd> manager_;
  std::unique_ptr<Services> services_;
};

}  // namespace

TEST_F(ServicesTest, AUnitsStateIsRead) {
  auto state = wait(services_->unit("demo.service"));
  ASSERT_TRUE(state) << state.error().text();
  EXPECT_EQ(state->name, "demo.service");
  EXPECT_EQ(state->active_state, "active");
  EXPECT_EQ(state->main_pid, 77);
  EXPECT_THAT(state->exec_start, ElementsAre("node", "x.mjs"));
  EXPECT_THAT(state->environment, ElementsAre("A=b", "C=d e"));
  EXPECT_THAT(state->drop_ins, ElementsAre("/x.conf"));
  EXPECT_EQ(state->invocation_id, "ab01");
  EXPECT_EQ(state->stop_timeout, 90s);
  EXPECT_EQ(state->watchdog, 0s) << "infinity means none";
  EXPECT_EQ(state->memory, 0U) << "all ones mean unknown";
  EXPECT_FALSE(state->last_exit) << "it never ended";
}

TEST_F(ServicesTest, ASurveyAsksWhatRunsForAllAndWhatSleepsForLittle) {
  auto units = wait(services_->survey("*.service"));
  ASSERT_TRUE(units) << units.error().text();
  std::map<std::string, UnitState> by;
  std::vector<std::string> names;
  for (auto& unit : *units) {
    by[unit.name] = unit;
    names.push_back(unit.name);
  }
  // No template, and no second name of a unit.
  EXPECT_THAT(names, ElementsAre("demo.service", "of@b.service", "sleeper.service", "unloaded.service"));
  EXPECT_EQ(by["demo.service"].main_pid, 77);
  EXPECT_EQ(by["demo.service"].active_state, "active");
  const auto& sleeper = by["sleeper.service"];
  EXPECT_EQ(sleeper.fragment_path, "/usr/lib/systemd/system/sleeper.service");
  EXPECT_EQ(sleeper.unit_file_state, "disabled");
  EXPECT_TRUE(sleeper.needs_daemon_reload && sleeper.has_job);
  EXPECT_EQ(by["of@b.service"].fragment_path, "/usr/lib/systemd/system/of@.service");
  EXPECT_EQ(by["unloaded.service"].active_state, "inactive");
  EXPECT_EQ(by["unloaded.service"].unit_file_state, "masked");
  EXPECT_EQ(std::ranges::count(manager_->calls, "GetAll"), 2) << "of the one that runs, Unit and Service";
}

TEST_F(ServicesTest, TheLastExitIsACodeOrASignal) {
  manager_->exit_kind = CLD_EXITED;
  manager_->exit_status = 78;
  EXPECT_EQ(wait(services_->unit("demo.service"))->last_exit, (Exit{.code = 78, .signal = {}}));
  manager_->exit_kind = CLD_KILLED;
  manager_->exit_status = SIGKILL;
  EXPECT_EQ(wait(services_->unit("demo.service"))->last_exit, (Exit{.code = {}, .signal = SIGKILL}));
}

TEST_F(ServicesTest, PropertiesOfTheWrongTypeAreSkipped) {
  manager_->wrong_types = true;
  auto state = wait(services_->unit("demo.service"));
  ASSERT_TRUE(state) << state.error().text();
  EXPECT_EQ(state->main_pid, 0);
}

TEST_F(ServicesTest, AStartEndsWithItsJob) {
  EXPECT_TRUE(wait(services_->start("demo.service", 5s)));
  manager_->early_job = true;
  EXPECT_TRUE(wait(services_->restart("demo.service", 5s)))
      << "the job was done before the order was answered";
  manager_->early_job = false;
  manager_->job_result = "failed";
  auto stopped = wait(services_->stop("demo.service", 5s));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), "service.job_failed");
  EXPECT_THAT(stopped.error().for_people(), HasSubstr("journalctl --user -u demo.service"));
}

TEST_F(ServicesTest, AJobThatDoesNotEndIsWaitedForOnlySoLong) {
  manager_->job_ends = false;
  auto started = wait(services_->start("demo.service", 20ms));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), "service.timed_out");
  EXPECT_TRUE(wait(services_->start_nowait("demo.service"))) << "an order does not wait for its job";
}

TEST_F(ServicesTest, RefusalsAreToldApart) {
  manager_->refuse_with = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";
  auto refused = wait(services_->start("demo.service", 5s));
  EXPECT_EQ(refused.error().code(), "service.denied");
  EXPECT_THAT(refused.error().hint_text(), HasSubstr("polkit"));
  manager_->refuse_with = "org.freedesktop.systemd1.NoSuchUnit";
  EXPECT_EQ(wait(services_->kill_main("demo.service", 9)).error().code(), "service.no_unit");
  manager_->refuse_with = "org.freedesktop.systemd1.UnitMasked";
  EXPECT_EQ(wait(services_->start("demo.service", 5s)).error().code(), "service.job_failed");
}

TEST_F(ServicesTest, AWatchHearsAChangeOnceThoughItIsToldTwice) {
  std::vector<std::string> seen;
  auto watch = services_->watch("demo.service", [&](const UnitState& s) { seen.push_back(s.active_state); });
  ASSERT_TRUE(wait(services_->unit("demo.service")));
  turn(8);
  seen.clear();
  manager_->active = "failed";
  manager_->tell_change();  // two signals: one per interface
  ASSERT_TRUE(until([&] { return !seen.empty(); }));
  turn(8);
  EXPECT_THAT(seen, ElementsAre("failed"));
}

TEST_F(ServicesTest, AWatchThatWentHearsNothing) {
  int heard = 0;
  auto watch = services_->watch("demo.service", [&](const UnitState&) { ++heard; });
  ASSERT_TRUE(wait(services_->unit("demo.service")));
  turn(8);
  heard = 0;
  manager_->tell_change();
  turn(1);
  watch.reset();
  turn(8);
  EXPECT_EQ(heard, 0);
}

TEST_F(ServicesTest, AWatchMayEndItselfWhileItIsTold) {
  std::unique_ptr<Services::Watch> watch;
  int heard = 0;
  watch = services_->watch("demo.service", [&](const UnitState&) {
    ++heard;
    watch.reset();
  });
  ASSERT_TRUE(wait(services_->unit("demo.service")));
  turn(8);
  manager_->tell_change();
  ASSERT_TRUE(until([&] { return heard > 0; }));
  manager_->tell_change();
  turn(8);
  EXPECT_EQ(heard, 1);
}

TEST_F(ServicesTest, AfterALostConnectionAWatchIsToldWhatIsNow) {
  std::string seen;
  auto watch = services_->watch("demo.service", [&](const UnitState& s) { seen = s.active_state; });
  ASSERT_TRUE(wait(services_->unit("demo.service")));
  turn(8);
  seen.clear();
  manager_->active = "failed";
  manager_->hang_up();
  EXPECT_TRUE(until([&] { return seen == "failed"; }));
  EXPECT_EQ(manager_->connections, 2);
}

TEST_F(ServicesTest, ACallOnItsWayEndsWhenTheConnectionBreaks) {
  ASSERT_TRUE(wait(services_->unit("demo.service")));
  manager_->answers = false;
  std::optional<Result<UnitState>> state;
  std::optional<Status> started;
  asio::co_spawn(
      io_, [&]() -> asio::awaitable<void> { state = co_await services_->unit("demo.service"); },
      asio::detached);
  asio::co_spawn(
      io_, [&]() -> asio::awaitable<void> { started = co_await services_->start("demo.service", 60s); },
      asio::detached);
  turn(8);
  EXPECT_FALSE(state || started);
  manager_->hang_up();
  ASSERT_TRUE(until([&] { return state && started; }));
  EXPECT_EQ(state->error().code(), "service.no_bus");
  EXPECT_EQ(started->error().code(), "service.no_bus");
  manager_->answers = true;
  EXPECT_TRUE(wait(services_->unit("demo.service"))) << "the next call connects again";
}

TEST_F(ServicesTest, WhatIsNotDBusEndsTheConnectionOnly) {
  ASSERT_TRUE(wait(services_->unit("demo.service")));
  manager_->talks_nonsense = true;
  manager_->hang_up();
  turn(8);
  auto state = wait(services_->unit("demo.service"));
  EXPECT_FALSE(state);
  manager_->talks_nonsense = false;
  EXPECT_TRUE(until([&] { return wait(services_->unit("demo.service")).has_value(); }));
}

TEST_F(ServicesTest, GoingAwayWithCallsOnTheirWayIsSafe) {
  manager_->answers = false;
  int ended = 0;
  asio::co_spawn(
      io_,
      [&]() -> asio::awaitable<void> {
        auto state = co_await services_->unit("demo.service");
        ended += state ? 10 : 1;
      },
      asio::detached);
  turn(8);
  services_.reset();
  EXPECT_TRUE(until([&] { return ended == 1; }));
}

TEST(ServicesConnect, WithoutAManagerItSaysWhatToDo) {
  if (fs::exists("/run/systemd/private")) GTEST_SKIP() << "systemd runs here";
  asio::io_context io;
  auto system = connect_services(io.get_executor(), {});
  ASSERT_FALSE(system);
  EXPECT_EQ(system.error().code(), "service.no_bus");
  Account nobody{"nosuch", 3999999, 3999999, "/"};
  auto user = connect_services(io.get_executor(), nobody);
  ASSERT_FALSE(user);
  EXPECT_THAT(user.error().for_people(),
              HasSubstr(::geteuid() == 0 ? "loginctl enable-linger nosuch" : "as root"));
}

TEST(ServicesConnect, ASocketOfAnotherUserIsNotTalkedTo) {
  if (::geteuid() != 0 || fs::exists("/run/user/3999998")) GTEST_SKIP() << "needs root";
  // The directory is the user's: they may put a link to root's manager there.
  fs::path directory = "/run/user/3999998/systemd";
  fs::create_directories(directory);
  {
    ManagerEnd roots(directory / "private");
    asio::io_context io;
    auto connected = connect_services(io.get_executor(), Account{"mallory", 3999998, 3999998, "/"});
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().code(), "service.denied");
  }
  fs::remove_all("/run/user/3999998");
}
