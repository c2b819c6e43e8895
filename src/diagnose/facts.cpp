#include "diagnose/facts.h"

#include <algorithm>
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

/// A sentence, or a list of them as one.
std::string sentence_of(const Json& value) {
  if (!value.is_array()) return words_of(value);
  std::string out;
  for (const auto& item : value) {
    if (out.size() > kFactsLimit) break;
    out += (out.empty() ? "" : "; ") + words_of(item);
  }
  return out;
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
    struct Sentence {
      std::string_view key;
      std::string Facts::* member;
    };
    static constexpr Sentence kSentences[] = {{"port_owner_kind", &Facts::port_owner_kind},
                                              {"no_access", &Facts::no_access},
                                              {"config_problem", &Facts::config_problem},
                                              {"gateway_mode", &Facts::gateway_mode},
                                              {"config_missing", &Facts::config_missing},
                                              {"config_newer", &Facts::config_newer},
                                              {"config_issues", &Facts::config_issues},
                                              {"database_fault", &Facts::database_fault},
                                              {"runtime_unfit", &Facts::runtime_unfit},
                                              {"process_state", &Facts::process_state},
                                              {"no_answer", &Facts::no_answer},
                                              {"task_limit", &Facts::task_limit},
                                              {"descriptors", &Facts::descriptors}};
    for (const auto& known : kSentences)
      if (key == known.key) facts.*known.member = sentence_of(value);
    if (key == "owner_uid") facts.owner_uid = integer();
    if (key == "watchdog_s") facts.watchdog_s = number(value);
    if (key == "oom_kills") facts.oom_kills = number(value);
    if (key == "cpu_pressure") facts.cpu_pressure = number(value);
    if (key == "prompt_est" || key == "prompt_tokens") facts.prompt_tokens = number(value);
    if (key == "context_max" || key == "context_window") facts.context_tokens = number(value);
  }
  return facts;
}

namespace {

/// What a close look at a live gateway found out by itself, and a log often hides: these outweigh one line of
/// it.
void add_signs_of_a_close_look(std::vector<FactSign>& out, const Facts& facts) {
  using enum Cause;
  auto say = [&](std::string_view id, std::initializer_list<Points> to, std::string text) {
    FactSign sign{.id = id, .to = {}, .text = std::move(text)};
    std::copy(to.begin(), to.end(), sign.to);
    out.push_back(std::move(sign));
  };
  if (!facts.config_problem.empty())
    say("config_broken", {{config_schema_invalid, 92}},
        "its configuration does not parse: " + facts.config_problem);
  if (!facts.config_missing.empty()) say("config_absent", {{config_startup_guard, 84}}, facts.config_missing);
  if (!facts.gateway_mode.empty())
    say("config_without_mode", {{config_startup_guard, 84}}, "gateway.mode is " + facts.gateway_mode);
  if (!facts.config_issues.empty())
    say("config_rejected", {{config_schema_invalid, 76}}, "its own validation says: " + facts.config_issues);
  if (!facts.config_newer.empty()) say("config_of_newer", {{version_skew, 88}}, facts.config_newer);
  if (!facts.database_fault.empty()) say("database_faulty", {{sqlite_fault, 88}}, facts.database_fault);
  if (!facts.no_access.empty()) say("no_access", {{file_permission, 88}}, facts.no_access);
  if (!facts.runtime_unfit.empty()) say("runtime_unfit", {{runtime_mismatch, 86}}, facts.runtime_unfit);
  if (facts.watchdog_s.value_or(0) > 0)
    // A gateway that never says WATCHDOG=1 is killed after that time whatever it does.
    say("unit_watchdog", {{unit_misconfigured, facts.unit_result == "watchdog" ? 86 : 40}},
        fmt::format("WatchdogSec is {} s, and the gateway never answers systemd's watchdog",
                    *facts.watchdog_s));
  if (facts.process_state == "T" || facts.process_state == "t")
    say("process_frozen", {{process_hang, 92}}, "its process is stopped by a signal or a debugger");
  if (facts.process_state == "D")
    say("process_in_kernel", {{storage_fault, 40}, {process_hang, 34}},
        "its process waits inside the kernel (state D)");
  if (!facts.no_answer.empty()) say("no_answer", {{process_hang, 64}}, facts.no_answer);
  if (facts.oom_kills.value_or(0) > 0)
    say("cgroup_oom", {{oom_killer, 88}},
        fmt::format("{} kills for memory in its control group", *facts.oom_kills));
  if (!facts.task_limit.empty())
    say("tasks_used_up", {{resource_limit, 84}}, "tasks of its control group: " + facts.task_limit);
  if (!facts.descriptors.empty())
    say("descriptors_used_up", {{resource_limit, 84}}, "open files of its process: " + facts.descriptors);
  if (facts.cpu_pressure.value_or(0) >= 60)
    say("cpu_pressure", {{cpu_starvation, 56}},
        fmt::format("in {} % of the last minute something waited for a processor", *facts.cpu_pressure));
  if (facts.uid && facts.owner_uid && *facts.uid != 0 && *facts.uid != *facts.owner_uid &&
      !has(facts.owner, "root"))
    say("state_of_another_user", {{file_permission, 60}},
        fmt::format("its state belongs to {}, it runs as uid {}",
                    facts.owner.empty() ? fmt::format("uid {}", *facts.owner_uid) : facts.owner, *facts.uid));
}

enum class PortOwner { nobody, gateway, stranger };
PortOwner port_owner_of(const Facts& facts) {
  if (facts.port_owner_kind == "gateway") return PortOwner::gateway;
  if (facts.port_owner_kind == "stranger") return PortOwner::stranger;
  auto contains_any = [&](std::initializer_list<std::string_view> parts) {
    return std::ranges::any_of(parts, [&](auto part) { return has(facts.port_owner, part); });
  };
  if (contains_any({"none", "nobody", "free"})) return PortOwner::nobody;
  if (contains_any({"openclaw", "clawdbot", "moltbot", "gateway", "systemd", "same service", "node"}))
    return PortOwner::gateway;
  return PortOwner::stranger;
}

}  // namespace

std::vector<FactSign> signs(const Facts& facts) {
  using enum Cause;
  std::vector<FactSign> out;
  add_signs_of_a_close_look(out, facts);
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
  if (!facts.port_owner.empty()) {
    auto text = "port owner: " + facts.port_owner;
    switch (port_owner_of(facts)) {
      case PortOwner::nobody:
        out.push_back({"port_free", {}, std::move(text)});
        break;
      case PortOwner::gateway: {
        // Of a service that runs this is as it should be, unless it is known to be another one.
        bool other = unit_fails || !facts.port_owner_kind.empty();
        out.push_back({"port_owner_copy", {{duplicate_supervisor, other ? 66 : 20}}, std::move(text)});
        break;
      }
      case PortOwner::stranger:
        out.push_back({"port_owner_stranger", {{port_conflict, 66}}, std::move(text)});
        break;
    }
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
  // A load of what waits for disks starves nobody of a processor: where the pressure is known, it decides.
  if (facts.cpus && facts.load && *facts.cpus > 0 && *facts.load >= 2 * *facts.cpus &&
      facts.cpu_pressure.value_or(100) >= 20)
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
