#include "diagnose/facts.h"

#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace meshops::diagnose {

namespace {

using Json = nlohmann::ordered_json;

bool has(std::string_view text, std::string_view part) { return lower(text).find(part) != std::string::npos; }

/// The first number in a text: "97% before" → 97, "-9" → -9.
std::optional<double> first_number(std::string_view text) {
  auto at = text.find_first_of("0123456789");
  if (at == text.npos) return std::nullopt;
  bool negative = at > 0 && text[at - 1] == '-';
  double value = 0;
  auto [end, code] = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (code != std::errc{} || !std::isfinite(value) || std::abs(value) > 1e15) return std::nullopt;
  return negative ? -value : value;
}

std::string words_of(const Json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<double> number(const Json& value) {
  if (value.is_number()) {
    auto n = value.get<double>();
    return std::isfinite(n) && std::abs(n) < 1e15 ? std::optional(n) : std::nullopt;
  }
  return value.is_string() ? first_number(value.get_ref<const std::string&>()) : std::nullopt;
}

/// "97% before; 9 GB of cache" → 97: only what is written as percent; a plain number is one, too.
std::optional<double> percent(const Json& value) {
  if (value.is_number()) return number(value);
  if (!value.is_string()) return std::nullopt;
  std::string_view text = value.get_ref<const std::string&>();
  auto sign = text.find('%');
  if (sign == text.npos) return std::nullopt;
  auto begin = sign;
  while (begin > 0 &&
         (std::isdigit(static_cast<unsigned char>(text[begin - 1])) != 0 || text[begin - 1] == '.'))
    --begin;
  return first_number(text.substr(begin, sign - begin));
}

/// "5.5G" → bytes; a plain number is bytes.
std::optional<std::uint64_t> bytes(const Json& value) {
  auto n = number(value);
  if (!n || *n < 0) return std::nullopt;
  if (value.is_number()) return static_cast<std::uint64_t>(*n);
  std::string_view text = value.get_ref<const std::string&>();
  auto unit = text.find_first_not_of("0123456789. ", text.find_first_of("0123456789"));
  double factor = 1;
  if (unit != text.npos) switch (std::toupper(static_cast<unsigned char>(text[unit]))) {
      case 'K':
        factor = 1024;
        break;
      case 'M':
        factor = 1U << 20;
        break;
      case 'G':
        factor = 1U << 30;
        break;
      case 'T':
        factor = 1024.0 * (1U << 30);
        break;
      default:
        break;
    }
  return static_cast<std::uint64_t>(std::min(*n * factor, 1e18));
}

void add_words(std::string& words, const std::string& key, const Json& value, int depth) {
  if (words.size() > kFactsLimit) return;
  if (value.is_object() && depth < 8) {
    for (const auto& [name, inner] : value.items())
      add_words(words, fmt::format("{}.{}", key, name), inner, depth + 1);
    return;
  }
  auto text = words_of(value);
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  words += "fact " + printable(key) + ": " + text + "\n";
}

/// exit_code as a plain signal number, if it is one in any of the usual clothes.
std::optional<int> signal_of(int code) {
  if (code < 0 && code >= -64) return -code;
  if (code > 128 && code <= 192) return code - 128;
  // systemd's ExecMainStatus of a killed process is the signal itself.
  if (code == 6 || code == 9 || code == 15) return code;
  return std::nullopt;
}

}  // namespace

Result<Facts> parse_facts(std::string_view text) {
  if (text.size() > kFactsLimit)
    return fail(DiagnoseCode::too_large, "the facts are {}, more than {}", bytes_text(text.size()),
                bytes_text(kFactsLimit));
  // A callback that refuses depth keeps hostile nesting off the stack.
  auto json = Json::parse(text, [](int depth, Json::parse_event_t, Json&) { return depth < 32; }, false);
  if (json.is_discarded()) return fail(DiagnoseCode::not_json, "the facts are not JSON");
  if (!json.is_object())
    return fail(error(DiagnoseCode::not_an_object, "the facts are JSON, but no object")
                    .hint("for example: {{\"exit_code\": 78, \"mode\": \"user\"}}"));
  Facts facts;
  for (const auto& [key, value] : json.items()) {
    add_words(facts.words, key, value, 0);
    auto integer = [&]() -> std::optional<std::int64_t> {
      auto n = number(value);
      return n ? std::optional(static_cast<std::int64_t>(*n)) : std::nullopt;
    };
    auto small = [&]() -> std::optional<int> {
      auto n = number(value);
      return n && std::abs(*n) < 1e6 ? std::optional(static_cast<int>(*n)) : std::nullopt;
    };
    if (key == "mode") facts.mode = words_of(value);
    if (key == "exit_code" || key == "exec_main_status") facts.exit_code = small();
    if (key == "unit_result" || key == "result") facts.unit_result = words_of(value);
    if (key == "n_restarts" || key == "NRestarts") facts.n_restarts = integer();
    if (key == "port_owner") facts.port_owner = words_of(value);
    if (key == "http_probe" || key == "health" || key == "http") facts.http_probe = small();
    if (key == "versions" && value.is_object())
      for (const auto& [name, version] : value.items()) facts.versions[name] = words_of(version);
    if (key == "disk" || key == "disk_used_percent") facts.disk_used_percent = percent(value);
    if (key.find("inode") != std::string::npos) facts.inodes_used_percent = percent(value);
    if (key == "memory_peak") facts.memory_peak = bytes(value);
    if (key == "memory_limit" || key == "memory_max") facts.memory_limit = bytes(value);
    if (key == "clock_offset_s") facts.clock_offset_s = number(value);
    if (key == "cpus") facts.cpus = number(value);
    if (key == "load" || key == "load1") facts.load = number(value);
    if (key == "uid") facts.uid = integer();
    if (key == "owner") facts.owner = words_of(value);
    if (key == "pid_owner") facts.pid_owner = words_of(value);
    if (key == "starters" && value.is_array()) facts.starters = value.size();
    if (key == "prompt_est" || key == "prompt_tokens") facts.prompt_tokens = number(value);
    if (key == "context_max" || key == "context_window") facts.context_tokens = number(value);
  }
  return facts;
}

std::vector<FactSign> signs(const Facts& facts) {
  using enum Cause;
  std::vector<FactSign> out;
  if (facts.exit_code) {
    auto code = *facts.exit_code;
    auto say = [&](std::string_view id, std::initializer_list<Points> to) {
      FactSign sign{.id = id, .to = {}, .text = fmt::format("exit code {}", code)};
      std::copy(to.begin(), to.end(), sign.to);
      out.push_back(std::move(sign));
    };
    auto signal = signal_of(code);
    if (code == 203)
      say("exit_203", {{unit_misconfigured, 46}, {runtime_mismatch, 34}});
    else if (code >= 200 && code <= 243)
      say("exit_systemd", {{unit_misconfigured, 80}});
    else if (code == 78)
      say("exit_78", {{config_startup_guard, 30}, {config_schema_invalid, 24}});
    else if (code == 127)
      say("exit_127", {{runtime_mismatch, 48}, {cron_environment, 30}});
    else if (code == 126)
      say("exit_126", {{file_permission, 44}, {runtime_mismatch, 32}});
    else if (signal == 9)
      say("exit_sigkill", {{oom_killer, 44}, {restart_drain_timeout, 18}});
    else if (signal == 6)
      say("exit_sigabrt", {{node_heap_oom, 36}, {process_hang, 20}});
    else if (signal == 15)
      say("exit_sigterm", {{duplicate_supervisor, 24}});
    else if (signal == 4)
      say("exit_sigill", {{runtime_mismatch, 70}});
    else if (signal == 31)
      say("exit_sigsys", {{mac_policy_denied, 66}});
  }
  if (facts.unit_result == "oom-kill")
    out.push_back({"result_oom", {{oom_killer, 90}}, "unit result oom-kill"});
  if (facts.unit_result == "watchdog")
    out.push_back({"result_watchdog", {{process_hang, 56}}, "unit result watchdog"});
  if (facts.unit_result == "protocol")
    out.push_back({"result_protocol", {{unit_misconfigured, 78}}, "unit result protocol"});
  if (facts.unit_result == "timeout")
    out.push_back(
        {"result_timeout_fact", {{restart_drain_timeout, 30}, {process_hang, 18}}, "unit result timeout"});
  if (facts.unit_result == "start-limit-hit")
    out.push_back({"result_start_limit", {}, "unit result start-limit-hit"});
  if (facts.http_probe && *facts.http_probe / 100 == 2 &&
      ((facts.exit_code && *facts.exit_code != 0) || facts.n_restarts.value_or(0) > 3))
    out.push_back({"answers_while_unit_fails",
                   {{duplicate_supervisor, 66}},
                   fmt::format("health answers {} while the unit fails", *facts.http_probe)});
  bool unit_fails = facts.exit_code.value_or(0) != 0 || facts.n_restarts.value_or(0) > 3 ||
                    facts.unit_result == "start-limit-hit" || facts.unit_result == "exit-code";
  if (auto owner = std::string_view(facts.port_owner); !owner.empty()) {
    auto text = "port owner: " + facts.port_owner;
    if (has(owner, "none") || has(owner, "nobody") || has(owner, "free"))
      out.push_back({"port_free", {}, std::move(text)});
    else if (has(owner, "openclaw") || has(owner, "clawdbot") || has(owner, "moltbot") ||
             has(owner, "gateway") || has(owner, "systemd") || has(owner, "same service") ||
             has(owner, "node"))
      // Of a service that runs this is as it should be.
      out.push_back({"port_owner_copy", {{duplicate_supervisor, unit_fails ? 66 : 20}}, std::move(text)});
    else
      out.push_back({"port_owner_stranger", {{port_conflict, 66}}, std::move(text)});
  }
  if (has(facts.mode, "+"))
    out.push_back({"two_modes", {{duplicate_supervisor, 62}}, "a unit in both scopes: " + facts.mode});
  if (facts.starters > 1)
    out.push_back(
        {"many_starters", {{duplicate_supervisor, 66}}, fmt::format("{} starters", facts.starters)});
  for (const auto& [name, version] : facts.versions)
    if (version.find("->") != std::string::npos || version.find("→") != std::string::npos)
      out.push_back({"just_updated", {{version_skew, 50}}, fmt::format("{} {}", name, version)});
  if (facts.disk_used_percent && *facts.disk_used_percent >= 98)
    out.push_back({"disk_98", {{disk_full, 62}}, fmt::format("disk {} % used", *facts.disk_used_percent)});
  if (facts.disk_used_percent && *facts.disk_used_percent < 90)
    out.push_back({"disk_has_space", {}, fmt::format("disk {} % used", *facts.disk_used_percent)});
  if (facts.inodes_used_percent && *facts.inodes_used_percent >= 98)
    out.push_back(
        {"inodes_98", {{inode_exhaustion, 88}}, fmt::format("inodes {} % used", *facts.inodes_used_percent)});
  if (facts.memory_peak && facts.memory_limit && *facts.memory_limit > 0 &&
      static_cast<double>(*facts.memory_peak) >= 0.85 * static_cast<double>(*facts.memory_limit))
    out.push_back({"memory_at_limit",
                   {{oom_killer, 55}},
                   fmt::format("memory peak {} of {}", bytes_text(*facts.memory_peak),
                               bytes_text(*facts.memory_limit))});
  if (facts.clock_offset_s && std::abs(*facts.clock_offset_s) > 30)
    out.push_back({"clock_off", {{clock_skew, 82}}, fmt::format("clock off by {} s", *facts.clock_offset_s)});
  if (facts.cpus && facts.load && *facts.cpus > 0 && *facts.load >= 2 * *facts.cpus)
    out.push_back({"load_over_cpus",
                   {{cpu_starvation, 50}},
                   fmt::format("load {} on {} CPUs", *facts.load, *facts.cpus)});
  if (facts.uid && *facts.uid != 0 && has(facts.owner, "root"))
    out.push_back({"state_owned_by_root",
                   {{file_permission, 60}},
                   fmt::format("owner {}, service runs as uid {}", facts.owner, *facts.uid)});
  if (!facts.pid_owner.empty())
    out.push_back(
        {"lock_pid_of_stranger", {{stale_lock, 74}}, "the lock's PID belongs to " + facts.pid_owner});
  if (facts.prompt_tokens && facts.context_tokens && *facts.prompt_tokens > *facts.context_tokens)
    out.push_back(
        {"prompt_over_context",
         {{context_overflow, 88}},
         fmt::format("prompt of {} tokens for a window of {}", *facts.prompt_tokens, *facts.context_tokens)});
  return out;
}

}  // namespace meshops::diagnose
