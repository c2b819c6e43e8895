// What an X.509 certificate says of itself. Called by the audit (of files) and by the TLS client (of what a
// peer shows). Judges nothing but whether a name is covered.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

struct x509_st;

namespace meshops {

struct Certificate {
  std::string subject, issuer;  // "CN = example.org"
  WallTime begins{}, ends{};
  bool self_signed = false;        // subject and issuer are the same
  std::vector<std::string> names;  // DNS names of the alternative names
};
Certificate read_certificate(x509_st* certificate);

/// Whether one of a certificate's names is good for that host name, wildcards included.
bool covers(std::span<const std::string> names, std::string_view host);

}  // namespace meshops
