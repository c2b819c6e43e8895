// Small tables of /proc that an audit of a machine asks for: meminfo, pressure, limits, the ports that TCP
// uses. Pure; total on any text.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::proc_tables {

/// "MemTotal:  4018724 kB" of /proc/meminfo, in bytes.
std::optional<std::uint64_t> meminfo(std::string_view text, std::string_view name);

/// /proc/pressure/memory: percent of the time in which some, or all, tasks waited for memory.
struct Pressure {
  double some_300 = 0, full_300 = 0;  // over five minutes
};
std::optional<Pressure> pressure(std::string_view text);

/// The soft limit of "Max open files" in /proc/PID/limits; nothing if there is none.
std::optional<std::uint64_t> open_files(std::string_view text);

using Ports = std::bitset<65536>;
/// Adds the local ports of /proc/net/tcp or tcp6 that are not those of listeners.
void add_ports(std::string_view text, Ports& ports);

/// A socket that waits for others: TCP in LISTEN, or UDP that is bound and not connected.
struct Waiting {
  std::string address;  // "127.0.0.1", "::1"
  std::uint16_t port = 0;
  std::uint32_t uid = 0;
  std::uint64_t inode = 0;
};
enum class Transport { tcp, udp };
/// Those of /proc/net/tcp, tcp6, udp or udp6; at most 16384. Addresses stand there as words of the machine
/// that wrote them: read as little-endian, which every machine that runs a gateway is.
std::vector<Waiting> waiting_sockets(std::string_view text, Transport transport);

/// A size of systemd's: "500M", "1G", "4096"; of base 1024. Nothing for "infinity" and what is no size.
std::optional<std::uint64_t> systemd_size(std::string_view text);

}  // namespace meshops::proc_tables
