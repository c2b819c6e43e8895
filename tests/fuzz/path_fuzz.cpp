// The far end of a way from a hostile hand: the first words of an SSH server, cut anywhere; another node's
// report of its walks; words that say where to walk to.
#include <algorithm>
#include <cstdint>

#include "base/text.h"
#include "mesh/matrix_table.h"
#include "mesh/path_report.h"
#include "must.h"
#include "net/ssh_hello.h"

using namespace meshops;

namespace {

struct Heard {
  std::string version, key;
  bool good;
  bool operator==(const Heard&) const = default;
};
Heard hear(std::string_view bytes, std::size_t step) {
  ssh::ServerHello hello;
  bool good = true;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    auto got = hello.feed(bytes.substr(at, step));
    good = got.has_value();
    if (!got || *got) break;
  }
  return {hello.version(), hello.host_key(), good};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);

  auto whole = hear(text, std::max<std::size_t>(size, 1));
  must(whole.key.empty() || ssh::key_type(whole.key));
  must(printable(whole.version) == whole.version || whole.version.find('\\') != std::string::npos);
  // Much of nothing is refused earlier when it comes in pieces; a key is the same however it comes.
  if (!whole.key.empty()) must(hear(text, 7) == whole);

  if (auto reports = path::parse_reports(text)) {
    auto json = path::to_json(*reports);
    auto again = path::parse_reports(json);
    must(again.has_value() && again->size() == reports->size());
    for (const auto& report : *reports) {
      auto shown = path::for_people(report, false);
      must(std::ranges::none_of(shown,
                                [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; }));
    }
    matrix::Table table{.mesh = "m", .nodes = {}, .ways = {}};
    for (const auto& report : *reports) {
      table.nodes.push_back(report.from);
      table.ways.push_back({.ssh = report, .gateways = {}});
    }
    if (table.nodes.size() < 30) {
      (void)matrix::for_people(table, 80, false);
      (void)matrix::to_json(table, {});
    }
  }

  if (auto target = path::parse_target(text)) {
    auto again = path::parse_target(path::to_word(*target));
    must(again && again->host == target->host && again->port == target->port && again->kind == target->kind &&
         again->request == target->request && again->name == target->name);
    must(target->host.find('\'') == std::string::npos && !target->host.starts_with('-'));
  }
  return 0;
}
