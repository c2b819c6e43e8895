// A service manager in memory: obeys at once, records its orders, and tells its watches what a test changes.
#pragma once

#include <fnmatch.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "host/services.h"

namespace meshops {

class FakeServices final : public Services {
 public:
  std::map<std::string, UnitState> units;
  /// What an order answers instead of being obeyed, by "start x.service", "stop …", "unit …", "kill …",
  /// "reset-failed …".
  std::map<std::string, Error> refusals;
  /// Orders in turn: "start x.service", "kill x.service 9".
  std::vector<std::string> orders;
  pid_t next_pid = 1000;
  bool ends = false;  // the manager itself

  FakeServices& has(const std::string& name, std::string active = "inactive", std::string sub = "dead",
                    pid_t main_pid = 0) {
    UnitState s;
    s.name = name;
    s.load_state = "loaded";
    s.active_state = std::move(active);
    s.sub_state = std::move(sub);
    s.result = "success";
    s.type = "simple";
    s.restart = "no";
    s.main_pid = main_pid;
    s.control_group = "/system.slice/" + name;
    units[name] = std::move(s);
    return *this;
  }
  /// A change from outside: the unit is so now, and its watches hear it.
  template <class Change>
  void change(const std::string& name, Change change) {
    auto& state = units[name];
    change(state);
    tell(name);
  }
  void tell(const std::string& name) {
    auto copy = watches_;  // a watch may go, or come, while it is told
    for (auto* w : copy)
      if (watches_.contains(w) && w->name == name) w->changed(UnitState(units[name]));
  }
  std::size_t watches_of(const std::string& name) const {
    std::size_t n = 0;
    for (const auto* w : watches_) n += w->name == name ? 1 : 0;
    return n;
  }

  boost::asio::awaitable<Result<UnitState>> unit(std::string name) override {
    if (auto it = refusals.find("unit " + name); it != refusals.end()) co_return fail(it->second);
    if (auto it = units.find(name); it != units.end()) co_return it->second;
    UnitState none;
    none.name = name;
    none.load_state = "not-found";
    none.active_state = "inactive";
    none.sub_state = "dead";
    co_return none;
  }
  boost::asio::awaitable<Result<std::vector<std::string>>> list(std::string pattern) override {
    std::vector<std::string> out;
    for (const auto& [name, state] : units)
      if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0) out.push_back(name);
    co_return out;
  }
  boost::asio::awaitable<Result<std::vector<UnitState>>> survey(std::string pattern) override {
    std::vector<UnitState> out;
    for (const auto& [name, state] : units)
      if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0) out.push_back(state);
    co_return out;
  }
  boost::asio::awaitable<Status> start(std::string name, Duration) override {
    co_return started("start", name);
  }
  boost::asio::awaitable<Status> start_nowait(std::string name) override { co_return started("start", name); }
  boost::asio::awaitable<Status> restart(std::string name, Duration) override {
    co_return started("restart", name);
  }
  boost::asio::awaitable<Status> stop(std::string name, Duration) override {
    auto done = order("stop " + name, name);
    if (done) ended(name, "inactive", "dead", "success", Exit{.code = 0, .signal = {}});
    co_return done;
  }
  boost::asio::awaitable<Status> reset_failed(std::string name) override {
    auto done = order("reset-failed " + name, name);
    if (done && units[name].active_state == "failed")
      ended(name, "inactive", "dead", "success", std::nullopt);
    co_return done;
  }
  boost::asio::awaitable<Status> enable(std::string name) override {
    auto done = order("enable " + name, name);
    if (done) units[name].unit_file_state = "enabled";
    co_return done;
  }
  boost::asio::awaitable<Status> disable(std::string name) override {
    auto done = order("disable " + name, name);
    if (done) units[name].unit_file_state = "disabled";
    co_return done;
  }
  boost::asio::awaitable<Status> reload_manager() override {
    orders.push_back("reload");
    co_return ok();
  }
  boost::asio::awaitable<Result<bool>> ending() override { co_return ends; }
  boost::asio::awaitable<Status> kill_main(std::string name, int signal) override {
    auto done = order("kill " + name + " " + std::to_string(signal), name);
    if (done && signal == 9) ended(name, "failed", "failed", "signal", Exit{.code = {}, .signal = 9});
    co_return done;
  }
  std::unique_ptr<Watch> watch(std::string name, std::function<void(const UnitState&)> changed) override {
    return std::make_unique<Handle>(*this, std::move(name), std::move(changed));
  }

 private:
  struct Handle final : Watch {
    Handle(FakeServices& o, std::string n, std::function<void(const UnitState&)> c)
        : owner(o), name(std::move(n)), changed(std::move(c)) {
      owner.watches_.insert(this);
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() override { owner.watches_.erase(this); }
    FakeServices& owner;
    std::string name;
    std::function<void(const UnitState&)> changed;
  };

  Status order(const std::string& text, const std::string& name) {
    orders.push_back(text);
    if (auto it = refusals.find(text); it != refusals.end()) return fail(it->second);
    if (!units.contains(name)) return fail(ServiceCode::no_unit, "Unit {} not found.", name);
    return ok();
  }
  Status started(const std::string& verb, const std::string& name) {
    auto done = order(verb + " " + name, name);
    if (done)
      change(name, [this](UnitState& s) {
        s.active_state = "active";
        s.sub_state = "running";
        s.result = "success";
        s.last_exit.reset();
        s.main_pid = next_pid++;
      });
    return done;
  }
  void ended(const std::string& name, const char* active, const char* sub, const char* result,
             std::optional<Exit> exit) {
    change(name, [&](UnitState& s) {
      s.active_state = active;
      s.sub_state = sub;
      s.result = result;
      s.last_exit = exit;
      s.main_pid = 0;
    });
  }

  std::set<Handle*> watches_;
};

}  // namespace meshops
