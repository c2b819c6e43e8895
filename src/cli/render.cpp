#include "cli/render.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "gateway/health.h"

namespace meshops::cli {

using Json = nlohmann::json;

namespace {

std::string field(const Json& json, const char* name) {
  auto at = json.find(name);
  if (at == json.end() || at->is_null()) return "";
  return at->is_string() ? printable(at->get<std::string>()) : at->dump();
}

class Painter {
 public:
  explicit Painter(bool colour) : colour_(colour) {}
  std::string operator()(const char* code, std::string_view text) const {
    return colour_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }

 private:
  bool colour_;
};

const char* state_colour(std::string_view state) {
  if (state == "ready") return "1;32";
  if (state == "starting" || state == "draining" || state == "stopping" || state == "backing_off")
    return "1;33";
  if (state == "stopped" || state == "standing_by" || state == "unseen") return "1;37";
  return "1;31";
}

std::string layer_mark(const Painter& paint, std::string_view state) {
  if (state == "ok") return paint("32", "✓");
  if (state == "failing") return paint("31", "✗");
  if (state == "pending") return paint("33", "…");
  return paint("90", state == "not_applicable" ? "·" : "?");
}

std::string ago(const std::string& iso, WallTime now) {
  auto then = parse_iso8601(iso);
  return then ? about(std::max<Duration>(now - *then, Duration::zero())) + " ago" : "";
}

void render_gateway(std::string& out, const Json& g, WallTime now, const Painter& paint) {
  auto state = field(g, "state");
  const auto& id = g.contains("identity") ? g["identity"] : Json::object();
  out += fmt::format("  {} {}  {}\n", paint(state_colour(state), "●"), paint("1", field(g, "name")),
                     paint(state_colour(state), field(g, "summary")));
  std::string facts = field(g, "kind");
  if (auto version = field(id, "version"); !version.empty()) facts += " " + version;
  if (auto port = field(id, "port"); !port.empty()) facts += " · port " + port;
  if (auto pid = field(id, "pid"); !pid.empty()) facts += " · pid " + pid;
  if (auto supervisor = field(id, "supervisor"); !supervisor.empty()) facts += " · by " + supervisor;
  out += "    " + paint("90", facts) + "\n    ";
  std::vector<std::string> why;
  for (auto layer : kLayers) {
    auto name = std::string(text(layer));
    if (!g.contains("health") || !g["health"].contains(name)) continue;
    const auto& h = g["health"][name];
    auto layer_state = field(h, "state");
    out += fmt::format("{} {}  ", name, layer_mark(paint, layer_state));
    if ((layer_state == "failing" || layer_state == "pending") && !field(h, "reason").empty() &&
        why.size() < 2)
      why.push_back(fmt::format("{}: {}", name, field(h, "reason")));
  }
  out.erase(out.find_last_not_of(' ') + 1);
  out += "\n";
  for (const auto& line : why) out += fmt::format("    {} {}\n", paint("33", "→"), line);
  if (auto restarts = field(g, "restarts"); !restarts.empty() && restarts != "0") {
    out += fmt::format("    restarted {} time{}", restarts, restarts == "1" ? "" : "s");
    if (g.contains("last_exit") && g["last_exit"].is_object())
      out += fmt::format(", last end {}: {}", ago(field(g["last_exit"], "at"), now),
                         field(g["last_exit"], "reason"));
    out += "\n";
  }
}

std::string seconds_ago(const Json& node, const char* key) {
  if (!node.contains(key) || !node[key].is_number()) return "never";
  return about(std::chrono::milliseconds(std::llround(node[key].get<double>() * 1000))) + " ago";
}

/// As this node sees it: one line, and why nothing is done if something is wrong.
void render_peer(std::string& out, const Json& node, const Painter& paint) {
  bool well = field(node, "trouble") == "none";
  auto summary = field(node, "summary");
  bool watched = node.value("watched", true);
  if (well && (!watched || field(node, "gossip") != "alive")) summary = field(node, "gossip");
  if (node.value("paused", false)) summary += ", paused";
  out += fmt::format(
      "{} {}  {}  {}\n", paint(well ? "1;32" : "1;31", "●"), paint("1", field(node, "name")),
      paint(well ? "32" : "31", summary),
      paint("90", watched ? fmt::format("heard {} · gateways {}", seconds_ago(node, "heard_s_ago"),
                                        field(node, "gateways_are"))
                          : std::string("watched by others")));
  if (well) return;
  if (auto why = field(node, "why"); !why.empty()) out += fmt::format("    {} {}\n", paint("33", "→"), why);
  if (auto said = field(node, "said"); !said.empty())
    out += fmt::format("    {} {}\n", paint("33", "→"), said);
  if (!node.contains("gateways") || node["gateways"].empty()) return;
  for (const auto& gateway : node["gateways"])
    out += fmt::format("    {} {}: {}  {}\n", field(gateway, "name"), field(gateway, "state"),
                       field(gateway, "summary"), paint("90", seconds_ago(node, "gateways_s_ago")));
}

}  // namespace

std::string render_status(const Json& status, WallTime now, const Look& look) {
  Painter paint(look.colour);
  std::string out;
  if (!status.contains("nodes") || !status["nodes"].is_array()) return "no status\n";
  for (const auto& node : status["nodes"]) {
    if (!node.value("self", true)) {
      render_peer(out, node, paint);
      continue;
    }
    const auto& agent = node.contains("agent") ? node["agent"] : Json::object();
    out += fmt::format("{} · node {} · agent {} {} since {}\n", paint("1", "mesh " + field(status, "mesh")),
                       paint("1", field(node, "name")), field(agent, "version"), field(agent, "state"),
                       ago(field(agent, "since"), now));
    if (node.contains("mesh")) {
      if (auto trouble = field(node["mesh"], "trouble"); !trouble.empty())
        out += fmt::format("  {} not in touch with the other nodes: {}\n", paint("33", "→"), trouble);
      if (auto trouble = field(node["mesh"], "store_trouble"); !trouble.empty())
        out += fmt::format("  {} the object store is of no use now: {}\n", paint("33", "→"), trouble);
    }
    if (!node.contains("gateways") || node["gateways"].empty())
      out += "  no gateway here yet — see: meshops discover, meshops config init\n";
    else
      for (const auto& gateway : node["gateways"]) render_gateway(out, gateway, now, paint);
  }
  return out;
}

Look look_of_stdout() {
  Look look;
  const char* no_colour = std::getenv("NO_COLOR");
  look.colour = ::isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0');
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) look.width = size.ws_col;
  return look;
}

int verdict(const Json& status) {
  if (!status.contains("nodes")) return 1;
  for (const auto& node : status["nodes"]) {
    if (!node.value("self", true)) {
      if (field(node, "trouble") != "none") return 1;
      continue;
    }
    for (const auto& gateway : node["gateways"]) {
      auto state = field(gateway, "state");
      if (state != "ready" && state != "stopped" && state != "standing_by") return 1;
    }
  }
  return 0;
}

}  // namespace meshops::cli
