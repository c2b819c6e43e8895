// GCP-001, GCP-003, GCP-004, GCP-013: what is paid for, and what would be lost with a disk.
#include <fmt/format.h>

#include <algorithm>

#include "audit/gcp_checks.h"
#include "audit/gcp_prices.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

using json5::Value;

double size_of(const Value& disk, std::string_view key = "sizeGb") {
  // gcloud prints 64-bit numbers as text.
  if (auto word = disk.at(key).as_string())
    return static_cast<double>(to_number<std::uint64_t>(*word).value_or(0));
  return disk.at(key).as_number().value_or(0);
}

double price_of(const Value& disk) {
  double price = size_of(disk) * disk_price(text_of(disk, "type"));
  // A regional disk is two.
  return text_of(disk, "zone").empty() && !text_of(disk, "region").empty() ? 2 * price : price;
}

bool uses(const Value& user_list, const GcpInstance& vm) {
  for (const auto& user : user_list.at("users").items()) {
    auto url = user.as_string().value_or("");
    if (gcp_same(url, vm.self) ||
        (vm.self.empty() && gcp_leaf(url) == vm.name && gcp_leaf(gcp_zone(url)) == vm.zone))
      return true;
  }
  return false;
}

bool is_external_ipv4(const Value& address) {
  auto type = text_of(address, "addressType");
  return (type.empty() || type == "EXTERNAL") && text_of(address, "ipVersion") != "IPV6" &&
         text_of(address, "address").find(':') == std::string::npos;
}

void stopped_vm(const Site& site, const GcpExports& gcp, const GcpInstance& vm, Findings& out) {
  double cost = 0, gib = 0;
  std::size_t disks = 0, addresses = 0;
  for (const auto& attached : vm.item.at("disks").items()) {
    if (text_of(attached, "type") == "SCRATCH") continue;
    auto source = text_of(attached, "source");
    auto disk = std::ranges::find_if(
        gcp.disks.items, [&](const Value& d) { return gcp_same(source, text_of(d, "selfLink")); });
    if (disk != gcp.disks.items.end() && gcp_marked(*disk, "keep")) continue;
    ++disks;
    gib += disk != gcp.disks.items.end() ? size_of(*disk) : size_of(attached, "diskSizeGb");
    cost +=
        disk != gcp.disks.items.end() ? price_of(*disk) : size_of(attached, "diskSizeGb") * disk_price("");
  }
  for (const auto& address : gcp.addresses.items)
    if (is_external_ipv4(address) && uses(address, vm) && !gcp_marked(address, "keep")) {
      ++addresses;
      cost += idle_address_price();
    }
  if (disks + addresses == 0) return;
  out.add(gcp_place(site, gcp.instances, vm.item))
      .found(
          "{} is {}, with {} of {:.0f} GiB{}: {}", printable(vm.name), printable(vm.status),
          disks == 1 ? "1 disk" : fmt::format("{} disks", disks), gib,
          addresses > 0 ? fmt::format(" and {} static address{}", addresses, addresses > 1 ? "es" : "") : "",
          monthly(cost))
      .wanted("running, deleted, or labelled keep")
      .message("{} does nothing and still costs about {}", printable(vm.name), monthly(cost))
      .fix(
          "snapshot what is needed, then: gcloud compute instances delete {0} --zone={1}; or keep it on "
          "purpose: gcloud "
          "compute instances add-labels {0} --zone={1} --labels=keep=true",
          printable(vm.name), vm.zone)
      .about("instance {}", vm.name);
}

/// In a multi-region (US, EU, ASIA) or dual-region (NAM4, EUR4, …) every region of that part of the world.
bool covers(std::string_view location, std::string_view region) {
  auto place = lower(location);
  if (place == region) return true;
  auto part = [&](std::string_view prefix) { return region.starts_with(prefix); };
  if (place == "us") return part("us-");
  if (place == "nam4") return region == "us-central1" || region == "us-east1";
  if (place == "eu") return part("europe-");
  if (place == "eur4") return region == "europe-north1" || region == "europe-west4";
  if (place == "eur5") return region == "europe-west1" || region == "europe-west2";
  if (place == "eur7") return region == "europe-west2" || region == "europe-west3";
  if (place == "eur8") return region == "europe-west3" || region == "europe-west6";
  if (place == "asia") return part("asia-");
  if (place == "asia1") return region == "asia-northeast1" || region == "asia-northeast2";
  return false;
}

/// A dual-region that the user put together lists its parts.
bool holds(const Value& bucket, const std::string& region) {
  if (covers(text_of(bucket, "location"), region)) return true;
  for (const auto* list : {"dataLocations", "data_locations"})
    for (const auto& place : bucket.find("customPlacementConfig", list).items())
      if (lower(place.as_string().value_or("")) == region) return true;
  for (const auto& place : bucket.find("custom_placement_config", "dataLocations").items())
    if (lower(place.as_string().value_or("")) == region) return true;
  return false;
}

std::string bucket_name(const Value& bucket) {
  auto name = text_of(bucket, "name");
  if (name.empty()) name = text_of(bucket, "id");
  return name;
}

/// "gs:NAME:/path" of restic, "gs://NAME/path".
bool is_target(std::string_view target, std::string_view bucket) {
  if (!target.starts_with("gs:")) return false;
  target.remove_prefix(3);
  target.remove_prefix(std::min(target.find_first_not_of('/'), target.size()));
  return target.substr(0, target.find_first_of(":/")) == bucket;
}

/// Far away on purpose.
bool is_off_site(const GcpExports& gcp, const Value& bucket) {
  auto name = lower(bucket_name(bucket));
  for (const auto& backup : gcp.mesh.backups)
    if (backup.offsite && is_target(backup.target, bucket_name(bucket))) return true;
  for (std::string_view word : {"backup", "offsite", "off-site", "off_site", "disaster"})
    if (name.find(word) != std::string::npos || gcp_marked(bucket, word)) return true;
  return false;
}

bool stateless(const GcpExports& gcp, const Value& disk) {
  if (gcp_marked(disk, "stateless")) return true;
  for (const auto& vm : gcp.vms) {
    if (!uses(disk, vm)) continue;
    if (gcp_marked(vm.item, "stateless")) return true;
    if (std::ranges::find(vm.tags, "stateless") != vm.tags.end()) return true;
    // Made by a managed group, which makes it anew from its template.
    for (const auto& item : vm.item.find("metadata", "items").items())
      if (text_of(item, "key") == "created-by" &&
          text_of(item, "value").find("/instanceGroupManagers/") != std::string::npos)
        return true;
  }
  return false;
}

}  // namespace

void gcp_idle_resources(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  if (gcp_needs(gcp.instances, out))
    for (const auto& vm : gcp.vms) {
      bool stopped = vm.status == "TERMINATED" || vm.status == "STOPPED" || vm.status == "SUSPENDED";
      if (stopped && !gcp_marked(vm.item, "keep")) stopped_vm(site, gcp, vm, out);
    }
  if (gcp_needs(gcp.disks, out))
    for (const auto& disk : gcp.disks.items) {
      if (disk.at("users").size() > 0 || gcp_marked(disk, "keep")) continue;
      auto name = text_of(disk, "name");
      auto zone = gcp_leaf(text_of(disk, "zone"));
      auto place = zone.empty() ? "--region=" + gcp_leaf(text_of(disk, "region")) : "--zone=" + zone;
      out.add(gcp_place(site, gcp.disks, disk))
          .found("{}: {:.0f} GiB of {}, attached to nothing: {}", printable(name), size_of(disk),
                 gcp_leaf(text_of(disk, "type")), monthly(price_of(disk)))
          .wanted("attached, deleted, or labelled keep")
          .message("no VM uses the disk {}, and it costs about {}", printable(name), monthly(price_of(disk)))
          .fix(
              "gcloud compute snapshots create {0}-last --source-disk={0} {1} && gcloud compute disks delete "
              "{0} {1}; or keep it: gcloud "
              "compute disks add-labels {0} {1} --labels=keep=true",
              printable(name), place)
          .about("disk {}", name);
    }
  if (gcp_needs(gcp.addresses, out))
    for (const auto& address : gcp.addresses.items) {
      bool idle = text_of(address, "status") == "RESERVED" && address.at("users").size() == 0;
      if (!idle || !is_external_ipv4(address) || gcp_marked(address, "keep")) continue;
      auto name = text_of(address, "name");
      auto region = gcp_leaf(text_of(address, "region"));
      out.add(gcp_place(site, gcp.addresses, address))
          .found("{} ({}) is reserved and unused: {}", printable(name),
                 printable(text_of(address, "address")), monthly(idle_address_price()))
          .wanted("in use, released, or labelled keep")
          .message("the address {} leads nowhere and costs more than one that is in use", printable(name))
          .fix("gcloud compute addresses delete {} {}", printable(name),
               region.empty() ? "--global" : "--region=" + region)
          .about("address {}", name);
    }
}

void gcp_unpartitioned_tables(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  if (!gcp_needs(gcp.tables, out)) return;
  constexpr double kGiB = 1024.0 * 1024 * 1024;
  for (const auto& table : gcp.tables.items) {
    auto type = text_of(table, "type");
    if (!type.empty() && type != "TABLE") continue;
    if (table.at("timePartitioning") || table.at("rangePartitioning") ||
        table.find("clustering", "fields").size() > 0)
      continue;
    auto reference = table.at("tableReference");
    if (!reference) continue;
    auto name = fmt::format("{}.{}", text_of(reference, "datasetId"), text_of(reference, "tableId"));
    if (!table.at("numBytes")) {
      // What `bq ls` prints.
      out.skip(fmt::format("{}: {}", gcp.tables.file, printable(name)),
               "its size is not in the export: use bq show --format=prettyjson");
      continue;
    }
    auto bytes = size_of(table, "numBytes");
    if (bytes <= kGiB) continue;
    out.add(gcp_place(site, gcp.tables, reference, "tableId"))
        .found("{}: {}, neither partitioned nor clustered", printable(name),
               bytes_text(static_cast<std::uint64_t>(bytes)))
        .wanted("partitioned by a date or number, or clustered")
        .message("every query reads, and pays for, all {} of {}",
                 bytes_text(static_cast<std::uint64_t>(bytes)), printable(name))
        .fix(
            "CREATE TABLE {0}_new PARTITION BY DATE(COLUMN) CLUSTER BY KEY AS SELECT * FROM {0}; then rename",
            printable(name))
        .about("table {}", name);
  }
}

void gcp_far_buckets(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  if (!gcp_needs(gcp.instances, out)) return;
  auto nodes = gcp.nodes();
  if (nodes.empty()) return;
  if (!gcp_needs(gcp.buckets, out)) return;
  // Where mesh.toml names buckets, those are the mesh's.
  bool named = false;
  for (const auto& bucket : gcp.buckets.items)
    for (const auto& backup : gcp.mesh.backups)
      named = named || is_target(backup.target, bucket_name(bucket));
  for (const auto& bucket : gcp.buckets.items) {
    auto name = bucket_name(bucket);
    bool ours = !named || std::ranges::any_of(gcp.mesh.backups,
                                              [&](const BackupSpec& b) { return is_target(b.target, name); });
    if (!ours || text_of(bucket, "location").empty() || is_off_site(gcp, bucket)) continue;
    std::vector<std::string> far;
    for (const auto* node : nodes)
      if (!node->region.empty() && !holds(bucket, node->region))
        far.push_back(fmt::format("{} ({})", printable(node->name), node->region));
    if (far.empty()) continue;
    out.add(gcp_place(site, gcp.buckets, bucket, bucket.at("name") ? "name" : "id"))
        .found("{} is in {}, nodes outside of it: {}", printable(name),
               printable(text_of(bucket, "location")), join(far, ", "))
        .wanted("bucket and nodes in one region")
        .message("every byte between them crosses regions: it is slower, and paid as egress")
        .fix(
            "make the bucket anew in {} and copy it: gcloud storage buckets create gs://{}-near "
            "--location={}",
            nodes.front()->region, printable(name), nodes.front()->region)
        .about("bucket {}", name);
  }
}

void gcp_no_snapshots(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  if (!gcp_needs(gcp.disks, out)) return;
  auto is_schedule = [&](const std::string& url) {
    if (!gcp.resource_policies.there()) return true;
    return std::ranges::any_of(gcp.resource_policies.items, [&](const Value& policy) {
      auto self = text_of(policy, "selfLink");
      bool same = self.empty() ? gcp_leaf(url) == text_of(policy, "name") : gcp_same(self, url);
      return same && policy.at("snapshotSchedulePolicy") && text_of(policy, "status") != "EXPIRED";
    });
  };
  bool any_policy = false;
  for (const auto& disk : gcp.disks.items) {
    bool scheduled = false;
    for (const auto& policy : disk.at("resourcePolicies").items()) {
      any_policy = true;
      scheduled = scheduled || is_schedule(policy.as_string().value_or(""));
    }
    if (scheduled || stateless(gcp, disk)) continue;
    auto name = text_of(disk, "name");
    auto zone = gcp_leaf(text_of(disk, "zone"));
    auto region = gcp_region(zone.empty() ? text_of(disk, "region") : zone);
    out.add(gcp_place(site, gcp.disks, disk))
        .found("{}: {}", printable(name),
               disk.at("resourcePolicies").size() > 0 ? "its policies are no snapshot schedule"
                                                      : "no resource policy")
        .wanted("a snapshot schedule, or the label stateless")
        .message("when {} is lost or overwritten there is nothing to go back to", printable(name))
        .fix(
            "gcloud compute resource-policies create snapshot-schedule daily --region={1} --daily-schedule "
            "--start-time=03:00 "
            "--max-retention-days=14; gcloud compute disks add-resource-policies {0} {2} "
            "--resource-policies=daily",
            printable(name), region, zone.empty() ? "--region=" + region : "--zone=" + zone)
        .about("disk {}", name);
  }
  // Whether those policies make snapshots is told only there.
  if (any_policy) gcp_needs(gcp.resource_policies, out);
}

}  // namespace meshops::audit
