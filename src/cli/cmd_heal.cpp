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

/// Another node of the mesh, unless a gateway of this one has that name.
bool means_node(const Globals& globals, const std::string& name) {
  auto status = ask_agent(globals, "GET", "/v1/status");
  auto json = status ? Json::parse(*status, nullptr, false) : Json();
  if (!json.is_object() || !json["nodes"].is_array()) return false;
  bool node = false;
  for (const auto& one : json["nodes"]) {
    bool self = one.value("self", false);
    node = node || (!self && of(one, "name") == name);
    if (self && one["gateways"].is_array())
      for (const auto& gateway : one["gateways"])
        if (of(gateway, "name") == name) return false;
  }
  return node;
}

std::string node_rehearsal(const Json& json) {
  auto node = of(json, "node"), said = of(json, "said"), order = of(json, "order");
  std::string out;
  if (!said.empty()) out += fmt::format("{} cannot be looked at: {}\n", node, said);
  if (json["gateways"].is_array())
    for (const auto& gateway : json["gateways"])
      out +=
          fmt::format("  {} is {}: {}\n", of(gateway, "name"), of(gateway, "state"), of(gateway, "summary"));
  out += order.empty() ? fmt::format("nothing would be done on {}\n", node)
                       : fmt::format("on {} this node would order: {}, under its lease\n", node, order);
  if (auto why = of(json, "why"); of(json, "trouble") != "none" && !why.empty())
    out += fmt::format("by itself it does nothing now, because {}\n", why);
  return out;
}

int heal(const Globals& globals, const Options& options) {
  const bool node = means_node(globals, options.gateway);
  auto path = fmt::format("/v1/{}/{}/heal", node ? "nodes" : "gateways", options.gateway);
  auto said = ask_agent(globals, options.dry_run ? "GET" : "POST", path, kLookLimit);
  if (!said) return report(globals, said.error());
  auto json = Json::parse(*said, nullptr, false);
  if (globals.json() || !json.is_object())
    std::fputs(said->c_str(), stdout);
  else if (options.dry_run)
    std::fputs((node ? node_rehearsal(json) : rehearsal(json)).c_str(), stdout);
  else
    std::puts(fmt::format("{}: {}{}", options.gateway, of(json, "answer"),
                          node ? "" : "; watch it with: meshops status --watch")
                  .c_str());
  bool well =
      json.is_object() && (node ? options.dry_run && of(json, "order").empty() && of(json, "said").empty()
                                : of(json, "trouble") == "none" || of(json, "answer").starts_with("nothing"));
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
  command
      ->add_option("gateway", options->gateway,
                   "a gateway of this node, or another node, as in meshops status")
      ->required()
      ->type_name("NAME");
  command->add_flag("--dry-run", options->dry_run,
                    "only say what would be done, step by step, and what would not");
  command->footer(
      "Example:\n  meshops heal main --dry-run\n\n"
      "The agent heals by itself; this asks it to do so at once, and to try again what it has tried. Its "
      "guards hold\n"
      "all the same. Of another node: its agent is brought back, or heals its gateways, under that node's "
      "lease.\n"
      "Exits 0 if there is nothing to heal, 1 otherwise. What was done: meshops ledger.");
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
