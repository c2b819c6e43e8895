#include "formats/proc_tables.h"

#include <arpa/inet.h>

#include <array>
#include <cmath>
#include <string>

#include "base/text.h"

namespace meshops::proc_tables {

namespace {

std::optional<double> decimal(std::string_view text) {
  double value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::uint64_t> meminfo(std::string_view text, std::string_view name) {
  for (auto line : split(text, '\n')) {
    auto colon = line.find(':');
    if (colon == line.npos || line.substr(0, colon) != name) continue;
    auto parts = words(line.substr(colon + 1));
    if (parts.empty()) return std::nullopt;
    auto value = to_number<std::uint64_t>(parts[0]);
    if (!value || *value > (1ULL << 50U)) return std::nullopt;
    return parts.size() > 1 ? *value * 1024 : *value;
  }
  return std::nullopt;
}

std::optional<Pressure> pressure(std::string_view text) {
  Pressure out;
  bool any = false;
  for (auto line : split(text, '\n')) {
    auto parts = words(line);
    if (parts.empty()) continue;
    for (auto part : parts) {
      if (!part.starts_with("avg300=")) continue;
      auto value = decimal(part.substr(7));
      if (!value) continue;
      if (parts[0] == "some") out.some_300 = *value, any = true;
      if (parts[0] == "full") out.full_300 = *value;
    }
  }
  if (!any) return std::nullopt;
  return out;
}

std::optional<std::uint64_t> open_files(std::string_view text) {
  for (auto line : split(text, '\n'))
    if (line.starts_with("Max open files")) {
      auto parts = words(line.substr(14));
      return parts.empty() ? std::nullopt : to_number<std::uint64_t>(parts[0]);
    }
  return std::nullopt;
}

void add_ports(std::string_view text, Ports& ports) {
  for (auto line : split(text, '\n')) {
    // sl local_address rem_address st …: "0: 0100007F:4965 00000000:0000 0A"
    auto parts = words(line);
    if (parts.size() < 4 || parts[3] == "0A") continue;
    auto colon = parts[1].rfind(':');
    if (colon == std::string_view::npos) continue;
    if (auto port = to_number<std::uint16_t>(parts[1].substr(colon + 1), 16)) ports.set(*port);
  }
}

namespace {

/// "0100007F" and the four words of an IPv6 address, each with its lowest byte first.
std::string address_of(std::string_view hex) {
  std::array<unsigned char, 16> bytes{};
  if (hex.size() != 8 && hex.size() != 32) return {};
  for (std::size_t word = 0; word * 8 < hex.size(); ++word) {
    auto value = to_number<std::uint32_t>(hex.substr(word * 8, 8), 16);
    if (!value) return {};
    for (std::size_t i = 0; i < 4; ++i)
      bytes[word * 4 + i] = static_cast<unsigned char>((*value >> (8 * i)) & 0xFFU);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(hex.size() == 8 ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size()) == nullptr)
    return {};
  return text.data();
}

}  // namespace

std::vector<Waiting> waiting_sockets(std::string_view text, Transport transport) {
  constexpr std::size_t kMost = 16384;
  std::vector<Waiting> out;
  for (auto line : split(text, '\n')) {
    // sl local rem st tx:rx tr:when retrnsmt uid timeout inode …: "0: 0100007F:0016 00000000:0000 0A … 0 0
    // 123"
    auto parts = words(line);
    if (parts.size() < 10 || out.size() >= kMost) continue;
    // 0A is LISTEN; of UDP 07, which is "closed", says that nobody is at the other end.
    if (parts[3] != (transport == Transport::tcp ? "0A" : "07")) continue;
    auto colon = parts[1].rfind(':');
    if (colon == std::string_view::npos) continue;
    auto port = to_number<std::uint16_t>(parts[1].substr(colon + 1), 16);
    auto uid = to_number<std::uint32_t>(parts[7]);
    auto inode = to_number<std::uint64_t>(parts[9]);
    auto address = address_of(parts[1].substr(0, colon));
    if (port.value_or(0) == 0 || !uid || !inode || address.empty()) continue;
    out.push_back({std::move(address), *port, *uid, *inode});
  }
  return out;
}

std::optional<std::uint64_t> systemd_size(std::string_view text) {
  text = trim(text);
  auto digits = text.substr(0, text.find_first_not_of("0123456789."));
  auto number = decimal(digits);
  if (!number || digits.empty()) return std::nullopt;
  auto unit = trim(text.substr(digits.size()));
  if (unit.ends_with('B') && unit.size() > 1) unit.remove_suffix(1);
  double factor = 1;
  constexpr std::string_view kUnits = "KMGTPE";
  if (unit.size() == 1 && kUnits.find(unit[0]) != kUnits.npos)
    factor = std::pow(1024.0, static_cast<double>(kUnits.find(unit[0])) + 1);
  else if (!unit.empty() && unit != "B")
    return std::nullopt;
  auto bytes = *number * factor;
  if (bytes > 1e18) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace meshops::proc_tables
