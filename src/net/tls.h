// The client's side of TLS over bytes: what came from the peer goes in, what must go to the peer comes out.
// Knows no socket; used by Wire, and by the walk to a peer. Source: OpenSSL 3, ssl(7), bio(7).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/certificate.h"

namespace meshops {

/// What the peer has shown by the end of the handshake. The chain is judged also where it is not verified.
struct TlsShown {
  std::string version;  // "TLSv1.3"
  std::optional<Certificate> certificate;
  bool trusted = false;  // a chain to one of the machine's authorities; says nothing of name and dates
  std::string why_not;   // "self-signed certificate"
  bool name_fits = false;
};

class TlsClient {
 public:
  /// `host` is what the certificate must be for, if it is verified (against the machine's own authorities).
  static Result<std::unique_ptr<TlsClient>> make(const std::string& host, bool verify);
  virtual ~TlsClient() = default;

  enum class Step {
    done,
    wants_input,  // send to_send(), then received() what the peer answers
    closed,       // the peer has ended the session properly
    failed,       // see why()
  };
  virtual Step handshake() = 0;
  /// `bytes` is valid until the next call.
  virtual Step read(std::string_view& bytes) = 0;
  /// All of it; only after the handshake.
  virtual Step write(std::string_view bytes) = 0;
  virtual void received(std::string_view from_peer) = 0;
  virtual std::string to_send() = 0;
  /// "certificate verify failed (self-signed certificate)"
  virtual std::string why() const = 0;
  virtual TlsShown shown() const = 0;
};

}  // namespace meshops
