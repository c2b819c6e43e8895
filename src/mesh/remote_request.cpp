#include "mesh/remote_request.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "config/values.h"

namespace meshops::mesh {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::string_view kRequest = "meshops.remote/1";
constexpr std::string_view kAnswer = "meshops.remote-answer/1";
constexpr std::array<std::string_view, 9> kVerbs = {"probe", "diagnose", "heal",      "unban",   "agent",
                                                    "lease", "release",  "reinstall", "fallback"};
constexpr std::size_t kJsonLimit = 2048;
constexpr std::size_t kSignatureLimit = 1024;
constexpr std::size_t kNonceDigits = 32;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(RemoteCode::malformed, "this is no request of meshops.remote/1: {}", what);
}

/// The text at `key`; nothing if there is none.
std::optional<std::string> text_at(const Json& json, const char* key) {
  auto at = json.find(key);
  if (at == json.end() || !at->is_string()) return std::nullopt;
  return at->get<std::string>();
}

bool is_nonce(std::string_view text) {
  return text.size() == kNonceDigits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool wants_gateway(Verb verb) { return verb == Verb::diagnose || verb == Verb::heal; }

}  // namespace

std::string_view text(Verb verb) { return kVerbs[static_cast<std::size_t>(verb)]; }

bool treats(Verb verb) {
  return verb == Verb::heal || verb == Verb::agent || verb == Verb::reinstall || verb == Verb::fallback;
}

bool changes(Verb verb) { return verb != Verb::probe && verb != Verb::diagnose; }

std::string to_json(const RemoteRequest& r) {
  Json json = {{"schema", kRequest},
               {"verb", text(r.verb)},
               {"mesh", r.mesh},
               {"patient", r.patient},
               {"healer", r.healer},
               {"gateway", r.gateway},
               {"fence", r.fence},
               {"ticket", r.ticket},
               {"issued", iso8601(r.issued)},
               {"expires", iso8601(r.expires)},
               {"nonce", r.nonce}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<RemoteRequest> parse_remote_request(std::string_view json) {
  if (json.size() > kJsonLimit) return malformed("it is too long");
  auto parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_object()) return malformed("it is no JSON object");
  if (text_at(parsed, "schema") != kRequest) return malformed("its schema is another one");
  RemoteRequest r;
  auto verb = std::ranges::find(kVerbs, text_at(parsed, "verb").value_or(""));
  if (verb == kVerbs.end()) return malformed("there is no such verb");
  r.verb = static_cast<Verb>(verb - kVerbs.begin());
  r.mesh = text_at(parsed, "mesh").value_or("");
  r.patient = text_at(parsed, "patient").value_or("");
  r.healer = text_at(parsed, "healer").value_or("");
  r.gateway = text_at(parsed, "gateway").value_or("");
  for (const auto& name : {r.mesh, r.patient, r.healer})
    if (values::name(name)) return malformed("mesh, patient and healer must be names");
  if (wants_gateway(r.verb) ? values::name(r.gateway).has_value() : !r.gateway.empty())
    return malformed("diagnose and heal name a gateway, the others none");
  if (auto fence = parsed.find("fence"); fence != parsed.end() && fence->is_number_unsigned())
    r.fence = fence->get<std::uint64_t>();
  if (auto ticket = parsed.find("ticket"); ticket != parsed.end() && ticket->is_number_unsigned())
    r.ticket = ticket->get<std::uint64_t>();
  if (r.ticket != 0 && r.verb != Verb::lease) return malformed("only a lease has a ticket");
  auto issued = parse_iso8601(text_at(parsed, "issued").value_or(""));
  auto expires = parse_iso8601(text_at(parsed, "expires").value_or(""));
  if (!issued || !expires) return malformed("it says not from when until when it is good");
  r.issued = *issued;
  r.expires = *expires;
  r.nonce = text_at(parsed, "nonce").value_or("");
  if (!is_nonce(r.nonce)) return malformed("its nonce is none");
  if (to_json(r) != json) return malformed("it is not written as meshops writes it");
  return r;
}

Status in_time(const RemoteRequest& r, WallTime now) {
  auto life = r.expires - r.issued;
  if (life <= Duration::zero() || life > kRequestLife)
    return fail(RemoteCode::malformed, "a request is good for {} at most, this one for {}",
                duration_text(kRequestLife), duration_text(life));
  // The healer reads the clock out of the answer, and may ask again in our time.
  if (now < r.issued - kSkew)
    return fail(error(RemoteCode::not_yet, "the request was issued at {}, and here it is {}",
                      iso8601(r.issued), iso8601(now))
                    .hint("set both clocks: timedatectl set-ntp true"));
  if (now > r.expires + kSkew)
    return fail(error(RemoteCode::expired, "the request was good until {}, and here it is {}",
                      iso8601(r.expires), iso8601(now))
                    .hint("set both clocks: timedatectl set-ntp true"));
  return ok();
}

std::string signed_bytes(std::string_view mesh, std::string_view patient, std::string_view json) {
  return fmt::format("{}\n{}\n{}\n{}", kRequest, mesh, patient, json);
}

std::string to_line(std::string_view signature, std::string_view json) {
  return fmt::format("{} {}\n", signature, json);
}

Result<SignedRequest> parse_line(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.size() >= kLineLimit) return malformed("it is too long");
  auto blank = line.find(' ');
  if (blank == line.npos || blank == 0 || blank > kSignatureLimit) return malformed("it has no signature");
  SignedRequest out{.signature = std::string(line.substr(0, blank)),
                    .json = std::string(line.substr(blank + 1))};
  if (out.json.find('\n') != std::string::npos) return malformed("it is more than one line");
  return out;
}

std::string to_json(const RemoteAnswer& a) {
  Json json = {{"schema", kAnswer}, {"verb", a.verb},      {"node", a.node},
               {"nonce", a.nonce},  {"at", iso8601(a.at)}, {"good", a.good}};
  if (a.good) {
    auto result = Json::parse(a.result, nullptr, false);
    json["result"] = result.is_object() ? std::move(result) : Json::object();
  } else {
    json["error"] = {{"code", a.code}, {"message", a.message}, {"hint", a.hint}};
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<RemoteAnswer> parse_remote_answer(std::string_view words) {
  auto wrong = [](std::string_view what) {
    return fail(RemoteCode::no_answer, "this is no answer of meshops.remote-answer/1: {}", what);
  };
  if (words.size() > kAnswerLimit) return wrong("it is too long");
  auto json = Json::parse(words, nullptr, false);
  if (!json.is_object() || text_at(json, "schema") != kAnswer) return wrong("its schema is another one");
  auto at = parse_iso8601(text_at(json, "at").value_or(""));
  auto good = json.find("good");
  if (!at || good == json.end() || !good->is_boolean()) return wrong("something is missing");
  RemoteAnswer a{.verb = text_at(json, "verb").value_or(""),
                 .node = text_at(json, "node").value_or(""),
                 .nonce = text_at(json, "nonce").value_or(""),
                 .at = *at,
                 .good = good->get<bool>(),
                 .code = {},
                 .message = {},
                 .hint = {},
                 .result = {}};
  if (a.good) {
    auto result = json.find("result");
    if (result == json.end() || !result->is_object()) return wrong("it has no result");
    a.result = result->dump(-1, ' ', false, Json::error_handler_t::replace);
    return a;
  }
  auto why = json.find("error");
  if (why == json.end() || !why->is_object()) return wrong("it says not why");
  a.code = text_at(*why, "code").value_or("");
  a.message = text_at(*why, "message").value_or("");
  a.hint = text_at(*why, "hint").value_or("");
  return a;
}

RemoteAnswer refusal(const Error& why) {
  RemoteAnswer a;
  a.code = why.code();
  a.message = why.text();
  for (const Error* e = &why; e != nullptr && a.hint.empty(); e = e->cause()) a.hint = e->hint_text();
  return a;
}

}  // namespace meshops::mesh
