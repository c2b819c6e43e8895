#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>

#include "base/text.h"
#include "net/net.h"

namespace meshops {

namespace {

struct Free {
  void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};

std::string last_reason() {
  auto code = ::ERR_peek_last_error();
  const char* reason = ::ERR_reason_error_string(code);
  ::ERR_clear_error();
  return reason != nullptr ? reason : "the peer broke it off";
}

/// One for the whole process; the authorities are read when the first certificate is checked.
SSL_CTX* shared_context() {
  static std::unique_ptr<SSL_CTX, Free> context = [] {
    std::unique_ptr<SSL_CTX, Free> made(::SSL_CTX_new(::TLS_client_method()));
    if (made) {
      ::SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
      ::SSL_CTX_set_default_verify_paths(made.get());
      ::SSL_CTX_set_session_cache_mode(made.get(), SSL_SESS_CACHE_OFF);
      // A server that closes without saying so: HTTP itself knows whether the answer was whole.
      ::SSL_CTX_set_options(made.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    }
    return made;
  }();
  return context.get();
}

class Client final : public TlsClient {
 public:
  Client(SSL* ssl, std::string host)
      : ssl_(ssl), host_(std::move(host)), in_(::BIO_new(::BIO_s_mem())), out_(::BIO_new(::BIO_s_mem())) {
    ::BIO_set_mem_eof_return(in_, -1);  // empty means "not yet", not "over"
    ::SSL_set_bio(ssl, in_, out_);      // which now owns both
    ::SSL_set_connect_state(ssl);
  }

  Step handshake() override { return judge(::SSL_do_handshake(ssl_.get())); }

  Step read(std::string_view& bytes) override {
    int n = ::SSL_read(ssl_.get(), buffer_.data(), static_cast<int>(buffer_.size()));
    if (n > 0) bytes = std::string_view(buffer_.data(), static_cast<std::size_t>(n));
    return judge(n);
  }

  Step write(std::string_view bytes) override {
    if (bytes.empty()) return Step::done;
    return judge(::SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())));
  }

  void received(std::string_view from_peer) override {
    ::BIO_write(in_, from_peer.data(), static_cast<int>(from_peer.size()));
  }

  std::string to_send() override {
    std::string out(::BIO_ctrl_pending(out_), '\0');
    if (!out.empty()) ::BIO_read(out_, out.data(), static_cast<int>(out.size()));
    return out;
  }

  std::string why() const override { return why_; }

  TlsShown shown() const override {
    TlsShown out{.version = ::SSL_get_version(ssl_.get())};
    auto* certificate = ::SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr) return out;
    out.certificate = read_certificate(certificate);
    // The chain is built before name and dates are looked at, so that these are the later verdicts.
    const auto verdict = ::SSL_get_verify_result(ssl_.get());
    out.trusted = verdict == X509_V_OK || verdict == X509_V_ERR_HOSTNAME_MISMATCH ||
                  verdict == X509_V_ERR_IP_ADDRESS_MISMATCH || verdict == X509_V_ERR_CERT_HAS_EXPIRED ||
                  verdict == X509_V_ERR_CERT_NOT_YET_VALID;
    if (!out.trusted) out.why_not = ::X509_verify_cert_error_string(verdict);
    out.name_fits = ::X509_check_host(certificate, host_.c_str(), host_.size(), 0, nullptr) == 1 ||
                    ::X509_check_ip_asc(certificate, host_.c_str(), 0) == 1;
    ::ERR_clear_error();
    return out;
  }

 private:
  Step judge(int result) {
    if (result > 0) return Step::done;
    switch (::SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return Step::wants_input;
      case SSL_ERROR_ZERO_RETURN:
        return Step::closed;
      default:
        break;
    }
    why_ = last_reason();
    if (auto verdict = ::SSL_get_verify_result(ssl_.get());
        verdict != X509_V_OK && ::SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE)
      why_ += std::string(" (") + ::X509_verify_cert_error_string(verdict) + ")";
    return Step::failed;
  }

  std::unique_ptr<SSL, Free> ssl_;
  std::string host_;
  BIO* in_;
  BIO* out_;
  std::array<char, 8192> buffer_;
  std::string why_;
};

}  // namespace

Result<std::unique_ptr<TlsClient>> TlsClient::make(const std::string& host, bool verify) {
  ::ERR_clear_error();
  auto* context = shared_context();
  std::unique_ptr<SSL, Free> ssl(context != nullptr ? ::SSL_new(context) : nullptr);
  if (!ssl) return fail(NetCode::tls, "TLS cannot be set up: {}", last_reason());
  bool address = ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl.get()), host.c_str()) == 1;
  if (!address) {
    ::ERR_clear_error();
    ::SSL_set_tlsext_host_name(ssl.get(), host.c_str());
    if (::SSL_set1_host(ssl.get(), host.c_str()) != 1)
      return fail(NetCode::tls, "TLS cannot be set up for {}: {}", quote(host), last_reason());
  }
  ::SSL_set_verify(ssl.get(), verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  return std::make_unique<Client>(ssl.release(), host);
}

}  // namespace meshops
