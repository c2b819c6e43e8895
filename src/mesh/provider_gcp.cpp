#include "mesh/provider_gcp.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"

namespace meshops::mesh {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

namespace gcp {

namespace {
constexpr auto kStatementLasts = 10min;
constexpr std::string_view kScope = "https://www.googleapis.com/auth/compute";

std::string base64url(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  auto n =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(n));
  while (out.ends_with('=')) out.pop_back();
  std::ranges::replace(out, '+', '-');
  std::ranges::replace(out, '/', '_');
  return out;
}

std::string text_in(const Json& json, const char* name) {
  auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool plain(std::string_view text, std::string_view also) {
  return !text.empty() && text.size() <= 200 && std::ranges::all_of(text, [also](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || also.contains(c);
  });
}

std::unexpected<Error> strange(std::string_view what) {
  return fail(ProviderCode::not_understood, "Google's answer is not understood: it has no {}", what);
}

struct Free {
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
};

Result<std::string> rs256(std::string_view text, const Secret& pem) {
  auto bad = [] {
    ERR_clear_error();  // its words may quote the key
    return fail(ProviderCode::bad_key,
                "the private key in the key of the service account cannot sign: expected RSA in PEM");
  };
  std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.reveal().data(), static_cast<int>(pem.reveal().size())));
  // A callback that gives no passphrase: else OpenSSL would ask the terminal for one.
  auto silent = [](char*, int, int, void*) { return 0; };
  std::unique_ptr<EVP_PKEY, Free> key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, silent, nullptr)
                                          : nullptr);
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) return bad();
  std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t length = 0;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &length, bytes, text.size()) != 1)
    return bad();
  std::string signature(length, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length, bytes,
                     text.size()) != 1)
    return bad();
  signature.resize(length);
  return signature;
}
}  // namespace

Result<Key> parse_key(std::string_view text) {
  auto json = Json::parse(text, nullptr, false);
  auto wrong = [](std::string_view what) {
    return fail(error(ProviderCode::bad_key, "the key of the service account {}", what)
                    .hint("make one: gcloud iam service-accounts keys create FILE --iam-account=…"));
  };
  if (!json.is_object()) return wrong("is no JSON object");
  if (text_in(json, "type") != "service_account") return wrong("is of another type than service_account");
  Key key{.email = text_in(json, "client_email"),
          .id = text_in(json, "private_key_id"),
          .token_uri = text_in(json, "token_uri"),
          .pem = Secret(text_in(json, "private_key"))};
  if (!plain(key.email, "@.-_")) return wrong("has no client_email");
  if (!key.id.empty() && !plain(key.id, "-_")) return wrong("has a strange private_key_id");
  if (key.pem.empty()) return wrong("has no private_key");
  if (!parse_url(key.token_uri)) return wrong("has no token_uri");
  return key;
}

std::string unsigned_jwt(const Key& key, WallTime now) {
  auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  Json header{{"alg", "RS256"}, {"typ", "JWT"}};
  if (!key.id.empty()) header["kid"] = key.id;
  Json claims{{"iss", key.email},
              {"scope", kScope},
              {"aud", key.token_uri},
              {"iat", seconds},
              {"exp", seconds + std::chrono::seconds(kStatementLasts).count()}};
  return base64url(header.dump()) + "." +
         base64url(claims.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<Secret> signed_jwt(const Key& key, WallTime now) {
  auto text = unsigned_jwt(key, now);
  auto signature = TRY(rs256(text, key.pem));
  return Secret(text + "." + base64url(signature));
}

Result<Token> parse_token(std::string_view body) {
  auto json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return strange("JSON object");
  Token token{.bearer = Secret(text_in(json, "access_token"))};
  // It becomes a header's value: nothing may follow a line end.
  bool clean = std::ranges::all_of(token.bearer.reveal(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (token.bearer.empty() || !clean) return strange("access_token");
  auto lasts = json.find("expires_in");
  if (lasts != json.end() && lasts->is_number_integer())
    token.lasts = std::chrono::seconds(std::clamp<std::int64_t>(lasts->get<std::int64_t>(), 0, 3600));
  return token;
}

Result<ProviderState> parse_instance(std::string_view body) {
  auto json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return strange("JSON object");
  auto status = text_in(json, "status");
  auto is = [&](std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, status) != words.end();
  };
  if (is({"RUNNING"})) return ProviderState{ProviderState::Is::running, status};
  if (is({"PROVISIONING", "STAGING", "REPAIRING"})) return ProviderState{ProviderState::Is::changing, status};
  if (is({"PENDING_STOP", "STOPPING", "STOPPED", "TERMINATED", "SUSPENDING", "SUSPENDED", "DEPROVISIONING"}))
    return ProviderState{ProviderState::Is::stopped, status};
  return fail(ProviderCode::not_understood,
              "Google says that the instance is {}, which meshops does not know", quote(status));
}

Result<Operation> parse_operation(std::string_view body) {
  auto json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return strange("JSON object");
  Operation out{.name = text_in(json, "name"), .done = text_in(json, "status") == "DONE", .error = {}};
  if (!plain(out.name, "-_.") || out.name.starts_with('.')) return strange("name of the operation");
  // {"error": {"errors": [{"code": "…", "message": "…"}]}}
  auto error = json.find("error");
  if (error == json.end() || error->is_null()) return out;
  out.error = "an error that it does not name";
  auto list = error->is_object() ? error->find("errors") : error->end();
  if (error->is_object() && list != error->end() && list->is_array() && !list->empty() &&
      (*list)[0].is_object()) {
    auto said = text_in((*list)[0], "message");
    if (said.empty()) said = text_in((*list)[0], "code");
    if (!said.empty()) out.error = printable(without_keys(said.substr(0, 200)));
  }
  return out;
}

}  // namespace gcp

namespace {

class GcpProvider final : public Provider {
 public:
  GcpProvider(ProviderSetup setup, Net& net, const Clock& clock)
      : setup_(std::move(setup)), net_(net), clock_(clock) {
    const auto& p = setup_.parts;
    zone_ = fmt::format("{}/compute/v1/projects/{}/zones/{}",
                        setup_.url.ends_with('/') ? setup_.url.substr(0, setup_.url.size() - 1) : setup_.url,
                        p[0], p[1]);
    machine_ = fmt::format("{}/instances/{}", zone_, p[2]);
  }

  asio::awaitable<Result<ProviderState>> state() override {
    auto body = co_await ask("read the state of " + setup_.instance, "GET", machine_);
    if (!body) co_return fail(std::move(body).error());
    co_return gcp::parse_instance(*body);
  }

  asio::awaitable<Status> reset() override {
    auto before = co_await state();
    if (!before) co_return fail(std::move(before).error());
    if (auto may = may_reset(*before, setup_.instance); !may) co_return may;
    auto began = clock_.now();
    auto body = co_await ask("reset " + setup_.instance, "POST", machine_ + "/reset");
    if (!body) co_return fail(std::move(body).error());
    while (true) {
      auto operation = gcp::parse_operation(*body);
      if (!operation) co_return fail(std::move(operation).error());
      if (operation->done && operation->error.empty()) co_return ok();
      if (!operation->error.empty())
        co_return fail(ProviderCode::not_done, "the reset of {} has failed at Google: {}", setup_.instance,
                       operation->error);
      if (clock_.now() - began >= setup_.patience.whole)
        co_return fail(error(ProviderCode::not_done,
                             "the reset of {} was begun, and Google did not say within {} that it is done",
                             setup_.instance, about(setup_.patience.whole))
                           .hint("gcloud compute operations list shows {}", operation->name));
      co_await wait_for(setup_.patience.look_every);
      body = co_await ask("follow the reset of " + setup_.instance, "GET",
                          zone_ + "/operations/" + operation->name);
      if (!body) co_return fail(std::move(body).error());
    }
  }

 private:
  asio::awaitable<Result<std::string>> ask(std::string doing, std::string method, std::string url) {
    auto have = co_await token();
    if (!have) co_return fail(std::move(have).error());
    ApiCall call;
    call.doing = std::move(doing);
    call.method = std::move(method);
    call.url = std::move(url);
    call.bearer = token_->bearer;
    co_return co_await call_api(std::move(call), net_, setup_.patience.exchange);
  }

  /// One token for all steps of a reset, unless they take long.
  asio::awaitable<Status> token() {
    if (token_ && clock_.now() < token_until_) co_return ok();
    auto file = read_credential(setup_.key_file);
    if (!file) co_return fail(std::move(file).error());
    auto key = gcp::parse_key(file->reveal());
    if (!key) co_return fail(named(std::move(key).error()));
    auto statement = gcp::signed_jwt(*key, clock_.wall());
    if (!statement) co_return fail(named(std::move(statement).error()));
    ApiCall call;
    call.doing = "get a token for " + key->email;
    call.method = "POST";
    call.url = key->token_uri;
    call.content_type = "application/x-www-form-urlencoded";
    call.body =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + statement->reveal();
    auto asked = clock_.now();
    auto body = co_await call_api(std::move(call), net_, setup_.patience.exchange);
    if (!body) {
      auto why = std::move(body).error();
      // A statement of the future, or of long ago, is refused, too.
      if (why.is(code_name(ProviderCode::refused)))
        why = std::move(why).hint("is the account's key still valid, and this node's clock right?");
      co_return fail(std::move(why));
    }
    auto token = gcp::parse_token(*body);
    ::explicit_bzero(body->data(), body->size());
    if (!token) co_return fail(std::move(token).error());
    token_ = std::move(*token);
    token_until_ = asked + token_->lasts - 1min;
    co_return ok();
  }

  Error named(Error why) const {
    return error(ProviderCode::bad_key, "{} cannot be used", setup_.key_file.string())
        .because(std::move(why));
  }

  ProviderSetup setup_;
  Net& net_;
  const Clock& clock_;
  std::string zone_, machine_;
  std::optional<gcp::Token> token_;
  Instant token_until_{};
};

}  // namespace

std::unique_ptr<Provider> gcp_provider(ProviderSetup setup, Net& net, const Clock& clock) {
  return std::make_unique<GcpProvider>(std::move(setup), net, clock);
}

}  // namespace meshops::mesh
