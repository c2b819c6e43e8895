// meshops alerts [test]
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "alert/carrier.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/to_its_end.h"
#include "store/outbox.h"

namespace meshops::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string name;
};

/// What is known of one [[alert]].
struct Known {
  AlertSpec spec;
  std::vector<store::Message> waiting;
  std::optional<store::Delivery> last;
  std::string exposed;
  bool well() const {
    return (!last || last->state == store::Delivery::State::sent) &&
           std::ranges::none_of(waiting, [](const auto& m) { return m.tries > 0; });
  }
};

Result<std::vector<Known>> look(const Mesh& mesh) {
  std::vector<Known> all;
  auto outbox = store::Outbox::read(mesh.state_dir / "ledger.sqlite");
  // None yet: nothing was ever sent.
  if (!outbox && !outbox.error().is(code_name(store::StoreCode::not_found)))
    return fail(std::move(outbox).error());
  std::vector<store::Message> waiting;
  if (outbox) waiting = TRY((*outbox)->waiting(10'000));
  for (const auto& spec : mesh.alerts) {
    Known known{.spec = spec, .waiting = {}, .last = {}, .exposed = alert::exposed(spec)};
    std::ranges::copy_if(waiting, std::back_inserter(known.waiting),
                         [&](const auto& m) { return m.to == spec.name; });
    if (outbox) known.last = TRY((*outbox)->last_settled(spec.name));
    all.push_back(std::move(known));
  }
  return all;
}

Json json_of(const Known& known) {
  Json json = {{"name", known.spec.name}, {"kind", text(known.spec.kind)},
               {"well", known.well()},    {"waiting", known.waiting.size()},
               {"last", nullptr},         {"next", nullptr},
               {"warning", known.exposed}};
  if (known.last)
    json["last"] = {{"result", text(known.last->state)},
                    {"at", iso8601(*known.last->settled)},
                    {"key", known.last->message.key},
                    {"tries", known.last->message.tries},
                    {"error", known.last->message.last_error}};
  if (!known.waiting.empty()) {
    const auto& next = known.waiting.front();
    json["next"] = {{"key", next.key},
                    {"queued", iso8601(next.queued)},
                    {"tries", next.tries},
                    {"next_try", next.next_try ? Json(iso8601(*next.next_try)) : Json(nullptr)},
                    {"error", next.last_error}};
  }
  return json;
}

std::string ago(WallTime then, WallTime now) {
  return then > now ? iso8601(then) : about(now - then) + " ago";
}

void print(const Known& known, WallTime now) {
  std::string state = "nothing sent yet";
  if (known.last && known.last->state == store::Delivery::State::sent)
    state = "last sent " + ago(*known.last->settled, now);
  else if (known.last)
    state = fmt::format("last given up {}: {}", ago(*known.last->settled, now),
                        printable(known.last->message.last_error));
  std::puts(fmt::format("{}  {}  {}", known.spec.name, text(known.spec.kind), state).c_str());
  if (!known.waiting.empty()) {
    const auto& next = known.waiting.front();
    std::string line = fmt::format("    {} waiting", known.waiting.size());
    if (next.next_try)
      line +=
          fmt::format(", next try {}", *next.next_try > now ? "in " + about(*next.next_try - now) : "now");
    if (!next.last_error.empty()) line += ": " + printable(next.last_error);
    std::puts(line.c_str());
  }
  if (!known.exposed.empty()) std::puts(("    warning: " + printable(known.exposed)).c_str());
}

constexpr const char* kNone =
    "mesh.toml has no [[alert]]: trouble is only logged; examples: meshops config init, or "
    "docs/guide/incidents.md";

int show(const Globals& globals) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto all = look(*mesh);
  if (!all) return report(globals, all.error());
  bool well = std::ranges::all_of(*all, &Known::well);
  if (globals.json()) {
    Json json = {{"schema", "meshops.alerts/1"}, {"alerts", Json::array()}};
    for (const auto& known : *all) json["alerts"].push_back(json_of(known));
    std::puts(json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return well ? kGood : kFindings;
  }
  auto now = SystemClock().wall();
  for (const auto& known : *all) print(known, now);
  if (all->empty()) std::puts(kNone);
  return well ? kGood : kFindings;
}

struct Tried {
  alert::Attempt attempt;
  Duration took{};
};
/// In this process, without agent and outbox: what is tested is the way, not the queue.
Tried try_now(const AlertSpec& spec, const Mesh& mesh) {
  SystemClock clock;
  alert::Alert test{.kind = alert::Alert::Kind::test,
                    .mesh = mesh.name,
                    .node = mesh.node,
                    .gateway = {},
                    .cause = {},
                    .headline = "a test: alerts of this node arrive here",
                    .lines = {},
                    .command = "meshops status",
                    .incident = {},
                    .at = clock.wall()};
  auto net = real_net();
  boost::asio::io_context loop{1};
  alert::Attempt not_tried{.error = error(alert::AlertCode::not_sent, "it could not be tried")};
  auto begun = clock.now();
  auto attempt = to_its_end(loop, alert::carry(spec, std::move(test), *net, clock.wall()));
  return {.attempt = attempt.value_or(std::move(not_tried)), .took = clock.now() - begun};
}

int test(const Globals& globals, const Options& options) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  std::vector<AlertSpec> chosen;
  std::vector<std::string_view> names;
  for (const auto& spec : mesh->alerts) {
    names.push_back(spec.name);
    if (options.name.empty() || spec.name == options.name) chosen.push_back(spec);
  }
  if (chosen.empty()) {
    if (options.name.empty()) return report(globals, error(alert::AlertCode::unknown, "{}", kNone));
    auto near = nearest(options.name, names);
    auto why = error(alert::AlertCode::unknown, "mesh.toml has no [[alert]] {}", quote(options.name));
    return report(globals, near ? std::move(why).hint("did you mean {}?", *near)
                                : std::move(why).hint("there are: {}", fmt::join(names, ", ")));
  }
  Json json = {{"schema", "meshops.alerts-test/1"}, {"alerts", Json::array()}};
  bool all_arrived = true;
  for (const auto& spec : chosen) {
    auto [attempt, took] = try_now(spec, *mesh);
    all_arrived = all_arrived && !attempt.error;
    if (globals.json()) {
      json["alerts"].push_back({{"name", spec.name},
                                {"kind", text(spec.kind)},
                                {"arrived", !attempt.error},
                                {"took_ms", milliseconds(took)},
                                {"error", attempt.error ? attempt.error->text() : ""},
                                {"hint", attempt.error ? attempt.error->hint_text() : ""},
                                {"warning", alert::exposed(spec)}});
      continue;
    }
    std::puts(attempt.error
                  ? printable(attempt.error->text()).c_str()
                  : fmt::format("{}  {}  taken within {}", spec.name, text(spec.kind), about(took)).c_str());
    if (attempt.error && !attempt.error->hint_text().empty())
      std::puts(("  → " + attempt.error->hint_text()).c_str());
    if (auto warning = alert::exposed(spec); !warning.empty())
      std::puts(("    warning: " + printable(warning)).c_str());
  }
  if (globals.json()) std::puts(json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  return all_arrived ? kGood : kFindings;
}

}  // namespace

void add_alerts(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* alerts = app.add_subcommand("alerts", "where people are told: what waits, and how the last one went");
  alerts->require_subcommand(0, 1);
  alerts->fallthrough();
  alerts->footer(
      "Example:\n  sudo meshops alerts\n\n"
      "Exits 1 when one waits after a failed try or was given up, else 0.");
  alerts->callback([alerts, &globals, &chosen] {
    // This callback comes after that of a subcommand.
    if (alerts->get_subcommands().empty()) chosen = [&globals] { return show(globals); };
  });
  auto* test_command =
      alerts->add_subcommand("test", "sends a test now, without the agent, and says what happened");
  auto options = std::make_shared<Options>();
  test_command->add_option("name", options->name, "only this [[alert]]")->type_name("NAME");
  test_command->footer("Example:\n  sudo meshops alerts test phone\n\nExits 1 when one was not taken.");
  test_command->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return test(globals, *options); }; });
}

}  // namespace meshops::cli
