#include "formats/web_tls.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace meshops::web {

namespace {

constexpr std::array<std::string_view, 6> kVersions = {"SSLv2",   "SSLv3",   "TLSv1",
                                                       "TLSv1.1", "TLSv1.2", "TLSv1.3"};

struct Token {
  std::string text;
  std::size_t line = 1, column = 1;
};

std::string version_of(std::string_view word) {
  auto folded = lower(word);
  if (folded == "tlsv1.0") folded = "tlsv1";
  for (auto version : kVersions)
    if (lower(version) == folded) return std::string(version);
  return {};
}
bool is_old(std::string_view version) {
  return version == "SSLv2" || version == "SSLv3" || version == "TLSv1" || version == "TLSv1.1";
}

std::vector<Token> line_tokens(std::string_view line, std::size_t number) {
  std::vector<Token> out;
  for (auto word : words(line)) {
    if (word.starts_with('#')) break;
    auto column = static_cast<std::size_t>(word.data() - line.data()) + 1;
    std::string text(word);
    std::erase(text, '"');
    out.push_back({text, number, column});
  }
  return out;
}

// --- nginx

struct NginxServer {
  std::vector<std::string> names;
  std::vector<Certificate> certificates;
  bool tls = false, own_protocols = false;
};

class Nginx {
 public:
  explicit Nginx(std::string_view text) : text_(text) {}

  Tls read() {
    out_.server = Server::nginx;
    std::vector<Token> directive;
    Token token;
    while (next(token)) {
      if (token.text == ";" && !quoted_) {
        take(directive);
        directive.clear();
      } else if (token.text == "{" && !quoted_) {
        blocks_.push_back(directive.empty() ? std::string() : directive[0].text);
        if (blocks_.back() == "server") servers_.emplace_back();
        directive.clear();
      } else if (token.text == "}" && !quoted_) {
        if (!blocks_.empty()) {
          if (blocks_.back() == "server") close();
          blocks_.pop_back();
        }
        directive.clear();
      } else {
        directive.push_back(token);
      }
    }
    while (!servers_.empty()) close();
    for (auto i : common_) out_.protocols[i].overridden = any_ && all_own_;
    return std::move(out_);
  }

 private:
  bool next(Token& token) {
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') step();
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        step();
      } else {
        break;
      }
    }
    if (at_ >= text_.size()) return false;
    token = {.text = {}, .line = line_, .column = at_ - begin_ + 1};
    quoted_ = false;
    char c = text_[at_];
    if (c == ';' || c == '{' || c == '}') {
      token.text = c;
      step();
      return true;
    }
    if (c == '"' || c == '\'') {
      quoted_ = true;
      char quote = c;
      for (step(); at_ < text_.size() && text_[at_] != quote; step()) {
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) step();
        token.text += text_[at_];
      }
      if (at_ < text_.size()) step();
      return true;
    }
    for (; at_ < text_.size(); step()) {
      c = text_[at_];
      // "${name}" is one word.
      if (c == '$' && at_ + 1 < text_.size() && text_[at_ + 1] == '{') {
        while (at_ < text_.size() && text_[at_] != '}') {
          token.text += text_[at_];
          step();
        }
        if (at_ >= text_.size()) break;
        token.text += '}';
        continue;
      }
      if (std::string_view(" \t\r\n;{}").find(c) != std::string_view::npos) break;
      token.text += c;
    }
    return true;
  }
  void step() {
    if (text_[at_] == '\n') {
      ++line_;
      begin_ = at_ + 1;
    }
    ++at_;
  }

  void take(const std::vector<Token>& d) {
    if (d.size() < 2) return;
    const auto& name = d[0].text;
    auto* server = servers_.empty() ? nullptr : &servers_.back();
    if (name == "ssl_protocols") {
      Protocols p{.written = name, .accepted = {}, .line = d[1].line, .column = d[1].column};
      bool placed = false;
      for (std::size_t i = 1; i < d.size(); ++i) {
        p.written += " " + d[i].text;
        auto version = version_of(d[i].text);
        if (version.empty()) continue;
        p.accepted.insert(version);
        if (is_old(version) && !placed) {
          p.line = d[i].line;
          p.column = d[i].column;
          placed = true;
        }
      }
      if (p.accepted.empty()) return;
      if (server != nullptr)
        server->own_protocols = true;
      else
        common_.push_back(out_.protocols.size());
      out_.protocols.push_back(std::move(p));
    } else if (name == "ssl_certificate") {
      Certificate c{.path = d[1].text, .names = {}, .line = d[1].line, .column = d[1].column};
      out_.offered = true;
      if (server != nullptr)
        server->certificates.push_back(std::move(c));
      else
        out_.certificates.push_back(std::move(c));
    } else if (name == "listen" && server != nullptr) {
      for (const auto& word : d)
        if (word.text == "ssl" || word.text == "quic") server->tls = out_.offered = true;
    } else if (name == "ssl" && d[1].text == "on") {
      out_.offered = true;
      if (server != nullptr) server->tls = true;
    } else if (name == "server_name" && server != nullptr) {
      for (std::size_t i = 1; i < d.size(); ++i) server->names.push_back(d[i].text);
    }
  }

  void close() {
    if (servers_.empty()) return;
    auto server = std::move(servers_.back());
    servers_.pop_back();
    out_.servers = true;
    if (server.tls || !server.certificates.empty()) {
      any_ = true;
      all_own_ = all_own_ && server.own_protocols;
    }
    for (auto& c : server.certificates) {
      c.names = server.names;
      out_.certificates.push_back(std::move(c));
    }
  }

  std::string_view text_;
  std::size_t at_ = 0, line_ = 1, begin_ = 0;
  bool quoted_ = false, any_ = false, all_own_ = true;
  std::vector<std::string> blocks_;
  std::vector<NginxServer> servers_;
  std::vector<std::size_t> common_;
  Tls out_;
};

// --- Apache

Tls read_apache(std::string_view text) {
  Tls out{.server = Server::apache};
  std::vector<std::string> names;
  std::vector<Certificate> open;
  auto close = [&] {
    for (auto& c : open) {
      c.names = names;
      out.certificates.push_back(std::move(c));
    }
    open.clear();
    names.clear();
  };
  std::size_t number = 0;
  for (auto line : split(text, '\n')) {
    auto t = line_tokens(line, ++number);
    if (t.empty()) continue;
    auto name = lower(t[0].text);
    if (name.starts_with("<virtualhost") || name.starts_with("</virtualhost")) {
      close();
      out.servers = true;
    }
    if (t.size() < 2) continue;
    if (name == "servername" || name == "serveralias") {
      for (std::size_t i = 1; i < t.size(); ++i) names.push_back(t[i].text.substr(0, t[i].text.find(':')));
    } else if (name == "sslengine" && lower(t[1].text) == "on") {
      out.offered = true;
    } else if (name == "sslcertificatefile") {
      out.offered = true;
      open.push_back({t[1].text, {}, t[1].line, t[1].column});
    } else if (name == "sslprotocol") {
      Protocols p{.written = t[0].text, .accepted = {}, .line = t[1].line, .column = t[1].column};
      bool placed = false;
      for (std::size_t i = 1; i < t.size(); ++i) {
        p.written += " " + t[i].text;
        std::string_view word = t[i].text;
        char sign = word.starts_with('+') || word.starts_with('-') ? word[0] : ' ';
        if (sign != ' ') word.remove_prefix(1);
        std::vector<std::string> meant;
        if (lower(word) == "all")
          meant = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
        else if (auto version = version_of(word); !version.empty())
          meant = {version};
        // A word without a sign begins anew, as mod_ssl does.
        if (sign == ' ') p.accepted.clear();
        for (const auto& version : meant) {
          if (sign == '-')
            p.accepted.erase(version);
          else
            p.accepted.insert(version);
          if (sign != '-' && is_old(version) && !placed && meant.size() == 1) {
            p.column = t[i].column;
            placed = true;
          }
        }
      }
      if (!p.accepted.empty()) out.protocols.push_back(std::move(p));
    }
  }
  close();
  return out;
}

// --- HAProxy

Tls read_haproxy(std::string_view text) {
  Tls out{.server = Server::haproxy};
  std::size_t number = 0;
  for (auto line : split(text, '\n')) {
    auto t = line_tokens(line, ++number);
    if (t.empty()) continue;
    bool bind = t[0].text == "bind", defaults = t[0].text == "ssl-default-bind-options";
    if (!bind && !defaults) continue;
    bool tls = defaults;
    std::string least, most = "TLSv1.3";
    std::set<std::string> without;
    const Token* place = nullptr;
    for (std::size_t i = 1; i < t.size(); ++i) {
      const auto& word = t[i].text;
      if (bind && word == "ssl") tls = out.offered = out.servers = true;
      if (word == "crt" && i + 1 < t.size() && bind)
        out.certificates.push_back({t[i + 1].text, {}, number, t[i + 1].column});
      if (word == "ssl-min-ver" && i + 1 < t.size()) {
        least = version_of(t[i + 1].text);
        place = &t[i + 1];
      }
      if (word == "ssl-max-ver" && i + 1 < t.size()) {
        most = version_of(t[i + 1].text);
        if (place == nullptr) place = &t[i + 1];
      }
      if (word == "no-tlsv13") {
        without.insert("TLSv1.3");
        if (place == nullptr) place = &t[i];
      }
      if (word.starts_with("force-")) {
        auto version = word.substr(6);
        least = most = version == "tlsv10"   ? "TLSv1"
                       : version == "tlsv11" ? "TLSv1.1"
                       : version == "tlsv12" ? "TLSv1.2"
                       : version == "sslv3"  ? "SSLv3"
                                             : "TLSv1.3";
        place = &t[i];
      }
    }
    if (!tls || place == nullptr) continue;
    // Since 2.2 HAProxy begins at TLS 1.2 by itself.
    if (least.empty()) least = "TLSv1.2";
    Protocols p{.written = std::string(trim(line)), .accepted = {}, .line = number, .column = place->column};
    auto from = std::ranges::find(kVersions, least), to = std::ranges::find(kVersions, most);
    for (auto v = from; v != kVersions.end() && v <= to; ++v)
      if (!without.contains(std::string(*v))) p.accepted.emplace(*v);
    out.protocols.push_back(std::move(p));
  }
  return out;
}

}  // namespace

Tls read_tls(std::string_view text) {
  auto has = [&](std::string_view word) { return text.find(word) != std::string_view::npos; };
  if (has("ssl_protocols") || has("ssl_certificate") || (has("server_name") && has("listen")))
    return Nginx(text).read();
  auto folded = lower(text);
  if (folded.find("sslprotocol") != std::string::npos ||
      folded.find("sslcertificatefile") != std::string::npos)
    return read_apache(text);
  if (has("ssl-default-bind-options") || has("ssl-min-ver") || (has("bind ") && has(" ssl")))
    return read_haproxy(text);
  return {};
}

}  // namespace meshops::web
