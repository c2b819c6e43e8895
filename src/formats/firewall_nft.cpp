// nft's own language.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "formats/firewall_chains.h"

namespace meshops::firewall {

namespace {

struct Token {
  std::string_view text;
  std::size_t line = 1, column = 1;
};

/// Words, braces, and the ends of statements (";" and line ends as ";").
std::vector<Token> tokens(std::string_view text) {
  std::vector<Token> out;
  std::size_t line = 1, begin_of_line = 0;
  for (std::size_t i = 0; i < text.size();) {
    char c = text[i];
    auto column = i - begin_of_line + 1;
    if (c == '\n') {
      out.push_back({";", line, column});
      ++line;
      begin_of_line = ++i;
    } else if (c == '\\' && i + 1 < text.size() && text[i + 1] == '\n') {
      ++line;
      i += 2;
      begin_of_line = i;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++i;
    } else if (c == '#') {
      while (i < text.size() && text[i] != '\n') ++i;
    } else if (c == '{' || c == '}' || c == ';' || c == ',' || c == '=') {
      out.push_back({text.substr(i, 1), line, column});
      ++i;
    } else if (c == '"') {
      auto end = text.find('"', i + 1);
      if (end == std::string_view::npos || text.substr(i, end - i).find('\n') != std::string_view::npos) {
        ++i;
        continue;
      }
      out.push_back({text.substr(i + 1, end - i - 1), line, column});
      i = end + 1;
    } else {
      auto end = i;
      while (end < text.size() &&
             std::string_view(" \t\r\n{};,\"=#").find(text[end]) == std::string_view::npos)
        ++end;
      if (end == i) ++end;
      out.push_back({text.substr(i, end - i), line, column});
      i = end;
    }
    if (out.size() > 50 * kMostRules) break;
  }
  return out;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : tokens_(tokens(text)), text_(text) {}

  std::vector<Input> read() {
    while (i_ < tokens_.size()) {
      if (word() == "flush" || word() == "delete" || word() == "include") {
        skip_statement();
      } else if (word() == "define") {
        define();
      } else if (word() == "table") {
        skip();
        table();
      } else if (word() == "add" || word() == "insert") {
        skip();
        added();
      } else {
        skip();
      }
    }
    return nft_inputs(all_);
  }

 private:
  std::string_view word(std::size_t ahead = 0) const {
    return i_ + ahead < tokens_.size() ? tokens_[i_ + ahead].text : std::string_view();
  }
  bool end() const { return i_ >= tokens_.size(); }
  void skip(std::size_t count = 1) { i_ = std::min(i_ + count, tokens_.size()); }
  void skip_statement() {
    while (!end() && word() != ";") skip();
  }
  void skip_block() {
    std::size_t depth = 0;
    while (!end()) {
      if (word() == "{") ++depth;
      if (word() == "}" && --depth == 0) {
        skip();
        return;
      }
      skip();
    }
  }
  void define() {
    skip();
    auto name = "$" + std::string(word());
    skip();
    if (word() == "=") skip();
    std::string value;
    if (word() == "{") {
      skip();
      while (!end() && word() != "}") {
        if (word() != ";") value += word();
        skip();
      }
    } else {
      value = std::string(word());
    }
    skip_statement();
    defines_[name] = value;
  }
  static bool is_family(std::string_view word) {
    return word == "inet" || word == "ip" || word == "ip6" || word == "arp" || word == "bridge" ||
           word == "netdev";
  }
  void table() {
    std::string family = "ip";
    if (is_family(word())) {
      family = word();
      skip();
    }
    std::string name(word());
    skip();
    while (word() == ";") skip();
    if (word() != "{") return;
    skip();
    while (!end() && word() != "}") {
      if (word() == "chain") {
        skip();
        std::string chain(word());
        skip();
        while (word() == ";") skip();
        if (word() == "{") {
          skip();
          body(at(family, name, chain), true);
        }
      } else if (word() == "set") {
        skip();
        set();
      } else if (word() == "{") {
        skip_block();
      } else {
        skip();
      }
    }
    if (!end()) skip();
  }
  /// set web { type inet_service; elements = { 22, 443 } }: read as if it were a define.
  void set() {
    auto name = "@" + std::string(word());
    skip();
    while (word() == ";") skip();
    if (word() != "{") return;
    skip();
    while (!end() && word() != "}") {
      if (word() == "elements" && word(1) == "=" && word(2) == "{") {
        skip(2);
        defines_[name] = operand();
      } else {
        skip();
      }
    }
    if (!end()) skip();
  }
  /// add table inet filter; add chain inet filter input { … }; add rule inet filter input tcp dport 22 accept
  void added() {
    auto what = word();
    if (what != "chain" && what != "rule") return;
    skip();
    std::string family = "ip";
    if (is_family(word())) {
      family = word();
      skip();
    }
    std::string name(word()), chain(word(1));
    skip(2);
    if (what == "rule") {
      statement(at(family, name, chain), false);
    } else if (word() == "{") {
      skip();
      body(at(family, name, chain), true);
    } else {
      at(family, name, chain);
    }
  }
  Chain& at(const std::string& family, const std::string& table, const std::string& chain) {
    auto& found = all_.at(family + " " + table, chain);
    found.family = family;
    return found;
  }
  void body(Chain& chain, bool) {
    while (!end() && word() != "}") {
      if (word() == ";") {
        skip();
      } else if (word() == "type") {
        chain.type = word(1);
        while (!end() && word() != ";" && word() != "}") {
          if (word() == "hook") chain.hook = word(1);
          skip();
        }
      } else if (word() == "policy") {
        chain.policy = word(1) == "drop" ? Verdict::deny : Verdict::accept;
        chain.policy_line = tokens_[i_].line;
        chain.policy_column = tokens_[i_].column;
        skip_to_end();
      } else {
        statement(chain, true);
      }
      // Where no policy is written the chain's own line says that there is none.
      if (chain.policy_line == 0 && !chain.hook.empty() && i_ > 0) {
        chain.policy_line = tokens_[i_ - 1].line;
        chain.policy_column = 1;
      }
    }
    if (!end()) skip();
  }
  void skip_to_end() {
    while (!end() && word() != ";" && word() != "}") skip();
  }

  /// A literal, a define, or a set in braces: as one text with commas.
  std::string operand() {
    if (word() != "{") {
      auto found = defines_.find(std::string(word()));
      std::string out = found != defines_.end() ? found->second : std::string(word());
      if (!end()) skip();
      return out;
    }
    std::string out;
    skip();
    while (!end() && word() != "}") {
      if (word() != ";") {
        auto found = defines_.find(std::string(word()));
        out += found != defines_.end() ? found->second : std::string(word());
      }
      skip();
    }
    if (!end()) skip();
    return out;
  }

  enum class Key { ports, from, interface, other };
  struct Statement {
    Rule rule;
    std::vector<Rule> mapped;  // of a verdict map: one for each of its elements
    bool narrow = false;       // some packets only: whom it accepts gets in all the same
  };

  void statement(Chain& chain, bool in_block) {
    Statement made;
    auto& line = made.rule.line;
    line.v4 = chain.family != "ip6";
    line.v6 = chain.family != "ip";
    auto first = end() ? Token{} : tokens_[i_];
    line.line = first.line;
    line.column = first.column;
    while (!end() && word() != ";" && !(in_block && word() == "}")) part(made, in_block);
    auto stop = end() ? text_.size() : static_cast<std::size_t>(word().data() - text_.data());
    std::string text;
    if (!first.text.empty()) {
      auto start = static_cast<std::size_t>(first.text.data() - text_.data());
      if (stop > start) text = std::string(trim(text_.substr(start, std::min(stop - start, kLongestRule))));
    }
    if (made.mapped.empty()) made.mapped.push_back(made.rule);
    for (auto& rule : made.mapped) {
      bool accepts = rule.decides && rule.line.verdict == Verdict::accept;
      if (made.narrow && !accepts) rule.line.conditional = true;
      rule.line.text = text;
      if (chain.rules.size() < kMostRules) chain.rules.push_back(std::move(rule));
    }
  }

  /// One match or verdict of a rule.
  void part(Statement& made, bool in_block) {
    auto& line = made.rule.line;
    auto w = word();
    if (w == "tcp" || w == "udp" || w == "th" || w == "sctp") {
      if (w != "th") line.protocol = w;
      skip();
      if (word() == "dport") {
        skip();
        value_of(made, Key::ports);
      } else if (word() == "sport" || word() == "flags") {
        skip();
        value_of(made, Key::other);
      }
    } else if ((w == "ip" || w == "ip6") && word(1) == "saddr") {
      skip(2);
      value_of(made, Key::from);
    } else if ((w == "ip" || w == "ip6") && word(1) == "daddr") {
      skip(2);
      address_of_ours(made);
    } else if (w == "iif" || w == "iifname") {
      skip();
      value_of(made, Key::interface);
    } else if (w == "meta" && word(1) == "l4proto") {
      skip(2);
      layer_four(made);
    } else if (w == "ct" && word(1) == "state") {
      skip(2);
      state(made);
    } else if (w == "limit") {
      limit(made);
    } else if (w == "accept" || w == "drop" || w == "reject") {
      made.rule.decides = true;
      line.verdict = w == "accept" ? Verdict::accept : Verdict::deny;
      skip_rest(in_block);
    } else if (w == "jump" || w == "goto") {
      made.rule.jump = word(1);
      skip_rest(in_block);
    } else if (w == "return") {
      made.rule.returns = true;
      skip_rest(in_block);
    } else if (w == "counter" || w == "log") {
      skip();
    } else if (w == "packets" || w == "bytes" || w == "prefix" || w == "level" || w == "comment") {
      skip();
      if (!end() && word() != ";") skip();
    } else {
      line.conditional = true;
      if (w == "{")
        operand();
      else
        skip();
    }
  }

  void value_of(Statement& made, Key key) {
    if (word() == "vmap") return map(made, key);
    bool negated = word() == "!=";
    if (negated) skip();
    auto value = operand();
    if (negated)
      made.rule.line.conditional = true;
    else
      give(made.rule.line, key, value);
  }
  static void give(Line& line, Key key, const std::string& value) {
    if (key == Key::ports) {
      line.ports = parse_ports(value);
      if (line.ports.empty()) line.conditional = true;
    } else if (key == Key::from) {
      if (!is_anywhere(value)) line.from = value.substr(0, kLongestRule);
    } else if (key == Key::interface) {
      line.interface = value.substr(0, kLongestRule);
    } else {
      line.conditional = true;
    }
  }
  /// vmap { 22 : accept, 80 : jump web }
  void map(Statement& made, Key key) {
    skip();
    if (word() != "{") {
      made.rule.line.conditional = true;
      return;
    }
    skip();
    while (!end() && word() != "}") {
      std::string element;
      while (!end() && word() != "}" && word() != ":" && !word().ends_with(':') && word() != ",") {
        if (word() != ";") element += word();
        skip();
      }
      if (!end() && word().ends_with(':')) {
        element += word().substr(0, word().size() - 1);
        skip();
      }
      auto rule = made.rule;
      give(rule.line, key, element);
      if (key == Key::other && element == "new") rule.line.conditional = made.rule.line.conditional;
      verdict(rule);
      if (made.mapped.size() < kMostRules) made.mapped.push_back(std::move(rule));
      while (!end() && word() != "}" && word() != ",") skip();
      if (word() == ",") skip();
    }
    if (!end()) skip();
  }
  void verdict(Rule& rule) {
    auto w = word();
    rule.decides = w == "accept" || w == "drop" || w == "reject";
    rule.line.verdict = w == "accept" ? Verdict::accept : Verdict::deny;
    rule.returns = w == "return";
    if (w == "jump" || w == "goto") rule.jump = word(1);
  }
  /// Our own address is who is meant anyway; a group's is not.
  void address_of_ours(Statement& made) {
    bool negated = word() == "!=";
    if (negated) skip();
    auto value = operand();
    if (negated || is_group(value))
      made.rule.line.conditional = true;
    else
      made.narrow = true;
  }
  void layer_four(Statement& made) {
    if (word() == "!=") return value_of(made, Key::other);
    auto value = operand();
    auto& line = made.rule.line;
    // "{ tcp, udp }": ports that follow count for each.
    bool ports = value.find("tcp") != std::string::npos || value.find("udp") != std::string::npos;
    if (!ports || value.find(',') == std::string::npos) line.protocol = value.substr(0, kLongestRule);
  }
  void state(Statement& made) {
    if (word() == "vmap") return map(made, Key::other);
    bool negated = word() == "!=";
    if (negated) skip();
    std::string value = operand();
    while (word() == ",") {
      skip();
      value += "," + operand();
    }
    // Known connections are not who may begin one.
    if (negated || value.find("new") == std::string::npos) made.rule.line.conditional = true;
  }
  /// limit rate over 10/minute burst 5 packets
  void limit(Statement& made) {
    skip();
    if (word() == "rate") skip();
    if (word() == "over") {
      made.rule.line.conditional = true;
      skip();
    }
    if (!end() && word() != ";") skip();
    if (word() == "burst") skip(3);
    made.narrow = true;
  }
  void skip_rest(bool in_block) {
    while (!end() && word() != ";" && !(in_block && word() == "}")) skip();
  }

  std::vector<Token> tokens_;
  std::string_view text_;
  std::size_t i_ = 0;
  Chains all_;
  std::map<std::string, std::string> defines_;
};

}  // namespace

std::vector<Input> parse_nft(std::string_view text) { return Reader(text).read(); }

}  // namespace meshops::firewall
