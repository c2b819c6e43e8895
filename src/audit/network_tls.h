// Where a site offers TLS: web servers' configurations, and the certificates they name. The TLS rules of
// network ask for it. Reads files only.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "audit/site.h"
#include "formats/web_tls.h"

namespace meshops::audit {

struct TlsFile {
  std::filesystem::path path;
  web::Tls tls;
};
struct TlsFiles {
  std::vector<TlsFile> files;
  std::vector<Skip> skips;
  /// Whether any of them listens with TLS, or has no server to tell by.
  bool offered(web::Server server) const;
  static TlsFiles gather(const Site& site);
};

/// What a certificate file says.
struct CertificateFile {
  std::string subject, issuer;  // "CN = example.org"
  WallTime begins{}, ends{};
  bool self_signed = false;
  bool chain_complete = true;  // up to a root, or to one that the root signed
  std::vector<std::string> names;
  std::size_t certificates = 0;
};
/// The first certificate is the one that is shown. Nothing: there is none in it. `roots`: a bundle of roots.
std::optional<CertificateFile> read_certificates(std::string_view pem, std::string_view roots);
/// Whether a certificate is good for that host name, wildcards included.
bool covers(const CertificateFile& certificate, std::string_view host);

}  // namespace meshops::audit
