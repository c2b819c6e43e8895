#include "diagnose/signatures.h"

#include <unordered_map>

namespace meshops::diagnose {

std::span<const Signature> signatures() {
  static const auto all = [] {
    std::vector<Signature> rows;
    for (auto table : {signatures_service(), signatures_gateway(), signatures_provider(),
                       signatures_machine(), signatures_network(), signatures_weak(), signatures_facts()})
      rows.insert(rows.end(), table.begin(), table.end());
    return rows;
  }();
  return all;
}

std::optional<std::size_t> signature_number(std::string_view id) {
  static const auto numbers = [] {
    std::unordered_map<std::string_view, std::size_t> map;
    for (std::size_t i = 0; i < signatures().size(); ++i) map.emplace(signatures()[i].id, i);
    return map;
  }();
  auto found = numbers.find(id);
  if (found == numbers.end()) return std::nullopt;
  return found->second;
}

}  // namespace meshops::diagnose
