// TLS against a server of OpenSSL's own in the same process: the handshake, what is verified, and HTTP over
// it.
#include "net/tls.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl.hpp>
#include <thread>

#include "loop.h"
#include "net/net.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

/// A self-signed certificate for "localhost" in a context for servers.
void certify(SSL_CTX* context) {
  EVP_PKEY* key = ::EVP_EC_gen("P-256");
  X509* certificate = ::X509_new();
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), 1);
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate), -60);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate), 3600);
  ::X509_set_pubkey(certificate, key);
  auto* name = ::X509_get_subject_name(certificate);
  ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"),
                               -1, -1, 0);
  ::X509_set_issuer_name(certificate, name);
  ::X509_sign(certificate, key, ::EVP_sha256());
  ::SSL_CTX_use_certificate(context, certificate);
  ::SSL_CTX_use_PrivateKey(context, key);
  ::X509_free(certificate);
  ::EVP_PKEY_free(key);
}

/// Takes one connection, shakes hands, reads a request, writes `answer`, closes; in a thread of its own.
class TlsServer {
 public:
  explicit TlsServer(std::string answer) : answer_(std::move(answer)) {
    certify(context_.native_handle());
    thread_ = std::thread([this] { serve(); });
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  ~TlsServer() { thread_.join(); }
  std::uint16_t port() const { return port_; }

 private:
  void serve() {
    boost::system::error_code ec;
    asio::ip::tcp::socket socket(io_);
    acceptor_.accept(socket, ec);
    asio::ssl::stream<asio::ip::tcp::socket> stream(std::move(socket), context_);
    stream.handshake(asio::ssl::stream_base::server, ec);
    if (ec) return;
    std::string request;
    asio::read_until(stream, asio::dynamic_buffer(request), "\r\n\r\n", ec);
    asio::write(stream, asio::buffer(answer_), ec);
    stream.shutdown(ec);
  }

  std::string answer_;
  asio::io_context io_{1};
  asio::ssl::context context_{asio::ssl::context::tls_server};
  asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
  std::uint16_t port_ = acceptor_.local_endpoint().port();
  std::thread thread_;
};

Result<HttpAnswer> ask(std::uint16_t port, Endpoint::Tls tls, std::string host = "127.0.0.1") {
  asio::io_context io(1);
  auto net = real_net();
  HttpRequest request;
  request.to = {std::move(host), port, "", tls};
  request.limit = 5s;
  return test::run(io, net->http(std::move(request)));
}

TEST(TlsTest, AnAnswerOfManyRecordsComesWhole) {
  std::string body(100'000, 'x');
  TlsServer server("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body);
  auto answer = ask(server.port(), Endpoint::Tls::any_certificate);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, body);
}

TEST(TlsTest, ACertificateThatNobodySignedIsRefusedWhereItIsVerified) {
  TlsServer server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  auto answer = ask(server.port(), Endpoint::Tls::verified, "localhost");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), "net.tls");
  EXPECT_NE(answer.error().sentence().find("self-signed"), std::string::npos) << answer.error().sentence();
}

TEST(TlsTest, AServerWithoutTlsIsNamedAsSuch) {
  asio::io_context io(1);
  test::ScriptedServer server(io, {.pieces = {"HTTP/1.1 400 Bad Request\r\n\r\n"}, .read_head = false});
  auto net = real_net();
  HttpRequest request;
  request.to = {"127.0.0.1", server.port(), "", Endpoint::Tls::any_certificate};
  request.limit = 5s;
  auto answer = test::run(io, net->http(std::move(request)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), "net.tls");
  EXPECT_NE(answer.error().sentence().find("wrong version number"), std::string::npos)
      << answer.error().sentence();
}

TEST(TlsTest, ASilentServerTimesOutInTheHandshake) {
  asio::io_context io(1);
  asio::ip::tcp::acceptor backlog(io, {asio::ip::address_v4::loopback(), 0});
  auto net = real_net();
  HttpRequest request;
  request.to = {"127.0.0.1", backlog.local_endpoint().port(), "", Endpoint::Tls::any_certificate};
  request.limit = 50ms;
  auto answer = test::run(io, net->http(std::move(request)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), "net.timed_out");
}

}  // namespace
}  // namespace meshops
