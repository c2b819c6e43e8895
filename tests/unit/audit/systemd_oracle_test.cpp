// systemd itself is asked: SYS-005 and SYS-006 find what `systemd-analyze verify` calls unknown, on every
// unit of this machine and on 300 broken ones; the exposure is that of `systemd-analyze security`. Only where
// its version is the one that the tables were taken from.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "audit/hardening.h"
#include "audit/rule.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "config/mesh.h"
#include "host/host.h"

namespace meshops::audit {
namespace {

namespace fs = std::filesystem;

std::string ask(std::vector<std::string> argv) {
  std::string line;
  for (const auto& word : argv) line += (line.empty() ? "" : " ") + word;
  line += " 2>&1";
  std::string out;
  auto* pipe = ::popen(line.c_str(), "r");
  if (pipe == nullptr) return out;
  char buffer[4096];
  while (auto n = ::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  ::pclose(pipe);
  return out;
}

bool has_systemd_252() { return ask({"systemd-analyze", "--version"}).starts_with("systemd 252"); }

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / fmt::format("meshops-oracle-{}", ::getpid())) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }

 private:
  fs::path path_;
};

/// The machine's own units by name, without links, templates and what cannot be read.
std::map<std::string, std::string> units_of_this_machine() {
  std::map<std::string, std::string> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/usr/lib/systemd/system", none)) {
    auto name = entry.path().filename().string();
    bool known = name.ends_with(".service") || name.ends_with(".timer") || name.ends_with(".socket") ||
                 name.ends_with(".path") || name.ends_with(".mount") || name.ends_with(".slice");
    if (!known || entry.is_symlink() || name.find('@') != std::string::npos) continue;
    if (auto text = read_file(entry.path())) out[name] = *text;
  }
  return out;
}

/// One line made wrong: a letter too many or too few, a directive in another section, a section misspelled.
std::string broken(const std::string& text, std::mt19937& random) {
  std::vector<std::string> lines;
  for (auto line : split(text, '\n')) lines.emplace_back(line);
  auto any = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  std::vector<std::size_t> settings, headers;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    bool continued = i > 0 && lines[i - 1].ends_with('\\');
    if (!lines[i].empty() && std::isalpha(static_cast<unsigned char>(lines[i][0])) != 0 && !continued &&
        lines[i].find('=') != std::string::npos)
      settings.push_back(i);
    if (lines[i].starts_with('[')) headers.push_back(i);
  }
  if (settings.empty()) return text;
  auto& line = lines[settings[any(settings.size())]];
  auto equals = line.find('=');
  switch (any(8)) {
    case 0:
      line.erase(any(equals), 1);
      break;
    case 1:
      line.insert(any(equals), 1, static_cast<char>('a' + any(26)));
      break;
    case 2:
      if (equals > 1) std::swap(line[any(equals - 1)], line[equals - 1]);
      break;
    case 3: {  // below another header
      auto moved = line;
      auto to = headers[any(headers.size())];
      lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(to) + 1, moved);
      break;
    }
    case 4:
      lines[headers[any(headers.size())]].insert(1, "X");
      break;
    case 5:
      line[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(line[0])));
      break;
    case 6: {
      constexpr std::string_view kMore[] = {"StartLimitIntervalSec=5",
                                            "StartLimitInterval=5",
                                            "StartLimitBurst=3",
                                            "RestartSteps=4",
                                            "X-Mine=1",
                                            "WantedBy=a.target",
                                            "MemoryMax=1G",
                                            "OnCalendar=daily",
                                            "ExecStop=/bin/true"};
      auto to = headers[any(headers.size())];
      lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(to) + 1,
                   std::string(kMore[any(std::size(kMore))]));
      break;
    }
    default:
      lines.push_back("[X-Ours]\nAny=1\n[Nothing]\nAny=2");
  }
  return join(lines, "\n");
}

/// "name:line" of each unknown key and section that verify speaks of.
std::set<std::string> told_by_systemd(const std::string& output) {
  std::set<std::string> out;
  for (auto line : split(output, '\n')) {
    bool unknown = line.find("Unknown key") != std::string_view::npos ||
                   line.find("Unknown section") != std::string_view::npos;
    if (!unknown) continue;
    auto path = line.substr(0, line.find(": "));
    out.emplace(path.substr(path.rfind('/') + 1));
  }
  return out;
}

std::set<std::string> told_by_rules(const fs::path& folder) {
  auto host = rooted_host(folder);
  Site site(Ground::repo, *host, nullptr, default_mesh({.host_name = "alpha"}), WallTime{});
  std::set<std::string> out;
  for (const auto* id : {"SYS-005", "SYS-006"}) {
    const auto* rule = find_rule(id);
    Findings findings(rule->id, rule->severity);
    rule->check(site, findings);
    for (const auto& f : findings.list()) out.insert(fmt::format("{}:{}", f.at.file, f.at.line));
  }
  return out;
}

std::string difference(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::string out;
  for (const auto& x : a)
    if (!b.contains(x)) out += " " + x;
  return out;
}

TEST(SystemdOracle, UnknownDirectivesAreThoseOfVerify) {
  if (!has_systemd_252()) GTEST_SKIP() << "there is no systemd-analyze 252 here";
  auto real = units_of_this_machine();
  if (real.size() < 20) GTEST_SKIP() << "there are too few units here";
  std::mt19937 random(252);
  Folder folder;
  std::vector<std::string> names;
  for (const auto& [name, text] : real) names.push_back(name);
  for (const auto& name : names) folder.write(name, real[name]);
  for (int i = 0; i < 300; ++i) {
    const auto& base = names[std::uniform_int_distribution<std::size_t>(0, names.size() - 1)(random)];
    auto name = fmt::format("broken{}.{}", i, base.substr(base.rfind('.') + 1));
    // A mount's name must be that of its place.
    if (base.ends_with(".mount")) continue;
    folder.write(name, broken(real[base], random));
  }
  std::vector<std::string> argv = {"cd",     folder.path().string(), "&&", "systemd-analyze",
                                   "verify", "--recursive-errors=no"};
  for (const auto& entry : fs::directory_iterator(folder.path()))
    argv.push_back("./" + entry.path().filename().string());
  auto theirs = told_by_systemd(ask(argv));
  auto ours = told_by_rules(folder.path());
  EXPECT_GT(theirs.size(), 150U);
  // In a repository what a newer systemd knows is left alone.
  auto newer = [&](const std::string& place) {
    auto text = read_file(folder.path() / place.substr(0, place.rfind(':'))).value_or("");
    auto lines = split(text, '\n');
    auto number = to_number<std::size_t>(place.substr(place.rfind(':') + 1)).value_or(0);
    return number >= 1 && number <= lines.size() && lines[number - 1].starts_with("RestartSteps=");
  };
  std::erase_if(theirs, newer);
  std::erase_if(ours, newer);
  EXPECT_EQ(difference(theirs, ours), "") << "verify says so and the rules do not";
  EXPECT_EQ(difference(ours, theirs), "") << "the rules say so and verify does not";
}

constexpr std::string_view kDirectives[] = {"User=claw",
                                            "User=root",
                                            "User=nobody",
                                            "DynamicUser=yes",
                                            "SupplementaryGroups=docker",
                                            "PrivateDevices=yes",
                                            "PrivateMounts=yes",
                                            "PrivateNetwork=yes",
                                            "PrivateTmp=yes",
                                            "PrivateTmp=no",
                                            "PrivateUsers=yes",
                                            "ProtectControlGroups=yes",
                                            "ProtectKernelModules=yes",
                                            "ProtectKernelTunables=1",
                                            "ProtectKernelLogs=yes",
                                            "ProtectClock=on",
                                            "ProtectHome=yes",
                                            "ProtectHome=read-only",
                                            "ProtectHome=tmpfs",
                                            "ProtectHostname=yes",
                                            "ProtectSystem=yes",
                                            "ProtectSystem=full",
                                            "ProtectSystem=strict",
                                            "RootDirectory=/srv/x",
                                            "RootDirectory=/",
                                            "LockPersonality=yes",
                                            "MemoryDenyWriteExecute=yes",
                                            "NoNewPrivileges=yes",
                                            "NoNewPrivileges=no",
                                            "CapabilityBoundingSet=",
                                            "CapabilityBoundingSet=CAP_KILL CAP_NET_ADMIN",
                                            "CapabilityBoundingSet=~CAP_SYS_ADMIN CAP_SYS_PTRACE",
                                            "CapabilityBoundingSet=~CAP_CHOWN",
                                            "AmbientCapabilities=CAP_NET_BIND_SERVICE",
                                            "AmbientCapabilities=",
                                            "UMask=0077",
                                            "UMask=0027",
                                            "UMask=0002",
                                            "UMask=0",
                                            "KeyringMode=shared",
                                            "KeyringMode=private",
                                            "ProtectProc=invisible",
                                            "ProtectProc=noaccess",
                                            "ProcSubset=pid",
                                            "NotifyAccess=all",
                                            "RemoveIPC=yes",
                                            "Delegate=yes",
                                            "Delegate=memory",
                                            "RestrictRealtime=yes",
                                            "RestrictSUIDSGID=yes",
                                            "RestrictNamespaces=yes",
                                            "RestrictNamespaces=~user",
                                            "RestrictNamespaces=user mnt",
                                            "RestrictNamespaces=no",
                                            "RestrictAddressFamilies=AF_INET AF_INET6",
                                            "RestrictAddressFamilies=AF_UNIX AF_NETLINK",
                                            "RestrictAddressFamilies=~AF_PACKET",
                                            "RestrictAddressFamilies=none",
                                            "SystemCallArchitectures=native",
                                            "SystemCallArchitectures=x86",
                                            "SystemCallFilter=@system-service",
                                            "SystemCallFilter=~@privileged @resources",
                                            "SystemCallFilter=~@clock @swap @mount",
                                            "SystemCallFilter=@basic-io",
                                            "SystemCallFilter=~@debug:EPERM",
                                            "SystemCallFilter=",
                                            "IPAddressDeny=any",
                                            "IPAddressAllow=localhost",
                                            "IPAddressAllow=10.0.0.0/8",
                                            "DevicePolicy=closed",
                                            "DevicePolicy=strict",
                                            "DeviceAllow='/dev/null rw'"};

TEST(SystemdOracle, ExposureIsThatOfSecurity) {
  if (!has_systemd_252()) GTEST_SKIP() << "there is no systemd-analyze 252 here";
  std::mt19937 random(15);
  Folder folder;
  auto any = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  std::map<std::string, std::string> units;
  for (const auto& [name, text] : units_of_this_machine())
    if (name.ends_with(".service") && text.find("EnvironmentFile") == std::string::npos) units[name] = text;
  for (int i = 0; i < 200; ++i) {
    std::string text = any(8) == 0 ? "[Unit]\nDefaultDependencies=no\n" : "";
    text += "[Service]\nExecStart=/bin/true\n";
    for (auto n = any(30); n > 0; --n) text += std::string(kDirectives[any(std::size(kDirectives))]) + "\n";
    units[fmt::format("made{}.service", i)] = text;
  }
  std::vector<std::string> argv = {"cd",       folder.path().string(), "&&",        "systemd-analyze",
                                   "security", "--offline=true",       "--no-pager"};
  for (const auto& [name, text] : units) {
    folder.write(name, text);
    argv.push_back("./" + name);
  }
  auto answer = ask(argv);
  std::size_t compared = 0, differing = 0;
  std::string differences;
  constexpr std::string_view kSays = "Overall exposure level for ";
  for (auto line : split(answer, '\n')) {
    auto at = line.find(kSays);
    if (at == std::string_view::npos) continue;
    auto parts = words(line.substr(at + kSays.size()));
    if (parts.size() < 2) continue;
    auto name = std::string(parts[0].substr(0, parts[0].size() - 1));
    auto dot = parts[1].find('.');
    auto theirs =
        to_number<unsigned>(parts[1].substr(0, dot)).value_or(0) * 10 +
        (dot == std::string_view::npos ? 0 : to_number<unsigned>(parts[1].substr(dot + 1)).value_or(0));
    auto ours = exposure(systemd::UnitFile::parse(units[name]));
    ++compared;
    if (ours == theirs) continue;
    ++differing;
    differences += fmt::format("{}: {} here, {} there\n{}\n", name, ours, theirs, units[name]);
  }
  EXPECT_GT(compared, 200U);
  EXPECT_EQ(differing, 0U) << differences;
}

}  // namespace
}  // namespace meshops::audit
