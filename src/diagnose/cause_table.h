// The rows of the catalogue, in three files so that each stays readable. Called by causes.cpp only.
#pragma once

#include <vector>

#include "diagnose/causes.h"

namespace meshops::diagnose {

std::vector<CauseInfo> cause_table_service();  // who runs the service, what it was told
std::vector<CauseInfo> cause_table_outside();  // clients, channels, providers, the network
std::vector<CauseInfo> cause_table_machine();  // memory, disks, files, processes

}  // namespace meshops::diagnose
