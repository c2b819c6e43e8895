// Where a site offers TLS: web servers' configurations, and the certificates they name. The TLS rules of
// network ask for it. Reads files only.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "audit/site.h"
#include "formats/web_tls.h"
#include "net/certificate.h"

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

/// What a certificate file says: of the certificate that is shown, and of those behind it.
struct CertificateFile : Certificate {
  bool chain_complete = true;  // up to a root, or to one that the root signed
  std::size_t certificates = 0;
};
/// The first certificate is the one that is shown. Nothing: there is none in it. `roots`: a bundle of roots.
std::optional<CertificateFile> read_certificates(std::string_view pem, std::string_view roots);

}  // namespace meshops::audit
