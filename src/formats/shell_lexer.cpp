// Characters to words: quotes, expansions, redirections, heredocs.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "formats/shell_parser.h"

namespace meshops::shell::detail {

void Parser::skip_blanks() {
  while (more()) {
    if (is_blank(peek())) {
      ++at_;
    } else if (peek() == '\\' && peek(1) == '\n') {
      at_ += 2;
    } else if (peek() == '\\' && peek(1) == '\r' && peek(2) == '\n') {
      at_ += 3;
    } else if (peek() == '#') {
      auto end = std::min(text_.find('\n', at_), text_.size());
      Comment comment{.text = std::string(text_.substr(at_, end - at_)), .offset = at_};
      lines_.place(at_, comment.line, comment.column);
      out_.comments.push_back(std::move(comment));
      at_ = end;
    } else {
      return;
    }
  }
}

void Parser::newline() {
  ++at_;
  for (auto index : std::exchange(pending_, {})) {
    auto& doc = out_.heredocs[index];
    doc.offset = at_;
    std::size_t column = 1;
    lines_.place(at_, doc.line, column);
    bool strips = strips_[index];
    while (more()) {
      auto end = std::min(text_.find('\n', at_), text_.size());
      auto line = text_.substr(at_, end - at_);
      at_ = std::min(end + 1, text_.size());
      auto bare = line;
      if (strips) bare.remove_prefix(std::min(bare.find_first_not_of('\t'), bare.size()));
      if (bare.ends_with('\r')) bare.remove_suffix(1);
      if (bare == doc.delimiter) break;
      doc.body += line;
      doc.body += '\n';
    }
  }
}

void Parser::substitution(const Frame& outer) {
  ++at_;
  if (depth_ >= kDepthLimit) return balanced('(', ')');
  ++depth_;
  Frame frame = inside(outer);
  frame.substituted = true;
  list(frame);
  if (more()) ++at_;
  --depth_;
}

Frame Parser::inside(const Frame& outer) const {
  Frame frame;
  auto [loop, depth, condition] = loop_of(outer);
  frame.outer_loop = loop;
  frame.outer_loop_depth = depth;
  frame.outer_condition = condition;
  frame.conditional = is_conditional(outer);
  frame.depth = outer.depth + static_cast<unsigned>(outer.scopes.size()) + 1;
  frame.function = outer.function;
  frame.substituted = outer.substituted;
  return frame;
}

void Parser::balanced(char open, char close) {
  std::size_t depth = 1;
  while (more() && depth > 0) {
    char c = text_[at_++];
    if (c == '\\') {
      if (more()) ++at_;
    } else if (c == '\'') {
      at_ = std::min(text_.find('\'', at_), text_.size() - 1) + 1;
    } else if (c == '"') {
      while (more() && peek() != '"') at_ += peek() == '\\' ? 2 : 1;
      at_ = std::min(at_ + 1, text_.size());
    } else if (c == open) {
      ++depth;
    } else if (c == close) {
      --depth;
    }
  }
}

void Parser::backticks(const Frame& outer) {
  auto begin = ++at_;
  std::string inner;
  while (more() && peek() != '`') {
    if (peek() == '\\' && (peek(1) == '`' || peek(1) == '\\' || peek(1) == '$')) ++at_;
    if (more()) inner += text_[at_++];
  }
  if (more()) ++at_;
  auto frame = inside(outer);
  frame.substituted = true;
  nested(inner, begin, text_.substr(begin).starts_with(inner), frame, false);
}

void Parser::nested(std::string_view inner, std::size_t begin, bool exact, const Frame& frame, bool shell) {
  if (depth_ >= kDepthLimit || inner.empty() || nested_bytes_ > kNestedLimit) return;
  nested_bytes_ += inner.size();
  Script script;
  Parser parser(inner, script);
  parser.depth_ = depth_ + 1;
  parser.nested_bytes_ = nested_bytes_;
  parser.all();
  nested_bytes_ = parser.nested_bytes_;
  auto base = out_.loops.size();
  auto doc_base = out_.heredocs.size();
  auto put = [&](std::size_t& offset, std::size_t& line, std::size_t& column) {
    offset = exact ? begin + offset : begin;
    lines_.place(offset, line, column);
  };
  for (auto& loop : script.loops) {
    loop.parent = loop.parent == kNoLoop ? frame.outer_loop : loop.parent + base;
    put(loop.offset, loop.line, loop.column);
    out_.loops.push_back(loop);
  }
  for (auto& doc : script.heredocs) {
    std::size_t column = 1;
    put(doc.offset, doc.line, column);
    out_.heredocs.push_back(std::move(doc));
    strips_.push_back(false);
  }
  for (auto& c : script.commands) {
    if (c.loop == kNoLoop) {
      c.loop = frame.outer_loop;
      c.loop_condition = frame.outer_condition;
    } else {
      c.loop += base;
    }
    c.loop_depth += frame.outer_loop_depth;
    c.conditional = c.conditional || frame.conditional;
    c.substituted = c.substituted || frame.substituted;
    c.depth += frame.depth;
    c.nested_shell = c.nested_shell || shell;
    if (c.function.empty()) c.function = frame.function;
    c.end = exact ? begin + c.end : begin;
    put(c.offset, c.line, c.column);
    auto word = [&](Word& w) {
      w.end = exact ? begin + w.end : begin;
      put(w.offset, w.line, w.column);
    };
    for (auto& w : c.words) word(w);
    for (auto& a : c.assignments) word(a.value);
    for (auto& r : c.redirections) {
      word(r.target);
      if (r.heredoc) *r.heredoc += doc_base;
    }
    out_.commands.push_back(std::move(c));
  }
}

void Parser::dollar(Word& word, const Frame& frame, bool in_quotes) {
  auto begin = at_++;
  char c = peek();
  if (c == '(') {
    if (peek(1) == '(') {
      at_ += 2;
      balanced('(', ')');
      if (peek() == ')') ++at_;
    } else {
      substitution(frame);
    }
  } else if (c == '{') {
    ++at_;
    balanced('{', '}');
  } else if (c == '\'' && !in_quotes) {
    ansi_quotes(word);
    return;
  } else if (c == '"' && !in_quotes) {
    double_quotes(word, frame);
    return;
  } else if (is_name_start(c)) {
    while (is_name_part(peek())) ++at_;
  } else if (c != '\0' && std::string_view("0123456789@*#?$!-").find(c) != std::string_view::npos) {
    ++at_;
  } else {
    word.text += '$';
    return;
  }
  at_ = std::min(at_, text_.size());
  word.text += text_.substr(begin, at_ - begin);
  word.expands = true;
}

void Parser::ansi_quotes(Word& word) {
  word.quoted = true;
  ++at_;
  while (more() && peek() != '\'') {
    if (peek() == '\\' && at_ + 1 < text_.size()) {
      ++at_;
      char c = text_[at_];
      word.text += c == 'n' ? '\n' : c == 't' ? '\t' : c;
    } else {
      word.text += peek();
    }
    ++at_;
  }
  if (more()) ++at_;
}

void Parser::double_quotes(Word& word, const Frame& frame) {
  word.quoted = true;
  ++at_;
  while (more() && peek() != '"') {
    char c = peek();
    if (c == '\\' && at_ + 1 < text_.size()) {
      char next = peek(1);
      at_ += 2;
      if (next == '\n') continue;
      if (next != '$' && next != '`' && next != '"' && next != '\\') word.text += '\\';
      word.text += next;
    } else if (c == '$') {
      dollar(word, frame, true);
    } else if (c == '`') {
      auto begin = at_;
      backticks(frame);
      word.text += text_.substr(begin, at_ - begin);
      word.expands = true;
    } else {
      word.text += c;
      ++at_;
    }
  }
  if (more()) ++at_;
}

Word Parser::word(const Frame& frame, std::size_t& plain) {
  Word word{.offset = at_};
  lines_.place(at_, word.line, word.column);
  plain = std::string::npos;
  while (more()) {
    char c = peek();
    if (c == '\\') {
      if (peek(1) == '\n') {
        at_ += 2;
        continue;
      }
      if (peek(1) == '\r' && peek(2) == '\n') {
        at_ += 3;
        continue;
      }
      plain = std::min(plain, word.text.size());
      word.quoted = true;
      ++at_;
      if (more()) word.text += text_[at_++];
    } else if (c == '\'') {
      plain = std::min(plain, word.text.size());
      word.quoted = true;
      auto end = std::min(text_.find('\'', at_ + 1), text_.size());
      word.text += text_.substr(at_ + 1, end - at_ - 1);
      at_ = std::min(end + 1, text_.size());
    } else if (c == '"') {
      plain = std::min(plain, word.text.size());
      double_quotes(word, frame);
    } else if (c == '$') {
      plain = std::min(plain, word.text.size());
      dollar(word, frame, false);
    } else if (c == '`') {
      plain = std::min(plain, word.text.size());
      auto begin = at_;
      backticks(frame);
      word.text += text_.substr(begin, at_ - begin);
      word.expands = true;
    } else if (c == '(' && !word.text.empty() && plain == std::string::npos &&
               (word.text.ends_with('=') || is_extended_glob(word.text.back()))) {
      auto begin = at_++;
      balanced('(', ')');
      word.text += text_.substr(begin, at_ - begin);
    } else if (is_meta(c)) {
      break;
    } else {
      word.text += c;
      ++at_;
    }
  }
  word.end = at_;
  return word;
}

void Parser::redirection(Command& command, const Frame& frame, std::optional<int> fd) {
  constexpr std::array<std::string_view, 12> kOps = {"<<<", "<<-", "&>>", "<<", ">>", ">&",
                                                     "<&",  "<>",  ">|",  "&>", "<",  ">"};
  Redirection r{.fd = fd};
  for (auto op : kOps)
    if (looking_at(op)) {
      r.op = op;
      break;
    }
  at_ += r.op.size();
  skip_blanks();
  std::size_t plain = 0;
  if ((peek() == '<' || peek() == '>') && peek(1) == '(') {
    r.target = process_substitution(frame);
  } else if (more() && !is_meta(peek())) {
    r.target = word(frame, plain);
  }
  command.end = at_;
  if (r.op == "<<" || r.op == "<<-") {
    r.heredoc = out_.heredocs.size();
    pending_.push_back(out_.heredocs.size());
    out_.heredocs.push_back({.delimiter = r.target.text, .literal = r.target.quoted});
    strips_.push_back(r.op == "<<-");
  }
  command.redirections.push_back(std::move(r));
}

Word Parser::process_substitution(const Frame& frame) {
  Word w{.expands = true, .offset = at_};
  lines_.place(at_, w.line, w.column);
  ++at_;
  substitution(frame);
  w.end = at_;
  w.text = text_.substr(w.offset, w.end - w.offset);
  return w;
}

std::optional<std::pair<std::string, std::size_t>> Parser::assignment(const Word& w, std::size_t plain) {
  auto equals = w.text.find('=');
  if (equals == std::string::npos || equals == 0 || equals >= plain || !is_name_start(w.text[0]))
    return std::nullopt;
  std::size_t i = 0;
  while (i < equals && is_name_part(w.text[i])) ++i;
  std::string name = w.text.substr(0, i);
  if (i < equals && w.text[i] == '[') {
    i = w.text.find(']', i);
    if (i == std::string::npos || i > equals) return std::nullopt;
    ++i;
  }
  if (i < equals && w.text[i] == '+') ++i;
  if (i != equals) return std::nullopt;
  return std::pair(std::move(name), equals);
}

bool Parser::is_function_head() {
  auto i = at_ + 1;
  while (i < text_.size() && is_blank(text_[i])) ++i;
  if (i >= text_.size() || text_[i] != ')') return false;
  at_ = i + 1;
  return true;
}

}  // namespace meshops::shell::detail
