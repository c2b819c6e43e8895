// Web servers' configuration from a hostile hand: places are inside the text, versions are versions, and what
// stands in front is read whatever follows. Version numbers and ranges of npm come along.
#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.h"
#include "formats/version_range.h"
#include "formats/web_tls.h"
#include "must.h"

using namespace meshops;

namespace {

void sound(const web::Tls& tls, std::string_view text) {
  constexpr std::array<std::string_view, 6> kVersions = {"SSLv2",   "SSLv3",   "TLSv1",
                                                         "TLSv1.1", "TLSv1.2", "TLSv1.3"};
  auto lines = split(text, '\n');
  auto inside = [&](std::size_t line, std::size_t column) {
    must(line >= 1 && line <= lines.size() && column >= 1 && column <= lines[line - 1].size());
  };
  for (const auto& p : tls.protocols) {
    inside(p.line, p.column);
    must(!p.written.empty());
    for (const auto& version : p.accepted) must(std::ranges::find(kVersions, version) != kVersions.end());
  }
  for (const auto& c : tls.certificates) inside(c.line, c.column);
  must(tls.server != web::Server::none || (tls.protocols.empty() && tls.certificates.empty()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  sound(web::read_tls(text), text);

  auto more = "server {\n  listen 443 ssl;\n  server_name a.example.org;\n  ssl_protocols TLSv1 TLSv1.2;\n" +
              std::string("  ssl_certificate /etc/tls/a.pem;\n}\n") + std::string(text);
  auto tls = web::read_tls(more);
  sound(tls, more);
  must(tls.server == web::Server::nginx && tls.offered && tls.servers && !tls.protocols.empty());
  must(tls.protocols[0].accepted == std::set<std::string>{"TLSv1", "TLSv1.2"} && tls.protocols[0].line == 4);
  must(std::ranges::any_of(tls.certificates, [](const auto& c) { return c.path == "/etc/tls/a.pem"; }));

  auto cut = text.find('\n');
  auto version = text.substr(0, cut);
  auto range = cut == std::string_view::npos ? std::string_view("*") : text.substr(cut + 1);
  auto same = compare_versions(version, version);
  must(!same || *same == std::strong_ordering::equal);
  auto one = compare_versions(version, range), other = compare_versions(range, version);
  must(one.has_value() == other.has_value() && (!one || (*one < 0) == (*other > 0)));
  if (auto in = in_version_range(version, range)) must(same.has_value());
  return 0;
}
