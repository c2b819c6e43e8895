#include "mesh/remote_gate.h"

#include <algorithm>

#include "base/text.h"
#include "mesh/remote_nonces.h"
#include "mesh/remote_signature.h"

namespace meshops::mesh {

Result<RemoteRequest> check_request(std::string_view line, const Mesh& mesh, WallTime now) {
  auto sealed = TRY(parse_line(line));
  auto request = TRY(parse_remote_request(sealed.json));
  auto healer = std::ranges::find(mesh.nodes, request.healer, &NodeSpec::name);
  if (healer == mesh.nodes.end() || healer->healing_key.empty())
    return fail(error(RemoteCode::unknown_healer, "{} is no healer of this node", quote(request.healer))
                    .hint("give that node a healing_key in mesh.toml, here too"));
  if (request.mesh != mesh.name)
    return fail(RemoteCode::wrong_mesh, "the request is for the mesh {}, this is {}", quote(request.mesh),
                mesh.name);
  if (request.patient != mesh.node)
    return fail(error(RemoteCode::wrong_patient, "the request is for {}, this is {}", quote(request.patient),
                      mesh.node)
                    .hint("compare the addresses of both in mesh.toml"));
  // With our own names: one that was made for another node fails here, whatever it says of itself.
  CHECK_OK(check_signature(sealed.signature, healer->healing_key, kSignatureNamespace,
                           signed_bytes(mesh.name, mesh.node, sealed.json)));
  if (request.healer == mesh.node)
    return fail(RemoteCode::forbidden, "{} heals itself without SSH", mesh.node);
  CHECK_OK(in_time(request, now));
  return request;
}

Status check_allowed(const RemoteRequest& request, Profile profile, std::string_view pause_why) {
  // Giving a lease back changes nothing that a node which only observes would mind.
  if (profile == Profile::observe_only && changes(request.verb) && request.verb != Verb::release)
    return fail(
        error(RemoteCode::forbidden, "{} only observes: {} is refused", request.patient, text(request.verb))
            .hint("in its mesh.toml, under [limits]: profile = \"normal\""));
  if (treats(request.verb) && !pause_why.empty())
    return fail(error(RemoteCode::paused, "{} is paused by a person: {}",
                      request.gateway.empty() ? request.patient : request.gateway, printable(pause_why))
                    .hint("on {}: meshops resume {}", request.patient, request.gateway));
  return ok();
}

Status see_once(const RemoteRequest& request, const RemotePlaces& places, WallTime now) {
  auto lock = TRY(lock_shelves(places));
  RemoteShelf shelf(places, "healing-nonces");
  auto seen = TRY(SeenNonces::parse(TRY(shelf.read())));
  auto until = request.expires + std::chrono::duration_cast<std::chrono::milliseconds>(kSkew);
  CHECK_OK(seen.see(request.nonce, until, now));
  return shelf.write(seen.text());
}

}  // namespace meshops::mesh
