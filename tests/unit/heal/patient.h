// A sick gateway for the tests of remedies: a user unit of ada's on a small machine, as a close look finds
// it. Each file of tests adds its scenarios to one list; remedies_test.cpp plays them all.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fakes/fake_host.h"
#include "heal/remedy.h"

namespace meshops::heal {

inline constexpr std::string_view kConfig = "/home/ada/.openclaw/openclaw.json";
/// What the gateway writes itself, and a secret that must not show anywhere.
inline constexpr std::string_view kGoodConfig = R"({
  "meta": { "lastTouchedVersion": "2026.9.6" },
  // ours
  "gateway": { "mode": "local", "port": 18789, "auth": { "token": "hush-hush" } }
}
)";

struct Case {
  FakeHost host;
  Patient patient;

  Case() {
    auto& p = patient;
    p.spec = {.name = "main",
              .runtime = RuntimeKind::systemd_user,
              .command = {"/opt/node-v26.10.0/bin/node", "/opt/oc/openclaw/dist/index.js", "gateway"},
              .unit = "openclaw-gateway.service",
              .user = "ada"};
    p.identity = {.version = "2026.9.6",
                  .state_dir = "/home/ada/.openclaw",
                  .config = std::string(kConfig),
                  .port = 18789};
    p.owner = {.name = "ada", .uid = 1000, .gid = 1000, .home = "/home/ada"};
    p.stamp = "20261124T051200Z";
    p.now = *parse_iso8601("2026-11-24T05:12:00Z");
    host.users.push_back(p.owner);
    host.directory("/home/ada").directory("/home/ada/.openclaw", 0700);
    for (auto path : {"/home/ada", "/home/ada/.openclaw"}) own(path);
    config(kGoodConfig);
  }
  Case& own(const std::string& path, uid_t uid = 1000) {
    host.files[path].info.uid = host.files[path].info.gid = uid;
    return *this;
  }
  Case& config(std::string_view text) { return file(std::string(kConfig), std::string(text)); }
  Case& last_good(std::string_view text) {
    return file(std::string(kConfig) + ".last-good", std::string(text));
  }
  Case& file(const std::string& path, std::string bytes, Duration age = {}, uid_t uid = 1000) {
    host.file(path, std::move(bytes), 0600, uid);
    host.files[path].info.modified = patient.now - std::chrono::duration_cast<std::chrono::milliseconds>(age);
    return *this;
  }
  /// A file that only stat() needs to see.
  Case& large(const std::string& path, std::uint64_t size, Duration age = {}, uid_t uid = 1000) {
    file(path, "", age, uid);
    host.files[path].info.size = size;
    return *this;
  }
  Case& log(std::string_view line) {
    patient.log += std::string(line) + "\n";
    return *this;
  }
  Case& runs() {
    patient.running = true;
    patient.pid = 811;
    host.process_runs(811, {"openclaw-gateway"}).comm = "openclaw-gatewa";
    return *this;
  }
  /// The only file system, so full.
  Case& disk(unsigned percent, unsigned inodes = 5) {
    host.mounted = {{.mount_point = "/",
                     .device = "/dev/vda1",
                     .type = "ext4",
                     .bytes = 100'000,
                     .bytes_free = 1000 * (100 - percent),
                     .inodes = 1000,
                     .inodes_free = 10 * (100 - inodes)}};
    return *this;
  }
  Case& unit(const std::string& service) {
    return file("/home/ada/.config/systemd/user/openclaw-gateway.service", "[Service]\n" + service);
  }
  Result<Treatment> plan(std::string_view id) { return find_remedy(id)->plan(patient, host); }
};

/// Where a remedy fits: exactly these steps, in the words of describe(), and exactly these new contents.
struct Fits {
  std::string_view id;
  std::string_view claim;
  std::function<void(Case&)> arrange;
  std::vector<std::string> steps;
  std::vector<std::pair<std::string, std::string>> writes;  // path, text
  Treatment::Then then = Treatment::Then::start;
};
/// Where it must not be tried, and the words that say why.
struct Misses {
  std::string_view id;
  std::string_view claim;
  std::function<void(Case&)> arrange;
  std::string why;
};
inline std::vector<Fits>& fitting() {
  static std::vector<Fits> all;
  return all;
}
inline std::vector<Misses>& missing() {
  static std::vector<Misses> all;
  return all;
}
inline bool add(std::vector<Fits> fits, std::vector<Misses> misses) {
  fitting().insert(fitting().end(), fits.begin(), fits.end());
  missing().insert(missing().end(), misses.begin(), misses.end());
  return true;
}

}  // namespace meshops::heal
