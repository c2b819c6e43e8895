#include "mesh/rendezvous.h"

#include <algorithm>
#include <utility>

#include "base/fnv.h"

namespace meshops::mesh {

std::uint64_t weight(std::string_view key, std::string_view node) {
  auto hash = Fnv().add(key).add_byte(0).add(node).value();
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

std::vector<std::string> order(std::string_view key, std::span<const std::string> nodes) {
  std::vector<std::pair<std::uint64_t, std::string>> weighed;
  for (const auto& node : nodes)
    if (node != key) weighed.emplace_back(weight(key, node), node);
  std::ranges::sort(weighed, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  std::vector<std::string> out;
  out.reserve(weighed.size());
  for (auto& [_, node] : weighed) out.push_back(std::move(node));
  return out;
}

std::vector<std::string> watchers(std::string_view patient, std::span<const std::string> nodes,
                                  std::size_t k) {
  auto out = order(patient, nodes);
  if (out.size() > k) out.resize(k);
  return out;
}

}  // namespace meshops::mesh
