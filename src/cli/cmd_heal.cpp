// meshops heal | pause | resume
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/command.h"

namespace meshops::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string gateway;
  bool dry_run = false;
  std::string why, length;
};

constexpr auto kLookLimit = std::chrono::seconds(60);

std::string of(const Json& json, const char* key) {
  auto at = json.find(key);
  return at != json.end() && at->is_string() ? printable(at->get<std::string>()) : std::string();
}

/// What it found, what it would do, and why not the others.
std::string rehearsal(const Json& json) {
  std::string out = fmt::format("{}: {}\n", of(json, "gateway"), of(json, "summary"));
  for (const auto& h : json["diagnosis"]["hypotheses"]) {
    out += fmt::format("  {} ({:.0f} %): {}\n", of(h, "cause"), h.value("score", 0.0) * 100, of(h, "title"));
    if (!h["evidence"].empty()) out += fmt::format("      because {}\n", of(h["evidence"][0], "text"));
  }
  if (json["diagnosis"]["hypotheses"].empty()) out += "  no known cause was found\n";
  out += fmt::format("decision: {}\n", of(json, "decision"));
  for (const auto& o : json["options"]) {
    auto why_not = of(o, "why_not"), what = of(o, "what");
    // An agent of an older version tells obstacles only.
    if (why_not.empty()) why_not = of(o, "obstacle");
    out += fmt::format("  - {} ({}){}: ", of(o, "remedy"), of(o, "cause"),
                       o.value("tried", false) ? ", tried before" : "");
    if (!why_not.empty()) out += "no: " + why_not + (what.empty() ? "" : "; it would ");
    out += what + "\n";
    if (!of(o, "obstacle").empty()) continue;
    for (const auto& a : o["actions"])
      if (a.is_string()) out += fmt::format("      {}\n", printable(a.get<std::string>()));
    if (of(o, "then") != "watch") out += fmt::format("      then {} it\n", of(o, "then"));
  }
  return out;
}

int heal(const Globals& globals, const Options& options) {
  auto path = "/v1/gateways/" + options.gateway + "/heal";
  auto said = ask_agent(globals, options.dry_run ? "GET" : "POST", path, kLookLimit);
  if (!said) return report(globals, said.error());
  auto json = Json::parse(*said, nullptr, false);
  if (globals.json() || !json.is_object())
    std::fputs(said->c_str(), stdout);
  else if (options.dry_run)
    std::fputs(rehearsal(json).c_str(), stdout);
  else
    std::puts(
        fmt::format("{}: {}; watch it with: meshops status --watch", options.gateway, of(json, "answer"))
            .c_str());
  bool well =
      json.is_object() && (of(json, "trouble") == "none" || of(json, "answer").starts_with("nothing"));
  return well ? kGood : kFindings;
}

/// One gateway, or every one of this node.
int order(const Globals& globals, const Options& options, const std::string& verb) {
  Json body = Json::object();
  if (!options.why.empty()) body["why"] = options.why;
  if (!options.length.empty()) body["for"] = options.length;
  std::vector<std::string> names = {options.gateway};
  auto status = ask_agent(globals, "GET", "/v1/status");
  if (!status) return report(globals, status.error());
  auto json = Json::parse(*status, nullptr, false);
  if (json.is_object() && json["nodes"].is_array())
    for (const auto& node : json["nodes"])
      if (of(node, "name") == options.gateway && node["gateways"].is_array()) {
        names.clear();
        for (const auto& g : node["gateways"])
          if (verb == "pause" || !g["pause"].is_null()) names.push_back(of(g, "name"));
      }
  if (names.empty())
    return report(globals, error(GatewayCode::not_supported, "no gateway of {} is paused", options.gateway));
  for (const auto& name : names) {
    auto done = ask_agent(globals, "POST", "/v1/gateways/" + name + "/" + verb, std::chrono::seconds(10),
                          body.dump(-1, ' ', false, Json::error_handler_t::replace));
    if (!done) return report(globals, done.error());
    if (globals.json())
      std::fputs(done->c_str(), stdout);
    else if (verb == "pause")
      std::puts(
          fmt::format("{} is paused{}: nothing is started, ended or mended; end it with: meshops resume {}",
                      name, options.length.empty() ? "" : " for " + options.length, name)
              .c_str());
    else
      std::puts(fmt::format("{} is looked after again", name).c_str());
  }
  return kGood;
}

}  // namespace

void add_heal(CLI::App& app, const Globals& globals, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("heal", "find out now why a gateway is not well, and mend it");
  command->add_option("gateway", options->gateway, "its name, as in meshops status")
      ->required()
      ->type_name("GATEWAY");
  command->add_flag("--dry-run", options->dry_run,
                    "only say what would be done, step by step, and what would not");
  command->footer(
      "Example:\n  meshops heal main --dry-run\n\n"
      "The agent heals by itself; this asks it to do so at once, and to try again what it has tried. Its "
      "guards hold\n"
      "all the same. Exits 0 if there is nothing to heal, 1 otherwise. What was done: meshops ledger.");
  command->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return heal(globals, *options); }; });

  auto* pause = app.add_subcommand("pause", "leave a gateway, or all of a node, alone while you work on it");
  pause->add_option("gateway", options->gateway, "name of a gateway or of this node")
      ->required()
      ->type_name("NAME");
  pause->add_option("--why", options->why, "said to everybody who looks")->required()->type_name("TEXT");
  pause->add_option("--for", options->length, "how long; without it until meshops resume")
      ->type_name("DURATION");
  pause->footer("Example:\n  meshops pause main --why \"moving its disk\" --for 2h");
  pause->callback([&globals, &chosen, options] {
    chosen = [&globals, options] { return order(globals, *options, "pause"); };
  });
  auto* resume = app.add_subcommand("resume", "end a pause");
  resume->add_option("gateway", options->gateway, "name of a gateway or of this node")
      ->required()
      ->type_name("NAME");
  resume->footer("Example:\n  meshops resume main");
  resume->callback([&globals, &chosen, options] {
    chosen = [&globals, options] { return order(globals, *options, "resume"); };
  });
}

}  // namespace meshops::cli
