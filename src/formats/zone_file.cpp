#include "formats/zone_file.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace meshops::zone {

namespace {

constexpr std::array<std::string_view, 46> kTypes = {
    "A",     "AAAA",       "AFSDB",      "ALIAS", "ANAME", "APL",    "CAA", "CDNSKEY", "CDS",   "CERT",
    "CNAME", "CSYNC",      "DHCID",      "DLV",   "DNAME", "DNSKEY", "DS",  "EUI48",   "EUI64", "HINFO",
    "HIP",   "HTTPS",      "IPSECKEY",   "KEY",   "KX",    "LOC",    "MX",  "NAPTR",   "NS",    "NSEC",
    "NSEC3", "NSEC3PARAM", "OPENPGPKEY", "PTR",   "RP",    "RRSIG",  "SIG", "SMIMEA",  "SOA",   "SPF",
    "SRV",   "SSHFP",      "SVCB",       "TLSA",  "TXT",   "URI"};

/// A known one, or RFC 3597's "TYPE65280".
bool is_type(std::string_view word) {
  if (std::ranges::find(kTypes, word) != kTypes.end()) return true;
  return word.size() > 4 && word.starts_with("TYPE") &&
         std::ranges::all_of(word.substr(4), [](char c) { return c >= '0' && c <= '9'; });
}
bool is_class(std::string_view word) { return word == "IN" || word == "CH" || word == "HS" || word == "CS"; }
/// "3600", "1h30m".
bool is_ttl(std::string_view word) {
  if (word.empty() || word[0] < '0' || word[0] > '9') return false;
  return std::ranges::all_of(word, [](char c) {
    return (c >= '0' && c <= '9') || std::string_view("SMHDW").find(c) != std::string_view::npos;
  });
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

struct Token {
  std::string text;
  std::size_t line = 1, column = 1;
};

/// One entry: its tokens, and whether it began with a blank (then it has the owner of the one before).
struct Entry {
  std::vector<Token> tokens;
  bool owner_kept = false;
};

class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  bool next(Entry& out) {
    out = {};
    int open = 0;
    bool at_start = true;
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '\n') {
        step();
        if (open == 0) {
          if (!out.tokens.empty()) return true;
          out.owner_kept = false;
          at_start = true;
        }
        continue;
      }
      if (c == ' ' || c == '\t' || c == '\r') {
        if (at_start && open == 0 && out.tokens.empty()) out.owner_kept = true;
        at_start = false;
        step();
      } else if (c == ';') {
        while (at_ < text_.size() && text_[at_] != '\n') step();
      } else if (c == '(' || c == ')') {
        open = std::max(0, open + (c == '(' ? 1 : -1));
        at_start = false;
        step();
      } else {
        at_start = false;
        out.tokens.push_back(word());
      }
    }
    return !out.tokens.empty();
  }

 private:
  void step() {
    if (text_[at_] == '\n') {
      ++line_;
      line_begin_ = at_ + 1;
    }
    ++at_;
  }
  Token word() {
    Token out{.text = {}, .line = line_, .column = at_ - line_begin_ + 1};
    bool quoted = text_[at_] == '"';
    if (quoted) step();
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') {
        out.text += c;
        step();
        out.text += text_[at_];
        step();
        continue;
      }
      if (c == '\n') break;
      if (quoted) {
        step();
        if (c == '"') break;
      } else {
        if (std::string_view(" \t\r;()\"").find(c) != std::string_view::npos) break;
        step();
      }
      out.text += c;
    }
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0, line_ = 1, line_begin_ = 0;
};

std::string full_name(std::string_view name, const std::string& origin) {
  if (name == "@") return origin;
  std::string out = lower(name);
  if (out.ends_with('.') && !out.ends_with("\\.")) return out;
  return origin == "." ? out + "." : out + "." + origin;
}

}  // namespace

std::string origin_of_file(std::string_view name) {
  std::string_view rest = name;
  if (rest.starts_with("db."))
    rest.remove_prefix(3);
  else if (rest.ends_with(".zone"))
    rest.remove_suffix(5);
  else if (rest.ends_with(".dns"))
    rest.remove_suffix(4);
  else if (rest.ends_with(".db"))
    rest.remove_suffix(3);
  else
    return {};
  if (rest.find('.') == std::string_view::npos) return {};
  return lower(rest);
}

Zone parse(std::string_view text, std::string_view given) {
  std::string origin = given.empty() ? "@." : lower(given);
  if (!origin.ends_with('.')) origin += '.';
  Zone out;
  std::string first_origin, owner = origin;
  Tokens tokens(text);
  Entry entry;
  while (tokens.next(entry)) {
    const auto& t = entry.tokens;
    if (t[0].text.starts_with('$') && !entry.owner_kept) {
      if (upper(t[0].text) == "$ORIGIN" && t.size() > 1) {
        // Relative to an origin that nobody told, it is the first to say where we are.
        std::string name = t[1].text;
        if (origin == "@." && !name.ends_with('.')) name += '.';
        origin = full_name(name, origin);
        if (first_origin.empty() && out.records.empty()) first_origin = origin;
      }
      continue;
    }
    std::size_t i = 0;
    if (!entry.owner_kept) owner = full_name(t[i++].text, origin);
    // TTL and class in any order, or neither.
    while (i < t.size() && (is_class(upper(t[i].text)) || is_ttl(upper(t[i].text)))) ++i;
    if (i >= t.size()) continue;
    auto type = upper(t[i].text);
    if (!is_type(type)) continue;
    Record record{.owner = owner, .type = type, .fields = {}, .line = t[0].line, .column = t[i].column};
    // The type is what the eye looks for, should it stand on a later line.
    if (t[i].line != t[0].line) record.line = t[i].line;
    for (++i; i < t.size(); ++i) record.fields.push_back(t[i].text);
    if (out.apex.empty() && type == "SOA") out.apex = owner;
    out.records.push_back(std::move(record));
  }
  if (out.apex.empty()) out.apex = !first_origin.empty() ? first_origin : given.empty() ? "@." : lower(given);
  if (!out.apex.ends_with('.')) out.apex += '.';
  return out;
}

}  // namespace meshops::zone
