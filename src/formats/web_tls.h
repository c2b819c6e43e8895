// What the configuration of a web server (nginx, Apache, HAProxy) says about TLS: which versions, which
// certificate for which names. Called by audit rules. Pure and total; includes are not followed.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::web {

enum class Server { nginx, apache, haproxy, none };

/// One directive that says which versions are accepted.
struct Protocols {
  std::string written;               // "ssl_protocols TLSv1 TLSv1.2"
  std::set<std::string> accepted;    // of SSLv2 SSLv3 TLSv1 TLSv1.1 TLSv1.2 TLSv1.3
  std::size_t line = 1, column = 1;  // of the first old version, else of the directive's first argument
  bool overridden = false;           // every server below it says its own
};
struct Certificate {
  std::string path;
  std::vector<std::string> names;  // of the server that shows it; empty: not told
  std::size_t line = 1, column = 1;
};
struct Tls {
  Server server = Server::none;
  bool offered = false;  // something listens with TLS
  bool servers = false;  // it has virtual servers at all
  std::vector<Protocols> protocols;
  std::vector<Certificate> certificates;
};
/// Told by the text; `none` if it is no such file.
Tls read_tls(std::string_view text);

}  // namespace meshops::web
