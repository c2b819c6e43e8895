#include "audit/gcp_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace meshops::audit {

namespace {

struct Export {
  std::string_view file;
  std::string_view command;  // {0}: the project
};

constexpr std::array kExports = {
    Export{"instances.json", "gcloud compute instances list --project={0} --format=json > instances.json"},
    Export{"disks.json", "gcloud compute disks list --project={0} --format=json > disks.json"},
    Export{"addresses.json", "gcloud compute addresses list --project={0} --format=json > addresses.json"},
    Export{"routers.json", "gcloud compute routers list --project={0} --format=json > routers.json"},
    Export{"subnets.json", "gcloud compute networks subnets list --project={0} --format=json > subnets.json"},
    Export{"networks.json", "gcloud compute networks list --project={0} --format=json > networks.json"},
    Export{"firewall-rules.json",
           "gcloud compute firewall-rules list --project={0} --format=json > firewall-rules.json"},
    Export{"resource-policies.json",
           "gcloud compute resource-policies list --project={0} --format=json > resource-policies.json"},
    Export{"iam-policy.json", "gcloud projects get-iam-policy {0} --format=json > iam-policy.json"},
    Export{
        "service-account-keys.json",
        "gcloud iam service-accounts list --project={0} --format='value(email)' | while read -r account; do "
        "gcloud iam service-accounts keys list --project={0} --iam-account=\"$account\" --format=json; done "
        "> "
        "service-account-keys.json"},
    Export{"org-policy.json",
           "gcloud resource-manager org-policies list --project={0} --format=json > org-policy.json"},
    Export{"buckets.json", "gcloud storage buckets list --project={0} --format=json > buckets.json"},
    Export{
        "tables.json",
        "bq ls --project_id={0} --format=csv --max_results=10000 | tail -n +2 | while read -r set; do "
        "bq ls --project_id={0} --format=csv --max_results=10000 \"{0}:$set\" | tail -n +2 | cut -d, -f1 | "
        "while read -r table; do bq show --format=prettyjson \"{0}:$set.$table\"; done; done > tables.json"},
};

}  // namespace

std::string export_command(std::string_view file, std::string_view project) {
  const auto* found = std::ranges::find(kExports, file, &Export::file);
  if (found == kExports.end()) return "";
  return fmt::format(fmt::runtime(found->command), project);
}

std::string export_commands(std::string_view project) {
  std::string out =
      "#!/bin/sh\n"
      "# Writes what `meshops audit --gcp .` reads into the current directory; changes nothing in the "
      "project.\n"
      "# Needs roles/viewer and roles/iam.securityReviewer. An organization policy lists only what is set "
      "there.\n"
      "set -u\n";
  for (const auto& e : kExports) out += fmt::format(fmt::runtime(e.command), project) + "\n";
  return out;
}

}  // namespace meshops::audit
