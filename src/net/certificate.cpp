#include "net/certificate.h"

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "base/text.h"

namespace meshops {

namespace {

std::string name_text(const X509_NAME* name) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  char* bytes = nullptr;
  auto size = BIO_get_mem_data(bio.get(), &bytes);
  return printable(std::string_view(bytes, static_cast<std::size_t>(std::max(0L, size))));
}

WallTime time_of(const ASN1_TIME* time) {
  std::tm broken{};
  if (ASN1_TIME_to_tm(time, &broken) != 1) return {};
  return std::chrono::time_point_cast<WallTime::duration>(
      std::chrono::system_clock::from_time_t(timegm(&broken)));
}

std::vector<std::string> names_of(const X509* x) {
  std::vector<std::string> out;
  auto* list = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    const auto* name = sk_GENERAL_NAME_value(list, i);
    if (name->type != GEN_DNS) continue;
    const auto* text = ASN1_STRING_get0_data(name->d.dNSName);
    out.emplace_back(reinterpret_cast<const char*>(text),
                     static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  GENERAL_NAMES_free(list);
  return out;
}

}  // namespace

Certificate read_certificate(x509_st* certificate) {
  Certificate out;
  out.subject = name_text(X509_get_subject_name(certificate));
  out.issuer = name_text(X509_get_issuer_name(certificate));
  out.begins = time_of(X509_get0_notBefore(certificate));
  out.ends = time_of(X509_get0_notAfter(certificate));
  out.self_signed = X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
  out.names = names_of(certificate);
  return out;
}

bool covers(std::span<const std::string> names, std::string_view host) {
  return std::ranges::any_of(names, [&](const std::string& given) {
    auto name = lower(given), wanted = lower(host);
    if (name == wanted) return true;
    // A star stands for one label.
    if (!name.starts_with("*.")) return false;
    auto dot = wanted.find('.');
    return dot != std::string::npos && dot > 0 &&
           std::string_view(wanted).substr(dot) == std::string_view(name).substr(1);
  });
}

}  // namespace meshops
