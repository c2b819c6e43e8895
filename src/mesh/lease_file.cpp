#include "mesh/lease_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "host/boot_id.h"
#include "host/host.h"
#include "mesh/remote_request.h"

namespace meshops::mesh {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::string_view kSchema = "meshops.lease/1";

RemoteShelf shelf_in(const RemotePlaces& places) { return {places, "healing-lease"}; }
RemoteShelf treatments_in(const RemotePlaces& places) { return {places, "healing-treatments"}; }

std::int64_t milliseconds_of(Instant at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.since_boot).count();
}

Error leased_by(const Lease& lease, Instant now) {
  return error(RemoteCode::leased, "{} heals this node since {} (for {} more, unless it goes on)",
               lease.holder, iso8601(lease.taken), about(lease.expires - now))
      .hint("wait, or ask {} what it does: meshops ledger there", lease.holder);
}

}  // namespace

std::string to_json(const Lease& lease) {
  return Json{{"schema", kSchema},
              {"holder", lease.holder},
              {"fence", lease.fence},
              {"ticket", lease.ticket},
              {"expires_ms", milliseconds_of(lease.expires)},
              {"boot", lease.boot},
              {"taken", iso8601(lease.taken)}}
             .dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

Result<Lease> parse_lease(std::string_view text) {
  if (text.empty()) return Lease{};
  auto json = Json::parse(text, nullptr, false);
  auto damaged = [] { return fail(RemoteCode::not_kept, "the lease file is damaged"); };
  if (!json.is_object() || json["schema"] != kSchema || !json["holder"].is_string() ||
      !json["fence"].is_number_unsigned() || !json["ticket"].is_number_unsigned() ||
      !json["expires_ms"].is_number_integer() || !json["boot"].is_string() || !json["taken"].is_string())
    return damaged();
  auto taken = parse_iso8601(json["taken"].get<std::string>());
  auto expires = json["expires_ms"].get<std::int64_t>();
  // Some 290 years of nanoseconds are what an Instant holds.
  constexpr std::int64_t kMost = std::int64_t{1} << 42;
  if (!taken || expires < 0 || expires > kMost) return damaged();
  return Lease{.holder = json["holder"].get<std::string>(),
               .fence = json["fence"].get<std::uint64_t>(),
               .ticket = json["ticket"].get<std::uint64_t>(),
               .expires = Instant{std::chrono::milliseconds(expires)},
               .boot = json["boot"].get<std::string>(),
               .taken = *taken};
}

bool LeaseFile::valid(const Lease& lease) const {
  auto left = lease.expires - clock_.now();
  // More than anybody is given: of a boot before this one.
  return !lease.holder.empty() && lease.boot == boot_ && left > Duration::zero() && left <= kLeaseLength;
}

Result<Lease> LeaseFile::read() const { return parse_lease(TRY(shelf_in(places_).read())); }

Status LeaseFile::write(const Lease& lease) { return shelf_in(places_).write(to_json(lease)); }

Result<std::optional<Lease>> LeaseFile::current() const {
  auto lease = TRY(read());
  return valid(lease) ? std::optional(std::move(lease)) : std::nullopt;
}

Result<TreatmentLog> LeaseFile::treatments(const Lease& lease) const {
  auto now = clock_.now();
  auto log = TRY(TreatmentLog::parse(TRY(treatments_in(places_).read()), boot_, now));
  bool ran_out = lease.boot == boot_ && lease.expires < now;
  log.close_but(valid(lease) ? lease.fence : 0, ran_out ? lease.expires : now);
  return log;
}

Status LeaseFile::keep(const TreatmentLog& log) { return treatments_in(places_).write(log.text()); }

Status LeaseFile::begin_deed(const std::string& holder, std::uint64_t fence, const std::string& deed,
                             unsigned per_hour) {
  auto lock = TRY(lock_shelves(places_));
  CHECK_OK(holds(holder, fence));
  auto lease = TRY(read());
  auto log = TRY(treatments(lease));
  CHECK_OK(log.begin(holder, lease.ticket, fence, deed, per_hour, clock_.now()));
  return keep(log);
}

Result<std::vector<Visit>> LeaseFile::visits() const { return TRY(treatments(TRY(read()))).visits(); }

Result<std::vector<Treatment>> LeaseFile::history(const std::string& patient) const {
  return TRY(treatments(TRY(read()))).history(patient, clock_.now());
}

Result<Lease> LeaseFile::take(const std::string& holder, std::uint64_t ticket, Duration length) {
  auto lock = TRY(lock_shelves(places_));
  auto lease = TRY(read());
  bool his = valid(lease) && lease.holder == holder;
  if (valid(lease) && !his) return fail(leased_by(lease, clock_.now()));
  if (auto own = own_treatment(); own && !his)
    return fail(error(RemoteCode::leased, "this node heals {} itself since {}: {}",
                      own->gateway.empty() ? "a gateway" : own->gateway, iso8601(own->since), own->what)
                    .hint("its own healer goes first: ask again in a minute"));
  // What was done under the one before is over, and dated while that can be told.
  auto log = TRY(treatments(lease));
  log.close_but(0, clock_.now());
  CHECK_OK(keep(log));
  lease = {.holder = holder,
           .fence = lease.fence + 1,
           .ticket = ticket,
           .expires = clock_.now() + length,
           .boot = boot_,
           .taken = clock_.wall()};
  CHECK_OK(write(lease));
  return lease;
}

Result<Lease> LeaseFile::renew(const std::string& holder, std::uint64_t fence, Duration length) {
  auto lock = TRY(lock_shelves(places_));
  CHECK_OK(holds(holder, fence));
  auto lease = TRY(read());
  lease.expires = clock_.now() + length;
  CHECK_OK(write(lease));
  return lease;
}

Status LeaseFile::release(const std::string& holder, std::uint64_t fence) {
  auto lock = TRY(lock_shelves(places_));
  CHECK_OK(holds(holder, fence));
  auto lease = TRY(read());
  auto log = TRY(treatments(lease));
  log.close_but(0, clock_.now());
  CHECK_OK(keep(log));
  lease.holder.clear();  // the number stays: the next lease gets a greater one
  return write(lease);
}

Status LeaseFile::holds(const std::string& holder, std::uint64_t fence) const {
  auto lease = TRY(read());
  if (valid(lease) && lease.holder != holder) return fail(leased_by(lease, clock_.now()));
  if (!valid(lease) || lease.fence != fence || fence == 0)
    return fail(error(RemoteCode::no_lease, "{} does not hold the lease {} on this node", holder, fence)
                    .hint("take one first: the verb lease"));
  return ok();
}

Status LeaseFile::begin_own(const std::string& gateway, const std::string& what, std::uint64_t asked_under) {
  // The agent's loop calls this: who holds the lock is soon through, and the next look tries again.
  auto lock = TRY(lock_shelves(places_, Duration::zero()));
  auto lease = TRY(read());
  if (valid(lease) && lease.fence != asked_under) return fail(leased_by(lease, clock_.now()));
  if (!own_lock_) {
    Fd fd(::open(own_file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return fail(file_error(errno, "open", own_file()));
    if (::flock(fd.get(), LOCK_SH | LOCK_NB) != 0) return fail(file_error(errno, "lock", own_file()));
    own_lock_ = std::move(fd);
  }
  auto& own = own_[gateway];
  if (own.gateway.empty()) own = {.gateway = gateway, .what = {}, .since = clock_.wall()};
  own.what = what;
  return write_own();
}

void LeaseFile::end_own(const std::string& gateway) {
  if (own_.erase(gateway) == 0) return;
  if (own_.empty())
    own_lock_.close();
  else
    (void)write_own();
}

/// In place: a new file would have no lock. What it says is for people; that it is locked is what counts.
Status LeaseFile::write_own() {
  auto oldest = std::ranges::min_element(own_, {}, [](const auto& o) { return o.second.since; });
  const auto& own = oldest->second;
  auto text = Json{{"gateway", own.gateway}, {"what", own.what}, {"since", iso8601(own.since)}}.dump(
      -1, ' ', false, Json::error_handler_t::replace);
  if (::ftruncate(own_lock_.get(), 0) != 0 ||
      ::pwrite(own_lock_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return fail(file_error(errno, "write", own_file()));
  return ok();
}

std::optional<OwnTreatment> LeaseFile::own_treatment() const {
  Fd fd(::open(own_file().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return std::nullopt;
  OwnTreatment out{.gateway = {}, .what = "a treatment", .since = clock_.wall()};
  auto json = Json::parse(read_file(own_file(), 64U << 10).value_or(""), nullptr, false);
  if (!json.is_object() || !json["gateway"].is_string() || !json["what"].is_string()) return out;
  out.gateway = printable(json["gateway"].get<std::string>());
  out.what = printable(json["what"].get<std::string>());
  if (json["since"].is_string())
    if (auto since = parse_iso8601(json["since"].get<std::string>())) out.since = *since;
  return out;
}

std::string boot_id() { return meshops::boot_id(*local_host()); }

}  // namespace meshops::mesh
