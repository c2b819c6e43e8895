#include "config/values.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/time.h"
#include "formats/ssh_keys.h"

namespace meshops::values {

namespace {

// <cctype> depends on the locale; names in a file shared between machines must not.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_alnum(char c) { return is_digit(c) || is_letter(c); }
bool only(std::string_view text, std::string_view besides) {
  return std::ranges::all_of(text, [&](char c) { return is_alnum(c) || besides.contains(c); });
}

bool is_ipv4(const std::string& text) {
  in_addr parsed{};
  return ::inet_pton(AF_INET, text.c_str(), &parsed) == 1;
}
bool is_ipv6(const std::string& text) {
  in6_addr parsed{};
  return ::inet_pton(AF_INET6, text.c_str(), &parsed) == 1;
}

/// RFC 1123 §2.1: labels of 1–63 letters, digits and inner hyphens, 253 in all; the last one not all digits,
/// so that "10.0.0.999" is a mistyped address and not a name.
bool is_dns_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  auto labels = split(text, '.');
  for (auto label : labels)
    if (label.empty() || label.size() > 63 || !only(label, "-") || label.front() == '-' ||
        label.back() == '-')
      return false;
  return !std::ranges::all_of(labels.back(), is_digit);
}

constexpr std::string_view kAddressWanted = "an IP address or a DNS name, and then :port if needed";

}  // namespace

Wanted name(std::string_view text) {
  if (!text.empty() && text.size() <= 63 && is_alnum(text.front()) && only(text, "._-")) return std::nullopt;
  return "a name of at most 63 letters, digits, '.', '_' and '-' that begins with a letter or digit";
}

Wanted path(std::string_view text) {
  constexpr std::size_t kMost = 4095;  // PATH_MAX without its NUL
  bool clean = std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (text.starts_with('/') && text.size() <= kMost && clean) return std::nullopt;
  // "~" would be another directory for the agent than for the account the gateway runs as.
  return "an absolute path: one that begins with '/'";
}

Wanted account(std::string_view text) {
  // A leading '-' would be an option to ssh. '@' and '.' occur in accounts of directory services.
  if (!text.empty() && text.size() <= 64 && (is_alnum(text.front()) || text.front() == '_') &&
      only(text, "._-@$"))
    return std::nullopt;
  return "an account's name or number";
}

Wanted container(std::string_view text) {
  if (text.size() >= 2 && text.size() <= 255 && is_alnum(text.front()) && only(text, "._-"))
    return std::nullopt;
  return "a container's name or id";
}

std::expected<Address, std::string> address(std::string_view text) {
  std::string host(text);
  std::string_view port;
  if (text.contains('/')) return std::unexpected(std::string(kAddressWanted));
  bool bracketed = text.starts_with('[');
  if (bracketed) {
    auto close = text.find(']');
    if (close == std::string_view::npos) return std::unexpected("']' after the IPv6 address");
    host = text.substr(1, close - 1);
    auto rest = text.substr(close + 1);
    if (!rest.empty() && (!rest.starts_with(':') || rest.size() == 1))
      return std::unexpected("nothing or :port after ']'");
    if (!rest.empty()) port = rest.substr(1);
    if (!is_ipv6(host)) return std::unexpected("an IPv6 address between '[' and ']'");
  } else if (!is_ipv6(host)) {
    if (auto colon = text.rfind(':'); colon != std::string_view::npos) {
      host = text.substr(0, colon);
      port = text.substr(colon + 1);
      if (port.empty()) return std::unexpected("a port after ':'");
    }
    if (!is_ipv4(host) && !is_dns_name(host)) return std::unexpected(std::string(kAddressWanted));
  }
  if (port.empty()) return Address{host, 0};
  auto number = to_number<std::uint16_t>(port);
  if (!number || *number == 0) return std::unexpected("a port from 1 to 65535 after ':'");
  return Address{host, *number};
}

std::string address_text(std::string_view host, std::uint16_t port) {
  if (port == 0) return std::string(host);
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::expected<std::uint16_t, std::string> url_port(std::string_view text) {
  const bool tls = text.starts_with("https://");
  const std::string_view scheme = tls ? "https://" : "http://";
  if (!text.starts_with(scheme)) return std::unexpected("a URL such as http://127.0.0.1:8080/health");
  if (text.size() > 2000 || !std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; }))
    return std::unexpected("a URL without blanks and with its special characters %-encoded");
  auto rest = text.substr(scheme.size());
  auto authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.contains('@')) return std::unexpected("a URL without a user or password in it");
  if (rest.contains('#')) return std::unexpected("a URL without '#', which no server gets to see");
  auto target = address(authority);
  if (!target || (authority.contains("::") && !authority.starts_with('[')))
    return std::unexpected("a host (and then :port if needed) after the //");
  return target->port != 0 ? target->port : static_cast<std::uint16_t>(tls ? 443 : 80);
}

Wanted mailbox(std::string_view text) {
  // RFC 5322 dot-atom before the '@', no quoted forms; RFC 5321 §4.5.3.1.3: 254 bytes with angle brackets
  // off.
  auto at = text.rfind('@');
  auto local = text.substr(0, at);
  if (at != std::string_view::npos && text.size() <= 254 && !local.empty() && local.size() <= 64 &&
      only(local, ".!#$%&'*+/=?^_`{|}~-") && is_dns_name(text.substr(at + 1)))
    return std::nullopt;
  return "a mail address such as ops@example.org";
}

Wanted date(std::string_view text) {
  if (text.size() == 10 && !text.starts_with("0000") && parse_iso8601(std::string(text) + "T00:00:00Z"))
    return std::nullopt;
  return "a day such as 2027-01-31";
}

Wanted line(std::string_view text) {
  constexpr std::size_t kMost = 255;
  bool clean = std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (!text.empty() && text.size() <= kMost && clean) return std::nullopt;
  return "a text of one line, with at most 255 bytes";
}

std::expected<MailServer, std::string> mail_server(std::string_view text) {
  const bool tls = text.starts_with("smtps://");
  const std::string_view scheme = tls ? "smtps://" : "smtp://";
  auto rest = text.substr(std::min(scheme.size(), text.size()));
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (!text.starts_with(scheme) || rest.contains('@'))
    return std::unexpected("smtps://HOST:PORT or smtp://HOST:PORT, without a user or password in it");
  auto target = address(rest);
  if (!target || (rest.contains("::") && !rest.starts_with('[')))
    return std::unexpected("a host (and then :port if needed) after the //");
  auto usual = static_cast<std::uint16_t>(tls ? 465 : 587);
  return MailServer{target->host, target->port != 0 ? target->port : usual, tls};
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || (host.starts_with("127.") && is_ipv4(std::string(host)));
}

bool in_clear_text(std::string_view url) {
  constexpr std::string_view kPlain = "http://";
  if (!url.starts_with(kPlain)) return false;
  auto rest = url.substr(kPlain.size());
  auto target = address(rest.substr(0, rest.find_first_of("/?#")));
  return !target || !is_loopback(target->host);
}

std::expected<std::string, std::string> public_key(std::string_view text) {
  // RFC 8709: the type's name again, then 32 bytes.
  constexpr std::string_view kHead("\0\0\0\x0bssh-ed25519\0\0\0\x20", 19);
  auto parts = words(text);
  if (!text.contains('\n') && parts.size() >= 2 && parts[0] == "ssh-ed25519") {
    auto blob = ssh::decode_base64(parts[1]);
    if (blob && blob->size() == kHead.size() + 32 && blob->starts_with(kHead))
      return fmt::format("{} {}", parts[0], parts[1]);
  }
  return std::unexpected("an ed25519 public key such as \"ssh-ed25519 AAAA…\", as in a .pub file");
}

std::expected<Instance, std::string> instance(std::string_view text) {
  auto colon = text.find(':');
  Instance out{.provider = std::string(text.substr(0, colon)), .parts = {}};
  if (colon != text.npos)
    for (auto part : split(text.substr(colon + 1), '/')) out.parts.emplace_back(part);
  // Each becomes a part of a URL's path: nothing in them may mean anything there.
  bool plain = std::ranges::all_of(out.parts, [](const std::string& part) {
    return !part.empty() && part.size() <= 100 && part != "." && part != ".." && only(part, "-_.:");
  });
  if (out.provider == "gcp" && out.parts.size() == 3 && plain) return out;
  if (out.provider == "vultr" && out.parts.size() == 1 && plain) return out;
  return std::unexpected("\"gcp:PROJECT/ZONE/NAME\" or \"vultr:ID\"");
}

std::expected<StorePlace, std::string> store_place(std::string_view text) {
  constexpr std::string_view kS3 = "s3://", kDirectory = "dir:";
  StorePlace out;
  if (text.starts_with(kDirectory)) {
    out.directory = text.substr(kDirectory.size());
    while (out.directory.size() > 1 && out.directory.ends_with('/')) out.directory.pop_back();
    if (auto instead = path(out.directory); instead || out.directory == "/")
      return std::unexpected("dir: and an absolute path of a directory");
    return out;
  }
  if (!text.starts_with(kS3)) return std::unexpected("\"s3://BUCKET/PREFIX\" or \"dir:/path\"");
  auto rest = text.substr(kS3.size());
  auto slash = rest.find('/');
  out.bucket = rest.substr(0, slash);
  if (slash != rest.npos) out.prefix = rest.substr(slash + 1);
  if (out.prefix.ends_with('/')) out.prefix.pop_back();
  // Amazon: "Bucket naming rules"; others take no less.
  bool good =
      out.bucket.size() >= 3 && out.bucket.size() <= 63 &&
      std::ranges::all_of(
          out.bucket, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '.' || c == '-'; }) &&
      is_alnum(out.bucket.front()) && is_alnum(out.bucket.back()) && !out.bucket.contains("..");
  if (!good)
    return std::unexpected("after s3:// a bucket's name: 3 to 63 small letters, digits, '.' and '-'");
  // Each becomes a part of a URL's path: nothing in them may mean anything there.
  bool plain = out.prefix.size() <= 200 &&
               (out.prefix.empty() || std::ranges::all_of(split(out.prefix, '/'), [](std::string_view part) {
                  return !part.empty() && is_alnum(part.front()) && only(part, "-_.");
                }));
  if (!plain)
    return std::unexpected(
        "after the bucket a prefix: names of letters, digits, '.', '_' and '-' with single slashes between");
  return out;
}

Wanted region(std::string_view text) {
  if (!text.empty() && text.size() <= 40 && is_alnum(text.front()) && only(text, "-")) return std::nullopt;
  return "the name of a region, such as \"eu-central-1\"";
}

std::expected<std::string, std::string> unit(std::string_view text) {
  constexpr std::string_view kService = ".service";
  constexpr std::array<std::string_view, 10> kOthers = {".socket",    ".timer", ".target", ".mount",
                                                        ".automount", ".path",  ".slice",  ".scope",
                                                        ".swap",      ".device"};
  for (auto other : kOthers)
    if (text.ends_with(other)) return std::unexpected("a service: what meshops restarts is a .service unit");
  std::string full(text);
  if (!text.ends_with(kService)) full += kService;
  // systemd.unit(5): at most 255 characters, these and no others.
  auto stem = std::string_view(full).substr(0, full.size() - kService.size());
  if (stem.empty() || stem.front() == '-' || full.size() > 255 || !only(stem, ":-_.\\@"))
    return std::unexpected("a unit's name such as openclaw-gateway.service");
  if (stem.ends_with('@')) return std::unexpected("an instance of the template: something after '@'");
  return full;
}

bool looks_secret(std::string_view key) {
  auto folded = lower(key);
  constexpr std::array<std::string_view, 7> kMarks = {"token",      "key",  "passw", "secret",
                                                      "credential", "auth", "cookie"};
  return std::ranges::any_of(kMarks, [&](auto mark) { return folded.contains(mark); });
}

}  // namespace meshops::values
