#include "mesh/serf_wire.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text.h"

namespace meshops::serf {

namespace {

using Json = nlohmann::json;
using Bytes = Json::binary_t;

// --- what is sent ---

std::string packed(std::string_view command, std::uint64_t seq) {
  std::string out;
  Json::to_msgpack(Json{{"Command", command}, {"Seq", seq}}, out);
  return out;
}
std::string packed(std::string_view command, std::uint64_t seq, const Json& body) {
  auto out = packed(command, seq);
  Json::to_msgpack(body, out);
  return out;
}
Json bytes_of(std::string_view text) { return Json::binary(Bytes::container_type(text.begin(), text.end())); }

// --- what comes: a member of an object, or what stands for it ---

const Json& at(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}
/// Go sends bytes as bin, older versions as text.
std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_binary()) return {value.get_binary().begin(), value.get_binary().end()};
  return {};
}
std::uint64_t number_of(const Json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_number_integer())
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, value.get<std::int64_t>()));
  return 0;
}
unsigned count_of(const Json& value) {
  return static_cast<unsigned>(std::min<std::uint64_t>(number_of(value), 1U << 30));
}
double real_of(const Json& value) { return value.is_number() ? value.get<double>() : 0.0; }

std::map<std::string, std::string> texts_of(const Json& value) {
  std::map<std::string, std::string> out;
  if (value.is_object())
    for (const auto& [key, text] : value.items()) out[key] = text_of(text);
  return out;
}

/// Serf sends an address as its 4 or 16 bytes; an IPv4 one may come in the longer form.
std::string address_of(const Json& value) {
  auto raw = text_of(value);
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  if (raw.size() == 16 && raw.starts_with(kMapped)) raw.erase(0, kMapped.size());
  char out[INET6_ADDRSTRLEN] = {};
  if (raw.size() == 4 && ::inet_ntop(AF_INET, raw.data(), out, sizeof out) != nullptr) return out;
  if (raw.size() == 16 && ::inet_ntop(AF_INET6, raw.data(), out, sizeof out) != nullptr) return out;
  return {};
}

MemberState state_of(std::string_view word) {
  for (auto state : {MemberState::alive, MemberState::leaving, MemberState::left, MemberState::failed})
    if (text(state) == word) return state;
  return MemberState::unknown;
}

Member member_of(const Json& value) {
  Member out;
  out.name = text_of(at(value, "Name"));
  out.address = address_of(at(value, "Addr"));
  auto port = number_of(at(value, "Port"));
  out.port = port <= 65535 ? static_cast<std::uint16_t>(port) : std::uint16_t{0};
  out.state = state_of(text_of(at(value, "Status")));
  out.tags = texts_of(at(value, "Tags"));
  return out;
}

// --- msgpack's grammar, as far as sizes go ---

struct Step {
  std::size_t bytes = 0;     // of this value, without the values inside it
  std::uint64_t inside = 0;  // values inside it: two for each entry of a map
};

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t out = 0;
  for (char byte : bytes) out = out << 8U | static_cast<unsigned char>(byte);
  return out;
}

/// Nothing if its head is not whole yet; `bytes` 0 if no value begins so.
std::optional<Step> step(std::string_view from) {
  if (from.empty()) return std::nullopt;
  const auto tag = static_cast<unsigned char>(from[0]);
  // A head of 1 + `width` bytes; what follows has that many bytes, or values, and `more` bytes besides.
  auto sized = [&](std::size_t width, std::size_t more) -> std::optional<Step> {
    if (from.size() < 1 + width) return std::nullopt;
    return Step{1 + width + more + static_cast<std::size_t>(big_endian(from.substr(1, width))), 0};
  };
  auto nested = [&](std::size_t width, std::uint64_t each) -> std::optional<Step> {
    if (from.size() < 1 + width) return std::nullopt;
    return Step{1 + width, each * big_endian(from.substr(1, width))};
  };
  if (tag <= 0x7f || tag >= 0xe0) return Step{1, 0};
  if (tag <= 0x8f) return Step{1, 2U * (tag & 0x0fU)};
  if (tag <= 0x9f) return Step{1, tag & 0x0fU};
  if (tag <= 0xbf) return Step{1U + (tag & 0x1fU), 0};
  switch (tag) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return Step{1, 0};
    case 0xc4:
    case 0xd9:
      return sized(1, 0);
    case 0xc5:
    case 0xda:
      return sized(2, 0);
    case 0xc6:
    case 0xdb:
      return sized(4, 0);
    case 0xc7:
      return sized(1, 1);
    case 0xc8:
      return sized(2, 1);
    case 0xc9:
      return sized(4, 1);
    case 0xcc:
    case 0xd0:
      return Step{2, 0};
    case 0xcd:
    case 0xd1:
      return Step{3, 0};
    case 0xca:
    case 0xce:
    case 0xd2:
      return Step{5, 0};
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return Step{9, 0};
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return Step{2U + (1U << (tag - 0xd4U)), 0};
    case 0xdc:
      return nested(2, 1);
    case 0xdd:
      return nested(4, 1);
    case 0xde:
      return nested(2, 2);
    case 0xdf:
      return nested(4, 2);
    default:
      return Step{};  // 0xc1, which nobody uses
  }
}

}  // namespace

std::string_view text(MemberState state) {
  switch (state) {
    case MemberState::alive:
      return "alive";
    case MemberState::leaving:
      return "leaving";
    case MemberState::left:
      return "left";
    case MemberState::failed:
      return "failed";
    case MemberState::unknown:
      break;
  }
  return "unknown";
}

std::optional<Duration> round_trip(const Coordinate& a, const Coordinate& b) {
  if (a.vector.empty() || a.vector.size() != b.vector.size()) return std::nullopt;
  double squares = 0;
  for (std::size_t i = 0; i < a.vector.size(); ++i) squares += std::pow(a.vector[i] - b.vector[i], 2);
  double plain = std::sqrt(squares) + a.height + b.height;
  double adjusted = plain + a.adjustment + b.adjustment;
  double best = adjusted > 0 ? adjusted : plain;
  if (!(best >= 0) || best > 3600) return std::nullopt;  // also not a number
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(best));
}

std::string handshake(std::uint64_t seq) { return packed("handshake", seq, {{"Version", 1}}); }
Secret auth(std::uint64_t seq, const Secret& rpc_key) {
  return Secret(packed("auth", seq, {{"AuthKey", rpc_key.reveal()}}));
}
std::string members(std::uint64_t seq) { return packed("members", seq); }
std::string members_filtered(std::uint64_t seq, const std::map<std::string, std::string>& tags,
                             std::string_view state) {
  return packed("members-filtered", seq, {{"Tags", tags}, {"Status", state}, {"Name", ""}});
}
std::string join(std::uint64_t seq, const std::vector<std::string>& addresses) {
  // Replay would bring old user events, which mean nothing here.
  return packed("join", seq, {{"Existing", addresses}, {"Replay", false}});
}
std::string leave(std::uint64_t seq) { return packed("leave", seq); }
std::string force_leave(std::uint64_t seq, const std::string& node) {
  return packed("force-leave", seq, {{"Node", node}});
}
std::string set_tags(std::uint64_t seq, const std::map<std::string, std::string>& tags,
                     const std::vector<std::string>& removed) {
  return packed("tags", seq, {{"Tags", tags}, {"DeleteTags", removed}});
}
std::string stream(std::uint64_t seq, std::string_view types) {
  return packed("stream", seq, {{"Type", types}});
}
std::string query(std::uint64_t seq, const Query& query) {
  return packed("query", seq,
                {{"FilterNodes", query.nodes},
                 {"RequestAck", true},
                 {"Timeout", std::chrono::nanoseconds(query.timeout).count()},
                 {"Name", query.name},
                 {"Payload", bytes_of(query.payload)}});
}
std::string respond(std::uint64_t seq, std::uint64_t query_id, std::string_view payload) {
  return packed("respond", seq, {{"ID", query_id}, {"Payload", bytes_of(payload)}});
}
std::string coordinate(std::uint64_t seq, const std::string& node) {
  return packed("get-coordinate", seq, {{"Node", node}});
}
Secret key_order(std::uint64_t seq, KeyOrder order, const Secret& key) {
  std::string_view command = order == KeyOrder::install ? "install-key"
                             : order == KeyOrder::use   ? "use-key"
                                                        : "remove-key";
  return Secret(packed(command, seq, {{"Key", key.reveal()}}));
}
std::string list_keys(std::uint64_t seq) { return packed("list-keys", seq); }
std::string stats(std::uint64_t seq) { return packed("stats", seq); }

Status Incoming::feed(std::string_view bytes) {
  if (broken_) return fail(*broken_);
  buffer_ += bytes;
  std::size_t begin = 0;  // of the value being walked
  auto stop = [this](Error why) {
    broken_.emplace(std::move(why));
    buffer_.clear();
    return fail(*broken_);
  };
  while (true) {
    auto whole = walk();
    if (!whole) return stop(std::move(whole).error());
    if (!*whole) break;
    if (auto taken = take(std::string_view(buffer_).substr(begin, at_ - begin)); !taken)
      return stop(std::move(taken).error());
    begin = at_;
  }
  // What has been taken goes once for each read, not once for each value.
  buffer_.erase(0, begin);
  at_ -= begin;
  return ok();
}

Result<bool> Incoming::walk() {
  while (true) {
    auto next = step(std::string_view(buffer_).substr(std::min(at_, buffer_.size())));
    if (!next) return false;
    if (next->bytes == 0) return fail(SerfCode::protocol, "Serf sent something that is not msgpack");
    elements_ += 1 + static_cast<std::size_t>(next->inside);
    if (next->bytes > kMostBytes || at_ + next->bytes > 2 * kMostBytes || elements_ > 2 * kMostElements)
      return fail(SerfCode::protocol, "Serf sent a value that is larger than {}", bytes_text(kMostBytes));
    if (at_ + next->bytes > buffer_.size()) {
      elements_ -= 1 + static_cast<std::size_t>(next->inside);  // it is counted when it is whole
      return false;
    }
    at_ += next->bytes;
    if (!open_.empty()) --open_.back();
    if (next->inside > 0) open_.push_back(next->inside);
    if (open_.size() > kMostDepth)
      return fail(SerfCode::protocol, "Serf sent a value that is nested more than {} deep", kMostDepth);
    while (!open_.empty() && open_.back() == 0) open_.pop_back();
    if (open_.empty()) {
      elements_ = 0;
      return true;
    }
  }
}

Status Incoming::take(std::string_view value) {
  auto json = Json::from_msgpack(value.begin(), value.end(), true, false);
  if (json.is_discarded()) return fail(SerfCode::protocol, "Serf sent something that is not msgpack");
  Item item;
  // No body has both; after some refusals a body follows, after others none, and `stats` sends two headers.
  if (json.is_object() && json.size() == 2 && json.contains("Seq") && json.contains("Error")) {
    item.header = true;
    item.seq = number_of(json["Seq"]);
    item.error = std::string(trim(without_keys(printable(trim(text_of(json["Error"]))))));
    last_seq_ = item.seq;
  } else {
    if (!last_seq_) return fail(SerfCode::protocol, "Serf sent an answer without a header");
    item.seq = *last_seq_;
    item.body = std::move(json);
  }
  ready_.push_back(std::move(item));
  return ok();
}

std::optional<Item> Incoming::next() {
  if (ready_.empty()) return std::nullopt;
  auto first = std::move(ready_.front());
  ready_.pop_front();
  return first;
}

std::vector<Member> read_members(const Json& body) {
  std::vector<Member> out;
  const auto& list = at(body, "Members");
  if (!list.is_array()) return out;
  out.reserve(list.size());
  for (const auto& one : list)
    if (auto member = member_of(one); !member.name.empty()) out.push_back(std::move(member));
  return out;
}

QueryRecord read_query_record(const Json& body) {
  QueryRecord out;
  auto type = text_of(at(body, "Type"));
  out.kind = type == "ack"        ? QueryRecord::Kind::acknowledged
             : type == "response" ? QueryRecord::Kind::answered
             : type == "done"     ? QueryRecord::Kind::done
                                  : QueryRecord::Kind::other;
  out.from = text_of(at(body, "From"));
  out.payload = text_of(at(body, "Payload"));
  return out;
}

Event read_event(const Json& body) {
  Event out;
  out.type = text_of(at(body, "Event"));
  out.kind = out.type.starts_with("member-") ? Event::Kind::members
             : out.type == "query"           ? Event::Kind::query
             : out.type == "user"            ? Event::Kind::user
                                             : Event::Kind::other;
  out.members = read_members(body);
  out.id = number_of(at(body, "ID"));
  out.name = text_of(at(body, "Name"));
  out.payload = text_of(at(body, "Payload"));
  return out;
}

std::optional<Coordinate> read_coordinate(const Json& body) {
  const auto& known = at(body, "Ok");
  if (!known.is_boolean() || !known.get<bool>()) return std::nullopt;
  const auto& from = at(body, "Coord");
  const auto& list = at(from, "Vec");
  if (!list.is_array() || list.size() > 64) return std::nullopt;
  Coordinate out;
  for (const auto& part : list) out.vector.push_back(real_of(part));
  out.height = real_of(at(from, "Height"));
  out.adjustment = real_of(at(from, "Adjustment"));
  out.error = real_of(at(from, "Error"));
  return out;
}

KeyAnswer read_key_answer(const Json& body) {
  KeyAnswer out;
  out.nodes = count_of(at(body, "NumNodes"));
  out.answered = count_of(at(body, "NumResp"));
  out.failed = count_of(at(body, "NumErr"));
  if (const auto& keys = at(body, "Keys"); keys.is_object())
    for (const auto& [key, count] : keys.items()) out.keys[key] = count_of(count);
  for (const auto& [node, words] : texts_of(at(body, "Messages")))
    out.complaints[node] = without_keys(printable(words));
  out.refused = text_of(at(body, "refused"));
  return out;
}

std::map<std::string, std::string> read_stats(const Json& body) {
  std::map<std::string, std::string> out;
  if (!body.is_object()) return out;
  for (const auto& [group, values] : body.items())
    for (const auto& [name, value] : texts_of(values)) out[group + "." + name] = value;
  return out;
}

}  // namespace meshops::serf
