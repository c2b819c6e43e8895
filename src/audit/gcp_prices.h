// What lies unused costs each month: list prices of Google Cloud, for estimates only. Called by GCP-001.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace meshops::audit {

/// When pd-standard, pd-balanced and pd-ssd were last compared with what is published; the other rows and the
/// address are older and were not. List prices of us-central1 in US dollars, without discounts; other regions
/// differ.
constexpr std::string_view kPriceDate = "2026-11";
constexpr std::string_view kPriceSource =
    "https://cloud.google.com/compute/disks-image-pricing and https://cloud.google.com/vpc/network-pricing";

/// For one GiB and month of that disk type ("pd-ssd", or its URL); capacity only, without provisioned IOPS.
/// Of an unknown type the price of pd-balanced.
double disk_price(std::string_view type);
/// For one reserved external IPv4 address that no running VM uses, in a month of 730 hours.
double idle_address_price();

/// "$12.40 a month (list price of 2026-11)".
std::string monthly(double dollars);

}  // namespace meshops::audit
