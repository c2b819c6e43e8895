// meshops ledger | undo
#include <cstdio>
#include <filesystem>

#include "base/text.h"
#include "cli/audit_fix.h"
#include "cli/command.h"
#include "store/ledger.h"

namespace meshops::cli {

namespace {

struct Options {
  std::string gateway, since;
  std::size_t limit = 20;
  std::string entry;
};

/// Of the file itself: whoever may read it needs no agent, and at night the agent may be what is down. While
/// the disk takes nothing, an agent keeps its records beside its socket: then it knows more than the file.
int ledger(const Globals& globals, const Options& options) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto since = moment(options.since);
  if (!since) {
    report(globals, since.error());
    return kUsage;
  }
  auto ask = [&] {
    auto target = fmt::format("/v1/ledger?gateway={}&limit={}", options.gateway, options.limit);
    if (*since) target += "&since=" + iso8601(**since);
    if (!globals.json()) target += "&as=text";
    return ask_agent(globals, "GET", target);
  };
  std::error_code none;
  auto socket = globals.socket_path();
  if (socket && std::filesystem::exists(socket->parent_path() / "ledger.sqlite", none))
    if (auto said = ask()) {
      std::fputs(said->c_str(), stdout);
      return kGood;
    }
  store::Ledger::Query query{
      .gateway = options.gateway, .since = *since, .only_open = false, .at_most = options.limit};
  auto file = store::Ledger::read(mesh->state_dir / "ledger.sqlite");
  if (file) {
    auto entries = (*file)->list(query);
    if (!entries) return report(globals, entries.error());
    auto text =
        globals.json() ? store::to_json(*entries) + "\n" : store::for_people(*entries, SystemClock().wall());
    std::fputs(text.empty() ? "nothing was done yet\n" : text.c_str(), stdout);
    return kGood;
  }
  auto said = ask();
  if (!said) return report(globals, said.error());
  std::fputs(said->c_str(), stdout);
  return kGood;
}

int undo(const Globals& globals, const Options& options) {
  // What the audit mended has a ledger of its own: no agent is needed to take it back.
  if (is_fix(options.entry)) return undo_fix(globals, options.entry);
  auto done = ask_agent(globals, "POST", "/v1/ledger/" + options.entry + "/undo", std::chrono::seconds(150));
  if (!done) return report(globals, done.error());
  if (globals.json())
    std::fputs(done->c_str(), stdout);
  else
    std::puts(
        fmt::format(
            "entry {} is taken back; if the gateway does not read its files again by itself, restart it",
            options.entry)
            .c_str());
  return kGood;
}

}  // namespace

Result<std::optional<WallTime>> moment(const std::string& text) {
  if (text.empty()) return std::optional<WallTime>();
  if (auto ago = parse_duration(text))
    return std::optional(SystemClock().wall() - std::chrono::duration_cast<std::chrono::milliseconds>(*ago));
  if (auto at = parse_iso8601(text)) return std::optional(*at);
  return fail(error(store::StoreCode::not_found, "{} is neither a duration nor a time", quote(text))
                  .hint("for example --since 2h or --since 2026-11-24T05:00:00Z"));
}

void add_ledger(CLI::App& app, const Globals& globals, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("ledger", "what meshops did to the gateways of this node, and why");
  command->add_option("gateway", options->gateway, "only of this one")->type_name("GATEWAY");
  command->add_option("--since", options->since, "from then on: a duration back from now, or a time")
      ->type_name("TIME");
  command->add_option("-n,--limit", options->limit, "at most so many, the newest first")
      ->check(CLI::Range(1, 1000))
      ->type_name("N");
  command->footer("Example:\n  meshops ledger main --since 12h");
  command->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return ledger(globals, *options); }; });

  auto* back = app.add_subcommand("undo", "take back what meshops changed");
  auto* entry = back->add_option("entry", options->entry,
                                 "its number in meshops ledger, or its name (a12) from meshops audit --fix")
                    ->type_name("ID");
  back->add_flag_callback(
          "--all", [options] { options->entry = "all"; },
          "everything that meshops audit --fix has mended, the newest first")
      ->excludes(entry);
  back->footer(
      "Example:\n  meshops undo 17\n\nRefused for files that somebody has changed since: their bytes are not "
      "thrown "
      "away.");
  back->callback([&globals, &chosen, options] {
    if (options->entry.empty()) throw CLI::RequiredError("ID or --all");
    chosen = [&globals, options] { return undo(globals, *options); };
  });
}

}  // namespace meshops::cli
