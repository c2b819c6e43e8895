// The checks of the domain mesh, by file of theirs; mesh.cpp puts them into rules. Nobody else calls them.
#pragma once

#include "audit/rule.h"

namespace meshops::audit::mesh_rules_parts {

// mesh_nodes.cpp
void one_place(const Site& site, Findings& out);   // MSH-001
void unobserved(const Site& site, Findings& out);  // MSH-002
void differs(const Site& site, Findings& out);     // MSH-007
// mesh_watchdogs.cpp
void watchdogs(const Site& site, Findings& out);  // MSH-003
// mesh_hive.cpp
void silent_node(const Site& site, Findings& out);  // MSH-004
// mesh_routes.cpp
void other_route(const Site& site, Findings& out);  // MSH-005
// mesh_drift.cpp
void drift(const Site& site, Findings& out);  // MSH-006

}  // namespace meshops::audit::mesh_rules_parts
