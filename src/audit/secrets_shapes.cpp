// Secrets whose mark stands in their middle, or that are more than one word: bot tokens, JWT, keys, URLs.
#include <algorithm>
#include <array>

#include "audit/secrets_kinds.h"
#include "base/text.h"

namespace meshops::audit::secrets {

namespace {

using Found = std::optional<Range>;

std::size_t run_back(std::string_view text, std::size_t from, unsigned classes, std::size_t most) {
  auto begin = from;
  while (begin > 0 && from - begin <= most && in(text[begin - 1], classes)) --begin;
  return begin;
}
std::size_t run_on(std::string_view text, std::size_t from, unsigned classes, std::size_t most) {
  auto end = from;
  while (end < text.size() && end - from <= most && in(text[end], classes)) ++end;
  return end;
}

/// 123456789:AA…: the id of the bot, and 35 characters.
Found telegram(std::string_view text, std::size_t at, std::string_view&) {
  auto begin = run_back(text, at, kDigit, 11);
  auto digits = at - begin;
  // In a URL of the API the word "bot" stands before it.
  bool bot = begin >= 3 && text.substr(begin - 3, 3) == "bot";
  if (digits < 8 || digits > 10 || (begin > 0 && is_word(text[begin - 1]) && !bot)) return std::nullopt;
  auto end = run_on(text, at + 1, kUrl, 46);
  auto tail = text.substr(at + 1, end - at - 1);
  if (tail.size() < 33 || tail.size() > 37 || is_known_sample(tail) || is_filler(tail.substr(2)) ||
      has_placeholder_word(tail) || entropy(tail) < 3)
    return std::nullopt;
  return Range{begin, end};
}

std::string decode64(std::string_view text) {
  std::string out;
  unsigned bits = 0, held = 0;
  for (char c : text) {
    unsigned v = 0;
    if (c >= 'A' && c <= 'Z')
      v = static_cast<unsigned>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      v = static_cast<unsigned>(c - 'a') + 26;
    else if (c >= '0' && c <= '9')
      v = static_cast<unsigned>(c - '0') + 52;
    else if (c == '-' || c == '+')
      v = 62;
    else if (c == '_' || c == '/')
      v = 63;
    else
      break;
    held = (held << 6 | v) & 0xFFFFFF;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(held >> bits & 0xFF);
    }
  }
  return out;
}

/// Three parts, the first a JSON header with an algorithm.
Found jwt(std::string_view text, std::size_t at, std::string_view& kind) {
  if (at > 0 && (is_word(text[at - 1]) || text[at - 1] == '.')) return std::nullopt;
  constexpr std::size_t kMost = 8192;
  auto one = run_on(text, at, kUrl, kMost);
  auto header = text.substr(at, one - at);
  // A Cloudflare tunnel's token: {"a":"…","t":"…","s":"…"} in base64.
  if (header.starts_with("eyJhIjoi") && header.size() >= 120) {
    kind = "Cloudflare tunnel token";
    return Range{at, run_on(text, one, kEquals, 2)};
  }
  if (one >= text.size() || text[one] != '.' || header.size() < 16) return std::nullopt;
  auto two = run_on(text, one + 1, kUrl, kMost);
  if (two >= text.size() || text[two] != '.' || two - one < 12) return std::nullopt;
  auto end = run_on(text, two + 1, kUrl, kMost);
  if (end - two < 17) return std::nullopt;
  if (decode64(header).find("\"alg\"") == std::string::npos) return std::nullopt;
  auto claims = decode64(text.substr(one + 1, two - one - 1));
  auto token = text.substr(at, end - at);
  if (is_known_sample(token) || claims.find("John Doe") != std::string::npos ||
      claims == R"({"some":"payload"})" || is_filler(token.substr(two - at + 1)))
    return std::nullopt;
  if (claims.find("\"supabase\"") != std::string::npos) {
    // The anonymous role's key is made to be public.
    if (claims.find("\"anon\"") != std::string::npos) return std::nullopt;
    if (claims.find("service_role") != std::string::npos) kind = "Supabase service role key";
  }
  return Range{at, end};
}

Found private_key(std::string_view text, std::size_t at, std::string_view& kind) {
  auto head = text.substr(at, 60);
  auto close = head.find("-----", 11);
  if (close == std::string_view::npos) return std::nullopt;
  auto what = head.substr(11, close - 11);
  if (!what.ends_with("PRIVATE KEY") && what != "PGP PRIVATE KEY BLOCK") return std::nullopt;
  if (what.starts_with("OPENSSH"))
    kind = "OpenSSH private key";
  else if (what.starts_with("PGP"))
    kind = "PGP private key";
  else if (what.starts_with("ENCRYPTED"))
    kind = "encrypted private key";
  // Enough of a body, also with "\n" for line ends as in JSON.
  constexpr std::size_t kLeast = 60, kLook = 16384;
  std::size_t body = 0, i = at + close + 5;
  auto limit = std::min(text.size(), i + kLook);
  bool filler = true;
  for (; i < limit; ++i) {
    char c = text[i];
    if (c == '-') break;
    if (c == '\\' && i + 1 < limit && (text[i + 1] == 'n' || text[i + 1] == 'r')) {
      ++i;
      continue;
    }
    if (c == '.' && i + 2 < limit && text.substr(i, 3) == "...") return std::nullopt;
    if (c == '<' || c == '{' || c == '(' || c == ';') return std::nullopt;
    if (in(c, kBase64)) {
      ++body;
      if (i > 0 && in(text[i - 1], kBase64) && c != text[i - 1]) filler = false;
    }
  }
  if (body < kLeast || filler) return std::nullopt;
  auto end = text.find("-----END", i);
  if (end == std::string_view::npos || end > limit) return Range{at, i};
  auto last = text.find("-----", end + 8);
  return Range{at, last == std::string_view::npos ? end : last + 5};
}

/// scheme://user:password@host
Found url_password(std::string_view text, std::size_t at, std::string_view&) {
  if (at == 0 || !in(text[at - 1], kAlnum)) return std::nullopt;
  auto begin = at + 3;
  std::size_t colon = 0, i = begin;
  for (auto limit = std::min(text.size(), begin + 300); i < limit; ++i) {
    char c = text[i];
    if (c == '@') break;
    if (c == ':' && colon == 0) colon = i;
    if (c == '/' || c == ' ' || c == '\n' || c == '\t' || c == '"' || c == '\'' || c == '`' || c == '<' ||
        c == '>' || c == '\\' || c == '?' || c == '|' || c == ')' || c == ']')
      return std::nullopt;
  }
  if (i >= text.size() || text[i] != '@' || colon == 0 || i + 1 >= text.size()) return std::nullopt;
  if (!in(text[i + 1], kAlnum) && text[i + 1] != '[' && text[i + 1] != '$' && text[i + 1] != '{')
    return std::nullopt;
  auto user = text.substr(begin, colon - begin);
  auto word = text.substr(colon + 1, i - colon - 1);
  if (word.size() < 5 || word == user || is_placeholder_value(word) || is_filler(word)) return std::nullopt;
  auto low = lower(word);
  for (auto sample : {"pass", "pwd", "pw", "hunter2@", "secret@", "user"})
    if (low == sample) return std::nullopt;
  // Everybody's own words in documentation.
  if (low == "password" || low == "passw0rd" || low.find("format") != std::string::npos) return std::nullopt;
  return Range{colon + 1, i};
}

/// abcQ~…: three characters, a digit, "Q~" and 31 to 34 more.
Found azure_secret(std::string_view text, std::size_t at, std::string_view&) {
  if (at < 4 || !in(text[at - 1], kDigit)) return std::nullopt;
  auto begin = at - 4;
  if (!all_in(text.substr(begin, 3), kUrl | kDot | kTilde)) return std::nullopt;
  if (begin > 0 && in(text[begin - 1], kUrl | kDot | kTilde)) return std::nullopt;
  auto end = run_on(text, at + 2, kUrl | kDot | kTilde, 40);
  auto size = end - at - 2;
  if (size < 31 || size > 34 || is_filler(text.substr(at + 2, size))) return std::nullopt;
  return Range{begin, end};
}
Found azure_account(std::string_view text, std::size_t at, std::string_view&) {
  auto begin = text.find('=', at) + 1;
  auto end = run_on(text, begin, kBase64, 100);
  auto value = text.substr(begin, end - begin);
  if (value.size() < 40 || is_placeholder_value(value) || !looks_random(value)) return std::nullopt;
  // Of the storage emulator: the same everywhere.
  if (value.starts_with("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq"))
    return std::nullopt;
  return Range{begin, run_on(text, end, kEquals, 2)};
}
Found azure_sas(std::string_view text, std::size_t at, std::string_view&) {
  auto begin = at + 5;
  auto end = run_on(text, begin, kBase64 | kPercent, 100);
  auto value = text.substr(begin, end - begin);
  auto before = text.substr(at > 400 ? at - 400 : 0, std::min<std::size_t>(at, 400));
  before = before.substr(
      before.find_last_of(" \n\"'") == std::string_view::npos ? 0 : before.find_last_of(" \n\"'"));
  auto after = text.substr(end, 200);
  after = after.substr(0, after.find_first_of(" \n\"'"));
  bool sas = before.find("sv=") != std::string_view::npos || after.find("sv=") != std::string_view::npos ||
             after.find("&se=") != std::string_view::npos;
  if (value.size() < 40 || !sas || !looks_random(value)) return std::nullopt;
  return Range{begin, end};
}

/// 14 characters, ".atlasv1." and 60 and more.
Found terraform(std::string_view text, std::size_t at, std::string_view&) {
  auto begin = run_back(text, at, kAlnum, 16);
  auto end = run_on(text, at + 9, kUrl | kEquals, 80);
  if (at - begin < 12 || end - at - 9 < 55 || is_filler(text.substr(at + 9, end - at - 9)))
    return std::nullopt;
  return Range{begin, end};
}

/// 32 hexadecimal digits and the data centre.
Found mailchimp(std::string_view text, std::size_t at, std::string_view&) {
  auto begin = run_back(text, at, kHex, 33);
  auto end = run_on(text, at + 3, kDigit, 3);
  if (at - begin != 32 || end == at + 3 || (begin > 0 && is_word(text[begin - 1])) ||
      (end < text.size() && (is_word(text[end]) || text[end] == '-')) ||
      !looks_random(text.substr(begin, 32)))
    return std::nullopt;
  return Range{begin, end};
}

Found azure_devops(std::string_view text, std::size_t at, std::string_view&) {
  auto begin = run_back(text, at, kAlnum, 90);
  auto end = run_on(text, at + 4, kAlnum, 10);
  if (end - begin != 84 || at - begin != 76 || !looks_random(text.substr(begin, 76))) return std::nullopt;
  return Range{begin, end};
}

Found putty(std::string_view text, std::size_t at, std::string_view&) {
  auto lines = text.find("Private-Lines:", at);
  if (lines == std::string_view::npos || lines - at > 8192) return std::nullopt;
  return Range{at, lines};
}

/// Authorization: Bearer …, Bot …: what stands behind the word.
Found after_word(std::string_view text, std::size_t begin, std::string_view& kind) {
  auto end = run_on(text, begin, kUrl | kDot | kPlusSlash | kEquals | kTilde | kColon, 600);
  auto value = text.substr(begin, end - begin);
  while (value.ends_with('.')) value.remove_suffix(1);
  if (value.size() < 20 || value.find("://") != std::string_view::npos || !looks_random(value) ||
      is_placeholder_value(value) || is_hash(value) || is_known_sample(value))
    return std::nullopt;
  if (is_discord(value)) kind = "Discord bot token";
  return Range{begin, begin + value.size()};
}
Found bearer(std::string_view text, std::size_t at, std::string_view& kind) {
  return after_word(text, at + 7, kind);
}
Found basic(std::string_view text, std::size_t at, std::string_view&) {
  auto begin = at + 21;
  auto end = run_on(text, begin, kBase64 | kEquals, 400);
  auto plain = decode64(text.substr(begin, end - begin));
  auto colon = plain.find(':');
  if (end - begin < 12 || colon == std::string::npos || colon == 0) return std::nullopt;
  auto word = std::string_view(plain).substr(colon + 1);
  if (word.size() < 5 || is_placeholder_value(word) || word == std::string_view(plain).substr(0, colon) ||
      std::ranges::any_of(plain, [](char c) { return c < ' ' || c > '~'; }))
    return std::nullopt;
  return Range{begin, end};
}
Found discord_call(std::string_view text, std::size_t at, std::string_view&) {
  auto open = text.find('(', at);
  if (open == std::string_view::npos || open + 1 >= text.size() ||
      (text[open + 1] != '"' && text[open + 1] != '\''))
    return std::nullopt;
  auto begin = open + 2;
  auto end = run_on(text, begin, kUrl | kDot, 90);
  if (!is_discord(text.substr(begin, end - begin))) return std::nullopt;
  return Range{begin, end};
}
Found netrc(std::string_view text, std::size_t at, std::string_view&) {
  auto line = text.substr(at, 400);
  // Also over several lines, up to the next machine.
  auto next = line.find("machine ", 8);
  line = line.substr(0, next);
  if (line.find("login") == std::string_view::npos) return std::nullopt;
  if (at > 0 && text[at - 1] != '\n') return std::nullopt;
  auto word = line.find("password ");
  if (word == std::string_view::npos) return std::nullopt;
  auto begin = line.find_first_not_of(" \t", word + 9);
  if (begin == std::string_view::npos) return std::nullopt;
  auto end = line.find_first_of(" \t\r\n", begin);
  if (end == std::string_view::npos) end = line.size();
  auto value = line.substr(begin, end - begin);
  if (value.size() < 6 || is_placeholder_value(value)) return std::nullopt;
  return Range{at + begin, at + end};
}

constexpr Shaped kShaped[] = {
    {"Telegram bot token", ":AA", telegram},
    {"JSON web token", "eyJ", jwt},
    {"private key", "-----BEGIN ", private_key},
    {"password in a URL", "://", url_password},
    {"Azure client secret", "Q~", azure_secret},
    {"Azure account key", "AccountKey=", azure_account},
    {"Azure shared access key", "SharedAccessKey=", azure_account},
    {"Azure shared access signature", "&sig=", azure_sas},
    {"Azure shared access signature", "?sig=", azure_sas},
    {"Azure DevOps token", "AZDO", azure_devops},
    {"Terraform Cloud token", ".atlasv1.", terraform},
    {"Mailchimp API key", "-us", mailchimp},
    {"PuTTY private key", "PuTTY-User-Key-File-", putty},
    {"bearer token", "Bearer ", bearer},
    {"password of basic authentication", "Authorization: Basic ", basic},
    {"Discord bot token", "login(", discord_call},
    {"Discord bot token", ".run(", discord_call},
    {"password in a netrc file", "machine ", netrc},
};

}  // namespace

std::span<const Shaped> shaped() { return kShaped; }

bool is_placeholder_value(std::string_view value) {
  return value.empty() || is_reference(value) || has_placeholder_word(value) || is_placeholder_whole(value);
}

bool is_discord(std::string_view token) {
  auto one = token.find('.');
  if (one == std::string_view::npos || one < 22 || one > 30) return false;
  auto two = token.find('.', one + 1);
  if (two == std::string_view::npos || two - one != 7) return false;
  auto last = token.substr(two + 1);
  if (last.size() < 26 || last.size() > 42 || !all_in(token, kUrl | kDot) || is_filler(last)) return false;
  // The first part is the bot's number in base64.
  auto id = decode64(token.substr(0, one));
  return !id.empty() && std::ranges::all_of(id, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace meshops::audit::secrets
