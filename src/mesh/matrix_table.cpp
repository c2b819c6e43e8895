#include "mesh/matrix_table.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"

namespace meshops::matrix {

namespace {

using Json = nlohmann::ordered_json;
using path::Layer;
using path::Report;

constexpr std::size_t kMostName = 12;

std::optional<double> latency(const Report& report) {
  const auto* tcp = report.line(Layer::tcp);
  return tcp != nullptr ? tcp->ms : std::nullopt;
}

struct Painter {
  bool colour;
  std::string operator()(const char* code, const std::string& text) const {
    return colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }
};

/// To the left in so many columns: names are ASCII, marks are three bytes and one column.
std::string padded(const std::string& text, std::size_t columns, std::size_t width) {
  return text + std::string(width > columns ? width - columns : 1, ' ');
}

std::string short_name(const std::string& name) {
  return name.size() <= kMostName ? name : name.substr(0, kMostName - 2) + "..";
}

struct Cell {
  std::string text;
  const char* colour;
  std::size_t columns;
};
Cell cell(const Way* way) {
  if (way == nullptr) return {"-", "90", 1};
  if (!way->ssh.walked) return {"?", "33", 1};
  if (way->ssh.broken) {
    auto layer = std::string(path::text(*way->ssh.broken));
    return {"✗ " + layer, "31", layer.size() + 2};
  }
  auto ms = latency(way->ssh);
  auto text = ms ? fmt::format("{:.1f} ms", *ms) : std::string("good");
  return {text, "32", text.size()};
}

std::string grid(const Table& table, std::size_t column, const Painter& paint) {
  auto out = padded("from / to", 9, column);
  for (const auto& to : table.nodes) out += padded(short_name(to), short_name(to).size(), column);
  out = std::string(trim(out)) + "\n";
  for (const auto& from : table.nodes) {
    auto line = padded(paint("1", short_name(from)), short_name(from).size(), column);
    for (const auto& to : table.nodes) {
      auto one = cell(table.way(from, to));
      line += padded(paint(one.colour, one.text), one.columns, column);
    }
    out += std::string(trim(line)) + "\n";
  }
  return out;
}

/// Where the grid is too wide for the terminal: who reaches whom, in words.
std::string rows(const Table& table) {
  std::string out;
  for (const auto& from : table.nodes) {
    std::vector<std::string> not_reached;
    bool asked = true;
    std::size_t all = 0;
    for (const auto& way : table.ways) {
      if (way.ssh.from != from) continue;
      ++all;
      asked = asked && way.ssh.walked;
      if (!way.ssh.good()) not_reached.push_back(way.ssh.to);
    }
    if (!asked)
      out += fmt::format("{}: could not be asked\n", from);
    else if (not_reached.empty())
      out += fmt::format("{}: reaches all {}\n", from, all);
    else
      out += fmt::format("{}: reaches {} of {}, not {}\n", from, all - not_reached.size(), all,
                         join(not_reached, ", "));
  }
  return out;
}

std::string troubles(const Table& table, const Painter& paint) {
  std::string out;
  auto single = table.one_way();
  std::set<std::string> unasked;
  for (const auto& way : table.ways) {
    const auto& report = way.ssh;
    if (report.good()) continue;
    if (!report.walked) {
      // Once for the node, not for each of its ways.
      if (!unasked.insert(report.from).second) continue;
      out += fmt::format("{} {} could not be asked: {}\n", paint("33", "?"), report.from, report.sentence);
    } else {
      bool one_way = std::ranges::find(single, &way) != single.end();
      out += fmt::format("{} {} → {}{}: {}\n", paint("31", "✗"), report.from, report.to,
                         one_way ? " (one way: back it holds)" : "", report.sentence);
    }
    if (!report.remedy.empty()) out += fmt::format("    → {}\n", report.remedy);
  }
  return out;
}

std::string gateways(const Table& table) {
  std::string out;
  std::set<std::pair<std::string, std::string>> told;
  for (const auto& way : table.ways)
    for (const auto& port : way.gateways) {
      if (!told.insert({way.ssh.to, port.gateway}).second) continue;
      std::vector<std::string> reached;
      for (const auto& other : table.ways)
        for (const auto& same : other.gateways)
          if (other.ssh.to == way.ssh.to && same.gateway == port.gateway && same.open)
            reached.push_back(other.ssh.from);
      out += fmt::format("gateway {} of {} (port {}): {}\n", port.gateway, way.ssh.to, port.port,
                         reached.empty() ? "no other node reaches it; on loopback that is as it should be"
                                         : "reached by " + join(reached, ", "));
    }
  return out;
}

}  // namespace

std::vector<path::Target> targets(std::span<const Asked> asked) {
  std::vector<path::Target> out;
  for (const auto& one : asked) {
    out.push_back(one.ssh);
    for (const auto& [name, target] : one.gateways) out.push_back(target);
  }
  return out;
}

Result<std::vector<Way>> ways(std::string_view from, std::span<const Asked> asked,
                              std::span<const Report> reports) {
  auto wanted = targets(asked);
  bool fits = wanted.size() == reports.size();
  for (std::size_t i = 0; fits && i < wanted.size(); ++i)
    fits = wanted[i].host == reports[i].host && wanted[i].port == reports[i].port;
  if (!fits)
    return fail(path::PathCode::bad_answer, "{} answered about other ways than it was asked about", from);
  std::vector<Way> out;
  std::size_t at = 0;
  for (const auto& one : asked) {
    Way way{.ssh = reports[at++], .gateways = {}};
    // As the one who asks calls them, whatever they call themselves.
    way.ssh.from = from;
    way.ssh.to = one.to;
    for (const auto& [name, target] : one.gateways) {
      const auto& seen = reports[at++];
      const auto* tcp = seen.line(Layer::tcp);
      bool open = tcp != nullptr && tcp->weight == path::Weight::good;
      way.gateways.push_back({.gateway = name,
                              .port = target.port,
                              .open = open,
                              .verdict = open ? std::string("good") : seen.verdict});
    }
    out.push_back(std::move(way));
  }
  return out;
}

std::vector<Way> no_ways(const std::string& from, std::span<const Asked> asked, const Error& why,
                         WallTime now) {
  std::vector<Way> out;
  for (const auto& one : asked) {
    out.push_back({.ssh = path::not_walked(from, one.ssh, why, now), .gateways = {}});
    out.back().ssh.to = one.to;
  }
  return out;
}

const Way* Table::way(std::string_view from, std::string_view to) const {
  auto found =
      std::ranges::find_if(ways, [&](const Way& way) { return way.ssh.from == from && way.ssh.to == to; });
  return found == ways.end() ? nullptr : &*found;
}

bool Table::good() const {
  return std::ranges::all_of(ways, [](const Way& way) { return way.ssh.good(); });
}

std::vector<const Way*> Table::one_way() const {
  std::vector<const Way*> out;
  for (const auto& one : ways) {
    if (!one.ssh.walked || !one.ssh.broken) continue;
    const auto* back = way(one.ssh.to, one.ssh.from);
    if (back != nullptr && back->ssh.good()) out.push_back(&one);
  }
  return out;
}

std::string to_json(const Table& table, WallTime at) {
  Json out = {{"schema", "meshops.matrix/1"},
              {"mesh", table.mesh},
              {"at", iso8601(at)},
              {"good", table.good()},
              {"nodes", table.nodes}};
  auto single = table.one_way();
  out["one_way"] = Json::array();
  for (const auto* way : single) out["one_way"].push_back({{"from", way->ssh.from}, {"to", way->ssh.to}});
  out["ways"] = Json::array();
  for (const auto& way : table.ways) {
    const auto& report = way.ssh;
    auto ms = latency(report);
    Json one = {{"from", report.from},
                {"to", report.to},
                {"walked", report.walked},
                {"good", report.good()},
                {"ms", ms ? Json(*ms) : Json(nullptr)},
                {"broken", report.broken ? Json(path::text(*report.broken)) : Json(nullptr)},
                {"verdict", report.verdict},
                {"sentence", report.sentence},
                {"remedy", report.remedy}};
    one["gateways"] = Json::array();
    for (const auto& port : way.gateways)
      one["gateways"].push_back(
          {{"name", port.gateway}, {"port", port.port}, {"open", port.open}, {"verdict", port.verdict}});
    out["ways"].push_back(std::move(one));
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string for_people(const Table& table, std::size_t width, bool colour) {
  Painter paint{colour};
  std::size_t column = 11;
  for (const auto& name : table.nodes) column = std::max(column, short_name(name).size() + 2);
  bool fits = column * (table.nodes.size() + 1) <= width;
  auto out = fits ? grid(table, column, paint) : rows(table);
  auto more = troubles(table, paint);
  if (!more.empty()) out += "\n" + more;
  more = gateways(table);
  if (!more.empty()) out += "\n" + more;
  return out;
}

}  // namespace meshops::matrix
