// How fast logs are read for signatures: one thread over a generated log of 256 MB, once as a healthy gateway
// writes it and once with a failing line in each hundred. Run by hand: ninja -C build/release bench_scan &&
// …/bench_scan
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "diagnose/signatures.h"

using namespace meshops::diagnose;

namespace {

std::string generated(std::size_t size, int failing_each) {
  std::string log;
  log.reserve(size + 512);
  for (int i = 0; log.size() < size; ++i) {
    auto clock = fmt::format("{:02}:{:02}:{:02}", i / 3600 % 24, i / 60 % 60, i % 60);
    if (failing_each > 0 && i % failing_each == 0) {
      log += fmt::format("Jun 27 {} node-1 openclaw[{}]: Error: connect ETIMEDOUT 203.0.113.9:443\n", clock,
                         i % 9000);
      continue;
    }
    switch (i % 8) {
      case 0:
        log += fmt::format("Jun 27 {} node-1 systemd[1]: Started Session {} of User ada.\n", clock, i);
        break;
      case 1:
        log += fmt::format(
            "Jun 27 {} node-1 openclaw[812]: 2026-06-27T{}.000Z [ws] ⇄ res ✓ health {}ms conn={:08x}…\n",
            clock, clock, i % 90, i * 2654435761U);
        break;
      case 2:
        log += fmt::format(
            "{{\"time\":\"2026-06-27T{}.000Z\",\"level\":\"info\",\"subsystem\":\"agents/"
            "agent-command\",\"message\":"
            "\"[agent] run {:08x} ended with stopReason=stop\"}}\n",
            clock, i * 2654435761U);
        break;
      case 3:
        log += fmt::format("Jun 27 {} node-1 kernel: eth0: link up, 1000 Mbps, full duplex, lpa 0x{:04X}\n",
                           clock, i);
        break;
      default:
        log += fmt::format(
            "Jun 27 {} node-1 openclaw[812]: 2026-06-27T{}.000Z [telegram] [default] sendMessage ok chat={} "
            "message={} "
            "session=agent:main:telegram:{}\n",
            clock, clock, i % 1000, i, i % 37);
    }
  }
  return log;
}

void measure(const char* what, const std::string& log) {
  double best = 0;
  std::size_t hits = 0;
  for (int round = 0; round < 3; ++round) {
    auto begin = std::chrono::steady_clock::now();
    hits = scan(log).size();
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(log.size()) / took.count() / 1e9);
  }
  fmt::print("{:>24}: {:.2f} GB/s per core, {} signatures, {} hits\n", what, best, signatures().size(), hits);
}

}  // namespace

int main(int argc, char** argv) {
  auto megabytes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 256;
  auto begin = std::chrono::steady_clock::now();
  (void)scan("a line\n");
  std::chrono::duration<double> first = std::chrono::steady_clock::now() - begin;
  fmt::print("{:>24}: {:.0f} ms\n", "ready to scan after", first.count() * 1000);
  measure("healthy", generated(megabytes << 20, 0));
  measure("one in a hundred fails", generated(megabytes << 20, 100));
  return 0;
}
