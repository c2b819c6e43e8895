#include "audit/hardening.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace meshops::audit {

namespace {

// Capabilities by their numbers, as in linux/capability.h.
constexpr std::array<std::string_view, 41> kCapabilities = {"CAP_CHOWN",
                                                            "CAP_DAC_OVERRIDE",
                                                            "CAP_DAC_READ_SEARCH",
                                                            "CAP_FOWNER",
                                                            "CAP_FSETID",
                                                            "CAP_KILL",
                                                            "CAP_SETGID",
                                                            "CAP_SETUID",
                                                            "CAP_SETPCAP",
                                                            "CAP_LINUX_IMMUTABLE",
                                                            "CAP_NET_BIND_SERVICE",
                                                            "CAP_NET_BROADCAST",
                                                            "CAP_NET_ADMIN",
                                                            "CAP_NET_RAW",
                                                            "CAP_IPC_LOCK",
                                                            "CAP_IPC_OWNER",
                                                            "CAP_SYS_MODULE",
                                                            "CAP_SYS_RAWIO",
                                                            "CAP_SYS_CHROOT",
                                                            "CAP_SYS_PTRACE",
                                                            "CAP_SYS_PACCT",
                                                            "CAP_SYS_ADMIN",
                                                            "CAP_SYS_BOOT",
                                                            "CAP_SYS_NICE",
                                                            "CAP_SYS_RESOURCE",
                                                            "CAP_SYS_TIME",
                                                            "CAP_SYS_TTY_CONFIG",
                                                            "CAP_MKNOD",
                                                            "CAP_LEASE",
                                                            "CAP_AUDIT_WRITE",
                                                            "CAP_AUDIT_CONTROL",
                                                            "CAP_SETFCAP",
                                                            "CAP_MAC_OVERRIDE",
                                                            "CAP_MAC_ADMIN",
                                                            "CAP_SYSLOG",
                                                            "CAP_WAKE_ALARM",
                                                            "CAP_BLOCK_SUSPEND",
                                                            "CAP_AUDIT_READ",
                                                            "CAP_PERFMON",
                                                            "CAP_BPF",
                                                            "CAP_CHECKPOINT_RESTORE"};
using Capabilities = std::uint64_t;
constexpr Capabilities kAllCapabilities = (1ULL << kCapabilities.size()) - 1;

Capabilities capability(std::string_view name) {
  auto found = std::ranges::find_if(kCapabilities, [&](auto known) { return lower(known) == lower(name); });
  return found == kCapabilities.end() ? 0 : 1ULL << (found - kCapabilities.begin());
}

Capabilities capabilities(std::string_view names) {
  Capabilities all = 0;
  for (auto name : words(names)) all |= capability(name);
  return all;
}

constexpr std::array<std::string_view, 7> kNamespaces = {"user", "mnt", "ipc", "pid", "cgroup", "net", "uts"};
constexpr unsigned kAllNamespaces = (1U << kNamespaces.size()) - 1;

/// What a unit says, as systemd understands it.
struct Sandbox {
  std::string user, protect_home, protect_system, root, keyring, protect_proc, proc_subset, device_policy;
  bool dynamic_user = false, groups = false, notify_all = false, delegate = false, device_allow = false;
  bool default_dependencies = true;
  Capabilities bounding = kAllCapabilities, ambient = 0;
  std::optional<unsigned> namespaces;  // those it may make; nothing: not said, so all
  unsigned mask = 022;
  bool families_listed = false;  // RestrictAddressFamilies names what is allowed
  bool family_inet = false, family_unix = false, family_netlink = false, family_packet = false,
       family_other = false;
  bool deny_any = false, allow_localhost = false, allow_other = false, ip_programs = false;
  bool archs = false, arch_native = false, arch_other = false;
  bool calls_listed = false, calls_denied = false;
  SystemCalls calls;
  std::vector<std::string_view> on;  // booleans that are true

  bool has(std::string_view name) const { return std::ranges::find(on, name) != on.end(); }
  bool privileged() const {
    if (user == "0" || user == "root") return true;
    return !dynamic_user && user.empty();
  }
};

constexpr std::array<std::string_view, 21> kBooleans = {"PrivateDevices",
                                                        "PrivateMounts",
                                                        "PrivateNetwork",
                                                        "PrivateTmp",
                                                        "PrivateUsers",
                                                        "ProtectControlGroups",
                                                        "ProtectKernelModules",
                                                        "ProtectKernelTunables",
                                                        "ProtectKernelLogs",
                                                        "ProtectClock",
                                                        "ProtectHostname",
                                                        "LockPersonality",
                                                        "MemoryDenyWriteExecute",
                                                        "NoNewPrivileges",
                                                        "RemoveIPC",
                                                        "RestrictRealtime",
                                                        "RestrictSUIDSGID",
                                                        "DynamicUser",
                                                        "PermissionsStartOnly",
                                                        "SendSIGKILL",
                                                        "PrivateIPC"};

class Reader {
 public:
  Reader(const systemd::UnitFile& file, bool of_user) {
    if (of_user) box_.user = "user";
    for (const auto& a : file.assignments())
      if (a.section == "Service") take(a.key, a.value);
    if (auto set = file.boolean("Unit", "DefaultDependencies")) box_.default_dependencies = *set;
  }

  Sandbox read() {
    implied();
    return std::move(box_);
  }

 private:
  void take(std::string_view key, std::string_view value) {
    if (auto known = std::ranges::find(kBooleans, key); known != kBooleans.end()) {
      auto set = systemd::parse_boolean(value);
      if (value.empty()) set = false;
      if (!set) return;
      std::erase(box_.on, *known);
      if (*set) box_.on.push_back(*known);
    } else if (key == "User") {
      box_.user = value;
    } else if (key == "SupplementaryGroups") {
      box_.groups = !value.empty();
    } else if (key == "ProtectHome" || key == "ProtectSystem") {
      protect(key, value);
    } else if (key == "RootDirectory" || key == "RootImage") {
      box_.root = value == "/" ? "" : value;
    } else if (key == "CapabilityBoundingSet") {
      merge(value, kAllCapabilities, box_.bounding);
    } else if (key == "AmbientCapabilities") {
      merge(value, 0, box_.ambient);
    } else if (key == "UMask") {
      if (auto mask = to_number<unsigned>(value, 8)) box_.mask = *mask;
    } else if (key == "KeyringMode") {
      box_.keyring = value;
    } else if (key == "ProtectProc") {
      box_.protect_proc = value;
    } else if (key == "ProcSubset") {
      box_.proc_subset = value;
    } else if (key == "NotifyAccess") {
      box_.notify_all = value == "all";
    } else if (key == "Delegate") {
      box_.delegate = systemd::parse_boolean(value).value_or(true);
    } else if (key == "RestrictNamespaces") {
      namespaces(value);
    } else if (key == "RestrictAddressFamilies") {
      families(value);
    } else if (key == "SystemCallArchitectures") {
      if (value.empty()) box_.archs = box_.arch_native = box_.arch_other = false;
      for (auto word : words(value)) {
        box_.archs = true;
        (word == "native" ? box_.arch_native : box_.arch_other) = true;
      }
    } else if (key == "SystemCallFilter") {
      calls(value);
    } else if (key == "IPAddressDeny") {
      if (value.empty()) box_.deny_any = false;
      for (auto word : words(value)) box_.deny_any = box_.deny_any || word == "any";
      bool four = value.find("0.0.0.0/0") != std::string_view::npos,
           six = value.find("::/0") != std::string_view::npos;
      box_.deny_any = box_.deny_any || (four && six);
    } else if (key == "IPAddressAllow") {
      if (value.empty()) box_.allow_localhost = box_.allow_other = false;
      for (auto word : words(value)) {
        bool local = word == "localhost" || word.starts_with("127.") || word == "::1" || word == "::1/128";
        (local ? box_.allow_localhost : box_.allow_other) = true;
      }
    } else if (key == "IPIngressFilterPath" || key == "IPEgressFilterPath") {
      box_.ip_programs = !value.empty();
    } else if (key == "DevicePolicy") {
      box_.device_policy = value;
    } else if (key == "DeviceAllow") {
      box_.device_allow = !value.empty();
    }
  }

  void protect(std::string_view key, std::string_view value) {
    auto& into = key == "ProtectHome" ? box_.protect_home : box_.protect_system;
    if (auto set = systemd::parse_boolean(value)) {
      into = *set ? "yes" : "";
    } else if (value.empty()) {
      into.clear();
    } else if (key == "ProtectHome" ? value == "read-only" || value == "tmpfs"
                                    : value == "full" || value == "strict") {
      into = value;
    }
  }

  static void merge(std::string_view value, Capabilities initial, Capabilities& into) {
    if (value.empty()) {
      into = 0;
      return;
    }
    bool invert = value.starts_with('~');
    if (invert) value.remove_prefix(1);
    auto named = capabilities(value);
    if (into == initial)
      into = invert ? kAllCapabilities & ~named : named;
    else if (invert)
      into &= ~named;
    else
      into |= named;
  }

  void namespaces(std::string_view value) {
    if (value.empty()) {
      box_.namespaces.reset();
      return;
    }
    if (auto set = systemd::parse_boolean(value)) {
      box_.namespaces = *set ? 0 : kAllNamespaces;
      return;
    }
    bool invert = value.starts_with('~');
    if (invert) value.remove_prefix(1);
    unsigned named = 0;
    for (auto word : words(value))
      for (std::size_t i = 0; i < kNamespaces.size(); ++i)
        if (word == kNamespaces[i]) named |= 1U << i;
    if (!box_.namespaces)
      box_.namespaces = invert ? kAllNamespaces & ~named : named;
    else if (invert)
      *box_.namespaces &= ~named;
    else
      *box_.namespaces |= named;
  }

  void families(std::string_view value) {
    if (value.empty()) {
      families_.clear();
      box_.families_listed = false;
      return;
    }
    if (value == "none") {
      families_.clear();
      box_.families_listed = true;
      return;
    }
    bool invert = value.starts_with('~');
    if (invert) value.remove_prefix(1);
    if (families_.empty()) box_.families_listed = !invert;
    for (auto word : words(value)) {
      std::erase(families_, word);
      if (invert != box_.families_listed) families_.push_back(word);
    }
  }

  void calls(std::string_view value) {
    if (value.empty()) {
      box_.calls.reset();
      box_.calls_listed = box_.calls_denied = false;
      return;
    }
    bool invert = value.starts_with('~');
    if (invert) value.remove_prefix(1);
    if (!box_.calls_listed && !box_.calls_denied) {
      box_.calls_listed = !invert;
      box_.calls_denied = invert;
      if (!invert) box_.calls = system_calls("@default");
    }
    SystemCalls named;
    for (auto word : words(value)) named |= system_calls(word.substr(0, word.find(':')));
    if (box_.calls_listed == !invert)
      box_.calls |= named;
    else
      box_.calls &= ~named;
  }

  /// What some directives bring with them (systemd: unit_patch_contexts).
  void implied() {
    auto on = [&](std::string_view name) {
      if (!box_.has(name)) box_.on.push_back(name);
    };
    box_.dynamic_user = box_.has("DynamicUser");
    if (box_.dynamic_user) {
      for (std::string_view name : {"RemoveIPC", "PrivateTmp", "NoNewPrivileges", "RestrictSUIDSGID"})
        on(name);
      box_.protect_system = "strict";
      if (box_.protect_home.empty()) box_.protect_home = "read-only";
    }
    if (box_.has("PrivateDevices")) {
      box_.bounding &= ~capabilities("CAP_MKNOD CAP_SYS_RAWIO");
      if (box_.device_policy.empty() || box_.device_policy == "auto") box_.device_policy = "closed";
    }
    if (box_.has("ProtectKernelModules")) box_.bounding &= ~capabilities("CAP_SYS_MODULE");
    if (box_.has("ProtectKernelLogs")) box_.bounding &= ~capabilities("CAP_SYSLOG");
    if (box_.has("ProtectClock")) {
      box_.bounding &= ~capabilities("CAP_SYS_TIME CAP_WAKE_ALARM");
      box_.device_allow = true;
    }
    bool listed = box_.families_listed;
    box_.family_inet = box_.family_unix = box_.family_netlink = box_.family_packet = box_.family_other =
        listed;
    for (auto name : families_) {
      auto& family = name == "AF_INET" || name == "AF_INET6" ? box_.family_inet
                     : name == "AF_UNIX"                     ? box_.family_unix
                     : name == "AF_NETLINK"                  ? box_.family_netlink
                     : name == "AF_PACKET"                   ? box_.family_packet
                                                             : box_.family_other;
      family = !listed;
    }
  }

  Sandbox box_;
  std::vector<std::string_view> families_;
};

struct Sum {
  std::uint64_t bad = 0, all = 0;
  void add(std::uint64_t weight, std::uint64_t badness, std::uint64_t range = 1) {
    bad += (badness * weight + range - 1) / range;
    all += weight;
  }
  /// In thousandths, rounded up as the tool does for tenths of its ten.
  std::uint64_t part(std::uint64_t of) const { return (bad * of + all - 1) / all; }
};

struct Weighted {
  std::string_view name;
  unsigned weight;
};
// The tool's own weights.
constexpr Weighted kPlain[] = {
    {"PrivateDevices", 1000},        {"PrivateMounts", 1000},        {"PrivateNetwork", 2500},
    {"PrivateUsers", 1000},          {"ProtectControlGroups", 1000}, {"ProtectKernelModules", 1000},
    {"ProtectKernelTunables", 1000}, {"ProtectKernelLogs", 1000},    {"ProtectClock", 1000},
    {"ProtectHostname", 50},         {"LockPersonality", 100},       {"MemoryDenyWriteExecute", 100},
    {"NoNewPrivileges", 1000},       {"RestrictRealtime", 500},      {"RestrictSUIDSGID", 1000}};
constexpr Weighted kBounding[] = {{"CAP_SYS_ADMIN", 1500},
                                  {"CAP_SETUID CAP_SETGID CAP_SETPCAP", 1500},
                                  {"CAP_SYS_PTRACE", 1500},
                                  {"CAP_SYS_TIME", 1000},
                                  {"CAP_NET_ADMIN", 1000},
                                  {"CAP_SYS_RAWIO", 1000},
                                  {"CAP_SYS_MODULE", 1000},
                                  {"CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_AUDIT_WRITE", 500},
                                  {"CAP_SYSLOG", 500},
                                  {"CAP_SYS_NICE CAP_SYS_RESOURCE", 500},
                                  {"CAP_MKNOD", 500},
                                  {"CAP_CHOWN CAP_FSETID CAP_SETFCAP", 1000},
                                  {"CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_IPC_OWNER", 1000},
                                  {"CAP_KILL", 500},
                                  {"CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_RAW", 500},
                                  {"CAP_SYS_BOOT", 100},
                                  {"CAP_MAC_ADMIN CAP_MAC_OVERRIDE", 100},
                                  {"CAP_LINUX_IMMUTABLE", 75},
                                  {"CAP_IPC_LOCK", 50},
                                  {"CAP_SYS_CHROOT", 50},
                                  {"CAP_BLOCK_SUSPEND", 25},
                                  {"CAP_WAKE_ALARM", 25},
                                  {"CAP_LEASE", 25},
                                  {"CAP_SYS_TTY_CONFIG", 25},
                                  {"CAP_SYS_PACCT", 25},
                                  {"CAP_BPF", 25}};
constexpr Weighted kNamespaceWeights[] = {{"user", 1500},  {"mnt", 500}, {"ipc", 500}, {"pid", 500},
                                          {"cgroup", 500}, {"net", 500}, {"uts", 100}};
constexpr Weighted kCallWeights[] = {{"@swap", 1000},         {"@obsolete", 250}, {"@clock", 1000},
                                     {"@cpu-emulation", 250}, {"@debug", 1000},   {"@mount", 1000},
                                     {"@module", 1000},       {"@raw-io", 1000},  {"@reboot", 1000},
                                     {"@privileged", 700},    {"@resources", 700}};

void add_users(const Sandbox& box, Sum& sum) {
  bool root = box.user == "0" || box.user == "root";
  sum.add(2000,
          box.user == "nobody"                                          ? 9
          : (box.dynamic_user && !root) || (!box.user.empty() && !root) ? 0
                                                                        : 10,
          10);
  if (!box.privileged()) {
    sum.add(200, box.groups ? 1 : 0);
    sum.add(100, box.has("RemoveIPC") ? 0 : 1);
  }
}

void add_files(const Sandbox& box, Sum& sum) {
  if (box.default_dependencies) {
    sum.add(1000, box.has("PrivateTmp") ? 0 : 1);
    const auto& home = box.protect_home;
    sum.add(1000, home == "yes" ? 0 : home == "read-only" ? 5 : home == "tmpfs" ? 1 : 10, 10);
    const auto& system = box.protect_system;
    sum.add(1000, system == "yes" ? 5 : system == "full" ? 3 : system == "strict" ? 0 : 10, 10);
    sum.add(200, box.root.empty() ? 1 : 0);
  }
  unsigned mask = box.mask;
  sum.add(100,
          (mask & 02) == 0    ? 10
          : (mask & 04) == 0  ? 5
          : (mask & 020) == 0 ? 2
          : (mask & 040) == 0 ? 1
                              : 0,
          10);
  bool closed = box.device_policy == "strict" || box.device_policy == "closed";
  sum.add(1000, !closed ? 10 : box.device_allow ? 5 : 0, 10);
}

void add_kernel(const Sandbox& box, Sum& sum) {
  sum.add(1000, box.keyring.empty() || box.keyring == "private" ? 0 : 1);
  sum.add(1000,
          box.protect_proc == "noaccess"                                        ? 1
          : box.protect_proc == "invisible" || box.protect_proc == "ptraceable" ? 0
                                                                                : 3,
          3);
  sum.add(10, box.proc_subset == "pid" ? 0 : 1);
  sum.add(1000, box.notify_all ? 1 : 0);
  sum.add(100, box.delegate ? 1 : 0);
  sum.add(500, box.ambient != 0 ? 1 : 0);
  for (const auto& [name, weight] : kNamespaceWeights) {
    auto bit = static_cast<unsigned>(std::ranges::find(kNamespaces, name) - kNamespaces.begin());
    sum.add(weight, (box.namespaces.value_or(kAllNamespaces) >> bit) & 1U);
  }
}

void add_network(const Sandbox& box, Sum& sum) {
  sum.add(1500, box.family_inet ? 0 : 1);
  sum.add(25, box.family_unix ? 0 : 1);
  sum.add(200, box.family_netlink ? 0 : 1);
  sum.add(1000, box.family_packet ? 0 : 1);
  sum.add(1250, box.family_other ? 0 : 1);
  sum.add(1000,
          box.ip_programs       ? 0
          : !box.deny_any       ? 10
          : box.allow_other     ? 5
          : box.allow_localhost ? 2
                                : 0,
          10);
}

void add_calls(const Sandbox& box, Sum& sum) {
  sum.add(1000, !box.archs ? 10 : box.arch_native && !box.arch_other ? 0 : 8, 10);
  static const auto sets = [] {
    std::array<SystemCalls, std::size(kCallWeights)> made;
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = system_calls(kCallWeights[i].name);
    return made;
  }();
  for (std::size_t i = 0; i < sets.size(); ++i) {
    std::uint64_t bad = 10;
    if (box.calls_listed) bad = (box.calls & sets[i]).any() ? 9 : 0;
    if (box.calls_denied) bad = (sets[i] & ~box.calls).any() ? 10 : 0;
    sum.add(kCallWeights[i].weight, bad, 10);
  }
}

Sum weigh(const systemd::UnitFile& service, bool of_user) {
  auto box = Reader(service, of_user).read();
  Sum sum;
  for (const auto& [name, weight] : kPlain) sum.add(weight, box.has(name) ? 0 : 1);
  static const auto bounding = [] {
    std::array<Capabilities, std::size(kBounding)> made{};
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = capabilities(kBounding[i].name);
    return made;
  }();
  for (std::size_t i = 0; i < bounding.size(); ++i)
    sum.add(kBounding[i].weight, (box.bounding & bounding[i]) != 0 ? 1 : 0);
  add_users(box, sum);
  add_files(box, sum);
  add_kernel(box, sum);
  add_network(box, sum);
  add_calls(box, sum);
  return sum;
}

/// A gateway talks to the world, writes its state, runs tools and compiles JavaScript: these leave it that.
constexpr std::string_view kLivable[] = {"CapabilityBoundingSet=",
                                         "NoNewPrivileges=yes",
                                         "PrivateDevices=yes",
                                         "PrivateTmp=yes",
                                         "ProtectSystem=full",
                                         "ProtectKernelModules=yes",
                                         "ProtectKernelTunables=yes",
                                         "ProtectKernelLogs=yes",
                                         "ProtectControlGroups=yes",
                                         "ProtectClock=yes",
                                         "ProtectProc=invisible",
                                         "RestrictNamespaces=yes",
                                         "RestrictSUIDSGID=yes",
                                         "RestrictRealtime=yes",
                                         "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
                                         "SystemCallArchitectures=native",
                                         "SystemCallFilter=@system-service"};

}  // namespace

unsigned exposure(const systemd::UnitFile& service, bool of_user) {
  return static_cast<unsigned>(weigh(service, of_user).part(100));
}

std::vector<Fence> fences(const systemd::UnitFile& service, bool of_user) {
  std::vector<Fence> out;
  auto now = weigh(service, of_user).part(10000);
  for (auto line : kLivable) {
    auto with = service;
    with.add("[Service]\n" + std::string(line) + "\n");
    auto then = weigh(with, of_user).part(10000);
    if (then >= now) continue;
    Fence fence{line, static_cast<unsigned>(now - then)};
    out.insert(std::ranges::upper_bound(out, fence.lowers, std::ranges::greater(), &Fence::lowers), fence);
  }
  return out;
}

}  // namespace meshops::audit
