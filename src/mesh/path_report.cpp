#include "mesh/path_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "net/net.h"

namespace meshops::path {

namespace {

using Json = nlohmann::ordered_json;

/// Far more than a mesh has ways.
constexpr std::size_t kMostReports = 10'000, kMostText = 600;
constexpr std::array kWeights{Weight::good, Weight::note, Weight::breaks, Weight::skipped};

std::string key_text(SshSeen::Key key) {
  switch (key) {
    case SshSeen::Key::not_shown:
      return "not_shown";
    case SshSeen::Key::known:
      return "known";
    case SshSeen::Key::unknown:
      return "unknown";
    case SshSeen::Key::changed:
      return "changed";
    case SshSeen::Key::revoked:
      return "revoked";
  }
  return "";
}

std::map<std::string, std::string> seen(const Walk& walk) {
  std::map<std::string, std::string> out;
  auto put = [&](const char* name, const std::string& text) {
    if (!text.empty()) out[name] = printable(text);
  };
  for (const auto& told : walk.name.told)
    out["names, " + printable(told.source)] =
        told.silent ? "no answer" : printable(join(told.addresses, " "));
  if (walk.name.needed) put("names, this machine", join(walk.name.addresses, " "));
  put("interface", walk.route.interface);
  put("source", walk.route.source);
  put("gateway", walk.route.gateway);
  if (walk.route.mtu > 0) put("mtu", std::to_string(walk.route.mtu));
  if (walk.echo.largest > 0) put("largest_ping", std::to_string(walk.echo.largest));
  if (walk.tls.outcome == TlsSeen::Outcome::shaken) {
    put("tls_version", walk.tls.version);
    put("certificate_subject", walk.tls.subject);
    put("certificate_issuer", walk.tls.issuer);
    put("certificate_names", join(walk.tls.names, " "));
    put("certificate_ends", iso8601(walk.tls.ends));
    put("certificate_trusted", walk.tls.trusted ? "yes" : walk.tls.why_not);
  }
  if (walk.http.status > 0) put("http_status", std::to_string(walk.http.status));
  put("ssh_version", walk.ssh.version);
  if (!walk.ssh.key_type.empty()) put("host_key", walk.ssh.key_type + " " + key_text(walk.ssh.key));
  return out;
}

Json json_of(const Report& report) {
  Json out = {
      {"from", report.from},       {"to", report.to},
      {"kind", report.kind},       {"host", report.host},
      {"port", report.port},       {"address", report.address},
      {"at", report.at},           {"walked", report.walked},
      {"good", report.good()},     {"broken", report.broken ? Json(text(*report.broken)) : Json(nullptr)},
      {"verdict", report.verdict}, {"sentence", report.sentence},
      {"remedy", report.remedy}};
  out["steps"] = Json::array();
  for (const auto& line : report.lines)
    out["steps"].push_back({{"layer", text(line.layer)},
                            {"weight", text(line.weight)},
                            {"verdict", line.verdict},
                            {"what", line.what},
                            {"ms", line.ms ? Json(*line.ms) : Json(nullptr)}});
  out["seen"] = Json::object();
  for (const auto& [name, value] : report.seen) out["seen"][name] = value;
  return out;
}

// What another node says is shown on this one's terminal: short and printable.
std::string string_of(const nlohmann::json& json, const char* name) {
  auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return {};
  return printable(found->get<std::string>().substr(0, kMostText));
}
bool bool_of(const nlohmann::json& json, const char* name, bool otherwise) {
  auto found = json.find(name);
  return found != json.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

std::optional<Report> read_report(const nlohmann::json& json) {
  if (!json.is_object()) return std::nullopt;
  Report out{.from = string_of(json, "from"),
             .to = string_of(json, "to"),
             .kind = string_of(json, "kind"),
             .host = string_of(json, "host"),
             .address = string_of(json, "address"),
             .at = string_of(json, "at"),
             .verdict = string_of(json, "verdict"),
             .sentence = string_of(json, "sentence"),
             .remedy = string_of(json, "remedy"),
             .walked = bool_of(json, "walked", true)};
  if (out.verdict.empty() || out.sentence.empty()) return std::nullopt;
  if (auto port = json.find("port"); port != json.end() && port->is_number_unsigned())
    if (auto number = port->get<std::uint64_t>(); number <= 65'535)
      out.port = static_cast<std::uint16_t>(number);
  if (auto broken = string_of(json, "broken"); !broken.empty()) {
    out.broken = parse_layer(broken);
    if (!out.broken) return std::nullopt;
  }
  auto steps = json.find("steps");
  if (steps == json.end() || !steps->is_array()) return std::nullopt;
  for (const auto& step : *steps) {
    if (!step.is_object()) continue;
    auto layer = parse_layer(string_of(step, "layer"));
    auto weight = std::ranges::find(kWeights, string_of(step, "weight"), [](Weight w) { return text(w); });
    // A later version may know more layers.
    if (!layer || weight == kWeights.end() || out.line(*layer) != nullptr) continue;
    Report::Line line{.layer = *layer,
                      .verdict = string_of(step, "verdict"),
                      .weight = *weight,
                      .what = string_of(step, "what")};
    if (auto ms = step.find("ms"); ms != step.end() && ms->is_number()) line.ms = ms->get<double>();
    out.lines.push_back(std::move(line));
  }
  if (auto seen = json.find("seen"); seen != json.end() && seen->is_object())
    for (const auto& [name, value] : seen->items())
      if (value.is_string() && out.seen.size() < 40)
        out.seen[printable(name.substr(0, 80))] = printable(value.get<std::string>().substr(0, kMostText));
  return out;
}

std::string mark(Weight weight, bool colour) {
  auto paint = [&](const char* code, const char* text) {
    return colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  };
  switch (weight) {
    case Weight::good:
      return paint("32", "✓");
    case Weight::note:
      return paint("33", "!");
    case Weight::breaks:
      return paint("31", "✗");
    case Weight::skipped:
      break;
  }
  return paint("90", "·");
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

/// Letters of names and addresses only: it may become a word of a shell.
bool is_host(std::string_view text) {
  constexpr std::string_view kMore = "._-:%";
  return !text.empty() && text.size() <= 255 && !text.starts_with('-') &&
         std::ranges::all_of(text, [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  kMore.find(c) != std::string_view::npos;
         });
}

Kind kind_of_port(std::uint16_t port) {
  switch (port) {
    case 22:
      return Kind::ssh;
    case 443:
    case 8443:
      return Kind::https;
    case 80:
    case 8080:
      return Kind::http;
    default:
      return Kind::tcp;
  }
}

}  // namespace

const Report::Line* Report::line(Layer layer) const {
  auto found = std::ranges::find(lines, layer, &Line::layer);
  return found == lines.end() ? nullptr : &*found;
}

Report report(const Walk& walk) {
  auto all = steps(walk);
  auto conclusion = conclude(walk, all);
  Report out{.from = printable(walk.from),
             .to = printable(walk.target.name),
             .kind = std::string(text(walk.target.kind)),
             .host = printable(walk.target.host),
             .port = walk.target.port,
             .address = printable(walk.address),
             .at = iso8601(walk.at),
             .broken = conclusion.broken,
             .verdict = std::string(meaning(conclusion.verdict).id),
             .sentence = conclusion.sentence,
             .remedy = conclusion.remedy,
             .seen = seen(walk)};
  for (const auto& step : all) {
    Report::Line line{.layer = step.layer,
                      .verdict = std::string(meaning(step.verdict).id),
                      .weight = step.weight,
                      .what = step.what};
    // A microsecond is as exact as a person, or a table, can use.
    if (step.took) line.ms = std::round(milliseconds(*step.took) * 1000) / 1000;
    out.lines.push_back(std::move(line));
  }
  return out;
}

Report not_walked(std::string from, const Target& target, const Error& why, WallTime now) {
  return {.from = std::move(from),
          .to = printable(target.name),
          .kind = std::string(text(target.kind)),
          .host = printable(target.host),
          .port = target.port,
          .at = iso8601(now),
          .verdict = std::string(why.code()),
          .sentence = printable(why.text()),
          .remedy = printable(why.hint_text()),
          .walked = false};
}

std::string to_json(std::span<const Report> reports) {
  Json out = {{"schema", "meshops.path/1"}, {"walks", Json::array()}};
  for (const auto& one : reports) out["walks"].push_back(json_of(one));
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<std::vector<Report>> parse_reports(std::string_view text) {
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || string_of(json, "schema") != "meshops.path/1")
    return fail(PathCode::bad_answer, "what it answered is no meshops.path/1");
  auto walks = json.find("walks");
  if (walks == json.end() || !walks->is_array() || walks->size() > kMostReports)
    return fail(PathCode::bad_answer, "what it answered has no walks");
  std::vector<Report> out;
  for (const auto& walk : *walks) {
    auto one = read_report(walk);
    if (!one) return fail(PathCode::bad_answer, "what it answered is no walk of meshops.path/1");
    out.push_back(std::move(*one));
  }
  return out;
}

std::string for_people(const Report& report, bool colour) {
  auto out = fmt::format("{} → {}  ({} {} port {})\n", report.from, report.to, report.kind,
                         report.address.empty() ? report.host : report.address, report.port);
  for (const auto& line : report.lines) {
    auto took = line.ms ? fmt::format("{:.1f} ms", *line.ms) : std::string();
    out += fmt::format("  {} {:<8}{:>10}  {}\n", mark(line.weight, colour), text(line.layer), took,
                       line.what.empty() ? "not looked at" : line.what);
  }
  // A sentence begins with a name of a node, whose letters are its own.
  out += report.sentence + "\n";
  if (!report.remedy.empty()) out += fmt::format("  → {}\n", report.remedy);
  return out;
}

std::string to_word(const Target& target) {
  auto name = target.name == target.host ? std::string() : target.name + "=";
  auto where = fmt::format("{}{}://{}:{}", name, text(target.kind), bracketed(target.host), target.port);
  return target.kind == Kind::http || target.kind == Kind::https ? where + target.request : where;
}

Result<Target> parse_target(std::string_view word) {
  auto bad = [&] {
    return error(PathCode::bad_target, "{} is nowhere to walk to", quote(word))
        .hint(
            "name a node of mesh.toml, HOST, HOST:PORT, or a URL: meshops path "
            "https://gw.example.org/healthz");
  };
  Target out;
  if (auto equals = word.find('='); equals < word.find("://") && word.find("://") != std::string_view::npos) {
    out.name = word.substr(0, equals);
    if (!is_host(out.name)) return fail(bad());
    word.remove_prefix(equals + 1);
  }
  auto scheme_end = word.find("://");
  auto scheme = scheme_end == std::string_view::npos ? std::string() : lower(word.substr(0, scheme_end));
  if (scheme == "http" || scheme == "https") {
    auto url = parse_url(word);
    if (!url) return fail(std::move(url).error());
    out.host = url->endpoint.host;
    out.port = url->endpoint.port;
    out.kind = scheme == "http" ? Kind::http : Kind::https;
    out.request = url->target;
  } else {
    if (!scheme.empty() && scheme != "ssh" && scheme != "tcp") return fail(bad());
    // The same parser for all: it knows brackets, ports, and what a host may not hold.
    auto rest = scheme.empty() ? word : word.substr(scheme_end + 3);
    // An address of IPv6 may stand without brackets where no port follows.
    auto host = std::ranges::count(rest, ':') > 1 && !rest.starts_with('[') ? bracketed(std::string(rest))
                                                                            : std::string(rest);
    auto colon = host.rfind(':'), bracket = host.rfind(']');
    bool ported = colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
    auto url = parse_url("http://" + host + (ported ? "" : ":22"));
    if (!url || url->target != "/" || rest.find_first_of("/#?") != std::string_view::npos) return fail(bad());
    out.host = url->endpoint.host;
    out.port = url->endpoint.port;
    out.kind = scheme == "ssh" ? Kind::ssh : scheme == "tcp" ? Kind::tcp : kind_of_port(out.port);
  }
  if (!is_host(out.host)) return fail(bad());
  if (out.name.empty()) out.name = out.host;
  return out;
}

}  // namespace meshops::path
