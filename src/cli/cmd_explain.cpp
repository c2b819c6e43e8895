// meshops explain
#include <cstdio>
#include <nlohmann/json.hpp>

#include "audit/report.h"
#include "base/text.h"
#include "cli/command.h"
#include "diagnose/causes.h"
#include "diagnose/facts.h"
#include "heal/remedy.h"

namespace meshops::cli {

namespace {

struct Options {
  std::string cause;
  bool all = false;
  bool remedies = false;
};

nlohmann::ordered_json json_of(const diagnose::CauseInfo& info) {
  nlohmann::ordered_json json = {{"cause", info.id},
                                 {"title", info.title},
                                 {"what", info.what},
                                 {"speaks_for", info.speaks_for},
                                 {"speaks_against", info.speaks_against},
                                 {"you_should_know", info.person}};
  json["remedies"] = nlohmann::ordered_json::array();
  for (const auto& remedy : info.remedies)
    json["remedies"].push_back({{"id", remedy.id}, {"by", text(remedy.by)}, {"what", remedy.sentence}});
  return json;
}

Error unknown(const std::string& name) {
  std::vector<std::string_view> ids;
  for (const auto& info : diagnose::catalogue()) ids.push_back(info.id);
  for (const auto& domain : audit::domains())
    for (const auto& rule : domain.rules) ids.push_back(rule.id);
  auto why = error(diagnose::DiagnoseCode::unknown_cause, "there is no cause {}", quote(name));
  if (auto meant = nearest(name, ids)) return std::move(why).hint("did you mean {}?", *meant);
  return std::move(why).hint("meshops explain lists them");
}

int run(const Globals& globals, const Options& options) {
  if (options.all) {
    std::fputs(diagnose::catalogue_markdown().c_str(), stdout);
    return kGood;
  }
  if (options.remedies) {
    std::fputs(heal::remedies_markdown().c_str(), stdout);
    return kGood;
  }
  if (options.cause.empty()) {
    nlohmann::ordered_json list = {{"schema", "meshops.causes/1"}};
    for (const auto& info : diagnose::catalogue()) {
      if (globals.json())
        list["causes"].push_back(json_of(info));
      else
        std::puts(fmt::format("{:<26} {}", info.id, info.title).c_str());
    }
    if (globals.json()) std::puts(list.dump(2).c_str());
    return kGood;
  }
  if (const auto* rule = audit::find_rule(options.cause)) {
    std::fputs((globals.json() ? audit::explain_json(*rule) : audit::explain(*rule)).c_str(), stdout);
    return kGood;
  }
  auto cause = diagnose::parse_cause(options.cause);
  if (!cause) {
    report(globals, unknown(options.cause));
    return kUsage;
  }
  if (globals.json()) {
    nlohmann::ordered_json json = {{"schema", "meshops.cause/1"}};
    json.update(json_of(diagnose::about(*cause)));
    std::puts(json.dump(2).c_str());
  } else {
    std::fputs(diagnose::explain(*cause).c_str(), stdout);
  }
  return kGood;
}

}  // namespace

void add_explain(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* command = app.add_subcommand(
      "explain", "a cause that diagnose names, or a rule of the audit: what it is and what helps");
  auto options = std::make_shared<Options>();
  command->add_option("cause", options->cause, "without one, all are listed")->type_name("CAUSE|RULE");
  command->add_flag("--all", options->all, "the whole catalogue as Markdown (docs/causes.md)");
  command->add_flag("--remedies", options->remedies, "all remedies as Markdown (docs/remedies.md)");
  command->footer("Example:\n  meshops explain duplicate_supervisor\n  meshops explain SYS-001");
  command->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return run(globals, *options); }; });
}

}  // namespace meshops::cli
