// The one table of mesh.toml: each section's keys with type, bounds, default, meaning and example. The
// parser, the writers and the documentation are all made from it, so that none can say something else. Holds
// no rule that needs two keys at once: those stand in parse.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/mesh.h"

namespace meshops::schema {

enum class Type {
  name,
  path,
  account,
  container,
  address,
  url,
  unit,
  choice,
  discover,  // a choice of which two are booleans
  yes_no,
  port,
  count,
  duration,
  size,
  words,        // a program and its arguments
  names,        // a list of names; may be empty
  line,         // a text without line ends
  date,         // 2027-01-31
  mail_server,  // smtps://host:port
  mailbox,      // name@host
  mailboxes,    // a list of them
  public_key,   // ssh-ed25519 AAAA…
  instance,     // gcp:PROJECT/ZONE/NAME, vultr:ID
  store_url,    // s3://BUCKET/PREFIX, dir:/path
  region,       // of a cloud: "eu-central-1"
  environment,  // a table of texts
};

/// One value between TOML and the Mesh. monostate: not set, and no default that could be written down.
using Setting = std::variant<std::monostate, bool, std::uint64_t, Duration, std::string,
                             std::vector<std::string>, Environment>;

/// Which gateways, or which alerts, a key is for, as bits of the enums; everything by default.
struct OnlyFor {
  unsigned kinds = ~0U;
  unsigned runtimes = ~0U;
  unsigned alerts = ~0U;
  bool allows(GatewayKind kind) const { return ((kinds >> static_cast<unsigned>(kind)) & 1U) != 0; }
  bool allows(RuntimeKind runtime) const { return ((runtimes >> static_cast<unsigned>(runtime)) & 1U) != 0; }
  bool allows(AlertKind kind) const { return ((alerts >> static_cast<unsigned>(kind)) & 1U) != 0; }
  bool all() const { return kinds == ~0U && runtimes == ~0U && alerts == ~0U; }
  /// "runtime systemd-system or systemd-user", "kind http".
  std::string text() const;
};

struct KeyFacts {
  std::string_view name;
  Type type;
  std::string_view meaning;
  /// A TOML literal, different from the default.
  std::string_view example;
  /// What stands in for a default that is not a plain value: "the host name".
  std::string_view default_words = "";
  bool required = false;
  std::span<const std::string_view> choices = {};
  /// Bounds of count and size, and of duration in milliseconds.
  std::uint64_t at_least = 0;
  std::uint64_t at_most = 0;
  /// Said after "expected at least": why less would do harm.
  std::string_view because = "";
  OnlyFor only_for = {};
};

template <class T>
struct Key {
  KeyFacts facts;
  void (*put)(T&, Setting);
  Setting (*get)(const T&);
};

// [mesh] and [agent] both fill the Mesh itself.
std::span<const Key<Mesh>> mesh_keys();
std::span<const Key<Mesh>> agent_keys();
std::span<const Key<Limits>> limits_keys();
std::span<const Key<HealSpec>> heal_keys();
std::span<const Key<AuditSpec>> audit_keys();
std::span<const Key<NodeSpec>> node_keys();
std::span<const Key<GatewaySpec>> gateway_keys();
std::span<const Key<AlertSpec>> alert_keys();
std::span<const Key<AllowSpec>> allow_keys();
std::span<const Key<BackupSpec>> backup_keys();
std::span<const Key<HiveSpec>> hive_keys();
std::span<const Key<ResetSpec>> reset_keys();
std::span<const Key<StoreSpec>> store_keys();
std::span<const Key<RouteSpec>> route_keys();

/// A section without its types: what documentation and suggestions need.
struct Section {
  std::string_view name;
  bool repeated;  // [[node]]
  std::string_view meaning;
  std::vector<KeyFacts> keys;
  /// The default of each key as a TOML literal; "" where there is none.
  std::vector<std::string> defaults;
  /// "[mesh]", "[[node]]".
  std::string header() const;
};
const std::vector<Section>& sections();

std::span<const std::string_view> names_of(GatewayKind);
std::span<const std::string_view> names_of(RuntimeKind);
std::span<const std::string_view> names_of(Profile);
std::span<const std::string_view> names_of(Discover);
std::span<const std::string_view> names_of(AlertKind);

/// "a duration from 100ms to 1h": for faults ("expected …") and for the documentation.
std::string wanted(const KeyFacts& key);

}  // namespace meshops::schema
