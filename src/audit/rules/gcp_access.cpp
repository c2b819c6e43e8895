// GCP-009 to GCP-012: who may do what.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

#include "audit/gcp_checks.h"
#include "base/text.h"

namespace meshops::audit {

using namespace std::chrono_literals;

namespace {

using json5::Value;

constexpr std::string_view kDefaultAccount = "-compute@developer.gserviceaccount.com";

std::vector<std::string> members_of(const Value& binding) {
  std::vector<std::string> out;
  for (const auto& member : binding.at("members").items()) out.push_back(member.as_string().value_or(""));
  return out;
}

/// The policy's bindings, also where several policies stand in one file.
std::vector<Value> bindings_of(const GcpExports& gcp) {
  std::vector<Value> out;
  for (const auto& item : gcp.iam.items) {
    for (const auto& binding : item.at("bindings").items()) out.push_back(binding);
    if (item.at("role") && item.at("members")) out.push_back(item);
  }
  return out;
}

bool is_primitive(std::string_view role) {
  return role == "roles/owner" || role == "roles/editor" || role == "roles/viewer";
}

/// What Google itself needs in every project: taking it away breaks the project.
bool is_of_google(std::string_view member) { return member.ends_with("@cloudservices.gserviceaccount.com"); }

struct ExternalAddressPolicy {
  Value item;
  bool denied = false;  // to all but `allowed`
  std::vector<std::string> allowed, refused;
  bool sets() const { return denied || !allowed.empty() || !refused.empty(); }
};

void take(const Value& list, std::vector<std::string>& into) {
  for (const auto& value : list.items()) into.push_back(value.as_string().value_or(""));
}

std::optional<ExternalAddressPolicy> external_address_policy(const GcpExports& gcp) {
  std::optional<ExternalAddressPolicy> out;
  for (const auto& item : gcp.org_policy.items) {
    auto name = text_of(item, "constraint");
    if (name.empty()) name = text_of(item, "name");
    if (gcp_leaf(name) != "compute.vmExternalIpAccess") continue;
    ExternalAddressPolicy p{.item = item};
    auto old = item.at("listPolicy");
    if (text_of(old, "allValues") == "DENY") p.denied = true;
    take(old.at("allowedValues"), p.allowed);
    take(old.at("deniedValues"), p.refused);
    for (const auto& rule : item.find("spec", "rules").items()) {
      p.denied = p.denied || rule.at("denyAll").as_bool().value_or(false);
      take(rule.find("values", "allowedValues"), p.allowed);
      take(rule.find("values", "deniedValues"), p.refused);
    }
    if (!out || p.sets()) out = std::move(p);
  }
  return out;
}

/// "projects/p/zones/z/instances/i", "is:…", "under:projects/p".
bool names(const std::vector<std::string>& values, const GcpInstance& vm) {
  auto own = gcp_path(vm.self.empty()
                          ? fmt::format("projects/{}/zones/{}/instances/{}", vm.project, vm.zone, vm.name)
                          : vm.self);
  return std::ranges::any_of(values, [&](std::string_view value) {
    if (value.starts_with("is:")) value.remove_prefix(3);
    if (value.starts_with("under:")) return own.starts_with(std::string(value.substr(6)) + "/");
    return own == value;
  });
}

/// Peers look for it at its external address.
bool needs_external(const GcpExports& gcp, const GcpInstance& vm) {
  if (!vm.mesh || !vm.external()) return false;
  if (!gcp.mesh_known) return true;
  for (const auto& node : gcp.mesh.nodes)
    for (const auto& i : vm.interfaces)
      if (std::ranges::find(i.addresses, node.address) != i.addresses.end()) return true;
  return false;
}

}  // namespace

void gcp_primitive_roles(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  if (!gcp_needs(gcp.iam, out)) return;
  auto bindings = bindings_of(gcp);
  // One person may hold the key for the day when all else is lost.
  std::set<std::string> owners;
  for (const auto& binding : bindings)
    if (text_of(binding, "role") == "roles/owner")
      for (const auto& member : members_of(binding))
        if (member.starts_with("user:")) owners.insert(member);
  for (const auto& binding : bindings) {
    auto role = text_of(binding, "role");
    if (!is_primitive(role)) continue;
    auto members = members_of(binding);
    std::erase_if(members, [&](const std::string& m) {
      return is_of_google(m) || (role == "roles/owner" && owners.size() == 1 && owners.contains(m));
    });
    if (members.empty()) continue;
    auto some = std::span(members).first(std::min<std::size_t>(members.size(), 5));
    out.add(gcp_place(site, gcp.iam, binding, "role"))
        .found("{} bound to {}{}", role, printable(join(some, ", ")),
               members.size() > some.size() ? fmt::format(" and {} more", members.size() - some.size()) : "")
        .wanted("roles for what each of them does; roles/owner for one person only")
        .message("{} holds for every service of the project: one stolen token is the whole project{}", role,
                 role == "roles/viewer" ? "'s data" : "")
        .fix(
            "gcloud projects add-iam-policy-binding PROJECT --member={0} --role=ROLE_IT_NEEDS, then gcloud "
            "projects "
            "remove-iam-policy-binding PROJECT --member={0} --role={1}",
            printable(members.front()), role)
        .about("{}{}", role, binding.at("condition") ? " " + text_of(binding.at("condition"), "title") : "");
  }
}

void gcp_user_keys(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  if (!gcp_needs(gcp.keys, out)) return;
  for (const auto& key : gcp.keys.items) {
    if (text_of(key, "keyType") != "USER_MANAGED") continue;
    auto name = text_of(key, "name");
    auto id = gcp_leaf(name);
    auto account = name;
    if (auto at = account.find("/serviceAccounts/"); at != std::string::npos)
      account = account.substr(at + 17);
    account = account.substr(0, account.find("/keys/"));
    auto made = parse_iso8601(text_of(key, "validAfterTime"));
    auto disabled = key.at("disabled").as_bool().value_or(false);
    auto draft = out.add(gcp_place(site, gcp.keys, key));
    draft
        .found("{}: key {}…, {}{}", printable(account), printable(id.substr(0, 8)),
               made ? fmt::format("{} old", about(std::chrono::duration_cast<Duration>(site.now() - *made)))
                    : "of unknown age",
               disabled ? ", disabled" : "")
        .wanted("no key: Workload Identity, or the VM's own account")
        .message("whoever has this file is {}, from anywhere, until somebody deletes the key",
                 printable(account))
        .fix(
            "move its users to Workload Identity Federation or an attached account, then: gcloud iam "
            "service-accounts keys delete {} "
            "--iam-account={}",
            printable(id), printable(account))
        .about("{} {}", account, id);
    if (disabled) draft.severity(Severity::low);
  }
}

void gcp_default_account(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  if (!gcp_needs(gcp.instances, out)) return;
  bool told_missing = false;
  for (const auto& vm : gcp.vms)
    for (const auto& account : vm.item.at("serviceAccounts").items()) {
      auto email = text_of(account, "email");
      if (!email.ends_with(kDefaultAccount)) continue;
      bool full = false;
      for (const auto& scope : account.at("scopes").items()) {
        auto name = gcp_leaf(scope.as_string().value_or(""));
        full = full || name == "cloud-platform";
      }
      bool editor = false;
      for (const auto& binding : bindings_of(gcp)) {
        auto role = text_of(binding, "role");
        if (role != "roles/editor" && role != "roles/owner") continue;
        auto members = members_of(binding);
        editor = editor || std::ranges::find(members, "serviceAccount:" + email) != members.end();
      }
      if (!full && !gcp.iam.there() && !told_missing) told_missing = !gcp_needs(gcp.iam, out);
      if (!full && !editor) continue;
      out.add(gcp_place(site, gcp.instances, vm.item))
          .found("{}: {}{}{}", printable(vm.name), printable(email),
                 full ? " with the scope cloud-platform" : "", editor ? ", bound as Editor" : "")
          .wanted("an account of its own with the few roles it needs")
          .message("whoever gets into {} can {} in the whole project", printable(vm.name),
                   editor ? "change nearly everything" : "do all that the default account may")
          .fix(
              "gcloud iam service-accounts create {0}-sa; gcloud compute instances stop {0} --zone={1}; "
              "gcloud compute instances "
              "set-service-account {0} --zone={1} --service-account={0}-sa@{2}.iam.gserviceaccount.com "
              "--scopes=cloud-platform",
              printable(vm.name), vm.zone, vm.project.empty() ? "PROJECT" : vm.project)
          .about("instance {}", vm.name);
    }
}

void gcp_external_address_policy(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  if (!gcp_needs(gcp.org_policy, out)) return;
  auto policy = external_address_policy(gcp);
  auto place = [&] {
    return policy ? gcp_place(site, gcp.org_policy, policy->item,
                              policy->item.at("constraint") ? "constraint" : "name")
                  : site.at("/" + gcp.org_policy.file, 1);
  };
  if (!policy || !policy->sets()) {
    out.add(place())
        .found("constraints/compute.vmExternalIpAccess {}", policy ? "allows every VM" : "is not set")
        .wanted("only the VMs that need an external address")
        .message("any new VM of the project may be put on the internet, by mistake too")
        .fix(
            "gcloud resource-manager org-policies allow compute.vmExternalIpAccess "
            "projects/PROJECT/zones/ZONE/instances/NODE "
            "--project=PROJECT")
        .about("compute.vmExternalIpAccess");
    return;
  }
  if (!gcp_needs(gcp.instances, out)) return;
  for (const auto& vm : gcp.vms) {
    if (!needs_external(gcp, vm)) continue;
    bool blocked = names(policy->refused, vm) ||
                   ((policy->denied || !policy->allowed.empty()) && !names(policy->allowed, vm));
    if (!blocked) continue;
    out.add(place())
        .severity(Severity::high)
        .found("constraints/compute.vmExternalIpAccess does not allow {}", printable(vm.name))
        .wanted("the nodes that peers reach by an external address are allowed")
        .message("{} keeps its external address only until it is made anew; then its peers cannot reach it",
                 printable(vm.name))
        .fix("gcloud resource-manager org-policies allow compute.vmExternalIpAccess {} --project={}",
             gcp_path(vm.self.empty()
                          ? fmt::format("projects/{}/zones/{}/instances/{}", vm.project, vm.zone, vm.name)
                          : vm.self),
             vm.project.empty() ? "PROJECT" : vm.project)
        .about("instance {}", vm.name);
  }
}

}  // namespace meshops::audit
