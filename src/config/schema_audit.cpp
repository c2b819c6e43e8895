// The part of the table of mesh.toml that the audit reads: what the owner has decided, and lives with.
#include "config/schema.h"
#include "config/schema_key.h"

namespace meshops::schema {

using namespace std::chrono_literals;

std::span<const Key<AuditSpec>> audit_keys() {
  static const std::vector<Key<AuditSpec>> keys = {
      key<&AuditSpec::ports>({.name = "ports",
                              .type = Type::words,
                              .meaning = "Ports that may be open to other machines, besides those of SSH.",
                              .example = "[\"443\", \"51820\"]",
                              .default_words = "none"}),
      key<&AuditSpec::trusted_hosts>({.name = "trusted_hosts",
                                      .type = Type::words,
                                      .meaning = "Hosts that an SSH agent may be forwarded to.",
                                      .example = "[\"bastion\"]",
                                      .default_words = "none"}),
      key<&AuditSpec::paid_providers>(
          {.name = "paid_providers",
           .type = Type::words,
           .meaning = "Model providers where you pay, so that the limits of their free tier do not apply.",
           .example = "[\"google\"]",
           .default_words = "none"}),
      key<&AuditSpec::gateway_version>({.name = "gateway_version",
                                        .type = Type::line,
                                        .meaning = "The one version of the gateway that every node runs.",
                                        .example = "\"2026.9.6\"",
                                        .default_words = "not pinned"}),
      key<&AuditSpec::overlay>(
          {.name = "overlay",
           .type = Type::yes_no,
           .meaning = "Private addresses of peers are reached over an overlay network (a VPN).",
           .example = "true"}),
      key<&AuditSpec::secret_age>({.name = "secret_age",
                                   .type = Type::duration,
                                   .meaning = "A secret that is older should be replaced.",
                                   .example = "\"30d\"",
                                   .at_least = ms(24h),
                                   .at_most = ms(87600h),
                                   .because = "nobody rotates every hour"}),
      key<&AuditSpec::old_secrets>({.name = "old_secrets",
                                    .type = Type::words,
                                    .meaning = "Names of secrets that may be older.",
                                    .example = "[\"TELEGRAM_BOT_TOKEN\"]",
                                    .default_words = "none"}),
      key<&AuditSpec::secret_watch>({.name = "secret_watch",
                                     .type = Type::yes_no,
                                     .meaning = "An agent that runs as root records who reads files that "
                                                "hold secrets: meshops secrets access.",
                                     .example = "false"}),
      key<&AuditSpec::disk_clean>({.name = "disk_clean",
                                   .type = Type::count,
                                   .meaning = "Percent of a disk in use from which on it is told.",
                                   .example = "50",
                                   .at_least = 1,
                                   .at_most = 100}),
      key<&AuditSpec::disk_alert>({.name = "disk_alert",
                                   .type = Type::count,
                                   .meaning = "Percent of a disk in use that somebody must look at.",
                                   .example = "70",
                                   .at_least = 1,
                                   .at_most = 100}),
      key<&AuditSpec::disk_panic>({.name = "disk_panic",
                                   .type = Type::count,
                                   .meaning = "Percent of a disk in use at which it is urgent.",
                                   .example = "90",
                                   .at_least = 1,
                                   .at_most = 100}),
  };
  return keys;
}

std::span<const Key<AllowSpec>> allow_keys() {
  static const std::vector<Key<AllowSpec>> keys = {
      key<&AllowSpec::rule>({.name = "rule",
                             .type = Type::name,
                             .meaning = "The rule, as `meshops rules` lists it.",
                             .example = "\"SYS-013\"",
                             .required = true}),
      key<&AllowSpec::where>({.name = "where",
                              .type = Type::line,
                              .meaning = "A shell pattern over the file of the finding.",
                              .example = "\"/etc/systemd/system/legacy-*\"",
                              .default_words = "everywhere"}),
      key<&AllowSpec::until>({.name = "until",
                              .type = Type::date,
                              .meaning = "The last day it holds; from then on it is a finding itself.",
                              .example = "\"2027-01-31\"",
                              .required = true}),
      key<&AllowSpec::reason>({.name = "reason",
                               .type = Type::line,
                               .meaning = "Why; shown with the finding.",
                               .example = "\"moves to the new node in January\"",
                               .required = true}),
  };
  return keys;
}

std::span<const Key<BackupSpec>> backup_keys() {
  static const std::vector<Key<BackupSpec>> keys = {
      key<&BackupSpec::name>({.name = "name",
                              .type = Type::name,
                              .meaning = "What it is called.",
                              .example = "\"memory\"",
                              .required = true}),
      key<&BackupSpec::data>({.name = "data",
                              .type = Type::path,
                              .meaning = "What is copied.",
                              .example = "\"/home/claw/.openclaw\"",
                              .required = true}),
      key<&BackupSpec::target>({.name = "target",
                                .type = Type::line,
                                .meaning = "Where to: a directory, or the URL of a repository.",
                                .example = "\"s3:https://s3.example.org/memory\"",
                                .required = true}),
      key<&BackupSpec::media>({.name = "media",
                               .type = Type::name,
                               .meaning = "What kind of thing the copy lies on.",
                               .example = "\"object-store\"",
                               .default_words = "\"disk\" for a directory, else \"object-store\""}),
      key<&BackupSpec::offsite>({.name = "offsite",
                                 .type = Type::yes_no,
                                 .meaning = "The copy is at another place than the data.",
                                 .example = "true"}),
      key<&BackupSpec::every>({.name = "every",
                               .type = Type::duration,
                               .meaning = "How often a copy is made.",
                               .example = "\"6h\"",
                               .at_least = ms(1min),
                               .at_most = ms(8760h),
                               .because = "a copy takes its time"}),
      key<&BackupSpec::keep>({.name = "keep",
                              .type = Type::count,
                              .meaning = "How many copies are kept before the oldest goes; 0: all.",
                              .example = "14",
                              .at_most = 10000}),
  };
  return keys;
}

std::span<const Key<HiveSpec>> hive_keys() {
  static const std::vector<Key<HiveSpec>> keys = {
      key<&HiveSpec::directory>(
          {.name = "directory",
           .type = Type::path,
           .meaning = "Where the nodes' thoughts lie, in one folder for each node, called as the node is.",
           .example = "\"/srv/hive\"",
           .default_words = "none"}),
      key<&HiveSpec::interval>({.name = "interval",
                                .type = Type::duration,
                                .meaning = "How often each node writes one down.",
                                .example = "\"30m\"",
                                .at_least = ms(1min),
                                .at_most = ms(8760h),
                                .because = "a thought costs a model call"}),
  };
  return keys;
}

std::span<const Key<RouteSpec>> route_keys() {
  static constexpr std::string_view kTasks[] = {"chat",       "utility",     "decision",    "image",
                                                "pdf",        "voice",       "heartbeat",   "subagents",
                                                "compaction", "media-image", "media-music", "media-video"};
  static const std::vector<Key<RouteSpec>> keys = {
      key<&RouteSpec::task>({.name = "task",
                             .type = Type::choice,
                             .meaning = "The kind of work.",
                             .example = "\"chat\"",
                             .required = true,
                             .choices = kTasks}),
      key<&RouteSpec::models>({.name = "models",
                               .type = Type::words,
                               .meaning = "The models it goes to, the best first. OpenClaw takes no second "
                                          "one for utility, decision, heartbeat and compaction.",
                               .example = "[\"anthropic/claude-sonnet-5\", \"openai/gpt-5\"]",
                               .required = true}),
      key<&RouteSpec::gateway>({.name = "gateway",
                                .type = Type::name,
                                .meaning = "Only the gateways of this name.",
                                .example = "\"main\"",
                                .default_words = "all gateways"}),
  };
  return keys;
}

}  // namespace meshops::schema
