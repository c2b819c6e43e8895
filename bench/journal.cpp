// How many entries of a journal are read in a CPU second, through Host's own reader.
//
//   bench_journal --export ENTRIES   a journal in export format, for systemd-journal-remote
//   bench_journal DIRECTORY          reads all of it; prints entries, CPU seconds and their quotient
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cpu_time.h"
#include "host/journal.h"
#include "logs.h"

using namespace meshops;

namespace {

/// An entry with the fields that journald gives to a service's line.
void print_entry(unsigned i) {
  auto message = bench::line_of(bench::Log::json, i);
  message.pop_back();
  auto at = 1782555000000000ULL + i * 1000ULL;
  fmt::print(
      "__CURSOR=s=0123456789abcdef0123456789abcdef;i={0:x};b=fedcba9876543210fedcba9876543210;m={1:x};t={1:x}"
      ";x={0:x}\n"
      "__REALTIME_TIMESTAMP={2}\n__MONOTONIC_TIMESTAMP={1}\n_BOOT_ID=fedcba9876543210fedcba9876543210\n"
      "_MACHINE_ID=0123456789abcdef0123456789abcdef\n_HOSTNAME=node-1\nPRIORITY=6\nSYSLOG_FACILITY=3\n"
      "SYSLOG_IDENTIFIER=openclaw\n_UID=1000\n_GID=1000\n_COMM=node\n_EXE=/usr/bin/node\n"
      "_CMDLINE=/usr/bin/node /usr/lib/node_modules/openclaw/dist/index.js gateway --port 18789\n"
      "_CAP_EFFECTIVE=0\n_SYSTEMD_CGROUP=/system.slice/openclaw-gateway.service\n"
      "_SYSTEMD_UNIT=openclaw-gateway.service\n_SYSTEMD_SLICE=system.slice\n_TRANSPORT=stdout\n_PID=812\n"
      "_STREAM_ID=00112233445566778899aabbccddeeff\n_SYSTEMD_INVOCATION_ID=ffeeddccbbaa99887766554433221100\n"
      "MESSAGE={3}\n\n",
      i, at - 1782555000000000ULL + 1, at, message);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() == 2 && args[0] == "--export") {
    for (unsigned i = 1, n = static_cast<unsigned>(std::strtoul(args[1].c_str(), nullptr, 10)); i <= n; ++i)
      print_entry(i);
    return 0;
  }
  if (args.empty()) return std::fputs("usage: bench_journal --export ENTRIES | DIRECTORY\n", stderr), 2;
  Fd directory(::open(args[0].c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  JournalQuery query;
  query.at_most = 1'000'000;
  std::size_t entries = 0, bytes = 0;
  auto begin = bench::cpu_seconds();
  // An answer is bounded: the next one begins behind its last entry.
  for (;;) {
    auto page = read_journal_in(directory, query);
    if (!page) return fmt::print(stderr, "{}\n", page.error().text()), 3;
    if (page->empty()) break;
    entries += page->size();
    for (const auto& entry : *page) bytes += entry.message.size();
    query.after_cursor = page->back().cursor;
  }
  auto took = bench::cpu_seconds() - begin;
  fmt::print("{} entries, {} MB of messages, {:.3f} CPU s: {:.0f} entries a CPU second\n", entries,
             bytes >> 20, took, static_cast<double>(entries) / took);
  return 0;
}
