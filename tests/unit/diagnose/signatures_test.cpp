#include "diagnose/signatures.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "diagnose/reasons.h"
#include "diagnose/scan.h"

namespace meshops::diagnose {

namespace {
std::set<std::string_view> ids_in(std::string_view text) {
  std::set<std::string_view> out;
  for (const auto& hit : scan(text)) out.insert(signatures()[hit.signature].id);
  return out;
}
bool finds(std::string_view text, std::string_view id) { return ids_in(text).contains(id); }
}  // namespace

TEST(Signatures, EachIsFoundInItsOwnExample) {
  for (const auto& s : signatures()) EXPECT_TRUE(finds(s.example, s.id)) << s.id << ": " << s.example;
}

TEST(Signatures, TheirIdsAreTheirsAlone) {
  std::set<std::string_view> ids;
  for (const auto& s : signatures()) EXPECT_TRUE(ids.insert(s.id).second) << s.id;
}

TEST(Signatures, EveryCauseHasOne) {
  std::set<Cause> covered;
  for (const auto& s : signatures())
    for (const auto& p : s.to)
      if (p.percent > 0) covered.insert(p.cause);
  EXPECT_EQ(covered.size(), kCauses);
  EXPECT_GE(signatures().size(), 120U);
}

// What would another program say that is near, and healthy or of another meaning?
TEST(Signatures, NearMissesAreNotFound) {
  struct Miss {
    std::string_view id, line;
  };
  constexpr Miss kMisses[] = {
      {"restart_scheduled", "Restart counter reset"},
      {"gateway_already_running", "gateway running on port 18789"},
      {"address_in_use", "address in use by design"},
      {"port_in_use_words", "port 18789 is free"},
      {"stop_timed_out", "app.service: State 'start' entered"},
      {"exec_203", "app.service: Main process exited, code=exited, status=0/SUCCESS"},
      {"exec_interpreter_gone", "Failed at step EXEC spawning /opt/app/run.sh: No such file or directory"},
      {"user_bus", "Connected to bus"},
      {"linger_off", "Linger=yes"},
      {"node_unsupported", "Node v26.1.0 started"},
      {"libc_too_old", "GLIBC 2.36"},
      {"module_not_found", "module loaded: http"},
      {"config_unrecognized_key", "recognized key: gateway"},
      {"config_invalid", "config valid"},
      {"guard_bind", "binding gateway to loopback"},
      {"migration_failed", "migrations completed: 3 applied"},
      {"written_by_newer", "config written by OpenClaw 2026.9.6"},
      {"env_missing", "environment variable OPENCLAW_HOME is set"},
      {"plugin_failed", "[plugins] weather loaded in 12 ms"},
      {"client_token", "gateway token accepted"},
      {"client_pairing", "device paired"},
      {"session_stuck", "session started"},
      {"rate_limit", "rate of requests: 3/s"},
      {"too_many_requests", "run 429 of 500 done"},
      {"overloaded", "method load called"},
      {"api_key_refused", "API key accepted"},
      {"billing", "402 requests served"},
      {"model_unknown", "model vultr/ok-model selected"},
      {"context_overflow", "context of 1200 tokens"},
      {"telegram_auth", "[telegram] getMe ok @bot"},
      {"telegram_conflict", "getUpdates returned 0 updates"},
      {"event_loop_delay", "event emitted"},
      {"soft_lockup", "lock acquired"},
      {"v8_heap", "heap snapshot written"},
      {"kernel_oom", "OOMScoreAdjust=100"},
      {"killed_9", "exited with code 0"},
      {"open_files", "open files: 120"},
      {"inotify_limit", "inotify watching 12 paths"},
      {"no_space", "disk has 12 GB of space left"},
      {"no_space", "eth0: link up, full duplex"},
      {"df_full", "/dev/vda1        25G   10G    15G  40% /"},
      {"df_inodes", "/dev/vda1 3276800 12000 3264800 1% /"},
      {"log_gigabytes", "12M /var/log/app.log"},
      {"deleted_open", "deleted 3 old sessions"},
      {"storage_errors", "EXT4-fs (vda1): mounted filesystem with ordered data mode"},
      {"sqlite_corrupt", "database opened"},
      {"permission_denied", "permission granted"},
      {"mac_denied", "avc:  granted  { execmem }"},
      {"name_unresolved", "resolved api.example.org in 3 ms"},
      {"net_unreachable", "network reachable"},
      {"firewall_drops", "firewall active"},
      {"conntrack_full", "conntrack v1.4.7"},
      {"local_ports_out", "listen on local port 8080"},
      {"cert_expired", "certificate valid for 40 days"},
      {"cert_not_yet", "certificate is valid"},
      {"clock_words", "clock synchronized"},
      {"registry_limit", "pull complete"},
      {"cloud_quota", "You exceeded your current quota, please check your plan"},
      {"sshd_refuses_user", "Accepted publickey for ada from 192.0.2.1 port 5981 ssh2"},
      {"banned", "urban area"},
      {"cron_not_found", "/bin/sh: started"},
      {"git_rejected", "main -> main"},
  };
  for (const auto& miss : kMisses) {
    ASSERT_TRUE(signature_number(miss.id)) << miss.id;
    EXPECT_FALSE(finds(miss.line, miss.id)) << miss.id << ": " << miss.line;
  }
}

TEST(Signatures, AHitTellsItsLine) {
  auto hits = scan("one\ntwo\r\nError: EMFILE: too many open files, watch\r\nfour\n");
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].line, 3U);
  EXPECT_EQ(hits[0].text, "Error: EMFILE: too many open files, watch");
}

TEST(Signatures, LinesAreCountedAcrossBlocks) {
  std::string log;
  std::size_t lines = 0;
  for (; log.size() < 3 * kBlock; ++lines) log += "a healthy line number " + std::to_string(lines) + "\n";
  log += "nf_conntrack: table full, dropping packet";
  auto hits = scan(log);
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].line, lines + 1);
}

TEST(Signatures, WhatRepeatsIsKeptAFewTimesOnly) {
  std::string log;
  for (int i = 0; i < 100'000; ++i) log += "connect ETIMEDOUT 203.0.113.9:443\n";
  auto hits = scan(log);
  EXPECT_LE(hits.size(), 3 * kHitsPerSignature);
}

TEST(Signatures, AHugeLineIsReadAndCut) {
  std::string log(4 * kBlock, 'x');
  log.replace(2 * kBlock + 1000, 40, " No space left on device, said the disk ");
  auto hits = scan(log);
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_LE(hits[0].text.size(), kLineShown);
  EXPECT_NE(hits[0].text.find("No space left"), std::string_view::npos);
}

TEST(Signatures, BinaryIsNoTrouble) {
  std::string log;
  for (unsigned i = 0; i < 300'000; ++i) log += static_cast<char>((i * 2654435761U) >> 13);
  EXPECT_LE(scan(log).size(), signatures().size() * kHitsPerSignature);
}

TEST(Reasons, NameWhatExists) {
  std::set<std::string_view> facts;
  for (const auto& f : {"exit_203",
                        "exit_systemd",
                        "exit_78",
                        "exit_127",
                        "exit_126",
                        "exit_sigkill",
                        "exit_sigabrt",
                        "exit_sigterm",
                        "disk_has_space",
                        "port_free",
                        "port_owner_stranger",
                        "port_owner_copy",
                        "many_starters",
                        "lock_pid_of_stranger",
                        "memory_at_limit",
                        "just_updated",
                        "config_broken",
                        "config_without_mode",
                        "config_absent",
                        "unit_watchdog"})
    facts.insert(f);
  auto known = [&](std::string_view id) { return id.empty() || signature_number(id) || facts.contains(id); };
  for (const auto& c : combinations())
    for (auto id : c.all) EXPECT_TRUE(known(id)) << c.id << " " << id;
  for (const auto& c : contradictions()) EXPECT_TRUE(known(c.id)) << c.id;
}

TEST(Reasons, NoTwoCausesExplainEachOther) {
  std::set<std::pair<Cause, Cause>> pairs;
  for (const auto& e : explanations()) {
    EXPECT_NE(e.primary, e.secondary);
    EXPECT_TRUE(pairs.emplace(e.primary, e.secondary).second) << text(e.primary) << " " << text(e.secondary);
    EXPECT_FALSE(pairs.contains({e.secondary, e.primary})) << text(e.primary) << " " << text(e.secondary);
  }
}

}  // namespace meshops::diagnose
