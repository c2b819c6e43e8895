#include "audit/secrets.h"

#include <fmt/format.h>
#include <hs/hs.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "audit/secrets_assign.h"
#include "audit/secrets_kinds.h"
#include "audit/secrets_words.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

using namespace secrets;

[[noreturn]] void broken_table(std::string_view why) {
  fmt::print(stderr, "meshops: the table of secrets cannot be used: {}\n", why);
  std::abort();
}

struct FreeDatabase {
  void operator()(hs_database_t* db) const { hs_free_database(db); }
};
struct FreeScratch {
  void operator()(hs_scratch_t* scratch) const { hs_free_scratch(scratch); }
};

/// hs_scan takes 32 bits; a token at the seam is found by the longer of two looks.
constexpr std::size_t kPiece = 1U << 30, kSeam = 64;

/// All anchors as one database. An anchor that several kinds share is looked for once.
class Anchors {
 public:
  struct Anchor {
    std::string_view text;
    bool any_case = false;
    std::vector<std::size_t> of_prefixed;  // in the order of the table: the first that fits
    std::vector<std::size_t> of_shaped;
    bool name = false;
  };

  Anchors() {
    for (std::size_t i = 0; i < prefixed().size(); ++i)
      at(prefixed()[i].anchor, false).of_prefixed.push_back(i);
    for (std::size_t i = 0; i < shaped().size(); ++i) at(shaped()[i].anchor, false).of_shaped.push_back(i);
    for (auto word : name_words()) at(word, true).name = true;
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    std::vector<unsigned> ids, flags;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      texts.push_back(all_[i].text.data());
      sizes.push_back(all_[i].text.size());
      ids.push_back(static_cast<unsigned>(i));
      flags.push_back(all_[i].any_case ? HS_FLAG_CASELESS : 0);
    }
    hs_database_t* db = nullptr;
    hs_compile_error_t* why = nullptr;
    if (hs_compile_lit_multi(texts.data(), flags.data(), ids.data(), sizes.data(),
                             static_cast<unsigned>(texts.size()), HS_MODE_BLOCK, nullptr, &db,
                             &why) != HS_SUCCESS)
      broken_table(why == nullptr ? "?" : why->message);
    database_.reset(db);
  }

  const Anchor& operator[](std::size_t i) const { return all_[i]; }

  /// Calls found(anchor, begin) for each, in the order of their ends.
  template <typename Found>
  void find(std::string_view text, Found found) const {
    thread_local std::unique_ptr<hs_scratch_t, FreeScratch> scratch = this->scratch();
    for (std::size_t begin = 0; begin < text.size(); begin += kPiece) {
      auto piece = text.substr(begin, kPiece + kSeam);
      struct Context {
        Found* found;
        const Anchors* anchors;
        std::size_t begin;
      } context{&found, this, begin};
      auto code = hs_scan(
          database_.get(), piece.data(), static_cast<unsigned>(piece.size()), 0, scratch.get(),
          [](unsigned id, unsigned long long, unsigned long long to, unsigned, void* raw) {
            auto& c = *static_cast<Context*>(raw);
            (*c.found)(id, c.begin + static_cast<std::size_t>(to) - c.anchors->all_[id].text.size());
            return 0;
          },
          &context);
      if (code != HS_SUCCESS) broken_table(fmt::format("a scan failed with code {}", code));
    }
  }

 private:
  Anchor& at(std::string_view text, bool any_case) {
    for (auto& anchor : all_)
      if (anchor.text == text && anchor.any_case == any_case) return anchor;
    all_.push_back({.text = text, .any_case = any_case});
    return all_.back();
  }
  std::unique_ptr<hs_scratch_t, FreeScratch> scratch() const {
    hs_scratch_t* raw = nullptr;
    if (hs_alloc_scratch(database_.get(), &raw) != HS_SUCCESS) broken_table("no memory");
    return std::unique_ptr<hs_scratch_t, FreeScratch>(raw);
  }

  std::vector<Anchor> all_;
  std::unique_ptr<hs_database_t, FreeDatabase> database_;
};

const Anchors& anchors() {
  static const Anchors all;
  return all;
}

struct Candidate {
  std::string_view kind;
  Range at;
  std::string_view name;
  int rank = 0;  // of two that overlap the lower one counts
};

// Ranks: the more a kind asks of a text, the surer it is; of two prefixes the longer one is.
constexpr int kOfPrefix = 100, kOfName = 200;

class Reading {
 public:
  explicit Reading(std::string_view text) : text_(text) {}

  std::vector<SecretHit> read() {
    const auto& all = anchors();
    all.find(text_, [&](std::size_t id, std::size_t at) {
      const auto& anchor = all[id];
      for (auto i : anchor.of_prefixed)
        if (auto range = match(prefixed()[i], text_, at)) {
          found_.push_back(
              {prefixed()[i].kind, *range, {}, kOfPrefix - static_cast<int>(anchor.text.size())});
          break;
        }
      for (auto i : anchor.of_shaped) {
        auto kind = shaped()[i].kind;
        if (at < shaped_to_[i]) continue;
        if (auto range = shaped()[i].find(text_, at, kind)) {
          found_.push_back({kind,
                            *range,
                            {},
                            kind == "bearer token"        ? 3
                            : kind == "password in a URL" ? 2
                                                          : 1});
          if (kind.ends_with("private key")) shaped_to_[i] = range->end;
        }
      }
      if (anchor.name) assignment(at);
    });
    return settled();
  }

 private:
  void assignment(std::size_t at) {
    if (at < named_to_) return;  // another word of the same name
    auto a = assignment_at(text_, at);
    if (!a) return;
    named_to_ = static_cast<std::size_t>(a->name.data() - text_.data()) + a->name.size();
    auto value = a->value.of(text_);
    if (auto kind = kind_of_assignment(a->name, value, a->lenient))
      found_.push_back({*kind, a->value, a->name, kOfName});
  }

  std::vector<SecretHit> settled() {
    std::ranges::sort(found_, [](const Candidate& a, const Candidate& b) {
      return a.rank != b.rank           ? a.rank < b.rank
             : a.at.begin != b.at.begin ? a.at.begin < b.at.begin
                                        : a.at.end > b.at.end;
    });
    std::vector<Candidate> kept;
    for (auto& c : found_) {
      // `kept` is sorted by place; its members do not overlap.
      auto after =
          std::ranges::upper_bound(kept, c.at.begin, {}, [](const Candidate& k) { return k.at.begin; });
      auto overlapping = kept.end();
      if (after != kept.begin() && std::prev(after)->at.end > c.at.begin)
        overlapping = std::prev(after);
      else if (after != kept.end() && after->at.begin < c.at.end)
        overlapping = after;
      if (overlapping != kept.end()) {
        if (overlapping->name.empty()) overlapping->name = c.name;
        continue;
      }
      kept.insert(after, c);
    }
    std::vector<SecretHit> out;
    std::size_t line = 1, counted = 0, line_begin = 0;
    for (const auto& c : kept) {
      for (auto at = text_.find('\n', counted); at < c.at.begin; at = text_.find('\n', at + 1)) {
        ++line;
        line_begin = at + 1;
      }
      counted = std::max(counted, c.at.begin);
      auto name = c.name;
      if (name.empty())
        name = name_before(text_, c.kind == "password in a URL" ? url_begin(c.at.begin) : c.at.begin);
      out.push_back({.kind = c.kind,
                     .offset = c.at.begin,
                     .length = c.at.end - c.at.begin,
                     .line = line,
                     .column = c.at.begin - line_begin + 1,
                     .name = std::string(name)});
    }
    return out;
  }

  std::size_t url_begin(std::size_t at) const {
    auto scheme = text_.rfind("://", at);
    while (scheme > 0 && in(text_[scheme - 1], kUrl | kDot | kPlusSlash)) --scheme;
    return scheme;
  }

  std::string_view text_;
  std::vector<Candidate> found_;
  std::size_t named_to_ = 0;
  std::vector<std::size_t> shaped_to_ = std::vector<std::size_t>(shaped().size());
};

}  // namespace

std::vector<SecretHit> find_secrets(std::string_view text) { return Reading(text).read(); }

std::vector<std::string_view> secret_kinds() {
  std::vector<std::string_view> out;
  for (const auto& kind : prefixed()) out.push_back(kind.kind);
  for (const auto& kind : shaped()) out.push_back(kind.kind);
  for (const auto& kind : named()) out.push_back(kind.kind);
  for (auto kind :
       {"OpenSSH private key", "PGP private key", "encrypted private key", "Supabase service role key",
        "Cloudflare tunnel token", "password", "token", "API key", "secret"})
    out.push_back(kind);
  std::ranges::sort(out);
  auto twice = std::ranges::unique(out);
  out.erase(twice.begin(), twice.end());
  return out;
}

bool is_placeholder(std::string_view value) { return is_placeholder_value(trim(value)) || is_filler(value); }

bool names_secret(std::string_view name) { return kind_of_name(name) != NameKind::none; }

std::optional<std::string_view> secret_kind(std::string_view name, std::string_view value) {
  value = trim(value);
  if (value.empty() || is_placeholder(value)) return std::nullopt;
  // A value that shows what it is needs no name.
  for (const auto& hit : find_secrets(value))
    if (hit.kind != "password" && hit.kind != "token" && hit.kind != "secret" && hit.kind != "API key")
      return hit.kind;
  return kind_of_assignment(name, value, true);
}

bool gives_secret(std::string_view name, std::string_view value) {
  return secret_kind(name, value).has_value();
}

}  // namespace meshops::audit
