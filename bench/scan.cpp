// How fast logs are read for signatures, in CPU time of one thread.
//
//   bench_scan [MB]              in this process: logs of several kinds, 60 signatures and all; medians of 5
//   bench_scan --make MB FILE    writes a healthy log
//   bench_scan --patterns N      prints the patterns of N signatures, as bench/logs.py gives them to others
//   bench_scan --scan N FILE     reads FILE with N signatures and prints the hits
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "cpu_time.h"
#include "diagnose/scan.h"
#include "diagnose/signatures.h"
#include "logs.h"

using namespace meshops;
using namespace meshops::diagnose;

namespace {

/// N of them, taken evenly from all tables but those of weak signs and of facts.
std::vector<Signature> some(std::size_t n) {
  std::vector<Signature> able;
  for (const auto& s : signatures())
    if (n >= signatures().size() || (!is_weak(s.id) && !std::string_view(s.pattern).starts_with("^fact")))
      able.push_back(s);
  if (n >= able.size()) return able;
  std::vector<Signature> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(able[i * able.size() / n]);
  return out;
}

void measure(const char* what, const std::string& log, const Scanner& few, const Scanner& all) {
  fmt::print("{:>24}:", what);
  for (const auto* scanner : {&few, &all}) {
    std::vector<double> rates;
    Scanner::Work work;
    for (int round = 0; round < 5; ++round) {
      auto begin = bench::cpu_seconds();
      (void)scanner->scan(log, &work);
      rates.push_back(static_cast<double>(log.size()) / (bench::cpu_seconds() - begin) / 1e9);
    }
    std::ranges::sort(rates);
    fmt::print("  {:.2f} GB/s ({} needles, {} tries)", rates[rates.size() / 2], work.needles, work.tries);
  }
  fmt::print("\n");
}

std::string_view map(const char* path) {
  int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  struct stat about{};
  if (fd < 0 || ::fstat(fd, &about) != 0) {
    std::perror(path);
    std::exit(3);
  }
  auto size = static_cast<std::size_t>(about.st_size);
  auto* bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  if (bytes == MAP_FAILED) {
    std::perror(path);
    std::exit(3);
  }
  return {static_cast<const char*>(bytes), size};
}

int in_this_process(std::size_t size) {
  auto begin = bench::cpu_seconds();
  auto sixty = some(60);
  Scanner few(sixty);
  auto between = bench::cpu_seconds();
  Scanner all(signatures());
  fmt::print("ready after {:.0f} ms with {} signatures, {:.0f} ms with all {}\n", (between - begin) * 1000,
             sixty.size(), (bench::cpu_seconds() - between) * 1000, signatures().size());
  measure("console", bench::log_of(bench::Log::console, size), few, all);
  measure("console as JSON", bench::log_of(bench::Log::json, size), few, all);
  measure("log file", bench::log_of(bench::Log::file, size), few, all);
  measure("one in a hundred fails", bench::log_of(bench::Log::failing, size), few, all);
  measure("random bytes", bench::log_of(bench::Log::noise, size), few, all);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  auto number = [&](std::size_t i) {
    return i < args.size() ? std::strtoul(args[i].c_str(), nullptr, 10) : 0;
  };
  if (args.size() == 3 && args[0] == "--make") {
    auto* file = std::fopen(args[2].c_str(), "w");
    if (file == nullptr) return std::perror(args[2].c_str()), 3;
    for (unsigned long mb = 0; mb < number(1); ++mb) {
      auto log = bench::log_of(mb % 2 == 0 ? bench::Log::console : bench::Log::json, 1U << 20);
      std::fwrite(log.data(), 1, log.size(), file);
    }
    return std::fclose(file) == 0 ? 0 : 3;
  }
  if (args.size() == 2 && args[0] == "--patterns") {
    for (const auto& s : some(number(1))) fmt::print("{}\n", s.pattern);
    return 0;
  }
  if (args.size() == 3 && args[0] == "--scan") {
    auto chosen = some(number(1));
    fmt::print("{}\n", Scanner(chosen).scan(map(args[2].c_str())).size());
    return 0;
  }
  return in_this_process((args.empty() ? 64 : number(0)) << 20);
}
