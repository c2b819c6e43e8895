// Which models a gateway thinks with, and what is left when the first one does not answer.
#include <algorithm>
#include <array>

#include "audit/gateway_configs.h"
#include "audit/gateway_rules.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

/// One place that routes turns: the defaults, or an agent of its own mind.
struct Route {
  std::string owner;   // "agents.defaults", "agents.entries.work"
  json5::Path path;    // of the member `model`
  json5::Value model;  // a string, or an object
  json5::Value primary;
  std::vector<json5::Value> fallbacks;
};

std::string text_of(const json5::Value& value) { return std::string(trim(value.as_string().value_or(""))); }

void add_route(std::vector<Route>& out, const json5::Value& root, std::string owner, json5::Path path) {
  auto model = root.find(path);
  Route route{
      .owner = std::move(owner), .path = std::move(path), .model = model, .primary = {}, .fallbacks = {}};
  route.primary = model.is_object() ? model.at("primary") : model;
  // Fallbacks alone keep the shared primary.
  if (text_of(route.primary).empty()) return;
  for (const auto& item : model.at("fallbacks").items())
    if (!text_of(item).empty()) route.fallbacks.push_back(item);
  out.push_back(std::move(route));
}

std::vector<Route> routes_of(const GatewayConfig& config) {
  std::vector<Route> out;
  auto root = config.root();
  add_route(out, root, "agents.defaults", {"agents", "defaults", "model"});
  for (const auto& entry : root.find("agents", "entries").members())
    add_route(out, root, "agent " + entry.key, {"agents", "entries", entry.key, "model"});
  auto list = root.find("agents", "list").items();
  for (std::size_t i = 0; i < list.size(); ++i)
    add_route(out, root, "agent " + list[i].at("id").as_string().value_or(std::to_string(i)),
              {"agents", "list", i, "model"});
  return out;
}

/// "openrouter" of "openrouter/qwen/qwen3:free". Empty: it names none.
std::string provider_of(const GatewayConfig& config, const std::string& reference) {
  auto full = config.full_model(reference);
  auto slash = full.find('/');
  return slash == full.npos ? std::string() : lower(full.substr(0, slash));
}

/// Their keys are limited per minute and per day unless somebody pays, and few do.
constexpr std::string_view kFreeTiers[] = {
    "google",       "gemini",   "google-ai-studio",   "google-gemini-cli",
    "groq",         "cerebras", "google-antigravity", "google-generative-ai",
    "github-models"};

std::string why_limited(const Site& site, const GatewayConfig& config, const std::string& reference) {
  auto provider = provider_of(config, reference);
  if (provider.empty()) return {};
  const auto& paid = site.mesh().audit.paid_providers;
  auto is_paid = [&](std::string_view name) {
    return std::ranges::any_of(paid, [&](const auto& p) { return lower(p) == name; });
  };
  auto model = lower(config.full_model(reference));
  if (is_paid(provider) || is_paid(model)) return {};
  auto entry = config.root().find("models", "providers", provider);
  auto url = lower(entry.at("baseUrl").as_string().value_or(""));
  bool gemini = entry.at("api").as_string() == "google-generative-ai" ||
                url.find("generativelanguage.googleapis.com") != url.npos;
  if (gemini && is_paid("google")) return {};
  if (model.ends_with(":free") || model.ends_with("-free"))
    return fmt::format("a free model of {}", provider);
  if (gemini || std::ranges::find(kFreeTiers, provider) != std::end(kFreeTiers))
    return provider.starts_with("g") && provider != "groq" && provider != "github-models"
               ? fmt::format("Gemini through {}, whose keys are limited per minute and per day", provider)
               : fmt::format("{}, whose keys are limited per minute and per day", provider);
  return {};
}

// ---- GW-003 ----

void limited_primary(const Site& site, Findings& out) {
  for (const auto& config : site.facts<GatewayConfigs>().all()) {
    if (!config.unreadable.empty()) out.skip(site.shown(config.path), config.unreadable);
    for (const auto& route : routes_of(config)) {
      auto primary = text_of(route.primary);
      auto why = why_limited(site, config, primary);
      if (why.empty()) continue;
      std::optional<Mend> mend;
      std::string better;
      auto fallbacks = route.model.at("fallbacks").items();
      for (std::size_t i = 0; i < fallbacks.size(); ++i) {
        auto fallback = text_of(fallbacks[i]);
        if (fallback.empty() || provider_of(config, fallback).empty() ||
            !why_limited(site, config, fallback).empty())
          continue;
        better = fallback;
        auto first = route.path, other = route.path;
        first.emplace_back("primary");
        other.emplace_back("fallbacks");
        other.emplace_back(i);
        auto text = json5::set(config.text, first, fallbacks[i].source());
        if (text) text = json5::set(*text, other, route.primary.source());
        mend = rewrite(site, config, std::move(text));
        break;
      }
      out.add(at(site, config, route.primary.position()))
          .found("{}", printable(primary))
          .wanted("a model that is paid for first, this one as a fallback")
          .message("every turn of {} begins at {}: one 429 costs ten attempts and minutes of waiting",
                   route.owner, why)
          .fix("{}", better.empty()
                         ? "put a paid model first, or name the provider in audit.paid_providers of mesh.toml"
                         : fmt::format("primary: \"{}\", and \"{}\" among the fallbacks", printable(better),
                                       printable(primary)))
          .about("{} primary", route.owner)
          .mend(std::move(mend));
    }
  }
}

// ---- GW-004 ----

/// Two names for one address are one provider.
std::string house_of(const GatewayConfig& config, const std::string& reference) {
  auto provider = provider_of(config, reference);
  auto url = config.root().find("models", "providers", provider, "baseUrl").as_string().value_or("");
  auto host = url.find("://");
  if (host == url.npos) return provider;
  auto rest = lower(url.substr(host + 3));
  rest = rest.substr(0, rest.find_first_of("/?#"));
  // Many gateways of others stand on this machine, each on a port of its own.
  return rest.empty() ? provider : rest;
}

void one_provider(const Site& site, Findings& out) {
  for (const auto& config : site.facts<GatewayConfigs>().all()) {
    if (!config.unreadable.empty()) out.skip(site.shown(config.path), config.unreadable);
    for (const auto& route : routes_of(config)) {
      auto primary = text_of(route.primary);
      auto fallbacks = route.model.at("fallbacks");
      if (route.fallbacks.empty()) {
        auto place = fallbacks ? fallbacks.key_position() : route.model.key_position();
        if (route.model.is_object() && !fallbacks) place = route.primary.key_position();
        out.add(at(site, config, place))
            .found("{} and no fallback", printable(primary))
            .wanted("a fallback at another provider")
            .message("when {} is down or out of credit, {} answers nobody", printable(primary), route.owner)
            .fix("model: {{ primary: \"{}\", fallbacks: [\"another-provider/model\"] }}", printable(primary))
            .about("{} fallbacks", route.owner);
        continue;
      }
      auto house = house_of(config, primary);
      if (house.empty()) continue;
      bool all_there = std::ranges::all_of(
          route.fallbacks, [&](const auto& f) { return house_of(config, text_of(f)) == house; });
      if (!all_there) continue;
      out.add(at(site, config, fallbacks.key_position()))
          .found("{} and {}, all at {}", printable(primary),
                 route.fallbacks.size() == 1 ? "its fallback"
                                             : fmt::format("its {} fallbacks", route.fallbacks.size()),
                 printable(house))
          .wanted("a fallback at another provider")
          .message(
              "one outage or one empty account at {} takes the primary model and every fallback of {} away",
              printable(house), route.owner)
          .fix("add a model of another provider to fallbacks")
          .about("{} fallbacks", route.owner);
    }
  }
}

// ---- GW-012 ----

/// Providers that OpenClaw 2026.9 brings along (its docs/providers, with their other spellings).
constexpr std::string_view kBuiltIn[] = {"alibaba",
                                         "amazon-bedrock",
                                         "anthropic",
                                         "anthropic-vertex",
                                         "arcee",
                                         "azure-openai",
                                         "azure-openai-responses",
                                         "azure-speech",
                                         "baseten",
                                         "bedrock",
                                         "bedrock-mantle",
                                         "amazon-bedrock-mantle",
                                         "byteplus",
                                         "byteplus-plan",
                                         "cerebras",
                                         "chutes",
                                         "claude-cli",
                                         "claude-max-api-proxy",
                                         "clawrouter",
                                         "cloudflare-ai-gateway",
                                         "codex",
                                         "cohere",
                                         "comfy",
                                         "copilot-proxy",
                                         "deepgram",
                                         "deepinfra",
                                         "deepseek",
                                         "ds4",
                                         "elevenlabs",
                                         "fal",
                                         "featherless",
                                         "fireworks",
                                         "fish-audio",
                                         "github-copilot",
                                         "gmi",
                                         "google",
                                         "google-antigravity",
                                         "google-gemini-cli",
                                         "google-vertex",
                                         "gradium",
                                         "groq",
                                         "huggingface",
                                         "inworld",
                                         "kilocode",
                                         "kimi",
                                         "kimi-code",
                                         "kimi-coding",
                                         "litellm",
                                         "llmman",
                                         "lmstudio",
                                         "longcat",
                                         "meta",
                                         "microsoft-foundry",
                                         "minimax",
                                         "minimax-cn",
                                         "minimax-portal",
                                         "minimax-portal-cn",
                                         "mistral",
                                         "modelstudio",
                                         "moonshot",
                                         "moonshot-cn",
                                         "novita",
                                         "nvidia",
                                         "ollama",
                                         "ollama-cloud",
                                         "openai",
                                         "openai-codex",
                                         "opencode",
                                         "opencode-go",
                                         "opencode-zen",
                                         "openrouter",
                                         "perplexity",
                                         "pixverse",
                                         "qianfan",
                                         "qwen",
                                         "qwen-portal",
                                         "radius",
                                         "runway",
                                         "senseaudio",
                                         "sglang",
                                         "stepfun",
                                         "stepfun-plan",
                                         "synthetic",
                                         "tencent",
                                         "tencent-tokenhub",
                                         "together",
                                         "venice",
                                         "vercel-ai-gateway",
                                         "vllm",
                                         "volcengine",
                                         "volcengine-plan",
                                         "vydra",
                                         "xai",
                                         "xiaomi",
                                         "z.ai",
                                         "z-ai",
                                         "zai"};

struct Used {
  json5::Value value;
  std::string role;
};

void add_model(std::vector<Used>& out, const json5::Value& value, const std::string& role) {
  if (value.is_object()) {
    add_model(out, value.at("primary"), role);
    for (const auto& item : value.at("fallbacks").items()) add_model(out, item, role + " fallback");
  } else if (!text_of(value).empty()) {
    out.push_back({value, role});
  }
}

void add_models_of(std::vector<Used>& out, const json5::Value& agent, const std::string& owner) {
  for (const auto* key : {"model", "utilityModel", "decisionModel", "imageModel", "pdfModel", "voiceModel"})
    add_model(out, agent.at(key), owner + " " + key);
  for (const auto* key : {"heartbeat", "subagents", "compaction"})
    add_model(out, agent.at(key).at("model"), owner + " " + key);
  for (const auto& member : agent.at("mediaModels").members())
    add_model(out, member.value, owner + " mediaModels." + member.key);
}

std::vector<Used> models_of(const GatewayConfig& config) {
  std::vector<Used> out;
  auto agents = config.root().at("agents");
  add_models_of(out, agents.at("defaults"), "agents.defaults");
  for (const auto& entry : agents.at("entries").members())
    add_models_of(out, entry.value, "agent " + entry.key);
  for (const auto& entry : agents.at("list").items())
    add_models_of(out, entry, "agent " + entry.at("id").as_string().value_or("?"));
  return out;
}

/// A plugin may bring a provider that nothing here knows of.
bool plugins_may_bring(const json5::Value& root, const std::string& provider) {
  if (root.find("plugins", "load", "paths").size() > 0) return true;
  if (root.find("plugins", "entries", provider)) return true;
  for (const auto& item : root.find("plugins", "allow").items())
    if (lower(item.as_string().value_or("")) == provider) return true;
  for (const auto& profile : root.find("auth", "profiles").members())
    if (lower(profile.value.at("provider").as_string().value_or("")) == provider) return true;
  return false;
}

void unrouted_model(const Site& site, Findings& out) {
  const auto& configs = site.facts<GatewayConfigs>();
  for (const auto& config : configs.all()) {
    if (!config.unreadable.empty()) out.skip(site.shown(config.path), config.unreadable);
    auto root = config.root();
    // Another file may bring the providers in.
    if (!root.is_object() || root.at("$include") || root.at("models").at("$include")) continue;
    auto providers = root.find("models", "providers");
    const bool replaced = root.find("models", "mode").as_string() == "replace";
    std::vector<std::string> keys_told, told;
    for (const auto& used : models_of(config)) {
      auto reference = text_of(used.value);
      if (reference.find("${") != reference.npos) continue;
      auto provider = provider_of(config, reference);
      if (provider.empty()) continue;
      json5::Value entry;
      for (const auto& member : providers.members())
        if (lower(member.key) == provider) entry = member.value;
      if (!entry) {
        bool built_in = std::ranges::find(kBuiltIn, provider) != std::end(kBuiltIn);
        if ((built_in && !replaced) || plugins_may_bring(root, provider)) continue;
        if (std::ranges::find(told, used.role + provider) != told.end()) continue;
        told.push_back(used.role + provider);
        std::vector<std::string> names;
        for (const auto& member : providers.members()) names.push_back(member.key);
        if (!replaced)
          for (auto name : kBuiltIn) names.emplace_back(name);
        std::vector<std::string_view> candidates(names.begin(), names.end());
        auto near = nearest(provider, candidates);
        out.add(at(site, config, used.value.position()))
            .found("{}", printable(reference))
            .wanted("a provider of models.providers{}{}", replaced ? "" : " or one that is built in",
                    near ? fmt::format(", like {}", *near) : "")
            .message("no provider is called {}: every turn that goes to {} fails with \"Unknown model\"",
                     quote(provider), used.role)
            .fix("{}",
                 near ? fmt::format("write {}/…, or define models.providers.{}", *near, printable(provider))
                      : fmt::format("define models.providers.{}: {{ baseUrl, apiKey, api, models }}",
                                    printable(provider)))
            .about("{} {}", used.role, provider);
        continue;
      }
      auto key = entry.at("apiKey");
      if (!key || !configs.shows_environment()) continue;
      if (std::ranges::find(keys_told, provider) != keys_told.end()) continue;
      for (const auto& name : variables_in(key)) {
        auto own = config.variables.find(name);
        bool here = own != config.variables.end() && !own->second.empty();
        if (here || configs.sets(name)) continue;
        keys_told.push_back(provider);
        out.add(at(site, config, key.position()))
            .found("{} is not set", printable(name))
            .wanted("{} in the gateway's environment", printable(name))
            .message("the key of {} cannot be resolved, so {} and all else that it serves gets no answer",
                     printable(provider), printable(reference))
            .fix("put {}=… into {} (mode 0600), or into the unit's EnvironmentFile", printable(name),
                 site.shown(config.state_dir / ".env"))
            .about("key of {}", provider);
        break;
      }
    }
  }
}

const Rule kRules[] = {
    {.id = "GW-003",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "The primary model is at a rate-limited provider",
     .why =
         "A 429 keeps a turn at the same model for ten attempts, two minutes and more, and every turn begins "
         "there again.",
     .not_when = "the provider stands in audit.paid_providers of mesh.toml",
     .remedy = "Put a paid model first and the limited one behind it.",
     .check = limited_primary},
    {.id = "GW-004",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "No fallback model, or all at one provider",
     .why =
         "Providers go down, keys expire and credit ends: without another house to go to the gateway answers "
         "nobody.",
     .not_when = "a fallback is at another provider than the primary model",
     .remedy =
         "Add a fallback of another provider. An agent with a model of its own needs its own fallbacks.",
     .check = one_provider},
    {.id = "GW-012",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A model is routed to a provider that is not defined, or has no key",
     .why = "The gateway starts and says it is ready; only the turns fail.",
     .not_when =
         "the provider is built in, or a plugin or login profile brings it; a repository that shows no "
         "environment at all",
     .remedy = "Define the provider, or set the variable that its key refers to.",
     .check = unrouted_model},
};

}  // namespace

std::span<const Rule> gateway_model_rules() { return kRules; }

}  // namespace meshops::audit
