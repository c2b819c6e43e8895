#include "net/name_server.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <resolv.h>

#include <algorithm>
#include <array>

namespace meshops {

struct NameServer::Parts {
  explicit Parts(const std::string& server) {
    good = ::res_ninit(&state) == 0;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(53);
    good = good && ::inet_pton(AF_INET, server.c_str(), &to.sin_addr) == 1;
    state.nscount = 1;
    state.nsaddr_list[0] = to;
    state.retrans = 2;
    state.retry = 1;
  }
  ~Parts() { ::res_nclose(&state); }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  std::vector<unsigned char> ask(const std::string& name, int type) {
    std::array<unsigned char, 512> question{};
    std::vector<unsigned char> answer(4096);
    if (!good) return {};
    int length = ::res_nmkquery(&state, ns_o_query, name.c_str(), ns_c_in, type, nullptr, 0, nullptr,
                                question.data(), static_cast<int>(question.size()));
    if (length < 0) return {};
    int got = ::res_nsend(&state, question.data(), length, answer.data(), static_cast<int>(answer.size()));
    answer.resize(got > 0 ? std::min(static_cast<std::size_t>(got), answer.size()) : 0);
    return answer;
  }

  struct __res_state state{};
  bool good = false;
};

namespace {

template <class F>
void each(const std::vector<unsigned char>& answer, int type, F take) {
  ns_msg message;
  if (answer.empty() || ::ns_initparse(answer.data(), static_cast<int>(answer.size()), &message) != 0) return;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record;
    if (::ns_parserr(&message, ns_s_an, i, &record) == 0 && ns_rr_type(record) == type) take(message, record);
  }
}

}  // namespace

NameServer::NameServer(const std::string& address) : parts_(std::make_unique<Parts>(address)) {}
NameServer::NameServer(NameServer&&) noexcept = default;
NameServer& NameServer::operator=(NameServer&&) noexcept = default;
NameServer::~NameServer() = default;

bool NameServer::answers() { return !parts_->ask(".", ns_t_ns).empty(); }

std::vector<std::string> NameServer::addresses(const std::string& name) {
  std::vector<std::string> out;
  each(parts_->ask(name, ns_t_a), ns_t_a, [&](const ns_msg&, const ns_rr& record) {
    std::array<char, INET_ADDRSTRLEN> text{};
    if (ns_rr_rdlen(record) == 4 &&
        ::inet_ntop(AF_INET, ns_rr_rdata(record), text.data(), text.size()) != nullptr)
      out.emplace_back(text.data());
  });
  std::ranges::sort(out);
  return out;
}

std::vector<std::string> NameServer::name_servers(const std::string& zone) {
  std::vector<std::string> out;
  each(parts_->ask(zone, ns_t_ns), ns_t_ns, [&](const ns_msg& message, const ns_rr& record) {
    std::array<char, NS_MAXDNAME> text{};
    if (::ns_name_uncompress(ns_msg_base(message), ns_msg_end(message), ns_rr_rdata(record), text.data(),
                             text.size()) >= 0)
      out.emplace_back(text.data());
  });
  return out;
}

SystemAnswer system_addresses(const std::string& name, Family family) {
  addrinfo hints{};
  hints.ai_family = family == Family::ipv4 ? AF_INET : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  SystemAnswer out;
  if (int failed = ::getaddrinfo(name.c_str(), nullptr, &hints, &list); failed != 0) {
    out.no_server = failed == EAI_AGAIN;
    out.why = ::gai_strerror(failed);
    return out;
  }
  for (const auto* at = list; at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) ==
            0 &&
        std::ranges::find(out.addresses, text.data()) == out.addresses.end())
      out.addresses.emplace_back(text.data());
  }
  ::freeaddrinfo(list);
  return out;
}

}  // namespace meshops
