// Logs for benches, made of our own lines in the formats that a node writes. Called by the benches only. The
// numbers and names in them change from line to line, and nothing else: the same call gives the same bytes.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace meshops::bench {

enum class Log { console, json, file, failing, noise };

inline std::string line_of(Log kind, unsigned i) {
  auto clock = fmt::format("{:02}:{:02}:{:02}", i / 3600 % 24, i / 60 % 60, i % 60);
  auto id = i * 2654435761U;
  // What a gateway says in its best days.
  auto say = [&]() -> std::string {
    switch (i % 12) {
      case 0:
        return fmt::format("⇄ res ✓ health {}ms conn={:08x}…{:04x}", i % 90, id, id >> 16);
      case 1:
        return fmt::format("run {:08x}-{:04x} ended with stopReason=stop", id, id >> 16);
      case 2:
        return fmt::format("sendMessage ok chat={} message={} session=agent:main:telegram:{}", i % 1000, i,
                           i % 37);
      case 3:
        return fmt::format("heartbeat: next run in {}s, lane=main queued=0", 1800 - i % 600);
      case 4:
        return fmt::format("webchat connected conn={:08x} remote=192.0.2.{} client=control-ui", id, i % 250);
      case 5:
        return fmt::format("tool end: tool=exec toolCallId=call_{:08x} durationMs={} ok", id, i % 4000);
      case 6:
        return fmt::format("cron: job finished: daily-summary next=2026-06-28T06:{:02}:00Z", i % 60);
      case 7:
        return fmt::format("indexed {} files, {} chunks, {} cached", i % 40, i % 900, i % 700);
      case 8:
        return fmt::format("model: anthropic/claude-sonnet tokens in={} out={} cached={}", i % 9000, i % 700,
                           i % 5000);
      case 9:
        return fmt::format("checkpoint done in {} ms, {} pages, database {} MB", i % 40, i % 900, i % 90);
      case 10:
        return fmt::format("config change detected; agents.defaults.model.primary, no restart needed #{}", i);
      default:
        return fmt::format("polling getUpdates offset={} returned {} updates", i, i % 3);
    }
  };
  constexpr const char* kParts[] = {"gateway", "gateway/ws", "agent/embedded", "channels/telegram", "memory"};
  const char* part = kParts[i % 5];
  switch (kind) {
    case Log::console:
      switch (i % 16) {
        case 3:
          return fmt::format(
              "Jun 27 {} node-1 systemd[1]: Started session-{}.scope - Session {} of User ada.\n", clock, i,
              i);
        case 7:
          return fmt::format(
              "Jun 27 {} node-1 sshd[{}]: Accepted publickey for ada from 192.0.2.{} port {} ssh2\n", clock,
              i % 9000, i % 250, 1024 + i % 60000);
        case 11:
          return fmt::format("Jun 27 {} node-1 kernel: eth0: link up, 1000 Mbps, full duplex, lpa 0x{:04X}\n",
                             clock, id >> 16);
        default:
          return fmt::format("Jun 27 {} node-1 openclaw[812]: 2026-06-27T{}.000Z [{}] {}\n", clock, clock,
                             part, say());
      }
    case Log::json:
      return fmt::format(
          "{{\"time\":\"2026-06-27T{}.{:03}Z\",\"level\":\"info\",\"subsystem\":\"{}\",\"message\":\"{}\"}}"
          "\n",
          clock, i % 1000, part, say());
    case Log::file: {
      auto said = say();
      return fmt::format(
          "{{\"0\":\"{{\\\"subsystem\\\":\\\"{}\\\"}}\",\"1\":\"{}\",\"_meta\":{{\"runtime\":\"node\","
          "\"runtimeVersion\":\"26.1.0\","
          "\"hostname\":\"node-1\",\"date\":\"2026-06-27T{}.{:03}Z\",\"logLevelId\":3,\"logLevelName\":"
          "\"INFO\",\"parentNames\":["
          "\"openclaw\"]}},\"time\":\"2026-06-27T{}.{:03}+00:00\",\"hostname\":\"node-1\",\"message\":\"{}\"}"
          "}\n",
          part, said, clock, i % 1000, clock, i % 1000, said);
    }
    case Log::failing:
      if (i % 100 == 0)
        return fmt::format("Jun 27 {} node-1 openclaw[{}]: Error: connect ETIMEDOUT 203.0.113.9:443\n", clock,
                           i % 9000);
      return line_of(Log::console, i);
    case Log::noise: {
      std::string bytes(120, '\n');
      std::uint64_t x = id | 1;
      for (std::size_t at = 0; at + 1 < bytes.size(); ++at) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        bytes[at] = static_cast<char>(x);
      }
      return bytes;
    }
  }
  return "\n";
}

inline std::string log_of(Log kind, std::size_t size) {
  std::string log;
  log.reserve(size + 1024);
  for (unsigned i = 1; log.size() < size; ++i) log += line_of(kind, i);
  return log;
}

}  // namespace meshops::bench
