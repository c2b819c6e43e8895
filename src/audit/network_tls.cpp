#include "audit/network_tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostBytes = 1U << 20;
constexpr std::size_t kMostFiles = 2000;

using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

std::vector<X509Ptr> certificates_of(std::string_view pem) {
  std::vector<X509Ptr> out;
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----", kEnd = "-----END CERTIFICATE-----";
  // One by one: a private key between them must not be looked at, and a broken one not end the reading.
  for (std::size_t at = 0; (at = pem.find(kBegin, at)) != std::string_view::npos;) {
    auto end = pem.find(kEnd, at);
    if (end == std::string_view::npos) break;
    auto part = pem.substr(at, end + kEnd.size() - at);
    BioPtr bio(BIO_new_mem_buf(part.data(), static_cast<int>(part.size())), BIO_free);
    if (auto* x = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) out.emplace_back(x, X509_free);
    at = end;
  }
  ERR_clear_error();
  return out;
}

bool same(const X509_NAME* a, const X509_NAME* b) { return X509_NAME_cmp(a, b) == 0; }

}  // namespace

std::optional<CertificateFile> read_certificates(std::string_view pem, std::string_view roots) {
  auto chain = certificates_of(pem);
  if (chain.empty()) return std::nullopt;
  auto* leaf = chain.front().get();
  CertificateFile out{read_certificate(leaf)};
  out.certificates = chain.size();
  // Upwards as far as the file goes.
  const auto* top = leaf;
  for (std::size_t steps = 0; steps < chain.size(); ++steps) {
    const X509_NAME* wanted = X509_get_issuer_name(top);
    if (same(X509_get_subject_name(top), wanted)) break;
    auto next = std::ranges::find_if(
        chain, [&](const auto& c) { return same(X509_get_subject_name(c.get()), wanted); });
    if (next == chain.end()) break;
    top = next->get();
  }
  const X509_NAME* wanted = X509_get_issuer_name(top);
  bool ends = same(X509_get_subject_name(top), wanted);
  if (!ends && top == leaf) {
    // Signed by a root that everybody has is complete as well.
    auto known = certificates_of(roots);
    out.chain_complete = std::ranges::any_of(known, [&](const auto& root) {
      return same(X509_get_subject_name(root.get()), wanted) &&
             same(X509_get_issuer_name(root.get()), X509_get_subject_name(root.get()));
    });
  }
  return out;
}

bool TlsFiles::offered(web::Server server) const {
  bool any_server = false;
  for (const auto& file : files) {
    if (file.tls.server != server) continue;
    if (file.tls.offered) return true;
    any_server = any_server || file.tls.servers;
  }
  return !any_server;
}

namespace {

class Gatherer {
 public:
  Gatherer(const Site& site, TlsFiles& out) : site_(site), out_(out) {}

  void folder(const fs::path& path, unsigned depth) {
    auto names = site_.host().list(path);
    if (!names) {
      if (names.error().is("file.not_permitted"))
        out_.skips.push_back({"", site_.shown(path), std::string(names.error().text())});
      return;
    }
    for (const auto& name : *names) {
      // What is only there to be switched on says nothing.
      if (name.ends_with("-available") || name.ends_with(".dpkg-dist") || name.ends_with("~")) continue;
      auto info = site_.host().stat(path / name);
      if (!info) continue;
      if (info->kind == FileInfo::Kind::directory) {
        if (depth < 4) folder(path / name, depth + 1);
      } else if (info->size < kMostBytes) {
        file(path / name);
      }
    }
  }
  void file(const fs::path& path) {
    if (++seen_ > kMostFiles) return;
    auto text = site_.host().read(path, kMostBytes);
    if (!text) {
      if (text.error().is("file.not_permitted"))
        out_.skips.push_back({"", site_.shown(path), std::string(text.error().text())});
      return;
    }
    auto tls = web::read_tls(*text);
    if (tls.server != web::Server::none) out_.files.push_back({path, std::move(tls)});
  }

 private:
  const Site& site_;
  TlsFiles& out_;
  std::size_t seen_ = 0;
};

bool may_be_server_config(const fs::path& path) {
  auto extension = path.extension().string();
  if (extension == ".conf" || extension == ".cfg" || extension == ".vhost" || extension == ".inc" ||
      extension == ".nginx")
    return true;
  auto parent = path.parent_path().filename().string();
  return parent.starts_with("sites-") || parent == "snippets" || parent == "conf.d" || parent == "nginx" ||
         path.filename() == "nginx" || path.filename().string().starts_with("haproxy");
}

}  // namespace

TlsFiles TlsFiles::gather(const Site& site) {
  TlsFiles out;
  Gatherer gatherer(site, out);
  if (site.repo()) {
    for (const auto& file : site.files().all())
      if (file.kind == FileKind::other && file.info.size < kMostBytes && may_be_server_config(file.path))
        gatherer.file(file.path);
  } else {
    for (const auto* path : {"/etc/nginx", "/etc/apache2", "/etc/httpd", "/etc/haproxy"})
      gatherer.folder(path, 0);
  }
  return out;
}

}  // namespace meshops::audit
