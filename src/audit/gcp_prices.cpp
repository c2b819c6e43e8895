#include "audit/gcp_prices.h"

#include <fmt/format.h>

#include <array>

namespace meshops::audit {

namespace {

struct Price {
  std::string_view type;
  double gib_month;
};
constexpr std::array kDisks = {
    Price{"pd-standard", 0.04},
    Price{"pd-balanced", 0.10},
    Price{"pd-ssd", 0.17},
    Price{"pd-extreme", 0.125},
    Price{"hyperdisk-balanced", 0.08},
    Price{"hyperdisk-balanced-high-availability", 0.16},
    Price{"hyperdisk-extreme", 0.125},
    Price{"hyperdisk-throughput", 0.005},
    Price{"hyperdisk-ml", 0.08},
};
constexpr double kHoursOfMonth = 730;
constexpr double kIdleAddressHour = 0.01;

}  // namespace

double disk_price(std::string_view type) {
  type = type.substr(type.rfind('/') + 1);
  for (const auto& p : kDisks)
    if (p.type == type) return p.gib_month;
  return 0.10;
}

double idle_address_price() { return kIdleAddressHour * kHoursOfMonth; }

std::string monthly(double dollars) {
  return fmt::format("${:.2f} a month (list price of {})", dollars, kPriceDate);
}

}  // namespace meshops::audit
