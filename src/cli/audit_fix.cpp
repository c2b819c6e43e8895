#include "cli/audit_fix.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "cli/session.h"
#include "cli/to_its_end.h"
#include "heal/surgeon.h"
#include "host/run_async.h"

namespace meshops::cli {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto kConfirmWithin = 120s;
constexpr std::string_view kNoGateway = "audit";
/// Does nothing. An empty `undo` says that nothing takes a command back.
const std::vector<std::string> kNothing = {"true"};

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
    return to_its_end(loop, task(), heal::HealCode::cannot_do);
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

/// Directories that writing the file will make, the outermost first.
std::vector<fs::path> missing_above(const fs::path& file) {
  std::vector<fs::path> out;
  std::error_code ignored;
  for (auto at = file.parent_path(); at.has_relative_path() && !fs::exists(at, ignored);
       at = at.parent_path())
    out.insert(out.begin(), at);
  return out;
}
std::vector<std::string> remove_if_empty(const fs::path& directory) {
  return {"sh", "-c", "rmdir -- \"$1\" 2>/dev/null || :", "sh", directory.string()};
}

std::vector<heal::Action> actions_of(const audit::FixPlan& plan, bool live) {
  std::vector<heal::Action> actions;
  // Taking back goes from the last to the first: what only reads files anew ("systemctl daemon-reload") has
  // to do so after the old ones are there again, hence stands before them.
  auto reads_anew = [](const audit::Order& order) { return order.run == order.back; };
  if (live)
    for (const auto& order : plan.orders)
      if (reads_anew(order)) actions.emplace_back(heal::RunTool{.argv = kNothing, .undo = order.back});
  for (const auto& file : plan.files) {
    if (live && !file.was)
      for (const auto& directory : missing_above(file.path))
        actions.emplace_back(heal::RunTool{.argv = kNothing, .undo = remove_if_empty(directory)});
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
  for (const auto& argv : plan.verify) actions.emplace_back(heal::RunTool{.argv = argv, .undo = kNothing});
  for (const auto& order : plan.orders)
    actions.emplace_back(heal::RunTool{.argv = order.run, .undo = reads_anew(order) ? kNothing : order.back});
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

/// For a sentence that begins with the entry: what nothing takes back is said, never passed over.
std::string how_it_was_taken_back(const Theatre& theatre, std::int64_t id) {
  std::string left;
  if (auto entry = theatre.ledger->get(id))
    for (const auto& step : entry->steps)
      if (step.deed == store::Deed::done) left += fmt::format("{}{}", left.empty() ? "" : "; ", step.words);
  return left.empty() ? " is taken back: the old bytes are there again"
                      : " is taken back but for what nothing takes back: " + left;
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

/// One part of the plan: it stands or falls by itself.
struct Part {
  audit::FixPlan plan;
  std::int64_t entry = 0;  // of the ledger; 0: nothing of it was begun
  bool guarded = false;    // returns by itself unless it is confirmed
  std::optional<Error> failed;

  bool stands() const { return entry != 0 && !failed; }
  std::vector<std::string> rules() const {
    std::vector<std::string> out;
    for (const auto& finding : plan.mended)
      if (auto rule = std::string(finding.rule); std::ranges::find(out, rule) == out.end())
        out.push_back(rule);
    return out;
  }
  std::string what() const {
    return fmt::format("{} finding{} of {}", plan.mended.size(), plan.mended.size() == 1 ? "" : "s",
                       join(rules(), ", "));
  }
};

/// What is broken already cannot tell whether a change broke it.
Status checks_pass(const audit::FixPlan& plan) {
  for (const auto& argv : plan.verify) {
    auto done = meshops::run(argv, {.environment = tool_environment(), .limit = 30s});
    if (!done) return fail(done.error());
    if (done->exit.clean()) continue;
    auto said = trim(done->err.empty() ? done->out : done->err);
    return fail(error(heal::HealCode::cannot_do, "{} fails already, before any change: {}", join(argv, " "),
                      printable(said.substr(0, said.find('\n'))))
                    .hint("mend that first, then again: meshops audit --fix"));
  }
  return ok();
}

/// The ledger's entry first, then the guard, then the changes; taken back if one of them fails.
Status operate(const Globals& globals, Theatre& theatre, Part& part, const FixOptions& options) {
  if (options.live) CHECK_OK(checks_pass(part.plan));
  store::Entry entry{.gateway = std::string(kNoGateway),
                     .cause = join(part.rules(), " "),
                     .remedy = "audit --fix",
                     .sentence = "mend " + part.what(),
                     .evidence = "[]",
                     // Where its files lie: undo needs to know.
                     .incident = options.root.string(),
                     .by = fmt::format("user {}", ::getuid()),
                     .began = theatre.machine->clock().wall()};
  part.entry = TRY(theatre.ledger->begin(entry));
  auto give_up = [&](Error why) -> Status {
    (void)theatre.ledger->end(part.entry, store::Verdict::failed, theatre.machine->clock().wall(),
                              why.text());
    return fail(std::move(why));
  };
  if (part.plan.may_cut_off && options.live) {
    auto noted = write_file_atomic(pending_file(theatre, part.entry), Session::of_this_process().text());
    auto guard = noted ? start_guard(globals, part.entry) : noted;
    if (!guard)
      return give_up(error(heal::HealCode::cannot_do,
                           "nothing was changed: what could cut you off needs a guard that takes it back")
                         .because(guard.error()));
    part.guarded = true;
  }
  auto done = theatre.run([&]() -> asio::awaitable<Status> {
    auto actions = actions_of(part.plan, options.live);
    co_return co_await theatre.surgeon->operate(part.entry, actions);
  });
  if (done) return ok();
  std::error_code ignored;
  fs::remove(pending_file(theatre, part.entry), ignored);
  return give_up(
      error(heal::HealCode::cannot_do, "a step failed, and it was taken back").because(done.error()));
}

/// Asks its rules again, and takes it back if one of them still fires.
Status prove(Theatre& theatre, const Part& part, const audit::Site& after) {
  std::vector<std::string> still;
  const auto found = audit::still_found(part.plan.mended, after);
  for (const auto& finding : found) still.push_back(fmt::format("{} {}", finding.rule, finding.at.file));
  if (still.empty())
    return theatre.ledger->end(part.entry, store::Verdict::helped, theatre.machine->clock().wall(),
                               "asked again: gone");
  auto why = error(heal::HealCode::cannot_do, "still found after the mend, so it was taken back: {}",
                   join(still, ", "));
  auto back = take_back(theatre, TRY(theatre.ledger->get(part.entry)), why.text());
  if (!back) return fail(std::move(why).because(back.error()));
  std::error_code ignored;
  fs::remove(pending_file(theatre, part.entry), ignored);
  return fail(std::move(why));
}

/// What became of the parts. Exit code 3 if one does not stand.
int tell(const Globals& globals, const std::vector<Part>& parts) {
  std::size_t stand = 0, mended = 0;
  auto entries = nlohmann::ordered_json::array();
  std::string text;
  for (const auto& part : parts) {
    auto name = part.entry != 0 ? name_of(part.entry) : std::string();
    std::string sentence;
    if (part.stands()) {
      ++stand;
      mended += part.plan.mended.size();
      sentence = fmt::format("mended {}; take it back with: meshops undo {}", part.what(), name);
      if (part.guarded)
        sentence += fmt::format(
            "\nthis could cut you off: within {} log in anew and run: meshops confirm {}\nelse the old state "
            "returns by itself",
            about(kConfirmWithin), name);
    } else {
      sentence = fmt::format("not mended, {}: {}", part.what(), part.failed->for_people());
    }
    text += sentence + "\n";
    nlohmann::ordered_json entry = {{"entry", name},
                                    {"verdict", part.stands() ? "helped" : "failed"},
                                    {"rules", part.rules()},
                                    {"message", sentence}};
    if (part.guarded && part.stands()) entry["confirm_within_s"] = kConfirmWithin.count();
    entries.push_back(std::move(entry));
  }
  if (globals.json())
    std::puts(nlohmann::ordered_json({{"schema", "meshops.fix/1"},
                                      {"verdict", stand == parts.size() ? "helped"
                                                  : stand > 0           ? "partly"
                                                                        : "failed"},
                                      {"message", fmt::format("mended {} findings", mended)},
                                      {"entries", entries}})
                  .dump(2)
                  .c_str());
  else
    std::fputs(text.c_str(), stdout);
  return stand == parts.size() ? kGood : kCouldNot;
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
  std::vector<Part> parts;
  for (auto& part : audit::independent_parts(plan)) parts.push_back({.plan = std::move(part)});
  for (auto& part : parts)
    if (auto done = operate(globals, **theatre, part, options); !done) part.failed = done.error();
  auto after = site_over((*theatre)->machine->host());
  for (auto& part : parts)
    if (part.stands())
      if (auto good = prove(**theatre, part, *after); !good) part.failed = good.error();
  return tell(globals, parts);
}

Result<std::string> write_kept(const Mesh& mesh, const std::string& remedy, const std::string& sentence,
                               const heal::WriteFile& change) {
  auto theatre = TRY(open_theatre(mesh, "/"));
  const auto& clock = theatre->machine->clock();
  auto entry = TRY(theatre->ledger->begin({.gateway = std::string(kNoGateway),
                                           .cause = {},
                                           .remedy = remedy,
                                           .sentence = sentence,
                                           .evidence = "[]",
                                           .incident = "/",
                                           .by = fmt::format("user {}", ::getuid()),
                                           .began = clock.wall()}));
  auto done = theatre->run([&]() -> asio::awaitable<Status> {
    std::vector<heal::Action> actions;
    actions.emplace_back(change);
    co_return co_await theatre->surgeon->operate(entry, std::move(actions));
  });
  auto verdict = done ? store::Verdict::helped : store::Verdict::failed;
  CHECK_OK(theatre->ledger->end(entry, verdict, clock.wall(), done ? "written" : done.error().text()));
  if (!done) return fail(done.error());
  return name_of(entry);
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
    say(globals, name_of(entry.id), "undone", name_of(entry.id) + how_it_was_taken_back(**theatre, entry.id));
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
  if (same_login(Session::parse(*pending), Session::of_this_process()))
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
