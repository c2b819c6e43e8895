// What a healer asks of a patient over SSH, and what it is answered: one line each. Written by RemoteSession,
// read by `meshops remote`. Pure; carries no program, no path and no argument, and never a secret.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace meshops::mesh {

MESHOPS_ERROR_CODES(RemoteCode, "remote", malformed, wrong_mesh, wrong_patient, unknown_healer, bad_signature,
                    not_yet, expired, replayed, not_kept, forbidden, paused, leased, no_lease, agent_hangs,
                    stopped, spent, cannot, no_key, unpinned, unreachable, no_answer);

/// The closed list. A verb says which of the patient's own habits is asked for, never how.
enum class Verb {
  probe,      // how it is: agent, gateways, lease
  diagnose,   // why a gateway fails; changes nothing
  heal,       // the patient's own ladder, under the asker's lease
  unban,      // lift fail2ban's bans of the mesh's own addresses
  agent,      // bring meshops-agent.service back; no gateway is touched
  lease,      // take or keep the lease
  release,    // give it back
  reinstall,  // put the meshops that ran well back, verified, and start the agent; no gateway is touched
  fallback,   // fixed deeds where meshops does not run: only the script beside it does them
};
std::string_view text(Verb verb);
/// Whether it may change something: a node that only observes refuses it.
bool changes(Verb verb);
/// Whether it acts upon the patient: under a lease, within the hour's budget, and not where a person paused.
bool treats(Verb verb);

struct RemoteRequest {
  Verb verb = Verb::probe;
  std::string mesh;
  std::string patient;
  std::string healer;
  std::string gateway;      // of diagnose and heal; empty for the others
  std::uint64_t fence = 0;  // of the lease it acts under; 0: none yet
  /// Of `lease`: the healer's own number of the treatment that it is for. 0 for the other verbs.
  std::uint64_t ticket = 0;
  WallTime issued{};
  WallTime expires{};
  std::string nonce;  // 32 lower-case hexadecimal digits
  bool operator==(const RemoteRequest&) const = default;
};

/// A request is good for at most so long.
constexpr Duration kRequestLife = std::chrono::seconds(60);
/// How far two nodes' clocks may be apart. Half a minute is what an ordinary quartz drifts in a week without
/// a time server (50 ppm: 4 s a day). A worse clock is said in the refusal, with the time it shows, and the
/// healer asks once more in that time: see RemoteSession.
constexpr Duration kSkew = std::chrono::seconds(30);

/// The one way to write it. Names must be names as in mesh.toml.
std::string to_json(const RemoteRequest& request);
/// Only what to_json() would write, byte for byte: so no key comes twice, none is unknown, none is left out.
Result<RemoteRequest> parse_remote_request(std::string_view json);
/// Its time span, and whether now lies in it.
Status in_time(const RemoteRequest& request, WallTime now);

/// What the signature is over. It names mesh and patient, so that it proves nothing to another one.
std::string signed_bytes(std::string_view mesh, std::string_view patient, std::string_view json);
/// ssh-keygen's own separation from whatever else this key signs (its -n).
constexpr std::string_view kSignatureNamespace = "meshops.remote/1";

/// A request as it travels: "SIGNATURE JSON\n".
constexpr std::size_t kLineLimit = 4096;
std::string to_line(std::string_view signature, std::string_view json);
struct SignedRequest {
  std::string signature;  // base64 of an SSHSIG blob, not looked at yet
  std::string json;
};
Result<SignedRequest> parse_line(std::string_view line);

/// meshops.remote-answer/1
struct RemoteAnswer {
  std::string verb;   // as asked; empty if the request could not be read
  std::string node;   // who answers
  std::string nonce;  // of the request
  WallTime at{};      // its clock
  bool good = false;
  std::string code, message, hint;  // why not
  std::string result;               // a JSON object; "" if refused
};
constexpr std::size_t kAnswerLimit = 4U << 20;
/// One line. Texts of others may be broken UTF-8: that is replaced.
std::string to_json(const RemoteAnswer& answer);
Result<RemoteAnswer> parse_remote_answer(std::string_view text);
RemoteAnswer refusal(const Error& why);

}  // namespace meshops::mesh
