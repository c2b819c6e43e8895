// Google's Compute Engine: a service account's key becomes a signed statement, that a token, and the token
// presses the button. The pure parts stand here for the tests; called by provider_of(). Source:
// developers.google.com/identity/protocols/oauth2/service-account,
// compute/docs/reference/rest/v1/instances/reset.
#pragma once

#include "mesh/provider.h"

namespace meshops::mesh {

std::unique_ptr<Provider> gcp_provider(ProviderSetup setup, Net& net, const Clock& clock);

namespace gcp {

struct Key {
  std::string email;      // whose account it is
  std::string id;         // of the key
  std::string token_uri;  // where the statement becomes a token
  Secret pem;             // RSA
};
/// The JSON file that `gcloud iam service-accounts keys create` writes. Errors repeat nothing of it.
Result<Key> parse_key(std::string_view json);

/// What the account claims, for ten minutes from `now`: header and claims in base64url, as they are signed.
std::string unsigned_jwt(const Key& key, WallTime now);
/// With its RS256 signature. A bearer of it is the account, so it is a secret, too.
Result<Secret> signed_jwt(const Key& key, WallTime now);

struct Token {
  Secret bearer;
  Duration lasts{};
};
Result<Token> parse_token(std::string_view body);
Result<ProviderState> parse_instance(std::string_view body);
struct Operation {
  std::string name;  // fits into a path
  bool done = false;
  std::string error;  // empty: none
};
Result<Operation> parse_operation(std::string_view body);

}  // namespace gcp
}  // namespace meshops::mesh
