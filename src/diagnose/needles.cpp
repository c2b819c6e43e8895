#include "diagnose/needles.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "diagnose/everyday.h"
#include "diagnose/finder.h"

namespace meshops::diagnose {

namespace {

using Strings = std::vector<std::string>;
using Needles = std::optional<Strings>;

/// What it takes to look for a set, in lines that are looked at for nothing per some ten thousand bytes of a
/// healthy log. A word that those lines do not have may still be in others, a short one likelier; and each
/// needle more slows the search for all.
double cost(const Strings& set) {
  constexpr double kEach = 0.05;
  constexpr std::array kUnseen = {100.0, 100.0, 60.0, 6.0, 2.0, 1.0, 0.2};  // by length
  double sum = 0;
  for (const auto& needle : set)
    sum += kEach + kUnseen[std::min(needle.size(), kUnseen.size() - 1)] +
           static_cast<double>(times_in_everyday_lines(needle));
  return sum;
}

void keep_better(Needles& best, Needles candidate) {
  if (candidate && (!best || cost(*candidate) < cost(*best))) best = std::move(candidate);
}

/// No set is larger, and no class that is read as its members.
constexpr std::size_t kFew = 24, kFewMembers = 6;

/// A part of a pattern.
struct Part {
  /// Everything that it matches, if that is little.
  Needles exact;
  /// Else what to look for in it, if there is something.
  Needles best;
};

Strings joined(const Strings& heads, const Strings& tails) {
  Strings out;
  for (const auto& head : heads)
    for (const auto& tail : tails) out.push_back(head + tail);
  return out;
}

/// A sequence as it is read: the run is all that may stand at its end.
class Sequence {
 public:
  void add(Part part) {
    if (!part.exact) {
      end_run();
      run_ = {""};
      keep_better(best_, std::move(part.best));
      return;
    }
    offer(*part.exact);
    if (run_.size() * part.exact->size() <= kFew) {
      run_ = joined(run_, *part.exact);
      return;
    }
    end_run();
    run_ = std::move(*part.exact);
  }

  /// Once or more often.
  void add_repeated(Part part) {
    auto last = part.exact;
    add(std::move(part));
    end_run();
    run_ = last.value_or(Strings{""});
  }

  void add_anything() {
    end_run();
    run_ = {""};
  }

  Part take() {
    offer(run_);
    return {is_whole_ ? Needles(std::move(run_)) : std::nullopt, std::move(best_)};
  }

 private:
  void end_run() {
    offer(run_);
    is_whole_ = false;
  }

  void offer(const Strings& set) {
    auto is_long = [](const std::string& s) { return s.size() >= Finder::kShortest; };
    if (!set.empty() && std::ranges::all_of(set, is_long)) keep_better(best_, set);
  }

  Strings run_{""};
  bool is_whole_ = true;
  Needles best_;
};

class Reader {
 public:
  explicit Reader(std::string_view pattern) : rest_(pattern) {}

  /// Alternatives up to the end or a ')'.
  Part alternatives() {
    Part all{Strings{}, Strings{}};
    for (;;) {
      auto one = sequence();
      append(all.exact, std::move(one.exact), kFew);
      append(all.best, std::move(one.best), std::numeric_limits<std::size_t>::max());
      if (rest_.empty() || rest_[0] != '|') return all;
      rest_.remove_prefix(1);
    }
  }

 private:
  static void append(Needles& to, Needles more, std::size_t most) {
    if (to && more && to->size() + more->size() <= most)
      std::ranges::move(*more, std::back_inserter(*to));
    else
      to.reset();
  }

  Part sequence() {
    Sequence out;
    while (!rest_.empty() && rest_[0] != '|' && rest_[0] != ')') {
      Part part;
      if (rest_[0] == '(') {
        rest_.remove_prefix(1);
        if (rest_.starts_with("?:")) rest_.remove_prefix(2);
        part = alternatives();
        if (!rest_.empty()) rest_.remove_prefix(1);  // the ')'
      } else {
        part.exact = atom();
      }
      switch (quantifier()) {
        case Times::once:
          out.add(std::move(part));
          break;
        case Times::maybe:
          if (part.exact) part.exact->emplace_back();
          part.best.reset();
          out.add(std::move(part));
          break;
        case Times::many:
          out.add_repeated(std::move(part));
          break;
        case Times::any:
          out.add_anything();
          break;
      }
    }
    return out.take();
  }

  /// What one atom matches; of an anchor that is nothing at all.
  Needles atom() {
    char c = take();
    if (c == '[') return members();
    if (c == '.') return std::nullopt;
    if (c == '^' || c == '$') return Strings{""};
    if (c == '\\' && !rest_.empty()) {
      c = take();
      if (c == 'b') return Strings{""};
      if (std::isalnum(static_cast<unsigned char>(c)) != 0) return std::nullopt;  // \d \w …
    }
    return Strings{lower(std::string(1, c))};
  }

  /// Of a class behind its '['; nothing if they are many.
  Needles members() {
    bool few = rest_.empty() || rest_[0] != '^';
    if (!few) take();
    std::set<std::string> out;
    for (bool first = true; !rest_.empty() && (rest_[0] != ']' || first); first = false) {
      char c = take();
      if (c == '\\' && !rest_.empty()) {
        c = take();
        few = few && std::isalnum(static_cast<unsigned char>(c)) == 0;
      }
      few = few && !(rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']');
      out.insert(lower(std::string(1, c)));
    }
    if (!rest_.empty()) take();
    if (!few || out.size() > kFewMembers) return std::nullopt;
    return Strings(out.begin(), out.end());
  }

  enum class Times { once, maybe, many, any };

  /// Reads ?, *, + or {m,n}.
  Times quantifier() {
    if (rest_.empty()) return Times::once;
    char c = rest_[0];
    if (c == '{') {
      bool zero = rest_.starts_with("{0") && rest_.size() > 2 && (rest_[2] == ',' || rest_[2] == '}');
      rest_.remove_prefix(std::min(rest_.size(), rest_.find('}') + 1));
      return zero ? Times::any : Times::many;
    }
    if (c != '?' && c != '*' && c != '+') return Times::once;
    rest_.remove_prefix(1);
    return c == '?' ? Times::maybe : c == '+' ? Times::many : Times::any;
  }

  char take() {
    char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }

  std::string_view rest_;
};

}  // namespace

std::vector<std::string> needles_of(std::string_view pattern) {
  auto found = Reader(pattern).alternatives().best;
  if (!found) return {};
  for (auto& needle : *found) needle = rarest_part(needle, Finder::kLongest);
  // A needle inside another one finds whatever the longer one finds.
  std::ranges::sort(*found, [](const auto& a, const auto& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  std::vector<std::string> out;
  for (auto& needle : *found)
    if (std::ranges::none_of(out, [&](const auto& kept) { return needle.find(kept) != needle.npos; }))
      out.push_back(std::move(needle));
  return out;
}

}  // namespace meshops::diagnose
