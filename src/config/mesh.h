// The mesh as its owner describes it: mesh.toml, typed and checked. Read by everything above; never written
// by it.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "base/result.h"
#include "base/time.h"

namespace meshops {

MESHOPS_ERROR_CODES(ConfigCode, "config", not_found, unreadable, syntax, unknown_key, wrong_type, bad_value,
                    duplicate, missing_key, conflict, unsafe_file);

enum class GatewayKind { openclaw, http };
enum class RuntimeKind { process, systemd_system, systemd_user, docker };
enum class Profile { normal, cautious, observe_only };
enum class Discover { off, observe, supervise };
enum class AlertKind { webhook, slack, discord, telegram, smtp, command };

std::string_view text(GatewayKind kind);   // "openclaw", "http"
std::string_view text(RuntimeKind kind);   // "process", "systemd-system", …
std::string_view text(Profile profile);    // "normal", …
std::string_view text(Discover discover);  // "false", "observe", "true"
std::string_view text(AlertKind kind);     // "webhook", …

struct NodeSpec {
  std::string name;
  std::string address;     // IP or DNS name
  std::uint16_t port = 0;  // 0: the default of whoever connects
  std::uint16_t ssh_port = 22;
  std::string user = "meshops";
  std::string host_key;     // "ssh-ed25519 AAAA…" of its SSH server; empty: it cannot be healed over SSH
  std::string healing_key;  // the same of its healer; empty: it heals nobody
  std::string instance;     // "gcp:…" or "vultr:…": what its provider calls it; empty: it is never reset
  std::string outside_url;  // answers 200 while somebody outside the mesh sees the node
  bool operator==(const NodeSpec&) const = default;
};

struct GatewaySpec {
  std::string name;
  std::string node;
  GatewayKind kind = GatewayKind::openclaw;
  RuntimeKind runtime = RuntimeKind::process;
  std::vector<std::string> command;
  Environment environment;
  std::filesystem::path working_dir;
  std::string unit;
  std::string user;
  std::string container;
  std::optional<std::uint16_t> port;
  std::filesystem::path config;
  std::filesystem::path state_dir;
  std::string url;
  bool canary = false;
  bool enabled = true;
  std::string stands_by_for;  // "alpha/main": has the bot of that gateway, and runs only in its place
  Duration yields_alone{};    // out of touch with most of the mesh for so long, it is stopped; zero: never
  bool operator==(const GatewaySpec&) const = default;
};

/// So many bots that are shared may have a gateway on one node: gossip has room for no more.
constexpr std::size_t kMostSharedBots = 5;

/// One way to tell people.
struct AlertSpec {
  std::string name;
  AlertKind kind = AlertKind::webhook;
  std::string url;  // of a chat's hook it is a secret: shown by nobody
  std::filesystem::path url_file;
  std::string chat_id;
  std::string server;  // "smtps://mail.example.org:465"
  std::string from;
  std::vector<std::string> to;
  std::string user;
  std::filesystem::path password_file;
  std::vector<std::string> command;
  Duration quiet = std::chrono::hours(1);
  unsigned per_hour = 12;
  bool operator==(const AlertSpec&) const = default;
};

/// How patient and how bold meshops is. Every number a person may ask about stands here.
struct Limits {
  Profile profile = Profile::normal;
  Duration probe_interval = std::chrono::seconds(5);
  Duration probe_timeout = std::chrono::seconds(5);
  Duration start_floor = std::chrono::seconds(180);
  Duration start_cap = std::chrono::minutes(20);
  unsigned hang_misses = 3;
  Duration backoff_first{};
  Duration backoff_base = std::chrono::seconds(1);
  Duration backoff_max = std::chrono::minutes(5);
  Duration backoff_reset = std::chrono::minutes(10);
  std::uint64_t log_max_bytes = 10U << 20;
  unsigned log_keep = 5;
  bool operator==(const Limits&) const = default;
};

/// How far meshops may go to mend a gateway.
struct HealSpec {
  /// Remedies that the owner allows beyond those a machine may always use: ids of docs/remedies.md.
  std::vector<std::string> consent;
  unsigned per_hour = 3;  // remedies for one gateway; 0: none
  Duration pause = std::chrono::seconds(30);
  Duration well_for = std::chrono::seconds(30);
  bool operator==(const HealSpec&) const = default;
};

/// What the owner of the mesh has decided, as far as rules of the audit ask for it.
struct AuditSpec {
  std::vector<std::string> ports;           // "22": may be open to other machines
  std::vector<std::string> trusted_hosts;   // where an SSH agent may be forwarded to
  std::vector<std::string> paid_providers;  // no free tier: not limited like one
  std::string gateway_version;              // the one version every node runs; empty: not pinned
  bool overlay = false;                     // private addresses of peers are reached over an overlay network
  Duration secret_age = std::chrono::hours(24 * 90);
  std::vector<std::string> old_secrets;                        // names of secrets without that limit
  bool secret_watch = true;                                    // a root agent records who reads them
  unsigned disk_clean = 60, disk_alert = 75, disk_panic = 85;  // percent
  bool operator==(const AuditSpec&) const = default;
};

/// A finding that the owner has decided to live with.
struct AllowSpec {
  std::string rule;
  std::string where;  // a shell pattern over the finding's file; empty: everywhere
  std::string until;  // "2027-01-31", the last day it holds
  std::string reason;
  bool operator==(const AllowSpec&) const = default;
};

/// A copy of data that is kept elsewhere.
struct BackupSpec {
  std::string name;
  std::filesystem::path data;
  std::string target;  // a path, or the URL of a repository
  std::string media;   // "disk", "object-store", …: what kind of thing it lies on
  bool offsite = false;
  Duration every = std::chrono::hours(24);
  unsigned keep = 0;  // how many; 0: no rotation
  bool operator==(const BackupSpec&) const = default;
};

/// Where the nodes write down what they think, for each other: one folder of thoughts for each node.
struct HiveSpec {
  std::filesystem::path directory;  // empty: there is none
  Duration interval = std::chrono::hours(1);
  bool operator==(const HiveSpec&) const = default;
};

/// How a node that nobody reaches is reset through its provider. Without the key of its provider, it is not.
struct ResetSpec {
  std::filesystem::path gcp_key_file;  // of a service account that may reset instances and nothing else
  std::filesystem::path vultr_key_file;
  std::string gcp_url = "https://compute.googleapis.com";
  std::string vultr_url = "https://api.vultr.com";
  bool operator==(const ResetSpec&) const = default;
};

/// Where every node lays down its heartbeat outside of the mesh, and healers their leases about nodes that
/// nobody reaches.
struct StoreSpec {
  std::string url;       // "s3://BUCKET/PREFIX" or "dir:/path"; empty: there is none
  std::string endpoint;  // of S3; empty: Amazon's in that region
  std::string region = "us-east-1";
  std::filesystem::path key_file;
  bool operator==(const StoreSpec&) const = default;
};

/// Which models a kind of work goes to.
struct RouteSpec {
  std::string task;                 // "chat", "heartbeat", …: the choices of the schema
  std::vector<std::string> models;  // "provider/model", the best first
  std::string gateway;              // empty: all
  bool operator==(const RouteSpec&) const = default;
};

struct Mesh {
  std::filesystem::path source;  // empty: no file, all defaults
  std::string name = "home";
  std::string node;  // this machine
  std::uint16_t gossip_port = 7946;
  std::string gossip_profile = "wan";
  std::uint16_t serf_rpc_port = 7373;  // on loopback
  std::uint16_t heartbeat_port = 7947;
  bool guard_peers = true;  // no ban of a peer stays, and the firewall lets peers in
  std::filesystem::path socket;
  std::filesystem::path state_dir;
  std::string log_level = "info";
  Discover discover = Discover::supervise;
  Limits limits;
  HealSpec heal;
  AuditSpec audit;
  HiveSpec hive;
  ResetSpec reset;
  StoreSpec store;
  std::vector<NodeSpec> nodes;  // at least this one
  std::vector<GatewaySpec> gateways;
  std::vector<AlertSpec> alerts;
  std::vector<AllowSpec> allows;
  std::vector<BackupSpec> backups;
  std::vector<RouteSpec> routes;

  bool operator==(const Mesh&) const = default;
  std::vector<GatewaySpec> gateways_of(const std::string& node_name) const;
};

/// What the environment says; a value, so that the parser stays pure.
struct Surroundings {
  std::string host_name;
  bool root = false;
  Environment environment;  // HOME, XDG_*, MESHOPS_CONFIG
  std::filesystem::path system_dir = "/etc/meshops";
  /// The file describes other machines (a checkout, exports of a cloud): this one need not be among its
  /// nodes, and the first stands in for it.
  bool elsewhere = false;
  static Surroundings of_this_process();
};

/// Text → Mesh, or every fault found in it (at most 20), each "file:line:column: what was found, what was
/// expected".
struct Faults {
  std::vector<Error> faults;
};
std::expected<Mesh, Faults> parse_mesh(std::string_view text, const std::filesystem::path& file,
                                       const Surroundings& around);
/// A mesh of one node, from no file.
Mesh default_mesh(const Surroundings& around);

/// --config, $MESHOPS_CONFIG, ~/.config/meshops/mesh.toml, /etc/meshops/mesh.toml: the first that is named or
/// exists.
std::optional<std::filesystem::path> find_mesh_file(const std::optional<std::filesystem::path>& flag,
                                                    const Surroundings& around);
Result<Mesh> load_mesh(const std::optional<std::filesystem::path>& flag, const Surroundings& around);
/// The same with every fault told apart, for who lists them (`meshops config check`). A file that everybody
/// may write is refused: it names commands that the agent runs.
std::expected<Mesh, Faults> check_mesh(const std::optional<std::filesystem::path>& flag,
                                       const Surroundings& around);

/// The mesh with every default filled in, as TOML that parses back to the same (`meshops config show`).
std::string to_toml(const Mesh& mesh);
/// The same as JSON, schema meshops.config/1.
std::string to_json(const Mesh& mesh);
/// The mesh with what looks like a secret (in `environment`, in arguments of `command`, the `url` of an
/// alert) replaced by "(hidden)": for every output that a person may paste somewhere.
Mesh veiled(Mesh mesh);
/// A commented file with every key and its default (`meshops config init`).
std::string example_toml();
/// docs/guide/config.md, from the same table as the parser.
std::string reference_markdown();

}  // namespace meshops
