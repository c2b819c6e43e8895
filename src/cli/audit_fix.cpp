#include "cli/audit_fix.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "heal/surgeon.h"

namespace meshops::cli {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto kConfirmWithin = 120s;
constexpr std::string_view kNoGateway = "audit";

/// The local machine, but its files are those below `root`.
class SiteMachine final : public Machine {
 public:
  SiteMachine(asio::any_io_executor executor, const Mesh& mesh, const fs::path& root)
      : local_(local_machine(std::move(executor), mesh)),
        host_(root == "/" ? local_host() : rooted_host(root)) {}
  asio::any_io_executor executor() override { return local_->executor(); }
  Clock& clock() override { return local_->clock(); }
  Host& host() override { return *host_; }
  Net& net() override { return local_->net(); }
  Containers& containers() override { return local_->containers(); }
  Result<Services*> services(std::optional<Account> user) override {
    return local_->services(std::move(user));
  }
  fs::path state_dir() override { return local_->state_dir(); }

 private:
  std::unique_ptr<Machine> local_;
  std::unique_ptr<Host> host_;
};

/// Ledger, kept bytes and machine of the audit's own treatments.
struct Theatre {
  asio::io_context loop;
  fs::path directory;
  std::unique_ptr<store::Ledger> ledger;
  std::unique_ptr<store::Kept> kept;
  std::unique_ptr<SiteMachine> machine;
  std::unique_ptr<heal::Surgeon> surgeon;

  template <class Task>
  Status run(Task task) {
    std::optional<Status> result;
    asio::co_spawn(loop, [&]() -> asio::awaitable<void> { result = co_await task(); }, asio::detached);
    loop.restart();
    while (!result && loop.run_one() > 0) {
    }
    return result ? std::move(*result) : Status(fail(heal::HealCode::cannot_do, "it was interrupted"));
  }
};

fs::path directory_of(const Mesh& mesh) { return mesh.state_dir / "audit"; }

Result<std::unique_ptr<Theatre>> open_theatre(const Mesh& mesh, const fs::path& root) {
  auto theatre = std::make_unique<Theatre>();
  theatre->directory = directory_of(mesh);
  CHECK_OK(make_directories(theatre->directory));
  theatre->ledger = TRY(store::Ledger::open(theatre->directory / "ledger.sqlite"));
  theatre->kept = std::make_unique<store::Kept>(theatre->directory / "kept");
  theatre->machine = std::make_unique<SiteMachine>(theatre->loop.get_executor(), mesh, root);
  theatre->surgeon = std::make_unique<heal::Surgeon>(*theatre->machine, *theatre->ledger, *theatre->kept);
  return theatre;
}

std::vector<heal::Action> actions_of(const audit::FixPlan& plan, bool live) {
  std::vector<heal::Action> actions;
  // Taking back goes from the last to the first: what only reads files anew ("systemctl daemon-reload") has
  // to do so after the old ones are there again, hence stands before them.
  auto reads_anew = [](const audit::Order& order) { return order.run == order.back; };
  if (live)
    for (const auto& order : plan.orders)
      if (reads_anew(order)) actions.emplace_back(heal::RunTool{.argv = {"true"}, .undo = order.back});
  for (const auto& file : plan.files) {
    heal::Access after{.mode = file.mode, .uid = file.uid, .gid = file.gid};
    heal::Access before = file.was ? heal::Access{file.was->mode, file.was->uid, file.was->gid} : after;
    if (!file.same_bytes()) {
      std::optional<heal::FileState> old;
      if (file.before) old = heal::FileState{*file.before, before};
      actions.emplace_back(heal::WriteFile{file.path, old, heal::FileState{file.after, before}});
    }
    if (file.was && !(before == after)) actions.emplace_back(heal::SetAccess{file.path, before, after});
  }
  if (!live) return actions;
  for (const auto& argv : plan.verify) actions.emplace_back(heal::RunTool{.argv = argv});
  for (const auto& order : plan.orders)
    actions.emplace_back(heal::RunTool{.argv = order.run,
                                       .undo = reads_anew(order) ? std::vector<std::string>{} : order.back});
  return actions;
}

std::string name_of(std::int64_t entry) { return fmt::format("a{}", entry); }
std::optional<std::int64_t> number_of(const std::string& entry) {
  return entry.starts_with('a') ? to_number<std::int64_t>(std::string_view(entry).substr(1)) : std::nullopt;
}

bool ask_person() {
  std::fputs("\napply this? [y/N] ", stderr);
  std::string line;
  std::getline(std::cin, line);
  return lower(std::string(trim(line))) == "y" || lower(std::string(trim(line))) == "yes";
}

/// Which login this is: what a person who was cut off cannot have any more.
std::string session() {
  auto environment = own_environment();
  return fmt::format("{}|{}|{}", environment["SSH_CONNECTION"], environment["XDG_SESSION_ID"], ::getsid(0));
}

fs::path pending_file(const Theatre& theatre, std::int64_t entry) {
  return theatre.directory / fmt::format("confirm-{}", entry);
}
std::string root_of(const store::Entry& entry) { return entry.incident.empty() ? "/" : entry.incident; }

Status take_back(Theatre& theatre, const store::Entry& entry, std::string_view note) {
  auto back =
      theatre.run([&]() -> asio::awaitable<Status> { co_return co_await theatre.surgeon->take_back(entry); });
  if (!back) return back;
  return theatre.ledger->end(entry.id, store::Verdict::undone, theatre.machine->clock().wall(), note);
}

/// Starts what takes the entry back by itself: a timer of the service manager, which outlives us and our
/// session; where there is none, a process of its own.
Status start_guard(const Globals& globals, std::int64_t entry) {
  std::error_code none;
  auto self = fs::read_symlink("/proc/self/exe", none);
  if (none) return fail(heal::HealCode::cannot_do, "cannot find the own program");
  std::vector<std::string> guard = {self.string()};
  if (!globals.config.empty()) guard.insert(guard.end(), {"--config", fs::absolute(globals.config).string()});
  guard.insert(guard.end(), {"confirm", name_of(entry), "--guard"});
  if (fs::exists("/run/systemd/system", none) && ::geteuid() == 0) {
    std::vector<std::string> timer = {"systemd-run",
                                      "--quiet",
                                      "--collect",
                                      fmt::format("--unit=meshops-guard-{}", name_of(entry)),
                                      fmt::format("--on-active={}s", kConfirmWithin.count()),
                                      "--timer-property=AccuracySec=1s",
                                      "--"};
    timer.insert(timer.end(), guard.begin(), guard.end());
    auto started = meshops::run(timer);
    if (started && started->exit.clean()) return ok();
  }
  guard.push_back("--wait");
  auto child = spawn(guard, {.environment = own_environment(), .working_dir = "/"});
  if (!child) return fail(child.error());
  return ok();
}

int say(const Globals& globals, const std::string& entry, std::string_view verdict,
        const std::string& sentence) {
  if (globals.json())
    std::puts(
        nlohmann::ordered_json(
            {{"schema", "meshops.fix/1"}, {"entry", entry}, {"verdict", verdict}, {"message", sentence}})
            .dump(2)
            .c_str());
  else
    std::puts(sentence.c_str());
  return kGood;
}

}  // namespace

int fix(const Globals& globals, const Mesh& mesh, const audit::FixPlan& plan, const audit::Site& site,
        const audit::SiteOver& site_over, const FixOptions& options) {
  for (const auto& refused : plan.refused) std::fputs((printable(refused) + "\n").c_str(), stderr);
  if (plan.empty()) return say(globals, "", "nothing", "nothing that meshops mends by itself");
  std::fputs(audit::diff_of(plan, site).c_str(), globals.json() ? stderr : stdout);
  std::fflush(stdout);
  if (!options.yes && !ask_person()) return say(globals, "", "refused", "nothing was changed");

  auto theatre = open_theatre(mesh, options.root);
  if (!theatre) return report(globals, theatre.error());
  auto& t = **theatre;
  std::vector<std::string> rules;
  for (const auto& finding : plan.mended)
    if (auto rule = std::string(finding.rule); std::ranges::find(rules, rule) == rules.end())
      rules.push_back(rule);
  store::Entry entry{.gateway = std::string(kNoGateway),
                     .cause = join(rules, " "),
                     .remedy = "audit --fix",
                     .sentence = fmt::format("mend {} findings of {}", plan.mended.size(), join(rules, ", ")),
                     .evidence = "[]",
                     // Where its files lie: undo needs to know.
                     .incident = options.root.string(),
                     .by = fmt::format("user {}", ::getuid()),
                     .began = t.machine->clock().wall()};
  auto id = t.ledger->begin(entry);
  if (!id) return report(globals, id.error());
  bool guarded = plan.may_cut_off && options.live;
  if (guarded) {
    auto noted = write_file_atomic(pending_file(t, *id), session());
    auto guard = noted ? start_guard(globals, *id) : noted;
    if (!guard) {
      (void)t.ledger->end(*id, store::Verdict::failed, t.machine->clock().wall(),
                          "no guard could be started");
      return report(globals,
                    error(heal::HealCode::cannot_do,
                          "nothing was changed: what could cut you off needs a guard that takes it back")
                        .because(guard.error()));
    }
  }
  auto done = t.run([&]() -> asio::awaitable<Status> {
    co_return co_await t.surgeon->operate(*id, actions_of(plan, options.live));
  });
  if (!done) {
    (void)t.ledger->end(*id, store::Verdict::failed, t.machine->clock().wall(), done.error().text());
    return report(globals, error(heal::HealCode::cannot_do, "a step failed, and everything was taken back")
                               .because(done.error()));
  }
  auto after = site_over(t.machine->host());
  std::vector<std::string> still;
  for (const auto& finding : plan.mended)
    if (!(finding.mend->files.empty()) && audit::still_found(finding, *after))
      still.push_back(fmt::format("{} {}", finding.rule, finding.at.file));
  if (!still.empty()) {
    auto recorded = t.ledger->get(*id);
    auto back = recorded ? take_back(t, *recorded, "still found: " + join(still, ", "))
                         : Status(fail(recorded.error()));
    auto why = error(heal::HealCode::cannot_do,
                     "still found after the mend, so everything was taken back: {}", join(still, ", "));
    return report(globals, back ? std::move(why) : std::move(why).because(back.error()));
  }
  (void)t.ledger->end(*id, store::Verdict::helped, t.machine->clock().wall(), "asked again: gone");
  auto name = name_of(*id);
  auto sentence =
      fmt::format("mended {} findings; take it back with: meshops undo {}", plan.mended.size(), name);
  if (guarded)
    sentence += fmt::format(
        "\nthis could cut you off: within {} log in anew and run: meshops confirm {}\nelse the old state "
        "returns by itself",
        about(kConfirmWithin), name);
  return say(globals, name, "helped", sentence);
}

bool is_fix(const std::string& entry) { return entry == "all" || number_of(entry).has_value(); }

int undo_fix(const Globals& globals, const std::string& name) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto ledger = open_theatre(*mesh, "/");
  if (!ledger) return report(globals, ledger.error());
  std::vector<store::Entry> entries;
  if (name == "all") {
    auto all =
        (*ledger)->ledger->list({.gateway = "", .since = std::nullopt, .only_open = false, .at_most = 1000});
    if (!all) return report(globals, all.error());
    for (auto& entry : *all)
      if (entry.verdict == store::Verdict::helped || entry.verdict == store::Verdict::open)
        entries.push_back(std::move(entry));
    if (entries.empty()) return say(globals, "all", "nothing", "nothing to take back");
  } else {
    auto one = (*ledger)->ledger->get(*number_of(name));
    if (!one) return report(globals, one.error());
    if (one->verdict == store::Verdict::undone)
      return report(globals, error(heal::HealCode::cannot_undo, "{} was taken back already", name));
    entries.push_back(std::move(*one));
  }
  for (const auto& entry : entries) {
    auto theatre = open_theatre(*mesh, root_of(entry));
    if (!theatre) return report(globals, theatre.error());
    if (auto back = take_back(**theatre, entry, "taken back by a person"); !back)
      return report(globals,
                    error(heal::HealCode::cannot_undo, "cannot take back all of {}", name_of(entry.id))
                        .because(back.error()));
    std::error_code ignored;
    fs::remove(pending_file(**theatre, entry.id), ignored);
    say(globals, name_of(entry.id), "undone",
        fmt::format("{} is taken back: the old bytes are there again", name_of(entry.id)));
  }
  return kGood;
}

int confirm_fix(const Globals& globals, const std::string& name) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto theatre = open_theatre(*mesh, "/");
  if (!theatre) return report(globals, theatre.error());
  auto number = number_of(name);
  auto pending =
      number
          ? read_file(pending_file(**theatre, *number))
          : Result<std::string>(fail(heal::HealCode::not_found, "{} is no entry of the audit", quote(name)));
  if (!pending)
    return report(globals,
                  error(heal::HealCode::not_found, "nothing waits to be confirmed as {}", quote(name))
                      .hint("it was confirmed, or its time is over: meshops ledger"));
  if (*pending == session())
    return report(globals, error(heal::HealCode::not_allowed,
                                 "this is the session that made the change, which proves nothing")
                               .hint("log in anew and run there: meshops confirm {}", name));
  std::error_code failed;
  fs::remove(pending_file(**theatre, *number), failed);
  if (failed) return report(globals, file_error(failed.value(), "remove", pending_file(**theatre, *number)));
  return say(globals, name, "confirmed", fmt::format("{} stays", name));
}

int guard_fix(const Globals& globals, const std::string& name, Duration after) {
  std::this_thread::sleep_for(after);
  auto mesh = globals.mesh();
  auto number = number_of(name);
  if (!mesh || !number) return kCouldNot;
  std::error_code ignored;
  if (!fs::exists(directory_of(*mesh) / fmt::format("confirm-{}", *number), ignored)) return kGood;
  return undo_fix(globals, name);
}

}  // namespace meshops::cli
