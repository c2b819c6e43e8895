// What "nft -j list ruleset" prints.
#include <map>

#include "base/text.h"
#include "formats/firewall_chains.h"
#include "formats/json5.h"

namespace meshops::firewall {

namespace {

using json5::Value;
using Sets = std::map<std::string, std::string>;  // "@web" -> "22,443"

constexpr unsigned kDeepest = 8;

/// A right side as one text with commas.
std::string flat(const Value& value, unsigned depth = 0) {
  if (depth > kDeepest) return {};
  if (auto text = value.as_string()) return *text;
  if (auto number = value.as_int()) return std::to_string(*number);
  if (auto set = value.at("set")) return flat(set, depth + 1);
  if (auto element = value.at("elem"))
    return flat(element.is_object() ? element.at("val") : element, depth + 1);
  if (auto range = value.at("range"); range.size() == 2)
    return flat(range.at(std::size_t{0}), depth + 1) + "-" + flat(range.at(std::size_t{1}), depth + 1);
  if (auto prefix = value.at("prefix"))
    return flat(prefix.at("addr"), depth + 1) + "/" + flat(prefix.at("len"), depth + 1);
  std::string out;
  for (const auto& item : value.items()) out += (out.empty() ? "" : ",") + flat(item, depth + 1);
  return out;
}

class JsonRule {
 public:
  JsonRule(const Chain& chain, const Sets& sets) : sets_(sets) {
    rule_.line.v4 = chain.family != "ip6";
    rule_.line.v6 = chain.family != "ip";
  }

  std::vector<Rule> read(const Value& value) {
    for (const auto& step : value.at("expr").items()) part(step);
    if (mapped_.empty()) mapped_.push_back(rule_);
    for (auto& rule : mapped_) {
      bool accepts = rule.decides && rule.line.verdict == Verdict::accept;
      if (narrow_ && !accepts) rule.line.conditional = true;
      rule.line.text = text_of(rule.line);
    }
    return std::move(mapped_);
  }

 private:
  void part(const Value& step) {
    if (auto match = step.at("match")) {
      auto operation = match.at("op").as_string().value_or("==");
      if (operation != "==" && operation != "in") {
        rule_.line.conditional = true;
        return;
      }
      auto right = flat(match.at("right"));
      if (auto set = sets_.find(right); set != sets_.end()) right = set->second;
      give(rule_.line, match.at("left"), right);
    } else if (auto map = step.at("vmap")) {
      verdict_map(map);
    } else if (auto limit = step.at("limit")) {
      narrow_ = true;
      if (limit.at("inv").as_bool() == true) rule_.line.conditional = true;
    } else if (!verdict(step, rule_) && !step.at("counter") && !step.at("log")) {
      // Also "xt": a match of iptables that nft cannot tell.
      rule_.line.conditional = true;
    }
  }

  static bool verdict(const Value& step, Rule& rule) {
    if (step.at("accept") || step.at("drop") || step.at("reject")) {
      rule.decides = true;
      rule.line.verdict = step.at("accept") ? Verdict::accept : Verdict::deny;
    } else if (step.at("jump") || step.at("goto")) {
      rule.jump = (step.at("jump") ? step.at("jump") : step.at("goto")).at("target").as_string().value_or("");
    } else if (step.at("return")) {
      rule.returns = true;
    } else {
      return false;
    }
    return true;
  }

  void give(Line& line, const Value& left, const std::string& right) {
    auto protocol = left.find("payload", "protocol").as_string().value_or("");
    auto field = left.find("payload", "field").as_string().value_or("");
    auto meta = left.find("meta", "key").as_string().value_or("");
    auto connection = left.find("ct", "key").as_string().value_or("");
    if (field == "dport") {
      if (protocol != "th") line.protocol = protocol;
      line.ports = parse_ports(right);
      if (line.ports.empty()) line.conditional = true;
    } else if (field == "saddr" && (protocol == "ip" || protocol == "ip6")) {
      if (!is_anywhere(right)) line.from = right.substr(0, kLongestRule);
    } else if (field == "daddr" && !is_group(right)) {
      narrow_ = true;
    } else if (meta == "iif" || meta == "iifname") {
      line.interface = right.substr(0, kLongestRule);
    } else if (meta == "l4proto" || field == "protocol" || field == "nexthdr") {
      if (right.find(',') == std::string::npos) line.protocol = right.substr(0, kLongestRule);
    } else if (connection != "state" || right.find("new") == std::string::npos) {
      line.conditional = true;
    }
  }

  void verdict_map(const Value& map) {
    for (const auto& pair : map.find("data", "set").items()) {
      if (mapped_.size() >= kMostRules) return;
      auto rule = rule_;
      give(rule.line, map.at("key"), flat(pair.at(std::size_t{0})));
      verdict(pair.at(std::size_t{1}), rule);
      mapped_.push_back(std::move(rule));
    }
    if (mapped_.empty()) rule_.line.conditional = true;
  }

  static std::string text_of(const Line& line) {
    std::string out = line.protocol;
    std::string ports;
    for (const auto& p : line.ports) {
      if (ports.size() > kLongestRule) break;
      ports += (ports.empty() ? " dport " : ",") + std::to_string(p.first);
      if (p.last != p.first) ports += "-" + std::to_string(p.last);
    }
    out += ports;
    if (!line.from.empty()) out += " from " + line.from;
    if (!line.interface.empty()) out += " on " + line.interface;
    return std::string(trim(out + (line.verdict == Verdict::accept ? " accept" : " drop")));
  }

  const Sets& sets_;
  Rule rule_;
  std::vector<Rule> mapped_;
  bool narrow_ = false;
};

}  // namespace

std::vector<Input> parse_nft_json(std::string_view text) {
  auto document = json5::Document::parse(text);
  if (!document) return {};
  Chains all;
  std::map<std::string, Sets> sets;  // by scope
  auto scope_of = [](const Value& value) {
    return value.at("family").as_string().value_or("ip") + " " + value.at("table").as_string().value_or("");
  };
  std::size_t rules = 0;
  for (const auto& item : document->find("nftables").items()) {
    if (auto chain = item.at("chain")) {
      auto& made = all.at(scope_of(chain), chain.at("name").as_string().value_or(""));
      made.family = chain.at("family").as_string().value_or("ip");
      made.hook = chain.at("hook").as_string().value_or("");
      made.type = chain.at("type").as_string().value_or("");
      made.policy = chain.at("policy").as_string() == "drop" ? Verdict::deny : Verdict::accept;
    } else if (auto set = item.at("set")) {
      sets[scope_of(set)]["@" + set.at("name").as_string().value_or("")] = flat(set.at("elem"));
    } else if (auto rule = item.at("rule"); rule && ++rules <= kMostRules) {
      auto scope = scope_of(rule);
      auto& into = all.at(scope, rule.at("chain").as_string().value_or(""));
      for (auto& one : JsonRule(into, sets[scope]).read(rule)) into.rules.push_back(std::move(one));
    }
  }
  return nft_inputs(all);
}

}  // namespace meshops::firewall
