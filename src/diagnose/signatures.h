// Signatures: what a line of a log means, as data. Each is a pattern with the causes it points to and an
// example of our own. Called by the scanner (scan.h) and the diagnosis. Pure, never reads a log itself.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "diagnose/causes.h"

namespace meshops::diagnose {

/// How sure this evidence alone makes us of a cause, in percent. Below 50 it takes more than one.
struct Points {
  Cause cause{};
  int percent = 0;
};

struct Signature {
  std::string_view id;
  /// The causes it points to, likeliest first; percent 0 ends the list. None: a symptom, which never is a
  /// cause by itself but takes part in combinations and is shown.
  Points to[3];
  /// As RE2 takes it, case-insensitive, tried on single lines. Each match must contain a literal word
  /// (needles.h); rare ones keep the scan fast. "^fact KEY: " reads the node's facts instead of a log.
  const char* pattern;
  std::string_view example;
};

/// Weak ones order what is otherwise unknown; a scan of a large log soon stops looking for them.
constexpr bool is_weak(std::string_view id) { return id.starts_with("weak_"); }

/// Every signature of every domain; the index in it is the signature's number.
std::span<const Signature> signatures();
std::optional<std::size_t> signature_number(std::string_view id);

// The tables, one file each.
std::span<const Signature> signatures_service();  // systemd and other supervisors, ports, locks, runtimes
std::span<const Signature>
signatures_gateway();  // OpenClaw: configuration, state, plugins, clients, sessions
std::span<const Signature> signatures_provider();  // model providers and chat platforms
std::span<const Signature> signatures_machine();   // kernel, memory, disks, files, databases
std::span<const Signature> signatures_network();   // names, routes, TLS, clocks, SSH, clouds, cron, git
std::span<const Signature> signatures_weak();      // a subject and a word of failure: never conclusive
/// A pattern: what each match of a weak signature contains. It is looked for in place of their subjects,
/// which stand in every line.
std::string_view words_of_failure();
std::span<const Signature> signatures_facts();  // what stands in the node's facts as words

}  // namespace meshops::diagnose
