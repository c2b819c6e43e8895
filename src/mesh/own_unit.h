// What the units have in common that meshops writes beside its agent: the lines that take their rights away,
// and their end. Used by the one that answers heartbeats and the one that runs Serf. Starts nothing.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "host/services.h"

namespace meshops::mesh {

/// For [Service]. What such a unit needs beyond it (addresses, a directory) it says itself.
constexpr std::string_view kWithoutRights = R"(UMask=0077
OOMScoreAdjust=-500
CPUWeight=500

ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
)";

/// No start at boot any more, and its end. Good if there is no such unit.
boost::asio::awaitable<Status> end_unit(Services& services, std::string unit);

}  // namespace meshops::mesh
