#include "mesh/store_words.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "config/values.h"

namespace meshops::mesh {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::size_t kMostBytes = 4U << 10;
constexpr std::string_view kBeat = "meshops.beat/1", kLease = "meshops.store-lease/1";
/// Far above any count, and one more of it still fits.
constexpr std::uint64_t kMostCount = 1ULL << 62;

std::unexpected<Error> strange(std::string_view schema, std::string_view why) {
  return fail(error(StoreWordCode::not_understood, "what lies in the object store is no {}: {}", schema, why)
                  .hint("somebody else writes there; look at it, then delete it or give the mesh another url "
                        "under [store]"));
}

Result<Json> object_of(std::string_view text, std::string_view schema) {
  if (text.size() > kMostBytes) return strange(schema, "it is larger than 4 KiB");
  auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return strange(schema, "it is no JSON object");
  auto says = json.find("schema");
  if (says == json.end() || *says != schema) return strange(schema, "its schema is another");
  return json;
}

std::optional<std::string> name_in(const Json& json, const char* key) {
  auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return std::nullopt;
  auto name = found->get<std::string>();
  if (values::name(name)) return std::nullopt;
  return name;
}

std::optional<bool> flag_in(const Json& json, const char* key) {
  auto found = json.find(key);
  if (found == json.end() || !found->is_boolean()) return std::nullopt;
  return found->get<bool>();
}

std::optional<std::uint64_t> count_in(const Json& json, const char* key, std::uint64_t at_most) {
  auto found = json.find(key);
  if (found == json.end() || !found->is_number_unsigned()) return std::nullopt;
  auto count = found->get<std::uint64_t>();
  if (count > at_most) return std::nullopt;
  return count;
}

std::string line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool is_ours(const std::optional<StoreLease>& there, std::string_view holder, std::uint64_t fence) {
  return there && !there->released && there->holder == holder && there->fence == fence;
}

std::unexpected<Error> lost(const std::optional<StoreLease>& there) {
  if (!there) return fail(StoreWordCode::lost, "the lease in the object store is gone");
  if (there->released) return fail(StoreWordCode::lost, "the lease in the object store was given back");
  return fail(StoreWordCode::lost, "{} has the lease in the object store under number {}", there->holder,
              there->fence);
}

}  // namespace

std::string beat_key(std::string_view mesh, std::string_view node) {
  return fmt::format("{}/beat/{}", mesh, node);
}
std::string store_lease_key(std::string_view mesh, std::string_view node) {
  return fmt::format("{}/lease/{}", mesh, node);
}
std::string proof_key(std::string_view mesh, std::string_view who) {
  return fmt::format("{}/proof/{}", mesh, who);
}

std::string to_json(const Beat& beat) {
  return line({{"schema", kBeat}, {"node", beat.node}, {"boot", beat.boot}, {"paused", beat.paused}});
}

Result<Beat> parse_beat(std::string_view text, std::string_view node) {
  auto json = TRY(object_of(text, kBeat));
  auto name = name_in(json, "node");
  auto paused = flag_in(json, "paused");
  auto boot = json.find("boot");
  if (!name || *name != node) return strange(kBeat, "it is not this node's");
  if (!paused || boot == json.end() || !boot->is_string()) return strange(kBeat, "it lacks boot or paused");
  constexpr std::size_t kMostBoot = 64;
  return Beat{
      .node = *name, .boot = printable(boot->get<std::string>().substr(0, kMostBoot)), .paused = *paused};
}

Outside outside_says(std::optional<Duration> age, std::optional<Duration> missed_for) {
  if (!age) return Outside::cannot_tell;
  if (*age <= kBeatFresh) return Outside::sees_it;
  if (!missed_for) return Outside::cannot_tell;
  return *age - *missed_for <= kBeatSlack ? Outside::misses_it : Outside::cannot_tell;
}

Outside either(Outside one, Outside other) {
  if (one == Outside::sees_it || other == Outside::sees_it) return Outside::sees_it;
  return one == Outside::misses_it ? one : other;
}

std::string to_json(const StoreLease& lease) {
  return line({{"schema", kLease},
               {"holder", lease.holder},
               {"ticket", lease.ticket},
               {"fence", lease.fence},
               {"writes", lease.writes},
               {"released", lease.released}});
}

Result<StoreLease> parse_store_lease(std::string_view text) {
  auto json = TRY(object_of(text, kLease));
  auto holder = name_in(json, "holder");
  auto ticket = count_in(json, "ticket", ~0ULL);
  auto fence = count_in(json, "fence", kMostCount), writes = count_in(json, "writes", kMostCount);
  auto released = flag_in(json, "released");
  if (!holder || !ticket || !fence || !writes || !released)
    return strange(kLease, "it lacks holder, ticket, fence, writes or released");
  return StoreLease{*holder, *ticket, *fence, *writes, *released};
}

Result<LeaseMove> take(const std::optional<StoreLease>& there, Duration age, std::string_view holder,
                       std::uint64_t ticket, Duration term) {
  if (!there) return LeaseMove{{std::string(holder), ticket, 1, 1, false}};
  if (!there->released && there->holder != holder && age < term)
    return fail(StoreWordCode::held, "{} has the lease in the object store, for another {}", there->holder,
                about(term - age));
  return LeaseMove{{std::string(holder), ticket, there->fence + 1, there->writes + 1, false}};
}

Result<LeaseMove> renew(const std::optional<StoreLease>& there, std::string_view holder,
                        std::uint64_t fence) {
  if (!is_ours(there, holder, fence)) return lost(there);
  auto next = *there;
  ++next.writes;
  return LeaseMove{std::move(next)};
}

Result<LeaseMove> release(const std::optional<StoreLease>& there, std::string_view holder,
                          std::uint64_t fence) {
  auto next = TRY(renew(there, holder, fence));
  next.lease.released = true;
  return next;
}

}  // namespace meshops::mesh
