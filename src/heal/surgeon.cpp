#include "heal/surgeon.h"

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <ranges>

#include "base/log.h"
#include "base/text.h"
#include "host/act_as.h"
#include "host/run_async.h"

namespace meshops::heal {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto kJobLimit = 90s;
constexpr auto kAfterKill = 10s;
/// Between so many removals the gateways get their turn.
constexpr std::size_t kAtOnce = 128;

/// It frees what a ledger that is full needs, and there is nothing to take back: may happen unrecorded.
bool frees_space(const Action& action) {
  return std::holds_alternative<RemoveFiles>(action) || std::holds_alternative<TrimFile>(action);
}

Error clash(const fs::path& path) {
  return error(HealCode::changed_meanwhile, "{} has changed since the plan was made", path.string());
}

asio::awaitable<void> pause(Duration d) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(d));
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

/// True once it has ended.
asio::awaitable<bool> ends_within(const Fd& pidfd, Duration limit) {
  constexpr auto kLook = 50ms;
  for (Duration waited{}; waited < limit; waited += kLook) {
    if (wait_ended(pidfd, Duration::zero())) co_return true;
    co_await pause(kLook);
  }
  co_return wait_ended(pidfd, Duration::zero());
}

/// The last line that says something: what a tool's failure is about.
std::string last_words(const Output& output) {
  for (auto text : {std::string_view(output.err), std::string_view(output.out)})
    for (auto line : split(trim(text), '\n') | std::views::reverse)
      if (!trim(line).empty()) return without_keys(printable(trim(line).substr(0, 300)));
  return "it said nothing";
}

}  // namespace

asio::awaitable<Status> Surgeon::operate(std::int64_t entry, std::vector<Action> actions) {
  unsigned number = 0;
  for (auto& action : actions) {
    auto done = co_await step(entry, ++number, std::move(action));
    if (done) continue;
    auto why = done.error();
    if (number > 1) {
      auto recorded = ledger_.get(entry);
      if (!recorded) {
        log::error("heal.undo", recorded.error().text());
      } else if (auto back = co_await take_back(std::move(*recorded)); !back) {
        log::error("heal.undo", back.error().text());
      }
    }
    co_return fail(std::move(why));
  }
  co_return ok();
}

asio::awaitable<Status> Surgeon::step(std::int64_t entry, unsigned number, Action action) {
  auto keep = [this](const std::string& bytes) { return kept_.put(bytes); };
  if (auto* tool = std::get_if<RunTool>(&action))
    // As it is now, so that a tool that dies with us in the middle of it can be taken back.
    for (const auto& path : tool->protects) {
      auto state = state_of(path);
      if (!state) co_return fail(state.error());
      tool->changed.push_back({path, *state, *state});
    }
  auto json = to_json(action, keep);
  auto id =
      json
          ? ledger_.intend(
                entry,
                {.number = number, .action = *json, .words = describe(action), .at = machine_.clock().wall()})
          : Result<std::int64_t>(fail(json.error()));
  if (!id && !frees_space(action))
    co_return fail(error(HealCode::cannot_do, "what cannot be recorded is not done: {}", describe(action))
                       .because(id.error()));
  log::info("heal.step", describe(action));
  auto began = machine_.clock().now();
  auto done = co_await perform(action);
  auto took = machine_.clock().now() - began;
  if (!id) co_return done;
  std::string after;
  if (std::holds_alternative<RunTool>(action))
    if (auto changed = to_json(action, keep)) after = std::move(*changed);
  auto settled = ledger_.settle(*id, done ? store::Deed::done : store::Deed::failed, took,
                                done ? std::string() : done.error().text(), after);
  if (!settled) log::error("heal.ledger", settled.error().text());
  co_return done;
}

asio::awaitable<Status> Surgeon::take_back(store::Entry entry) {
  Status result = ok();
  std::ranges::sort(entry.steps, std::ranges::greater{}, &store::Step::number);
  for (const auto& step : entry.steps) {
    if (step.deed == store::Deed::failed || step.deed == store::Deed::undone) continue;
    auto back = co_await step_back(step);
    if (!back && result) result = fail(back.error());
  }
  co_return result;
}

asio::awaitable<Status> Surgeon::step_back(const store::Step& done) {
  auto fetch = [this](const std::string& name) { return kept_.get(name); };
  auto action = parse_action(done.action, fetch);
  if (!action) co_return fail(action.error());
  auto settle = [&](store::Deed deed, std::string_view why) {
    if (auto settled = ledger_.settle(done.id, deed, done.took, why, ""); !settled)
      log::error("heal.ledger", settled.error().text());
  };
  if (done.deed == store::Deed::intended) {
    if (auto* tool = std::get_if<RunTool>(&*action)) {
      // It ran, or not, and nobody was there to see what it changed.
      for (auto& file : tool->changed)
        if (auto now = state_of(file.path)) file.after = *now;
    } else if (!happened(*action)) {
      settle(store::Deed::failed, "it did not happen: meshops ended before it");
      co_return ok();
    }
  }
  auto inverses = inverse(*action);
  if (!inverses) {
    log::info("heal.undo", inverses.error().text());
    co_return ok();
  }
  for (auto& back : *inverses) {
    // Taken back before, by one who was killed before it could write that down.
    if (is_done(back)) continue;
    log::info("heal.undo", describe(back));
    auto undone = co_await perform(back);
    if (!undone)
      co_return fail(
          error(HealCode::cannot_undo, "cannot take back: {}", describe(*action)).because(undone.error()));
  }
  settle(store::Deed::undone, "");
  co_return ok();
}

/// Whether an intended step was done before nobody could write that down any more.
bool Surgeon::happened(const Action& action) const {
  if (const auto* a = std::get_if<WriteFile>(&action)) {
    auto now = state_of(a->path);
    return now && (now->has_value() ? a->after && (*now)->bytes == a->after->bytes : !a->after);
  }
  if (const auto* a = std::get_if<MoveFile>(&action)) return machine_.host().stat(a->to).has_value();
  if (const auto* a = std::get_if<SetAccess>(&action)) {
    auto info = machine_.host().stat(a->path);
    return info && Access{info->mode, info->uid, info->gid} == a->after;
  }
  return true;
}

/// Whether the files are as the action would leave them.
bool Surgeon::is_done(const Action& action) const {
  const auto* move = std::get_if<MoveFile>(&action);
  bool on_files = move != nullptr || std::holds_alternative<WriteFile>(action) ||
                  std::holds_alternative<SetAccess>(action);
  return on_files && happened(action) && (move == nullptr || !machine_.host().stat(move->from));
}

asio::awaitable<Status> Surgeon::perform(Action& action) {
  if (auto* a = std::get_if<WriteFile>(&action)) co_return write(*a);
  if (auto* a = std::get_if<MoveFile>(&action)) co_return move(*a);
  if (auto* a = std::get_if<SetAccess>(&action)) co_return set(*a);
  if (auto* a = std::get_if<TrimFile>(&action)) co_return trim(*a);
  if (auto* a = std::get_if<RemoveFiles>(&action)) co_return co_await remove(*a);
  if (auto* a = std::get_if<EndProcess>(&action)) co_return co_await end(*a);
  if (auto* a = std::get_if<UnitOrder>(&action)) co_return co_await order(*a);
  if (auto* a = std::get_if<RunTool>(&action)) co_return co_await run(*a);
  co_return fail(HealCode::cannot_do, "there is no such action");
}

Result<std::optional<FileState>> Surgeon::state_of(const fs::path& path) const {
  const auto& host = machine_.host();
  auto info = host.stat(path);
  if (!info) {
    if (info.error().is(code_name(FileCode::not_found))) return std::optional<FileState>();
    return fail(info.error());
  }
  auto bytes = TRY(host.read(path));
  return FileState{std::move(bytes), {info->mode, info->uid, info->gid}};
}

Status Surgeon::write(const WriteFile& a) {
  auto& host = machine_.host();
  auto now = TRY(state_of(a.path));
  bool as_planned = now.has_value() == a.before.has_value() && (!now || now->bytes == a.before->bytes);
  if (!as_planned) return fail(clash(a.path));
  auto owner = path_owner(host, a.path);
  ActAs as(owner.uid, owner.gid);
  if (!a.after) return now ? host.remove(a.path) : ok();
  const auto& access = a.after->access;
  return host.write(a.path, a.after->bytes, {.mode = access.mode, .uid = access.uid, .gid = access.gid});
}

Status Surgeon::move(const MoveFile& a) {
  auto& host = machine_.host();
  if (!host.stat(a.from)) return fail(clash(a.from));
  auto owner = path_owner(host, a.from);
  ActAs as(owner.uid, owner.gid);
  return host.rename(a.from, a.to);
}

Status Surgeon::set(const SetAccess& a) {
  auto& host = machine_.host();
  auto info = TRY(host.stat(a.path));
  if (Access{info.mode, info.uid, info.gid} != a.before) return fail(clash(a.path));
  return host.set_access(a.path, a.after.mode, a.after.uid, a.after.gid);
}

asio::awaitable<Status> Surgeon::remove(const RemoveFiles& a) {
  auto& host = machine_.host();
  std::size_t at = 0;
  Status first = ok();
  std::size_t removed = 0;
  for (const auto& file : a.files) {
    {
      auto owner = path_owner(host, file.path);
      ActAs as(owner.uid, owner.gid);
      auto done = host.remove(file.path);
      if (done)
        ++removed;
      else if (first && !done.error().is(code_name(FileCode::not_found)))
        first = fail(done.error());
    }
    if (++at % kAtOnce == 0) co_await asio::post(machine_.executor(), asio::use_awaitable);
  }
  // A cache that writes on while it is cleaned is no failure, as long as something went.
  if (removed > 0) co_return ok();
  co_return first;
}

Status Surgeon::trim(const TrimFile& a) {
  auto& host = machine_.host();
  auto owner = path_owner(host, a.path);
  ActAs as(owner.uid, owner.gid);
  return host.trim(a.path, a.keep);
}

asio::awaitable<Status> Surgeon::end(const EndProcess& a) {
  auto pidfd = open_pidfd(a.pid);
  if (!pidfd) {
    if (pidfd.error().is(code_name(ProcessCode::gone))) co_return ok();
    co_return fail(pidfd.error());
  }
  // The pidfd holds whoever has the number now: only then is it known who that is.
  auto info = machine_.host().process(a.pid);
  if (!info) co_return ok();
  if (info->start_ticks != a.start_ticks)
    co_return fail(HealCode::changed_meanwhile, "process {} is another one by now", a.pid);
  if (auto sent = send_signal(*pidfd, SIGTERM); !sent) co_return sent;
  (void)send_signal(*pidfd, SIGCONT);  // a stopped one handles SIGTERM only when it runs
  if (co_await ends_within(*pidfd, a.grace)) co_return ok();
  if (auto sent = send_signal(*pidfd, SIGKILL); !sent && !sent.error().is(code_name(ProcessCode::gone)))
    co_return sent;
  if (co_await ends_within(*pidfd, kAfterKill)) co_return ok();
  co_return fail(HealCode::cannot_do, "process {} ({}) does not end, not even by SIGKILL", a.pid, a.name);
}

asio::awaitable<Status> Surgeon::order(const UnitOrder& a) {
  std::optional<Account> user;
  if (!a.user.empty()) {
    auto found = account(a.user);
    if (!found) co_return fail(found.error());
    user = *found;
  }
  auto services = machine_.services(user);
  if (!services) co_return fail(services.error());
  switch (a.verb) {
    case UnitOrder::Verb::reset_failed:
      co_return co_await (*services)->reset_failed(a.unit);
    case UnitOrder::Verb::start:
      co_return co_await (*services)->start(a.unit, kJobLimit);
    case UnitOrder::Verb::stop:
      co_return co_await (*services)->stop(a.unit, kJobLimit);
    case UnitOrder::Verb::enable:
      co_return co_await (*services)->enable(a.unit);
    case UnitOrder::Verb::disable:
      co_return co_await (*services)->disable(a.unit);
    case UnitOrder::Verb::reload_manager:
      co_return co_await (*services)->reload_manager();
  }
  co_return ok();
}

asio::awaitable<Status> Surgeon::run(RunTool& a) {
  RunOptions options{.environment = tool_environment(), .working_dir = a.working_dir, .limit = a.limit};
  if (!a.user.empty()) {
    auto as = account(a.user);
    if (!as) co_return fail(as.error());
    options.environment["HOME"] = as->home.string();
    options.environment["USER"] = options.environment["LOGNAME"] = as->name;
    if (as->uid != own_account().uid) options.as = *as;
  }
  for (const auto& [name, value] : a.environment) options.environment[name] = value;
  auto output = co_await run_async(a.argv, std::move(options));
  for (auto& file : a.changed)
    if (auto now = state_of(file.path)) file.after = *now;
  std::erase_if(a.changed, [](const WriteFile& file) { return file.before == file.after; });
  if (!output) co_return fail(output.error());
  if (!output->exit.code || std::ranges::find(a.good, *output->exit.code) == a.good.end())
    co_return fail(HealCode::cannot_do, "{}: {} ({})", describe(Action(a)), output->exit.text(),
                   last_words(*output));
  co_return ok();
}

}  // namespace meshops::heal
