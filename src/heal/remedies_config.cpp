// Remedies for configurations. Every edit is one whole-file write that would survive the gateway's own look
// at it (T1); what it replaces is kept.
#include "base/text.h"

#include <algorithm>
#include "gateway/openclaw_files.h"
#include "heal/config_mend.h"
#include "heal/planning.h"
#include "heal/remedy_table.h"

namespace meshops::heal {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMostConfig = 4U << 20;  // as the gateway room reads it
constexpr Duration kHotReload = 60s;           // it takes 2 s; a restart inside the process 25 s

Result<Found> config_of(const Patient& patient, const Host& host) {
  if (patient.spec.kind != GatewayKind::openclaw) return not_applicable("it is no OpenClaw gateway");
  if (patient.identity.config.empty()) return not_applicable("its configuration is out of sight");
  return find_file(patient, host, patient.identity.config, kMostConfig);
}

/// The file that the gateway compares with: the one it was last ready with, else the one before its last
/// write. Empty if there is none.
std::string last_accepted(const Patient& patient, const Host& host) {
  for (auto end : {".last-good", ".bak"})
    if (auto file = find_file(patient, host, patient.identity.config.string() + end, kMostConfig))
      return std::move(file->state.bytes);
  return {};
}

std::vector<ConfigIssue> issues_of(const Patient& patient) {
  if (!patient.config_issues.empty()) return patient.config_issues;
  std::vector<std::string> messages;
  for (auto& line : log_lines(patient)) messages.push_back(std::move(line.message));
  return issues_in(messages);
}

Result<WriteFile> rewrite(const Patient& patient, const Host& host, const Found& file, std::string text) {
  CHECK_OK(survives_start(last_accepted(patient, host), text));
  auto after = file.state;
  after.bytes = std::move(text);
  return WriteFile{.path = file.path, .before = file.state, .after = std::move(after)};
}

Planned edited(const Patient& patient, WriteFile write, std::string sentence) {
  Treatment treatment{.remedy = {}, .sentence = std::move(sentence), .actions = {std::move(write)}};
  start_or_watch(patient, treatment, kHotReload);
  return treatment;
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kSome = 6;
  auto out = join(std::span(names).first(std::min(names.size(), kSome)), ", ");
  if (names.size() > kSome) out += fmt::format(" and {} more", names.size() - kSome);
  return printable(out);
}

/// gateway.mode: "local" where a document that is complete otherwise lacks it. --allow-unconfigured and
/// $include do without.
bool lacks_mode(const Patient& patient, const json5::Document& document) {
  const auto& command = patient.spec.command;
  return document.root().is_object() && !document.find("gateway", "mode") &&
         !document.root().at("$include") &&
         std::find(command.begin(), command.end(), "--allow-unconfigured") == command.end();
}

/// What can be mended is mended at once: with two faults in one file, mending one alone would not start the
/// gateway and be taken back.
struct Whole {
  Found file;
  Mend mend;
  bool mode_set = false;
};
Result<Whole> mend_whole(const Patient& patient, const Host& host) {
  Whole out{.file = TRY(config_of(patient, host)), .mend = {}};
  auto document = json5::Document::parse(out.file.state.bytes);
  if (!document)
    return not_applicable("{} is not JSON5: {}", out.file.path.filename().string(),
                          document.error().sentence());
  out.mend = TRY(mend(out.file.state.bytes, issues_of(patient)));
  if (lacks_mode(patient, TRY(json5::Document::parse(out.mend.text)))) {
    out.mend.text = TRY(json5::set(out.mend.text, {"gateway", "mode"}, "\"local\""));
    out.mode_set = true;
  }
  return out;
}

std::string words_of(const Whole& whole) {
  std::vector<std::string> parts;
  if (!whole.mend.removed.empty())
    parts.push_back(fmt::format("remove {} that this version does not know", listed(whole.mend.removed)));
  if (!whole.mend.corrected.empty())
    parts.push_back(fmt::format("write {} in the form that is asked for", listed(whole.mend.corrected)));
  if (whole.mode_set) parts.emplace_back("set gateway.mode to local");
  return join(parts, "; ");
}

Planned plan_whole(const Patient& patient, const Host& host, Whole whole) {
  auto sentence = words_of(whole);
  return edited(patient, TRY(rewrite(patient, host, whole.file, std::move(whole.mend.text))),
                std::move(sentence));
}

}  // namespace

Planned remove_unknown_keys(const Patient& patient, const Host& host) {
  auto whole = TRY(mend_whole(patient, host));
  if (!whole.mend.removed.empty()) return plan_whole(patient, host, std::move(whole));
  if (!whole.mend.left.empty())
    return not_applicable("what it complains about is not for meshops to take out: {}",
                          listed(whole.mend.left));
  return not_applicable("the configuration has no key that it complains about");
}

Planned correct_known_value(const Patient& patient, const Host& host) {
  auto whole = TRY(mend_whole(patient, host));
  if (!whole.mend.corrected.empty()) return plan_whole(patient, host, std::move(whole));
  if (!whole.mend.left.empty())
    return not_applicable("the right value is not known: {}", listed(whole.mend.left));
  return not_applicable("the configuration has no value that it complains about");
}

Planned set_gateway_mode(const Patient& patient, const Host& host) {
  auto whole = TRY(mend_whole(patient, host));
  if (whole.mode_set) return plan_whole(patient, host, std::move(whole));
  auto mode = TRY(json5::Document::parse(whole.file.state.bytes)).find("gateway", "mode").as_string();
  if (mode && *mode != "local")
    return not_applicable("gateway.mode is {}: somebody wrote that, and only a person may change it",
                          quote(*mode));
  return not_applicable("gateway.mode does not lack");
}

Planned repair_config_syntax(const Patient& patient, const Host& host) {
  auto file = TRY(config_of(patient, host));
  if (json5::Document::parse(file.state.bytes)) return not_applicable("the configuration is well formed");
  auto repair = repair_syntax(file.state.bytes);
  if (!repair) return not_applicable("no single character gives the configuration one clear reading");
  auto whole = TRY(json5::Document::parse(repair->text));
  if (lacks_mode(patient, whole)) return not_applicable("what could be read of it has no gateway.mode");
  auto write = TRY(rewrite(patient, host, file, repair->text));
  // The owner's half-finished edit stays beside it.
  WriteFile copy{.path = aside(patient, file.path, "broken"), .before = {}, .after = file.state};
  auto treatment =
      TRY(edited(patient, std::move(write), fmt::format("repair the syntax: {}", repair->words)));
  treatment.actions.insert(treatment.actions.begin(), std::move(copy));
  return treatment;
}

namespace {

Result<std::string> bytes_of(const Patient& patient, const Host& host, const fs::path& path) {
  return TRY(find_file(patient, host, path, kMostConfig)).state.bytes;
}

/// A configuration that could start the gateway; an error says why not.
Status could_start(std::string_view refused, std::string_view accepted, std::string_view text) {
  if (text == refused) return not_applicable("it is the one that is refused");
  auto document = json5::Document::parse(text);
  if (!document) return not_applicable("it is not JSON5");
  if (!document->root().at("$include") && document->find("gateway", "mode").as_string().value_or("").empty())
    return not_applicable("it has no gateway.mode");
  return survives_start(accepted, text);
}

}  // namespace

Planned restore_last_good_config(const Patient& patient, const Host& host) {
  if (patient.spec.kind != GatewayKind::openclaw) return not_applicable("it is no OpenClaw gateway");
  const auto& config = patient.identity.config;
  if (config.empty()) return not_applicable("its configuration is out of sight");
  std::optional<Found> refused;
  // What is too large to be kept as bytes is moved aside as it is.
  bool too_large = false;
  if (auto there = host.stat(config)) {
    auto found = config_of(patient, host);
    too_large =
        !found && there->kind == FileInfo::Kind::regular && found.error().is(code_name(FileCode::too_large));
    if (!found && !too_large) return fail(std::move(found).error());
    if (found) refused = std::move(*found);
  }

  struct Source {
    fs::path path;
    std::string_view words;
  };
  std::vector<Source> sources;
  if (patient.good_config) sources.push_back({*patient.good_config, "meshops' own copy of it"});
  sources.push_back({config.string() + ".last-good", "the gateway's own copy of it"});
  // Nobody has seen yet whether it lasted.
  if (patient.ready_config) sources.push_back({*patient.ready_config, "what it last became ready with"});
  sources.push_back({config.string() + ".bak", "the file before the gateway's last write"});
  auto accepted = last_accepted(patient, host);
  std::vector<std::string> why_not;
  for (const auto& source : sources) {
    // Ours lie in a directory of the agent's own; the others are the gateway's.
    bool ours = patient.good_config == source.path || patient.ready_config == source.path;
    auto bytes = ours ? host.read(source.path, kMostConfig) : bytes_of(patient, host, source.path);
    auto fits = bytes ? could_start(refused ? refused->state.bytes : std::string(), accepted, *bytes)
                      : Status(fail(std::move(bytes).error()));
    if (!fits) {
      why_not.push_back(fmt::format("{}: {}", source.path.filename().string(), fits.error().sentence()));
      continue;
    }
    Treatment treatment{
        .remedy = {},
        .sentence = fmt::format("restore the configuration that it was last ready with: {}", source.words)};
    WriteFile write{.path = refused ? refused->path : config,
                    .before = {},
                    .after = FileState{std::move(*bytes), private_access(patient)}};
    if (too_large) {
      treatment.actions.emplace_back(MoveFile{config, aside(patient, config, "broken")});
    } else if (refused) {
      treatment.actions.emplace_back(WriteFile{aside(patient, refused->path, "broken"), {}, refused->state});
      write.before = refused->state;
      write.after->access = refused->state.access;
    }
    treatment.actions.emplace_back(std::move(write));
    start_or_watch(patient, treatment, kHotReload);
    return treatment;
  }
  return not_applicable("no good copy of the configuration is left ({})", printable(join(why_not, "; ")));
}

Planned doctor_fix_once(const Patient& patient, const Host& host) {
  auto file = TRY(config_of(patient, host));
  if (!json5::Document::parse(file.state.bytes))
    return not_applicable("the doctor cannot mend a file that is not JSON5");
  bool unknown = false;
  for (const auto& issue : issues_of(patient)) {
    // With one fault it cannot mend it writes nothing at all, after half a minute.
    if (unknown_keys(issue.message).empty())
      return not_applicable("the doctor does not mend values ({})", printable(issue.path));
    unknown = true;
  }
  if (!unknown) return not_applicable("the doctor helps against unknown and old keys only");
  auto tool = TRY(gateway_tool(patient, {"doctor", "--fix", "--non-interactive"}, 120s));
  tool.protects = {file.path};
  return Treatment{
      .remedy = {},
      .sentence = "let the gateway's own doctor rewrite its configuration, once (its comments are lost)",
      .actions = {std::move(tool)},
      .then = Then::start,
      .gateway_stopped = true};
}

Planned reload_mode_off(const Patient& patient, const Host& host) {
  auto file = TRY(config_of(patient, host));
  auto document = json5::Document::parse(file.state.bytes);
  if (!document) return not_applicable("the configuration is not JSON5");
  if (document->find("gateway", "reload", "mode").as_string() == "off")
    return not_applicable("gateway.reload.mode is off already");
  auto text = TRY(json5::set(file.state.bytes, {"gateway", "reload", "mode"}, "\"off\""));
  return edited(patient, TRY(rewrite(patient, host, file, std::move(text))),
                "set gateway.reload.mode to off, so that a write no longer restarts it");
}

Planned quarantine_plugin(const Patient& patient, const Host& host) {
  constexpr std::string_view kPrefix = "[plugins] ", kFailed = " failed during load";
  std::string id;
  for (const auto& line : log_lines(patient)) {
    // The subsystem is the gateway's own word: what a model says is not printed under it.
    if (line.subsystem != "plugins") continue;
    std::string_view message = line.message;
    if (message.starts_with(kPrefix)) message.remove_prefix(kPrefix.size());
    auto at = message.find(kFailed);
    if (at == message.npos) continue;
    auto name = message.substr(0, at);
    if (!name.empty() && name.size() <= 100 &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@/._-") ==
            std::string::npos)
      id = name;
  }
  if (id.empty()) return not_applicable("the log names no plugin that failed while it loaded");
  auto file = TRY(config_of(patient, host));
  auto document = json5::Document::parse(file.state.bytes);
  if (!document) return not_applicable("the configuration is not JSON5");
  if (document->find("plugins", "entries").at(id).at("enabled").as_bool() == false)
    return not_applicable("plugin {} is disabled already", id);
  auto text = TRY(json5::set(file.state.bytes, {"plugins", "entries", id, "enabled"}, "false"));
  auto treatment =
      TRY(edited(patient, TRY(rewrite(patient, host, file, std::move(text))),
                 fmt::format("disable plugin {}, which fails while it loads; what it does is off", id)));
  if (patient.running)
    treatment.then = Then::restart, treatment.quiet_moment = true, treatment.proves_within = {};
  return treatment;
}

namespace {

/// "vultr/ok-model" → "vultr": two models of one provider share its key and its limits.
std::string provider_of(std::string_view model) { return std::string(model.substr(0, model.find('/'))); }

/// The model of agents.defaults, as a text or as {primary, fallbacks}.
struct Route {
  json5::Path path;
  std::string primary;
  std::vector<std::string> fallbacks;
};
Route default_route(const json5::Document& document) {
  auto model = document.find("agents", "defaults", "model");
  Route route;
  if (auto text = model.as_string()) {
    route = {.path = {"agents", "defaults", "model"}, .primary = *text, .fallbacks = {}};
  } else {
    route = {.path = {"agents", "defaults", "model", "primary"},
             .primary = model.at("primary").as_string().value_or(""),
             .fallbacks = {}};
    for (const auto& item : model.at("fallbacks").items())
      if (auto name = item.as_string()) route.fallbacks.push_back(*name);
  }
  return route;
}

/// Whether the log says that a turn with the model was refused.
bool failed(const Patient& patient, const std::string& model) {
  for (const auto& line : log_lines(patient)) {
    bool candidate_failed =
        line.field("decision") == "candidate_failed" && provider_of(model) == line.field("candidateProvider");
    bool key_refused = line.field("event") == "auth_profile_failure_state_updated" &&
                       provider_of(model) == line.field("provider");
    bool in_words =
        line.message.find(fmt::format("retry window elapsed for {} ", model)) != std::string::npos;
    if (candidate_failed || key_refused || in_words) return true;
  }
  return false;
}

/// Whether the log says that a turn was answered by it when the first choice was not.
bool stood_in(const Patient& patient, const std::string& model) {
  return std::ranges::any_of(log_lines(patient), [&](const auto& line) {
    return line.field("decision") == "candidate_succeeded" &&
           fmt::format("{}/{}", line.field("candidateProvider"), line.field("candidateModel")) == model;
  });
}

}  // namespace

Planned swap_primary_model(const Patient& patient, const Host& host) {
  auto file = TRY(config_of(patient, host));
  auto document = json5::Document::parse(file.state.bytes);
  if (!document) return not_applicable("the configuration is not JSON5");
  auto route = default_route(*document);
  if (route.primary.empty()) return not_applicable("agents.defaults.model names no primary model");
  auto good = std::ranges::find_if(route.fallbacks, [&](const std::string& other) {
    // Another address and another key: a provider of its own, which has not failed itself. Limits are often a
    // model's, so that one of the same provider may do; that it does must have been seen.
    bool other_provider = provider_of(other) != provider_of(route.primary);
    return other_provider ? !failed(patient, other) : stood_in(patient, other);
  });
  if (good == route.fallbacks.end())
    return not_applicable("no fallback is left that is of another provider than {} or has been seen to work",
                          printable(provider_of(route.primary)));
  auto text = TRY(json5::set(file.state.bytes, route.path, json5::json_string(*good)));
  return edited(patient, TRY(rewrite(patient, host, file, std::move(text))),
                fmt::format("use {} as primary model instead of {}; `meshops undo` swaps back",
                            printable(*good), printable(route.primary)));
}

Planned correct_model_name(const Patient& patient, const Host& host) {
  auto file = TRY(config_of(patient, host));
  auto document = json5::Document::parse(file.state.bytes);
  if (!document) return not_applicable("the configuration is not JSON5");
  auto route = default_route(*document);
  std::vector<std::string> known;
  for (const auto& provider : document->find("models", "providers").members())
    for (const auto& model : provider.value.at("models").items())
      if (auto id = model.at("id").as_string()) known.push_back(provider.key + "/" + *id);
  if (route.primary.empty() || std::ranges::find(known, route.primary) != known.end())
    return not_applicable("the primary model is one that the configuration lists");
  // A provider that is not listed may be one that the gateway brings along.
  if (!told(patient, fmt::format("Unknown model: {}", route.primary)) &&
      !told(patient, fmt::format("Model \"{}\" not found", route.primary)))
    return not_applicable("nothing says that {} does not exist", printable(route.primary));
  std::vector<std::string_view> candidates(known.begin(), known.end());
  auto best = nearest(route.primary, candidates);
  if (!best)
    return not_applicable("no model of the configuration is called almost like {}", printable(route.primary));
  std::string name(*best);
  std::erase(candidates, *best);
  if (nearest(route.primary, candidates))
    return not_applicable("more than one model is called almost like {}", printable(route.primary));
  auto text = TRY(json5::set(file.state.bytes, route.path, json5::json_string(name)));
  return edited(
      patient, TRY(rewrite(patient, host, file, std::move(text))),
      fmt::format("use {} as primary model: {} does not exist", printable(name), printable(route.primary)));
}

}  // namespace meshops::heal
