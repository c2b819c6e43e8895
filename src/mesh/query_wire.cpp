#include "mesh/query_wire.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "mesh/ed25519.h"

namespace meshops::mesh {

using ed25519::fields;
using Json = nlohmann::json;
using namespace std::chrono_literals;

namespace {

/// 1 was not signed.
constexpr unsigned kVersion = 2;
constexpr std::size_t kMostName = 64;
/// An age beyond this says nothing that matters: all that is passed on is younger than an hour.
constexpr Duration kMostAge = std::chrono::hours(24);

/// Whole milliseconds.
std::int64_t age_out(Duration age) { return std::clamp<Duration>(age, 0s, kMostAge) / 1ms; }

Error malformed(std::string_view what) {
  return error(QueryCode::malformed, "a query of another node cannot be read: {}", what)
      .hint("do all nodes run the same version of meshops? see: meshops mesh members");
}

/// Takes one field after the other; after the first that is not as it should be, all are empty.
class Fields {
 public:
  explicit Fields(const Json& list) : list_(list), good_(list.is_array()) {}

  std::string name() {
    const auto* field = next();
    if (field == nullptr || !field->is_string()) return bad<std::string>();
    auto text = field->get<std::string>();
    bool plain = !text.empty() && text.size() <= kMostName && std::ranges::all_of(text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
             c == '_' || c == '.';
    });
    return plain ? text : bad<std::string>();
  }
  std::uint64_t number() {
    const auto* field = next();
    if (field == nullptr || !field->is_number_unsigned()) return bad<std::uint64_t>();
    return field->get<std::uint64_t>();
  }
  Duration age() {
    auto ms = number();
    return ms <= static_cast<std::uint64_t>(kMostAge / 1ms) ? ms * 1ms : bad<Duration>();
  }
  bool flag() {
    const auto* field = next();
    return field != nullptr && field->is_boolean() ? field->get<bool>() : bad<bool>();
  }
  const Json& list() {
    static const Json kNone = Json::array();
    const auto* field = next();
    if (field == nullptr || !field->is_array()) good_ = false;
    return good_ ? *field : kNone;
  }
  void fail() { good_ = false; }
  /// All were good, and there is nothing behind them.
  bool good() const { return good_ && at_ == list_.size(); }

 private:
  const Json* next() { return good_ && at_ < list_.size() ? &list_[at_++] : (good_ = false, nullptr); }
  template <class T>
  T bad() {
    good_ = false;
    return T{};
  }

  const Json& list_;
  bool good_;
  std::size_t at_ = 0;
};

Result<Json> unpack(std::string_view bytes) {
  if (bytes.size() > kMostSerf) return fail(malformed("it is too long"));
  auto json = Json::from_msgpack(bytes, true, false);
  if (json.is_discarded()) return fail(malformed("it is no msgpack"));
  return json;
}

std::string pack(const Json& json) {
  std::string out;
  Json::to_msgpack(json, out);
  return out;
}

Json packed(const Treatment& t) { return {t.patient, t.healer, t.number, age_out(t.age), t.over, t.helped}; }

/// Nothing if a field of it is not what it should be.
std::optional<Treatment> treatment_of(const Json& json) {
  Fields f(json);
  Treatment out;
  out.patient = f.name();
  out.healer = f.name();
  out.number = f.number();
  out.age = f.age();
  out.over = f.flag();
  out.helped = f.flag();
  return f.good() ? std::optional(std::move(out)) : std::nullopt;
}

Json packed(const Testimony& t) {
  Json claims = Json::array(), treatments = Json::array();
  for (const auto& c : t.claims) claims.push_back({c.patient, c.healer, age_out(c.age)});
  for (const auto& x : t.treatments) treatments.push_back(packed(x));
  return Json::array({kVersion, t.witness, t.patient, t.round, static_cast<unsigned>(t.sees), t.can_heal,
                      t.patient_paused, t.remembers, claims, treatments, t.in_trouble, t.told, t.storm_told});
}

/// Takes the least important away; false if there is nothing left that may go.
bool shorten(Testimony& t) {
  auto oldest = t.treatments.end();
  for (auto at = t.treatments.begin(); at != t.treatments.end(); ++at)
    if (at->patient != t.patient && (oldest == t.treatments.end() || at->age > oldest->age)) oldest = at;
  if (oldest != t.treatments.end()) return t.treatments.erase(oldest), true;
  if (!t.in_trouble.empty()) return t.in_trouble.pop_back(), true;
  auto other = std::ranges::find_if(t.claims, [&](const Claim& c) { return c.patient != t.patient; });
  if (other != t.claims.end()) return t.claims.erase(other), true;
  return false;
}

}  // namespace

Result<Message> parse_message(std::string_view bytes) {
  if (bytes.size() > kMostSerf) return fail(malformed("it is too long"));
  if (bytes.size() <= kSignature) return fail(malformed("it is too short"));
  auto text = bytes.size() - kSignature;
  return Message{.text = bytes.substr(0, text), .signature = bytes.substr(text)};
}

std::string signed_bytes(std::string_view mesh, const Question& q, std::string_view text) {
  return fields({"meshops question 1", mesh, q.asker, q.patient, std::to_string(q.round),
                 std::to_string(q.began), text});
}

std::string signed_bytes(std::string_view mesh, const Question& answered, std::string_view witness,
                         std::string_view text) {
  return fields({"meshops testimony 1", mesh, answered.asker, answered.patient,
                 std::to_string(answered.round), std::to_string(answered.began), witness, text});
}

std::string to_bytes(const Question& q) {
  Json treated = Json::array();
  if (q.treated) treated.push_back(packed(*q.treated));
  return pack(
      Json::array({kVersion, q.asker, q.patient, q.round, q.claim, q.able, q.remembers, treated, q.began}));
}

Result<Question> parse_question(std::string_view bytes) {
  auto json = TRY(unpack(bytes));
  Fields f(json);
  if (f.number() != kVersion) return fail(malformed("it is of another version"));
  Question out;
  out.asker = f.name();
  out.patient = f.name();
  out.round = f.number();
  out.claim = f.flag();
  out.able = f.flag();
  out.remembers = f.flag();
  const auto& treated = f.list();
  if (!treated.empty()) out.treated = treatment_of(treated.front());
  out.began = f.number();
  if (!f.good() || treated.size() > 1 || treated.size() != (out.treated ? 1U : 0U))
    return fail(malformed("a field is not what it should be"));
  return out;
}

std::string to_bytes(const Testimony& testimony, std::size_t most) {
  auto bytes = pack(packed(testimony));
  if (bytes.size() <= most) return bytes;
  auto shorter = testimony;
  while (bytes.size() > most && shorten(shorter)) bytes = pack(packed(shorter));
  return bytes;
}

Result<Testimony> parse_testimony(std::string_view bytes) {
  auto json = TRY(unpack(bytes));
  Fields f(json);
  if (f.number() != kVersion) return fail(malformed("it is of another version"));
  Testimony out;
  out.witness = f.name();
  out.patient = f.name();
  out.round = f.number();
  auto sees = f.number();
  if (sees > static_cast<std::uint64_t>(Sees::nobody)) f.fail();
  out.sees = sees <= static_cast<std::uint64_t>(Sees::nobody) ? static_cast<Sees>(sees) : Sees::nothing_yet;
  out.can_heal = f.flag();
  out.patient_paused = f.flag();
  out.remembers = f.flag();
  const auto& claims = f.list();
  const auto& treatments = f.list();
  const auto& in_trouble = f.list();
  out.told = f.flag();
  out.storm_told = f.flag();
  bool good = f.good();
  for (const auto& one : claims) {
    Fields c(one);
    Claim claim;
    claim.patient = c.name();
    claim.healer = c.name();
    claim.age = c.age();
    good = good && c.good();
    out.claims.push_back(std::move(claim));
  }
  for (const auto& one : treatments) {
    auto treatment = treatment_of(one);
    good = good && treatment;
    if (treatment) out.treatments.push_back(std::move(*treatment));
  }
  Fields names(in_trouble);
  for (std::size_t i = 0; i < in_trouble.size(); ++i) {
    // Two who name a node make it one in trouble: nobody is two by saying it twice.
    auto name = names.name();
    if (std::ranges::find(out.in_trouble, name) == out.in_trouble.end())
      out.in_trouble.push_back(std::move(name));
  }
  if (!good || !names.good()) return fail(malformed("a field is not what it should be"));
  return out;
}

bool fits_query(std::size_t message, std::string_view asker, const std::vector<std::string>& names) {
  std::size_t size = kSerfsPart + asker.size() + message;
  for (const auto& name : names) size += name.size() + 3;
  return size <= kMostSerf;
}

}  // namespace meshops::mesh
