// What a single value of mesh.toml must look like: names, addresses, URLs, units, accounts. Pure; the parser
// calls it. Looks at the text only, never resolves or opens anything.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::values {

/// What was expected instead of the text, as words that follow "expected "; nothing if the text is good.
using Wanted = std::optional<std::string>;

Wanted name(std::string_view text);
Wanted path(std::string_view text);
Wanted account(std::string_view text);
Wanted container(std::string_view text);

struct Address {
  std::string host;
  std::uint16_t port = 0;  // 0: none was given
};
/// "10.0.0.1", "alpha.example.org:7946", "fd00::1", "[fd00::1]:7946"; or what was expected.
std::expected<Address, std::string> address(std::string_view text);
/// The inverse.
std::string address_text(std::string_view host, std::uint16_t port);

/// The port of "http://127.0.0.1:8080/health" (80 if it names none); or what was expected.
std::expected<std::uint16_t, std::string> url_port(std::string_view text);

/// "mail@example.org".
Wanted mailbox(std::string_view text);
/// Without control characters, so that nothing follows a line end.
Wanted line(std::string_view text);
/// "2027-01-31", a day that there is.
Wanted date(std::string_view text);

struct MailServer {
  std::string host;
  std::uint16_t port = 0;
  bool tls = false;  // from the first byte; else STARTTLS
};
/// "smtps://mail.example.org:465", "smtp://127.0.0.1:25" (without a port: 465 and 587); or what was expected.
std::expected<MailServer, std::string> mail_server(std::string_view text);

/// An http:// URL that leaves this machine: who listens on the way learns all of it.
bool in_clear_text(std::string_view url);
/// "localhost", "127.…", "::1".
bool is_loopback(std::string_view host);

/// "ssh-ed25519 AAAA…" without its comment; or what was expected.
std::expected<std::string, std::string> public_key(std::string_view text);

struct Instance {
  std::string provider;            // "gcp", "vultr"
  std::vector<std::string> parts;  // project, zone, name; or the one id
};
/// "gcp:my-project/europe-west1-b/alpha", "vultr:cb676a46-66fd-4dfb-b839-443f2e6c0b60"; or what was expected.
std::expected<Instance, std::string> instance(std::string_view text);

struct StorePlace {
  std::string bucket, prefix;  // of S3; the prefix has no slashes at its ends and may be empty
  std::string directory;       // else
};
/// "s3://my-bucket/some/prefix", "dir:/mnt/shared/meshops"; or what was expected.
std::expected<StorePlace, std::string> store_place(std::string_view text);
/// Of a cloud: "eu-central-1".
Wanted region(std::string_view text);

/// A service unit's full name, with ".service" when the text has no suffix of its own; or what was expected.
std::expected<std::string, std::string> unit(std::string_view text);

/// True for names such as GATEWAY_TOKEN, api-key, password: what they hold is not repeated to anybody.
bool looks_secret(std::string_view key);

}  // namespace meshops::values
