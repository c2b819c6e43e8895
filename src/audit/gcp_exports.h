// What gcloud and bq printed about a project, read from a folder: instances.json, disks.json, … Asked for by
// the rules of GCP. Reads files only; calls no cloud.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "audit/site.h"
#include "formats/json5.h"

namespace meshops::audit {

/// One file. Objects of all its lists, also of a file that several answers were appended to.
struct GcpExport {
  std::string file;                 // "instances.json"
  std::vector<json5::Value> items;  // objects
  std::string problem;              // why it could not be read; empty: it was
  bool there() const { return problem.empty(); }
};

/// A finding's place: the object's name, else the object.
Where gcp_place(const Site& site, const GcpExport& from, const json5::Value& item,
                std::string_view key = "name");

/// A resource by what follows "/projects/": the same whatever host and version its URL has. Of
/// "default" and the like the word itself.
std::string gcp_path(std::string_view url);
/// The word behind the last slash.
std::string gcp_leaf(std::string_view url);
/// The word behind "/zones/" or "/regions/"; empty: neither.
std::string gcp_zone(std::string_view url);
/// "europe-west1" of "europe-west1-b", of a zone's or region's URL, or of a subnet's.
std::string gcp_region(std::string_view text);
/// The project a URL names; empty: none.
std::string gcp_project(std::string_view url);
/// Whether both mean the same resource; a bare name matches any of that name.
bool gcp_same(std::string_view one, std::string_view other);

std::string text_of(const json5::Value& value, std::string_view key);
/// Label or description marks it with that word ("keep", "stateless").
bool gcp_marked(const json5::Value& item, std::string_view word);

/// A VM, with what rules ask of it.
struct GcpInstance {
  json5::Value item;
  std::string name, zone, region, project, status, self;
  struct Interface {
    std::string network, subnetwork, internal;
    bool external = false;               // it has, or gets when it starts, an address of its own
    std::vector<std::string> addresses;  // external ones it has now
  };
  std::vector<Interface> interfaces;
  std::vector<std::string> tags;
  bool mesh = false;  // a node of the mesh, or the mesh is not known
  bool external() const;
};

class GcpExports {
 public:
  static GcpExports gather(const Site& site);

  GcpExport instances, disks, addresses, routers, subnets, firewall, iam, keys, tables, org_policy,
      resource_policies, buckets, networks;
  std::vector<GcpInstance> vms;
  Mesh mesh;  // of the folder, or the owner's
  bool mesh_known = false;

  /// Nodes of the mesh that are VMs here.
  std::vector<const GcpInstance*> nodes() const;
};

/// Tells that the file is missing and how to make it. False: it is missing.
bool gcp_needs(const GcpExport& file, Findings& out);

}  // namespace meshops::audit
