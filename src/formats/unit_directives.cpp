#include "formats/unit_directives.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace meshops::systemd {

namespace {

// What systemd 252 reads, as its own --dump-configuration-items says.

// Of every unit that starts processes: systemd.exec(5).
constexpr std::string_view kExec =
    "WorkingDirectory RootDirectory RootImage RootImageOptions RootHash RootHashSignature RootVerity "
    "ExtensionDirectories ExtensionImages MountImages User Group SupplementaryGroups Nice "
    "OOMScoreAdjust CoredumpFilter IOSchedulingClass IOSchedulingPriority CPUSchedulingPolicy "
    "CPUSchedulingPriority CPUSchedulingResetOnFork CPUAffinity NUMAPolicy NUMAMask UMask Environment "
    "EnvironmentFile PassEnvironment UnsetEnvironment DynamicUser RemoveIPC StandardInput "
    "StandardOutput StandardError StandardInputText StandardInputData TTYPath TTYReset TTYVHangup "
    "TTYVTDisallocate TTYRows TTYColumns SyslogIdentifier SyslogFacility SyslogLevel SyslogLevelPrefix "
    "LogLevelMax LogRateLimitIntervalSec LogRateLimitBurst LogExtraFields SecureBits "
    "CapabilityBoundingSet AmbientCapabilities TimerSlackNSec NoNewPrivileges KeyringMode ProtectProc "
    "ProcSubset SystemCallFilter SystemCallArchitectures SystemCallErrorNumber SystemCallLog "
    "MemoryDenyWriteExecute RestrictNamespaces RestrictRealtime RestrictSUIDSGID "
    "RestrictAddressFamilies LockPersonality RestrictFileSystems LimitCPU LimitFSIZE LimitDATA "
    "LimitSTACK LimitCORE LimitRSS LimitNOFILE LimitAS LimitNPROC LimitMEMLOCK LimitLOCKS "
    "LimitSIGPENDING LimitMSGQUEUE LimitNICE LimitRTPRIO LimitRTTIME ReadWriteDirectories "
    "ReadOnlyDirectories InaccessibleDirectories ReadWritePaths ReadOnlyPaths InaccessiblePaths "
    "ExecPaths NoExecPaths ExecSearchPath BindPaths BindReadOnlyPaths TemporaryFileSystem PrivateTmp "
    "PrivateDevices ProtectKernelTunables ProtectKernelModules ProtectKernelLogs ProtectClock "
    "ProtectControlGroups NetworkNamespacePath IPCNamespacePath LogNamespace PrivateNetwork "
    "PrivateUsers PrivateMounts PrivateIPC ProtectSystem ProtectHome MountFlags MountAPIVFS "
    "Personality RuntimeDirectoryPreserve RuntimeDirectoryMode RuntimeDirectory StateDirectoryMode "
    "StateDirectory CacheDirectoryMode CacheDirectory LogsDirectoryMode LogsDirectory "
    "ConfigurationDirectoryMode ConfigurationDirectory SetCredential SetCredentialEncrypted "
    "LoadCredential LoadCredentialEncrypted TimeoutCleanSec PAMName IgnoreSIGPIPE UtmpIdentifier "
    "UtmpMode SELinuxContext AppArmorProfile SmackProcessLabel ProtectHostname";
// systemd.kill(5).
constexpr std::string_view kKill =
    "SendSIGKILL SendSIGHUP KillMode KillSignal RestartKillSignal FinalKillSignal WatchdogSignal";
// systemd.resource-control(5).
constexpr std::string_view kControlGroup =
    "Slice AllowedCPUs StartupAllowedCPUs AllowedMemoryNodes StartupAllowedMemoryNodes CPUAccounting "
    "CPUWeight StartupCPUWeight CPUShares StartupCPUShares CPUQuota CPUQuotaPeriodSec MemoryAccounting "
    "MemoryMin DefaultMemoryMin DefaultMemoryLow MemoryLow MemoryHigh MemoryMax MemorySwapMax "
    "MemoryLimit DeviceAllow DevicePolicy IOAccounting IOWeight StartupIOWeight IODeviceWeight "
    "IOReadBandwidthMax IOWriteBandwidthMax IOReadIOPSMax IOWriteIOPSMax IODeviceLatencyTargetSec "
    "BlockIOAccounting BlockIOWeight StartupBlockIOWeight BlockIODeviceWeight BlockIOReadBandwidth "
    "BlockIOWriteBandwidth TasksAccounting TasksMax Delegate DisableControllers IPAccounting "
    "IPAddressAllow IPAddressDeny IPIngressFilterPath IPEgressFilterPath ManagedOOMSwap "
    "ManagedOOMMemoryPressure ManagedOOMMemoryPressureLimit ManagedOOMPreference BPFProgram "
    "SocketBindAllow SocketBindDeny RestrictNetworkInterfaces";
constexpr std::string_view kUnit =
    "Description Documentation SourcePath Requires Requisite Wants BindsTo BindTo Upholds Conflicts "
    "Before After OnSuccess OnFailure PropagatesReloadTo PropagateReloadTo ReloadPropagatedFrom "
    "PropagateReloadFrom PropagatesStopTo StopPropagatedFrom PartOf JoinsNamespaceOf "
    "RequiresOverridable RequisiteOverridable RequiresMountsFor StopWhenUnneeded RefuseManualStart "
    "RefuseManualStop AllowIsolate DefaultDependencies OnSuccessJobMode OnFailureJobMode "
    "OnFailureIsolate IgnoreOnIsolate JobTimeoutSec JobRunningTimeoutSec JobTimeoutAction "
    "JobTimeoutRebootArgument StartLimitIntervalSec StartLimitInterval StartLimitBurst "
    "StartLimitAction FailureAction SuccessAction FailureActionExitStatus SuccessActionExitStatus "
    "RebootArgument ConditionPathExists ConditionPathExistsGlob ConditionPathIsDirectory "
    "ConditionPathIsSymbolicLink ConditionPathIsMountPoint ConditionPathIsReadWrite "
    "ConditionPathIsEncrypted ConditionDirectoryNotEmpty ConditionFileNotEmpty "
    "ConditionFileIsExecutable ConditionNeedsUpdate ConditionFirstBoot ConditionArchitecture "
    "ConditionFirmware ConditionVirtualization ConditionHost ConditionKernelCommandLine "
    "ConditionKernelVersion ConditionCredential ConditionSecurity ConditionCapability ConditionACPower "
    "ConditionMemory ConditionCPUFeature ConditionCPUs ConditionEnvironment ConditionUser "
    "ConditionGroup ConditionControlGroupController ConditionOSRelease ConditionMemoryPressure "
    "ConditionCPUPressure ConditionIOPressure AssertPathExists AssertPathExistsGlob "
    "AssertPathIsDirectory AssertPathIsSymbolicLink AssertPathIsMountPoint AssertPathIsReadWrite "
    "AssertPathIsEncrypted AssertDirectoryNotEmpty AssertFileNotEmpty AssertFileIsExecutable "
    "AssertNeedsUpdate AssertFirstBoot AssertArchitecture AssertVirtualization AssertHost "
    "AssertKernelCommandLine AssertKernelVersion AssertCredential AssertSecurity AssertCapability "
    "AssertACPower AssertMemory AssertCPUFeature AssertCPUs AssertEnvironment AssertUser AssertGroup "
    "AssertControlGroupController AssertOSRelease AssertMemoryPressure AssertCPUPressure "
    "AssertIOPressure CollectMode";
constexpr std::string_view kService =
    "PIDFile ExecCondition ExecStartPre ExecStart ExecStartPost ExecReload ExecStop ExecStopPost "
    "RestartSec TimeoutSec TimeoutStartSec TimeoutStopSec TimeoutAbortSec TimeoutStartFailureMode "
    "TimeoutStopFailureMode RuntimeMaxSec RuntimeRandomizedExtraSec WatchdogSec StartLimitInterval "
    "StartLimitBurst StartLimitAction FailureAction RebootArgument Type ExitType Restart "
    "PermissionsStartOnly RootDirectoryStartOnly RemainAfterExit GuessMainPID RestartPreventExitStatus "
    "RestartForceExitStatus SuccessExitStatus NonBlocking BusName FileDescriptorStoreMax NotifyAccess "
    "Sockets USBFunctionDescriptors USBFunctionStrings OOMPolicy";
constexpr std::string_view kSocket =
    "ListenStream ListenDatagram ListenSequentialPacket ListenFIFO ListenNetlink ListenSpecial "
    "ListenMessageQueue ListenUSBFunction SocketProtocol BindIPv6Only Backlog BindToDevice "
    "ExecStartPre ExecStartPost ExecStopPre ExecStopPost TimeoutSec SocketUser SocketGroup SocketMode "
    "DirectoryMode Accept FlushPending Writable MaxConnections MaxConnectionsPerSource KeepAlive "
    "KeepAliveTimeSec KeepAliveIntervalSec KeepAliveProbes DeferAcceptSec NoDelay Priority "
    "ReceiveBuffer SendBuffer IPTOS IPTTL Mark PipeSize FreeBind Transparent Broadcast PassCredentials "
    "PassSecurity PassPacketInfo Timestamping TCPCongestion ReusePort MessageQueueMaxMessages "
    "MessageQueueMessageSize RemoveOnStop Symlinks FileDescriptorName Service TriggerLimitIntervalSec "
    "TriggerLimitBurst SmackLabel SmackLabelIPIn SmackLabelIPOut SELinuxContextFromNet";
constexpr std::string_view kMount =
    "What Where Options Type TimeoutSec DirectoryMode SloppyOptions LazyUnmount ForceUnmount "
    "ReadWriteOnly";
constexpr std::string_view kAutomount = "Where ExtraOptions DirectoryMode TimeoutIdleSec";
constexpr std::string_view kSwap = "What Priority Options TimeoutSec";
constexpr std::string_view kTimer =
    "OnCalendar OnActiveSec OnBootSec OnStartupSec OnUnitActiveSec OnUnitInactiveSec OnClockChange "
    "OnTimezoneChange Persistent WakeSystem RemainAfterElapse FixedRandomDelay AccuracySec "
    "RandomizedDelaySec Unit";
constexpr std::string_view kPath =
    "PathExists PathExistsGlob PathChanged PathModified DirectoryNotEmpty Unit MakeDirectory "
    "DirectoryMode TriggerLimitIntervalSec TriggerLimitBurst";
constexpr std::string_view kScope = "RuntimeMaxSec RuntimeRandomizedExtraSec TimeoutStopSec OOMPolicy";
constexpr std::string_view kInstall = "Alias WantedBy RequiredBy Also DefaultInstance";

/// Gone, and ignored with a word about it.
constexpr std::string_view kRemoved = "Capabilities NetClass SysVStartPriority IgnoreOnSnapshot";

/// No name is longer, nor is what was meant by one: distances of long words take long.
constexpr std::size_t kLongest = 64;

struct Section {
  std::string_view name;
  std::array<std::string_view, 4> lists;
};
constexpr std::array<Section, 11> kSections = {{
    {"Unit", {kUnit}},
    {"Install", {kInstall}},
    {"Service", {kService, kExec, kKill, kControlGroup}},
    {"Socket", {kSocket, kExec, kKill, kControlGroup}},
    {"Mount", {kMount, kExec, kKill, kControlGroup}},
    {"Swap", {kSwap, kExec, kKill, kControlGroup}},
    {"Timer", {kTimer}},
    {"Path", {kPath}},
    {"Automount", {kAutomount}},
    {"Slice", {kControlGroup}},
    {"Scope", {kScope, kKill, kControlGroup}},
}};

/// Directives younger than 252.
struct Newer {
  std::string_view
      section;  // those of [Exec] stand wherever processes are started, those of [CGroup] in slices, too
  std::string_view directive;
  unsigned version;
};
constexpr Newer kNewer[] = {
    {"Unit", "SurviveFinalKillSignal", 255},
    {"Unit", "AssertFirmware", 253},
    {"Unit", "AssertVersion", 257},
    {"Unit", "ConditionVersion", 257},
    {"Unit", "AssertKernelModuleLoaded", 257},
    {"Unit", "ConditionKernelModuleLoaded", 257},
    {"Unit", "WantsMountsFor", 255},
    {"Service", "RestartSteps", 254},
    {"Service", "RestartMaxDelaySec", 254},
    {"Service", "RestartMode", 254},
    {"Service", "ReloadSignal", 253},
    {"Service", "OpenFile", 253},
    {"Service", "FileDescriptorStorePreserve", 254},
    {"Service", "ExecReloadPost", 258},
    {"Service", "RefreshOnReload", 258},
    {"Service", "RootDirectoryFileDescriptor", 256},
    {"Timer", "DeferReactivation", 257},
    {"Socket", "PollLimitIntervalSec", 255},
    {"Socket", "PollLimitBurst", 255},
    {"Socket", "PassFileDescriptorsToExec", 256},
    {"Socket", "DeferTrigger", 258},
    {"Socket", "DeferTriggerMaxSec", 258},
    {"Socket", "PassPIDFD", 258},
    {"Slice", "ConcurrencyHardMax", 258},
    {"Slice", "ConcurrencySoftMax", 258},
    {"Exec", "ImportCredential", 254},
    {"Exec", "MemoryKSM", 254},
    {"Exec", "PrivatePIDs", 257},
    {"Exec", "PrivateBPF", 258},
    {"Exec", "ExtensionImagePolicy", 254},
    {"Exec", "MountImagePolicy", 254},
    {"Exec", "RootImagePolicy", 254},
    {"Exec", "RootEphemeral", 254},
    {"Exec", "SetLoginEnvironment", 255},
    {"Exec", "StateDirectoryQuota", 258},
    {"Exec", "CacheDirectoryQuota", 258},
    {"Exec", "LogsDirectoryQuota", 258},
    {"Exec", "StateDirectoryAccounting", 258},
    {"Exec", "CacheDirectoryAccounting", 258},
    {"Exec", "LogsDirectoryAccounting", 258},
    {"Exec", "BPFDelegateAttachments", 258},
    {"Exec", "BPFDelegateCommands", 258},
    {"Exec", "BPFDelegateMaps", 258},
    {"Exec", "BPFDelegatePrograms", 258},
    {"CGroup", "MemoryZSwapMax", 253},
    {"CGroup", "MemoryZSwapWriteback", 256},
    {"CGroup", "StartupMemoryLow", 253},
    {"CGroup", "StartupMemoryHigh", 253},
    {"CGroup", "StartupMemoryMax", 253},
    {"CGroup", "StartupMemorySwapMax", 253},
    {"CGroup", "StartupMemoryZSwapMax", 253},
    {"CGroup", "DefaultStartupMemoryLow", 253},
    {"CGroup", "MemoryPressureWatch", 254},
    {"CGroup", "MemoryPressureThresholdSec", 254},
    {"CGroup", "DelegateSubgroup", 254},
    {"CGroup", "NFTSet", 255},
    {"CGroup", "CoredumpReceive", 255},
    {"CGroup", "ManagedOOMMemoryPressureDurationSec", 257},
};

bool in_list(std::string_view list, std::string_view word) {
  for (std::size_t at = 0; (at = list.find(word, at)) != std::string_view::npos; at += word.size()) {
    bool begins = at == 0 || list[at - 1] == ' ';
    bool ends = at + word.size() == list.size() || list[at + word.size()] == ' ';
    if (begins && ends) return true;
  }
  return false;
}

const Section* find(std::string_view section) {
  const auto* found = std::ranges::find(kSections, section, &Section::name);
  return found == kSections.end() ? nullptr : found;
}

}  // namespace

bool is_extension(std::string_view name) { return name.starts_with("X-"); }

bool is_section(std::string_view section, std::string_view unit_type) {
  if (section == "Unit" || section == "Install") return true;
  if (find(section) == nullptr) return false;
  return unit_type.empty() || lower(section) == unit_type;
}

bool knows(std::string_view section, std::string_view directive) {
  const auto* found = find(section);
  if (found == nullptr || directive.empty() || directive.find(' ') != std::string_view::npos) return false;
  return std::ranges::any_of(found->lists, [&](auto list) { return in_list(list, directive); });
}

bool was_removed(std::string_view directive) { return !directive.empty() && in_list(kRemoved, directive); }

std::optional<unsigned> since_version(std::string_view section, std::string_view directive) {
  bool starts = section == "Service" || section == "Socket" || section == "Mount" || section == "Swap";
  bool controls = starts || section == "Slice" || section == "Scope";
  for (const auto& newer : kNewer)
    if (newer.directive == directive && (newer.section == section || (newer.section == "Exec" && starts) ||
                                         (newer.section == "CGroup" && controls)))
      return newer.version;
  return std::nullopt;
}

std::vector<std::string_view> sections_with(std::string_view directive) {
  std::vector<std::string_view> out;
  for (const auto& section : kSections)
    if (knows(section.name, directive)) out.push_back(section.name);
  return out;
}

std::optional<std::string_view> nearest_directive(std::string_view section, std::string_view directive) {
  const auto* found = find(section);
  if (found == nullptr || directive.size() > kLongest) return std::nullopt;
  std::vector<std::string_view> known;
  for (auto list : found->lists)
    for (auto word : words(list)) known.push_back(word);
  // Only the case is wrong, or "TimeoutStart" for "TimeoutStartSec": no typing error is as likely.
  auto folded = lower(directive);
  for (auto word : known)
    if (lower(word) == folded || lower(word) == folded + "sec") return word;
  return nearest(directive, known);
}

std::string_view of_type(std::string_view unit_name) {
  auto dot = unit_name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : unit_name.substr(dot + 1);
}

bool looks_like_unit(std::span<const Header> headers) {
  if (std::ranges::any_of(headers, [](const Header& h) { return h.section == "D-BUS Service"; }))
    return false;
  std::vector<std::string_view> names;
  for (const auto& section : kSections) names.push_back(section.name);
  return std::ranges::any_of(headers, [&](const Header& h) {
    return is_section(h.section, {}) || (h.section.size() <= kLongest && nearest(h.section, names));
  });
}

}  // namespace meshops::systemd
