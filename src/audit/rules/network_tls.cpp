// network: TLS versions, and certificates that end, mislead or stand alone.
#include <algorithm>
#include <array>
#include <map>

#include "audit/network_rules.h"
#include "audit/network_tls.h"
#include "audit/units.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

std::string_view directive(web::Server server) {
  switch (server) {
    case web::Server::apache:
      return "SSLProtocol -all +TLSv1.2 +TLSv1.3";
    case web::Server::haproxy:
      return "ssl-default-bind-options ssl-min-ver TLSv1.2";
    case web::Server::nginx:
    case web::Server::none:
      break;
  }
  return "ssl_protocols TLSv1.2 TLSv1.3;";
}
std::string_view reload(web::Server server) {
  switch (server) {
    case web::Server::apache:
      return "apachectl configtest && systemctl reload apache2";
    case web::Server::haproxy:
      return "haproxy -c -f /etc/haproxy/haproxy.cfg && systemctl reload haproxy";
    case web::Server::nginx:
    case web::Server::none:
      break;
  }
  return "nginx -t && systemctl reload nginx";
}

// --- NET-005

void old_tls(const Site& site, Findings& out) {
  const auto& files = site.facts<TlsFiles>();
  for (const auto& skip : files.skips) out.skip(skip.what, skip.reason);
  for (const auto& file : files.files) {
    // A machine whose server has no TLS at all accepts no old one either.
    if (!site.repo() && !files.offered(file.tls.server)) continue;
    for (const auto& p : file.tls.protocols) {
      if (p.overridden) continue;
      std::vector<std::string> old;
      for (const auto* version : {"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"})
        if (p.accepted.contains(version)) old.emplace_back(version);
      bool newest = p.accepted.contains("TLSv1.3");
      if (old.empty() && newest) continue;
      out.add(site.at(file.path, p.line, p.column))
          .severity(old.empty() ? Severity::medium : Severity::high)
          .found("{}{}", p.written, newest ? "" : ": no TLSv1.3")
          .wanted("{}", directive(file.tls.server))
          .message("{}", old.empty() ? "clients are kept on TLS 1.2, with a slower and less private handshake"
                                     : "this allows " + join(old, ", ") +
                                           ", which can be broken on the way; nothing of today needs it")
          .fix("{} then {}", directive(file.tls.server), reload(file.tls.server))
          .about("{}", p.written);
    }
  }
}

// --- NET-006

constexpr auto kSoon = 24h * 30, kNow = 24h * 7;
/// Longer than any public authority gives: made by hand, for a purpose of its own.
constexpr auto kRenewed = 24h * 100;

struct Shown {
  fs::path path;  // of the certificate
  Where at;       // where it is named; no file: nowhere
  std::vector<std::string> names;
};

/// Where a path of a configuration leads; in a repo the folder holds only some of the machine's files.
std::optional<fs::path> find_file(const Site& site, const fs::path& config, const std::string& named) {
  fs::path path(named);
  if (path.is_relative()) path = config.parent_path() / path;
  path = path.lexically_normal();
  if (site.host().read(path)) return path;
  if (!site.repo()) return std::nullopt;
  std::vector<fs::path> same;
  for (const auto& file : site.files().all())
    if (file.path.filename() == path.filename()) same.push_back(file.path);
  return same.size() == 1 ? std::optional(same[0]) : std::nullopt;
}

std::vector<Shown> shown_certificates(const Site& site, Findings& out) {
  std::vector<Shown> list;
  const auto& files = site.facts<TlsFiles>();
  for (const auto& skip : files.skips) out.skip(skip.what, skip.reason);
  for (const auto& file : files.files)
    for (const auto& c : file.tls.certificates)
      if (auto path = find_file(site, file.path, c.path))
        list.push_back({*path, site.at(file.path, c.line, c.column), c.names});
  for (const auto* file : site.files().of(FileKind::gateway_config)) {
    auto text = site.host().read(file->path);
    if (!text) continue;
    // "gateway": { "tls": { "enabled": true, "certPath": … } }
    std::size_t number = 0;
    for (auto line : split(*text, '\n')) {
      ++number;
      auto key = line.find("certPath");
      if (key == std::string_view::npos) continue;
      auto from = line.find_first_of("\"'", line.find(':', key));
      auto to = from == std::string_view::npos ? from : line.find(line[from], from + 1);
      if (to == std::string_view::npos) continue;
      if (auto path = find_file(site, file->path, std::string(line.substr(from + 1, to - from - 1))))
        list.push_back({*path, site.at(file->path, number, from + 2), {}});
    }
  }
  if (!site.repo())
    if (auto names = site.host().list("/etc/letsencrypt/live"))
      for (const auto& name : *names) {
        auto path = fs::path("/etc/letsencrypt/live") / name / "fullchain.pem";
        if (site.host().read(path)) list.push_back({path, {}, {}});
      }
  return list;
}

/// What renews certificates here; empty: nothing that we know.
std::string renewal(const Site& site) {
  constexpr std::array<std::string_view, 9> kRenewers = {
      "certbot", "acme", "lego", "dehydrated", "getssl", "caddy", "traefik", "step-ca", "cert-renewer"};
  auto renews = [&](std::string_view text) {
    return std::ranges::any_of(kRenewers,
                               [&](auto word) { return text.find(word) != std::string_view::npos; });
  };
  const auto& units = site.facts<Units>();
  for (const auto& unit : units.others())
    if (unit.name.ends_with(".timer") && renews(unit.name) && unit.enabled != false) return unit.name;
  for (const auto& unit : units.services())
    if (renews(unit.name) && unit.enabled == true) return unit.name;
  for (const auto& file : site.files().all()) {
    if (file.kind != FileKind::crontab && file.kind != FileKind::system_crontab &&
        file.kind != FileKind::cron_script)
      continue;
    // Debian's cron.d/certbot leaves the work to the timer where systemd runs.
    auto text = site.host().read(file.path);
    if (text && renews(*text) && file.path.filename() != "certbot") return file.path.string();
  }
  return {};
}

void certificates(const Site& site, Findings& out) {
  const auto list = shown_certificates(site, out);
  if (list.empty()) return;
  const auto roots =
      site.repo() ? std::string() : site.host().read("/etc/ssl/certs/ca-certificates.crt").value_or("");
  std::map<fs::path, bool> told;
  for (const auto& shown : list) {
    auto text = site.host().read(shown.path);
    if (!text) continue;
    auto certificate = read_certificates(*text, roots);
    if (!certificate) continue;
    auto left = certificate->ends - site.now();
    auto days = std::chrono::duration_cast<std::chrono::hours>(left).count() / 24;
    auto place = shown.at.file.empty() ? site.at(shown.path) : shown.at;
    bool first = told.emplace(shown.path, true).second;
    if (first && left < kSoon) {
      bool gone = left <= 0s;
      out.add(site.at(shown.path))
          .severity(left < kNow ? Severity::critical : Severity::high)
          .found("{} {} {} ({})", certificate->subject, gone ? "ended on" : "ends on",
                 iso8601(certificate->ends).substr(0, 10), gone ? "expired" : fmt::format("{} days", days))
          .wanted("at least 30 days")
          .message("{}", gone ? "every client refuses the connection"
                              : "on that day every client refuses the connection")
          .fix(
              "certbot renew (or what issued it), then reload what shows it; check with: openssl s_client "
              "-connect "
              "NAME:443 </dev/null | openssl x509 -noout -enddate")
          .about("{} expiry", shown.path.string());
    }
    for (const auto& name : shown.names) {
      bool real = name.find('.') != std::string::npos && name.find_first_of("~*$_") == std::string::npos;
      if (!real || certificate->names.empty() || covers(certificate->names, name)) continue;
      out.add(place)
          .found("{} is for {} and not for {}", site.shown(shown.path), join(certificate->names, ", "), name)
          .wanted("a certificate that names {}", name)
          .message("clients that ask for {} are told that somebody else answers", name)
          .fix("certbot certonly -d {} (with the other names of this server), and its fullchain.pem here",
               name)
          .about("{} name {}", shown.path.string(), name);
    }
    if (first && !certificate->self_signed && !certificate->chain_complete)
      out.add(place)
          .found("{} has one certificate, and {} that signed it is missing", site.shown(shown.path),
                 certificate->issuer)
          .wanted("the certificate, and behind it those up to the root")
          .message(
              "browsers may find the missing one by themselves; programs such as a gateway's clients refuse")
          .fix("fullchain.pem instead of cert.pem; else: cat server.pem intermediate.pem > fullchain.pem")
          .about("{} chain", shown.path.string());
    bool short_lived = certificate->ends - certificate->begins <= kRenewed;
    if (first && !site.repo() && left >= kSoon && short_lived && !certificate->self_signed &&
        renewal(site).empty())
      out.add(site.at(shown.path))
          .found("nothing here renews {}: no timer, no cron job", certificate->subject)
          .wanted("certbot.timer or its like, enabled")
          .message("it ends on {}, and somebody has to remember", iso8601(certificate->ends).substr(0, 10))
          .fix("systemctl enable --now certbot.timer; certbot renew --dry-run")
          .about("{} renewal", shown.path.string());
  }
}

const Rule kRules[] = {
    {.id = "NET-005",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "TLS under 1.2 is accepted, or 1.3 is not offered",
     .why =
         "TLS 1.0 and 1.1 can be broken on the way, and whoever sits there chooses the oldest that both ends "
         "accept.",
     .not_when = "a server without TLS; a directive that every server block overrides",
     .remedy = "TLS 1.2 and 1.3, nothing older.",
     .check = old_tls},
    {.id = "NET-006",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A certificate ends soon, does not fit, or stands alone",
     .why = "On the day it ends every client refuses the connection; a wrong name or a missing link does so "
            "today.",
     .not_when = "certificates that no configuration shows to anybody",
     .remedy = "Renew it, let a timer do that from now on, and show the whole chain.",
     .check = certificates},
};

}  // namespace

std::span<const Rule> network_tls_rules() { return kRules; }

}  // namespace meshops::audit
