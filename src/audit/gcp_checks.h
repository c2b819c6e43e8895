// The checks behind the rules of GCP, for the table in rules/gcp.cpp.
#pragma once

#include "audit/gcp_exports.h"
#include "audit/rule.h"

namespace meshops::audit {

void gcp_idle_resources(const Site& site, Findings& out);
void gcp_nat_without_private_access(const Site& site, Findings& out);
void gcp_unpartitioned_tables(const Site& site, Findings& out);
void gcp_far_buckets(const Site& site, Findings& out);
void gcp_open_ingress(const Site& site, Findings& out);
void gcp_no_egress_deny(const Site& site, Findings& out);
void gcp_private_access_off(const Site& site, Findings& out);
void gcp_ephemeral_addresses(const Site& site, Findings& out);
void gcp_primitive_roles(const Site& site, Findings& out);
void gcp_user_keys(const Site& site, Findings& out);
void gcp_default_account(const Site& site, Findings& out);
void gcp_external_address_policy(const Site& site, Findings& out);
void gcp_no_snapshots(const Site& site, Findings& out);
void gcp_split_networks(const Site& site, Findings& out);

}  // namespace meshops::audit
