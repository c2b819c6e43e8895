#include "mesh/heartbeat.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hmac.h"
#include "mesh/word_file.h"

namespace meshops::heartbeat {

namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kMostKeys = 16;
constexpr std::size_t kMacBytes = std::tuple_size_v<Digest>;
constexpr std::size_t kBodyBytes = kDatagramBytes - kMacBytes;
constexpr std::string_view kSchema = "meshops.heartbeat-keys/1";
/// Of the derivation, and of the two kinds of datagrams: neither can be taken for another.
constexpr std::string_view kDerived = "meshops heartbeat key 1";
constexpr std::string_view kAsks = "MHB1Q", kAnswers = "MHB1A";

/// Of a datagram's body, which begins with its kind; the mesh's name stands in front, with its length, so
/// that no two pairs of name and body are one text.
Digest seal(std::string_view mesh, std::string_view body, const Secret& key) {
  std::string text(1, static_cast<char>(mesh.size()));
  text.append(mesh).append(body);
  return hmac_sha256(key.reveal(), text);
}

bool is_name(std::string_view name) { return !name.empty() && name.size() <= kLongestName; }

/// Fields in turn, each at its place: the nonce, names with their length in front, numbers with the high byte
/// first.
class Writer {
 public:
  explicit Writer(std::string_view kind, const Nonce& nonce) : body_(kind) {
    body_.append(reinterpret_cast<const char*>(nonce.data()), nonce.size());
  }
  void name(std::string_view text) {
    number(text.size(), 1);
    body_.append(text);
  }
  void number(std::uint64_t value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) body_.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
  }
  /// Filled up with zeroes, and the seal behind it.
  std::string sealed(std::string_view mesh, const Secret& key) {
    body_.resize(kBodyBytes, '\0');
    return body_.append(raw(seal(mesh, body_, key)));
  }

 private:
  std::string body_;
};

class Reader {
 public:
  /// `body` is as long as every body, and what follows its kind is read.
  explicit Reader(std::string_view body) : rest_(body.substr(kAsks.size())) {}
  Nonce nonce() {
    Nonce out{};
    auto bytes = take(out.size());
    std::ranges::copy(bytes, out.begin());
    return out;
  }
  std::string name() { return std::string(take(static_cast<std::size_t>(number(1)))); }
  std::uint64_t number(unsigned bytes) {
    std::uint64_t out = 0;
    for (char c : take(bytes)) out = out << 8 | static_cast<unsigned char>(c);
    return out;
  }
  /// Nothing was missing, and nothing follows but the filling.
  bool whole() const { return !cut_ && rest_.find_first_not_of('\0') == std::string_view::npos; }

 private:
  std::string_view take(std::size_t bytes) {
    cut_ = cut_ || bytes > rest_.size();
    if (cut_) return {};
    auto out = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return out;
  }
  std::string_view rest_;
  bool cut_ = false;
};

bool is_of_kind(std::string_view datagram, std::string_view kind) {
  return datagram.size() == kDatagramBytes && datagram.starts_with(kind);
}

/// Which key it is sealed with. How long this takes tells nothing about a key.
std::optional<std::size_t> key_of(std::string_view datagram, std::string_view mesh, const Keys& keys) {
  auto body = datagram.substr(0, kBodyBytes), mac = datagram.substr(kBodyBytes);
  for (std::size_t i = 0; i < keys.keys.size(); ++i) {
    auto right = seal(mesh, body, keys.keys[i]);
    if (CRYPTO_memcmp(right.data(), mac.data(), kMacBytes) == 0) return i;
  }
  return std::nullopt;
}

/// Of a key as it is written, 43 characters and one '='; "" if it is none.
Secret bytes_of(const std::string& text) {
  if (text.size() != 44 || !text.ends_with('=') || text[42] == '=') return {};
  std::string out(33, '\0');
  auto size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                              reinterpret_cast<const unsigned char*>(text.data()), 44);
  if (size != 33) return {};
  out.resize(kKeyBytes);
  return Secret(std::move(out));
}

constexpr unsigned kHeals = 1, kPaused = 2, kGone = 4;

}  // namespace

bool Keys::operator==(const Keys& other) const {
  return std::ranges::equal(keys, other.keys,
                            [](const Secret& a, const Secret& b) { return a.reveal() == b.reveal(); });
}

Keys derive(const serf::Keyring& ring) {
  Keys out;
  for (const auto& key : ring.keys)
    out.keys.emplace_back(std::string(raw(hmac_sha256(bytes_of(key.reveal()).reveal(), kDerived))));
  return out;
}

Secret keys_text(const Keys& keys) {
  std::string list;
  for (const auto& key : keys.keys) list += (list.empty() ? "\"" : ",\"") + serf::base64(key.reveal()) + "\"";
  return Secret(fmt::format(R"({{"schema":"{}","keys":[{}]}})", kSchema, list) + "\n");
}

Result<Keys> parse_keys(std::string_view text) {
  auto bad = [](std::string_view what) {
    return fail(error(HeartbeatCode::bad_keys, "these are no heartbeat keys: {}", what)
                    .hint("have them written again: meshops mesh join"));
  };
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("schema", nlohmann::json()) != kSchema)
    return bad(fmt::format("expected {}", kSchema));
  auto list = json.value("keys", nlohmann::json());
  if (!list.is_array() || list.empty() || list.size() > kMostKeys)
    return bad(fmt::format("expected 1 to {} keys", kMostKeys));
  Keys out;
  for (const auto& key : list) {
    auto bytes = key.is_string() ? bytes_of(key.get_ref<const std::string&>()) : Secret();
    if (bytes.empty()) return bad(fmt::format("expected keys of {} bytes in base64", kKeyBytes));
    out.keys.push_back(std::move(bytes));
  }
  return out;
}

std::string write(const Question& question, std::string_view mesh, const Secret& key) {
  if (!is_name(question.sender) || !is_name(question.patient) || !is_name(mesh)) return {};
  Writer out(kAsks, question.nonce);
  out.name(question.sender);
  out.name(question.patient);
  return out.sealed(mesh, key);
}

std::string write(const Answer& answer, std::string_view mesh, const Secret& key) {
  if (!is_name(answer.from) || !is_name(mesh)) return {};
  const auto& word = answer.word;
  auto age = std::chrono::ceil<std::chrono::milliseconds>(
      std::clamp(word.agent_age, Duration::zero(), mesh::kNeverSpoke));
  Writer out(kAnswers, answer.nonce);
  out.name(answer.from);
  out.number(static_cast<std::uint64_t>(age.count()), 4);
  out.number(static_cast<std::uint64_t>(word.gateways), 1);
  out.number((word.heals_itself ? kHeals : 0) | (word.paused ? kPaused : 0) | (word.agent_gone ? kGone : 0),
             1);
  return out.sealed(mesh, key);
}

std::optional<Asked> read_question(std::string_view datagram, std::string_view mesh, std::string_view patient,
                                   const Keys& keys) {
  if (!is_of_kind(datagram, kAsks)) return std::nullopt;
  Reader in(datagram.substr(0, kBodyBytes));
  Asked out;
  out.question.nonce = in.nonce();
  out.question.sender = in.name();
  out.question.patient = in.name();
  if (!in.whole() || !is_name(out.question.sender) || out.question.patient != patient) return std::nullopt;
  auto key = key_of(datagram, mesh, keys);
  if (!key) return std::nullopt;
  out.key = *key;
  return out;
}

std::optional<Nonce> claimed_nonce(std::string_view datagram) {
  if (!is_of_kind(datagram, kAnswers)) return std::nullopt;
  return Reader(datagram.substr(0, kBodyBytes)).nonce();
}

std::optional<Answer> read_answer(std::string_view datagram, std::string_view mesh, const Keys& keys) {
  if (!is_of_kind(datagram, kAnswers)) return std::nullopt;
  Reader in(datagram.substr(0, kBodyBytes));
  Answer out;
  out.nonce = in.nonce();
  out.from = in.name();
  auto age = std::chrono::milliseconds(in.number(4));
  auto gateways = in.number(1), signs = in.number(1);
  if (!in.whole() || !is_name(out.from) || age > mesh::kNeverSpoke) return std::nullopt;
  if (gateways > static_cast<std::uint64_t>(mesh::Gateways::given_up) || signs > (kHeals | kPaused | kGone))
    return std::nullopt;
  out.word = {.agent_age = age,
              .agent_gone = (signs & kGone) != 0,
              .gateways = static_cast<mesh::Gateways>(gateways),
              .heals_itself = (signs & kHeals) != 0,
              .paused = (signs & kPaused) != 0};
  if (!key_of(datagram, mesh, keys)) return std::nullopt;
  return out;
}

}  // namespace meshops::heartbeat
