#include "formats/ssh_client_config.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace meshops::ssh {

namespace {

constexpr std::array<std::string_view, 6> kAccumulate = {"identityfile", "certificatefile", "sendenv",
                                                         "localforward", "remoteforward",   "dynamicforward"};
/// Read in one pass, also again and again: more than any real configuration has. A file that includes itself
/// a hundred times must end.
constexpr std::size_t kMostLines = 20'000;

std::string expand_host(std::string_view text, std::string_view host) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 1 < text.size() && (text[i + 1] == 'h' || text[i + 1] == '%')) {
      out += text[i + 1] == 'h' ? host : std::string_view("%");
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

class Walk {
 public:
  Walk(const ClientQuery& query, const Include& include, bool everything = false)
      : query_(query), include_(include), everything_(everything) {}

  void pass(const std::vector<ClientSource>& sources, bool final_pass) {
    final_ = final_pass;
    read_ = 0;
    for (const auto& source : sources) {
      active_ = true;
      State at{.block_file = source.config, .block = nullptr, .uncertain = false};
      read(*source.config, source.user, false, at, 0);
    }
  }
  bool wants_final() const {
    const auto* canonicalize = effective(out_, "canonicalizehostname");
    return wants_final_ || (canonicalize != nullptr && !is_no(canonicalize->line->value()));
  }
  /// ssh takes the name of the first pass into use before the second.
  void fix_host_name() { host_name_ = lower(host_name()); }
  std::vector<Applied> take() { return std::move(out_); }

 private:
  struct State {
    const Config* block_file = nullptr;
    const Line* block = nullptr;
    bool uncertain = false;
  };

  std::string host_name() const {
    if (host_name_) return *host_name_;
    const auto* set = effective(out_, "hostname");
    return set != nullptr ? expand_host(set->line->value(), query_.host) : query_.host;
  }

  void read(const Config& config, bool user, bool never, State at, unsigned depth) {
    for (const auto& line : config.lines) {
      if (++read_ > kMostLines) return;
      if (line.keyword == "host" || line.keyword == "match") {
        at = {.block_file = &config, .block = &line, .uncertain = false};
        // A Match is judged below a Host that does not hold, too: its "final" asks for the second pass.
        bool holds = line.keyword == "host" ? host(line) : match(line, at.uncertain);
        active_ = everything_ || (!never && holds);
      } else if (line.keyword == "include") {
        if (depth + 1 < kMostNesting) includes(line, user, at, depth);
      } else if (active_ && !(final_ && line.keyword == "hostname")) {
        // The name is settled when the second pass begins.
        out_.push_back({&config, &line, at.block_file, at.block, at.uncertain});
      }
    }
  }

  void includes(const Line& line, bool user, const State& at, unsigned depth) {
    const bool was_active = active_;
    for (const auto& word : line.args) {
      std::string pattern = word.text;
      if (!pattern.starts_with('/') && !pattern.starts_with('~'))
        pattern = (user ? "~/.ssh/" : "/etc/ssh/") + pattern;
      for (const auto* file : include_(pattern)) {
        read(*file, user, !was_active, at, depth + 1);
        // A Host or Match in the file does not reach out of it.
        active_ = was_active;
      }
    }
  }

  bool host(const Line& line) const {
    // The second pass knows the host by the name that the first one gave it.
    const std::string& name = host_name_ ? *host_name_ : query_.host;
    bool found = false;
    for (const auto& word : line.args) {
      std::string_view pattern = word.text;
      bool negated = pattern.starts_with('!');
      if (negated) pattern.remove_prefix(1);
      if (!match_pattern(name, pattern)) continue;
      if (negated) return false;
      found = true;
    }
    return found;
  }

  bool match(const Line& line, bool& uncertain) {
    auto [criteria, good] = parse_match(line.rest);
    bool result = true;
    for (const auto& c : criteria) {
      bool holds = true;
      if (c.name == "canonical" || c.name == "final") {
        if (c.name == "final") wants_final_ = true;
        holds = final_;
      } else if (c.name == "host") {
        holds = match_list(lower(host_name()), c.value, true) == 1;
      } else if (c.name == "originalhost") {
        holds = match_list(lower(query_.host), c.value, true) == 1;
      } else if (c.name == "user") {
        const auto* set = effective(out_, "user");
        holds = match_list(set != nullptr ? set->line->value() : query_.local_user, c.value) == 1;
      } else if (c.name == "localuser") {
        holds = match_list(query_.local_user, c.value) == 1;
      } else if (c.name == "exec") {
        uncertain = true;
        continue;
      } else if (c.name != "all") {
        return false;
      }
      if (holds == c.negated) result = false;
    }
    return good && result;
  }

  const ClientQuery& query_;
  const Include& include_;
  std::vector<Applied> out_;
  std::optional<std::string> host_name_;
  bool everything_;
  bool active_ = true, final_ = false, wants_final_ = false;
  std::size_t read_ = 0;  // lines of this pass
};

}  // namespace

std::vector<Applied> applied_lines(const std::vector<ClientSource>& sources, const ClientQuery& query,
                                   const Include& include) {
  Walk walk(query, include);
  walk.pass(sources, false);
  if (walk.wants_final()) {
    walk.fix_host_name();
    walk.pass(sources, true);
  }
  return walk.take();
}

std::vector<Applied> every_line(const std::vector<ClientSource>& sources, const Include& include) {
  ClientQuery nobody;
  Walk walk(nobody, include, true);
  walk.pass(sources, false);
  return walk.take();
}

const Applied* effective(const std::vector<Applied>& lines, std::string_view keyword) {
  for (const auto& applied : lines)
    if (applied.line->keyword == keyword) return &applied;
  return nullptr;
}

bool accumulates(std::string_view keyword) {
  return std::ranges::find(kAccumulate, keyword) != kAccumulate.end();
}

std::string sample_of(std::string_view pattern) {
  std::string out;
  for (char c : pattern) out += c == '*' || c == '?' ? 'x' : c;
  return out;
}

std::vector<std::string> names_of(const Line& block) {
  std::vector<std::string> out;
  if (block.keyword == "host") {
    for (const auto& word : block.args)
      if (!word.text.starts_with('!')) out.push_back(word.text);
    return out;
  }
  auto [criteria, good] = parse_match(block.rest);
  for (const auto& c : criteria) {
    if ((c.name != "host" && c.name != "originalhost") || c.negated) continue;
    for (auto pattern : split(c.value, ','))
      if (!pattern.starts_with('!') && !pattern.empty()) out.emplace_back(pattern);
  }
  return out;
}

bool is_open(const Line& block) {
  auto names = names_of(block);
  return names.empty() || std::ranges::any_of(names, [](const auto& name) { return has_wildcard(name); });
}

}  // namespace meshops::ssh
